"""Whether a step is computed by all threads or by one: whichever has been faster lately.

Threads wait for each other, and one whose core is taken by another program delays all of them: on a busy machine, one
thread is many times as fast as two. So the slower way is tried again now and then, more and more rarely.
"""

from __future__ import annotations

NEWEST_SHARE = 0.5  # weight of the newest step in the running mean
FIRST_INTERVAL, MAX_INTERVAL = 16, 1024  # steps until the slower way is tried again; doubles while it stays slower


class Sharing:
    """Choices for steps of about as many rows, by powers of two."""

    def __init__(self) -> None:
        self._classes: dict[int, _Class] = {}

    def is_shared(self, rows: int) -> bool:
        """Whether the next step with this many rows should use all threads."""
        return self._of(rows).choose()

    def record(self, rows: int, is_shared: bool, seconds: float) -> None:
        """A step with this many rows took so long."""
        self._of(rows).record(is_shared, seconds / rows)

    def _of(self, rows: int) -> _Class:
        return self._classes.setdefault(rows.bit_length(), _Class())


class _Class:
    def __init__(self) -> None:
        self._seconds: dict[bool, float] = {}  # per row, running mean; True: all threads
        self._interval = self._left = FIRST_INTERVAL

    def choose(self) -> bool:
        for is_shared in (False, True):
            if is_shared not in self._seconds:
                return is_shared
        faster = self._seconds[True] < self._seconds[False]
        self._left -= 1
        return faster if self._left else not faster

    def record(self, is_shared: bool, seconds: float) -> None:
        known = self._seconds.get(is_shared, seconds)
        self._seconds[is_shared] = known + NEWEST_SHARE * (seconds - known)
        if self._left <= 0:  # the slower way was tried again
            other = self._seconds[not is_shared]
            self._interval = FIRST_INTERVAL if seconds < other else min(2 * self._interval, MAX_INTERVAL)
            self._left = self._interval
            if seconds < other:
                self._seconds[is_shared] = seconds  # what it took long ago says nothing about now
