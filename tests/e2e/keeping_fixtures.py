"""A small model in a home of its own; a module takes it with `pytest_plugins = ("keeping_fixtures",)`."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from keeping_helpers import WORDS, of_chats, of_text

from firstwords.plan.budget import Machine


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    draw = random.Random(0)
    for name in ("text", "more"):
        lines = (" ".join(draw.choices(WORDS, k=9)) + "." for _ in range(400))
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    chats = [[{"role": "user", "content": f"Say {w}."}, {"role": "assistant", "content": w}] for w in WORDS * 3]
    (folder / "chats.jsonl").write_text("\n".join(json.dumps({"messages": c}) for c in chats), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with mine/base and mine/sft, of three steps each."""
    from firstwords.cli import main

    folder = tmp_path_factory.mktemp("trained") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTWORDS_HOME", str(folder))
        patch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
        assert main(["pretrain", "mine", *of_text(inputs), "--steps", "3"]) == 0
        assert main(["finetune", "mine", *of_chats(inputs), "--steps", "3"]) == 0
    return folder


@pytest.fixture
def own(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    """A copy of it for each test."""
    shutil.copytree(trained, tmp_path / "home")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
    return tmp_path / "home"
