"""Stage 3b: train the policy on the reward model, comparing answers within their group (GRPO).

    firstwords align pip --method grpo

Like RLOO, with three differences (Shao et al. 2024). The rewards of one prompt's answers may be divided by their
standard deviation (--grpo.std; off as in "Dr. GRPO", Liu et al. 2025, because dividing moves the optimum). One batch of
answers can serve several updates (--grpo.updates), for which the ratio to the sampling policy is clipped. And the
baseline is the mean of the whole group. As in RLOO, the KL is part of the reward, not of the loss as in the paper,
which converges elsewhere (docs/kl-placement.md). The loss is a sum over tokens divided by the number of answers (see
clipping.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstwords.rlhf.losses import exact_kl_returns, group_advantages, reward_to_go, shaped_rewards
from firstwords.rlhf.methods.clipping import (
    ClippedLoss,
    ClippedOptions,
    check_update_options,
    clipped_batch,
    informative,
    k1_of,
    mean_of,
)
from firstwords.rlhf.policy import Policy, PolicyFlags, finish, open_policy
from firstwords.rlhf.rollout import Rollouts


@dataclass
class GrpoOptions(ClippedOptions):
    """Options for --method grpo."""

    std: bool = False
    """Divide the rewards of a group by their standard deviation before the KL penalty is subtracted."""
    updates: int = 2
    """Updates of the policy per step's answers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_update_options(self, "grpo", least_samples=2)


@dataclass
class Grpo(GrpoOptions, PolicyFlags):
    """Train a policy by comparing its answers within groups, with clipped ratios (stage 3b)."""


def main(config: Grpo) -> Path:
    """Run the stage and return the directory of the new policy."""
    started = time.perf_counter()
    policy = open_policy(config, "grpo", started)
    with policy.run as run:
        while not run.done:
            rollouts = policy.sample(run.step)
            rewards_B = policy.rewards(rollouts)
            metrics = update(policy, rollouts, rewards_B, run.step, run.lr_fraction)
            policy.finish_step(metrics, rollouts, rewards_B)
    return finish(policy, started)


def update(policy: Policy, rollouts: Rollouts, rewards_B: np.ndarray, step: int, lr_fraction: float) -> dict:
    """All updates of the policy with these answers; returns the metrics to log."""
    batch, ref_logits_NV, metrics = batch_of(policy, rollouts, rewards_B)
    updates, found = policy.config.updates, []
    kl_weight = policy.beta if policy.config.kl == "exact" else 0.0
    for number in range(updates):
        loss = ClippedLoss(policy.config.clip, kl_weight)
        pieces = policy.micro_batches(batch, ref_logits_NV)
        each = policy.learner.forward_backward(pieces, loss, divisor=len(rewards_B))
        if number == 0:
            metrics["log_ratio"] = loss.check_first()
        policy.rehearse(step * updates + number)
        found.append(each | loss.metrics() | policy.learner.optim_step(lr_fraction))
    return mean_of(found) | metrics


def batch_of(policy: Policy, rollouts: Rollouts, rewards_B: np.ndarray) -> tuple[dict, Tensor, dict[str, float]]:
    """(batch, reference logits, metrics): each token's advantage is its return-to-go minus the group's mean.

    The mean includes the answer itself, which scales the gradient of the rewards by (G - 1) / G. This is undone,
    because the exact KL, which is differentiated, is not scaled.
    """
    config, beta, G = policy.config, policy.beta, rollouts.num_samples
    states = policy.measure(rollouts)
    ref_logits_NV, kl_BT = states.ref_logits_NV, states.kl_BT
    estimate_BT = kl_BT if config.kl == "exact" else k1_of(rollouts, ref_logits_NV)
    scores_B, counted_BT, mask_BT = (torch.from_numpy(a) for a in (rewards_B, estimate_BT, rollouts.mask_BT))
    if config.std:
        scores_B = group_advantages(scores_B.view(-1, G), normalise_std=True).flatten()
    totals_PG = (scores_B - beta * counted_BT.sum(1)).view(-1, G)
    if config.kl == "exact":
        returns_BT = exact_kl_returns(scores_B, counted_BT, mask_BT, beta)
    else:
        returns_BT = reward_to_go(shaped_rewards(scores_B, counted_BT, mask_BT, beta), mask_BT)
    baseline_B = totals_PG.mean(1).repeat_interleave(G)
    advantages_BT = (returns_BT - baseline_B[:, None]) * mask_BT * (G / (G - 1))
    metrics = {
        "kl": float(kl_BT.sum(1).mean()),
        "entropy": states.entropy,
        "beta": beta,
        "informative": informative(totals_PG),
    }
    return clipped_batch(rollouts, advantages_BT), ref_logits_NV, metrics
