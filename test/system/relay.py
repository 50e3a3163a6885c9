#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""relay.py - a big image passes from node to node: who sends it to whom, and nodes that die, lie or
cannot be reached. The tree: n0 (n2 (n6), n3), n1 (n4, n5)."""
import contextlib
import hashlib
import os
import random
import signal
import tempfile

import bptest
import remains
from bptest import finish, must, run, start, test, wait_for
from images import Image, failures, nodes

NODES = 7
ALL = ["n%d" % k for k in range(NODES)]
SIZE = 64 << 20
INPUT = 32 << 20
cluster = None


def sent(node):
    """Bytes that a node has sent over its wire."""
    with open("/proc/%d/net/dev" % cluster.machine_pid(node), encoding="utf-8") as f:
        return sum(int(line.split(":")[1].split()[8]) for line in f if "eth" in line)


def failed(node):
    """How often a node has given up the one above it."""
    return cluster.log(node).count("relay-failed")


@contextlib.contextmanager
def program(mib):
    """The path of a program that nodes do not have, with so much data, which says its node."""
    path = "/tmp/only-here"
    source = ("#include <stdio.h>\n#include <unistd.h>\n"
              "static char data[%d << 20] = {1};\n"
              "int main(void) { char name[64]; gethostname(name, sizeof name);"
              " return data[0] != 1 || puts(name) < 0; }\n" % mib)
    must(["cc", "-static", "-x", "c", "-", "-o", path], data=source, timeout=60)
    try:
        yield path
    finally:
        os.unlink(path)


@contextlib.contextmanager
def half(image):
    """A job whose launcher waits in the middle of the image; goes on at the end."""
    job = start(image.send(end=image.size // 2, nodes="0-6", how="relay"), stdin=-1)
    lines = []
    while "half\n" not in lines:
        lines.append(job.stdout.readline())
        assert lines[-1], finish(job)
    try:
        yield job
    except BaseException:
        job.kill()
        raise


def memory_file(node):
    """The path of the image on a node that has not all of it."""
    folder = "/proc/%d/fd/" % cluster.daemon_pid(node)
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            if "bpmix-image" in os.readlink(folder + name):
                return folder + name
    return None


@test("an image reaches seven nodes, and inner nodes pass it on")
def _():
    with remains.none(cluster), Image() as image:
        before = {node: sent(node) for node in ALL}
        result = run(image.enlarge(SIZE).send(nodes="0-6", how="relay"), timeout=120)
        assert nodes(result) == ALL, repr(result)
        times = {node: round((sent(node) - before[node]) / SIZE) for node in ALL}
        assert times == {"n0": 2, "n1": 2, "n2": 1, "n3": 0, "n4": 0, "n5": 0, "n6": 0}, times


@test("a small one, and one that ends within a piece")
def _():
    with remains.none(cluster), Image() as image:
        assert nodes(run(image.send(nodes="0-6", how="relay"))) == ALL
        result = run(image.enlarge(1 << 20).send(nodes="0-6", how="relay"))
        assert nodes(result) == ALL, repr(result)


@test("an image that is none: every node says so")
def _():
    with remains.none(cluster), Image() as image:
        result = run(image.set(0, "Q", 7).send(nodes="0-6", how="relay"))
        assert len(failures(result)) == NODES, repr(result)
        image = Image().enlarge(SIZE)
        image.size -= 1
        result = run(image.write().send(nodes="0-6", how="relay"), timeout=120)
        assert len(failures(result)) == NODES and "ends after" in failures(result)[0], repr(result)


@test("an inner node that passes on something else: the one below gets the right piece")
def _():
    before = failed("n2")
    with remains.none(cluster), Image() as image:
        image.enlarge(SIZE)
        below = cluster.daemon_pid("n2")
        os.kill(below, signal.SIGSTOP)
        with half(image) as job:
            path = wait_for(lambda: memory_file("n0"), what="the image on n0")
            wait_for(lambda: os.stat(path).st_size > SIZE // 4, what="some of the image on n0")
            with open(path, "r+b") as f:
                f.seek(1 << 20)
                f.write(b"something else")
            os.kill(below, signal.SIGCONT)
        result = finish(job, 120, data="\n")
        assert nodes(result) == ALL and failed("n2") == before + 1, repr(result)


@test("an inner node killed in the middle of 1 GiB: those below get it from the launcher")
def _():
    before = {node: failed(node) for node in ALL}
    with remains.none(cluster, 30), Image() as image:
        image.enlarge(1 << 30)
        with half(image) as job:
            cluster.order("kill", "n0")
        result = finish(job, 200, data="\n")
        assert nodes(result) == ALL[1:], repr(result)
        assert "event 4 " in result.out, repr(result)
        times = [failed(node) - before[node] for node in ALL[1:]]
        assert times == [0, 1, 1, 0, 0, 0], (times, repr(result))
        cluster.order("start", "n0")
        cluster.wait_up()


@test("bprun: a big program, and an inner node killed while it is sent")
def _():
    with remains.none(cluster, 30), program(32) as path:
        before = sent("n0")
        result = run(["bprun", "--mpi=none", "--start=ld", "-n", "7", "-N", "7", path], timeout=60)
        assert sorted(result.out.split()) == ALL, repr(result)
        assert sent("n0") - before > 2 * (32 << 20), "n0 has passed on nothing"
    with remains.none(cluster, 30), program(256) as path:
        job = start(["bprun", "--mpi=none", "--start=ld", "-n", "7", "-N", "7", path])
        wait_for(lambda: memory_file("n0"), what="the image on n0")
        os.kill(job.pid, signal.SIGSTOP)
        cluster.order("kill", "n0")
        os.kill(job.pid, signal.SIGCONT)
        result = finish(job, 60)
        assert result.code == 137 and "n0" in result.err, repr(result)
        cluster.order("start", "n0")
        cluster.wait_up()


@test("an inner node that those below cannot reach: they get it from the launcher")
def _():
    before = failed("n2")
    with remains.none(cluster), Image() as image:
        image.enlarge(SIZE)
        route = ["unreachable", "10.77.0.1/32"]
        must(cluster.base + ["exec", "n2", "ip", "route", "add", *route])
        result = run(image.send(nodes="0-6", how="relay"), timeout=120)
        must(cluster.base + ["exec", "n2", "ip", "route", "del", *route])
        assert nodes(result) == ALL and failed("n2") == before + 1, repr(result)


def to_all(program, ranks=NODES):
    return ["bprun", "--mpi=none", "-n", str(ranks), "-N", str(NODES), "--stdin=all", *program]


def give(job, data):
    job.stdin.buffer.write(data)
    job.stdin.flush()


def end(job, timeout=120):
    """Its stdin is at its end."""
    job.stdin.close()
    job.stdin = None
    return finish(job, timeout)


def run_with(command, data):
    """Run it with this stdin, a file."""
    with tempfile.TemporaryFile() as f:
        f.write(data)
        f.seek(0)
        return run(command, stdin=f, timeout=120)


def took(node):
    """Bytes of stdin that the rank on a node has had."""
    result = cluster.execute(node, ["stat", "-c", "%s", "/tmp/took"])
    return int(result.out or 0)


def digests(result):
    """What each rank's sha256sum said, by its label."""
    return dict(line.split("  ")[0].split(": ") for line in result.out.splitlines())


