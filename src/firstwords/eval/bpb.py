"""Bits per byte of a text under a model, which compares models with different tokenizers.

Every byte is scored. A document is `<|endoftext|>` followed by its tokens; windows of T = context tokens slide over it
with stride T/2. The first window scores all its tokens, each later one only those not yet scored, so that (away from a
document's beginning) every token is predicted from at least T/2 previous tokens. The result is the sum of the text
tokens' nats, divided by ln 2 and by the UTF-8 bytes of the text. The separator itself is never scored.

`score_tokens` takes a function from ids to logits instead of a model, so that the same code scores other models.

Axes: B rows, T tokens per row, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from firstwords.config import UserError
from firstwords.data.packing import IGNORED

if TYPE_CHECKING:
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

LogitsFn = Callable[
    [Tensor], Tensor
]  # ids_BT (int64) -> logits_BTV; causal: the right end of a row never changes its left
LOGIT_ELEMENTS = 1 << 23  # logits held at once (32 MiB in fp32) decide the rows of a batch
HELD_BATCHES = 16  # windows of so many batches are sorted by length together, to waste little on padding
MAX_ROWS = 64


@dataclass(frozen=True)
class BpbResult:
    """The result and what was scored. `tokens` counts text tokens; `nats` is the sum of their -log probabilities."""

    bits_per_byte: float
    bytes: int
    tokens: int
    nats: float
    documents: int
    context: int

    def asdict(self) -> dict[str, float]:
        return asdict(self)


def bits_per_byte(
    model: Transformer,
    tokenizer: Tokenizer,
    documents: Iterable[str],
    context: int | None = None,
    batch_rows: int | None = None,
) -> BpbResult:
    """Score all documents in fp32. `context` (tokens) defaults to the model's own; memory does not grow with the text.

    Raises UserError for a context longer than the model's and for an empty text.
    """
    limit = model.config.max_position_embeddings
    context = limit if context is None else context
    if not 2 <= context <= limit:
        raise UserError(f"a context of {context} tokens is out of range for this model: use 2 to {limit}")
    device = next(model.parameters()).device

    def logits(ids_BT: Tensor) -> Tensor:
        return model(ids_BT.to(device))

    rows = batch_rows or rows_for(model.config.vocab_size, context)
    with _computing_in_fp32(model):
        return score_documents(
            logits, tokenizer.encode, tokenizer.endoftext_id, documents, context=context, batch_rows=rows
        )


def score_documents(
    logits_fn: LogitsFn,
    encode: Callable[[str], Sequence[int]],
    bos_id: int | None,
    documents: Iterable[str],
    context: int,
    batch_rows: int = 8,
) -> BpbResult:
    """`bits_per_byte` for any model: `encode` must give ids without special tokens; `bos_id` is prepended to each
    document.

    bos_id None is for models without a separator (say, character models): the first token of each document then has no
    context and counts as ln V nats, as for a uniform prediction. Raises UserError if there is nothing to score."""
    counts = {"bytes": 0, "tokens": 0, "documents": 0}
    unpredicted = 0

    def sequences() -> Iterator[list[int]]:
        nonlocal unpredicted
        for text in documents:
            if not text:
                continue
            ids = list(encode(text))
            counts["bytes"] += len(text.encode("utf-8", "surrogatepass"))
            counts["tokens"] += len(ids)
            counts["documents"] += 1
            unpredicted += bos_id is None
            yield ids if bos_id is None else [bos_id, *ids]

    nats, vocab_size = score_tokens(logits_fn, sequences(), context, batch_rows)
    if not counts["bytes"]:
        raise UserError("there is no text to score: every document was empty")
    nats += unpredicted * math.log(max(2, vocab_size))
    return BpbResult(bits_per_byte=nats / math.log(2) / counts["bytes"], nats=nats, context=context, **counts)


def windows(num_targets: int, context: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, first) of each window: it reads ids[start:stop] and scores its predictions of ids[start + first + 1
    : stop + 1].

    >>> list(windows(10, 4))
    [(0, 4, 0), (2, 6, 2), (4, 8, 2), (6, 10, 2)]
    """
    start, stop = 0, min(context, num_targets)
    first = 0
    while start < stop:
        yield start, stop, first
        if stop == num_targets:
            return
        start += context // 2
        first = stop - start
        stop = min(start + context, num_targets)


def score_tokens(
    logits_fn: LogitsFn, sequences: Iterable[Sequence[int]], context: int, batch_rows: int
) -> tuple[float, int]:
    """(sum of nats of every token but the first of each sequence, vocabulary size of the logits)."""
    nats, vocab_size = 0.0, 0
    held: list[tuple[list[int], int]] = []
    with torch.no_grad():
        for ids in sequences:
            for start, stop, first in windows(len(ids) - 1, context):
                held.append((list(ids[start : stop + 1]), first))
                if len(held) >= HELD_BATCHES * batch_rows:
                    part, vocab_size = _score_held(logits_fn, held, batch_rows)
                    nats += part
                    held = []
        if held:
            part, vocab_size = _score_held(logits_fn, held, batch_rows)
            nats += part
    return nats, vocab_size


def _score_held(logits_fn: LogitsFn, held: list[tuple[list[int], int]], batch_rows: int) -> tuple[float, int]:
    held = sorted(held, key=lambda window: len(window[0]))
    nats, vocab_size = 0.0, 0
    for begin in range(0, len(held), batch_rows):
        part, vocab_size = _score_batch(logits_fn, held[begin : begin + batch_rows])
        nats += part
    return nats, vocab_size


def _score_batch(logits_fn: LogitsFn, batch: list[tuple[list[int], int]]) -> tuple[float, int]:
    """Rows are padded on the right, which a causal model does not see."""
    T = max(len(ids) for ids, _ in batch) - 1
    inputs_BT = torch.zeros(len(batch), T, dtype=torch.int64)
    targets_BT = torch.full((len(batch), T), IGNORED, dtype=torch.int64)
    for row, (ids, first) in enumerate(batch):
        n = len(ids) - 1
        ids_T = torch.tensor(ids, dtype=torch.int64)
        inputs_BT[row, :n] = ids_T[:-1]
        targets_BT[row, first:n] = ids_T[first + 1 :]
    logits_BTV = logits_fn(inputs_BT)
    targets_BT = targets_BT.to(logits_BTV.device)
    scored = targets_BT != IGNORED
    losses = F.cross_entropy(logits_BTV[scored].float(), targets_BT[scored], reduction="none")
    return float(losses.double().sum()), logits_BTV.shape[-1]


def rows_for(vocab_size: int, context: int) -> int:
    """Number of rows per batch such that the logits take about 32 MiB."""
    return max(1, min(MAX_ROWS, LOGIT_ELEMENTS // (vocab_size * context)))


@contextmanager
def _computing_in_fp32(model: Transformer) -> Iterator[None]:
    before, was_training = model.compute_dtype, model.training
    model.compute_dtype = torch.float32
    model.eval()
    try:
        with torch.autocast(next(model.parameters()).device.type, enabled=False):
            yield
    finally:
        model.compute_dtype = before
        model.train(was_training)
