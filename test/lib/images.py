# SPDX-License-Identifier: BSD-3-Clause
"""images.py - images made by hand, and what test/system/start_driver says of a job that starts from
one."""
import os
import struct

import bptest

DRIVER = bptest.BUILD + "/start_driver"
HEAD = 4096


class Image:
    """An image in a file, of a program that prints its node."""

    def __init__(self):
        self.path = "/tmp/image"
        bptest.must([DRIVER, "save", self.path, "hostname"])
        with open(self.path, "rb") as f:
            self.bytes = bytearray(f.read())
        self.size = len(self.bytes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)

    def set(self, offset, form, value):
        struct.pack_into("<" + form, self.bytes, offset, value)
        return self.write()

    def write(self):
        with open(self.path, "wb") as f:
            f.write(self.bytes)
            f.truncate(self.size)
        return self

    def enlarge(self, more):
        """An area more, all of whose pages (zeros) are in the image, at its end."""
        areas, runs, files, pending, patches, auxv, guards, _, strings, pages = struct.unpack_from(
            "<8I2Q", self.bytes, 16)
        at_runs = HEAD + 48 * areas
        at_rest = at_runs + 16 * runs
        rest = 64 * files + 128 * pending + 16 * patches + 16 * guards + 8 * auxv + strings
        end = -(-(at_rest + rest) // HEAD) * HEAD
        place = 0x7fff00000000
        new = self.bytes[:at_runs] + struct.pack(
            "<3Q6I", place, place + more, 0, 1, 3, 0, 1, 0, 0)
        new += self.bytes[at_runs:at_rest] + struct.pack("<QQ", place, more // HEAD)
        new += self.bytes[at_rest:at_rest + rest]
        new += bytes(-len(new) % HEAD) + self.bytes[end:]
        struct.pack_into("<2I", new, 16, areas + 1, runs + 1)
        struct.pack_into("<Q", new, 56, pages + more // HEAD)
        self.bytes, self.size = new, len(new) + more
        return self.write()

    def send(self, size=None, end=1 << 62, nodes="0-1", how="send"):
        """The driver's command that sends it."""
        return [DRIVER, how, self.path, str(size or self.size), str(end), nodes, "hostname"]


def failures(result):
    """Why each rank of a driver's job failed."""
    return [line.split(" ", 2)[2] for line in result.out.splitlines() if line.startswith("failed ")]


def nodes(result):
    """The nodes that a driver's ranks printed, in order."""
    return sorted(line.split()[2] for line in result.out.splitlines()
                  if line.startswith("output "))
