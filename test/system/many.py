#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""many.py - many very short jobs, one after the other and at the same time: every status is right,
nothing hangs, nothing is left, the daemons do not grow."""
import contextlib
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, run, start, test  # noqa: E402

BPRUN = ["bprun", "-n", "8", "-N", "4"]
GROWTH_KIB = 2048  # of a daemon's memory, after the first jobs
cluster = None


def memory():
    """{machine: KiB that its daemon has resident and alone}"""
    sizes = {}
    for who, (_, daemon, _) in cluster.machines().items():
        with open("/proc/%d/smaps_rollup" % daemon, encoding="utf-8") as f:
            sizes[who] = sum(int(n) for n in re.findall(r"Private_\w+: +(\d+) kB", f.read()))
    return sizes


def short_job(number, mpi=False):
    """Nothing wrong in even jobs; in odd ones a rank ends with a status of its own."""
    command = ["true"]
    code = 0
    if number % 2 == 1:
        code = number % 100 + 1
        command = ["sh", "-c", "[ $BPROC_RANK = %d ] && exit %d; exit 0" % (number % 8, code)]
    result = run(BPRUN + ([] if mpi else ["--mpi=none"]) + command)
    if result.code != code:
        return repr(result)
    if code != 0 and not re.search(r"rank %d on n\d \(PID \d+\) exited with status %d\n" %
                                   (number % 8, code), result.err):
        return repr(result)
    return None


@test("200 jobs in a row")
def _():
    with remains.none(cluster):
        for number in range(40):
            assert run(BPRUN + ["--mpi=none", "true"]).code == 0
        before = memory()
        for number in range(160):
            result = run(BPRUN + (["true"] if number % 4 == 0 else ["--mpi=none", "true"]))
            assert result.code == 0 and result.out == "", repr(result)
        grown = {who: size - before[who] for who, size in memory().items()}
        assert bptest.SANITIZED or all(size < GROWTH_KIB for size in grown.values()), grown


@test("4 times 25 jobs at once")
def _():
    wrong = []

    def row(first):
        for number in range(first, first + 25):
            problem = short_job(number, mpi=number % 5 == 0)
            if problem:
                wrong.append(problem)
    with remains.none(cluster):
        threads = [threading.Thread(target=row, args=(25 * k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:5]


@test("bprun killed at 80 moments of its life")
def _():
    with remains.none(cluster):
        for number in range(80):
            mpi = number % 2 == 0
            job = start(BPRUN + ([] if mpi else ["--mpi=none"]) + ["true"])
            time.sleep(number * (0.003 if mpi else 0.0005))  # a moment, not a wait
            job.kill()
            result = finish(job)
            assert result.code in (-9, 0), repr(result)


@test("a herder killed at 40 moments of its life")
def _():
    with remains.none(cluster):
        for number in range(40):
            job = start(BPRUN + ["--mpi=none", "sleep", "0.02"])
            time.sleep(number * 0.001)
            for pid, row in bptest.processes().items():
                if row[4] == "bpghost" or (row[0] == 1 and row[5][:1] == ["sleep"]):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)
            result = finish(job)
            assert result.code == 0 or "bprun: " in result.err, repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=10) as cluster:
        bptest.main()
