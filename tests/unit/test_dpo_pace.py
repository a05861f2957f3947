"""The pace of DPO on an open model, whose evaluations take minutes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from firstwords.rlhf.methods import dpo
from firstwords.train.learner import Learner, StepAbandonedError


@pytest.mark.parametrize("held_out", [0, 0.125])
def test_steps_and_evaluations_fit_into_the_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: float
) -> None:
    monkeypatch.setattr(dpo, "pair_seconds", lambda *_: 1.0)
    monkeypatch.setattr(dpo, "machine", lambda device: None)
    config = SimpleNamespace(steps=0, epochs=10, minutes=10.0, resume=False, device="cpu")
    rows = SimpleNamespace(pairs=range(1000), batch_pairs=16, mean_length=100)
    model = SimpleNamespace(config=None)

    def measured(steps: int) -> int:
        return round(held_out * 16 * steps)

    pace, steps = dpo._pace(config, rows, model, tmp_path, time.perf_counter(), None, measured)
    taken = 16 * steps + dpo.LOOKS * measured(steps) / 3
    assert 600 - dpo.SAVE_RESERVE - 20 < taken <= 600 - dpo.SAVE_RESERVE
    assert pace.seconds is not None and pace.seconds <= 600 - dpo.SAVE_RESERVE - measured(steps) / 3
    assert json.loads((tmp_path / dpo.PLAN).read_text())["steps"] == steps


def test_a_signal_ends_an_evaluation() -> None:
    learner = Learner.__new__(Learner)
    learner.model, learner.should_stop = None, lambda: True
    unseen = SimpleNamespace(parts=lambda: iter([[0], [1]]), take=lambda indices: pytest.fail("went on"))
    with pytest.raises(StepAbandonedError):
        dpo.keep_best(SimpleNamespace(learner=learner), unseen, dpo.PairLoss(0.1, "sigmoid"))
