"""Where the KL stands decides which policy training finds: the tables of docs/kl-placement.md, by exact expectation.

    PYTHONPATH=src python tests/equivalence/kl_placement.py

Every sequence is enumerated and weighted by its probability, so there is no sampling noise: what differs is the method.
Axes: N all sequences, T tokens, V vocabulary.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from toys import Table, distance, kl_placed, optimum

from firstwords.rlhf import losses as pl

PLACEMENTS = {  # name in the table -> (estimator, place)
    "k1 in the reward, to go": ("k1", "reward"),
    "exact, later KL in the reward": ("exact", "both"),
    "exact in the reward alone": ("exact", "reward"),
    "k1 in the reward, own token only": ("k1", "own"),
    "k1 in the loss": ("k1", "loss"),
    "k2 in the loss": ("k2", "loss"),
    "k3 in the loss": ("k3", "loss"),
    "k2 in the reward, to go": ("k2", "reward"),
    "k3 in the reward, to go": ("k3", "reward"),
}
ONE_TOKEN = tuple(PLACEMENTS)
SEQUENCES = (
    "k1 in the reward, to go",
    "exact, later KL in the reward",
    "k1 in the reward, own token only",
    "k2 in the loss",
    "k3 in the loss",
)
TIMES = (0, 15, 30, 45, 60)


def expected_loss(placement: str, policy: Table, ref: Table, rewards_N: Tensor, beta: float) -> Tensor:
    """The loss over all sequences, weighted so that its gradient is the expected gradient of a sampled batch."""
    kind, place = PLACEMENTS[placement]
    ids_NT, mask_NT = policy.all_NT, torch.ones_like(policy.all_NT)
    logits, ref_logits = policy(ids_NT), ref(ids_NT).detach()
    lp_NT, ref_NT = token_logprobs_64(logits, ids_NT), token_logprobs_64(ref_logits, ids_NT)
    weight_N1 = len(ids_NT) * lp_NT.detach().sum(1, keepdim=True).exp()
    kl_NT = pl.exact_kl(logits, ref_logits) if kind == "exact" else kl_placed(kind, lp_NT, ref_NT)
    if place == "both":
        returns_NT = pl.exact_kl_returns(rewards_N, kl_NT, mask_NT, beta)
        return pl.exact_kl_policy_loss(lp_NT, weight_N1 * returns_NT, weight_N1 * kl_NT, mask_NT, beta)
    in_reward = beta if place == "reward" else 0.0
    returns_NT = pl.reward_to_go(pl.shaped_rewards(rewards_N, kl_NT, mask_NT, in_reward), mask_NT)
    if place == "own":
        returns_NT = returns_NT - beta * kl_NT.detach()
    loss = pl.reinforce_loss(lp_NT, weight_N1 * returns_NT, mask_NT)
    return loss + (beta * (weight_N1 * kl_NT).sum() / len(ids_NT) if place == "loss" else 0.0)


def token_logprobs_64(logits_NTV: Tensor, ids_NT: Tensor) -> Tensor:
    return torch.log_softmax(logits_NTV, -1).gather(2, ids_NT.unsqueeze(2)).squeeze(2)


def sequence_kl(policy: Table, ref: Table) -> float:
    lp_N, ref_N = (token_logprobs_64(p(p.all_NT), p.all_NT).sum(1).detach() for p in (policy, ref))
    return (lp_N.exp() * (lp_N - ref_N)).sum().item()


def restoring_force(placement: str, dt: float = 0.25) -> list[float]:
    """KL(pi || pi_ref) at TIMES of a flow along the exact gradient, one token of six, every reward 0, beta 1."""
    ref = Table(6, 1, seed=0).double()
    policy = copy.deepcopy(ref)
    with torch.no_grad():
        policy.logits_SV += 0.8 * torch.randn(1, 6, generator=torch.Generator().manual_seed(1))
    found = [sequence_kl(policy, ref)]
    zero_N = torch.zeros(6, dtype=torch.float64)
    for step in range(1, round(TIMES[-1] / dt) + 1):
        (gradient,) = torch.autograd.grad(expected_loss(placement, policy, ref, zero_N, 1.0), policy.logits_SV)
        policy.logits_SV.data -= dt * gradient
        if step in [round(time / dt) for time in TIMES]:
            found.append(sequence_kl(policy, ref))
    return found


def settle(placement: str, beta: float, steps: int = 300) -> tuple[float, float, float, float]:
    """(TV to pi*, J, J*, KL) where a placement comes to rest: three tokens of three; J = E[r] - beta KL."""
    ref = Table(3, 3, seed=2).double()
    rewards_N = torch.randn(27, generator=torch.Generator().manual_seed(3)).double()
    policy = copy.deepcopy(ref)
    optimiser = torch.optim.Adam([policy.logits_SV], lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(steps):
        optimiser.zero_grad()
        expected_loss(placement, policy, ref, rewards_N, beta).backward()
        optimiser.step()
        schedule.step()
    lp_N, ref_N = (token_logprobs_64(p(p.all_NT), p.all_NT).sum(1).detach() for p in (policy, ref))
    best = beta * torch.logsumexp(ref_N + rewards_N / beta, 0).item()
    kl = sequence_kl(policy, ref)
    return distance(lp_N.exp(), optimum(ref_N, rewards_N, beta)), (lp_N.exp() @ rewards_N).item() - beta * kl, best, kl


def tables() -> str:
    """Both tables in Markdown, as they stand in the document."""
    lines = ["| placement | " + " | ".join(f"t = {time}" for time in TIMES) + " |", "|---|" + "---|" * len(TIMES)]
    for placement in ONE_TOKEN:
        lines.append(f"| {placement} | " + " | ".join(f"{kl:.4f}" for kl in restoring_force(placement)) + " |")
    lines += ["", "| placement | beta | TV to pi* | J | best J | KL |", "|---|---|---|---|---|---|"]
    for beta in (1.0, 0.5):
        for placement in SEQUENCES:
            tv, J, best, kl = settle(placement, beta)
            lines.append(f"| {placement} | {beta} | {tv:.3f} | {J:.3f} | {best:.3f} | {kl:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
