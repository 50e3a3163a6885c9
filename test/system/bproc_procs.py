#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""bproc_procs.py - processes that libbproc makes on nodes, as their callers and parents see them."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import finish, must, run, start, test  # noqa: E402

PROGRAM = bptest.build_caller("bproc_procs")
USER = 12345
BE_INVALIDNODE, BE_NODEDOWN = 300, 301


@test("rexec: a program of the node in place of the caller: PID, parent, status, output")
def _():
    with bptest.Cluster(2):
        for user in (None, USER):
            p = start([PROGRAM, "rexec", "1", "/bin/sh", "-c",
                       "hostname; echo $$ $PPID; id -u; echo err >&2; exit 7"], user=user)
            result = finish(p)
            assert result.out == "n1\n%d %d\n%d\n" % (p.pid, os.getpid(), user or 0), repr(result)
            assert result.code == 7 and result.err.strip() == "err", repr(result)


@test("rexec: signals go through the ghost, and a death by signal comes back")
def _():
    with bptest.Cluster(1):
        p = start([PROGRAM, "rexec", "0", "/bin/sh", "-c",
                   "trap 'echo usr1; kill -KILL $$' USR1; echo ready; while :; do sleep 0.1; done"])
        assert p.stdout.readline() == "ready\n"
        p.send_signal(signal.SIGUSR1)
        result = finish(p)
        assert result.out == "usr1\n" and result.code == -signal.SIGKILL, repr(result)


@test("rexec: what cannot be started is an error of the call")
def _():
    with bptest.Cluster(2) as cluster:
        result = run([PROGRAM, "rexec", "0", "/no/such/program"])
        assert (result.code, result.out) == (99, "rexec: 2 No such file or directory\n"), result
        assert run([PROGRAM, "rexec", "5", "/bin/true"]).out.startswith(
            "rexec: %d " % BE_INVALIDNODE)
        cluster.order("kill", "n1")
        assert run([PROGRAM, "rexec", "1", "/bin/true"]).out.startswith("rexec: %d " % BE_NODEDOWN)


def lines(*words, **more):
    return must([PROGRAM, *[str(w) for w in words]], **more).splitlines()


@test("rfork: a child on the node, to be waited for, and nothing else to be seen of it")
def _():
    with bptest.Cluster(2):
        for user in (None, USER):
            p = start([PROGRAM, "rfork", "1", "5"], user=user)
            rows = sorted(finish(p).out.splitlines())
            pid = int(rows[0].split()[3])
            assert rows == ["child n1 pid %d ppid %d node 1" % (pid, p.pid),
                            "heap 7 descriptors 3",
                            "pid %d status 500 more 0 deaths 1" % pid,
                            "then -1 ECHILD"], rows
            rows = lines("rfork", "0", user=user)
            ended = [r.split()[2:] for r in rows if r.startswith("pid ")]
            assert "quiet 0" in rows and ended == [
                ["status", "f", "more", "0", "deaths", "1"]], rows


@test("rfork: no node, no right, no cluster are errors of the call, and leave no child")
def _():
    with bptest.Cluster(2) as cluster:
        lines("chmod", 0, 0)
        assert lines("rfork-fails", 7) == ["-1 %d ECHILD" % BE_INVALIDNODE]
        assert lines("rfork-fails", 0, user=USER) == ["-1 13 ECHILD"]
        cluster.order("kill", "n1")
        assert lines("rfork-fails", 1) == ["-1 %d ECHILD" % BE_NODEDOWN]
    assert lines("rfork-fails", 0)[0].startswith("-1 2 ")


@test("vrfork: the i-th child returns i; nodes twice, the master too, others' errors in pids")
def _():
    with bptest.Cluster(3):
        rows = lines("vrfork", "2,-1,9,0,2")
        hosts = {int(r.split()[3]): r.split()[1] for r in rows if r.startswith("child n")}
        table = [r.split() for r in rows if r.startswith("child ") and ": " in r]
        assert [int(row[1][:-1]) for row in table] == [0, 1, 2, 3, 4], rows
        pids = [int(row[2]) for row in table]
        assert [row[4] for row in table] == ["100", "200", "ffffffff", "400", "500"], rows
        assert pids[2] == -BE_INVALIDNODE and "then -1 ECHILD" in rows, rows
        assert [hosts.get(pids[i]) for i in (0, 3, 4)] == ["n2", "n0", "n2"], rows


