#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""bproc_calls.py - libbproc as a stranger's programs see it: the installed header, pkg-config and
library, every call that is not about making processes, in C and in C++."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, test  # noqa: E402

PKGCONFIG = bptest.PREFIX + "/lib/pkgconfig"
LIBRARY = bptest.PREFIX + "/lib/libbproc.so"
NODES = 4


def flags(*options):
    return must(["pkg-config", *options, "libbproc"], env={"PKG_CONFIG_PATH": PKGCONFIG}).split()


def build(compiler, name):
    """The stranger's program, as all machines see it: its path."""
    path = os.path.join(bptest.BUILD, "test", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    sanitize = ["-fsanitize=address,undefined"] if bptest.SANITIZED else []
    must(compiler + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", *sanitize, *flags("--cflags"),
                     os.path.join(bptest.SOURCE, "test/system/bproc_calls.c"), "-o", path,
                     *flags("--libs"), "-Wl,-rpath," + bptest.PREFIX + "/lib"], timeout=60)
    return path


C_PROGRAM = build(["cc", "-std=gnu99"], "bproc_calls")


def calls(*words, program=C_PROGRAM, **more):
    """A line for each call."""
    return must([program, *words], **more).splitlines()


@test("only BProc's names are to be seen, and the shared object's name is libbproc.so.4")
def _():
    rows = must(["nm", "-D", "--defined-only", LIBRARY]).splitlines()
    names = [row.split()[-1].split("@")[0] for row in rows]
    wrong = [n for n in names if not n.startswith(("bproc_", "_bproc_")) and n != "LIBBPROC_4"]
    assert not wrong and "bproc_nodelist" in names, (wrong, names)
    assert "libbproc.so.4" in must(["readelf", "-d", LIBRARY])


@test("the header is C89 with long long, and C++")
def _():
    source = "#include <sys/bproc.h>\n#include <sys/bproc.h>\nint main(void) { return 0; }\n"
    for compiler in (["cc", "-std=c89", "-Wno-long-long"], ["clang", "-x", "c++", "-std=c++98"],
                     ["clang", "-x", "c++", "-std=c++20"]):
        kind = [] if "c++" in compiler else ["-x", "c"]
        result = run(compiler + kind + ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                                        *flags("--cflags"), "-"], data=source)
        assert result.code == 0, repr(result)


@test("structures have BProc's layout")
def _():
    program = r"""
#include <stddef.h>
#include <stdio.h>
#include <sys/bproc.h>
#define AT(s, f) (int)offsetof(struct s, f)
int main(void) {
    printf("%d %d %d %d %d %d\n", (int)sizeof(struct bproc_node_info_t),
           AT(bproc_node_info_t, status), AT(bproc_node_info_t, mode), AT(bproc_node_info_t, user),
           AT(bproc_node_info_t, group), AT(bproc_node_info_t, addr));
    printf("%d %d %d\n", (int)sizeof(struct bproc_node_set_t), AT(bproc_node_set_t, alloc),
           AT(bproc_node_set_t, node));
    printf("%d %d %d %d %d\n", (int)sizeof(struct bproc_io_t), AT(bproc_io_t, type),
           AT(bproc_io_t, flags), AT(bproc_io_t, d), AT(bproc_io_t, d.file.name));
    printf("%d %d %d\n", (int)sizeof(struct bproc_version_t), AT(bproc_version_t, magic),
           AT(bproc_version_t, version_string));
    printf("%d\n", (int)sizeof(struct bproc_proc_info_t));
    return 0;
}"""
    path = os.path.join("/tmp", "layout")
    result = run(["cc", "-x", "c", *flags("--cflags"), "-o", path, "-"], data=program)
    assert result.code == 0, repr(result)
    assert must([path]).splitlines() == ["48 4 20 24 28 32", "16 4 8", "280 4 6 8 24", "32 4 8", "8"]
    os.unlink(path)


@test("without bpmaster calls fail and say why; what needs none works")
def _():
    out = calls("numnodes", "nodestatus:0", "nodelist", "nodespec:0", "currnode", "nodeset",
                env={"BPMIX_MASTER": "/nowhere/master.sock"})
    assert out[:4] == ["-1 No such file or directory"] * 4, out
    assert out[4:] == ["-1", "0 240 1 39", "0 0 1"], out


