"""Whether a step is computed by all threads or by one: whichever has been faster lately.

Threads wait for each other, and one whose core is taken by another program delays all of them: on a busy machine, one
thread is many times as fast as two. So the slower way is tried again now and then, more and more rarely. A trial is a
few steps, of which the fastest counts: the first ones wake cores that sleep and fill their caches.
"""

from __future__ import annotations

NEWEST_SHARE = 0.5  # weight of the newest step in the running mean
TRIAL = 3  # steps of a trial ...
HOPELESS = 3.0  # ... which ends with a step that takes so many times as long as the faster way
FIRST_INTERVAL, MAX_INTERVAL = 32, 1024  # steps until the slower way is tried again; doubles while it stays slower


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
    """is_shared in the dictionaries: True for all threads, False for one."""

    def __init__(self) -> None:
        self._seconds: dict[bool, float] = {}  # per row: the fastest step of the last trial, then a running mean
        self._trial: list[float] = []  # seconds per row of the trial that is running
        self._tried = False  # the way of that trial, or the slower way
        self._interval, self._left = FIRST_INTERVAL, 0

    def choose(self) -> bool:
        return self._tried if self._left == 0 else not self._tried

    def record(self, is_shared: bool, seconds: float) -> None:
        if self._left:  # between trials
            self._left -= 1
            known = self._seconds[is_shared]
            self._seconds[is_shared] = known + NEWEST_SHARE * (seconds - known)
            return
        self._trial.append(seconds)
        other = self._seconds.get(not is_shared, float("inf"))
        if len(self._trial) == TRIAL or seconds > HOPELESS * other:
            self._seconds[is_shared] = min(self._trial)
            self._trial = []
            self._decide(is_shared, other)

    def _decide(self, is_shared: bool, other: float) -> None:
        """After a trial: the faster way is taken for a while, then the other one is tried."""
        if len(self._seconds) == 1:
            self._tried = not is_shared
            return
        is_better = self._seconds[is_shared] < other
        self._interval = FIRST_INTERVAL if is_better else min(2 * self._interval, MAX_INTERVAL)
        self._left = self._interval
        self._tried = is_shared != is_better
