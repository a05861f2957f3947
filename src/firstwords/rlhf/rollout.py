"""Answers that the policy samples for its own training, with the sampler's log-probability of each token.

    rollouts = sample_rollouts(engine, prompts, num_samples=4, max_tokens=48, seed=0, step=7)

Sampled from the model's own distribution: temperature 1, without top-p or top-k. Chats use the same engine, and
`check_sampler` asserts in every run that its log-probabilities equal the trainer's. The answer of a row depends only on
(seed, step, row), so that an interrupted run continues exactly.

Axes: B sequences, T positions (position t predicts the token after it), N chosen tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from firstwords.engine.engine import Engine
from firstwords.engine.request import Completion
from firstwords.engine.sampling import MAX_SEED, SamplingParams
from firstwords.model.transformer import Transformer
from firstwords.rlhf.prefix_rows import LEAST_SHARED, shared_parts
from firstwords.rlhf.reward_model import padded
from firstwords.train.distributed import processes

SAME_LOGPROB = 1e-3  # nats per token: rounding between two fp32 computations; a wrong mask is off by whole nats


@dataclass
class States:
    """Policy and reference, evaluated on the states that the answers pass through."""

    ref_logits_NV: Tensor  # on the CPU
    kl_BT: np.ndarray  # exact KL(policy || reference) of each state, fp64, 0 elsewhere
    behind_BT: np.ndarray  # log ref(token) - max log ref, fp32, <= 0: distance from the reference's greedy choice
    entropy: float  # of the policy, mean over the states


@dataclass
class Rollouts:
    """B = prompts x samples sequences, with the samples of a prompt adjacent. Arrays are padded on the right."""

    ids_BT: np.ndarray  # inputs: all tokens but the last
    targets_BT: np.ndarray  # the token after each position
    mask_BT: np.ndarray  # True where the target was chosen by the policy, including the stop token
    sampler_logprobs_BT: np.ndarray  # fp32, from the sampler; 0 elsewhere
    stopped_B: np.ndarray
    sequences: list[list[int]]  # prompt and answer of each row
    texts: list[str]
    num_samples: int
    states: States | None = None  # filled in by `Policy.measure`

    @property
    def lengths_B(self) -> np.ndarray:
        """Number of chosen tokens of each sequence."""
        return self.mask_BT.sum(1)


def sample_rollouts(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    num_samples: int,
    max_tokens: int,
    seed: int,
    step: int,
    is_shared: bool = False,
) -> Rollouts:
    """`num_samples` answers to each prompt by the current policy (call `engine.refresh()` after an update).

    is_shared: several processes, each with the policy, sample a share of the answers; all get all of them.
    """
    repeated = [prompt for prompt in prompts for _ in range(num_samples)]
    base = int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    params = SamplingParams(max_tokens=max_tokens, temperature=1.0, logprobs=0, seed=base)

    def sampled(rows: Sequence[int]) -> list[Completion]:
        seeded = [replace(params, seed=(base + row) % MAX_SEED) for row in rows]
        return engine.generate([repeated[row] for row in rows], seeded)

    count = len(repeated)
    answers = processes.spread(sampled, count) if is_shared else sampled(range(count))
    sequences = [[*prompt, *answer.ids] for prompt, answer in zip(repeated, answers, strict=True)]
    whole_BT, _ = padded(sequences)
    mask_BT = np.zeros((len(sequences), whole_BT.shape[1] - 1), dtype=bool)
    logprobs_BT = np.zeros(mask_BT.shape, dtype=np.float32)
    for row, (prompt, answer) in enumerate(zip(repeated, answers, strict=True)):
        chosen = slice(len(prompt) - 1, len(prompt) - 1 + len(answer.ids))
        mask_BT[row, chosen] = True
        logprobs_BT[row, chosen] = answer.logprobs
    stopped_B = np.array([answer.finish_reason == "stop" for answer in answers])
    return Rollouts(
        whole_BT[:, :-1],
        whole_BT[:, 1:],
        mask_BT,
        logprobs_BT,
        stopped_B,
        sequences,
        [answer.text.strip() for answer in answers],
        num_samples,
    )


def chosen_logits(model: Transformer, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Logits at the positions whose next token the policy chose, in the order of the mask, fp32, (N, V)."""
    hidden_ND = model.hidden(ids_BT)[mask_BT]
    return model.logits(hidden_ND[None])[0]


