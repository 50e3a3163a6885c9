#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""allreduce.py - mpi4py: sums of objects and of buffers, checked."""
from array import array
import sys

from mpi4py import MPI

world = MPI.COMM_WORLD
triangle = world.size * (world.size - 1) // 2
if world.allreduce(world.rank) != triangle:
    sys.exit("allreduce.py: wrong sum of objects")
ours, sums = array("d", [world.rank, 1.0] * 500), array("d", [0.0] * 1000)
world.Allreduce(ours, sums)
if list(sums) != [float(triangle), float(world.size)] * 500:
    sys.exit("allreduce.py: wrong sum of buffers")
if world.allgather({"rank": world.rank}) != [{"rank": r} for r in range(world.size)]:
    sys.exit("allreduce.py: wrong gather")
if world.rank == 0:
    print(f"allreduce: {world.size} ranks ok", flush=True)
