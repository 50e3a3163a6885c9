#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""grammar.py - the command lines of bprun and bpmpirun: mistakes are named with the user's own
words, and the same request in srun's and in mpirun's words runs the same ranks."""
import os
import re
import tempfile

import bptest
from bptest import must, run, test

FILES = {
    "hosts": "# two nodes\nn1 slots=1\nn3:2\n",
    "bounds": "n1 slots=1 max-slots=2\nn3 max_slots=1\n",
    "lies": "n0\nn1 slots=many\n",
    "ranks": "rank 0=n2 slot=*\nrank 1=n1 slot=*\nrank 2=n2 slot=*\n",
    "gap": "rank 0=n2 slot=0\nrank 2=n1 slot=0\n",
    "binary": "n0\0\n",
    "empty": "",
    "comments": "# none\n\n# here\n",
}

# What is typed, and the sentence.
MISTAKES = (
    ("bprun -n 4 --np 8 true", "-n 4 and --np 8 both say how many ranks there are"),
    ("bprun --ntasks=4 --np=8 true", "--ntasks=4 and --np=8 both say how many ranks there are"),
    ("bprun -n 4 --ntasks=8 true", "-n 4 and --ntasks=8 both say how many ranks there are"),
    ("bprun -t 1 --timeout 5 true", "-t 1 and --timeout 5 both say how long the job may run"),
    ("bprun --timeout=60 --time=2 true",
     "--timeout=60 and --time=2 both say how long the job may run"),
    ("bprun -D / --wdir=/usr true", "-D / and --wdir=/usr both say where the ranks work"),
    ("bprun --chdir / -D /usr true", "--chdir / and -D /usr both say where the ranks work"),
    ("bprun --no-kill -K1 true",
     "--no-kill and -K1 both say whether a failing rank ends the others"),
    ("bprun -K --no-kill true", "-K and --no-kill both say whether a failing rank ends the others"),
    ("bprun -i 0 --stdin 1 true", "-i 0 and --stdin 1 both say who reads standard input"),
    ("bprun --stdin=all -i none true", "--stdin=all and -i none both say who reads standard input"),
    ("bprun -i a -i b true", "-i a and -i b both say the same thing, in two ways"),
    ("bprun -o a --output=b true", "-o a and --output=b both say the same thing, in two ways"),
    ("bprun --npersocket 2 --ntasks-per-socket 1 true",
     "--npersocket 2 and --ntasks-per-socket 1 both say how many ranks a package has"),
    ("bprun --hint=memory_bound --ntasks-per-socket=2 true",
     "--hint=memory_bound and --ntasks-per-socket=2 both say how many ranks a package has"),
    ("bprun --npernode 2 --map-by ppr:1:node true",
     "--npernode 2 and --map-by ppr:1:node both say how many ranks a node has"),
    ("bprun --hint=multithread --map-by core true",
     "--hint=multithread and --map-by core both say how ranks are dealt out"),
    ("bprun --map-by core --use-hwthread-cpus true",
     "--map-by core and --use-hwthread-cpus both say how ranks are dealt out"),
    ("bprun --hint=nomultithread --map-by hwthread true",
     "--hint=nomultithread and --map-by hwthread both say whether hardware threads are CPUs"),
    ("bprun --map-by core:oversubscribe --nooversubscribe true",
     "--map-by core:oversubscribe and --nooversubscribe both say whether there may be more ranks"),
    ("bprun --mpi=none --mpi=pmix true", "--mpi=none and --mpi=pmix both say the same thing"),
    ("bpmpirun --output file=a --output file=b true", "both say the same thing, in two ways"),
    ("bprun -c 2 --map-by core:pe=4 true",
     "-c 2 and --map-by core:pe=4 both say how many CPUs a rank has"),
    ("bprun -w n0 --host n1 true", "-w n0 and --host n1 both say which nodes there are"),
    ("bprun -m cyclic --map-by node true",
     "-m cyclic and --map-by node both say how ranks are dealt out"),
    ("bprun --cpu-bind=none --bind-to core true",
     "--cpu-bind=none and --bind-to core both say what ranks are bound to"),
    ("bprun -O --nooversubscribe true",
     "-O and --nooversubscribe both say whether there may be more ranks than CPUs"),
    ("bprun --exclusive -s true", "--exclusive and -s both say whether other jobs may be there too"),
    ("bprun -n x true", "-n takes a number from 1 to 60000, not \"x\""),
    ("bprun --ntasks 0 true", "--ntasks takes a number from 1 to 60000, not \"0\""),
    ("bpmpirun -np x true", "-np takes a number from 1 to 60000, not \"x\""),
    ("bprun -N4-2 true", "-N: 4-2 runs backwards"),
    ("bprun --cpu-bind=v,moon true", "--cpu-bind: \"moon\" is not one of none, cores, threads"),
    ("bprun --cpu-bind=mask_cpu:0x0 true", "--cpu-bind: \"0x0\" is not a mask of CPUs (0x3)"),
    ("bprun --cpu-bind=map_cpu:0,99999 true", "\"99999\" is not the number of a CPU"),
    ("bprun --map-by moon true", "--map-by 'moon' is not one of slot, hwthread, core"),
    ("bprun --map-by core:full true", "'full' is not one of pe=N, span, fill"),
    ("bprun --map-by ppr:2:moon true", "'moon' is not one of hwthread, core, l1"),
    ("bprun --bind-to node true", "--bind-to 'node' is not one of none, hwthread, core"),
    ("bprun --rank-by moon true", "--rank-by 'moon' is not one of slot, node, fill, span"),
    ("bprun -m plane=0 true", "-m 'plane=0' is not block, cyclic, plane=N or arbitrary"),
    ("bprun --mem-bind=map_mem:0 true", "--mem-bind: \"map_mem:0\" is not one of none, local"),
    ("bprun --gpus-per-task=a100:2 true", "\"a100:2\" is not a number of GPUs from 1 to 256"),
    ("bprun --gpu-bind=moon true", "--gpu-bind 'moon' is not one of closest, none"),
    ("bprun --hint=fast true", "\"fast\" is not one of compute_bound, memory_bound"),
    ("bprun --cpu-set=0-x true", "--cpu-set: "),
    ("bprun --map-by seq true", "--map-by seq: a list says each rank's node: --hostfile or --host"),
    ("bprun --map-by core:file=hosts true", "--map-by: file= is for rankfile and for seq"),
    ("bprun --map-by rankfile:FILE=gap true", "--map-by: gap:2: rank 1 has no line"),
    ("bprun --map-by seq:file=hosts --host n1 true", "both say which nodes there are"),
    ("bprun --map-by rankfile true", "--map-by rankfile: --rankfile FILE is missing"),
    ("bprun --host n0:x true", "--host: \"x\": slots are a number from 1 to 65536, or *"),
    ("bprun --hostfile lies true", "--hostfile: lies:2: slots are a number from 1 to 65536, not "),
    ("bpmpirun -hostfile lies true", "-hostfile: lies:2: slots are a number from 1 to 65536, not "),
    ("bpmpirun -np 3 -hostfile bounds a : -np 4 -hostfile bounds b",
     "n3: 2 ranks of b are more than max-slots=1"),
    ("bprun -F none true", "-F: none: No such file or directory"),
    ("bprun -F / true", "-F: /: Is a directory"),
    ("bprun -F /dev/zero true", "-F: /dev/zero: File too large"),
    ("bprun -w ./binary true", "-w: ./binary:1: this is not text"),
    *((line % name + " true", sentence % name) for name in ("empty", "comments") for line, sentence in (
        ("bprun -F %s", "-F: %s: no node is named in this file"),
        ("bprun --hostfile=%s", "--hostfile: %s: no node is named in this file"),
        ("bprun --rankfile %s", "--rankfile: %s: no rank is named in this file"))),
    *(("bprun --multi-prog " + name, "--multi-prog: %s: no program is named in this file" % name)
      for name in ("empty", "comments")),
    ("bprun --rankfile gap true", "--rankfile: gap:2: rank 1 has no line"),
    ("bprun --mca btl", "--mca takes a name and a value"),
    ("bpmpirun --output xml true", "--output: \"xml\" is not one of tag, timestamp, merge-"),
    ("bpmpirun -bynode -map-by slot true", "-bynode and -map-by slot both say how ranks are dealt"),
    ("bprun --ppr 2:node -m cyclic true", "--ppr 2:node and -m cyclic both say how ranks are dealt"),
    ("bprun --cpus-per-proc=2 -c 3 true", "--cpus-per-proc=2 and -c 3 both say how many CPUs a rank"),
    ("bpmpirun -cpus-per-proc x true", "-cpus-per-proc takes a number from 1 to 8192, not \"x\""),
    ("bprun --threads-per-core=4 true", "--threads-per-core: a core has 1 thread for ranks, or 2"),
    ("bprun --merge-stderr-to-stdout -e x true",
     "--merge-stderr-to-stdout and --error exclude each other"),
    ("bpmpirun -prefix ompi true", "-prefix takes a folder's whole name, from / on"),
    ("bprun --mpi=pmi2 true", "--mpi takes pmix or none, not \"pmi2\""),
    *(("%s true" % line, line.split(" ")[1].split("=")[0] + ": " + why) for line, why in (
        ("bprun --gpus=1", "--gpus-per-task says"), ("bprun -G 1", "--gpus-per-task says"),
        ("bprun --gres=gpu:1", "--gpus-per-task says"), ("bprun --mem=4G", "memory is not given"),
        ("bprun -p debug", "there are no partitions; -w and -x choose nodes"),
        ("bprun -C gpu", "nodes have no features"), ("bprun --bcast", "--start=ld sends"),
        ("bprun -r 1", "nodes are chosen by their numbers, with -w"),
        ("bpmpirun -tune file", "files of parameters are not read"),
        ("bpmpirun --app file", "programs stand on the command line"))),
    ("bpmpirun -np 2 a : b", "how many ranks run program 2 (b)? say so in front of it: --np N"),
    ("bpmpirun a : -np 2 b", "how many ranks run program 1 (a)? say so in front of it: --np N"),
    ("bpmpirun -np 60000 a : -np 1 b", "more than 60000 ranks"),
    *(("%s : %s b" % (("bpmpirun -np 2 a" if option[1] != "-" and len(option) > 9 else "bprun -n2 a"),
                      option), option + ": this is for the whole job, and belongs before the "
       "first program") for option in (
           "-nodelist 1", "--map-by core", "--timeout 5", "-o out", "-e err", "-i none", "-l",
           "-K0", "-W 5", "-v", "-Q", "--status=json", "--pty", "--umask=77", "--display map",
           "--dry-run", "--mpi=none", "--start=ld", "--warm", "--export=A=1", "--signal=USR1",
           "--stdin=1", "--report-bindings", "--multi-prog", "-I", "-x n1", "-c 2", "--hint=multithread",
           "--propagate=NONE", "--tag-output", "--open-mode=append", "--svg=x", "-N 1", "-O")),
    ("bpmpirun -np 2 a : -np 2 -host n1 b", "program 1 (a) has no --host, and others have"),
    ("bpmpirun -np 2 -host n0 a : -np 2 -host n1 b : -n 1 c", "program 3 (c) has no --host"),
    ("bpmpirun -np 2 -H allup a : -np 2 -host n1 b", "allup: programs with hosts of their own"),
    ("bpmpirun -np 2 -map-by node -H 0 a : -np 2 -host n1 b",
     "-map-by node: programs with hosts of their own run on those, in their order"),
    ("bpmpirun -np 2 :", "a program is missing in front of \":\""),
    ("bpmpirun -np 2 a :", "a program is missing behind \":\""),
    ("bprun --np=1 a : --np=2", "a program is missing behind \":\""),
    ("bprun --np=1 a : --np=1 -D /usr --env=X=1", "a program is missing behind \":\""),
    ("bprun --nodelist= true", "no node is named"),
    ("bprun --warm --start=ld true", "--start and --warm exclude each other"),
    ("bprun -n 2", "a program is missing"),
)


@test("a mistake is named with the words that were typed")
def _():
    wrong = []
    for line, sentence in MISTAKES:
        result = run(line.split(" "))
        if result.code != 64 or sentence not in result.err.splitlines()[0]:
            wrong.append("%s: exit %d: %s" % (line, result.code, result.err))
    assert not wrong, "\n".join(wrong)


# What bpmaster's placement, or the launcher before it starts anything, has to say.
CONTRADICTIONS = (
    ("bprun --rankfile ranks -x n1 true", "rank 1 is to be on n1, which -x excludes"),
    ("bprun -n 2 -m arbitrary -F hosts -x n3 true", "rank 1 is to be on n3, which -x excludes"),
    ("bprun --rankfile ranks -N 1 true", "leave -N, -c and --ntasks-per-node away"),
    ("bprun --rankfile ranks -c 2 true", "leave -N, -c and --ntasks-per-node away"),
    ("bprun -n 4 -O --hostfile bounds true", "4 ranks are 1 more than max-slots allows"),
    ("bprun -n 4 --map-by node:oversubscribe -F bounds true", "4 ranks are 1 more than max-slots"),
    ("bprun -n 2 --stdin=7 true", "--stdin=7: the job has ranks up to 1"),
    ("bprun --status=json:/nowhere/x true", "--status: /nowhere/x: No such file or directory"),
)


@test("what contradicts itself runs nothing")
def _():
    wrong = []
    for line, sentence in CONTRADICTIONS:
        result = run(line.replace("true", "sh -c").split(" ") + ["echo ran"])
        if result.code != 125 or result.out != "" or sentence not in result.err:
            wrong.append(repr(result))
    assert not wrong, "\n".join(wrong)


def nodes(line):
    """The nodes of the ranks, in their order."""
    tool, *options = line.split(" ")
    out = must([tool, "--mpi=none", "--overlap", "--bind-to", "none", *options,
                "sh", "-c", "echo $BPROC_RANK $BPROC_NODE"])
    return [int(row.split()[1]) for row in sorted(out.splitlines(), key=lambda r: int(r.split()[0]))]


@test("nodes in srun's words, in mpirun's, and in files")
def _():
    assert nodes("bprun -n 2 -w n3,n1") == [3, 1]
    assert nodes("bprun -N 2-3 -n 2") == [0, 1]
    assert nodes("bpmpirun -np 2 -host n3:1,n1:1") == [3, 1]
    assert nodes("bpmpirun -np 3 -hostfile hosts") == [1, 3, 3]
    assert nodes("bprun -n 3 -F hosts") == [1, 3, 3]
    assert nodes("bprun -n 3 -O -F bounds") == [1, 1, 3]
    assert nodes("bprun -n 3 -O --map-by node --hostfile bounds") == [1, 3, 1]
    assert nodes("bprun -F bounds") == [1, 3]
    assert nodes("bprun -n 3 -w ./hosts") == [1, 3, 3]
    assert nodes("bpmpirun -hostfile hosts -map-by seq -np 2") == [1, 3]
    assert nodes("bprun -n 2 -m arbitrary -F hosts") == [1, 3]
    assert nodes("bprun --rankfile ranks") == [2, 1, 2]
    assert nodes("bpmpirun -map-by rankfile:file=ranks") == [2, 1, 2]
    assert nodes("bpmpirun -map-by rankfile -rankfile ranks") == [2, 1, 2]
    assert nodes("bpmpirun -rankfile ranks -map-by rankfile") == [2, 1, 2]
    assert nodes("bpmpirun -N 1 -host n2,n3") == [2, 3]
    assert nodes("bpmpirun -host n2,n3") == [2, 3]
    assert nodes("bpmpirun -hostfile hosts") == [1, 3, 3]
    everywhere = nodes("bpmpirun")
    assert set(everywhere) == {0, 1, 2, 3} and len(everywhere) % 4 == 0, everywhere
    assert nodes("bprun -n 4 -w 0,2 -m cyclic") == [0, 2, 0, 2]
    assert nodes("bprun -n 4 -w 0,2 -m plane=2") == [0, 0, 2, 2]


@test("variables and directories in mpirun's words")
def _():
    line = "sh", "-c", "echo $A $OMPI_MCA_btl $OMP_NUM_THREADS; pwd"
    out = must(["bpmpirun", "--mpi=none", "-n", "1", "-q", "-genv", "A", "1", "-mca", "btl", "self", "-wdir", "/usr",
                "--cpus-per-task", "1", *line])
    assert out == "1 self 1\n/usr\n", out
    result = run(["bpmpirun", "--mpi=none", "-n1", "-v", "-x", "A=2", "sh", "-c", "echo $A"])
    assert result.out == "2\n" and result.err != "", repr(result)
    out = must(["bprun", "--mpi=none", "-c", "1", "--wdir", "/", *line],
               env=dict(os.environ, OMP_NUM_THREADS="7", A="b c"))
    assert out == "b c 7\n/\n", out


@test("where Open MPI is, what kinds of MPI there are, and help")
def _():
    line = "sh", "-c", "echo ${PATH%%:*} $LD_LIBRARY_PATH"
    assert must(["bpmpirun", "--mpi=none", "-n", "1", "-prefix", "/opt/ompi", *line],
                env=dict(os.environ, LD_LIBRARY_PATH="/x")) == "/opt/ompi/bin /opt/ompi/lib:/x\n"
    assert must(["bprun", "--mpi=list"]) == "pmix\nnone\n"
    for tool in "bprun", "bpmpirun", "bpmap", "bpsh", "bpcp", "bpstat", "bpctl", "bpkill", "bplib", \
            "bpmaster", "bpnode":
        out = must([tool, "-h"])
        assert out.startswith("Usage: " + tool) and out == must([tool, "--help"]), out


@test("mpirun's ways to tell ranks and files apart")
def _():
    assert must(["bpmpirun", "--mpi=none", "-np", "1", "-tag-output", "echo", "x"]) == "0: x\n"
    assert must(["bpmpirun", "--mpi=none", "-n", "1", "--output", "tag", "echo", "x"]) == \
        "0: x\n"
    out = must(["bpmpirun", "--mpi=none", "-np", "1", "--tag-output", "--timestamp-output", "echo",
                "x"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} 0: x\n", out), out
    result = run(["bpmpirun", "--mpi=none", "-n", "1", "--output", "merge-stderr-to-stdout", "sh", "-c",
                  "echo a; echo b >&2; echo c"])
    assert sorted(result.out) == sorted("a\nb\nc\n") and result.err == "", repr(result)
    must(["bprun", "--mpi=none", "-n2", "--merge-stderr-to-stdout", "-o", "merged.%t", "sh", "-c",
          "echo $BPROC_RANK >&2"])
    assert [open("merged.%d" % i, encoding="utf-8").read() for i in (0, 1)] == ["0\n", "1\n"]
    must(["bpmpirun", "--mpi=none", "-n", "2", "--output-filename", "named", "echo", "x"])
    assert open("named.1", encoding="utf-8").read() == "x\n"
    result = run(["bpmpirun", "--mpi=none", "-n", "1", "--timeout", "1", "sleep", "100"])
    assert result.code == 124, repr(result)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in FILES.items():
            with open(name, "w", encoding="utf-8") as f:
                f.write(text)
        os.chmod(folder, 0o755)
        with bptest.Cluster(4, lease=5):
            bptest.main()
