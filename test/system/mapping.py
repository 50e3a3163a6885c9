#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""mapping.py - many random requests: every rank is where, and has the CPUs and the memory, that was
computed beforehand, from the live nodes or offline from the exported topology.

time limit: 300 s, of which a thousand requests (--all) take most."""
import json
import os
import random
import tempfile

import bptest
from bptest import run, test

COUNT = 1000 if os.environ.get("BPMIX_TEST_ALL") else 120
CPUS = sorted(os.sched_getaffinity(0))
with open("/proc/self/status", encoding="utf-8") as status:
    EVERYTHING = status.read().split("Cpus_allowed_list:")[1].split()[0]
ALLOWED = {}  # CPUs of a node that may not use all
SHOW = ["sh", "-c", "echo $BPROC_RANK $BPROC_NODE $(sed -n 's/Cpus_allowed_list:.//p' /proc/self/status) "
        "$(head -1 /proc/self/numa_maps | cut -d' ' -f2)"]
WORDS = [
    ("--map-by", ["slot", "hwthread", "core", "l1", "l2", "l3", "numa", "package", "node",
                  "package:span", "l3:fill", "ppr:1:core", "ppr:2:node", "ppr:1:package",
                  "core:pe=2", "slot:oversubscribe", "pe-list=%s" % ",".join(map(str, CPUS[::-1]))]),
    ("--rank-by", ["slot", "node", "fill", "span"]),
    ("--bind-to", ["none", "hwthread", "core", "l3", "numa", "package", "core:overload-allowed"]),
    ("-m", ["block", "cyclic", "plane=2", "block:cyclic", "block:block", "cyclic:fcyclic"]),
    ("-c", ["1", "2"]),
    ("--ntasks-per-node", ["1", "2", "3"]),
    ("--ntasks-per-socket", ["1", "2"]),
    ("--cpu-bind", ["none", "cores", "threads", "sockets", "map_cpu:%d" % CPUS[-1],
                    "mask_cpu:0x%x,0x%x" % (1 << CPUS[0], 1 << CPUS[-1])]),
    ("--mem-bind", ["local", "none"]),
    ("--cpu-set", [str(CPUS[-1]), "%d-%d" % (CPUS[0], CPUS[-1])]),
    ("--host", ["n2:2,n0:1", "n1,n3", "n3:4"]),
    ("-x", ["1", "0,2"]),
]


def random_request(chance, one_node):
    words = [] if chance.random() < 0.1 else ["-n", str(chance.randint(1, 6))]
    if one_node:
        words += ["-w", "0"]
    elif chance.random() < 0.4:
        words += ["-N", str(chance.randint(1, 4))]
    for option, values in chance.sample(WORDS, chance.randint(0, 3)):
        if not (one_node and option in ("--host", "-x")):
            words += [option, chance.choice(values)]
    return words


def computed(*options):
    """[(node, CPUs, bound to memory)] by rank as bpmap has it, or its refusal. Who is not bound may
    use what the job has there, of which bpmap says nothing: None."""
    result = run(["bpmap", "--json", *options])
    if result.code != 0:
        return result.err.splitlines()[0].partition(": ")[2]
    rows = []
    for rank in json.loads(result.out)["ranks"]:
        node = int(rank["node"].lstrip("n"))
        rows.append((node, rank.get("cpus"), "memory" in rank))
    return rows


def measured(*options):
    """The same as the ranks themselves see it."""
    result = run(["bprun", "--mpi=none", "-Q", *options, *SHOW])
    if result.code != 0:
        return result.err.splitlines()[0].partition(": ")[2]
    rows = sorted((int(r), int(n), cpus, memory != "default") for r, n, cpus, memory in
                  (line.split() for line in result.out.splitlines()))
    assert [row[0] for row in rows] == list(range(len(rows))), rows
    return [row[1:] for row in rows]


def members(mask):
    """The numbers of "0-2,5"."""
    return {number for part in mask.split(",")
            for number in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)}


def agree(before, after):
    """Unbound ranks of one node have one mask, of CPUs that the node has."""
    if isinstance(before, str) or isinstance(after, str):
        return before == after
    shared = {node: cpus for (_, known, _), (node, cpus, _) in zip(before, after) if known is None}
    return [(node, shared.get(node) if cpus is None else cpus, memory)
            for node, cpus, memory in before] == after and all(
                members(cpus) <= members(ALLOWED.get(node, EVERYTHING))
                for node, cpus in shared.items())


def compare(requests, *source):
    placed = 0
    for words in requests:
        before, after = computed(*source, *words), measured(*words)
        assert agree(before, after), "%s: computed %s, but it is %s" % (" ".join(words), before, after)
        placed += isinstance(after, list)
    print("# %d requests, %d of them placed" % (len(requests), placed))
    assert placed > len(requests) / 3


@test("%d random requests on the live nodes: the ranks have what was computed" % (COUNT // 2))
def _():
    chance = random.Random(1)
    compare([random_request(chance, False) for _ in range(COUNT // 2)])


@test("%d random requests: the same offline, from the exported topology" % (COUNT // 2))
def _():
    chance = random.Random(2)
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        bptopo = os.path.join(os.environ["BPMIX_PREFIX"], "libexec/bpmix/bptopo")
        file.write(run([bptopo, "--export"]).out.encode())
        file.flush()
        compare([random_request(chance, True) for _ in range(COUNT // 2)], "--topology", file.name)


def restrict(node, cpus):
    os.sched_setaffinity(CLUSTER.machine_pid("n%d" % node), cpus)
    CLUSTER.order("stop", "n%d" % node)
    CLUSTER.order("start", "n%d" % node)
    CLUSTER.wait_up()


@test("%d random requests on nodes that may use one CPU each" % (COUNT // 4))
def _():
    if len(CPUS) < 2:
        raise bptest.Skip("one CPU only")
    chance = random.Random(3)
    for node in range(4):
        restrict(node, {CPUS[node % 2]})
        ALLOWED[node] = str(CPUS[node % 2])
    compare([random_request(chance, False) for _ in range(COUNT // 4)])


if __name__ == "__main__":
    CLUSTER = bptest.Cluster(4, lease=5)
    with CLUSTER:
        bptest.main()
