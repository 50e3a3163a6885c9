#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""master_watch.py - bpmaster watches only descriptors of its own: a data connection that it passed on to the launcher
stays out of its epoll set (it would wake bpmaster without end while the launcher is slow)."""
import os
import re

import bptest
from bptest import finish, start, test

ROW = re.compile(r"^tfd:\s*(\d+) .* ino:\s*([0-9a-f]+)", re.M)


def watched(pid):
    """(descriptor, inode) of everything in the epoll sets of a process."""
    rows = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == "anon_inode:[eventpoll]":
            with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
                rows |= {(int(n), int(inode, 16)) for n, inode in ROW.findall(f.read())}
    return rows


def strangers(pid):
    """Those that are not, or no longer, its own."""
    found = set()
    for fd, inode in watched(pid):
        try:
            if os.stat("/proc/%d/fd/%d" % (pid, fd)).st_ino != inode:
                found.add(fd)
        except FileNotFoundError:
            found.add(fd)
    return found


@test("bpmaster does not watch the data connections of a running job")
def _():
    with bptest.Cluster(2) as cluster:
        job = start(["bprun", "--mpi=none", "-n", "2", "-N", "2", "sh", "-c", "echo here; cat"],
                    stdin=-1)
        assert [job.stdout.readline() for _ in range(2)] == ["here\n", "here\n"]
        master = cluster.daemon_pid("master")
        assert watched(master), "nothing found in /proc/%d/fdinfo" % master
        assert not strangers(master), strangers(master)
        assert finish(job, data="").code == 0


bptest.main()
