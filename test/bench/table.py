# SPDX-License-Identifier: BSD-3-Clause
"""table.py - the results as Markdown, alone or as the figures of a page that has more to say."""
import os
import time

BEGIN, END = "<!-- figures of test/bench/%s -->", "<!-- end of the figures -->"


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


def split(path, bench):
    """What stands before and after the bench's figures on the page; a new one holds only them."""
    begin = BEGIN % bench
    page = "# Performance\n\n%s\n%s\n" % (begin, END)
    if os.path.exists(path):
        with open(path) as f:
            page = f.read()
    if begin not in page or END not in page.split(begin, 1)[1]:
        raise SystemExit("%s: no line '%s' and, below it, '%s'" % (path, begin, END))
    before, rest = page.split(begin, 1)
    return before + begin, END + rest.split(END, 1)[1]


def write(path, bench, text):
    """Replace the bench's figures in path and keep what stands around them."""
    before, after = split(path, bench)
    with open(path, "w") as f:
        f.write(before + "\n\n" + text + "\n" + after)