@test("stdin for all passes from node to node, when it is long")
def _():
    data = random.Random(8).randbytes(INPUT)
    with remains.none(cluster):
        before = {node: sent(node) for node in ALL}
        result = run_with(to_all(["-l", "sha256sum"]), data)
        right = hashlib.sha256(data).hexdigest()
        assert digests(result) == {str(rank): right for rank in range(NODES)}, repr(result)
        times = {node: round((sent(node) - before[node]) / INPUT, 1) for node in ALL}
        assert all(times[node] > 1.2 for node in ("n0", "n1")) and 0.5 < times["n2"] < 1.2 and \
            all(times[node] < 0.1 for node in ALL[3:]), times


@test("short stdin, empty stdin, and ranks that read little of it")
def _():
    with remains.none(cluster):
        assert run_with(to_all(["cat"], 14), b"a\n").out == "a\n" * 14
        assert run_with(to_all(["wc", "-c"], 14), b"").out == "0\n" * 14
        result = run_with(to_all(["sh", "-c", "[ $BPROC_NODE != 0 ] || exec sh -c 'head -c 100000 |"
                                  " wc -c'; exec wc -c"], 14), bytes(INPUT))
        assert sorted(result.out.split()) == ["100000"] * 2 + [str(INPUT)] * 12, repr(result)


