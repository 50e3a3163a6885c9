# SPDX-License-Identifier: BSD-3-Clause
"""peers.py - the launchers and how each is told to start a job on the test cluster."""
import os
import shutil
import subprocess


class Launcher:
    """name, the program that must exist, which MPI its ranks are built with (None: no MPI)."""

    def __init__(self, name, program, mpi, words, label):
        self.name, self.program, self.mpi = name, program, mpi
        self.words = words    # (site, ranks, nodes) -> argument vector up to the program
        self.label = label    # options for labelled output

    def argv(self, site, ranks, nodes, command, label=False):
        words = self.words(site, ranks, nodes)
        return words[:1] + (self.label if label else []) + words[1:] + command


def _bprun(*options):
    return lambda site, ranks, nodes: ["bprun", *options, "-n", str(ranks), "-N", str(nodes)]


def _mpirun(site, ranks, nodes):
    return ["mpirun.openmpi", "--hostfile", site.hostfile(nodes, " slots=1024"), "--map-by", "node",
            "--bind-to", "none", "-np", str(ranks)]


def _srun(mpi):
    return lambda site, ranks, nodes: [
        "srun", "--mpi=" + mpi, "-O", "-w", ",".join(site.names[:nodes]), "-N", str(nodes),
        "-n", str(ranks)]


def _hydra(site, ranks, nodes):
    return ["mpiexec.hydra", "-launcher", "rsh", "-launcher-exec", site.rsh, "-f",
            site.hostfile(nodes, ""), "-n", str(ranks), "-ppn", str(-(-ranks // nodes))]


def _floor(site, ranks, nodes):
    return [site.path("floor"), str(ranks), ",".join(str(p) for p in site.pids[:nodes])]


LAUNCHERS = [
    Launcher("bprun --mpi=none", "bprun", None, _bprun("--mpi=none"), ["-l"]),
    Launcher("bprun", "bprun", "openmpi", _bprun(), ["-l"]),
    Launcher("mpirun (Open MPI)", "mpirun.openmpi", "openmpi", _mpirun, ["--tag-output"]),
    Launcher("srun --mpi=none", "srun", None, _srun("none"), ["-l"]),
    Launcher("srun --mpi=pmix", "srun", "openmpi", _srun("pmix"), ["-l"]),
    Launcher("hydra (MPICH)", "mpiexec.hydra", "mpich", _hydra, ["-prepend-rank"]),
    Launcher("floor", "cc", None, _floor, []),
]


def by_start(ways, mpi):
    """bprun by each way to start the ranks; mpi: with PMIx."""
    options = [] if mpi else ["--mpi=none"]
    return [Launcher("--start=" + way, "bprun", "openmpi", _bprun("--start=" + way, *options), ["-l"])
            for way in ways]


def warm(name, *options):
    """bprun that initialises the program once."""
    return Launcher(name, "bprun", "openmpi", _bprun("--warm", *options), ["-l"])


# One setting for everyone: the nodes' network, and no spinning where ranks outnumber the CPUs.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_base_warn_component_unused": "0",
    "SLURM_PMIX_FENCE": "ring",  # else its fence does not wait for the other nodes
    "UCX_TLS": "tcp,self", "UCX_NET_DEVICES": "eth0",  # MPICH takes all nodes for one host
}


class Site:
    """The cluster as launchers need it: names and addresses, first processes, a folder that the
    nodes see, a stand-in for rsh."""

    def __init__(self, folder, rundir, count):
        self.folder = folder
        self.names = ["n%d" % k for k in range(count)]
        with open(os.path.join(rundir, "hosts")) as f:
            rows = [line.split() for line in f]
        self.address = {row[1]: row[0] for row in rows}
        status = subprocess.run(["bpcluster", "status"], stdout=subprocess.PIPE, text=True,
                                check=True).stdout
        rows = [line.split() for line in status.splitlines()]  # the machines, then bpstat's
        machines = {row[0]: row for row in rows if row and row[1].isdigit()}
        self.pids = [int(machines[name][1]) for name in self.names]
        self.daemons = [int(machines[name][2]) for name in self.names]
        self.rsh = self._write_rsh()
        network = self.address["n0"].rsplit(".", 1)[0] + ".0/24"
        os.environ.update(ENVIRONMENT, OMPI_MCA_plm_rsh_agent=self.rsh,
                          OMPI_MCA_btl_tcp_if_include=network,
                          OMPI_MCA_oob_tcp_if_include=network)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write_rsh(self):
        """As rsh: a host, then words for its shell. Entering a node costs one nsenter."""
        rows = "".join("%s) p=%d ;;\n" % row for row in zip(self.names, self.pids))
        with open(self.path("rsh"), "w") as f:
            f.write('#!/bin/sh\nwhile :; do case $1 in -*) shift ;; *) break ;; esac; done\n'
                    'case $1 in\n%s*) exit 1 ;;\nesac\nshift\n'
                    'exec nsenter -t $p -m -u -i -n -p -- sh -c "$*"\n' % rows)
        os.chmod(self.path("rsh"), 0o755)
        return self.path("rsh")

    def hostfile(self, nodes, suffix):
        path = self.path("hosts%d%s" % (nodes, suffix.strip()))
        if not os.path.exists(path):
            with open(path, "w") as f:
                f.writelines(name + suffix + "\n" for name in self.names[:nodes])
        return path

    def _cc(self, compiler, source, output):
        """The path of the program, or None if it cannot be built here."""
        if shutil.which(compiler) is None:
            return None
        done = subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", self.path(output), source],
                              stderr=subprocess.PIPE, check=False)
        return self.path(output) if done.returncode == 0 else None

    def compile(self, folder):
        """The bench's programs: spew and floor, and {mpi: path of hello} of what can be built."""
        for name in ("spew", "floor"):
            if self._cc("cc", "%s/%s.c" % (folder, name), name) is None:
                raise RuntimeError("cc cannot build %s.c" % name)
        hello = {mpi: self._cc("mpicc." + mpi, folder + "/hello.c", "hello." + mpi)
                 for mpi in ("openmpi", "mpich")}
        return {mpi: path for mpi, path in hello.items() if path is not None}
