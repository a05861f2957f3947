"""Stores documents and their passages, and searches them; one owner at a time.

    store.put([prepared], owner, "documents")    -> [Document(...)]; replaces those with the same source
    store.search("Who repairs the bell?", k=5)   -> [Passage(...), ...], best first

Every function that writes is one transaction: a document is stored completely or not at all, and while one is
replaced, readers see the old one. Other owners' documents are not found.
"""

from __future__ import annotations

import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as _sha256
from itertools import groupby, islice
from typing import Any, Literal, Protocol

from firstwords.config import UserError, unknown
from firstwords.retrieval import embedding, qdrant, vectors
from firstwords.retrieval.index import LexicalIndex
from firstwords.retrieval.passages import headings, passages
from firstwords.retrieval.records import COLLECTION, INDEX_VERSION, OWNER, Chunk, Document, Passage, database

How = Literal["auto", "words", "dense", "fused"]
NAME_CHARS = 100  # of a collection
EMBEDDED = 256  # passages per transaction
# No text needs them: a terminal would obey some of them, and \x02 and \x03 mark matches.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")  # a title must not reverse the text that follows it
_SELECT = """
SELECT d.id, c.name AS collection, d.source, d.title, d.sha256, d.bytes, d.chars, d.chunks, d.pages, d.added, d.as_of
FROM documents d JOIN collections c ON c.id = d.collection_id
"""
_INSERT = """
INSERT INTO chunks (document_id, number, char_start, char_end, page, part, sha256, title, text, place)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Texts(Protocol):
    """The texts of a document that is being added: (page, text) in order, as often as it is iterated."""

    def __iter__(self) -> Iterator[tuple[int | None, str]]: ...


@dataclass(frozen=True)
class Prepared:
    """A document that was read completely, ready to be stored."""

    source: str
    title: str
    sha256: str
    bytes: int
    texts: Texts
    is_markdown: bool = False
    as_of: str | None = None


def normalised(text: str) -> str:
    """The text as it is stored: without control characters, and with a blank line at its end."""
    return _CONTROL.sub(" ", text).rstrip() + "\n\n" if text.strip() else ""


def one_line(title: str) -> str:
    """A title or heading as it is stored and printed: one line without control characters."""
    return " ".join(_DIRECTION.sub("", _CONTROL.sub(" ", title)).split())


def put(documents: Iterable[Prepared], owner: str = OWNER, collection: str = COLLECTION) -> list[Document]:
    """Store documents in one transaction, all or none. One with the same source in the collection is replaced."""
    waiting = list(documents)
    while True:
        with database() as connection:
            setting = _searched_by(connection)
        made = [_vectors(prepared, embedder(setting)) for prepared in waiting] if setting else []
        with database(write=True) as connection:
            if _searched_by(connection) != setting:
                continue  # another process has switched vectors on or off
            collection_id = _collection_id(connection, owner, collection)
            numbers = [_put(connection, collection_id, prepared) for prepared in waiting]
            for number, rows in zip(numbers, made, strict=bool(setting)):
                stored = connection.execute("SELECT id FROM chunks WHERE document_id = ? ORDER BY number", [number])
                ids = [row["id"] for row in stored]
                vectors.save(connection, zip(ids, rows, strict=True))
                _vector_index(connection).put(ids)
            return [_document(connection, owner, number) for number in numbers]


def unchanged(source: str, sha256: str, owner: str = OWNER, collection: str = COLLECTION) -> Document | None:
    """The stored document of this source, if it has this content."""
    with database() as connection:
        row = connection.execute(
            f"{_SELECT} WHERE c.owner = ? AND c.name = ? AND d.source = ? AND d.sha256 = ? AND d.index_version = ?",
            [owner, collection, source, sha256, INDEX_VERSION],
        ).fetchone()
        return Document(**row) if row else None


def fetched_again(document: Document, as_of: str, owner: str = OWNER) -> Document:
    """The document of a web page that has not changed since, with its new date."""
    with database(write=True) as connection:
        connection.execute("UPDATE documents SET as_of = ? WHERE id = ?", [as_of, document.id])
        return _document(connection, owner, document.id)


def sources(owner: str = OWNER, collection: str = COLLECTION) -> set[str]:
    """The sources of a collection's documents; empty for an unknown collection."""
    with database() as connection:
        rows = connection.execute(f"{_SELECT} WHERE c.owner = ? AND c.name = ?", [owner, collection])
        return {row["source"] for row in rows}


def documents(owner: str = OWNER, collection: str | None = None) -> list[Document]:
    """The documents of an owner, by collection and source. Raises UserError for an unknown collection."""
    with database() as connection:
        where, values = "c.owner = ?", [owner]
        if collection is not None:
            _places(connection, owner, collection)
            where, values = f"{where} AND c.name = ?", [owner, collection]
        return [Document(**row) for row in connection.execute(f"{_SELECT} WHERE {where} ORDER BY 2, 3", values)]


