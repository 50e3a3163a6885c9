#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""admin.py - bpctl, bplib and what bpstat tells: states, rights, orders, sorting, processes."""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import finish, must, run, start, test, wait_for  # noqa: E402

NODES = 4
USER = 23456


def lines(*options, **more):
    return must(["bpstat", *options], **more).splitlines()


def rows(*options):
    """Words of each line but the first."""
    return [line.split() for line in lines(*options)[1:]]


def fails(command, *words, code=1, **more):
    result = run(command, **more)
    assert result.code == code and not result.out, repr(result)
    assert all(w in result.err for w in words), repr(result)
    assert code != 1 or len(result.err.splitlines()) == 1, repr(result)


@test("bpstat: columns, counts, specifications of nodes")
def _():
    assert lines("-n") == ["0", "1", "2", "3"] and lines("-n", "2", "0-1,2") == ["2", "0", "1"]
    assert lines("-s", "0,3") == ["up", "up"] and lines("-t") == ["4"] and lines("-t", "alldown") == ["0"]
    assert [a.rsplit(".", 2)[1:] for a in lines("-a", "1-2")] == [["0", "2"], ["0", "3"]]
    result = run(["bpstat", "-n", "9", "0"])
    assert result.code == 1 and result.out == "0\n", repr(result)
    assert result.err == "bpstat: there is no node 9\n", repr(result)
    assert run(["bpstat", "-j", "0"]).code == run(["bpstat", "-P", "0"]).code == 64
    assert [r[0] for r in rows()] == ["n0", "n1", "n2", "n3"]
    assert lines("--number", "-R") == ["3", "2", "1", "0"] and lines("-nN", "3,1") == ["1", "3"]
    fails(["bpstat", "3-1"], "backwards")
    fails(["bpstat"], "is bpmaster running", env={"BPMIX_MASTER": "/nowhere/x"})


@test("bpctl: rights, by name and number, and bpstat shows them")
def _():
    assert rows("-c") == [["0-3", "up", "---x--x--x", "root", "root"]]
    must(["bpctl", "-S", "1,3", "-u", str(USER), "-g", "daemon", "-m", "110"])
    assert rows("-c") == [["0,2", "up", "---x--x--x", "root", "root"],
                          ["1,3", "up", "---x--x---", str(USER), "daemon"]]
    assert rows("-l", "3") == [["3", "up", "---x--x---", str(USER), "daemon", lines("-a", "3")[0]]]
    must(["bpctl", "-S", "1", "-m", "001"], user=USER)
    node = json.loads(must(["bpstat", "--json", "1"]))["nodes"][0]
    assert (node["user"], node["mode"], node["state"]) == (USER, "001", "up"), node
    assert lines("-n", "-O") == ["0", "2", "1", "3"]
    fails(["bpctl", "-S", "3", "-m", "111"], "bpctl: n3: ", "only root and its owner", user=USER + 1)
    fails(["bpctl", "-S", "3", "-u", "0"], "n3", user=USER)
    must(["bpctl", "-S", "all", "--user", "root", "--group", "0", "--mode", "111"])
    assert rows("-c") == [["0-3", "up", "---x--x--x", "root", "root"]]
    must(["bpctl", "-M", "-m", "100", "-u", "daemon"])
    assert rows("-l", "master")[0][:5] == ["-1", "up", "---x------", "daemon", "root"]
    must(["bpctl", "--master", "-m", "111", "-u", "root"])


@test("bpctl: states")
def _():
    must(["bpctl", "-S", "0,2", "-s", "unavailable"])
    assert lines("-s") == ["unavailable", "up", "unavailable", "up"]
    assert lines("-n", "-S") == ["0", "2", "1", "3"] and lines("-n", "-SR") == ["3", "1", "2", "0"]
    assert lines("-n", "allunavailable") == ["0", "2"] and lines("--hostfile")[0].startswith("n1 ")
    assert "node 0 is unavailable" in run(["bpsh", "0", "true"], user=USER).err
    fails(["bpctl", "-S", "0", "-s", "up"], "n0: ", "only root", user=USER)
    fails(["bpctl", "-S", "0", "-s", "not a word"], "n0: ", "a state is a word")
    must(["bpctl", "-S", "allunavailable", "-s", "up"])
    assert lines("-t", "allup") == ["4"]


@test("bpctl: what makes no sense is a usage error; unknown nodes are named")
def _():
    for words in ([], ["-S", "0"], ["-m", "111"], ["-M", "-S", "0", "-m", "111"],
                  ["-S", "0", "-m", "8"], ["-S", "0", "-u", "nobody-of-that-name"],
                  ["-S", "0", "-R", "-H"], ["-S", "0", "--reconnect", "somewhere"],
                  ["-S", "0", "--reconnect", "10.0.0.1:70000"], ["-S", "0", "-m", "111", "x"]):
        fails(["bpctl"] + words, "bpctl", code=64)
    fails(["bpctl", "-S", "9", "-m", "111"], "bpctl: n9: there is no node 9")
    fails(["bpctl", "-M", "-H"], "master", "not for the master")


