#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""waiting.py - jobs wait for their cores, in their order; who may end that, and what else does."""
import contextlib
import json
import os
import shutil
import signal
import threading

import bptest
import remains
import wire
from bptest import must, run, start, test, wait_for

BPRUN = ["bprun", "--mpi=none"]
USER = 12345
CPUS = sorted(os.sched_getaffinity(0))
ALL = str(len(CPUS))
HOLD = ["sh", "-c", "[ $BPROC_RANK != 0 ] || { echo up; cat; }"]


def rows():
    """bpstat's rows of the jobs, those that wait last."""
    return json.loads(must(["bpstat", "-j", "--json"]))["jobs"]


def row_of(job):
    return next((row for row in rows() if row["launcher"] == job.pid), None)


def waits(job, position=None):
    """Its row, when it waits (at this place in the line)."""
    def look():
        row = row_of(job)
        return row if row is not None and row["state"] == "waiting" and row.get("reason") and (
            position is None or row["position"] == position) else None
    try:
        return wait_for(look, what="a job that waits")
    except AssertionError:
        raise AssertionError("%s does not wait: %s" % (job.args, row_of(job))) from None


@contextlib.contextmanager
def holding(*options):
    """A job that has CPUs (all, if nothing is said) until it is let go of, by end of input."""
    job = start([*BPRUN, *(options or ("-n", ALL)), *HOLD], stdin=-1)
    assert job.stdout.readline() == "up\n", bptest.finish(job)
    try:
        yield job
    finally:
        if job.poll() is None:
            job.stdin.close()
            job.stdin = None
        bptest.finish(job)


def let_go(job):
    job.stdin.close()
    job.stdin = None
    assert bptest.finish(job).code == 0, job


def end(job, code=0, out=None):
    result = bptest.finish(job)
    assert result.code == code and (out is None or result.out == out), repr(result)
    return result


def needs_two_cpus():
    if len(CPUS) < 2:
        raise bptest.Skip("one CPU only")


# ---- the line ----

@test("first in, first out; each with its place and its reason")
def _():
    path = os.path.join(FOLDER, "order")
    with remains.none(cluster), holding() as holder:
        jobs = []
        for number in range(6):
            jobs.append(start(BPRUN + ["-n", ALL, "sh", "-c", "[ $BPROC_RANK != 0 ] || echo %d >>%s"
                                       % (number, path)]))
            row = waits(jobs[-1], number + 1)
            assert row["ranks"] == len(CPUS) and row["cores"] == 0 and row["nodes"] == "", row
        assert [r["launcher"] for r in rows()] == [holder.pid] + [j.pid for j in jobs], rows()
        table = must(["bpstat", "-j"]).splitlines()
        assert " waiting " in table[-1] and "(6: " in table[-1], table
        let_go(holder)
        for job in jobs:
            end(job)
    with open(path, encoding="utf-8") as f:
        assert f.read().split() == [str(i) for i in range(6)]


@test("a small job does not overtake a big one that waits for the same nodes")
def _():
    needs_two_cpus()
    with remains.none(cluster), holding("-n", str(len(CPUS) - 1)) as holder:
        big = start(BPRUN + ["-n", ALL, "echo", "big"])
        waits(big, 1)
        small = start(BPRUN + ["-n", "1", "echo", "small"])
        row = waits(small, 2)
        assert "earlier" in row["reason"], row
        let_go(holder)
        end(big, out="big\n" * len(CPUS))
        end(small, out="small\n")


@test("--immediate fails with the reason, in one line; with seconds it waits so long")
def _():
    with remains.none(cluster), holding():
        result = run(BPRUN + ["-I", "-n", "1", "true"])
        assert result.code == 125 and len(result.err.splitlines()) == 1, repr(result)
        assert "core" in result.err, repr(result)
        job = start(BPRUN + ["--immediate=1", "-n", "1", "true"])
        waits(job)
        result = end(job, 125)
        assert len(result.err.splitlines()) == 1 and "core" in result.err, repr(result)
    assert run(BPRUN + ["-I", "-n", "1", "true"]).code == 0


