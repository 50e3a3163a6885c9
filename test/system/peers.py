#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 240 s
"""peers.py - peers that lie, babble, stay silent or die: each is refused with a clear line, nobody
else is touched, and the cluster goes on."""
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import wire  # noqa: E402
from bptest import must, run, start, finish, test, wait_for  # noqa: E402
from wire import Tool, frame, pack, preamble, preamble_kind, record, request  # noqa: E402

USER, OTHER = 12345, 12346
BORN = wire.BORN
BPNODE = bptest.PREFIX + "/sbin/bpnode"
cluster = None  # of four nodes
address = None  # bpmaster's


# ---- helpers ----

def alive():
    """The cluster does its work."""
    result = run(["bprun", "--mpi=none", "-n", "4", "-N", "4", "true"])
    assert result.code == 0, repr(result)


def key_text(node):
    return must([bptest.PREFIX + "/sbin/bpmaster", "-c", cluster.rundir + "/bpmix.conf",
                 "--node-key", str(node)])


def logged(attack, text, who="master"):
    """Attack until the log shows text: lines that a stranger can cause are limited to a few a
    second."""
    seen = len(cluster.log(who))

    def found():
        attack()
        try:
            wait_for(lambda: text in cluster.log(who)[seen:], 0.5)
            return True
        except AssertionError:
            return False
    wait_for(found, what="%r in the log of %s" % (text, who))


def dial(data=b""):
    s = socket.create_connection((address, 2223), timeout=10)
    s.sendall(data)
    return s


def ended(sock):
    """The other side hangs up without another byte."""
    try:
        return sock.recv(64) == b""
    except ConnectionResetError:
        return True


def drain(sock):
    """Read until the other side hangs up."""
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        pass


def hangs_up(data, close=False):
    """An attack: say data, and be hung up on."""
    def attack():
        with dial(data) as s:
            if close:
                s.shutdown(socket.SHUT_WR)
            assert ended(s)
    return attack


def answered(data):
    """The answer to a preamble: (version, kind, id); then the end."""
    with dial(data) as s:
        answer = s.recv(32, socket.MSG_WAITALL)
        assert ended(s)
        return preamble_kind(answer)


def bpnode_on(node, key, mode="600", host=None, port="2223"):
    """bpnode with another key file on a node whose own bpnode is stopped."""
    return ["sh", "-c", "umask 077; cat >/run/key; chmod %s /run/key; exec %s -d -k /run/key %s %s"
            % (mode, BPNODE, host or address, port)], key


def jobs():
    with Tool() as tool:
        return wire.unpack(tool.ask(frame(wire.JOB_LIST))[1]).get(1, [])


def no_jobs():
    wait_for(lambda: not jobs(), what="the end of all jobs")


def descriptors(who="master"):
    return len(os.listdir("/proc/%d/fd" % cluster.daemon_pid(who)))


def as_user(function, uid=USER):
    """Run function in a process of another user; it must return without an exception."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            function()
            code = 0
        except BaseException as e:  # pylint: disable=broad-except
            os.write(writer, repr(e).encode()[:4000])
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as f:
        text = f.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, text


class Stopped:
    """A node without its bpnode while the `with` lasts."""

    def __init__(self, who):
        self.who = who

    def __enter__(self):
        cluster.order("stop", self.who)
        return self

    def start(self):
        if cluster.daemon_pid(self.who) is None:
            cluster.order("start", self.who)
        cluster.wait_up(4)

    def __exit__(self, *_):
        self.start()


def says_up(job):
    """The job's rank has said "up"."""
    line = job.stdout.readline()
    assert line == "up\n", repr((line, finish(job)))


# ---- nodes that are none ----

@test("bpnode without a key, with an open or a malformed one: one line, status 1")
def _():
    right = key_text(3)
    with Stopped("n3"):
        for command, key, texts in (
                (*bpnode_on(3, right, mode="640"), ["/run/key", "closed to others", "chmod 600"]),
                (*bpnode_on(3, "key of mine\n"), ["/run/key", "--node-key"]),
                ([BPNODE, "-d", "-k", "/run/none", "master"], "", ["/run/none", "No such file"])):
            result = cluster.execute("n3", command, data=key)
            assert result.code == 1 and len(result.err.splitlines()) == 1, repr(result)
            assert all(t in result.err for t in texts), repr(result)
    alive()


@contextlib.contextmanager
def another_node(key):
    """A bpnode on n3 beside the cluster's; it goes on until the end of the `with`."""
    command, data = bpnode_on(3, key)
    with start(cluster.base + ["exec", "n3"] + command, stdin=-1) as node:
        node.stdin.write(data)
        node.stdin.close()
        yield node
        assert node.poll() is None
        os.killpg(node.pid, signal.SIGKILL)


@test("bpnode with a foreign key or number: one line on both sides, and it tries again")
def _():
    right = key_text(3)
    wrong = "node 3\nkey " + "5" * 64 + "\n"
    with Stopped("n3"):
        for key, texts in (
                (wrong, ["refuses node 3", wire.node_key(wrong)[2].hex(),
                         wire.node_key(right)[2].hex(), "--node-key 3"]),
                (key_text(77), ["refuses node 77", "no such node"])):
            with another_node(key) as node:
                line = node.stderr.readline()
                assert "join-failed" in line and all(t in line for t in texts), line
                for _ in range(2):
                    logged(lambda: None, "connection-refused")
        assert "node 3 came with key " + wire.node_key(wrong)[2].hex() in cluster.log("master")
        assert "there is no node 77" in cluster.log("master")
    alive()


