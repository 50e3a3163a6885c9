#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""power.py - moves in the middle of a computation with numpy; judges itself."""
import ctypes
import sys

import numpy

library = ctypes.CDLL(sys.argv[1])


def power_iteration(matrix, steps, at):
    """The largest eigenvalue; moves at one of the steps."""
    vector = numpy.ones(len(matrix))
    for step in range(steps):
        if step == at:
            library.hop_here(None)
        vector = matrix @ vector
        vector /= numpy.linalg.norm(vector)
    return vector @ matrix @ vector


random = numpy.random.default_rng(5)
half = random.standard_normal((200, 200))
wanted = power_iteration(half @ half.T, 60, -1)
random.standard_normal(1000)
text = [str(n) for n in range(1000)]
made = (n * n for n in range(1000))
first = next(made) + next(made)
found = power_iteration(half @ half.T, 60, 30)
assert found == wanted, "wrong: %r, not %r" % (found, wanted)
assert first == 1 and sum(made) == 332833499, "wrong: a generator"
assert "".join(text).isdigit(), "wrong: text"
try:
    numpy.linalg.inv(numpy.zeros((3, 3)))
    sys.exit("wrong: nothing was raised")
except numpy.linalg.LinAlgError:
    pass
import decimal  # noqa: E402 pylint: disable=wrong-import-position (a library loaded after)
assert decimal.Decimal("0.1") * 3 == decimal.Decimal("0.3"), "wrong: decimal"
random.standard_normal(1000)
