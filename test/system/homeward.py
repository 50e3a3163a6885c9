#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 600 s
"""homeward.py - processes come home that others made on nodes: from the master, or from a node."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("homeward")
USER = 12345
HERE = [PROGRAM]              # the parent is on the master
THERE = ["bpsh", "2", PROGRAM]  # and on node 2
cluster = None


def named(*names):
    return [pid for pid, row in processes().items() if row[4] in names]


def lines(result):
    """Without those of the two processes' ways, which may come in any order."""
    return [line for line in result.out.splitlines() if line not in ("made", "away", "home")]


@test("a child made on a node comes home: its parent's wait() is exact")
def _():
    for user in (None, USER):
        for parent in (HERE, THERE):
            with remains.none(cluster):
                for status in ("0", "7", "-9", "-15"):
                    result = run(parent + ["kin", "1", "end", status], user=user)
                    assert lines(result) == ["wait 1 status %s" % status, "then -1 1"], result
                    assert (result.code, result.err) == (0, ""), result


@test("its output comes in order: away, then home")
def _():
    with remains.none(cluster):
        for parent in (HERE, THERE):
            result = run(parent + ["kin", "1", "end", "0"])
            out = result.out.splitlines()
            assert out.index("away") < out.index("home"), result


@test("stopped, continued and signalled at home by its parent")
def _():
    for user in (None, USER):
        for parent in (HERE, THERE):
            with remains.none(cluster):
                result = run(parent + ["kin", "1", "talk"], user=user)
                assert lines(result) == ["wait 1 status 50", "then -1 1"], (parent, result)


@test("from home it goes out again, and comes home again")
def _():
    for parent in (HERE, THERE):
        with remains.none(cluster):
            result = run(parent + ["kin", "0", "rounds", "10"])
            assert lines(result) == ["wait 1 status 7", "then -1 1"], (parent, result)


if __name__ == "__main__":
    with bptest.Cluster(3) as cluster:
        bptest.main()
