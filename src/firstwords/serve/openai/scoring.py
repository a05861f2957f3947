"""The log-probabilities of prompts, in pieces between which other answers continue."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstwords.engine.score import TokenScores
    from firstwords.serve.models import Held, Stage
    from firstwords.serve.worker import Worker

PIECE_TOKENS = 2048  # per piece on the engine's thread: about 20 ms for a small model


async def score(worker: Worker, stage: Stage, ids_list: Sequence[Sequence[int]], top: int) -> list[TokenScores]:
    """Like `engine.score_top`. Texts of similar length share a piece."""
    order = sorted(range(len(ids_list)), key=lambda index: len(ids_list[index]))
    results: dict[int, TokenScores] = {}
    while order:
        size = max(1, PIECE_TOKENS // len(ids_list[order[-1]]))
        rows, order = order[-size:], order[:-size]
        texts = [ids_list[row] for row in rows]
        scored = await worker.call(stage, partial(_scored, texts=texts, top=top))
        results |= zip(rows, scored, strict=True)
    return [results[index] for index in range(len(ids_list))]


def _scored(held: Held, texts: Sequence[Sequence[int]], top: int) -> list[TokenScores]:
    return held.engine.score_top(texts, top)
