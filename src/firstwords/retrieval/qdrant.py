"""Dense vectors in Qdrant, for more passages than one machine's memory holds: `vectors.VectorIndex` with its search
done by a server.

    FIRSTWORDS_QDRANT_URL=http://localhost:6333 firstwords search "opening hours"

The database keeps the passages and their vectors, and stays the truth: what it does not have is not found, whatever the
server returns, and `firstwords documents reindex` fills a new server. Needs the extra `firstwords[qdrant]`.
"""

from __future__ import annotations

import functools
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.formats.opening import first_line
from firstwords.retrieval.embedding import Embedder
from firstwords.retrieval.vectors import VectorIndex, setting

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

URL = "FIRSTWORDS_QDRANT_URL"
KEY = "FIRSTWORDS_QDRANT_KEY"
POINTS = 256  # per request
SECONDS = 30  # per request


def server() -> QdrantClient | None:
    """The server that the environment names, if it names one."""
    url = os.environ.get(URL)
    return _client(url, os.environ.get(KEY)) if url else None


@functools.lru_cache(maxsize=4)
def _client(url: str, key: str | None) -> QdrantClient:
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise UserError(f"{URL} needs one more package: pip install 'firstwords[qdrant]'") from None
    return asked(lambda: QdrantClient(url=url, api_key=key, timeout=SECONDS, check_compatibility=False))


def asked(request: Callable[[], Any]) -> Any:
    """The result of a request. Raises UserError if it fails."""
    try:
        return request()
    except Exception as error:  # the client's, its HTTP library's and the server's
        raise UserError(f"the Qdrant server failed ({first_line(error)}): check it, or unset {URL}") from None


class QdrantIndex(VectorIndex):
    """Search in a collection of a Qdrant server; its name holds the database's key."""

    def __init__(self, connection: sqlite3.Connection, embedder: Embedder | None, client: QdrantClient) -> None:
        super().__init__(connection, embedder)
        self._client = client
        present = setting(connection)
        self._name = f"firstwords-{present.key}" if present else ""

    def put(self, numbers: Iterable[int]) -> None:
        """Send stored vectors to the server."""
        from qdrant_client import models

        left = iter(numbers)
        while some := list(itertools.islice(left, POINTS)):
            rows = self._connection.execute(
                "SELECT v.chunk_id, v.scale, v.vector, c.place, c.document_id FROM chunk_vectors v "
                f"JOIN chunks c ON c.id = v.chunk_id WHERE v.chunk_id IN ({', '.join('?' * len(some))})",
                some,
            )
            points = [
                models.PointStruct(
                    id=row["chunk_id"],
                    vector=[row["scale"] * number for number in memoryview(row["vector"]).cast("b")],
                    payload={"place": row["place"], "document": row["document_id"]},
                )
                for row in rows
            ]
            if points:
                self._create(len(points[0].vector))
                asked(functools.partial(self._client.upsert, self._name, points=points))

    def delete(self, document_id: int) -> None:
        """Take the passages of a document out."""
        super().delete(document_id)
        if self._is_there():
            selector = _matching("document", [document_id])
            asked(lambda: self._client.delete(self._name, points_selector=selector))

    def drop(self) -> None:
        """Delete the collection on the server."""
        if self._is_there():
            asked(lambda: self._client.delete_collection(self._name))

    def search(self, query: str, k: int, places: Sequence[str] | None = None) -> list[tuple[int, float]]:
        """(chunk id, cosine) of the k closest passages, best first."""
        if not self._is_there() or (places is not None and not places):
            return []
        vector = self.encode(query).tolist()
        within = None if places is None else _matching("place", list(places))
        found = asked(lambda: self._client.query_points(self._name, query=vector, query_filter=within, limit=k)).points
        marks = ", ".join("?" * len(found))
        rows = self._connection.execute(
            f"SELECT id, place FROM chunks WHERE id IN ({marks})", [int(point.id) for point in found]
        )
        present = {row["id"] for row in rows if places is None or row["place"] in places}
        return [(int(point.id), float(point.score)) for point in found if int(point.id) in present]

    def _is_there(self) -> bool:
        return bool(self._name and asked(lambda: self._client.collection_exists(self._name)))

    def _create(self, size: int) -> None:
        from qdrant_client import models

        if not self._is_there():
            config = models.VectorParams(size=size, distance=models.Distance.COSINE)
            asked(lambda: self._client.create_collection(self._name, vectors_config=config))


def _matching(field: str, values: list[Any]) -> Any:
    from qdrant_client import models

    return models.Filter(must=[models.FieldCondition(key=field, match=models.MatchAny(any=values))])
