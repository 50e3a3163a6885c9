#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""signals.py - signals, stop and continue, the terminal: ranks through their ghosts."""
import ctypes
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

BPRUN = ["bprun", "--mpi=none"]
SIGRANK = os.path.join(bptest.BUILD, "sigrank")
libc = ctypes.CDLL(None, use_errno=True)


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as f:
            return [int(p) for p in f.read().split()]
    except FileNotFoundError:
        return []


def state(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]


class Job:
    """4 sigranks on 4 nodes; lines() collects what each printed."""

    def __init__(self, *options, ranks=4, prefix=(), **more):
        self.ranks = ranks
        self.process = start([*prefix, *BPRUN, "-l", "-n", str(ranks), "-N", "4", *options, SIGRANK], **more)
        self.pid = self.process.pid
        self.seen = {rank: [] for rank in range(ranks)}
        self.read(lambda: all("ready" in lines for lines in self.seen.values()))
        self.ghosts = children(self.pid)
        assert len(self.ghosts) == ranks, self.ghosts

    def read(self, until):
        """Read lines until the condition is true."""
        while not until():
            line = self.process.stdout.readline()
            assert line, "bprun ended: %s" % self.process.stderr.read()
            rank, _, text = line.strip().partition(": ")
            self.seen[int(rank)].append(text)

    def expect(self, text, ranks=None):
        """Each of these ranks has this line, exactly once, and no other has it."""
        ranks = range(self.ranks) if ranks is None else ranks
        self.read(lambda: all(text in self.seen[rank] for rank in ranks))
        # What is still under way would come before this last signal.
        os.kill(self.pid, signal.SIGURG)
        mark = "%d 0" % signal.SIGURG
        self.read(lambda: all(mark in self.seen[rank] for rank in range(self.ranks)))
        for rank, lines in self.seen.items():
            assert lines.count(text) == (1 if rank in ranks else 0), (text, rank, lines)
            assert lines.count(mark) == 1, lines
            lines.clear()

    def end(self, code=0):
        os.kill(self.pid, signal.SIGTERM)
        result = finish(self.process)
        assert result.code == code, repr(result)


def sigqueue(pid, signo, value):
    if libc.sigqueue(pid, signo, ctypes.c_void_p(value)) != 0:
        raise OSError(ctypes.get_errno(), "sigqueue")


@test("every signal reaches its rank once: to one ghost, to the group, to bprun")
def _():
    job = Job()
    for signo in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGIO, signal.SIGRTMIN + 5,
                  signal.SIGRTMAX):
        text = "%d 0" % signo
        os.kill(job.ghosts[2], signo)
        owner = wait_owner(job, text)
        job.expect(text, [owner])
        os.killpg(job.pid, signo)
        job.expect(text)
        os.kill(job.pid, signo)
        job.expect(text)
    job.end()


def wait_owner(job, text):
    job.read(lambda: any(text in lines for lines in job.seen.values()))
    return next(rank for rank, lines in job.seen.items() if text in lines)


@test("sigqueue's value travels: SIGRTMIN+3 to a ghost, several in a row, to bprun")
def _():
    job = Job()
    signo = signal.SIGRTMIN + 3
    for value in (1, 77, 123456):
        sigqueue(job.ghosts[0], signo, value)
    job.read(lambda: any(["%d %d" % (signo, v) for v in (1, 77, 123456)] == lines[-3:]
                         for lines in job.seen.values()))
    for lines in job.seen.values():
        lines.clear()
    sigqueue(job.pid, signo, 4711)
    job.expect("%d 4711" % signo)
    job.end()


@test("200 rounds of group and launcher signals in turn: never lost, never doubled")
def _():
    job = Job()
    text = "%d 0" % signal.SIGUSR1
    for number in range(200):
        if number % 2:
            os.kill(job.pid, signal.SIGUSR1)
        else:
            os.killpg(job.pid, signal.SIGUSR1)
        job.read(lambda n=number: all(lines.count(text) >= n + 1 for lines in job.seen.values()))
        assert all(lines.count(text) == number + 1 for lines in job.seen.values()), number
    job.end()


