#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 900 s
"""killmatrix.py - each process of bpmix killed or stopped while an MPI job runs on four nodes: who
notices, what bprun says, and that nothing is left. The table is in test/README.md. With --all once
for each way to start the ranks."""
import contextlib
import ctypes
import functools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
import wire  # noqa: E402
from bptest import must, processes, run, start, finish, wait_for  # noqa: E402

LEASE = 2
PTRACE_SEIZE = 0x4206
RECVMSG = 47  # x86_64
MASTER = "FE004D0A"  # 10.77.0.254, as /proc/net/tcp has it
# bpmaster gives up a node after half a lease (three quarters at most) and lets its ghosts go one
# and a quarter lease later; all other rules are shorter. The rest is for a crowded machine.
LIMIT = 2 * LEASE + 10
STARTS = ("exec", "ld", "entry") if bptest.ALL else ("exec",)
cluster = None
bprun = []  # with the way that is tested


def test(name):
    """As bptest.test, for each way to start."""
    def by(way, function):
        bprun[:] = ["bprun", "--start=" + way, "-n", "4", "-N", "4"]
        function()

    def add(function):
        for way in STARTS:
            bptest.test(name + (", started by " + way if way != "exec" else ""))(
                functools.partial(by, way, function))
        return function
    return add


def children(pid, comm=None):
    return sorted(p for p, row in processes().items()
                  if row[0] == pid and (comm is None or row[4] == comm))


def one(pids):
    assert len(pids) == 1, pids
    return pids[0]


