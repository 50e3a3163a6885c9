#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""grow.py - a program that makes processes by libbproc again and again has one job and one keeper for
them, and nobody sees a difference."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import processes, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("grow", flags=("-Wall", "-Wextra", "-pthread"))
USER = 12345
NODES = 3
cluster = None


@contextlib.contextmanager
def caller(*before, **more):
    """The program; ask(line) is its answer."""
    with start([*before, PROGRAM], stdin=subprocess.PIPE, **more) as p:
        def ask(line, answers=1):
            p.stdin.write(line + "\n")
            p.stdin.flush()
            said = [p.stdout.readline().rstrip("\n") for _ in range(answers)]
            return said[0] if answers == 1 else sorted(said)

        def must(line, answer):
            said = ask(line)
            assert said == answer, (line, said)
        p.ask, p.must, p.children = ask, must, []
        try:
            yield p
        finally:
            p.stdin.close()
            p.wait(30)
            for pid in p.children:  # of a test that failed
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def made(p, node):
    """A child that stays: its numbers as it says them."""
    child, answer = p.ask("make %d" % node, 2)
    numbers = [int(x) for x in child.split()[1:]]
    assert answer == "made %d" % numbers[0], (child, answer)
    p.children.append(numbers[0])
    return dict(zip(("pid", "parent", "session", "group", "node"), numbers))


def named(name):
    return [pid for pid, row in processes().items() if row[4] == name]


@test("one keeper, one space a node, however many children; statuses and numbers are right")
def _():
    for user in (None, USER):
        with remains.none(cluster), caller(user=user) as p:
            files = p.ask("files")
            children = [made(p, k % 2) for k in range(6)]
            for k, child in enumerate(children):
                assert (child["parent"], child["node"]) == (p.pid, k % 2), child
                assert child["session"] == os.getsid(p.pid), child
                assert child["group"] == os.getpgid(p.pid), child
            assert len(named("bpkeeper")) == 1 and len(remains.jobs()) == 6
            spaces = named("bpspace")
            third = made(p, 2)  # on a node that the job has not
            assert third["node"] == 2 and len(named("bpspace")) > len(spaces)
            p.must("once 0 42", "status 42")
            p.must("files", files)
            os.kill(children[0]["pid"], signal.SIGUSR1)
            p.must("reap %d" % children[0]["pid"], "status a")
            for child in children[1:] + [third]:
                os.kill(child["pid"], signal.SIGTERM)
                p.must("reap %d" % child["pid"], "status f")


@test("an idle program's job ends; the next child is in a new one")
def _():
    with caller() as p:
        for _ in range(2):
            p.must("once 0 1", "status 1")
            wait_for(lambda: not remains.jobs() and not named("bpkeeper"), what="nothing there")


@test("a program that is gone before its child: the child goes on to its end")
def _():
    with remains.none(cluster):
        with caller() as p:
            p.must("once 1 3", "status 3")
            child = made(p, 1)
            p.kill()
            p.children.clear()
        assert len(named("bpkeeper")) == 1 and child["pid"] in processes()
        os.kill(child["pid"], signal.SIGTERM)


@test("another session: the children are in it, too")
def _():
    with remains.none(cluster), caller(start_new_session=False) as p:
        first = made(p, 0)
        p.must("setsid", "session %d" % p.pid)
        second, third = made(p, 0), made(p, 0)
        for child in (second, third):
            assert (child["session"], child["group"]) == (p.pid, p.pid), child
        assert first["session"] == os.getsid(0) and len(named("bpkeeper")) == 2
        for child in (first, second, third):
            os.kill(child["pid"], signal.SIGTERM)
            p.must("reap %d" % child["pid"], "status f")


def _count(path, word):
    with open(path, encoding="utf-8") as f:
        return f.read().count(word + " ")


@test("what a child writes goes where its caller's stdout was at the call")
def _():
    with remains.none(cluster), caller() as p:
        made(p, 1)
        p.stdin.write("file\nmake 1\nmake 0\n")
        p.stdin.flush()
        path = "/tmp/grow-out"
        wait_for(lambda: os.path.exists(path) and
                 _count(path, "made") == _count(path, "child") == 2)
        with open(path, encoding="utf-8") as f:
            p.children += [int(x) for x in re.findall(r"made (\d+)", f.read())]
        for pid in p.children:
            os.kill(pid, signal.SIGTERM)
        os.unlink(path)


@test("a fork of the program has children of its own")
def _():
    with remains.none(cluster), caller() as p:
        p.must("once 0 1", "status 1")
        p.must("fork 0", "status 7")
        p.must("fork 1", "status 7")
        p.must("once 1 2", "status 2")


@test("eight threads at once")
def _():
    with remains.none(cluster), caller() as p:
        p.must("threads 8", "wrong 0")
        p.must("threads 8", "wrong 0")


@test("the keeper is killed: its processes end, and the next call has a new one")
def _():
    with remains.none(cluster), caller() as p:
        children = [made(p, k) for k in range(2)]
        os.kill(named("bpkeeper")[0], signal.SIGKILL)
        for child in children:
            p.must("reap %d" % child["pid"], "status 9")
        p.must("once 0 5", "status 5")


