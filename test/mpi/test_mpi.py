#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# time limit: 400 s
"""test_mpi.py - real Open MPI and mpi4py jobs over four nodes, under bprun."""
import json
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import bptest  # noqa: E402
from bptest import run, test  # noqa: E402

PYTHON = "/usr/bin/python3"


STARTS = ("exec", "ld", "entry")
START = None  # of the test that runs


def each_start(name):
    """Decorator: a test of each way to start the ranks."""
    def add(function):
        for way in STARTS:
            def one(way=way):
                global START
                START = way
                function()
            test("%s, --start=%s" % (name, way))(one)
    return add


def program(name):
    return os.path.join(bptest.MPI, name)


def source(name):
    return os.path.join(bptest.SOURCE, "test/mpi", name)


def job(*words, **more):
    """bprun with the test's way of starting, which must be the one that was used."""
    more.setdefault("timeout", 60)
    handle, path = tempfile.mkstemp()
    os.close(handle)
    os.chmod(path, 0o666)
    try:
        result = run([*more.pop("before", ()), "bprun", "--start=" + START,
                      "--status=json:" + path, *words], **more)
        with open(path, encoding="utf-8") as f:
            assert json.load(f)["start"] == START, repr(result)
    finally:
        os.unlink(path)
    return result


def good(result, text):
    assert result.code == 0 and text in result.out, repr(result)


def wire_bytes():
    """Bytes that the nodes have sent and received over their virtual wires."""
    total = 0
    with open("/proc/net/dev", encoding="utf-8") as f:
        for line in f:
            name, _, rest = line.strip().partition(":")
            if re.match(r"bpmix-\d+$", name):
                columns = rest.split()
                total += int(columns[0]) + int(columns[8])
    return total


@each_start("ring: 8 ranks on four hosts")
def _():
    good(job("-n", "8", "-N", "4", program("ring")), "ring: 8 ranks on 4 hosts ok")


@each_start("Allreduce and Alltoall with checked results, 4 and 8 ranks")
def _():
    for ranks in ("4", "8"):
        good(job("-n", ranks, "-N", "4", program("collectives")), "ok")


@each_start("Sendrecv of 64 MiB crosses the wire")
def _():
    before = wire_bytes()
    good(job("-n", "4", "-N", "4", program("sendrecv"), "64"), "ok")
    crossed = wire_bytes() - before
    assert crossed > 2 * 4 * 64 << 20, "only %d bytes crossed the wire" % crossed


@each_start("64 ranks on 4 nodes")
def _():
    good(job("-n", "64", "-N", "4", program("ring"), timeout=120), "ring: 64 ranks on 4 hosts ok")
    good(job("-n", "64", "-N", "4", program("collectives"), timeout=120), "ok")


@each_start("mpi4py: hello and allreduce")
def _():
    good(job("-n", "8", "-N", "4", PYTHON, source("hello.py")), "hello")
    good(job("-n", "8", "-N", "4", PYTHON, source("allreduce.py")), "ok")


@test("mpi4py and numpy, warm: 64 ranks go on from where the imports are done")
def _():
    env = {"OPENBLAS_NUM_THREADS": "1",
           "PYTHONPATH": bptest.PREFIX + "/share/bpmix", "PYTHONDONTWRITEBYTECODE": "1"}
    folder = tempfile.mkdtemp()
    try:
        result = run(["bprun", "--warm", "--status=json:" + folder + "/status", "-n", "64", "-N", "4",
                      PYTHON, source("warm.py")], env=env, timeout=120)
        good(result, "warm: 64 ranks on 4 hosts ok")
        with open(folder + "/status", encoding="utf-8") as f:
            assert json.load(f)["start"] == "warm"
    finally:
        shutil.rmtree(folder)


@each_start("fences wait for all, carry all data; subsets of ranks")
def _():
    folder = tempfile.mkdtemp(dir=bptest.BUILD)
    try:
        good(job("-n", "12", "-N", "4", program("pmixfence"), folder), "pmixfence: 12 ranks ok")
    finally:
        shutil.rmtree(folder)


@each_start("publish, lookup, connect and accept between ranks")
def _():
    good(job("-n", "4", "-N", "4", program("names")), "ok")


