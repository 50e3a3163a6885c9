#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""bproc_calls.py - libbproc as a stranger's programs see it: the installed header, pkg-config and
library, every call that is not about making processes, in C and in C++."""
import os
import re
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, test  # noqa: E402

PKGCONFIG = bptest.PREFIX + "/lib/pkgconfig"
LIBRARY = bptest.PREFIX + "/lib/libbproc.so"
NODES = 4
USER = 23456


def flags(*options):
    return must(["pkg-config", *options, "libbproc"], env={"PKG_CONFIG_PATH": PKGCONFIG}).split()


def build(compiler, name, source="bproc_calls.c"):
    """A stranger's program, as all machines see it: its path."""
    path = os.path.join(bptest.BUILD, "test", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    must(compiler + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", *flags("--cflags"),
                     os.path.join(bptest.SOURCE, "test/system", source), "-o", path,
                     *flags("--libs"), "-Wl,-rpath," + bptest.PREFIX + "/lib"], timeout=60)
    return path


C_PROGRAM = build(["cc", "-std=gnu99"], "bproc_calls")


def calls(*words, program=C_PROGRAM, **more):
    """A line for each call."""
    return must([program, *words], **more).splitlines()


class Loss:
    """with Loss(n): what makes bpmaster lose node n; afterwards it has noticed."""

    def __init__(self, node):
        self.word = "node-lost node=%d" % node

    def __enter__(self):
        self.before = cluster.log("master").count(self.word)

    def __exit__(self, kind, value, trace):
        if kind is None:
            bptest.wait_for(lambda: cluster.log("master").count(self.word) > self.before,
                            what=self.word)


@test("only BProc's names are to be seen, and the shared object's name is libbproc.so.4")
def _():
    rows = must(["nm", "-D", "--defined-only", LIBRARY]).splitlines()
    names = [row.split()[-1].split("@")[0] for row in rows]
    wrong = [n for n in names if not n.startswith(("bproc_", "_bproc_")) and n != "LIBBPROC_4"]
    assert not wrong and "bproc_nodelist" in names, (wrong, names)
    assert "libbproc.so.4" in must(["readelf", "-d", LIBRARY])


@test("each of them is called by a test")
def _():
    sources = ""
    folder = os.path.join(bptest.SOURCE, "test/system")
    for top, _, names in os.walk(folder):
        for name in names:
            if name.endswith((".c", ".cc", ".py")):
                with open(os.path.join(top, name), encoding="utf-8") as f:
                    sources += f.read()
    rows = must(["nm", "-D", "--defined-only", LIBRARY]).splitlines()
    names = [row.split()[-1].split("@")[0] for row in rows if " T " in row]
    assert len(names) > 40, names
    missing = [n for n in names if not re.search(r"\b" + n + r"\b", sources)]
    assert not missing, missing


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


@test("attributes: set by root, asked by all, few and short; state and addr are the node's own")
def _():
    out = calls("setnodeattr:1:rack:r7", "getnodeattr:1:rack", "getnodeattr:1:bproc.rack",
                "getnodeattr:1:rack:1", "setnodeattr:1:bproc.rack:r8", "getnodeattr:1:rack",
                "getnodeattr:0:rack", "setnodeattr:1:rack:", "getnodeattr:1:rack",
                "setnodeattr:1:rack:", "setnodeattr:9:rack:x")
    assert out[:3] == ["0", "2 r7", "2 r7"] and "range" in out[3], out
    assert out[4:6] == ["0", "2 r8"] and out[6].startswith("-1") and out[7] == "0", out
    assert all("No data" in line for line in out[6:10:2]) and "No data" in out[9], out
    assert out[10] == "-1 Invalid node", out
    long = "v" * 64
    out = calls("setnodeattr:1:%s:%s" % ("n" * 63, long), "getnodeattr:1:" + "n" * 63,
                "setnodeattr:1:%s:v" % ("n" * 64), "setnodeattr:1:x:%sv" % long,
                "setnodeattr:1:%s:" % ("n" * 63))
    assert out == ["0", "64 " + long] + ["-1 Invalid argument"] * 2 + ["0"], out
    out = calls(*["setnodeattr:-1:a%d:x" % i for i in range(33)],
                *["setnodeattr:-1:a%d:" % i for i in range(32)])
    assert out[:32] == ["0"] * 32 and "space" in out[32] and out[33:] == ["0"] * 32, out
    out = calls("getnodeattr:1:state", "setnodeattr:1:state:error", "nodestatus:1",
                "setnodeattr:1:state:up", "setnodeattr:1:addr:x")
    assert out[:4] == ["3 up", "0", "error", "0"] and "not permitted" in out[4], out
    out = calls("setnodeattr:1:rack:x", "getnodeattr:1:rack", user=USER)
    assert "not permitted" in out[0] and "No data" in out[1], out


