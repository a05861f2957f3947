"""The clock of a run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

from firstwords.train.run import Pace, Run, seconds_left


def test_reading_slowly_changes_no_plan_of_a_run_by_steps() -> None:
    quick, slow = time.perf_counter(), time.perf_counter() - 30
    by_steps, by_clock = SimpleNamespace(steps=4, minutes=1.0), SimpleNamespace(steps=0, minutes=1.0)
    assert seconds_left(by_steps, slow, 3) == seconds_left(by_steps, quick, 3) == 57
    assert 26 < seconds_left(by_clock, slow, 3) <= 27


def test_another_number_of_threads_is_noted_and_the_speed_is_learned_anew(tmp_path: Path) -> None:
    class Watch:
        answers = iter([None, 1, None])

        def after_step(self, seconds_per_token: float, now: float) -> int | None:
            assert seconds_per_token > 0
            return next(self.answers)

    learner = SimpleNamespace(num_skipped=0)
    with Run(tmp_path, learner, Pace(1, seconds=60.0), "base", 1.0, None, threads=Watch()) as run:
        speeds = []
        for _ in range(3):
            time.sleep(0.01)
            run.finish_step({"loss": 1.0, "tokens": 5, "processed": 5})
            speeds.append(run.seconds_per_step)
    assert speeds[0] > 0.009 and speeds[1] == 0.0 and speeds[2] > 0.009
    notes = [r["text"] for r in map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines()) if "text" in r]
    assert notes == ["threads: 1 from here on, as many as the machine has free"]
