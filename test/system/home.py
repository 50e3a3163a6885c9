#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 600 s
"""home.py - a process that went to a node comes home: a native process again, whatever happens on
the way."""
import contextlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
import wire  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("home")
TRAVELLER = bptest.build_caller("onward")
USER = 12345
JOB_HOME, HOME_ASK = 96, 98  # frame.h
MASTER = "/run/bpmix/master.sock"
cluster = None


def named(*names):
    return [pid for pid, row in processes().items() if row[4] in names]


def memory_kib(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def wait_lines(process, count):
    """So many lines of its output; it is under way."""
    return [process.stdout.readline() for _ in range(count)]


@test("to a node and home: the same process, its parent's child, and nobody else's")
def _():
    for user in (None, USER):
        with remains.none(cluster):
            result = run([PROGRAM, "rounds", "5"], user=user)
            lines = ["%s %d" % (place, i) for i in range(5) for place in ("there", "here")]
            assert result.out.splitlines() == lines + ["wrong 0 wait -1 ECHILD"], result
            assert (result.code, result.err) == (7, ""), result


@test("by way of other nodes, and from there home")
def _():
    with remains.none(cluster):
        result = run([TRAVELLER, "3", "0", "1", "-1", "2", "-1"])
        assert (result.code, result.out) == (7, "done wrong 0 heard 0\n"), result


@test("at home it has its stdin, its stdout and its limits again")
def _():
    with remains.none(cluster):
        result = run(["sh", "-c", "ulimit -c 17; %s read 3; ulimit -c; cat" % PROGRAM],
                     data="a\nb\nc\nd\n")
        assert result.out == "a\nb\nc\n17\nd\n", result


@test("what it cannot have at home it is told before it comes: it goes on where it is")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "lost", "/tmp/of-the-node"])
        assert (result.code, result.out) == (7, "-1 ENOENT at 0\nat -1\n"), result


@test("its child on another node is its child at home")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "child"])
        assert (result.code, result.out) == (7, "born\nkill 0\nwait 1\nstatus 5\n"), result


@test("with PR_SET_MDWE it could not be restored at home: refused")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "locked"])
        assert result.code == 4 or (result.code, result.out) == (7, "-1 EOPNOTSUPP at 0\n"), result


@test("signals on the way: none is lost, none comes twice")
def _():
    with remains.none(cluster):
        sent = 200
        p = start([TRAVELLER, "30", "0", "-1"], env={"SIGNALS": str(sent)})
        wait_for(lambda: named("bpkeeper"), what="it is on its way")
        for _ in range(sent):
            os.kill(p.pid, signal.SIGRTMIN)
            bptest.must(["true"])
        result = finish(p, timeout=60)
        assert (result.code, result.out) == (7, "done wrong 0 heard %d\n" % sent), result


@test("stopped and continued, wherever it is")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "rounds", "60"])
        for _ in range(8):
            wait_lines(p, 3)
            os.kill(p.pid, signal.SIGSTOP)
            status = os.waitpid(p.pid, os.WUNTRACED)[1]
            assert os.WIFSTOPPED(status), hex(status)
            os.kill(p.pid, signal.SIGCONT)
        result = finish(p, timeout=60)
        assert result.code == 7 and "wrong 0 wait -1" in result.out, result


@test("killed, wherever it is: nothing is left")
def _():
    with remains.none(cluster):
        for lines in range(1, 13):
            p = start([PROGRAM, "wait"])
            wait_lines(p, lines)
            os.kill(p.pid, signal.SIGKILL)
            assert finish(p).code == -signal.SIGKILL


@test("its keeper or its herder is killed: it is at home, or ends as killed")
def _():
    with remains.none(cluster):
        for name in ("bpkeeper", "bpghost"):
            for lines in range(1, 9):
                p = start([PROGRAM, "wait"])
                wait_lines(p, lines)
                for pid in named(name):
                    with contextlib.suppress(ProcessLookupError):  # the herder ends by itself
                        os.kill(pid, signal.SIGKILL)
                os.kill(p.pid, signal.SIGTERM)
                code = finish(p).code  # 1: it was at home, and could not set out
                assert code in (1, -signal.SIGKILL, -signal.SIGTERM), (name, lines, code)


@test("bprestore or bphome is killed: the process is")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "wait"])
        wait_for(lambda: p.poll() is not None or
                 [os.kill(pid, signal.SIGKILL) for pid in named("bphome")], timeout=30)
        assert finish(p).code == -signal.SIGKILL


@test("its node dies or hangs: it is at home, or ends as killed")
def _():
    for first in (signal.SIGKILL, signal.SIGSTOP):
        with remains.none(cluster, timeout=20):
            for lines in range(1, 4):
                p = start([PROGRAM, "wait"])
                wait_lines(p, lines)
                os.kill(cluster.daemon_pid("n0"), first)
                cluster.order("kill", "n0")
                code = finish(p, timeout=60).code
                assert code in (1, -signal.SIGKILL), (first, lines, code)
                cluster.order("start", "n0")
                cluster.wait_up()


@test("a stranger's frames are refused, and nobody notices")
def _():
    with remains.none(cluster):
        with wire.Tool(MASTER) as tool:
            kind, body, _, _ = tool.ask(wire.frame(HOME_ASK))
            assert kind == wire.REFUSED and b"no ghost whose process comes home" in body, body
        with wire.Tool(MASTER) as tool:
            kind, body, _, _ = tool.ask(wire.frame(JOB_HOME, job=1))
            assert kind == wire.REFUSED and b"did not open job" in body, body
        p = start([PROGRAM, "rounds", "30"], user=USER)
        while p.poll() is None:
            with wire.Tool(MASTER) as tool:
                assert tool.ask(wire.frame(HOME_ASK))[0] == wire.REFUSED
        assert finish(p).code == 7


@test("a job's launcher that lies about its process: refused, and the process goes on")
def _():
    with remains.none(cluster), wire.Tool(MASTER) as tool:
        job = tool.open(["/bin/true"])[1][0]
        for body in (b"", wire.pack((1, 7)), wire.pack((1, 0), (2, 5), (3, "no")), b"\xff" * 20):
            tool.send(wire.frame(JOB_HOME, body, job=job))
        tool.send(wire.frame(wire.JOB_KILL, job=job))


@test("there and home many times: nothing grows")
def _():
    rounds = 10000 if bptest.ALL else 200
    daemons = [cluster.daemon_pid(who) for who in ("master", "n0")]
    with remains.none(cluster):
        assert run([TRAVELLER, "20", "0", "-1"]).code == 7
        before = remains.things(cluster)
        memory = [memory_kib(pid) for pid in daemons]
        p = start([TRAVELLER, str(rounds), "0", "-1"], stdout=subprocess.PIPE)
        most = 0
        while p.poll() is None:
            most = max(most, len(named("bpkeeper", "bpghost", "bpspace", "bphome")))
        result = finish(p)
        assert (result.code, result.out) == (7, "done wrong 0 heard 0\n"), result
        assert most <= 12, most
        after = [memory_kib(pid) for pid in daemons]
        assert bptest.SANITIZED or all(b - a < 2048 for a, b in zip(memory, after)), (memory, after)
        wait_for(lambda: all(remains.things(cluster)[k] <= v for k, v in before.items()))


if __name__ == "__main__":
    with bptest.Cluster(3) as cluster:
        bptest.main()
