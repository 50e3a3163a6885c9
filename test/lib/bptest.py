# SPDX-License-Identifier: BSD-3-Clause
"""bptest.py - what system tests are written with: TAP, commands, a cluster, a terminal.

A test program is an executable Python file that test/run starts in fresh namespaces:

    #!/usr/bin/python3
    import bptest
    from bptest import run, test

    @test("bpsh runs on every node")
    def _():
        with bptest.Cluster(4):
            assert run(["bpsh", "-a", "hostname"]).out.split() == ["n0", "n1", "n2", "n3"]

    bptest.main()

Each @test is one result; an exception makes it "not ok" and its text the diagnostics."""
import errno
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import traceback

SOURCE = os.environ.get("BPMIX_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("BPMIX_BUILD") or os.path.join(SOURCE, "build")
PREFIX = os.environ.get("BPMIX_PREFIX") or os.path.join(SOURCE, "_install")
ALL = bool(os.environ.get("BPMIX_TEST_ALL"))  # ./check --all: also what takes long
SANITIZED = bool(os.environ.get("BPMIX_SANITIZERS"))  # memory cannot be judged then
# Programs that become images: with a sanitizer's shadow they are bigger than what a node takes.
PLAIN = os.path.join(BUILD, "plain") if SANITIZED else BUILD
MPI = os.path.join(PLAIN, "test", "mpi")      # the built MPI programs

_tests = []
_number = 0


# ---- TAP ----

class Skip(Exception):
    """Raise Skip(reason) in a test that cannot run here."""


def plan(count):
    print("1..%d" % count, flush=True)


def comment(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def tap(name, ok, diagnostics=None):
    """One result. diagnostics (anything that prints) is shown when not ok."""
    global _number
    _number += 1
    print("%s %d - %s" % ("ok" if ok else "not ok", _number, name.replace("#", "")), flush=True)
    if not ok and diagnostics is not None:
        comment(diagnostics)
    return bool(ok)


def skip(name, reason):
    global _number
    _number += 1
    print("ok %d - %s # SKIP %s" % (_number, name, reason), flush=True)


def need_hosts():
    """For a test of nodes that know names: bpcluster covers the machine's /etc/hosts."""
    if not os.path.exists("/etc/hosts"):
        raise Skip("no /etc/hosts on this machine")


def test(name):
    """Decorator: the function is one test of main()."""
    def add(function):
        _tests.append((name, function))
        return function
    return add


def main():
    """Run every @test in order, print the plan and the results, exit."""
    plan(len(_tests))
    failed = 0
    for name, function in _tests:
        try:
            function()
            tap(name, True)
        except Skip as e:
            skip(name, str(e))
        except Exception:  # pylint: disable=broad-except
            failed += 1
            tap(name, False, traceback.format_exc())
    sys.exit(1 if failed else 0)


# ---- commands ----

class Result:
    """code (negative: killed by that signal), out, err (text), seconds."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.seconds = seconds

    def __repr__(self):
        return "%s: exit %d after %.2f s\nstdout: %s\nstderr: %s" % (
            str(self.command)[:4000], self.code, self.seconds, self.out[-4000:], self.err[-4000:])


def _as_user(command, user):
    if user is None:
        return command
    return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups",
            "--"] + command


def start(command, env=None, user=None, **more):
    """Popen in a session of its own, text pipes for out and err unless given. user: a numeric
    uid (and gid) without supplementary groups."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    more.setdefault("text", True)
    more.setdefault("errors", "replace")
    more.setdefault("start_new_session", True)
    return subprocess.Popen(_as_user(command, user), env=dict(os.environ, **(env or {})), **more)


def finish(process, timeout=30, data=None):
    """Wait for a start()ed process and collect its output; a time-out kills its process group
    and raises."""
    started = time.monotonic()
    try:
        out, err = process.communicate(data, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError("no end after %g s: %r" % (timeout, Result(
            process.args, process.returncode, out or "", err or "", timeout))) from None
    return Result(process.args, process.returncode, out, err, time.monotonic() - started)


def run(command, timeout=30, data=None, **more):
    """Run a command to its end; returns a Result. data is its stdin. Everything else as start()."""
    if data is not None:
        more["stdin"] = subprocess.PIPE
    began = time.monotonic()
    result = finish(start(command, **more), timeout, data)
    result.seconds = time.monotonic() - began
    return result


def must(command, **more):
    """run() that has to exit with 0; returns its output."""
    result = run(command, **more)
    assert result.code == 0, repr(result)
    return result.out


def build_caller(name, source=None, compiler=("cc", "-std=gnu99"), flags=("-Wall", "-Wextra")):
    """Compile test/system/SOURCE as a stranger's program that uses the installed libbproc, by
    pkg-config; its path, which all machines see."""
    path = os.path.join(BUILD, "test", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    linked = must(["pkg-config", "--cflags", "--libs", "libbproc"],
                  env={"PKG_CONFIG_PATH": PREFIX + "/lib/pkgconfig"}).split()
    must([*compiler, *flags, "-Werror", "-pthread",
          os.path.join(SOURCE, "test/system", source or name + ".c"), "-o", path, *linked,
          "-Wl,-rpath," + PREFIX + "/lib"], timeout=60)
    return path


def wait_for(predicate, timeout=10, what="condition"):
    """Ask predicate again and again until it is true; only where there is no event to wait for. what:
    a sentence, or what says one then."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s: %s" % (
                timeout, what() if callable(what) else what))
        time.sleep(0.01)


# ---- processes ----

def processes():
    """{pid: (ppid, pgid, sid, state, comm, arguments)} of all processes seen from here."""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as f:
                text = f.read()
            with open("/proc/%s/cmdline" % name, "rb") as f:
                words = f.read().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue
        comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        table[int(name)] = (int(rest[1]), int(rest[2]), int(rest[3]), rest[0], comm, words)
    return table


class Snapshot:
    """The processes and files of now; left() names what was added since."""

    TOPS = ("/tmp", "/run", "/dev/shm")

    def __init__(self):
        self.pids = set(processes())
        self.files = self._files()

    def _files(self):
        return {os.path.join(d, n) for top in self.TOPS for d, names, leaves in os.walk(top)
                if not d.startswith(SOURCE) and not d.startswith(BUILD)
                for n in names + leaves}

    def left(self):
        found = ["process %d %s %s" % (pid, row[3], row[5] or row[4])
                 for pid, row in processes().items() if pid not in self.pids]
        return found + ["file " + f for f in sorted(self._files() - self.files)]

    def check(self, timeout=10):
        """Fail unless all that was added is gone within the time."""
        try:
            wait_for(lambda: not self.left(), timeout)
        except AssertionError:
            raise AssertionError("left behind: %s" % "; ".join(self.left())) from None


# ---- a cluster ----

class Cluster:
    """A `bpcluster` of n nodes while the `with` lasts. Machines are named "master", "n0", ..."""

    def __init__(self, n, lease=2, name="bpmix", options=()):
        self.n = n
        self.base = ["bpcluster", "--name", name]
        self.up = self.base + ["--lease", str(lease), *options, "--share", BUILD, "--share",
                               SOURCE, "up", str(n)]
        self.rundir = "/run/bpmix" if name == "bpmix" else "/run/bpmix-" + name
        self.env = {} if name == "bpmix" else {"BPMIX_MASTER": self.rundir + "/master.sock"}

    def __enter__(self):
        must(self.up, timeout=60)
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, Skip):
            for who in ["master"] + ["n%d" % k for k in range(self.n)]:
                comment("-- %s: %s" % (who, "\n".join(self.log(who).splitlines()[-20:])))
        must(self.base + ["down"], timeout=60)

    def log(self, who):
        try:
            with open("%s/%s.log" % (self.rundir, who), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def machines(self):
        """{name: (PID of its first process, PID of its daemon or None, state of its daemon)}"""
        helper = os.path.join(PREFIX, "libexec/bpmix/bpcluster-node")
        names = ["master"] + ["n%d" % k for k in range(self.n)]
        rows = must([helper, "--tell", "status"] + ["%s/%s.ctl" % (self.rundir, w) for w in names])
        table = {}
        for name, row in zip(names, rows.splitlines()):
            _, machine, daemon, state = row.split(" ", 3)
            table[name] = (int(machine), None if daemon == "-" else int(daemon), state)
        return table

    def daemon_pid(self, who):
        return self.machines()[who][1]

    def machine_pid(self, who):
        return self.machines()[who][0]

    def order(self, what, *who):
        """start, stop or kill; returns when it is done."""
        must(self.base + [what, *who])

    def execute(self, who, command, **more):
        """run() a command inside a node's namespaces."""
        return run(self.base + ["exec", who] + command, **more)

    def wait_up(self, count=None):
        must(["bpstat", "--wait-up", str(count or self.n)], env=self.env)


# ---- a terminal ----

class Terminal:
    """A command as the leader of a session on a terminal of its own."""

    KEYS = {"^C": b"\x03", "^Z": b"\x1a", "^\\": b"\x1c", "^D": b"\x04"}

    def __init__(self, command, env=None):
        self.output = ""
        self.fd, side = pty.openpty()
        try:
            self.process = subprocess.Popen(
                command, stdin=side, stdout=side, stderr=side, start_new_session=True,
                env=dict(os.environ, **(env or {})),
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        finally:
            os.close(side)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            comment("terminal showed: " + self.output[-4000:])
        os.close(self.fd)  # hangs up
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError("%s survived the hang-up" % self.process.args) from None

    def send(self, text):
        """Type text, or a key of KEYS."""
        os.write(self.fd, self.KEYS.get(text) or text.encode())

    def foreground(self):
        """The terminal's foreground process group."""
        return os.tcgetpgrp(self.fd)

    def _read(self, timeout):
        if not select.select([self.fd], [], [], max(0, timeout))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno == errno.EIO:  # the last process closed it
                return None
            raise
        self.output += data.decode(errors="replace")
        return True

    def read_until(self, text, timeout=10):
        """Read until text was shown; returns all up to its end and takes it out of output."""
        deadline = time.monotonic() + timeout
        while text not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or self._read(left) is None:
                raise AssertionError("%r was not shown: %r" % (text, self.output[-2000:]))
        end = self.output.index(text) + len(text)
        shown, self.output = self.output[:end], self.output[end:]
        return shown

    def wait(self, timeout=10):
        """Read to the end of the session leader; returns its code as Popen's."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError("no end after %g s: %r" % (timeout, self.output[-2000:]))
            if self._read(min(left, 0.05)) is None:
                self.process.wait(max(0.1, left))
        while self._read(0):
            pass
        return self.process.returncode
