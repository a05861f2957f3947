"""Stage 3b: train the policy on the reward model by proximal policy optimisation with a critic (PPO).

    firstwords align pip --method ppo

A critic, which starts as a copy of the reward model's scalar part (without the sft model's confidence), learns the
expected return of each state; a token's advantage is how much better the outcome was than expected (GAE, Schulman et
al. 2016). One batch of answers serves several updates with clipped ratios (Schulman et al. 2017). For the first
--ppo.critic-steps only the critic learns. The KL is part of the reward, where the optimum is pi_ref exp(r / beta)
(docs/kl-placement.md). Advantages are whitened once over the whole batch of answers, and the coefficient of the
differentiated KL is divided by the same number, so that their proportion stays the same.

An answer that hits the token limit failed to stop: it gets the reward model's score minus --ppo.stop-penalty. With
--ppo.bootstrap it counts as cut off, and the critic's value replaces the score.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.rlhf.losses import exact_kl_rewards, explained_variance, gae, shaped_rewards, whiten, whitening_divisor
from firstwords.rlhf.methods.clipping import (
    ClippedLoss,
    ClippedOptions,
    check_update_options,
    clipped_batch,
    informative,
    k1_of,
    mean_of,
    take_rows,
)
from firstwords.rlhf.methods.critic import ActorCritic
from firstwords.rlhf.policy import (
    MICRO_TOKENS,
    Policy,
    PolicyFlags,
    check_at_least_zero,
    finish,
    open_policy,
)
from firstwords.rlhf.reward_model import RewardModel
from firstwords.rlhf.rollout import Rollouts
from firstwords.train import adapters
from firstwords.train.learner import Learner, adamw_config

CRITIC_RATE = 3e-4  # AdamW, all parameters; a first choice, not swept yet
GAMMA = 1.0  # answers are short and the reward comes at the end


@dataclass
class PpoOptions(ClippedOptions):
    """Options for --method ppo."""

    critic_steps: int = 10
    """Number of first steps in which only the critic learns; at most a quarter of --steps."""
    updates: int = 2
    """PPO epochs: passes over each step's answers."""
    minibatches: int = 2
    """Updates per pass, each with its share of the answers."""
    value_clip: float = 0.0
    """Clipping range of the critic's values per step, in standard deviations of the reward (0: no clipping)."""
    lam: float = 1.0
    """GAE's lambda: 1 uses only the rewards, which suits short answers; below 1 also the critic's values."""
    stop_kl: float = 0.1
    """KL divergence from the sampling policy, in nats per token, that ends a step's updates early (0: never)."""
    bootstrap: bool = False
    """Score an answer that hit the token limit by the critic's value instead of the reward model."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_update_options(self, "ppo", least_samples=1)
        answers = self.step_prompts * self.samples
        if not 1 <= self.minibatches <= answers:
            raise UserError(
                f"--ppo.minibatches is {self.minibatches}, but it must be between 1 and {answers}, the number of "
                "answers per step"
            )
        if not 0 <= self.lam <= 1:
            raise UserError(f"--ppo.lam is {self.lam:g}, but it must be between 0 and 1")
        check_at_least_zero(self, "ppo", ("critic_steps", "value_clip", "stop_kl"))


@dataclass
class Ppo(PpoOptions, PolicyFlags):
    """Train a policy by proximal policy optimisation with a critic (stage 3b)."""


def main(config: Ppo) -> Path:
    """Run the stage and return the directory of the new policy."""
    started = time.perf_counter()
    policy = open_policy(config, "ppo", started, with_critic)
    with policy.run as run:
        while not run.done:
            rollouts = policy.sample(run.step)
            rewards_B = policy.rewards(rollouts)
            moves = run.step >= first_move(policy.config)
            metrics = update(policy, rollouts, rewards_B, run.step, run.lr_fraction, moves)
            policy.finish_step(metrics, rollouts, rewards_B, moves)
    return finish(policy, started)


def with_critic(actor: Learner, reward: RewardModel, config: Ppo) -> ActorCritic:
    """The learner of policy and critic."""
    lora = config.adapter()
    rate = adapters.rate(lora, CRITIC_RATE)
    return ActorCritic(actor, reward, adamw_config(rate * config.learning_rate), lora)


def first_move(config: Ppo) -> int:
    """The first step in which the policy is updated."""
    return min(config.critic_steps, config.steps // 4) if config.steps else config.critic_steps


def update(
    policy: Policy, rollouts: Rollouts, rewards_B: np.ndarray, step: int, lr_fraction: float, moves: bool = True
) -> dict[str, float]:
    """All updates of the critic and, if it `moves`, the policy with these answers; returns the metrics to log."""
    config, learner = policy.config, policy.learner
    assert isinstance(learner, ActorCritic)  # see `with_critic`
    batch, ref_logits_NV, kl_weight, metrics = batch_of(policy, rollouts, rewards_B)
    found, stopped = [], False
    for number, rows in enumerate(minibatches(len(rewards_B), config, step)):
        pieces = policy.micro_batches(*take_rows(batch, ref_logits_NV, rows))
        each = learner.critic_step(pieces, config.value_clip or None, lr_fraction)
        found.append(each | {"loss": each["critic_loss"], "skipped": learner.critic.num_skipped})
        if not moves or stopped:  # the critic still learns
            continue
        loss = ClippedLoss(config.clip, kl_weight)
        each = learner.forward_backward(pieces, loss, divisor=len(rows))
        if number == 0:
            metrics["log_ratio"] = loss.check_first()
        stopped = 0 < config.stop_kl < loss.approx_kl
        if stopped:
            learner.drop_gradients()
            found[-1] |= loss.metrics()
            continue
        policy.rehearse(step * config.updates * config.minibatches + number)
        found[-1] |= each | loss.metrics() | learner.optim_step(lr_fraction)
    totals = {"tokens": len(rewards_B), "stopped_early": float(stopped)}
    totals["processed"] = sum(each["processed"] for each in found)
    return mean_of(found) | metrics | totals


def minibatches(num_answers: int, config: Ppo, step: int) -> Iterator[np.ndarray]:
    """Rows of each minibatch: each pass has its own order, which depends only on (seed, step, pass)."""
    for number in range(config.updates):
        order = np.random.default_rng((config.seed, step, number)).permutation(num_answers)
        # sorted, so that answers to the same prompt share it
        yield from map(np.sort, np.array_split(order, config.minibatches))


def batch_of(policy: Policy, rollouts: Rollouts, rewards_B: np.ndarray) -> tuple[dict, Tensor, float, dict[str, float]]:
    """(batch, reference logits, weight of the differentiated KL, metrics).

    The batch holds whitened advantages, returns and values of every chosen token.
    """
    config, beta = policy.config, policy.beta
    states = policy.measure(rollouts)
    ref_logits_NV, kl_BT = states.ref_logits_NV, states.kl_BT
    is_exact = config.kl == "exact"
    estimate_BT = kl_BT if is_exact else k1_of(rollouts, ref_logits_NV)
    ends_B = np.where(rollouts.stopped_B, rewards_B, -config.stop_penalty) if config.bootstrap else rewards_B
    scores_B, counted_BT, mask_BT = (torch.from_numpy(a) for a in (ends_B, estimate_BT, rollouts.mask_BT))
    rewards_BT = (exact_kl_rewards if is_exact else shaped_rewards)(scores_B, counted_BT, mask_BT, beta)

    assert isinstance(policy.learner, ActorCritic)  # see `with_critic`
    values_BT, after_B = values_of(policy.learner, rollouts, min(MICRO_TOKENS, policy.micro_tokens))
    bootstrap_B = after_B * ~torch.from_numpy(rollouts.stopped_B) if config.bootstrap else None
    advantages_BT, returns_BT = gae(rewards_BT, values_BT, mask_BT, GAMMA, config.lam, bootstrap_B)
    kl_weight = beta / float(whitening_divisor(advantages_BT, mask_BT)) if is_exact else 0.0
    batch = clipped_batch(rollouts, whiten(advantages_BT, mask_BT))
    batch |= {"returns": returns_BT.float().numpy(), "old_values": values_BT.float().numpy()}
    totals_PG = (torch.from_numpy(rewards_B) - beta * counted_BT.sum(1)).view(-1, rollouts.num_samples)
    metrics = {
        "kl": float(kl_BT.sum(1).mean()),
        "entropy": states.entropy,
        "beta": beta,
        "informative": informative(totals_PG),
        "explained_variance": float(explained_variance(values_BT, returns_BT, mask_BT)),
    }
    return batch, ref_logits_NV, kl_weight, metrics


def values_of(learner: ActorCritic, rollouts: Rollouts, micro_tokens: int = MICRO_TOKENS) -> tuple[Tensor, Tensor]:
    """(the critic's value at every position, fp64, (B, T); of the state after each answer's last token, (B,))."""
    whole_BT = torch.from_numpy(np.concatenate([rollouts.ids_BT, rollouts.targets_BT[:, -1:]], 1))
    values_BT = learner.old_values(whole_BT, micro_tokens).double()
    last_B = torch.tensor([len(sequence) - 1 for sequence in rollouts.sequences])
    return values_BT[:, :-1], values_BT[torch.arange(len(last_B)), last_B]
