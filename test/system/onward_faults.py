#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 400 s
"""onward_faults.py - processes of all kinds of jobs are on their way from node to node when something
ends: they, their launchers, their nodes. Nothing is left, nobody waits, no signal is lost."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
import wire  # noqa: E402
from bptest import finish, must, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("onward")
USER = 12345
PROC_LIST = 21  # frame.h
FOREVER = "1000000"
cluster = None

# How many of them travel, and what starts them.
KINDS = {
    "rfork": (4, [PROGRAM, "fork", FOREVER, "3", "0", "1", "2", "0"]),
    "ranks": (4, ["bprun", "--mpi=none", "-n", "4", "--oversubscribe", PROGRAM, "ring", FOREVER,
                  "3"]),
    "nested": (2, ["bprun", "--mpi=none", "-n", "1", "-w", "0", PROGRAM, "fork", FOREVER, "3", "1",
                   "2"]),
}


def numbers(packed):
    values, value, shift = [], 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values


def places():
    """{PID: node} of the remote processes."""
    with wire.Tool() as tool:
        body = wire.unpack(tool.ask(wire.frame(PROC_LIST, node=-4))[1])
    nodes = [n >> 1 ^ -(n & 1) for n in numbers(body.get(2, [b""])[0])]
    return dict(zip(numbers(body.get(1, [b""])[0]), nodes))


def travelling(count):
    """PIDs of so many that were seen to go on."""
    seen, moved = {}, set()

    def look():
        for pid, node in places().items():
            if seen.setdefault(pid, node) != node:
                moved.add(pid)
        return len(moved) >= count
    wait_for(look, timeout=30, what="%d processes go from node to node" % count)
    return sorted(moved)


def beats(count):
    """A moment that differs from round to round."""
    for _ in range(count):
        must(["true"])


def rest():
    """Do all stay where they are for a while? One that goes on is at one of three nodes each time."""
    at = places()
    for _ in range(8):
        beats(1)
        if places() != at:
            return False
    return True


@test("SIGKILL at any moment: each of them, whatever its job")
def _():
    for kind, (count, command) in KINDS.items():
        for beat in range(3):
            with remains.none(cluster):
                p = start(command, user=USER)
                pids = travelling(count)
                beats(beat)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                result = finish(p)
                assert result.code not in (0, 7, 9), (kind, result)
                if kind == "rfork":
                    assert result.out.count("status 0x9\n") == 4, result


@test("the launcher is killed: bpkeeper, bprun, a rank")
def _():
    for kind, (count, command) in KINDS.items():
        for beat in range(2):
            with remains.none(cluster):
                p = start(command)
                travelling(count)
                beats(beat)
                names = {"rfork": "bpkeeper", "ranks": "bprun", "nested": "bpkeeper"}
                [pid] = [pid for pid, row in processes().items() if row[4] == names[kind]]
                os.kill(pid, signal.SIGKILL)
                result = finish(p)
                assert result.code not in (0, 7, 9), (kind, result)


@test("a node on everybody's way is killed: those there end, the others go on without it")
def _():
    for kind, (count, command) in KINDS.items():
        with remains.none(cluster, timeout=20):
            p = start(command)
            travelling(count)
            cluster.order("kill", "n1")
            result = finish(p, timeout=60)
            assert result.code not in (0, 7, 9), (kind, result)


@test("the job is closed while they move")
def _():
    for _ in range(3):
        with remains.none(cluster):
            p = start(["bprun", "--mpi=none", "-n", "4", "--oversubscribe", PROGRAM, "ring", FOREVER,
                       "3"])
            travelling(2)
            p.terminate()
            assert finish(p).code not in (0, 7)


@test("signals to each of them on its way: none is lost, none comes twice")
def _():
    sent = 60
    for kind, (count, command) in KINDS.items():
        command = [{FOREVER: "40"}.get(word, word) for word in command]
        if kind == "ranks":
            command.insert(1, "-K0")
        with remains.none(cluster):
            p = start(command, env={"SIGNALS": str(sent)})
            pids = travelling(count)
            for _ in range(sent):
                for pid in pids:
                    os.kill(pid, signal.SIGRTMIN)
            result = finish(p, timeout=60)
            assert result.out.count("done wrong 0 heard %d\n" % sent) == count, (kind, result)


@test("stopped on the way: it stays stopped wherever it is, and goes on")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "fork", "2000", "3", "0", "1"])
        pids = travelling(2)
        for _ in range(5):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            wait_for(lambda: all(processes()[pid][3] in "Tt" for pid in pids), what="they stop")
            wait_for(rest, what="they stay")  # one on its way is stopped where it comes to
            at = places()
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            wait_for(lambda: all(places().get(pid) != at[pid] for pid in pids), what="they go on")
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        result = finish(p)
        assert (result.code, result.out.count("status 0xf\n")) == (1, 2), result


@test("a node that they may not enter, or that closes: they go on where they are")
def _():
    with remains.none(cluster):
        must(["bpctl", "-S", "1", "-m", "0100"])
        for command in ([PROGRAM, "fork", "3", "3", "0"],
                        ["bprun", "--mpi=none", "-n", "1", "-w", "0", PROGRAM, "ring", "3", "3"]):
            result = run(command, user=USER)
            assert "to 1: EACCES\n" in result.out, result
        must(["bpctl", "-S", "1", "-m", "0111"])


if __name__ == "__main__":
    with bptest.Cluster(3) as cluster:
        bptest.main()
