"""Policies small enough to enumerate, so that the best one is known: shared by the tests of stage three.

Axes: B sampled sequences, N all sequences, T tokens, V vocabulary, S states of a table, P prompts, G samples.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn

from firstwords.rlhf import losses as pl
from firstwords.train.losses import token_logprobs

GROUP = 8


class Table(nn.Module):
    """One row of logits for each prefix or, with `timed`, for each position; token 0 stops where `stops`."""

    def __init__(self, V: int, T: int, seed: int, timed: bool = False, stops: bool = False) -> None:
        super().__init__()
        self.V, self.T, self.timed, self.stops = V, T, timed, stops
        S = T if timed else sum(V**t for t in range(T))
        self.logits_SV = nn.Parameter(torch.randn(S, V, generator=torch.Generator().manual_seed(seed)))
        self.all_NT = torch.tensor(list(product(range(V), repeat=T)))

    def states(self, ids_BT: Tensor) -> Tensor:
        """Row of the table in which each token was drawn, (B, T)."""
        if self.timed:
            return torch.arange(self.T).expand_as(ids_BT)
        rows, prefix_B, first = [], torch.zeros_like(ids_BT[:, 0]), 0
        for t in range(ids_BT.shape[1]):
            rows.append(first + prefix_B)
            first, prefix_B = first + self.V**t, prefix_B * self.V + ids_BT[:, t]
        return torch.stack(rows, 1)

    def forward(self, ids_BT: Tensor) -> Tensor:
        return self.logits_SV[self.states(ids_BT)]

    def mask(self, ids_BT: Tensor) -> Tensor:
        """1 up to the first stop token and on it."""
        if not self.stops:
            return torch.ones_like(ids_BT)
        stopped_BT = (ids_BT == 0).long().cumsum(1)
        return (stopped_BT - (ids_BT == 0).long() == 0).long()

    @torch.no_grad()
    def sample(self, B: int, generator: torch.Generator) -> Tensor:
        """Drawn from the exact distribution over all V**T sequences."""
        return self.all_NT[torch.multinomial(self.log_probs().exp(), B, replacement=True, generator=generator)]

    def log_probs(self) -> Tensor:
        """log pi of every sequence, (N,)."""
        return token_logprobs(self(self.all_NT), self.all_NT).sum(1)


def optimum(ref_logprobs_N: Tensor, rewards_N: Tensor, beta: float) -> Tensor:
    """pi* = pi_ref exp(r / beta) / Z, the best policy for E[r] - beta KL(pi || pi_ref)."""
    return torch.softmax(ref_logprobs_N + rewards_N / beta, 0)


def distance(a_N: Tensor, b_N: Tensor) -> float:
    """Total variation, from 0 to 1."""
    return 0.5 * (a_N - b_N).abs().sum().item()


def kl_placed(kind: str, logprobs_BT: Tensor, ref_logprobs_BT: Tensor) -> Tensor:
    """k1, k2 or k3 of each token (Schulman 2020): the last two are here to be shown wrong."""
    k1_BT = pl.k1(logprobs_BT, ref_logprobs_BT)
    return {"k1": k1_BT, "k2": 0.5 * k1_BT**2, "k3": torch.expm1(-k1_BT) + k1_BT}[kind]


class Trainer:
    """The four ways to improve a policy by sampling, each on the functions under test."""

    def __init__(
        self, policy, ref, method: str, beta: float, reward: Callable[[Tensor], Tensor], B: int, seed: int = 0
    ):
        self.policy, self.ref, self.method, self.beta, self.reward, self.B = policy, ref, method, beta, reward, B
        self.generator = torch.Generator().manual_seed(seed)
        self.values_S = nn.Parameter(torch.zeros(len(policy.logits_SV))) if method == "ppo" else None
        self.kl = 0.0  # nats a sequence of the last rollout, exact over the vocabulary

    def run(self, steps: int, lr: float, after_step: Callable[[], None] = lambda: None, anneal=True):
        groups = [{"params": list(self.policy.parameters()), "lr": lr}]
        groups += [{"params": [self.values_S], "lr": 4 * lr}] if self.values_S is not None else []
        optimiser = torch.optim.Adam(groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps * anneal)
        for _ in range(steps):
            for loss in self.losses():
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            schedule.step()
            after_step()

    def losses(self):
        """One rollout; then one loss after the other, each computed at the parameters of its own moment."""
        policy, beta = self.policy, self.beta
        ids_BT = policy.sample(self.B, self.generator)
        mask_BT, scores_B = policy.mask(ids_BT), self.reward(ids_BT)
        with torch.no_grad():
            ref_logits, old_logits = self.ref(ids_BT), policy(ids_BT)
            ref_BT, old_BT = token_logprobs(ref_logits, ids_BT), token_logprobs(old_logits, ids_BT)
            self.kl = (pl.exact_kl(old_logits, ref_logits) * mask_BT).sum(1).mean().item()
        rewards_BT = pl.shaped_rewards(scores_B, pl.k1(old_BT, ref_BT), mask_BT, beta)
        if self.method == "exact":
            logits = policy(ids_BT)
            kl_BT = pl.exact_kl(logits, ref_logits)
            advantages_BT = self.leave_one_out(pl.exact_kl_returns(scores_B, kl_BT, mask_BT, beta))
            yield pl.exact_kl_policy_loss(token_logprobs(logits, ids_BT), advantages_BT, kl_BT, mask_BT, beta)
        elif self.method == "rloo":
            advantages_BT = self.leave_one_out(pl.reward_to_go(rewards_BT, mask_BT))
            yield pl.reinforce_loss(token_logprobs(policy(ids_BT), ids_BT), advantages_BT, mask_BT)
        elif self.method == "grpo":  # the whole sequence's KL in the reward, one advantage for all its tokens
            advantages_PG = pl.group_advantages(rewards_BT.sum(1).view(-1, GROUP), normalise_std=False)
            for _ in range(2):
                now_BT = token_logprobs(policy(ids_BT), ids_BT)
                yield pl.clipped_policy_loss(now_BT, old_BT, advantages_PG.view(-1, 1), mask_BT)
        elif self.method == "ppo":
            old_values_BT = self.values_S[policy.states(ids_BT)].detach()
            advantages_BT, returns_BT = pl.gae(rewards_BT, old_values_BT, mask_BT, gamma=1.0, lam=0.95)
            for _ in range(2):
                now_BT = token_logprobs(policy(ids_BT), ids_BT)
                values_BT = self.values_S[policy.states(ids_BT)]
                critic = pl.value_loss(values_BT, old_values_BT, returns_BT, mask_BT)
                yield pl.clipped_policy_loss(now_BT, old_BT, advantages_BT, mask_BT) + critic

    def leave_one_out(self, returns_BT: Tensor) -> Tensor:
        return pl.leave_one_out_advantages(returns_BT.unflatten(0, (-1, GROUP))).flatten(0, 1)


def fit_dpo(policy, ref, rewards_N: Tensor, beta: float, steps: int, lr: float, variant: str = "sigmoid") -> None:
    """DPO on every pair of sequences, each weighted by the chance that a Bradley-Terry judge prefers the first."""
    i, j = (~torch.eye(len(rewards_N), dtype=torch.bool)).nonzero(as_tuple=True)
    weight = torch.sigmoid(rewards_N[i] - rewards_N[j])
    ref_N = ref.log_probs().detach()
    optimiser = torch.optim.Adam(policy.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(steps):
        lp_N = policy.log_probs()
        loss, _, _ = pl.dpo_loss(lp_N[i], lp_N[j], ref_N[i], ref_N[j], beta, variant)
        optimiser.zero_grad()
        (weight * loss).mean().backward()
        optimiser.step()
        schedule.step()
