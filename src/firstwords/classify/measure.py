"""Measures a classifier on rows that it was not trained on. Axes: N rows.

    p_N = cross_validated(songs.fit, table)
    figures(p_N, table.y_N)     -> {"accuracy": {"rate", "low", "high", "n"}, "balanced_accuracy": ..., "auc": ...}

Balanced accuracy is the mean of the two classes' rates: always predicting the larger class gives one half.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from firstwords.classify.table import Classifier, Table
from firstwords.stats import auc_interval, wilson

FOLDS = 5
Figure = dict[str, float]


def cross_validated(fit: Callable[[Table], Classifier], table: Table, seed: int = 0) -> np.ndarray:
    """p_N: the probability of the second class for each row, by a classifier trained on other rows.

    Five stratified folds; fewer if a class has fewer rows.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, *table.counts.values())
    p_N = np.empty(len(table.y_N))
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(table.x_NF, table.y_N)
    for train, test in splits:
        p_N[test] = fit(table.rows(train)).probability(table.x_NF[test])
    return p_N


def of_line(fit: Callable[[Table], Classifier], table: Table) -> dict[str, Any]:
    """{folds, majority, line}: a cross-validated classifier compared with always predicting the larger class."""
    return {
        "folds": min(FOLDS, *table.counts.values()),
        "majority": majority(table.y_N),
        "line": figures(cross_validated(fit, table), table.y_N),
    }


def figures(p_N: np.ndarray, y_N: np.ndarray) -> dict[str, Figure]:
    """Accuracy, balanced accuracy and AUC, each with rate, 95 % interval (low, high) and n.

    AUC: the chance that a row of the second class gets a higher probability than one of the first (ties count half).
    """
    right_N = (p_N > 0.5) == y_N
    return {"accuracy": rate(right_N), "balanced_accuracy": balanced(right_N, y_N), "auc": auc(p_N, y_N)}


def rate(right_N: np.ndarray) -> Figure:
    """The share of correct answers with Wilson's 95 % interval."""
    low, high = wilson(int(right_N.sum()), len(right_N))
    return {"rate": float(right_N.mean()), "low": low, "high": high, "n": len(right_N)}


def majority(y_N: np.ndarray) -> dict[str, Figure]:
    """The figures of always predicting the larger class, whatever the row."""
    return figures(np.full(len(y_N), float(y_N.mean() >= 0.5)), y_N)


def balanced(right_N: np.ndarray, y_N: np.ndarray) -> Figure:
    """Mean of the two classes' rates with the interval of Zou & Donner (2008), built from two Wilson intervals."""
    rates, below, above = [], 0.0, 0.0
    for number in (0, 1):
        of_class = right_N[y_N == number]
        one = rate(of_class)
        rates.append(one["rate"])
        below += (one["rate"] - one["low"]) ** 2 / 4
        above += (one["high"] - one["rate"]) ** 2 / 4
    mean = sum(rates) / 2
    return {"rate": mean, "low": max(0.0, mean - sqrt(below)), "high": min(1.0, mean + sqrt(above)), "n": len(y_N)}


def auc(p_N: np.ndarray, y_N: np.ndarray) -> Figure:
    """Area under the ROC curve with Newcombe's (2006) fifth interval, which also fits an area of 1."""
    from sklearn.metrics import roc_auc_score

    area = float(roc_auc_score(y_N, p_N))
    positive, negative = int(y_N.sum()), int((1 - y_N).sum())
    low, high = auc_interval(area, positive, negative)
    return {"rate": area, "low": low, "high": high, "n": len(y_N)}


def as_balanced(p_N: np.ndarray, share: float) -> np.ndarray:
    """Probabilities of a classifier trained on `share` of the second class, corrected to equally common classes."""
    one, other = p_N / share, (1 - p_N) / (1 - share)
    return one / (one + other)


def fit_peer(table: Table) -> Classifier:
    """scikit-learn's MLPClassifier with its default settings on standardised numbers, for comparison."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Its early stopping watches accuracy, which with unequal classes ends training too early: off, as by default.
    model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that 200 passes did not converge
        model.fit(table.x_NF, table.y_N)
    return _Peer(model, float(table.y_N.mean()))


class _Peer:
    def __init__(self, model: Any, share: float) -> None:
        self.model, self.share = model, share

    def probability(self, x_NF: np.ndarray) -> np.ndarray:
        return as_balanced(self.model.predict_proba(x_NF)[:, 1], self.share)
