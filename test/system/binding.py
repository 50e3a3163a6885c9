#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""binding.py - where ranks run and on which CPUs: what was asked, what is told, what the kernel says."""
import contextlib
import os

import bptest
from bptest import run, start, test

BPRUN = ["bprun", "--mpi=none"]
SHOW = ["sh", "-c", "echo $BPROC_RANK $BPROC_NODE $(sed -n 's/Cpus_allowed_list:.//p' /proc/self/status)"]
CPUS = sorted(os.sched_getaffinity(0))
WARNING = "ranks are not bound"


def ranks(*options, then=""):
    """[(node, CPUs)] by rank, and bprun's own words."""
    result = run(BPRUN + [*options, *SHOW[:2], SHOW[2] + then])
    assert result.code == 0, repr(result)
    rows = sorted((int(r), int(n), cpus) for r, n, cpus in
                  (line.split() for line in result.out.splitlines()))
    assert [row[0] for row in rows] == list(range(len(rows))), rows
    return [row[1:] for row in rows], result.err


def numbers(cpus):
    """{CPU} of a list as "0-3,7"."""
    return {n for part in cpus.split(",")
            for n in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)}


def siblings(cpu):
    """The CPUs of its core."""
    path = "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu
    with open(path, encoding="utf-8") as f:
        return numbers(f.read()) & set(CPUS)


def needs_two_cpus():
    if len(CPUS) < 2:
        raise bptest.Skip("one CPU only")


@test("ranks that fit are bound to a core each; the report is what the kernel has")
def _():
    needs_two_cpus()
    # They end at the end of their input, which comes when they are known to be there.
    rows, words = ranks("-n", "2", "-w", "0", "--report-bindings", "--stdin=all", then="; exec cat")
    assert WARNING not in words and len({cpus for _, cpus in rows}) == 2, (rows, words)
    told = sorted(line for line in words.splitlines() if line.startswith("rank "))
    assert len(told) == 2, words
    for i, (node, cpus) in enumerate(rows):
        assert told[i].startswith("rank %d on n%d: package " % (i, node)), words
        assert "(CPU %s) [" % cpus in told[i], words


@test("ranks that end at once, or change their CPUs, are reported as they were at their beginning")
def _():
    needs_two_cpus()
    for program in (["true"], ["taskset", "-c", "%d" % CPUS[-1], "true"]):
        for _ in range(5):
            words = run(BPRUN + ["-n", "1", "-w", "0", "--report-bindings", *program]).err
            assert words.startswith("rank 0 on n0: package ") and \
                "(CPU %d) [" % CPUS[0] in words, words


@test("nodes that share one computer share its CPUs")
def _():
    needs_two_cpus()
    rows, _ = ranks("-n", "2", "-N", "2")
    assert rows[0][0] != rows[1][0] and rows[0][1] != rows[1][1], rows


@test("more ranks than CPUs: not bound, one warning; --bind-to none: no warning")
def _():
    rows, words = ranks("-n", "64", "-N", "4")
    everything = rows[0][1]
    assert words.count(WARNING) == 1 and all(cpus == everything for _, cpus in rows), words
    assert [node for node, _ in rows] == sorted(node for node, _ in rows), rows
    rows, words = ranks("-n", "64", "-N", "4", "--bind-to", "none")
    assert words == "" and all(cpus == everything for _, cpus in rows), (rows, words)


@test("--bind-to none: ranks are kept on the CPUs that their job has, not off each other's")
def _():
    needs_two_cpus()
    core = len(siblings(CPUS[0]))
    for options, count in ((["-n", "2", "-w", "0"], 2 * core), (["-n", "1", "-w", "0"], core),
                           (["-n", "1", "-c", "2", "-w", "0"], 2 * core),
                           (["-n", "1", "-w", "0", "--exclusive"], len(CPUS)),
                           (["-n", "1", "-w", "0", "--overlap"], len(CPUS))):
        rows, words = ranks(*options, "--cpu-bind=none")
        assert words == "", words
        assert {len(numbers(cpus)) for _, cpus in rows} == {count}, (options, rows)
    with start(BPRUN + ["-n", "1", "-w", "0", "--bind-to", "none", "--report-bindings", "cat"],
               stdin=-1) as first:
        told = first.stderr.readline()
        assert ": not bound, may use package 0" in told and " (CPU" in told, told
        rows, _ = ranks("-n", "1", "-w", "0", "--bind-to", "none")
        assert "(CPU %s)" % rows[0][1] not in told and "(CPUs %s)" % rows[0][1] not in told, told
        bptest.finish(first)


@test("crowded MPI ranks yield and wake together; not when the user has chosen, nor others")
def _():
    show = ["sh", "-c", "echo $OMPI_MCA_mpi_yield_when_idle $(cat /proc/self/timerslack_ns)"]
    usual = open("/proc/self/timerslack_ns", encoding="utf-8").read().strip()
    for words, more, wanted in ((["-n", "64"], {}, "1 1000000"),
                                (["-n", "64"], {"OMPI_MCA_mpi_yield_when_idle": "0"}, "0 " + usual),
                                (["-n", "64"], {"OMPI_MCA_mpi_yield_when_idle": "1"}, "1 1000000"),
                                (["-n", "1"], {}, usual),
                                (["-n", "64", "--mpi=none"], {}, usual)):
        result = run(["bprun", *words, *show], env=dict(os.environ, **more))
        told = [line.strip() for line in result.out.splitlines()]
        assert told == [wanted] * int(words[1]), (words, more, result)


