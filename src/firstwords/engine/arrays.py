"""The arrays that the decoders share: packed weights, buffers, and the decoding rows with what a step found out.

Plain NumPy, so that compiled loops, PyTorch and the engine share one form. A row is one running request, or one token
of a prompt.

Axes: L layers, R rows, D hidden, F feed-forward, N head size or steps, S places of a slot, V vocabulary, I inputs,
      O outputs and P panels of a matrix or places of a grammar, C characters of the vocabulary, W weights of a panel or
      words of 32 tokens, T threads, A alternatives, E end tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from firstwords.engine.sampling import GREEDY_BELOW, SamplingParams
from firstwords.process import cpu_flags

if TYPE_CHECKING:
    from firstwords.engine.grammar.places import Places

LANES = 16 if "avx512f" in cpu_flags() else 8  # float32 numbers in one register of this processor
PANEL = 2 * LANES  # outputs of a matrix that are computed together
LINE = 64  # bytes of a cache line
APART = 2 * LINE // 8  # int64 numbers, two cache lines: counters that threads can change without disturbing one another
FAINT = 1e-25  # a sum of weights below which single precision is not enough


class Weights(NamedTuple):
    """All parameters, layers stacked; matrices packed in panels, see `kernels.py`, so that O is a multiple of PANEL.

    Biases have no outputs (O = 0) where the family has none; the same for norms. K tables of rotary positions.
    """

    table_PW: np.ndarray
    table_scale_V: np.ndarray
    attention_norm_LD: np.ndarray
    qkv_LPW: np.ndarray
    qkv_scale_LO: np.ndarray
    qkv_bias_LO: np.ndarray
    q_norm_LN: np.ndarray
    k_norm_LN: np.ndarray
    out_LPW: np.ndarray
    out_scale_LO: np.ndarray
    out_bias_LO: np.ndarray
    mlp_norm_LD: np.ndarray
    gate_up_LPW: np.ndarray
    gate_up_scale_LO: np.ndarray
    gate_up_bias_LO: np.ndarray
    down_LPW: np.ndarray
    down_scale_LO: np.ndarray
    down_bias_LO: np.ndarray
    after_attention_LD: np.ndarray  # norms of what is added to the stream
    after_mlp_LD: np.ndarray
    final_norm_D: np.ndarray
    head_PW: np.ndarray
    head_scale_V: np.ndarray
    no_bias: np.ndarray  # of the head
    cos_KSN: np.ndarray  # (tables, places, N / 2)
    sin_KSN: np.ndarray
    tables_L: np.ndarray  # int64, which of the tables each layer uses
    windows_L: np.ndarray  # int64, the newest places that each layer attends to; 0 = all
    attention_scale: np.float32
    embedding_scale: np.float32
    gate_slope: np.float32  # of the gate's sigmoid, see `transform`
    gate_cubic: np.float32
    eps: float
    vocab_size: int


class Buffers(NamedTuple):
    """Intermediate results. What begins with T exists once for each thread, the rest is shared."""

    x_TRD: np.ndarray  # the residual stream
    normed_TRD: np.ndarray
    qkv_RO: np.ndarray
    mixed_RI: np.ndarray  # outputs of the attention heads
    gate_up_RO: np.ndarray
    added_RD: np.ndarray  # what a block adds to the stream
    scores_TS: np.ndarray
    logits_RV: np.ndarray
    weights_TV: np.ndarray  # of a row's tokens, for the draw
    likely_TV: np.ndarray  # the larger ones of them
    stops: np.ndarray  # int64, whether one of several threads with rows of their own has stopped
    arrivals: np.ndarray  # int64, how often each thread has arrived at `meet`, APART from one another


class Rows(NamedTuple):
    """What each row reads, how it samples, and (from tokens_RN on) what it sampled in each of the last steps."""

    ids_R: np.ndarray  # int64, the token that each row reads next: the newest one
    slots_R: np.ndarray  # int64
    places_R: np.ndarray  # int64, where in its slot that token stands
    temperature_R: np.ndarray  # float32, 0 = greedy
    top_k_R: np.ndarray  # int64, 0 = all
    top_p_R: np.ndarray  # float64, 1 = all
    min_p_R: np.ndarray  # float32, 0 = all
    penalty_R: np.ndarray  # float32, 1 = none
    seeds_R: np.ndarray  # uint64
    counters_R: np.ndarray  # uint64, tokens that each row has sampled so far
    seen_RV: np.ndarray  # bool, tokens of prompt and answer; no rows where no row has a penalty
    masks_RW: np.ndarray  # uint32, bit i of word w allows token 32 w + i; no rows where nothing is constrained
    numbers_R: np.ndarray  # int64, the place of each row in a grammar (`grammar.places`); 0 unknown, -1 no grammar
    rooms_R: np.ndarray  # int64, tokens that may follow there
    is_known_R: np.ndarray  # bool, whether the newest token led to a known place
    landings_R: np.ndarray  # int64, tokens before the limit from which on no new word may begin; 0 = it may
    word_tokens_R: np.ndarray  # int64, tokens of the word that is being written
    masks_PW: np.ndarray  # uint32, the masks of all places
    next_PC: np.ndarray  # int32, the place where each character leads; 0 unknown
    lengths_P: np.ndarray  # int64, bytes that would finish the answer; negative where the mask is unknown
    chars: np.ndarray  # int32, the characters of all tokens
    starts_V: np.ndarray  # int64, where those of each token begin, and the end of the last one's
    has_space_V: np.ndarray  # bool, whether a token begins or ends with white space
    is_ruled_R: np.ndarray  # bool, whether it is wanted what the mask costs
    num_top_R: np.ndarray  # int64, alternatives wanted; -1 = no log-probabilities
    is_uncertain_R: np.ndarray  # bool, whether rank and entropy are wanted
    end_ids_RE: np.ndarray  # int64, tokens that end the answer; -1 fills up
    has_ended_R: np.ndarray  # bool, whether the newest token is one of them
    limits_R: np.ndarray  # int64, tokens that each row may still have
    waits_R: np.ndarray  # bool, whether it has sampled all that it may
    tokens_RN: np.ndarray  # int64
    logprob_RN: np.ndarray  # float32
    top_ids_RNA: np.ndarray  # int64
    top_logprobs_RNA: np.ndarray  # float32
    rank_RN: np.ndarray  # int64
    entropy_RN: np.ndarray  # float32, bits
    lost_RN: np.ndarray  # float32, -log of the probability of all tokens that the mask allows, nats


def new_rows(
    params: Sequence[SamplingParams],
    seeds: Sequence[int],
    slots: Sequence[int],
    ids: Sequence[Sequence[int]],
    num_prompt_tokens: Sequence[int],
    constrained: bool,
    vocab_size: int,
    end_ids: Sequence[Collection[int]] = (),
    num_steps: int = 1,
    ruled: Sequence[int] = (),
    places: Places | None = None,
) -> Rows:
    """Rows that read the last of their `ids` (prompt and answer so far) next, with room for the results of num_steps.

    end_ids: the tokens that end each row's answer; none if empty. ruled: the rows for which it is wanted what the mask
    costs. places: what is known of the grammars, for several steps at a time.
    """
    size = len(params)

    def column(values: Sequence[Any], dtype: type) -> np.ndarray:
        return np.array(values, dtype=dtype)

    seen_RV = np.zeros((0, vocab_size), dtype=np.bool_)
    if any(p.repetition_penalty != 1 for p in params):
        seen_RV = np.zeros((size, vocab_size), dtype=np.bool_)
        for row, known in enumerate(ids):
            seen_RV[row, known] = True
    num_top = [-1 if p.logprobs is None else min(p.logprobs, vocab_size) for p in params]
    end_ids_RE = np.full((size, max(map(len, end_ids), default=0)), -1, np.int64)
    for row, ends in enumerate(end_ids):
        end_ids_RE[row, : len(ends)] = sorted(ends)
    is_ruled_R = np.zeros(size, np.bool_)
    is_ruled_R[list(ruled)] = True
    return Rows(
        ids_R=column([known[-1] for known in ids], np.int64),
        slots_R=column(slots, np.int64),
        places_R=column([len(known) - 1 for known in ids], np.int64),
        temperature_R=column([0 if p.temperature < GREEDY_BELOW else p.temperature for p in params], np.float32),
        top_k_R=column([p.top_k for p in params], np.int64),
        top_p_R=column([p.top_p for p in params], np.float64),
        min_p_R=column([p.min_p for p in params], np.float32),
        penalty_R=column([p.repetition_penalty for p in params], np.float32),
        seeds_R=column(seeds, np.uint64),
        counters_R=column([len(known) - count for known, count in zip(ids, num_prompt_tokens, strict=True)], np.uint64),
        seen_RV=seen_RV,
        **_of_grammars(size, vocab_size, constrained, places),
        is_ruled_R=is_ruled_R,
        num_top_R=column(num_top, np.int64),
        is_uncertain_R=column([p.uncertainty for p in params], np.bool_),
        end_ids_RE=end_ids_RE,
        has_ended_R=np.zeros(size, np.bool_),
        limits_R=np.full(size, num_steps, np.int64),
        waits_R=np.zeros(size, np.bool_),
        **_results(size, num_steps, max([0, *num_top])),
    )


def _of_grammars(size: int, vocab_size: int, constrained: bool, places: Places | None) -> dict[str, np.ndarray]:
    """The fields that constrain what rows may sample; at first, everything is allowed."""
    num_words = -(-vocab_size // 32)
    return {
        "masks_RW": np.full((size if constrained else 0, num_words), 0xFFFFFFFF, np.uint32),
        "numbers_R": np.full(size, -1, np.int64),
        "rooms_R": np.zeros(size, np.int64),
        "is_known_R": np.ones(size, np.bool_),
        "landings_R": np.zeros(size, np.int64),
        "word_tokens_R": np.zeros(size, np.int64),
        "masks_PW": np.zeros((0, num_words), np.uint32) if places is None else places.masks_PW,
        "next_PC": np.zeros((0, 1), np.int32) if places is None else places.next_PC,
        "lengths_P": np.zeros(0, np.int64) if places is None else places.lengths_P,
        "chars": np.zeros(0, np.int32) if places is None else places.spellings.chars,
        "starts_V": np.zeros(0, np.int64) if places is None else places.spellings.starts_V,
        "has_space_V": np.zeros(0, np.bool_) if places is None else places.spellings.has_space_V,
    }


def _results(size: int, num_steps: int, num_top: int) -> dict[str, np.ndarray]:
    """Room for what rows sample, and for what was asked about it."""
    each = size, num_steps
    return {
        "tokens_RN": np.zeros(each, np.int64),
        "logprob_RN": np.zeros(each, np.float32),
        "top_ids_RNA": np.zeros((*each, num_top), np.int64),
        "top_logprobs_RNA": np.zeros((*each, num_top), np.float32),
        "rank_RN": np.zeros(each, np.int64),
        "entropy_RN": np.zeros(each, np.float32),
        "lost_RN": np.zeros(each, np.float32),
    }


def prompt_rows(chunks: Sequence[tuple[Sequence[int], int, int]]) -> Rows:
    """Rows that read tokens of prompts and sample nothing. chunks: (ids, slot, place of the first) of each prompt."""
    return _no_rows()._replace(
        ids_R=np.concatenate([np.array(ids, np.int64) for ids, _, _ in chunks]),
        slots_R=np.concatenate([np.full(len(ids), slot, np.int64) for ids, slot, _ in chunks]),
        places_R=np.concatenate([np.arange(start, start + len(ids)) for ids, _, start in chunks]),
    )


@functools.cache
def _no_rows() -> Rows:
    return new_rows([], [], [], [], [], False, 0)
