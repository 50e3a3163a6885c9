#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gpus.py - ranks and their GPUs, on nodes that believe to have some (an hwloc XML file): what ranks
are told, that no two jobs get the same, and who waits."""
import os
import tempfile

import bptest
from bptest import BUILD, run, start, test
from topologies import topology

CPUS = sorted(os.sched_getaffinity(0))
SHOW = ("echo $BPROC_RANK $(sed -n 's/Cpus_allowed_list:.//p' /proc/self/status) "
        "${CUDA_VISIBLE_DEVICES-none} ${ROCR_VISIBLE_DEVICES-none} ${ZE_AFFINITY_MASK-none}")


def ranks(*options):
    """[(CPUs, what CUDA, ROCm and Level Zero are told)] by rank."""
    result = run(["bprun", "--mpi=none", *options, "sh", "-c", SHOW])
    assert result.code == 0, repr(result)
    rows = sorted(line.split() for line in result.out.splitlines())
    return [tuple(row[1:]) for row in rows]


@test("each rank gets the GPU near its CPU, by UUID; who asks for none is told nothing")
def _():
    rows = ranks("-n", "2", "--gpus-per-task", "1", "-w", "0")
    assert [row[0] for row in rows] == ["0", "1"], rows
    assert rows[0][1] == FOUND[0] and rows[1][1] in FOUND[1:], (rows, FOUND)
    assert all(row[2:] == ("none", "none") for row in rows), rows
    assert ranks("-n", "2", "-w", "0") == [("0", "none", "none", "none"), ("1", "none", "none", "none")]


@test("several GPUs for a rank; all of the job's with --gpu-bind none; a list of them")
def _():
    rows = ranks("-n", "1", "--gpus-per-task", "3", "-w", "0")
    assert sorted(rows[0][1].split(",")) == sorted(FOUND), rows
    rows = ranks("-n", "2", "--gpus-per-task", "1", "--gpu-bind", "none", "-w", "0")
    assert rows[0][1] == rows[1][1] and len(rows[0][1].split(",")) == 2, rows
    rows = ranks("-n", "2", "--gpus-per-task", "1", "--gpu-bind", "map:2,0", "-w", "0")
    assert [row[1] for row in rows] == [FOUND[2], FOUND[0]], rows


@test("no two jobs have one GPU, whatever node they come by; a job that needs more waits, or fails")
def _():
    holder = start(["bprun", "--mpi=none", "-n", "1", "--gpus-per-task", "2", "-w", "0",
                    "sh", "-c", "echo $CUDA_VISIBLE_DEVICES; exec sleep 60"])
    held = holder.stdout.readline().strip().split(",")
    left = [uuid for uuid in FOUND if uuid not in held]
    assert [row[1] for row in ranks("-n", "1", "--gpus-per-task", "1", "-w", "1")] == left
    result = run(["bprun", "--mpi=none", "-I", "-n", "1", "--gpus-per-task", "2", "-w", "1", "true"])
    assert result.code != 0 and "needs 2 GPUs, 1 is free" in result.err, repr(result)
    holder.terminate()
    bptest.finish(holder)
    assert len(ranks("-n", "1", "--gpus-per-task", "2", "-w", "1")[0][1].split(",")) == 2


@test("more ranks than GPUs share them, with one warning; more GPUs than a node has are an error")
def _():
    result = run(["bprun", "--mpi=none", "-n", "2", "--gpus-per-task", "2", "-w", "0", "true"])
    assert result.code == 0 and result.err.count("GPUs are shared") == 1, repr(result)
    result = run(["bprun", "--mpi=none", "-n", "1", "--gpus-per-task", "4", "true"])
    assert result.code != 0 and "n0 has 3" in result.err, repr(result)
    assert len(result.err.splitlines()) == 1, repr(result)


if __name__ == "__main__":
    if CPUS[:2] != [0, 1]:
        print("1..0 # SKIP this machine has not CPUs 0 and 1")
        raise SystemExit
    with tempfile.NamedTemporaryFile("w", suffix=".xml", dir=BUILD) as file:
        file.write(topology(packages=2, gpus=(0, 1, 1)))
        file.flush()
        os.environ["HWLOC_XMLFILE"] = file.name
        CLUSTER = bptest.Cluster(2, lease=5)
        with CLUSTER:
            FOUND = [line.split()[4] for line in
                     run([os.path.join(os.environ["BPMIX_PREFIX"], "libexec/bpmix/bptopo")]).out.splitlines()
                     if line.startswith("device gpu")]
            bptest.main()
