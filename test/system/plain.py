#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""plain - data streams without TLS, where the configuration says so: what travels is seen."""
import os
import signal
import socket
import threading

import bptest
from bptest import Cluster, must, run, test

cluster = Cluster(3)


def configure(mode):
    """Set `streams`, for jobs from now on."""
    path = cluster.rundir + "/bpmix.conf"
    with open(path, encoding="utf-8") as f:
        lines = [line for line in f if not line.startswith("streams")]
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(lines) + ("streams %s\n" % mode if mode else ""))
    seen = cluster.log("master").count("config-read")
    os.kill(cluster.daemon_pid("master"), signal.SIGHUP)
    bptest.wait_for(lambda: cluster.log("master").count("config-read") > seen, what="config-read")


class Wire:
    """All that passes the master's network while this is open."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.settimeout(0.1)
        self.bytes, self.over = [], False
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()
        return self

    def listen(self):
        while True:
            try:
                self.bytes.append(self.socket.recv(1 << 17))
            except TimeoutError:
                if self.over:
                    return

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()

    def has(self, text):
        return any(text in packet for packet in self.bytes)


def talk(word):
    """A job that says a word of ours, and repeats what it is told."""
    done = run(["bprun", "--mpi=none", "-n", "1", "sh", "-c",
                "printf '%s-%s\\n' " + word + " said; cat"], data=word + "-told\n")
    assert done.code == 0 and done.out.split() == [word + "-said", word + "-told"], done


@test("what ranks say and are told can be read on the wire with plain, not without")
def _():
    for mode, seen in (("plain", True), ("tls", False), ("plain", True), ("", False)):
        configure(mode)
        with Wire() as wire:
            talk("marker" + (mode or "none"))
        word = ("marker" + (mode or "none")).encode()
        assert wire.has(word + b"-said") == seen and wire.has(word + b"-told") == seen, mode


@test("with plain: all ranks' output, long input for all, its files, an exit status")
def _():
    configure("plain")
    text = bytes(range(256)) * 40000
    with open("/tmp/input", "wb") as f:
        f.write(text)
    with open("/tmp/input", "rb") as f:
        done = run(["bprun", "--mpi=none", "-n", "6", "--stdin=all", "cksum"], stdin=f)
    assert done.code == 0 and len(set(done.out.splitlines())) == 1 and \
        len(done.out.splitlines()) == 6, done
    done = run(["bprun", "--mpi=none", "-n", "3", "sh", "-c", "head -c 3000000 /dev/zero"])
    assert done.code == 0 and len(done.out) == 9000000, (done.code, len(done.out))
    assert run(["bprun", "--mpi=none", "-n", "3", "sh", "-c", "exit 7"]).code == 7
    must(["bpcp", "/tmp/input", "0-2:/tmp/copied"])
    assert must(["bpsh", "0-2", "cksum", "/tmp/copied"]).count(" %d " % len(text)) == 3
    must(["bpsh", "0-2", "rm", "/tmp/copied"])
    os.unlink("/tmp/input")


@test("with plain: images, passed on from node to node, too")
def _():
    configure("plain")
    for way in ("ld", "entry"):
        done = run(["bprun", "--mpi=none", "--start=" + way, "-n", "6", "/usr/bin/python3", "-c",
                    "print('here')"])
        assert done.code == 0 and done.out.split() == ["here"] * 6, done


@test("a job that began without TLS goes on so when the configuration changes")
def _():
    configure("plain")
    with bptest.start(["bprun", "--mpi=none", "-n", "1", "sh", "-c", "echo begun; cat"],
                      stdin=bptest.subprocess.PIPE) as job:
        assert job.stdout.readline().strip() in (b"begun", "begun")
        configure("tls")
        talk("other")
        assert bptest.finish(job, data="more\n").out == "more\n"


with cluster:
    bptest.main()