@test("what never fits is refused at once, also behind others")
def _():
    with remains.none(cluster), holding():
        waiting = start(BPRUN + ["-n", ALL, "true"])
        waits(waiting)
        for options in (["-c", "999"], ["-N", "9"], ["-w", "77"]):
            result = run(BPRUN + [*options, "true"])
            assert result.code == 125 and len(result.err.splitlines()) == 1, repr(result)
        waiting.terminate()
        end(waiting, -signal.SIGTERM)


@test("--overlap starts at once and takes nothing away; bpsh neither waits")
def _():
    with remains.none(cluster):
        with holding():
            assert run(BPRUN + ["--overlap", "-n", ALL, "echo", "x"]).out == "x\n" * len(CPUS)
            assert run(["bpsh", "2", "echo", "y"]).out == "y\n"
        with holding("--overlap", "-n", ALL) as holder:
            assert row_of(holder)["cores"] == 0
            assert run(BPRUN + ["-I", "-n", ALL, "echo", "z"]).out == "z\n" * len(CPUS)


@test("a job inside of a job does not wait for the CPUs of that one")
def _():
    inner = "[ $BPROC_RANK != 0 ] || bprun --mpi=none -n %s echo inside" % ALL
    with remains.none(cluster):
        assert must(BPRUN + ["-n", ALL, "sh", "-c", inner]) == "inside\n" * len(CPUS)


@test("--exclusive waits for a whole node, and has it")
def _():
    needs_two_cpus()
    with remains.none(cluster), holding("-n", "1") as holder:
        job = start(BPRUN + ["--exclusive", "-w", "0", "-n", "1", *HOLD], stdin=-1)
        waits(job)
        let_go(holder)
        assert job.stdout.readline() == "up\n", bptest.finish(job)
        node = json.loads(must(["bpmap", "--json", "--overlap", "-w", "0", "-n", "1"]))["nodes"][0]
        gpus = [device for device in node["devices"] if device["kind"] == "gpu"]
        assert row_of(job)["cores"] == len(CPUS), row_of(job)
        assert row_of(job)["gpus"] == len(gpus), row_of(job)
        assert run(BPRUN + ["-I", "-w", "0", "-n", "1", "true"]).code == 125
        let_go(job)


@test("more ranks than CPUs: the job has all that are free; the next waits, and --overlap does not")
def _():
    needs_two_cpus()
    many = str(3 * len(CPUS))
    with remains.none(cluster), holding("-n", many) as holder:
        assert row_of(holder)["cores"] == len(CPUS), row_of(holder)
        job = start(BPRUN + ["-n", many, "echo", "x"])
        waits(job)
        assert run(BPRUN + ["--overlap", "-n", many, "echo", "y"]).out == "y\n" * 3 * len(CPUS)
        let_go(holder)
        end(job, out="x\n" * 3 * len(CPUS))


@test("jobs at once never have one core")
def _():
    script = ("for c in $(sed -n 's/Cpus_allowed_list:.//p' /proc/self/status | tr , ' '); do "
              "mkdir %s/cpu$c || echo twice; done; sleep 0.1; rmdir %s/cpu$c")
    with remains.none(cluster):
        jobs = [start(BPRUN + ["-n", "1", "-w", str(i % 4), "sh", "-c", script % (FOLDER, FOLDER)])
                for i in range(12)]
        for job in jobs:
            result = end(job, out="")
            assert result.err == "", repr(result)


@test("a terminal is told; -t counts from the start")
def _():
    with remains.none(cluster), holding() as holder:
        with bptest.Terminal(BPRUN + ["-n", ALL, "-t", "0:01", "sleep", "60"]) as first:
            first.read_until("waiting: ")
            first.read_until("next in line")
            with bptest.Terminal(BPRUN + ["-n", "1", "echo", "mine"]) as second:
                second.read_until("2nd in line")
                let_go(holder)
                assert first.wait() == 124
                second.read_until("mine")
                assert second.wait() == 0