@test("bpctl: reboot, halt, another root; several nodes at once")
def _():
    word = "node-lost node=%d"
    seen = [cluster.log("master").count(word % n) for n in range(NODES)]
    must(["bpctl", "-S", "0-2", "-R"])
    wait_for(lambda: all(cluster.log("master").count(word % n) > seen[n] for n in range(3)),
             what="three restarts")
    cluster.wait_up()
    must(["bpctl", "-S", "1,3", "-H"])
    wait_for(lambda: lines("-n", "allup") == ["0", "2"], what="the end of two nodes")
    result = run(["bpctl", "-S", "1-2", "--power-off"])
    assert result.code == 1 and result.err == "bpctl: n1 is down\n", result
    wait_for(lambda: lines("-n", "allup") == ["0"], what="the end of n2")
    fails(["bpctl", "-S", "0", "-H"], "only root", user=USER)
    cluster.order("start", "n1", "n2", "n3")
    assert lines("-n", "allup") == ["0", "1", "2", "3"]  # start has waited for them
    fails(["bpctl", "-S", "0", "-r", "/nowhere"], "n0: /nowhere", "holds bpmix itself")


@test("bpctl: another master")
def _():
    address = lines("-a", "master")[0]
    word = "node-lost node=3"
    for where in (address, address + ":2223"):
        seen = cluster.log("master").count(word)
        must(["bpctl", "-S", "3", "--reconnect", where])
        wait_for(lambda: cluster.log("master").count(word) > seen, what=word)  # pylint: disable=W0640
        cluster.wait_up()


@test("bpctl -f does not wait")
def _():
    must(["bpctl", "-S", "3", "-P", "-f"])
    wait_for(lambda: lines("-s", "3") == ["down"], what="the end of n3")
    cluster.order("start", "n3")
    cluster.wait_up()


@test("bpstat -U: again after each change, and the end with bpmaster's")
def _():
    with start(["bpstat", "-U", "-s", "0,1"]) as watch:
        def block():
            text = watch.stdout.readline()
            return (text if text != "\n" else watch.stdout.readline()) + watch.stdout.readline()
        assert block() == "up\nup\n"
        must(["bpctl", "-S", "1", "-s", "error"])
        assert block() == "up\nerror\n"
        must(["bpctl", "-S", "1", "-s", "up"])
        assert block() == "up\nup\n"
        os.kill(watch.pid, signal.SIGTERM)
        finish(watch)
    with start(["bpstat", "-U", "-t"]) as watch:
        assert watch.stdout.readline() == "4\n"
        cluster.order("stop", "master")
        result = finish(watch)
        assert result.code == 1 and "bpmaster has gone" in result.err, result
    cluster.order("start", "master")
    cluster.wait_up()


@test("bpstat -p and -P: the nodes of processes")
def _():
    job = start(["bpsh", "-n", "1,3", "sh", "-c", "echo in; exec sleep 60"])
    for _ in range(2):
        assert job.stdout.readline() == "in\n"
    ghosts = sorted(pid for pid, row in bptest.processes().items() if row[0] == job.pid)
    found = {int(pid): node for pid, node in rows("-p")}
    assert sorted(found) == ghosts and sorted(found.values()) == ["1", "3"], found
    one = [pid for pid, node in found.items() if node == "3"]
    assert [int(r[0]) for r in rows("-p", "3")] == one and rows("-p", "0") == []
    data = json.loads(must(["bpstat", "-p", "--json", "3"]))
    assert data == {"processes": [{"pid": one[0], "node": 3}]}, data
    for options in (["-eo", "pid,comm"], ["-ef"], ["aux"], ["-eo", "user:4,pid,ppid,args"]):
        text = must(["ps"] + options)
        out = run(["bpstat", "-P"], data=text).out.splitlines()
        assert out[0] == " NODE " + text.splitlines()[0], out[0]
        assert [line[6:] for line in out] == text.splitlines(), options
        marked = sorted(line.split()[0] for line in out[1:] if line[:5].strip())
        assert marked == ["1", "3"], (options, marked)
    job.terminate()
    finish(job)


@test("bplib: the list of libraries")
def _():
    must(["bplib", "-c"])
    must(["bplib", "-a", "/lib/x.so", "/lib/y.so"])
    must(["bplib", "--add"], data="/lib/z.so\n\n/lib/w.so")
    must(["bplib", "-d", "/lib/y.so", "-"], data="/lib/w.so\n")
    assert must(["bplib", "-l"], user=USER) == "/lib/x.so\n/lib/z.so\n"
    fails(["bplib", "-d", "/lib/y.so"], "/lib/y.so is not in the list")
    fails(["bplib", "-a", "x.so"], "x.so: a library is named by its absolute path")
    fails(["bplib", "-c"], "only root", user=USER)
    for words in ([], ["-c", "-l"], ["-l", "/lib/x.so"]):
        fails(["bplib"] + words, "bplib", code=64)
    must(["bplib", "--clear"])
    assert must(["bplib", "--list"]) == ""


if __name__ == "__main__":
    with bptest.Cluster(NODES) as cluster:
        bptest.main()
