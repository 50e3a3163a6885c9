#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""secrets.py - the key of a job is nowhere in bpmaster's memory when the job is over."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
import wire  # noqa: E402
from bptest import run, test, wait_for  # noqa: E402

cluster = None


def places(pid, secret):
    """Where it stands in what this process may write."""
    found = []
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, \
            open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for line in maps:
            span, rights, rest = line.split(None, 2)
            first, end = (int(x, 16) for x in span.split("-"))
            if not rights.startswith("rw") or "[v" in rest:
                continue
            memory.seek(first)
            left, tail = end - first, b""
            while left > 0:
                piece = memory.read(min(left, 1 << 20))
                if not piece:
                    break
                if secret in tail + piece:
                    found.append("%s %s" % (span, rest.split()[-1]))
                left -= len(piece)
                tail = piece[-len(secret):]
    return found


@test("the key of a job that is over is gone, too")
def _():
    if bptest.SANITIZED:
        raise bptest.Skip("a sanitizer's memory is too big to be read")
    master = cluster.daemon_pid("master")
    for _ in range(5):
        with wire.Tool("/run/bpmix/master.sock") as tool:
            key = tool.open(["/bin/true"], 2)[3][0]
            assert len(key) == 32 and places(master, key), "it is not where it must be"
            tool.drop_herds()
        wait_for(lambda: not remains.jobs(), what="the end of the job")
        wait_for(lambda key=key: not places(master, key), 5, lambda key=key: places(master, key))
    assert run(["bprun", "--mpi=none", "-n", "2", "true"]).code == 0


if __name__ == "__main__":
    with bptest.Cluster(2) as cluster:
        bptest.main()
