#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""callers.py - processes on nodes ask bpmaster: the same answers as on the master, by the rights of
the job's user; strangers, floods and lies harm nobody but their own job."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, start, finish, test, wait_for  # noqa: E402

NODES = 3
USER, OTHER = 23456, 23457
DOOR = "/run/bpmix/job/master.sock"
LIMIT = 128  # connections of a job on a node
PROGRAM = bptest.build_caller("bproc_calls_callers", "bproc_calls.c")
cluster = None


def here(*words, **more):
    return must([PROGRAM, *words], **more).splitlines()


def there(*words, node=0, **more):
    return must(["bpsh", "-n", str(node), PROGRAM, *words], **more).splitlines()


def python(script, *words, node=0, **more):
    """A script on a node, which has the wire module, and talk() for a connection to the door."""
    head = ("import os, sys, socket, struct\nsys.path.insert(0, %r)\nimport wire\n"
            "from wire import frame, pack\ndef talk(): return wire.Tool(%r)\n"
            % (os.path.join(bptest.SOURCE, "test", "lib"), DOOR))
    return start(["bpsh", "-n", str(node), sys.executable, "-B", "-c", head + script, *words],
                 **more)


def descriptors(who):
    return len(os.listdir("/proc/%d/fd" % cluster.daemon_pid(who)))


@test("the same questions have the same answers on the master and on a node, for root and a user")
def _():
    here("chown:1:%d" % USER, "chgrp:1:%d" % USER, "chmod:1:0700", "setnodeattr:2:rack:r7")
    words = ["numnodes", "nodelist", "nodestatus:0", "nodestatus:-1", "nodestatus:9", "nodeaddr:1",
             "nodeinfo:1", "nodeinfo:-1", "nodespec:allup", "nodespec:9", "nodefilter:0,2:allup",
             "getnodeattr:2:rack", "getnodeattr:1:rack", "getnodeattr:2:state", "access:1:1",
             "access:2:1", "liblist", "proclist:9", "pidnode:0", "chgrp:1:%d" % USER,
             "chmod:1:0500", "nodeinfo:1", "chmod:1:0700", "chown:1:%d" % USER, "chmod:2:0111",
             "setnodeattr:2:rack:r8", "getnodeattr:2:rack", "setnodeattr:2:rack:r7",
             "nodesetstatus:2:busy", "nodestatus:2", "nodesetstatus:2:up", "strerror:300",
             "version"]
    for user in (USER, None):
        ours, theirs = here(*words, user=user), there(*words, user=user)
        assert ours == theirs, [row for row in zip(words, ours, theirs) if row[1] != row[2]]
        assert ours[:2] == ["3", "0,1,2 (3)"], ours
        allowed = ours[words.index("setnodeattr:2:rack:r8")]
        assert allowed == ("0" if user is None else "-1 Operation not permitted"), ours
        assert ours[words.index("chmod:1:0500")] == "0", ours
    assert there("access:1:1", user=OTHER) == ["-1 Permission denied"]
    assert there("chmod:1:0111", user=OTHER) == ["-1 Operation not permitted"]
    here("chown:1:0", "chgrp:1:0", "chmod:1:0111", "setnodeattr:2:rack:")


@test("the groups are the job's")
def _():
    here("chown:1:%d" % USER)
    groups = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--groups", "7777", "--"]
    out = must([*groups, "bpsh", "-n", "0", PROGRAM, "chgrp:1:7777", "chgrp:1:8888"]).splitlines()
    assert out == ["0", "-1 Operation not permitted"], out
    here("chown:1:0", "chgrp:1:0")


@test("the variable that names bpmaster's socket is about the master's machine")
def _():
    assert must(["bpsh", "-n", "0", "env", "BPMIX_MASTER=/nowhere/s", PROGRAM, "numnodes",
                 "currnode"]).split() == ["3", "0"]


@test("processes: their list, and where one is, itself included")
def _():
    with start(["bpsh", "-n", "1,2", "sh", "-c", "echo in; exec sleep 60"]) as job:
        assert [job.stdout.readline() for _ in range(2)] == ["in\n"] * 2
        rows = here("proclist:-4")[0].split()[1:]
        theirs = there("proclist:-4", "proclist:2", "pidnode:", *["pidnode:" + r.split("/")[0]
                                                                 for r in rows])
        assert set(rows) < set(theirs[0].split()[1:]) and len(theirs[0].split()) == 4, theirs
        assert [theirs[1].split()[1]] == [r for r in rows if r.endswith("/2")], theirs
        assert theirs[2] == "0 ", theirs
        assert theirs[3:] == [r.split("/")[1] + " " for r in rows], theirs
        job.terminate()


