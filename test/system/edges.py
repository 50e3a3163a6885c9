#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 240 s
"""edges.py - jobs at the edges: two herds that end apart, signals before the ranks are there, closed
standard descriptors, small limits."""
import json
import os
import signal

import bptest
from bptest import finish, run, start, test, wait_for


def children(pid):
    """PIDs of the children of a process that have not ended."""
    return [p for p, row in bptest.processes().items() if row[0] == pid and row[3] != "Z"]


@test("the first herd of a job may end long before the second")
def _():
    with bptest.Cluster(2, lease=10):
        job = start(["bprun", "--mpi=none", "-n", "1030", "--stdin=1029", "sh", "-c",
                     "if [ $BPROC_RANK = 1029 ]; then echo ready; read x; fi"], stdin=-1)
        assert job.stdout.readline() == "ready\n"
        wait_for(lambda: len(children(job.pid)) == 1, 60, "all ghosts but one have ended")
        result = finish(job, 60, data="go on\n")
        assert result.code == 0, repr(result)


@test("signals to 200 ranks that are not there yet reach all of them")
def _():
    with bptest.Cluster(1, lease=10) as cluster:
        node = cluster.daemon_pid("n0")
        os.kill(node, signal.SIGSTOP)
        try:
            job = start(["bprun", "--no-kill", "-n", "200", "--status=json", "sleep", "1000"])
            wait_for(lambda: len(children(job.pid)) == 200, 30, "200 ghosts")
            for pid in children(job.pid):
                os.kill(pid, signal.SIGTERM)
        finally:
            os.kill(node, signal.SIGCONT)
        result = finish(job, 60)
        status = json.loads([row for row in result.err.splitlines() if row.startswith("{")][-1])
        assert [r.get("signal") for r in status["ranks"]] == [15] * 200, repr(result)


bptest.main()
