#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""stdio.py - output of ranks line by line and whole, stdin only for who asks for it."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, test  # noqa: E402

BPRUN = ["bprun", "--mpi=none"]
MIB = 1 << 20


@test("64 ranks write 1 MiB of numbered lines each: with -l every line whole, every byte there")
def _():
    # 16 bytes a line with its newline: 65536 lines are 1 MiB
    script = "i=0; exec seq -f '%015.0f' 0 65535"
    result = run(BPRUN + ["-n", "64", "-l", "sh", "-c", script], timeout=120)
    assert result.code == 0, repr(result)
    following = [0] * 64
    for line in result.out.splitlines():
        rank, text = line.split(": ", 1)
        assert int(text) == following[int(rank)], "torn or lost: %r" % line
        following[int(rank)] += 1
    assert following == [65536] * 64, following


@test("without -l lines of several ranks are whole too")
def _():
    result = run(BPRUN + ["-N", "4", "-n", "8", "sh", "-c", "seq -f \"$BPROC_RANK-%08.0f-\" 1 20000"],
                 timeout=120)
    following = {}
    for line in result.out.splitlines():
        rank, text, rest = line.split("-")
        assert rest == "" and int(text) == following.get(rank, 0) + 1, "torn or lost: %r" % line
        following[rank] = int(text)
    assert following == {str(r): 20000 for r in range(8)}, following


@test("1 GiB through one rank, every byte")
def _():
    result = run(["sh", "-c", "bprun --mpi=none -n 1 dd if=/dev/zero bs=1M count=1024 2>/dev/null"
                  " | tr '\\0' 'x' | wc -c"], timeout=120)
    assert result.out.strip() == str(1 << 30), repr(result)


@test("stdout and stderr stay apart; a line without an end comes through")
def _():
    result = run(BPRUN + ["sh", "-c", "echo out; echo err >&2; printf end"])
    assert result.out == "out\nend", repr(result)
    assert "err\n" in result.err, repr(result)
    result = run(BPRUN + ["-l", "-n", "2", "sh", "-c", "printf 'no newline'"])
    assert sorted(result.out.replace("0: ", "|0: ").replace("1: ", "|1: ").split("|")[1:]) == \
        ["0: no newline", "1: no newline"], repr(result)


@test("what a rank wrote before it was killed is not lost")
def _():
    result = run(BPRUN + ["-n", "4", "sh", "-c", "seq 1 5000; kill -9 $$"])
    lines = result.out.splitlines()
    assert result.code == 137, repr(result)
    assert any(lines.count(str(5000)) for _ in (1,)), repr(result)
    result = run(BPRUN + ["-n", "4", "--no-kill", "sh", "-c", "seq 1 5000; kill -9 $$"])
    assert len(result.out.splitlines()) == 20000, len(result.out.splitlines())


@test("a prompt without newline shows at once, and the answer arrives")
def _():
    with bptest.Terminal(BPRUN + ["-n", "2", "sh", "-c",
                                  "[ $BPROC_RANK = 1 ] || { printf 'name? '; read x; echo hi $x; }"]) as t:
        t.read_until("name? ")
        t.send("joe\n")
        t.read_until("hi joe")
        assert t.wait() == 0


@test("a line that its rank is long in writing is whole too, where no terminal shows it")
def _():
    with tempfile.TemporaryDirectory(dir=bptest.BUILD) as folder:  # nodes have a /tmp of their own
        begun, ended = folder + "/begun", folder + "/ended"
        for path in begun, ended:
            os.mkfifo(path)
        script = ("if [ $BPROC_RANK = 0 ]; then printf 'begin '; echo >%s; read x <%s; printf 'end\\n'; "
                  "else read x <%s; yes other | head -n 100; echo >%s; fi" % (begun, ended, begun, ended))
        result = run(BPRUN + ["-n", "2", "sh", "-c", script])
    assert sorted(set(result.out.splitlines())) == ["begin end", "other"], repr(result)


