"""Is A better than B? Wins, ties and losses with an interval, and a verdict only if the interval allows one.

    win_rate([Comparison(prompt_key, outcome=1.0), ...])    -> WinRate(win_rate=0.61, low=0.55, high=0.67, ...)

A tie counts half. If every prompt was compared once, the interval is Wilson's (1927). Several samples of one prompt are
not independent, so Wilson's interval is then based on the effective number of independent comparisons. Both require a
number of comparisons fixed in advance; optional stopping requires the always-valid interval. Axes: n comparisons.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstwords.config import UserError
from firstwords.eval.decoding import Decoding, check_equal
from firstwords.stats import cluster_interval, confidence_sequence, effective_size, pairs_needed, wilson

MATCHED = 0.1  # lengths that differ by at most this share count as similar


@dataclass(frozen=True)
class Comparison:
    """Two answers to one prompt: outcome 1 = A wins, 0 = B wins, 0.5 = a tie; lengths in words or tokens.

    decoding_a, decoding_b: how each side was sampled; `win_rate` refuses sides that were sampled differently.
    """

    prompt_key: str
    outcome: float
    length_a: int = 0
    length_b: int = 0
    swapped_outcome: float | None = None  # A's outcome when the same pair was judged in the other order
    decoding_a: Decoding | None = None
    decoding_b: Decoding | None = None


@dataclass(frozen=True)
class WinRate:
    """A's win rate against B. more_needed: further comparisons needed to confirm the observed effect; None if it is
    confirmed.

    always_low, always_high: the interval that is valid at any stopping time. It decides the verdict of a comparison
    that was stopped early; otherwise low and high do.
    """

    wins: int
    ties: int
    losses: int
    n: int
    num_prompts: int
    win_rate: float
    low: float
    high: float
    verdict: str  # better, worse, not yet shown
    method: str  # wilson, clustered
    more_needed: int | None
    always_low: float
    always_high: float
    stopped_early: bool


def win_rate(comparisons: Sequence[Comparison], *, stopped_early: bool = False) -> WinRate:
    """The win rate of A with its 95 % intervals; comparisons in the order in which they were judged.

    Raises UserError without comparisons, and if answers were decoded with different settings.
    """
    if not comparisons:
        raise UserError("there is nothing to compare: no prompt was answered by both sides")
    check_equal(record for c in comparisons for record in (c.decoding_a, c.decoding_b))
    outcomes_n = np.array([c.outcome for c in comparisons])
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for c in comparisons:
        by_prompt[c.prompt_key].append(c.outcome)
    clusters = list(by_prompt.values())
    rate, n = float(outcomes_n.mean()), len(outcomes_n)
    is_clustered = len(clusters) < n
    low, high = cluster_interval(clusters) if is_clustered else wilson(rate * n, n)
    always = confidence_sequence([sum(c) / len(c) for c in clusters])
    always_low, always_high = float(always[0][-1]), float(always[1][-1])
    verdict = _verdict(always_low, always_high) if stopped_early else _verdict(low, high)
    more = None
    if verdict == "not yet shown" and abs(rate - 0.5) > 1e-3:
        more = max(1, math.ceil(pairs_needed(rate) * n / effective_size(clusters) - 1e-9) - n)
    ties = int((outcomes_n == 0.5).sum())
    wins = int((outcomes_n > 0.5).sum())
    method = "clustered" if is_clustered else "wilson"
    return WinRate(
        wins,
        ties,
        n - wins - ties,
        n,
        len(clusters),
        rate,
        low,
        high,
        verdict,
        method,
        more,
        always_low,
        always_high,
        stopped_early,
    )


def _verdict(low: float, high: float) -> str:
    return "better" if low > 0.5 else "worse" if high < 0.5 else "not yet shown"


def length_controlled(comparisons: Sequence[Comparison]) -> dict[str, float | int]:
    """The win rate at equal lengths (after AlpacaEval-LC, Dubois et al. 2024), and that of pairs of similar length.

    A logistic regression of the outcome on the length difference in standard deviations, evaluated at difference 0.
    """
    outcomes_n = np.array([c.outcome for c in comparisons])
    lengths_n2 = np.array([(c.length_a, c.length_b) for c in comparisons], dtype=float)
    difference_n = lengths_n2[:, 0] - lengths_n2[:, 1]
    scale = difference_n.std() or 1.0
    features_n2 = np.stack([np.ones(len(outcomes_n)), difference_n / scale], axis=1)
    weights = logistic_regression(features_n2, outcomes_n)
    alike_n = np.abs(difference_n) <= MATCHED * lengths_n2.max(1).clip(min=1)
    return {
        "win_rate": float(1 / (1 + math.exp(-weights[0]))),
        "slope": float(weights[1]),
        "matched_win_rate": float(outcomes_n[alike_n].mean()) if alike_n.any() else 0.5,
        "matched_n": int(alike_n.sum()),
    }


def logistic_regression(
    features_nk: np.ndarray, outcomes_n: np.ndarray, ridge: float = 1e-3, steps: int = 30
) -> np.ndarray:
    """Weights of a logistic regression by Newton's method, with a small ridge penalty so that separable data
    converge."""
    weights = np.zeros(features_nk.shape[1])
    for _ in range(steps):
        chance_n = 1 / (1 + np.exp(-np.clip(features_nk @ weights, -30, 30)))
        gradient = features_nk.T @ (outcomes_n - chance_n) - ridge * weights
        curvature = (features_nk * (chance_n * (1 - chance_n))[:, None]).T @ features_nk
        weights = weights + np.linalg.solve(curvature + ridge * np.eye(len(weights)), gradient)
    return weights


def order_consistency(comparisons: Sequence[Comparison]) -> dict[str, float | int]:
    """For pairs judged in both orders: the share of verdicts that agree, and the advantage of the first position."""
    both = [(c.outcome, c.swapped_outcome) for c in comparisons if c.swapped_outcome is not None]
    if not both:
        return {"n": 0, "agreement": 1.0, "first_place": 0.5}
    agreement = sum(one == other for one, other in both) / len(both)
    first = sum(one + (1 - other) for one, other in both) / (2 * len(both))
    return {"n": len(both), "agreement": agreement, "first_place": first}


def best_of_n_kl(n: int) -> float:
    """Upper bound on the KL from the reference of best-of-n sampling, in nats (Stiennon et al. 2020)."""
    return math.log(n) - (n - 1) / n