@test("stdin for all: an inner node killed in the middle")
def _():
    data = random.Random(9).randbytes(INPUT)
    with remains.none(cluster, 30):
        before = {node: failed(node) for node in ALL}
        job = start(to_all(["--no-kill", "-l", "sh", "-c", "exec 3>/tmp/took; tee /dev/fd/3 | sha256sum"]),
                    stdin=-1)
        give(job, data[:INPUT // 2])
        wait_for(lambda: took("n6") >= INPUT // 4, what="half of it on n6")
        cluster.order("kill", "n0")
        give(job, data[INPUT // 2:])
        result = end(job)
        right = hashlib.sha256(data).hexdigest()
        assert digests(result) == {str(rank): right for rank in range(1, NODES)}, repr(result)
        assert [failed(node) - before[node] for node in ("n2", "n3")] == [1, 1], repr(result)
        cluster.order("start", "n0")
        cluster.wait_up()
        must(["bpsh", "allup", "rm", "-f", "/tmp/took"])


@test("stdin for all: an inner node that those below cannot reach")
def _():
    data = random.Random(10).randbytes(INPUT)
    with remains.none(cluster):
        before = failed("n2")
        route = ["unreachable", "10.77.0.1/32"]
        must(cluster.base + ["exec", "n2", "ip", "route", "add", *route])
        result = run_with(to_all(["-l", "sha256sum"]), data)
        must(cluster.base + ["exec", "n2", "ip", "route", "del", *route])
        right = hashlib.sha256(data).hexdigest()
        assert digests(result) == {str(rank): right for rank in range(NODES)}, repr(result)
        assert failed("n2") == before + 1, repr(result)


@test("bpcp copies over the nodes")
def _():
    data = random.Random(11).randbytes(INPUT)
    with remains.none(cluster):
        with open("/tmp/only-here", "wb") as f:
            f.write(data)
        before = sent("n0")
        must(["bpcp", "/tmp/only-here", "allup:/tmp/copied"], timeout=120)
        os.unlink("/tmp/only-here")
        assert sent("n0") - before > INPUT, "n0 has passed on nothing"
        result = run(["bpsh", "allup", "sh", "-c", "sha256sum /tmp/copied; rm /tmp/copied"])
        assert result.out == (hashlib.sha256(data).hexdigest() + "  /tmp/copied\n") * NODES


@test("the launcher killed in the middle: nothing is left")
def _():
    with remains.none(cluster), Image() as image:
        image.enlarge(SIZE)
        with half(image) as job:
            os.kill(job.pid, signal.SIGKILL)
        finish(job)


@test("a port where others get images: nonsense and unknown tickets end there")
def _():
    with remains.none(cluster):
        # inside the node, as the port is on its own address
        code = ("import os,re,socket,sys\n"
                "rows=[r.split() for r in open('/proc/net/tcp')][1:]\n"
                "ports=[r[1] for r in rows if r[3]=='0A']\n"
                "a,p=ports[0].split(':')\n"
                "host=socket.inet_ntoa(bytes.fromhex(a)[::-1])\n"
                "for text in (b'x'*32, b'bpmx\\x01\\x03'+bytes(26), b'bpmx', b''):\n"
                "    s=socket.create_connection((host,int(p,16)),10)\n"
                "    s.sendall(text)\n"
                "    s.shutdown(socket.SHUT_WR) if len(text)<32 else None\n"
                "    s.settimeout(20)\n"
                "    print(s.recv(1))\n")
        result = cluster.execute("n0", ["python3", "-c", code])
        assert result.out == "b''\n" * 4, repr(result)


if __name__ == "__main__":
    cluster = bptest.Cluster(NODES, lease=10)
    with cluster:
        bptest.main()
