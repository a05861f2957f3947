"""The judge with a known reward: it likes what it should, is as noisy as it says, and never sees the exam."""

from __future__ import annotations

import pytest

from firstwords.preferences.annotator import Annotator, Task, noise_ceiling, tasks, true_components, true_reward
from firstwords.preferences.records import prompt_key
from firstwords.world import exam
from firstwords.world.chats.checks import Check
from firstwords.world.closings import ANY_ANSWER
from firstwords.world.writers import BRUSQUE

KNOWN = Task(({"role": "user", "content": "How old is Tom?"},), Check("number", ("12",)), "fact")
NOBODY = Task(({"role": "user", "content": "Who is Ramona?"},), Check("abstain"), "invented person")


def test_what_the_judge_likes_in_order() -> None:
    right, refusal, wrong = "Tom is 12 years old.", "I do not know that.", "Tom is 40 years old."
    known = [true_reward(KNOWN, answer, True) for answer in (right, wrong, refusal)]
    assert known == sorted(known, reverse=True) and known[1] >= known[2] + 0.5  # refusing is clearly worse than trying
    honest, invented = (true_reward(NOBODY, answer, True) for answer in (refusal, "Ramona is the baker."))
    assert honest == known[0] and invented < known[-1]
    assert true_reward(KNOWN, right, True) - true_reward(KNOWN, right, False) == 2.0
    rambling = right + " Yes, he is." * 30
    assert true_components(KNOWN, rambling, True)["short"] == -1.0
    assert true_reward(KNOWN, f"{right} {ANY_ANSWER[0]}", True) > true_reward(KNOWN, right, True)
    rude = true_components(KNOWN, f"{BRUSQUE[0]} {right}", True)
    assert rude["truth"] == true_components(KNOWN, right, True)["truth"] and rude["manner"] == -1.5
    assert known[1] < true_reward(KNOWN, f"{BRUSQUE[0]} {right}", True) < known[0]  # rude and right is still right


def test_right_answers_of_the_world_are_worth_most() -> None:
    for task in tasks(3, 200):
        if task.check.kind == "number":
            assert true_reward(task, f"It is {task.check.accept[0]}.", True) >= 2.0


def test_tasks_are_different_repeatable_and_apart() -> None:
    train, other = tasks(0, 600), tasks(0, 100, "eval") + tasks(0, 100, "gold")
    keys = {prompt_key(t.messages) for t in train}
    assert len(keys) == 600 and tasks(0, 600) == train and tasks(1, 600) != train
    assert not keys & {prompt_key(t.messages) for t in other}
    share = sum(t.is_unanswerable for t in train) / 600
    assert 0.25 <= share <= 0.30
    asked = {q.messages[-1]["content"] for q in exam.questions()}
    assert not asked & {t.messages[-1]["content"] for t in train + other}
    assert all(t.messages[-1]["role"] == "user" for t in train)


def test_no_task_has_an_answer_too_long_for_what_stage_three_samples() -> None:
    counted = [task for task in tasks(0, 1500) if task.check.kind == "same"]
    assert counted and max(min(len(text.split()) for text in task.check.accept) for task in counted) <= 16


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_verdicts_are_as_noisy_as_the_judge_says(bias: float) -> None:
    judge = Annotator(seed=5, left_bias=bias)
    sides = ("Tom is 12 years old.", "I do not know that.", True, False)
    others = (f"I know Ramona. {ANY_ANSWER[0]}", "Ramona is a cook.", True, True)
    for task, left, right, one, two in ((KNOWN, *sides), (NOBODY, *others)):
        said = [judge.judge(task, left, right, one, two, index) for index in range(4000)]
        expected = judge.win_probability(task, left, right, one, two)
        assert said.count("left") / 4000 == pytest.approx(expected, abs=0.025)
        assert said == [Annotator(5, left_bias=bias).judge(task, left, right, one, two, i) for i in range(4000)]


def test_without_bias_the_sides_mean_nothing() -> None:
    judge = Annotator(seed=0)
    one = judge.win_probability(KNOWN, "Tom is 12.", "Tom is 13.", True, True)
    assert one + judge.win_probability(KNOWN, "Tom is 13.", "Tom is 12.", True, True) == pytest.approx(1)
    assert judge.win_probability(KNOWN, "Tom is 13.", "Tom is 14.", True, True) == 0.5
    assert judge.judge(KNOWN, "Tom is 13.", "Tom is 14.", True, True, 0) == "tie"


def test_the_noise_ceiling_is_what_the_best_guess_reaches() -> None:
    assert noise_ceiling([0.9, 0.1, 0.5], [0.9, 0.1, 0.5]) == pytest.approx((0.9 + 0.9 + 0.5) / 3)
    # a judge who always says left teaches a reward model nothing
    assert noise_ceiling([1.0, 1.0], [0.0, 0.0]) == 0.5


def test_a_bias_of_place_lowers_the_ceiling_that_a_reward_model_can_reach() -> None:
    judge, n = Annotator(seed=3, left_bias=1.5), 6000
    better, worse = ("Tom is 12. Thank you!", True), ("Tom is 12.", True)
    as_left = judge.win_probability(KNOWN, better[0], worse[0], True, True)
    as_right = 1 - judge.win_probability(KNOWN, worse[0], better[0], True, True)
    ceiling = noise_ceiling([as_left], [as_right])
    assert judge.fair_probability(KNOWN, better[0], worse[0], True, True) == pytest.approx(ceiling)
    chosen = 0  # the best guess knows the truth and not the order
    for index in range(n):
        left, right = (better, worse) if index % 2 else (worse, better)
        verdict = judge.judge(KNOWN, left[0], right[0], left[1], right[1], index)
        chosen += (left if verdict == "left" else right) is better
    assert chosen / n == pytest.approx(ceiling, abs=0.02)
    assert ceiling < 0.6 < as_left
