"""Is A better than B? Wins, ties and losses with an interval, and a verdict only where the interval allows one.

    win_rate([Comparison(prompt_key, outcome=1.0), ...])    -> WinRate(win_rate=0.61, low=0.55, high=0.67, ...)

A tie counts half. Where every prompt was compared once the interval is Wilson's (1927); several samples of one prompt
are not independent, so prompts are resampled whole (cluster bootstrap, Cameron et al. 2008). Axes: n comparisons.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from firstwords.config import UserError
from firstwords.world.exam import wilson

LEVEL = 0.95
RESAMPLES = 2000
MATCHED = 0.1  # lengths that differ by no more than this share are alike


@dataclass(frozen=True)
class Comparison:
    """Two answers to one prompt: outcome 1 = A wins, 0 = B wins, 0.5 = a tie; lengths in words or tokens."""

    prompt_key: str
    outcome: float
    length_a: int = 0
    length_b: int = 0
    swapped_outcome: float | None = None  # A's outcome when the same pair was judged in the other order


@dataclass(frozen=True)
class WinRate:
    """A's win rate against B. more_needed: comparisons still wanted to show the effect seen; None if it is shown."""

    wins: int
    ties: int
    losses: int
    n: int
    num_prompts: int
    win_rate: float
    low: float
    high: float
    verdict: str  # better, worse, not yet shown
    method: str  # wilson, bootstrap
    more_needed: int | None


def win_rate(comparisons: Sequence[Comparison], seed: int = 0) -> WinRate:
    """The win rate of A with its 95 % interval. Raises UserError without comparisons."""
    if not comparisons:
        raise UserError("there is nothing to compare: no prompt was answered by both sides")
    outcomes_n = np.array([c.outcome for c in comparisons])
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for c in comparisons:
        by_prompt[c.prompt_key].append(c.outcome)
    rate, n = float(outcomes_n.mean()), len(outcomes_n)
    is_clustered = len(by_prompt) < n
    low, high = cluster_bootstrap(list(by_prompt.values()), seed) if is_clustered else wilson(rate * n, n)
    verdict = "better" if low > 0.5 else "worse" if high < 0.5 else "not yet shown"
    more = max(1, pairs_needed(rate) - n) if verdict == "not yet shown" and abs(rate - 0.5) > 1e-3 else None
    ties = int((outcomes_n == 0.5).sum())
    wins = int((outcomes_n > 0.5).sum())
    method = "bootstrap" if is_clustered else "wilson"
    return WinRate(wins, ties, n - wins - ties, n, len(by_prompt), rate, low, high, verdict, method, more)


def cluster_bootstrap(clusters: Sequence[Sequence[float]], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean over all outcomes when whole prompts are drawn again and again.

    Percentiles of the resampled rates, widened around the estimate by sqrt(G / (G - 1)) for G prompts.
    """
    sums_G, counts_G = np.array([sum(c) for c in clusters]), np.array([len(c) for c in clusters])
    G = len(clusters)
    if G < 2:
        return 0.0, 1.0
    drawn = np.random.default_rng(seed).integers(G, size=(RESAMPLES, G))
    rates = sums_G[drawn].sum(1) / counts_G[drawn].sum(1)
    estimate = sums_G.sum() / counts_G.sum()
    widen = math.sqrt(G / (G - 1))
    low, high = (estimate + widen * (np.quantile(rates, q) - estimate) for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return max(0.0, float(low)), min(1.0, float(high))


def pairs_needed(rate: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Decided comparisons that show a true win rate with this power in a two-sided test against one half.

    >>> [pairs_needed(rate) for rate in (0.55, 0.60, 0.65, 0.70)]
    [783, 194, 85, 47]
    """
    effect = abs(rate - 0.5)
    if effect == 0:
        raise UserError("a win rate of one half can never be told from one half")
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha / 2) * 0.5 + normal.inv_cdf(power) * math.sqrt(rate * (1 - rate))
    return math.ceil((reach / effect) ** 2)


def length_controlled(comparisons: Sequence[Comparison]) -> dict[str, float | int]:
    """What the win rate would be at equal lengths (after AlpacaEval-LC, Dubois et al. 2024), and that of pairs alike.

    A logistic regression of the outcome on the difference of lengths in standard deviations; its value at difference 0.
    """
    outcomes_n = np.array([c.outcome for c in comparisons])
    lengths_n2 = np.array([(c.length_a, c.length_b) for c in comparisons], dtype=float)
    difference_n = lengths_n2[:, 0] - lengths_n2[:, 1]
    scale = difference_n.std() or 1.0
    features_n2 = np.stack([np.ones(len(outcomes_n)), difference_n / scale], axis=1)
    weights = _logistic(features_n2, outcomes_n)
    alike_n = np.abs(difference_n) <= MATCHED * lengths_n2.max(1).clip(min=1)
    return {
        "win_rate": float(1 / (1 + math.exp(-weights[0]))),
        "slope": float(weights[1]),
        "matched_win_rate": float(outcomes_n[alike_n].mean()) if alike_n.any() else 0.5,
        "matched_n": int(alike_n.sum()),
    }


def _logistic(features_nk: np.ndarray, outcomes_n: np.ndarray, ridge: float = 1e-3, steps: int = 30) -> np.ndarray:
    """Weights of a logistic regression by Newton's method, with a whiff of ridge so that separable data converge."""
    weights = np.zeros(features_nk.shape[1])
    for _ in range(steps):
        chance_n = 1 / (1 + np.exp(-np.clip(features_nk @ weights, -30, 30)))
        gradient = features_nk.T @ (outcomes_n - chance_n) - ridge * weights
        curvature = (features_nk * (chance_n * (1 - chance_n))[:, None]).T @ features_nk
        weights = weights + np.linalg.solve(curvature + ridge * np.eye(len(weights)), gradient)
    return weights


def order_consistency(comparisons: Sequence[Comparison]) -> dict[str, float | int]:
    """Of pairs judged in both orders: how many verdicts agree, and how much the first place was worth."""
    both = [(c.outcome, c.swapped_outcome) for c in comparisons if c.swapped_outcome is not None]
    if not both:
        return {"n": 0, "agreement": 1.0, "first_place": 0.5}
    agreement = sum(one == other for one, other in both) / len(both)
    first = sum(one + (1 - other) for one, other in both) / (2 * len(both))
    return {"n": len(both), "agreement": agreement, "first_place": first}


def best_of_n_kl(n: int) -> float:
    """KL from the reference that choosing the best of n costs, at most, in nats (Stiennon et al. 2020)."""
    return math.log(n) - (n - 1) / n
