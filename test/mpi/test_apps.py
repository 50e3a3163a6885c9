#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_apps.py - jobs of several programs: one MPI_COMM_WORLD, each program's own words, variables
and working directory, and the end of a job whose programs cannot all be started."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import must, run, test  # noqa: E402

APPS = os.path.join(bptest.MPI, "apps")
HELLO = os.path.join(bptest.MPI, "hello")
SHOW = ("sh", "-c", 'echo "$BPROC_RANK $0 $* $A $(pwd)"')


def rows(out):
    return sorted(out.splitlines())


def file(text):
    path = os.path.join(FOLDER, "programs")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


@test("programs joined by colons share MPI_COMM_WORLD, and MPI_APPNUM tells them apart")
def _():
    out = must(["bpmpirun", "-np", "2", "--map-by", "node", "-x", "APPS_WORD=x", APPS, "a", "b",
                ":", "-np", "1", HELLO, ":", "-n", "2", "-x", "HELLO_RANKS=7", APPS],
               env=dict(os.environ, HELLO_RANKS="5"), timeout=60)
    lines = rows(out)
    assert lines[1:] == ["rank 0 of 5 app 0 a b word x", "rank 1 of 5 app 0 a b word x",
                         "rank 3 of 5 app 2", "rank 4 of 5 app 2"], lines
    assert lines[0].startswith("hello: rank 2 of 5 on "), lines


@test("srun's file of programs: ranks in any order, %t and %o")
def _():
    path = file("# programs\n1,3 %s one %%t '%%o' \"a  b\"\n* %s rest %%t %%o 100%%\n" %
                (APPS, APPS))
    out = must(["bprun", "-n", "5", "-N", "3", "--multi-prog", path], timeout=60)
    assert rows(out) == ["rank 0 of 5 app 1 rest 0 0 100%", "rank 1 of 5 app 0 one 1 %o a  b",
                         "rank 2 of 5 app 1 rest 2 1 100%", "rank 3 of 5 app 0 one 3 %o a  b",
                         "rank 4 of 5 app 1 rest 4 2 100%"], out


@test("each program has its own words, variables and working directory")
def _():
    out = must(["bprun", "--mpi=none", "--np", "1", "--wdir", "/usr", "--env", "A=1", *SHOW, "x",
                ":", "--np", "2", *SHOW, "y", "z"], env=dict(os.environ, A="job"))
    here = os.getcwd()
    assert rows(out) == ["0 x  1 /usr", "1 y z job " + here, "2 y z job " + here], out


@test("programs with hosts of their own")
def _():
    show = "sh", "-c", "echo $BPROC_RANK $BPROC_NODE"
    out = must(["bpmpirun", "--mpi=none", "-bind-to", "none", "-np", "2", "-host", "n3", *show, ":",
                "-np", "3", "-host", "n0:1,n2:2", *show])
    assert rows(out) == ["0 3", "1 3", "2 0", "3 2", "4 2"], out
    lines = rows(must(["bpmpirun", "-np", "1", "-host", "n2", APPS, ":", "-np", "2", "-host",
                       "n1,n0", APPS], timeout=60))
    assert lines == ["rank 0 of 3 app 0", "rank 1 of 3 app 1", "rank 2 of 3 app 1"], lines


@test("the status in JSON tells each rank's program; images are for one")
def _():
    path = os.path.join(FOLDER, "status")
    result = run(["bprun", "--start=entry", "--status=json:" + path, "--mpi=none", "-n", "1", "true",
                  ":", "-n", "2", "sh", "-c", "exit 3"])
    with open(path, encoding="utf-8") as f:
        status = json.load(f)
    assert result.code == 3 and status["start"] == "exec", repr(result)
    assert [rank["app"] for rank in status["ranks"]] == [0, 1, 1], status
    assert "several programs have no image in common; started by exec" in result.err, repr(result)


@test("a program that is not there is named, and ends the job")
def _():
    result = run(["bpmpirun", "--mpi=none", "-np", "1", "sleep", "100", ":", "-np", "1", "no-such"])
    assert result.code == 127 and "rank 1" in result.err and "no-such" in result.err, repr(result)
    result = run(["bpmpirun", "--mpi=none", "-np", "1", "sleep", "100", ":", "-np", "1", "-wdir",
                  "/nowhere", "true"])
    assert result.code == 125 and "/nowhere" in result.err, repr(result)


@test("words of a program are bounded")
def _():
    result = run(["bpmpirun", "--mpi=none", "-np", "1", "true", ":", "-np", "1", "true",
                  "x" * 40000])
    assert result.code == 64 and "program 2 (true): its words" in result.err, repr(result)
    out = must(["bpmpirun", "--mpi=none", "-np", "1", "true", ":", "-np", "1", "sh", "-c",
                "printf %s \"$0\" | wc -c", "x" * 32000])
    assert out == "32000\n", out


@test("ps shows the words of all programs for the ghosts")
def _():
    process = bptest.start(["bprun", "--mpi=none", "-n", "1", "sleep", "1000", ":", "-n", "1",
                            "sleep", "2000"])

    words = ["sleep", "1000", ":", "sleep", "2000"]

    def shown():
        return [p for p in bptest.processes().values() if p[5] == words and p[0] == process.pid]
    bptest.wait_for(lambda: len(shown()) == 2, what="ghosts")
    process.terminate()
    bptest.finish(process)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        os.chdir("/usr")
        with bptest.Cluster(4, lease=10):
            bptest.main()
