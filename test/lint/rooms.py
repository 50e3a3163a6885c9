#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rooms.py - who includes whom: only along the arrows of src/ROOMS, and never in a circle."""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SRC = os.path.join(TOP, "src")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def arrows():
    rows = {}
    with open(os.path.join(SRC, "ROOMS"), encoding="utf-8") as f:
        for line in f:
            if ":" in line and not line.startswith("#"):
                room, targets = line.split(":", 1)
                rows[room.strip()] = targets.split()
    return rows


def sources():
    """(room, path relative to src) of each C file and header."""
    for room in sorted(os.listdir(SRC)):
        for folder, _, names in os.walk(os.path.join(SRC, room)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield room, os.path.relpath(os.path.join(folder, name), SRC)


def includes(path):
    """What path (relative to src) includes by quotes, relative to src where it can be found."""
    with open(os.path.join(SRC, path), encoding="utf-8") as f:
        for name in INCLUDE.findall(f.read()):
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            yield beside if os.path.exists(os.path.join(SRC, beside)) else os.path.normpath(name)


def room_problems(allowed):
    for room, path in sources():
        if room not in allowed:
            yield "%s: room %s is not in src/ROOMS" % (path, room)
            continue
        for name in includes(path):
            target = name.split("/")[0] if "/" in name else None
            if name.endswith(".c"):
                yield "%s includes %s: not a header" % (path, name)
            if target in (None, room) or target not in allowed:
                continue  # our own folder, or a public or generated header
            if target not in allowed[room]:
                yield "%s includes %s: no arrow %s -> %s" % (path, name, room, target)


def circles(graph):
    """Each circle found by a depth-first walk, as text."""
    done, path = set(), []

    def walk(node):
        if node in path:
            yield " -> ".join(path[path.index(node):] + [node])
            return
        if node in done:
            return
        path.append(node)
        for target in graph.get(node, ()):
            yield from walk(target)
        path.pop()
        done.add(node)
    for node in sorted(graph):
        yield from walk(node)


def report(number, name, problems):
    problems = list(problems)
    print("%s %d - %s" % ("not ok" if problems else "ok", number, name))
    for problem in problems:
        print("# " + problem)
    return bool(problems)


def main():
    allowed = arrows()
    headers = {path: list(includes(path)) for _, path in sources() if path.endswith(".h")}
    print("1..3")
    failed = report(1, "includes follow src/ROOMS", room_problems(allowed))
    failed |= report(2, "rooms form no circle", circles(allowed))
    failed |= report(3, "headers form no circle", circles(headers))
    sys.exit(failed)


main()
