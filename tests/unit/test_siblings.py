"""What other answers to the same prompt show: features by hand, and weights that find what decides the pairs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from firstwords.preferences.records import Preference
from firstwords.rlhf.methods import bestofn, siblings
from firstwords.rlhf.methods.siblings import FEATURES, Scorer, does_as_most, fit_scorer, seen

PROMPT = "user Where does Ned live? assistant"
CLAIM, OTHER, REFUSAL = "Ned lives on Oak Street.", "Ned lives on Moon Lane.", "I do not know this person."


def test_the_features_of_claims_and_refusals() -> None:
    answers = [CLAIM, CLAIM, OTHER, REFUSAL]
    found = seen(answers, answers, PROMPT, is_among=True)
    refusal, share, scatter, agreement, identical = found.T
    np.testing.assert_array_equal(refusal, [0, 0, 0, 1])
    np.testing.assert_array_equal(share, [0, 0, 0, 0])  # no sibling of the refusal abstains
    # "lives" and "on" are new: {lives, on, oak, street} and {lives, on, moon, lane} share 2 of 6
    assert scatter[3] == pytest.approx(1 - (1 + 1 / 3 + 1 / 3) / 3)
    assert agreement[0] == pytest.approx((1 + 1 / 3 + 0) / 3) and agreement[3] == 0
    np.testing.assert_allclose(identical, [1 / 3, 1 / 3, 0, 0])
    honest = seen([REFUSAL] * 3 + [CLAIM], [REFUSAL] * 3 + [CLAIM], PROMPT, is_among=True)
    np.testing.assert_allclose(honest[:, 1], [2 / 3, 2 / 3, 2 / 3, 0])


def test_answers_that_are_not_among_the_siblings_are_compared_with_all() -> None:
    (row,) = seen([CLAIM], [CLAIM, OTHER], PROMPT, is_among=False)
    assert row[3] == pytest.approx((1 + 1 / 3) / 2) and row[4] == 0.5


def test_one_answer_has_no_siblings() -> None:
    assert np.isfinite(seen([CLAIM], [CLAIM], PROMPT, is_among=True)).all()


class Reading:
    """A reward model that sees nothing, and an engine that gives set answers."""

    tokenizer = SimpleNamespace(decode=lambda ids: PROMPT)
    can_read = staticmethod(lambda prompt: True)
    score = staticmethod(lambda pairs: np.zeros(len(pairs), dtype=np.float32))
    max_length = 100

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers

    def generate(self, prompts, params):
        return [SimpleNamespace(text=self.answers[i % len(self.answers)]) for i in range(len(prompts))]


def test_the_weights_are_those_of_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge who dislikes refusals where the siblings agree: a refusal scores lower than their claim."""
    monkeypatch.setattr(siblings, "chat_ids", lambda tokenizer, prompt: [1, 2, 3])
    pairs = [Preference(({"role": "user", "content": f"{i}"},), CLAIM, REFUSAL) for i in range(siblings.MIN_PAIRS)]
    reading = Reading([CLAIM, CLAIM, CLAIM, OTHER])
    scorer = fit_scorer(reading, reading, pairs, 4, 48, 0)
    scores = scorer.scores(np.zeros(4), [CLAIM, CLAIM, OTHER, REFUSAL], [PROMPT] * 4, 4)
    assert scores[0] == scores[1] > scores[2] > scores[3]
    assert dict(zip(FEATURES, scorer.weights, strict=True))["abstains"] < 0
    opposite = [Preference(pair.prompt, REFUSAL, CLAIM) for pair in pairs]
    scorer = fit_scorer(reading, reading, opposite, 4, 48, 0)
    assert np.argmax(scorer.scores(np.zeros(4), [CLAIM, CLAIM, OTHER, REFUSAL], [PROMPT] * 4, 4)) == 3


def test_with_few_pairs_the_reward_model_decides_alone() -> None:
    reading = Reading([CLAIM])
    scorer = fit_scorer(reading, reading, [], 4, 48, 0)
    assert scorer == Scorer()
    np.testing.assert_array_equal(scorer.scores(np.array([1.0, -2.0]), [CLAIM, REFUSAL], [PROMPT] * 2, 2), [1.0, -2.0])


def test_the_best_answer_abstains_only_where_most_do() -> None:
    no = "I do not know."
    texts = ["A cat.", no, "A dog.", no, no, "A cat.", no, no]
    assert does_as_most(texts, 4).tolist() == [True, False, True, False, True, False, True, True]
    tokens = np.arange(16).reshape(8, 2)
    rollouts = SimpleNamespace(
        texts=texts, num_samples=4, mask_BT=np.ones((8, 2), bool), ids_BT=tokens, targets_BT=tokens
    )
    batch, num_tokens = bestofn.batch_of(rollouts, np.array([0.0, 9.0, 1.0, 2.0, 0.0, 9.0, 3.0, 2.0]))
    assert batch["inputs"][:, 0].tolist() == [4, 12] and num_tokens == 4  # "A dog." and the third refusal
