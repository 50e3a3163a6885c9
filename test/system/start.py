#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""start.py - jobs whose ranks start from an image: what they are, and images that are none."""
import contextlib
import glob
import json
import os
import shutil
import signal

import bptest
import remains
from bptest import run, start, finish, test, wait_for
from images import HEAD, Image, failures, nodes

WAYS = ("exec", "ld", "entry")
BIG = 256 << 20
cluster = None


def status(result):
    rows = [r for r in result.err.splitlines() if r.startswith("{")]
    assert len(rows) == 1, repr(result)
    return json.loads(rows[0])


def bprun(way, *words, **more):
    return run(["bprun", "--status=json", "--start=" + way, *words], **more)


def on_node(node, path):
    return "/proc/%d/root%s" % (cluster.machine_pid("n%d" % node), path)


@contextlib.contextmanager
def only_here(source):
    """The path of a copy of a program that no node has."""
    path = "/tmp/only-here"
    shutil.copy(source, path)
    try:
        yield path
    finally:
        os.unlink(path)


# ---- what the ranks are ----

@test("each way: every rank runs on its node, with its variables, arguments and directory")
def _():
    for way in WAYS:
        result = bprun(way, "-n", "4", "--map-by=node", "-D", "/usr", "sh", "-c",
                       "echo $BPROC_RANK $BPROC_NODE $PMIX_RANK $0 $1 $PWD $MARK $(umask)", "a b",
                       "c", env={"MARK": "here"})
        assert result.code == 0 and status(result)["start"] == way, (way, repr(result))
        assert sorted(result.out.splitlines()) == [
            "%d %d %d a b c /usr here 0022" % (r, r % 2, r) for r in range(4)], (way, repr(result))


@test("each way: PIDs, exit statuses and signals are the process's own")
def _():
    for way in WAYS:
        result = bprun(way, "--no-kill", "-n", "3", "--mpi=none", "sh", "-c",
                       "echo $BPROC_RANK $$; [ $BPROC_RANK != 1 ] || kill -9 $$; exit $BPROC_RANK")
        rows = status(result)["ranks"]
        assert [(r.get("exit"), r.get("signal")) for r in rows] == [(0, None), (None, 9), (2, None)]
        assert dict(line.split() for line in result.out.splitlines()) == {
            str(r["rank"]): str(r["pid"]) for r in rows}, (way, repr(result))


@test("a program that the nodes do not have runs there")
def _():
    with only_here("/usr/bin/hostname") as path:
        assert bprun("exec", "-n", "2", "-N", "2", path).code == 127
        for way in WAYS[1:]:
            result = bprun(way, "-n", "2", "-N", "2", path)
            assert (result.code, sorted(result.out.split())) == (0, ["n0", "n1"]), repr(result)
            assert status(result)["start"] == way, repr(result)
        result = run(["bpsh", "--start=ld", "-a", path])
        assert sorted(result.out.split()) == ["n0", "n1"], repr(result)


@test("entry: the nodes need not have the libraries")
def _():
    library = os.path.realpath(glob.glob("/usr/lib/*/libcrypt.so.1")[0])
    words = ["-n", "2", "--map-by=node", "--mpi=none", "perl", "-e", "print 6 * 7"]
    for node in ("n0", "n1"):
        assert cluster.execute(node, ["mount", "--bind", "/dev/null", library]).code == 0
    try:
        for way in ("exec", "ld"):
            assert bprun(way, *words).code == 127, way
        result = bprun("entry", *words)
        assert (result.code, result.out) == (0, "4242"), repr(result)
        assert status(result)["start"] == "entry", repr(result)
    finally:
        for node in ("n0", "n1"):
            assert cluster.execute(node, ["umount", library]).code == 0


@test("a script's interpreter runs on the node")
def _():
    with only_here("/bin/true") as path:
        with open(path, "w", encoding="ascii") as f:
            f.write("#!/bin/sh -u\necho $0 $1 $-\n")
        for node in range(2):
            shutil.copy(path, on_node(node, path))
        for way in WAYS:
            result = bprun(way, "-n", "2", "-N", "2", path, "x")
            assert (result.code, result.out) == (0, (path + " x u\n") * 2), (way, repr(result))
            assert status(result)["start"] == way, repr(result)
        for node in range(2):
            os.unlink(on_node(node, path))


@test("a user's job starts as this user, without a right more")
def _():
    for way in WAYS:
        result = bprun(way, "-n", "2", "--mpi=none", "grep", "-E", "^(Uid|Gid|Groups|Cap(Prm|Eff|Inh)|"
                       "NoNewPrivs)", "/proc/self/status", user=12345)
        rows = {tuple(line.split()) for line in result.out.splitlines()}
        assert result.code == 0 and ("Uid:", *["12345"] * 4) in rows, (way, repr(result))
        assert {r[1] for r in rows if r[0].startswith("Cap")} == {"0" * 16}, (way, repr(result))
        assert status(result)["start"] == way, (way, repr(result))


