"""Shared by the tests of stage three: a tiny random model and a rule that is easy to learn: good answers say "yes"."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from firstwords import home
from firstwords.model.hub import save_model, weights_hash
from firstwords.tokenizer.fast import Tokenizer

WORDS = ["yes", "no", "maybe", "sun", "moon", "cat", "dog", "tree", "house", "river"]


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread, tiny_policy) -> Path:
    """A home with pip/sft, random weights, and preferences.jsonl: 120 prompts, "yes" is always in the chosen answer."""
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    tokenizer = Tokenizer.train([" ".join(WORDS) + " What is it?\n"] * 5, 300)
    model = tiny_policy(tokenizer.vocab_size)
    save_model(model, home.stage_dir("pip", "sft"), tokenizer, {"stage": "sft", "weights_sha256": weights_hash(model)})
    draw = random.Random(0)
    with open(tmp_path / "preferences.jsonl", "w", encoding="utf-8") as file:
        for i in range(120):
            words = draw.choices(WORDS[2:], k=3)
            chosen, rejected = [*words, "yes"], [*words, "no"]
            draw.shuffle(chosen)
            draw.shuffle(rejected)
            row = {"prompt": f"What is it? {i} {draw.choice(WORDS[3:])}", "chosen": " ".join(chosen)}
            file.write(json.dumps(row | {"rejected": " ".join(rejected)}) + "\n")
    return tmp_path / "preferences.jsonl"
