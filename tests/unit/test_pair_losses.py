"""Closed forms of what is learned from pairs; comments name the pitfall that each guards against."""

from __future__ import annotations

import math

import pytest
import torch

from firstwords.rlhf import losses as pl

B = 4  # pairs
close = torch.testing.assert_close


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_bradley_terry_is_finite_and_has_the_known_gradient():  # R1
    chosen_B = torch.tensor([1e4, -1e4, 0.0, 2.0], requires_grad=True)
    loss = pl.bradley_terry_loss(chosen_B, torch.zeros(4))
    loss.backward()
    assert loss.item() == pytest.approx((0 + 1e4 + math.log(2) + math.log1p(math.exp(-2))) / 4)
    close(chosen_B.grad, -torch.sigmoid(-chosen_B.detach()) / 4)


def test_bradley_terry_margin_and_swap():  # R3
    chosen_B, rejected_B = random(B), random(B, seed=1)
    margin_B = torch.tensor([0.0, 1.0, 0.5, 2.0])
    close(pl.bradley_terry_loss(chosen_B, rejected_B, margin_B), pl.bradley_terry_loss(chosen_B - margin_B, rejected_B))
    gap = pl.bradley_terry_loss(chosen_B, rejected_B) - pl.bradley_terry_loss(rejected_B, chosen_B)
    close(gap, (rejected_B - chosen_B).mean())


def test_dpo_at_step_zero_and_its_rewards():  # D3, D9
    policy = random(4, B)
    loss_B, chosen_B, rejected_B = pl.dpo_loss(policy[0], policy[1], policy[0], policy[1], beta=0.3)
    close(loss_B, torch.full((B,), math.log(2)))
    assert not chosen_B.any() and not rejected_B.any()
    policy.requires_grad_()
    _, chosen_B, rejected_B = pl.dpo_loss(*policy, beta=0.3)
    close(chosen_B, 0.3 * (policy[0] - policy[2]).detach())
    close(rejected_B, 0.3 * (policy[1] - policy[3]).detach())
    assert not chosen_B.requires_grad


def test_dpo_by_hand():  # D1: sums, whatever the lengths
    one = [torch.tensor([x]) for x in (-10.0, -6.0, -12.0, -5.0)]  # h = 2 - (-1) = 3
    lengths = {"chosen_lengths_B": torch.tensor([4]), "rejected_lengths_B": torch.tensor([2])}
    assert pl.dpo_loss(*one, 0.5)[0].item() == pytest.approx(math.log1p(math.exp(-1.5)))
    assert pl.dpo_loss(*one, 0.5, **lengths)[0].item() == pytest.approx(math.log1p(math.exp(-1.5)))
    assert pl.dpo_loss(*one, 0.5, "ipo")[0].item() == pytest.approx((3 - 1) ** 2)
    assert pl.dpo_loss(*one, 0.5, "ipo", **lengths, length_normalise=True)[0].item() == pytest.approx((1 - 1) ** 2)
    smoothed = 0.9 * math.log1p(math.exp(-1.5)) + 0.1 * math.log1p(math.exp(1.5))
    assert pl.dpo_loss(*one, 0.5, label_smoothing=0.1)[0].item() == pytest.approx(smoothed)


def test_dpo_refuses_what_it_does_not_know():
    one = [torch.zeros(1)] * 4
    for options in ({"variant": "hinge"}, {"variant": "ipo", "label_smoothing": 0.1}, {"length_normalise": True}):
        with pytest.raises(ValueError):
            pl.dpo_loss(*one, 0.1, **options)
