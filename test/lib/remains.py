# SPDX-License-Identifier: BSD-3-Clause
"""remains.py - what a job may leave on the machines of a cluster: nothing."""
import contextlib
import os

import bptest
import wire
from bptest import processes, wait_for


def jobs(path="/run/bpmix/master.sock"):
    """bpmaster's rows of its jobs, packed."""
    with wire.Tool(path) as tool:
        return wire.unpack(tool.ask(wire.frame(wire.JOB_LIST))[1]).get(1, [])


def nodes(path="/run/bpmix/master.sock"):
    """bpmaster's rows of its nodes, packed."""
    with wire.Tool(path) as tool:
        return wire.unpack(tool.ask(wire.frame(wire.NODE_LIST))[1])[1]


def _files(machine):
    """How many there are below a machine's own /tmp, /run and /dev/shm."""
    root = "/proc/%d/root" % machine
    shared = (root + bptest.BUILD, root + bptest.SOURCE)
    return sum(len(names) + len(leaves) for top in ("/tmp", "/run", "/dev/shm")
               for folder, names, leaves in os.walk(root + top) if not folder.startswith(shared))


def _below(top, table):
    found, new = set(), {top}
    while new:
        found |= new
        new = {p for p, row in table.items() if row[0] in new} - found
    return found


def _namespaces(pids):
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            found.add(os.readlink("/proc/%d/ns/mnt" % pid))
    return len(found)


def things(cluster):
    """Counts that may not grow: files, mounts, namespaces, descriptors of the daemons."""
    counts, table = {}, processes()
    for who, (machine, daemon, _) in cluster.machines().items():
        if daemon is not None:
            counts[who + ": descriptors"] = len(os.listdir("/proc/%d/fd" % daemon))
        if who != "master":
            counts[who + ": files"] = _files(machine)
            counts[who + ": namespaces"] = _namespaces(_below(machine, table))
            with open("/proc/%d/mountinfo" % machine, encoding="utf-8") as f:
                counts[who + ": mounts"] = len(f.readlines())
    return counts


def more(cluster, before):
    """What there is more of now: {what: (before, now)}."""
    now = things(cluster)
    return {key: (count, now.get(key)) for key, count in before.items()
            if now.get(key, 0) > count}


def _belonging(cluster):
    """PIDs that may be there: machines, daemons, this test."""
    pids = {os.getpid(), 1}
    for machine, daemon, _ in cluster.machines().values():
        pids |= {machine, daemon}
    return pids


def _strangers(cluster):
    mine = _belonging(cluster)
    return ["%d %s %s" % (pid, row[3], row[5] or row[4]) for pid, row in processes().items()
            if pid not in mine]


@contextlib.contextmanager
def none(cluster, timeout=10):
    """Whatever happens inside: afterwards every daemon is started again if need be, and no job, no
    process, file, mount, namespace, descriptor and CPU in use is left."""
    before, snapshot = things(cluster), bptest.Snapshot()
    try:
        yield
    finally:
        for who, row in cluster.machines().items():
            if row[1] is None:
                cluster.order("start", who)
    cluster.wait_up()
    wait_for(lambda: not jobs(), timeout, "the end of the job in bpmaster")
    try:
        wait_for(lambda: not _strangers(cluster), timeout)
    except AssertionError:
        raise AssertionError("left: " + "; ".join(_strangers(cluster))) from None
    snapshot.pids |= _belonging(cluster)
    snapshot.check()
    try:
        wait_for(lambda: not more(cluster, before), 5)
    except AssertionError:
        raise AssertionError("more than before: %s" % more(cluster, before)) from None
    used = [wire.unpack(row).get(7, [0])[0] for row in nodes()]
    assert not any(used), "CPUs in use: %s" % used
