# SPDX-License-Identifier: BSD-3-Clause
"""tap.py - reads what a test program printed (Test Anything Protocol) and counts it strictly."""
import re

LINE = re.compile(r"^(not )?ok\b(?: +(\d+))?(?: *-? *)([^#]*)(?:# *(SKIP|TODO)\b *(.*))?", re.I)
PLAN = re.compile(r"^1\.\.(\d+)(?: *# *skip\b *(.*))?", re.I)


class Count:
    """What one program's output comes to; everything odd about it is a failure."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skips = []     # (description, reason)
        self.problems = []  # sentences: failed tests, and what is wrong with the output

    def fail(self, sentence):
        self.failed += 1
        self.problems.append(sentence)


def _result(count, match, position):
    failed, number, name, directive, reason = match.groups()
    name = name.strip() or "test %d" % position
    if number is not None and int(number) != position:
        count.fail("test number %s where %d was due" % (number, position))
    elif directive and directive.upper() == "SKIP" and not failed:
        count.skips.append((name, reason.strip()))
    elif failed:
        count.fail(name)
    else:
        count.passed += 1


def parse(text):
    """Count the results in text. A missing or second plan, a number out of order, and more or
    fewer results than planned are failures."""
    count = Count()
    plan = None
    seen = 0
    for line in text.splitlines():
        match = PLAN.match(line)
        if match:
            if plan is not None:
                count.fail("a second plan")
            plan = int(match.group(1))
            if plan == 0:
                count.skips.append(("all", (match.group(2) or "").strip()))
            continue
        if line.startswith("Bail out!"):
            count.fail(line.strip())
        match = LINE.match(line)
        if match:
            seen += 1
            _result(count, match, seen)
    if plan is None:
        count.fail("no plan")
    elif seen != plan:
        count.fail("%d results, %d were planned" % (seen, plan))
    return count
