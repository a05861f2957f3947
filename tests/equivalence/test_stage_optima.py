"""The stage files themselves on problems with a known best policy: the batches, advantages and losses that run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stages import METHODS, TableModel, improve, policy_on, rollouts_of, train
from toys import distance, optimum

from firstwords.rlhf.methods import clipping as updates
from firstwords.rlhf.methods import grpo, ppo, rloo
from firstwords.rlhf.rollout import chosen_logits

CLOSE = 0.02  # total variation
SAME_RATIO = 1e-5  # of the first minibatch: fp32 rounding

pytestmark = pytest.mark.usefixtures("one_thread")
# every method with its defaults, and what else its flags may choose without moving the optimum
WAYS = [
    ("rloo", {}),
    ("grpo", {}),
    ("grpo", {"kl": "k1", "updates": 3}),
    ("ppo", {}),
    ("ppo", {"kl": "k1", "lam": 0.95}),
]


def pair(*args, **options) -> tuple[TableModel, TableModel]:
    return TableModel(*args, **options), TableModel(*args, **options)


def lengths(table: TableModel, answers_BT: torch.Tensor) -> torch.Tensor:
    return table.mask(answers_BT).sum(1)


def by_length(table: TableModel, probs_N: torch.Tensor) -> torch.Tensor:
    return torch.zeros(table.T + 1).index_add(0, lengths(table, table.all_NT), probs_N)


def check_history(history: list[dict]) -> None:
    assert all(each.get("log_ratio", 0.0) < SAME_RATIO for each in history)
    assert all(np.isfinite(value) for each in history for value in each.values())


@pytest.mark.parametrize("method, flags", WAYS)
def test_one_token(method, flags):
    rewards_N = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.2, -0.3, 0.8, -0.6])
    table, reference = pair(8, 1, seed=0)
    best_N = optimum(reference.log_probs().detach(), rewards_N, 0.5)
    assert distance(reference.log_probs().exp(), best_N) > 0.2
    policy = policy_on(table, reference, method, 0.5, 0.05, **flags)
    history = train(policy, method, lambda ids_BT, _: rewards_N[ids_BT[:, 0]].double().numpy(), steps=150)
    check_history(history)
    assert distance(table.log_probs().exp(), best_N) < CLOSE


@pytest.mark.parametrize("method, flags", WAYS)
def test_a_token_somewhere(method, flags):
    """Reward 1 where token 2 appears in three: the KL of later tokens is part of the price."""
    table, reference = pair(3, 3, seed=4)
    rewards_N = (table.all_NT == 2).any(1).float()
    best_N = optimum(reference.log_probs().detach(), rewards_N, 0.25)
    policy = policy_on(table, reference, method, 0.25, 0.08, step_prompts=128, **flags)
    history = train(policy, method, lambda ids_BT, _: (ids_BT == 2).any(1).double().numpy(), steps=125)
    check_history(history)
    assert distance(table.log_probs().exp(), best_N) < CLOSE


@pytest.mark.parametrize("method, flags", WAYS)
def test_stopping(method, flags):
    """Reward -length: P(stop) rises to exactly where the KL allows it."""
    table, reference = pair(3, 4, seed=7, timed=True, stops=True)
    best_N = optimum(reference.log_probs().detach(), -lengths(reference, reference.all_NT).float(), 1.0)
    policy = policy_on(table, reference, method, 1.0, 0.08, stop_penalty=0.0, **flags)
    history = train(policy, method, lambda ids_BT, _: -lengths(table, ids_BT).double().numpy(), steps=100)
    check_history(history)
    assert torch.softmax(table.logits_SV, 1)[0, 0] > torch.softmax(reference.logits_SV, 1)[0, 0] + 0.1
    assert distance(by_length(table, table.log_probs().exp().detach()), by_length(reference, best_N)) < CLOSE


@pytest.mark.parametrize("method, flags", WAYS)
def test_length_stays_where_rewards_ignore_it(method, flags):
    """Rewards are noise around -1, whatever the answer: the best policy is the reference, its lengths included."""
    table, reference = pair(3, 5, seed=8, timed=True, stops=True)
    policy = policy_on(table, reference, method, 0.5, 0.03, step_prompts=128, stop_penalty=0.0, **flags)
    history = train(policy, method, lambda ids_BT, draw: draw.normal(-1.0, 0.5, len(ids_BT)), steps=100)
    check_history(history)
    found, expected = (by_length(t, t.log_probs().exp().detach()) for t in (table, reference))
    assert distance(found, expected) < CLOSE


@pytest.mark.parametrize("method, flags", [*WAYS, ("grpo", {"std": True})])
def test_without_a_reward_the_policy_returns_to_the_reference(method, flags):
    table, reference = pair(3, 2, seed=5)
    with torch.no_grad():
        table.logits_SV += 0.7 * torch.randn(table.logits_SV.shape, generator=torch.Generator().manual_seed(6))
    assert distance(table.log_probs().exp(), reference.log_probs().exp()) > 0.15
    policy = policy_on(table, reference, method, 0.5, 0.08, **flags)
    history = train(policy, method, lambda ids_BT, _: np.zeros(len(ids_BT)), steps=100)
    check_history(history)
    assert distance(table.log_probs().exp(), reference.log_probs().exp()) < CLOSE


def test_dividing_by_the_deviation_sharpens_small_rewards():
    """--std measures rewards against their own spread: a tenth of the rewards moves the policy as far."""
    found = []
    for scale in (1.0, 0.1):
        table, reference = pair(4, 1, seed=1)
        policy = policy_on(table, reference, "grpo", 1.0, 0.05, std=True)
        train(policy, "grpo", lambda ids_BT, _, scale=scale: scale * ids_BT[:, 0].double().numpy(), steps=100)
        found.append(table.log_probs().exp().detach())
    assert distance(*found) < 0.01
    assert distance(found[0], pair(4, 1, seed=1)[0].log_probs().exp()) > 0.1


# ---- the best of n --------------------------------------------------------------------------------------------------


class Chats:
    """Stage two's chats, drawn from the reference: what `ChatRows` hands over, for tables."""

    def __init__(self, table: TableModel, rows: int) -> None:
        self.table, self.rows = table, rows

    def batch(self, step: int, rows: int) -> SimpleNamespace:
        answers_BT = self.table.sample(self.rows, torch.Generator().manual_seed(1_000 + step))
        part = rollouts_of(self.table, answers_BT, 1)
        found = {"inputs": part.ids_BT, "targets": np.where(part.mask_BT, part.targets_BT, -100)}
        return SimpleNamespace(_asdict=lambda: found)


