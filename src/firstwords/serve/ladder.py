"""The steps before a language model as plain data for the page, and the word lesson, which the server learns once.

Everything is computed by `firstwords.classify` per request; only the lesson is kept.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import anyio
import numpy as np
from anyio import to_thread
from fastapi import Request
from threadpoolctl import threadpool_limits

from firstwords.classify import grid, measure, network, songs
from firstwords.classify.shapes import SHAPES
from firstwords.classify.table import Classifier, Table, check_two_classes
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.classify.sentiment import Lesson

Result = TypeVar("Result")

GRID_SIZE = 56  # points of the shading per axis; more are indistinguishable at the size of the picture
DIGITS = 4
MAX_WAIT = 20.0  # seconds that a request waits for earlier ones
FRAME = ((55.0, 120.0), (0.0, 1.0))  # tempo and energy: wide enough for the twenty songs, so that the view stays fixed
log = logging.getLogger(__name__)


class Desk:
    """One ladder computation at a time, in a thread: concurrent ones would slow down running answers."""

    def __init__(self) -> None:
        self._taken = asyncio.Lock()

    async def compute(self, request: Request, function: Callable[..., Result], *args: Any) -> Result:
        """function(*args) in a thread. Raises ApiError 503 after MAX_WAIT; skipped if the client has disconnected."""
        try:
            with anyio.fail_after(MAX_WAIT):
                await self._taken.acquire()
        except TimeoutError:
            raise ApiError(503, "many songs and networks are being computed: try again", retry_after=2) from None
        try:
            if await request.is_disconnected():  # dragging a song sends many requests
                raise ApiError(503, "the request was abandoned")
            return await to_thread.run_sync(alone, function, *args)
        finally:
            self._taken.release()


def alone(function: Callable[..., Result], *args: Any) -> Result:
    """function(*args) on one core: with twenty songs, synchronising threads takes four times as long."""
    with threadpool_limits(1, user_api="blas"):
        return function(*args)


# ---- songs and networks ----------------------------------------------------------------------------------------------


def song_table(rows: Sequence[tuple[float, float, str]]) -> Table:
    """(tempo, energy, genre) rows as a table. Raises UserError unless both genres have two songs."""
    built_in = songs.songs()
    x_NF = np.array([row[:2] for row in rows], dtype=float).reshape(-1, 2)
    y_N = np.array([built_in.classes.index(row[2]) for row in rows], dtype=int)
    table = Table(built_in.features, built_in.classes, x_NF, y_N)
    check_two_classes(table, "the plot")
    return table


def table_of(kind: str, rows: Sequence[tuple[float, float, str]]) -> Table:
    """The given songs, or one of the sets that no line separates."""
    return song_table(rows) if kind == "songs" else SHAPES[kind]()


def line(rows: Sequence[tuple[float, float, str]], new: tuple[float, float] | None) -> dict[str, Any]:
    """songs.report of these rows, and the plane: {..., frame, grid}."""
    table = song_table(rows)
    asked = [new] if new else []
    return songs.report(table, asked) | plane(songs.fit(table), table, "songs", np.array(asked).reshape(-1, 2))


def plane(classifier: Classifier, table: Table, kind: str, more: np.ndarray | None = None) -> dict[str, Any]:
    """{frame: {x: [left, right], y: [bottom, top]}, grid: [[probability of the second class]], from the bottom up}."""
    x_range, y_range = frame(table, more) if kind == "songs" else grid.bounds(table)
    found = grid.boundary_grid(classifier, x_range, y_range, GRID_SIZE)
    return {"frame": {"x": list(x_range), "y": list(y_range)}, "grid": rounded(found["p"])}


def frame(table: Table, more: np.ndarray | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """Fixed as long as all songs fit, so that the picture does not move while a song is dragged."""
    x_NF = table.x_NF if more is None else np.concatenate([table.x_NF, more])
    low, high = x_NF.min(0).tolist(), x_NF.max(0).tolist()
    (left, right), (bottom, top) = FRAME
    return (min(low[0], left), max(high[0], right)), (min(low[1], bottom), max(high[1], top))


def layered(kind: str, rows: Sequence[tuple[float, float, str]], layers: int, width: int) -> dict[str, Any]:
    """A network trained on a set, as data for a picture.

    {classes, features, points: [[x, y]], labels, layers, width, parameters, right (share of the rows it was trained
    on), curve, frame, grid, bent: {mesh, points} of its last hidden layer, or None}
    """
    table = table_of(kind, rows)
    learned = network.fit(table, layers, width)
    right_N = (learned.probability(table.x_NF) > 0.5) == table.y_N
    views = network.bent(learned, table) if layers else [None]
    bent = views[-1] and {key: rounded(views[-1][key]) for key in ("mesh", "points")}
    return {
        "classes": list(table.classes),
        "features": list(table.features),
        "points": rounded(table.x_NF),
        "labels": table.y_N.tolist(),
        "layers": layers,
        "width": width,
        "parameters": learned.num_parameters,
        "right": float(right_N.mean()),
        "curve": learned.curve,
        **plane(learned, table, kind),
        "bent": bent,
    }


def unseen(kind: str, rows: Sequence[tuple[float, float, str]], layers: int, width: int) -> dict[str, Any]:
    """Accuracy in cross-validation: {folds, majority, line, network}."""
    table = table_of(kind, rows)
    p_N = measure.cross_validated(lambda part: network.fit(part, layers, width), table)
    return measure.of_line(songs.fit, table) | {"network": measure.figures(p_N, table.y_N)}


def rounded(values: Any) -> list[Any]:
    """Nested numbers, rounded for a picture."""
    return np.round(np.asarray(values, dtype=float), DIGITS).tolist()


# ---- words -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """The lesson's progress, and its start (seconds of the monotonic clock)."""

    state: Literal["new", "learning", "ready", "failed"]
    says: str = ""
    since: float = 0.0


