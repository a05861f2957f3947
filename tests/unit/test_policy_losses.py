"""Closed forms and invariances of stage three's functions; comments name the pitfall that each guards against."""

from __future__ import annotations

import math

import pytest
import torch

from firstwords.config import UserError
from firstwords.rlhf import losses as pl

# Legend: B sequences, T tokens, V vocabulary, P prompts, G samples of one prompt.
B, T, V = 4, 6, 7
close = torch.testing.assert_close


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ragged(lengths: tuple[int, ...] = (6, 3, 1, 5)) -> torch.Tensor:
    return (torch.arange(T) < torch.tensor(lengths)[:, None]).long()


# ---- advantages ------------------------------------------------------------------------------------------------------


def test_leave_one_out_is_the_loop_and_the_identity():  # G1
    rewards_PG = random(3, 5)
    found = pl.leave_one_out_advantages(rewards_PG)
    for p in range(3):
        for g in range(5):
            others = [rewards_PG[p, i].item() for i in range(5) if i != g]
            assert found[p, g].item() == pytest.approx(rewards_PG[p, g].item() - sum(others) / 4, abs=1e-6)
    close(found, 5 / 4 * pl.group_advantages(rewards_PG, normalise_std=False))
    tokens_PGT = random(3, 5, T)
    close(pl.leave_one_out_advantages(tokens_PGT)[..., 2], pl.leave_one_out_advantages(tokens_PGT[..., 2]))