@test("SIGSTOP and SIGCONT of one ghost: the rank stops, waitpid of the launcher sees both")
def _():
    # bash's job table is the waitpid(WUNTRACED|WCONTINUED) of a launcher's parent; the ghosts'
    # own parent is bprun, so their states are looked at where the kernel shows them.
    job = start(BPRUN + ["-N", "4", "sh", "-c", "while :; do :; done"])
    ghosts = running_ranks(job)
    os.kill(ghosts[1], signal.SIGSTOP)
    wait_for(lambda: state_on_node(ghosts[1]) in "Tt", what="rank stopped")
    wait_for(lambda: state(ghosts[1]) in "Tt", what="ghost stopped")
    wait_for(lambda: state_on_node(ghosts[1]) in "Tt", what="rank stopped")
    remote = [state_on_node(pid) for pid in ghosts]
    assert [s in "Tt" for s in remote] == [False, True, False, False], remote
    os.kill(ghosts[1], signal.SIGCONT)
    wait_for(lambda: state(ghosts[1]) == "S", what="ghost continued")
    wait_for(lambda: state_on_node(ghosts[1]) not in "Tt", what="rank continued")
    os.kill(job.pid, signal.SIGKILL)
    finish(job)


def running_ranks(job):
    """The 4 ghosts of a job whose ranks are all busy on their nodes. (bprun's first child is none.)"""
    def busy():
        ghosts = children(job.pid)
        return len(ghosts) == 4 and all(state_on_node(g) == "R" for g in ghosts) and ghosts
    return wait_for(busy, what="ranks running")


def state_on_node(pid):
    """The state of the process with this master PID inside its space."""
    for number in bptest.processes():
        try:
            with open("/proc/%d/status" % number, encoding="utf-8") as f:
                text = f.read()
        except OSError:
            continue
        numbers = text.partition("NSpid:")[2].partition("\n")[0].split()
        if len(numbers) > 1 and numbers[-1] == str(pid) and number != pid:
            return text.partition("State:")[2].split()[0]
    return "?"


@test("SIGCONT and SIGSTOP at once, again and again: what stands for the rank is as the rank is")
def _():
    job = Job(ranks=1)
    ghost = job.ghosts[0]
    rank = [p for p, row in bptest.processes().items() if row[4] == "sigrank" and p != ghost]
    assert len(rank) == 1, rank

    def both(letters):
        wait_for(lambda: state(ghost) in letters and state(rank[0]) in letters,
                 what=lambda: "%s, not %s and %s" % (letters, state(ghost), state(rank[0])))
    os.kill(ghost, signal.SIGSTOP)
    for _ in range(50):
        both("tT")
        os.kill(ghost, signal.SIGCONT)
        both("SR")
        os.kill(ghost, signal.SIGSTOP)
        both("tT")
        os.kill(ghost, signal.SIGCONT)
        os.kill(ghost, signal.SIGSTOP)
    both("tT")
    os.kill(ghost, signal.SIGCONT)
    both("SR")
    job.end()


@test("storms of SIGSTOP and SIGCONT: the last one counts, for the ghost and for its rank")
def _():
    dice = random.Random(7)
    job = Job(ranks=1)
    ghost = job.ghosts[0]
    [rank] = [p for p, row in bptest.processes().items() if row[4] == "sigrank" and p != ghost]
    for _ in range(120):
        sent = [dice.choice((signal.SIGSTOP, signal.SIGCONT)) for _ in range(dice.randint(2, 9))]
        for signo in sent:
            os.kill(ghost, signo)
            for _ in range(dice.choice((0, 0, 20, 300))):
                os.sched_yield()
        letters = "tT" if sent[-1] == signal.SIGSTOP else "SR"
        wait_for(lambda: state(ghost) in letters and state(rank) in letters,
                 what=lambda: "%s after %s, not %s and %s" % (letters, sent, state(ghost), state(rank)))
    os.kill(ghost, signal.SIGCONT)
    job.end()


