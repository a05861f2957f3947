"""What is to be written: topic, form, length, ending, and words that have to occur.

Brief("a lost dog", form="story", length="short", ending="happy", words=("boat",)).request
-> "Write a short story about a lost dog with a happy ending."
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from firstwords.config import UserError, unknown
from firstwords.plain_text import clean_text

Form = Literal["story", "essay", "poem", "letter"]
Length = Literal["short", "medium", "long"]
Ending = Literal["", "happy", "sad"]
FORMS: tuple[str, ...] = get_args(Form)
LENGTHS: tuple[str, ...] = get_args(Length)
ENDINGS: tuple[str, ...] = get_args(Ending)
PARTS = {"short": 3, "medium": 4, "long": 6}
PART_WORDS = {"story": (40, 60, 80), "essay": (40, 60, 80), "letter": (35, 50, 70), "poem": (24, 24, 28)}
MAX_TOPIC, MAX_WORDS, MAX_WORD = 300, 12, 40  # characters, words, characters


@dataclass(frozen=True)
class Brief:
    """Raises UserError, in one sentence, for what cannot be written."""

    topic: str
    form: str = "story"
    length: str = "short"
    ending: str = ""
    words: tuple[str, ...] = ()
    """Words that have to occur, in any case."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", re.sub(r"\s+", " ", clean_text(self.topic)).strip().rstrip("."))
        object.__setattr__(self, "words", tuple(dict.fromkeys(word.strip() for word in self.words if word.strip())))
        if not self.topic:
            raise UserError("the topic is empty: say what to write about, such as a lost dog")
        if len(self.topic) > MAX_TOPIC:
            raise UserError(f"the topic has {len(self.topic):,} characters, but the limit is {MAX_TOPIC}: shorten it")
        for name, value, known in (
            ("form", self.form, FORMS),
            ("length", self.length, LENGTHS),
            ("ending", self.ending, ENDINGS),
        ):
            if value not in known:
                raise unknown(name, value or "(empty)", filter(None, known), f"use {_or(filter(None, known))}")
        if self.ending and self.form != "story":
            raise UserError(f"an ending is for stories: leave it out for {_a(self.form)}")
        if len(self.words) > MAX_WORDS:
            raise UserError(f"{len(self.words)} words have to occur, but the limit is {MAX_WORDS}: name fewer")
        wrong = next(
            (w for w in self.words if len(w) > MAX_WORD or not re.fullmatch(r"[^\W_]+(?:['’-][^\W_]+)*", w)), ""
        )
        if wrong:
            raise UserError(f"{wrong[:MAX_WORD]!r} is not a single word: give words such as boat,moon")

    @property
    def num_parts(self) -> int:
        """Paragraphs, or stanzas of a poem."""
        return PARTS[self.length] if self.form != "poem" else PARTS[self.length] - 1

    @property
    def part_words(self) -> int:
        """About how many words a paragraph has."""
        return PART_WORDS[self.form][LENGTHS.index(self.length)]

    @property
    def range(self) -> tuple[int, int]:
        """How many words the whole text should have, from and to."""
        words = self.num_parts * self.part_words
        return words // 2, words * 3 // 2

    @property
    def request(self) -> str:
        """What a model is asked. A medium length is not mentioned."""
        size = "" if self.length == "medium" else f"{self.length} "
        ending = f" with a {self.ending} ending" if self.ending else ""
        return f"Write a {size}{self.form} about {self.topic}{ending}."

    @property
    def simple_request(self) -> str:
        """The same for a small model, in words that its chats contain: moods and words of a story."""
        described = " ".join(filter(None, ("" if self.length == "medium" else self.length, self.ending, self.form)))
        verb = "Tell me" if self.form == "story" else "Write"
        named = f" with {listed(self.words, 'the word', 'the words')} in it" if self.words else ""
        return f"{verb} a {described} about {self.topic}{named}."

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"words": list(self.words)}


def listed(words: Iterable[str], one: str, several: str) -> str:
    """Words in a sentence: listed(["a", "b"], "the word", "the words") -> "the words a and b"."""
    *first, last = list(words)
    return f"{several} {', '.join(first)} and {last}" if first else f"{one} {last}"


def _or(names: Iterable[str]) -> str:
    *first, last = list(names)
    return f"{', '.join(first)} or {last}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
