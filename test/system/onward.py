#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 400 s
"""onward.py - a process that moved goes on from node to node: one process for its parent, whatever
happens on the way."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("onward")
USER = 12345
BE_INVALIDNODE, BE_NODEDOWN, BE_SAMENODE, BE_SLAVEDIED = 300, 301, 302, 303
NODES = 3
JOB_MOVE = 31  # frame.h
cluster = None


def descendants(daemon):
    table = processes()
    found = {daemon}
    while True:
        more = {pid for pid, row in table.items() if row[0] in found} - found
        if not more:
            return found - {daemon}
        found |= more


@test("there, back, and to a third node: one process with one status")
def _():
    for user in (None, USER):
        with remains.none(cluster):
            result = run([PROGRAM, "3", "0", "1", "0", "2"], user=user)
            assert (result.code, result.out) == (7, "done wrong 0 heard 0\n"), result


@test("to a node where it cannot be: an error, and it goes on where it is")
def _():
    with remains.none(cluster):
        cluster.order("kill", "n2")
        wait_for(lambda: "node-lost" in cluster.log("master") or "n2" in bptest.must(["bpstat"]))
        result = run([PROGRAM, "try", "0", "0", "9", "2", "-1", "1", "0"])
        assert result.out.splitlines() == [
            "-1 to 0: 0 0 at 0", "0 to 0: -1 %d at 0" % BE_SAMENODE,
            "0 to 9: -1 %d at 0" % BE_INVALIDNODE, "0 to 2: -1 %d at 0" % BE_NODEDOWN,
            "0 to -1: 0 0 at -1", "-1 to 1: 0 0 at 1", "1 to 0: 0 0 at 0"], result
        assert result.code == 8
        cluster.order("start", "n2")
        cluster.wait_up()
        result = run(["bprun", "-n", "1", "-w", "0", PROGRAM, "try", "1"])
        assert result.out == "0 to 1: -1 95 at 0\n", result  # the others know where it is


@test("children by rfork, several at once and to each other's nodes")
def _():
    with remains.none(cluster):
        for how in "fork", "exec":
            for where in (["0"], ["0", "1", "2"], ["0", "0", "1", "1", "2", "2"]):
                result = run([PROGRAM, how, "6", "3", *where], user=USER)
                assert result.code == 9, result
                assert "%d children, 0 wrong\n" % len(where) in result.out, result
                assert result.out.count("done wrong 0 heard 0\n") == len(where), result


@test("ranks of bprun and bpsh: labels, exit status and json tell of the same ranks")
def _():
    with remains.none(cluster):
        result = run(["bprun", "--mpi=none", "-K0", "-n", "6", "-l", PROGRAM, "ring", "5", "3"])
        assert result.code == 7, result
        assert sorted(result.out.splitlines()) == ["%d: done wrong 0 heard 0" % r
                                                   for r in range(6)], result
        result = run(["bprun", "--mpi=none", "-K0", "-n", "2", PROGRAM, "ring", "4", "3", ":", "-n", "1",
                      PROGRAM, "ring", "5", "3"])
        assert (result.code, result.out) == (7, "done wrong 0 heard 0\n" * 3), result
        result = run(["bpsh", "0-2", PROGRAM, "ring", "3", "3"])
        assert (result.code, result.out) == (7, "done wrong 0 heard 0\n" * 3), result


@test("what a rank writes where it went, before bprun has read that it goes there")
def _():
    procs = bptest.build_caller("bproc_procs")
    script = ("mkfifo /tmp/go$BPROC_RANK; echo ready; read line </tmp/go$BPROC_RANK;"
              " rm /tmp/go$BPROC_RANK; [ $BPROC_RANK != 0 ] || exec %s rexec 1 /bin/sh -c"
              " 'echo there; mkdir /tmp/there'" % procs)
    with remains.none(cluster):
        job = start(["bprun", "--mpi=none", "-K0", "-Q", "-n", "8", "-w", "0-1", "--map-by", "node",
                     "sh", "-c", script])
        assert [job.stdout.readline() for _ in range(8)] == ["ready\n"] * 8
        os.kill(job.pid, signal.SIGSTOP)  # now its news have to wait
        for rank in 7, 6, 5, 4, 3, 2, 1, 0:
            bptest.must(cluster.base + ["exec", "n%d" % (rank % 2), "sh", "-c",
                                        "echo >/tmp/go%d" % rank])
        wait_for(lambda: cluster.execute("n1", ["rmdir", "/tmp/there"]).code == 0)
        os.kill(job.pid, signal.SIGCONT)
        result = finish(job)
        assert (result.code, result.out, result.err) == (0, "there\n", ""), result


@test("rexec and execmove on a node: another program in its place, on another node")
def _():
    procs = bptest.build_caller("bproc_procs")
    with remains.none(cluster):
        for how in "rexec", "execmove":
            p = start([procs, "rexec", "0", procs, how, "1", "/bin/sh", "-c",
                       "hostname; echo $$; kill -STOP $$; exit 5"])
            assert os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1])
            os.kill(p.pid, signal.SIGCONT)
            result = finish(p)
            assert (result.code, result.out) == (5, "n1\n%d\n" % p.pid), result
            result = run(["bprun", "--mpi=none", "-K0", "-l", "-n", "2", "-w", "0,1", procs, how,
                          "2", "/bin/sh", "-c", "hostname; exit 6"], user=USER)
            assert result.code == 6 and "on n2 " in result.err, result
            assert sorted(result.out.splitlines()) == ["0: n2", "1: n2"], result
            for node, program, error in (("1", "/no/such", 2), ("9", "/bin/sh", BE_INVALIDNODE)):
                result = run([procs, "rexec", "0", procs, how, node, program])
                assert result.code == 99 and result.out.startswith("%s: %d " % (how, error)), result
        out = run([procs, "rexec", "0", PROGRAM, "2", "1", "0"], timeout=30).out
        assert out == "done wrong 0 heard 0\n", out


@test("children of a process on a node")
def _():
    with remains.none(cluster):
        for how in "fork", "exec":
            result = run(["bprun", "--mpi=none", "-n", "1", "-w", "0", PROGRAM, how, "5", "3", "1",
                          "2"])
            assert result.code == 9 and "2 children, 0 wrong\n" in result.out, result
            assert result.out.count("done wrong 0 heard 0\n") == 2, result


@test("signals on the way: none is lost, none comes twice")
def _():
    with remains.none(cluster):
        sent = 100
        p = start([PROGRAM, "40", "0", "1"], env={"SIGNALS": str(sent)})
        wait_for(lambda: descendants(cluster.daemon_pid("n0")), what="it is there")
        for _ in range(sent):
            os.kill(p.pid, signal.SIGRTMIN)
            bptest.must(["true"])
        result = finish(p, timeout=60)
        assert (result.code, result.out) == (7, "done wrong 0 heard %d\n" % sent), result


@test("stopped, continued and killed, wherever it is")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "100000", "0", "1", "2"])
        wait_for(lambda: len(remains.jobs()) == 1 and
                 descendants(cluster.daemon_pid("n1")), what="it is on its way")
        os.kill(p.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1])
        os.kill(p.pid, signal.SIGCONT)
        os.kill(p.pid, signal.SIGKILL)
        assert finish(p).code == -signal.SIGKILL


@test("stopped on its node at any moment of its hops, and continued: ghost and process agree")
def _():
    def status(pid):
        try:
            with open("/proc/%d/status" % pid, encoding="utf-8") as f:
                return dict(line.split(":", 1) for line in f)
        except (FileNotFoundError, ProcessLookupError):
            return None

    def stopped(pid):
        row = status(pid)
        return None if row is None or row["State"].split()[0] in "ZX" else row["State"].split()[0] in "tT"

    def there():
        """Where the process is or was: {PID as seen from here: is it stopped?}"""
        found = {}
        for pid in descendants(cluster.daemon_pid("n0")) | descendants(cluster.daemon_pid("n1")):
            row = status(pid)
            if row and row["Name"].strip() == "onward" and row["NSpid"].split()[-1] == str(p.pid):
                found[pid] = stopped(pid)
        return {pid: is_stopped for pid, is_stopped in found.items() if is_stopped is not None}
    with remains.none(cluster):
        p = start([PROGRAM, "100000", "0", "1"])
        stops = 0
        for _ in range(400):
            targets = list(there())
            if not targets or stops == 25:
                continue
            try:
                os.kill(targets[-1], signal.SIGSTOP)
            except ProcessLookupError:
                continue
            # One that was at its end already does not stop any more: then nothing was stopped.
            wait_for(lambda: stopped(p.pid) or stopped(targets[-1]) is None,
                     what=lambda: "%s of %s on %s" % (stopped(p.pid), p.pid, there()))
            if not stopped(p.pid):
                continue
            stops += 1
            wait_for(lambda: set(there().values()) == {True}, what=lambda: "all stopped: %s" % there())
            os.kill(p.pid, signal.SIGCONT)
            wait_for(lambda: not stopped(p.pid))
        assert stops == 25, stops
        os.kill(p.pid, signal.SIGKILL)
        assert finish(p).code == -signal.SIGKILL


@test("the node that it goes to dies, or hangs and then dies: it goes on where it is")
def _():
    for first in (None, signal.SIGSTOP):
        with remains.none(cluster, timeout=20):
            if first is not None:
                os.kill(cluster.daemon_pid("n2"), first)
            p = start([PROGRAM, "try", "0", "1", "2", "0", "2", "1"])
            if first is not None:
                wait_for(lambda: descendants(cluster.daemon_pid("n1")), what="it is on n1")
            cluster.order("kill", "n2")
            rows = finish(p, timeout=60).out.splitlines()
            assert rows[:2] == ["-1 to 0: 0 0 at 0", "0 to 1: 0 0 at 1"] and len(rows) == 6, rows
            assert p.returncode == 8 and rows[-1].endswith(("0 at 1", "302 at 1")), rows
            for row in rows:
                words = row.split()
                if words[2] == "2:" and words[3] != "0":
                    assert int(words[4]) in (BE_NODEDOWN, BE_SLAVEDIED), rows


@test("the node where it is dies: it ends as killed")
def _():
    with remains.none(cluster, timeout=20):
        p = start([PROGRAM, "100000", "0", "1"])
        wait_for(lambda: descendants(cluster.daemon_pid("n1")), what="it is on its way")
        cluster.order("kill", "n1")
        cluster.order("kill", "n0")
        assert finish(p, timeout=60).code in (-signal.SIGKILL, 1)


@test("its keeper is killed: it ends as killed, wherever it is")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "100000", "0", "1"])
        wait_for(lambda: descendants(cluster.daemon_pid("n1")), what="it is on its way")
        [keeper] = [pid for pid, row in processes().items() if row[4] == "bpkeeper"]
        os.kill(keeper, signal.SIGKILL)
        assert finish(p).code == -signal.SIGKILL


@test("lies about the image: refused with a sentence, and nobody else notices")
def _():
    script = """
