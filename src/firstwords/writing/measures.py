"""What is measured in a text: its words, how much of it is repeated, and which required words are missing.

measure("The dog ran. The dog ran home.", ("dog", "cat")).missing -> ("cat",)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

GRAM = 4  # words
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True)
class Measures:
    """words: their number. repetition: the share of 4-grams of words that occurred before, 0 to 1."""

    words: int
    repetition: float
    used: tuple[str, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"used": list(self.used), "missing": list(self.missing)}


def measure(text: str, required: Sequence[str] = ()) -> Measures:
    """The measures of a text."""
    lacking = missing(text, required)
    used = tuple(word for word in required if word not in lacking)
    return Measures(len(words_of(text)), round(repetition(text), 4), used, lacking)


def words_of(text: str) -> list[str]:
    """The words of a text in small letters: words_of("It's a red-hot day.") -> ["it's", "a", "red-hot", "day"]."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def repetition(text: str) -> float:
    """The share of the text's 4-grams of words that are a repetition of an earlier one; 0 for a shorter text."""
    words = words_of(text)
    grams = [tuple(words[place : place + GRAM]) for place in range(len(words) - GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def missing(text: str, required: Iterable[str]) -> tuple[str, ...]:
    """The required words that a text does not contain, whatever their case."""
    there = set(words_of(text))
    return tuple(word for word in required if word.lower().replace("’", "'") not in there)
