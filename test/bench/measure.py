# SPDX-License-Identifier: BSD-3-Clause
"""measure.py - times of commands that take turns, bounded, with what went wrong beside them."""
import os
import select
import signal
import statistics
import subprocess
import time


class Sample:
    """What one launcher did in one cell: seconds of its good rounds by round number, its failures."""

    def __init__(self):
        self.seconds = {}
        self.failures = []

    def median(self):
        return statistics.median(self.seconds.values()) if self.seconds else None

    def ratio(self, base):
        """Median over the rounds of own time / base's time in the same round."""
        both = [self.seconds[k] / base.seconds[k] for k in self.seconds if k in base.seconds]
        return statistics.median(both) if both else None

    def text(self, base):
        bad = "; ".join(sorted(set("%d× %s" % (self.failures.count(f), f) for f in self.failures)))
        if not self.seconds:
            return bad or "-"
        values = [1000 * s for s in self.seconds.values()]
        ratio = self.ratio(base) if base is not None and base is not self else None
        return "%s [%s–%s]%s%s" % (
            ms(statistics.median(values)), ms(min(values)), ms(max(values)),
            "" if ratio is None else " ×%.2g" % ratio if ratio < 10 else " ×%.0f" % ratio,
            "; " + bad if bad else "")


def ms(value):
    return "%.1f" % value if value < 10 else "%.0f" % value


def launch(argv, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.DEVNULL)
    return subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True, **more)


def stop(process):
    """SIGKILL to all that it started here; what is on the nodes the caller sweeps."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def last_words(text):
    lines = [s for s in text.decode(errors="replace").splitlines() if s.strip(" -")]
    return lines[-1][:60] if lines else ""


def once(argv, limit):
    """Run it; returns (seconds, None) or (seconds, what went wrong)."""
    began = time.monotonic()
    process = launch(argv)
    try:
        err = process.communicate(timeout=limit)[1]
    except subprocess.TimeoutExpired:
        stop(process)
        return limit, "hung (%g s)" % limit
    seconds = time.monotonic() - began
    if process.returncode != 0:
        return seconds, "exit %d %s" % (process.returncode, last_words(err))
    return seconds, None


def in_turn(commands, rounds, limit, sweep):
    """commands {name: argv}; every round each runs once, the order turning. The first round only
    warms up. Two failures and a launcher sits out the rest. Returns {name: Sample}."""
    samples = {name: Sample() for name in commands}
    names = list(commands)
    for k in range(rounds + 1):
        for name in names[k % len(names):] + names[:k % len(names)]:
            sample = samples[name]
            if len(sample.failures) >= 2:
                continue
            seconds, wrong = once(commands[name], limit)
            if wrong:
                sample.failures.append(wrong)
                sweep()
            elif k > 0:
                sample.seconds[k] = seconds
    return samples


def end_by_signal(argv, fifo, ranks, limit):
    """Start ranks that each write a byte into fifo and hold it open; SIGTERM the launcher. Returns
    (seconds to the end of the last rank, to the end of the launcher, None) or what went wrong."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    process = launch(argv, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + limit
        started = 0
        while started < ranks:
            if not select.select([reader], [], [], max(0, deadline - time.monotonic()))[0]:
                return None, None, "no start (%g s)" % limit
            got = len(os.read(reader, 4096))
            started += got
            if got == 0 and process.poll() is not None:
                return None, None, "exit %d" % process.returncode
        return _signal_and_wait(process, reader, limit)
    finally:
        stop(process)
        os.close(reader)


def _signal_and_wait(process, reader, limit):
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(reader, 0)  # hang-up only
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        ends = {}
        while len(ends) < 2:
            ready = poll.poll(max(0, 1000 * (began + limit - time.monotonic())))
            now = time.monotonic()
            if not ready:
                return None, None, "hung (%g s), %s left" % (
                    limit, "ranks" if reader not in ends else "launcher")
            for fd, _ in ready:
                ends[fd] = now - began
                poll.unregister(fd)
        return ends[reader], ends[pidfd], None
    finally:
        os.close(pidfd)


def throughput(argv, least, limit):
    """Read all it prints; returns (MB/s of what came, remark or None). least: bytes that must come."""
    process = launch(argv, stdout=subprocess.PIPE)
    buffer, total, began, last = bytearray(1 << 20), 0, None, time.monotonic()
    deadline = last + limit
    out = process.stdout.fileno()
    remark = None
    while True:
        if not select.select([out], [], [], max(0, deadline - time.monotonic()))[0]:
            remark = "cut after %g s" % limit
            break
        got = os.readv(out, [buffer])
        now = time.monotonic()
        if got == 0:
            break
        if began is None:
            began = now
        total, last = total + got, now
        if now > deadline:
            remark = "cut after %g s" % limit
            break
    if remark is None and total < least:
        remark = "only %d bytes" % total
    stop(process)
    if began is None or last <= began:
        return None, remark or "nothing came"
    return total / (last - began) / 1e6, remark
