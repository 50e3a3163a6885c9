#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 900 s
"""move.py - every program of test/system/move in every way to move: a matrix of states and ways."""
import glob
import os
import sys

import bptest
from bptest import PLAIN, SOURCE, run, tap

BUILT = os.path.join(PLAIN, "test/system/move")
HERE = os.path.join(SOURCE, "test/system/move")
LIBRARY = os.path.join(PLAIN, ".libs/libmove.so")
WRONG, SKIPPED = 3, 77
NOT_STATES = {"hop", "move_test", "plugin", "perl", "driver",
              "cluster"}
ARGUMENTS = {
    "tls": [os.path.join(BUILT, "plugin.so")],
    "dlopen": [os.path.join(BUILT, "plugin.so")],
    "environ": ["one argument", ""],
    "again": ["20"],  # hops
}
OUTPUT = {"stdio": "one two three four\n"}
NO_ASLR = ["setarch", "--addr-no-randomize"]
CLUSTER = os.path.join(BUILT, "cluster")
DRIVER = os.path.join(BUILT, "driver")
IMAGE = "/tmp/move.image"
SLOW_S = 3  # only said


def driven(*options):
    return [DRIVER, *options, IMAGE]


# Ways to move: name, what MOVE_HOP says, what stands before the program, more environment.
WAYS = (
    ("stay", "stay", [], {}),
    ("spoil", "spoil", [], {}),
    ("dump", "dump", driven(), {}),
    ("dump, as a user", "dump", driven("-u", "1000"), {}),
    ("dump, without PAGEMAP_SCAN", "dump", driven(), {"MOVE_PAGEMAP": "1"}),
    ("dump, another vdso", "dump", driven("-f", "a"), {}),
    ("dump, shared pages", "dump", driven("-f", "3"), {}),
    ("dump, addresses not random", "dump", NO_ASLR + driven(), {}),
    ("copy", "copy", [], {}),
)
# And by libbproc, in a cluster: the same.
BPROC = {"MOVE_CLUSTER": CLUSTER + ".so"}
CLUSTER_WAYS = (
    ("bproc_dump, bproc_undump", "bproc_dump", driven("-b", CLUSTER), BPROC),
    ("rfork", "rfork", [], BPROC),
    ("vrfork to 2 nodes", "vrfork", [], BPROC),
    ("move", "move", [], BPROC),
    ("move, on, and back", "onward", [], BPROC),
    ("move, and home, twice", "back", [], BPROC),
    ("move, and rfork home", "call", [], BPROC),
    ("execmove", "stay", [CLUSTER, "execmove"], {}),
    ("vexecmove to 2 nodes", "stay", [CLUSTER, "vexecmove"], {}),
    ("bprun --start=entry", "stay", ["bprun", "--mpi=none", "-n", "1", "--start=entry",
                                        "--status=json"], {}),
)
WAYS += CLUSTER_WAYS


def programs():
    """[(name, command)], those that are built and those that a language runs."""
    names = {os.path.splitext(os.path.basename(p))[0]
             for p in glob.glob(HERE + "/*.c") + glob.glob(HERE + "/*.cc")} - NOT_STATES
    rows = [(n, [os.path.join(BUILT, n)] + ARGUMENTS.get(n, [])) for n in sorted(names)]
    return rows + [
        ("malloc, not PIE", [os.path.join(BUILT, "malloc-fixed")]),
        ("python3, numpy", ["/usr/bin/python3", HERE + "/power.py", LIBRARY]),
        ("perl", ["/usr/bin/perl", HERE + "/words.pl", os.path.join(BUILT, "perl.so")]),
        ("lua", ["/usr/bin/lua5.4", HERE + "/words.lua", LIBRARY]),
    ]


def verdict(name, way, result):
    """(word for the table, whether that is as it should be)"""
    if result.code == SKIPPED:
        return "skip", True
    if way == "spoil":
        return ("wrong", True) if result.code == WRONG and "wrong: " in result.err \
            else ("not seen", False)
    if result.code != 0:
        return "WRONG", False
    if way.startswith("bprun") and '"start":"entry"' not in result.err:
        return "BY EXEC", False
    copies = 2 if way.endswith("2 nodes") else 1
    if name in OUTPUT and result.out != OUTPUT[name] * copies:
        return "OUTPUT", False
    return "ok", True


def show(table):
    """The matrix, as comments."""
    for number, way in enumerate(WAYS):
        bptest.comment("%d = %s" % (number + 1, way[0]))
    bptest.comment("%-16s" % "" + "".join("%-9d" % (n + 1) for n in range(len(WAYS))))
    for name, words in table:
        bptest.comment("%-16s" % name + "".join("%-9s" % w for w in words))


def main():
    rows = programs()
    cells = [(n, c, w) for n, c in rows for w in WAYS
             if w[0] != "spoil" or c[0].startswith(BUILT)]
    if bptest.ALL:
        cells.append(("again", [os.path.join(BUILT, "again"), "10000"],
                      ("10,000 dumps", *WAYS[2][1:])))
    wanted = sys.argv[1:]
    if wanted:
        cells = [cell for cell in cells if cell[0] in wanted]
    bptest.plan(len(cells))
    with bptest.Cluster(2):
        table, bad = run_all(cells)
    show([(n, [row.get(w[0], "-") for w in WAYS]) for n, row in table.items()])
    sys.exit(1 if bad else 0)


def run_all(cells):
    """({name: {way: word}}, how many are not as they should be)"""
    table, bad = {}, 0
    for name, command, (way, how, before, more) in cells:
        result = run(before + command, timeout=600 if way == "10,000 dumps" else 60,
                     env=dict({"MOVE_HOP": how, "MOVE_IMAGE": IMAGE}, **more))
        word, good = verdict(name, way, result)
        table.setdefault(name, {})[way] = word
        if word == "skip":
            bptest.skip("%s: %s" % (name, way), result.err.strip()[len("skip: "):])
        else:
            bad += not tap("%s: %s" % (name, way), good, repr(result))
        for path in glob.glob("/tmp/move?*"):  # of programs that ended early
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)
        if result.seconds > SLOW_S:
            bptest.comment("%s: %s: %.1f s" % (name, way, result.seconds))
    return table, bad


main()
