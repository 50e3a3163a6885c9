#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""cluster.py - bpcluster and its machines, with stand-ins for the daemons and bpstat."""
import os
import shutil
import signal
import socket

import bptest
from bptest import Snapshot, finish, must, run, start, test, wait_for

HOME = "/tmp/standin"
STANDINS = {
    "sbin/bpmaster": """#!/usr/bin/python3
import os, signal, socket, sys
if "--node-key" in sys.argv:
    print("node", sys.argv[-1])
    sys.exit()
if os.path.exists("/tmp/standin/no-master"):
    sys.exit("stand-in: no master today")
path = os.path.dirname(sys.argv[-1]) + "/master.sock"
if os.path.exists(path):
    os.unlink(path)
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(path)
s.listen()
signal.pause()
""",
    "sbin/bpnode": "#!/bin/sh\necho node is up\nsleep 1000 & exec sleep 1000\n",
    "bin/bpstat": "#!/bin/sh\n[ ! -e /tmp/standin/wait ] || cat /tmp/standin/wait\n",
}


def links():
    return {name for _, name in socket.if_nameindex()}


def install():
    """bpcluster as installed, but for the folders where it finds the others."""
    for name, text in STANDINS.items():
        os.makedirs(os.path.dirname(os.path.join(HOME, name)), exist_ok=True)
        with open(os.path.join(HOME, name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(os.path.join(HOME, name), 0o755)
    with open(os.path.join(bptest.PREFIX, "bin/bpcluster"), encoding="utf-8") as f:
        text = f.read()
    for folder in ("bin", "sbin"):
        text = text.replace("%sdir='%s/%s'" % (folder, bptest.PREFIX, folder),
                            "%sdir='%s/%s'" % (folder, HOME, folder))
    with open(os.path.join(HOME, "bpcluster"), "w", encoding="utf-8") as f:
        f.write(text.replace("prefix='%s'" % bptest.PREFIX, "prefix='%s'" % HOME))
    os.chmod(os.path.join(HOME, "bpcluster"), 0o755)


def cluster(*arguments, **more):
    return run([HOME + "/bpcluster", *arguments], **more)


def rows():
    """{machine: [PID, daemon's PID or -, state...]} as status shows it."""
    return {line.split()[0]: line.split()[1:] for line in cluster("status").out.splitlines()}


class Clean:
    """Nothing may be left at the end of the `with`: processes, files, network devices."""

    def __enter__(self):
        self.snapshot, self.links = Snapshot(), links()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.snapshot.check()
            assert links() == self.links, links() - self.links
        else:
            cluster("down")


@test("up, status, down; nothing is left")
def _():
    with Clean():
        out = must([HOME + "/bpcluster", "up", "4"])
        assert out.startswith("4 nodes are up"), out
        result = cluster("status")
        assert result.code == 0, result
        assert set(rows()) == {"master", "n0", "n1", "n2", "n3"}, rows()
        must([HOME + "/bpcluster", "down"])


@test("down without a cluster is fine, twice too")
def _():
    with Clean():
        assert cluster("down").code == 0
        assert cluster("down").code == 0


@test("a node has its own name, hosts, network, /tmp; the rest is the host's")
def _():
    bptest.need_hosts()
    with Clean():
        os.mkdir("/tmp/shared dir")
        must([HOME + "/bpcluster", "--share", "/tmp/shared dir", "up", "2"])
        out = must([HOME + "/bpcluster", "exec", "n1", "sh", "-c",
                    "hostname; ls /tmp; ls /dev/shm; getent hosts n0 master; "
                    "stat -c %a /run/bpmix/node.key; cat /run/bpmix/node.key; pwd"])
        assert out.split("\n")[0] == "n1", out
        assert "shared dir\nstandin\n" in out, out
        assert "10.77.0.1       n0\n10.77.0.254     master\n" in out, out
        assert "600\nnode 1\n" in out and os.getcwd() in out, out
        with socket.create_server(("10.77.0.254", 9999)):
            must([HOME + "/bpcluster", "exec", "n1", "/usr/bin/python3", "-c",
                  "import socket; socket.create_connection(('master', 9999), 5)"])
        must([HOME + "/bpcluster", "down"])
        os.rmdir("/tmp/shared dir")


@test("a machine without /etc/hosts: up says so, its nodes are up all the same")
def _():
    with Clean():
        must(["mount", "-n", "-t", "tmpfs", "tmpfs", "/etc"])
        try:
            result = cluster("up", "1")
            must([HOME + "/bpcluster", "exec", "n0", "test", "!", "-e", "/etc/hosts"])
        finally:
            must(["umount", "-n", "/etc"])
        assert result.code == 0 and "no /etc/hosts" in result.err, result
        must([HOME + "/bpcluster", "down"])


@test("a second up is refused and does no harm")
def _():
    with Clean():
        must([HOME + "/bpcluster", "up", "1"])
        result = cluster("up", "1")
        assert result.code == 1 and "exists" in result.err, result
        assert rows()["n0"][2] == "running"
        must([HOME + "/bpcluster", "down"])


@test("two clusters side by side")
def _():
    with Clean():
        must([HOME + "/bpcluster", "up", "1"])
        out = must([HOME + "/bpcluster", "--name=other", "up", "1"])
        assert "10.78.0.1" in out and "BPMIX_MASTER=/run/bpmix-other/master.sock" in out, out
        must([HOME + "/bpcluster", "down"])
        assert cluster("--name=other", "status").code == 0
        must([HOME + "/bpcluster", "--name=other", "down"])


@test("kill, start, stop of a daemon; its children end with stop of the machine only")
def _():
    with Clean():
        must([HOME + "/bpcluster", "up", "2"])
        machine, daemon, _ = rows()["n1"]
        must([HOME + "/bpcluster", "kill", "n1"])
        assert rows()["n1"] == [machine, "-", "killed", "9"], rows()
        assert not os.path.exists("/proc/" + daemon)
        assert cluster("status").code == 1
        must([HOME + "/bpcluster", "start", "n1"])
        assert rows()["n1"][2] == "running"
        assert cluster("start", "n1").code == 1
        must([HOME + "/bpcluster", "stop", "n1", "master"])
        assert rows()["master"][1:] == ["-", "killed", "15"], rows()
        must([HOME + "/bpcluster", "start", "master", "n1"])
        must([HOME + "/bpcluster", "down"])


@test("a master that does not start: its log is shown, nothing is left")
def _():
    with Clean():
        with open(HOME + "/no-master", "w", encoding="utf-8"):
            pass
        result = cluster("up", "2")
        os.unlink(HOME + "/no-master")
        assert result.code == 1 and "no master today" in result.err, result


@test("a node's daemon that is not there: an error, nothing is left")
def _():
    with Clean():
        os.rename(HOME + "/sbin/bpnode", HOME + "/sbin/gone")
        result = cluster("up", "2")
        os.rename(HOME + "/sbin/gone", HOME + "/sbin/bpnode")
        assert result.code == 1 and "No such file" in result.err, result


def hanging_up():
    """An up that waits for nodes that never come."""
    os.mkfifo(HOME + "/wait")
    process = start([HOME + "/bpcluster", "up", "2"])
    with open(HOME + "/wait", "w", encoding="utf-8"):
        pass_on = os.open(HOME + "/wait", os.O_WRONLY)  # keeps the stand-in bpstat reading
    return process, pass_on


@test("up ended by SIGTERM or SIGINT takes everything away")
def _():
    for signo in (signal.SIGTERM, signal.SIGINT):
        with Clean():
            process, fd = hanging_up()
            os.killpg(process.pid, signo)
            result = finish(process)
            os.close(fd)
            os.unlink(HOME + "/wait")
            assert result.code == 128 + signo, result


@test("down cleans up after an up that was killed")
def _():
    with Clean():
        process, fd = hanging_up()
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
        os.close(fd)
        os.unlink(HOME + "/wait")
        must([HOME + "/bpcluster", "down"])


@test("a killed machine takes its processes along; down still works")
def _():
    with Clean():
        must([HOME + "/bpcluster", "up", "2"])
        for who in ("n0", "master"):
            machine, daemon, _ = rows()[who]
            os.kill(int(machine), signal.SIGKILL)
            wait_for(lambda pid=daemon: not os.path.exists("/proc/" + pid), what="daemon's end")
        result = cluster("status")
        assert result.code == 1 and "n1 " in result.out, result
        must([HOME + "/bpcluster", "down"])


@test("silent, garbled and vanishing callers of the control socket do no harm")
def _():
    with Clean():
        must([HOME + "/bpcluster", "up", "1"])
        for data in (b"", b"x" * 5000, b"\xff\0start", b"status"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.connect("/run/bpmix/n0.ctl")
                if data:
                    s.send(data)
        assert rows()["n0"][2] == "running"
        must([HOME + "/bpcluster", "down"])


@test("only root; wrong command lines exit with 2")
def _():
    assert cluster("down", user=12345).code == 1
    for words in ((), ("up",), ("up", "0"), ("up", "x"), ("up", "99999"), ("--name=A", "up", "1"),
                  ("--lease", "0", "up", "1"), ("--frob",), ("frob",), ("--share", "a", "up", "1")):
        assert cluster(*words).code == 2, words


@test("201 nodes")
def _():
    bptest.need_hosts()
    with Clean():
        result = cluster("up", "201", timeout=60)
        assert result.code == 0, result
        bptest.comment("%.1f s" % result.seconds)
        out = must([HOME + "/bpcluster", "exec", "n200", "getent", "hosts", "n200", "master"])
        assert out.split() == ["10.77.0.201", "n200", "10.77.255.254", "master"], out
        must([HOME + "/bpcluster", "down"], timeout=60)


install()
try:
    bptest.main()
finally:
    shutil.rmtree(HOME)
