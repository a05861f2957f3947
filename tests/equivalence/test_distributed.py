"""Training on several processes is training on one: losses, weights, checkpoints, signals."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import team_work
import torch
from safetensors.torch import load_file
from teams import Team

from firstwords.runlog import RunLog
from firstwords.train import checkpoint

STEPS = 20
KILLS = int(os.environ.get("FIRSTWORDS_KILLS", "1"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The results of one process, by optimizer."""
    found = {}
    for optimizer in ("muon", "adamw"):
        found[optimizer] = tmp_path_factory.mktemp(optimizer)
        assert Team(1, found[optimizer]).call(
            team_work.train, {"steps": STEPS, "optimizer": optimizer, "out": found[optimizer]}
        ) == [0]
    return found


def assert_equal(found: Path, expected: Path, tolerance: float = 1e-6) -> None:
    """Losses, norms and counts are equal, and the weights too, up to rounding.

    Where a gradient is zero up to rounding, AdamW steps by the sign of the rounding: one weight in a thousand may
    differ by more, but by less than a tenth of a step.
    """
    (losses, expected_losses) = (json.loads((path / "losses.json").read_text()) for path in (found, expected))
    expected_losses = expected_losses[-len(losses) :]
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(expected_losses), rtol=tolerance, atol=tolerance)
    weights, expected_weights = (load_file(path / "weights") for path in (found, expected))
    assert weights.keys() == expected_weights.keys()
    errors = torch.cat([(weights[name] - weight).abs().flatten() for name, weight in expected_weights.items()])
    assert (errors > tolerance).float().mean() < 1e-3 and errors.max() < team_work.RATES[1] / 10
    assert errors.mean() < tolerance / 10


@pytest.mark.parametrize(("count", "optimizer"), [(2, "muon"), (2, "adamw"), (4, "muon")])
def test_several_processes_equal_one(tmp_path: Path, alone: dict[str, Path], count: int, optimizer: str) -> None:
    team = Team(count, tmp_path)
    codes = team.call(team_work.train, {"steps": STEPS, "optimizer": optimizer, "out": tmp_path})
    assert codes == [0] * count, team.said
    assert_equal(tmp_path, alone[optimizer])
    assert not any(team.said[1:]), "only the main process prints"


def test_copies_that_are_divided_equal_one_process(tmp_path: Path, alone: dict[str, Path]) -> None:
    team = Team(4, tmp_path, {"FIRSTWORDS_REPLICAS": "2"})
    assert team.call(team_work.train, {"steps": STEPS, "out": tmp_path}) == [0] * 4, team.said
    assert_equal(tmp_path, alone["muon"])


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of two processes that nothing interrupts."""
    folder = tmp_path_factory.mktemp("together")
    assert Team(2, folder).call(team_work.train, {"steps": STEPS, "out": folder}) == [0, 0]
    return folder


@pytest.mark.parametrize("saves", ["0", "1"], ids=["saved at once", "saved in the background"])
@pytest.mark.parametrize("kill", range(KILLS))
def test_killed_at_a_random_moment_and_resumed(tmp_path: Path, together: Path, kill: int, saves: str) -> None:
    """The weights are those of an uninterrupted run, to the last bit."""
    draw = random.Random(kill)
    options = {"steps": STEPS, "out": str(tmp_path), "save_every_steps": 1}
    team = Team(2, tmp_path, {"FIRSTWORDS_BACKGROUND_SAVES": saves}).start(team_work.train, [json.dumps(options)])
    until, first = time.monotonic() + 60, draw.randrange(1, STEPS // 2)
    while max(checkpoint.steps(tmp_path / "run" / "checkpoints"), default=0) < first and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 0.05))  # anywhere in a step, or while it is saved
    victim = draw.randrange(2)
    assert team.children[victim].kill() == -signal.SIGKILL
    assert team.children[1 - victim].wait() == 2, team.said
    assert Team(2, tmp_path / "again").call(team_work.train, options) == [0, 0]
    weights, expected = (load_file(path / "weights") for path in (tmp_path, together))
    assert all(torch.equal(weights[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize("counts", [(2, 1), (1, 2), (4, 3)], ids=str)
def test_saved_by_some_and_resumed_by_others(tmp_path: Path, alone: dict[str, Path], counts: tuple[int, int]) -> None:
    first, second = (Team(count, tmp_path / f"team-{count}") for count in counts)
    codes = first.call(team_work.train, {"steps": STEPS, "out": tmp_path, "stop_after": 10})
    assert codes == [128 + signal.SIGTERM] * counts[0], first.said
    assert (tmp_path / "run" / "checkpoints" / "latest").read_text() == "step-10"
    assert second.call(team_work.train, {"steps": STEPS, "out": tmp_path}) == [0] * counts[1], second.said
    assert len(json.loads((tmp_path / "losses.json").read_text())) == 10
    assert_equal(tmp_path, alone["muon"])
    rows = [row for row in RunLog.read(tmp_path / "run") if row["kind"] == "train"]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1)), "one process writes the log"


def test_a_signal_to_one_process_saves_and_ends_all(tmp_path: Path) -> None:
    team = Team(2, tmp_path)
    codes = team.call(team_work.train, {"steps": STEPS, "out": tmp_path, "signal_at": [1, 6, "SIGTERM"]})
    assert codes == [128 + signal.SIGTERM] * 2, team.said
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == [7]


def test_sigusr1_to_one_process_saves_and_ends_all_without_an_error(tmp_path: Path) -> None:
    team = Team(2, tmp_path)
    codes = team.call(team_work.train, {"steps": STEPS, "out": tmp_path, "signal_at": [1, 6, "SIGUSR1"]})
    assert codes == [0, 0] and not (tmp_path / "losses.json").exists(), team.said
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == [7]
    rows = [row for row in RunLog.read(tmp_path / "run") if row["kind"] == "train"]
    assert all(len(row["tokens_per_s_each"]) == 2 and min(row["tokens_per_s_each"]) > 0 for row in rows) and rows


def test_a_process_whose_loss_is_not_a_number_is_named(tmp_path: Path) -> None:
    team = Team(2, tmp_path)
    assert team.call(team_work.train, {"steps": STEPS, "out": tmp_path, "nan_rank": 1}) == [2, 2]
    assert "the loss of process 1 was not a finite number for 8 steps in a row" in team.said[0]


def test_a_process_that_hangs_ends_all(tmp_path: Path) -> None:
    team = Team(2, tmp_path).start(
        team_work.train, [json.dumps({"steps": STEPS, "out": str(tmp_path), "hang_at": [1, 3], "timeout": 4})]
    )
    assert team.children[0].wait(30) == 2, team.said
    assert "another process ended or did not answer, so training stopped in step 4" in team.said[0]
    assert team.said[0].rstrip().endswith("late: process 1")
    team.children[1].kill()


def test_a_killed_process_ends_all_with_one_sentence(tmp_path: Path) -> None:
    team = Team(2, tmp_path)
    options = {"steps": STEPS, "out": tmp_path, "signal_at": [1, 6, "SIGKILL"], "save_every_steps": 2}
    codes = team.call(team_work.train, options)
    assert codes == [2, -signal.SIGKILL], team.said
    sentence = "another process ended or did not answer, so training stopped in step 7; --resume continues from step 6"
    assert sentence in team.said[0] and "Traceback" not in team.said[0]
    again = Team(2, tmp_path / "again")
    assert again.call(team_work.train, {"steps": STEPS, "out": tmp_path}) == [0, 0], again.said
    assert len(json.loads((tmp_path / "losses.json").read_text())) == STEPS - 6
