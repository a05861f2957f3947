"""Every method of stage three on problems whose best policy is known: pi* = pi_ref exp(r / beta) / Z.

A method that stops anywhere else is wrong however well its curves look. The problems: toys.py and kl_placement.py.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import kl_placement
import pytest
import torch
from torch import nn
from toys import Table, Trainer, distance, fit_dpo, optimum

from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.rlhf import losses as pl

# Legend: B sampled sequences, N all sequences, T tokens, V vocabulary, S states, R runs.
CLOSE = 0.02  # total variation
SAMPLING = ("rloo", "exact", "ppo", "grpo")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "kl-placement.md"

pytestmark = pytest.mark.usefixtures("one_thread")


def zero(ids_BT: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(ids_BT))


# ---- one token from a transformer ------------------------------------------------------------------------------------


class Bandit(nn.Module):
    """A whole transformer answers one fixed prompt with one token; otherwise like toys.Table."""

    T = 1

    def __init__(self, V: int = 8) -> None:
        super().__init__()
        self.model = Transformer(
            ModelConfig(
                vocab_size=V,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=1,
                num_key_value_heads=1,
                head_dim=16,
                max_position_embeddings=8,
                tie_word_embeddings=False,
            )
        )
        generator = torch.Generator().manual_seed(0)
        for parameter in self.model.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, 0.0, 0.3, generator=generator)
        self.all_NT = torch.arange(V).unsqueeze(1)
        self.logits_SV = torch.zeros(1, V)  # one state, for the critic's table

    def states(self, ids_BT: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(ids_BT)

    def forward(self, ids_BT: torch.Tensor) -> torch.Tensor:
        prompt = torch.tensor([[1, 2, 3]])
        return self.model(prompt)[:, -1:].expand(len(ids_BT), 1, -1)

    mask, log_probs, sample = Table.mask, Table.log_probs, Table.sample
    stops = False


@pytest.mark.parametrize("method", [*SAMPLING, "dpo"])
def test_a_transformer_finds_the_best_policy_of_one_token(method):
    beta, rewards_N = 0.5, torch.tensor([0.0, 1.0, -1.0, 0.5, 0.2, -0.3, 0.8, -0.6])
    policy, ref = Bandit(), Bandit()
    best_N = optimum(ref.log_probs().detach(), rewards_N, beta)
    assert distance(ref.log_probs().exp(), best_N) > 0.2
    if method == "dpo":
        fit_dpo(policy, ref, rewards_N, beta, steps=150, lr=0.01)
    else:
        Trainer(policy, ref, method, beta, lambda ids_BT: rewards_N[ids_BT[:, 0]], B=256).run(150, lr=0.01)
    lp_N = policy.log_probs().detach()
    assert distance(lp_N.exp(), best_N) < CLOSE
    # the value of the best policy has a closed form: beta log sum pi_ref exp(r / beta)
    value = (lp_N.exp() * (rewards_N - beta * (lp_N - ref.log_probs().detach()))).sum().item()
    assert abs(value - beta * torch.logsumexp(ref.log_probs() + rewards_N / beta, 0).item()) < 0.005


def test_ipo_on_sums_finds_its_own_optimum():
    """Azar et al. 2023, sec. 5: the regression's answer is h = (2 p - 1) / (2 tau) where the pairs allow it."""
    policy, ref = Table(2, 1, seed=0), Table(2, 1, seed=0)
    fit_dpo(policy, ref, torch.tensor([0.7, 0.0]), beta=0.5, steps=200, lr=0.05, variant="ipo")
    h = policy.log_probs() - ref.log_probs()
    preferred = torch.sigmoid(torch.tensor(0.7)).item()
    assert (h[0] - h[1]).item() == pytest.approx((2 * preferred - 1) / (2 * 0.5), abs=1e-3)


