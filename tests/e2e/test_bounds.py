"""A model of SmolLM2's kind (8,192 positions, 49,152 tokens) is fine-tuned within the memory that the plan states, and
a process that is told to end before it trains says so and closes its record.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from firstwords.plan.budget import Machine

RUN = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "firstwords", *sys.argv[1:]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def environment(home: Path, **machine: object) -> dict[str, str]:
    return os.environ | {
        "FIRSTWORDS_HOME": str(home),
        "FIRSTWORDS_MACHINE": json.dumps(asdict(Machine(**machine))),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/smol/base: random weights, shrunk to two layers, without a card, as other tools leave a model."""
    from firstwords.model.config import ModelConfig
    from firstwords.model.hub import save_model
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

    root = tmp_path_factory.mktemp("bounds")
    config = ModelConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=2,
        num_attention_heads=9,
        num_key_value_heads=3,
        head_dim=64,
        max_position_embeddings=8192,
        architecture="LlamaForCausalLM",
        qk_norm=False,
    )
    model = Transformer(config)
    model.init_weights(0)
    tokenizer = Tokenizer.train(["What is your name? I am a small model. Why is the sky blue? "] * 50, 400)
    base = root / "home" / "models" / "smol" / "base"
    save_model(model, base, tokenizer, {})
    (base / "firstwords.json").unlink()
    rows = [{"prompt": f"Why is it blue? {n}", "response": "I am a small model. " * (n % 9 + 1)} for n in range(60)]
    (root / "chats.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return root


def finetune(home: Path, *words: str, **machine: object) -> tuple[subprocess.CompletedProcess[str], int]:
    """(what the process said, its peak of memory in bytes)."""
    replacing = ["finetune", "smol", "--replace", "--chats", str(home / "chats.jsonl")]
    command = [sys.executable, "-c", RUN, *replacing, *words]
    done = subprocess.run(
        command, env=environment(home / "home", **machine), capture_output=True, text=True, timeout=400
    )
    return done, int(done.stdout.split()[-1]) * 1024


def test_a_long_context_does_not_make_long_rows(home: Path) -> None:
    done, peak = finetune(home, "--steps", "2", "--batch-tokens", "256", "--compile", "no")
    assert done.returncode == 0, done.stderr
    assert re.search(r"57 chats in \d+ rows of \d{2,3}, (192|256) tokens per step", done.stderr), done.stderr
    stated = float(re.search(r"needs about ([\d.]+) GB of memory", done.stderr)[1]) * 1e9
    assert 0.3e9 < peak < stated < 2e9, (peak, stated)


def test_a_batch_smaller_than_a_row_makes_shorter_rows(home: Path) -> None:
    done, _ = finetune(home, "--steps", "1", "--batch-tokens", "64")
    assert done.returncode == 0, done.stderr
    assert "rows of 64, 64 tokens per step" in done.stderr and "skipped: longer than the context" in done.stderr


def test_a_step_longer_than_the_minutes_is_refused_at_once(home: Path) -> None:
    done, _ = finetune(home, "--minutes", "0.5", training_gflops={64: 0.1})
    assert done.returncode == 2 and "give more --minutes, or a smaller model" in done.stderr, done.stderr
    assert re.search(r"one step of \d+ tokens would take about \d+ s", done.stderr)


def test_sigterm_before_training_ends_with_a_word_and_leaves_no_run(tmp_path: Path) -> None:
    """The signal arrives while a library that ignores signals is learning the vocabulary."""
    rng, text = random.Random(0), tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(f"{rng.getrandbits(40):x}" for _ in range(10)) for _ in range(60_000)))
    command = [sys.executable, "-m", "firstwords", "pretrain", "--name", "mine", "--text", str(text), "--steps", "1"]
    process = subprocess.Popen(command, env=environment(tmp_path / "home"), stderr=subprocess.PIPE, text=True)
    whole = tmp_path / "home"  # until its plan is made, a run uses a separate folder
    while not list(whole.rglob("text.jsonl")) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert time.monotonic() - began < 10 and "stopped before it finished (SIGTERM)" in said and "Traceback" not in said
    assert not (whole / "runs" / "mine").exists() and not list(whole.rglob("text.jsonl"))
