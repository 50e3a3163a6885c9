#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 120 s
"""ease.py - files for output and input, environment, limits, and when a job ends by itself."""
import contextlib
import os
import resource
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, start, test, wait_for  # noqa: E402

BPRUN = ["bprun", "--mpi=none"]
# Nodes have a /tmp of their own; this folder all machines share.
HERE = os.path.join(bptest.BUILD, "ease.tmp")


def fresh():
    """An empty folder that all machines see, everybody's."""
    must("rm", "-rf", HERE)
    os.mkdir(HERE)
    os.chmod(HERE, 0o777)
    return HERE


def must(*command):
    bptest.must(list(command))


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def bprun(*words, **more):
    """Run it; what it says of crowded CPUs is not of interest here."""
    result = run(BPRUN + list(words), **more)
    result.err = "".join(line for line in result.err.splitlines(True)
                         if "ranks are not bound" not in line)
    return result


def ok(*words, **more):
    result = bprun(*words, **more)
    assert result.code == 0, repr(result)
    return result


# ---- files ----

@test("-o FILE: one file with whole lines of all ranks, stderr in it too, nothing shown")
def _():
    fresh()
    script = "seq -f \"o$BPROC_RANK %.0f\" 1 2000; seq -f \"e$BPROC_RANK %.0f\" 1 2000 >&2"
    result = ok("-N", "4", "-n", "8", "-o", HERE + "/all", "sh", "-c", script)
    assert result.out == "" and result.err == "", repr(result)
    lines = read("all").splitlines()
    wanted = ["%s%d %d" % (c, r, i) for c in "oe" for r in range(8) for i in range(1, 2001)]
    assert sorted(lines) == sorted(wanted), (len(lines), [x for x in lines if x not in wanted][:5])
    for rank in range(8):
        mine = [x for x in lines if x.startswith("o%d " % rank)]
        assert mine == ["o%d %d" % (rank, i) for i in range(1, 2001)], "out of order"


@test("-o and -e apart, with labels; relative to the caller's folder; truncated, or appended to")
def _():
    fresh()
    words = ["-n", "2", "-l", "sh", "-c", "echo out; echo err >&2"]
    ok("-o", "o", "-e", "e", *words, cwd=HERE)
    assert sorted(read("o").splitlines()) == ["0: out", "1: out"], read("o")
    assert sorted(read("e").splitlines()) == ["0: err", "1: err"], read("e")
    ok("-o", "o", "-e", "e", *words, cwd=HERE)
    assert len(read("o").splitlines()) == 2, read("o")
    ok("--open-mode=append", "-o", "o", "-e", "e", *words, cwd=HERE)
    assert len(read("o").splitlines()) == 4 and len(read("e").splitlines()) == 4
    ok("-o", "both", "-e", "./both", *words, cwd=HERE)
    assert sorted(read("both").splitlines()) == ["0: err", "0: out", "1: err", "1: out"]


