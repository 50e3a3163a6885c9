#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 300 s
"""homecall.py - a process on a node calls the master: it becomes another program at home, and has
children there."""
import contextlib
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
import remains  # noqa: E402
from bptest import finish, processes, run, start, test, wait_for  # noqa: E402

PROGRAM = bptest.build_caller("homecall")
FORMS = ("rexec", "execmove")
USER = 12345
MASTER = "10.77.0.254"
cluster = None


def named(*names):
    return [pid for pid, row in processes().items() if row[4] in names]


def shared(name, text, mode):
    """A file that the node has, too."""
    path = os.path.join(bptest.BUILD, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


# ---- another program in place of the caller ----

@test("another program at home: the same process, with the program's status")
def _():
    script = "echo $$ $PPID $(hostname); exec 2>&1; %s"
    for form in FORMS:
        for user in (None, USER):
            for end, code in (("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", -15)):
                with remains.none(cluster):
                    p = start([PROGRAM, "run", form, "/bin/sh", "-c", script % end], user=user)
                    result = finish(p)
                    assert result.out == "%d %d %s\n" % (p.pid, os.getpid(),
                                                         os.uname().nodename), result
                    assert (result.code, result.err) == (code, ""), result


@test("what an exec keeps it has at home, and no handler")
def _():
    for form in FORMS:
        with remains.none(cluster):
            result = run([PROGRAM, "keep", form])
            rows = result.out.splitlines()
            assert rows == ["blocked 10 35", "pending 10 35", "ignored 12", "value 5", "value 6",
                            "umask 027 nice 3 cwd /usr env yes node -1"], result
            assert result.code == 7, result


@test("what cannot be executed at home is the call's error: it goes on where it is")
def _():
    folder = bptest.BUILD
    text = shared("homecall-text", "no program\n", 0o755)
    plain = shared("homecall-plain", "#!/bin/sh\n", 0o644)
    alone = shared("homecall-alone", "#!/no/interpreter\n", 0o755)
    here = "/tmp/homecall-here"  # which the node does not have
    with open(here, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\necho here; exit 3\n")
    os.chmod(here, 0o755)
    for path, error in ((folder + "/none", "ENOENT"), (text + "/x", "ENOTDIR"), (text, "ENOEXEC"),
                        (plain, "EACCES"), (alone, "ENOENT"), (folder, "EACCES")):
        for form in FORMS:
            with remains.none(cluster):
                result = run([PROGRAM, "run", form, path])
                assert (result.code, result.out) == (9, "%s: %s at 0\n" % (form, error)), (
                    path, result)
    assert run([PROGRAM, "run", "rexec", here]).out == "here\n"
    assert run([PROGRAM, "run", "execmove", here]).out == "execmove: ENOENT at 0\n"
    os.chmod(here, 0o700)
    result = run([PROGRAM, "run", "rexec", here], user=USER)
    assert (result.code, result.out) == (9, "rexec: EACCES at 0\n"), result
    os.unlink(here)


@test("a folder that only the node has: an error, and it goes on there")
def _():
    for form in FORMS:
        with remains.none(cluster):
            result = run([PROGRAM, "away", form, "/tmp/of-the-node"])
            assert (result.code, result.out) == (7, "%s: ENOENT at 0\n" % form), result


@test("a script is executed as one")
def _():
    script = shared("homecall-script", "#!/bin/sh -e\necho \"$0\" \"$@\"\nfalse\n", 0o755)
    for form in FORMS:
        result = run([PROGRAM, "run", form, script, "a", "b"])
        assert (result.code, result.out) == (1, script + " a b\n"), result


@test("rexec of a program that may be executed and not read")
def _():
    closed = os.path.join(bptest.BUILD, "homecall-closed")
    with open("/bin/true", "rb") as f, open(closed, "wb") as to:
        to.write(f.read())
    os.chmod(closed, 0o711)
    assert run([PROGRAM, "run", "rexec", closed], user=USER).code == 0
    assert run([PROGRAM, "run", "execmove", closed], user=USER).out == "execmove: EACCES at 0\n"


@test("what a process denied itself it has not got at home")
def _():
    result = run([PROGRAM, "capped", "rexec"])
    assert result.code == 4 or (result.code, result.out) == (7, "1 1 at -1\n"), result
    result = run([PROGRAM, "capped", "execmove"])
    assert result.code == 4 or result.out == "execmove: EOPNOTSUPP at 0\n", result


@test("_io: files of the master, and connections, in place of any descriptors")
def _():
    for form in FORMS:
        with socket.create_server(("0.0.0.0", 0)) as server, remains.none(cluster):
            server.settimeout(20)
            port = str(server.getsockname()[1])
            p = start([PROGRAM, "io", form, MASTER, port, "/tmp/homecall-io"])
            said = set()
            for _ in range(2):
                connection, _ = server.accept()
                with connection, connection.makefile("rb") as data:
                    said.add(data.read())
            result = finish(p)
            assert (result.code, result.out, result.err) == (5, "", ""), (form, result)
            assert said == {b"nine\n", struct.pack("ii", p.pid, 4) + b"four\n"}, said
            with open("/tmp/homecall-io", encoding="utf-8") as f:
                assert f.read().split() == [os.uname().nodename, "two", *"012349"], form
            os.unlink("/tmp/homecall-io")
        result = run([PROGRAM, "lost", form, "/no/file"])
        assert (result.code, result.out) == (9, "%s: ENOENT at 0\n" % form), result


@test("signals on the way: none is lost, none comes twice")
def _():
    for form in FORMS:
        with remains.none(cluster):
            sent, rounds = 100, 12
            p = start([PROGRAM, "hear", form, str(rounds)])
            p.stdout.readline()
            for _ in range(sent):
                os.kill(p.pid, signal.SIGRTMIN)
                bptest.must(["true"])
            while p.stdout.readline() != "all\n":
                assert p.poll() is None, finish(p)
            os.kill(p.pid, signal.SIGUSR1)
            result = finish(p)
            assert (result.code, result.out) == (7, "heard %d\n" % sent), result


@test("stopped and continued, wherever it is")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "loop", "rexec", "30"])
        for _ in range(6):
            p.stdout.readline()
            os.kill(p.pid, signal.SIGSTOP)
            assert os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1])
            os.kill(p.pid, signal.SIGCONT)
        assert finish(p).code == 7


