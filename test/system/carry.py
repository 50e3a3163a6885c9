#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""carry.py - which mapped files travel with a process: by the list of libraries and by flags."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, test  # noqa: E402

LIBS, EXEC, ALL = 1, 2, 7
ENOENT, ESTALE = 2, 116
LIBRARY = "/tmp/libcarried.so"  # of each machine's own /tmp
CALLER = """
import ctypes, os, sys
bproc = ctypes.CDLL("%s/lib/libbproc.so", use_errno=True)
""" % bptest.PREFIX
RFORK = CALLER + """
library = ctypes.CDLL("%s")
node, flags = int(sys.argv[1]), int(sys.argv[2])
pid = bproc._bproc_rfork(node, flags)
if pid == 0:
    os._exit(library.carried_value())
if pid < 0:
    print("errno", ctypes.get_errno())
else:
    print("value", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""" % LIBRARY
DUMP = CALLER + """
fd = os.open("/dev/null", os.O_WRONLY)
print(*[bproc.bproc_dump(fd, int(word)) for word in sys.argv[1:]])
"""


def build(value):
    must(["cc", "-shared", "-fPIC", "-xc", "-", "-o", LIBRARY + ".new", "-Wl,--build-id"],
         data="int carried_value(void) { return %d; }\n" % value)
    os.rename(LIBRARY + ".new", LIBRARY)


def rfork(node, flags=0, **more):
    return must(["/usr/bin/python3", "-c", RFORK, str(node), str(flags)], **more).strip()


@test("a library of the caller's travels, one of the list does not, unless it is told to")
def _():
    with bptest.Cluster(2):
        build(41)
        assert rfork(0) == "value 41"
        must(["bplib", "-a", LIBRARY])
        assert rfork(0) == "errno %d" % ENOENT
        assert rfork(0, user=12345) == "errno %d" % ENOENT
        assert rfork(0, EXEC) == "errno %d" % ENOENT
        assert rfork(0, LIBS) == "value 41" and rfork(0, ALL) == "value 41"
        must(["bpcp", LIBRARY, "0:" + LIBRARY])
        assert rfork(0) == "value 41" and rfork(1) == "errno %d" % ENOENT
        build(42)
        assert rfork(0) == "errno %d" % ESTALE and rfork(0, LIBS) == "value 42"
        must(["bplib", "-d", LIBRARY])
        assert rfork(0) == "value 42" and not os.path.exists("/run/bpmix/libraries")


@test("the list names files by any of their names, and holds for dumps and for calls on nodes")
def _():
    with bptest.Cluster(2):
        build(43)
        os.symlink(LIBRARY, "/tmp/other.so")
        must(["bplib", "-a", "/tmp/other.so", "/no/such/library"])
        assert rfork(0) == "errno %d" % ENOENT
        must(["bpcp", LIBRARY, "0:" + LIBRARY])
        os.unlink("/tmp/other.so")
        must(["bplib", "-a", LIBRARY])
        assert must(["bpsh", "0", "/usr/bin/python3", "-c", RFORK, "1", "0"]).strip() == (
            "errno %d" % ENOENT)
        assert must(["bpsh", "0", "/usr/bin/python3", "-c", RFORK, "1", str(LIBS)]).strip() == (
            "value 43")


@test("what a killed bpmaster has left of its list is nothing")
def _():
    with bptest.Cluster(1) as cluster:
        must(["bplib", "-a", LIBRARY])
        assert os.path.exists("/run/bpmix/libraries")
        cluster.order("kill", "master")
        cluster.order("start", "master")
        cluster.wait_up()
        assert not os.path.exists("/run/bpmix/libraries") and must(["bplib", "-l"]) == ""


@test("flags of a dump: the program, the libraries, all")
def _():
    sizes = [int(word) for word in must(["/usr/bin/python3", "-c", DUMP, "0", "2", "1", "3",
                                         "7"]).split()]
    none, program, libraries, both, everything = sizes
    assert 0 < none < program < both <= everything and none < libraries < both, sizes
    assert program - none > os.path.getsize(os.path.realpath("/usr/bin/python3")) // 2, sizes


if __name__ == "__main__":
    try:
        bptest.main()
    finally:
        os.unlink(LIBRARY)