class Job:
    """An MPI job of 4 ranks on 4 nodes that runs until finish() or until something ends it."""

    def __init__(self, *options):
        handle, self.stop_file = tempfile.mkstemp(dir=bptest.BUILD)
        os.close(handle)
        os.unlink(self.stop_file)
        self.process = start([*bprun, *options, bptest.MPI + "/barrier", self.stop_file])
        line = self.process.stdout.readline()
        assert line == "running\n", repr((line, finish(self.process)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if os.path.exists(self.stop_file):
            os.unlink(self.stop_file)
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def tell_end(self):
        with open(self.stop_file, "w", encoding="utf-8"):
            pass

    # ---- its processes ----

    def ghosts(self):
        return children(self.process.pid)

    def herder(self):
        with open("/proc/%d/status" % self.ghosts()[0], encoding="utf-8") as f:
            return int(re.search(r"TracerPid:\t(\d+)", f.read()).group(1))

    def canary(self):
        """The herder's eye on bprun's process group."""
        return one([p for p, row in processes().items()
                    if row[1] == self.process.pid and row[4] == "bpghost"])

    @staticmethod
    def space(node):
        return one(children(cluster.daemon_pid("n%d" % node), "bpspace"))

    def shepherd(self, node):
        return one(children(self.space(node), "bpshepherd"))

    def stub(self, node):
        """The one that stands for bprun on the node: the parent of the rank."""
        return processes()[self.rank(node)][0]

    def rank(self, node):
        """The process itself, not its ghost."""
        below, new = set(), {self.space(node)}
        while new:
            below |= new
            new = {p for p, row in processes().items() if row[0] in new}
        return one([p for p, row in processes().items() if p in below and row[4] == "barrier"])

    # ---- its end ----

    def must_fail(self, *texts, code=137):
        """bprun ends in time with this code and says all the texts."""
        result = finish(self.process, LIMIT)
        assert result.code == code, repr(result)
        assert all(re.search(t, result.err) for t in texts), (texts, repr(result))
        assert result.err.count("bprun: ") <= 4, repr(result)
        return result

    def must_succeed(self):
        self.tell_end()
        result = finish(self.process, LIMIT)
        assert result.code == 0 and result.out == "done\n", repr(result)


@contextlib.contextmanager
def nothing_left():
    """Whatever happens inside, afterwards all is as before, and the cluster works."""
    with remains.none(cluster, 2 * LEASE + 5):
        yield
    result = run(["bprun", "-n", "4", "-N", "4", bptest.MPI + "/hello"])
    assert result.code == 0, repr(result)


def node_state(number):
    return [wire.unpack(n)[3][0].decode() for n in remains.nodes()
            if wire.unpack(n).get(1, [0])[0] == number][0]


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def in_call(pid, number):
    """The process waits in this system call."""
    with open("/proc/%d/syscall" % pid, encoding="utf-8") as f:
        return f.read().split()[0] == str(number)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def leases(count):
    """Wait until bpmaster has renewed the nodes' leases so often; four times make one."""
    def got():
        return re.findall(r"bytes_received:\d+",
                          cluster.execute("n3", ["ss", "-Htin", "dport = :2223"]).out)
    for _ in range(count):
        before = got()
        assert before
        wait_for(lambda before=before: got() != before, LIMIT, "a lease")


# ---- the launcher ----

@test("bprun killed: the job ends at once")
def _():
    with nothing_left(), Job() as job:
        kill(job.process.pid)


@test("bprun stopped: the job goes on for longer than the lease, its output waits")
def _():
    with nothing_left(), Job() as job:
        with stopped(job.process.pid):
            ranks = [job.rank(n) for n in range(4)]
            leases(9)
            assert set(ranks) <= set(processes())
        job.must_succeed()


# ---- ghosts and their herder ----

@test("the herder killed: its ghosts and then their ranks end")
def _():
    with nothing_left(), Job() as job:
        kill(job.herder())
        job.must_fail("herder of the ghosts is lost")


@test("the herder stopped: it is killed after a lease, and so on")
def _():
    with nothing_left(), Job() as job:
        with stopped(job.herder()):
            job.must_fail("herder of the ghosts does not answer", "herder of the ghosts is lost")


@test("the herder's canary killed, or stopped: the job goes on")
def _():
    with nothing_left(), Job() as job:
        kill(job.canary())
        job.must_succeed()
    with nothing_left(), Job() as job:
        with stopped(job.canary()):
            job.must_succeed()


@test("a ghost killed: its rank ends by the same signal")
def _():
    with nothing_left(), Job() as job:
        kill(job.ghosts()[2])
        job.must_fail(r"rank 2 on n2 \(PID \d+\) was killed by signal 9")


@test("a ghost stopped: its rank stops, and goes on with it")
def _():
    with nothing_left(), Job() as job:
        rank, ghost = job.rank(1), job.ghosts()[1]
        with stopped(ghost):
            wait_for(lambda: processes()[rank][3] == "T", what="the rank's stop")
        wait_for(lambda: processes()[rank][3] != "T", what="the rank's going on")
        job.must_succeed()


# ---- ranks ----

@test("a rank killed on its node: bprun names rank, node and signal")
def _():
    with nothing_left(), Job() as job:
        kill(job.rank(3))
        job.must_fail(r"rank 3 on n3 \(PID \d+\) was killed by signal 9")


@test("a rank stopped on its node: its ghost shows it, the job waits and goes on")
def _():
    with nothing_left(), Job() as job:
        ghost = job.ghosts()[1]
        with stopped(job.rank(1)):
            wait_for(lambda: processes()[ghost][3] in "Tt", what="the ghost's stop")
        job.must_succeed()


# ---- a node's processes ----

@test("bpshepherd killed: the job ends")
def _():
    with nothing_left(), Job() as job:
        kill(job.shepherd(1))
        job.must_fail("n1: ", "bpshepherd was killed by signal 9")


@test("bpshepherd stopped: the job ends after a lease")
def _():
    with nothing_left(), Job() as job:
        with stopped(job.shepherd(1)):
            job.must_fail("n1: ", "bpshepherd did not answer for a whole lease")


@test("bpspace killed: the job ends")
def _():
    with nothing_left(), Job() as job:
        kill(job.space(0))
        job.must_fail("n0: ", "bpspace ended by signal 9")


@test("bpspace killed, and the kernel takes its time with it: its death is the cause all the same")
def _():
    with nothing_left(), Job() as job:
        rank = job.rank(0)
        # A process whose tracer has not looked keeps its namespace; bpspace's socket is closed then.
        assert ctypes.CDLL(None).ptrace(PTRACE_SEIZE, rank, 0, 0) == 0
        kill(job.space(0))
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(LEASE / 2)  # meanwhile a lease is passed on
        assert job.process.poll() is None, finish(job.process, LIMIT)
        assert os.waitpid(rank, 0) == (rank, signal.SIGKILL)
        job.must_fail("n0: ", "bpspace ended by signal 9")


@test("bpspace stopped: the job ends after a lease")
def _():
    with nothing_left(), Job() as job:
        with stopped(job.space(0)):
            job.must_fail("n0: ", "bpspace did not answer for a whole lease")


@test("the launcher's stub killed: the job goes on")
def _():
    with nothing_left(), Job() as job:
        kill(job.stub(2))
        job.must_succeed()


@test("the launcher's stub stopped: the job goes on")
def _():
    with nothing_left(), Job() as job:
        with stopped(job.stub(2)):
            job.must_succeed()


@test("bpnode killed: its spaces end at once, its ghosts after their lease; a new one joins")
def _():
    with nothing_left(), Job() as job:
        rank = job.rank(2)
        cluster.order("kill", "n2")
        wait_for(lambda: rank not in processes(), LEASE, "the rank's end")
        job.must_fail("n2: the node is lost")
        assert node_state(2) in ("down", "lost"), node_state(2)


@test("bpspace stopped and its bpnode killed: the kernel ends the space all the same")
def _():
    with nothing_left(), Job() as job:
        rank, space = job.rank(2), job.space(2)
        with stopped(space):
            cluster.order("kill", "n2")
            wait_for(lambda: rank not in processes() and space not in processes(), LEASE,
                     "the end of the space")
            job.must_fail("n2: the node is lost")


@test("bpnode killed and started at once: the job ends, the node is back")
def _():
    with nothing_left(), Job() as job:
        cluster.order("kill", "n2")
        cluster.order("start", "n2")
        job.must_fail("n2: the node is lost")


@test("bpnode stopped: it is given up, its ranks end by their own lease; it joins again")
def _():
    with nothing_left(), Job() as job:
        rank = job.rank(2)
        with stopped(cluster.daemon_pid("n2")):
            job.must_fail("n2: the node is lost", "no answer for half a lease")
            assert rank not in processes(), "a rank outlived its ghost"


@test("bpnode stopped until a lease waits for it, not longer: the job goes on")
def _():
    with nothing_left(), Job() as job:
        node = cluster.daemon_pid("n2")
        with stopped(node):
            wait_for(lambda: unread(node, MASTER), what="a lease for n2")
        job.must_succeed()


@test("a node's cable pulled: it is given up, its ranks end by their own lease; it joins again")
def _():
    with nothing_left(), Job() as job:
        rank = job.rank(2)
        must(["ip", "link", "set", "bpmix-2", "down"])
        try:
            job.must_fail("n2: the node is lost", "no answer for half a lease")
            wait_for(lambda: rank not in processes(), 1, "the rank's end")
        finally:
            must(["ip", "link", "set", "bpmix-2", "up"])


@test("bpnode killed at 8 moments of a job's start, another started at once")
def _():
    with nothing_left():
        for number in range(8):
            job = start([*bprun, bptest.MPI + "/hello"])
            time.sleep(0.02 * number)  # a moment, not a wait
            cluster.order("kill", "n1")
            cluster.order("start", "n1")
            result = finish(job, LIMIT)
            assert result.code in (0, 137) or "n1" in result.err or "3 nodes" in result.err, \
                repr(result)
            cluster.wait_up(4)


# ---- the master ----

@test("bpmaster killed: the job ends on all sides; the new one gets its nodes")
def _():
    with nothing_left(), Job() as job:
        cluster.order("kill", "master")
        job.must_fail("bpmaster has gone")
        wait_for(lambda: not [p for p, row in processes().items() if row[4] == "barrier"], LIMIT,
                 "the end of the ranks")


@test("bpmaster killed and started at once: likewise")
def _():
    with nothing_left(), Job() as job:
        cluster.order("kill", "master")
        cluster.order("start", "master")
        job.must_fail("bpmaster has gone")


@test("bpmaster stopped: the job ends on all sides by its leases")
def _():
    with nothing_left(), Job() as job:
        with stopped(cluster.daemon_pid("master")):
            job.must_fail("bpmaster does not answer")
            wait_for(lambda: not [p for p, row in processes().items() if row[4] == "barrier"],
                     LIMIT, "the end of the ranks")


@test("bpmaster stopped: a bprun that starts waits, and can be interrupted or go on")
def _():
    with nothing_left():
        with stopped(cluster.daemon_pid("master")):
            waiting = [start(["bprun", "-n", "4", "true"]) for _ in range(2)]
            for process in waiting:
                wait_for(lambda p=process: in_call(p.pid, RECVMSG), what="bprun's waiting")
            waiting[0].send_signal(signal.SIGTERM)
            assert finish(waiting[0]).code == -signal.SIGTERM
        cluster.wait_up(4)
        assert finish(waiting[1]).code == 0


def unread(daemon, other, port="08AF"):
    """Does what comes from that address (hexadecimal) on bpmaster's port wait for the daemon?"""
    with open("/proc/%d/net/tcp" % daemon, encoding="utf-8") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return any(int(row[4].split(":")[1], 16) > 0 for row in rows
               if row[2].startswith(other) and row[3] == "01" and
               port in (row[1][9:], row[2][9:]))


@test("bpmaster held up before it has read an answer: that is no silence")
def _():
    node, master = cluster.daemon_pid("n2"), cluster.daemon_pid("master")
    for _ in range(2):
        with nothing_left(), Job() as job:
            with stopped(node):
                wait_for(lambda: unread(node, MASTER), what="a lease for n2")
                with stopped(master):
                    os.kill(node, signal.SIGCONT)
                    wait_for(lambda: unread(master, "03004D0A"), what="the answer of n2")
                    time.sleep(1.1 * LEASE / 4)  # the next tick is late, but not very late
            must(["bpstat"])
            job.must_succeed()


@test("bpmaster stopped for less than half a lease, and again: the job goes on")
def _():
    with nothing_left(), Job() as job:
        for _ in range(4):
            with stopped(cluster.daemon_pid("master")):
                time.sleep(LEASE / 2.5)  # so long the fault lasts
            must(["bpstat"])
        job.must_succeed()


if __name__ == "__main__":
    with bptest.Cluster(4, lease=LEASE) as cluster:
        assert run(["bprun", "-n", "4", "-N", "4", bptest.MPI + "/hello"]).code == 0  # warm
        bptest.main()