@test("two nodes with one number: the second is refused, the first unharmed")
def _():
    before = cluster.daemon_pid("n0")
    with Stopped("n3"):
        job = start(["bprun", "--mpi=none", "-w", "0", "sh", "-c", "echo up; read x; echo $x"],
                    stdin=-1)
        says_up(job)
        with another_node(key_text(0)) as second:
            line = second.stderr.readline()
            assert "connected already" in line and "one number" in line, line
            logged(lambda: None, "node 0 is connected already")
            assert finish(job, data="well\n").out == "well\n" and job.returncode == 0
    assert cluster.daemon_pid("n0") == before
    alive()


@test("another protocol version: both sides name both versions")
def _():
    number, _, key_id = wire.node_key(key_text(3))
    logged(lambda: answered(preamble(wire.CONTROL, number, key_id, version=9)),
           "protocol version 9, ours is 1")
    assert answered(preamble(wire.CONTROL, number, key_id, version=9))[:2] == (1, wire.BAD_VERSION)
    assert answered(preamble(wire.STREAM, 0, b"t" * 16, version=0))[1] == wire.BAD_VERSION
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile() as f:
        f.write(key_text(3).encode())
        f.flush()
        node = start([BPNODE, "-d", "-k", f.name, "127.0.0.1", str(listener.getsockname()[1])])
        for _ in range(3):  # nobody has proved to be the master: it does not end, and says it once
            peer, _ = listener.accept()
            assert preamble_kind(peer.recv(32, socket.MSG_WAITALL))[:2] == (1, wire.CONTROL)
            peer.sendall(preamble(wire.BAD_VERSION, version=9))
            peer.close()
        node.kill()
        result = finish(node)
    assert len(result.err.splitlines()) == 1, result
    assert "version 9" in result.err and "version 1" in result.err, result


@test("bpnode: a master that babbles, is silent, hangs up or closes half way")
def _():
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile() as f:
        f.write(key_text(3).encode())
        f.flush()
        node = start([BPNODE, "-d", "-k", f.name, "127.0.0.1", str(listener.getsockname()[1])])
        listener.settimeout(10)
        for answer, text in ((b"HTTP/1.1 400 Bad Request\r\n\r\nxxxx", "not bpmaster"),
                             (b"", "closed before an answer"),
                             (preamble(wire.GO)[:31], "closed before an answer"),
                             (preamble(99), "makes no sense"),
                             (preamble(wire.GO) + b"garbage, no TLS" * 9, "TLS")):
            peer, _ = listener.accept()
            peer.recv(32, socket.MSG_WAITALL)
            peer.sendall(answer)
            try:
                peer.shutdown(socket.SHUT_WR)
            except OSError as e:  # it has hung up already, and not read all
                assert e.errno == errno.ENOTCONN, e
            if text != "closed before an answer" or answer == b"":
                line = node.stderr.readline()
                assert "join-failed" in line and text in line, line
            peer.close()
        node.kill()
        finish(node)


@test("garbage, unknown kinds and numbers, half preambles")
def _():
    logged(hangs_up(b"GET / HTTP/1.1\r\nHost: master\r\n\r\n"), "not bpmix")
    logged(hangs_up(b"bpm", close=True), "closed before it said who it is")
    logged(hangs_up(preamble(77)), "unknown kind of connection")
    logged(hangs_up(preamble(wire.CONTROL, 3)[:20]), "did not say who it is within a second")
    for data in (b"\0" * 32, os.urandom(4096), b"b" * 32, preamble(wire.GO), b"bpmx" + b"\xff" * 28):
        with dial(data) as s:
            drain(s)
    for number in (-1, 4, 4095, 4096, 2 ** 31 - 1, -2 ** 31):
        assert answered(preamble(wire.CONTROL, number))[1] == wire.BAD_NUMBER, number
    alive()


@test("a valid preamble, then no TLS, another key, or silence")
def _():
    text = key_text(3)
    number, _, key_id = wire.node_key(text)
    hello = preamble(wire.CONTROL, number, key_id)
    with Stopped("n3"):
        quiet = [dial(hello) for _ in range(3)]

        def babble():
            with dial(hello + b"\x16\x03\x01garbage" + os.urandom(2000)) as s:
                assert preamble_kind(s.recv(32, socket.MSG_WAITALL))[1] == wire.GO
                drain(s)

        def other_key():
            with wire.Node(address, text, key=b"5" * 32) as node:
                assert node.receive() is None
        logged(babble, "join-failed node=3")
        logged(other_key, "join-failed node=3")
        for s in quiet:
            s.recv(32, socket.MSG_WAITALL)
            assert ended(s)
            s.close()
    alive()


@test("a few bytes that are no TLS are seen at once")
def _():
    number, _, name = wire.node_key(key_text(3))

    def attack():
        with dial(preamble(wire.CONTROL, number, name)) as s:
            assert preamble_kind(s.recv(32, socket.MSG_WAITALL))[1] == wire.GO
            s.sendall(b"no TLS")
            assert ended(s)
    with Stopped("n3"):
        logged(attack, 'why="TLS:')
    alive()


