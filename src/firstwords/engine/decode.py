"""What computes the engine's steps: compiled loops on a CPU, the model's own forward for the rest.

    decoder = decoder_for(model, cache)
    decoder.prefill([(ids, slot)])  # keys and values of prompt tokens
    decoder.step(batch)             # one token for every row of a batch: batch.rows holds what was sampled

Both decoders compute the same function with the same draws, which tests assert for every family. Neither advances the
cache; the engine does.

Axes: B adjacent slots, R rows, V vocabulary, W words of 32 tokens, A alternatives.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from firstwords.engine.arrays import FAINT, Rows
from firstwords.engine.request import Batch
from firstwords.engine.sampling import rank_and_entropy, rule_out, sample, true_logprobs
from firstwords.model.cache import KVCache
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer

if TYPE_CHECKING:
    from firstwords.engine.compiled import CompiledDecoder


def decoder_for(
    model: Transformer, cache: KVCache, weights: str = "fp32", tokenizer: Tokenizer | None = None
) -> CompiledDecoder | TorchDecoder:
    """The fastest decoder that this model can have here.

    weights: "fp32"; "int8"; or "auto": int8 for a large model on a CPU if its loss on a probe text hardly changes.
    Raises ValueError for int8 where loops cannot be compiled for this model.
    """
    reason = cannot_compile(model, cache)
    if reason is None:
        from firstwords.engine.compiled import SMALL_PARAMS, CompiledDecoder
        from firstwords.engine.int8 import MAX_CHANGE, loss_change
        from firstwords.engine.machine_code import CompileError

        is_small = model.config.num_params <= SMALL_PARAMS
        is_int8 = weights == "int8" or (weights == "auto" and not is_small and tokenizer is not None)
        try:
            if is_int8 or is_small:
                decoder = CompiledDecoder(model, cache, is_int8)
                if weights != "auto" or tokenizer is None or not is_int8:
                    return decoder
                if loss_change(model, decoder.prompt_logits, tokenizer) < MAX_CHANGE:
                    return decoder
        except CompileError as error:
            reason = f"numba cannot compile here ({error})"
            _note(f"{reason}: PyTorch generates instead, several times slower")
    if weights == "int8":
        raise ValueError(f"int8 weights need compiled loops: {reason}")
    return TorchDecoder(model, cache)


@functools.cache  # once per process
def _note(sentence: str) -> None:
    logging.getLogger(__name__).warning(sentence)


def cannot_compile(model: Transformer, cache: KVCache) -> str | None:
    """Why compiled loops are not meant for this model, or None."""
    weight = model.head_weight
    if weight.device.type != "cpu" or cache.device.type != "cpu":
        return "the model is on a GPU"
    if not (model.compute_dtype == torch.float32 == weight.dtype == cache.dtype):
        return "the model does not compute in fp32"
    return None


class TorchDecoder:
    """The plain decoder, for GPUs and half precision: the model's own forward with T = 1, then `engine.sampling`."""

    needs_adjacent_slots = True  # a step computes all slots between its first and its last row
    samples_ahead = False  # whether a step can sample several tokens per row

    def __init__(self, model: Transformer, cache: KVCache) -> None:
        self.model, self.cache = model, cache

    def logits(self, ids_R: np.ndarray, slots_R: np.ndarray) -> Tensor:
        """The logits after one more token in each of these slots (ascending), (R, V). Does not advance the cache."""
        first, size = int(slots_R[0]), int(slots_R[-1] - slots_R[0]) + 1
        ids_B = np.zeros(size, dtype=np.int64)
        ids_B[slots_R - first] = ids_R
        # an idle row writes after its last token, which is harmless; a full one overwrites its last token
        lengths = self.cache.lengths[first : first + size]
        idle = np.ones(size, dtype=bool)
        idle[slots_R - first] = False
        lengths[idle & (lengths >= self.cache.max_length)] -= 1
        self.cache.select(first, first + size)
        logits_BTV: Tensor = self.model(torch.from_numpy(ids_B).to(self.cache.device)[:, None], cache=self.cache)
        return logits_BTV[torch.from_numpy(slots_R - first).to(self.cache.device), 0]

    def step(self, batch: Batch, num_steps: int = 1) -> None:
        """Each row reads its token and samples the next; `batch.rows` then holds it, and what was asked about it.

        num_steps: at most so many tokens; here it is always one.
        """
        rows, device = batch.rows, self.cache.device
        self._last_logits_RV = logits_RV = self.logits(rows.ids_R, rows.slots_R)
        V = logits_RV.shape[1]
        if batch.matchers:
            logits_RV = rule_out(logits_RV, [(row, allowed(rows.masks_RW[row])[:V]) for row, _ in batch.matchers])
        seen_RV = torch.from_numpy(rows.seen_RV).to(device) if len(rows.seen_RV) else None
        tokens_R = sample(logits_RV, batch.params_on(device), rows.counters_R, seen_RV)
        rows.ids_R[:] = rows.tokens_RN[:, 0] = tokens_R.cpu().numpy()
        if len(rows.seen_RV):
            rows.seen_RV[np.arange(len(rows.ids_R)), rows.ids_R] = True
        asked = np.flatnonzero((rows.num_top_R >= 0) | rows.is_uncertain_R)
        explain(rows, asked, np.zeros_like(asked), self._last_logits_RV[torch.from_numpy(asked).to(device)])
        ruled = np.flatnonzero(rows.is_ruled_R)
        if ruled.size:
            rows.lost_RN[ruled, 0] = excluded_logprobs(rows, ruled, self._last_logits_RV)
        rows.places_R[:] += 1
        rows.counters_R[:] += np.uint64(1)

    def logits_of(self, which: np.ndarray, ids_R: np.ndarray, rows: Rows) -> Tensor:
        """The logits that gave some rows their newest tokens, before any filter, (R, V). ids_R: what each row had read
        before.
        """
        return self._last_logits_RV[torch.from_numpy(which).to(self.cache.device)]

    def prefill(self, chunks: Sequence[tuple[Sequence[int], int]]) -> None:
        """Store the keys and values of the next tokens of some slots, (ids, slot). Does not advance the cache."""
        for ids, slot in chunks:
            self.cache.select(slot, slot + 1)
            self.model.hidden(torch.tensor([ids], device=self.cache.device), cache=self.cache)

    def refresh(self) -> None:
        """No copies of the weights are kept."""