@test("killed, or its keeper, its herder, its bphome: nothing is left")
def _():
    for form in FORMS:
        for name in (None, "bpkeeper", "bpghost", "bphome"):
            with remains.none(cluster):
                for lines in range(1, 3):
                    p = start([PROGRAM, "loop", form, "1000"])
                    for _ in range(lines):
                        p.stdout.readline()
                    if name == "bphome":
                        wait_for(lambda: p.poll() is not None or named("bphome"))
                    for pid in named(name) if name is not None else [p.pid]:
                        os.kill(pid, signal.SIGKILL)
                    os.kill(p.pid, signal.SIGTERM)
                    code = finish(p).code
                    assert code in (9, -signal.SIGKILL, -signal.SIGTERM), (form, name, code)


@test("to a node and home as another program, again and again: nothing grows")
def _():
    for form in FORMS:
        with remains.none(cluster):
            p = start([PROGRAM, "loop", form, "1000" if bptest.ALL else "30"])
            most = 0
            while p.stdout.readline() not in ("0\n", ""):
                most = max(most, len(named("bpkeeper", "bpghost", "bpspace", "bphome")))
            result = finish(p)
            assert (result.code, result.err) == (7, ""), result
            assert most <= 12, most


# ---- children ----

WAYS = ([], ["bpsh", "-n", "0"], ["bprun", "--mpi=none", "-w", "0", "-n", "1"])


@test("a child at home: of this parent, with its own status, and none more")
def _():
    for way in WAYS:
        for user in (None, USER):
            for end in (0, -signal.SIGKILL, -signal.SIGTERM, 7) if way == [] else (7,):
                with remains.none(cluster):
                    result = run([*way, PROGRAM, "child", str(end)], user=user)
                    rows = result.out.splitlines()
                    assert (result.code, rows[:1]) == (7, ["child 1 at -1"]), (way, result)
                    assert rows[1].split()[4:] == ["status", str(end), "more", "-1"], (way, result)