def flood(data):
    """1,000 connections that say data and then nothing."""
    held = []
    for _ in range(1000):
        held.append(dial(data))
    return held


@test("1,000 idle connections: jobs, data connections and joins work meanwhile")
def _():
    number, _, key_id = wire.node_key(key_text(3))
    before = descriptors()
    for data in (b"", preamble(wire.CONTROL, number, key_id)[:16],
                 preamble(wire.CONTROL, number, key_id)):
        with Stopped("n3") as n3:
            held = flood(data)
            assert descriptors() < before + 300, descriptors()
            result = run(["bprun", "--mpi=none", "-w", "0-2", "-n", "3", "echo", "well"])
            assert result.code == 0 and result.out == "well\n" * 3, repr(result)
            n3.start()
        alive()
        for s in held:
            s.close()
    wait_for(lambda: descriptors() <= before, what="the connections' end")


# ---- tickets ----

@test("a forged ticket is refused")
def _():
    logged(hangs_up(preamble(wire.STREAM, 0, os.urandom(16))), "unknown ticket")
    logged(hangs_up(preamble(wire.STREAM, 0, bytes(16))), "unknown ticket")
    alive()


def serve_job(node, steal):
    """Play a node whose job's ticket is stolen: the thief connects first, without the key."""
    _, body, job, _ = node.until(wire.SPACE_OPEN)
    ticket = wire.unpack(body)[13][0]
    thief = dial(preamble(wire.STREAM, 3, ticket) + steal)
    assert ended(thief), "bprun spoke to a stranger"
    thief.close()
    node.until(wire.PROC_CREATE)
    node.send(frame(wire.PROC_CREATED, job=job, tag=1))
    node.send(frame(wire.PROC_EXIT, pack((1, 0)), job=job, tag=1))
    node.until(wire.SPACE_END)
    node.send(frame(wire.SPACE_ENDED, pack((3, 1)), job=job))


@test("a stolen ticket without the job's key: no output is forged, and its loss is told")
def _():
    with Stopped("n3"):
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            job = start(["bprun", "--mpi=none", "-w", "3", "true"])
            serve_job(node, b"\x01\x01\0\0" * 64)
            result = finish(job)
    assert result.out == "" and result.code != 0, repr(result)
    assert "n3" in result.err and "output" in result.err, repr(result)
    alive()


# ---- a node that has joined and lies ----

def joined_node_says(packet, text):
    """A joined node says it and is hung up on, with the reason in the log."""
    with wire.Node(address, key_text(3)) as node:
        assert node.join()
        seen = len(cluster.log("master"))
        node.send(packet)
        while node.receive() is not None:
            pass
        wait_for(lambda: text in cluster.log("master")[seen:], what=text)


@test("JOIN that makes no sense is refused")
def _():
    one = [(1, 0)]
    with Stopped("n3"):
        for slots in ([], [[(1, 1 << 30)]], [one, one], [one] * 20000):
            with wire.Node(address, key_text(3)) as node:
                assert not node.join(slots=slots), slots[:2]
        for packet in (frame(wire.LEASE_SEEN), frame(wire.JOB_LIST), frame(999), b"garbage" * 99,
                       frame(wire.JOIN, length=1 << 31), frame(wire.JOIN, os.urandom(5000)),
                       frame(wire.JOIN, version=2), frame(wire.JOIN, b"\x0a" * 99999)):
            with wire.Node(address, key_text(3)) as node:
                node.send(packet)
                assert node.receive() is None, packet[:32]
        for boot_id in ("", "y" * 40, "y" * 100000):
            with wire.Node(address, key_text(3)) as node:
                assert not node.join(boot_id=boot_id), boot_id[:50]
        with wire.Node(address, key_text(3)) as node:
            assert node.join(hostname="x" * 100000)
            assert run(["bpstat"]).code == 0
    alive()


@test("a node speaks for its own ranks only; a lie ends its connection, not the others' job")
def _():
    with Stopped("n3"):
        other = start(["bprun", "--mpi=none", "-w", "0", "sh", "-c", "echo up; read x; echo $x"],
                      stdin=-1)
        says_up(other)
        with Tool() as tool:
            job = wire.unpack(wire.unpack(tool.ask(frame(wire.JOB_LIST))[1])[1][0])[1][0]
        joined_node_says(frame(wire.PROC_EXIT, pack((1, 9)), job=job, tag=1), "not on this node")
        joined_node_says(frame(wire.SPACE_ENDED, pack((2, "over")), job=job), "not on this node")
        joined_node_says(frame(wire.TOOL_SAYS, frame(wire.NODE_LIST), job=job), "not on this node")
        joined_node_says(frame(wire.TOOL_SAYS, length=10 << 20), "is the most")
        joined_node_says(frame(wire.JOIN, b""), "a second JOIN")
        joined_node_says(frame(wire.PROC_SIGNAL, pack((1, 9)), job=job), "may not be sent here")
        joined_node_says(frame(wire.PMIX_PEER, length=0xffffffff), "is the most")
        joined_node_says(b"\0" * 64, "not a bpmix frame")
        assert finish(other, data="well\n").out == "well\n" and other.returncode == 0
    alive()


