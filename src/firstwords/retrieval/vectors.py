"""The dense index: one int8 vector per passage in the database, all of which are compared with a question's.

    index = VectorIndex(connection, embedder)
    index.search("When can I visit?", 5)      -> [(chunk id, cosine), ...], best first

The scan is exact. Its matrix is kept in memory until a vector in the database changes. Vectors are computed before the
transaction that stores them begins, because that takes long, and no other process could write meanwhile.
Shapes: N passages, D numbers of a vector.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firstwords.database import database_path
from firstwords.retrieval.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1024  # rows that are compared at a time; they fit into the cache
FUSION_K = 60  # of reciprocal ranks: Cormack, Clarke and Büttcher 2009
FUSED = 100  # passages of each index that are fused

Vector = tuple[float, bytes]  # scale and int8 numbers


@dataclass(frozen=True)
class Setting:
    """The embedding model of the stored vectors. is_on: whether searches use it; key: of this database."""

    path: str
    fingerprint: str
    is_on: bool
    key: str


def setting(connection: sqlite3.Connection) -> Setting | None:
    """The embedding model of the stored vectors, if there is one."""
    row = connection.execute("SELECT path, fingerprint, is_on, key FROM embedder").fetchone()
    return Setting(row["path"], row["fingerprint"], bool(row["is_on"]), row["key"]) if row else None


def choose(connection: sqlite3.Connection, path: str, fingerprint: str) -> None:
    """Prepare for a model's vectors, which searches do not use yet; those of another model are deleted."""
    present = setting(connection)
    if present is None or present.fingerprint != fingerprint:
        discard(connection)
        row = [path, fingerprint, secrets.token_hex(8)]
        connection.execute("INSERT INTO embedder (id, path, fingerprint, is_on, key) VALUES (1, ?, ?, 0, ?)", row)
    else:
        connection.execute("UPDATE embedder SET path = ?", [path])


def switch_on(connection: sqlite3.Connection) -> None:
    """Let searches use the stored vectors."""
    connection.execute("UPDATE embedder SET is_on = 1")


def discard(connection: sqlite3.Connection) -> None:
    """Delete all vectors; searches go by words alone."""
    connection.execute("DELETE FROM chunk_vectors")
    connection.execute("DELETE FROM embedder")


