"""Shared by the commands: flags that several of them take, sampling parameters, input and output.

Results go to stdout and remarks to stderr; with `--json`, stdout gets one JSON object and nothing else.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords import api
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError

if TYPE_CHECKING:
    from firstwords.engine.sampling import SamplingParams


@dataclass(kw_only=True)
class JsonFlag:
    """The flag of every command that reports something."""

    json: bool = False
    """Print one JSON object, and nothing else on standard output."""


@dataclass(kw_only=True)
class SamplingFlags:
    """The flags of every command whose model answers.

    A command that declares one again, for another default, is a dataclass with kw_only=True too.
    """

    max_tokens: int = 80
    """Maximum number of tokens to generate."""
    temperature: float = CHAT_TEMPERATURE
    """0 always takes the most likely token, 1 samples from the model's own distribution."""
    top_p: float = CHAT_TOP_P
    """Sample from the most likely tokens whose probabilities add up to this."""
    seed: int | None = None
    """The same seed gives the same output."""

    def params(self, **others: Any) -> SamplingParams:
        """Sampling parameters from these flags, and `others` that override or complement them."""
        flags = {"max_tokens": self.max_tokens, "temperature": self.temperature, "top_p": self.top_p, "seed": self.seed}
        return sampling(**(flags | others))


def sampling(**values: Any) -> SamplingParams:
    """SamplingParams, with errors that name the flags."""
    try:
        return api.sampling(**values)
    except UserError as error:
        name, rest = str(error).split(" ", 1)
        raise UserError(f"--{name.replace('_', '-')} {rest}") from None


def readable_input() -> None:
    """Read bytes of stdin that are not text as replacement characters instead of raising an error. Call it before the
    first line is read; further calls change nothing."""
    if hasattr(sys.stdin, "reconfigure") and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")


def emit(result: dict[str, Any]) -> None:
    """Print the one JSON object of a command with --json."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def shown(text: str) -> str:
    """Text in quotes, with line ends and unprintable characters escaped: '" a\\n"'."""
    visible = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f'"{visible}"'