@test("kill -STOP of the group stops all ranks, kill -CONT continues them")
def _():
    job = start(BPRUN + ["-N", "4", "sh", "-c", "while :; do :; done"])
    ghosts = running_ranks(job)
    os.killpg(job.pid, signal.SIGSTOP)
    wait_for(lambda: all(state_on_node(g) in "Tt" for g in ghosts), what="ranks stopped")
    wait_for(lambda: state(job.pid) == "T" and all(state(g) in "Tt" for g in ghosts),
             what="bprun and ghosts stopped")
    os.killpg(job.pid, signal.SIGCONT)
    wait_for(lambda: all(state_on_node(g) == "R" for g in ghosts), what="ranks continued")
    wait_for(lambda: state(job.pid) == "S" and all(state(g) == "S" for g in ghosts))
    os.kill(job.pid, signal.SIGTERM)
    assert finish(job).code == 143


@test("a rank that stops itself: its ghost stops with it, SIGCONT to bprun continues it")
def _():
    job = start(BPRUN + ["-N", "4", "sh", "-c", "[ $BPROC_RANK != 2 ] || kill -STOP $$; echo on"])
    wait_for(lambda: len(children(job.pid)) == 1 and state(children(job.pid)[0]) in "Tt",
             what="three ended, one stopped")
    os.kill(job.pid, signal.SIGCONT)
    result = finish(job)
    assert result.code == 0 and result.out.count("on\n") == 4, repr(result)


@test("^C reaches every rank once as SIGINT and ends the job")
def _():
    script = "trap 'echo int-$BPROC_RANK; exit 5' INT; echo ready-$BPROC_RANK; while :; do sleep 0.05; done"
    with bptest.Terminal(BPRUN + ["-N", "4", "bash", "-c", script]) as t:
        for _ in range(4):
            t.read_until("ready-")
        t.send("^C")
        assert t.wait() == 5
        shown = t.output
        assert [shown.count("int-%d" % r) for r in range(4)] == [1, 1, 1, 1], shown
    with bptest.Terminal(BPRUN + ["-N", "4", "sleep", "60"]) as t:
        wait_for(lambda: len(children(t.process.pid)) == 4)
        t.send("^C")
        assert t.wait() == 130


@test("^Z stops the whole job under a shell, fg continues it")
def _():
    with bptest.Terminal(["bash", "--norc", "-i"], env={"PS1": "prompt> ", "HISTFILE": "/dev/null"}) as t:
        t.read_until("prompt> ")
        t.send("bprun --mpi=none -N 4 sh -c 'echo up-$BPROC_RANK; while :; do sleep 0.05; done'\n")
        t.read_until("\n")
        for _ in range(4):
            t.read_until("up-")
        bprun = t.foreground()
        ghosts = children(bprun)
        t.send("^Z")
        t.read_until("Stopped")
        wait_for(lambda: all(state(g) in "Tt" for g in ghosts), what="ghosts stopped")
        wait_for(lambda: all(state_on_node(g) in "Tt" for g in ghosts), what="ranks stopped")
        t.send("fg\n")
        wait_for(lambda: all(state_on_node(g) not in "Tt" for g in ghosts), what="ranks continued")
        wait_for(lambda: t.foreground() == bprun, what="bprun in the foreground")
        t.send("^C")
        t.read_until("prompt> ")
        t.send("echo status=$?\n")
        t.read_until("status=130")
        t.send("exit\n")
        t.wait()


