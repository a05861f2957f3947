"""How many threads to train with: all of them, unless somebody else needs the processor.

The threads of a step wait for one another hundreds of times, and one that has to share its core holds up all of them:
beside two busy processes two threads trained at 680 tokens a second, one thread at 3,800 (docs/LOG.md). So a run that
has become slow tries fewer, and one that uses fewer tries more again from time to time.
"""

from __future__ import annotations

import time

import torch

ALL = torch.get_num_threads()  # what torch takes by itself: one a core, or OMP_NUM_THREADS
BURST_SECONDS = 0.06  # of work that is timed: some time slices of an operating system
WORTH = 1.15  # fewer threads are taken for so much more speed
SLOWER = 1.3  # steps that take so many times the quickest ones are looked into
PATIENCE, MAX_PATIENCE = 5.0, 60.0  # seconds between two looks, which grow as long as nothing changes
STEP_MEMORY = 0.8  # weight of the past in the running mean of a step's time


def burst(threads: int, seconds: float = BURST_SECONDS) -> float:
    """Rounds a second of what training does: a product and a pass over memory, each of which waits for all threads."""
    torch.set_num_threads(threads)
    x, weight = torch.ones(2048, 128), torch.ones(128, 128)
    out = torch.empty(2048, 128)
    rounds, started = 0, time.perf_counter()
    while rounds < 2 or time.perf_counter() - started < seconds:
        torch.mm(x, weight, out=out)
        out.mul_(0.5)
        rounds += 1
    return rounds / (time.perf_counter() - started)


def fitting(most: int = ALL) -> int:
    """The number of threads, `most` or fewer, that works fastest at this moment; torch uses it from now on."""
    speeds = dict.fromkeys((most, (most + 1) // 2, 1), 0.0)
    for threads in [*speeds, *speeds] if most > 1 else []:  # in turns, the better of two: one hiccup must not decide
        speeds[threads] = max(speeds[threads], burst(threads))
    fewer = max(speeds, key=speeds.__getitem__)
    chosen = fewer if speeds[fewer] > WORTH * speeds[most] else most
    torch.set_num_threads(chosen)
    return chosen


class ThreadWatch:
    """Adapts the threads of a run to what else the machine does. Not for runs that must be repeatable bit by bit."""

    def __init__(self, most: int = ALL) -> None:
        self.most = most
        self._mean, self._quickest = 0.0, float("inf")  # seconds a token with these threads: running mean, its least
        self._next_look, self._patience = 0.0, PATIENCE

    def after_step(self, seconds_per_token: float, now: float) -> int | None:
        """The new number of threads where it changes, which takes a third of a second. now: seconds on any clock."""
        threads = torch.get_num_threads()
        self._mean += (1 - STEP_MEMORY) * (seconds_per_token - self._mean) if self._mean else seconds_per_token
        self._quickest = min(self._quickest, self._mean)
        is_slow = threads < self.most or self._mean > SLOWER * self._quickest
        if not is_slow or now < self._next_look:
            return None
        chosen = fitting(self.most)
        if chosen == threads:
            self._patience = min(2 * self._patience, MAX_PATIENCE)
        else:
            self._mean, self._quickest, self._patience = 0.0, float("inf"), PATIENCE
        self._next_look = now + self._patience
        return chosen if chosen != threads else None
