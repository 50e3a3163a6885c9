#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""users.py - jobs of an ordinary user without a passwd entry: identity, rights, limits, environment,
arguments, folders; and root, where the configuration forbids it."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, start, finish, test, wait_for  # noqa: E402

USER = 12345
AS_USER = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--groups", "7777,8888", "--"]
BPRUN = ["bprun", "--mpi=none"]
cluster = None  # of two nodes

# A rank's program that tells what it got: number and hash of the arguments and of the variables.
PROBE = r"""
import hashlib, json, os, sys
def words(data):
    return [len(data), hashlib.sha256(b"\0".join(data)).hexdigest()]
print(json.dumps({
    "argv": words([os.fsencode(a) for a in sys.argv[1:]]),
    "env": words(sorted(k + b"=" + v for k, v in os.environb.items() if k[:4] == b"TEST"))}))
"""


def user_run(command, **more):
    return run(AS_USER + command, **more)


def user_must(command, **more):
    result = user_run(command, **more)
    assert result.code == 0, repr(result)
    return result.out


def digest(words):
    return [len(words), hashlib.sha256(b"\0".join(os.fsencode(w) for w in words)).hexdigest()]


class Folder:
    """A folder that all machines see, with this owner and mode."""

    def __init__(self, mode=0o755, uid=USER):
        self.mode, self.uid = mode, uid

    def __enter__(self):
        self.path = tempfile.mkdtemp(dir=bptest.BUILD)
        os.chown(self.path, self.uid, self.uid)
        os.chmod(self.path, self.mode)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


@test("uid, gid and supplementary groups are the caller's on every node")
def _():
    script = "echo $(id -u) $(id -g) $(id -G)"
    assert user_must(BPRUN + ["-n", "2", "-N", "2", "sh", "-c", script]) == \
        "12345 12345 12345 7777 8888\n" * 2
    rows = user_must(BPRUN + ["-n", "2", "-N", "2", "grep", "-E", "^(Uid|Gid|Groups):",
                              "/proc/self/status"])
    assert rows.count("Uid:\t12345\t12345\t12345\t12345\n") == 2, rows
    assert rows.count("Gid:\t12345\t12345\t12345\t12345\n") == 2, rows
    groups = re.findall(r"Groups:\t(.*)", rows)
    assert [g.split() for g in groups] == [["7777", "8888"]] * 2, rows
    many = ["setpriv", "--reuid", "12346", "--regid", "12347", "--groups",
            ",".join(str(g) for g in range(5000, 6000)), "--"]
    out = must(many + BPRUN + ["sh", "-c", script]).split()
    assert out[:3] == ["12346", "12347", "12347"] and len(out) == 1003, out[:5]


@test("no capabilities in any set, no descriptors but 0 to 2, no signal blocked or ignored")
def _():
    rows = user_must(BPRUN + ["grep", "-E", "^(Cap(Inh|Prm|Eff|Amb)|Sig(Blk|Ign)):",
                              "/proc/self/status"])
    assert len(rows.splitlines()) == 6, rows
    assert all(int(line.split()[1], 16) == 0 for line in rows.splitlines()), rows
    out = user_must(BPRUN + [sys.executable, "-c", "import os\nprint(os.listdir('/proc/self/fd'))"])
    assert sorted(eval(out))[:3] == ["0", "1", "2"] and len(eval(out)) == 4, out  # 3: listdir's


@test("a rank cannot reach bpspace, bpnode, the node's key, or processes outside its job")
def _():
    out = user_must(BPRUN + ["sh", "-c", """
        kill -9 1; echo 1 $?
        cat /proc/1/environ >/dev/null 2>&1; echo 2 $?
        cat /run/bpmix/node.key 2>/dev/null; echo 3 $?
        ps -eo pid= | wc -l"""])
    rows = dict(line.split() for line in out.splitlines()[:3])
    assert all(code != "0" for code in rows.values()), out
    assert int(out.splitlines()[3]) < 10, out
    result = user_run(BPRUN + ["-n", "2", "-N", "2", "sh", "-c", "kill -9 -1; kill -9 $$"])
    assert result.code == 137, repr(result)
    assert user_must(BPRUN + ["-n", "2", "-N", "2", "echo", "well"]) == "well\n" * 2


