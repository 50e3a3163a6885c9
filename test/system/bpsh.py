#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 200 s
"""bpsh.py - bpsh: its options, one row each, and what a node's command reads, writes and returns."""
import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, test  # noqa: E402

LIBC = ctypes.CDLL(None)  # mount(8) would leave files in /run

NAME = ["sh", "-c", "echo $(uname -n) $#", "x"]

# options and nodes, expected stdout, expected exit status
ROWS = [
    ("-a", "n0 0\nn1 0\nn2 0\nn3 0\n", 0),
    ("-A", "n0 0\nn1 0\nn2 0\nn3 0\n", 0),
    ("2", "n2 0\n", 0),
    ("n[0,2-3]", "n0 0\nn2 0\nn3 0\n", 0),
    ("1,1", "n1 0\nn1 0\n", 0),
    (".1,n3", "n1 0\nn3 0\n", 0),
    ("-n allup", "n0 0\nn1 0\nn2 0\nn3 0\n", 0),
    ("-p 0-1", "n0: n0 0\nn1: n1 0\n", 0),
    ("-L 3", "n3 0\n", 0),
    ("-s 3,0,1", "n3 0\nn0 0\nn1 0\n", 0),
    ("-d 1,0", "--- n1 " + "-" * 72 + "\nn1 0\n--- n0 " + "-" * 72 + "\nn0 0\n", 0),
    ("-d -p 2", "--- n2 " + "-" * 72 + "\nn2: n2 0\n", 0),
    ("-N 0-1", "", 0),
    ("-b 4 -p 1", "n1: n1 0\n", 0),
    ("-I /dev/null 0", "n0 0\n", 0),
    ("-O /dev/null 0-3", "", 0),
    ("-E /dev/null 0", "n0 0\n", 0),
    ("-t 5 1", "n1 0\n", 0),
    ("9", "", 125),
    ("-b 0 1", "", 64),
    ("-t x 1", "", 64),
    ("x", "", 125),
]


@test("options and nodes, row by row")
def _():
    for words, out, code in ROWS:
        result = run(["bpsh"] + words.split() + NAME)
        sequential = "-s" in words or "-d" in words
        got = result.out if sequential else "".join(sorted(result.out.splitlines(True)))
        assert got == out and result.code == code, "%s: %r" % (words, result)
        assert (code == 0) == (result.err == ""), "%s: %r" % (words, result)


# the same on the master, whose name is -1
MASTER_ROWS = [
    ("-1", "-1\n"),
    ("master", "-1\n"),
    ("-p -1", "master: -1\n"),
    ("-d master", "--- master " + "-" * 68 + "\n-1\n"),
    ("-1,0,2", "-1\n0\n2\n"),
    ("n[0,2],master,-1", "-1\n-1\n0\n2\n"),
    ("-p -1,allup", "master: -1\nn0: 0\nn1: 1\nn2: 2\nn3: 3\n"),
    ("-L -1", "-1\n"),
    ("-t 5 -1", "-1\n"),
    ("-N -1", ""),
    ("--start=ld -L -1", "-1\n"),
    ("--start=ld -1,0", "-1\n0\n"),
]


@test("-1 and master, alone and among nodes")
def _():
    for words, out in MASTER_ROWS:
        result = run(["bpsh"] + words.split() + ["sh", "-c", "echo $BPROC_NODE"])
        got = result.out if "-d" in words else "".join(sorted(result.out.splitlines(True)))
        assert (got, result.code, result.err) == (out, 0, ""), "%s: %r" % (words, result)
    assert run(["bpsh", "-s", "-1,3,1", "sh", "-c", "echo $BPROC_NODE"]).out == "3\n1\n-1\n"


@test("the master's command: status, stdin, files, signals, errors, as on a node")
def _():
    for options in ([], ["-L"]):
        bpsh = ["bpsh"] + options
        assert run(bpsh + ["-1", "sh", "-c", "exit 7"]).code == 7
        assert run(bpsh + ["-1", "sh", "-c", "kill -9 $$"]).code in (137, -9)
        assert run(bpsh + ["-1", "/no/such"]).code == 127
        assert run(bpsh + ["-1", "/etc"]).code == 126
        result = run(bpsh + ["-I", "/no/file", "-1", "cat"])
        assert result.code == 125 and "/no/file: No such file" in result.err, repr(result)
        assert run(bpsh + ["-1", "cat"], data="in\n").out == "in\n"
        assert run(bpsh + ["-n", "-1", "cat"], data="in\n").out == ""
        assert run(bpsh + ["-I", "/etc/hostname", "-O", "/tmp/o", "-1", "cat"]).code == 0
        with open("/tmp/o", encoding="utf-8") as f, open("/etc/hostname", encoding="utf-8") as g:
            assert f.read() == g.read()
        os.unlink("/tmp/o")
    assert run(["bpsh", "2,-1", "sh", "-c", "exit $((BPROC_NODE + 1))"]).code == 3
    assert run(["bpsh", "2,-1", "sh", "-c", "exit $((2 - BPROC_NODE))"]).code == 3
    result = run(["bpsh", "-t", "0:01", "-1,0", "sleep", "100"])
    assert result.code == 124, repr(result)
    data = "".join("%d\n" % i for i in range(100000))
    result = run(["bpsh", "-p", "-1,0,1", "sh", "-c", "cat | tail -n 1"], data=data)
    assert sorted(result.out.splitlines()) == ["master: 99999", "n0: 99999", "n1: 99999"], \
        repr(result)
    result = run(["sh", "-c", "bpsh -p -1,0 seq 1 300000 | (sleep 0.5; wc -l)"])
    assert result.out.strip() == "600000", repr(result)


