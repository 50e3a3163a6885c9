#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""bproc_edges.py - libbproc's processes where something ends, hangs, or is unusual."""
import mmap
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import finish, must, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("bproc_edges")
BE_NODEDOWN, BE_SLAVEDIED, ECONNABORTED = 301, 303, 103
MASTER = "10.77.0.254"


def named(name):
    return [pid for pid, row in bptest.processes().items() if row[4] == name]


def keepers():
    return named("bpkeeper")


@test("the caller ends, its child goes on, and is heard")
def _():
    with bptest.Cluster(1):
        before = bptest.Snapshot()
        p = start([PROGRAM, "orphan", "0"])
        pid = int(p.stdout.readline().split()[1])
        assert p.wait(10) == 0
        os.kill(pid, signal.SIGUSR1)
        assert p.stdout.read() == "still here\n"
        p.stderr.close()
        before.check()


@test("the keeper is killed: its processes end as killed, and nothing is left")
def _():
    with bptest.Cluster(1):
        before = bptest.Snapshot()
        p = start([PROGRAM, "child", "0"])
        p.stdout.readline()
        [keeper] = keepers()
        os.kill(keeper, signal.SIGKILL)
        assert finish(p).out == "status 9\n"
        before.check()


@test("the keeper is killed in the middle of a call: an error, no child")
def _():
    with bptest.Cluster(2, lease=4) as cluster:
        os.kill(cluster.daemon_pid("n1"), signal.SIGSTOP)
        p = start([PROGRAM, "child", "1"])
        [keeper] = wait_for(keepers, what="a keeper")
        wait_for(lambda: "job-open" in cluster.log("master"), what="the job")
        os.kill(keeper, signal.SIGKILL)
        result = finish(p)
        assert result.out.startswith("rfork: %d " % ECONNABORTED), result


@test("the node is killed in the middle of a call: an error, no child")
def _():
    with bptest.Cluster(2, lease=4) as cluster:
        os.kill(cluster.daemon_pid("n1"), signal.SIGSTOP)
        p = start([PROGRAM, "child", "1"])
        wait_for(lambda: "job-open" in cluster.log("master"), what="the job")
        cluster.order("kill", "n1")
        result = finish(p)
        assert result.out.startswith("rfork: %d " % BE_SLAVEDIED), result


def call_without_image(cluster):
    """A call of rfork whose process is made while its keeper cannot send the image yet: the call,
    the keeper, the process that waits."""
    os.kill(cluster.daemon_pid("n1"), signal.SIGSTOP)
    p = start([PROGRAM, "child", "1"])
    wait_for(lambda: "job-open" in cluster.log("master"), what="the job")
    [keeper] = keepers()
    os.kill(keeper, signal.SIGSTOP)
    os.kill(cluster.daemon_pid("n1"), signal.SIGCONT)
    [waits] = wait_for(lambda: named("bprestore"), what="a process that waits for its image")
    return p, keeper, waits


@test("a process waits for its image, and is what it says then")
def _():
    with bptest.Cluster(2, lease=4) as cluster:
        before = bptest.Snapshot()
        p, keeper, waits = call_without_image(cluster)
        os.kill(keeper, signal.SIGCONT)
        assert p.stdout.readline().startswith("child ")
        assert bptest.processes()[waits][4] == "bproc_edges"
        os.kill(waits, signal.SIGTERM)
        assert finish(p).out == "status f\n"
        before.check()


def image_of(node):
    """The memory file that it gathers the image in, mapped to be written."""
    folder = "/proc/%d/fd/" % node
    for fd in os.listdir(folder):
        if "bpmix-image" in os.readlink(folder + fd):
            with open(folder + fd, "r+b") as file:
                file.truncate(4096)
                return mmap.mmap(file.fileno(), 4096)
    return None


@test("an image of which somebody has a page becomes a process all the same")
def _():
    with bptest.Cluster(2, lease=4) as cluster:
        p, keeper, waits = call_without_image(cluster)
        page = wait_for(lambda: image_of(cluster.daemon_pid("n1")), what="its file")
        os.kill(keeper, signal.SIGCONT)
        assert p.stdout.readline().startswith("child ")
        page.close()
        os.kill(waits, signal.SIGTERM)
        assert finish(p).out == "status f\n"


