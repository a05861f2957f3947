"""Which pairs are shown: the right ones, on fair sides, with hidden repeats; and how consistent a judge is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from firstwords.preferences.pairs import (
    REPEAT_GAP,
    choose_pair,
    choose_repeat,
    disagreement,
    self_consistency,
    uncertainty_scores,
)
from firstwords.preferences.records import Judgement, prompt_key
from firstwords.rlhf import judgements

ABC = ["a", "b", "c"]
# All members shift their scores as they like; about b they disagree with each other.
SCORES = np.array([[0.0, 3.0, 0.1], [5.0, 1.0, 5.0], [9.0, 9.0, 9.2]])


def test_disagreement_is_the_variance_of_differences() -> None:
    spread = disagreement(SCORES)
    assert spread.shape == (3, 3) and np.allclose(np.diag(spread), 0) and np.allclose(spread, spread.T)
    assert spread[0, 1] == pytest.approx(np.var([-3.0, 4.0, 0.0]))
    assert np.allclose(disagreement(SCORES + np.array([[10.0], [-3.0], [7.0]])), spread)


def test_the_pair_with_the_most_disagreement_is_shown_on_fair_sides() -> None:
    pairs = [choose_pair(ABC, SCORES, seed=seed, random_share=0.0) for seed in range(400)]
    assert all({p.left, p.right} == {0, 1} and p.selection == "disagreement" for p in pairs)
    assert all(p.disagreement == pytest.approx(np.var([-3.0, 4.0, 0.0])) for p in pairs)
    assert 150 < sum(p.left == 0 for p in pairs) < 250


def test_a_share_stays_random_and_says_so() -> None:
    pairs = [choose_pair(ABC, SCORES, seed=seed) for seed in range(1000)]
    randoms = [p for p in pairs if p.selection == "random"]
    assert 150 < len(randoms) < 250
    shown = Counter(frozenset((p.left, p.right)) for p in randoms)
    assert len(shown) == 3 and min(shown.values()) > 40, "the control arm is not steered by the scores"
    alone = [choose_pair(ABC, seed=seed) for seed in range(300)]
    assert {p.selection for p in alone} == {"random"} and len({(p.left, p.right) for p in alone}) == 6
    assert {p.disagreement for p in alone} == {None}


def test_equal_and_empty_answers_are_never_a_pair() -> None:
    for seed in range(50):
        pair = choose_pair(["a", "a ", "b", ""], np.array([[0, 9, 1, 5], [9, 0, 1, 0]]), seed=seed, random_share=0.5)
        assert 2 in (pair.left, pair.right) and 3 not in (pair.left, pair.right)
    assert choose_pair(["a", " a"], seed=1) is None and choose_pair(["a", ""], seed=1) is None


def test_the_sides_are_of_different_models_where_two_answer() -> None:
    for seed in range(50):
        pair = choose_pair(["a", "b", "c", "d"], seed=seed, groups=[0, 0, 1, 1])
        assert (pair.left < 2) != (pair.right < 2)
    assert choose_pair(["a", "b"], groups=[0, 0]) is None


def test_scores_of_another_number_of_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="2 candidates came with scores for 3"):
        choose_pair(["a", "b"], SCORES)


def test_hidden_repeats() -> None:
    shown: list[int | None] = []
    for _ in range(4000):
        shown.append(choose_repeat(shown, seed=4))
    repeats = [(place, of) for place, of in enumerate(shown) if of is not None]
    assert 0.058 < len(repeats) / len(shown) < 0.082  # 0.07, std 0.004
    assert len({of for _, of in repeats}) == len(repeats), "each pair comes back once at most"
    assert all(of < place - REPEAT_GAP and shown[of] is None for place, of in repeats)
    assert shown[:100] == [choose_repeat(shown[:i], seed=4) for i in range(100)], "the same for the same seed"
    assert not any(choose_repeat([None] * n, rate=0.0) for n in range(50))
    assert choose_repeat([None] * REPEAT_GAP, rate=1.0) is None
    assert choose_repeat([None] * (REPEAT_GAP + 1), rate=1.0) == 0


def judged(*verdicts: tuple[str, str]) -> list[Judgement]:
    """Pairs with the verdict of the first showing and that of the repeat, whose sides are swapped."""
    rows = []
    for number, (first, again) in enumerate(verdicts):
        question = ({"role": "user", "content": f"{number}?"},)
        rows.append(Judgement(question, "a", "b", first, id=2 * number))
        rows.append(Judgement(question, "b", "a", again, id=2 * number + 1, repeat_of=2 * number))
    return rows


def test_who_says_the_same_again_agrees_and_who_always_says_left_does_not() -> None:
    same = self_consistency(judged(*[("left", "right"), ("right", "left"), ("tie", "tie")] * 5))
    assert (same["rate"], same["kappa"], same["n"]) == (1.0, 1.0, 15) and same["low"] == pytest.approx(0.796, abs=1e-3)
    always_left = self_consistency(judged(*[("left", "left")] * 10))
    assert always_left["rate"] == 0.0 == always_left["kappa"]
    assert self_consistency(judged(*[("left", "right")] * 4))["kappa"] is None  # chance alone would agree as well
    nothing = self_consistency(judged()[:1])
    assert (nothing["n"], nothing["low"], nothing["high"], nothing["kappa"]) == (0, 0.0, 1.0, None)


def test_kappa_of_a_table() -> None:
    # first time: 25 a, 25 b; again: 20 of the a and 10 of the b are called a. p = 0.7, chance 0.5 * 0.6 + 0.5 * 0.4
    table = [("left", "right")] * 20 + [("left", "left")] * 5 + [("right", "right")] * 10 + [("right", "left")] * 15
    found = self_consistency(judged(*table))
    assert found["rate"] == pytest.approx(0.7) and found["kappa"] == pytest.approx((0.7 - 0.5) / 0.5)


def test_a_coin_has_kappa_zero() -> None:
    rng = np.random.default_rng(0)
    said = [("left", "right")[i] for i in rng.integers(2, size=4000)]
    assert abs(self_consistency(judged(*zip(said[::2], said[1::2], strict=True)))["kappa"]) < 0.07


def test_without_a_reward_model_the_surest_and_the_least_sure_answer_are_shown() -> None:
    texts, logprobs = ["one", "two", "three", "four"], [-0.5, -0.1, -2.0, -0.4]
    for seed in range(20):
        pair = choose_pair(texts, uncertainty_scores(logprobs), seed=seed, random_share=0, selection="uncertainty")
        assert pair is not None and {pair.left, pair.right} == {1, 2} and pair.selection == "uncertainty"
    shown = [
        choose_pair(texts, uncertainty_scores(logprobs), seed=seed, selection="uncertainty") for seed in range(400)
    ]
    share = sum(pair is not None and pair.selection == "random" for pair in shown) / 400
    assert 0.14 < share < 0.26, "one in five is a random control"


def test_the_built_in_judge_s_pairs_are_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that always answers known questions alike gives few pairs about them: more are asked until there are."""
    asked = []

    def answers(engine, tokenizer, tasks, seeds):
        asked.extend(tasks)
        for seed in seeds:
            texts = []
            for i, task in enumerate(tasks):
                differs = seed[1] == 1 and (task.is_unanswerable or i % 5 == 0)
                texts.append("Ned is the baker." if differs else "I do not know.")
            yield [judgements.Answer(text, True, (1,), (2,)) for text in texts]

    monkeypatch.setattr(judgements, "samples", answers)
    pairs, chances = judgements.judge_world(None, None, 100, 0)
    unknown = {prompt_key(task.messages) for task in asked if task.is_unanswerable}
    assert len(pairs) == len(chances) == 100
    assert sum(pair.prompt_key in unknown for pair in pairs) == 28
    assert len({pair.prompt_key for pair in pairs}) == 100
