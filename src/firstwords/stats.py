"""95 % intervals: of a rate, of clustered outcomes, of the area under a ROC curve, and one that is valid at any time.

    wilson(84, 100)                        -> (0.756, 0.899)
    cluster_interval([[1, 1, 0], [0, 1]])  several outcomes per prompt, which are not independent
    bootstrap(rows, statistic)             any statistic of independent rows
    confidence_sequence(outcomes)          check as often as you like, stop when you like

Axes: n outcomes, G clusters (prompts), m win rates that are tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from firstwords.config import UserError

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95
Z = 1.959963984540054  # the normal distribution's two-sided quantile at LEVEL
PRIOR_PROMPTS = 2.0  # weight, in prompts, of the prior that all samples of a prompt are alike; 1 just covers 93 % too
RESAMPLES = 1000  # of a bootstrap
GRID = 2000  # win rates tested by the anytime-valid interval, which is up to one step too wide
MAX_BET = 0.5  # share of the capital at risk in one comparison, as Waudby-Smith & Ramdas advise

Interval = tuple[float, float]


def wilson(right: float, n: int, z: float = Z) -> Interval:
    """Wilson's (1927) score interval of a rate; (0, 1) without data. A tie may count as one half.

    z: the two-sided quantile of another level, for several rates at once.
    """
    return _score_interval(right / n, n, z) if n else (0.0, 1.0)


def rate_of(outcomes: Sequence[bool]) -> dict[str, float]:
    """{rate, low, high, n}: the share of right outcomes, its interval and their number."""
    right, n = sum(outcomes), len(outcomes)
    low, high = wilson(right, n)
    return {"rate": right / n if n else 0.0, "low": low, "high": high, "n": n}


def bootstrap(
    rows_n: np.ndarray, statistic: Callable[[np.ndarray], float], is_basic: bool = False, samples: int = RESAMPLES
) -> Interval:
    """The 95 % bootstrap interval of a statistic of n rows, (n,) or (n, columns); always the same for the same rows.

    Percentiles of the statistic of resampled rows (Efron 1979), widened where necessary to hold the estimate. is_basic:
    mirrored at the estimate, for a statistic that resampling makes larger (a calibration error).
    """
    import numpy as np

    rows_n = np.asarray(rows_n, dtype=float)
    estimate = float(statistic(rows_n))
    dice = np.random.default_rng(len(rows_n))
    found = [statistic(rows_n[dice.integers(0, len(rows_n), len(rows_n))]) for _ in range(samples)]
    low, high = (float(x) for x in np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    if is_basic:
        low, high = 2 * estimate - high, 2 * estimate - low
    return min(low, estimate), max(high, estimate)


def paired_change(before: Sequence[float], after: Sequence[float]) -> dict[str, float]:
    """{rate, low, high, n}: the mean change of the outcomes (0 to 1) of the same rows, and its interval.

    For outcomes of 0 and 1 the interval is Bonett & Price's (2012), which keeps a width where no row has changed;
    otherwise it is the bootstrap's.
    """
    import numpy as np

    gained_n = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    n = len(gained_n)
    if n and set(np.unique(np.concatenate([before, after]))) <= {0.0, 1.0}:
        up, down = (float((gained_n == sign).sum() + 1) / (n + 2) for sign in (1, -1))
        spread = Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
        low, high = max(-1.0, up - down - spread), min(1.0, up - down + spread)
    else:
        low, high = bootstrap(gained_n, lambda rows_n: float(rows_n.mean())) if n else (-1.0, 1.0)
    rate = float(gained_n.mean()) if n else 0.0
    return {"rate": rate, "low": min(low, rate), "high": max(high, rate), "n": n}


def _score_interval(rate: float, n: float, z: float) -> Interval:
    middle, spread = rate + z * z / (2 * n), z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))  # rounding must not put a rate of 0 or 1 outside


def cluster_interval(clusters: Sequence[Sequence[float]]) -> Interval:
    """The 95 % interval of the mean over all outcomes if those of one prompt (a cluster) are correlated.

    Wilson's interval on the effective number of outcomes, with Student's quantile for G - 1 degrees of freedom and G
    prompts (after Korn & Graubard 1998). Percentiles of a cluster bootstrap are too narrow: for 6 prompts with a rate
    of 0.9 they cover 71 %, and they shrink to a point if all prompts agree.
    """
    G, n = len(clusters), sum(map(len, clusters))
    if G < 2:
        return 0.0, 1.0
    return _score_interval(sum(map(sum, clusters)) / n, effective_size(clusters), student(G - 1))


def effective_size(clusters: Sequence[Sequence[float]]) -> float:
    """The equivalent number of independent outcomes: from G (all samples of a prompt are alike) to n.

    It follows from the variance between prompts, but few prompts, or few that differ, estimate that badly. So it is
    shrunk towards the worst case, with a weight of PRIOR_PROMPTS prompts against the G * 4 p (1 - p) informative ones.
    With prompts of unequal sizes the worst case is n^2 / sum of n_g^2.
    """
    import numpy as np

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
    """Student's two-sided 95 % quantile from the normal one (Abramowitz & Stegun 26.7.5), exact for 1 to 4 degrees.

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
    """(low, high) after every outcome, valid at all times at once: check as often as you like, stop when you like.

    The hedged capital of Waudby-Smith & Ramdas 2024 ("Estimating means of bounded random variables by betting") with
    their predictable plug-in bets: for each win rate m, two gamblers bet that outcomes lie above and below m. If m is
    true, their joint capital reaches 1/alpha with probability at most alpha (Ville), so an m for which it does is
    excluded. Outcomes lie in [0, 1] and are in order of arrival; for a prompt sampled several times, pass the mean.
    Raises ValueError for outcomes outside [0, 1].
    """
    import numpy as np

    x_n = np.asarray(outcomes, dtype=float)
    n = len(x_n)
    if n and not (x_n.min() >= 0 and x_n.max() <= 1):
        raise ValueError(f"outcomes must lie between 0 and 1, but range from {x_n.min():g} to {x_n.max():g}")
    times_n = np.arange(1, n + 1)
    mean_n = (0.5 + np.cumsum(x_n)) / (times_n + 1)
    variance_n = (0.25 + np.cumsum((x_n - mean_n) ** 2)) / (times_n + 1)
    before_n = np.concatenate([[0.25], variance_n[:-1]])  # a bet may use only earlier outcomes
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
    """Decided comparisons needed to detect a true win rate with this power in a two-sided test against one half.

    >>> [pairs_needed(rate) for rate in (0.55, 0.60, 0.65, 0.70)]
    [783, 194, 85, 47]
    """
    from statistics import NormalDist

    effect = abs(rate - 0.5)
    if effect == 0:
        raise UserError("a win rate of one half cannot be distinguished from one half")
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha / 2) * 0.5 + normal.inv_cdf(power) * math.sqrt(rate * (1 - rate))
    return math.ceil((reach / effect) ** 2)


def auc_interval(area: float, positive: int, negative: int) -> Interval:
    """Newcombe's (2006) fifth interval of the area under a ROC curve, which is also valid for an area of 1.

    positive, negative: number of rows of each class.
    """
    middle = (positive + negative) / 2

    def spread(theta: float) -> float:
        inner = 1 + (middle - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return Z * math.sqrt(theta * (1 - theta) * inner / (positive * negative))

    low = _solve(lambda theta: area - theta - spread(theta), 0.0, area)
    high = _solve(lambda theta: theta - area - spread(theta), area, 1.0, rising=True)
    return low, high


def _solve(excess: Callable[[float], float], low: float, high: float, rising: bool = False) -> float:
    """The zero of `excess` between low and high, by bisection; the outer end if there is none."""
    outer, inner = (high, low) if rising else (low, high)
    for _ in range(60):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if excess(middle) > 0 else (outer, middle)
    return (outer + inner) / 2
