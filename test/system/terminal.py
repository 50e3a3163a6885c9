#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 120 s
"""terminal.py - a terminal for rank 0 on its node: an interactive shell there as if it were here."""
import fcntl
import os
import re
import signal
import struct
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, test, wait_for  # noqa: E402

PTY = ["bprun", "--mpi=none", "--pty"]
SHELL = ["bash", "--norc", "--noprofile", "-i"]
PROMPT = {"PS1": "rem$((40+2))ote> ", "TERM": "xterm", "HISTFILE": ""}  # as a prompt it reads otherwise than typed
SHOWN = "rem42ote> "


def modes(fd):
    return termios.tcgetattr(fd)


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def session(*words):
    return bptest.Terminal(PTY + list(words or ["-n", "1", *SHELL]), env=PROMPT)


def ask(t, command, wanted):
    """Type a command; what it shows, up to the next prompt, has a match of `wanted`."""
    t.send(command + "\n")
    shown = t.read_until(SHOWN)
    found = re.search(wanted, shown)
    assert found, (command, wanted, shown)
    return found


@test("an interactive shell: its terminal, its session, its job control, its exit status")
def _():
    with session() as t:
        before = modes(t.fd)
        t.read_until(SHOWN)
        assert modes(t.fd)[3] & termios.ICANON == 0, "not raw"
        ask(t, "tty", r"/dev/pts/\d+\r")
        ask(t, "hostname", r"n\d\r")
        ask(t, "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo al''l", "all\r")
        ask(t, "ps -o sid= -p $$ | grep -qw $$ && echo lea''der", "leader\r")
        ask(t, "echo x > /dev/tty", "x\r")
        # job control within
        t.send("sleep 1000\n")
        t.read_until("sleep 1000")
        wait_for(lambda: foreground_is(t, "sleep"), what="sleep in the foreground")
        t.send("^Z")
        t.read_until("Stopped")
        t.read_until(SHOWN)
        t.send("fg\n")
        t.read_until("sleep 1000")
        wait_for(lambda: foreground_is(t, "sleep"), what="sleep in the foreground again")
        t.send("^C")
        t.read_until(SHOWN)
        ask(t, "echo status $?", "status 130")
        t.send("exit 7\n")
        assert t.wait() == 7
        assert modes(t.fd) == before, "the terminal is not as before"


def foreground_is(t, name):
    """Some process of that name runs in a session on a node that is not stopped."""
    del t
    return any(row[4] == name and row[3] in "SR" and row[2] != row[1]
               for row in bptest.processes().values())


@test("the window's size is there, and follows a resize")
def _():
    with bptest.Terminal(["sh", "-c", "stty rows 31 cols 77; exec " + " ".join(PTY + SHELL)],
                         env=PROMPT) as t:
        t.read_until(SHOWN)
        ask(t, "stty size", "31 77\r")
        t.send("exit\n")
        assert t.wait() == 0
    told = ("import signal as s, os; s.signal(s.SIGWINCH, lambda *_: print(os.get_terminal_size(0)));"
            "print('ready')\nwhile True: s.pause()")
    with session("-n", "1", "python3", "-uc", told) as t:
        t.read_until("ready")
        resize(t, 50, 132)
        t.read_until("columns=132, lines=50")
        resize(t, 10, 20)
        t.read_until("columns=20, lines=10")
        t.send("^C")
        assert t.wait() == 130


@test("Ctrl-C, Ctrl-Z and Ctrl-D are typed there, they end nothing here")
def _():
    with session() as t:
        t.read_until(SHOWN)
        t.send("echo sta''rted; cat\n")
        t.read_until("started\r\n")
        t.send("some\n")
        t.read_until("some\r\nsome")
        t.send("^C")
        t.read_until(SHOWN)
        t.send("echo sta''rted; cat\n")
        t.read_until("started\r\n")
        t.send("a line\n")
        t.read_until("a line\r\na line")
        t.send("^D")
        t.read_until(SHOWN)
        t.send("^Z")
        ask(t, "echo he''re", "here")
        t.send("^D")
        assert t.wait() == 0


@test("the terminal is restored when bprun is killed, and nothing is left")
def _():
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        left = bptest.Snapshot()
        with session("--kill-wait=1", "-n", "1", "sh", "-c", "echo re''ady; exec sleep 1000") as t:
            before = modes(t.fd)
            t.read_until("ready")
            wait_for(lambda t=t: modes(t.fd)[3] & termios.ICANON == 0, what="raw")
            t.process.send_signal(number)
            t.wait(20)
            wait_for(lambda t=t, before=before: modes(t.fd) == before, what="restored")
        left.check()


