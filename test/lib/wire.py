# SPDX-License-Identifier: BSD-3-Clause
"""wire.py - the protocol as a stranger can write it: frames, bodies, preambles, ghost records, a tool
and a node of one's own. Tests use it to say what no program of ours would."""
import ctypes
import hashlib
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

MAGIC = 0x584D5042
VERSION = 1
HEAD = struct.Struct("<IBBHIiQQ")
RECORD = struct.Struct("<IIiiiiIiQ16sQ")
NODE_LIST, NODES, JOB_OPEN, JOB_MAP, JOB_STREAM, JOB_EVENT, JOB_KILL, JOB_FORWARD, JOB_END, \
    REFUSED, JOB_LIST, JOBS = range(1, 13)
JOIN, JOINED, LEASE, LEASE_SEEN, SPACE_OPEN, PROC_CREATE, PROC_CREATED, PROC_FAILED, PROC_EXIT, \
    PROC_STOPPED, PROC_SIGNAL, SPACE_END, SPACE_ENDED = range(32, 45)
DONE, NODE_RIGHTS, NODE_STATE, NODE_SET, NODE_GET, NODE_VALUE, NODE_WATCH, NODE_CHANGED = range(13, 21)
NODE_HARDWARE, HARDWARE = range(28, 30)
NODE_ORDER = 45
JOB_WAIT, JOB_SIGNAL = 26, 27
TOOL_SAYS, TOOL_HEARS, TOOL_GONE, HERD_OPEN, HERD_SAYS, HERD_HEARS, HERD_GONE = range(47, 54)
PMIX_JOB, PMIX_READY, PMIX_PEER, PMIX_PUBLISH, PMIX_LOOKUP, PMIX_UNPUBLISH, PMIX_REPLY, \
    PMIX_ABORT = range(64, 72)
CONTROL, STREAM = 1, 2                                # kinds of preambles
GO, BAD_VERSION, BAD_KEY, BAD_NUMBER, IN_USE = range(16, 21)
BORN, HERDING, SIGNAL, GONE, PONG, FAILED = range(1, 7)  # ghost records to bpmaster
EXIT, PING = 64, 69                                      # ghost records from bpmaster


# ---- bodies: protobuf ----

def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack(*fields):
    """Fields (number, value): an int, bytes, a string, or a list of fields (a message)."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
            continue
        if isinstance(value, list):
            value = pack(*value)
        elif isinstance(value, str):
            value = value.encode()
        out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return bytes(out)


def unpack(body):
    """{number: [values]}; messages and strings stay bytes."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = body[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(body):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = body[at:at + value], at + value
        fields.setdefault(key >> 3, []).append(value)
    return fields


def frame(kind, body=b"", *, job=0, tag=1, node=0, flags=0, version=VERSION, magic=MAGIC,
          length=None):
    return HEAD.pack(magic, version, flags, kind, len(body) if length is None else length, node,
                     job, tag) + body


def preamble(kind, node=0, name=b"", version=VERSION):
    """name: key id or ticket."""
    return struct.pack("<4sBBHiI16s", b"bpmx", version, kind, 0, node, 0, name)


def preamble_kind(answer):
    """(version, kind, id) of an answer; None if it is none."""
    if len(answer) != 32 or answer[:4] != b"bpmx":
        return None
    return answer[4], answer[5], answer[16:]


def record(kind, slot=0, pid=0, signo=0, status=0, value=0):
    """A ghost record of 64 bytes."""
    return RECORD.pack(kind, slot, pid, signo, 0, 0, 0, status, value, b"", 0)


def request(argv, ranks=1, pid=None, **more):
    """A JobRequest; more: cwd, env, nodes, umask, mpi."""
    place = [(1, ranks), (5, more.get("nodes", ""))]
    return pack(*[(1, word) for word in argv], *[(2, word) for word in more.get("env", ())],
                (3, more.get("cwd", "/")), (4, place), (5, more.get("mpi", 0)),
                (6, more.get("umask", 0o22)), (8, [(1, os.getpid() if pid is None else pid)]),
                (9, -2))