def table_loss(model: TableModel, batch: dict) -> torch.Tensor:
    """`next_token_loss` of a table."""
    targets_R = batch["targets"].flatten()
    return torch.nn.functional.cross_entropy(model.hidden(batch["inputs"]).flatten(0, 1), targets_R, reduction="sum")


def best_of_n_distribution(p_N: torch.Tensor, rewards_N: torch.Tensor, n: int) -> torch.Tensor:
    """Distribution of the answer with the highest reward of n; equals share by their own probability."""
    best_N = torch.zeros_like(p_N)
    for value in rewards_N.unique():
        below, here = p_N[rewards_N < value].sum(), p_N[rewards_N == value].sum()
        best_N[rewards_N == value] = ((below + here) ** n - below**n) * p_N[rewards_N == value] / here
    return best_N


@pytest.mark.parametrize("shape, share", [((8, 1), 0.5), ((3, 3), 0.5), ((8, 1), 0.8)])
def test_the_best_of_n_settles_at_the_mixture_with_stage_two(shape, share, monkeypatch):
    """pi = (1 - s) best_n(pi) + s ref: neither the best answer alone nor the reference."""
    monkeypatch.setattr("firstwords.rlhf.methods.bestofn.next_token_loss", table_loss)
    table, reference = pair(*shape, seed=4)
    if shape[1] == 1:
        rewards_N = torch.tensor([0.0, 1.0, -1.0, 0.5, 0.2, -0.3, 0.8, -0.6])
        reward = lambda ids_BT, _: rewards_N[ids_BT[:, 0]].double().numpy()  # noqa: E731
    else:
        rewards_N = (table.all_NT == 2).any(1).float()
        reward = lambda ids_BT, _: (ids_BT == 2).any(1).double().numpy()  # noqa: E731
    ref_N = reference.log_probs().exp().detach()
    best_N = ref_N
    for _ in range(200):
        best_N = (1 - share) * best_of_n_distribution(best_N, rewards_N, 4) + share * ref_N
        best_N = best_N / best_N.sum()  # the fourth power would let rounding grow
    assert distance(ref_N, best_N) > 0.05
    num, rate = (256, 0.1) if shape[1] == 1 else (1024, 0.05)  # more answers to tell apart: less noise
    policy = policy_on(table, reference, "bestofn", 0.5, rate, sft_share=share, samples=4, step_prompts=num)
    policy.data.rehearsal = Chats(reference, 2 * num)
    check_history(train(policy, "bestofn", reward, steps=250))
    assert distance(table.log_probs().exp(), best_N) < CLOSE