@test("a process that waits for its image is killed, or its keeper is: nothing is left")
def _():
    for victim, said in (("process", "status 9\n"), ("keeper", "rfork: %d " % ECONNABORTED)):
        with bptest.Cluster(2, lease=4) as cluster:
            before = bptest.Snapshot()
            p, keeper, waits = call_without_image(cluster)
            os.kill(keeper if victim == "keeper" else waits, signal.SIGKILL)
            if victim != "keeper":
                os.kill(keeper, signal.SIGCONT)
            result = finish(p)
            assert said in result.out, (victim, result)
            before.check()


@test("the node of a child is killed: the child ends as killed")
def _():
    with bptest.Cluster(2) as cluster:
        p = start([PROGRAM, "child", "1"])
        p.stdout.readline()
        cluster.order("kill", "n1")
        assert finish(p).out == "status 9\n"


@test("a caller that ignores SIGCHLD goes on ignoring it")
def _():
    with bptest.Cluster(1):
        assert must([PROGRAM, "ignoring", "0"]) == "wait -1 ECHILD\n"


@test("a caller with threads is copied; it cannot move, and goes on")
def _():
    with bptest.Cluster(1):
        out = must([PROGRAM, "threads", "0"], timeout=60)
        assert out in ("good 20 move -1 EOPNOTSUPP\n", "good 20 move -1 EBUSY\n"), out


@test("_io: files of the node and connections in place of descriptors")
def _():
    with bptest.Cluster(1) as cluster, socket.create_server(("0.0.0.0", 0)) as server:
        must(cluster.base + ["exec", "n0", "sh", "-c", "test -s /etc/hostname"])
        p = start([PROGRAM, "io", MASTER, str(server.getsockname()[1])])
        server.settimeout(20)
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as data:
            pid, fd = struct.unpack("ii", data.read(8))
            assert fd == 8 and data.read() == b"through 8\n"
        assert finish(p).out == "pid %d status 600\n" % pid
        assert cluster.execute("n0", ["cat", "/tmp/io-one"]).out == "to the file\n"


@test("_io: standard descriptors as connections to the caller's machine")
def _():
    with bptest.Cluster(1), socket.create_server(("0.0.0.0", 0)) as server:
        port = str(server.getsockname()[1])
        p = start([PROGRAM, "sockets", port, "/bin/sh", "-c",
                   "read word; echo got $word; echo error >&2; exit 9"])
        server.settimeout(20)
        ends, pids = {}, set()
        for _ in range(3):
            connection, _ = server.accept()
            pid, fd = struct.unpack("ii", connection.recv(8, socket.MSG_WAITALL))
            ends[fd] = connection
            pids.add(pid)
        ends[0].sendall(b"hello\n")
        assert [ends[fd].makefile("rb").read() for fd in (1, 2)] == [b"got hello\n", b"error\n"]
        assert finish(p).out == "pid %d status 900\n" % pids.pop() and not pids
        for connection in ends.values():
            connection.close()
    with bptest.Cluster(1):
        p = start([PROGRAM, "sockets", port, "/bin/true"])
        assert finish(p).out == "vexecmove_io: 1 -111\n"


