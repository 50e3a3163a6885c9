#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""bpcp.py - bpcp: both directions and between nodes, whole or not at all, whatever names and files."""
import ctypes
import os
import shutil
import signal
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, start, test  # noqa: E402

LIBC = ctypes.CDLL(None)  # mount(8) would leave files in /run
CLUSTER = None
ENDLESS = "/proc/self/pagemap"  # 256 GiB that are made when they are read
HOSTILE = ["a b", "-r", "new\nline", "col:on", "\\back", "'q\"", "*", "~", "$HOME", ".hidden",
           b"\xff\xfe not UTF-8", "ü", "x" * 255, ".bpcp.1.0", "%s%n"]


def on(node, command, **more):
    """A command inside a node's machine, by root; its output."""
    result = CLUSTER.execute("n%d" % node, ["sh", "-c", command], **more)
    assert result.code == 0, repr(result)
    return result.out


def root_of(node):
    """The node's file tree, seen from here."""
    return "/proc/%d/root" % CLUSTER.machine_pid("n%d" % node)


def put(path, data=b"data\n", mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def tree(top, times=False):
    """What is below a path: {relative path: (kind, mode, content, mtime)}."""
    found = {}
    for folder, names, leaves in os.walk(os.fsencode(top)):
        for path in [folder] + [os.path.join(folder, n) for n in names + leaves]:
            st = os.lstat(path)
            what = (os.readlink(path) if stat.S_ISLNK(st.st_mode) else
                    get(path) if stat.S_ISREG(st.st_mode) else b"")
            found[os.path.relpath(path, os.fsencode(top))] = (
                stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), what,
                st.st_mtime_ns if times else 0)
    return found


def make_tree(top):
    os.makedirs(top + "/sub/deep/er")
    os.mkdir(top + "/empty")
    os.mkdir(top + "/closed", 0o755)
    put(top + "/plain")
    put(top + "/script", b"#!/bin/sh\n", 0o755)
    put(top + "/sub/zero", b"")
    put(top + "/sub/deep/er/big", os.urandom(300000), 0o640)
    put(top + "/closed/file", b"secret", 0o600)
    os.chmod(top + "/closed", 0o500)
    os.symlink("/nowhere/at all", top + "/dangling")
    os.symlink("../plain", top + "/sub/link")
    for name in HOSTILE:
        put(os.path.join(os.fsencode(top), os.fsencode(name)), os.fsencode(name))
    os.utime(top + "/plain", ns=(10**18 + 1, 10**18 + 123456789))
    os.utime(top + "/dangling", ns=(10**18, 10**18 + 5), follow_symlinks=False)
    os.utime(top + "/sub/deep", ns=(10**18, 10**18 + 7))


class Folder:
    """A folder of its own here, gone afterwards."""

    def __init__(self, name="/tmp/here"):
        self.name = name

    def __enter__(self):
        os.mkdir(self.name)
        return self.name

    def __exit__(self, *what):
        shutil.rmtree(self.name)


@test("a file to a node and back, under its name, another name, into a folder, relative names")
def _():
    with Folder() as here:
        put(here + "/a", b"one\n" * 1000)
        for destination, path in (("1:/tmp/b", "/tmp/b"), ("n1:/tmp", "/tmp/a"),
                                  ("1:/tmp/", "/tmp/a"), (".1:/tmp/./c", "/tmp/c")):
            must(["bpcp", here + "/a", destination])
            assert get(root_of(1) + path) == b"one\n" * 1000, destination
        must(["bpcp", "1:/tmp/b", here])
        must(["bpcp", "n1:/tmp/c", here + "/d"])
        must(["bpcp", "1:/tmp/c", "-1:" + here + "/e"])
        must(["bpcp", "master:" + here + "/e", "master:" + here + "/f"])
        assert sorted(os.listdir(here)) == ["a", "b", "d", "e", "f"]
        assert {get(here + "/" + n) for n in os.listdir(here)} == {b"one\n" * 1000}
        on(1, "mkdir -p %s && echo rel > %s/r" % (here, here))
        must(["bpcp", "1:r", "got"], cwd=here)
        assert get(here + "/got") == b"rel\n"
        must(["bpcp", "got", "1:"], cwd=here)
        assert on(1, "cat %s/got" % here) == "rel\n"


