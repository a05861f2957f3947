"""From logits to tokens: filters, a draw per row, and exact log-probabilities. Pure functions on tensors.

A row's draw depends only on its own logits, seed and step (a counter-based generator, as in Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"), so the rest of the batch, slots and order of arrival have no effect.

Axes: B rows, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from firstwords.engine.constraints import Constraint

MAX_SEED = 2**64
GREEDY_BELOW = 1e-5  # below this, dividing logits in fp32 fails; the likeliest token has all probability by then
NUCLEUS_PROBE = 128  # likeliest tokens tried first for top-p; a nucleus is nearly always smaller


@dataclass(frozen=True)
class SamplingParams:
    """How to continue a prompt. Raises ValueError, in one sentence, for invalid values."""

    max_tokens: int = 256
    """Maximum tokens to generate; the end of the model's context also ends the answer."""
    temperature: float = 1.0
    """0 takes the likeliest token; 1 samples from the model's own distribution."""
    top_k: int = 0
    """Keep the k likeliest tokens (and those tied with the last of them); 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of likeliest tokens whose probabilities reach p (Holtzman et al. 2020)."""
    min_p: float = 0.0
    """Keep tokens at least min_p times as likely as the likeliest (Nguyen et al. 2024)."""
    repetition_penalty: float = 1.0
    """Above 1: make tokens of prompt and answer less likely (Keskar et al. 2019, equation 1)."""
    stop: tuple[str, ...] = ()
    """Stop texts, which end the answer and are not part of it."""
    stop_token_ids: tuple[int, ...] | None = None
    """Tokens that end the answer; None: the tokenizer's <|im_end|> and <|endoftext|>."""
    seed: int | None = None
    """The same seed gives the same answer; None draws a new one."""
    logprobs: int | None = None
    """None: no log-probabilities; n: of each sampled token and of the n likeliest, over the full vocabulary."""
    uncertainty: bool = False
    """Also report each sampled token's rank and the entropy of the full distribution."""
    ignore_eos: bool = False
    """Continue after a stop token."""
    constraint: Constraint | None = None
    """A constraint on the answer, which ends where the constraint allows no continuation."""
    rule_cost: bool = False
    """Also report the log-probability lost to the constraint, if it is a rule for words."""

    def __post_init__(self) -> None:
        if isinstance(self.stop, str):
            object.__setattr__(self, "stop", (self.stop,))
        object.__setattr__(self, "stop", tuple(self.stop))
        if self.stop_token_ids is not None:
            object.__setattr__(self, "stop_token_ids", tuple(self.stop_token_ids))
        _require(self.max_tokens >= 1, f"max_tokens is {self.max_tokens}: generate at least one token")
        _require(
            math.isfinite(self.temperature) and self.temperature >= 0,
            f"temperature is {self.temperature}: use 0 for the likeliest token or a positive number",
        )
        _require(self.top_k >= 0, f"top_k is {self.top_k}: use a positive count, or 0 for all tokens")
        _require(0 < self.top_p <= 1, f"top_p is {self.top_p}: use a number above 0 and up to 1")
        _require(0 <= self.min_p <= 1, f"min_p is {self.min_p}: use a number from 0 to 1")
        _require(
            math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0,
            f"repetition_penalty is {self.repetition_penalty}: use a positive number, 1 for none",
        )
        _require(all(self.stop), "stop contains an empty string: remove it")
        _require(
            self.seed is None or 0 <= self.seed < MAX_SEED,
            f"seed is {self.seed}: use a whole number from 0 to 2^64 - 1",
        )
        _require(
            self.logprobs is None or self.logprobs >= 0,
            f"logprobs is {self.logprobs}: use a number of alternatives, or 0 for only the sampled token",
        )


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def uniforms(seeds_B: np.ndarray, counters_B: np.ndarray) -> np.ndarray:
    """One float64 in [0, 1) for each (seed, counter), both uint64: splitmix64 (Steele et al. 2014), 48 bits kept.

    The seed is scrambled before the counter is added, so that adjacent seeds share no subsequence.
    """
    with np.errstate(over="ignore"):
        return (_mix(_mix(seeds_B) + counters_B) >> np.uint64(16)) * 2.0**-48


def _mix(z: np.ndarray) -> np.ndarray:
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