@test("the keeper hangs: the next call has one of its own")
def _():
    with remains.none(cluster), caller() as p:
        child = made(p, 0)
        keeper = named("bpkeeper")[0]
        os.kill(keeper, signal.SIGSTOP)
        p.must("once 0 5", "status 5")
        os.kill(keeper, signal.SIGCONT)
        os.kill(child["pid"], signal.SIGTERM)
        p.must("reap %d" % child["pid"], "status f")


@test("a space is killed: its processes end, others do not, and the next call has a new one")
def _():
    with remains.none(cluster), caller() as p:
        first, second, third = [made(p, k) for k in (0, 1, 1)]
        daemon = cluster.daemon_pid("n1")
        os.kill([pid for pid in named("bpspace") if processes()[pid][0] == daemon][0],
                signal.SIGKILL)
        for child in (second, third):
            p.must("reap %d" % child["pid"], "status 9")
        p.must("once 0 4", "status 4")
        p.must("once 1 5", "status 5")
        assert first["pid"] in processes()
        os.kill(first["pid"], signal.SIGTERM)
        p.must("reap %d" % first["pid"], "status f")


@test("a node is lost: a clear error, and the rest goes on")
def _():
    with remains.none(cluster), caller() as p:
        first, second = made(p, 0), made(p, 2)
        cluster.order("kill", "n2")
        p.must("reap %d" % second["pid"], "status 9")
        p.must("make 2", "failed 301")
        p.must("once 0 6", "status 6")
        os.kill(first["pid"], signal.SIGTERM)
        p.must("reap %d" % first["pid"], "status f")


@test("a name that a stranger has taken, one that is silent, one that lies: no harm")
def _():
    for answer in (None, b"\1" * 8, b"\1" * 7):
        with remains.none(cluster), caller(user=USER) as p, socket.socket(
                socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind("\0bpmix-keeper/%d/%d" % (USER, p.pid))
            door.listen()
            p.stdin.write("once 0 9\n")
            p.stdin.flush()
            if answer:
                with door.accept()[0] as peer, contextlib.suppress(BrokenPipeError):
                    peer.send(answer)  # it has looked already who we are
            assert p.stdout.readline() == "status 9\n", answer
    with remains.none(cluster), caller() as p:
        child = made(p, 0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as knock:
            knock.connect("\0bpmix-keeper/0/%d" % p.pid)
            assert knock.recv(99) == b""  # we are another process
        os.kill(child["pid"], signal.SIGTERM)
        p.must("reap %d" % child["pid"], "status f")


@test("many, one after the other: nothing grows")
def _():
    count = 2000 if bptest.ALL else 100
    with remains.none(cluster), caller() as p:
        files = p.ask("files")
        p.must("many 10 2", "wrong 0")
        wait_for(lambda: len(remains.jobs()) == 1, what="its host alone")
        before = remains.things(cluster)
        p.must("many %d 2" % count, "wrong 0")
        # The host may have ended by the time that the last of them is settled: that is less.
        wait_for(lambda: not remains.more(cluster, before),
                 what=lambda: "no more than before: %r" % remains.more(cluster, before))
        assert len(named("bpkeeper")) <= 1 and p.ask("files") == files


@test("a process on a node makes children on other nodes, and waits for them natively")
def _():
    for user in (None, USER):
        with remains.none(cluster), caller("bpsh", "0", user=user) as p:
            pid, files = int(p.ask("pid").split()[1]), p.ask("files")
            first, second = made(p, 1), made(p, 2)
            for child, node in ((first, 1), (second, 2)):
                assert (child["node"], child["parent"]) == (node, pid), child
                assert processes()[child["pid"]][0] == pid, "the ghost is no child of the asker's"
            os.kill(first["pid"], signal.SIGTERM)
            p.must("reap %d" % first["pid"], "status f")
            os.kill(second["pid"], signal.SIGKILL)
            p.must("reap %d" % second["pid"], "status 9")
            p.must("once 2 42", "status 42")
            p.must("several", "several 100 200 -300 400 500 600 ECHILD")
            p.must("spawn 2", "spawned 1 2a00")
            p.must("once -1 43", "status 43")
            p.must("once 9 1", "status 1300")
            p.must("many 6 3", "wrong 0")
            p.must("files", files)


@test("a rank of a job makes children on a third node; what it leaves ends with its job")
def _():
    with remains.none(cluster), caller("bprun", "--mpi=none", "-w", "1") as p:
        child = made(p, 2)
        p.must("once 0 7", "status 7")
        assert child["pid"] in processes()
    assert child["pid"] not in processes()


@test("the node of a child is lost: its parent on another node hears of a death by SIGKILL")
def _():
    with remains.none(cluster), caller("bpsh", "0") as p:
        child = made(p, 2)
        cluster.order("kill", "n2")
        p.must("reap %d" % child["pid"], "status 9")
        p.must("once 2 1", "status 1301")
        p.must("once 1 2", "status 2")


@test("the parent's node is lost: its children end, too")
def _():
    with remains.none(cluster), caller("bpsh", "2") as p:
        made(p, 0)
        cluster.order("kill", "n2")


if __name__ == "__main__":
    with bptest.Cluster(NODES) as cluster:
        bptest.main()
