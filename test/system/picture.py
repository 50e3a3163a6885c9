#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""picture.py - bpmap: what it computes is what jobs get; its pictures are what it computed; and what
it says of files, nodes and options that are wrong."""
import contextlib
import json
import os
import re
import socket
import tempfile
import threading
import xml.etree.ElementTree as xml

import bptest
import wire
from bptest import run, start, test
from topologies import topology

CPUS = sorted(os.sched_getaffinity(0))
SHOW = ["sh", "-c", "echo $BPROC_RANK $BPROC_NODE $(sed -n 's/Cpus_allowed_list:.//p' /proc/self/status)"]
FOLDER = tempfile.TemporaryDirectory()
FILES = FOLDER.name
SVG = "{http://www.w3.org/2000/svg}"


def needs_two_cpus():
    if len(CPUS) < 2:
        raise bptest.Skip("one CPU only")


def bpmap(*options):
    result = run(["bpmap", "--json", *options])
    assert result.code == 0, repr(result)
    return json.loads(result.out)


def svg_of(*options):
    result = run(["bpmap", "--svg", "-", *options])
    assert result.code == 0, repr(result)
    return xml.fromstring(result.out), result.out


def texts(svg):
    return ["".join(t.itertext()) for t in svg.iter(SVG + "text")]


def numbers(text):
    """Of a list such as "0-3,8"."""
    return [n for part in text.split(",") if part for low, _, high in [part.partition("-")]
            for n in range(int(low), int(high or low) + 1)]


def refused(*options):
    result = run(["bpmap", *options])
    assert result.code == 125 and result.out == "" and result.err.count("\n") == 1, repr(result)
    assert result.err.startswith("bpmap: "), result.err
    return result.err[len("bpmap: "):-1]


def write(name, text):
    path = os.path.join(FILES, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


# ---- the cluster ----

def same(*options):
    """bpmap's map is the job's: nodes and CPUs of each rank, as its kernel has them."""
    ranks = bpmap(*options)["ranks"]
    job = run(["bprun", "--mpi=none", *options, *SHOW])
    assert job.code == 0, repr(job)
    rows = sorted((int(r), "n" + n, cpus) for r, n, cpus in
                  (line.split() for line in job.out.splitlines()))
    assert [row[1] for row in rows] == [r["node"] for r in ranks], (ranks, rows)
    for row, rank in zip(rows, ranks):
        assert not rank["bound"] or rank["cpus"] == row[2], (rank, row)
    return ranks


@test("the map is what a job gets, node by node and CPU by CPU")
def _():
    for options in (["-n", "1"], ["-n", "2"], ["-n", "4", "-N", "2"], ["-w", "3,1"], ["-N", "4"],
                    ["-n", "2", "--bind-to", "none"], ["-n", "6", "--map-by", "node"],
                    ["-n", "2", "-x", "0-2"], ["-n", "1", "-c", str(len(CPUS))]):
        same(*options)


@test("--display map,bind before the launch is what bpmap prints")
def _():
    asked = run(["bpmap", "-n", "1", "-w", "2", "--display", "map,bind"])
    job = run(["bprun", "--mpi=none", "-n", "1", "-w", "2", "--display", "map,bind", "true"])
    assert asked.code == job.code == 0 and asked.out == job.err, (asked, job)
    assert asked.out.startswith("n2: rank 0\n  package "), asked.out
    assert re.search(r"^rank 0 on n2: package \d+, numa \d+, L3 \d+, core \d+ \(CPUs? [0-9,-]+\)",
                     asked.out, re.M), asked.out


@test("--status=json tells where ranks are bound")
def _():
    # It ends at the end of its input, which comes when it is known to be there.
    job = run(["bprun", "--mpi=none", "-n", "1", "--status=json", "cat"])
    rank = json.loads(job.err)["ranks"][0]
    expected = bpmap("-n", "1")["ranks"][0]
    for key in ("bound", "cpus", "packages", "numas", "l3s", "cores"):
        assert rank[key] == expected[key], (key, rank, expected)


@contextlib.contextmanager
def holding(ranks):
    """A job that has so many CPUs until the end of the block."""
    job = start(["bprun", "--mpi=none", "-n", str(ranks), "sh", "-c", "echo up; exec cat"], stdin=-1)
    assert job.stdout.readline() == "up\n", bptest.finish(job)
    try:
        yield job
    finally:
        job.terminate()
        bptest.finish(job)


@test("CPUs of other jobs are left out, and marked; a job that would wait is told so")
def _():
    needs_two_cpus()
    with holding(1):
        now = run(["bpmap", "-n", "1"])
        assert "#" in now.out and now.err == "", repr(now)
        late = run(["bpmap", "-n", str(len(CPUS))])
        assert late.code == 0 and "the job would wait: " in late.err and "#" not in late.out, repr(late)
        shared = run(["bpmap", "-n", str(len(CPUS)), "--overlap"])
        assert shared.code == 0 and "wait" not in shared.err, repr(shared)


def jobs():
    return json.loads(bptest.must(["bpstat", "-j", "--json"]))["jobs"]


@test("what is kept for a job that waits is not promised to another")
def _():
    needs_two_cpus()
    with holding(1):
        waiter = start(["bprun", "--mpi=none", "-n", str(len(CPUS)), "true"])
        bptest.wait_for(lambda: any(job.get("reason") for job in jobs()), what="a job that waits")
        late = run(["bpmap", "-n", "1"])
        assert late.code == 0 and "kept for earlier jobs" in late.err, repr(late)
    assert bptest.finish(waiter).code == 0


@test("a node that was given fewer CPUs has only those")
def _():
    needs_two_cpus()
    os.sched_setaffinity(CLUSTER.machine_pid("n0"), {CPUS[-1]})
    for order in ("stop", "start"):
        CLUSTER.order(order, "n0")
    CLUSTER.wait_up()
    try:
        every = bpmap("-w", "0,1", "-n", "2")
        assert [n["cpus"] for n in every["nodes"]] == [str(CPUS[-1]), bpmap("-w", "1")["nodes"][0]["cpus"]]
        same("-w", "0,1", "-n", "2")
        assert "[ 0 ]" in bptest.must(["bpmap", "-w", "0", "-n", "1"])
    finally:
        os.sched_setaffinity(CLUSTER.machine_pid("n0"), CPUS)
        for order in ("stop", "start"):
            CLUSTER.order(order, "n0")
        CLUSTER.wait_up()


@test("bpmap in a rank, and for somebody without rights")
def _():
    inside = run(["bprun", "--mpi=none", "-n", "1", "bpmap", "-n", "1", "--json"])
    assert inside.code == 0 and len(json.loads(inside.out)["ranks"]) == 1, repr(inside)
    bptest.must(["bpctl", "-S", "1", "-m", "0100"])
    try:
        other = run(["bpmap", "-w", "1", "-n", "1"], user=1234)
        assert other.code == 125 and "user 1234 may not place processes there" in other.err, other
        result = run(["bpmap", "-N", "3", "--json"], user=1234)
        assert [n["node"] for n in json.loads(result.out)["nodes"]] == ["n0", "n2", "n3"], result
    finally:
        bptest.must(["bpctl", "-S", "1", "-m", "0111"])


@test("nodes that are not there, and no bpmaster: one line each")
def _():
    assert refused("-w", "9") == "there is no node 9"
    assert "master" in refused("-w", "-1"), refused("-w", "-1")
    for words in (["-w", "9"], ["-c", "1000"]):
        job = run(["bprun", "--mpi=none", *words, "true"])
        assert job.err == "bprun: " + refused(*words) + "\n", (job, words)
    result = run(["bpmap"], env={"BPMIX_MASTER": "/nowhere"})
    assert result.code == 125 and "/nowhere" in result.err, repr(result)


class Liar:
    """A bpmaster that answers everything with one packet."""

    def __init__(self, answer):
        self.path = os.path.join(FILES, "liar.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(self.path)
        self.socket.listen()
        self.thread = threading.Thread(target=self._serve, args=[answer])
        self.thread.start()

    def _serve(self, answer):
        try:
            connection, _ = self.socket.accept()
            with connection:
                if connection.recv(65536) and answer:
                    connection.send(answer)
        except OSError:
            pass # nobody came

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)


@test("a bpmaster that lies or breaks off: one line")
def _():
    slot, hardware = (1, [(1, 0)]), (1, [(1, [(1, 0)])])
    node = [(1, 0), (2, "up"), (7, 1)]
    for body, why in ((b"\xff\xff", ""), (wire.pack((2, node)), "no hardware of node 0"),
                      (wire.pack(hardware, (2, node + [(4, 7)])), "no hardware of node 0"),
                      (wire.pack(hardware, (2, [(1, 5)]), (2, [(1, 5)])), "disorder"),
                      (wire.pack(hardware, (2, [(1, 70000)])), "disorder"),
                      (wire.pack((1, [slot, slot])), ""), (wire.pack((1, [(1, [(1, 9999)])])), ""),
                      (wire.pack(hardware), "no node is up"),
                      (wire.pack(hardware, (2, [(1, 0), (2, "up"), (8, [(1, 13), (2, "no\nway")])])),
                       "may not place"), (None, "")):
        answer = b"" if body is None else wire.frame(wire.HARDWARE, body)
        with Liar(answer) as path:
            result = run(["bpmap", "-n", "1"], env={"BPMIX_MASTER": path})
        assert result.code == 125 and result.err.count("\n") == 1 and why in result.err, (body, result)
    with Liar(wire.frame(wire.HARDWARE, wire.pack(hardware, (2, node)))) as path: # the truth
        assert bptest.must(["bpmap", "-n", "1"], env={"BPMIX_MASTER": path}).startswith("n0: rank 0\n")


# ---- topology files ----

@test("offline is as live: the exported topology of a node gives the maps of that node")
def _():
    exported = write("live.xml", bptest.must([bptest.PREFIX + "/libexec/bpmix/bptopo", "--export"]))
    for options in (["-n", "1"], ["-n", str(len(CPUS))], ["-n", "1", "-c", str(len(CPUS))],
                    ["-n", "5"], ["-n", "2", "--map-by", "hwthread"], ["-n", "1", "--bind-to", "numa"],
                    ["-n", "2", "--map-by", "ppr:1:core"], ["-n", "1", "--bind-to", "none"]):
        live = run(["bpmap", "-w", "0", *options, "--json"])
        file = run(["bpmap", "-w", "0", *options, "--json", "--topology", exported])
        assert live.code == file.code, (options, live, file)
        if live.code == 0:
            assert json.loads(live.out)["ranks"] == json.loads(file.out)["ranks"], (options, live, file)



@test("offline: nodes of files, one after the other")
def _():
    small = write("small.xml", topology(packages=1, cores=2))
    large = write("large.xml", topology(packages=2, numas=2, l3s=2, cores=4, threads=2))
    every = bpmap("--topology", small + ":2", "--topology", large, "-N", "3", "-n", "5")
    assert [n["topology"] for n in every["nodes"]] == ["small.xml", "small.xml", "large.xml"]
    assert [len(numbers(n["cpus"])) for n in every["nodes"]] == [2, 2, 64], every
    one = run(["bpmap", "--topology", large, "-n", "1", "-c", "4"], env={"BPMIX_MASTER": "/nowhere"})
    assert one.code == 0 and "[ 0 0 0 0 | . . . . ]" in one.out, repr(one)
    colon = write("odd:3", topology(packages=1, cores=2))
    assert bpmap("--topology", colon)["nodes"][0]["topology"] == "odd:3"
    assert len(bpmap("--topology", colon + ":4", "-N", "4")["nodes"]) == 4


@test("several programs: each rank's in JSON")
def _():
    small = write("small.xml", topology(packages=1, cores=8))
    every = bpmap("--topology", small, "-np", "2", "a", ":", "-np", "3", "b")
    assert [r["app"] for r in every["ranks"]] == [0, 0, 1, 1, 1], every


@test("colours on a terminal, unless they are not wanted; rows as wide as it is")
def _():
    wide = write("wide.xml", topology(packages=1, l3s=8, cores=8))
    for columns, first in ((200, "cores 0-31"), (100, "cores 0-15"), (70, "cores 0-7")):
        script = "stty cols %d; exec bpmap --topology %s -n 64" % (columns, wide)
        for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False),
                              ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
            with bptest.Terminal(["sh", "-c", script], env=dict({"NO_COLOR": ""}, **env)) as terminal:
                shown = terminal.read_until("\r\n") + terminal.read_until("63") + terminal.read_until("]\r\n")
                assert ("\033[30;48;5;" in shown) == coloured and first + " " in shown, (env, shown)
                plain = re.sub("\033\\[[0-9;]*m", "", shown)
                assert max(map(len, plain.splitlines())) <= columns, plain


@test("files that are no topologies, counts that are no numbers: one line each, nothing left")
def _():
    bad = write("bad.xml", "<topology><object type='Machine'")
    assert "bad.xml" in refused("--topology", bad)
    assert "none.xml" in refused("--topology", "/none.xml")
    assert "4096" in refused("--topology", write("small.xml", topology(packages=1, cores=2)) + ":4096",
                             "--topology", write("small.xml", topology(packages=1, cores=2)))
    for count in ("0", "4097", "x", "-1", ""):
        result = run(["bpmap", "--topology", "%s/small.xml:%s" % (FILES, count)])
        assert result.code == 64 and "--topology FILE:" in result.err, repr(result)
    for option in (["--json"], ["--svg", "x"], ["--topology", FILES + "/small.xml"]):
        result = run(["bprun", *option, "true"])
        assert result.code == 64 and "--dry-run" in result.err, repr(result)
    result = run(["bprun", "--display", "mop", "true"])
    assert result.code == 64 and '"mop"' in result.err, repr(result)


@test("what cannot be written is an error")
def _():
    small = write("small.xml", topology(packages=1, cores=2))
    assert "/nowhere/x.svg" in refused("--topology", small, "--svg", "/nowhere/x.svg")
    assert "/dev/full" in refused("--topology", small, "--svg", "/dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        for option in (["--json"], ["--svg", "-"], []):
            result = bptest.finish(start(["bpmap", "--topology", small, *option], stdout=full))
            assert result.code == 1 and result.err.count("\n") == 1, (option, result)


@test("GPUs: the nearest one of each rank, in text, JSON and SVG")
def _():
    path = write("gpus.xml", topology(packages=2, numas=2, cores=4, gpus=(0, 3), nics=(1, 2)))
    options = ["--topology", path, "-n", "2", "--gpus-per-task", "1"]
    every = bpmap(*options)
    devices = every["nodes"][0]["devices"]
    assert [(d["kind"], d["number"], d["numa"], d["package"]) for d in devices] == [
        ("gpu", 0, 0, 0), ("nic", 0, 1, 0), ("nic", 1, 2, 1), ("gpu", 1, 3, 1)], devices
    assert [(r["gpus"], r["numas"], r["nic"]) for r in every["ranks"]] == [
        ([0], "0", "mlx5_0"), ([1], "3", "mlx5_1")], every["ranks"]
    art = run(["bpmap", *options, "--display", "map,bind"]).out
    assert re.search(r"gpu 0 \(nvidia nvml0 [0-9a-f:.]+\): rank 0$", art, re.M), art
    assert re.search(r"nic mlx5_1 \([0-9a-f:.]+\): near rank 1$", art, re.M), art
    assert re.search(r"^rank 1 on n0: .*, gpu 1, nic mlx5_1$", art, re.M), art
    drawn = texts(svg_of(*options)[0])
    assert {"gpu 0", "gpu 1", "nic mlx5_0", "rank 0", "rank 1", "near rank 1"} <= set(drawn), drawn


SHAPES = [dict(packages=1, cores=1), dict(packages=1, cores=2), dict(packages=2, cores=3, threads=2),
          dict(packages=2, numas=4, l3s=2, cores=8, threads=2), dict(packages=1, numas=1, l3s=8, cores=4),
          dict(packages=4, cores=20), dict(packages=1, cores=96, threads=2)]


@test("SVG: well-formed, every rank in it as often as it has cores, nothing outside or in the way")
def _():
    for shape in SHAPES:
        path = write("shape.xml", topology(**shape))
        cores = shape["packages"] * shape.get("numas", 1) * shape.get("l3s", 1) * shape["cores"]
        for nodes, ranks, each in ((1, 1, 1), (1, cores, 1), (3, 3, 1), (16, 16 * cores, 1),
                                   (2, 2 * max(1, cores // 2), min(2, cores)), (40, 40, 1)):
            options = ["--topology", "%s:%d" % (path, nodes), "-N", str(nodes), "-n", str(ranks), "-c",
                       str(each)]
            svg, _ = svg_of(*options)
            drawn = texts(svg)
            if nodes <= 32:
                for rank in bpmap(*options)["ranks"]:
                    wanted = len(numbers(rank["cores"]))
                    assert drawn.count(str(rank["rank"])) == wanted, (options, rank, drawn)
            check_boxes(svg, options)


def check_boxes(svg, options):
    """All boxes are inside the picture, and no two cores cover each other."""
    width, height = int(svg.get("width")), int(svg.get("height"))
    cores = []
    for rect in svg.iter(SVG + "rect"):
        x, y, w, h = (int(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert w > 0 and h > 0 and 0 <= x and x + w <= width and y + h <= height, (options, rect.attrib)
        if rect.get("class") in ("rank", "free"):
            cores.append((y, x, w))
    cores.sort()
    for (y1, x1, w1), (y2, x2, _) in zip(cores, cores[1:]):
        assert y1 != y2 or x1 + w1 <= x2, (options, x1, w1, x2, y1)


@test("odd words in a command line are words in the picture")
def _():
    small = write("small.xml", topology(packages=1, cores=2))
    for word in ("<b>&amp;</b>", "]]>", "\x01\x7f", "\u00e9\U0001f600", "'\"", "--", "a" * 4000):
        svg, out = svg_of("--topology", small, "./a", word)
        title = "".join(next(svg.iter(SVG + "title")).itertext())
        plain = re.sub("[\x01-\x1f\x7f]", "?", word).replace("'", "'\\''")
        assert plain in title, (word, title)
        assert "<b>" not in out
        bpmap("--topology", small, "./a", word)
    result = run([b"bpmap", b"--topology", small.encode(), b"--svg", b"-", b"\xff\xfe"])
    xml.fromstring(result.out)


@test("the example pictures can be drawn anew")
def _():
    bptest.must([os.path.join(bptest.SOURCE, "doc/pictures/draw"), FILES])
    for name in ("gpus.svg", "nodes.svg", "packages.svg"):
        for folder in (FILES, os.path.join(bptest.SOURCE, "doc/pictures")):
            assert len(texts(xml.parse(os.path.join(folder, name)).getroot())) > 10, (folder, name)


CLUSTER = bptest.Cluster(4)
with CLUSTER, FOLDER:
    bptest.main()
