"""The clock of a run."""

from __future__ import annotations

import time
from types import SimpleNamespace

from firstwords.train.run import seconds_left


def test_reading_slowly_changes_no_plan_of_a_run_by_steps() -> None:
    quick, slow = time.perf_counter(), time.perf_counter() - 30
    by_steps, by_clock = SimpleNamespace(steps=4, minutes=1.0), SimpleNamespace(steps=0, minutes=1.0)
    assert seconds_left(by_steps, slow, 3) == seconds_left(by_steps, quick, 3) == 57
    assert 26 < seconds_left(by_clock, slow, 3) <= 27
