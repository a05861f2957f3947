"""The clock of a run."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from firstwords.model.config import ModelConfig
from firstwords.model.hub import weights_hash
from firstwords.model.transformer import Transformer
from firstwords.train import checkpoint
from firstwords.train import run as run_module
from firstwords.train.learner import Learner, OptimConfig
from firstwords.train.losses import next_token_loss
from firstwords.train.run import Interrupted, Pace, Run, seconds_left


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
    assert notes == ["threads: now 1, as many as other programs leave free"]


def test_progress_never_goes_back_while_the_speed_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(run_module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(run_module, "SAVE_EVERY_SECONDS", 1000.0)
    shares, left = [], []
    with Run(tmp_path, SimpleNamespace(num_skipped=0), Pace(1, seconds=100.0), "base", 1.0, None) as run:
        while not run.done:
            now[0] += 4.0 if 30 < now[0] < 50 else 1.0  # another program runs just as the cool-down is planned
            run.finish_step({"loss": 1.0, "tokens": 5, "processed": 5})
            shares.append(run.share_done)
            left.append(json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["seconds_left"])
    assert len(run.pace.decisions) > 1  # the number of steps was corrected
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert left == sorted(left, reverse=True)


# -- signals between micro-batches ---------------------------------------------------------------------------------

STEPS, PARTS = 5, 4


def learner_of() -> Learner:
    torch.manual_seed(0)
    model = Transformer(ModelConfig(31, 64, 64, 1, 1, 1, 64, 16))
    model.init_weights(0)
    return Learner(model, OptimConfig())


def parts_of(step: int) -> list[dict[str, np.ndarray]]:
    ids = np.random.default_rng(step).integers(0, 31, (PARTS, 9))
    return [{"inputs": row[None, :-1].copy(), "targets": row[None, 1:].copy()} for row in ids]


def train(directory: Path, signum: int | None = None, at: tuple[int, int] = (2, 2), updates: int = 1) -> Learner:
    """A run; a signal arrives as it computes a micro-batch of a step, and a step may have several updates."""
    learner, computed = learner_of(), []

    def loss(model, batch):
        computed.append(run.step)
        if signum is not None and run.step == at[0] and computed.count(run.step) == at[1]:
            os.kill(os.getpid(), signum)
        return next_token_loss(model, batch)

    with Run(directory, learner, Pace(1, STEPS), "base", 1.0, None) as run:
        while not run.done:
            for _ in range(updates):
                metrics = learner.forward_backward(parts_of(run.step), loss)
                metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)
    return learner


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_the_step_at_the_next_micro_batch(tmp_path: Path, monkeypatch, one_thread, signum: int) -> None:
    """The state of the last complete step is saved, and a run resumed from it ends as if never interrupted."""
    monkeypatch.setattr(run_module, "SIGNAL_SECONDS", 0.0)
    whole = train(tmp_path / "whole")
    with pytest.raises(Interrupted, match="stopped at step 2 and saved; --resume continues from there") as stopped:
        train(tmp_path / "parts", signum)
    assert stopped.value.exit_code == (0 if signum == signal.SIGUSR1 else 128 + signum)
    assert checkpoint.steps(tmp_path / "parts" / "checkpoints") == [2]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # whoever had the signals has them again
    assert weights_hash(train(tmp_path / "parts").model) == weights_hash(whole.model)


def test_a_step_that_ends_soon_is_not_abandoned(tmp_path: Path, one_thread) -> None:
    with pytest.raises(Interrupted, match="stopped at step 3 and saved"):
        train(tmp_path, signal.SIGTERM)
    assert checkpoint.steps(tmp_path / "checkpoints") == [3]


def test_half_of_a_step_of_several_updates_is_not_saved(tmp_path: Path, monkeypatch, one_thread) -> None:
    """PPO updates more than once a step: between its updates there is nothing to resume from but the checkpoint."""
    monkeypatch.setattr(run_module, "SIGNAL_SECONDS", 0.0)
    monkeypatch.setattr(run_module, "UPDATED_SECONDS", 0.0)
    whole = train(tmp_path / "whole", updates=2)
    with pytest.raises(Interrupted, match="stopped in step 3; --resume continues from step 0"):
        train(tmp_path / "parts", signal.SIGTERM, at=(2, PARTS + 2), updates=2)
    assert checkpoint.steps(tmp_path / "parts" / "checkpoints") == []
    assert weights_hash(train(tmp_path / "parts", updates=2).model) == weights_hash(whole.model)
