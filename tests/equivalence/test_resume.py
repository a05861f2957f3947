"""A run that was killed and resumed ends with the same weights, bit by bit, as one that was not."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import time
from dataclasses import asdict
from pathlib import Path

import forks
import pytest

from firstwords.data.packing import ChatRows
from firstwords.plan.budget import Machine
from firstwords.runlog import RunLog
from firstwords.train import checkpoint

SHAPE = ["--hidden-size", "64", "--layers", "1", "--vocab-size", "300", "--context", "32", "--batch-tokens", "256"]
count = itertools.count()
FIXED = ["--steps", "60", "--save-every-steps", "7", "--precision", "fp32", "--threads", "1"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """text.txt and chats.jsonl."""
    folder = tmp_path_factory.mktemp("resume")
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "old", "dog", "run", "to", "its", "red", "house"]
    rng = random.Random(0)
    text = "\n".join(" ".join(rng.choices(words, k=9)) + "." for _ in range(3000))
    (folder / "text.txt").write_text(text, encoding="utf-8")
    chats = [
        {"messages": [{"role": "user", "content": f"Say {w}."}, {"role": "assistant", "content": w}]} for w in words * 9
    ]
    (folder / "chats.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(inputs: Path) -> Path:
    """A folder whose home holds whole/base, which was trained without a break. Copy it, do not write into it."""
    finish(start(inputs, "pretrain", "--name", "whole", "--text", str(inputs / "text.txt"), *SHAPE, *FIXED))
    return inputs


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    shutil.copytree(whole, tmp_path / "own")
    return tmp_path / "own"


def start(home: Path, *words: str) -> forks.Child:
    log = home / f"log-{next(count)}"
    return forks.start([*words], home / "home", log, env={"FIRSTWORDS_MACHINE": json.dumps(asdict(Machine()))})


def finish(process: forks.Child) -> str:
    code, said = process.done()
    assert code == 0, said
    return said


def card(home: Path, name: str, stage: str) -> dict:
    return json.loads((home / "home" / "models" / name / stage / "firstwords.json").read_text(encoding="utf-8"))


def newest_checkpoint(home: Path, name: str, stage: str) -> int:
    return max(checkpoint.steps(home / "home" / "runs" / name / stage / "checkpoints"), default=0)


def wait_for_checkpoint(home: Path, name: str, stage: str, newer_than: int, process: forks.Child) -> int:
    for _ in range(6000):
        if (newest := newest_checkpoint(home, name, stage)) > newer_than:
            return newest
        if process.poll() is not None:
            return -1
        time.sleep(0.005)
    raise AssertionError("no checkpoint appeared")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_interrupted_pretraining_equals_uninterrupted(home: Path, how: int) -> None:
    text = ["--text", str(home / "text.txt"), *SHAPE, *FIXED]
    process, reached, kills = start(home, "pretrain", "--name", "parts", *text), 0, 0
    rng = random.Random(int(how))
    while kills < 2:
        reached = wait_for_checkpoint(home, "parts", "base", reached, process)
        if reached < 0:
            break
        time.sleep(rng.random() * 0.05)  # somewhere between two checkpoints, or in the middle of writing one
        process.send_signal(how)
        code = process.wait()
        assert code in (-signal.SIGKILL, 128 + signal.SIGTERM, 0)
        reached = newest_checkpoint(home, "parts", "base")  # SIGTERM saves once more before it exits
        kills += 1
        if code == 0:
            break
        process = start(home, "pretrain", "--name", "parts", *text, "--resume")
    if process.poll() is None:
        finish(process)
    assert kills
    assert card(home, "parts", "base")["weights_sha256"] == card(home, "whole", "base")["weights_sha256"]


def test_killed_finetuning_equals_uninterrupted(home: Path) -> None:
    fixed = ["--chats", str(home / "chats.jsonl"), "--batch-tokens", "64", *FIXED]
    finish(start(home, "models", "copy", "whole", "parts"))
    finish(start(home, "finetune", "whole", *fixed))
    process = start(home, "finetune", "parts", *fixed)
    if wait_for_checkpoint(home, "parts", "sft", 0, process) > 0:
        process.kill()
        finish(start(home, "finetune", "parts", *fixed, "--resume"))
    assert card(home, "parts", "sft")["weights_sha256"] == card(home, "whole", "sft")["weights_sha256"]


def test_samples_come_over_the_whole_run(whole: Path) -> None:
    rows = RunLog.read(whole / "home" / "runs" / "whole" / "base")
    steps = [row["step"] for row in rows if row["kind"] == "sample"]
    assert len(steps) >= 5 and steps == sorted(set(steps)) and (steps[0], steps[-1]) == (1, 60)


def test_resuming_nothing_is_a_mistake(tmp_path: Path) -> None:
    process = start(tmp_path, "pretrain", "--name", "none", "--resume")
    code, errors = process.done()
    assert code == 2
    assert "there is no run of none to resume" in errors and "Traceback" not in errors


def test_batches_depend_on_the_step_alone() -> None:
    import numpy as np

    from firstwords.data.packing import pack_chats

    packed = pack_chats([([1, 5, 6, 2], [0, 1, 1, 1]), ([1, 7, 2], [0, 1, 1]), ([1, 8, 9, 9, 2], [0, 0, 1, 1, 1])], 6)
    rows = ChatRows(packed, seed=3)
    forwards = [rows.batch(step, 2) for step in range(5)]
    again = ChatRows(packed, seed=3)
    for step in reversed(range(5)):
        for a, b in zip(forwards[step], again.batch(step, 2), strict=True):
            assert np.array_equal(a, b)