@test("strerror and version")
def _():
    out = calls("strerror:2", "strerror:300", "strerror:301", "strerror:304", "version")
    assert out[0] == "No such file or directory", out
    assert len(set(out[:4])) == 4 and "Unknown" not in "".join(out), out
    assert out[4].startswith("0 BPr 4 4 bpmix "), out


@test("nodes: number, state, address, information, list")
def _():
    out = calls("numnodes", "nodelist", "currnode", "nodestatus:0", "nodestatus:-1", "nodestatus:1:2",
                "nodestatus:4", "nodestatus:-3", "nodestatus:0:0")
    assert out[:6] == ["4", "0,1,2,3 (4)", "-1", "up", "up", "u"], out
    assert out[6:8] == ["-1 Invalid node"] * 2 and "argument" in out[8], out
    address = calls("nodeaddr:2")[0]
    assert address.startswith("10.") and address.endswith(".0.3 16"), address
    info = calls("nodeinfo:2", "nodeinfo:-1", "nodeinfo:-2")
    assert info[0] == "2/up/111/0/0/" + address.split()[0], info
    assert info[1].startswith("-1/up/111/0/0/10.") and info[1] == info[2], info


@test("node specifications: order and doubles are kept; unknown nodes are an error, or filtered out")
def _():
    rows = {
        "2": "2 (1)", "0-2": "0,1,2 (3)", "3,1,3": "3,1,3 (3)", "n[0-1,3]": "0,1,3 (3)",
        "n3,.1": "3,1 (2)", "all": "0,1,2,3 (4)", "allup": "0,1,2,3 (4)", "alldown": " (0)",
        "allnotup": " (0)", "-1": "-1 (1)", "master,0": "-1,0 (2)", "all,all": "0,1,2,3,0,1,2,3 (8)",
        "7": "-1 Invalid node", "0-7": "-1 Invalid node", "": "-1 Invalid argument",
        "x": "-1 Invalid argument", "2-1": "-1 Invalid argument"}
    out = calls(*["nodespec:" + spec for spec in rows])
    assert out == list(rows.values()), list(zip(rows, out))
    out = calls("nodefilter:0,2,3:0-9", "nodefilter:0,2,3:3,2,1", "nodefilter:0,2:allup",
                "nodefilter:0,0,1:0", "nodefilter:0:?")
    assert out == ["0,2,3 (3)", "3,2 (2)", "0,2 (2)", "0 (1)", "-1 Invalid argument"], out


@test("on a node: its number, whatever the environment says")
def _():
    out = must(["bpsh", "2,0", "env", "BPROC_NODE=7", C_PROGRAM, "currnode"])
    assert sorted(out.split()) == ["0", "2"], out


@test("a node that is down")
def _():
    cluster.order("stop", "n3")
    bptest.wait_for(lambda: calls("nodestatus:3") == ["down"], what="n3 down")
    out = calls("numnodes", "nodespec:allup", "nodespec:alldown", "nodespec:allnotup")
    assert out == ["4", "0,1,2 (3)", "3 (1)", "3 (1)"], out
    cluster.order("start", "n3")
    cluster.wait_up()


@test("the same program as C++")
def _():
    program = build(["clang", "-x", "c++", "-Wno-deprecated"], "bproc_calls_cxx")
    words = ["numnodes", "nodelist", "nodeinfo:1", "nodespec:0,1", "version", "nodeset"]
    assert calls(*words, program=program) == calls(*words)


@test("no call leaves a descriptor open")
def _():
    script = r"""
import ctypes, os
lib = ctypes.CDLL("libbproc.so.4")
lib.bproc_nodelist.argtypes = [ctypes.c_void_p]
def used():
    return sorted(os.listdir("/proc/self/fd"))
def all_calls():
    space = ctypes.create_string_buffer(4096)
    assert lib.bproc_numnodes() == %d
    assert lib.bproc_nodelist(space) == %d
    assert lib.bproc_nodespec(space, b"all") == 0
    assert lib.bproc_nodestatus(99, space, 16) == -1
    lib.bproc_currnode()
all_calls()
before = used()
for _ in range(10):
    all_calls()
assert used() == before, (before, used())
""" % (NODES, NODES)
    env = {"LD_LIBRARY_PATH": bptest.PREFIX + "/lib"}
    if bptest.SANITIZED:
        raise bptest.Skip("the sanitizer wants to come first")
    must(["python3", "-c", script], env=env)


if __name__ == "__main__":
    cluster = bptest.Cluster(NODES)
    with cluster:
        bptest.main()
