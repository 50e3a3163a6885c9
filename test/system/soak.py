#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 1200 s
"""soak.py - jobs one after the other, a thousand of them with --all: nothing grows on any machine, and
the daemons' own memory by no more than what the allocator keeps."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import run, test  # noqa: E402

PROGRAM = bptest.build_caller("bproc_edges")
COUNT = 1000 if bptest.ALL else 40
WARM = 20  # until every table and heap has its usual size
GROWS_KIB = 512  # of each daemon; half a KiB a job is a leak that this finds in a thousand
cluster = None


def private_kib(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return int(next(line for line in f if line.startswith("RssAnon")).split()[1])


def memory():
    return {who: private_kib(row[1]) for who, row in cluster.machines().items()}


def many(command, code=0):
    def some(count):
        for _ in range(count):
            result = run(command)
            assert (result.code, result.err) == (code, ""), result
    some(WARM)
    with remains.none(cluster):
        before = memory()
        some(COUNT)
    grown = {who: kib - before[who] for who, kib in memory().items()}
    bptest.comment("%d jobs: KiB more than before: %s" % (COUNT, grown))
    assert bptest.SANITIZED or max(grown.values()) <= GROWS_KIB, grown


@test("bprun, again and again")
def _():
    many(["bprun", "--mpi=none", "-n", "2", "-N", "2", "true"])


@test("a rexec, again and again")
def _():
    many([PROGRAM, "rexec", "1", "/bin/sh", "-c", "exit 3"], code=3)


@test("bpsh, and a program that is no program")
def _():
    many(["bpsh", "0-1", "true"])
    result = run(["bprun", "--mpi=none", "-n", "2", "/nowhere"])
    assert result.code == 127 and "/nowhere" in result.err, result


if __name__ == "__main__":
    with bptest.Cluster(2) as cluster:
        bptest.main()
