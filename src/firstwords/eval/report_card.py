"""A reward model's report card: what it learned from preferences, compared with a rule that uses only length.

    card = report_card(chosen_scores, rejected_scores, chosen_lengths, rejected_lengths)
    print(as_text(card))
    path.write_text(as_svg(card))       # the reliability plot

Everything is computed from raw scores on held-out pairs. Axes: n pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firstwords.eval.charts import reliability_plot
from firstwords.eval.winrate import MATCHED
from firstwords.stats import wilson

PLOT = "report_card.svg"  # next to the reward model
BINS = 10  # of the calibration table, of equal width in confidence from one half to one


def report_card(
    chosen_n: np.ndarray,
    rejected_n: np.ndarray,
    chosen_lengths_n: np.ndarray,
    rejected_lengths_n: np.ndarray,
    true_probability: np.ndarray | None = None,
) -> dict[str, Any]:
    """Accuracy with its interval, NLL, Brier score, calibration, and the influence of length; ready for JSON.

    true_probability: P(the chosen answer is chosen), if the judge is known; always predicting the likelier answer gives
    the noise ceiling.
    """
    difference_n = np.asarray(chosen_n, dtype=float) - np.asarray(rejected_n, dtype=float)
    longer_n = np.asarray(chosen_lengths_n, dtype=float) - np.asarray(rejected_lengths_n, dtype=float)
    right_n = np.where(difference_n == 0, 0.5, difference_n > 0)
    chance_n = 1 / (1 + np.exp(-np.clip(difference_n, -60, 60)))
    alike_n = np.abs(longer_n) <= MATCHED * np.maximum(chosen_lengths_n, rejected_lengths_n)
    scores = np.concatenate([chosen_n, rejected_n])
    lengths = np.concatenate([chosen_lengths_n, rejected_lengths_n])
    table = calibration(chance_n)
    card: dict[str, Any] = {
        "accuracy": _rate(right_n),
        "nll": float(np.logaddexp(0, -difference_n).mean()),
        "brier": float(((1 - chance_n) ** 2).mean()),
        "ece": float(sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in table) / len(chance_n)),
        "calibration": table,
        "by_margin": by_parts(np.abs(difference_n), right_n, 4),
        "by_length_difference": by_parts(longer_n, right_n, 3),
        "ruler": ruler(longer_n),
        "matched_length": _rate(right_n[alike_n]),
        "length_correlation": _correlation(scores, lengths),
    }
    if true_probability is not None:
        truth_n = np.asarray(true_probability, dtype=float)
        ceiling_n = np.maximum(truth_n, 1 - truth_n)
        card["noise_ceiling"] = float(ceiling_n.mean())
        # against the judge's true preference, without the noise of single verdicts
        agrees_n = np.where(difference_n > 0, truth_n, 1 - truth_n)
        card["expected_accuracy"] = float(agrees_n.mean())
    return card


def calibration(chance_n: np.ndarray) -> list[dict[str, float]]:
    """For each bin of confidence in the likelier side: mean confidence, share correct with its interval, n."""
    confidence_n, right_n = np.maximum(chance_n, 1 - chance_n), np.where(chance_n == 0.5, 0.5, chance_n > 0.5)
    bin_n = np.minimum(((confidence_n - 0.5) * 2 * BINS).astype(int), BINS - 1)
    rows = []
    for index in range(BINS):
        inside = bin_n == index
        if inside.any():
            figures = _rate(right_n[inside])
            rows.append({"confidence": float(confidence_n[inside].mean()), "accuracy": figures.pop("rate")} | figures)
    return rows


def ruler(longer_n: np.ndarray) -> dict[str, Any]:
    """The accuracy of always choosing the longer or the shorter answer, whichever is better; ties count half."""
    longer = np.where(longer_n == 0, 0.5, longer_n > 0)
    rule = "longer" if longer.mean() >= 0.5 else "shorter"
    return {"rule": rule} | _rate(longer if rule == "longer" else 1 - longer)


def by_parts(value_n: np.ndarray, right_n: np.ndarray, parts: int) -> list[dict[str, Any]]:
    """Accuracy in equally large parts of the pairs, ordered by a value."""
    order = np.argsort(value_n, kind="stable")
    pieces = [piece for piece in np.array_split(order, parts) if len(piece)]
    return [{"from": float(value_n[p[0]]), "to": float(value_n[p[-1]])} | _rate(right_n[p]) for p in pieces]


def _rate(right_n: np.ndarray) -> dict[str, Any]:
    n = len(right_n)
    rate = float(np.mean(right_n)) if n else 0.5
    low, high = wilson(rate * n, n)
    return {"rate": rate, "low": low, "high": high, "n": n}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if np.std(one) == 0 or np.std(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def as_svg(card: dict[str, Any]) -> str:
    """The card's reliability plot as a standalone SVG."""
    return reliability_plot(card["calibration"], card["ece"])


def as_text(card: dict[str, Any]) -> str:
    """The card as a few lines for the terminal."""

    def shown(figures: dict[str, Any]) -> str:
        return f"{figures['rate']:.1%} ({figures['low']:.1%}-{figures['high']:.1%}, n = {figures['n']})"

    ruler_name = f"length rule ({card['ruler']['rule']})"
    lines = [
        f"  held-out accuracy        {shown(card['accuracy'])}",
        f"  {ruler_name:<24} {shown(card['ruler'])}",
        f"  pairs of similar length  {shown(card['matched_length'])}",
        f"  NLL {card['nll']:.3f} (chance: 0.693), Brier {card['brier']:.3f} (0.250), ECE {card['ece']:.3f}",
    ]
    if "noise_ceiling" in card:
        lines.append(
            f"  the judge's noise limits accuracy to {card['noise_ceiling']:.1%}; "
            f"expected for this model: {card['expected_accuracy']:.1%}"
        )
    return "\n".join(lines)
