#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""files.py - house style that a program can check: licence line, header sentence, lengths,
white space, no path of somebody's machine, scripts through shellcheck."""
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 100, 100
TEST_COLUMNS = 120  # long literal outputs are easier to read whole
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
# A quoted machine path would be this line itself, hence the split.
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:" + "|".join(("work", "home", "root", "tmp/wt",
                          "Users")) + r")/[\w.]")
GENERATED = ("/build", "/build-asan", "/_install", "/build-aux", "/m4", "/autom4te.cache", "/.git",
             "/configure", "/configure~", "/aclocal.m4", "/Makefile.in")


def tracked():
    """Paths of the sources, relative to the top: git's, or (in a tarball) all that is there."""
    git = shutil.which("git")
    listing = git and subprocess.run([git, "-C", TOP, "-c", "safe.directory=*", "ls-files", "-z",
                                      "--cached", "--others", "--exclude-standard"], check=False,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listing and listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
    else:
        names = [os.path.relpath(os.path.join(d, n), TOP) for d, _, leaves in os.walk(TOP)
                 for n in leaves
                 if not any((d + "/" + n + "/").startswith(TOP + g + "/") for g in GENERATED)]
    return sorted(n for n in set(names) if n and os.path.isfile(os.path.join(TOP, n))
                  and not os.path.islink(os.path.join(TOP, n)))


def read(path):
    with open(os.path.join(TOP, path), "rb") as f:
        return f.read().decode(errors="replace")


def kind(path, text):
    """c, sh, python, or None."""
    first = text.split("\n", 1)[0]
    if path.endswith((".c", ".h")):
        return "c"
    if path.endswith(".py") or "python3" in first and first.startswith("#!"):
        return "python"
    if path.endswith(".sh") or re.match(r"#!.*\b(sh|bash)\b", first):
        return "sh"
    return None


def header_problems(path, text):
    lines = text.split("\n")[:20]
    while lines[0].startswith(("#!", "// ")):  # a fuzz target's sources stand on top
        lines = lines[1:]
    if SPDX not in lines[0]:
        yield "%s: no licence line on top" % path
    name = os.path.basename(path)
    stem = re.sub(r"\.in$", "", name)
    stem = {name, stem, os.path.splitext(stem)[0]}
    if not any(re.match(r"\W*%s\b.* - \S" % re.escape(s), line)
               for s in stem for line in lines[1:3]):
        yield "%s: no sentence 'NAME - what this file is' after the licence" % path


def function_problems(path, lines):
    """Functions over the limit: from a line of column 0 that opens a body, to its brace."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{" or (line.endswith("{") and ")" in line and re.match(r"[a-z]", line)):
            opened = number
        elif line.startswith("}") and opened is not None:
            if number - opened - 1 > FUNCTION_LINES:
                yield "%s:%d: a function of %d lines" % (path, opened, number - opened - 1)
            opened = None


def length_problems(path, text):
    lines = text.split("\n")
    if len(lines) > FILE_LINES and path.startswith("src/"):
        yield "%s: %d lines" % (path, len(lines))
    for number, line in enumerate(lines, 1):
        if len(line) > (TEST_COLUMNS if path.startswith("test/") else COLUMNS):
            yield "%s:%d: %d columns" % (path, number, len(line))
    if path.endswith(".c"):
        yield from function_problems(path, lines)


def space_problems(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield "%s:%d: white space at the end" % (path, number)
        if re.match(r" *\t", line) and path.endswith((".c", ".h", ".py", ".proto")):
            yield "%s:%d: a tab" % (path, number)
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield "%s: does not end in one newline" % path


def path_problems(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE_PATH.search(line):
            yield "%s:%d: a path of one machine" % (path, number)


def shell_problems(files):
    scripts = [p for p, text in files.items() if kind(p, text) == "sh"]
    done = subprocess.run(["shellcheck", "--format=gcc", "--"] + scripts, cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.splitlines() if done.returncode else []


def main():
    files = {path: read(path) for path in tracked()
             if not path.endswith((".xml", ".png")) and "/.seeds/" not in path
             and ".seeds/" not in path}
    code = {p: t for p, t in files.items() if kind(p, t)}
    # LICENSE and the code alike; the kernel module has its own licence and formatting.
    ours = {p: t for p, t in code.items() if not p.startswith("src/kmod/")}
    checks = [
        ("licence and header sentence",
         [x for p, t in ours.items() for x in header_problems(p, t)]),
        ("lengths of files, functions and lines",
         [x for p, t in ours.items() for x in length_problems(p, t)]),
        ("white space", [x for p, t in files.items() for x in space_problems(p, t)]),
        ("no path of one machine", [x for p, t in files.items() for x in path_problems(p, t)]),
        ("shellcheck", shell_problems(files)),
    ]
    print("1..%d" % len(checks))
    for number, (name, problems) in enumerate(checks, 1):
        print("%s %d - %s" % ("not ok" if problems else "ok", number, name))
        for problem in problems:
            print("# " + problem)
    sys.exit(any(problems for _, problems in checks))


main()
