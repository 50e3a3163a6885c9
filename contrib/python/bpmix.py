# SPDX-License-Identifier: BSD-3-Clause
"""bpmix.py - warm starts of Python programs: pay for the imports once, not once per rank.

    import numpy, mpi4py
    mpi4py.rc.initialize = False
    from mpi4py import MPI
    import bpmix
    bpmix.warm()        # under bprun --warm the ranks start here, each on its node
    MPI.Init()

Before warm() the program must not start threads (OPENBLAS_NUM_THREADS=1), open sockets or files
that it needs later, or call MPI. Without bprun --warm the call does nothing.

What was there before warm() no garbage collection of a rank looks at (gc.freeze): each would make
copies of all its pages and take longer than all else of a short rank. Cycles of it stay till the
end."""
import ctypes
import gc
import os
import sys


def _environment():
    """The C library's variables: what a rank was given came there."""
    pointer = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.pythonapi, "environ")
    found, i = {}, 0
    while pointer and pointer[i] is not None:
        name, equals, value = pointer[i].partition(b"=")
        if equals:
            found[os.fsdecode(name)] = os.fsdecode(value)
        i += 1
    return found


def _library():
    """libbproc, also where the dynamic linker does not look but this file is installed."""
    name = "libbproc.so.4"
    try:
        return ctypes.CDLL(name, use_errno=True)
    except OSError:
        prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        return ctypes.CDLL(os.path.join(prefix, "lib", name), use_errno=True)


def warm():
    """Under bprun --warm: start the ranks of the job from here; returns True in each of them, in a
    process of its own, and never in the program that ran so far. Else False, at once. os.environ is
    the rank's then, and what Python does in the child of a fork was done: the random module is
    seeded anew, os.register_at_fork's functions are called. OSError: the program cannot travel;
    bprun tells why."""
    library = _library()
    python = ctypes.pythonapi
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    is_asked = "BPMIX_WARM" in os.environ
    if is_asked:
        gc.collect()
        gc.freeze()
    python.PyOS_BeforeFork()
    # PyDLL keeps the interpreter's lock: no other thread may run between the calls.
    result = ctypes.PyDLL(None, handle=library._handle, use_errno=True).bproc_warm()
    error = ctypes.get_errno()
    if result == 1:
        python.PyOS_AfterFork_Child()
        for name, value in _environment().items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        os.environ.pop("BPMIX_WARM", None)
        return True
    python.PyOS_AfterFork_Parent()
    if is_asked:
        gc.unfreeze()
    if result < 0:
        raise OSError(error, os.strerror(error) + " (bprun told why)")
    return False
