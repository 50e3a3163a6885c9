#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 600 s
"""homeward.py - processes come home that others made on nodes: from the master, or from a node."""
import contextlib
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("homeward")
USER = 12345
HERE = [PROGRAM]              # the parent is on the master
THERE = ["bpsh", "2", PROGRAM]  # and on node 2
cluster = None


def named(*names):
    return [pid for pid, row in processes().items() if row[4] in names]


def lines(result):
    """Without those of the two processes' ways, which may come in any order."""
    return [line for line in result.out.splitlines() if line not in ("made", "away", "home")]


@test("a child made on a node comes home: its parent's wait() is exact")
def _():
    for user in (None, USER):
        for parent in (HERE, THERE):
            with remains.none(cluster):
                for status in ("0", "7", "-9", "-15"):
                    result = run(parent + ["kin", "1", "end", status], user=user)
                    assert lines(result) == ["wait 1 status %s" % status, "then -1 1"], result
                    assert (result.code, result.err) == (0, ""), result


@test("its output comes in order: away, then home")
def _():
    with remains.none(cluster):
        for parent in (HERE, THERE):
            result = run(parent + ["kin", "1", "end", "0"])
            out = result.out.splitlines()
            assert out.index("away") < out.index("home"), result


@test("stopped, continued and signalled at home by its parent")
def _():
    for user in (None, USER):
        for parent in (HERE, THERE):
            with remains.none(cluster):
                result = run(parent + ["kin", "1", "talk"], user=user)
                assert lines(result) == ["wait 1 status 50", "then -1 1"], (parent, result)


@test("from home it goes out again, and comes home again")
def _():
    for parent in (HERE, THERE):
        with remains.none(cluster):
            result = run(parent + ["kin", "0", "rounds", "10"])
            assert lines(result) == ["wait 1 status 7", "then -1 1"], (parent, result)


def bprun(*words, **how):
    return run(["bprun", "--mpi=none", *words], **how)


@test("a rank of bprun or bpsh comes home and is its launcher's still: status, words, labels")
def _():
    for user in (None, USER):
        with remains.none(cluster):
            for status, code in (("0", 0), ("7", 7), ("-9", 137), ("-15", 143)):
                result = bprun("-n", "1", PROGRAM, "rank", "end", status, user=user)
                assert (result.code, result.out) == (code, "away\nhome\n"), result
                words = ("exited with status 7" if status == "7" else
                         "was killed by signal %s" % status[1:] if code else "")
                assert words in result.err, result
                assert ("rank 0 on master" in result.err) == (code > 0), result
            result = bprun("-n", "4", "-l", "--status=json", PROGRAM, "rank", "end", "0", user=user)
            assert sorted(result.out.splitlines()) == sorted(
                "%d: %s" % (rank, word) for rank in range(4) for word in ("away", "home")), result
            rows = json.loads(result.err.splitlines()[-1])["ranks"]
            assert [(row["node"], row["exit"]) for row in rows] == [("master", 0)] * 4, rows
            result = run(["bpsh", "-p", "0,1", PROGRAM, "rank", "end", "0"], user=user)
            assert (result.code, len(result.out.splitlines())) == (0, 4), result


@test("one of them fails: the others are ended, wherever they are, at once")
def _():
    with remains.none(cluster):
        for _ in range(10):
            begin = time.monotonic()
            result = bprun("-n", "4", PROGRAM, "rank", "end", "3")
            assert (result.code, time.monotonic() - begin < 4) == (3, True), result


@test("signals to bprun reach its ranks at home, once; those to its group too")
def _():
    for group in (False, True):
        with remains.none(cluster):
            p = start(["bprun", "--mpi=none", "-n", "2", PROGRAM, "rank", "count"])
            for _ in range(6):
                p.stdout.readline()
            for _ in range(10):
                (os.killpg if group else os.kill)(p.pid, signal.SIGRTMIN)
            (os.killpg if group else os.kill)(p.pid, signal.SIGRTMIN + 1)
            result = finish(p)
            assert (result.code, result.out) == (10, ""), (group, result)


def start_asked():
    """A rank that leaves its node when it is asked to, by taking a file away: bprun, the file."""
    path = os.path.join(bptest.BUILD, "homeward-asked")
    with open(path, "w", encoding="ascii"):
        pass
    p = start(["bprun", "--mpi=none", "-n", "1", PROGRAM, "rank", "asked", path])
    assert p.stdout.readline() == "away\n"
    wait_for(lambda: " running " in bptest.must(["bpstat", "-j"]), what="the job runs")
    return p, path