def test_the_best_of_one_without_chats_stays_where_it_is_and_of_many_finds_the_best():
    rewards_N = torch.tensor([0.0, 1.0, -1.0, 0.5])
    for samples, expected, rate in ((1, None, 0.02), (8, 1, 0.1)):
        table, reference = pair(4, 1, seed=1)
        policy = policy_on(table, reference, "bestofn", 0.5, rate, samples=samples, step_prompts=256)
        train(policy, "bestofn", lambda ids_BT, _: rewards_N[ids_BT[:, 0]].double().numpy(), steps=120)
        found_N = table.log_probs().exp().detach()
        if expected is None:
            assert distance(found_N, reference.log_probs().exp()) < 0.06  # a random walk of samples
        else:
            assert found_N[expected] > 0.95


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_stage_two_has_its_share_of_the_gradient_whatever_its_scale(share, monkeypatch):
    """By the norm: with rewards a thousand times as large, the mixture keeps its direction."""
    monkeypatch.setattr("firstwords.rlhf.policy.next_token_loss", table_loss)
    found = []
    for scale in (1.0, 1000.0):
        table, reference = pair(4, 1, seed=1)
        policy = policy_on(table, reference, "rloo", 0.5, 0.05, sft_share=share)
        policy.data.rehearsal = Chats(reference, 64)
        own = torch.tensor([[0.3, -0.1, -0.4, 0.2]])
        table.logits_SV.grad = scale * own.clone()
        policy.rehearse(0)
        found.append(table.logits_SV.grad / scale)
        policy.learner.drop_gradients()
        policy.learner.forward_backward([policy.data.rehearsal.batch(0, 4)._asdict()], table_loss)
        other = table.logits_SV.grad
        expected = (1 - share) * own + share * own.norm() / other.norm() * other
        torch.testing.assert_close(found[-1], expected if share else own)
    torch.testing.assert_close(*found)


# ---- the batch ------------------------------------------------------------------------------------------------------


def ragged(method: str, **flags):
    """(policy, rollouts of ragged lengths, rewards): the table has moved away from the reference."""
    table, reference = pair(4, 6, seed=2, timed=True, stops=True)
    with torch.no_grad():
        table.logits_SV += 0.5 * torch.randn(table.logits_SV.shape, generator=torch.Generator().manual_seed(3))
    policy = policy_on(table, reference, method, 0.3, 0.05, step_prompts=4, samples=4, **flags)
    generator = torch.Generator().manual_seed(4)
    answers_BT = table.sample(16, generator)
    rollouts = rollouts_of(table, answers_BT, 4)
    assert len(set(rollouts.lengths_B.tolist())) > 3 and rollouts.stopped_B.any() and not rollouts.stopped_B.all()
    return policy, rollouts, torch.randn(16, generator=generator).double().numpy()


@pytest.mark.parametrize("kl", ["exact", "k1"])
@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_accumulation_over_ragged_answers_changes_nothing(method, kl, monkeypatch):
    weights = []
    for micro_tokens in (10_000, 6):  # all answers at once, and one by one
        monkeypatch.setattr("firstwords.rlhf.policy.MICRO_TOKENS", micro_tokens)
        monkeypatch.setattr("firstwords.rlhf.methods.ppo.MICRO_TOKENS", micro_tokens)
        policy, rollouts, rewards_B = ragged(method, kl=kl)
        pieces = policy.micro_batches(*{"grpo": grpo, "ppo": ppo}[method].batch_of(policy, rollouts, rewards_B)[:2])
        assert len(pieces) == (1 if micro_tokens > 6 else 16)
        improve(policy, method, rollouts, rewards_B, 0, 1.0)
        weights.append(policy.learner.state_dict()["model"])
    for name, whole in weights[0].items():
        torch.testing.assert_close(weights[1][name], whole, rtol=1e-5, atol=1e-6, msg=name)


