#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 240 s
"""edges.py - jobs at the edges: two herds that end apart, signals before the ranks are there, closed
standard descriptors, small limits."""
import json
import os
import signal

import bptest
import wire
from bptest import finish, run, start, test, wait_for


def children(pid):
    """PIDs of the children of a process that have not ended."""
    return [p for p, row in bptest.processes().items() if row[0] == pid and row[3] != "Z"]


@test("the first herd of a job may end long before the second")
def _():
    with bptest.Cluster(2, lease=10):
        job = start(["bprun", "--mpi=none", "-n", "1030", "--stdin=1029", "sh", "-c",
                     "if [ $BPROC_RANK = 1029 ]; then echo ready; read x; fi"], stdin=-1)
        assert job.stdout.readline() == "ready\n"
        wait_for(lambda: len(children(job.pid)) == 1, 60, "all ghosts but one have ended")
        result = finish(job, 60, data="go on\n")
        assert result.code == 0, repr(result)


@test("signals to 200 ranks that are not there yet reach all of them")
def _():
    with bptest.Cluster(1, lease=10) as cluster:
        node = cluster.daemon_pid("n0")
        os.kill(node, signal.SIGSTOP)
        try:
            job = start(["bprun", "--no-kill", "-n", "200", "--status=json", "sleep", "1000"])
            wait_for(lambda: len(children(job.pid)) == 200, 30, "200 ghosts")
            for pid in children(job.pid):
                os.kill(pid, signal.SIGTERM)
        finally:
            os.kill(node, signal.SIGCONT)
        result = finish(job, 60)
        status = json.loads([row for row in result.err.splitlines() if row.startswith("{")][-1])
        assert [r.get("signal") for r in status["ranks"]] == [15] * 200, repr(result)


@test("a launcher whose standard descriptors are closed: nothing of it gets the ranks' bytes")
def _():
    with bptest.Cluster(2):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            result = run(["sh", "-c", "bprun --mpi=none -n 2 -N 2 sh -c 'cat; echo out; echo err >&2'"
                          " " + closed])
            lost = ">&- " in closed.replace("2>&-", "") + " "
            assert result.code == (125 if lost else 0), (closed, repr(result))
            if lost and "2>" not in closed:
                assert result.err.count("bprun: ") == 1 and \
                    "standard output: Bad file descriptor" in result.err, repr(result)
            assert result.out == ("" if ">&- " in closed + " " and " >&-" in " " + closed
                                  else "out\nout\n"), (closed, repr(result))


@test("what a tool cannot write to standard output is one line and exit status 1")
def _():
    tools = ["bprun --help", "bprun --usage", "bprun -V", "bpmpirun --help", "bpmap -n 1", "bpmap -n 1 --json",
             "bpmap --svg=-", "bpsh -h", "bpsh -v", "bpcp -h", "bpcp -v", "bpstat", "bpstat -j",
             "bpstat -p", "bpstat -c", "bpstat --json", "bpstat --help", "bpstat -U", "bpctl --help",
             "bpkill --help", "bplib --help", "bplib -l", "bpmaster --help", "bpnode --help"]
    with bptest.Cluster(1):
        bptest.must(["bplib", "-a", "/lib/x.so"])
        for tool in tools:
            for where, why in (">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"):
                result = run(["sh", "-c", "%s %s" % (tool, where)])
                assert result.code == 1 and result.err.count("\n") == 1 and \
                    "standard output: " + why in result.err, (tool, where, repr(result))
        result = run(["sh", "-c", "echo 1 | bpstat -P >/dev/full"])
        assert result.code == 1 and "standard output: No space left" in result.err, repr(result)
        assert run(["sh", "-c", "bprun --status=json true 2>/dev/full"]).code == 125
        assert run(["sh", "-c", "bpstat | true"]).code == 0


@test("a launcher with few descriptors for many nodes raises its own limit, not the ranks'")
def _():
    with bptest.Cluster(6):
        result = run(["sh", "-c", "ulimit -Sn 12; bpsh allup sh -c 'ulimit -Sn'"])
        assert (result.code, result.out) == (0, "12\n" * 6), repr(result)


@test("--status=json and bpstat --json of names that are no UTF-8")
def _():
    with bptest.Cluster(1, lease=10) as cluster:
        name = b"/nowhere/\xff\x1b"
        result = run([b"bprun", b"--mpi=none", b"--status=json", name])
        row = [r for r in result.err.splitlines() if r.startswith("{")]
        assert result.code == 127 and json.loads(row[-1])["status"] == 127, repr(result)
        node = cluster.daemon_pid("n0")
        os.kill(node, signal.SIGSTOP)
        try:
            job = start([b"bprun", b"--mpi=none", name])
            wait_for(lambda: json.loads(bptest.must(["bpstat", "-j", "--json"]))["jobs"])
        finally:
            os.kill(node, signal.SIGCONT)
        assert finish(job).code == 127


@test("bpstat --wait-up waits for bpmaster's socket, then for the nodes, without looking again")
def _():
    with bptest.Cluster(2) as cluster:
        cluster.order("stop", "n1")
        wait_for(lambda: "n1       up" not in bptest.must(["bpstat"]), what="n1 is down")
        waiting = start(["bpstat", "--wait-up", "2"])
        with wire.Tool() as tool:
            assert tool.ask(wire.frame(wire.NODE_LIST, node=1))[0] == wire.NODES
            tool.send(wire.frame(wire.NODE_LIST, node=2))
            assert "one NODE_LIST" in tool.refusal(wire.frame(wire.NODE_LIST, node=2))
            assert waiting.poll() is None
            cluster.order("start", "n1")
            assert tool.receive()[0] == wire.NODES
        assert finish(waiting).code == 0
        assert bptest.must(["bpstat", "--wait-up", "2"]) == ""
        with bptest.start(["bprun", "--mpi=none", "-N2", "-n2", "-i", "all", "cat"], stdin=-1) as job:
            wait_for(lambda: " n[0-1] " in bptest.must(["bpstat", "-j"]), what="a job on both")
            finish(job)
        for options in (["-t"], ["-n", "1"], ["-c"], ["--json"], ["-j"], ["0"]):
            assert bptest.must(["bpstat", "--wait-up", "2", *options]) == \
                bptest.must(["bpstat", *options]) != "", options
        with wire.Tool() as tool:
            assert "one NODE_LIST" in tool.refusal(wire.frame(wire.NODE_LIST, node=-1))
        cluster.order("stop", "master")
        waiting = start(["bpstat", "--wait-up", "2"])
        cluster.order("start", "master")
        assert finish(waiting).code == 0


bptest.main()