@test("a job on a node that lies about its ranks ends; the job's other node is cleaned up")
def _():
    def lie(packets, text):
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            job = start(["bprun", "--mpi=none", "-w", "0,3", "-N", "2", "-n", "2", "sleep", "60"])
            number = node.until(wire.PROC_CREATE)[2]
            seen = len(cluster.log("master"))
            node.send(b"".join(packets(number)))
            while node.receive() is not None:
                pass
            wait_for(lambda: text in cluster.log("master")[seen:], what=text)
        with wire.Node(address, key_text(3)) as node:
            assert node.join()  # so its spaces have ended; else their lease would be waited for
            result = finish(job)
            assert result.code != 0 and "n3" in result.err, repr(result)
        no_jobs()
    with Stopped("n3"):
        lie(lambda job: [frame(wire.PROC_EXIT, pack((1, 0)), job=job, tag=1)], "not on this node")
        lie(lambda job: [frame(wire.PROC_EXIT, pack((1, 0)), job=job, tag=0)], "not on this node")
        lie(lambda job: [frame(wire.PROC_EXIT, pack((1, 0)), job=job, tag=3)], "not on this node")
        lie(lambda job: [frame(wire.PROC_STOPPED, pack((1, 99)), job=job, tag=2)], "signal 99")
        lie(lambda job: [frame(wire.PROC_FAILED, b"\xff" * 9, job=job, tag=2)], "malformed")
        lie(lambda job: [frame(wire.PROC_EXIT, pack((1, 0x137f)), job=job, tag=2)], "wait status")
        lie(lambda job: [frame(wire.TOOL_SAYS, b"short", job=job)], "is none")
        lie(lambda job: [frame(wire.TOOL_SAYS, frame(wire.NODE_LIST, length=9), job=job)],
            "NODE_LIST with 9 bytes")
        lie(lambda job: [frame(wire.TOOL_SAYS, frame(wire.NODE_GET, length=9), job=job)], "not as long")
        for kind in ("NODE_ORDER", "JOB_MAP"):
            lie(lambda job, k=kind: [frame(wire.TOOL_SAYS, frame(getattr(wire, k)), job=job)],
                kind + " may not be sent here")
        lie(lambda job: [frame(wire.HERD_SAYS, b"x" * 63, job=job, tag=1)], "no ghost records")
        lie(lambda job: [frame(wire.TOOL_SAYS, frame(wire.NODE_WATCH), job=job, tag=t)
                         for t in range(129)], "more than 128")
    alive()


@test("a node that asks for a job's processes asks as the job's user, and nothing of it stays")
def _():
    def answer(node, job, packet):
        node.send(frame(wire.TOOL_SAYS, packet, job=job, tag=5))
        _, body, about, caller = node.until(wire.TOOL_HEARS)
        _, _, _, kind, length, _, _, tag = wire.HEAD.unpack(body[:32])
        assert (about, caller, tag, length) == (job, 5, 1, len(body) - 32), (about, caller, tag)
        return kind, wire.unpack(body[32:])
    with Stopped("n3"):
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            job = start(["bprun", "--mpi=none", "-w", "3", "sleep", "60"], user=USER)
            number = node.until(wire.PROC_CREATE)[2]
            assert len(answer(node, number, frame(wire.NODE_LIST))[1][1]) == 4
            change = pack((1, "rack"), (2, b"x"))
            kind, fields = answer(node, number, frame(wire.NODE_SET, change, node=3))
            assert kind == wire.REFUSED and fields[1] == [errno.EPERM], (kind, fields)
            assert answer(node, number, frame(wire.NODE_WATCH))[0] == wire.DONE
            must(["bpctl", "-S", "2", "-s", "busy"])
            kind, packet = node.until(wire.TOOL_HEARS)[:2]
            assert wire.HEAD.unpack(packet)[3] == wire.NODE_CHANGED, packet
            node.send(frame(wire.TOOL_GONE, job=number, tag=5))
            node.send(frame(wire.TOOL_GONE, job=number, tag=6))  # nobody
            must(["bpctl", "-S", "2", "-s", "up"])
            assert answer(node, number, frame(wire.NODE_WATCH))[0] == wire.DONE
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            assert finish(job).code != 0
        must(["bpctl", "-S", "2", "-s", "busy"])
        must(["bpctl", "-S", "2", "-s", "up"])
        no_jobs()
    alive()


