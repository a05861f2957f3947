"""Commands on several processes: the same model as with one, one voice, and mistakes said once."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import forks
import pytest
import teams
import torch
from safetensors.torch import load_file

from firstwords.runlog import RunLog
from firstwords.train import checkpoint

TEXT = "The cat is on the mat. The dog is in the house. It is blue, and the sun is warm. What is your name?\n"
SHAPE = ["--vocab-size", "300", "--hidden-size", "64", "--layers", "1", "--context", "32", "--batch-tokens", "192"]
PRETRAIN = [
    "pretrain",
    "pip",
    *SHAPE,
    "--steps",
    "4",
    "--minutes",
    "1",
    "--learning-rate",
    "0.1",
    "--precision",
    "fp32",
]
FINETUNE = ["finetune", "pip", "--steps", "4", "--batch-tokens", "384", "--learning-rate", "0.1"]
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "text.txt").write_text("".join(f"{number}. {TEXT}" for number in range(200)))
    pairs = ((f"What is {number}?", f"It is {number + 1}.") for number in range(60))
    chats = ([{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs)
    (folder / "chats.jsonl").write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    better = ({"prompt": f"What is {n}?", "chosen": f"It is {n + 1}.", "rejected": "No."} for n in range(30))
    (folder / "preferences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in better))
    return {name.partition(".")[0]: folder / name for name in ("text.txt", "chats.jsonl", "preferences.jsonl")}


def stages(files: dict[str, Path]) -> list[list]:
    return [
        [*PRETRAIN, "--text", files["text"]],
        [*FINETUNE, "--chats", files["chats"]],
        ["reward", "pip", "--steps", "4", "--members", "2", "--preferences", files["preferences"]],
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Path:
    """The home in which one process ran the stages."""
    folder = tmp_path_factory.mktemp("alone")
    for words in stages(files):
        code, said = forks.run(words, folder / "home", folder / "log")
        assert code == 0, said
    return folder / "home"


def team_of(count: int, folder: Path) -> teams.Team:
    return teams.Team(count, folder, {"FIRSTWORDS_HOME": str(folder / "home"), "FIRSTWORDS_MACHINE": forks.MACHINE})


def run(count: int, folder: Path, words: list) -> list[str]:
    team = team_of(count, folder).start(teams.command, [str(word) for word in words])
    assert team.wait() == [0] * count, team.said
    return team.said


def assert_same_weights(found: Path, expected: Path) -> None:
    weights, others = (load_file(folder / "model.safetensors") for folder in (found, expected))
    errors = torch.cat([(weights[name] - other).abs().flatten() for name, other in others.items()])
    assert (errors > TOLERANCE).float().mean() < 1e-3 and errors.mean() < TOLERANCE / 10, errors.max()


def test_stages_are_the_same_on_two_processes(tmp_path: Path, files: dict[str, Path], alone: Path) -> None:
    saved = ("saved pip/base after 4 steps", "saved pip/sft after 4 steps", "saved member 2 of the ensemble of pip")
    for words, sentence in zip(stages(files), saved, strict=True):
        said = run(2, tmp_path, words)
        assert sentence in said[0] and not said[1]
    home = tmp_path / "home"
    for part in ("models/pip/base", "models/pip/sft", "runs/pip/reward/model", "runs/pip/reward/member-2"):
        assert_same_weights(home / part, alone / part)
    for stage in ("base", "sft", "reward"):
        rows, others = (RunLog.read(folder / "runs" / "pip" / stage) for folder in (home, alone))
        losses, expected = ([row["loss"] for row in part if row["kind"] == "train"] for part in (rows, others))
        assert losses == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE) and len(losses) == 4
        assert {row["processes"] for row in rows if row["kind"] == "train"} == {2}


@pytest.mark.parametrize("method", ["bestofn", "rloo"])
def test_a_policy_is_the_same_on_two_processes(
    method: str, tmp_path: Path, files: dict[str, Path], alone: Path
) -> None:
    few = {"step-prompts": "3", "samples": "2", "max-tokens": "6"}
    align = ["align", "pip", "--method", method, "--steps", "3", "--preferences", files["preferences"]]
    align += ["--learning-rate", "0.1", *(word for name in few for word in (f"--{method}.{name}", few[name]))]
    for folder in ("one", "two"):
        shutil.copytree(alone, tmp_path / folder / "home")
    code, said = forks.run(align, tmp_path / "one" / "home", tmp_path / "log")
    assert code == 0, said
    said = run(2, tmp_path / "two", align)
    assert "saving pip/rlhf-1" in said[0] and not said[1]
    one, two = (tmp_path / folder / "home" for folder in ("one", "two"))
    rows, others = (RunLog.read(home / "runs" / "pip" / "rlhf-1") for home in (two, one))
    for figure in ("loss", "reward", "kl", "length", "grad_norm"):
        found, expected = ([row[figure] for row in part if row["kind"] == "train"] for part in (rows, others))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5), figure  # of the same answers
    assert_same_weights(two / "models/pip/rlhf-1", one / "models/pip/rlhf-1")
    assert {row["processes"] for row in rows if row["kind"] == "train"} == {2}


def test_a_mistake_is_said_once_and_ends_all(tmp_path: Path, files: dict[str, Path]) -> None:
    team = team_of(2, tmp_path).start(teams.command, [*PRETRAIN, "--text", str(tmp_path / "none.txt")])
    assert team.wait() == [2, 2] and team.said[0].count("\n") == 1 and not team.said[1]
    assert "none.txt" in team.said[0]
    team = team_of(2, tmp_path).start(teams.command, ["pretrain", "--stepz", "3"])
    assert team.wait() == [2, 2] and "did you mean --steps" in team.said[0] and not team.said[1]


def test_other_commands_are_refused(tmp_path: Path) -> None:
    team = team_of(2, tmp_path).start(teams.command, ["models"])
    assert team.wait() == [2, 2]
    assert team.said == ["firstwords: models runs in a single process: start it without torchrun\n", ""]


def test_nothing_to_resume_ends_all(tmp_path: Path, files: dict[str, Path]) -> None:
    run(2, tmp_path, [*PRETRAIN, "--text", files["text"]])
    said = run(2, tmp_path, ["pretrain", "pip", "--resume"])
    assert "pip/base is complete" in said[0] and not said[1]


def test_a_command_that_is_started_again_continues(tmp_path: Path, files: dict[str, Path]) -> None:
    """torchrun's --max-restarts, Slurm's --requeue and a pod's restart run the same words a second time."""
    words = [*PRETRAIN, "--text", files["text"], "--save-every-steps", "1"]
    words[words.index("--steps") + 1] = "4000"
    home = tmp_path / "home"
    child = forks.start(words, home, tmp_path / "log", env={"FIRSTWORDS_RESUME": "auto"})
    until = time.monotonic() + 60
    while not (home / "runs/pip/base/checkpoints/latest").exists() and time.monotonic() < until:
        time.sleep(0.02)
    child.terminate()
    assert child.wait() == 143 and "started again" not in child.said
    at = max(checkpoint.steps(home / "runs/pip/base/checkpoints"))
    child = forks.start(words, home, tmp_path / "log", env={"TORCHELASTIC_RESTART_COUNT": "1"})
    while not (home / f"runs/pip/base/checkpoints/step-{at + 1}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    child.terminate()
    assert child.wait() == 143 and "pip: started again, continuing from the last checkpoint" in child.said
    notes = [row["text"] for row in RunLog.read(home / "runs/pip/base") if row["kind"] == "note"]
    assert f"resumed at step {at}" in notes


def test_learn_starts_its_processes(tmp_path: Path, files: dict[str, Path]) -> None:
    flags = ["--minutes", "0.25", "--preferences", "none", "--text", files["text"], "--chats", files["chats"]]
    code, said = forks.run(["learn", "pip", "--nproc", "2", *flags], tmp_path / "home", tmp_path / "log")
    assert code == 0 and "report:" in said, said
    for stage in ("base", "sft"):
        rows = RunLog.read(tmp_path / "home" / "runs" / "pip" / stage)
        assert {row["processes"] for row in rows if row["kind"] == "train"} == {2}
    code, said = forks.run(["learn", "pip", "--nproc", "2", *flags], tmp_path / "home", tmp_path / "log")
    assert code == 2 and said.count("\n") == 1 and "pip is already trained" in said


def test_prepared_tokens_train_the_same_model_anywhere(tmp_path: Path, files: dict[str, Path]) -> None:
    """From a folder, from a URL, and on two processes, of which the second opens the tokens by itself."""
    tokens = tmp_path / "tokens"
    prepare = ["data", "prepare", files["text"], "--out", tokens, "--vocab-size", "300", "--processes", "1"]
    code, said = forks.run(prepare, tmp_path / "home", tmp_path / "log")
    assert code == 0 and "next: firstwords pretrain NAME --tokens" in said, said
    words = [word for word in PRETRAIN if word not in ("--vocab-size", "300")]
    for folder, location in (("one", tokens), ("url", f"file://{tokens}")):
        code, said = forks.run([*words, "--tokens", location], tmp_path / folder / "home", tmp_path / f"{folder}.log")
        assert code == 0, said
    run(2, tmp_path / "two", [*words, "--tokens", tokens])
    base = tmp_path / "one/home/models/pip/base"
    for folder in ("url", "two"):
        assert_same_weights(tmp_path / folder / "home/models/pip/base", base)
    data = json.loads((base / "firstwords.json").read_text())["data"]
    assert data["sources"][0]["source"] == str(files["text"]) and data["bytes"] > 10_000
    code, said = forks.run([*words, "--tokens", tokens, "--text", "world"], tmp_path / "home", tmp_path / "log")
    assert code == 2 and "--text contradicts --tokens" in said
