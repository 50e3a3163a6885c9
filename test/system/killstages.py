#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 900 s
"""killstages.py - rfork, move, move on, the way home and a job in a job, while each process that has a
part in it is killed, sooner or later after it has come up: success or a clear error, and nothing is
left. More moments with --all."""
import contextlib
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, processes, start, test  # noqa: E402

TRAVELLER = bptest.build_caller("onward")
CALLER = bptest.build_caller("grow")
MOMENTS_MS = [0.3 * k for k in range(40)] if bptest.ALL else [0, 1, 2, 4, 8]
LIMIT_S = 30
cluster = None

ROUTES = {  # what to run, its stdin, how it ends, what it prints
    "rfork": ([CALLER], "once 0 5\nonce 1 6\n", 0, "status 5\nstatus 6\n"),
    "move": ([TRAVELLER, "1", "0"], "", 7, "done wrong 0 heard 0\n"),
    "move on": ([TRAVELLER, "3", "0", "1"], "", 7, "done wrong 0 heard 0\n"),
    "home": ([TRAVELLER, "2", "0", "-1"], "", 7, "done wrong 0 heard 0\n"),
    "ranks come home": (["bprun", "-K0", "--mpi=none", "-n", "2", "-N", "2", TRAVELLER, "2", "0", "-1"],
                        "", 7, 2 * "done wrong 0 heard 0\n"),
    "a job in a job": (["bpsh", "0", "bprun", "--mpi=none", "-w", "1", "echo", "there"], "", 0,
                       "there\n"),
}
VICTIMS = {
    "rfork": ("bpkeeper", "bprestore", "bpspace", "bpghost"),
    "move": ("bpkeeper", "bprestore", "bpspace", "bpghost"),
    "move on": ("bpkeeper", "bprestore", "bpspace", "bpghost"),
    "home": ("bpkeeper", "bprestore", "bphome", "bpghost"),
    "ranks come home": ("bprestore", "bphome", "bpghost", "bpspace"),
    "a job in a job": ("bpspace", "bpghost", "bprun"),
}


def strike(victim, process, moment_ms):
    """Kill all of this name, so long after the first was seen; 0 when none came up."""
    deadline, due, killed = time.monotonic() + LIMIT_S, None, 0
    while process.poll() is None and time.monotonic() < deadline and not killed:
        found = [pid for pid, row in processes().items() if row[4] == victim]
        if found and due is None:
            due = time.monotonic() + moment_ms / 1000
        if due is None or time.monotonic() < due:
            continue
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def judge(route, victim, moment_ms):
    command, said, code, out = ROUTES[route]
    process = start(command, stdin=subprocess.PIPE)
    with process.stdin as stdin:
        stdin.write(said)
    process.stdin = None
    killed = strike(victim, process, moment_ms)
    result = finish(process, LIMIT_S)
    where = (route, victim, moment_ms, killed, result)
    if (result.code, result.out) == (code, out):
        return 0
    if victim == "bpkeeper" and result.code in (code, 1):
        return 1  # it ended well, or by an error of its call, but who was to write that was killed
    # Killed, or told why: by a line, an errno's name, or a status that is not the right one.
    assert killed, where
    assert result.code in (-signal.SIGKILL, 128 + signal.SIGKILL) or result.err or result.out, where
    assert result.code != code or result.out != out, where
    return 1


def stages(route, victim):
    def _():
        with remains.none(cluster, 20):
            failed = sum(judge(route, victim, moment) for moment in MOMENTS_MS)
        bptest.comment("%d of %d did not come to their end" % (failed, len(MOMENTS_MS)))
    return _


for way, names in VICTIMS.items():
    for name in names:
        test("%s, while %s is killed" % (way, name))(stages(way, name))

if __name__ == "__main__":
    with bptest.Cluster(2) as cluster:
        bptest.main()