def test_smoothed_labels_have_a_finite_optimum():
    """One sure pair: plain DPO runs away, cDPO rests at h = logit(1 - e) / beta (pitfall D11)."""
    h = torch.zeros(1, requires_grad=True)
    optimiser, zero_1 = torch.optim.Adam([h], lr=0.2), torch.zeros(1)
    for _ in range(400):
        optimiser.zero_grad()
        pl.dpo_loss(h, zero_1, zero_1, zero_1, 0.5, label_smoothing=0.1)[0].mean().backward()
        optimiser.step()
    assert h.item() == pytest.approx(math.log(0.9 / 0.1) / 0.5, rel=1e-2)


# ---- sequences -------------------------------------------------------------------------------------------------------


def contains(ids_BT: torch.Tensor) -> torch.Tensor:
    return (ids_BT == 2).any(1).float()


@pytest.mark.parametrize("method", SAMPLING)
def test_emit_a_token_somewhere(method):
    """Reward 1 when token 2 appears in three: the policy must not only learn it, but stay as near as it can be."""
    beta = 0.25
    policy, ref = Table(3, 3, seed=4), Table(3, 3, seed=4)
    best_N = optimum(ref.log_probs().detach(), contains(ref.all_NT), beta)
    assert distance(ref.log_probs().exp(), best_N) > 0.2
    Trainer(policy, ref, method, beta, contains, B=1024).run(250, lr=0.1)
    assert distance(policy.log_probs().exp(), best_N) < CLOSE


@pytest.mark.parametrize("method", [*SAMPLING, "dpo"])
def test_without_a_reward_every_method_returns_to_the_reference(method):
    policy, ref = Table(3, 2, seed=5), Table(3, 2, seed=5)
    with torch.no_grad():
        policy.logits_SV += 0.7 * torch.randn(policy.logits_SV.shape, generator=torch.Generator().manual_seed(6))
    assert distance(policy.log_probs().exp(), ref.log_probs().exp()) > 0.15
    if method == "dpo":
        fit_dpo(policy, ref, torch.zeros(9), beta=0.5, steps=150, lr=0.1)
    else:
        Trainer(policy, ref, method, 0.5, zero, B=512).run(200, lr=0.1)
    assert distance(policy.log_probs().exp(), ref.log_probs().exp()) < CLOSE


# ---- stopping and length ---------------------------------------------------------------------------------------------


def lengths(policy: Table, ids_BT: torch.Tensor) -> torch.Tensor:
    return policy.mask(ids_BT).sum(1)


def length_distribution(policy: Table, probs_N: torch.Tensor) -> torch.Tensor:
    return torch.zeros(policy.T + 1).index_add(0, lengths(policy, policy.all_NT), probs_N)


@pytest.mark.parametrize("method", SAMPLING)
def test_the_decision_to_stop_is_learned(method):
    """Reward -length: P(stop) rises to exactly where the KL allows it. A stop token outside the mask cannot do this."""
    beta = 1.0
    policy, ref = (Table(3, 4, seed=7, timed=True, stops=True) for _ in range(2))
    rewards_N = -lengths(ref, ref.all_NT).float()
    ref_N = ref.log_probs().detach()
    best_L = length_distribution(ref, optimum(ref_N, rewards_N, beta))
    before = torch.softmax(policy.logits_SV, 1)[0, 0].item()
    Trainer(policy, ref, method, beta, lambda ids_BT: -lengths(ref, ids_BT).float(), B=512).run(200, lr=0.1)
    assert torch.softmax(policy.logits_SV, 1)[0, 0].item() > before + 0.1
    assert distance(length_distribution(policy, policy.log_probs().exp().detach()), best_L) < CLOSE


