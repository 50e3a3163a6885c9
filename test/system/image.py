#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""image.py - processes become images and images processes, without any cluster.

time limit: 240 s"""
import atexit
import os
import sys

import bptest
from bptest import run, test

DRIVER = os.path.join(bptest.PLAIN, "image_driver")
RESTORE = os.path.join(bptest.PREFIX, "libexec", "bpmix", "bprestore")
HOP = os.path.join(bptest.PLAIN, ".libs", "libimagehop.so")
IMAGE = "/tmp/image"
PROGRAM = "/tmp/program"
SHARED, CWD, ENV, VDSO = 1, 2, 4, 8


def dump(*options, path=IMAGE, user=None):
    result = run([DRIVER, "dump", path] + list(options), user=user)
    assert result.code == 0, result
    bptest.comment(result.out)
    return result


def undump(flags=0, number=0, pid=0, args=(), path=IMAGE, code=33, user=None, env=None):
    result = run([DRIVER, "undump", path, "%x" % flags, str(number), str(pid)] + list(args),
                 user=user, env=env)
    assert result.code == code, result
    return result


def refused(text, path=IMAGE, **more):
    result = undump(code=127, path=path, **more)
    line = [row for row in result.out.splitlines() if row.startswith("report=")]
    assert line and text in line[0], result
    return line[0]


@test("a dumped process goes on from a file: its state, its PID, its number")
def _():
    dump("move", "maps", "carry-none")
    out = undump(flags=CWD, number=-5, pid=4321).out
    assert "result=-5 pid=4321" in out, out


@test("a copy has no pending signals and no timers, and another PID")
def _():
    dump()
    assert "result=7" in undump(number=7).out


@test("the restored process has exactly the mappings it had")
def _():
    dump("maps", "carry-none")
    undump()
    undump(flags=SHARED, code=1)  # the test can fail: big runs are mapped from the image then


@test("its files may be missing: all content is carried")
def _():
    run(["cp", DRIVER, PROGRAM])
    assert run([PROGRAM, "dump", IMAGE, "carry-all"]).code == 0
    os.unlink(PROGRAM)
    undump()


@test("a program that is not the system's is carried, the libraries are not")
def _():
    run(["cp", DRIVER, PROGRAM])
    result = run([PROGRAM, "dump", IMAGE])
    assert result.code == 0 and " 2 files" in result.out, result
    os.unlink(PROGRAM)
    undump()


@test("a file that is missing or another one is told by name")
def _():
    run(["cp", DRIVER, PROGRAM])
    assert run([PROGRAM, "dump", IMAGE, "carry-none"]).code == 0
    undump()
    os.unlink(PROGRAM)
    assert "had here (%s)" % PROGRAM in refused("report=-2 ")
    run(["cp", sys.executable, PROGRAM])
    assert "another one here (%s)" % PROGRAM in refused("report=-116 ")


@test("pages are found without PAGEMAP_SCAN")
def _():
    dump("no-scan", "mib=8")
    undump()


@test("big runs are mapped from a shared image")
def _():
    dump("mib=8")
    undump(flags=SHARED)


@test("with another vdso: its functions lead to this kernel's, and again from there")
def _():
    dump("again")
    result = run([DRIVER, "undump", IMAGE, "%x" % VDSO, "0", "0"])
    assert result.code == 0, result  # it has dumped itself once more
    undump()
    undump(flags=VDSO)


@test("a restored process is dumped and restored again")
def _():
    dump("again", "maps", "carry-none")
    assert run([DRIVER, "undump", IMAGE, "0", "0", "0"]).code == 0
    undump()


@test("arguments and environment of the new process are in its mailbox")
def _():
    dump("env")
    out = undump(flags=ENV, args=["one", "two words"], env={"MARK": "here"}).out
    assert "arg=one\narg=two words\nenv=MARK=here\n" in out, out
    big = {"MARK": "x" * 100000}
    assert "env=MARK=" + big["MARK"] in undump(flags=ENV, env=big).out


@test("a user restores; who it is comes from who restores it")
def _():
    dump()
    os.chmod(IMAGE, 0o644)
    undump(user=1000)
    dump(user=1000, path="/tmp/users")
    os.chmod("/tmp/users", 0o644)
    undump(path="/tmp/users", user=1001)


@test("the restorer can run at any place: no relocation, nothing writable")
def _():
    assert "no relocations" in bptest.must(["readelf", "-rW", RESTORE])
    segments = [row.split() for row in bptest.must(["readelf", "-lW", RESTORE]).splitlines()]
    loads = [row[6:-1] for row in segments if row and row[0] == "LOAD"]
    assert loads and not any("W" in "".join(flags) for flags in loads), segments


@test("the copy of a thread goes on alone")
def _():
    dump("threads")
    undump()


@test("another process writes the image that a process has captured of itself")
def _():
    dump("pass")
    undump()


@test("pages of a frozen process that was killed are not read")
def _():
    result = run([DRIVER, "gone"])
    assert result.code == 0 and "is gone" in result.out, result


REFUSALS = {
    "sysv": "System V shared memory", "io-uring": "an io_uring", "hugetlb": "hugetlb pages",
    "move-userfault": "userfaultfd", "shared-file": "mapped shared and writable",
    "seccomp": "seccomp filter", "key": "protection key", "traced": "traced",
    "move-threads": "with threads", "move-timer": "POSIX timers", "not-dumpable": "not be read",
    "memory": "no memory", "segments": "local descriptor table",
}


def refusal(name, words):
    @test("refused before anything is torn down: " + name)
    def _():
        result = run([DRIVER, "refuse", name])
        if result.out.startswith("skip="):
            raise bptest.Skip("this machine has no " + name)
        assert result.code == 0 and words in result.out, result


for _name, _words in REFUSALS.items():
    refusal(_name, _words)


@test("200 captures leave no descriptor, mapping or process")
def _():
    before = set(bptest.processes())
    assert run([DRIVER, "loop", "200"]).code == 0
    bptest.wait_for(lambda: set(bptest.processes()) <= before, what="the end of the copies")


@test("images that are no images are refused with a sentence")
def _():
    dump()
    with open(IMAGE, "rb") as f:
        good = f.read()

    def changed(at, data):
        path = "/tmp/changed"
        with open(path, "wb") as f:
            f.write(good[:at] + data + good[at + len(data):] if data else good[:at])
        return path
    refused("cannot be read", path=changed(0, b""))
    refused("cannot be read", path=changed(5000, b""))
    refused("cannot be read", path=changed(len(good) - 4096, b""))
    refused("does not begin as an image", path=changed(0, b"x"))
    refused("another version", path=changed(8, b"\x09"))
    refused("of an unknown kind", path=changed(12, b"\x09"))
    refused("number of areas", path=changed(16, b"\0\0\0\0"))
    refused("does not lie on pages", path=changed(4096 + 8, b"\xff" * 8))
    refused("wrong", path=changed(4096, b"\0" * 8))


@test("python3 with numpy dumps itself in the middle of its work")
def _():
    script = """if True:
        import ctypes, sys
        import numpy
        hop = ctypes.CDLL(sys.argv[1]).image_hop
        table = numpy.arange(1000000.0).reshape(1000, 1000)
        half = numpy.sqrt(table)
        words = {str(i): i for i in range(1000)}
        r = hop(sys.argv[2].encode())
        if r == 0:
            sys.exit(0)
        assert r == 1, r
        whole = half * half
        assert abs(whole - table).max() < 1e-6 and words["999"] == 999
        import decimal
        print("sum", decimal.Decimal(int(whole.sum().round())))
        sys.exit(33)
    """
    env = {"OPENBLAS_NUM_THREADS": "1"}
    result = run([sys.executable, "-c", script, HOP, IMAGE], env=env)
    assert result.code == 0, result
    bptest.comment("%d bytes" % os.path.getsize(IMAGE))
    assert "sum 499999500000" in undump().out


@test("time of 1 MiB and 100 MiB")
def _():
    for mib in (1, 100):
        for _turn in range(3):
            dump("mib=%d" % mib)
            bptest.comment(undump().out)
            bptest.comment("mapped: " + undump(flags=SHARED).out)


def clean():
    for path in (IMAGE, "/tmp/changed", "/tmp/users", PROGRAM):
        if os.path.exists(path):
            os.unlink(path)


atexit.register(clean)
bptest.main()
