"""Answers from documents: sentences with citations, or the statement that the documents don't say.

    evidence = gather("Who repairs the bell?")
    answer = answered(evidence, Extractive())
    answer.text                      -> "The bell is repaired by Anna Berger. [1]"
    answer.citations[0].quote        -> "The bell is repaired by Anna Berger.", with document and characters

A reader sees only passages that were found. What it returns is checked: citations of passages that were not given to it
are dropped, and a sentence that its passage does not support is marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from firstwords.retrieval.evidence import Evidence
from firstwords.retrieval.records import Passage

Kind = Literal["extractive", "generative", "none", "memory"]
DONT_SAY = "Your documents don't say."
FROM_MEMORY = "From memory, not from your documents:"
UNSUPPORTED = "(not supported by the passage)"
_MARKER = re.compile(r"\[(\d+)\]")  # in a quoted text it is not a marker of ours


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer. cited: numbers of passages, from 1; quoted: (start, end) in the first one's text."""

    text: str
    cited: tuple[int, ...]
    is_supported: bool = True
    quoted: tuple[int, int] | None = None


@dataclass(frozen=True)
class Citation:
    """The place that a sentence comes from. number: of the passage; char_start and char_end: in the document's text."""

    number: int
    sentence: int
    char_start: int
    char_end: int
    quote: str
    passage: Passage

    def to_dict(self) -> dict[str, Any]:
        """The citation as JSON can hold it."""
        chunk, document = self.passage.chunk, self.passage.document
        return {
            "number": self.number,
            "sentence": self.sentence,
            "document_id": document.id,
            "source": document.source,
            "title": chunk.title,
            "page": chunk.page,
            "as_of": document.as_of,
            "char_start": self.char_start,
            "char_end": self.char_end,
            "quote": self.quote,
        }


class Reader(Protocol):
    """Answers from passages."""

    @property
    def kind(self) -> Kind:
        """Of its answers."""

    def read(self, evidence: Evidence) -> list[Sentence]:
        """The sentences of an answer; none if the passages hold no answer after all."""


@dataclass(frozen=True)
class Answer:
    """An answer, everything it is based on, and how sure the gate was."""

    kind: Kind
    sentences: list[Sentence]
    evidence: Evidence
    citations: list[Citation] = field(default_factory=list)

    @property
    def is_grounded(self) -> bool:
        """Whether it is from the documents."""
        return self.kind in ("extractive", "generative")

    @property
    def text(self) -> str:
        """The answer with its markers: "Anna Berger repairs it. [1]"."""
        if self.kind == "none":
            return DONT_SAY
        parts = [
            " ".join(
                [_MARKER.sub(r"(\1)", s.text), *(f"[{n}]" for n in s.cited), *([] if s.is_supported else [UNSUPPORTED])]
            )
            for s in self.sentences
        ]
        return " ".join([FROM_MEMORY, *parts] if self.kind == "memory" else parts)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON can hold it, with all passages that were found, used or not."""
        used = {citation.number for citation in self.citations}
        passages = [
            {"number": number, "is_used": number in used, **passage.to_dict()}
            for number, passage in enumerate(self.evidence.passages, 1)
        ]
        return {
            "question": self.evidence.question,
            "answer": self.text,
            "kind": self.kind,
            "is_grounded": self.is_grounded,
            "probability": round(self.evidence.probability, 4),
            "sentences": [
                {"text": s.text, "cited": list(s.cited), "is_supported": s.is_supported} for s in self.sentences
            ],
            "citations": [citation.to_dict() for citation in self.citations],
            "passages": passages,
        }


def answered(evidence: Evidence, reader: Reader) -> Answer:
    """The reader's answer with its citations, if the gate lets it answer."""
    read = reader.read(evidence) if evidence.is_enough else []
    count = len(evidence.passages)
    sentences = [Sentence(s.text, tuple(n for n in s.cited if 1 <= n <= count), s.is_supported, s.quoted) for s in read]
    if not sentences:
        return Answer("none", [], evidence)
    citations = [
        _citation(evidence.passages[number - 1], number, place, sentence)
        for place, sentence in enumerate(sentences)
        for number in sentence.cited
    ]
    return Answer(reader.kind, sentences, evidence, citations)


def from_memory(evidence: Evidence, text: str) -> Answer:
    """A model's own answer, labelled as such: it cites nothing."""
    return Answer("memory", [Sentence(text, ())], evidence)


def _citation(passage: Passage, number: int, place: int, sentence: Sentence) -> Citation:
    start, end = sentence.quoted or (0, len(passage.chunk.text.rstrip()))
    offset = passage.chunk.char_start
    return Citation(number, place, offset + start, offset + end, passage.chunk.text[start:end], passage)
