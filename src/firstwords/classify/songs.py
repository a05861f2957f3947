"""The first step: a straight line that separates reggaeton from R&B by tempo and energy. Axes: N songs, F features.

    table = songs()                                    twenty well-known songs, or read_csv(FILE)
    line = fit(table)
    line.equation(table)                               "0.0644 x tempo + 8.1 x energy > 11 means reggaeton"
    line.probability(np.array([[95, 0.8]]))            array([0.84])

Logistic regression (scikit-learn): a weighted sum of the numbers, mapped to a probability, which is one half on the
line, where the sum is zero. Both classes are weighted as if equally common.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstwords.classify import measure
from firstwords.classify.descent import sigmoid
from firstwords.classify.table import Table
from firstwords.config import UserError

# Tempo in beats per minute as a listener would tap it (detectors often double a slow beat); energy from 0 to 1 as
# streaming services measure it: loud, fast and noisy is near 1.
SONGS = (
    ("Gasolina", "Daddy Yankee", 96, 0.80, "reggaeton"),
    ("Lo que pasó, pasó", "Daddy Yankee", 97, 0.75, "reggaeton"),
    ("Dile", "Don Omar", 94, 0.71, "reggaeton"),
    ("Rakata", "Wisin & Yandel", 96, 0.79, "reggaeton"),
    ("Ginza", "J Balvin", 102, 0.81, "reggaeton"),
    ("Mi gente", "J Balvin, Willy William", 105, 0.69, "reggaeton"),
    ("Despacito", "Luis Fonsi, Daddy Yankee", 89, 0.80, "reggaeton"),
    ("Felices los 4", "Maluma", 94, 0.76, "reggaeton"),
    ("Callaíta", "Bad Bunny", 88, 0.62, "reggaeton"),
    ("Tusa", "Karol G, Nicki Minaj", 101, 0.72, "reggaeton"),
    ("No Scrubs", "TLC", 93, 0.68, "r&b"),
    ("Waterfalls", "TLC", 86, 0.51, "r&b"),
    ("Fallin'", "Alicia Keys", 96, 0.61, "r&b"),
    ("Cranes in the Sky", "Solange", 97, 0.62, "r&b"),
    ("Ordinary People", "John Legend", 67, 0.13, "r&b"),
    ("Best Part", "Daniel Caesar, H.E.R.", 75, 0.36, "r&b"),
    ("Location", "Khalid", 80, 0.45, "r&b"),
    ("Redbone", "Childish Gambino", 80, 0.36, "r&b"),
    ("Thinkin Bout You", "Frank Ocean", 65, 0.34, "r&b"),
    ("Pony", "Ginuwine", 71, 0.61, "r&b"),
)


def songs() -> Table:
    """The package's twenty songs as a table; the second class is reggaeton."""
    classes = ("r&b", "reggaeton")
    return Table(
        features=("tempo", "energy"),
        classes=classes,
        x_NF=np.array([[tempo, energy] for _, _, tempo, energy, _ in SONGS], dtype=float),
        y_N=np.array([classes.index(genre) for *_, genre in SONGS]),
        names=tuple(f"{title} ({artist})" for title, artist, *_ in SONGS),
    )


@dataclass(frozen=True)
class Line:
    """weights_F . x + bias = 0 is the line, in the units of the table; a positive sum means the second class."""

    weights_F: np.ndarray
    bias: float

    def logit(self, x_NF: np.ndarray) -> np.ndarray:
        """The weighted sums, (N,): log-odds of the second class."""
        return x_NF @ self.weights_F + self.bias

    def probability(self, x_NF: np.ndarray) -> np.ndarray:
        """Probability of the second class, (N,)."""
        return sigmoid(self.logit(x_NF))

    def equation(self, table: Table) -> str:
        """The rule in words and numbers: "0.0644 x tempo + 8.1 x energy > 11 means reggaeton"."""
        terms = [f"{w:.3g} x {name}" for w, name in zip(self.weights_F, table.features, strict=True)]
        return f"{' + '.join(terms).replace('+ -', '- ')} > {-self.bias:.3g} means {table.classes[1]}"

    def height(self, table: Table) -> str:
        """The line as a function of the first feature: "energy = 1.35 - 0.00796 x tempo"; "" if it is vertical."""
        first, second = self.weights_F
        if abs(second) < 1e-12:
            return ""
        slope = -first / second
        sign = "-" if slope < 0 else "+"
        return f"{table.features[1]} = {-self.bias / second:.3g} {sign} {abs(slope):.3g} x {table.features[0]}"


def fit(table: Table, freedom: float = 1.0) -> Line:
    """Learn the line: scikit-learn's logistic regression on standardised numbers, classes weighted equally.

    `freedom` is its C: smaller values give smaller weights. The default, 1, keeps them finite where a line separates
    the rows completely.
    """
    from sklearn.linear_model import LogisticRegression

    mean_F, std_F = table.x_NF.mean(0), table.x_NF.std(0)
    std_F = np.where(std_F > 0, std_F, 1.0)  # a constant column carries no information
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at a flat optimum the last digits may not converge; the line is the same
        model = LogisticRegression(C=freedom, class_weight="balanced", max_iter=1000)
        model.fit((table.x_NF - mean_F) / std_F, table.y_N)
    weights_F = model.coef_[0] / std_F
    return Line(weights_F, float(model.intercept_[0] - weights_F @ mean_F))


def report(
    table: Table, new: Sequence[Sequence[float]] = (), peer: bool = False, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Everything about the line on a table, as plain data.

    {features, classes, counts, repeated, bad, other, line: {weights, bias, equation, height},
    measured: {folds, majority, line, peer?}, new: [{features, probability, class}]}; `peer` measures scikit-learn's MLP
    too, on the same parts.
    """
    line = fit(table)
    measured = measure.of_line(fit, table)
    if peer:
        if progress:
            progress("training scikit-learn's MLP on the same parts")
        measured["peer"] = measure.figures(measure.cross_validated(measure.fit_peer, table), table.y_N)
    made = {
        "weights": line.weights_F.tolist(),
        "bias": line.bias,
        "equation": line.equation(table),
        "height": line.height(table),
    }
    return {**describe(table), "line": made, "measured": measured, "new": verdicts(line, table, new)}


def describe(table: Table) -> dict[str, Any]:
    """{features, classes, counts, repeated, bad, other, notes} of a table."""
    return {
        "features": list(table.features),
        "classes": list(table.classes),
        "counts": table.counts,
        "repeated": table.repeated,
        "bad": table.bad,
        "other": table.other,
        "notes": list(table.notes),
    }


def verdicts(classifier: Any, table: Table, new: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """[{features: {tempo: 95, energy: .8}, probability, class}] of new rows; probability is of the second class."""
    if not len(new):
        return []
    p_N = classifier.probability(np.array(new, dtype=float))
    return [
        {
            "features": dict(zip(table.features, map(float, row), strict=True)),
            "probability": float(p),
            "class": table.classes[int(p > 0.5)],
        }
        for row, p in zip(new, p_N, strict=True)
    ]


def parse_new(text: str, features: Sequence[str]) -> tuple[float, ...]:
    """ "95,0.8" as numbers; raises UserError for anything but one finite number per feature."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(features) or not np.isfinite(values).all():
        raise UserError(f'--new {text}: give one number each for {" and ".join(features)}, as in --new "95,0.8"')
    return values
