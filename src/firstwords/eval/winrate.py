"""Is A better than B? Wins, ties and losses with an interval, and a verdict only where the interval allows one.

    win_rate([Comparison(prompt_key, outcome=1.0), ...])    -> WinRate(win_rate=0.61, low=0.55, high=0.67, ...)

A tie counts half. Where every prompt was compared once the interval is Wilson's (1927); several samples of one prompt
are not independent, so there it is Wilson's on the number of independent comparisons that they are worth. Both hold for
a number of comparisons that was fixed beforehand; who looks and stops needs the always-valid one. Axes: n comparisons.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from firstwords.config import UserError
from firstwords.eval.decoding import Decoding, check_equal
from firstwords.world.exam import wilson

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
PRIOR_PROMPTS = 2.0  # prompts' worth of belief that all samples of a prompt end alike; 1 covers 93 % too, just
GRID = 2000  # win rates that the always-valid interval tests; it errs by up to one step, on the wide side
MAX_BET = 0.5  # share of the capital at risk in one comparison, as Waudby-Smith & Ramdas advise
MATCHED = 0.1  # lengths that differ by no more than this share are alike


@dataclass(frozen=True)
class Comparison:
    """Two answers to one prompt: outcome 1 = A wins, 0 = B wins, 0.5 = a tie; lengths in words or tokens.

    decoding_a, decoding_b: how each side was sampled; `win_rate` refuses sides that were not sampled alike.
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
    """A's win rate against B. more_needed: comparisons still wanted to show the effect seen; None if it is shown.

    always_low, always_high: the interval that holds whenever one stops. The verdict of a comparison that was stopped
    before its end is made of it, otherwise of low and high.
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

    Raises UserError without comparisons, and where answers were decoded with different settings.
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
        wins, ties, n - wins - ties, n, len(clusters), rate, low, high, verdict, method, more, always_low, always_high,
        stopped_early,
    )  # fmt: skip


def _verdict(low: float, high: float) -> str:
    return "better" if low > 0.5 else "worse" if high < 0.5 else "not yet shown"


def cluster_interval(clusters: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The 95 % interval of the mean over all outcomes where those of one prompt (a cluster) are alike.

    Wilson's on the effective number of outcomes with Student's quantile of G - 1 degrees of freedom for G prompts
    (after Korn & Graubard 1998). The percentiles of a cluster bootstrap are too narrow for it: of 6 prompts with a rate
    of 0.9 they cover 71 %, and they shrink to a point where all prompts agree.
    """
    G, n = len(clusters), sum(map(len, clusters))
    if G < 2:
        return 0.0, 1.0
    rate, size, z = sum(map(sum, clusters)) / n, effective_size(clusters), student(G - 1)
    middle, spread = rate + z * z / (2 * size), z * math.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size))
    return max(0.0, (middle - spread) / (1 + z * z / size)), min(1.0, (middle + spread) / (1 + z * z / size))


def effective_size(clusters: Sequence[Sequence[float]]) -> float:
    """How many independent outcomes those of G prompts are worth: from G (all samples of a prompt alike) to n.

    The variance between prompts says it, but few prompts, or few that differ, say it badly. So it is drawn towards the
    worst case, with the weight of PRIOR_PROMPTS prompts beside the G * 4 p (1 - p) that inform. With prompts of unequal
    sizes the worst case is n^2 / sum of n_g^2.
    """
    sums_G, counts_G = np.array([sum(c) for c in clusters]), np.array([float(len(c)) for c in clusters])
    G, n = len(clusters), float(counts_G.sum())
    rate = float(sums_G.sum()) / n
    single = rate * (1 - rate)  # variance of one outcome
    worst = float((counts_G**2).sum()) / n**2  # variance of the rate in units of `single`, all samples alike
    if G < 2 or single < 1e-12:
        return 1 / worst
    between = float(((sums_G - rate * counts_G) ** 2).sum()) / n**2 * G / (G - 1) / single
    weight = PRIOR_PROMPTS / (PRIOR_PROMPTS + G * 4 * single)
    return 1 / (weight * worst + (1 - weight) * min(max(between, 1 / n), worst))


def student(degrees: int, z: float = Z) -> float:
    """Student's two-sided 95 % quantile from the normal one (Abramowitz & Stegun 26.7.5), exact at 1 to 4 degrees.

    >>> [round(student(v), 2) for v in (1, 5, 39)]
    [12.71, 2.57, 2.02]
    """
    if degrees <= 4:  # the series is 0.1 % off at 5 degrees and useless at 1
        return (12.7062, 4.3027, 3.1824, 2.7764)[degrees - 1]
    v = degrees
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def confidence_sequence(outcomes: Sequence[float], alpha: float = 1 - LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) after every outcome, valid at all times at once: look as often as you like, stop when you like.

    The hedged capital of Waudby-Smith & Ramdas 2024 ("Estimating means of bounded random variables by betting") with
    their predictable plug-in bets: for each win rate m, two gamblers bet that outcomes lie above and below m. Where m
    is true, their joint capital reaches 1/alpha with a probability of at most alpha (Ville), so an m where it does is
    out. Outcomes lie in [0, 1], in the order in which they came; of a prompt sampled several times, pass the mean.
    Raises ValueError for others.
    """
    x_n = np.asarray(outcomes, dtype=float)
    n = len(x_n)
    if n and not (x_n.min() >= 0 and x_n.max() <= 1):
        raise ValueError(f"an outcome lies outside 0 to 1: {x_n.min():g} to {x_n.max():g}")
    times_n = np.arange(1, n + 1)
    mean_n = (0.5 + np.cumsum(x_n)) / (times_n + 1)
    variance_n = (0.25 + np.cumsum((x_n - mean_n) ** 2)) / (times_n + 1)
    before_n = np.concatenate([[0.25], variance_n[:-1]])  # a bet knows only what came before
    bets_n = np.sqrt(2 * math.log(2 / alpha) / (before_n * times_n * np.log(times_n + 1)))
    grid_m = np.arange(1, GRID) / GRID
    low_n, high_n = np.zeros(n), np.ones(n)
    up_m = np.zeros(GRID - 1)  # log capital of the gambler on "above m"
    down_m = np.zeros(GRID - 1)
    limit, low, high = math.log(2 / alpha), 0.0, 1.0  # each gambler starts with half
    for t in range(n):
        up_m += np.log1p(np.minimum(bets_n[t], MAX_BET / grid_m) * (x_n[t] - grid_m))
        down_m += np.log1p(np.minimum(bets_n[t], MAX_BET / (1 - grid_m)) * (grid_m - x_n[t]))
        if (out := up_m >= limit).any():
            low = max(low, float(grid_m[out].max()))
        if (out := down_m >= limit).any():
            high = min(high, float(grid_m[out].min()))
        low_n[t], high_n[t] = low, high
    return low_n, high_n


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
