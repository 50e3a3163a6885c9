#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""nested.py - ranks that run bprun and bpsh themselves: jobs opened on nodes, whose ranks are
children of the asker's ghost; output, input and status as on the master; nothing is left."""
import contextlib
import errno
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import must, run, start, finish, processes, test, wait_for  # noqa: E402

NODES = 4
USER = 23456
cluster = None


def idle(before):
    """No job, and nothing on any machine that was not there before."""
    wait_for(lambda: not remains.jobs(), 20, "the end of all jobs")
    def more():
        now = remains.things(cluster)
        return {k: (before[k], now[k]) for k in now if now[k] > before.get(k, 0)}
    wait_for(lambda: not more(), 20, lambda: "the end of %r" % more())


@contextlib.contextmanager
def nothing_left():
    before = remains.things(cluster)
    yield
    idle(before)


def sleepers():
    """{PID on its node's machine: ...} of processes named sleep."""
    return [p for p, row in processes().items() if row[4] == "sleep"]


@test("a rank calls bpsh, with the user's rights and groups")
def _():
    with nothing_left():
        out = must(["bprun", "-n", "4", "-N", "4", "--mpi=none", "sh", "-c",
                    "echo $BPROC_NODE $(bpsh 2 sh -c 'echo $BPROC_NODE $(id -u)')"], user=USER)
        assert sorted(out.splitlines()) == ["%d 2 %d" % (n, USER) for n in range(4)], out
        result = run(["bpsh", "1", "bpsh", "9", "true"])
        assert result.code == 125 and "there is no node 9" in result.err, result
        must(["bpctl", "-S", "3", "-u", "0", "-m", "0100"])
        result = run(["bpsh", "1", "bpsh", "3", "true"], user=USER)
        must(["bpctl", "-S", "3", "-m", "0111"])
        assert result.code == 125 and "may not place" in result.err, result
        result = run(["bpsh", "1", "bpsh", "-1", "true"])
        assert result.code == 125 and "from a node" in result.err, result


@test("input, output, labels, exit status, and a job in a job in a job")
def _():
    with nothing_left():
        data = "".join("%d\n" % i for i in range(200000))
        out = must(["bpsh", "0", "bprun", "-n", "1", "-w", "2", "--mpi=none", "cat"], data=data)
        assert out == data
        out = must(["bpsh", "0", "bprun", "-l", "-N", "4", "--ntasks-per-node", "1", "--mpi=none",
                    "hostname"])
        assert sorted(out.splitlines()) == ["%d: n%d" % (n, n) for n in range(4)], out
        for code in (3, 127):
            command = ["sh", "-c", "exit 3"] if code == 3 else ["no-such-program"]
            assert run(["bpsh", "1", "bpsh", "2", *command]).code == code
        result = run(["bpsh", "1", "bpsh", "2", "sh", "-c", "kill -9 $$"])
        assert result.code == 137 and "rank 0 on n2" in result.err, result
        out = must(["bpsh", "0", "bpsh", "1", "bpsh", "2", "bpsh", "3", "hostname"])
        assert out == "n3\n", out


@test("the ranks are children of the ghost of the rank that asks, and so they are on their nodes")
def _():
    with nothing_left():
        script = "bpsh 1,2 sh -c 'echo $BPROC_RANK $$ $PPID; exec sleep 60'; echo end $?"
        with start(["bpsh", "0", "sh", "-c", "echo $$; " + script]) as job:
            asker = int(job.stdout.readline())
            ranks = sorted([int(w) for w in job.stdout.readline().split()] for _ in range(2))
            table = processes()
            assert table[asker][0] == job.pid, table[asker]
            for _, pid, parent in ranks:
                assert parent == asker and table[pid][0] == asker, (pid, parent, table[pid])
                assert table[pid][4] == "sh", table[pid]
            os.kill(ranks[0][1], signal.SIGTERM)
            os.kill(ranks[1][1], signal.SIGKILL)
            out = finish(job).out
            assert out == "end 143\n", out


COUNTER = """
import os, signal, sys
count = {"INT": 0, "USR1": 0}
def on(number, frame):
    count[signal.Signals(number).name[3:]] += 1
def report(number, frame):
    print(count["INT"], count["USR1"], flush=True)
signal.signal(signal.SIGINT, on)
signal.signal(signal.SIGUSR1, on)
signal.signal(signal.SIGUSR2, report)
print("in", os.getpid(), flush=True)
while True:
    signal.pause()
"""


def inside(machine, pid):
    """The process that its space numbers so, as we number it."""
    top = cluster.machine_pid(machine)
    table = processes()
    for p in table:
        q = p
        while q not in (0, 1, top) and q in table:
            q = table[q][0]
        with contextlib.suppress(OSError):
            with open("/proc/%d/status" % p, encoding="utf-8") as f:
                numbers = [r.split()[1:] for r in f if r.startswith("NSpid:")][0]
            if q == top and int(numbers[-1]) == pid and len(numbers) > 2:
                return p
    raise AssertionError("no process %d on %s" % (pid, machine))


