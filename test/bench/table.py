# SPDX-License-Identifier: BSD-3-Clause
"""table.py - the results as Markdown, alone or as the figures of a page that has more to say."""
import os
import time

BEGIN, END = "<!-- figures of test/bench/launch -->", "<!-- end of the figures -->"


def table(title, note, columns, rows):
    """rows: (name, [cell, ...]); one Markdown table under a heading."""
    lines = ["### " + title, ""] + ([note, ""] if note else [])
    lines += ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += ["| %s | %s |" % (name, " | ".join(cells)) for name, cells in rows]
    return "\n".join(lines) + "\n"


def machine():
    """Processors, memory, kernel, load: what figures depend on."""
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f
                      if line.startswith("model name")), os.uname().machine)
    with open("/proc/meminfo") as f:
        gib = int(f.readline().split()[1]) / 2**20
    return "%d CPUs (%s), %.0f GiB, Linux %s" % (
        os.sysconf("SC_NPROCESSORS_ONLN"), model, gib, os.uname().release)


def load():
    return "%.1f" % os.getloadavg()[0]


def header(commit, began, load_before):
    return ("Commit %s, %s, %s; load average %s at the beginning, %s at the end.\n" % (
        commit, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began)), machine(), load_before,
        load()))


def read(path):
    """The page, which has room for figures; a new one holds only them."""
    page = "# Performance\n\n%s\n%s\n" % (BEGIN, END)
    if os.path.exists(path):
        with open(path) as f:
            page = f.read()
    if BEGIN not in page or END not in page:
        raise SystemExit("%s: no line '%s' and '%s' in it" % (path, BEGIN, END))
    return page


def write(path, text):
    """Replace the figures in path and keep what stands around them."""
    before, rest = read(path).split(BEGIN, 1)
    with open(path, "w") as f:
        f.write(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END, 1)[1])