def test_nearly_equal_rewards_are_no_signal():  # G2
    rewards_PG = torch.tensor([[1.0, 1.0 + 1e-7, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    assert pl.group_advantages(rewards_PG, normalise_std=True).abs().max() < 2e-3
    assert pl.group_advantages(rewards_PG, normalise_std=True, eps=1e-9).abs().max() > 0.5  # what the default avoids
    assert pl.leave_one_out_advantages(rewards_PG)[1].abs().max() == 0
    close(pl.group_advantages(torch.tensor([[0.0, 2.0]]), True, eps=0.0), torch.tensor([[-1.0, 1.0]]) / math.sqrt(2))


def test_a_group_of_one_is_refused():
    for call in (pl.leave_one_out_advantages, lambda r: pl.group_advantages(r, False)):
        with pytest.raises(ValueError, match="at least 2"):
            call(torch.zeros(3, 1))


def test_whitening_has_mean_zero_and_variance_one_under_the_mask():  # P7, P8
    values_BT, mask_BT = 3 * random(B, T) + 5, ragged()
    white_BT = pl.whiten(values_BT, mask_BT)
    chosen = white_BT[mask_BT == 1]
    assert abs(chosen.mean()) < 1e-6 and chosen.std().item() == pytest.approx(1, abs=1e-6)
    assert not white_BT[mask_BT == 0].any()
    close(pl.whiten(10 * values_BT + 3, mask_BT), white_BT, atol=1e-5, rtol=0)
    kept_BT = pl.whiten(values_BT, mask_BT, shift_mean=False)
    close(kept_BT[mask_BT == 1], chosen + values_BT[mask_BT == 1].mean())
    assert pl.whiten(torch.ones(1, 1), torch.ones(1, 1)).item() == 0  # one token: no variance, no NaN


# ---- KL --------------------------------------------------------------------------------------------------------------


def test_exact_kl_and_entropy():
    logits, ref = random(B, T, V), random(B, T, V, seed=1)
    p, q = torch.softmax(logits.double(), -1), torch.softmax(ref.double(), -1)
    close(pl.exact_kl(logits, ref).double(), (p * (p / q).log()).sum(-1), atol=1e-6, rtol=1e-5)
    close(pl.entropy(logits).double(), -(p * p.log()).sum(-1), atol=1e-6, rtol=1e-5)
    close(pl.entropy(torch.zeros(1, 1, V)), torch.full((1, 1), math.log(V)))
    assert (pl.exact_kl(logits, logits + 1e-4 * random(B, T, V, seed=2)) >= 0).all()
    assert pl.exact_kl(logits.bfloat16(), ref.bfloat16()).dtype == torch.float32


def test_k1_is_the_exact_kl_on_average():
    logits, ref = random(1, 1, V), random(1, 1, V, seed=1)
    lp, ref_lp = torch.log_softmax(logits, -1)[0], torch.log_softmax(ref, -1)[0]
    close((lp.exp() * pl.k1(lp, ref_lp)).sum(), pl.exact_kl(logits, ref)[0, 0])


def test_estimators_that_repel_are_refused():  # P12
    for kind in ("exact", "k1"):
        pl.refuse_estimator(kind)
    for kind in ("k2", "k3"):
        with pytest.raises(UserError, match="away from the reference"):
            pl.refuse_estimator(kind)
    with pytest.raises(UserError, match="unknown"):
        pl.refuse_estimator("k4")


def test_adaptive_kl_steps_are_bounded_and_resume():  # P15
    control = pl.AdaptiveKL(beta=0.1, target=5.0, horizon=1000)
    assert control.update(5.0, 100) == pytest.approx(0.1)
    assert control.update(500.0, 100) == pytest.approx(0.1 * 1.02)
    assert control.update(0.0, 500) == pytest.approx(0.1 * 1.02 * 0.9)
    other = pl.AdaptiveKL(beta=9.0, target=1.0, horizon=1)
    other.load_state_dict(control.state_dict())
    assert other.update(5.5, 100) == control.update(5.5, 100)
    with pytest.raises(UserError, match="target"):
        pl.AdaptiveKL(beta=0.1, target=0.0, horizon=10)


# ---- returns ---------------------------------------------------------------------------------------------------------


def test_the_score_stands_on_the_last_chosen_token():  # P2
    kl_BT = torch.full((B, T), 0.5)
    kl_BT[ragged() == 0] = float("nan")
    rewards_BT = pl.shaped_rewards(torch.tensor([1.0, 2.0, 3.0, 4.0]), kl_BT, ragged(), beta=0.1)
    expected_BT = -0.05 * ragged().float()
    for row, (length, score) in enumerate(((6, 1.0), (3, 2.0), (1, 3.0), (5, 4.0))):
        expected_BT[row, length - 1] += score
    close(rewards_BT, expected_BT)
    forced = torch.tensor([[1, 0, 1, 0]])  # a tool's answer in the middle, padding at the end
    close(pl.shaped_rewards(torch.ones(1), torch.ones(1, 4), forced, 0.1), torch.tensor([[-0.1, 0.0, 0.9, 0.0]]))
    assert not pl.shaped_rewards(torch.ones(1), torch.ones(1, 4), torch.zeros(1, 4), 0.1).any()


def test_reward_to_go():
    ones = torch.ones(1, 3)
    close(pl.reward_to_go(torch.tensor([[0.0, 0.0, 1.0]]), ones, 0.5), torch.tensor([[0.25, 0.5, 1.0]]))
    close(pl.reward_to_go(torch.tensor([[1.0, 2.0, 4.0]]), ones), torch.tensor([[7.0, 6.0, 4.0]]))
    skipped = pl.reward_to_go(torch.tensor([[1.0, 9.0, 4.0]]), torch.tensor([[1, 0, 1]]), 0.5)
    close(skipped, torch.tensor([[3.0, 0.0, 4.0]]))  # what the policy did not write takes no time


def test_exact_kl_returns_hold_only_the_later_kl():
    found = pl.exact_kl_returns(
        torch.tensor([10.0]), torch.tensor([[1.0, 2.0, 4.0, 8.0]]), torch.tensor([[1, 1, 1, 0]]), 0.5
    )
    close(found, torch.tensor([[10 - 3.0, 10 - 2.0, 10.0, 0.0]]))


def test_exact_kl_rewards_add_up_to_the_returns():
    scores_B, kl_BT, mask = random(B), random(B, T, seed=1) ** 2, ragged()
    mask[0, 2] = 0  # a tool's token
    rewards_BT = pl.exact_kl_rewards(scores_B, kl_BT, mask, 0.3)
    close(pl.reward_to_go(rewards_BT, mask), pl.exact_kl_returns(scores_B, kl_BT, mask, 0.3))
    assert rewards_BT[0, 1].item() == pytest.approx(-0.3 * kl_BT[0, 3].item())  # the state that it leads to
    assert rewards_BT[2, 0].item() == pytest.approx(scores_B[2].item())


@pytest.mark.parametrize("gamma, lam", [(1.0, 1.0), (0.9, 0.0), (0.9, 0.7), (1.0, 0.95)])
def test_gae_is_the_double_loop(gamma, lam):  # P3
    rewards, values, mask, bootstrap = random(B, T), random(B, T, seed=1), ragged(), random(B, seed=2)
    advantages, returns = pl.gae(rewards, values, mask, gamma, lam, bootstrap)
    for b in range(B):
        n = int(mask[b].sum())
        v = [*values[b, :n].tolist(), bootstrap[b].item()]
        delta = [rewards[b, t].item() + gamma * v[t + 1] - v[t] for t in range(n)]
        for t in range(n):
            expected = sum((gamma * lam) ** (s - t) * delta[s] for s in range(t, n))
            assert advantages[b, t].item() == pytest.approx(expected, abs=1e-5)
            assert returns[b, t].item() == pytest.approx(expected + v[t], abs=1e-5)
        assert not advantages[b, n:].any() and not returns[b, n:].any()


def test_gae_at_its_two_ends():
    rewards, values, mask = random(B, T), random(B, T, seed=1), ragged()
    close(pl.gae(rewards, values, mask, 1.0, 1.0)[0], (pl.reward_to_go(rewards, mask) - values) * mask)
    next_values = torch.cat((values * mask, torch.zeros(B, 1)), 1)[:, 1:]
    close(pl.gae(rewards, values, mask, 0.9, 0.0)[0], (rewards + 0.9 * next_values - values) * mask)


def test_gae_passes_over_tokens_that_nobody_chose():
    rewards, values = random(1, 4), random(1, 4, seed=1)
    mask = torch.tensor([[1, 0, 1, 1]])
    whole = pl.gae(rewards, values, mask, 0.9, 0.8)[0]
    close(whole[:, [0, 2, 3]], pl.gae(rewards[:, [0, 2, 3]], values[:, [0, 2, 3]], torch.ones(1, 3), 0.9, 0.8)[0])


@pytest.mark.parametrize("bootstraps, expected", [(True, 10.0), (False, 4.0951)])
def test_a_limit_is_not_an_end(bootstraps, expected):  # P5: reward 1 per token, gamma 0.9, limit 5
    values_T = torch.zeros(6)
    for _ in range(300):
        bootstrap = values_T[5:6] if bootstraps else None
        returns = pl.gae(torch.ones(1, 5), values_T[None, :5], torch.ones(1, 5), 0.9, 0.95, bootstrap)[1]
        values_T[:5], values_T[5] = returns[0], returns[0, 4]  # one state looks like the next
    assert values_T[0].item() == pytest.approx(expected, abs=1e-3)


# ---- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "advantage, ratio, flows",
    [
        (1, 0.5, True),
        (1, 0.9, True),
        (1, 1.1, True),
        (1, 1.5, False),
        (-1, 0.5, False),
        (-1, 0.9, True),
        (-1, 1.1, True),
        (-1, 1.5, True),
    ],
)
def test_the_clip_stops_only_what_went_far_enough(advantage, ratio, flows):  # G13
    old, one = torch.zeros(1, 1), torch.ones(1, 1)
    lp = torch.full((1, 1), math.log(ratio), requires_grad=True)
    loss = pl.clipped_policy_loss(lp, old, advantage * one, one)
    loss.backward()
    assert loss.item() == pytest.approx(-min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage), rel=1e-5)
    assert lp.grad.item() == pytest.approx(-ratio * advantage if flows else 0.0, rel=1e-5)
    assert pl.clip_fraction(lp, old, advantage * one, one).item() == (0.0 if flows else 1.0)
    wide = pl.clip_fraction(lp, old, advantage * one, one, clip=(0.2, 0.6)).item()
    assert wide == (1.0 if (advantage, ratio) == (-1, 0.5) else 0.0)


def test_at_ratio_one_the_clipped_loss_has_reinforce_s_gradient():
    lp, advantages, mask = random(B, T).requires_grad_(), random(B, T, seed=1), ragged()
    (ours,) = torch.autograd.grad(pl.clipped_policy_loss(lp, lp.detach(), advantages, mask), lp)
    (plain,) = torch.autograd.grad(pl.reinforce_loss(lp, advantages, mask), lp)
    close(ours, plain)
    close(plain, -advantages * mask / B)


def test_normalisers():  # G4
    lp, advantages, mask = random(B, T), random(B, T, seed=1), ragged()
    loss = [-(advantages[b, :n]).sum() for b, n in enumerate((6, 3, 1, 5))]
    expected = {
        "sequences": sum(loss) / 4,
        "tokens": sum(loss) / 15,
        24.0: sum(loss) / 24,
        "sequence_means": sum(x / n for x, n in zip(loss, (6, 3, 1, 5), strict=True)) / 4,
    }
    for normaliser, value in expected.items():
        close(pl.clipped_policy_loss(lp, lp, advantages, mask, normaliser=normaliser), value)
    with pytest.raises(ValueError, match="sequence_means"):
        pl.clipped_policy_loss(lp, lp, advantages, mask, normaliser="length")


def test_parts_of_a_batch_add_up_to_the_whole():  # S7
    lp, advantages, mask, kl = random(B, T), random(B, T, seed=1), ragged(), random(B, T, seed=2) ** 2
    for loss, args in (
        (pl.reinforce_loss, (lp, advantages, mask)),
        (pl.exact_kl_policy_loss, (lp, advantages, kl, mask)),
    ):
        beta = (0.3,) if loss is pl.exact_kl_policy_loss else ()
        parts = [loss(*(a[rows] for a in args), *beta, num_sequences=B) for rows in (slice(0, 1), slice(1, B))]
        close(sum(parts), loss(*args, *beta))


def test_exact_kl_policy_loss_has_the_gradient_of_the_objective():
    """Two tokens of three, enumerated: against J = E[r] - beta KL of the sequences, differentiated by autograd."""
    first, second = random(3).double().requires_grad_(), random(3, 3, seed=1).double().requires_grad_()
    ref_first, ref_second, rewards = (
        random(3, seed=2).double(),
        random(3, 3, seed=3).double(),
        random(9, seed=4).double(),
    )
    ids = torch.cartesian_prod(torch.arange(3), torch.arange(3))

    def logits(a, b):
        return torch.stack((a.expand(9, 3), b[ids[:, 0]]), 1)

    def logprobs(z):
        return torch.log_softmax(z, -1).gather(2, ids.unsqueeze(2)).squeeze(2)

    now, ref = logits(first, second), logits(ref_first, ref_second)
    lp, ref_lp = logprobs(now), logprobs(ref)
    whole = lp.sum(1)
    J = (whole.exp() * (rewards - 0.7 * (whole - ref_lp.sum(1)))).sum()
    weight, kl, mask = 9 * whole.detach().exp()[:, None], pl.exact_kl(now, ref), torch.ones(9, 2)
    returns = pl.exact_kl_returns(rewards, kl, mask, 0.7)
    loss = pl.exact_kl_policy_loss(lp, weight * returns, weight * kl, mask, 0.7)
    for ours, theirs in zip(
        torch.autograd.grad(loss, (first, second), retain_graph=True),
        torch.autograd.grad(J, (first, second)),
        strict=True,
    ):
        close(ours, -theirs)


def test_value_loss_and_its_clip():  # P9
    values, old, returns = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0, 0.0]])
    mask = torch.ones(1, 2)
    assert pl.value_loss(values, old, returns, mask).item() == pytest.approx(0.5 * (4 + 1) / 2)
    clipped = pl.value_loss(values, old, returns, mask, clip=0.2)  # held to 0.2 and 1.8, and the worse one counts
    assert clipped.item() == pytest.approx(0.5 * (2.8**2 + 1.8**2) / 2)