def status_of(pid, row):
    """A number of /proc/PID/status, as a hexadecimal one where it is a mask."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        word = [line.split()[1] for line in f if line.startswith(row)][0]
    return int(word, 16 if row.startswith("Cap") else 10)


def state(pid):
    return processes().get(pid, "????")[3]


@test("placeholders: children of the launcher there, with the PIDs of the ghosts, for root and a user")
def _():
    script = ("bpsh 1,2 sh -c 'echo $BPROC_RANK $$; exec sleep 60' & echo bpsh $!; "
              "wait $!; echo end $?")
    for user in (None, USER):
        with start(["bpsh", "0", "sh", "-c", script], user=user) as job:
            lines = sorted(job.stdout.readline().split() for _ in range(3))
            pids, bpsh = [int(line[1]) for line in lines[:2]], int(lines[2][1])
            stands = [inside("n0", pid) for pid in pids]
            table = processes()
            assert all(table[p][0] == inside("n0", bpsh) for p in stands), (stands, table)
            if user is not None:
                herder = status_of(stands[0], "TracerPid:")
                for p in [herder, *stands]:
                    assert status_of(p, "CapPrm:") == 0, p
            os.kill(stands[0], signal.SIGSTOP)
            real = inside("n1", pids[0])
            wait_for(lambda p=pids, r=real: state(r) == "T" and state(p[0]) == "t", what="the stop")
            wait_for(lambda s=stands: state(s[0]) == "t", what="the placeholder's stop")
            os.kill(pids[0], signal.SIGCONT)
            wait_for(lambda p=pids, r=real, s=stands: {state(x) for x in (r, p[0], s[0])} == {"S"},
                     what="the end of the stop")
            os.kill(stands[0], signal.SIGTERM)
            os.kill(stands[1], signal.SIGKILL)
            assert finish(job).out == "end 143\n"


@test("signals come once: Ctrl-C to all, to the nested launcher alone, to its group on its node")
def _():
    # exec: the nested launcher is the rank itself
    command = ["bprun", "-n", "1", "-w", "0", "--mpi=none", "bprun", "-n", "2", "-w", "1,2",
               "--mpi=none", sys.executable, "-c", COUNTER]
    with start(command, start_new_session=True) as job:
        ghosts = sorted(int(job.stdout.readline().split()[1]) for _ in range(2))
        asker = processes()[ghosts[0]][0]

        def counts():
            for pid in ghosts:
                os.kill(pid, signal.SIGUSR2)
            return [job.stdout.readline().split() for _ in ghosts]
        os.kill(asker, signal.SIGUSR1)
        assert wait_for_count(counts, ["0", "1"]), counts()
        os.killpg(job.pid, signal.SIGUSR1)
        assert wait_for_count(counts, ["0", "2"]), counts()
        os.killpg(processes()[inside("n0", asker)][1], signal.SIGUSR1)
        assert wait_for_count(counts, ["0", "3"]), counts()
        os.killpg(job.pid, signal.SIGINT)
        assert wait_for_count(counts, ["1", "3"]), counts()
        os.killpg(job.pid, signal.SIGKILL)
        finish(job)


def wait_for_count(counts, wanted):
    """Both ranks come to count so much, and stay there."""
    seen = [None]
    def reached():
        seen[0] = counts()
        return seen[0] == [wanted] * 2
    wait_for(reached, what=lambda: "%r, not %r" % (wanted, seen[0]))
    return counts() == [wanted] * 2


@test("the herder of the placeholders is killed, or stopped: the nested job ends, the outer one goes on")
def _():
    with nothing_left():
        for sent in (signal.SIGKILL, signal.SIGSTOP):
            script = "bpsh 1 sh -c 'echo in $$; exec sleep 60'; echo end $?"
            with start(["bpsh", "0", "sh", "-c", script]) as job:
                rank = int(job.stdout.readline().split()[1])
                os.kill(status_of(inside("n0", rank), "TracerPid:"), sent)
                result = finish(job, timeout=30)
                assert result.out == "end 137\n" and "herder" in result.err, (sent, result)


FORGER = """
import ctypes, os, socket, struct, sys
program, pids = sys.argv[1], [int(a) for a in sys.argv[2:]]
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
fd = os.memfd_create("x")
os.write(fd, struct.pack("<IIII16s32x%di" % len(pids), 1, len(pids), 60000, 2, b"forged", *pids))
os.lseek(fd, 0, os.SEEK_SET)
child = os.fork()
if child == 0:
    link, setup = os.dup(theirs.fileno()) + 40, fd + 60
    os.dup2(theirs.fileno(), link)
    os.dup2(fd, setup)
    os.dup2(link, 3)
    os.dup2(setup, 4)
    os.execv(program, ["x"])
theirs.close()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
for pid in pids if status == 0 else []:
    with open("/proc/%d/status" % pid) as f:
        print([r.split()[1] for r in f if r.startswith(("Name", "CapPrm", "CapEff"))])
