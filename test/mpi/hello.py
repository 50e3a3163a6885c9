#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""hello.py - mpi4py: one line a rank."""
import os
import sys

from mpi4py import MPI

world = MPI.COMM_WORLD
world.Barrier()
expected = os.environ.get("HELLO_RANKS")
if expected and int(expected) != world.size:
    sys.exit(f"hello.py: {world.size} ranks, not {expected}")
print(f"hello: rank {world.rank} of {world.size} on {os.uname().nodename}", flush=True)