@test("MPI as a user without a passwd entry, and nothing of it is left on the nodes")
def _():
    def files(who):
        return set(cluster.execute(who, ["find", "/tmp", "/run", "/dev/shm", "-not", "-path",
                                         bptest.BUILD + "*", "-not", "-path",
                                         bptest.SOURCE + "*"]).out.splitlines())
    before = {who: files(who) for who in ("n0", "n1")}
    for _ in range(2):
        out = user_must(["bprun", "-n", "4", "-N", "2", bptest.MPI + "/hello"],
                        env={"HELLO_RANKS": "4"})
        assert sorted(line.split(" pid")[0] for line in out.splitlines()) == \
            ["hello: rank %d of 4 on n%d" % (r, r // 2) for r in range(4)], out
    assert {who: files(who) for who in ("n0", "n1")} == before


@test("root is refused where the configuration says rootjobs no")
def _():
    path = cluster.rundir + "/bpmix.conf"

    def configure(yes):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub("rootjobs .*", "rootjobs " + yes, text))
        cluster.order("stop", "master")
        cluster.order("start", "master")
        cluster.wait_up()
    configure("no")
    result = run(BPRUN + ["true"])
    assert result.code not in (0, 137) and "uid 0" in result.err and "rootjobs" in result.err, \
        repr(result)
    assert user_must(BPRUN + ["echo", "well"]) == "well\n"
    configure("yes")
    assert must(BPRUN + ["id", "-u"]) == "0\n"


@test("umask and limits are the caller's")
def _():
    # The address sanitizer itself needs more address space than that.
    space = "unlimited" if bptest.SANITIZED else "9000000"
    out = user_must(["sh", "-c", "umask 027; ulimit -Sn 123; ulimit -Hn 456; ulimit -c 0;"
                     "ulimit -Ss 4096; ulimit -v " + space + ";"
                     "exec bprun --mpi=none sh -c "
                     "'umask; ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Ss; ulimit -v'"])
    assert out.split() == ["0027", "123", "456", "0", "4096", space], out
    with Folder() as folder:
        for umask, mode in (("000", 0o666), ("022", 0o644), ("077", 0o600), ("777", 0)):
            name = folder + "/" + umask
            user_must(["sh", "-c", "umask %s; exec bprun --mpi=none touch %s" % (umask, name)])
            status = os.stat(name)
            assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (mode, USER, USER), \
                (umask, status)


@test("the working directory: the caller's, -D, one that is missing or closed on the node")
def _():
    with Folder() as folder, Folder(mode=0o700, uid=0) as closed:
        os.mkdir(folder + "/below it")
        for where, options in ((folder, []), ("/", ["-D", folder]),
                               (folder + "/below it", ["-D", ".."])):
            out = user_must(BPRUN + options + ["pwd", "-P"], cwd=where)
            assert out == folder + "\n", out
        result = user_run(BPRUN + ["-D", closed, "true"])
        assert result.code == 125 and closed in result.err and "n0" in result.err \
            and "Permission denied" in result.err, repr(result)
    only_here = tempfile.mkdtemp(dir="/tmp")
    os.chmod(only_here, 0o755)
    try:
        for options, where in (([], only_here), (["-D", only_here], "/")):
            result = user_run(BPRUN + ["-w", "1"] + options + ["true"], cwd=where)
            assert result.code == 125 and only_here in result.err and "n1" in result.err \
                and "No such file" in result.err, repr(result)
    finally:
        os.rmdir(only_here)
    result = user_run(BPRUN + ["-D", "/" + "x" * 5000, "true"])
    assert result.code == 125 and "xxx" in result.err and "too long" in result.err, repr(result)


@test("programs with strange names: missing, 100,000 bytes long, a folder, not for this user")
def _():
    with Folder(mode=0o700, uid=0) as closed:
        for program, code in (("x" * 100000, 126), ("/" + "y/" * 50000, 126), ("", 127),
                              ("/etc", 126), ("no\nsuch", 127), (closed + "/x", 126)):
            result = user_run(BPRUN + [program])
            assert result.code == code, (program[:20], repr(result))
            assert len(result.err) < 2000 and "n0" in result.err, repr(result)
    assert user_must(BPRUN + ["-n", "2", "-N", "2", "echo", "well"]) == "well\n" * 2
    assert "node-lost" not in cluster.log("master")


@test("the environment: 1 MiB of it, odd names, and nothing but what is documented is added")
def _():
    env = {"TEST_%02d" % i: "%02d" % i + "x" * 65530 for i in range(16)}
    env.update({"TEST_EMPTY": "", "TEST_EQUALS": "a=b=c=", "TEST_LINES": "one\ntwo\n",
                "TEST_BYTES": os.fsdecode(b"\xff\xfe"), "TEST sp ace.": "1"})
    mine = digest(sorted((os.fsencode("%s=%s" % pair) for pair in env.items())))
    # Each in a job of its own: of several ranks, only lines up to 64 KiB are sure to be whole.
    rows = [json.loads(user_must(BPRUN + ["-w", node, sys.executable, "-c", PROBE], env=env))
            for node in ("0", "1")]
    assert [row["env"] for row in rows] == [mine, mine], (rows, mine)
    plain = subprocess.run(["env", "-i", "PATH=" + os.environ["PATH"]] + AS_USER + BPRUN +
                           ["env"], capture_output=True, text=True, check=True).stdout
    names = {line.split("=")[0] for line in plain.splitlines()}
    assert names == {"PATH", "BPROC_RANK", "BPROC_NODE"}, plain


@test("arguments: 100,000 of them, empty ones, any bytes; too much is refused in one line")
def _():
    words = [str(i) for i in range(100000)]
    odd = ["", "a b", "new\nline", os.fsdecode(b"\xff\x01"), "--help", "-n", "=", ""]
    for argv in (words, odd):
        out = user_must(BPRUN + ["-n", "2", "-N", "2", sys.executable, "-c", PROBE] + argv)
        rows = [json.loads(line)["argv"] for line in out.splitlines()]
        assert rows == [digest(argv)] * 2, rows
    big = ["sh", "-c", "ulimit -s unlimited; exec \"$@\"", "sh"] + BPRUN + ["true"] + \
        ["y" * 100000] * 18
    result = user_run(big)
    assert result.code == 0, repr(result.err[-500:])
    result = user_run(["sh", "-c", "i=0; while [ $i -lt 50 ]; do set -- \"$@\" $1; i=$((i+1)); "
                       "done; ulimit -s unlimited; exec bprun --mpi=none true \"$@\"", "sh",
                       "z" * 120000])
    assert result.code in (0, 1, 125, 126), repr(result.code)
    assert len(result.err.splitlines()) == (result.code != 0) and len(result.err) < 2000, \
        repr(result.err[:2000])
    assert user_must(BPRUN + ["-n", "2", "-N", "2", "echo", "well"]) == "well\n" * 2


@test("/dev/shm and System V objects are the job's on each node, and go with it")
def _():
    with Folder() as folder:
        os.mkfifo(folder + "/go")
        os.chown(folder + "/go", USER, USER)
        job = start(AS_USER + BPRUN + ["-w", "0", "sh", "-c",
                                       "echo x >/dev/shm/mine; ipcmk -M 4096 >/dev/null; "
                                       "stat -c '%%u %%a' /dev/shm /dev/shm/mine; echo up;"
                                       "read x <%s/go" % folder])
        shown = [job.stdout.readline() for _ in range(3)]
        assert shown == ["0 1777\n", "12345 644\n", "up\n"], (shown, finish(job))
        script = "ls /dev/shm; ipcs -m | grep -c 4096"
        assert user_run(BPRUN + ["-w", "0", "sh", "-c", script]).out == "0\n"
        assert cluster.execute("n0", ["sh", "-c", script]).out == "0\n"
        with open(folder + "/go", "w", encoding="utf-8") as f:
            f.write("\n")
        assert finish(job).code == 0
        assert cluster.execute("n0", ["sh", "-c", script]).out == "0\n"


@test("/tmp is the node's: the user's files stay, belong to him, and are not other nodes'")
def _():
    user_must(BPRUN + ["-w", "0", "sh", "-c", "echo kept >/tmp/kept"])
    assert user_must(BPRUN + ["-w", "0", "sh", "-c", "cat /tmp/kept; stat -c '%u %g' /tmp/kept"]) \
        == "kept\n12345 12345\n"
    assert user_run(BPRUN + ["-w", "1", "cat", "/tmp/kept"]).code == 1
    assert not os.path.exists("/tmp/kept")
    other = ["setpriv", "--reuid", "12346", "--regid", "12346", "--clear-groups", "--"]
    assert run(other + BPRUN + ["-w", "0", "rm", "-f", "/tmp/kept"]).code == 1
    user_must(BPRUN + ["-w", "0", "rm", "/tmp/kept"])


@test("the processes on the master are the user's own")
def _():
    job = start(AS_USER + BPRUN + ["-n", "2", "-N", "2", "sh", "-c", "echo up; exec sleep 60"])
    for _ in range(2):
        assert job.stdout.readline() == "up\n", finish(job)
    ghosts = [pid for pid, row in bptest.processes().items() if row[0] == job.pid]
    assert len(ghosts) == 2, ghosts
    for pid in ghosts + [job.pid]:
        with open("/proc/%d/status" % pid, encoding="utf-8") as f:
            text = f.read()
        assert "Uid:\t12345\t12345\t12345\t12345" in text, text
        assert re.search(r"CapEff:\t0+\n", text), text
    os.kill(job.pid, 15)
    assert finish(job).code == 128 + 15
    wait_for(lambda: not set(ghosts) & set(bptest.processes()), what="the ghosts' end")


if __name__ == "__main__":
    with bptest.Cluster(2, lease=10) as cluster:
        bptest.main()