@test("%t %4t %n %N %h %j %%: files of each rank, opened on its node")
def _():
    fresh()
    result = ok("-N", "2", "-n", "4", "-o", HERE + "/%%.%t.%4t.%n.%N.%h", "-e",
                HERE + "/err.%j.%t", "sh", "-c", "echo $BPROC_RANK; echo e$BPROC_RANK >&2")
    assert result.out == "" and result.err == "", repr(result)
    names = sorted(os.listdir(HERE))
    wanted = ["%%.%d.%04d.%d.n%d.n%d" % (r, r, r // 2, r // 2, r // 2) for r in range(4)]
    assert names[:4] == wanted, names
    assert [read(n) for n in wanted] == ["0\n", "1\n", "2\n", "3\n"]
    jobs = {n.split(".")[1] for n in names[4:]}
    assert len(jobs) == 1 and jobs.pop().isdigit(), names
    assert sorted(read(n) for n in names[4:]) == ["e%d\n" % r for r in range(4)], names


@test("a rank's file is the node's own, relative to the ranks' folder; stderr shares it")
def _():
    result = ok("-N", "2", "-n", "2", "-D", "/tmp", "-o", "only.%t", "sh", "-c",
                "echo out; echo err >&2; echo more")
    assert result.out == "", repr(result)
    assert not os.path.exists("/tmp/only.0"), "on the master"
    for node in (0, 1):
        got = run(["bpsh", str(node), "sh", "-c", "cat /tmp/only.*; rm /tmp/only.*"])
        assert got.out == "out\nerr\nmore\n", repr(got)


@test("%N without %t: the ranks of a node share the file, which is truncated once")
def _():
    fresh()
    for _ in range(3):
        ok("-N", "2", "-n", "16", "-o", HERE + "/%N", "sh", "-c",
           "echo $BPROC_RANK; echo again $BPROC_RANK")
        for node in (0, 1):
            lines = read("n%d" % node).splitlines()
            ranks = [str(r) for r in range(8 * node, 8 * node + 8)]
            assert sorted(lines) == sorted(ranks + ["again " + r for r in ranks]), lines


@test("-o none, -o RANK; -o %j is opened when the job has a number; %u %x")
def _():
    fresh()
    assert ok("-n", "3", "-o", "none", "sh", "-c", "echo a; echo b >&2").out == ""
    result = ok("-n", "3", "-o", "1", "sh", "-c", "echo $BPROC_RANK; echo $BPROC_RANK >&2")
    assert (result.out, result.err) == ("1\n", "1\n"), repr(result)
    result = ok("-n", "3", "-o", "1", "-e", "all", "sh", "-c", "echo $BPROC_RANK >&2")
    assert sorted(result.err.split()) == ["0", "1", "2"], repr(result)
    ok("-n", "2", "-o", HERE + "/%x.%u.%j.%s", "sh", "-c", "echo x")
    (name,) = os.listdir(HERE)
    assert name.startswith("sh.root.") and name.endswith(".0") and read(name) == "x\nx\n", name


@test("-i FILE: every rank reads it; with --stdin one; -i %t: its own, on the node; -i none")
def _():
    fresh()
    with open(HERE + "/in", "w", encoding="utf-8") as f:
        f.write("line\n" * 3000)
    counts = ok("-n", "3", "-i", HERE + "/in", "wc", "-l").out.split()
    assert counts == ["3000"] * 3, counts
    counts = ok("-n", "3", "-l", "-i", HERE + "/in", "--stdin=2", "wc", "-l").out.splitlines()
    assert sorted(counts) == ["0: 0", "1: 0", "2: 3000"], counts
    for rank in range(3):
        with open("%s/in.%d" % (HERE, rank), "w", encoding="utf-8") as f:
            f.write("%d\n" % rank)
    assert sorted(ok("-n", "3", "-l", "-i", HERE + "/in.%t", "cat").out.splitlines()) == \
        ["0: 0", "1: 1", "2: 2"]
    assert ok("-n", "2", "-i", "none", "cat", data="x\n").out == ""
    assert ok("-n", "2", "-l", "-i", "1", "cat", data="x\n").out == "1: x\n"
    assert ok("-n", "2", "-i", "all", "cat", data="x\n").out == "x\nx\n"


@test("a file that cannot be had is one line with its name and the cause, and 125; no rank runs")
def _():
    fresh()
    result = bprun("-n", "2", "-o", HERE + "/no/x", "touch", HERE + "/ran")
    assert result.code == 125 and "no/x: No such file" in result.err, repr(result)
    result = bprun("-n", "2", "-o", HERE + "/no/%j", "touch", HERE + "/ran")
    assert result.code == 125 and "No such file" in result.err, repr(result)
    result = bprun("-n", "2", "-o", HERE + "/no/%N.%t", "touch", HERE + "/ran")
    assert result.code == 125 and "rank" in result.err and "no/n0." in result.err, repr(result)
    assert len(result.err.splitlines()) == 1 and "No such file" in result.err, repr(result)
    result = bprun("-n", "2", "-i", HERE + "/missing", "touch", HERE + "/ran")
    assert result.code == 125 and "missing: No such file" in result.err, repr(result)
    assert os.listdir(HERE) == [], os.listdir(HERE)
    for wrong in ("%q", "%", "%99t"):
        result = bprun("-o", wrong, "true")
        assert result.code == 64 and wrong in result.err, repr(result)
    result = bprun("-n", "2", "-o", "7", "true")
    assert result.code == 125 and "--output=7" in result.err and "2 ranks" in result.err, \
        repr(result)


@test("ranks that wait for their files hear what ends them")
def _():
    fresh()
    for rank in range(2):
        os.mkfifo("%s/fifo.%d" % (HERE, rank))
    def opening():
        waiting = 0
        for pid, row in bptest.processes().items():
            with contextlib.suppress(OSError), open("/proc/%d/wchan" % pid, encoding="utf-8") as f:
                waiting += f.read() == "wait_for_partner" and "bpspace" in row[4]
        return waiting
    for option in ("-o", "-e", "-i"):
        for signo, early in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 1)):
            job = start(BPRUN + ["-v", "-n", "2", "--kill-wait=86400", option, HERE + "/fifo.%t",
                                 "cat"])
            if early:  # perhaps before they are there
                while "ghosts are made" not in job.stderr.readline():
                    pass
            else:
                wait_for(lambda: opening() == 2, what="two ranks that open a FIFO")
            job.send_signal(signo)
            result = bptest.finish(job)
            assert result.code == 128 + signo, repr(result)