def collections(owner: str = OWNER) -> list[str]:
    """Names of an owner's collections that hold documents."""
    with database() as connection:
        rows = connection.execute(
            "SELECT DISTINCT name FROM collections JOIN documents ON collection_id = collections.id "
            "WHERE owner = ? ORDER BY 1",
            [owner],
        )
        return [row[0] for row in rows]


def document(number: int, owner: str = OWNER) -> Document:
    """One document by its id. Raises UserError if there is none."""
    with database() as connection:
        return _document(connection, owner, number)


def named(name: str, owner: str = OWNER, collection: str | None = None) -> list[Document]:
    """The documents that a person means: by id, by source, by the end of a source, or by title. Raises UserError."""
    present = documents(owner, collection)
    tests: tuple[Callable[[Document], bool], ...] = (
        lambda d: name == str(d.id),
        lambda d: name == d.source,
        lambda d: d.source.endswith("/" + name.removeprefix("./").rstrip("/")),
        lambda d: d.source.startswith(os.path.abspath(name) + os.sep),
        lambda d: d.title == name,
    )
    for fits in tests:
        if found := [each for each in present if fits(each)]:
            return found
    raise unknown(
        "document", name, [d.source for d in present], "`firstwords documents list` shows the stored documents"
    )


def remove(numbers: Sequence[int], owner: str = OWNER) -> None:
    """Remove documents in one transaction, with everything that was derived from them."""
    with database(write=True) as connection:
        for number in numbers:
            _document(connection, owner, number)
            _remove(connection, number)


def chunks(number: int, owner: str = OWNER, first: int = 0, limit: int = -1) -> list[Chunk]:
    """The passages of a document in order, from number `first` on. Their texts, joined, are the document's text."""
    with database() as connection:
        _document(connection, owner, number)
        rows = connection.execute(
            "SELECT * FROM chunks WHERE document_id = ? AND number >= ? ORDER BY number LIMIT ?",
            [number, first, limit],
        )
        return [_chunk(row) for row in rows]


def text(number: int, start: int, end: int, owner: str = OWNER) -> str:
    """The characters from start to end of a document's text."""
    with database() as connection:
        _document(connection, owner, number)
        rows = connection.execute(
            "SELECT char_start, text FROM chunks WHERE document_id = ? AND char_end > ? AND char_start < ? "
            "ORDER BY number",
            [number, start, end],
        ).fetchall()
    joined = "".join(row["text"] for row in rows)
    offset = rows[0]["char_start"] if rows else 0
    return joined[max(0, start - offset) : max(0, end - offset)]


def search(
    query: str,
    k: int = 10,
    owner: str = OWNER,
    collection: str | None = None,
    every: bool = False,
    how: How = "auto",
) -> list[Passage]:
    """The k passages that fit a query best, best first. every: only passages that contain every word.

    how: by words, by dense vectors, or by both (fused); auto: fused if vectors are switched on. Raises UserError for an
    unknown collection, and for an embedding model that cannot be read.
    """
    with database() as connection:
        connection.execute("BEGIN")  # what is replaced meanwhile is found as it was
        index = LexicalIndex(connection)
        places = _places(connection, owner, collection)
        hits = dict(index.search(query, k, places, every) if every else _hits(connection, query, k, places, how))
        marks = index.marks(query, list(hits))
        rows = connection.execute(f"SELECT * FROM chunks WHERE id IN ({', '.join('?' * len(hits))})", [*hits])
        chunks_by_id = {row["id"]: _chunk(row) for row in rows}
        numbers = {chunk.document_id for chunk in chunks_by_id.values()}
        rows = connection.execute(f"{_SELECT} WHERE d.id IN ({', '.join('?' * len(numbers))})", [*numbers])
        by_id = {row["id"]: Document(**row) for row in rows}
    return [
        Passage(chunk, by_id[chunk.document_id], score, index.with_pairs(query, chunk.text, marks.get(number, [])))
        for number, score in hits.items()
        if (chunk := chunks_by_id[number])
    ]


def rarity(query: str) -> dict[str, float]:
    """BM25's weight (idf) of each word of a query, by its stem: the fewer passages contain it, the higher."""
    with database() as connection:
        index = LexicalIndex(connection)
        total = connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
        counts = index.counts(query)
    return {stem: math.log(1 + (total - count + 0.5) / (count + 0.5)) for stem, count in counts.items()}


