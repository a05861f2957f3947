"""How a text is written: from an outline, a paragraph for each of its points, or in one go.

A model of some size is asked for a paragraph at a time, each for a point of the outline, in a chat that holds the
paragraphs before it. A small model would not understand that: it gets the question once, and its answer is continued,
a paragraph at a time (`prefill`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from firstwords.config import UserError, unknown
from firstwords.writing.brief import Brief, listed
from firstwords.writing.measures import missing

OUTLINE_PARAMETERS = 100_000_000  # smaller models answer a request for an outline with a story
MAX_POINTS, MAX_POINT = 12, 300  # of an outline; characters of a point
OutlineKind = Literal["auto", "model", "program", "none"]
OUTLINES: tuple[str, ...] = get_args(OutlineKind)
SOURCES = ("model", "program", "person", "none")
TOO_SMALL = "without an outline: a model of this size does not follow one, so its answer is split into paragraphs"
UNUSABLE = "outline by the program: what the model wrote was not usable as one"

_POINTS = {
    "story": ("Who it is about, and where.", "What goes wrong.", "How they try to help themselves.", "Who helps them.",
              "What they find out.", "How it ends."),
    "essay": ("What it is.", "Why it matters.", "An example.", "What some people object to.", "An answer to that.",
              "A conclusion."),
    "poem": ("What one sees.", "What one hears.", "What one feels.", "What one remembers.", "What remains."),
    "letter": ("A greeting, and why you write.", "What happened.", "How you felt about it.", "What you are doing now.",
               "A question to the reader.", "A wish, and your name."),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A brief and its outline. source: who wrote the outline, one of SOURCES. is_small: see OUTLINE_PARAMETERS."""

    brief: Brief
    outline: tuple[str, ...] = ()
    source: str = "none"
    note: str = ""
    is_small: bool = False

    @property
    def num_parts(self) -> int:
        return len(self.outline) or self.brief.num_parts

    @property
    def is_in_one_go(self) -> bool:
        """Whether the paragraphs are those of one answer, which may end before the last of them."""
        return not self.outline

    def prompt(self, before: Sequence[str]) -> tuple[list[dict[str, str]], str]:
        """(messages, how the answer begins) for the paragraph after those `before`."""
        if self.is_in_one_go:
            joiner = " " if self.is_small and self.brief.form != "poem" else "\n\n"
            return [{"role": "user", "content": self._opening()}], joiner.join(before)
        messages = []
        for part in range(len(before) + 1):
            messages.append({"role": "user", "content": self._asks_for(part, before[:part])})
            if part < len(before):
                messages.append({"role": "assistant", "content": before[part]})
        return messages, ""

    def wanted(self, before: Sequence[str]) -> tuple[str, ...]:
        """The words that the next paragraph should contain: all that are missing in one answer, else its share of
        them, and those that earlier paragraphs left out."""
        words, part = self.brief.words, len(before)
        if self.is_in_one_go:
            return missing("\n".join(before), words)
        due = tuple(word for place, word in enumerate(words) if place % self.num_parts <= part)
        return missing("\n".join(before), due)

    def _opening(self) -> str:
        brief = self.brief
        if self.is_small:
            return brief.simple_request
        return brief.request + (f" Use {listed(brief.words, 'the word', 'the words')}." if brief.words else "")

    def _asks_for(self, part: int, before: Sequence[str]) -> str:
        name = "stanza" if self.brief.form == "poem" else "paragraph"
        which = "first" if part == 0 else "last" if part == self.num_parts - 1 else "next"
        if part >= self.num_parts:
            asked = f"Write another {name}."
        else:
            asked = f"Write only the {which} {name}: {self.outline[part]}"
        wanted = self.wanted(before)
        words = f" Use {listed(wanted, 'the word', 'the words')}." if wanted else ""
        return f"{self.brief.request + ' ' if part == 0 else ''}{asked}{words}"


def outline_prompt(brief: Brief, lines: Sequence[str]) -> tuple[list[dict[str, str]], str]:
    """(messages, how the answer begins) that ask a model for the next point of an outline; each is one line."""
    asked = (
        f"{brief.request} Before you write it, write an outline with exactly {brief.num_parts} numbered lines, one "
        f"short sentence each, about what happens in each part."
    )
    if brief.form != "story":
        asked = asked.replace("what happens in", "the content of")
    points = [f"{number}. {line}\n" for number, line in enumerate(lines, 1)]
    return [{"role": "user", "content": asked}], "".join(points) + f"{len(lines) + 1}."


def read_point(line: str) -> str:
    """A line as a point: without its number and marks."""
    return re.sub(r"^[\s\d.)*#_-]+", "", line).replace("**", "").strip()[:MAX_POINT]


def is_usable(lines: Sequence[str], brief: Brief) -> bool:
    """Whether lines that a model wrote are an outline: enough of them, all different, each at least three words."""
    are_long = all(len(line.split()) >= 3 for line in lines)
    return len(lines) == brief.num_parts and are_long and len({line.lower() for line in lines}) == len(lines)


def program_outline(brief: Brief) -> tuple[str, ...]:
    """An outline that fits every topic, for models that write none. The first points and the last."""
    points, num_parts = _POINTS[brief.form], brief.num_parts
    chosen = [*points[: num_parts - 1], points[-1]]
    if brief.ending:
        chosen[-1] = f"A {brief.ending} ending."
    return tuple(chosen)


def given_outline(lines: Sequence[str]) -> tuple[str, ...]:
    """The points that a person wrote, without empty ones. Raises UserError for too many."""
    points = tuple(point for line in lines if (point := re.sub(r"\s+", " ", line).strip()))
    if len(points) > MAX_POINTS:
        raise UserError(f"the outline has {len(points)} points, but the limit is {MAX_POINTS}: merge some")
    long = next((point for point in points if len(point) > MAX_POINT), None)
    if long is not None:
        raise UserError(
            f"a point of the outline has {len(long):,} characters, but the limit is {MAX_POINT}: shorten it"
        )
    return points


def check_kind(kind: str) -> None:
    """Raise UserError for a kind of outline that does not exist."""
    if kind not in OUTLINES:
        raise unknown("outline", kind, OUTLINES, f"use one of {', '.join(OUTLINES)}")