def pieces_of(batch: dict[str, np.ndarray], tokens: int, ref_logits_NV: Tensor | None = None) -> list[dict]:
    """Split a batch of answers into micro-batches ("pieces") of about `tokens` tokens, in which answers share a prompt.

    batch: inputs, mask and other arrays (B, T), and arrays (B,). A piece holds rows for the model (inputs; positions
    and segments if a prefix is shared, see prefix_rows.py), places (indices of the hidden states that predict the N
    chosen tokens), and the other arrays, (N,) for those that were (B, T). All in the order of the batch.
    """
    mask_BT = batch["mask"]
    pieces, start = [], 0
    for rows, piece in _layouts(batch["inputs"], mask_BT, tokens):
        for key in batch.keys() - {"inputs", "mask"}:
            piece[key] = batch[key][rows][mask_BT[rows]] if batch[key].ndim > 1 else batch[key][rows]
        if ref_logits_NV is not None:
            piece["ref_logits"] = ref_logits_NV[start : start + len(piece["places"])].numpy()
            start += len(piece["places"])
        pieces.append(piece)
    return pieces


def _layouts(ids_BT: np.ndarray, mask_BT: np.ndarray, tokens: int) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """(rows of the batch, inputs and places of their chosen tokens) for each piece."""
    T, size = mask_BT.shape[1], max(1, tokens // mask_BT.shape[1])
    if T < LEAST_SHARED or not (ids_BT[1:, :LEAST_SHARED] == ids_BT[:-1, :LEAST_SHARED]).all(1).any():
        for rows in (slice(start, start + size) for start in range(0, len(ids_BT), size)):  # nothing to share
            yield rows, {"inputs": np.ascontiguousarray(ids_BT[rows]), "places": np.flatnonzero(mask_BT[rows])}
        return
    ends_B = np.where(mask_BT.any(1), T - mask_BT[:, ::-1].argmax(1), 1)
    for part in shared_parts([row[:end] for row, end in zip(ids_BT, ends_B, strict=True)], tokens):
        rows = slice(part.rows[0], part.rows[-1] + 1)
        places = [where[own[: len(where)]] for where, own in zip(part.places, mask_BT[rows], strict=True)]
        piece = {"inputs": part.ids_RW, "places": np.concatenate(places)}
        if part.positions_RW is not None and part.segments_RW is not None:
            piece |= {"positions": part.positions_RW, "segments": part.segments_RW}
        yield rows, piece


def rows_of(piece: dict[str, Tensor]) -> tuple[Tensor] | tuple[Tensor, Tensor, Tensor]:
    """The arguments of `Transformer.hidden` for a piece."""
    return (piece["inputs"], piece["positions"], piece["segments"]) if "segments" in piece else (piece["inputs"],)


def piece_logits(model: Transformer, piece: dict[str, Tensor]) -> Tensor:
    """Logits of the states that predict a piece's chosen tokens, fp32, (N, V)."""
    hidden_ND = model.hidden(*rows_of(piece)).flatten(0, 1)[piece["places"]]
    return model.logits(hidden_ND[None])[0]


def check_sampler(sampler_logprobs_N: Tensor, trainer_logprobs_N: Tensor) -> float:
    """The largest difference between sampler and trainer, in nats. Raises RuntimeError if they are different models."""
    if len(sampler_logprobs_N) == 0:
        return 0.0
    difference = float((sampler_logprobs_N - trainer_logprobs_N).abs().max())
    if not difference < SAME_LOGPROB:
        raise RuntimeError(
            f"sampler and trainer disagree by {difference:.2g} nats on a sampled token: "
            "the gradient would be that of another policy"
        )
    return difference