# ---- leaving the line ----

@test("bprun that is interrupted, ended or killed leaves the line; nothing of it is left")
def _():
    with remains.none(cluster), holding() as holder:
        for how, options in ((signal.SIGINT, []), (signal.SIGTERM, ["--start=ld"]),
                             (signal.SIGKILL, []), (signal.SIGKILL, ["--start=entry"])):
            job = start(BPRUN + options + ["-n", ALL, "true"])
            waits(job, 1)
            behind = start(BPRUN + ["-n", ALL, "true"])
            waits(behind, 2)
            os.kill(job.pid, how)
            end(job, -how)
            waits(behind, 1)
            os.kill(behind.pid, signal.SIGHUP)
            end(behind, -signal.SIGHUP)
        assert [row["launcher"] for row in rows()] == [holder.pid]


@test("bpkill takes a job out of the line; only signals that end are taken")
def _():
    with remains.none(cluster), holding():
        job = start(BPRUN + ["-n", ALL, "true"])
        number = str(waits(job, 1)["job"])
        behind = start(BPRUN + ["-n", ALL, "true"])
        next_number = str(waits(behind, 2)["job"])
        must(["bpkill", "-s", "0", number])
        result = run(["bpkill", number, "USR1"])
        assert result.code == 1 and "waits" in result.err, repr(result)
        must(["bpkill", number])
        result = end(job, 125)
        assert "user 0" in result.err and len(result.err.splitlines()) == 1, repr(result)
        waits(behind, 1)
        must(["bpkill", "-9", next_number])
        end(behind, 125)


@test("bpkill signals every rank; nobody else's jobs; slips send nothing")
def _():
    trap = "trap 'echo got; exit 0' USR1; echo up; while :; do sleep 0.02; done"
    with remains.none(cluster):
        job = start(BPRUN + ["-N", "4", "-l", "sh", "-c", trap], user=USER)
        seen = sorted(job.stdout.readline() for _ in range(4))
        assert seen == ["%d: up\n" % i for i in range(4)], seen
        number = str(row_of(job)["job"])
        for words, text in ((["1234567"], "no job"), ([number, "99"], "no number of a job"),
                            ([number, "x"], "no number"), (["-s", "FOO", number], "FOO"), ([], "which"),
                            (["-s", "9", number, "TERM"], "two signals")):
            result = run(["bpkill", *words])
            assert result.code != 0 and text in result.err, (words, repr(result))
        result = run(["bpkill", number], user=USER + 1)
        assert result.code == 1 and "user %d" % USER in result.err, repr(result)
        must(["bpkill", number, "USR1"], user=USER)
        result = end(job)
        assert sorted(result.out.splitlines()) == ["%d: got" % i for i in range(4)], repr(result)
    with remains.none(cluster):
        job = start(BPRUN + ["-n", "2", "--overlap", "sleep", "60"])
        number = str(wait_for(lambda: (row_of(job) or {}).get("state") == "running" and
                              row_of(job)["job"]))
        must(["bpkill", number, number])
        end(job, 128 + signal.SIGTERM)


@test("a launcher that is killed frees its cores at once")
def _():
    with remains.none(cluster), holding() as holder:
        job = start(BPRUN + ["-n", ALL, "echo", "mine"])
        waits(job)
        holder.kill()
        end(job, out="mine\n" * len(CPUS))


# ---- nodes and rights change meanwhile ----

def key_text(node):
    return must([bptest.PREFIX + "/sbin/bpmaster", "-c", cluster.rundir + "/bpmix.conf",
                 "--node-key", str(node)])