def _hits(
    connection: sqlite3.Connection, query: str, k: int, places: Sequence[str] | None, how: How
) -> list[tuple[int, float]]:
    """(chunk id, BM25) of the k best passages in one of the ways to search."""
    index = LexicalIndex(connection)
    setting = _searched_by(connection) if how == "auto" else vectors.setting(connection)
    if how == "words" or setting is None:
        return index.search(query, k, places)
    depth = max(k, vectors.FUSED)
    by_vectors = [number for number, _ in _vector_index(connection, embedder(setting)).search(query, depth, places)]
    by_words = [] if how == "dense" else [number for number, _ in index.search(query, depth, places)]
    order = vectors.fused([by_words, by_vectors], k)
    scores = index.scores(query, order)
    return [(number, scores.get(number, 0.0)) for number in order]


def embedder(setting: vectors.Setting) -> embedding.Embedder:
    """The model of the stored vectors. Raises UserError if it is gone or another one."""
    model = embedding.load(setting.path)
    if model.fingerprint != setting.fingerprint:
        raise UserError(
            f"the embedding model at {setting.path} is not the one that the stored vectors are from: restore it, run "
            f"`firstwords documents eval FILE --embedder {setting.path}`, or {embedding.WITHOUT}"
        )
    return model


def embed(path: str, progress: Callable[[int], None] = lambda _: None) -> None:
    """Make the vectors of all passages that have none, by the model at `path`; searches do not use them yet.

    progress: is called with the number of passages that are done. It continues where it was interrupted. Raises
    UserError if the model cannot be read, or another one was chosen meanwhile.
    """
    model = embedding.load(path)
    with database(write=True) as connection:
        present = vectors.setting(connection)
        if present is not None and present.fingerprint != model.fingerprint:
            _vector_index(connection).drop()
        vectors.choose(connection, path, model.fingerprint)
    done = 0
    while True:
        with database() as connection:
            rows = vectors.without_vector(connection, EMBEDDED)
        if not rows:
            return
        made = vectors.encoded(model, [text for _, text in rows])
        with database(write=True) as connection:
            present = vectors.setting(connection)
            if present is None or present.fingerprint != model.fingerprint:
                raise UserError("another process has changed the embedding model: run this command again")
            vectors.save(connection, zip((number for number, _ in rows), made, strict=True))
            _vector_index(connection).put(number for number, _ in rows)
        done += len(rows)
        progress(done)


def switch_vectors(on: bool) -> None:
    """Let searches use the stored vectors, or delete them."""
    with database(write=True) as connection:
        if on:
            vectors.switch_on(connection)
        else:
            _vector_index(connection).drop()
            vectors.discard(connection)


def vector_setting() -> vectors.Setting | None:
    """The embedding model of the stored vectors, if there are any."""
    with database() as connection:
        return vectors.setting(connection)


def reindex(owner: str = OWNER) -> list[Document]:
    """Cut the stored texts into passages and index them again, without reading the sources.

    Raises UserError, before anything changes, if the model of the stored vectors is gone or another one.
    """
    with database() as connection:
        setting = _searched_by(connection)
    if setting is not None:
        embedder(setting)
    for each in documents(owner):
        with database(write=True) as connection:
            row = connection.execute("SELECT * FROM documents WHERE id = ?", [each.id]).fetchone()
            if row is not None:  # another process may have removed it
                texts = _stored_texts(connection, each.id)
                is_markdown = bool(row["is_markdown"])
                again = Prepared(each.source, each.title, each.sha256, each.bytes, texts, is_markdown, each.as_of)
                _put(connection, row["collection_id"], again)
    with database(write=True) as connection:
        connection.execute("INSERT INTO chunk_words (chunk_words) VALUES ('optimize')")
        setting = _searched_by(connection)
    if setting is not None:
        embed(setting.path)
    return documents(owner)


def _stored_texts(connection: sqlite3.Connection, number: int) -> list[tuple[int | None, str]]:
    """(page, text) of each text that the reader found in a document."""
    rows = connection.execute("SELECT part, page, text FROM chunks WHERE document_id = ? ORDER BY number", [number])
    parts = (list(group) for _, group in groupby(rows, key=lambda row: row["part"]))
    return [(rows[0]["page"], "".join(row["text"] for row in rows)) for rows in parts]


def _searched_by(connection: sqlite3.Connection) -> vectors.Setting | None:
    """The embedding model, if searches use it."""
    setting = vectors.setting(connection)
    return setting if setting is not None and setting.is_on else None


def _vector_index(connection: sqlite3.Connection, model: embedding.Embedder | None = None) -> vectors.VectorIndex:
    """Where dense vectors are searched: on the Qdrant server that the environment names, else here."""
    server = qdrant.server()
    if server is not None:
        return qdrant.QdrantIndex(connection, model, server)
    return vectors.VectorIndex(connection, model)