@test("the master's part of a command: ^C and a kill of bpsh end it, nothing stays")
def _():
    before = bptest.Snapshot()
    with bptest.Terminal(["bpsh", "-L", "-1,0", "sh", "-c", "echo on; exec sleep 100"]) as t:
        t.read_until("on")
        t.read_until("on")
        t.send("^C")
        assert t.wait() == 130
    with bptest.Terminal(["bpsh", "-L", "-1", "sh", "-c", "echo on; exec sleep 100"]) as t:
        t.read_until("on")
        os.kill(t.process.pid, 9)
        t.wait()
    before.check()


@test("-h and -v; a missing command")
def _():
    for option in ("-h", "--help"):
        result = run(["bpsh", option])
        assert result.code == 0 and "-I FILE" in result.out, repr(result)
    for option in ("-v", "-V", "--version"):
        result = run(["bpsh", option])
        assert result.code == 0 and result.out.startswith("bpsh (bpmix) "), repr(result)
    assert run(["bpsh", "1"]).code == 64


@test("the exit status is the command's; of several the first listed that failed")
def _():
    assert run(["bpsh", "0", "sh", "-c", "exit 42"]).code == 42
    assert run(["bpsh", "0", "sh", "-c", "kill -9 $$"]).code == 137
    assert run(["bpsh", "0", "/no/such/program"]).code == 127
    assert run(["bpsh", "0", "/etc"]).code == 126
    result = run(["bpsh", "3,1,2", "sh", "-c", "exit $BPROC_NODE"])
    assert result.code == 3, repr(result)
    assert run(["bpsh", "0,2,1", "sh", "-c", "exit $BPROC_NODE"]).code == 2


@test("-I, -O, -E: files of the node, as the user, in the working directory")
def _():
    script = "cat; echo to stderr >&2"
    shared = os.path.join(bptest.BUILD, "bpsh-files")
    os.makedirs(shared, exist_ok=True)
    bptest.must(["bpsh", "-a", "sh", "-c", "echo from $(uname -n) > /tmp/in"])
    result = run(["bpsh", "-I", "/tmp/in", "-O", "/tmp/out", "-E", "err.$USER.txt", "2", "sh", "-c",
                  script], data="not this\n", cwd=shared, env={"USER": "me"})
    assert (result.code, result.out, result.err) == (0, "", ""), repr(result)
    assert run(["bpsh", "2", "cat", "/tmp/out"]).out == "from n2\n"
    with open(shared + "/err.$USER.txt", encoding="utf-8") as f:
        assert f.read() == "to stderr\n"
    os.unlink(shared + "/err.$USER.txt")
    os.rmdir(shared)
    for way in ("exec", "ld", "entry"):
        bptest.must(["bpsh", "--start=" + way, "-O", "/tmp/out", "2", "echo", way])
        assert run(["bpsh", "2", "cat", "/tmp/out"]).out == way + "\n"
    # a shorter text replaces the longer one; one file for both loses neither
    bptest.must(["bpsh", "-O", "/tmp/out", "2", "echo", "a"])
    assert run(["bpsh", "2", "cat", "/tmp/out"]).out == "a\n"
    bptest.must(["bpsh", "-O", "/tmp/both", "-E", "/tmp/both", "2", "sh", "-c",
                 "echo out; echo err >&2; echo out"])
    assert run(["bpsh", "2", "cat", "/tmp/both"]).out == "out\nerr\nout\n"