import fcntl, os, sys
sys.path.insert(0, %r)
import wire
def image(content, seals):
    fd = os.memfd_create("image", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, 1033, seals)
    return fd
for fds in ([], [0], [image(b"x", 0)], [image(b"", 14)], [image(b"x" * 70000, 14)]):
    with wire.Tool("/run/bpmix/job/master.sock") as t:
        t.send(wire.frame(%d, node=1), fds)
        kind, body, _, _ = t.receive(20)
        print(kind == wire.REFUSED and wire.unpack(body)[2][0].decode())
""" % (os.path.join(bptest.SOURCE, "test/lib"), JOB_MOVE)
    sealed = "its image is no sealed memory file"
    with remains.none(cluster):
        out = bptest.must(["bpsh", "0", sys.executable, "-B", "-c", script]).splitlines()
        assert out[:3] == [sealed] * 3 and all("image" in row for row in out[3:]), out
        out = bptest.must([bptest.build_caller("bproc_procs"), "rexec", "0", sys.executable, "-B",
                           "-c", script]).splitlines()
        assert out[:3] == [sealed] * 3 and all("image" in row for row in out[3:]), out


def private_kib(pid):
    """Memory that is a process' own."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
        rows = dict(line.split()[:2] for line in f if line.startswith(("Private", "Shared_D")))
    return int(rows["Private_Clean:"]) + int(rows["Private_Dirty:"])