@test("each way: a user's process is its program in /proc, and libraries beside it are found")
def _():
    for way in WAYS:
        result = bprun(way, "-n", "2", "--mpi=none", "readlink", "/proc/self/exe", user=12345)
        exe = os.path.realpath(shutil.which("readlink"))
        assert (result.code, result.out) == (0, (exe + "\n") * 2), (way, repr(result))
    program = os.path.join(bptest.BUILD, "imagestart_beside")
    for way in WAYS:
        result = bprun(way, "-n", "2", "--mpi=none", program, user=12345)
        assert (result.code, result.out) == (0, "beside\n" * 2), (way, repr(result))


@test("what cannot be an image is executed, and one line says why")
def _():
    with only_here("/usr/bin/hostname") as path:
        os.chmod(path, 0o4755)
        for node in range(2):
            shutil.copy(path, on_node(node, path))
        result = bprun("ld", "-n", "2", "-N", "2", path)
        assert (result.code, sorted(result.out.split())) == (0, ["n0", "n1"]), repr(result)
        assert status(result)["start"] == "exec", repr(result)
        lines = [r for r in result.err.splitlines() if "started by exec" in r]
        assert len(lines) == 1 and "set-user-id" in lines[0], repr(result)
        for node in range(2):
            os.unlink(on_node(node, path))
    result = bprun("ld", "-n", "1", "/nowhere/program")
    assert result.code == 127 and status(result)["start"] == "exec", repr(result)


@test("an unknown way is refused")
def _():
    result = run(["bprun", "--start=fork", "true"])
    assert result.code == 64 and "exec, ld or entry" in result.err, repr(result)


# ---- images made by hand ----

@test("a saved image runs; one of 256 MiB does")
def _():
    with remains.none(cluster), Image() as image:
        result = run(image.send())
        assert nodes(result) == ["n0", "n1"], repr(result)
        result = run(image.enlarge(BIG).send(), timeout=120)
        assert nodes(result) == ["n0", "n1"], repr(result)


@test("images that are none, or not the one announced: the reason for every rank, nothing left")
def _():
    with remains.none(cluster):
        for offset, form, value, why in (
                (0, "Q", 7, ""), (8, "I", 99, ""), (12, "I", 1, "kind 1"), (16, "I", 1 << 31, ""),
                (56, "Q", 1 << 40, ""), (56, "Q", (1 << 45) >> 12, "memory"),
                (HEAD, "Q", 0xfffffffffffff000, "")):
            with Image() as image:
                result = run(image.set(offset, form, value).send())
                assert len(failures(result)) == 2 and why in failures(result)[0], (
                    offset, repr(result))
                assert "output" not in result.out, (offset, repr(result))


@test("an image that is shorter or longer than it says, or shorter than a head")
def _():
    with remains.none(cluster), Image() as image:
        for size, why in ((image.size - 1, "ends after"), (100, "ends after"),
                          (image.size + 5000, "longer")):
            image.size = size
            result = run(image.write().send())
            assert len(failures(result)) == 2 and why in failures(result)[0], (size, repr(result))


@test("a launcher whose source breaks off, and one that dies in the middle")
def _():
    with remains.none(cluster), Image() as image:
        image.enlarge(BIG)
        result = run(image.send(image.size + 1))
        assert "done the image ends after %d of" % image.size in result.out, repr(result)
        assert "output" not in result.out, repr(result)
        result = run(image.send(end=BIG // 2))
        assert result.code == -signal.SIGKILL, repr(result)


@test("a node that dies while it gets the image: a clear end, nothing left")
def _():
    with remains.none(cluster, 20), Image() as image:
        image.enlarge(BIG)
        node = cluster.daemon_pid("n1")
        os.kill(node, signal.SIGSTOP)  # it can take no more than the sockets hold
        job = start(image.send())
        wait_for(lambda: remains.jobs(), what="a job")
        cluster.order("kill", "n1")
        result = finish(job, 60)
        assert "event 4 " in result.out and "exit 1 9" in result.out, repr(result)
        assert "output 1" not in result.out, repr(result)
        cluster.order("start", "n1")
        cluster.wait_up()


@test("sixteen jobs from images at once")
def _():
    with remains.none(cluster):
        jobs = [start(["bprun", "-n", "2", "-N", "2", "--mpi=none", "--start=" + WAYS[i % 2 + 1], "hostname"])
                for i in range(16)]
        for job in jobs:
            result = finish(job, 60)
            assert sorted(result.out.split()) == ["n0", "n1"], repr(result)


if __name__ == "__main__":
    cluster = bptest.Cluster(2, lease=4)
    with cluster:
        bptest.main()
