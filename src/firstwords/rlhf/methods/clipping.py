"""Shared by GRPO and PPO: several updates with one batch of answers, with clipped ratios, and checks of the options.

    loss = ClippedLoss(clip=0.2, kl_weight=beta)
    metrics = policy.learner.forward_backward(policy.micro_batches(batch, ref_logits_NV), loss, divisor=num_answers)
    loss.check_first()                      # before the first update the ratio is 1

A batch holds inputs, chosen, mask, old_logprobs and advantages, each (B, T); `rollout.pieces_of` splits it into
micro-batches for the loss. The loss is a sum over tokens divided by a constant, the number of answers of the whole
batch. Dividing by lengths would make long bad answers cheap (Liu et al. 2025, "Dr. GRPO").

Axes: B answers, T positions, N chosen tokens, V vocabulary, P prompts, G samples per prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.model.transformer import Transformer
from firstwords.rlhf.losses import approx_kl, clip_fraction, clipped_policy_loss, k1, refuse_estimator
from firstwords.rlhf.policy import PolicyOptions, check_policy_options
from firstwords.rlhf.rollout import SAME_LOGPROB, Rollouts, piece_logits
from firstwords.train.losses import token_logprobs, token_terms


@dataclass
class ClippedOptions(PolicyOptions):
    """Options of the methods whose ratios are clipped."""

    clip: float = 0.2
    """Clipping range of the probability ratio: 1 - clip to 1 + clip."""
    kl: Literal["exact", "k1"] = "exact"
    """Estimator of the KL in the reward: exact (over the vocabulary) or k1 (of the sampled token)."""


class ClippedLoss:
    """Summed over answers: the clipped surrogate plus kl_weight * exact KL of every visited state.

    Also accumulates metrics: how far the policy has moved, and how often the ratio was clipped.
    """

    def __init__(self, clip: float, kl_weight: float) -> None:
        self.clip, self.kl_weight = clip, kl_weight
        self.max_log_ratio, self._tokens, self._kl, self._clipped = 0.0, 0, 0.0, 0.0

    def __call__(self, model: Transformer, batch: dict[str, Tensor]) -> Tensor:
        logits_NV = piece_logits(model, batch)
        if self.kl_weight:
            logprobs_N, kl_N, _ = token_terms(logits_NV, batch["ref_logits"], batch["chosen"])
        else:
            logprobs_N = token_logprobs(logits_NV, batch["chosen"])
        # put the chosen tokens of all answers in one row: only their sum is needed, so positions do not matter
        old_N, advantages_N = batch["old_logprobs"], batch["advantages"]
        logprobs, old, advantages, ones = (x[None] for x in (logprobs_N, old_N, advantages_N, torch.ones_like(old_N)))
        loss = clipped_policy_loss(logprobs, old, advantages, ones, self.clip, normaliser=1.0)
        if self.kl_weight:
            loss = loss + self.kl_weight * kl_N.sum()
        count = len(old_N)
        self._tokens += count
        self._kl += count * float(approx_kl(logprobs.detach(), old, ones))
        self._clipped += count * float(clip_fraction(logprobs.detach(), old, advantages, ones, self.clip))
        self.max_log_ratio = max(self.max_log_ratio, float((logprobs.detach() - old).abs().max()))
        return loss

    @property
    def approx_kl(self) -> float:
        """KL divergence between sampling and current policy, in nats per token."""
        return self._kl / max(1, self._tokens)

    def metrics(self) -> dict[str, float]:
        return {"approx_kl": self.approx_kl, "clipped": self._clipped / max(1, self._tokens)}

    def check_first(self) -> float:
        """The largest |log ratio| of the first minibatch, before any update. Raises RuntimeError if it is not 0."""
        if not self.max_log_ratio < SAME_LOGPROB:
            raise RuntimeError(
                f"the ratio to the sampling policy is exp({self.max_log_ratio:.2g}) before the first update, but "
                "must be 1: the gradient would be that of another policy"
            )
        return self.max_log_ratio


def clipped_batch(rollouts: Rollouts, advantages_BT: Tensor) -> dict[str, np.ndarray]:
    """The arrays that `ClippedLoss` reads, without the reference's logits (`Policy.micro_batches` adds them)."""
    return {
        "inputs": rollouts.ids_BT,
        "chosen": rollouts.targets_BT,
        "mask": rollouts.mask_BT,
        "old_logprobs": rollouts.sampler_logprobs_BT,
        "advantages": advantages_BT.float().numpy(),
    }


def k1_of(rollouts: Rollouts, ref_logits_NV: Tensor) -> np.ndarray:
    """log pi - log ref of every chosen token, as sampled; fp64, (B, T), 0 elsewhere."""
    mask_BT, found_BT = rollouts.mask_BT, np.zeros(rollouts.mask_BT.shape)
    ref_N = token_logprobs(ref_logits_NV, torch.from_numpy(rollouts.targets_BT[mask_BT]))
    found_BT[mask_BT] = k1(torch.from_numpy(rollouts.sampler_logprobs_BT[mask_BT]), ref_N).numpy()
    return found_BT


def take_rows(
    batch: dict[str, np.ndarray], ref_logits_NV: Tensor, rows: np.ndarray
) -> tuple[dict[str, np.ndarray], Tensor]:
    """Some rows of a batch, and the reference's logits for their chosen tokens."""
    mask_BT = batch["mask"].astype(bool)
    numbers_BT = np.zeros(mask_BT.shape, np.int64)
    numbers_BT[mask_BT] = np.arange(len(ref_logits_NV))
    places = numbers_BT[rows][mask_BT[rows]]
    return {key: array[rows] for key, array in batch.items()}, ref_logits_NV[torch.from_numpy(places)]


def informative(totals_PG: Tensor) -> float:
    """Share of prompts whose answers differ in reward; 1 if there is only one answer per prompt."""
    return 1.0 if totals_PG.shape[1] == 1 else float((totals_PG.std(1) > 1e-6).float().mean())


def mean_of(found: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each metric over the updates that have it."""
    names = dict.fromkeys(name for each in found for name in each)
    return {name: float(np.mean([each[name] for each in found if name in each])) for name in names}


def check_update_options(options: Any, method: str, least_samples: int) -> None:
    """Refuse values that GRPO and PPO cannot use. Raises UserError."""
    check_policy_options(options, method, least_samples)
    refuse_estimator(options.kl)
    if options.updates < 1:
        raise UserError(f"--{method}.updates is {options.updates}, but it must be 1 or more")
    if not 0 < options.clip < 1:
        raise UserError(f"--{method}.clip is {options.clip:g}, but it must be between 0 and 1, such as 0.2")