@test("a file that cannot be opened: node, path and cause; the others go on")
def _():
    result = run(["bpsh", "-I", "/tmp/only1", "0-1", "cat"])
    assert result.code == 125 and "n0: /tmp/only1: No such file" in result.err, repr(result)
    bptest.must(["bpsh", "1", "sh", "-c", "echo one > /tmp/only1"])
    result = run(["bpsh", "-I", "/tmp/only1", "0-1", "cat"])
    assert result.code == 125 and result.out == "one\n", repr(result)
    assert "n0: /tmp/only1: No such file" in result.err, repr(result)
    result = run(["bpsh", "-O", "/tmp", "3", "true"])
    assert result.code == 125 and "n3: /tmp: Is a directory" in result.err, repr(result)
    bptest.must(["bpsh", "1", "chmod", "600", "/tmp/only1"])
    result = run(["bpsh", "-I", "/tmp/only1", "1", "cat"], user=12345)
    assert result.code == 125 and "n1: /tmp/only1: Permission denied" in result.err, repr(result)
    bptest.must(["bpsh", "1", "chmod", "1777", "/tmp"])
    result = run(["bpsh", "-O", "/tmp/mine", "1", "true"], user=12345)
    assert result.code == 0, repr(result)
    assert run(["bpsh", "1", "stat", "-c", "%u %g", "/tmp/mine"]).out == "12345 12345\n"


@test("a FIFO of the node that nobody writes: ^C ends it, nothing stays")
def _():
    bptest.must(["bpsh", "0", "mkfifo", "/tmp/fifo"])
    before = bptest.Snapshot()
    with bptest.Terminal(["sh", "-c", "echo on; exec bpsh -I /tmp/fifo 0 cat"]) as t:
        t.read_until("on")
        bptest.wait_for(lambda: "cat" in run(["bpstat", "-j"]).out, what="the job")
        t.send("^C")
        assert t.wait() != 0
    before.check()


@test("-s keeps what comes early, however much; -d divides; nothing is lost or mixed")
def _():
    # the last listed node says 4 MiB before the first listed may say anything
    go = os.path.join(bptest.BUILD, "bpsh-go")
    if os.path.exists(go):
        os.unlink(go)
    os.mkfifo(go)
    script = ("if [ $BPROC_NODE = 2 ]; then seq 1 600000; : > %s; "
              "else [ $BPROC_NODE = 1 ] || read x < %s; echo n$BPROC_NODE; fi" % (go, go))
    script = script.replace(": >", "echo >")
    result = run(["bpsh", "-d", "0,1,2", "sh", "-c", script], timeout=60)
    os.unlink(go)
    lines = result.out.splitlines()
    assert result.code == 0 and lines[0].startswith("--- n0 -") and lines[1] == "n0", lines[:4]
    assert lines[2].startswith("--- n1 -") and lines[3] == "n1", lines[:6]
    assert lines[4].startswith("--- n2 -"), lines[:6]
    assert lines[5:] == [str(i) for i in range(1, 600001)], len(lines)


@test("-s: a slow reader gets all; a full $TMPDIR is told")
def _():
    script = "[ $BPROC_NODE = 0 ] && sleep 0.3; seq 1 200000"
    result = run(["sh", "-c", "bpsh -s 0-2 sh -c '%s' | (sleep 1; wc -l)" % script], timeout=60)
    assert result.out.strip() == "600000", repr(result)
    os.mkdir("/tmp/small")
    assert LIBC.mount(b"none", b"/tmp/small", b"tmpfs", 0, b"size=64k") == 0
    result = run(["bpsh", "-s", "0-2", "sh", "-c", script], env={"TMPDIR": "/tmp/small"})
    LIBC.umount(b"/tmp/small")
    os.rmdir("/tmp/small")
    assert result.code == 125 and "part of the output is lost" in result.err, result.err


@test("-s: a node whose command cannot start does not hold up the others")
def _():
    bptest.must(["bpsh", "1", "sh", "-c", "printf '#!/bin/sh\\necho ran\\n' > /tmp/prog; "
                 "chmod +x /tmp/prog"])
    result = run(["bpsh", "-d", "0,1", "/tmp/prog"])
    assert result.code == 127 and result.out.splitlines()[2:] == ["ran"], repr(result)
    assert result.out.startswith("--- n0 -") and "n0: /tmp/prog: No such file" in result.err, \
        repr(result)


@test("-b: longer lines may be torn, others never")
def _():
    script = "i=0; while [ $i -lt 200 ]; do printf '%0100d\\n' 7; i=$((i+1)); done"
    result = run(["bpsh", "-p", "-b", "100", "0-3", "sh", "-c", script])
    want = {"n%d: %0100d" % (i, 7) for i in range(4)}
    assert set(result.out.splitlines()) == want, repr(result)


@test("-t ends it with 124; -N says nothing and returns the status")
def _():
    result = run(["bpsh", "-t", "0:01", "0", "sleep", "100"])
    assert result.code == 124, repr(result)
    result = run(["bpsh", "-N", "1", "sh", "-c", "cat; echo x; echo y >&2; exit 5"], data="in\n")
    assert (result.code, result.out, result.err) == (5, "", ""), repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=10):
        bptest.main()