def test_explained_variance():
    values, mask = random(B, T), ragged()
    assert pl.explained_variance(values, values, mask).item() == pytest.approx(1)
    assert pl.explained_variance(torch.full((B, T), 7.0), values, mask).item() == pytest.approx(0, abs=1e-6)
    assert pl.explained_variance(-values, values, mask).item() == pytest.approx(-3, abs=1e-5)


def test_what_whitening_divides_by():
    values, mask = 3 * random(B, T) + 5, ragged()
    chosen = values[mask == 1]
    assert pl.whitening_divisor(values, mask).item() == pytest.approx(chosen.std().item(), rel=1e-5)
    close(pl.whiten(values, mask) * pl.whitening_divisor(values, mask), (values - chosen.mean()) * mask)


def test_approx_kl_is_never_negative_and_zero_without_a_change():
    lp, old, mask = random(B, T), random(B, T, seed=1), ragged()
    assert pl.approx_kl(lp, lp, mask) == 0 and pl.approx_kl(lp, old, mask) > 0
    small = 1e-2 * random(B, T, seed=2)
    half_square = 0.5 * (small**2)[mask == 1].mean()
    close(pl.approx_kl(old + small, old, mask), half_square, rtol=2e-2, atol=0)


def everything(lp, old, advantages, values, old_values, rewards, mask):
    """Every function of masked tokens as name -> value; per-token results are cut to the first T tokens by the test."""
    return {
        "mean": pl.masked_mean(lp, mask),
        "whiten": pl.whiten(rewards, mask),
        "shaped": pl.shaped_rewards(torch.ones(len(lp)), lp - old, mask, 0.1),
        "to_go": pl.reward_to_go(rewards, mask, 0.9),
        "exact_returns": pl.exact_kl_returns(torch.ones(len(lp)), lp - old, mask, 0.1),
        "gae": pl.gae(rewards, values, mask, 0.9, 0.8, torch.ones(len(lp)))[0],
        "exact_rewards": pl.exact_kl_rewards(torch.ones(len(lp)), lp - old, mask, 0.1),
        "reinforce": pl.reinforce_loss(lp, advantages, mask),
        "exact_loss": pl.exact_kl_policy_loss(lp, advantages, (lp - old) ** 2, mask, 0.1),
        **{
            name: pl.clipped_policy_loss(lp, old, advantages, mask, normaliser=name)
            for name in ("sequences", "tokens", "sequence_means")
        },
        "clip_fraction": pl.clip_fraction(lp, old, advantages, mask),
        "approx_kl": pl.approx_kl(lp, old, mask),
        "value": pl.value_loss(values, old_values, rewards, mask),
        "value_clipped": pl.value_loss(values, old_values, rewards, mask, 0.2),
    }