@test("rights: who may change them")
def _():
    assert calls("access:1:1", "access:1:0", "access:1:4", user=USER) == \
        ["0", "0", "-1 Invalid argument"]
    out = calls("chmod:1:0111", "chown:1:5", "chgrp:1:%d" % USER, user=USER)
    assert out == ["-1 Operation not permitted"] * 3, out
    out = calls("chown:1:%d" % USER, "chgrp:1:77", "chmod:1:0777", "nodeinfo:1", "chown:-1:3",
                "nodeinfo:-1", "chown:-1:0")
    assert out[3].startswith("1/up/111/%d/77/" % USER) and out[5].startswith("-1/up/111/3/0/"), out
    out = calls("chmod:1:0600", "nodeinfo:1", "access:1:1", "chgrp:1:%d" % USER, "chgrp:1:5",
                "chown:1:0", "chmod:1:0100", "access:1:1", user=USER)
    assert out[0] == "0" and out[1].startswith("1/up/0/%d/77/" % USER), out
    assert out[2] == "-1 Permission denied" and out[3] == "0", out
    assert out[4:6] == ["-1 Operation not permitted"] * 2 and out[6:] == ["0", "0"], out
    assert calls("access:1:1", user=USER + 1) == ["-1 Permission denied"]
    assert calls("access:1:1", "chown:1:0", "chgrp:1:0", "chmod:1:0111") == ["0"] * 4


@test("rights are enforced where processes are placed, and running ones are left alone")
def _():
    command = ["bpsh", "-n", "1", "sh", "-c"]
    with bptest.start(command + ["echo in; exec sleep 60"], user=USER + 1) as job:
        assert job.stdout.readline() == "in\n"
        calls("chown:1:%d" % USER, "chmod:1:0100")
        for nodes in (["1"], ["0,1"]):
            result = run(["bpsh", *nodes, "true"], user=USER + 1)
            assert result.code != 0 and "node 1: user %d may not" % (USER + 1) in result.err, result
        must(["bpsh", "1", "true"], user=USER)
        must(["bpsh", "1", "true"])  # root
        out = must(["bpsh", "-a", "hostname"], user=USER + 1)
        assert sorted(out.split()) == ["n0", "n2", "n3"], out
        out = must(["bprun", "--mpi=none", "-N", "3", "hostname"], user=USER + 1)
        assert sorted(out.split()) == ["n0", "n2", "n3"], out
        result = run(["bprun", "--mpi=none", "-N", "4", "hostname"], user=USER + 1)
        assert result.code != 0, result
        calls("chmod:0:0", "chmod:2:0", "chmod:3:0")
        result = run(["bprun", "--mpi=none", "hostname"], user=USER + 1)
        assert result.code != 0 and "may not place processes on any node" in result.err, result
        assert job.poll() is None
        job.terminate()
    calls("chown:1:0", *["chmod:%d:0111" % i for i in range(NODES)])


