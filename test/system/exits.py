#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""exits.py - a job's exit status: which rank decides, what the message says, JSON of all ranks."""
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, start, finish, test, wait_for  # noqa: E402

BPRUN = ["bprun", "--mpi=none"]
CODES = (0, 3, 6, 9)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as f:
        return [int(p) for p in f.read().split()]


def ordered(order, *options):
    """4 ranks on 4 nodes that exit with CODES in this order, each after the one before was
    reaped by bprun. Returns the Result."""
    folder = tempfile.mkdtemp(dir=bptest.BUILD)
    try:
        for rank in range(4):
            os.mkfifo("%s/%d" % (folder, rank))
        script = "read x < %s/$BPROC_RANK; set -- %s; shift $BPROC_RANK; exit $1" % (
            folder, " ".join(map(str, CODES)))
        job = start(BPRUN + ["-N", "4", *options, "sh", "-c", script])
        wait_for(lambda: len(children(job.pid)) == 4, what="4 ghosts")
        for place, rank in enumerate(order):
            # The open waits until the rank reads; one that was ended meanwhile reads no more.
            fd = wait_for(lambda r=rank: open_writer("%s/%d" % (folder, r), job), what="reader")
            if fd < 0:
                break
            os.write(fd, b"x\n")
            os.close(fd)
            wait_for(lambda p=place: job.poll() is not None or len(children(job.pid)) <= 3 - p,
                     what="end of rank %d" % rank)
        return finish(job)
    finally:
        shutil.rmtree(folder)


def open_writer(path, job):
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return -1 if job.poll() is not None else None


@test("ranks exit 0, 3, 6, 9 in all 24 orders: the first that fails decides")
def _():
    for order in itertools.permutations(range(4)):
        expected = next(CODES[r] for r in order if CODES[r] != 0)
        result = ordered(order, "--kill-wait=1")
        assert result.code == expected, "%s: %r" % (order, result)
        assert "exited with status %d" % expected in result.err, repr(result)


@test("with --no-kill the lowest failing rank decides, in any order")
def _():
    for order in ((3, 2, 1, 0), (0, 1, 2, 3), (2, 3, 0, 1)):
        result = ordered(order, "--no-kill")
        assert result.code == 3, "%s: %r" % (order, result)


@test("a signal is 128 + its number, and is named")
def _():
    result = run(BPRUN + ["-n", "4", "sh", "-c", "[ $BPROC_RANK != 2 ] || kill -SEGV $$; exec sleep 60"])
    assert result.code == 139, repr(result)
    assert "rank 2 on n" in result.err and "killed by signal 11 (Segmentation fault)" in result.err
    result = run(BPRUN + ["-n", "2", "sh", "-c", "kill -KILL $$"])
    assert result.code == 137, repr(result)


@test("a missing program is 127, one that cannot be executed 126, as in a shell")
def _():
    for program, code, word in (("no-such-program", 127, "No such file"),
                                ("/no/such/program", 127, "No such file"),
                                ("/etc/passwd", 126, "Permission denied"),
                                ("/etc", 126, "Permission denied")):
        result = run(BPRUN + ["-n", "2", program])
        assert result.code == code, repr(result)
        assert program in result.err and word in result.err, repr(result)
        assert len([line for line in result.err.splitlines() if "rank" in line]) == 1, repr(result)


@test("the time limit is 124; ranks that ignore SIGTERM are killed after --kill-wait")
def _():
    result = run(BPRUN + ["-n", "2", "-t", "0:1", "sleep", "60"])
    assert result.code == 124 and "time limit of 1 s" in result.err, repr(result)
    result = run(BPRUN + ["-n", "2", "-t", "0:1", "--kill-wait=1", "sh", "-c",
                          "trap '' TERM; sleep 60 & wait; wait"])
    assert result.code == 124, repr(result)


@test("a missing working directory is an error with path and node")
def _():
    result = run(BPRUN + ["-n", "2", "-D", "/no/such/folder", "true"])
    assert result.code == 125, repr(result)
    assert "/no/such/folder" in result.err and "on n" in result.err, repr(result)
    with tempfile.TemporaryDirectory(dir="/tmp") as here:  # /tmp is another one on the nodes
        result = run(BPRUN + ["-n", "1", "true"], cwd=here)
        assert result.code == 125 and here in result.err, repr(result)
        result = run(["bprun", "-n", "1", "true"], cwd=here)  # and with a shepherd
    assert result.code == 125 and here in result.err and "rank 0" in result.err, repr(result)


@test("a rank killed on its node, by its ghost, or together with the others")
def _():
    for how in ("ghost", "launcher"):
        job = start(BPRUN + ["-N", "4", "--kill-wait=1", "sleep", "60"])
        ghosts = wait_for(lambda j=job: len(children(j.pid)) == 4 and children(j.pid))
        if how == "ghost":
            os.kill(ghosts[2], signal.SIGKILL)
        else:
            os.kill(job.pid, signal.SIGTERM)
        result = finish(job)
        assert result.code == (137 if how == "ghost" else 143), "%s %r" % (how, result)


@test("--status=json tells every rank, on stderr or in a file")
def _():
    path = os.path.join(bptest.BUILD, "status.json")
    result = run(BPRUN + ["-N", "4", "--no-kill", "--status=json:" + path, "sh", "-c",
                          "[ $BPROC_RANK != 3 ] || kill -9 $$; exit $BPROC_RANK"])
    with open(path, encoding="utf-8") as f:
        status = json.load(f)
    os.unlink(path)
    assert result.code == 1 and status["status"] == 1, repr(result)
    rows = status["ranks"]
    assert [row["rank"] for row in rows] == [0, 1, 2, 3], rows
    assert [row.get("exit") for row in rows] == [0, 1, 2, None], rows
    assert rows[3]["signal"] == 9 and rows[3]["wait_status"] == 9, rows
    assert sorted(row["node"] for row in rows) == ["n0", "n1", "n2", "n3"], rows
    assert all(row["pid"] > 1 and row["started"] for row in rows), rows
    assert status["start"] == "exec", status
    result = run(BPRUN + ["--status=json", "true"])
    assert json.loads(result.err.splitlines()[-1])["status"] == 0, repr(result)


@test("bpsh: the command's status; several nodes; a node that is not there")
def _():
    assert run(["bpsh", "2", "sh", "-c", "exit 7"]).code == 7
    assert run(["bpsh", "0-3", "true"]).code == 0
    assert run(["bpsh", "0-3", "sh", "-c", "exit $BPROC_NODE"]).code == 1
    result = run(["bpsh", "9", "true"])
    assert result.code != 0 and "9" in result.err, repr(result)
    result = run(["bpsh", "0", "no-such-program"])
    assert result.code == 127 and "no-such-program" in result.err, repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=2):
        bptest.main()