class Stranger:
    """Node 3 as a computer of its own with so many cores and GPUs, where jobs are opened and closed
    and nothing runs."""

    def __init__(self, cores, gpus=0):
        self.devices = [[(1, 1), (2, 1), (3, "nvml%d" % i), (4, "GPU-%d" % i), (5, "0000:%d:00.0" % i)]
                        for i in range(gpus)]
        self.slots = [[(1, i), (2, i), (3, 0), (4, 0), (5, 0), (6, 0)] for i in range(cores)]
        self.opened = []

    def __enter__(self):
        cluster.order("stop", "n3")
        self.node = wire.Node(ADDRESS, key_text(3))
        return self

    def join(self):
        assert self.node.join(slots=self.slots, devices=self.devices)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            got = self.node.frames.get()
            if got is None:
                return
            kind, _, job, _ = got
            if kind == wire.SPACE_OPEN:
                self.opened.append(job)
            elif kind == wire.SPACE_END:
                self.node.send(wire.frame(wire.SPACE_ENDED, wire.pack((1, 0)), job=job))

    def has(self, job):
        """The job is here."""
        wait_for(lambda: (row_of(job) or {}).get("nodes") == "n3", what="a job on node 3")
        wait_for(lambda: row_of(job)["job"] in self.opened, what="its space")

    def __exit__(self, *_):
        self.node.close()
        cluster.order("start", "n3")
        cluster.wait_up(4)


@test("who waits for some nodes holds up nobody on others")
def _():
    with remains.none(cluster), Stranger(4) as stranger, holding("-w", "0", "-n", ALL):
        stranger.join()
        first = start(BPRUN + ["-w", "0", "-n", "1", "true"])
        waits(first, 1)
        named = start(BPRUN + ["-w", "3", "-n", "2", "true"])
        stranger.has(named)
        free = start(BPRUN + ["-n", "2", "true"])
        stranger.has(free)
        over = start(BPRUN + ["-w", "3", "-n", "1", "true"])
        waits(over, 2)
        both = start(BPRUN + ["-w", "0,3", "-N", "2", "-n", "2", "true"])
        waits(both, 3)
        named.kill()
        stranger.has(over)
        for job in (over, free, both, first):
            job.kill()
            bptest.finish(job)
        bptest.finish(named)


@test("who waits for nodes that go down waits until they are back, and holds up nobody meanwhile")
def _():
    with remains.none(cluster):
        with holding():
            named = start(BPRUN + ["-w", "3", "-n", "1", "true"])
            waits(named, 1)
            several = start(BPRUN + ["-N", "4", "-n", "4", "-O", "true"])
            waits(several, 2)
            cluster.order("stop", "n3")
            wait_for(lambda: "node 3 is down" in row_of(named)["reason"], what="the reason")
            wait_for(lambda: "node 3 is down" in row_of(several)["reason"], what="the reason")
            assert row_of(named)["state"] == "waiting" and row_of(several)["position"] == 2, rows()
            result = run(BPRUN + ["-w", "3", "true"])
            assert result.code == 125 and "node 3 is down" in result.err, repr(result)
        end(start(BPRUN + ["-n", ALL, "true"]))
        assert row_of(named)["position"] == 1 and row_of(several)["position"] == 2, rows()
        cluster.order("start", "n3")
        end(named)
        end(several)


@test("a node that comes is used by who waits; one that goes is waited for")
def _():
    with remains.none(cluster), Stranger(64) as stranger, holding():
        job = start(BPRUN + ["-n", ALL, "true"])
        waits(job)
        stranger.join()
        stranger.has(job)
        more = start(BPRUN + ["-w", "3", "-n", "64", "true"])
        waits(more)
        stranger.node.close()
        wait_for(lambda: "node 3 is down" in row_of(more)["reason"], what="the reason")
        must(["bpkill", str(row_of(more)["job"])])
        end(more, 125)
        job.kill()
        bptest.finish(job)


