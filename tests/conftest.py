"""What tests share: a home with a tiny random model, and running commands in this process or in their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from firstwords.model.transformer import Transformer

ROOT = Path(__file__).resolve().parent.parent
TEXT = "The cat is on the mat. The dog is in the house. What is your first name? My name is Pip. Is it blue?\n"


@pytest.fixture(autouse=True)
def _denormals_stay():
    """A stage that runs in this process flushes denormal numbers; hypothesis, for one, wants them back."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session", autouse=True)
def _known_machine():
    """Measuring the machine takes six seconds in every new home, and plans that follow from it depend on the load.

    Tests of measuring remove the variable.
    """
    from firstwords.plan.budget import Machine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
        yield


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without models; the tests' own home is never the user's."""
    home = tmp_path / "home"
    monkeypatch.setenv("FIRSTWORDS_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tiny_policy() -> Callable[..., Transformer]:
    """`tiny_policy(vocab_size, seed=0, context=128)`: random weights, 64 wide, 2 layers."""
    from firstwords.model.config import ModelConfig
    from firstwords.model.transformer import Transformer

    def build(vocab_size: int, seed: int = 0, context: int = 128) -> Transformer:
        config = ModelConfig(
            vocab_size=vocab_size,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=64,
            max_position_embeddings=context,
        )
        model = Transformer(config)
        model.init_weights(seed)
        return model

    return build


@pytest.fixture(scope="session")
def _built_home(tmp_path_factory: pytest.TempPathFactory, tiny_policy) -> Path:
    """models/pip/{base,sft} with random weights: 64 wide, 2 layers, context 160."""
    from firstwords.model.hub import save_model
    from firstwords.tokenizer.fast import Tokenizer

    home = tmp_path_factory.mktemp("shared") / "home"
    tokenizer = Tokenizer.train([TEXT] * 5, 300)
    for seed, stage in enumerate(("base", "sft")):
        model = tiny_policy(tokenizer.vocab_size, seed, context=160)
        card = {"stage": stage, "metrics": {"bits_per_byte": 2.5}, "created": "2026-01-02T03:04:05Z"}
        save_model(model, home / "models" / "pip" / stage, tokenizer, card)
    return home


@pytest.fixture
def pip_home(_built_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that holds the tiny model `pip`; read it, do not write into it."""
    monkeypatch.setenv("FIRSTWORDS_HOME", str(_built_home))
    return _built_home


@pytest.fixture
def own_home(_built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home with the tiny model, to write into."""
    shutil.copytree(_built_home, tmp_path / "home")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def firstwords(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process: firstwords("next", "The cat") -> (exit code, stdout, stderr)."""
    from firstwords.cli import main

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([str(w) for w in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def spawn() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line in a process of its own: spawn("--help", text="typed", env={...})."""

    def run(*words: str, text: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})}
        command = [sys.executable, "-m", "firstwords", *map(str, words)]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, env=environment)

    return run


@pytest.fixture
def one_thread():
    """Tiny models are faster on one thread, and sums come out in one order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 384 KiB, where this test may mount one."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384k", "tmpfs", disk], capture_output=True)
    if made.returncode:
        pytest.skip("this machine does not let us mount a file system")
    yield disk
    subprocess.run(["umount", disk], check=True)