@test("states: a node that is not up takes root's jobs only")
def _():
    out = calls("nodesetstatus:2:unavailable", "nodesetstatus:2:", "nodesetstatus:2:no good",
                "nodesetstatus:2:%s" % ("x" * 16), "nodesetstatus:-1:up", "nodesetstatus:7:up",
                "nodestatus:2", "nodespec:allup", "nodespec:allunavailable")
    assert out == ["0"] + ["-1 Invalid argument"] * 4 + \
        ["-1 Invalid node", "unavailable", "0,1,3 (3)", "2 (1)"], out
    result = run(["bpsh", "2", "true"], user=USER)
    assert result.code != 0 and "node 2 is unavailable" in result.err, result
    must(["bpsh", "2", "true"])
    assert sorted(must(["bpsh", "-a", "hostname"], user=USER).split()) == ["n0", "n1", "n3"]
    assert calls("nodesetstatus:2:up", user=USER) == ["-1 Operation not permitted"]
    assert calls("nodesetstatus:2:boot", "nodestatus:2", "nodesetstatus:2:up",
                 "nodestatus:2") == ["0", "boot", "0", "up"]
    must(["bpsh", "2", "true"], user=USER)


@test("processes: their list, a process's node")
def _():
    with bptest.start(["bpsh", "-n", "0,3", "sh", "-c", "echo in; exec sleep 60"]) as job:
        for _ in range(2):
            assert job.stdout.readline() == "in\n"
        ghosts = sorted(pid for pid, row in bptest.processes().items() if row[0] == job.pid)
        rows = sorted(calls("proclist:-4")[0].split()[1:])
        assert sorted(int(r.split("/")[0]) for r in rows) == ghosts, (rows, ghosts)
        assert sorted(r.split("/")[1] for r in rows) == ["0", "3"], rows
        where = dict(r.split("/") for r in rows)
        out = calls("proclist:3", "proclist:1", "proclist:-1", "proclist:9",
                    *["pidnode:%d" % g for g in ghosts], "pidnode:", "pidnode:4194304")
        assert out[0] == "1: %s/3" % [p for p, n in where.items() if n == "3"][0], out
        assert out[1:4] == ["0:", "0:", "-1 Invalid node"], out
        assert out[4:6] == [where[str(g)] + " " for g in ghosts], out
        assert out[6:] == ["-1 Success", "-1 No such process"], out
        job.terminate()
    assert calls("proclist:-4") == ["0:"]


@test("notifier: a change is told once until it is read")
def _():
    out = calls("notifier", "chmod:0:0", "await", "chmod:0:0111", "chmod:1:0111", "read", "news",
                "nodesetstatus:1:error", "await", "nodelist_", "news", "nodesetstatus:1:up", "await",
                "read", "setnodeattr:0:a:b", "await", "nodelist_", "setnodeattr:0:a:", "await")
    assert out == ["0", "0", "1", "0", "0", "1 0", "0", "0", "1", "0,1,2,3 (4)", "0", "0", "1",
                   "1 0", "0", "1", "0,1,2,3 (4)", "0", "1"], out


@test("notifier: news of nodes that go and come, and the end of bpmaster")
def _():
    with bptest.start([C_PROGRAM, "notifier", "await", "nodelist_"]) as program:
        assert program.stdout.readline() == "0\n"
        cluster.order("kill", "n3")
        assert bptest.finish(program).out == "1\n0,1,2,3 (4)\n"
    with bptest.start([C_PROGRAM, "notifier", "await", "nodelist_"]) as program:
        assert program.stdout.readline() == "0\n"
        cluster.order("start", "n3")
        assert bptest.finish(program).out == "1\n0,1,2,3 (4)\n"
    cluster.wait_up()
    with bptest.start([C_PROGRAM, "notifier", "await", "read", "nodelist_"]) as program:
        assert program.stdout.readline() == "0\n"
        cluster.order("stop", "master")
        out = bptest.finish(program).out.splitlines()
        assert out[:2] == ["1", "0 1"] and out[2].startswith("-1 "), out
    cluster.order("start", "master")
    cluster.wait_up()


@test("the list of libraries")
def _():
    out = calls("liblist", "libadd:/lib/a.so", "libadd:/lib/b.so", "libadd:/lib/a.so", "libadd:b.so",
                "liblist", "libdel:/lib/a.so", "libdel:/lib/a.so", "liblist", "libclear", "liblist")
    assert out == ["1:", "0", "0", "-1 File exists", "-1 Invalid argument", "21: /lib/a.so /lib/b.so",
                   "0", "-1 No such file or directory", "11: /lib/b.so", "0", "1:"], out
    assert calls("libadd:/lib/c.so", "libclear", "liblist", user=USER) == \
        ["-1 Operation not permitted"] * 2 + ["1:"]