@test("files of ranks are opened with the rights of the user")
def _():
    fresh()
    os.chmod(HERE, 0o755)
    result = bprun("-n", "1", "-o", HERE + "/%t", "true", user=1234)
    assert result.code == 125 and HERE + "/0: Permission denied" in result.err, repr(result)
    result = bprun("-n", "1", "-o", HERE + "/x", "true", user=1234)
    assert result.code == 125 and "Permission denied" in result.err, repr(result)
    os.chmod(HERE, 0o777)
    ok("-n", "1", "-o", HERE + "/%t", "id", "-u", user=1234)
    assert read("0") == "1234\n" and os.stat(HERE + "/0").st_uid == 1234


@test("a full disk ends the job with one line that says so")
def _():
    result = bprun("-n", "2", "-o", "/dev/full", "yes")
    assert result.code == 125 and "/dev/full: No space left" in result.err, repr(result)
    assert len(result.err.splitlines()) == 1, repr(result)


# ---- environment, limits, mask ----

def variables(*words, **more):
    out = ok("-n", "1", *words, "env", **more).out
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


@test("--export: ALL, NONE, names, values, and both; --env with commas in its value")
def _():
    mine = {"FOO": "1", "BAR": "2"}
    got = variables(env=mine)
    assert got["FOO"] == "1" and got["BAR"] == "2" and got["BPROC_RANK"] == "0"
    got = variables("--export=NONE", env=mine)
    assert "FOO" not in got and got["PATH"] == os.environ["PATH"] and got["BPROC_RANK"] == "0"
    got = variables("--export=FOO,NEW=a=b", env=mine)
    assert got["FOO"] == "1" and got["NEW"] == "a=b" and "BAR" not in got and "PATH" in got
    got = variables("--export=ALL,FOO=3,NEW=", env=mine)
    assert got["FOO"] == "3" and got["BAR"] == "2" and got["NEW"] == ""
    got = variables("--env=LIST=1,2,3", "--env", "FOO", "--export=NONE", env=mine)
    assert got["LIST"] == "1,2,3" and got["FOO"] == "1" and "BAR" not in got
    result = ok("-n", "1", "--env=NO_SUCH_ONE", "true")
    assert "NO_SUCH_ONE" in result.err, repr(result)
    for wrong in ("=x", ",", "A,,B"):
        assert bprun("--export=" + wrong, "true").code == 64, wrong


@test("--umask; --propagate: which limits of the caller the ranks get")
def _():
    assert ok("--umask=027", "sh", "-c", "umask").out.strip() == "0027"
    assert bprun("--umask=8", "true").code == 64
    usual = bptest.must(["bpsh", "0", "sh", "-c", "ulimit -Sn"]).strip()
    script = ("ulimit -Sn 77; ulimit -Sc 4; exec bprun --mpi=none -n 1 %s "
              "sh -c 'ulimit -Sn; ulimit -Sc'")

    def limits(option, **more):
        result = run(["bash", "-c", script % option], **more)
        assert result.code == 0, repr(result)
        return result.out.split()
    for user in (None, 1234):
        assert limits("", user=user)[0] == "77"
        assert limits("--propagate", user=user)[0] == "77"
        got = limits("--propagate=NONE", user=user)
        assert got[0] not in ("77", "0") and got[0] == usual, got
        assert limits("--propagate=CORE", user=user)[0] == usual
        assert limits("--propagate=RLIMIT_NOFILE", user=user)[0] == "77"
    result = bprun("--propagate=NOSUCH", "true")
    assert result.code == 64 and "NOSUCH" in result.err, repr(result)
    # what is not propagated is not above the caller's hard limit
    result = run(["bash", "-c", "ulimit -n 50; exec bprun --mpi=none -n 1 --propagate=NONE "
                  "sh -c 'ulimit -Hn'"], user=1234)
    assert result.out == "50\n", repr(result)


# ---- the end ----

def die_after_first(rank0, others="exec sleep 60"):
    return ["sh", "-c", "if [ $BPROC_RANK = 0 ]; then %s; else %s; fi" % (rank0, others)]


@test("-K0 lets the others go on, -K and -K1 end them as usual")
def _():
    script = die_after_first("exit 3", "while [ ! -e %s/go ]; do sleep 0.01; done; touch %s/there"
                             % (HERE, HERE))
    fresh()
    process = start(BPRUN + ["-n", "2", "-K0"] + script)
    open(HERE + "/go", "w", encoding="utf-8").close()
    result = bptest.finish(process)
    assert result.code == 3 and os.path.exists(HERE + "/there"), repr(result)
    for option in ("-K", "-K1", "--kill-on-bad-exit", "--kill-on-bad-exit=1"):
        result = bprun("-n", "2", option, *die_after_first("exit 3"))
        assert result.code == 3, repr(result)


