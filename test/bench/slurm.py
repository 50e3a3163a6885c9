# SPDX-License-Identifier: BSD-3-Clause
"""slurm.py - a Slurm on the nodes of the test cluster: slurmctld and munged here, a slurmd each."""
import os
import shutil
import signal
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sinfo", "scancel")


def missing():
    """The first of its programs that is not installed, or None."""
    return next((p for p in PROGRAMS if shutil.which(p) is None), None)


class Slurm:
    """Brought up by the constructor; down() ends what runs on the master's side (the slurmds end
    with their nodes)."""

    def __init__(self, site):
        self.folder = site.path("slurm")
        os.makedirs(self.folder, 0o755)
        self.conf = self.folder + "/slurm.conf"
        os.environ["SLURM_CONF"] = self.conf
        self._configure(site)
        self._munge()
        self._do(["slurmctld", "-c", "-f", self.conf, "-L", self.folder + "/ctld.log"])
        for name, pid in zip(site.names, site.pids):
            self._do(["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "--", "slurmd", "-N",
                      name, "-f", self.conf, "-L", "%s/%s.log" % (self.folder, name)])
        self._wait_idle(len(site.names), 20)

    @staticmethod
    def _do(argv):
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def _configure(self, site):
        f = self.folder
        for name in ["ctld"] + site.names:
            os.makedirs("%s/spool/%s" % (f, name))
        rows = {
            "ClusterName": "bench", "SlurmctldHost": "master(%s)" % site.address["master"],
            "SlurmUser": "root", "SlurmdUser": "root",
            "AuthType": "auth/munge", "AuthInfo": "socket=%s/munge.sock" % f,
            "CredType": "cred/munge",
            "StateSaveLocation": f + "/spool/ctld", "SlurmdSpoolDir": f + "/spool/%n",
            "SlurmctldPidFile": f + "/ctld.pid", "SlurmdPidFile": f + "/%n.pid",
            "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
            "SelectType": "select/linear", "SchedulerType": "sched/builtin",
            "JobAcctGatherType": "jobacct_gather/none",
            "AccountingStorageType": "accounting_storage/none", "SwitchType": "switch/none",
            "MpiDefault": "none", "ReturnToService": "2", "TreeWidth": "16",
            "SlurmdParameters": "config_overrides", "InactiveLimit": "0",
        }
        with open(self.conf, "w") as out:
            out.writelines("%s=%s\n" % row for row in rows.items())
            for name in site.names:
                out.write("NodeName=%s NodeAddr=%s CPUs=64 RealMemory=1000\n" % (
                    name, site.address[name]))
            out.write("PartitionName=all Nodes=ALL Default=YES OverSubscribe=FORCE:8 State=UP\n")

    def _munge(self):
        f = self.folder
        with open(os.open(f + "/munge.key", os.O_WRONLY | os.O_CREAT, 0o400), "wb") as key:
            key.write(os.urandom(128))
        self._do(["munged", "--force"] + ["--%s=%s/munge.%s" % (option, f, suffix)
                                          for option, suffix in (
                                              ("key-file", "key"), ("socket", "sock"),
                                              ("pid-file", "pid"), ("log-file", "log"),
                                              ("seed-file", "seed"))])

    @staticmethod
    def _wait_idle(count, limit):
        deadline = time.monotonic() + limit
        while True:
            states = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True, check=False).stdout
            if states.split().count("idle") == count:
                return
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes of Slurm did not get ready: " + states)
            time.sleep(0.1)

    @staticmethod
    def cancel():
        """What a killed srun may have left in the queue."""
        subprocess.run(["scancel", "-s", "KILL", "-u", "root"], check=False,
                       stderr=subprocess.DEVNULL)

    def down(self):
        for name in ("ctld.pid", "munge.pid"):
            try:
                with open(self.folder + "/" + name) as f:
                    pid = int(f.read())
                os.kill(pid, signal.SIGTERM)
            except (OSError, ValueError):
                continue
            deadline = time.monotonic() + 5
            while os.path.exists("/proc/%d" % pid) and time.monotonic() < deadline:
                time.sleep(0.02)