@test("to many nodes at once; from node to nodes; several sources, also of several nodes")
def _():
    with Folder() as here:
        put(here + "/a", os.urandom(3 << 20))
        must(["bpcp", here + "/a", "0-3:/tmp/many"])
        for node in range(4):
            assert get(root_of(node) + "/tmp/many") == get(here + "/a"), node
        on(2, "mkdir -p " + here)
        must(["bpcp", "2:/tmp/many", "n[0,3]:/tmp/other"])
        for node in (0, 3):
            assert get(root_of(node) + "/tmp/other") == get(here + "/a"), node
        must(["bpcp", here + "/a", "-1,2:" + here + "/here-too"])
        assert get(here + "/here-too") == get(here + "/a")
        assert get(root_of(2) + here + "/here-too") == get(here + "/a")
        must(["bpcp", here + "/a", "allup:/tmp/all"])
        assert get(root_of(3) + "/tmp/all") == get(here + "/a")
        for node in range(3):
            on(node, "echo %d > /tmp/f%d" % (node, node))
        must(["bpcp", "0:/tmp/f0", "1:/tmp/f1", here + "/a", "2:/tmp/f2", here])
        assert [get(here + "/f%d" % i) for i in range(3)] == [b"0\n", b"1\n", b"2\n"]


@test("-r -p: a tree with hostile names, links, modes and times, there, across and back")
def _():
    with Folder() as here:
        make_tree(here + "/t")
        want = tree(here + "/t", times=True)
        must(["bpcp", "-rp", here + "/t", "0-1:/tmp/tree"])
        assert tree(root_of(0) + "/tmp/tree", times=True) == want
        assert tree(root_of(1) + "/tmp/tree", times=True) == want
        must(["bpcp", "-p", "-r", "1:/tmp/tree", "3:/tmp/new/"])
        assert tree(root_of(3) + "/tmp/new", times=True) == want
        must(["bpcp", "-rp", "3:/tmp/new", here])
        assert tree(here + "/new", times=True) == want
        must(["bpcp", "-r", here + "/t/.", "2:/tmp"])  # what is in it
        assert get(root_of(2) + "/tmp/plain") == b"data\n"


@test("without -p: modes less the umask; a file that is replaced keeps its mode; no set-id bits")
def _():
    with Folder() as here:
        put(here + "/a", mode=0o4777)
        must(["sh", "-c", "umask 027; bpcp %s/a 0:/tmp/new" % here])
        on(0, "echo old > /tmp/old; chmod 604 /tmp/old; chown 77:78 /tmp/old")
        must(["bpcp", here + "/a", "0:/tmp/old"])
        must(["bpcp", "-p", here + "/a", "0:/tmp/kept"])
        assert on(0, "stat -c %a:%u:%g /tmp/new /tmp/old /tmp/kept").split() == \
            ["750:0:0", "604:77:78", "777:0:0"]


@test("without -r: folders are left out and said, links are followed")
def _():
    with Folder() as here:
        os.mkdir(here + "/dir")
        put(here + "/a")
        os.symlink("a", here + "/l")
        result = run(["bpcp", here + "/dir", here + "/l", "0:/tmp"])
        assert result.code == 1 and "/dir: is a folder (-r copies it)" in result.err, repr(result)
        assert stat.S_ISREG(os.lstat(root_of(0) + "/tmp/l").st_mode)


@test("1 GiB sparse file: holes stay holes, in little memory; a big file in full")
def _():
    with Folder() as here:
        with open(here + "/s", "wb") as f:
            f.truncate(1 << 30)
            for where in (0, 123456789, (1 << 30) - 5):
                f.seek(where)
                f.write(b"here")
        must(["bpcp", here + "/s", "0:/tmp/s"], timeout=60)
        st = os.stat(root_of(0) + "/tmp/s")
        assert st.st_size == 1 << 30 and st.st_blocks * 512 < 1 << 20, st
        with open(root_of(0) + "/tmp/s", "rb") as f:
            for where in (0, 123456789, (1 << 30) - 5):
                f.seek(where)
                assert f.read(4) == b"here"
        with open(here + "/s", "wb") as f:
            f.truncate(1 << 30)  # nothing but a hole
        must(["bpcp", here + "/s", "0:/tmp/s"], timeout=60)
        assert os.stat(root_of(0) + "/tmp/s").st_blocks * 512 < 1 << 20
        put(here + "/s", os.urandom(1 << 20) * 100)
        script = "bpcp %s/s 0-1:/tmp/s" % here
        result = run(["sh", "-c", "/usr/bin/python3 -c \"import os,resource,sys; "
                      "s=os.spawnvp(os.P_WAIT,'sh',['sh','-c','%s']); "
                      "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(s)\""
                      % script], timeout=90)
        assert result.code == 0, repr(result)
        if not bptest.SANITIZED:
            assert int(result.out) < 40000, "KiB: " + result.out
        assert get(root_of(1) + "/tmp/s") == get(here + "/s")
        on(0, "rm /tmp/s")
        on(1, "rm /tmp/s")


