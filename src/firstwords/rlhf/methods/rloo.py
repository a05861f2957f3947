"""Stage 3b: train the policy on the reward model by REINFORCE with leave-one-out baselines (RLOO).

    firstwords align pip --method rloo

Each step samples several answers per prompt from the policy itself, scores them, and makes the tokens of answers that
score above the others of their prompt more likely (Ahmadian et al. 2024). The KL divergence to the sft model is part of
the reward, as a return-to-go: the only placement whose optimum is pi_ref exp(r / beta) (docs/kl-placement.md).
A share of stage two's loss preserves earlier knowledge. The newest weights are kept whose *gold* reward, on which the
policy is not trained, is not clearly worse than that of earlier ones.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstwords.model.transformer import Transformer
from firstwords.rlhf.losses import exact_kl_policy_loss, exact_kl_returns, leave_one_out_advantages
from firstwords.rlhf.policy import Policy, PolicyFlags, PolicyOptions, check_policy_options, finish, open_policy
from firstwords.rlhf.rollout import Rollouts, piece_logits
from firstwords.train.losses import token_terms


@dataclass
class RlooOptions(PolicyOptions):
    """Options for --method rloo."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_policy_options(self, "rloo", least_samples=2)


@dataclass
class Rloo(RlooOptions, PolicyFlags):
    """Train a policy by REINFORCE with leave-one-out baselines (stage 3b)."""


def main(config: Rloo) -> Path:
    """Run the stage and return the directory of the new policy."""
    started = time.perf_counter()
    policy = open_policy(config, "rloo", started, shares=True)
    with policy.run as run:
        while not run.done:
            rollouts = policy.sample(run.step)
            rewards_B = policy.rewards(rollouts)
            batches, metrics = batches_of(policy, rollouts, rewards_B)
            loss = partial(policy_loss, beta=policy.beta)
            metrics |= policy.learner.forward_backward(batches, loss, divisor=len(rewards_B))
            policy.rehearse(run.step)
            metrics |= policy.learner.optim_step(run.lr_fraction)
            policy.finish_step(metrics, rollouts, rewards_B)
    return finish(policy, started)


def batches_of(policy: Policy, rollouts: Rollouts, rewards_B: np.ndarray) -> tuple[list[dict], dict[str, float]]:
    """Micro-batches with each token's advantage: reward minus beta times the later KL, minus the baseline.

    The exact KL of a state is differentiated in the loss, so a token's return includes only the KL of *later* states.
    """
    states, beta = policy.measure(rollouts), policy.beta
    scores_B, kl_BT, mask_BT = (torch.from_numpy(a) for a in (rewards_B, states.kl_BT, rollouts.mask_BT))
    totals_B = scores_B - beta * kl_BT.sum(1)
    totals_PG = totals_B.view(-1, rollouts.num_samples)
    baseline_B = totals_B - leave_one_out_advantages(totals_PG).flatten()
    advantages_BT = (exact_kl_returns(scores_B, kl_BT, mask_BT, beta) - baseline_B[:, None]) * mask_BT
    batch = {
        "inputs": rollouts.ids_BT,
        "chosen": rollouts.targets_BT,
        "mask": rollouts.mask_BT,
        "advantages": advantages_BT.float().numpy(),
    }
    signal = float((totals_PG.std(1) > 1e-6).float().mean())
    metrics = {"kl": float(kl_BT.sum(1).mean()), "entropy": states.entropy, "informative": signal, "beta": beta}
    return policy.micro_batches(batch, states.ref_logits_NV), metrics


def policy_loss(model: Transformer, batch: dict[str, Tensor], beta: float) -> Tensor:
    """Summed over answers: - sum_t A_t log pi(y_t) + beta * sum_t KL_t, whose gradient is that of -J."""
    logprobs_N, kl_N, _ = token_terms(piece_logits(model, batch), batch["ref_logits"], batch["chosen"])
    # put the chosen tokens of all answers in one row: only their sum is needed, so positions do not matter
    logprobs_1N, advantages_1N, kl_1N, mask_1N = (
        each[None] for each in (logprobs_N, batch["advantages"], kl_N, torch.ones_like(kl_N))
    )
    return exact_kl_policy_loss(logprobs_1N, advantages_1N, kl_1N, mask_1N, beta=beta, num_sequences=1)