# ---- a tool ----

class Tool:
    """A local connection to bpmaster."""

    def __init__(self, path="/run/bpmix/master.sock"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.job = None
        self.herds = []  # descriptors for herders

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for fd in self.herds:
            os.close(fd)
        self.herds = []
        self.socket.close()

    def send(self, packet, fds=()):
        """False if bpmaster has hung up."""
        try:
            if fds:
                socket.send_fds(self.socket, [packet], list(fds))
            else:
                self.socket.send(packet)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _pong(self):
        """Answer the PINGs of the first herd; False when bpmaster has given it up."""
        with socket.socket(fileno=os.dup(self.herds[0])) as s:
            try:
                packet = s.recv(64 * RECORD.size)
            except ConnectionResetError:  # with something unread
                packet = b""
        for row in RECORD.iter_unpack(packet):
            if row[0] == PING:
                self.herd(record(PONG, value=row[8]))
        return bool(packet)

    def _wait(self, timeout):
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if self.herds:
            poll.register(self.herds[0], select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            ready = [fd for fd, _ in poll.poll(max(0, 1000 * left))]
            if self.socket.fileno() in ready:
                return
            if not ready:
                raise AssertionError("bpmaster said nothing for %g s" % timeout)
            if not self._pong():
                poll.unregister(self.herds[0])

    def receive(self, timeout=10):
        """(type, body, descriptors, job), or None when bpmaster has hung up. The first herd is
        kept alive meanwhile."""
        self._wait(timeout)
        try:
            packet, fds, _, _ = socket.recv_fds(self.socket, 65536, 64)
        except ConnectionResetError:
            return None
        if not packet:
            return None
        _, _, flags, kind, length, _, job, _ = HEAD.unpack(packet[:HEAD.size])
        body = packet[HEAD.size:]
        if flags & 1:
            body = os.pread(fds[0], length, 0)
            os.close(fds.pop(0))
        return kind, body, fds, job

    def ask(self, packet, fds=()):
        self.send(packet, fds)
        return self.receive()

    def refusal(self, packet):
        """The sentence with which a frame is refused; None if bpmaster hangs up instead."""
        self.send(packet)
        while True:
            answer = self.receive()
            if answer is None:
                return None
            for fd in answer[2]:
                os.close(fd)
            if answer[0] == REFUSED:
                return unpack(answer[1])[2][0].decode()
            assert answer[0] in (JOB_EVENT, JOB_STREAM), answer

    def open(self, argv, ranks=1, **more):
        """Open a job; herds are then the sockets for its herders. Returns its map."""
        kind, body, fds, _ = self.ask(frame(JOB_OPEN, request(argv, ranks, **more)))
        while kind == JOB_WAIT:  # until the job before has given back its CPUs
            kind, body, fds, _ = self.receive()
        assert kind == JOB_MAP, (kind, body)
        self.herds = fds
        fields = unpack(body)
        self.job = fields[1][0]
        return fields

    def herd(self, *records):
        """Speak as the herder of the first herd; False if bpmaster has given it up."""
        with socket.socket(fileno=os.dup(self.herds[0])) as s:
            try:
                s.send(b"".join(records))
                return True
            except (BrokenPipeError, ConnectionResetError):  # the latter: with something unread
                return False

    def drop_herds(self):
        for fd in self.herds:
            os.close(fd)
        self.herds = []

    def until(self, kind, timeout=10):
        """Receive until a frame of this kind; the events (as fields) that came before it."""
        events = []
        deadline = time.monotonic() + timeout
        while True:
            got = self.receive(max(0.01, deadline - time.monotonic()))
            assert got is not None, "bpmaster hung up; events %s" % events
            for fd in got[2]:
                os.close(fd)
            if got[0] == kind:
                return events
            events.append(unpack(got[1]))


# ---- a node ----

def node_key(text):
    """(number, key, key id) of a node's key file."""
    words = text.split()
    key = bytes.fromhex(words[3])
    return int(words[1]), key, hashlib.sha256(key).digest()[:8]


class Node:
    """A node that has joined, played over openssl(1), which speaks TLS with a pre-shared key."""

    def __init__(self, address, key_text, port=2223, key=None):
        """key: another than key_text's, with whose name it comes."""
        self.number, own_key, key_id = node_key(key_text)
        key = key or own_key
        self.lock = threading.Lock()  # whole frames only
        self.tcp = socket.create_connection((address, port))
        self.tcp.sendall(preamble(CONTROL, self.number, key_id))
        answer = preamble_kind(self.tcp.recv(32, socket.MSG_WAITALL))
        assert answer is not None and answer[1] == GO, answer
        self.folder = tempfile.mkdtemp()
        path = self.folder + "/s"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            self.openssl = subprocess.Popen(
                ["openssl", "s_client", "-quiet", "-unix", path, "-tls1_3", "-psk", key.hex(),
                 "-psk_identity", "%d:%s" % (self.number, key_id.hex())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                bufsize=0)
            self.inner, _ = listener.accept()
        os.unlink(path)
        os.rmdir(self.folder)
        self.threads = [threading.Thread(target=self._splice, args=pair, daemon=True)
                        for pair in ((self.inner, self.tcp), (self.tcp, self.inner))]
        self.frames = queue.Queue()
        self.threads.append(threading.Thread(target=self._read_frames, daemon=True))
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _splice(source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for end in (self.inner, self.tcp):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.openssl.kill()
        self.openssl.wait()
        for thread in self.threads:
            thread.join()
        self.inner.close()
        self.tcp.close()
        self.openssl.stdin.close()
        self.openssl.stdout.close()

    def send(self, packet):
        with self.lock:
            try:
                while packet:
                    packet = packet[self.openssl.stdin.write(packet):]
            except BrokenPipeError:
                pass

    def _read(self, count):
        """None at the end."""
        data = b""
        while len(data) < count:
            piece = self.openssl.stdout.read(count - len(data))
            if not piece:
                return None
            data += piece
        return data

    def _read_frames(self):
        """Leases are answered at once, whatever the test waits for; all else waits for it."""
        while True:
            head = self._read(HEAD.size)
            if head is None:
                self.frames.put(None)
                return
            _, _, _, kind, length, _, job, tag = HEAD.unpack(head)
            body = self._read(length)
            if kind == LEASE:
                self.send(frame(LEASE_SEEN, node=self.number, tag=tag))
            else:
                self.frames.put((kind, body, job, tag))

    def receive(self, timeout=10):
        """(type, body, job, tag), or None when bpmaster has hung up."""
        try:
            return self.frames.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError("bpmaster said nothing in time") from None

    def until(self, kind, timeout=10):
        """The next frame of this kind; None when bpmaster has hung up."""
        while True:
            got = self.receive(timeout)
            if got is None or got[0] == kind:
                return got

    def join(self, **more):
        """JOIN with one CPU; True when JOINED came."""
        slot = [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]
        self.send(frame(JOIN, pack((1, VERSION), (2, more.get("hostname", "stranger")),
                                   (3, more.get("boot_id", "a-computer-of-its-own")),
                                   *[(4, s) for s in more.get("slots", [slot])],
                                   (5, 32768), (7, "9.9"),
                                   *[(10, d) for d in more.get("devices", [])])))
        got = self.receive()
        return got is not None and got[0] == JOINED


# ---- ghosts of one's own ----

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206


def _fork_waiting(prepare=lambda: None):
    """A child that does prepare() and then waits for ever; returns when it has."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            os.write(writer, b"+")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    done = os.read(reader, 1)
    os.close(reader)
    assert done == b"+", "a helper process failed"
    return pid


class Ghosts:
    """Children of this process that only wait, traced by another (herder): ghosts without
    bpghost."""

    def __init__(self, count):
        self.pids = [_fork_waiting() for _ in range(count)]
        self.herder = _fork_waiting(self._seize)

    def _seize(self):
        for pid in self.pids:
            if libc.ptrace(PTRACE_SEIZE, pid, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in [self.herder] + self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
