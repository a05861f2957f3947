"""A run that was killed and resumed ends with the same weights, bit by bit, as one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from firstwords.data.packing import ChatRows
from firstwords.plan.budget import Machine
from firstwords.train import checkpoint

SHAPE = ["--hidden-size", "64", "--layers", "1", "--vocab-size", "300", "--context", "32", "--batch-tokens", "256"]
FIXED = ["--steps", "60", "--save-every-steps", "7", "--precision", "fp32", "--threads", "1"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "old", "dog", "run", "to", "its", "red", "house"]
    rng = random.Random(0)
    text = "\n".join(" ".join(rng.choices(words, k=9)) + "." for _ in range(3000))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    chats = [
        {"messages": [{"role": "user", "content": f"Say {w}."}, {"role": "assistant", "content": w}]} for w in words * 9
    ]
    (tmp_path / "chats.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    return tmp_path


def start(home: Path, *words: str) -> subprocess.Popen:
    environment = os.environ | {"FIRSTWORDS_HOME": str(home / "home")}
    environment["FIRSTWORDS_MACHINE"] = json.dumps(asdict(Machine()))
    return subprocess.Popen(
        [sys.executable, "-m", "firstwords", *words],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return errors


def card(home: Path, name: str, stage: str) -> dict:
    return json.loads((home / "home" / "models" / name / stage / "firstwords.json").read_text(encoding="utf-8"))


def newest_checkpoint(home: Path, name: str, stage: str) -> int:
    return max(checkpoint.steps(home / "home" / "runs" / name / stage / "checkpoints"), default=0)


def wait_for_checkpoint(home: Path, name: str, stage: str, newer_than: int, process: subprocess.Popen) -> int:
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
    finish(start(home, "pretrain", "--name", "whole", *text))
    process, reached, kills = start(home, "pretrain", "--name", "parts", *text), 0, 0
    rng = random.Random(int(how))
    while kills < 2:
        reached = wait_for_checkpoint(home, "parts", "base", reached, process)
        if reached < 0:
            break
        time.sleep(rng.random() * 0.05)  # somewhere between two checkpoints, or in the middle of writing one
        process.send_signal(how)
        process.communicate(timeout=60)
        assert process.returncode in (-signal.SIGKILL, 128 + signal.SIGTERM, 0)
        reached = newest_checkpoint(home, "parts", "base")  # SIGTERM saves once more before it exits
        kills += 1
        if process.returncode == 0:
            break
        process = start(home, "pretrain", "--name", "parts", *text, "--resume")
    if process.poll() is None:
        finish(process)
    assert kills
    assert card(home, "parts", "base")["weights_sha256"] == card(home, "whole", "base")["weights_sha256"]


def test_killed_finetuning_equals_uninterrupted(home: Path) -> None:
    fixed = ["--chats", str(home / "chats.jsonl"), "--batch-tokens", "64", *FIXED]
    for name in ("whole", "parts"):
        finish(start(home, "pretrain", "--name", name, "--text", str(home / "text.txt"), *SHAPE, *FIXED))
    finish(start(home, "finetune", "whole", *fixed))
    process = start(home, "finetune", "parts", *fixed)
    if wait_for_checkpoint(home, "parts", "sft", 0, process) > 0:
        process.kill()
        process.communicate(timeout=60)
        finish(start(home, "finetune", "parts", *fixed, "--resume"))
    assert card(home, "parts", "sft")["weights_sha256"] == card(home, "whole", "sft")["weights_sha256"]


def test_resuming_nothing_is_a_mistake(home: Path) -> None:
    process = start(home, "pretrain", "--name", "none", "--resume")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
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