@test("a file of /proc, without a size, arrives")
def _():
    must(["bpcp", "2:/proc/sys/kernel/hostname", "1:/tmp/name"])
    assert on(1, "cat /tmp/name") == "n2\n"
    must(["bpcp", "2:/proc/cpuinfo", "1:/tmp/cpuinfo"])
    assert on(1, "wc -c < /tmp/cpuinfo").strip() != "0"


# sources and destination, a part of stderr, exit status
ERRORS = [
    (["/nowhere", "0:/tmp/x"], "bpcp: /nowhere: No such file or directory", 1),
    (["0:/nowhere", "/tmp/x"], "bpcp: n0: /nowhere: No such file or directory", 1),
    (["/etc/passwd", "0:/nowhere/x"], "bpcp: n0: /nowhere/x: No such file or directory", 1),
    (["/etc/passwd", "0:/tmp/x/"], "bpcp: n0: /tmp/x/: No such file or directory", 1),
    (["/etc/passwd", "/etc/group", "0:/tmp/x"], "must be a folder that is there", 1),
    (["/etc/passwd", "0:/dev/null"], "n0: /dev/null: is there and is no file", 1),
    (["/dev/null", "0:/tmp/x"], "/dev/null: is no file, folder or link", 1),
    (["/etc/passwd", "9:/tmp"], "no node 9", 125),
    (["9:/etc/passwd", "/tmp"], "no node 9", 125),
    (["what:x", "/tmp"], "a file of that name is ./what:x", 64),
    ([":x", "/tmp"], ":x", 64),
    (["0-1:/etc/passwd", "/tmp"], "a source is on one node", 64),
    (["all:/etc/passwd", "/tmp"], "a source is on one node", 64),
    (["-1,0:/etc/passwd", "/tmp"], "a source is on one node", 64),
    (["/etc/passwd", "-1,0:/nowhere/x"], "bpcp: master: /nowhere/x: No such file", 1),
    (["/etc/passwd"], "a source and a destination", 64),
    (["-r", "/etc/security", "0:/etc/hostname/x"], "n0: /etc/hostname", 1),
]


@test("errors name the node, the path and the cause, row by row")
def _():
    for words, text, code in ERRORS:
        result = run(["bpcp"] + words)
        assert result.code == code and text in result.err, "%s: %r" % (words, result)
        assert result.err.count("\n") == (2 if "-1,0" in words[-1] else 1) or code == 64, "%s: %r" % (words, result)
    assert not os.path.exists(root_of(0) + "/tmp/x") and not os.path.exists("/tmp/x")


@test("one of many nodes fails: the others have it, and it is said which")
def _():
    with Folder() as here:
        put(here + "/a", b"x" * 100000)
        on(2, "rm -rf /tmp/d")
        for node in (0, 1, 3):
            on(node, "mkdir -p /tmp/d")
        result = run(["bpcp", here + "/a", "0-3:/tmp/d/"])
        assert result.code == 1 and "n2: /tmp/d/: " in result.err, repr(result)
        assert [os.path.exists(root_of(n) + "/tmp/d/a") for n in range(4)] == \
            [True, True, False, True]


@test("a full disk: no part of the file, the old one stays, the node is named")
def _():
    with Folder() as here:
        put(here + "/a", os.urandom(3 << 20))
        on(1, "mkdir -p /tmp/small && mount -n -i -t tmpfs -o size=1m none /tmp/small && "
           "echo old > /tmp/small/a")
        result = run(["bpcp", here + "/a", "0-1:/tmp/small/a"])
        on(0, "ls /tmp/small 2>/dev/null || true")
        assert "n1: /tmp/small/a: cannot be written: No space left on device" in result.err, \
            repr(result)
        result = run(["bpcp", here + "/a", "1:/tmp/small"])
        assert result.code == 1, repr(result)
        assert on(1, "ls -A /tmp/small; cat /tmp/small/a") == "a\nold\n"
        on(1, "umount -n -i /tmp/small")


