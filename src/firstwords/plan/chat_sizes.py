"""Measure how long conversations are, to choose a model's context and the row length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from firstwords.data.chats import conversations

SAMPLED_CHATS = 2000  # the first chats are a sample of all lengths
MARK_TOKENS = 10  # per turn: special tokens and role, in a vocabulary without a token for the role's name
UNLIKE = 1.15  # tokens per byte of chats, relative to the text that the vocabulary was learned from
ENOUGH = 0.99  # share of the chats that must fit a row or a context
MULTIPLE = 64  # contexts and rows are whole multiples of this
LONGEST_ROW = 768  # tokens, for models of unknown training: memory follows from the rows, not from the model's limit
MOST_CONTEXTS = 4  # max positions of a new model, in pre-training contexts: training never sees those beyond


def chat_sizes(specs: Sequence[str], most: int = SAMPLED_CHATS) -> list[tuple[int, int]]:
    """(UTF-8 bytes, turns) of each of the first conversations in the specs."""
    return [
        (sum(len(turn["content"].encode("utf-8", "replace")) for turn in chat), len(chat))
        for chat in islice(conversations(specs), most)
    ]


def positions_for(sizes: Sequence[tuple[int, int]], bytes_per_token: float, context: int, usual: int) -> int:
    """Positions of a model for chats of these sizes: the `usual` number, or more if the chats need it.

    >>> positions_for([(300, 2)] * 100, 3.0, 256, 512), positions_for([(2000, 2)] * 100, 3.0, 256, 512)
    (512, 832)
    """
    if not sizes:
        return usual
    lengths = [UNLIKE * size / bytes_per_token + MARK_TOKENS * turns for size, turns in sizes]
    return max(usual, min(rounded(float(np.quantile(lengths, ENOUGH))), MOST_CONTEXTS * context))


def rounded(tokens: float) -> int:
    """The next multiple of MULTIPLE."""
    return -int(-tokens // MULTIPLE) * MULTIPLE


def row_tokens(lengths: Sequence[int], trained: int | None, limit: int, usual: int, may_miss: float) -> int:
    """Tokens per row for chats of these lengths: as in pre-training, longer only if the chats need it.

    trained: tokens per row in pre-training, None if unknown (then `usual`). may_miss: share of the chats that may be
    longer than a row. Never more than the model's limit, and for a model of unknown training than LONGEST_ROW.
    """
    limit = limit if trained else min(limit, LONGEST_ROW)
    least = min(trained or usual, limit)
    if sum(length > least for length in lengths) <= may_miss * len(lengths):
        return least if trained else min(least, rounded(max(lengths)))
    return min(limit, max(least, rounded(float(np.quantile(lengths, ENOUGH)))))