@each_start("direct modex instead of the collecting fence")
def _():
    env = {"OMPI_MCA_pmix_base_async_modex": "1", "OMPI_MCA_pmix_base_collect_data": "0"}
    # One rank a node: Open MPI 4.1 itself loses this race between ranks of one node.
    for _ in range(10):
        good(job("-n", "4", "-N", "4", program("collectives"), env=env), "ok")


@each_start("MPI_Abort's status is the job's; a killed rank and one that just exits end the job")
def _():
    for how, code in (("abort", 7), ("kill", 137), ("exit", 9)):
        result = job("-n", "8", "-N", "4", program("abort"), how)
        assert result.code == code, "%s: %r" % (how, result)
        assert "rank 7 on n3" in result.err, repr(result)
    for how in ("abort",) * 10:
        assert job("-n", "8", "-N", "4", program("abort"), how).code == 7


@each_start("ranks hear of a peer's death with --no-kill")
def _():
    result = job("--no-kill", "-n", "4", "-N", "4", program("pmixevent"), "death")
    assert "pmixevent: 4 ranks ok" in result.out and result.code == 137, repr(result)


@each_start("wrapper scripts find rank variables; ranks find the caller's environment")
def _():
    result = job("-n", "4", "-N", "2", "sh", "-c",
                 "echo $OMPI_COMM_WORLD_RANK $OMPI_COMM_WORLD_SIZE $OMPI_COMM_WORLD_LOCAL_RANK "
                 "$OMPI_COMM_WORLD_LOCAL_SIZE $OMPI_COMM_WORLD_NODE_RANK $BPROC_RANK $BPROC_NODE "
                 "$PMIX_RANK $MARK", env={"MARK": "here"})
    rows = sorted(line.split() for line in result.out.splitlines())
    assert rows == [["0", "4", "0", "2", "0", "0", "0", "0", "here"],
                    ["1", "4", "1", "2", "1", "1", "0", "1", "here"],
                    ["2", "4", "0", "2", "0", "2", "1", "2", "here"],
                    ["3", "4", "1", "2", "1", "3", "1", "3", "here"]], repr(result)


@each_start("a user without passwd entry and without HOME")
def _():
    result = job("-n", "4", "-N", "4", program("ring"), before=[
        "env", "-i", "PATH=" + os.environ["PATH"], "setpriv", "--reuid", "12345", "--regid", "12345",
        "--clear-groups"])
    good(result, "ring: 4 ranks on 4 hosts ok")


@test("a rank that ends well without MPI_Init: the others do not wait for it for ever")
def _():
    for options in ((), ("--no-kill",)):
        for first in ("exit 0", "sleep 1; exit 0"):  # when the other waits already
            script = "[ $BPROC_RANK = 0 ] && { %s; }; exec %s" % (first, program("hello"))
            result = job(*options, "-n", "2", "-N", "2", "sh", "-c", script)
            assert result.code == 1 and "MPI_Init" in result.err, result


@test("an MPI job that comes up as singletons is detected and reported")
def _():
    result = run(["bprun", "-n", "2", program("hello")], env={"OMPI_MCA_schizo": "^jsm", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                                                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
    assert "MPI job of its own" in result.err, repr(result)


@test("Debian's mpirun starts its daemons through bpsh, on nodes without sshd")
def _():
    script = ". %s/share/bpmix/bpmix-openmpi.sh && exec mpirun -n 8 %s" % (
        bptest.PREFIX, program("ring"))
    result = run(["sh", "-c", script], timeout=90, env={"HOME": "/tmp"})
    good(result, "ring: 8 ranks on 4 hosts ok")
    shutil.rmtree("/tmp/.cache", ignore_errors=True)


@test("a tree of fan-out 1 (a chain) and 2, so that there are inner nodes")
def _():
    for fanout in (1, 2):
        with open(CLUSTER.rundir + "/bpmix.conf", "a", encoding="utf-8") as f:
            f.write("fanout %d\n" % fanout)
        CLUSTER.order("stop", "master")
        CLUSTER.order("start", "master")
        CLUSTER.wait_up()
        good(run(["bprun", "-n", "8", "-N", "4", program("collectives")]), "ok")
        folder = tempfile.mkdtemp(dir=bptest.BUILD)
        try:
            good(run(["bprun", "-n", "8", "-N", "4", program("pmixfence"), folder]),
                 "pmixfence: 8 ranks ok")
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    CLUSTER = bptest.Cluster(4, lease=10)
    with CLUSTER:
        bptest.main()
