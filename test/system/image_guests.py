#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""image_guests.py - a process moves between kernels and back: two guests of QEMU (no acceleration
needed) and this machine. BPMIX_KERNELS names a folder with files vmlinuz-6.1.* and vmlinuz-6.12.*,
such as those in Debian's packages.

time limit: 900 s"""
import atexit
import glob
import os
import shutil
import tempfile

import bptest
from bptest import must, run, test

GUEST = os.path.join(bptest.BUILD, "image_guest")
GHOSTS = os.path.join(bptest.BUILD, "ghost_driver")
BPGHOST = os.path.join(bptest.BUILD, "bpghost")
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


def with_folders(paths):
    """Files of this machine at their places, with the folders they are in."""
    rows, folders = [], set()
    for path in paths:
        parts = path.strip("/").split("/")
        for i in range(1, len(parts)):
            folder = "/".join(parts[:i])
            if folder not in folders:
                folders.add(folder)
                rows.append((folder, 0o40755, 0, b""))
        rows.append(("/".join(parts), 0o100755, 0, content(path)))
    return rows


def libraries(program):
    return [word for word in must(["ldd", program]).split() if word.startswith("/")]


def told(rows):
    """What our own program said, on a console that the BIOS has written to."""
    return [row[row.index("guest:"):] for row in rows if "guest:" in row]


def boot(version, image, next_image, cpu=CPU, words="", more=()):
    """Run one step of the program in a guest, or what its words say; returns its lines."""
    linux = kernel(version)
    files = [("dev", 0o40755, 0, b""), ("proc", 0o40755, 0, b""),
             ("dev/console", 0o20600, os.makedev(5, 1), b""),
             ("dev/null", 0o20666, os.makedev(1, 3), b""),
             ("user", 0o41777, 0, b""), *with_folders(more),
             ("init", 0o100755, 0, content(GUEST)),
             ("bprestore", 0o100755, 0, content(RESTORE))]
    if image:
        files.append(("image", 0o100600, 0, content(image)))
    with tempfile.NamedTemporaryFile() as packed:
        packed.write(archive(files))
        packed.flush()
        done = run(["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-m", "1024" if words else "256", "-smp", "1",
                    "-kernel", linux, "-initrd", packed.name, "-nographic", "-no-reboot",
                    "-net", "none", "-append", "console=ttyS0 quiet panic=-1 -- " + words,
                    "-debugcon", "file:" + next_image], timeout=180)
    rows = [row.strip() for row in done.out.splitlines()]
    if words:
        return rows
    lines = told(rows)
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


def yama(scope, *words, more=()):
    return boot("6.1", None, "/dev/null", words=" ".join(["yama", scope, *words]), more=more)


@test("where descendants alone may be traced images are taken of, and ghosts made by a user")
def _():
    lines = yama("1", GHOSTS, "-u", "1000", "-n", "looks|status|held|mirrored|herder|ghosts",
                 more=[GHOSTS, BPGHOST, *libraries(GHOSTS)])
    assert told(lines) == ["guest: step 1 on 6.1., child 9", "guest: dumps itself 0",
                           "guest: step 2 on 6.1., child 9", "guest: goes on 0",
                           "guest: dumps another 0", "guest: said", "guest: begins 0"], lines
    good = [row.split(" - ")[1] for row in lines if row.startswith("ok ")]
    assert len([name for name in good if not name.endswith("# SKIP")]) >= 8, lines
    assert "1..%d" % len(good) in lines, lines


@test("where only root may trace a user's images are refused by the setting's name")
def _():
    why = "(kernel.yama.ptrace_scope is 2: only root may trace here)"
    lines = told(yama("2"))
    assert lines == [
        "guest: step 1 on 6.1., child 9",
        "guest: a copy of the process cannot be read: Permission denied " + why,
        "guest: dumps itself 100",
        "guest: cannot hold /init at its start: Operation not permitted " + why,
        "guest: dumps another 100"], lines


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
