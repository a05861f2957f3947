"""The visitor's list: what a first-time visitor types on a small chat model's page, and whether the reply is sensible.

464 inputs in two halves of equal composition: `work`, whose answers one reads while improving the model, and `final`,
which is only measured. None of them is a user's turn of the training chats: their generator drops what `is_held_out`
names. Example: is_held_out("Whats 2+3?") is True, is_held_out("hello") is False.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from firstwords.stats import rate_of
from firstwords.world.chats.checks import Check, passes
from firstwords.world.visitor_final import FINAL
from firstwords.world.visitor_work import WORK

HALVES = {"work": WORK, "final": FINAL}


class Visit(NamedTuple):
    """One input: its half, its kind ("sums"), the text as typed, and what counts as a sensible reply."""

    half: str
    kind: str
    text: str
    check: Check


def visits(half: str = "") -> list[Visit]:
    """The inputs of a half, or of both."""
    return [
        Visit(name, kind, text, check)
        for name, kinds in HALVES.items() if half in ("", name)
        for kind, rows in kinds.items() for text, check in rows
    ]


_SIGNS = (("+", " plus "), ("=", " "))
_NOT_ALNUM = re.compile(r"[\W_]+")
_MINUS = re.compile(r"(?<=\d)\s*[-−–]\s*(?=\d)")


def normalised(text: str) -> str:
    """The letters and digits of a text in lower case, plus and minus as words: "Whats 2+3 ?" -> "whats2plus3".

    A text without any is kept as it is.
    """
    low = _MINUS.sub(" minus ", text.lower())
    for sign, name in _SIGNS:
        low = low.replace(sign, name)
    return _NOT_ALNUM.sub("", low) or text.strip()


@cache
def _normalised_inputs(half: str = "") -> frozenset[str]:
    return frozenset(normalised(visit.text) for visit in visits(half))


def is_held_out(text: str) -> bool:
    """Whether a user's turn is one of the visitor's inputs, however it is spelled; training chats leave it out."""
    return normalised(text) in _normalised_inputs()


def is_final(text: str) -> bool:
    """Whether it is an input of the final half."""
    return normalised(text) in _normalised_inputs("final")


@cache
def _kinds() -> dict[str, str]:
    return {visit.text: visit.kind for visit in visits()}


def kind_of(text: str) -> str:
    """The kind of an input of the list, exactly as it is written there."""
    return _kinds()[text]


def is_sensible(visit: Visit, answer: str, stopped: bool = True) -> bool:
    """Whether a reply passes the input's check and ended by itself."""
    return stopped and passes(visit.check, answer)


def rates(results: Iterable[tuple[Visit, bool]]) -> dict[str, dict[str, float]]:
    """Rate, interval and count of "visitor" (all), "work", "final" and every kind, from (visit, whether sensible)."""
    had: dict[str, list[bool]] = {"visitor": []}
    for visit, sensible in results:
        for name in ("visitor", visit.half, visit.kind):
            had.setdefault(name, []).append(sensible)
    return {name: rate_of(outcomes) for name, outcomes in had.items()}