def explain(rows: Rows, which: np.ndarray, steps: np.ndarray, logits_RV: Tensor) -> None:
    """Record the model's own view of the newest token of some rows, sampled at these steps: log-probability,
    alternatives, rank, entropy. logits_RV: of these rows.
    """
    if not which.size:
        return
    tokens_R = torch.from_numpy(rows.ids_R[which]).to(logits_RV.device)
    sampled_R, ids_RA, values_RA = true_logprobs(logits_RV, tokens_R, rows.top_ids_RNA.shape[2])
    rank_R, entropy_R = rank_and_entropy(logits_RV, tokens_R)
    rows.logprob_RN[which, steps], rows.rank_RN[which, steps] = sampled_R.cpu().numpy(), rank_R.cpu().numpy()
    rows.entropy_RN[which, steps] = entropy_R.cpu().numpy()
    rows.top_ids_RNA[which, steps], rows.top_logprobs_RNA[which, steps] = ids_RA.cpu().numpy(), values_RA.cpu().numpy()


def excluded_logprobs(rows: Rows, which: np.ndarray, logits_RV: Tensor) -> np.ndarray:
    """What the masks of some rows cost: -log of the probability that the model gives to all tokens that a mask allows,
    in nats.
    """
    V = logits_RV.shape[1]
    allowed_RV = np.stack([allowed(rows.masks_RW[row])[:V] for row in which])
    logits_RV = logits_RV[torch.from_numpy(which).to(logits_RV.device)].float()
    excluded_RV = torch.from_numpy(~allowed_RV).to(logits_RV.device)
    weights_RV = (logits_RV - logits_RV.amax(-1, keepdim=True)).exp_()
    total_R = weights_RV.sum(-1, dtype=torch.float64)
    kept_R = weights_RV.masked_fill_(excluded_RV, 0.0).sum(-1, dtype=torch.float64)
    lost_R = total_R.log() - kept_R.log()
    if bool((kept_R < FAINT).any()):  # too little for single precision
        logits_RV = logits_RV.double()
        lost_R = logits_RV.logsumexp(-1) - logits_RV.masked_fill(excluded_RV, -math.inf).logsumexp(-1)
    return lost_R.clamp_(min=0).cpu().numpy()


def allowed(mask_W: np.ndarray) -> np.ndarray:
    """The bits of a mask as bool, (32 W,)."""
    return np.unpackbits(mask_W.view(np.uint8), bitorder="little").astype(bool)
