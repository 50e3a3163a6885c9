#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""lesser.py - a node whose CPU lacks what a process was started with is not for that process: it is
refused by the feature's name before anything is sent, and goes on where it is."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import must, run, test  # noqa: E402

PROCS = bptest.build_caller("bproc_procs")
ONWARD = bptest.build_caller("onward")
WARM = bptest.build_caller("warm_program")
NOT_HERE = 95  # ENOTSUP
cluster = None


def no(feature, node, program):
    return "node %d: its CPU has no %s, which %s was started with" % (node, feature, program)


@test("rfork, vrfork: an error of the call, or of its entry")
def _():
    with remains.none(cluster):
        assert must([PROCS, "rfork-fails", "1"]) == "-1 %d ECHILD\n" % NOT_HERE
        rows = must([PROCS, "vrfork", "1,0,2"]).splitlines()
        assert "child 0: -%d status ffffffff" % NOT_HERE in rows, rows
        assert "child 2: -%d status ffffffff" % NOT_HERE in rows, rows
        assert any(r.startswith("child n0 ") for r in rows) and "vrfork 3" in rows, rows


@test("move: it stays where it is, on the master and on a node")
def _():
    with remains.none(cluster):
        result = run([ONWARD, "try", "1", "0", "1", "2", "3", "0"])
        assert result.out.splitlines() == [
            "-1 to 1: -1 %d at -1" % NOT_HERE, "-1 to 0: 0 0 at 0", "0 to 1: -1 %d at 0" % NOT_HERE,
            "0 to 2: -1 %d at 0" % NOT_HERE, "0 to 3: 0 0 at 3", "3 to 0: 0 0 at 0"], result


@test("execmove, vexecmove, --start=ld: of a program that has not run nothing is asked")
def _():
    result = run([PROCS, "execmove", "1", "/bin/sh", "-c", "hostname"])
    assert (result.code, result.out) == (0, "n1\n"), result
    rows = must([PROCS, "vexecmove", "1,2", "/bin/hostname"]).splitlines()
    assert "n1" in rows and "n2" in rows, rows
    result = run(["bprun", "--mpi=none", "--start=ld", "--status=json", "-w", "n1", "-n", "1",
                  "/bin/hostname"])
    assert (result.code, result.out) == (0, "n1\n"), result
    assert json.loads(result.err)["start"] == "ld", result


@test("--warm: one line names the node and the feature; where there is a choice others are taken")
def _():
    with remains.none(cluster):
        result = run(["bprun", "--warm", "--mpi=none", "-w", "n2", "-n", "1", WARM])
        assert result.code == 125, result
        assert result.err == "bprun: %s\n" % no("popcnt", 2, WARM), result
        must(["bpctl", "-S", "0,3", "-m", "0"])
        result = run(["bprun", "--warm", "--mpi=none", "-n", "1", WARM], user=12345)
        assert result.code == 125 and no("sse4_2", 1, WARM) in result.err, result
        must(["bpctl", "-S", "0,3", "-m", "111"])
        result = run(["bprun", "--warm", "--mpi=none", "-n", "2", "--ntasks-per-node=1", WARM])
        assert result.code == 0, result
        assert {r.split()[3] for r in result.out.splitlines()[1:]} == {"n0", "n3"}, result


@test("--start=entry: started by exec, and one line why")
def _():
    result = run(["bprun", "--mpi=none", "--start=entry", "--status=json", "-w", "n1", "-n", "1",
                  "/bin/hostname"])
    assert (result.code, result.out) == (0, "n1\n"), result
    why, told = result.err.splitlines()
    assert why == "bprun: %s; started by exec" % no("sse4_2", 1, "/bin/hostname"), result
    assert json.loads(told)["start"] == "exec", result
    result = run(["bprun", "--mpi=none", "--start=entry", "--status=json", "-n", "1",
                  "/bin/hostname"])
    assert result.code == 0 and json.loads(result.err)["start"] == "entry", result


@test("bpstat --json lists what the CPUs of a node can do")
def _():
    rows = {n["node"]: n["features"] for n in json.loads(must(["bpstat", "--json"]))["nodes"]}
    assert set(rows[0]) - set(rows[1]) == {"sse4_2"} and set(rows[0]) - set(rows[2]) == {"popcnt"}
    assert rows[0] == rows[3]


@test("a wrong BPMIX_CPU_LACKS is an error of bpnode")
def _():
    for word, why in (("0:mmx3", 'no feature of a CPU is called "mmx3"'),
                      ("sse", '"sse" is no NODE:FEATURE'), ("0:", 'no feature of a CPU is called ""'),
                      ("0:sse,,1:sse2", '"" is no NODE:FEATURE')):
        result = cluster.execute("n0", ["env", "BPMIX_CPU_LACKS=" + word,
                                        bptest.PREFIX + "/sbin/bpnode", "-d", "-k",
                                        "/run/bpmix/node.key", "master"])
        assert result.code == 1, result
        assert result.err == "bpnode: error: BPMIX_CPU_LACKS: %s\n" % why, result


if __name__ == "__main__":
    os.environ["BPMIX_CPU_LACKS"] = "1:sse4_2,2:popcnt"
    with bptest.Cluster(4) as cluster:
        bptest.main()