def encoded(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """Vectors of passages as int8: number i is about scale * int8 i, off by at most half of the scale."""
    import numpy as np

    if not texts:
        return []
    vectors_ND = embedder.encode(texts)
    scales_N = np.maximum(np.abs(vectors_ND).max(1), 1e-9) / 127
    rows_ND = np.rint(vectors_ND / scales_N[:, None]).astype(np.int8)
    return [(float(scale), row.tobytes()) for scale, row in zip(scales_N, rows_ND, strict=True)]


def passage_text(title: str, text: str) -> str:
    """What is embedded of a passage."""
    return f"{title}\n{text.strip()}"


def without_vector(connection: sqlite3.Connection, limit: int) -> list[tuple[int, str]]:
    """(chunk id, text to embed) of passages that have no vector."""
    rows = connection.execute(
        "SELECT id, title, text FROM chunks WHERE id NOT IN (SELECT chunk_id FROM chunk_vectors) ORDER BY id LIMIT ?",
        [limit],
    )
    return [(row["id"], passage_text(row["title"], row["text"])) for row in rows]


def save(connection: sqlite3.Connection, vectors: Iterable[tuple[int, Vector]]) -> None:
    """Store vectors by chunk id; those of passages that are gone are left out."""
    connection.executemany(
        "INSERT OR REPLACE INTO chunk_vectors (scale, vector, chunk_id) SELECT ?, ?, id FROM chunks WHERE id = ?",
        ((scale, row, number) for number, (scale, row) in vectors),
    )
    touched(connection)


def touched(connection: sqlite3.Connection) -> None:
    """Count a change, so that every process reads its matrix again."""
    connection.execute("UPDATE embedder SET changes = changes + 1")


class VectorIndex:
    """Exact search over int8 vectors; what is put and deleted belongs to the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, embedder: Embedder | None) -> None:
        self._connection, self._embedder = connection, embedder  # to delete, no model is needed

    def encode(self, query: str) -> np.ndarray:
        """The vector of a question: (D,)."""
        assert self._embedder is not None
        vector: np.ndarray = self._embedder.encode([query], is_query=True)[0]
        return vector

    def delete(self, document_id: int) -> None:
        """Take the passages of a document out; to be called while they are still stored."""
        gone = self._connection.execute(
            "DELETE FROM chunk_vectors WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ?)", [document_id]
        )
        if gone.rowcount:
            touched(self._connection)

    def drop(self) -> None:
        """Delete what is kept outside of the database: nothing."""

    def put(self, numbers: Iterable[int]) -> None:
        """Send stored vectors to where they are searched: they are there."""

    def search(self, query: str, k: int, places: Sequence[str] | None = None) -> list[tuple[int, float]]:
        """(chunk id, cosine) of the k closest passages, best first."""
        import numpy as np

        matrix = _matrix(self._connection)
        if not len(matrix.ids_N):
            return []
        query_D = self.encode(query)
        scores_N = np.empty(len(matrix.ids_N), dtype=np.float32)
        for start in range(0, len(scores_N), BLOCK):
            block = slice(start, start + BLOCK)
            scores_N[block] = matrix.rows_ND[block].astype(np.float32) @ query_D * matrix.scales_N[block]
        if places is not None:
            asked = set(places)
            wanted = [number for number, place in enumerate(matrix.places) if place in asked]
            scores_N[~np.isin(matrix.place_N, wanted)] = -np.inf
        order = np.lexsort((matrix.ids_N, -scores_N))[:k]
        return [(int(matrix.ids_N[row]), float(scores_N[row])) for row in order if scores_N[row] > -np.inf]


def fused(rankings: Sequence[Sequence[int]], k: int) -> list[int]:
    """Reciprocal rank fusion: the k ids with the highest sums of 1 / (FUSION_K + rank), best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (FUSION_K + rank)
    return sorted(scores, key=lambda number: (-scores[number], number))[:k]


# ---- the matrix in memory --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Matrix:
    """All vectors of a database: place_N are indices into places."""

    ids_N: np.ndarray
    place_N: np.ndarray
    scales_N: np.ndarray
    rows_ND: np.ndarray
    places: list[str]


_kept: dict[tuple[str, str], tuple[int, _Matrix]] = {}  # of the last database that was searched
_lock = threading.Lock()


def _matrix(connection: sqlite3.Connection) -> _Matrix:
    row = connection.execute("SELECT key, changes FROM embedder").fetchone()
    name, changes = (str(database_path()), row["key"] if row else ""), row["changes"] if row else 0
    with _lock:
        if name not in _kept or _kept[name][0] != changes:
            _kept.clear()
            _kept[name] = (changes, _read(connection))
        return _kept[name][1]


def _read(connection: sqlite3.Connection) -> _Matrix:
    import numpy as np

    rows = connection.execute(
        "SELECT v.chunk_id, c.place, v.scale, v.vector FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id "
        "ORDER BY v.chunk_id"
    )
    ids, numbers, scales, joined = [], [], [], bytearray()
    places: dict[str, int] = {}
    for number, place, scale, vector in rows:
        ids.append(number)
        numbers.append(places.setdefault(place, len(places)))
        scales.append(scale)
        joined += vector
    rows_ND = np.frombuffer(bytes(joined), dtype=np.int8).reshape(len(ids), -1) if ids else np.zeros((0, 0), np.int8)
    return _Matrix(
        np.array(ids, np.int64), np.array(numbers, np.int32), np.array(scales, np.float32), rows_ND, [*places]
    )
