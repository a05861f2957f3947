"""Records how answers were decoded; both sides of a comparison must use equal settings.

    Decoding.of(params)    -> Decoding(temperature=1.0, max_tokens=80, ..., system="", template="5f3a...")

A comparison must measure the models, not the sampling. No torch here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from firstwords.config import UserError
from firstwords.tokenizer.files import CHAT_TEMPLATE


@dataclass(frozen=True)
class Decoding:
    """The settings that determine a side's distribution over answers: all of SamplingParams but the seed."""

    temperature: float
    max_tokens: int
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] | None = None
    ignore_eos: bool = False
    system: str = ""  # system prompt placed before the messages
    template: str = ""  # sha256 of the chat template that rendered them

    @classmethod
    def of(cls, params: Any, system: str = "", template: str = CHAT_TEMPLATE) -> Decoding:
        """The record of answers sampled with these SamplingParams."""
        own = {f.name: getattr(params, f.name) for f in fields(cls) if hasattr(params, f.name)}
        return cls(**own, system=system, template=hashlib.sha256(template.encode()).hexdigest())


def check_equal(records: Iterable[Decoding | None]) -> None:
    """Raise UserError, naming the differences, unless all records are equal; None means unknown settings."""
    different = list(dict.fromkeys(records))
    if len(different) < 2:
        return
    one, other = (asdict(record) if record is not None else None for record in different[:2])
    if one is None or other is None:
        raise UserError("the decoding settings are recorded for only one side of the comparison: sample both again")
    named = [f"{name} is {one[name]!r} and {other[name]!r}" for name in one if one[name] != other[name]]
    raise UserError(
        f"the two sides of the comparison were decoded differently ({'; '.join(named)}): use the same settings for both"
    )
