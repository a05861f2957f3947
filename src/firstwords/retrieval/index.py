"""The lexical index: FTS5 over the passages, with BM25.

    index = LexicalIndex(connection)
    index.search("Who repairs the bell?", 5, places=["c1"])    -> [(chunk id, score), ...], best first

Another index (`Index`) has the same three methods: `vectors.VectorIndex`, `qdrant.QdrantIndex`. A higher score is
better.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from firstwords.retrieval import words
from firstwords.retrieval.passages import Span

TITLE_WEIGHT, TEXT_WEIGHT = 0.6, 1.0  # of a match in BM25; chosen with benchmarks/documents.py
CANDIDATES = 5000  # passages that are ranked for a question, at most, if it has rarer words
_START, _STOP = "\x02", "\x03"  # around matches; they are not in texts, see `store.put`


class Index(Protocol):
    """What every index of passages can do once they are in it. `places` are collections, None for all."""

    def delete(self, document_id: int) -> None:
        """Take the passages of a document out; to be called while they are still stored."""

    def search(self, query: str, k: int, places: Sequence[str] | None = None) -> list[tuple[int, float]]:
        """(chunk id, score) of the k best passages, best first."""


class LexicalIndex:
    """FTS5 in the database that holds the passages; what is added and deleted belongs to the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, document_id: int) -> None:
        """Index the stored passages of a document."""
        self._connection.execute(
            "INSERT INTO chunk_words (rowid, title, text, place) "
            "SELECT id, title, text, place FROM chunks WHERE document_id = ?",
            [document_id],
        )
        self._grams("INSERT INTO chunk_grams (rowid, grams, place) VALUES (?, ?, ?)", document_id)

    def delete(self, document_id: int) -> None:
        """Take the passages of a document out; to be called while they are still stored."""
        self._connection.execute(
            "INSERT INTO chunk_words (chunk_words, rowid, title, text, place) "
            "SELECT 'delete', id, title, text, place FROM chunks WHERE document_id = ?",
            [document_id],
        )
        self._grams(
            "INSERT INTO chunk_grams (chunk_grams, rowid, grams, place) VALUES ('delete', ?, ?, ?)", document_id
        )

    def clear(self) -> None:
        """Empty both indexes."""
        self._connection.execute("INSERT INTO chunk_words (chunk_words) VALUES ('delete-all')")
        self._connection.execute("INSERT INTO chunk_grams (chunk_grams) VALUES ('delete-all')")

    def _grams(self, statement: str, document_id: int) -> None:
        rows = self._connection.execute(
            "SELECT id, title || ' ' || text, place FROM chunks WHERE document_id = ?", [document_id]
        )
        pairs = ((number, words.indexed_grams(text), place) for number, text, place in rows)
        self._connection.executemany(statement, (row for row in pairs if row[1]))

    def search(
        self, query: str, k: int, places: Sequence[str] | None = None, every: bool = False
    ) -> list[tuple[int, float]]:
        """(chunk id, score) of the k best passages, best first. every: all words have to occur."""
        if places is not None and not places:
            return []
        scores: dict[int, float] = {}
        for table, terms, columns, weights in _tables(query, every):
            for number, rank in self._ranked(table, terms, columns, weights, every, places, k):
                scores[number] = scores.get(number, 0.0) - rank
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]

    def scores(self, query: str, numbers: Sequence[int]) -> dict[int, float]:
        """BM25 of these passages, of those that contain one of the words."""
        scores: dict[int, float] = {}
        for table, terms, columns, weights in _tables(query):
            rows = self._connection.execute(
                f"SELECT rowid, bm25({table}, {weights}) FROM {table} "
                f"WHERE {table} MATCH ? AND +rowid IN ({', '.join('?' * len(numbers))})",
                [f"{columns} : ({' OR '.join(map(words.quoted, terms))})", *numbers],
            )
            for number, rank in rows:
                scores[number] = scores.get(number, 0.0) - rank
        return scores

    def _ranked(
        self,
        table: str,
        terms: Sequence[str],
        columns: str,
        weights: str,
        every: bool,
        places: Sequence[str] | None,
        k: int,
    ) -> list[tuple[int, float]]:
        """(chunk id, rank) of the k best passages in one of the tables; a lower rank is better.

        BM25 takes 2 us per passage, so that a question with common words would take 0.1 s in 100,000 passages. Where
        more than CANDIDATES passages contain one of the words, only those with one of the rarest words are ranked,
        by all of the words.
        """
        within = "" if places is None else f"place : ({' OR '.join(map(words.quoted, places))}) AND "

        def match(some: Sequence[str]) -> str:
            return f"{within}{columns} : ({(' AND ' if every else ' OR ').join(map(words.quoted, some))})"

        condition, values = f"{table} MATCH ?", [match(terms)]
        if not every and self._count(table, match(terms)) > CANDIDATES:
            condition += f" AND +rowid IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)"
            values.append(match(self._rarest(table, terms, match)))
        return self._connection.execute(
            f"SELECT rowid, bm25({table}, {weights}) AS score FROM {table} WHERE {condition} ORDER BY score LIMIT ?",
            [*values, k],
        ).fetchall()

    def _rarest(self, table: str, terms: Sequence[str], match: Callable[[Sequence[str]], str]) -> list[str]:
        """The rarest of the terms: as many as occur in CANDIDATES passages together, and at least one that occurs."""
        counts = {term: count for term in terms if (count := self._count(table, match([term])))}
        chosen: list[str] = []
        total = 0
        for term, count in sorted(counts.items(), key=lambda item: item[1]):
            if chosen and total + count > CANDIDATES:
                break
            chosen.append(term)
            total += count
        return chosen

    def counts(self, query: str) -> dict[str, int]:
        """The number of passages that contain each word of a query, by its stem."""
        terms = words.matching(query)
        found: dict[str, int] = {}
        for table, column, some in (("chunk_words", "text", terms.words), ("chunk_grams", "grams", terms.grams)):
            for term in some:
                stem = words.stem(term) if table == "chunk_words" else term
                found[stem] = max(found.get(stem, 0), self._count(table, f"{column} : {words.quoted(term)}"))
        return found

    def _count(self, table: str, match: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", [match]).fetchone()
        return int(row[0])

    def marks(self, query: str, numbers: Sequence[int]) -> dict[int, list[Span]]:
        """Where the query's words occur in these passages, as offsets in their texts."""
        wanted = " OR ".join(map(words.quoted, words.matching(query).words))
        if not wanted or not numbers:
            return {}
        rows = self._connection.execute(
            "SELECT rowid, highlight(chunk_words, 1, ?, ?) FROM chunk_words "
            f"WHERE chunk_words MATCH ? AND rowid IN ({', '.join('?' * len(numbers))})",
            [_START, _STOP, f"{{title text}} : ({wanted})", *numbers],
        )
        return {number: _spans(marked) for number, marked in rows}

    @staticmethod
    def with_pairs(query: str, text: str, spans: Sequence[Span]) -> list[Span]:
        """Marks in a text, with those of the query's pairs of characters; neighbouring ones are joined."""
        found = list(spans)
        for pair in set(words.grams(query).split()):
            starts = (match.start() for match in re.finditer(f"(?={re.escape(pair)})", text))
            found += [(start, start + len(pair)) for start in starts]
        return _joined(found)


def _tables(query: str, every: bool = False) -> list[tuple[str, list[str], str, str]]:
    """(table, terms, columns, weights) of the tables in which a query has terms."""
    terms = words.matching(query, every)
    tables = (
        ("chunk_words", terms.words, "{title text}", f"{TITLE_WEIGHT}, {TEXT_WEIGHT}, 0.0"),
        ("chunk_grams", terms.grams, "grams", f"{TEXT_WEIGHT}, 0.0"),
    )
    return [table for table in tables if table[1]]


def _spans(marked: str) -> list[Span]:
    """Offsets of the marked stretches of a text, without the marks."""
    spans, at = [], 0
    for number, part in enumerate(marked.replace(_STOP, _START).split(_START)):
        if number % 2:
            spans.append((at, at + len(part)))
        at += len(part)
    return spans


def _joined(spans: list[Span]) -> list[Span]:
    """Spans in order, with those that overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