def pending(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return any(int(line.split()[1], 16) for line in f if line[:7] in ("SigPnd:", "ShdPnd:"))


@test("signals to bprun while the node has not ended what was there: once")
def _():
    with remains.none(cluster):
        homes = cluster.log("master").count("info: home job=")
        p, path = start_asked()
        space = named("bpspace")
        for pid in space:
            os.kill(pid, signal.SIGSTOP)
        os.unlink(path)
        wait_for(lambda: cluster.log("master").count("info: home job=") > homes,
                 what="its ghost is it")
        for _ in range(10):
            os.kill(p.pid, signal.SIGRTMIN)
        wait_for(lambda: not pending(p.pid), what="bprun has them")
        bptest.must(["bpstat", "-j"])  # and bpmaster
        for pid in space:
            os.kill(pid, signal.SIGCONT)
        assert [p.stdout.readline() for _ in range(2)] == ["home\n", "ready\n"]
        os.kill(p.pid, signal.SIGRTMIN + 1)
        result = finish(p)
        assert (result.code, result.err.count("status 10")) == (10, 1), result


def unread(pid):
    """Bytes that wait in a process' sockets."""
    rows = bptest.must(["ss", "-xanp"]).splitlines()
    return sum(int(row.split()[2]) for row in rows if "pid=%d," % pid in row)


@test("bprun is killed when its rank's ghost is about to be it: the job ends")
def _():
    with remains.none(cluster):
        p, path = start_asked()
        herder = next(pid for pid in named("bpghost") if os.getpgid(pid) == pid)
        assert unread(herder) == 0
        os.kill(herder, signal.SIGSTOP)
        os.unlink(path)
        wait_for(lambda: unread(herder) > 0, what="an order for the ghost")
        os.kill(p.pid, signal.SIGKILL)
        wait_for(lambda: "closing" in bptest.must(["bpstat", "-j"]), what="bpmaster knows")
        os.kill(herder, signal.SIGCONT)
        finish(p)


@test("bprun is killed, or ended by Ctrl-C: nothing is left at home")
def _():
    with remains.none(cluster):
        for sent in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            for lines in range(5):
                p = start(["bprun", "--mpi=none", "-n", "2", PROGRAM, "rank", "stay"])
                for _ in range(lines):
                    p.stdout.readline()
                os.kill(p.pid, sent)
                assert finish(p).code in (-sent, 128 + sent), (sent, lines)
                wait_for(lambda: not named("homeward"), what="no rank is left")


ALL_OF_THEM = ("homeward", "bphome", "bprestore", "bpkeeper", "bpghost", "bpspace")


def kill_all(name):
    for pid in named(name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kin(parent, *what):
    return start(parent + ["kin", "1", *what])


@test("its parent, keeper, herder or it itself is killed at any moment: nothing is left")
def _():
    for parent in (HERE, THERE):
        with remains.none(cluster):
            for name in ALL_OF_THEM:
                for lines in range(4):
                    p = kin(parent, "stay")
                    for _ in range(min(lines, 3)):
                        p.stdout.readline()
                    kill_all(name)
                    p.kill()
                    p.wait()
                    # who is at home, of a parent on the master, is nobody's but that one's
                    wait_for(lambda: kill_all("homeward") or not named(*ALL_OF_THEM),
                             what="nothing is left: %s %d" % (name, lines))
                    finish(p)


@test("its parent has gone before: it comes home all the same, and its job ends with it")
def _():
    for parent in (HERE, THERE):
        with remains.none(cluster):
            result = run(parent + ["orphan", "1", "end", "0"])
            assert result.code == 0, (parent, result)


@test("its node, or its parent's, dies: it is at home, or ends as killed")
def _():
    for parent in (HERE, THERE):
        for node in ("n1", "n2"):
            with remains.none(cluster, timeout=20):
                for lines in range(1, 4):
                    p = kin(parent, "end", "0")
                    for _ in range(lines):
                        p.stdout.readline()
                    cluster.order("kill", node)
                    finish(p, timeout=60)
                    cluster.order("start", node)
                    cluster.wait_up()


@test("many of them, two at a time: nothing grows")
def _():
    rounds = "500" if bptest.ALL else "25"
    for parent in (HERE, THERE):
        with remains.none(cluster):
            assert run(parent + ["kins", "3", "end", "7"], timeout=60).code == 0
            before = remains.things(cluster)
            result = run(parent + ["kins", rounds, "end", "7"], timeout=300)
            assert lines(result) == ["wait 1 status 7"] * (2 * int(rounds)), result
            wait_for(lambda: all(remains.things(cluster)[k] <= v for k, v in before.items()))


if __name__ == "__main__":
    with bptest.Cluster(3) as cluster:
        bptest.main()
