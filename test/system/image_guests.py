#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""image_guests.py - a process moves between kernels and back: two guests of QEMU (no acceleration
needed) and this machine. BPMIX_KERNELS names a folder with files vmlinuz-6.1.* and vmlinuz-6.12.*,
such as those in Debian's packages.

time limit: 600 s"""
import atexit
import glob
import os
import shutil
import tempfile

import bptest
from bptest import run, test

GUEST = os.path.join(bptest.BUILD, "image_guest")
RESTORE = os.path.join(bptest.BUILD, "bprestore")
CPU = "Nehalem"  # what both guests have, and any machine of today


def kernel(version):
    folder = os.environ.get("BPMIX_KERNELS")
    if not folder:
        raise bptest.Skip("BPMIX_KERNELS is not set")
    found = sorted(glob.glob(os.path.join(folder, "vmlinuz-%s.*" % version)))
    assert found, "no vmlinuz-%s.* in %s" % (version, folder)
    return found[0]


def archive(files):
    """An initial file system (cpio, newc) of (name, mode, device, bytes)."""
    out = b""
    for number, (name, mode, device, data) in enumerate(files + [("TRAILER!!!", 0, 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, os.major(device), os.minor(device),
                  len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def content(path):
    with open(path, "rb") as f:
        return f.read()


def boot(version, image, next_image, cpu=CPU):
    """Run one step of the program in a guest; returns its lines."""
    linux = kernel(version)
    files = [("dev", 0o40755, 0, b""), ("proc", 0o40755, 0, b""),
             ("dev/console", 0o20600, os.makedev(5, 1), b""),
             ("init", 0o100755, 0, content(GUEST)),
             ("bprestore", 0o100755, 0, content(RESTORE))]
    if image:
        files.append(("image", 0o100600, 0, content(image)))
    with tempfile.NamedTemporaryFile() as packed:
        packed.write(archive(files))
        packed.flush()
        done = run(["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-m", "256", "-smp", "1",
                    "-kernel", linux, "-initrd", packed.name, "-nographic", "-no-reboot",
                    "-net", "none", "-append", "console=ttyS0 quiet panic=-1",
                    "-debugcon", "file:" + next_image], timeout=180)
    lines = [row[row.index("guest:"):].strip() for row in done.out.splitlines() if "guest:" in row]
    bptest.comment("\n".join(lines))
    assert lines, done
    return lines


def here(image, number):
    """One step on this machine: "image" in the directory that it was told."""
    folder = "/tmp/step-here"
    os.mkdir(folder)
    shutil.copy(image, os.path.join(folder, "old"))
    with open(os.path.join(folder, "old"), "rb") as old, \
            open(os.path.join(folder, "report"), "wb") as report:
        done = run([RESTORE, "%d,%d,0,0" % (old.fileno(), report.fileno())], cwd=folder,
                   pass_fds=(old.fileno(), report.fileno()))
    bptest.comment(done.out)
    assert done.code == 0 and "guest: step %d on " % number in done.out, done
    return os.path.join(folder, "image")


def step(lines, number, version):
    assert "guest: step %d on %s, child 9" % (number, version) in [
        row.replace(version + ".", version) for row in lines], lines
    assert "guest: status 0" in lines, lines


@test("from 6.1 to 6.12 and back, and on to 6.12 again")
def _():
    image = None
    for number, version in enumerate(("6.1", "6.12", "6.1", "6.12"), 1):
        after = "/tmp/step%d" % number
        step(boot(version, image, after), number, version)
        image = after


@test("from 6.1 to this machine and on to 6.12")
def _():
    step(boot("6.1", None, "/tmp/step1"), 1, "6.1")
    image = here("/tmp/step1", 2)
    step(boot("6.12", image, "/tmp/step3"), 3, "6.12")


@test("a CPU that has less is refused by the feature's name")
def _():
    step(boot("6.1", None, "/tmp/step1", cpu="max"), 1, "6.1")
    lines = boot("6.12", "/tmp/step1", "/tmp/step2")
    assert any("refused: this CPU has not" in row for row in lines), lines


def clean():
    for path in glob.glob("/tmp/step*"):
        run(["rm", "-r", path])


atexit.register(clean)
bptest.main()
