"""Two versions put to the same questions of the built-in world, judged by the known truth.

The questions are of a split that neither preferences nor policies were made from. Both sides sample at temperature 1
with the same settings and different seeds, so that a version against itself wins half.
"""

from __future__ import annotations

from pathlib import Path

from firstwords.engine.engine import Engine
from firstwords.eval.winrate import Comparison
from firstwords.model.hub import load_model
from firstwords.preferences.annotator import Task, tasks, true_reward
from firstwords.preferences.records import prompt_key
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.judged import sample

COMPARE_TASKS = 400  # questions, one answer of each side


def compare_on_world(
    one: Path, other: Path, seed: int, device: str = "cpu", num: int = COMPARE_TASKS, temperature: float = 1.0
) -> list[Comparison]:
    """A comparison for each question: which side's answer is worth more; equal worth is a tie."""
    asked = tasks(seed, num, "eval")
    sides = [_worths(path, asked, (seed, side), device, temperature) for side, path in enumerate((one, other), 91)]
    rows = []
    for task, (a, length_a), (b, length_b) in zip(asked, *sides, strict=True):
        outcome = 0.5 if a == b else float(a > b)
        # the truth sees no sides: judged the other way round it says the same
        rows.append(Comparison(prompt_key(task.messages), outcome, length_a, length_b, outcome))
    return rows


def _worths(
    path: Path, asked: list[Task], seed: tuple[int, int], device: str, temperature: float
) -> list[tuple[float, int]]:
    """(true reward, words) of one answer to each question."""
    engine = Engine(load_model(path, device=device), Tokenizer.load(path), num_slots=64)
    answers = sample(engine, engine.tokenizer, asked, seed, temperature)
    return [(true_reward(t, *a), len(a[0].split())) for t, a in zip(asked, answers, strict=True)]