def _vectors(prepared: Prepared, model: embedding.Embedder) -> list[vectors.Vector]:
    """The vectors of a document's passages, in order."""
    found: list[vectors.Vector] = []
    rows = _rows(prepared, 0, "")
    while some := [vectors.passage_text(row[7], row[8]) for row in islice(rows, EMBEDDED)]:
        found += vectors.encoded(model, some)
    return found


# ---- within a transaction ------------------------------------------------------------------------------------


def _put(connection: sqlite3.Connection, collection_id: int, prepared: Prepared) -> int:
    old = connection.execute(
        "SELECT id FROM documents WHERE collection_id = ? AND source = ?", [collection_id, prepared.source]
    ).fetchone()
    if old:
        _remove(connection, old[0])
    number = connection.execute(
        "INSERT INTO documents (collection_id, source, title, sha256, bytes, chars, chunks, added, as_of, is_markdown, "
        "index_version) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)",
        [
            collection_id,
            prepared.source,
            prepared.title,
            prepared.sha256,
            prepared.bytes,
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            prepared.as_of,
            prepared.is_markdown,
            INDEX_VERSION,
        ],
    ).lastrowid
    assert number is not None
    connection.executemany(_INSERT, _rows(prepared, number, f"c{collection_id}"))
    count, chars, pages = connection.execute(
        "SELECT count(*), max(char_end), max(page) FROM chunks WHERE document_id = ?", [number]
    ).fetchone()
    if not count:
        raise UserError(f"{prepared.source} contains no text: leave it out")
    connection.execute(
        "UPDATE documents SET chunks = ?, chars = ?, pages = ? WHERE id = ?", [count, chars, pages, number]
    )
    LexicalIndex(connection).add(number)
    return number


def _rows(prepared: Prepared, document_id: int, place: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a document's passages, made one after another."""
    number = offset = 0
    path: list[tuple[int, str]] = []  # the headings that the text is under, by level
    for text_number, (page, raw) in enumerate(prepared.texts):
        part = normalised(raw)
        waiting = headings(part)[::-1] if prepared.is_markdown else []
        for start, end in passages(part):
            while waiting and waiting[-1][0] <= start:
                _, level, heading = waiting.pop()
                path = [*(above for above in path if above[0] < level), (level, heading)]
            names = [prepared.title, *(heading for _, heading in path if heading != prepared.title)]
            piece = part[start:end]
            digest = _sha256(piece.encode()).digest()
            title = " \u203a ".join(map(one_line, names))
            yield document_id, number, offset + start, offset + end, page, text_number, digest, title, piece, place
            number += 1
        offset += len(part)


def _remove(connection: sqlite3.Connection, number: int) -> None:
    LexicalIndex(connection).delete(number)
    if vectors.setting(connection) is not None:
        _vector_index(connection).delete(number)
    connection.execute("DELETE FROM chunks WHERE document_id = ?", [number])
    connection.execute("DELETE FROM documents WHERE id = ?", [number])


def _collection_id(connection: sqlite3.Connection, owner: str, name: str) -> int:
    if not name.strip() or len(name) > NAME_CHARS or not name.isprintable():
        raise UserError(f"--documents needs a name of 1 to {NAME_CHARS} printable characters")
    connection.execute("INSERT OR IGNORE INTO collections (owner, name) VALUES (?, ?)", [owner, name])
    row = connection.execute("SELECT id FROM collections WHERE owner = ? AND name = ?", [owner, name]).fetchone()
    return int(row[0])


def _places(connection: sqlite3.Connection, owner: str, name: str | None) -> list[str] | None:
    """Where to search: one collection, or all of an owner; None if there are no other owners."""
    rows = connection.execute("SELECT id, owner, name FROM collections ORDER BY name").fetchall()
    own = {row["name"]: f"c{row['id']}" for row in rows if row["owner"] == owner}
    if name is not None:
        if name not in own:
            listed = f"there are {', '.join(own)}" if own else "add documents with `firstwords documents add`"
            raise unknown("collection", name, own, listed)
        return [own[name]]
    return None if len(own) == len(rows) else list(own.values())


def _document(connection: sqlite3.Connection, owner: str, number: int) -> Document:
    row = connection.execute(f"{_SELECT} WHERE d.id = ? AND c.owner = ?", [number, owner]).fetchone()
    if row is None:
        raise UserError(f"there is no document {number}: `firstwords documents list` shows the stored documents")
    return Document(**row)


def _chunk(row: sqlite3.Row) -> Chunk:
    return Chunk(
        row["document_id"],
        row["number"],
        row["char_start"],
        row["char_end"],
        row["page"],
        bytes(row["sha256"]).hex(),
        row["title"],
        row["text"],
        row["id"],
    )