@test("a node opens a job for its rank alone; lies of a herder of placeholders end that job alone")
def _():
    def heard(node):
        """The next frame to a process on the node: its type and body."""
        packet = node.until(wire.TOOL_HEARS)[1]
        return wire.HEAD.unpack(packet[:32])[3], packet[32:]

    def opens(node, job, asker, caller):
        body = request(["sleep", "60"], nodes="1")
        node.send(frame(wire.TOOL_SAYS, frame(wire.JOB_OPEN, body, job=asker), job=job, tag=caller))
    with Stopped("n3"):
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            job = start(["bprun", "--mpi=none", "-w", "0,3", "-N", "2", "-n", "2", "sleep", "60"])
            _, body, number = node.until(wire.PROC_CREATE)[:3]
            ours = wire.unpack(wire.unpack(body)[1][0])[2][0]

            def others():
                return [p for p, row in bptest.processes().items()
                        if row[0] == job.pid and row[4] == "sleep" and p != ours]
            wait_for(lambda: len(others()) == 1, what="the end of the maker of ghosts")
            other = others()
            for asker in (0, 1, other[0], job.pid, (1 << 63) + 5):
                opens(node, number, asker, 1)
                kind, body = heard(node)
                assert kind == wire.REFUSED, kind
                assert wire.unpack(body)[1] == [errno.ESRCH], wire.unpack(body)
            for says in (wire.RECORD.pack(999, 0, 0, 0, 0, 0, 0, 0, 0, b"", 0),
                         wire.RECORD.pack(wire.BORN, 0, 1, 0, 0, 0, 0, 0, 0, b"", 0),
                         wire.RECORD.pack(wire.BORN, 7, 1, 0, 0, 0, 0, 0, 0, b"", 0),
                         wire.RECORD.pack(wire.HERDING, 0, 5, 0, 0, 0, 0, 0, 0, b"", 0), None):
                opens(node, number, ours, 2)
                herd = wire.unpack(node.until(wire.HERD_OPEN)[1])[1][0]
                kind, body = heard(node)
                assert kind == wire.JOB_MAP, kind
                node.send(frame(wire.HERD_SAYS, wire.RECORD.pack(999, *[0] * 8, b"", 0), job=number,
                                tag=herd + 1))  # another's
                node.send(frame(wire.HERD_GONE if says is None else wire.HERD_SAYS, says or b"",
                                job=number, tag=herd))
                while kind != wire.JOB_END:
                    kind, body = heard(node)
                node.send(frame(wire.TOOL_GONE, job=number, tag=2))
            assert job.poll() is None
        with wire.Node(address, key_text(3)) as node:
            assert node.join()
            assert finish(job).code != 0
        no_jobs()
    alive()


@test("what a bpshepherd says ends its own job when it is nonsense, not its node's connection")
def _():
    with Stopped("n3"), wire.Node(address, key_text(3)) as node:
        assert node.join()
        for kind, body in ((wire.PMIX_ABORT, pack((2, 0), (4, "x" * 3000))),  # another node's rank
                           (wire.PMIX_ABORT, b"\xff" * 9), (wire.PMIX_PUBLISH, b"\xff" * 9)):
            job = start(["bprun", "--mpi=none", "-w", "0,3", "-N", "2", "-n", "2", "sleep", "60"])
            number = node.until(wire.PROC_CREATE)[2]
            node.send(frame(kind, body, job=number))
            node.until(wire.SPACE_END)
            node.send(frame(wire.SPACE_ENDED, b"", job=number))
            result = finish(job)
            assert result.code != 0 and "n3" in result.err, repr(result)
            no_jobs()
    alive()


# ---- local peers ----

@test("local socket: garbage, half frames, unknown types, what a tool may not send")
def _():
    before = descriptors()
    for packet in (b"x", b"garbage " * 9, os.urandom(32), frame(wire.NODE_LIST)[:31],
                   frame(wire.NODE_LIST, magic=1), frame(wire.NODE_LIST, version=9),
                   frame(0), frame(999), frame(65535), frame(wire.NODE_LIST, b"body"),
                   frame(wire.JOB_OPEN, b"", length=5), frame(wire.JOB_OPEN, b"abc", length=2),
                   frame(wire.JOB_OPEN, length=(9 << 20) + 1),
                   frame(wire.JOB_OPEN, length=0xffffffff), b"y" * 60000,
                   *[frame(kind) for kind in (wire.NODES, wire.JOB_MAP, wire.JOB_EVENT, wire.JOIN,
                                              wire.REFUSED, wire.PROC_EXIT, wire.PMIX_PEER)]):
        with Tool() as tool:
            assert tool.ask(packet) is None, packet[:32]
    assert "tool-dropped" in cluster.log("master")
    with Tool() as tool:  # the next frame is judged by itself
        assert tool.refusal(frame(wire.JOB_OPEN, os.urandom(3000))) is not None
        assert tool.ask(frame(wire.NODE_LIST))[0] == wire.NODES
    assert "version 9" in cluster.log("master")
    wait_for(lambda: descriptors() <= before)


@test("local socket: a body's file that is too short, a pipe, a disk file, none, many")
def _():
    before = descriptors()
    body = request(["true"], 1, env=["A=" + "x" * 40000])
    big = frame(wire.JOB_OPEN, b"", length=len(body), flags=1)
    with tempfile.NamedTemporaryFile(dir=bptest.BUILD) as disk:
        disk.write(body)
        disk.flush()
        memory = os.memfd_create("body")
        os.write(memory, body[:-1])
        ends = os.pipe()
        for fds in ([memory], [ends[0]], [disk.fileno()], [], [ends[0]] * 64,
                    [os.open("/dev/zero", os.O_RDONLY)], [os.open("/", os.O_RDONLY)]):
            with Tool() as tool:
                assert tool.ask(big, fds) is None, fds
        os.write(memory, body[-1:])
        with Tool() as tool:
            assert tool.ask(big, [memory] + [ends[0]] * 9)[0] == wire.JOB_MAP
        with Tool() as tool:
            assert tool.ask(frame(wire.NODE_LIST), [ends[0]] * 64)[0] == wire.NODES
    no_jobs()
    wait_for(lambda: descriptors() <= before, what="no descriptor is left in bpmaster")