def final_mean_lengths(normaliser: str, runs: int = 12, steps: int = 500, T: int = 6) -> torch.Tensor:
    """Mean length, (R,), of policies that only choose when to stop, after training on rewards that ignore length.

    The runs are independent policies in one tensor. Rewards are N(-1, 1) without a baseline: most answers are bad.
    """
    generator = torch.Generator().manual_seed(8)
    stop_RT = nn.Parameter(torch.full((runs, T), -1.1))  # P(stop) = 0.25
    optimiser, B = torch.optim.SGD([stop_RT], lr=0.02), 64
    for _ in range(steps):
        with torch.no_grad():
            stop_RBT = torch.rand(runs, B, T, generator=generator) < torch.sigmoid(stop_RT)[:, None]
            mask = (stop_RBT.long().cumsum(2) - stop_RBT.long() == 0).flatten(0, 1)
            advantages = (torch.randn(runs * B, 1, generator=generator) - 1).expand(-1, T)
        sign = 2.0 * stop_RBT - 1
        lp = torch.nn.functional.logsigmoid(sign * stop_RT[:, None]).flatten(0, 1)
        loss = pl.clipped_policy_loss(lp, lp.detach(), advantages, mask, normaliser=normaliser)
        optimiser.zero_grad()
        (runs * loss).backward()
        optimiser.step()
    survive_RT = torch.sigmoid(-stop_RT.detach()).cumprod(1)
    return 1 + survive_RT[:, :-1].sum(1)


def test_length_stays_where_it_was_when_the_reward_ignores_it():
    """Division by a constant has no opinion on length; division by each length makes long bad answers cheap (G4)."""
    q = 1 - 1 / (1 + math.exp(1.1))
    reference = sum(q**t for t in range(6))

    def interval(lengths_R: torch.Tensor) -> tuple[float, float]:  # 99 %: t(11) = 3.11
        half = 3.11 * lengths_R.std().item() / math.sqrt(len(lengths_R))
        return lengths_R.mean().item() - half, lengths_R.mean().item() + half

    low, high = interval(final_mean_lengths("sequences"))
    assert low < reference < high and high - low < 0.6
    assert interval(final_mean_lengths("sequence_means"))[0] > reference + 0.3


# ---- where the KL stands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("placement", kl_placement.ONE_TOKEN)
def test_only_the_right_placements_pull_back_to_the_reference(placement):
    kl = kl_placement.restoring_force(placement, dt=0.5)
    if placement.startswith(("k2 in the reward", "k3 in the reward")):
        assert kl[1] > kl[0] * 1.2 and kl[-1] > 3 * kl[0]  # away, although every reward is 0
    elif placement in ("k1 in the loss", "exact in the reward alone"):
        assert kl[-1] == pytest.approx(kl[0], rel=1e-9)  # no force at all
    else:
        assert all(later < earlier for earlier, later in itertools.pairwise(kl)) and kl[-1] < 0.1 * kl[0]


@pytest.mark.parametrize("placement", kl_placement.SEQUENCES)
def test_for_sequences_only_the_kl_to_go_is_right(placement):
    tv, J, best, _ = kl_placement.settle(placement, beta=0.5)
    if placement in ("k1 in the reward, to go", "exact, later KL in the reward"):
        assert tv < 0.002 and abs(J - best) < 1e-4
    else:
        assert tv > 0.1 and best - J > 0.25 * best


def test_the_document_shows_what_this_code_computes():
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [line for line in kl_placement.tables().splitlines() if line not in text]
    assert not missing, "docs/kl-placement.md is out of date: run tests/equivalence/kl_placement.py"


# ---- the controller --------------------------------------------------------------------------------------------------


def test_the_adaptive_kl_reaches_its_target():
    """From a beta that would allow three times as much: the KL ends within 10 % of the target (pitfall P15)."""
    rewards_N = torch.tensor([0.0, 2.0, -1.0, 0.5])
    policy, ref = Table(4, 1, seed=9), Table(4, 1, seed=9)
    control = pl.AdaptiveKL(beta=0.2, target=0.1, horizon=3000)
    trainer = Trainer(policy, ref, "exact", control.beta, lambda ids_BT: rewards_N[ids_BT[:, 0]], B=256)
    at_first = optimum(ref.log_probs().detach(), rewards_N, control.beta)
    assert (at_first * (at_first.log() - ref.log_probs().detach())).sum() > 3 * control.target

    measured = []

    def control_beta() -> None:
        measured.append(trainer.kl)
        trainer.beta = control.update(trainer.kl, 256)

    trainer.run(400, lr=0.05, after_step=control_beta, anneal=False)
    assert max(measured[:100]) > 1.2 * control.target  # it had to be pulled back
    assert sum(measured[-100:]) / 100 == pytest.approx(control.target, rel=0.1)