@test("GPUs belong to one job each: who finds none waits")
def _():
    gpu = BPRUN + ["-w", "3", "-n", "1", "--gpus-per-task=1", "true"]
    with remains.none(cluster), Stranger(8, gpus=2) as stranger:
        stranger.join()
        jobs = [start(gpu)]
        stranger.has(jobs[0])
        jobs.append(start(gpu))
        stranger.has(jobs[1])
        assert [row["gpus"] for row in rows()] == [1, 1], rows()
        jobs.append(start(gpu))
        assert "GPU" in waits(jobs[2], 1)["reason"], rows()
        jobs.append(start(BPRUN + ["-w", "0", "-n", "1", "true"]))
        end(jobs.pop())
        jobs[0].kill()
        stranger.has(jobs[2])
        for job in jobs:
            job.kill()
            bptest.finish(job)


@test("rights that are taken away end the waiting")
def _():
    with remains.none(cluster), holding():
        job = start(BPRUN + ["-n", ALL, "true"], user=USER)
        waits(job)
        try:
            must(["bpctl", "-S", "0-3", "-m", "700"])
            result = end(job, 125)
            assert "may not place" in result.err, repr(result)
        finally:
            must(["bpctl", "-S", "0-3", "-m", "111"])


# ---- bounds and faults ----

@test("1,024 jobs of a user may wait, and no more; the others are not held up")
def _():
    packet = wire.frame(wire.JOB_OPEN, wire.request(["x"], len(CPUS)))
    with remains.none(cluster), contextlib.ExitStack() as stack:
        with holding():
            tools = [stack.enter_context(wire.Tool()) for _ in range(1024)]
            for number, tool in enumerate(tools, 1):
                kind, body, _, _ = tool.ask(packet)
                assert kind == wire.JOB_WAIT, (kind, body)
                assert wire.unpack(body)[1] == [number], (number, body)
            with wire.Tool() as one_more:
                assert "1024 jobs" in one_more.refusal(packet)
            other = start(BPRUN + ["--overlap", "-n", "1", "echo", "x"], user=USER)
            end(other, out="x\n")
            for tool in tools[1:]:
                tool.close()
        while tools[0].receive()[0] == wire.JOB_WAIT:
            pass
        tools[0].close()


def children(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    return []


def hit_placement(how):
    """Send it to the first placement that is caught at work; the job's result."""
    master = cluster.daemon_pid("master")
    for _ in range(200):
        job = start(BPRUN + ["-n", "1", "true"])
        while job.poll() is None:
            for child in children(master):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, how)
        result = bptest.finish(job)
        if result.code != 0:
            assert cluster.daemon_pid("master") == master
            return result
    raise AssertionError("no placement was caught")


@test("a placement that is killed, or hangs, is that job's error alone")
def _():
    with remains.none(cluster):
        for how in (signal.SIGKILL, signal.SIGSTOP) if bptest.ALL else (signal.SIGKILL,):
            result = hit_placement(how)
            assert result.code == 125 and "placement" in result.err, repr(result)
            assert len(result.err.splitlines()) == 1, repr(result)
            assert run(BPRUN + ["-n", "1", "true"]).code == 0


@test("bpmaster ends while jobs wait: they end, and nothing of them is left")
def _():
    with remains.none(cluster), holding() as holder:
        job = start(BPRUN + ["--start=ld", "-n", ALL, "true"])
        waits(job)
        cluster.order("kill", "master")
        result = end(job, 125)
        assert "bpmaster" in result.err and len(result.err.splitlines()) == 1, repr(result)
        cluster.order("start", "master")
        bptest.finish(holder)


if __name__ == "__main__":
    FOLDER = os.path.join(bptest.BUILD, "test", "waiting")
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    cluster = bptest.Cluster(4, lease=2)
    with cluster:
        with open(cluster.rundir + "/hosts", encoding="utf-8") as f:
            ADDRESS = [line.split()[0] for line in f if line.split()[1] == "master"][0]
        bptest.main()
    shutil.rmtree(FOLDER)
