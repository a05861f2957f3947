"""What documents are made of, and the tables that hold them in `home/firstwords.db`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstwords.database import database_path, opened

if TYPE_CHECKING:
    import sqlite3

OWNER = "owner"  # whose documents the command line adds; a server with keys has more users
COLLECTION = "documents"  # the collection if none is named
INDEX_VERSION = 1  # of passages and words; documents of another version are cut and indexed again

# `place` is one word per collection ("c7"), so that a search within a collection is part of the index's own query.
# `part` counts the texts that the reader found in a file (rows, pages): no passage belongs to two.
# Passages of a document have consecutive ids. chunk_words reads its texts from chunks; chunk_grams holds only the
# pairs of characters of scripts without spaces.
_TABLES = """
CREATE TABLE collections (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (owner, name)
);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collection_id INTEGER NOT NULL REFERENCES collections (id),
    source TEXT NOT NULL, title TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, chars INTEGER NOT NULL,
    chunks INTEGER NOT NULL, pages INTEGER, added TEXT NOT NULL, as_of TEXT, is_markdown INTEGER NOT NULL,
    index_version INTEGER NOT NULL,
    UNIQUE (collection_id, source)
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document_id INTEGER NOT NULL REFERENCES documents (id),
    number INTEGER NOT NULL, char_start INTEGER NOT NULL, char_end INTEGER NOT NULL, page INTEGER,
    part INTEGER NOT NULL, sha256 BLOB NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, place TEXT NOT NULL
);
CREATE UNIQUE INDEX chunks_document ON chunks (document_id, number);
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    title, text, place, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE chunk_grams USING fts5 (grams, place, content = '', tokenize = 'unicode61');
"""
# The embedding model, if there is one, and a vector of each passage: scale * int8 numbers. `changes` counts what became
# of the vectors, so that a process knows whether those in its memory are still these.
_VECTORS = """
CREATE TABLE embedder (
    id INTEGER PRIMARY KEY CHECK (id = 1), path TEXT NOT NULL, fingerprint TEXT NOT NULL, is_on INTEGER NOT NULL,
    key TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE chunk_vectors (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id), scale REAL NOT NULL, vector BLOB NOT NULL
);
"""
MIGRATIONS = (_TABLES, _VECTORS)


@contextmanager
def database(write: bool = False) -> Iterator[sqlite3.Connection]:
    """The database in home with the tables of documents; see `firstwords.database.opened`."""
    with opened(database_path(), "documents", MIGRATIONS, write) as connection:
        yield connection


@dataclass(frozen=True)
class Document:
    """A stored document. as_of: when a web page was fetched; pages: of a PDF."""

    id: int
    collection: str
    source: str
    title: str
    sha256: str
    bytes: int
    chars: int
    chunks: int
    pages: int | None
    added: str
    as_of: str | None

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON can hold it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Chunk:
    """A passage of a document. char_start and char_end are offsets in the document's text; title: the document's, and
    the heading it is under."""

    document_id: int
    number: int
    char_start: int
    char_end: int
    page: int | None
    sha256: str
    title: str
    text: str
    id: int = 0


@dataclass(frozen=True)
class Passage:
    """A passage that a search found. score: BM25, higher is better, 0 for one that only dense vectors found; marks:
    matched words, as offsets in its text."""

    chunk: Chunk
    document: Document
    score: float
    marks: list[tuple[int, int]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The passage as JSON can hold it; `source`, `page` and `char_start` to `char_end` open it."""
        chunk, document = self.chunk, self.document
        return {
            "chunk_id": chunk.id,
            "chunk_number": chunk.number,
            "document_id": document.id,
            "collection": document.collection,
            "source": document.source,
            "title": chunk.title,
            "page": chunk.page,
            "as_of": document.as_of,
            "char_start": chunk.char_start,
            "char_end": chunk.char_end,
            "sha256": chunk.sha256,
            "score": round(self.score, 3),
            "text": chunk.text,
            "marks": [list(mark) for mark in self.marks],
        }
