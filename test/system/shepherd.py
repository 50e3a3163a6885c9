#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""shepherd.py - real MPI and PMIx programs over bpshepherds on several nodes, bpmaster and bpnode
being played by shepherd_driver. Run it in the build directory, as root. --loop N: the races N times.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MPI = os.path.join(HERE, "..", "mpi")
PYTHON = "/usr/bin/python3"
LAZY = ["-x", "OMPI_MCA_pmix_base_async_modex=1", "-x", "OMPI_MCA_pmix_base_collect_data=0"]

# name, driver's options, program, expected status, words of the output, times in a loop
CASES = [
    ("hello on one node", "-N 1 -n 3", "hello", 0, "rank 2 of 3 on n0", 1),
    ("hello on two nodes", "-N 2 -n 4", "hello", 0, "rank 3 of 4 on n1", 30),
    ("hello as a user without a passwd entry", "-N 2 -n 4 -u 12345 -x HOME=/", "hello", 0, "of 4", 10),
    ("ring through a chain of shepherds", "-N 3 -n 6 -k 1", "ring", 0,
     "ring: 6 ranks on 3 hosts ok", 5),
    ("collectives over inner nodes", "-N 4 -n 8 -k 2", "collectives", 0, "8 ranks ok", 10),
    ("collectives, ranks dealt out, bound", "-N 3 -n 7 -k 2 -C -B", "collectives", 0,
     "7 ranks ok", 5),
    # One rank a node: between local ranks this mode fails now and then inside libpmix, "Not found".
    ("collectives with direct modex", ["-N", "5", "-n", "5", "-k", "2", *LAZY], "collectives", 0,
     "5 ranks ok", 30),
    ("64 MiB between two nodes", "-N 2 -n 2", "sendrecv", 0, "64 MiB between 2 ranks ok", 1),
    ("4 MiB between many", "-N 4 -n 8 -k 2", "sendrecv 4", 0, "ok", 3),
    ("64 ranks on 4 nodes", "-N 4 -n 64 -k 2", "ring", 0, "ring: 64 ranks on 4 hosts ok", 1),
    ("16 nodes", "-N 16 -n 16 -k 2", "collectives", 0, "16 ranks ok", 1),
    ("publish, lookup, connect, accept", "-N 4 -n 6 -k 2", "names", 0, "names: 6 ranks ok", 30),
    ("names on one node", "-N 1 -n 2", "names", 0, "names: 2 ranks ok", 5),
    ("fences wait; data of all; subsets", "-N 5 -n 10 -k 2 -C", "pmixfence {tmp}", 0,
     "pmixfence: 10 ranks ok", 30),
    ("fences on one node", "-N 1 -n 5", "pmixfence {tmp}", 0, "pmixfence: 5 ranks ok", 5),
    ("events reach every node", "-N 3 -n 6 -k 2", "pmixevent notify", 0, "pmixevent: 6", 30),
    ("a death is heard of, a neighbour dies", "-N 3 -n 6 -k 2 -G", "pmixevent death", 137,
     "pmixevent: 6", 30),
    ("a death is heard of, a whole node's rank", "-N 7 -n 7 -k 2 -G", "pmixevent death", 137,
     "pmixevent: 7", 30),
    ("MPI_Abort ends the job with its status", "-N 4 -n 8 -k 2", "abort abort", 7, "", 30),
    ("a killed rank ends the job", "-N 4 -n 8 -k 2", "abort kill", 137, "", 10),
    ("an exit without MPI_Finalize ends the job", "-N 4 -n 8 -k 2", "abort exit", 9, "", 10),
    ("a rank killed while others are in MPI_Init", "-N 4 -n 8 -k 2 -K 5", "hello", 137, "", 30),
    ("mpi4py: hello", "-N 2 -n 4", "hello.py", 0, "rank 3 of 4 on n1", 1),
    ("mpi4py: allreduce", "-N 3 -n 6 -k 2", "allreduce.py", 0, "allreduce: 6 ranks ok", 3),
]


def command(options, program, tmp):
    words = program.format(tmp=tmp).split()
    if words[0].endswith(".py"):
        words[:1] = [PYTHON, os.path.join(MPI, words[0])]
    else:
        words[0] = os.path.abspath(os.path.join("test", "mpi", words[0]))
    options = options.split() if isinstance(options, str) else options
    return ["./shepherd_driver", "-t", "60", *options, "--", *words]


def run(argv):
    env = {"PATH": os.environ["PATH"], "OMPI_MCA_mpi_yield_when_idle": "1",
           "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, timeout=90, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def problem(status, output, expected, words):
    """What is wrong with this run, or None."""
    if status != expected:
        return f"status {status}, not {expected}"
    if words not in output:
        return f"'{words}' is missing"
    for bad in ("wrong:", "corrupted", "UNEXPECTED", "frame refused"):
        if bad in output:
            return f"'{bad}' in the output"
    return None


def main():
    loop = len(sys.argv) > 1 and sys.argv[1] == "--loop"
    times = int(sys.argv[2]) if loop and len(sys.argv) > 2 else 1
    if os.geteuid() != 0:
        print("1..0 # SKIP only root can make nodes")
        return 0
    print(f"1..{len(CASES)}", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bp.shepherd.") as tmp:
        os.chmod(tmp, 0o777)
        for number, (name, options, program, expected, words, repeat) in enumerate(CASES, 1):
            argv, wrong, output = command(options, program, tmp), None, ""
            for _ in range(min(repeat, times)):
                status, output = run(argv)
                wrong = problem(status, output, expected, words)
                if wrong:
                    break
            print(f"{'not ' if wrong else ''}ok {number} - {name}", flush=True)
            if wrong:
                failed += 1
                print(f"# {wrong}: {' '.join(argv)}")
                print("".join(f"# {line}\n" for line in output.splitlines()[-30:]), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