@test("-W: after the first rank ended the others have so many seconds; 0 is no limit")
def _():
    result = bprun("-n", "2", "-W", "1", *die_after_first("exit 0"))
    assert result.code == 124 and "rank 0 ended 1 s ago" in result.err, repr(result)
    result = bprun("-n", "2", "-W", "60", *die_after_first("exit 0", "exit 0"))
    assert result.code == 0 and result.seconds < 30, repr(result)
    result = bprun("-n", "2", "-W", "0", *die_after_first("exit 0", "sleep 1.5"))
    assert result.code == 0, repr(result)


@test("-t takes days and hours, too")
def _():
    ok("-t", "1-2:3:4", "true")
    ok("-t", "unlimited", "true")
    result = bprun("-t", "0:1", "sleep", "60")
    assert result.code == 124, repr(result)
    assert bprun("-t", "1-", "true").code == 64


@test("--signal: ranks hear of the end of their time before it comes")
def _():
    script = "trap 'echo warned; exit 0' USR1; while :; do sleep 0.02; done"
    for process in [start(BPRUN + ["-Q", "--overlap", "-n", "2", "-t", "1", "--signal=" + option,
                                   "sh", "-c", script])
                    for option in ("USR1@57", "sigusr1@57", "10@57")]:
        result = bptest.finish(process)
        assert result.code == 0 and result.out == "warned\nwarned\n", repr(result)
    result = bprun("-t", "0:1", "--signal=CONT", "sleep", "60")
    assert result.code == 124, repr(result)
    for wrong in ("NOSUCH", "USR1@", "USR1@x", "0", ""):
        result = bprun("--signal=" + wrong, "true")
        assert result.code == 64 and "--signal" in result.err, repr(result)


@test("a job that a limit cannot take is one line that names the limit; nothing is left")
def _():
    left = bptest.Snapshot()
    rows = (("ulimit -u 20; exec bprun --mpi=none -Q -n 30 true", "ulimit -u) is 20"),
            ("ulimit -n 12; exec bprun --mpi=none -Q -n 1 true", "ulimit -Hn) is 12"))
    for script, wanted in rows:
        result = run(["bash", "-c", script], user=1234)
        assert result.code == 125 and wanted in result.err, repr(result)
        assert len(result.err.splitlines()) == 1 and "here: " in result.err, repr(result)
    left.check()
    # of the node: the agent's own hard limit of open files
    resource.prlimit(cluster.daemon_pid("n3"), resource.RLIMIT_NOFILE, (40, 40))
    result = run(BPRUN + ["-Q", "-w", "n3", "-n", "30", "true"])
    cluster.order("kill", "n3")
    cluster.order("start", "n3")
    cluster.wait_up()
    assert result.code == 137 and "n3" in result.err and "ulimit -Hn) is 40" in result.err, \
        repr(result)
    ok("-w", "n3", "-n", "30", "true")


# ---- what is told ----

@test("-v tells the steps, -vv each rank; -Q only what went wrong")
def _():
    result = ok("-v", "-N", "2", "-n", "2", "true")
    words = ("job ", "2 ranks on 2 nodes", "ghosts are made", "2 of 2 ranks run", "ended first",
             "all ranks have ended", "the job is over")
    for word in words:
        assert word in result.err, (word, repr(result))
    assert all(" ms  " in line for line in result.err.splitlines()), repr(result)
    result = ok("-vv", "-n", "2", "true")
    assert "rank 1 runs on n" in result.err and "PID" in result.err, repr(result)
    result = run(BPRUN + ["-n", "50", "true"])
    assert result.code == 0 and "not bound" in result.err, repr(result)
    result = run(BPRUN + ["-Q", "-n", "50", "true"])
    assert result.code == 0 and result.err == "", repr(result)
    result = run(BPRUN + ["-Q", "-n", "50", "false"])
    assert result.code == 1 and "exited with status 1" in result.err, repr(result)


@test("a long launch is shown on a terminal, and erased when it is done; never elsewhere")
def _():
    fresh()
    for rank in (0, 1):
        os.mkfifo("%s/%d" % (HERE, rank))
    words = BPRUN + ["-n", "2", "-i", HERE + "/%t", "cat"]  # a rank starts when its input is there
    with bptest.Terminal(words) as t:
        with open(HERE + "/0", "wb"):
            t.read_until("bprun: launched 1/2\x1b[K")
            with open(HERE + "/1", "wb") as f:
                t.read_until("\r\x1b[K")
                f.write(b"data\n")
                f.flush()
                assert "launched" not in t.read_until("data")
        assert t.wait() == 0
    process = start(words)
    with open(HERE + "/0", "wb"):
        with open(HERE + "/1", "wb") as f:
            f.write(b"data\n")
    result = bptest.finish(process)
    assert result.code == 0 and result.err == "" and result.out == "data\n", repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=10) as cluster:
        bptest.main()
