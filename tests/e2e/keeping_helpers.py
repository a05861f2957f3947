"""What the tests of keeping work share: small command lines, what is in a home, and command lines that a kill ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firstwords import home
from firstwords.model.hub import read_card
from firstwords.train.run import Run

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "old", "dog", "run", "to", "its", "red", "house"]
SHAPE = ["--hidden-size", "64", "--layers", "1", "--vocab-size", "300", "--context", "64"]
FIXED = ["--batch-tokens", "64", "--precision", "fp32", "--threads", "1", "--compile", "no", "--prompt", "the"]
Command = Callable[..., tuple[int, str, str]]


def of_text(inputs: Path, name: str = "text") -> list[str]:
    return ["--text", str(inputs / f"{name}.txt"), *SHAPE, *FIXED]


def of_chats(inputs: Path) -> list[str]:
    return ["--chats", str(inputs / "chats.jsonl"), *FIXED]


def files(*without: str) -> dict[str, bytes]:
    """Everything in models and runs."""
    paths = [p for part in ("models", "runs") for p in (home.home() / part).rglob("*") if p.is_file()]
    return {str(p.relative_to(home.home())): p.read_bytes() for p in paths if p.name not in without}


def weights(ref: str) -> str:
    return read_card(home.models_dir() / ref)["weights_sha256"]


class KilledError(BaseException):
    pass


def killed_after(step: int, firstwords: Command, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run a command line that a SIGKILL ends behind that step."""
    finish = Run.finish_step

    def dying(self: Run, *arguments: object) -> None:
        finish(self, *arguments)
        if self.step == step:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Run, "finish_step", dying)
        with pytest.raises(KilledError):
            firstwords(*words)