@pytest.mark.parametrize("filler", [0.0, 1e4, float("nan"), float("-inf")])
def test_padding_changes_no_value_and_no_gradient(filler):  # P6, S8
    tensors = [random(B, T, seed=seed) for seed in range(6)]
    tensors = [tensors[0].requires_grad_(), tensors[1], tensors[2], tensors[3].requires_grad_(), *tensors[4:]]
    padded = [
        torch.cat((t.detach().masked_fill(ragged() == 0, filler), torch.full((B, 3), filler)), 1) for t in tensors
    ]
    padded[0].requires_grad_()
    padded[3].requires_grad_()
    mask = torch.cat((ragged(), torch.zeros(B, 3, dtype=torch.long)), 1)
    expected, found = everything(*tensors, ragged()), everything(*padded, mask)
    for name, value in expected.items():
        close(found[name] if value.ndim == 0 else found[name][:, :T], value, msg=name)
        assert value.ndim == 0 or not found[name][:, T:].any(), name
        leaf = 3 if name.startswith("value") else 0
        if value.ndim == 0 and value.requires_grad and name != "exact_loss":  # its KL is made from NaN before the call
            (a,) = torch.autograd.grad(value, tensors[leaf])
            (b,) = torch.autograd.grad(found[name], padded[leaf])
            close(b[:, :T], a, msg=name)
            assert not b[:, T:].any(), name


def test_a_batch_without_chosen_tokens_is_zero_and_not_nan():  # S8
    tensors, mask = [random(B, T, seed=seed) for seed in range(6)], torch.zeros(B, T)
    for name, value in everything(*tensors, mask).items():
        assert not value.any(), name


def test_constants_receive_no_gradient():  # S9
    lp, old, advantages, values, old_values, rewards = (random(B, T, seed=seed).requires_grad_() for seed in range(6))
    found = everything(lp, old, advantages, values, old_values, rewards, ragged())
    del found["mean"], found["exact_loss"], found["whiten"]
    trained = {name for name, value in found.items() if value.requires_grad}
    assert trained == {"reinforce", "sequences", "tokens", "sequence_means", "value", "value_clipped"}
    for name, value in found.items():
        if name in trained:
            assert (
                torch.autograd.grad(
                    value.sum(), [old, advantages, old_values, rewards], allow_unused=True, retain_graph=True
                )
                == (None,) * 4
            ), name
