# SPDX-License-Identifier: BSD-3-Clause
"""warm.py - imports and a table once, then as many ranks as asked for; checked sums, own host names,
own random numbers; no garbage collection of what was there before, timers as the node wants them."""
import gc
import os
import random

import numpy
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI  # noqa: E402
import bpmix  # noqa: E402

table = numpy.arange(1000000.0)
first = os.getpid()
os.environ["SET_BEFORE"] = "kept"

assert bpmix.warm(), "not under bprun --warm"
assert gc.get_freeze_count() > 10000, gc.get_freeze_count()
if os.environ.get("OMPI_MCA_mpi_yield_when_idle") == "1":  # many ranks on few cores
    with open("/proc/self/timerslack_ns", encoding="utf-8") as f:
        assert f.read().strip() == "1000000"
assert os.environ["SET_BEFORE"] == "kept" and "BPMIX_WARM" not in os.environ
MPI.Init()
world = MPI.COMM_WORLD
assert int(os.environ["PMIX_RANK"]) == world.rank and os.getpid() != first
total = world.allreduce(table.sum() + world.rank)
assert total == world.size * table.sum() + world.size * (world.size - 1) / 2, total
block = numpy.full(1000, float(world.rank))
result = numpy.empty_like(block)
world.Allreduce(block, result)
assert (result == world.size * (world.size - 1) / 2).all()
hosts = world.gather(os.uname().nodename)
numbers = world.gather(random.random())
if world.rank == 0:
    assert len(set(numbers)) == world.size, "ranks share their random numbers"
    print("warm: %d ranks on %d hosts ok" % (world.size, len(set(hosts))))
MPI.Finalize()
