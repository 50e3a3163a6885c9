# SPDX-License-Identifier: BSD-3-Clause
"""cluster.py - what a bench changes of the bpcluster that it runs on."""
import os
import signal
import subprocess
import time

RUNDIR = "/run/bpmix"


def streams(mode):
    """How data travel from now on: bpmaster reads its configuration again."""
    path = RUNDIR + "/bpmix.conf"
    with open(path, encoding="utf-8") as f:
        lines = f.readlines()
    if "streams %s\n" % mode in lines:
        return
    with open(path, "w", encoding="utf-8") as f:
        f.writelines([x for x in lines if not x.startswith("streams ")] + ["streams %s\n" % mode])
    with open(RUNDIR + "/master.log", encoding="utf-8") as log:
        log.seek(0, 2)
        master = subprocess.run(["pidof", "bpmaster"], stdout=subprocess.PIPE, check=True).stdout
        os.kill(int(master), signal.SIGHUP)  # the only one in these namespaces
        end = time.monotonic() + 5
        while "config-read" not in log.read():
            if time.monotonic() > end:
                raise RuntimeError("bpmaster does not read its configuration")
            time.sleep(0.01)
