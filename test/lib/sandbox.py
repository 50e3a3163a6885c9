# SPDX-License-Identifier: BSD-3-Clause
"""sandbox.py - PID 1 of fresh namespaces: runs one test program, then looks for what it left.

Started by test/run through unshare(1). Arguments: time limit in seconds, descriptor of the report,
number of folders to keep visible, the folders, the command. The report is one JSON object:
status (wait status), timeout (bool), left (sentences)."""
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

HIDDEN = {"/tmp": "mode=1777", "/run": "mode=755", "/dev/shm": "mode=1777"}
MS_BIND, MS_REC, MS_NOSUID, MS_NODEV = 4096, 16384, 2, 4
CACHE = "/tmp/.cache"  # XDG_CACHE_HOME: what stands there is meant to stay, so it is not counted
SETTLE_S = 5.0  # the kernel ends network namespaces, and init its orphans, a little later

libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, flags, options=None):
    def text(s):
        return s.encode() if s is not None else None
    if libc.mount(text(source), text(target), text(kind), flags, text(options)) != 0:
        raise OSError(ctypes.get_errno(), "mount " + target)


def make_mounts(keep):
    """Own /tmp, /run, /dev/shm; of the old ones only the folders to keep show through."""
    kept = [(f, os.open(f, os.O_PATH)) for f in keep
            if any(f.startswith(h + "/") for h in HIDDEN)]
    for target, options in HIDDEN.items():
        mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options)
    for folder, fd in kept:
        os.makedirs(folder, exist_ok=True)
        mount("/proc/self/fd/%d" % fd, folder, None, MS_BIND | MS_REC)
        os.close(fd)


def closed_above(folder):
    """The folders above that others may not enter (/root, say), from the top."""
    above = []
    while folder != "/":
        folder = os.path.dirname(folder)
        above.insert(0, folder)
    return [f for f in above if os.stat(f).st_mode & 0o1 == 0]


def open_way(keep):
    """Tests that run as other users must reach the tree: in place of a closed folder above it stands
    an open one with the same things in it, each mounted from the old one with its own mode."""
    for folder in keep:
        for closed in closed_above(folder):
            old = os.open(closed, os.O_PATH)
            inside = "/proc/self/fd/%d/" % old
            mount("tmpfs", closed, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
            for name in os.listdir(inside):
                source, target = inside + name, os.path.join(closed, name)
                if os.path.islink(source):
                    os.symlink(os.readlink(source), target)
                elif os.path.isdir(source):
                    os.mkdir(target)
                    mount(source, target, None, MS_BIND | MS_REC)
                elif os.path.isfile(source):
                    os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
                    mount(source, target, None, MS_BIND)
            os.close(old)
    os.chdir(os.getcwd())  # into the new ones


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def files(keep):
    """Paths below the private mounts, without what lies in kept folders."""
    found = set()
    for top in HIDDEN:
        for folder, names, leaves in os.walk(top):
            names[:] = [n for n in names if os.path.join(folder, n) not in keep]
            found.update(os.path.join(folder, n) for n in names + leaves)
    return found


def processes():
    """A line for each process but this one; zombies included."""
    found = set()
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid == "1":
            continue
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
            with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as f:
                stat = f.read()
        except OSError:
            continue
        comm, state = stat[stat.index("("):stat.rindex(")") + 1], stat[stat.rindex(")") + 2]
        found.add("process %s %s %s %s" % (pid, comm, state, words[:200]))
    return found


def kernel_things():
    """Mounts, network devices, System V objects."""
    found = set()
    with open("/proc/self/mountinfo") as f:
        found.update("mount " + line.split()[4] for line in f)
    found.update("network device " + name for _, name in socket.if_nameindex())
    for kind in ("shm", "sem", "msg"):
        try:
            with open("/proc/sysvipc/" + kind) as f:
                found.update("System V %s %s" % (kind, " ".join(line.split()[:2]))
                             for line in f.readlines()[1:])
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise
    return found


def reap(deadline, until):
    """Reap children until the one named has ended (its status), or the deadline (None). With
    until 0: until there is no child any more."""
    while True:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == until:
                    return status
        except ChildProcessError:
            return None
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        signal.sigtimedwait({signal.SIGCHLD}, left)


def leftovers(before_files, before_things, keep):
    """What is there now and was not before; waits a bounded time for things that are just going."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        reap(min(deadline, time.monotonic() + 0.02), 0)
        left = sorted(processes()) + sorted(kernel_things() - before_things)
        left += ["file " + f for f in sorted(files(keep) - before_files)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def main():
    limit, report_fd, count = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    keep, command = sys.argv[4:4 + count], sys.argv[4 + count:]
    os.set_inheritable(report_fd, False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    open_way(keep)
    make_mounts(keep)
    bring_loopback_up()
    os.mkdir(CACHE)
    keep.append(CACHE)
    os.environ.update(TMPDIR="/tmp", HOME="/tmp", XDG_CACHE_HOME=CACHE)
    before_files, before_things = files(keep), kernel_things()

    def in_child():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(signo, signal.SIG_DFL)  # ignored under nohup or in a script's background
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=in_child)
    status = reap(time.monotonic() + limit, child.pid)
    if status is None:
        ps = subprocess.run(["ps", "-e", "--forest", "-o", "pid,ppid,pgid,sid,stat,wchan:20,args"],
                            stdout=subprocess.PIPE, text=True, check=False).stdout
        sys.stderr.write("\n".join("# " + line for line in ps.splitlines()) + "\n")
        report = {"status": 0, "timeout": True, "left": []}
    else:
        report = {"status": status, "timeout": False,
                  "left": leftovers(before_files, before_things, set(keep))}
    with os.fdopen(report_fd, "w") as f:
        json.dump(report, f)
    # The exit of PID 1 ends whatever is left.


main()