@test("stdin goes to rank 0; to all; to none; to a rank; to a grandchild that reads it")
def _():
    data = "".join("line %d\n" % i for i in range(5000))
    script = "wc -l"
    result = run(BPRUN + ["-l", "-n", "4", "sh", "-c", script], data=data)
    rows = dict(line.split(": ") for line in result.out.splitlines())
    assert {k.strip(): v.strip() for k, v in rows.items()} == \
        {"0": "5000", "1": "0", "2": "0", "3": "0"}, repr(result)
    result = run(BPRUN + ["-l", "-n", "4", "--stdin=all", "sh", "-c", script], data=data)
    assert sorted(result.out.split()) == sorted(["0:", "5000", "1:", "5000", "2:", "5000", "3:", "5000"]), repr(result)
    result = run(BPRUN + ["-n", "2", "--stdin=none", "sh", "-c", script], data=data)
    assert result.out.split() == ["0", "0"], repr(result)
    result = run(BPRUN + ["-l", "-n", "3", "--stdin=2", "sh", "-c", script], data=data)
    assert "2: 5000" in result.out and "0: 0" in result.out, repr(result)
    result = run(BPRUN + ["-n", "1", "sh", "-c", "(sh -c 'exec cat' | tail -n 1)"], data=data)
    assert result.out == "line 4999\n", repr(result)


@test("64 MiB of stdin arrive whole")
def _():
    result = run(["sh", "-c", "dd if=/dev/zero bs=1M count=64 2>/dev/null | tr '\\0' 'y' |"
                  " bprun --mpi=none -n 1 sh -c 'tr -d x | wc -c'"], timeout=60)
    assert result.out.strip() == str(64 * MIB), repr(result)


@test("a rank that reads no stdin leaves it for the next command of the script")
def _():
    script = "bprun --mpi=none -n 4 true; cat"
    assert run(["sh", "-c", script], data="a\nb\nc\n").out == "a\nb\nc\n"
    path = os.path.join(bptest.BUILD, "stdin.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("1\n2\n3\n" * 1000)
    result = run(["sh", "-c", "{ bprun --mpi=none -n 1 true; bpsh 1 true; cat; } < " + path])
    assert result.out == "1\n2\n3\n" * 1000, len(result.out)
    result = run(["sh", "-c", "{ bprun --mpi=none -n 1 dd bs=2 count=1 2>/dev/null; cat; } < " + path])
    assert result.out == "1\n2\n3\n" * 1000, len(result.out)
    # Of a file, also what was on its way to a rank that read much of it.
    whole = 5 * MIB
    run(["truncate", "-s", str(whole), path])
    for read in (100, 65536 * 3, 2 * MIB + 7):
        result = run(["sh", "-c", "{ bprun --mpi=none -n 1 sh -c 'dd bs=%d count=1 iflag=fullblock "
                      "2>/dev/null | wc -c'; cat | wc -c; } < %s" % (read, path)])
        assert result.out.split() == [str(read), str(whole - read)], repr(result)
    os.unlink(path)


@test("input that cannot be read is not an empty one")
def _():
    for options in ("", "--input=/usr"):
        result = run(["sh", "-c", "bprun --mpi=none -n 1 %s cat < /usr" % options])
        assert result.code == 125 and "Is a directory" in result.err, repr(result)


@test("bprun | head: the ranks get SIGPIPE and the pipeline ends")
def _():
    result = run(["bash", "-c", "bprun --mpi=none -n 2 yes | head -n 1; echo ${PIPESTATUS[0]}"])
    assert result.out == "y\n141\n" and result.err == "", repr(result)
    result = run(["bash", "-c", "bpsh 0-1 yes | head -n 1; bprun --mpi=none sh -c 'kill -PIPE $$'"])
    assert result.code == 141 and result.err.count("killed by signal 13") == 1, repr(result)


@test("a slow reader loses nothing and holds up nothing but the writer")
def _():
    result = run(["sh", "-c", "bprun --mpi=none -n 4 seq 1 200000 | (sleep 1; wc -l)"], timeout=60)
    assert result.out.strip() == "800000", repr(result)


@test("labels of nodes (bpsh -p); output of processes that a rank left behind")
def _():
    result = run(["bpsh", "-a", "-p", "uname", "-n"])
    assert sorted(result.out.splitlines()) == ["n%d: n%d" % (i, i) for i in range(4)], repr(result)
    result = run(BPRUN + ["-n", "2", "sh", "-c",
                          "if [ $BPROC_RANK = 0 ]; then (trap '' TERM; read x < /dev/null; echo left) & fi; wait"])
    assert "left" in result.out, repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=10):
        bptest.main()
