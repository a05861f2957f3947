"""Judges what a model wrote freely: numbers, short answers with aliases."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

_NUMBER = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_MARKED = re.compile(r"#### (-?[0-9.,]+)")
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def number_in(text: str) -> Fraction | None:
    """The number after ####, or else the last one in a text: number_in("so $1,200.50 in all") == 2401/2."""
    marked = _MARKED.findall(text)
    for found in [*marked[:1], *reversed(_NUMBER.findall(text))]:
        digits = re.sub(r"[$,]", "", found).rstrip(".")
        try:
            return Fraction(digits)
        except (ValueError, ZeroDivisionError):
            continue
    return None


def marked_number(text: str) -> Fraction | None:
    """The number after ####, as GSM8K's own solutions end; None without the mark."""
    return number_in(found.group()) if (found := _MARKED.search(text)) else None


def plain(text: str) -> str:
    """As SQuAD compares answers: lower case, without punctuation and articles, single spaces."""
    text = "".join(c for c in text.casefold() if c not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", text).split())


def is_exact(answer: str, accepted: Sequence[str]) -> bool:
    """Whether an answer is one of the accepted ones, as SQuAD compares them."""
    return plain(answer) in map(plain, accepted)


def contains(answer: str, accepted: Sequence[str]) -> bool:
    """Whether the words of an accepted answer occur in an answer, one after another."""
    return any(f" {words} " in f" {plain(answer)} " for one in accepted if (words := plain(one)))


def f1(answer: str, accepted: Sequence[str]) -> float:
    """The highest F1 of an answer's words over the accepted answers, 0 to 1."""
    return max(_f1(plain(answer).split(), plain(one).split()) for one in accepted)


def _f1(words: list[str], expected: list[str]) -> float:
    if not words or not expected:
        return float(words == expected)
    shared = sum((Counter(words) & Counter(expected)).values())
    return 2 * shared / (len(words) + len(expected))
