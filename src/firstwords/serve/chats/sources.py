"""Where an answer of a chat comes from: its sentences, their citations, and every passage that was found.

    {"kind": "extractive", "probability": 0.83, "sentences": [...], "citations": [...], "passages": [...]}

It is stored with the message as JSON text, so that an answer keeps its sources when a document is changed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from firstwords.retrieval.answer import Answer
from firstwords.retrieval.store import NAME_CHARS
from firstwords.serve.chats.records import dump

# What a request asks: True for all documents, or a collection; False for the model's memory, labelled as such; None
# for a chat without documents.
Wanted = bool | Annotated[str, Field(min_length=1, max_length=NAME_CHARS)] | None
_FIELDS = ("kind", "probability", "sentences", "citations", "passages")
FROM_MEMORY = dump({"kind": "memory", "probability": 0.0, "sentences": [], "citations": [], "passages": []})


def sources_json(answer: Answer) -> str:
    """The sources of an answer as JSON text."""
    whole = answer.to_dict()
    return dump({name: whole[name] for name in _FIELDS})


Count = Annotated[int, Field(ge=0, lt=2**53)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _SentenceIn(_Part):
    text: str
    cited: list[Count]
    is_supported: bool


class _PlaceIn(_Part):
    number: Count
    document_id: Count
    source: str
    title: str
    page: Count | None
    as_of: str | None
    char_start: Count
    char_end: Count


class _CitationIn(_PlaceIn):
    sentence: Count
    quote: str


class _PassageIn(_PlaceIn):
    is_used: bool
    chunk_id: Count
    chunk_number: Count
    collection: str
    sha256: str
    score: float
    text: str
    marks: list[tuple[Count, Count]]


class SourcesIn(_Part):
    """Sources in an export: the page reads every field."""

    kind: Literal["extractive", "generative", "none", "memory"]
    probability: float
    sentences: list[_SentenceIn]
    citations: list[_CitationIn]
    passages: list[_PassageIn]

    def to_json(self) -> str:
        """The sources as they are stored."""
        fields: dict[str, Any] = self.model_dump()
        return dump(fields)
