"""Scores continuations of contexts: log p of "mat" and of "moon" after "The cat sat on the", the context computed once.

    continuation_scores(model, [Continuation(context_ids, mat_ids), Continuation(context_ids, moon_ids)])
    -> [Score(logprob=-1.2, is_greedy=True), Score(logprob=-7.9, is_greedy=False)]

Neighbours that begin alike share a row: what they have in common is computed once, and each rest attends to it and to
itself (`packed_mask`). Answers to one question share the question, and questions the examples before them.

Axes: B rows, T tokens per row, D hidden, V vocabulary, n scored tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from firstwords.engine.prefix import common_prefix
from firstwords.engine.score import BATCH_TOKENS, LOGIT_ELEMENTS
from firstwords.model.transformer import Transformer

MAX_ROW = 1024  # tokens of a shared row: attention within it costs the square of its length
MIN_SHARED = 0.5  # of a sequence has to be shared for it to join a row


class Continuation(NamedTuple):
    """Token ids: what is given (at least one), and what is scored after it (at least one)."""

    context: Sequence[int]
    ids: Sequence[int]


class Score(NamedTuple):
    """The sum of the continuation's log-probabilities; whether each of its tokens is the likeliest one there."""

    logprob: float
    is_greedy: bool


@torch.inference_mode()
def continuation_scores(
    model: Transformer,
    continuations: Sequence[Continuation],
    progress: Callable[[float], None] | None = None,
) -> list[Score]:
    """Score every continuation over the full vocabulary at temperature 1, in the order given.

    A context that is too long loses its beginning. progress(share of the work done) is called after each batch. Raises
    ValueError for an empty context or continuation, and for a continuation longer than the model's context.
    """
    rows = shared_rows([_whole(each, model.config.max_position_embeddings) for each in continuations])
    rows.sort(key=lambda row: row.length)
    total, done = sum(row.length for row in rows) or 1, 0
    scores: list[Score | None] = [None] * len(continuations)
    while rows:
        size = max(1, BATCH_TOKENS // rows[-1].length)
        batch, rows = rows[-size:], rows[:-size]
        for place, score in _score_batch(model, batch):
            scores[place] = score
        done += sum(row.length for row in batch)
        if progress is not None:
            progress(done / total)
    return scores  # type: ignore[return-value]


class Whole(NamedTuple):
    """A context and its continuation, as ids; the first `start` of them are given."""

    ids: list[int]
    start: int


def _whole(continuation: Continuation, limit: int) -> Whole:
    """The whole sequence, of which at most the last limit + 1 tokens are kept: the newest one is only predicted."""
    context, ids = list(continuation.context), list(continuation.ids)
    if not context or not ids:
        raise ValueError("a context and a continuation need at least one token each")
    if len(ids) > limit:
        raise ValueError(f"the continuation has {len(ids)} tokens, but this model's context is {limit}")
    whole = (context + ids)[-(limit + 1) :]
    return Whole(whole, len(whole) - len(ids))


class Row(NamedTuple):
    """Sequences computed together: the `shared` first tokens of all of them once, then the rest of each."""

    places: list[int]  # of its sequences in the caller's list
    sequences: list[Whole]
    shared: int

    @property
    def length(self) -> int:
        return self.shared + sum(len(each.ids) - 1 - self.shared for each in self.sequences)


def shared_rows(sequences: Sequence[Whole]) -> list[Row]:
    """Neighbours join a row as long as that saves MIN_SHARED of the tokens that they would take alone."""
    rows: list[Row] = []
    for place, sequence in enumerate(sequences):
        size = len(sequence.ids) - 1
        if rows:
            last = rows[-1]
            shared = min(last.shared, common_prefix(last.sequences[0].ids, sequence.ids, min(last.shared, size)))
            joined = Row([*last.places, place], [*last.sequences, sequence], shared)
            saved = last.length + size - joined.length
            if saved >= MIN_SHARED * size and joined.length <= MAX_ROW:
                rows[-1] = joined
                continue
        rows.append(Row([place], [sequence], size))
    return rows


def _score_batch(model: Transformer, batch: Sequence[Row]) -> list[tuple[int, Score]]:
    device = model.head_weight.device
    T = max(row.length for row in batch)
    ids_BT, positions_BT, segments_BT = (torch.zeros(len(batch), T, dtype=torch.int64) for _ in range(3))
    places, spans, targets = list[int](), list[Tensor](), list[Tensor]()
    for b, row in enumerate(batch):
        P = end = row.shared
        ids_BT[b, :P] = torch.tensor(row.sequences[0].ids[:P])
        positions_BT[b, :P] = torch.arange(P)
        segments_BT[b, :P] = -1
        for number, (place, (ids, start)) in enumerate(zip(row.places, row.sequences, strict=True), 1):
            first, end = end, end + len(ids) - 1 - P
            ids_BT[b, first:end] = torch.tensor(ids[P:-1], dtype=torch.int64)
            positions_BT[b, first:end] = torch.arange(P, len(ids) - 1)
            segments_BT[b, first:end] = number
            before_n = torch.arange(start - 1, len(ids) - 1)  # the places of the tokens before the scored ones
            spans.append(b * T + torch.where(before_n < P, before_n, before_n - P + first))
            targets.append(torch.tensor(ids[start:]))
            places.append(place)
    is_plain = all(len(row.sequences) == 1 for row in batch)  # then every row is one text, padded on the right
    packing = () if is_plain else (positions_BT.to(device), segments_BT.to(device))
    hidden_BTD = model.hidden(ids_BT.to(device), *packing)
    hidden_nD = hidden_BTD.flatten(0, 1)[torch.cat(spans).to(device)]
    logprobs_n, are_likeliest_n = _scores(model, hidden_nD, torch.cat(targets).to(device))
    sizes = [len(each) for each in targets]
    columns = zip(places, logprobs_n.split(sizes), are_likeliest_n.split(sizes), strict=True)
    return [(place, Score(float(logprobs.sum()), bool(likeliest.all()))) for place, logprobs, likeliest in columns]


def _scores(model: Transformer, hidden_nD: Tensor, targets_n: Tensor) -> tuple[Tensor, Tensor]:
    """(log-probabilities of the targets in double precision, whether each is the likeliest token), on the CPU."""
    size = max(1, LOGIT_ELEMENTS // model.config.vocab_size)
    logprobs, likeliest = [], []
    for first in range(0, len(targets_n), size):
        logits_nV = model.logits(hidden_nD[None, first : first + size])[0]
        part_n = targets_n[first : first + size]
        chosen_n = logits_nV.gather(1, part_n[:, None])[:, 0]
        logprobs.append((chosen_n - logits_nV.logsumexp(-1)).double().cpu())
        likeliest.append((logits_nV.argmax(-1) == part_n).cpu())
    return torch.cat(logprobs), torch.cat(likeliest)
