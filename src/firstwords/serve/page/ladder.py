"""Routes of the ladder: a line between songs, words as numbers, layers. The step after them is /api/next.

All of it is computed for the request, with sizes that keep it a matter of a second.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from firstwords.classify import sentiment, songs
from firstwords.classify import words as spelling
from firstwords.serve import ladder
from firstwords.serve.errors import Json
from firstwords.serve.ladder import Desk, WordLesson
from firstwords.serve.page.parts import Body

router = APIRouter(prefix="/api/ladder")

MAX_ROWS, MAX_LAYERS, MAX_WIDTH = 200, 4, 16
Tempo = Annotated[float, Field(ge=30, le=300)]
Energy = Annotated[float, Field(ge=0, le=1)]


class New(Body):
    tempo: Tempo
    energy: Energy


class Row(New):
    genre: Literal["r&b", "reggaeton"]


Rows = Annotated[list[Row], Field(max_length=MAX_ROWS)]


class Line(Body):
    rows: Rows
    new: New | None = None


class Network(Body):
    set: Literal["songs", "moons", "spiral"] = "songs"
    rows: Rows = Field(default_factory=list)
    layers: int = Field(2, ge=0, le=MAX_LAYERS)
    width: int = Field(8, ge=1, le=MAX_WIDTH)


class Sentence(Body):
    text: Annotated[str, Field(max_length=2000)]


class Word(Body):
    word: Annotated[str, Field(min_length=1, max_length=100)]


@router.get("/songs")
async def twenty_songs() -> dict[str, Any]:
    """The songs that the ladder begins with."""
    rows = [
        {"name": title, "artist": artist, "tempo": tempo, "energy": energy, "genre": genre}
        for title, artist, tempo, energy, genre in songs.SONGS
    ]
    return {"songs": rows, "max_rows": MAX_ROWS, "max_layers": MAX_LAYERS, "max_width": MAX_WIDTH}


@router.post("/line")
async def line(body: Line, request: Request) -> Response:
    """The line between these songs, how good it is on songs left out, and what it says of a new one."""
    new = (body.new.tempo, body.new.energy) if body.new else None
    return Json(await desk(request).compute(request, ladder.line, triples(body.rows), new))


@router.post("/network")
async def network(body: Network, request: Request) -> Response:
    """A network of so many layers on these songs or on a set: its boundary, its training, how it bent the plane."""
    return Json(await desk(request).compute(request, ladder.layered, *size(body)))


@router.post("/network/unseen")
async def unseen(body: Network, request: Request) -> Response:
    """How often such a network, and a line, are right on rows that were left out of the training."""
    return Json(await desk(request).compute(request, ladder.unseen, *size(body)))


@router.get("/sentiment")
async def lesson(request: Request) -> Response:
    """Where the lesson in words stands, and what it found; the first request begins it."""
    return Json(words(request).state())


@router.post("/sentiment")
async def verdict(body: Sentence, request: Request) -> Response:
    """What a sentence sounds like, and how far each of its words pushed the answer."""
    learned = words(request).lesson()
    return Json(await desk(request).compute(request, sentiment.explain, learned.model, body.text))


@router.post("/neighbours")
async def neighbours(body: Word, request: Request) -> Response:
    """The words whose numbers are most like those of a word."""
    learned = words(request).lesson()
    word = "".join(spelling.split(body.word)[:1]) or body.word
    return Json(await desk(request).compute(request, ladder.neighbours, learned, word))


def triples(rows: list[Row]) -> list[tuple[float, float, str]]:
    return [(row.tempo, row.energy, row.genre) for row in rows]


def size(body: Network) -> tuple[str, list[tuple[float, float, str]], int, int]:
    return body.set, triples(body.rows), body.layers, body.width


def desk(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


def words(request: Request) -> WordLesson:
    found: WordLesson = request.app.state.words
    return found
