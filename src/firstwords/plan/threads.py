"""The number of threads for training: all of them, unless other programs need the processor.

The threads of a step wait for each other hundreds of times, and one that has to share its core delays all of them:
alongside two busy processes, two threads trained at 680 tokens per second, one thread at 3,800 (docs/LOG.md). So a run
that has become slow tries fewer threads, and one that uses fewer tries more again from time to time.
"""

from __future__ import annotations

import time

import torch

ALL = torch.get_num_threads()  # torch's default: one per core, or OMP_NUM_THREADS
BURST_SECONDS = 0.06  # duration of a timing: a few time slices of the operating system
WORTH = 1.15  # fewer threads are used if they are faster by this factor
SLOWER = 1.3  # steps slower than the quickest ones by this factor trigger a check
PATIENCE, MAX_PATIENCE = 5.0, 60.0  # seconds between two checks, growing while nothing changes
STEP_MEMORY = 0.8  # weight of the past in the running mean of a step's time


def burst(threads: int, seconds: float = BURST_SECONDS) -> float:
    """Rounds per second of a typical load: a product and a pass over memory, each waiting for all threads."""
    torch.set_num_threads(threads)
    x, weight = torch.ones(2048, 128), torch.ones(128, 128)
    out = torch.empty(2048, 128)
    rounds, started = 0, time.perf_counter()
    while rounds < 2 or time.perf_counter() - started < seconds:
        torch.mm(x, weight, out=out)
        out.mul_(0.5)
        rounds += 1
    return rounds / (time.perf_counter() - started)


def fastest(most: int = ALL) -> int:
    """The number of threads, up to `most`, that is fastest at the moment; torch uses it from now on."""
    speeds = dict.fromkeys((most, (most + 1) // 2, 1), 0.0)
    for threads in [*speeds, *speeds] if most > 1 else []:  # two alternating rounds, against hiccups
        speeds[threads] = max(speeds[threads], burst(threads))
    best = max(speeds, key=speeds.__getitem__)
    chosen = best if speeds[best] > WORTH * speeds[most] else most
    torch.set_num_threads(chosen)
    return chosen


class ThreadWatch:
    """Adapts the threads of a run to the machine's other load. Not for runs that must be exactly repeatable."""

    def __init__(self, most: int = ALL) -> None:
        self.most = most
        self._mean, self._quickest = 0.0, float("inf")  # seconds per token with these threads: running mean, minimum
        self._next_check, self._patience = 0.0, PATIENCE

    def after_step(self, seconds_per_token: float, now: float) -> int | None:
        """The new number of threads if it changes; a check takes a third of a second. now: seconds on any clock."""
        threads = torch.get_num_threads()
        self._mean += (1 - STEP_MEMORY) * (seconds_per_token - self._mean) if self._mean else seconds_per_token
        self._quickest = min(self._quickest, self._mean)
        is_slow = threads < self.most or self._mean > SLOWER * self._quickest
        if not is_slow or now < self._next_check:
            return None
        chosen = fastest(self.most)
        if chosen == threads:
            self._patience = min(2 * self._patience, MAX_PATIENCE)
        else:
            self._mean, self._quickest, self._patience = 0.0, float("inf"), PATIENCE
        self._next_check = now + self._patience
        return chosen if chosen != threads else None