@test("^Z stops a script, its bprun and the ranks; fg continues them")
def _():
    with bptest.Terminal(["bash", "--norc", "-i"], env={"PS1": "prompt> ", "HISTFILE": "/dev/null"}) as t:
        t.read_until("prompt> ")
        t.send("sh -c \"sh -c 'bprun --mpi=none -n 2 sleep 1000; :'; :\"\n")
        wait_for(lambda: [p for p, row in processes().items() if row[4] == "bprun"], what="bprun")
        bprun = [p for p, row in processes().items() if row[4] == "bprun"][0]
        wait_for(lambda: len(children(bprun)) == 2, what="ghosts")
        ghosts = children(bprun)
        wait_for(lambda: all(state_on_node(g) == "S" for g in ghosts), what="ranks")
        t.send("^Z")
        wait_for(lambda: all(state(g) in "Tt" for g in ghosts + [bprun]), what="ghosts stopped")
        wait_for(lambda: all(state_on_node(g) in "Tt" for g in ghosts), what="ranks stopped")
        t.send("fg\n")
        wait_for(lambda: all(state_on_node(g) not in "Tt" for g in ghosts), what="ranks continued")
        t.send("^C")
        t.read_until("prompt> ")
        t.send("exit\n")
        t.wait()


@test("ranks that catch SIGTSTP see it from ^Z; nohup and setsid launchers work")
def _():
    result = run(["nohup", *BPRUN, "-N", "4", "uname", "-n"])
    assert sorted(result.out.split()) == ["n0", "n1", "n2", "n3"], repr(result)
    job = start(["nohup", *BPRUN, "-N", "4", SIGRANK])
    assert [job.stdout.readline() for _ in range(4)] == ["ready\n"] * 4
    os.kill(job.pid, signal.SIGHUP)  # ignored, as nohup has it
    ghosts = children(job.pid)
    os.kill(ghosts[0], signal.SIGHUP)
    os.kill(job.pid, signal.SIGTERM)
    assert finish(job).code == 0
    result = run(["setsid", "--wait", *BPRUN, "-N", "4", "uname", "-n"])
    assert sorted(result.out.split()) == ["n0", "n1", "n2", "n3"], repr(result)
    result = run(["setsid", "--wait", *BPRUN, "-n", "1", "sh", "-c", "kill -TSTP $$; echo orphans do not stop"])
    assert "orphans do not stop" in result.out, repr(result)


@test("SIGTERM to bprun ends at once when the last rank is gone; a second one kills")
def _():
    job = start(BPRUN + ["-N", "4", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"])
    for _ in range(4):
        job.stdout.readline()
    os.kill(job.pid, signal.SIGTERM)
    while job.poll() is None:  # standard signals merge: the second may have met the first
        os.kill(job.pid, signal.SIGTERM)
        try:
            job.wait(0.2)
        except subprocess.TimeoutExpired:
            pass
    assert finish(job).code == 143


@test("PIDs are the master's: getpid, getppid, group and session of a rank")
def _():
    job = start(BPRUN + ["-n", "2", "-N", "2", "sh", "-c",
                         "echo $$ $PPID $(ps -o pgid=,sid= -p $$); read x < /dev/null; exec sleep 60"])
    rows = [list(map(int, job.stdout.readline().split())) for _ in range(2)]
    ghosts = children(job.pid)
    assert sorted(row[0] for row in rows) == sorted(ghosts), (rows, ghosts)
    for row in rows:
        assert row[1:] == [job.pid, os.getpgid(job.pid), os.getsid(job.pid)], (row, job.pid)
    ps = bptest.must(["ps", "-o", "args=", "--ppid", str(job.pid)])
    assert ps.count("sh -c") == 2, ps
    os.kill(job.pid, signal.SIGTERM)
    finish(job)


@test("a watcher signals every new ghost within microseconds of its birth")
def _():
    for signo, code in ((signal.SIGTERM, 143), (signal.SIGKILL, 137), (signal.SIGINT, 130)):
        for _ in range(10):
            job = start(BPRUN + ["-n", "8", "-N", "4", "sleep", "30"])
            hit = set()
            maker = None  # bprun's first child is not a ghost: it makes them
            while job.poll() is None and len(hit) < 8:
                for pid in children(job.pid):
                    maker = maker or pid
                    if pid not in hit and pid != maker:
                        hit.add(pid)
                        try:
                            os.kill(pid, signo)
                        except ProcessLookupError:
                            pass  # the signal to another has ended the job
            result = finish(job)
            assert result.code == code, "%s %r" % (signo, result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=5):
        bptest.main()