def above(form, node, where, host):
    """An exec form with descriptors 1, 3, 4 and 9 on a node, and here."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(20)
        p = start([PROGRAM, "exec-io", form, node, MASTER, str(server.getsockname()[1])])
        said = set()
        for _ in range(2):
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as data:
                said.add(data.read())
        result = finish(p)
        assert (result.code, result.out) == (5, ""), (form, node, result)
        told = max(said, key=len)
        assert said - {told} == {b"nine\n"} and told[4:] == struct.pack("i", 4) + b"four\n", said
        pid = struct.unpack("i", told[:4])[0]
        assert (pid == p.pid) == (form != "vexecmove"), (form, pid, p.pid)
        text = where(["cat", "/tmp/exec-io"]).out
        assert text.split() == [host, *"012349"], (form, node, text)
        where(["rm", "/tmp/exec-io"])


@test("_io of the exec forms: descriptors above 2, on a node and here")
def _():
    with bptest.Cluster(1) as cluster:
        for form in ("rexec", "execmove", "vexecmove"):
            above(form, "0", lambda words: cluster.execute("n0", words), "n0")
            above(form, "-1", run, os.uname().nodename)
        result = run([PROGRAM, "exec-io", "rexec", "0", MASTER, "1"])
        assert result.out == "rexec: 111 Connection refused\n", result
        result = run([PROGRAM, "exec-io", "execmove", "0", MASTER, "1"], user=12345)
        assert result.out == "execmove: 13 Permission denied\n", result  # root's file


@test("on a node a call forks on that node, and forks to and leaves for the master")
def _():
    with bptest.Cluster(2):
        rows = must([PROGRAM, "nested", "0"]).splitlines()
        assert sorted(rows) == ["own d00 home e00 move 0 at -1", "status 0"], rows


@test("in place: a caller that is traced is refused, and goes on")
def _():
    with bptest.Cluster(1):
        result = bptest.run(["strace", "-f", "-o", "/dev/null", *remote(0, "true")])
        assert (result.code, result.out[:9]) == (99, "rexec: 1 "), result


@test("move: signals that wait and timers come along, and once")
def _():
    with bptest.Cluster(1):
        assert must([PROGRAM, "pending", "0"]) == "node 0 usr1 1 alarm 1 rt 2 value 5\n"


@test("many rforks by several callers at once, one after the other in each: nothing grows")
def _():
    with bptest.Cluster(2):
        before = bptest.Snapshot()
        callers = [start([PROGRAM, "many", str(i % 2), "25"]) for i in range(4)]
        for p in callers:
            assert finish(p, 60).out == "good 25 more 0\n"
        before.check()


# ---- the process that was the caller ----

AS_GROUP = [sys.executable, "-c", "import subprocess, sys\n"
            "sys.exit(subprocess.call(sys.argv[1:], process_group=0))"]
NUMBERS = "ps -o pid= -o ppid= -o pgid= -o sid= -p $$"


def await_ghost(p):
    """It runs on its node before it is a ghost here."""
    wait_for(lambda: bptest.processes()[p.pid][4] == "sh", what="the ghost")


def remote(node, script):
    return [PROGRAM, "rexec", str(node), "/bin/sh", "-c", script]


@test("in place: process group and session are those it had")
def _():
    with bptest.Cluster(1):
        p = start(remote(0, NUMBERS))
        assert finish(p).out.split() == [str(n) for n in (p.pid, os.getpid(), p.pid, p.pid)]
        p = start(["sh", "-c", '"$@"; :', "sh", *remote(0, NUMBERS)])
        numbers = [int(word) for word in finish(p).out.split()]
        assert numbers[0] != p.pid and numbers[1:] == [p.pid] * 3, numbers
        p = start([*AS_GROUP, *remote(0, NUMBERS)])
        numbers = [int(word) for word in finish(p).out.split()]
        assert numbers == [numbers[0], p.pid, numbers[0], p.pid], numbers


@test("in place: its parent sees it stop, go on, and be killed")
def _():
    with bptest.Cluster(1) as cluster:
        p = start(remote(0, "echo ready; sleep 1234"))
        assert p.stdout.readline() == "ready\n"
        await_ghost(p)
        os.kill(p.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1])
        os.kill(p.pid, signal.SIGCONT)
        assert os.WIFCONTINUED(os.waitpid(p.pid, os.WCONTINUED)[1])
        os.kill(p.pid, signal.SIGKILL)
        assert p.wait(10) == -signal.SIGKILL
        assert cluster.execute("n0", ["pgrep", "-f", "sleep 1234"]).code == 1
        finish(p)


@test("in place: the herder, the keeper or bpmaster is killed: it ends as killed")
def _():
    with bptest.Cluster(1) as cluster:
        before = bptest.Snapshot()
        for victim in ("bpghost", "bpkeeper"):
            p = start(remote(0, "echo ready; sleep 1234"))
            assert p.stdout.readline() == "ready\n"
            await_ghost(p)
            pids = wait_for(lambda: [pid for pid, row in bptest.processes().items()
                                     if row[4] == victim], what=victim)
            assert len(pids) == 1 and pids[0] != p.pid, pids
            os.kill(pids[0], signal.SIGKILL)
            assert finish(p).code == -signal.SIGKILL
            before.check()
        p = start(remote(0, "echo ready; sleep 1234"))
        assert p.stdout.readline() == "ready\n"
        await_ghost(p)
        cluster.order("kill", "master")
        assert finish(p).code == -signal.SIGKILL


bptest.main()
