#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""manuals.py - each installed tool has a man page, with exactly the options of its --help, and
every man page is clean reStructuredText; each call of libbproc is in a page of section 3."""
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = os.environ.get("BPMIX_PREFIX") or os.path.join(TOP, "_install")
ROW = re.compile(r"^ {0,8}(-{1,2}[A-Za-z0-9?].*?)(?:  |$)")
OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z0-9][\w-]*)")
FROM_THE_LIBRARY = {"--usage"}  # argp adds it to every tool


def options(text):
    """The options that stand at the beginning of a line."""
    found = set()
    for line in text.splitlines():
        row = ROW.match(line)
        if row:
            # What follows = or [ or a blank is the name of a value.
            words = [w for part in row.group(1).split(",") for w in OPTION.findall(part)[:1]]
            found.update(w[:2] if re.match(r"-\w", w) else w for w in words)
    return found - FROM_THE_LIBRARY


def tools():
    """Paths of the installed tools and daemons."""
    return [path for folder in ("bin", "sbin")
            for path in sorted(glob.glob(os.path.join(PREFIX, folder, "bp*")))]


def page_options(page):
    with open(page, encoding="utf-8") as f:
        return options(f.read())


def options_of_the_other_name(path, own_page):
    """The page of a second name (a link) leaves out options that the first one's has. Letters may
    mean other things, unless it says "Those of" the first."""
    if not os.path.islink(path):
        return set()
    first = os.path.basename(os.readlink(path))
    with open(own_page, encoding="utf-8") as f:
        same = "\nThose of **%s**" % first in f.read()
    return {o for page in glob.glob(os.path.join(TOP, "doc", first + ".[18].rst"))
            for o in page_options(page) if same or o.startswith("--")}


def tool_problems(path):
    name = os.path.basename(path)
    pages = glob.glob(os.path.join(TOP, "doc", name + ".[18].rst"))
    if len(pages) != 1:
        yield "%s: %d man pages doc/%s.[18].rst" % (name, len(pages), name)
        return
    try:
        done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, timeout=10, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired:
        yield "%s --help does not end" % name
        return
    if done.returncode != 0:
        yield "%s --help: exit status %d" % (name, done.returncode)
    documented = page_options(pages[0])
    helped = options(done.stdout)
    for option in sorted(helped - documented - options_of_the_other_name(path, pages[0])):
        yield "%s: %s is in --help and not in the man page" % (name, option)
    for option in sorted(documented - helped):
        yield "%s: %s is in the man page and not in --help" % (name, option)


def page_problems(path):
    done = subprocess.run(["rst2man", "--halt=2", path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        yield "%s: %s" % (os.path.relpath(path, TOP), done.stderr.strip())


def call_problems():
    """Each call of libbproc has its man page, and each of those the header."""
    with open(os.path.join(TOP, "include/sys/bproc.h"), encoding="utf-8") as f:
        declared = set(re.findall(r"^\w[\w *]*\b(_?bproc_\w+)\(", f.read(), re.M))
    shown = set()
    for page in glob.glob(os.path.join(TOP, "doc", "*.3.rst")):
        with open(page, encoding="utf-8") as f:
            synopsis = f.read().split("\nDESCRIPTION\n")[0]
        shown.update(re.findall(r"^\| .*?\*\*(_?bproc_\w+)\*\*\\ \(", synopsis, re.M))
    for name in sorted(declared - shown):
        yield "%s is declared and has no man page" % name
    for name in sorted(shown - declared - {"bproc_node_set_node"}):  # a macro
        yield "%s has a man page and is not declared" % name
    for name in sorted(shown):
        if not os.path.exists(os.path.join(PREFIX, "share/man/man3", name + ".3")):
            yield "man %s would find nothing" % name


def other_word_problems():
    """Options of others that bprun understands without a line of its own in --help."""
    with open(os.path.join(TOP, "src/tools/other_words.c"), encoding="utf-8") as f:
        rows = re.findall(r'^    \{"([\w-]+)", (?:0|\'(\w)\'), ', f.read(), re.M)
    with open(os.path.join(TOP, "doc/bprun.1.rst"), encoding="utf-8") as f:
        page = f.read().split("\nOTHER WORDS\n")[1].split("\nSIGNALS\n")[0]
    words = set(OPTION.findall(page))
    if not rows:
        yield "no rows in other_words.c"
    for name, letter in rows:
        for option in ["--" + name] + (["-" + letter] if letter else []):
            if option not in words:
                yield "bprun: %s is not in OTHER WORDS" % option


def main():
    found = tools()
    pages = sorted(glob.glob(os.path.join(TOP, "doc", "*.[0-9].rst")))
    rows = [("%s: man page and --help agree" % os.path.basename(t), list(tool_problems(t)))
            for t in found]
    rows += [("%s is clean" % os.path.basename(p), list(page_problems(p))) for p in pages]
    rows.append(("each call of libbproc has a man page", list(call_problems())))
    rows.append(("other words of bprun are in its man page", list(other_word_problems())))
    rows.append(("there are tools in %s" % os.path.relpath(PREFIX, TOP), [] if found else ["none"]))
    print("1..%d" % len(rows))
    for number, (name, problems) in enumerate(rows, 1):
        print("%s %d - %s" % ("not ok" if problems else "ok", number, name))
        for problem in problems:
            print("# " + problem)
    sys.exit(any(problems for _, problems in rows))


main()
