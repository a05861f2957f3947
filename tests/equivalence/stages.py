"""The stage files of stage three on tables: their own `update`, batches and losses, on policies that can be enumerated.

A `TableModel` answers like a transformer: `hidden` looks up the logits of the state that each place is in, and `logits`
hands them on. A prompt is one token, which says nothing.

Axes: B answers, N all answers, T tokens of an answer, S states, V vocabulary.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from toys import Table

from firstwords.rlhf.losses import AdaptiveKL
from firstwords.rlhf.methods import bestofn, grpo, ppo, rloo
from firstwords.rlhf.methods.critic import ActorCritic
from firstwords.rlhf.policy import Policy
from firstwords.rlhf.policy_data import PolicyData
from firstwords.rlhf.reward_model import RewardModel
from firstwords.rlhf.rollout import Rollouts
from firstwords.train.learner import Learner, adamw_config

PROMPT = 1
METHODS = ("rloo", "grpo", "ppo")
FLAGS = {"sft_share": 0.0, "target_kl": 0.0, "step_prompts": 64, "samples": 8}


class TableModel(Table):
    """A table that is called like a transformer."""

    def hidden(self, ids_BT: Tensor, positions: None = None, segments: None = None) -> Tensor:
        return self.logits_SV[self.states_of(ids_BT)]

    def states_of(self, ids_BT: Tensor) -> Tensor:
        """Row of the table at each place of prompt and answer, (B, T)."""
        B, T = ids_BT.shape
        if self.timed:
            return torch.arange(T).expand(B, T)
        answer_BT = torch.cat((ids_BT[:, 1:], ids_BT[:, :1]), 1)  # what stands last is not looked at
        return Table.states(self, answer_BT)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden

    @property
    def head_weight(self) -> Tensor:
        return self.logits_SV


class TableCritic(nn.Module):
    """One value for each state of a table."""

    def __init__(self, table: TableModel) -> None:
        super().__init__()
        self.table = [table]  # not a part of this module
        self.values_S = nn.Parameter(torch.zeros(len(table.logits_SV) + table.V**table.T))

    def values(self, ids_BT: Tensor) -> Tensor:
        return self.values_S[self.table[0].states_of(ids_BT)]


def rollouts_of(table: TableModel, answers_BT: Tensor, num_samples: int) -> Rollouts:
    """Answers as `sample_rollouts` would hand them over, with the log-probabilities that they were drawn with."""
    answers_BT = answers_BT[:, : int(table.mask(answers_BT).sum(1).max())]
    mask_BT = table.mask(answers_BT).bool()
    ids_BT = torch.cat((torch.full_like(answers_BT[:, :1], PROMPT), answers_BT[:, :-1]), 1)
    with torch.no_grad():
        logprobs_BT = torch.log_softmax(table.hidden(ids_BT), -1).gather(2, answers_BT[..., None])[..., 0]
    lengths = mask_BT.sum(1).tolist()
    sequences = [[PROMPT, *row[:n]] for row, n in zip(answers_BT.tolist(), lengths, strict=True)]
    stopped_B = ((answers_BT == 0) & mask_BT).any(1).numpy() if table.stops else np.ones(len(sequences), dtype=bool)
    return Rollouts(
        ids_BT.numpy(),
        answers_BT.numpy(),
        mask_BT.numpy(),
        (logprobs_BT * mask_BT).numpy(),
        stopped_B,
        sequences,
        [""] * len(sequences),
        num_samples,
    )


def policy_on(table: TableModel, reference: TableModel, method: str, beta: float, rate: float, **flags) -> Policy:
    """A `Policy` of these tables, without a run, an engine or a reward model."""
    kinds = {"rloo": rloo.Rloo, "grpo": grpo.Grpo, "ppo": ppo.Ppo, "bestofn": bestofn.Bestofn}
    wanted = FLAGS | flags | {"beta": beta}
    config = kinds[method](**{name: value for name, value in wanted.items() if hasattr(kinds[method], name)})
    learner = Learner(table, adamw_config(rate))
    if method == "ppo":
        critic_optim = replace(adamw_config(4 * rate), clip=10.0)
        learner = ActorCritic(learner, RewardModel(TableCritic(table), None), critic_optim)
    unused = dict.fromkeys(("parent", "tokenizer", "reward", "engine", "run"))
    return Policy(
        config=config,
        model=table,
        reference=reference,
        learner=learner,
        data=PolicyData([], None),
        kl=AdaptiveKL(beta, 1.0, 1.0),
        **unused,
    )


def improve(policy: Policy, method: str, rollouts: Rollouts, rewards_B: np.ndarray, step: int, fraction: float) -> dict:
    """One step of the method's own code."""
    if method == "bestofn":
        return bestofn.update(policy, rollouts, rewards_B, step, fraction)
    if method != "rloo":
        return {"grpo": grpo, "ppo": ppo}[method].update(policy, rollouts, rewards_B, step, fraction)
    batches, metrics = rloo.batches_of(policy, rollouts, rewards_B)
    loss = partial(rloo.policy_loss, beta=policy.kl.beta)
    metrics |= policy.learner.forward_backward(batches, loss, divisor=len(rewards_B))
    return metrics | policy.learner.optim_step(fraction)


def train(policy: Policy, method: str, reward, steps: int, seed: int = 0) -> list[dict]:
    """Sample and improve; the rate falls to zero. Returns each step's metrics."""
    generator, draw = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    answers, history = policy.config.step_prompts * policy.config.samples, []
    for step in range(steps):
        answers_BT = policy.model.sample(answers, generator)
        rewards_B = reward(answers_BT, draw)
        rollouts = rollouts_of(policy.model, answers_BT, policy.config.samples)
        history.append(improve(policy, method, rollouts, rewards_B, step, 1 - step / steps))
    return history
