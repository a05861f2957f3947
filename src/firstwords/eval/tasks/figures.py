"""From scores and answers to figures with intervals: accuracy under three scorings, calibration, perplexity, F1.

Axes: n rows, A answers of a row.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firstwords.eval.tasks import grading
from firstwords.eval.tasks.task import QUESTIONS, SUMS, TRUTH, Item, Kind
from firstwords.stats import bootstrap, rate_of, wilson

BINS = 10  # of the calibration table, of equal width

SIZES: dict[str, Callable[[str], int]] = {
    "plain": lambda answer: 1,
    "per_character": len,
    "per_byte": lambda answer: len(answer.encode("utf-8", "replace")),
}


def chosen(logprobs_A: Sequence[float], answers: Sequence[str], scoring: str = "plain") -> int:
    """The place of the answer with the highest log-probability: as it is, per character or per byte; the first of
    equal ones.
    """
    size = SIZES[scoring]
    return int(np.argmax([logprob / size(answer) for logprob, answer in zip(logprobs_A, answers, strict=True)]))


def choice_figures(kind: Kind, items: Sequence[Item], logprobs: Sequence[list[float]]) -> dict[str, Any]:
    """Accuracy (plain scoring) with its outcomes, the other scorings, chance, and calibration.

    For TruthfulQA the main figure is MC1, the choice among the best answer and the wrong ones; `mc2` is the
    probability of all true answers among all.
    """
    singles = [_best_and_wrong(*pair) for pair in zip(items, logprobs, strict=True)] if kind is TRUTH else []
    rows = singles or list(zip(items, logprobs, strict=True))
    outcomes = {name: [chosen(scores_A, item.answers, name) in item.right for item, scores_A in rows] for name in SIZES}
    probabilities = [softmax(scores_A) for _, scores_A in rows]
    confidence_n = np.array([p.max() for p in probabilities])
    figures = _rated(outcomes["plain"]) | {
        "chance": sum(len(item.right) / len(item.answers) for item, _ in rows) / len(rows),
        "scores": {name: rate_of(each) for name, each in outcomes.items()},
        "calibration": reliability(confidence_n, np.array(outcomes["plain"])),
        "ece": _figure(
            np.stack([confidence_n, outcomes["plain"]], 1), lambda x: calibration_error(x[:, 0], x[:, 1]), is_basic=True
        ),
    }
    if kind is TRUTH:
        true_n = [softmax(scores_A)[list(item.right)].sum() for item, scores_A in zip(items, logprobs, strict=True)]
        figures["mc2"] = _mean(np.array(true_n))
    return figures


def _best_and_wrong(item: Item, logprobs_A: Sequence[float]) -> tuple[Item, list[float]]:
    places = [0, *(place for place in range(len(item.answers)) if place not in item.right)]
    answers = tuple(item.answers[place] for place in places)
    return Item(item.prompt, answers, (0,), item.group), [logprobs_A[place] for place in places]


def cloze_figures(logprobs_n: Sequence[float], are_greedy_n: Sequence[bool]) -> dict[str, Any]:
    """The share of rows whose last word is the likeliest one, and the perplexity of the word."""
    perplexity = _figure(np.array(logprobs_n), lambda x: math.exp(min(700.0, -float(np.mean(x)))))
    return _rated(are_greedy_n) | {"perplexity": perplexity}


def written_figures(kind: Kind, items: Sequence[Item], written: Sequence[str]) -> dict[str, Any]:
    """Accuracy of numbers, exact match and F1 of short answers, or chrF of translations."""
    pairs = list(zip(items, written, strict=True))
    if kind is SUMS:
        expected = [grading.number_in(item.solution) for item in items]
        right = [grading.number_in(answer) == number for answer, number in zip(written, expected, strict=True)]
        strict = [grading.marked_number(answer) == number for answer, number in zip(written, expected, strict=True)]
        return _rated(right) | {"strict": rate_of(strict)}
    if kind is QUESTIONS:
        return _rated([grading.is_exact(answer, item.answers) for item, answer in pairs]) | {
            "contains": rate_of([grading.contains(answer, item.answers) for item, answer in pairs]),
            "f1": _mean(np.array([grading.f1(answer, item.answers) for item, answer in pairs])),
        }
    return chrf_figures(list(written), [item.solution for item in items])


def chrf_figures(written: list[str], references: list[str]) -> dict[str, Any]:
    """chrF of all rows together as a share of 1 (sacrebleu's, bootstrapped by it), with chrF per row as outcomes."""
    import json

    from sacrebleu.metrics import CHRF

    metric, n = CHRF(), len(written)
    rows = [metric.sentence_score(*pair).score / 100 for pair in zip(written, [[r] for r in references], strict=True)]
    whole = metric.corpus_score(written, [references], n_bootstrap=1000 if n > 1 else 1)
    rate, low, high = whole.score / 100, 0.0, 1.0
    if n > 1:
        found = json.loads(whole.format(width=6, signature=str(metric.get_signature()), is_json=True))
        middle, spread = found["confidence_mean"] / 100, found["confidence_var"] / 100
        low, high = min(rate, max(0.0, middle - spread)), max(rate, min(1.0, middle + spread))
    return {"rate": rate, "low": low, "high": high, "n": n, "outcomes": [round(row, 4) for row in rows]}


def by_group(items: Sequence[Item], outcomes: Sequence[float]) -> dict[str, dict[str, float]]:
    """{group: {rate, low, high, n}} where rows name more than one group."""
    groups: dict[str, list[float]] = defaultdict(list)
    for item, outcome in zip(items, outcomes, strict=True):
        groups[item.group].append(outcome)
    if len(groups) < 2:
        return {}
    found = {}
    for name, part in sorted(groups.items()):
        low, high = wilson(sum(part), len(part))
        found[name or "other"] = {"rate": sum(part) / len(part), "low": low, "high": high, "n": len(part)}
    return found


def softmax(logprobs_A: Sequence[float]) -> np.ndarray:
    """Log-probabilities as probabilities among these answers, (A,)."""
    weights_A = np.exp(np.asarray(logprobs_A) - max(logprobs_A))
    return np.asarray(weights_A / weights_A.sum())


def calibration_error(confidence_n: np.ndarray, right_n: np.ndarray) -> float:
    """The expected calibration error (Naeini et al. 2015): the mean gap between confidence and accuracy over BINS."""
    bin_n = np.minimum((confidence_n * BINS).astype(int), BINS - 1)
    gaps_n = confidence_n - right_n
    return float(np.abs(np.bincount(bin_n, weights=gaps_n, minlength=BINS)).sum() / len(gaps_n))


def reliability(confidence_n: np.ndarray, right_n: np.ndarray) -> list[dict[str, float]]:
    """For each bin with rows: the mean confidence in the chosen answer, the share of right ones, its interval, n."""
    bin_n = np.minimum((confidence_n * BINS).astype(int), BINS - 1)
    rows = []
    for index in range(BINS):
        inside_n = bin_n == index
        if inside_n.any():
            rate = rate_of(right_n[inside_n].tolist())
            rows.append({"confidence": float(confidence_n[inside_n].mean()), "accuracy": rate.pop("rate")} | rate)
    return rows


def _rated(outcomes: Sequence[bool]) -> dict[str, Any]:
    return rate_of(outcomes) | {"outcomes": [int(outcome) for outcome in outcomes]}


def _mean(shares_n: np.ndarray) -> dict[str, float]:
    """The mean of shares of 1; Wilson's interval, which is never too narrow for them, where all are equal."""
    if np.ptp(shares_n) > 0:
        return _figure(shares_n, np.mean)
    value = float(shares_n.mean())
    low, high = wilson(value * len(shares_n), len(shares_n))
    return {"value": value, "low": low, "high": high}


def _figure(rows_n: np.ndarray, statistic: Callable[[np.ndarray], Any], is_basic: bool = False) -> dict[str, float]:
    low, high = bootstrap(rows_n, statistic, is_basic)
    return {"value": float(statistic(rows_n)), "low": max(0.0, low), "high": high}