@test("as another user: its rights on the node, its files")
def _():
    with Folder() as here:
        put(here + "/a", mode=0o644)
        put(here + "/closed", mode=0o600)
        on(0, "chmod 1777 /tmp; mkdir -p /tmp/roots; echo s > /tmp/secret; chmod 600 /tmp/secret")
        must(["bpcp", here + "/a", "0:/tmp/users"], user=12345)
        assert on(0, "stat -c %u:%g /tmp/users") == "12345:12345\n"
        for words, text in (([here + "/a", "0:/tmp/roots/x"], "n0: /tmp/roots/x: Permission denied"),
                            (["0:/tmp/secret", "/tmp/x"], "n0: /tmp/secret: Permission denied"),
                            ([here + "/closed", "0:/tmp/x"], "/closed: Permission denied")):
            result = run(["bpcp"] + words, user=12345)
            assert result.code == 1 and text in result.err, repr(result)
        assert not os.path.exists("/tmp/x")


@test("told to end in the middle, by ^C, TERM or KILL: nothing is left anywhere")
def _():
    on(0, "mkdir -p /tmp/rest")
    before = bptest.Snapshot()
    for how in ("^C", "TERM", "KILL"):
        with bptest.Terminal(["bpcp", ENDLESS, "0:/tmp/rest/x"]) as t:
            # its file on the node is open and has no name
            bptest.wait_for(lambda: "/tmp/rest" in on(
                0, "ls -l /proc/*/fd 2>/dev/null | grep deleted || true"), what="the file")
            if how == "^C":
                t.send(how)
            else:
                os.kill(t.process.pid, getattr(signal, "SIG" + how))
            assert t.wait() != 0
        before.check()
        assert on(0, "ls -A /tmp/rest") == ""


@test("the sender's node dies in the middle: what was there before is still there")
def _():
    with Folder() as here:
        put(here + "/x", b"old")
        copying = start(["bpcp", "3:" + ENDLESS, here + "/x"])
        bptest.wait_for(lambda: any(name.startswith(here + "/") for p in bptest.processes()
                                    for name in open_files(p)), what="the file")
        CLUSTER.order("kill", "n3")
        result = bptest.finish(copying, timeout=60)
        assert result.code != 0 and "n3" in result.err and "x: the sender has ended early" in \
            result.err, repr(result)
        assert get(here + "/x") == b"old" and os.listdir(here) == ["x"]
        CLUSTER.order("start", "n3")
        CLUSTER.wait_up()


def open_files(pid):
    folder = "/proc/%d/fd/" % pid
    try:
        return [os.readlink(folder + f) for f in os.listdir(folder)]
    except OSError:
        return []


@test("a running program's file can be replaced, and its readers see the old one or the new one")
def _():
    with Folder() as here:
        put(here + "/old", b"1" * 1000000)
        put(here + "/new", b"2" * 1000000)
        must(["bpcp", here + "/old", "0:/tmp/f"])
        with open(root_of(0) + "/tmp/f", "rb") as f:
            must(["bpcp", here + "/new", "0:/tmp/f"])
            assert set(f.read()) == set(b"1")
        assert set(get(root_of(0) + "/tmp/f")) == set(b"2")
        shutil.copy("/bin/sleep", here + "/prog")
        must(["bpcp", here + "/prog", "0:/tmp/prog"])
        with start(["bpsh", "0", "/tmp/prog", "100"]) as job:
            bptest.wait_for(lambda: "prog" in run(["bpstat", "-j"]).out)
            must(["bpcp", here + "/prog", "0:/tmp/prog"])
            job.terminate()


@test("completion: options, nodes with a colon")
def _():
    script = (". %s/contrib/completion/bpmix.bash; COMP_WORDS=(bpcp $1); COMP_CWORD=1; "
              "_bpmix bpcp 2>/dev/null; echo ${COMPREPLY[@]}" % bptest.SOURCE)
    for word, want in (("n", "n0: n1: n2: n3:"), ("n2", "n2:"), ("-r", "-r"), ("/etc", "")):
        assert run(["bash", "-c", script, "x", word]).out.strip() == want, word


@test("progress is shown on a terminal, and cleared")
def _():
    with Folder() as here:
        with open(here + "/a", "wb") as f:
            for _ in range(300):
                f.write(b"x" * (1 << 20))
        with bptest.Terminal(["bpcp", here + "/a", "0-1:/tmp/a"]) as t:
            t.read_until("MiB/s", timeout=60)
            assert t.wait(60) == 0
        for node in range(2):
            on(node, "rm /tmp/a")


if __name__ == "__main__":
    with bptest.Cluster(4, lease=4) as CLUSTER:
        bptest.main()
