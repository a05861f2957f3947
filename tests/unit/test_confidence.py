"""The sft model's confidence in an answer, as the reward model uses it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.heads import ScalarModel
from firstwords.model.hub import save_model
from firstwords.plan.footprint import MEMORY_SHARE
from firstwords.preferences.records import Preference
from firstwords.rlhf import pair_rows as pairs
from firstwords.rlhf.pair_rows import PairRows, footprint_of
from firstwords.rlhf.reward import confidence_weight, pair_loss
from firstwords.rlhf.reward_model import REFERENCE, RewardModel, answer_ids, load_reward_model
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train.learner import Learner, adamw_config

MESSAGES = [
    {"role": "user", "content": "Where is the cat?"},
    {"role": "assistant", "content": "In the house."},
    {"role": "user", "content": "And the dog?"},
]


@pytest.fixture(scope="module")
def reward(tiny_policy) -> RewardModel:
    tokenizer = Tokenizer.train(["Where is the cat? In the house. And the dog? On the hill, I think.\n"] * 5, 300)
    policy = tiny_policy(tokenizer.vocab_size)
    return RewardModel(ScalarModel.from_policy(policy, 0), tokenizer, reference=policy, weight=2.0)


def by_hand(reward: RewardModel, answer: str) -> float:
    ids = answer_ids(reward.tokenizer, MESSAGES, answer)
    start = len(chat_ids(reward.tokenizer, MESSAGES))
    with torch.no_grad():
        logprobs = torch.log_softmax(reward.reference.logits(reward.reference.hidden(torch.tensor([ids])))[0], dim=-1)
    behind = [float(logprobs[t - 1, ids[t]] - logprobs[t - 1].max()) for t in range(start, len(ids))]
    return sum(behind) / len(behind)


def test_it_is_the_mean_over_the_last_answer_alone_whatever_is_scored_beside_it(reward: RewardModel) -> None:
    answers = ["On the hill, I think.", "dog", "In the house. In the house. In the house."]
    sequences = [answer_ids(reward.tokenizer, MESSAGES, answer) for answer in answers]
    together = reward.confidence(sequences)
    np.testing.assert_allclose(together, [by_hand(reward, answer) for answer in answers], atol=1e-5)
    np.testing.assert_allclose(together, [reward.confidence([s])[0] for s in sequences], atol=1e-5)
    assert (together < 0).all()


def test_what_greedy_decoding_says_is_as_sure_as_can_be(reward: RewardModel) -> None:
    prompt = chat_ids(reward.tokenizer, MESSAGES)
    params = SamplingParams(max_tokens=12, temperature=0.0)
    answer = Engine(reward.reference, reward.tokenizer).generate([prompt], params)[0]
    np.testing.assert_allclose(reward.confidence([[*prompt, *answer.ids]]), 0.0, atol=1e-5)


def test_a_saved_reward_model_scores_as_before(reward: RewardModel, tmp_path: Path) -> None:
    data = {"mean": 0.5, "std": 2.0, "confidence_weight": reward.weight, "pool": "mean"}
    save_model(reward.model, tmp_path, reward.tokenizer, {"stage": "reward", "data": data})
    save_model(reward.reference, tmp_path / REFERENCE, reward.tokenizer, {"stage": "sft"})
    pairs = [(MESSAGES, "On the hill."), (MESSAGES, "cat")]
    read = load_reward_model(tmp_path)
    np.testing.assert_allclose(read.score(pairs), (reward.score(pairs) - 0.5) / 2.0, atol=1e-5)
    read.weight = 0.0
    assert not np.allclose(read.score(pairs), (reward.score(pairs) - 0.5) / 2.0, atol=1e-2)


def test_the_scalar_is_the_mean_over_the_answer_and_at_the_stop_for_older_models(reward: RewardModel) -> None:
    ids = answer_ids(reward.tokenizer, MESSAGES, "On the hill, I think.")
    start = len(chat_ids(reward.tokenizer, MESSAGES))
    with torch.no_grad():
        values = reward.model.values(torch.tensor([ids]))[0]
    raw = replace(reward, weight=0.0)
    for starts in (None, [start]):
        np.testing.assert_allclose(raw.score_ids([ids], starts), [float(values[start:].mean())], atol=1e-5)
    np.testing.assert_allclose(replace(raw, pool="stop").score_ids([ids]), [float(values[-1])], atol=1e-5)
    others = [{"role": "user", "content": "Where is the cat, and where does the dog live?"}]
    asked = [(MESSAGES, "On the hill.", "dog"), (others, "I think.", "In the house."), (MESSAGES, "cat", "hill")]
    rows = PairRows([Preference(tuple(m), a, b) for m, a, b in asked], reward.tokenizer, 128, 0)
    (batch,) = rows.shared_batches(0)
    assert len(batch["inputs"]) == 3  # a row for the two answers of a pair
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    chosen, rejected = (raw.score([(row[0], row[side]) for row in asked]) for side in (1, 2))
    loss = float(pair_loss(reward.model, tensors).detach())  # training reads it where use does
    assert loss == pytest.approx(float(np.log1p(np.exp(rejected - chosen)).sum()), rel=1e-4)


def test_a_model_of_an_earlier_version_is_read_at_the_stop(reward: RewardModel, tmp_path: Path) -> None:
    save_model(reward.model, tmp_path, reward.tokenizer, {"stage": "reward", "data": {"confidence_weight": 0.0}})
    assert load_reward_model(tmp_path).pool == "stop"


def test_the_weight_has_the_sign_that_the_preferences_have(reward: RewardModel) -> None:
    answers = ["On the hill.", "dog dog", "I think.", "the house cat", "In the house.", "hill"]
    ranked = sorted(answers, key=lambda answer: by_hand(reward, answer))
    favoured = [Preference(tuple(MESSAGES), ranked[j], ranked[i]) for j in range(6) for i in range(j)]
    against = [Preference(p.prompt, p.rejected, p.chosen) for p in favoured]
    for preferences, sign in ((favoured, 1), (against, -1)):
        rows = PairRows(preferences, reward.tokenizer, 128, 0)
        assert confidence_weight(reward, rows) * sign > 0
        assert all(row[3] < 0 for row in rows.pairs)  # what the confidence explains needs no further margin


def test_pairs_in_parts_are_the_pairs_of_the_step(reward: RewardModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little memory, a step is computed in micro-batches: same loss, same gradient."""
    answers = ["On the hill.", "dog dog", "I think.", "the house cat", "In the house.", "hill"]
    preferences = [Preference(tuple(MESSAGES), a, b) for a in answers for b in answers if a != b]
    need = footprint_of(reward.model.config, "cpu", has_logits=False)
    rows = PairRows(preferences, reward.tokenizer, 128, 0)
    little = int(need(rows).bytes(10 * rows.longest) / MEMORY_SHARE)  # room for five pairs
    found = []
    for free, parts in ((10**12, 1), (little, 3)):
        monkeypatch.setattr(pairs, "free_bytes", lambda device, free=free: free)
        rows = PairRows(preferences, reward.tokenizer, 128, 0, need)
        assert len(rows.shared_batches(3)) == parts and rows.memory.startswith("needs about 0.")
        model = ScalarModel.from_policy(reward.reference, 0, 0.1)
        metrics = Learner(model, adamw_config(1e-4)).forward_backward(
            rows.shared_batches(3), pair_loss, rows.batch_pairs
        )
        found.append((metrics, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}))
    (first, gradients), (second, others) = found
    assert first["tokens"] == second["tokens"] == 16
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name], rtol=1e-3, atol=1e-5)
    monkeypatch.setattr(pairs, "free_bytes", lambda device: 10**8)
    with pytest.raises(UserError, match=r"even for one row of .*: use shorter answers or a smaller model"):
        PairRows(preferences, reward.tokenizer, 128, 0, need)


def test_an_answer_that_opens_a_turn_does_not_start_anew(reward: RewardModel) -> None:
    """Otherwise a policy could exploit it: tokens before a turn that it opens itself must count."""
    prompt = chat_ids(reward.tokenizer, MESSAGES)
    opened = chat_ids(reward.tokenizer, [])
    answer = [*reward.tokenizer.encode("dog"), *opened, reward.tokenizer.im_end_id]
    sequence = [*prompt, *answer]
    with torch.no_grad():
        logits = reward.reference(torch.tensor([sequence]))[0]
    behind = [float(logits[t - 1, sequence[t]] - logits[t - 1].max()) for t in range(len(prompt), len(sequence))]
    found = reward.confidence([sequence], [len(prompt)])[0]
    np.testing.assert_allclose(found, np.mean(behind), atol=1e-5)
    assert abs(found - reward.confidence([sequence])[0]) > 0.01
    with_starts, without = reward.score_ids([sequence], [len(prompt)]), reward.score_ids([sequence])
    assert abs(with_starts - without) > 0.01
