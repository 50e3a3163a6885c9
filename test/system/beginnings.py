#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""beginnings.py - beginnings of jobs that went wrong: a cluster made under a narrow umask, bpshepherds that fail."""
import os

import bptest
from bptest import run, test

USER = 12345
# bpcluster covers the machine's /etc/hosts; a bare debootstrap has none.
NAMES = " && getent hosts n0 n1 master" if os.path.exists("/etc/hosts") else ""


@test("a user's job with PMIx runs, and finds the nodes by name, whatever bpcluster's umask was")
def _():
    for mask in (0o022, 0o077):
        old = os.umask(mask)
        try:
            with bptest.Cluster(2):
                result = run(["bprun", "-n", "2", "-N", "2", "sh", "-c",
                              "test -n \"$PMIX_RANK\"" + NAMES], user=USER)
                assert result.code == 0, result
        finally:
            os.umask(old)


@test("a job whose bpshepherds cannot start ends while its ghosts are still being made")
def _():
    with bptest.Cluster(4):
        for node in range(4):
            bptest.must(["bpcluster", "exec", "n%d" % node, "chmod", "700", "/run/bpmix"])
        for _ in range(10):
            result = run(["bprun", "-n", "4", "-N", "4", "true"], user=USER, timeout=10)
            assert result.code == 137 and "Permission denied" in result.err, result


bptest.main()