class BatchParams:
    """The parameters of a batch's rows as tensors, built once while the batch stays the same."""

    def __init__(
        self, params: Sequence[SamplingParams], seeds: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.size = len(params)
        self.seeds_B = np.array(seeds, dtype=np.uint64)
        greedy = [p.temperature < GREEDY_BELOW for p in params]
        self.is_greedy, self.any_greedy = all(greedy), any(greedy)

        def column(values: list[Any], dtype: torch.dtype) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[:, None]

        self.greedy_B = column(greedy, torch.bool)[:, 0]
        temperatures = [1.0 if is_greedy else p.temperature for p, is_greedy in zip(params, greedy, strict=True)]
        warm = any(temperature != 1 for temperature in temperatures)
        self.temperature_B1 = column(temperatures, torch.float32) if warm else None
        self.max_k = max(p.top_k for p in params)
        self.all_k = all(p.top_k for p in params)  # else some row's nucleus may have any number of tokens
        self.top_k_B1 = column([p.top_k for p in params], torch.int64)
        nucleus = any(p.top_p < 1 for p in params)
        # a row with top_p = 1 keeps everything, even what rounding would cut, and never causes a full sort
        shares = [p.top_p if p.top_p < 1 else 0.0 for p in params]
        self.top_p_B1 = column(shares, torch.float64) if nucleus else None
        self.has_top_p_B1 = column([p.top_p < 1 for p in params], torch.bool)
        floor = any(p.min_p > 0 for p in params)
        self.min_p_B1 = column([p.min_p for p in params], torch.float32) if floor else None
        repeated = any(p.repetition_penalty != 1 for p in params)
        self.penalty_B1 = column([p.repetition_penalty for p in params], torch.float32) if repeated else None


def penalise(logits_BV: Tensor, penalty_B1: Tensor, seen_BV: Tensor) -> Tensor:
    """Divide positive logits of seen tokens by the penalty, multiply negative ones (CTRL, Keskar et al.
    2019).
    """
    lowered = torch.where(logits_BV > 0, logits_BV / penalty_B1, logits_BV * penalty_B1)
    return torch.where(seen_BV, lowered, logits_BV)


def filter_logits(logits_BV: Tensor, batch: BatchParams) -> Tensor:
    """Temperature, then top-k, top-p and min-p in this order; removed tokens become -inf.

    Every filter keeps the tokens at or above a threshold, so ties are kept together.
    """
    scaled_BV = logits_BV if batch.temperature_B1 is None else logits_BV / batch.temperature_B1
    threshold_B1 = _threshold(_weights(logits_BV, batch), batch)
    if threshold_B1 is None:
        return scaled_BV
    return scaled_BV.masked_fill(_weights(logits_BV, batch) < threshold_B1, -math.inf)


def probabilities(logits_BV: Tensor, batch: BatchParams) -> Tensor:
    """The distribution that `sample` draws from, (B, V): 0 for filtered tokens; one-hot for a greedy row."""
    probabilities_BV = filter_logits(logits_BV, batch).softmax(-1)
    if batch.any_greedy:
        greedy_BV = torch.zeros_like(probabilities_BV).scatter_(1, argmax(logits_BV)[:, None], 1.0)
        probabilities_BV = torch.where(batch.greedy_B[:, None], greedy_BV, probabilities_BV)
    return probabilities_BV


def _weights(logits_BV: Tensor, batch: BatchParams) -> Tensor:
    """Probabilities after temperature, scaled so that the likeliest token of each row has 1."""
    weights_BV = logits_BV - logits_BV.amax(-1, keepdim=True)
    if batch.temperature_B1 is not None:
        weights_BV /= batch.temperature_B1
    return weights_BV.exp_()


def _threshold(weights_BV: Tensor, batch: BatchParams) -> Tensor | None:
    """The smallest weight that top-k, top-p and min-p keep, (B, 1); None if nothing is filtered."""
    threshold_B1 = batch.min_p_B1
    if batch.max_k or batch.top_p_B1 is not None:
        top_B1 = _top_threshold(weights_BV, batch)
        threshold_B1 = top_B1 if threshold_B1 is None else torch.maximum(top_B1, threshold_B1)
    return threshold_B1


def _top_threshold(weights_BV: Tensor, batch: BatchParams) -> Tensor:
    """Top-k and top-p from the largest weights alone; all are sorted only when those do not reach p."""
    V = weights_BV.shape[1]
    size = min(V, batch.max_k if batch.all_k else max(batch.max_k, NUCLEUS_PROBE))
    ordered = torch.topk(weights_BV, size, dim=-1).values
    kth_B1 = ordered.gather(1, (batch.top_k_B1 - 1).clamp(0, size - 1))
    kth_B1 = torch.where(batch.top_k_B1 > 0, kth_B1, 0.0)
    if batch.top_p_B1 is None:
        return kth_B1
    total_B1 = (weights_BV * (weights_BV >= kth_B1)).sum(-1, keepdim=True, dtype=torch.float64)
    wanted_B1 = batch.top_p_B1 * total_B1
    cut_B1, reaches = _nucleus(ordered, kth_B1, wanted_B1)
    if size < V and not reaches:
        cut_B1, _ = _nucleus(_descending(weights_BV), kth_B1, wanted_B1)
    return torch.maximum(kth_B1, torch.where(batch.has_top_p_B1, cut_B1, 0.0))


def _nucleus(ordered: Tensor, kth_B1: Tensor, wanted_B1: Tensor) -> tuple[Tensor, bool]:
    """(The last weight needed for the sum to reach the wanted one, whether all rows reach theirs)."""
    kept = (ordered * (ordered >= kth_B1)).double()
    reached = kept.cumsum(-1)
    # a token stays if those before it have not reached p; the likeliest always stays
    count_B1 = ((reached - kept) < wanted_B1).sum(-1, keepdim=True).clamp(min=1)
    return ordered.gather(1, count_B1 - 1), bool((reached[:, -1:] >= wanted_B1).all())


def _descending(weights_BV: Tensor) -> Tensor:
    if weights_BV.device.type == "cpu":  # NumPy sorts with vector instructions: eight times as fast here
        return torch.from_numpy(-np.sort(-weights_BV.float().numpy(), axis=-1))
    return torch.sort(weights_BV, dim=-1, descending=True).values


def draw(weights_BV: Tensor, uniforms_B: np.ndarray) -> Tensor:
    """The token at which the cumulative sum of weights passes the row's uniform number, (B,) int64; fp64 sums."""
    reached_BV = torch.cumsum(weights_BV, -1, dtype=torch.float64)
    wanted_B1 = torch.from_numpy(uniforms_B[:, None]).to(weights_BV.device) * reached_BV[:, -1:]
    # "right": the first token whose sum exceeds the target, so a token of probability 0 is never drawn
    return torch.searchsorted(reached_BV, wanted_B1, right=True)[:, 0]


def argmax(logits_BV: Tensor) -> Tensor:
    """The likeliest token of each row, the first on ties, (B,) int64."""
    if logits_BV.device.type == "cpu" and logits_BV.dtype == torch.float32:
        return torch.from_numpy(logits_BV.numpy().argmax(-1))  # 15 times as fast as torch's
    return logits_BV.argmax(-1)


def rule_out(logits_BV: Tensor, masks: Sequence[tuple[int, np.ndarray]]) -> Tensor:
    """A copy of the logits with -inf where a row's mask (row, allowed_V) is False."""
    ruled_BV = logits_BV.clone()
    for row, allowed_V in masks:
        ruled_BV[row].masked_fill_(torch.from_numpy(~allowed_V).to(logits_BV.device), -math.inf)
    return ruled_BV


def sample(logits_BV: Tensor, batch: BatchParams, counters_B: np.ndarray, seen_BV: Tensor | None = None) -> Tensor:
    """The next token of every row, (B,) int64. counters_B counts the tokens that a row has generated so far."""
    if batch.penalty_B1 is not None and seen_BV is not None:
        logits_BV = penalise(logits_BV, batch.penalty_B1, seen_BV)
    if batch.is_greedy:
        return argmax(logits_BV)
    weights_BV = _weights(logits_BV, batch)
    threshold_B1 = _threshold(weights_BV, batch)
    if threshold_B1 is not None:
        weights_BV *= weights_BV >= threshold_B1
    tokens_B = draw(weights_BV, uniforms(batch.seeds_B, counters_B))
    if batch.any_greedy:
        tokens_B = torch.where(batch.greedy_B, argmax(logits_BV), tokens_B)
    return tokens_B


def true_logprobs(logits_BV: Tensor, tokens_B: Tensor, top: int) -> tuple[Tensor, Tensor, Tensor]:
    """The model's own log-probabilities, ignoring filters: (of the tokens (B,), top ids (B, top), their logprobs).

    log_softmax of the raw logits over the full vocabulary at temperature 1.
    """
    logprobs_BV = torch.log_softmax(logits_BV.float(), -1)
    sampled_B = logprobs_BV.gather(1, tokens_B[:, None])[:, 0]
    values, ids = torch.topk(logprobs_BV, min(top, logits_BV.shape[1]), dim=-1)
    return sampled_B, ids, values


def rank_and_entropy(logits_BV: Tensor, tokens_B: Tensor) -> tuple[Tensor, Tensor]:
    """The model's own uncertainty, ignoring filters: (ranks of the tokens (B,), entropies in bits (B,)).

    Rank 1 is the likeliest token; tokens that tie share the better rank.
    """
    rank_B = (logits_BV > logits_BV.gather(1, tokens_B[:, None])).sum(-1) + 1
    # with z = sum of exp(x): H = log z - sum of x exp(x) / z, one exponential per token
    x_BV = logits_BV.float() - logits_BV.amax(-1, keepdim=True)
    weights_BV = x_BV.exp()
    z_B = weights_BV.sum(-1)
    entropy_B = z_B.log() - x_BV.mul_(weights_BV).sum(-1) / z_B
    return rank_B, entropy_B.clamp_(min=0) / math.log(2)
