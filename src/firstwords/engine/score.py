"""Scores given texts: the log-probability of every token, and the model's preferred alternatives.

Axes: B rows, T tokens per row, D hidden, V vocabulary, A alternatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from firstwords.engine.sampling import rank_and_entropy
from firstwords.model.transformer import Transformer

BATCH_TOKENS = 4096  # tokens per forward pass; keeps activations of small models in a CPU's cache
LOGIT_ELEMENTS = 2**23  # logits in memory at once (32 MB in fp32), for any vocabulary


@dataclass(frozen=True)
class TokenScores:
    """logprobs_T[i] is log p(ids[i+1] | ids[:i+1]); top_ids_TA and top_logprobs_TA are the likeliest tokens there."""

    logprobs_T: Tensor
    top_ids_TA: Tensor
    top_logprobs_TA: Tensor


@torch.inference_mode()
def score(model: Transformer, ids_list: Sequence[Sequence[int]], top: int = 0) -> list[TokenScores]:
    """Score every token but the first of each sequence, over the full vocabulary at temperature 1, in fp32.

    Sequences of similar length share a batch, padded on the right, which causal attention ignores.
    Raises ValueError for an empty sequence or one beyond the model's context.
    """
    limit = model.config.max_position_embeddings
    for ids in ids_list:
        check_length(len(ids), limit)
    order = sorted(range(len(ids_list)), key=lambda index: len(ids_list[index]))
    results: list[TokenScores | None] = [None] * len(ids_list)
    while order:
        longest = len(ids_list[order[-1]])
        size = max(1, BATCH_TOKENS // longest)
        rows, order = order[-size:], order[:-size]
        for row, scores in zip(rows, _score_batch(model, [ids_list[row] for row in rows], top), strict=True):
            results[row] = scores
    return results  # type: ignore[return-value]


def check_length(num_tokens: int, limit: int) -> None:
    if num_tokens < 1:
        raise ValueError("the sequence is empty: give at least one token")
    if num_tokens > limit:
        raise ValueError(f"{num_tokens} tokens exceed the model's context of {limit}: shorten the text")


def _score_batch(model: Transformer, batch: list[Sequence[int]], top: int) -> list[TokenScores]:
    device = model.head_weight.device
    longest = max(len(ids) for ids in batch)
    ids_BT = torch.zeros(len(batch), longest, dtype=torch.int64)
    for row, ids in enumerate(batch):
        ids_BT[row, : len(ids)] = torch.as_tensor(ids, dtype=torch.int64)
    ids_BT = ids_BT.to(device)
    hidden_BTD = model.hidden(ids_BT[:, :-1]) if longest > 1 else None
    scored = []
    for row, ids in enumerate(batch):
        length = len(ids) - 1
        if length == 0:
            none = torch.empty(0, top)
            scored.append(TokenScores(torch.empty(0), none.long(), none))
            continue
        assert hidden_BTD is not None  # this row has more than a token
        scored.append(_score_row(model, hidden_BTD[row, :length], ids_BT[row, 1 : length + 1], top))
    return scored


def _score_row(model: Transformer, hidden_TD: Tensor, targets_T: Tensor, top: int) -> TokenScores:
    piece = max(1, LOGIT_ELEMENTS // model.config.vocab_size)
    parts = []
    for start in range(0, len(targets_T), piece):
        logits_TV = model.logits(hidden_TD[None, start : start + piece])[0]
        parts.append(_scores(logits_TV, targets_T[start : start + piece], top))
    logprobs_T, top_ids_TA, top_logprobs_TA = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
    return TokenScores(logprobs_T, top_ids_TA, top_logprobs_TA)


def _scores(logits_TV: Tensor, targets_T: Tensor, top: int) -> tuple[Tensor, Tensor, Tensor]:
    """(logprobs_T of the targets, top_ids_TA, top_logprobs_TA)."""
    normaliser_T1 = logits_TV.logsumexp(-1, keepdim=True)
    values, ids = torch.topk(logits_TV, min(top, logits_TV.shape[-1]), dim=-1)
    return (logits_TV.gather(1, targets_T[:, None]) - normaliser_T1)[:, 0], ids, values - normaliser_T1


@dataclass(frozen=True)
class Surprise(TokenScores):
    """ranks_T: 1 where no token was likelier; entropies_T: bits, of the full distribution at that position."""

    ranks_T: Tensor
    entropies_T: Tensor


@torch.inference_mode()
def surprise(logits_TV: Tensor, targets_T: Tensor, top: int) -> Surprise:
    """Log-probability, rank and entropy for each token, over the full vocabulary.

    logits_TV are those that predict the targets. Results are on the CPU.
    """
    logprobs_T, top_ids_TA, top_logprobs_TA = _scores(logits_TV, targets_T, top)
    ranks_T, entropies_T = rank_and_entropy(logits_TV, targets_T)
    found = (logprobs_T, top_ids_TA, top_logprobs_TA, ranks_T, entropies_T)
    return Surprise(*(column.cpu() for column in found))