@test("orders to nodes: reboot, halt, power off are this node's commands and nothing else")
def _():
    for call, again in (("nodereboot", False), ("nodereboot_async", False), ("nodehalt", True),
                        ("nodepwroff", True), ("nodehalt_async", True), ("nodepwroff_async", True)):
        daemon = cluster.daemon_pid("n1")
        with bptest.start(["bpsh", "-n", "1", "sleep", "60"]) as job:
            bptest.wait_for(lambda: calls("proclist:1")[0] != "0:", what="a process on n1")
            with Loss(1):
                assert calls(call + ":1") == ["0"], call
            assert bptest.finish(job).code != 0
        if again:
            bptest.wait_for(lambda: cluster.machines()["n1"][2] == "exited 0", what="its end")
            cluster.order("start", "n1")
        else:
            assert cluster.daemon_pid("n1") == daemon
        cluster.wait_up()
        must(["bpsh", "1", "true"])
    out = calls("nodehalt:9", "nodehalt:-1")
    assert out == ["-1 Invalid node", "-1 Invalid argument"], out
    assert calls("nodehalt:1", "nodechroot:1:/", user=USER) == ["-1 Operation not permitted"] * 2
    cluster.order("stop", "n1")
    bptest.wait_for(lambda: calls("nodestatus:1") == ["down"], what="n1 down")
    assert calls("nodehalt:1", "nodesetstatus:1:up") == ["-1 Node is down"] * 2
    cluster.order("start", "n1")
    cluster.wait_up()


@test("reconnect: to the same master, to another address that is refused or does not answer")
def _():
    with Loss(1):
        assert calls("nodereconnect:1:") == ["0"]
    cluster.wait_up()
    address = calls("nodeaddr:-1")[0].split()[0]
    with Loss(1):
        assert calls("nodereconnect:1:%s:2223" % address) == ["0"]
    cluster.wait_up()
    assert calls("nodereconnect:1:%s:2224" % address) == ["0"]
    bptest.wait_for(lambda: "Connection refused" in cluster.log("n1"), what="its failure")
    cluster.order("stop", "n1")
    cluster.order("start", "n1")
    cluster.wait_up()


@test("another root for the jobs of a node")
def _():
    out = calls("nodechroot:2:/nowhere", "nodechroot:2:here")
    assert out == ["-1 No such file or directory", "-1 Invalid argument"], out
    root = os.path.join(bptest.BUILD, "root")
    for folder in ("usr", "tmp", "proc", "sys", "dev", "run", "etc", "lib", "lib64", "bin",
                   bptest.PREFIX[1:]):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    shares = [bptest.PREFIX] + [f for f in ("/usr", "/lib", "/lib64", "/bin") if os.path.isdir(f)]
    for share in shares:
        must(["bpcluster", "exec", "n2", "mount", "--bind", share, root + share])
    with open(root + "/mark", "w", encoding="utf-8") as f:
        f.write("new root\n")
    assert calls("nodechroot:2:" + root) == ["0"]
    assert run(["bpsh", "2", "cat", "/mark"], cwd="/").out == "new root\n"
    assert must(["bpsh", "2", "sh", "-c", "id -u; ls -d /proc/self"], cwd="/") == "0\n/proc/self\n"
    with Loss(2):
        assert calls("nodereboot:2") == ["0"]
    cluster.wait_up()
    assert run(["bpsh", "2", "cat", "/mark"], cwd="/").code != 0
    for share in reversed(shares):
        must(["bpcluster", "exec", "n2", "umount", root + share])
    shutil.rmtree(root)


