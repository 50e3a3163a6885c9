#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""imagestart.py - programs that were captured before they ran, restored: every kind of executable,
large arguments, nodes without the program, users, and what is refused."""
import os
import re
import shutil
import sys

import bptest
from bptest import BUILD, MPI, finish, must, run, start, test, wait_for

DRIVER = os.path.join(BUILD, "imagestart_driver")
INIT = os.path.join(BUILD, "imagestart_init.so")
PROGRAMS = {name: os.path.join(BUILD, "imagestart_" + name)
            for name in ("pie", "fixed", "static", "static_pie")}
KINDS = ("ld", "entry", "entry+all")


def driver(kind, count, *words, options=(), names=None, **more):
    """names: environment of the program alone."""
    pairs = [word for pair in (names or {}).items() for word in ("-e", "=".join(pair))]
    return run([DRIVER, *pairs, *options, kind, str(count), *words], **more)


def check_ok(result, count):
    """Each of count processes found nothing wrong with itself; returns their random bytes."""
    rows = [line.split() for line in result.out.splitlines()]
    assert result.code == 0 and len(rows) == count, result
    assert [row[:2] for row in rows] == [["ok", str(i)] for i in range(count)], result
    return [row[2] for row in rows]


for _name in PROGRAMS:
    for _kind in KINDS:
        @test("%s: a %s program" % (_kind, _name))
        def _(name=_name, kind=_kind):
            random = check_ok(driver(kind, 4, PROGRAMS[name]), 4)
            assert len(set(random)) == 4, random


@test("pages read instead of mapped, another vdso")
def _():
    for kind in KINDS:
        for flags in ("0", "9"):
            check_ok(driver(kind, 2, PROGRAMS["pie"], options=["-f", flags]), 2)


@test("where only a tracer may read a process")
def _():
    check_ok(driver("ld", 2, PROGRAMS["pie"], options=["-p"]), 2)


@test("without address randomisation")
def _():
    for kind in KINDS:
        for name in PROGRAMS:
            check_ok(run(["setarch", "-R", DRIVER, kind, "1", PROGRAMS[name]]), 1)


@test("as a user without rights")
def _():
    for kind in KINDS:
        check_ok(driver(kind, 2, PROGRAMS["pie"], options=["-u", "1000"]), 2)
    check_ok(driver("entry", 2, PROGRAMS["pie"], user=1000), 2)


@test("1 MiB of environment, 20,000 arguments")
def _():
    env = {"BIG%d" % i: "x" * 65536 for i in range(16)}
    words = ["word%d" % i for i in range(20000)]
    for name in ("pie", "static"):
        expected = driver("exec", 1, PROGRAMS[name], "sum", *words, env=env)
        assert expected.code == 0 and expected.out.startswith("20002 1"), expected
        for kind in KINDS:
            result = driver(kind, 1, PROGRAMS[name], "sum", *words, env=env)
            assert (result.code, result.out) == (0, expected.out), (kind, result)


@test("a node without the program")
def _():
    os.makedirs("/tmp/imagestart")
    try:
        for name, path in PROGRAMS.items():
            shutil.copy(path, "/tmp/imagestart/" + name)
            for kind in KINDS:
                check_ok(driver(kind, 2, "/tmp/imagestart/" + name,
                                options=["-c", "/tmp/imagestart"]), 2)
    finally:
        shutil.rmtree("/tmp/imagestart")


@test("a node without any of the program's files")
def _():
    result = driver("entry+all", 1, "/usr/bin/perl", "-e", "print 6 * 7", options=["-c", "/usr"])
    assert (result.code, result.out) == (0, "42"), result


@test("a node that lacks what the image does not carry refuses it by name")
def _():
    result = driver("entry", 1, "/usr/bin/perl", "-e", "1", options=["-c", "/usr"])
    assert result.code == 4 and "/usr/" in result.out, result


@test("a node with another dynamic linker: a program that has not begun gets that one")
def _():
    with open("/lib64/ld-linux-x86-64.so.2", "rb") as f:
        linker = bytearray(f.read())
    place = linker.index(b"\x03\0\0\0GNU\0") + 8  # its build id
    linker[place] ^= 1
    with open("/tmp/imagestart.ld", "wb") as f:
        f.write(linker)
    os.chmod("/tmp/imagestart.ld", 0o755)
    try:
        for name in PROGRAMS:
            for user in ("0", "1000"):
                check_ok(driver("ld", 2, PROGRAMS[name],
                                options=["-b", "/tmp/imagestart.ld", "-u", user]), 2)
        result = driver("entry", 1, PROGRAMS["pie"], options=["-b", "/tmp/imagestart.ld"])
        assert result.code == 4 and "another one here" in result.out, result
    finally:
        os.unlink("/tmp/imagestart.ld")


@test("a node whose CPU lacks something refuses it by name")
def _():
    result = driver("entry", 1, PROGRAMS["pie"], options=["-m"])
    assert result.code == 4 and re.search(r"CPU has not .* began with \(\w+", result.out), result
    check_ok(driver("ld", 1, PROGRAMS["pie"]), 1)  # has not begun


@test("scripts, interpreters, a search by PATH")
def _():
    with open("/tmp/imagestart.sh", "w", encoding="ascii") as f:
        f.write("#!/bin/sh -u\necho $0 $1 $RANK; exit 7\n")
    os.chmod("/tmp/imagestart.sh", 0o755)
    try:
        for kind in KINDS:
            result = driver(kind, 1, "imagestart.sh", "x", env={"PATH": "/bin:/tmp"})
            assert (result.code, result.out) == (7, "/tmp/imagestart.sh x 0\n"), result
            result = driver(kind, 2, "perl", "-e", 'print "$0 $ENV{RANK} @ARGV\n"', "y")
            assert (result.code, result.out) == (0, "-e 0 y\n-e 1 y\n"), result
            code = "import sys, os, ctypes; print(os.environ['RANK'], sys.argv[1:], 2 ** 100)"
            result = driver(kind, 2, "/usr/bin/python3", "-c", code, "z")
            assert result.out == "".join("%d ['z'] %d\n" % (i, 2 ** 100) for i in (0, 1)), result
    finally:
        os.unlink("/tmp/imagestart.sh")


@test("Open MPI: MPI_Init alone in its job")
def _():
    for kind in KINDS:
        result = driver(kind, 1, os.path.join(MPI, "hello"))
        assert result.code == 0 and " 1" in result.out, result


@test("/proc/self/exe where the kernel lets us set it")
def _():
    for kind in KINDS:
        result = driver(kind, 1, "readlink", "/proc/self/exe")
        assert result.out == os.path.realpath("/usr/bin/readlink") + "\n", result


@test("/proc/self/exe of a user, by one capability that is gone then")
def _():
    true = os.path.realpath("/usr/bin/true")
    script = "readlink /proc/$$/exe; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/$$/status"
    for kind in KINDS:
        result = driver(kind, 1, "/bin/sh", "-c", script, options=["-u", "1000", "-x", true])
        rows = result.out.splitlines()
        assert result.code == 0 and rows[0] == true and len(rows) == 5, result
        assert all(int(row.split()[1], 16) == 0 for row in rows[1:]), result
        check_ok(driver(kind, 2, PROGRAMS["pie"], options=["-u", "1000", "-x", true]), 2)
        check_ok(driver(kind, 2, PROGRAMS["pie"], options=["-x", true]), 2)


@test("what execve refuses is refused with its reason")
def _():
    for words, text in (((["/nowhere/at/all"]), "No such file"), (["/etc/passwd"], "denied"),
                        (["/tmp"], "denied")):
        result = driver("ld", 1, *words)
        assert result.code == 3 and text in result.out and words[0] in result.out, result


@test("a program with rights of its own, one that may not be read")
def _():
    shutil.copy(PROGRAMS["pie"], "/tmp/imagestart.x")
    try:
        for mode, user, text in ((0o4755, None, "other rights"), (0o2755, None, "other rights"),
                                 (0o711, 1000, "not read")):
            os.chmod("/tmp/imagestart.x", mode)
            for kind in ("ld", "entry"):
                result = driver(kind, 1, "/tmp/imagestart.x", user=user)
                assert result.code == 3 and text in result.out, result
    finally:
        os.unlink("/tmp/imagestart.x")


@test("an initialiser that asks what belongs to this machine is named; ld does not run it")
def _():
    for what, text in (("uname", "uname"), ("getpid", "getpid"), ("file", "/etc/passwd"),
                       ("library", "left a file open"), ("stdin", "fstat"), ("write", "a word"),
                       ("handler", "rt_sigaction"), ("setenv", "environment"),
                       ("change", "environment"), ("modes", "floating"), ("fork", "clone"),
                       ("exit", "ended"),
                       ("fault", "Segmentation")):
        names = {"LD_PRELOAD": INIT, "IMAGESTART_INIT": what}
        result = driver("entry", 1, PROGRAMS["pie"], "sum", names=names)
        assert result.code == 3 and text in result.out, (what, result)
    names["IMAGESTART_INIT"] = "uname"
    check_ok(driver("ld", 1, PROGRAMS["pie"], names=names), 1)


@test("a launcher killed while an initialiser hangs takes it along")
def _():
    before = bptest.Snapshot()
    process = start([DRIVER, "-e", "LD_PRELOAD=" + INIT, "-e", "IMAGESTART_INIT=hang", "entry", "1",
                     PROGRAMS["pie"], "end"])
    try:
        wait_for(lambda: any(row[4] == "imagestart_pie" for row in bptest.processes().values()))
    finally:
        process.kill()
        finish(process)
    before.check(5)


@test("an initialiser that allocates memory is not refused")
def _():
    names = {"LD_PRELOAD": INIT, "IMAGESTART_INIT": "malloc"}
    check_ok(driver("entry", 2, PROGRAMS["pie"], names=names), 2)


@test("a program whose library is missing says so")
def _():
    shutil.copy(os.path.join(MPI, "hello"), "/tmp/imagestart.x")
    try:
        must(["sed", "-i", "s/libmpi.so/libnpi.so/", "/tmp/imagestart.x"])
        result = driver("entry", 1, "/tmp/imagestart.x")
        assert result.code == 3 and "libnpi.so" in result.out, result
    finally:
        os.unlink("/tmp/imagestart.x")


@test("40 images in a program with threads and a timer leave nothing behind")
def _():
    before = bptest.Snapshot()
    for kind in ("ld", "entry"):
        check_ok(driver(kind, 1, PROGRAMS["pie"], options=["-n", "40"]), 1)
    before.check()


@test("what a start costs (64 in a row, printed)")
def _():
    for name, names in (("a small program", {}), ("with libmpi", {"LD_PRELOAD": "libmpi.so.40"})):
        for kind in ("exec", "ld", "entry"):
            result = driver(kind, 64, PROGRAMS["pie"], "end", options=["-t"], names=names)
            bptest.comment("%s, %s" % (name, result.out.splitlines()[-1]))
            assert result.code == 0, result


if __name__ == "__main__":
    sys.exit(bptest.main())