@test("bpstat on a node: nodes, jobs, and waiting for nodes")
def _():
    ours = must(["bpstat"]).splitlines()
    theirs = must(["bpsh", "-n", "0", "bpstat"]).splitlines()
    assert [r.split()[:2] for r in theirs] == [r.split()[:2] for r in ours] and len(ours) > 3, theirs
    must(["bpsh", "-n", "0", "bpstat", "--wait-up", "3"])
    assert "bpstat" in must(["bpsh", "-n", "0", "bpstat", "--jobs"], user=USER)
    with start(["bpsh", "-n", "0", "bpstat", "--wait-up", "2"]) as waits:
        cluster.order("kill", "n1")
        assert finish(waits).code == 0
    waits = start(["bpsh", "-n", "0", "bpstat", "--wait-up", "3"])
    cluster.order("start", "n1")
    assert finish(waits).code == 0
    cluster.wait_up()


@test("notifier: a change is told once until it is read")
def _():
    out = there("notifier", "chmod:1:0", "await", "chmod:1:0111", "chmod:2:0111", "read", "news",
                "nodesetstatus:1:error", "await", "nodelist_", "news", "nodesetstatus:1:up", "await",
                "read", "setnodeattr:0:a:b", "await", "nodelist_", "setnodeattr:0:a:", "await")
    assert out == ["0", "0", "1", "0", "0", "1 0", "0", "0", "1", "0,1,2 (3)", "0", "0", "1",
                   "1 0", "0", "1", "0,1,2 (3)", "0", "1"], out


@test("what is the master's alone is refused with a sentence, and the connection goes on")
def _():
    result = run(["bpsh", "-n", "0", "bpctl", "-S", "1", "--reboot"], user=None)
    assert result.code != 0 and "given on the master" in result.err, repr(result)
    assert len(result.err.splitlines()) == 1, repr(result)
    script = """
with talk() as t:
    for kind, body in ((wire.NODE_ORDER, pack((1, 1))), (wire.JOB_KILL, pack((1, 9)))):
        print(t.refusal(frame(kind, body, job=1)))
    print(t.ask(frame(wire.NODE_LIST))[0] == wire.NODES)
"""
    result = finish(python(script))
    assert result.out.splitlines() == [
        "orders to nodes are given on the master",
        "this process has opened no job", "True"], repr(result)


@test("orders to nodes fail on a node and leave nothing")
def _():
    script = """
import ctypes, errno
lib = ctypes.CDLL(sys.argv[1], use_errno=True)
files = len(os.listdir("/proc/self/fd"))
for call in (lambda: lib.bproc_nodereboot(1), lambda: lib.bproc_nodehalt_async(1)):
    print(call(), ctypes.get_errno() == errno.EOPNOTSUPP, flush=True)
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child", len(os.listdir("/proc/self/fd")) - files)
print(lib.bproc_numnodes())
"""
    result = finish(python(script, bptest.PREFIX + "/lib/libbproc.so.4"), timeout=60)
    assert result.out.splitlines() == ["-1 True"] * 2 + ["no child 0", "3"], repr(result)
    assert here("nodestatus:1") == ["up"]


@test("another user inside the space is refused, whoever opens the door for him")
def _():
    other = "setpriv --reuid %d --regid %d --clear-groups %s numnodes" % (OTHER, OTHER, PROGRAM)
    out = must(["bpsh", "-n", "0", "sh", "-c", "%s; chmod 755 /run/bpmix/job; %s; %s numnodes"
                % (other, other, PROGRAM)]).splitlines()
    assert out[0].startswith("-1 ") and out[1:] == ["-1 Permission denied", "3"], out
    out = must(["bpsh", "-n", "0", "stat", "-c", "%U %a", DOOR], user=USER).split()
    assert out == ["root", "666"], out


@test("a flood of connections fills its own job's places; silent ones go, and then others come")
def _():
    before = descriptors("n0"), descriptors("master")
    script = """
import select
socks = [talk().socket for _ in range(500)]
print("in", flush=True)
poll = select.poll()
for s in socks:
    poll.register(s, select.POLLIN)
gone = 0
while gone < 256: # two rounds of those that are in
    for fd, _ in poll.poll(60000) or sys.exit("nobody goes"):
        poll.unregister(fd)
        gone += 1
print(talk and "gone", flush=True)
sys.stdin.read()
"""
    with python(script) as flood:
        assert flood.stdout.readline() == "in\n", repr(finish(flood))
        assert descriptors("n0") < before[0] + LIMIT + 20 and \
            descriptors("master") < before[1] + 10, (before, descriptors("n0"))
        began = there("numnodes", "nodelist", timeout=5)  # a job beside it
        assert began == ["3", "0,1,2 (3)"], began
        out, err = flood.communicate(timeout=60)
        assert out == "gone\n", (out, err)
    wait_for(lambda: descriptors("n0") <= before[0], what="the end of all connections")
    result = finish(python("""
t = [talk() for _ in range(34)]
kinds = [x.ask(frame(wire.NODE_WATCH))[0] for x in t[:33]]
print(kinds.count(wire.DONE), kinds[32] == wire.REFUSED)
print(t[33].refusal(frame(wire.NODE_LIST, node=99)))
print(t[33].ask(frame(wire.NODE_LIST))[0] == wire.NODES)
t[3].close()
print(t[32].ask(frame(wire.NODE_WATCH))[0] == wire.DONE)
more = [talk() for _ in range(160)]  # 33 stay in: 95 places for these, in turn
for x in more:
    x.send(frame(wire.NODE_LIST))
print(sum(x.receive(60)[0] == wire.NODES or x.close() for x in more[:95]))
for x in more[:95]:
    x.close()
print(sum(x.receive(60)[0] == wire.NODES for x in more[95:125]))
"""), timeout=60)
    assert result.out.splitlines() == [
        "32 True", "32 processes of this job wait for nodes here already", "True", "True", "95",
        "30"], repr(result)


