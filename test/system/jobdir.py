#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""jobdir.py - users without privileges: a job with PMIx, the names of the nodes, and no keys for them."""
import os

import bptest
from bptest import run, test

USER = 12345


def on_all(command, *options):
    return run(["bprun", "-n", "2", "-N", "2", *options, "sh", "-c", command], user=USER)


@test("a job with PMIx runs as a user, below a umask of 077 as well")
def _():
    for mask in (0o022, 0o077):
        old = os.umask(mask)
        try:
            with bptest.Cluster(2):
                result = on_all("id -u; test -n \"$PMIX_RANK\"")
                assert (result.code, result.out) == (0, "%d\n%d\n" % (USER, USER)), result
        finally:
            os.umask(old)


@test("a user finds the nodes by name, and cannot read a key")
def _():
    bptest.need_hosts()
    with bptest.Cluster(2) as cluster:
        result = on_all("getent hosts n0 n1 master | wc -l", "--mpi=none")
        assert (result.code, result.out) == (0, "3\n3\n"), result
        keys = [cluster.rundir + "/cluster.key", cluster.rundir + "/n0.key"]
        for key in keys:
            assert run(["cat", key], user=USER).code != 0, key
        assert on_all("! cat /run/bpmix/node.key 2>/dev/null", "--mpi=none").code == 0


@test("a job whose bpshepherds cannot start ends while its ghosts are still being made")
def _():
    with bptest.Cluster(4):
        for node in range(4):
            bptest.must(["bpcluster", "exec", "n%d" % node, "chmod", "700", "/run/bpmix"])
        for _ in range(10):
            result = run(["bprun", "-n", "4", "-N", "4", "true"], user=USER, timeout=10)
            assert result.code == 137 and "Permission denied" in result.err, result


bptest.main()