@test("many moves between two nodes: nothing grows")
def _():
    count, first = (10000, 1000) if bptest.ALL else (200, 100)
    with remains.none(cluster):
        p = start([PROGRAM, "count", str(first), str(count), "0", "1"])
        assert p.stdout.readline() == "%d moves\n" % first
        [keeper] = [pid for pid, row in processes().items() if row[4] == "bpkeeper"]
        daemons = {who: cluster.daemon_pid(who) for who in ("master", "n0", "n1")}
        daemons["keeper"] = keeper
        kib = {who: private_kib(pid) for who, pid in daemons.items()}
        before = descendants(daemons["n0"]) | descendants(daemons["n1"])
        files = {who: len(os.listdir("/proc/%d/fd" % pid)) for who, pid in daemons.items()}
        os.kill(p.pid, signal.SIGRTMIN)
        said = p.stdout.readline()
        assert said == "%d moves\n" % count, (said, finish(p))
        wait_for(lambda: len(descendants(daemons["n0"]) | descendants(daemons["n1"])) <=
                 len(before), what="as few processes as before")
        more = {who: private_kib(pid) - kib[who] for who, pid in daemons.items()}
        assert bptest.SANITIZED or max(more.values()) < 2048, \
            "KiB more than after %d moves: %s" % (first, more)
        wait_for(lambda: all(len(os.listdir("/proc/%d/fd" % pid)) <= files[who] + 2
                             for who, pid in daemons.items()), what="as few descriptors as before")
        bptest.comment("KiB more after %d moves than after %d: %s" % (count, first, more))
        os.kill(p.pid, signal.SIGRTMIN)
        result = finish(p)
        assert (result.code, result.out) == (7, "done wrong 0 heard 2\n"), result


if __name__ == "__main__":
    with bptest.Cluster(NODES) as cluster:
        bptest.main()