@test("lies about lengths, nonsense, questions without end: hung up on, and nobody else notices")
def _():
    script = """
def hung_up(*packets, fds=()):
    with talk() as t:
        for p in packets:
            t.send(p, fds)
        return t.receive() is None
body = pack((1, "rack"))
memory = os.memfd_create("x")
os.write(memory, b"x" * 100)
read, write = os.pipe()
print([hung_up(*p, fds=f) for p, f in (
    ([frame(wire.NODE_GET, body, length=len(body) + 1)], ()),
    ([frame(wire.NODE_GET, body, length=0)], ()),
    ([frame(wire.NODE_GET, body, length=1 << 31)], ()),
    ([frame(wire.NODE_GET, b"x" * 300)], ()),
    ([frame(wire.NODE_GET, length=99, flags=1)], [memory]),
    ([frame(wire.NODE_GET, length=99, flags=1)], [read]),
    ([frame(wire.NODE_GET, length=99, flags=1)], ()),
    ([frame(999)], ()), ([frame(wire.NODES)], ()), ([frame(wire.TOOL_SAYS, body)], ()),
    ([b"garbage"], ()), ([b"x" * 40000], ()), ([frame(wire.NODE_LIST, version=2)], ()),
    ([frame(wire.NODE_LIST, node=99)] * 2, ()),
)])
t = talk()
n = 0
t.socket.settimeout(10)
try:
    while n < 100000: # never reads; the answers alone would take more than the kernel holds
        t.socket.send(frame(wire.NODE_LIST))
        n += 1
except OSError:
    pass
print(n < 100000)
with talk() as t:
    print(t.refusal(frame(wire.NODE_GET, b"\\xff" * 9)))
    print(t.ask(frame(wire.NODE_LIST))[0] == wire.NODES)
"""
    result = finish(python(script), timeout=60)
    rows = result.out.splitlines()
    assert rows[0] == str([True] * 14) and rows[1] == "True", repr(result)
    assert "malformed" in rows[2] and rows[3] == "True", repr(result)
    for who in ("master", "n0"):
        assert "node-lost node=0" not in cluster.log(who) and "master-lost" not in cluster.log(who)
    assert re.search(r"client-dropped job=\w+ pid=\d+ why=", cluster.log("n0"))


@test("those that ask on a node that dies, of a job that is killed, and of a bpmaster that ends")
def _():
    before = {who: descriptors(who) for who in ("master", "n0")}
    script = """
t = [talk() for _ in range(20)]
for x in t[:10]:
    assert x.ask(frame(wire.NODE_WATCH))[0] == wire.DONE
for x in t[10:]:
    x.send(frame(wire.NODE_LIST, node=99))
print("in", flush=True)
sys.stdin.read()
while True:
    t[0].receive(600)
"""
    for end in ("kill", "term", "stop"):
        job = python(script, node=2)
        beside = python(script, node=0)
        for process in (job, beside):
            assert process.stdout.readline() == "in\n", repr(finish(process))
        if end == "kill":
            cluster.order("kill", "n2")
        elif end == "term":
            job.send_signal(signal.SIGTERM)
        else:
            cluster.order("stop", "master")
            cluster.order("start", "master")
            cluster.wait_up()
        assert finish(job).code != 0
        if end != "stop":
            beside.send_signal(signal.SIGTERM)
        assert finish(beside).code != 0
        if end == "kill":
            cluster.order("start", "n2")
            cluster.wait_up()
        here("setnodeattr:1:news:x", "setnodeattr:1:news:")  # told to those who watch
        assert there("numnodes", node=2) == ["3"]
    wait_for(lambda: all(descriptors(who) <= n for who, n in before.items()),
             what="as many descriptors as before: %s" % before)


if __name__ == "__main__":
    with bptest.Cluster(NODES) as cluster:
        bptest.main()
