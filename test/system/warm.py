#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""warm.py - bprun --warm: a program initialises once here, its ranks start where it called bproc_warm."""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import Cluster, finish, must, run, start, test, wait_for  # noqa: E402

cluster = None
PROGRAM = bptest.build_caller("warm_program")
USER = 12345


def warm(*words, **more):
    return run(["bprun", "--warm", "--mpi=none", *words], **more)


def check_ranks(result, count, given="-"):
    """Every rank went on from the call, on its node, as a process of its own."""
    lines = result.out.splitlines()
    assert sum(l.startswith("initialised by ") for l in lines) == 1, repr(result)
    rows = sorted((l.split() for l in lines if not l.startswith("initialised")),
                  key=lambda row: int(row[2]))
    assert len(rows) == count and len({row[5] for row in rows}) == count, repr(result)
    for rank, row in enumerate(rows):
        assert row[:3] == ["1", "0", str(rank)] and row[4] == "kept", row
        assert row[3] in ("n0", "n1") and row[6:] == [given, "wrong", "0", "errno", "0"], row
    return rows


@test("ranks go on from the call: memory, own variables, what the program has set; printed once")
def _():
    result = warm("--status=json", "-n", "4", "-N", "2", PROGRAM, env={"GIVEN": "x"})
    assert result.code == 0, repr(result)
    rows = check_ranks(result, 4, "x")
    told = json.loads(result.err.splitlines()[-1])
    assert told["start"] == "warm", told
    assert [str(r["pid"]) for r in told["ranks"]] == [row[5] for row in rows], (told, rows)


@test("exit statuses are the ranks' own")
def _():
    result = warm("--no-kill", "-n", "3", PROGRAM, "exit")
    assert result.code == 40, repr(result)


@test("as a user")
def _():
    result = warm("-n", "2", "-N", "2", PROGRAM, user=USER)
    assert result.code == 0, repr(result)
    check_ranks(result, 2)


@test("64 ranks")
def _():
    result = warm("-n", "64", PROGRAM, timeout=60)
    assert result.code == 0, repr(result)
    check_ranks(result, 64)


@test("a program with threads is refused, and told; bprun says what to do")
def _():
    result = warm("-n", "2", PROGRAM, "threads")
    assert result.code == 125 and "2 threads" in result.err, repr(result)
    assert "OPENBLAS_NUM_THREADS=1" in result.err, repr(result)
    assert "-1 0 - " in result.out and " errno 16" in result.out, repr(result)


@test("programs that never come to the call: one line says how they ended")
def _():
    for words, why in ((["true"], "ended with status 0 and never called bproc_warm"),
                       (["false"], "ended with status 1"),
                       ([PROGRAM, "killed"], "was killed by signal 9"),
                       (["/nowhere/x"], "cannot run /nowhere/x in ")):
        result = warm("-n", "2", *words)
        assert result.code == 125 and why in result.err, (why, repr(result))
        assert len([l for l in result.err.splitlines() if l.startswith("bprun: ")]) == 1, result


@test("without bprun --warm the call returns 0 at once; --start and --warm exclude each other")
def _():
    out = must([PROGRAM]).splitlines()
    assert out[1].startswith("0 0 - "), out
    for words in (["--warm", "--start=exec"], ["--start=ld", "--warm"]):
        result = run(["bprun", *words, "-n", "1", PROGRAM])
        assert result.code == 64 and "exclude" in result.err, repr(result)


@test("standard input is empty until the ranks start, and theirs then")
def _():
    result = warm("-n", "1", "sh", "-c", "cat; exit 3", data="lost\n")
    assert result.code == 125 and "status 3" in result.err and result.out == "", repr(result)
    result = warm("-n", "1", PROGRAM, "read", data="kept\n")
    assert result.code == 0 and "read kept" in result.out, repr(result)


@test("a variable BPMIX_WARM that names no socket of bprun's is no warm start, and harms nothing")
def _():
    for number in ("0", "1", "77", "-1", "x"):
        out = must([PROGRAM], env={"BPMIX_WARM": number}).splitlines()
        assert out[1].startswith("0 0 - "), (number, out)


@test("bprun killed while the program initialises: the program goes too")
def _():
    job = start(["bprun", "--warm", "--mpi=none", "-n", "2", "sleep", "1000"])
    wait_for(lambda: any("sleep 1000" in words for words in commands()), what="the program")
    job.send_signal(signal.SIGKILL)
    finish(job)
    wait_for(lambda: not any("sleep 1000" in words for words in commands()), what="its end")


def commands():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                found.append(f.read().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:
            continue
    return [c for c in found if c.startswith("sleep ")]


if __name__ == "__main__":
    cluster = Cluster(2)
    with cluster:
        bptest.main()