print("status", status)
"""


@test("who executes the bpghost of a space himself has chosen PIDs, in his space, and nothing more")
def _():
    program = os.path.join(bptest.PREFIX, "libexec/bpmix/bpghost")
    out = must(["bpsh", "0", sys.executable, "-c", FORGER, program, "777", "778"], user=USER)
    assert out.splitlines() == ["['forged', '0000000000000000', '0000000000000000']"] * 2 + [
        "status 0"], out
    out = must(["bpsh", "0", sys.executable, "-c", FORGER, program, "1"], user=USER)
    assert out == "status %d\n" % errno.EEXIST, out
    out = run([sys.executable, "-c", FORGER, program, "4000001"], user=USER).out
    assert out == "status %d\n" % errno.EPERM, out  # the master's own has no right
    result = run(["bpsh", "0", "setpriv", "--no-new-privs", "bpsh", "1", "true"], user=USER)
    assert result.code == 125 and "no_new_privs" in result.err, result
    wait_for(lambda: not remains.jobs(), what="the end of all jobs")


@test("copies made by rfork ask as themselves, on the master's order and on a rank's")
def _():
    program = bptest.build_caller("nested_fork")
    # the shell's parent is the copy that system() was called in
    command = "bpsh 1,2 sh -c \"test \\$PPID = $PPID && exit 7\""
    for before in ([], ["bpsh", "3"]):  # called on the master; by a rank on a third node
        for user in (None, USER):
            result = run([*before, program, "0", command], user=user)
            assert result.code == 7, (before, user, result)
    for _ in range(8):  # what a copy wrote is there, however soon the rank ends that waited for it
        assert must(["bpsh", "3", program, "0", "echo well"]) == "well\n"
    wait_for(lambda: not remains.jobs(), what="the end of all jobs")


@test("bpcp, and programs started from images, by ranks")
def _():
    with nothing_left():
        must(["bpsh", "0", "sh", "-c", "echo text > /run/nested.a; bpcp /run/nested.a 1:/run/nested.b; "
              "rm /run/nested.a"])
        assert must(["bpsh", "1", "sh", "-c", "cat /run/nested.b; rm /run/nested.b"]) == "text\n"
        for start_by in ("ld", "entry"):
            out = must(["bpsh", "0", "bprun", "-n", "2", "-w", "1,2", "--mpi=none",
                        "--start=" + start_by, "hostname"])
            assert sorted(out.split()) == ["n1", "n2"], out


@test("many at a time, one after the other: slots and connections are used again")
def _():
    with nothing_left():
        script = "for i in 1 2 3 4 5 6 7 8; do bpsh 0-3 true || echo bad; done; echo good"
        out = must(["bprun", "-n", "8", "--mpi=none", "sh", "-c", script], timeout=120)
        assert out.splitlines() == ["good"] * 8, out


@test("whoever is killed: the outer launcher, the nested one, the rank that asked, its ghost")
def _():
    with nothing_left():
        for victim in ("outer", "nested", "ghost"):
            script = "echo $$; bpsh 1,2 sh -c 'echo in; exec sleep 60'; echo end $?"
            with start(["bpsh", "0", "sh", "-c", script]) as job:
                ghost = int(job.stdout.readline())
                for _ in range(2):
                    assert job.stdout.readline() == "in\n"
                if victim == "outer":
                    job.kill()
                elif victim == "ghost":
                    os.kill(ghost, signal.SIGKILL)
                else:
                    nested = [p for p, row in processes().items()
                              if row[4] == "bpsh" and p != job.pid]
                    assert len(nested) == 1, nested
                    os.kill(nested[0], signal.SIGKILL)
                result = finish(job)
                wait_for(lambda: not sleepers(), what="the end of all ranks")
                expected = {"outer": (-9, ""), "ghost": (137, ""), "nested": (0, "end 137\n")}
                assert (result.code, result.out) == expected[victim], (victim, result)


@test("nodes die: the one with the nested launcher; the one with its rank")
def _():
    for victim, code in (("n0", 137), ("n1", 0)):
        script = "bpsh 1 sh -c 'echo in; exec sleep 60'; echo end $?"
        with start(["bpsh", "0", "sh", "-c", script]) as job:
            assert job.stdout.readline() == "in\n"
            cluster.order("kill", victim)
            result = finish(job)
            assert result.code == code, (victim, result)
            if victim == "n1":
                assert result.out == "end 137\n" and "on n1" in result.err, result
        wait_for(lambda: not sleepers() and not remains.jobs(), 20, "the end of all")
        cluster.order("start", victim)
        cluster.wait_up()


@test("an MPI program started by a bprun in a rank")
def _():
    program = os.path.join(bptest.BUILD, "test/mpi/hello")
    out = must(["bprun", "-n", "1", "-w", "3", "bprun", "-n", "4", program], timeout=60)
    assert len(out.splitlines()) == 4, out


if __name__ == "__main__":
    with bptest.Cluster(NODES) as cluster:
        bptest.main()
