#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""library.py - the tools of the tests, tested: TAP counting, commands, terminal, leftovers."""
import os
import signal
import subprocess

import bptest
import tap
from bptest import Snapshot, Terminal, run, test


@test("TAP: passed, failed and skipped are counted")
def _():
    count = tap.parse("1..4\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP no c\nok\n")
    assert (count.passed, count.failed, count.skips) == (2, 1, [("test 3", "no c")])


@test("TAP: no plan, too few, too many, misnumbered, bail out are failures")
def _():
    for text in ("ok 1\n", "1..2\nok 1\n", "1..1\nok 1\nok 2\n", "1..1\nok 2\n", "",
                 "1..1\nok 1\nBail out! reason\n", "1..1\n1..1\nok 1\n"):
        assert tap.parse(text).failed == 1, text


@test("TAP: a plan of 0 is one skip")
def _():
    count = tap.parse("1..0 # SKIP no such thing\n")
    assert (count.passed, count.failed, count.skips) == (0, 0, [("all", "no such thing")])


@test("run: code, output, input, time-out")
def _():
    result = run(["sh", "-c", "cat; echo e >&2; exit 3"], data="x")
    assert (result.code, result.out, result.err) == (3, "x", "e\n"), result
    assert run(["sh", "-c", "kill -9 $$"]).code == -signal.SIGKILL
    try:
        run(["sleep", "100"], timeout=0.1)
    except AssertionError as e:
        assert "no end after" in str(e)
    else:
        assert False


@test("run: as another user, without groups")
def _():
    assert run(["sh", "-c", "id -u; id -G"], user=12345).out == "12345\n12345\n"


@test("terminal: ^C reaches the foreground group")
def _():
    with Terminal(["sh", "-c", "trap 'echo got; exit 7' INT; echo ready; read x"]) as t:
        t.read_until("ready")
        assert t.foreground() == t.process.pid
        t.send("^C")
        t.read_until("got")
        assert t.wait() == 7


@test("snapshot: names a new process and a new file")
def _():
    before = Snapshot()
    with subprocess.Popen(["sleep", "100"]) as child:
        with open("/tmp/new", "w", encoding="utf-8"):
            pass
        left = " ".join(before.left())
        assert "sleep" in left and "/tmp/new" in left, left
        child.kill()
    os.unlink("/tmp/new")
    before.check()


bptest.main()