@test("local socket: one user's connections are not without end")
def _():
    def inside():
        held = [Tool() for _ in range(1025)]
        assert ended(held[-1].socket)
        assert held[0].ask(frame(wire.NODE_LIST))[0] == wire.NODES
        for tool in held:
            tool.close()
    as_user(inside)
    assert "1024 connections of this user" in cluster.log("master")
    alive()


@test("signals without end to a job that never gets its ghosts cost bpmaster nothing")
def _():
    def resident():
        with open("/proc/%d/statm" % cluster.daemon_pid("master"), encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()
    with Tool() as tool:
        tool.open(["true"])
        before = resident()
        for _ in range(50000):
            tool.send(frame(wire.JOB_KILL, pack((1, signal.SIGTERM)), job=tool.job))
        assert tool.refusal(frame(wire.JOB_KILL, pack((1, 99)), job=tool.job))  # all are read
        assert bptest.SANITIZED or resident() - before < 1 << 20, (before, resident())
    no_jobs()


@test("JOB_OPEN that may not be: refused with the reason, and the connection goes on")
def _():
    def place(*fields):
        return pack((1, "true"), (3, "/"), (4, list(fields)), (8, [(1, os.getpid())]))

    def programs(*ranges, ranks=2, more=()):
        """A job of a program for each range, or for several."""
        apps = [[(1, "true"), *[(4, [(1, first), (2, count)]) for first, count in some]]
                for some in ranges]
        return request(["true"], ranks) + pack(*[(24, app) for app in apps], *more)
    with Tool() as tool:
        for body, text in ((request(["true"], pid=1), "process %d opened" % os.getpid()),
                           (request(["true"], pid=os.getppid()), "not %d" % os.getppid()),
                           (request([]), "needs a program"),
                           (request(["true"], cwd="tmp"), "absolute"),
                           (request(["true"], 60001), "the most"),
                           (request(["true"], 2 ** 32 - 1), "the most"),
                           (b"", "needs a program"),
                           (b"\xff" * 50, "malformed"),
                           (request(["true"])[:-1], "malformed"),
                           (place((5, "77")), "77"),
                           (place((5, "0-4000000000")), "4000000000"),
                           (place((5, "x" * 20000)), "xxx"),
                           (place((1, 1), (7, "sideways")), "sideways"),
                           (place((1, 1), (4, 2 ** 32 - 1)), ""),
                           (place((1, 1), (2, 4000)), ""),
                           (programs([(0, 1)]), "rank 1 has no program"),
                           (programs([(0, 2)], [(1, 1)]), "rank 1 has two programs"),
                           (programs([(0, 2), (0, 1)]), "rank 0 has two programs"),
                           (programs([(0, 3)]), "ranks that the job has not"),
                           (programs([(1, 2 ** 32 - 1)]), "ranks that the job has not"),
                           (programs([(0, 2)], []), "no words, no ranks"),
                           (programs([(0, 2)], ranks=0), "says how many ranks it has"),
                           (programs([(0, 2)], more=[(12, 1)]), "is started by exec"),
                           (programs([(0, 2)], more=[(21, "sh")]), "is started by exec"),
                           (programs([(0, 2)], more=[(24, [])] * 4096), "more than 4096 programs"),
                           (programs([(0, 2)], more=[(24, [(1, "a"), (3, "tmp")])]),
                            "no absolute path")):
            said = tool.refusal(frame(wire.JOB_OPEN, body))
            assert said is not None and text in said, (text, said)
            assert len(said) < 1000, len(said)
        tool.open(["true"])
        assert "has a job" in tool.refusal(frame(wire.JOB_OPEN, request(["true"])))
    no_jobs()


@test("JOB_KILL, JOB_FORWARD for another's job and of signals that are none: refused")
def _():
    job = start(["bprun", "--mpi=none", "-w", "1", "sh", "-c", "echo up; read x; echo $x"],
                stdin=-1)
    says_up(job)
    number = wire.unpack(jobs()[0])[1][0]

    def attack():
        with Tool() as tool:
            for kind in (wire.JOB_KILL, wire.JOB_FORWARD):
                for signo in (0, 9, 15, 65, 2 ** 32 - 1):
                    for which in (number, 0, number + 1):
                        said = tool.refusal(frame(kind, pack((1, signo)), job=which))
                        assert "did not open job" in said, said
            own = tool.open(["sleep", "60"])[1][0]
            assert "did not open" in tool.refusal(frame(wire.JOB_KILL, pack((1, 9)), job=number))
            for kind in (wire.JOB_KILL, wire.JOB_FORWARD):
                said = tool.refusal(frame(kind, pack((1, 65)), job=own))
                assert "no signal 65" in said, said
    attack()
    as_user(attack)
    assert finish(job, data="well\n").out == "well\n" and job.returncode == 0
    no_jobs()


@test("local socket: one user's 3,000 connections, questions without reading the answers")
def _():
    before = descriptors()

    def crowd():
        held = [Tool() for _ in range(3000)]
        assert descriptors_seen(held) <= 1024
        with open("/proc/self/status", encoding="utf-8") as f:
            assert "Uid:\t%d" % USER in f.read()
        for tool in held:
            tool.close()

    def descriptors_seen(held):
        """How many of them bpmaster has not hung up on."""
        return sum(tool.send(frame(wire.NODE_LIST)) and tool.receive() is not None
                   for tool in held)
    as_user(crowd)
    with Tool() as tool:
        tool.socket.setblocking(False)
        asked = 0
        try:
            while asked < 100000:
                tool.socket.send(frame(wire.NODE_LIST))
                asked += 1
        except BlockingIOError:
            pass
        assert asked < 100000, "bpmaster queues without limit"
        alive()
        tool.socket.setblocking(True)
        for _ in range(asked):
            assert tool.receive()[0] == wire.NODES
    wait_for(lambda: descriptors() <= before, what="the connections' end")
    alive()


# A rank that takes the bpshepherd's socket to bpnode (its descriptor 3) and floods it with frames to
# the bpshepherd of a node.
FLOOD = r"""
import ctypes, os, select, socket, struct, sys, time
libc = ctypes.CDLL(None)
shepherd = [int(p) for p in os.listdir("/proc") if p.isdigit()
            and open("/proc/%s/comm" % p).read() == "bpshepherd\n"][0]
pidfd = os.pidfd_open(shepherd)
link = libc.syscall(438, pidfd, 3, 0)
if link < 0:
    sys.exit("cannot take it")
body = b"x" * (1 << 20)
packet = struct.pack("<IBBHIiQQ", 0x584D5042, 1, 0, 66, len(body), int(sys.argv[1]), 0, 0) + body
print("flooding", flush=True)
out = socket.socket(fileno=link)
end = time.monotonic() + 3
left = packet
while time.monotonic() < end:
    if select.select([], [out], [], 0.1)[1]:
        left = left[out.send(left):] or packet
sys.exit(3)
"""


@test("a rank that floods bpnode through its bpshepherd's socket fills no memory but its own")
def _():
    def resident(who):
        with open("/proc/%d/status" % cluster.daemon_pid(who), encoding="utf-8") as f:
            return [int(line.split()[1]) for line in f if line.startswith("VmHWM")][0]
    for target in (0, 1):
        result = run(["bprun", "-n", "2", "-w", "0-1", "-N", "2", "sh", "-c",
                      "[ $BPROC_RANK = 0 ] || exec sleep 60; exec %s -c '%s' %d" %
                      (sys.executable, FLOOD, target)], cwd="/")
        assert result.out.startswith("flooding\n") and result.code != 0, repr(result)
        sizes = {who: resident(who) for who in ("master", "n0", "n1")}
        assert bptest.SANITIZED or all(size < 400000 for size in sizes.values()), sizes
    alive()


# ---- herders ----

def herder_says(text, *packets, ranks=1):
    """Open a job, say this as its herder: the herd is given up with text, the job ends."""
    with Tool() as tool:
        tool.open(["sleep", "60"], ranks)
        for packet in packets:
            tool.herd(packet)
        events = tool.until(wire.JOB_END)
        assert any(e.get(1) == [5] and text in e[5][0].decode() for e in events), (text, events)


@test("a herder that registers processes that are not its ghosts")
def _():
    me = os.getpid()
    with wire.Ghosts(2) as ghosts:
        first, second = ghosts.pids
        herder = ghosts.herder
        herder_says("not traced", record(BORN, 0, 1), record(wire.HERDING, pid=herder))
        herder_says("not traced", record(BORN, 0, me), record(wire.HERDING, pid=herder))
        herder_says("not traced", record(BORN, 0, first), record(wire.HERDING, pid=1))
        herder_says("no herder", record(BORN, 0, first), record(wire.HERDING, pid=4000000))
        herder_says("is missing", record(wire.HERDING, pid=herder))
        herder_says("is missing", record(BORN, 0, first), record(wire.HERDING, pid=herder), ranks=2)
        herder_says("twice", record(BORN, 0, first) + record(BORN, 1, first),
                    record(wire.HERDING, pid=herder), ranks=2)
        herder_says("no sense", record(BORN, 1, first))
        herder_says("no sense", record(BORN, 0, 0))
        herder_says("no sense", record(BORN, 0, -5))
        herder_says("no sense", record(BORN, 0, first) + record(BORN, 0, second))
        herder_says("no sense", record(wire.SIGNAL, 0, signo=65))
        herder_says("no sense", record(wire.SIGNAL, 7, signo=9))
        herder_says("no sense", record(wire.EXIT, 0))
        herder_says("no sense", record(12345))
        herder_says("malformed", b"x" * 63)
        herder_says("malformed", b"x" * 65)
        herder_says("malformed", b"\0" * 64 * 65)
        herder_says("Resource temporarily", record(wire.FAILED, status=11))

        def stranger():
            mine = os.getpid()
            herder_says("another user", record(BORN, 0, 1), record(wire.HERDING, pid=mine))
            herder_says("another user", record(BORN, 0, me), record(wire.HERDING, pid=mine))
            herder_says("another user", record(BORN, 0, first), record(wire.HERDING, pid=mine))
            herder_says("another user", record(BORN, 0, mine), record(wire.HERDING, pid=1))
            herder_says("not traced", record(BORN, 0, mine), record(wire.HERDING, pid=mine))
        as_user(stranger)
    no_jobs()
    alive()


@test("a rank whose ghost does not exist is never started")
def _():
    with Tool() as tool:
        tool.open(["touch", "/tmp/started"], nodes="2")
        with wire.Ghosts(0) as ghosts:
            tool.herd(record(BORN, 0, 4000000), record(wire.HERDING, pid=ghosts.herder))
            events = tool.until(wire.JOB_END)
        assert [e[3] for e in events if e.get(1) == [1]] == [[9]], events
    no_jobs()
    assert cluster.execute("n2", ["test", "-e", "/tmp/started"]).code == 1


@test("a job with ghosts of its own works, until its herder lies or dies")
def _():
    for last in (b"x" * 63, record(wire.SIGNAL, 9, signo=9), None):
        with wire.Ghosts(2) as ghosts, Tool() as tool:
            tool.open(["sleep", "60"], 2)
            tool.herd(record(BORN, 0, ghosts.pids[0]), record(BORN, 1, ghosts.pids[1]),
                      record(wire.HERDING, pid=ghosts.herder))
            created = 0
            while created < 2:
                kind, body, fds, _ = tool.receive()
                for fd in fds:
                    os.close(fd)
                created += kind == wire.JOB_EVENT and wire.unpack(body).get(1) == [6]
            if last is not None:
                tool.herd(last)
            else:
                tool.drop_herds()
            assert any(e.get(1) == [5] for e in tool.until(wire.JOB_END))
    no_jobs()


@test("a launcher that asks for more than its own limits, or for none, gets its own")
def _():
    def launch(more):
        def inside():
            resource.setrlimit(resource.RLIMIT_NOFILE, (80, 90))
            wire.libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: a herder of this user may trace us
            with wire.Ghosts(1) as ghosts, Tool() as tool:
                body = request(["sh", "-c", "exit $(ulimit -Hn)"]) + pack(*more)
                kind, answer, tool.herds, _ = tool.ask(frame(wire.JOB_OPEN, body))
                assert kind == wire.JOB_MAP, (kind, answer)
                tool.herd(record(BORN, 0, ghosts.pids[0]), record(wire.HERDING, pid=ghosts.herder))
                events = tool.until(wire.JOB_END)
                assert [e[3] for e in events if e.get(1) == [1]] == [[90 << 8]], events
        return inside
    as_user(launch([]))
    as_user(launch([(7, [(1, resource.RLIMIT_NOFILE), (2, 200), (3, 255)]), (7, [(1, 99)])]))
    no_jobs()


@test("a herder's socket that somebody keeps open, or a silent herder, does not keep the job")
def _():
    for herding in (False, True):
        with wire.Ghosts(1) as ghosts:
            with Tool() as tool:
                tool.open(["sleep", "60"])
                if herding:
                    tool.herd(record(BORN, 0, ghosts.pids[0]),
                              record(wire.HERDING, pid=ghosts.herder))
                kept, tool.herds = tool.herds, []
            no_jobs()
            os.close(kept[0])
    with wire.Ghosts(1) as ghosts, Tool() as tool:  # the launcher stays, the herder is silent
        tool.open(["sleep", "60"])
        tool.herd(record(BORN, 0, ghosts.pids[0]), record(wire.HERDING, pid=ghosts.herder))
        kept, tool.herds = tool.herds, []
        events = tool.until(wire.JOB_END)
        assert [12] in [e.get(1) for e in events] and [5] in [e.get(1) for e in events], events
        os.close(kept[0])
    no_jobs()


@test("the kernel refuses another user's signals to a ghost")
def _():
    job = start(["bprun", "--mpi=none", "sh", "-c", "echo up; read x; echo $x"], stdin=-1,
                user=USER)
    says_up(job)
    ghosts = must(["ps", "-o", "pid=", "--ppid", str(job.pid)]).split()
    assert len(ghosts) == 1, ghosts
    for pid in ghosts:
        for signo in ("TERM", "KILL", "STOP", "CONT", "USR1"):
            result = run(["kill", "-" + signo, pid], user=OTHER)
            assert result.code != 0 and "not permitted" in result.err, repr(result)
    assert finish(job, data="well\n").out == "well\n", "a rank was hit"
    assert job.returncode == 0
    no_jobs()


@test("a launcher that dies at every stage leaves nothing")
def _():
    def stages(tool, pids, herder):
        yield
        tool.send(frame(wire.JOB_OPEN, request(["sleep", "60"], 4)))
        yield
        kind, _, tool.herds, _ = tool.receive()
        assert kind == wire.JOB_MAP
        yield
        tool.herd(record(BORN, 0, pids[0]))
        yield
        tool.herd(record(BORN, 1, pids[1]), record(BORN, 2, pids[2]), record(BORN, 3, pids[3]))
        yield
        tool.herd(record(wire.HERDING, pid=herder))
        yield
        for _ in range(4):
            tool.receive()
        yield

    before = descriptors()
    for last in range(7):
        for dropped in (False, True):  # the herd's socket goes with the launcher, or later
            with wire.Ghosts(4) as ghosts, Tool() as tool:
                walk = stages(tool, ghosts.pids, ghosts.herder)
                for _ in range(last + 1):
                    next(walk)
                if dropped:
                    tool.drop_herds()
                tool.socket.close()
                if not dropped:
                    no_jobs()
            no_jobs()
    wait_for(lambda: descriptors() <= before, what="no descriptor is left in bpmaster")
    alive()


def main():
    global cluster, address
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with bptest.Cluster(4, lease=2) as cluster:
        with open(cluster.rundir + "/hosts", encoding="utf-8") as f:
            address = [line.split()[0] for line in f if line.split()[1] == "master"][0]
        bptest.main()


if __name__ == "__main__":
    main()