def restart():
    CLUSTER.order("stop", "n0")
    CLUSTER.order("start", "n0")
    CLUSTER.wait_up()


def check_limited(only):
    """n0 was given one CPU."""
    restart()
    rows, _ = ranks("-w", "0", "-n", "1")
    assert rows == [(0, str(only))], rows
    rows, words = ranks("-w", "0", "-n", "3")
    assert rows == [(0, str(only))] * 3 and words.count(WARNING) == 1, (rows, words)


@test("never outside the CPUs that a node was given")
def _():
    needs_two_cpus()
    os.sched_setaffinity(CLUSTER.machine_pid("n0"), {CPUS[-1]})
    check_limited(CPUS[-1])
    os.sched_setaffinity(CLUSTER.machine_pid("n0"), CPUS)
    restart()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def cpuset_root():
    """Where a cpuset can be made: of cgroup version 1, or of 2 where its root hands it on."""
    if os.path.exists("/sys/fs/cgroup/cpuset/cpuset.cpus"):
        return "/sys/fs/cgroup/cpuset"
    with contextlib.suppress(OSError):
        if "cpuset" in read("/sys/fs/cgroup/cgroup.subtree_control").split():
            return "/sys/fs/cgroup"
    raise bptest.Skip("no cpuset can be made on this machine")


@test("never outside the cpuset that a node is in")
def _():
    needs_two_cpus()
    root, pid = cpuset_root(), CLUSTER.machine_pid("n0")
    folder = "%s/bpmix-test-%s" % (root, os.urandom(4).hex())
    try:
        os.mkdir(folder)
    except OSError as e:
        raise bptest.Skip("no cpuset can be made on this machine") from e
    try:
        write(folder + "/cpuset.cpus", str(CPUS[-1]))
        if os.path.exists(root + "/cpuset.mems"):
            write(folder + "/cpuset.mems", read(root + "/cpuset.mems"))
        write(folder + "/cgroup.procs", str(pid))
        check_limited(CPUS[-1])
        write(root + "/cgroup.procs", str(pid))
        restart()
    finally:
        for left in read(folder + "/cgroup.procs").split():
            write(root + "/cgroup.procs", left)
        os.rmdir(folder)
    assert ranks("-w", "0", "-n", str(len(CPUS)))[0] == [(0, str(cpu)) for cpu in CPUS]


@test("two jobs at once are never on one core; the one too many waits")
def _():
    needs_two_cpus()
    holders, seen = [], set()
    for _ in CPUS:
        job = start(BPRUN + ["-n", "1", "sh", "-c", " ".join(SHOW[2:]) + "; exec sleep 60"])
        seen.add(job.stdout.readline().split()[2])
        holders.append(job)
    assert seen == {str(c) for c in CPUS}, seen
    result = run(BPRUN + ["--immediate", "-n", "1", "true"])
    assert result.code == 125, repr(result)
    job = start(BPRUN + ["-n", "1", *SHOW])
    holders[0].terminate()
    bptest.finish(holders[0])
    assert bptest.finish(job).code == 0, job
    for job in holders[1:]:
        job.terminate()
        bptest.finish(job)
    rows, words = ranks("-n", "1")
    assert words == "" and len(rows[0][1]) == 1, (rows, words)


@test("-N, --ntasks-per-node, -w, -x, --map-by mean what srun's and mpirun's mean")
def _():
    def nodes(*options):
        return [node for node, _ in ranks("--bind-to", "none", *options)[0]]
    assert nodes("-N", "4") == [0, 1, 2, 3]
    assert nodes("-N", "2", "-n", "4") == [0, 0, 1, 1]
    assert nodes("-N", "2", "--ntasks-per-node", "3") == [0, 0, 0, 1, 1, 1]
    assert nodes("-N", "2", "-n", "4", "--map-by", "node") == [0, 1, 0, 1]
    assert nodes("-w", "n3,n1") == [3, 1]
    assert nodes("-N", "3", "-x", "1") == [0, 2, 3]
    assert nodes("-np", "2", "-w", "2") == [2, 2]


@test("-c CPUs for each rank; what no node has is an error in one line")
def _():
    needs_two_cpus()
    rows, _ = ranks("-n", "1", "-c", "2")
    assert rows[0][1] == "%d-%d" % (CPUS[0], CPUS[1]), rows
    for options, words in ((("-c", "999"), "999"), (("-N", "9",), "9"), (("-w", "7",), "7"),
                           (("-x", "all",), "node")):
        result = run(BPRUN + [*options, "true"])
        assert result.code != 0 and words in result.err, repr(result)
        assert len(result.err.splitlines()) == 1, repr(result)


if __name__ == "__main__":
    CLUSTER = bptest.Cluster(4, lease=5)
    with CLUSTER:
        bptest.main()