@test("the terminal is restored when the node is lost, or when rank 0 cannot be started")
def _():
    with session("-n", "1", "/no/such/program") as t:
        before = modes(t.fd)
        t.read_until("No such file")
        assert t.wait() == 127 and modes(t.fd) == before
    with session("-w", "3", "-n", "1", "sh", "-c", "echo re''ady; exec sleep 1000") as t:
        before = modes(t.fd)
        t.read_until("ready")
        cluster.order("kill", "n3")
        t.read_until("n3")
        assert t.wait(30) == 137 and modes(t.fd) == before
    cluster.order("start", "n3")
    cluster.wait_up(4)


@test("bprun stopped and continued from elsewhere: the terminal is the shell's meanwhile")
def _():
    with bptest.Terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "lo$((3*4))cal> ", "HISTFILE": ""}) as t:
        t.read_until("lo12cal> ")
        t.send("PS1='%s' %s\n" % (PROMPT["PS1"], " ".join(PTY + SHELL)))
        t.read_until(SHOWN)
        pid = [p for p, row in bptest.processes().items() if row[4] == "bprun"][0]
        os.kill(pid, signal.SIGTSTP)
        t.read_until("Stopped")
        t.read_until("lo12cal> ")
        t.send("fg\n")
        t.read_until("--pty")
        ask(t, "echo ba''ck", "back")
        t.send("exit 3\n")
        t.read_until("lo12cal> ")
        t.send("echo st''atus $?\n")
        t.read_until("status 3")
        t.send("exit\n")
        t.wait()


@test("other ranks' output comes as usual, in whole lines, while rank 0 has the terminal")
def _():
    with session("-n", "3", "-l", "sh", "-c",
                 "if [ $BPROC_RANK = 0 ]; then read x; echo got $x; else echo other; [ -t 0 ] || "
                 "echo none; fi") as t:
        shown = ""
        while shown.count("none") < 2:
            shown += t.read_until("none\r\n")
        shown = "".join(line for line in shown.splitlines(True) if "not bound" not in line)
        assert sorted(shown.split()) == sorted("1: other 1: none 2: other 2: none".split()), shown
        wait_for(lambda: modes(t.fd)[3] & termios.ICANON == 0, what="raw")
        t.send("me\n")
        t.read_until("got me\r\n")
        assert t.wait() == 0


@test("without a terminal here: piped input is typed there, and its end is an end")
def _():
    result = run(PTY + ["-n", "1", "cat"], data="one\ntwo\n")
    assert result.code == 0 and result.out.count("two") == 2, repr(result)  # echo, and cat's
    result = run(PTY + ["-n", "1", "sh"], data="tty\nexit 4\n", env={"PS1": ""})
    assert result.code == 4 and "/dev/pts/" in result.out, repr(result)
    result = run(PTY + SHELL, data="echo he''re\n", env=PROMPT)
    assert result.code == 0 and "\nhere\n" in result.out, repr(result)
    result = run(PTY + ["sh", "-c", "tty; cat; cat; echo end"])
    assert result.code == 0 and "end" in result.out, repr(result)
    count = 3000
    result = run(PTY + ["sh", "-c", "stty -echo; echo go; head -n %d | wc -l" % count],
                 data="a line of input\n" * count)
    assert "\n%d\n" % count in result.out, repr(result)


@test("a user's terminal is the user's; it does not go with files for input and output")
def _():
    result = run(PTY + ["sh", "-c", "stat -c %u $(tty); id -u; echo x > $(tty)"], user=1234)
    assert result.out.split() == ["1234", "1234", "x"], repr(result)
    for word in ("-ofile", "-i1", "--stdin=0"):
        result = run(PTY + [word, "true"])
        assert result.code == 64 and "--pty" in result.err, repr(result)


@test("a node that can make no terminal says so")
def _():
    hide = ["mount", "--bind", "/dev/null", "/dev/ptmx"]
    done = cluster.execute("n3", hide)
    assert done.code == 0, repr(done)
    result = run(PTY + ["-w", "n3", "true"])
    assert result.code == 125 and "rank 0 on n3: its terminal cannot be made: " in result.err, \
        repr(result)
    assert cluster.execute("n3", ["umount", "/dev/ptmx"]).code == 0
    assert "/dev/pts/" in run(PTY + ["-w", "n3", "tty"]).out


@test("an MPI rank has it too, and an image's process")
def _():
    result = run(["bprun", "--pty", "-n", "2", "sh", "-c", "[ $BPROC_RANK != 0 ] || tty"])
    assert "/dev/pts/" in result.out, repr(result)
    result = run(PTY + ["--start=ld", "tty"])
    assert result.code == 0 and "/dev/pts/" in result.out, repr(result)


if __name__ == "__main__":
    with bptest.Cluster(4, lease=2) as cluster:
        bptest.main()