class WordLesson:
    """sentiment.Lesson of the built-in world, learned in a thread on the first request and then kept."""

    def __init__(self) -> None:
        self.progress = Progress("new")
        self._lesson: Lesson | None = None
        self._shown: dict[str, Any] = {}
        self._starting = threading.Lock()

    def state(self) -> dict[str, Any]:
        """{state, says, seconds}, and the result of `shown` once it is learned. The first call starts the lesson."""
        told = self.progress  # a failure is reported, and the next request starts again
        with self._starting:
            if self.progress.state in ("new", "failed"):
                self._say("making sentences", time.monotonic())
                threading.Thread(target=self._learn, name="words", daemon=True).start()
        progress = told if told.state == "failed" else self.progress
        seconds = time.monotonic() - progress.since if progress.state == "learning" else 0.0
        return {"state": progress.state, "says": progress.says, "seconds": round(seconds, 1)} | self._shown

    def lesson(self) -> Lesson:
        """The lesson. Raises ApiError 409 before it is learned."""
        if self._lesson is None:
            raise ApiError(409, "the words are still being learned: wait a few seconds", code="learning")
        return self._lesson

    def _say(self, says: str, since: float) -> None:
        self.progress = Progress("learning", says, since)

    def _learn(self) -> None:
        since = self.progress.since
        try:
            from firstwords.classify import sentences, sentiment

            train, test = sentences.world()
            texts = sentences.world_texts()
            lesson = sentiment.learn(train, test, texts, progress=lambda says: self._say(says, since))
            self._say("drawing the map of words", since)
            self._shown = shown(lesson)
        except Exception as error:
            log.exception("the word lesson failed")
            self.progress = Progress("failed", f"the words could not be learned: {error}")
            return
        self._lesson = lesson
        self.progress = Progress("ready")


def shown(lesson: Lesson) -> dict[str, Any]:
    """{classes, vocabulary, dimensions, sentences, test, measured, maps: [{title, words: [{word, weight, x, y}]}]}."""
    from firstwords.classify import sentiment

    maps = [
        {"title": title, "words": [w | {key: round(w[key], DIGITS) for key in ("weight", "x", "y")} for w in words]}
        for title, words in sentiment.maps(lesson)
    ]
    measured = sentiment.figures_of(lesson.model.probability(lesson.test.texts), lesson.test)
    return {
        "classes": list(lesson.train.classes),
        "vocabulary": len(lesson.vocabulary.words),
        "dimensions": len(lesson.model.weights_D),
        "sentences": len(lesson.train.texts),
        "measured": measured,
        "maps": maps,
    }


def neighbours(lesson: Lesson, word: str) -> dict[str, Any]:
    """{word, weight, now, before: [{word, cosine}]}: the most similar words, after and before fine-tuning on the
    labels.

    Raises UserError for a word that is not in the vocabulary.
    """
    from firstwords.classify import sentiment

    embedder = lesson.model.embedder
    near = {"now": sentiment.neighbours(embedder, lesson.vocabulary, word)}
    if lesson.frozen is not None:
        near["before"] = sentiment.neighbours(lesson.frozen, lesson.vocabulary, word)
    weight = lesson.model.loudness(sentiment.vectors_of_words(embedder, [word]))[0]
    rows = {when: [{"word": w, "cosine": round(c, DIGITS)} for w, c in found] for when, found in near.items()}
    return {"word": word, "weight": round(float(weight), DIGITS), **rows}