@test("vrfork: 1,000 children on 4 nodes at once")
def _():
    with bptest.Cluster(4):
        rows = lines("vrfork", "0,1,2,3", 250, timeout=60)
        assert len(rows) == 1002, rows[:5]
        assert [r.split()[-1] for r in rows[1:-1]] == [
            "%x" % ((i % 200 + 1) << 8) for i in range(1000)], rows


@test("execmove: the caller's program on a node that has it not")
def _():
    with bptest.Cluster(2) as cluster:
        must(["cp", "/bin/sleep", "/tmp/only-here"])
        assert cluster.execute("n1", ["test", "-e", "/tmp/only-here"]).code == 1
        p = start([PROGRAM, "execmove", "1", "/tmp/only-here", "1000"])
        bptest.wait_for(lambda: cluster.execute(
            "n1", ["pgrep", "-f", "only-here 1000"]).code == 0, what="the program on n1")
        p.send_signal(signal.SIGTERM)
        assert finish(p).code == -signal.SIGTERM
        p = start([PROGRAM, "execmove", "0", "/bin/sh", "-c", "hostname; echo $$; exit 3"])
        result = finish(p)
        assert (result.out, result.code) == ("n0\n%d\n" % p.pid, 3), result
        assert lines("execmove-fails", "0", "/no/such")[0] == "-1 2 ECHILD"
        os.unlink("/tmp/only-here")


@test("vexecmove: children that are the caller's program, here and there")
def _():
    with bptest.Cluster(2):
        rows = lines("vexecmove", "1,0,-1,5", "/bin/sh", "-c", "echo on $(hostname); exit 4")
        assert sorted(r for r in rows if r.startswith("on "))[:2] == ["on n0", "on n1"], rows
        at = rows.index("vexecmove 4")
        assert [r.split()[-1] for r in rows[at + 1:] if r.startswith("child")] == [
            "400", "400", "400", "ffffffff"], rows
        assert "then -1 ECHILD" in rows, rows
        result = run([PROGRAM, "vexecmove", "1,0", "/no/such"])
        assert result.out == "vexecmove: 2 No such file or directory\n", result


@test("move: the process goes on there, with its PID, and its parent sees one process")
def _():
    with bptest.Cluster(2):
        for user in (None, USER):
            p = start([PROGRAM, "move", "1"], user=user)
            result = finish(p)
            assert result.out == "moved n1 pid %d ppid %d node 1\n" % (p.pid, os.getpid()), result
            assert result.code == 11, result
        result = run([PROGRAM, "move", "-1"])
        assert (result.code, result.out.split()[1]) == (99, "302"), result
        result = run([PROGRAM, "move", "7"])
        assert (result.code, result.out.split()[1]) == (99, str(BE_INVALIDNODE)), result


@test("dump, undump, execdump: processes as files")
def _():
    assert lines("dump", "/tmp/image") == ["dumped same"]
    result = run([PROGRAM, "undump", "/tmp/image"])
    assert result.out in ("undumped same\n", "undumped other\n") and result.code == 21, result
    must([PROGRAM, "execdump", "/tmp/echo", "/bin/echo", "a", "b"])
    result = run([PROGRAM, "undump", "/tmp/echo"])
    assert (result.code, result.out) == (0, "a b\n"), result
    with open("/tmp/short", "wb") as short, open("/tmp/image", "rb") as image:
        short.write(image.read()[:5000])
    assert run([PROGRAM, "undump", "/tmp/short"]).out.startswith("undump: 74 ")
    for name in ("image", "echo", "short"):
        os.unlink("/tmp/" + name)


bptest.main()
