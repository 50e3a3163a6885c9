# SPDX-License-Identifier: BSD-3-Clause
"""namespaces.py - a benchmark starts itself again in fresh namespaces, by the sandbox of the test
runner, which tells what was left behind."""
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run_again(script, arguments, keep, limit):
    """Run script there with these arguments; the folders to keep are seen. Ends as it does."""
    name = os.path.basename(script)
    keep = sorted(set(keep) | {SOURCE})
    command = [sys.executable, os.path.abspath(script)] + arguments
    with tempfile.TemporaryFile("w+") as report:
        os.set_inheritable(report.fileno(), True)
        subprocess.run(
            ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net",
             "--uts", "--ipc", "--", sys.executable, os.path.join(SOURCE, "test/lib/sandbox.py"),
             str(limit), str(report.fileno()), str(len(keep))] + keep + command,
            pass_fds=[report.fileno()], check=False)
        report.seek(0)
        text = report.read()
    if not text:
        sys.exit(name + ": its namespaces failed")
    said = json.loads(text)
    if said["timeout"]:
        sys.exit("%s: not done within %g s" % (name, limit))
    if said["left"]:
        sys.exit(name + ": left behind: " + "; ".join(said["left"]))
    sys.exit(os.waitstatus_to_exitcode(said["status"]))


def commit():
    done = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"