@test("the configuration is read again by SIGHUP: nodes come and go, rights change, errors are kept out")
def _():
    path = cluster.rundir + "/bpmix.conf"
    with open(path, encoding="utf-8") as f:
        before = f.read()

    def reread(text, word="config-read"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        seen = cluster.log("master").count(word)
        os.kill(cluster.daemon_pid("master"), signal.SIGHUP)
        bptest.wait_for(lambda: cluster.log("master").count(word) > seen, what=word)
    reread(before + "ip 9 10.1.2.3\nrights 0 0100 %d\n" % USER)
    out = calls("numnodes", "nodestatus:9", "nodeaddr:9", "nodeinfo:0")
    assert out[:3] == ["5", "down", "10.1.2.3 16"] and "/up/100/%d/0/" % USER in out[3], out
    must(["bpsh", "0", "true"], user=USER)
    assert run(["bpsh", "0", "true"], user=USER + 1).code != 0
    calls("chmod:1:0")
    reread(before + "lease 99\n", "config-kept")
    assert calls("numnodes", "nodeinfo:0", "nodeinfo:1")[0] == "4"
    assert "/up/111/0/" in calls("nodeinfo:0")[0] and "/up/0/0/" in calls("nodeinfo:1")[0]
    calls("chmod:1:0111")
    reread(before + "nonsense\n", "config-refused")
    assert "unknown tag" in cluster.log("master") and calls("numnodes") == ["4"]
    last = [w for w in before.splitlines() if w.startswith("iprange")][0].split()[3]
    fewer = before.replace(last, last.rsplit(".", 1)[0] + "." + str(int(last.rsplit(".", 1)[1]) - 1))
    with bptest.start(["bpsh", "-n", "3", "sleep", "60"]) as job:
        bptest.wait_for(lambda: calls("proclist:3")[0] != "0:", what="a process on n3")
        reread(fewer)
        assert bptest.finish(job).code != 0
    assert calls("numnodes", "nodestatus:3") == ["3", "-1 Invalid node"]
    assert "there is no node 3" in run(["bpsh", "3", "true"]).err
    reread(before)
    cluster.wait_up()  # it has tried again and again
    must(["bpsh", "3", "true"])


@test("from a node: all questions, and what the job's user may do; no more")
def _():
    words = ["currnode", "numnodes", "nodelist", "nodespec:allup,-1", "nodeinfo:-2", "nodeaddr:-1",
             "nodestatus:9", "access:1:1", "liblist", "proclist:9", "getnodeattr:0:none"]
    here = calls(*words)
    there = must(["bpsh", "2", C_PROGRAM] + words).splitlines()
    assert there[0] == "2" and there[4].startswith("2/up/111/0/0/10."), there
    assert there[1:4] + there[5:] == here[1:4] + here[5:], (there, here)
    out = must(["bpsh", "3", C_PROGRAM, "pidnode:", "proclist:-2"]).splitlines()
    assert out[0] == "3 " and out[1].startswith("1: ") and out[1].endswith("/3"), out
    out = must(["bpsh", "3", C_PROGRAM, "nodesetstatus:0:up", "chmod:0:0111", "libclear"],
               user=USER).splitlines()
    assert out == ["-1 Operation not permitted"] * 3, out
    calls("chown:0:%d" % USER)
    out = must(["bpsh", "3", C_PROGRAM, "chmod:0:0100", "nodeinfo:0"], user=USER).splitlines()
    assert out[0] == "0" and "/up/100/%d/" % USER in out[1], out
    assert must(["bpsh", "3", "env", "BPMIX_MASTER=/nowhere", C_PROGRAM, "chown:0:0",
                 "chmod:0:0111"]).splitlines() == ["0", "0"]
    assert must(["bpsh", "1", "bpstat", "-n"]).split() == ["0", "1", "2", "3"]


@test("from a node: news; a crowd; what is too long; what no tool would say")
def _():
    with bptest.start(["bpsh", "-n", "2", C_PROGRAM, "notifier", "await", "nodelist_", "news", "await",
                       "read", "news"]) as program:
        assert program.stdout.readline() == "0\n"
        calls("chmod:1:0")
        assert [program.stdout.readline() for _ in range(3)] == ["1\n", "0,1,2,3 (4)\n", "0\n"]
        calls("chmod:1:0111", "chmod:1:0111", "chmod:1:0111")
        assert bptest.finish(program).out.splitlines()[0] == "1"
    script = r"""
import ctypes, socket, struct
lib = ctypes.CDLL("%s/lib/libbproc.so.4", use_errno=True)
def say(kind, body=b"", flags=0, length=None):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect("/run/bpmix/job/master.sock")
        head = struct.pack("<IBBHIiQQ", 0x584d5042, 1, flags, kind,
                           len(body) if length is None else length, 0, 0, 7)
        s.send(head + body)
        return s.recv(1 << 16)
print(say(1)[6], say(3, b"x" * 2000)[6], say(250) == b"", say(1, length=9) == b"")
print(lib.bproc_numnodes())
count = 0
while lib.bproc_notifier() >= 0:
    count += 1
print(count == 32, lib.bproc_numnodes()) # others may still ask
""" % bptest.PREFIX
    out = must(["bpsh", "2", "python3", "-c", script], user=USER).splitlines()
    assert out == ["2 10 True True", str(NODES), "True %d" % NODES], out


@test("a node that is down")
def _():
    cluster.order("stop", "n3")
    bptest.wait_for(lambda: calls("nodestatus:3") == ["down"], what="n3 down")
    out = calls("numnodes", "nodespec:allup", "nodespec:alldown", "nodespec:allnotup")
    assert out == ["4", "0,1,2 (3)", "3 (1)", "3 (1)"], out
    cluster.order("start", "n3")
    cluster.wait_up()


@test("every call that makes or moves a process, once")
def _():
    program = build(["cc", "-std=gnu99"], "bproc_page", "bproc_page.c")
    path = bptest.BUILD + "/test/bproc_page.out"
    wrong = []
    for name in ("rfork", "_rfork", "vrfork", "_vrfork", "move", "_move", "vexecmove", "rexec", "execmove"):
        result = run([program, name, "1"])
        if (result.code, result.out) != (7, name + " 1\n"):
            wrong.append(result)
        result = run([program, name + "_io", "3", path])
        text = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            os.unlink(path)
        if (result.code, result.out, text) != (7, "", name + "_io 3\n"):
            wrong.append((result, text))
    result = run([program, "execve", "1"])
    if (result.code, result.out) != (7, "execve -1\n"):
        wrong.append(result)
    assert not wrong, wrong


@test("processes are refused by BProc's numbers: no right, no such node, not up")
def _():
    program = bptest.BUILD + "/test/bproc_page"
    calls("chmod:1:0", "nodesetstatus:2:error")
    for name in ("rfork", "vrfork", "move", "vexecmove"):
        for node, why in ((1, "Permission denied"), (9, "Invalid node"), (2, "Node is down")):
            result = run([program, name, str(node)], user=USER)
            said = result.err.splitlines()
            assert result.code == 1 and said == ["%s: %s" % (name, why)], result
    calls("chmod:1:0111", "nodesetstatus:2:up")


@test("the same program as C++")
def _():
    program = build(["clang", "-x", "c++", "-Wno-deprecated"], "bproc_calls_cxx")
    words = ["numnodes", "nodelist", "nodeinfo:1", "nodespec:0,1", "version", "nodeset", "notifier",
             "nodelist_", "proclist:-4", "liblist"]
    assert calls(*words, program=program) == calls(*words)
    program = build(["clang", "-x", "c++", "-Wno-deprecated"], "bproc_page_cxx", "bproc_page.c")
    assert run([program, "move", "2"]).out == "move 2\n"


@test("when memory is out a call says so and the program goes on; threads may call at once")
def _():
    program = build(["cc", "-std=gnu17", "-pthread"], "bproc_nomem", "bproc_nomem.c")
    result = run([program], timeout=60)
    assert result.code == 0 and result.out.endswith("failures 0\n"), repr(result)


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
    assert lib.bproc_setnodeattr(0, b"x", b"y", 1) == 0
    assert lib.bproc_getnodeattr(0, b"x", space, 64) == 1
    assert lib.bproc_proclist(-4, space) == 0
    assert lib.bproc_pidnode(1) == -1
    os.close(lib.bproc_notifier())
    lib.bproc_currnode()
all_calls()
before = used()
for _ in range(10):
    all_calls()
assert used() == before, (before, used())
""" % (NODES, NODES)
    env = {"LD_LIBRARY_PATH": bptest.PREFIX + "/lib"}
    must(["python3", "-c", script], env=env)


if __name__ == "__main__":
    cluster = bptest.Cluster(NODES)
    with cluster:
        bptest.main()
