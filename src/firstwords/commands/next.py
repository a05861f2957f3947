"""What comes next? The model's exact probabilities over the whole vocabulary.

firstwords next "The cat is"
firstwords next "What is your first" --model pip/sft --top 5 --json
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.model.card import examples

EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass
class Next(JsonFlag):
    """Show the probabilities of the next token. Example: firstwords next "The cat is" """

    text: Positional[str | None] = None
    """The beginning of the text, in quotes."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the base stage of the newest model."""
    top: int = 10
    """Number of tokens to show; the others are summed as "everything else"."""


def main(config: Next) -> None:
    """Compute and print the distribution of the next token."""
    if config.top < 1:
        raise UserError(f"--top is {config.top}: show at least one token")
    if config.text is None:
        raise UserError(f"TEXT is missing: give the beginning of a text, for example {example(config.model)}")
    loaded = api.load(config.model, stage="base")
    result = distribution(loaded, config.text, config.top)
    if config.json:
        shared.emit(result)
    else:
        print(bars(result, shutil.get_terminal_size().columns, sys.stdout.isatty()))


def example(ref: str | None = None) -> str:
    """A command to try: with a text that the model handled when it was trained, if there is one."""
    text = "The cat is"
    with suppress(UserError):
        text = next(iter(examples(home.resolve(ref or api.newest("base")))["next"]), text)
    return f'firstwords next "{text}"' + (f" --model {ref}" if ref else "")


def distribution(loaded: api.Model, text: str, top: int) -> dict[str, Any]:
    """{model, text, tokens: [{id, text, probability, logprob}], rest, rest_tokens, entropy}, see `engine.tokens`."""
    found = loaded.next(text, top)
    tokens = [{"id": t.id, "text": t.text, "probability": t.probability, "logprob": t.logprob} for t in found.tokens]
    return {
        "model": loaded.label,
        "text": text,
        "tokens": tokens,
        "rest": found.rest,
        "rest_tokens": found.rest_tokens,
        "entropy": found.entropy,
    }


def bars(result: dict[str, Any], width: int, colour: bool) -> str:
    """The distribution as lines of text, one bar per token; a full bar is a probability of 100 %."""
    rows = [(shared.shown(t["text"]), t["probability"]) for t in result["tokens"]]
    rows.append((f"everything else ({result['rest_tokens']:,} tokens)", result["rest"]))
    name_width = max(len(name) for name, _ in rows)
    room = max(10, min(60, width - name_width - 14))
    dim, bright, off = ("\033[2m", "\033[32m", "\033[0m") if colour else ("", "", "")
    lines = [f"{dim}{result['model']}, after{off} {shared.shown(result['text'])}"]
    for number, (name, p) in enumerate(rows):
        tint = dim if number == len(rows) - 1 else bright
        lines.append(f"  {name:<{name_width}}  {p:6.1%}  {tint}{bar(p, room)}{off}".rstrip())
    return "\n".join(lines)


def bar(share: float, room: int) -> str:
    """A bar that fills `share` (0..1) of `room` characters, to an eighth of a character."""
    eighths = round(share * room * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()