@test("children on the own node, another one and at home, of one call")
def _():
    for way in WAYS:
        with remains.none(cluster):
            result = run([*way, PROGRAM, "children", "0", "-1", "1", "-1", "9"])
            rows = sorted(result.out.splitlines())
            parents = [row for row in rows if row.isdigit()]
            assert [row for row in rows if " at " in row] == [
                "0 at 0", "1 at -1", "2 at 1", "3 at -1"], result
            for what, codes in (("fork", (10, 11, 12, 13, -300)), ("exec", (6, 6, 6, 6, -300))):
                assert [row for row in rows if what in row] == [
                    "%s %d: %d" % (what, i, code) for i, code in enumerate(codes)], result
            assert len(parents) == 4 and len(set(parents)) == 1, result


@test("signals, stops and their news between a parent on a node and its child at home")
def _():
    for way in WAYS:
        with remains.none(cluster):
            result = run([*way, PROGRAM, "talk"])
            assert result.out.splitlines() == ["answer 1"] * 5 + [
                "stopped 1", "continued 1", "status 5"], (way, result)


@test("why there is no child at home: the call's error, and nothing is left")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "refused"])
        assert result.code == 4 or (result.code, result.out) == (
            7, "rfork: EOPNOTSUPP at 0\nvrfork: EOPNOTSUPP, more -1\n"), result
        text = shared("homecall-text", "no program\n", 0o755)
        plain = shared("homecall-plain", "#!/bin/sh\n", 0o644)
        for program, error in (("/no/such", "ENOENT"), (plain, "EACCES"), (text, "ENOEXEC")):
            result = run([PROGRAM, "exec", program])
            assert (result.code, result.out) == (9, "child: %s at 0\n" % error), result


@test("where a child at home is: no remote process")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "where"])
        assert result.out.splitlines() == ["parent at 0, self at -1, remote 0",
                                           "child at -1, remote 0, self at 0"], result


@test("a parent that ignores SIGCHLD, one with threads, and one that ends before its child")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "ignoring"])
        assert (result.code, result.out) == (7, "wait -1 ECHILD\n"), result
        result = run([PROGRAM, "threads"])
        assert (result.code, result.out) == (7, "good 4\n"), result
        result = run([PROGRAM, "left"])  # the child ends with its job
        assert (result.code, result.out.count("\n")) == (7, 1), result


@test("whoever is killed while children go home: an error or a child, and nothing is left")
def _():
    for name in ("bpkeeper", "bpghost", "bphome", "bprestore", "homecall", None):
        for lines in range(3):
            with remains.none(cluster, timeout=30):
                p = start([PROGRAM, "many", "1000"])
                wait_for(lambda: len(named("bpkeeper")) > 1 + lines % 2 or p.poll() is not None)
                if name is None:
                    cluster.order("kill", "n0")
                elif name != "homecall":
                    wait_for(lambda: named(name) or p.poll() is not None)
                for pid in named(name) if name is not None else ():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(p.pid, signal.SIGTERM)
                code = finish(p, timeout=60).code
                assert code in (9, -signal.SIGKILL, -signal.SIGTERM), (name, code)
                if name is None:
                    cluster.order("start", "n0")
                    cluster.wait_up()


@test("whose node has been closed to its user has children at home, too")
def _():
    with remains.none(cluster):
        p = start([PROGRAM, "closed"], user=USER)
        assert p.stdout.readline() == "there\n", finish(p)
        bptest.must(["bpctl", "-S", "0", "-m", "0", "-s", "busy"])
        os.kill(p.pid, signal.SIGUSR1)
        result = finish(p)
        bptest.must(["bpctl", "-S", "0", "-m", "0111", "-s", "up"])
        assert (result.code, result.out) == (5, ""), result


@test("a child at home with files of the master")
def _():
    with remains.none(cluster):
        result = run([PROGRAM, "files", "/tmp/homecall-files"])
        with open("/tmp/homecall-files", encoding="utf-8") as f:
            assert (result.code, f.read().split()) == (5, [os.uname().nodename] * 2), result
        os.unlink("/tmp/homecall-files")
        result = run([PROGRAM, "files", "/no/file"])
        assert (result.code, result.out) == (9, "rfork_io: ENOENT at 0\n"), result


@test("many children at home, one after the other: nothing grows")
def _():
    with remains.none(cluster):
        for way in WAYS[:2]:
            result = run([*way, PROGRAM, "many", "1000" if bptest.ALL else "40"], timeout=200)
            assert result.out.splitlines()[0] == "good %d" % (1000 if bptest.ALL else 40), result


if __name__ == "__main__":
    with bptest.Cluster(3) as cluster:
        bptest.main()