def test_rows_are_taken_with_their_own_reference_logits():
    policy, rollouts, rewards_B = ragged("grpo")
    batch, ref_NV, _ = grpo.batch_of(policy, rollouts, rewards_B)
    rows = np.array([7, 0, 11])
    part, part_ref_NV = updates.take_rows(batch, ref_NV, rows)
    again_NV = chosen_logits(policy.reference, torch.from_numpy(part["inputs"]), torch.from_numpy(part["mask"]))
    torch.testing.assert_close(part_ref_NV, again_NV)
    np.testing.assert_array_equal(part["chosen"], rollouts.targets_BT[rows])


def test_at_the_first_update_grpo_has_rloo_s_expected_gradient():
    """Their advantages differ by what the answer itself adds to the baseline, which is zero on average."""
    table, reference = pair(3, 2, seed=9)
    with torch.no_grad():
        table.logits_SV += 0.4 * torch.randn(table.logits_SV.shape, generator=torch.Generator().manual_seed(1))
    answers_BT = table.sample(1 << 17, torch.Generator().manual_seed(0))
    rewards_B = (answers_BT[:, 0] + 0.5 * answers_BT[:, 1]).double().numpy()
    gradients = []
    for method in ("rloo", "grpo"):
        policy = policy_on(table, reference, method, 0.5, 0.05, step_prompts=len(answers_BT) // 8)
        rollouts = rollouts_of(table, answers_BT, 8)
        if method == "rloo":
            pieces = rloo.batches_of(policy, rollouts, rewards_B)[0]
            loss = partial(rloo.policy_loss, beta=policy.kl.beta)
        else:
            batch, ref_NV, _ = grpo.batch_of(policy, rollouts, rewards_B)
            pieces, loss = policy.micro_batches(batch, ref_NV), updates.ClippedLoss(0.2, policy.kl.beta)
        policy.learner.forward_backward(pieces, loss, divisor=len(rewards_B))
        gradients.append(table.logits_SV.grad.clone())
        policy.learner.drop_gradients()
    assert gradients[0].abs().max() > 0.02
    torch.testing.assert_close(gradients[0], gradients[1], atol=2e-3, rtol=0)


# ---- PPO's own ------------------------------------------------------------------------------------------------------


def test_the_critic_learns_alone_first():
    policy, rollouts, rewards_B = ragged("ppo")
    before = {name: p.clone() for name, p in policy.learner.state_dict()["model"].items()}
    metrics = ppo.update(policy, rollouts, rewards_B, 0, 1.0, moves=False)
    after = policy.learner.state_dict()["model"]
    assert torch.equal(before["logits_SV"], after["logits_SV"])
    assert not torch.equal(before["critic.values_S"], after["critic.values_S"])
    assert {"explained_variance", "critic_loss", "critic_grad_norm", "loss", "skipped", "tokens"} <= metrics.keys()


def test_the_critic_explains_what_can_be_known():
    """Values of a fixed policy: the explained variance rises from nothing to what the states tell, E[r | state]."""
    table, reference = pair(4, 3, seed=2)
    p_N, r_N = table.log_probs().exp().detach(), (table.all_NT * torch.tensor([3.0, 2.0, 1.0])).sum(1)
    error = 0.0
    for t in range(3):
        prefix_N = (table.all_NT[:, :t] * 4 ** torch.arange(t)).sum(1)
        mass, total = torch.zeros(64).index_add(0, prefix_N, p_N), torch.zeros(64).index_add(0, prefix_N, p_N * r_N)
        error += float((p_N * (r_N - (total / mass)[prefix_N]) ** 2).sum()) / 3
    known = 1 - error / float((p_N * (r_N - (p_N * r_N).sum()) ** 2).sum())
    policy = policy_on(table, reference, "ppo", 0.1, 0.05, updates=4)
    generator, found = torch.Generator().manual_seed(0), []
    for step in range(60):
        answers_BT = table.sample(512, generator)
        rewards_B = (answers_BT * torch.tensor([3, 2, 1])).sum(1).double().numpy()
        rollouts = rollouts_of(table, answers_BT, 8)
        found.append(ppo.update(policy, rollouts, rewards_B, step, 1.0, moves=False)["explained_variance"])
    assert found[0] == 0 and known > 0.4
    assert np.mean(found[-5:]) == pytest.approx(known, abs=0.03)


def test_stopping_early_leaves_no_gradient_behind():
    """P16: the update that went too far is not half done; the critic's still is."""
    policy, rollouts, rewards_B = ragged("ppo", stop_kl=1e-9, updates=3)
    first = ppo.update(policy, rollouts, rewards_B, 0, 1.0)
    assert first["stopped_early"] == 1
    assert all(p.grad is None for p in policy.model.parameters())
    alone, rollouts, rewards_B = ragged("ppo", stop_kl=0.0, updates=3)
    with_one, optim_step = [], alone.learner.optim_step

    def remembering(fraction):
        with_one.append(alone.model.logits_SV.detach().clone())
        return optim_step(fraction)

    alone.learner.optim_step = remembering
    ppo.update(alone, rollouts, rewards_B, 0, 1.0)
    assert len(with_one) == 6 and not torch.equal(with_one[1], with_one[2])
    # the first update was made (its ratio was 1), the second was dropped
    torch.testing.assert_close(policy.model.logits_SV.detach(), with_one[1], rtol=0, atol=0)
    critics = [p.learner.critic.model.values_S for p in (policy, alone)]
    torch.testing.assert_close(*critics, rtol=0, atol=0)


def test_bootstrapping_puts_the_critic_where_the_score_would_be():
    policy, rollouts, rewards_B = ragged("ppo", bootstrap=True, stop_penalty=0.25, kl="k1")
    with torch.no_grad():
        policy.learner.critic.model.values_S.uniform_(1.0, 2.0, generator=torch.Generator().manual_seed(0))
    policy.kl.beta = 0.0
    batch = ppo.batch_of(policy, rollouts, rewards_B)[0]
    _, after_B = ppo.values_of(policy.learner, rollouts)
    for row in range(16):
        expected = rewards_B[row] if rollouts.stopped_B[row] else float(after_B[row]) - 0.25
        np.testing.assert_allclose(batch["returns"][row][rollouts.mask_BT[row]], expected, rtol=1e-5)
    whole = [*rollouts.sequences[0]]
    value = policy.learner.values(torch.tensor([whole]))[0, -1]
    torch.testing.assert_close(after_B[0].float(), value.detach())


def test_advantages_are_whitened_once_over_all_answers():
    policy, rollouts, rewards_B = ragged("ppo")
    batch, _, kl_weight, metrics = ppo.batch_of(policy, rollouts, rewards_B)
    chosen = batch["advantages"][rollouts.mask_BT]
    assert abs(chosen.mean()) < 1e-5 and chosen.std(ddof=1) == pytest.approx(1, abs=1e-5)
    returns = torch.from_numpy(batch["returns"])[torch.from_numpy(rollouts.mask_BT)]
    assert kl_weight == pytest.approx(metrics["beta"] / returns.std().item(), rel=1e-4)  # values are 0


def test_actor_and_critic_are_clipped_separately():
    """A spike in one leaves the other's update alone (P13)."""
    updated = []
    for scale in (1.0, 1e4):
        policy, rollouts, rewards_B = ragged("ppo", updates=1, minibatches=1)
        critic_step = policy.learner.critic_step
        policy.learner.critic_step = lambda pieces, clip, fraction, go=critic_step, scale=scale: go(
            [piece | {"returns": scale * piece["returns"]} for piece in pieces], clip, fraction
        )
        metrics = ppo.update(policy, rollouts, rewards_B, 0, 1.0)
        assert metrics["critic_grad_norm"] > (100 if scale > 1 else 0)
        updated.append(policy.model.logits_SV.detach().clone())
    assert torch.equal(*updated)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_policy_that_is_not_the_one_that_sampled_is_noticed(method):
    policy, rollouts, rewards_B = ragged(method)
    rollouts.sampler_logprobs_BT[rollouts.mask_BT] += 5e-3
    with pytest.raises(RuntimeError, match="disagree"):
        improve(policy, method, rollouts, rewards_B, 0, 1.0)
    policy.measure = lambda rollouts, measure=policy.measure: measure(_right(rollouts))
    with pytest.raises(RuntimeError, match="before the first update"):
        improve(policy, method, rollouts, rewards_B, 0, 1.0)


def _right(rollouts):
    return replace(rollouts, sampler_logprobs_BT=(rollouts.sampler_logprobs_BT - 5e-3) * rollouts.mask_BT)
