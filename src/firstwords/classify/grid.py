"""The probability at every point of a plane: the shading of a picture, and its boundary."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstwords.classify.table import Classifier, Table

MARGIN = 0.12  # of the width, left and right of the rows


def bounds(table: Table, more: np.ndarray | None = None) -> tuple[tuple[float, float], tuple[float, float]]:
    """((left, right), (bottom, top)) around all rows, and around `more` rows, with a margin."""
    x_NF = table.x_NF if more is None or not len(more) else np.concatenate([table.x_NF, more])
    low, high = x_NF.min(0), x_NF.max(0)
    margin = np.where(high > low, (high - low) * MARGIN, 1.0)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return (left, right), (bottom, top)


def boundary_grid(
    classifier: Classifier, x_range: tuple[float, float], y_range: tuple[float, float], size: int = 80
) -> dict[str, Any]:
    """{x: [size], y: [size], p: [size][size]}: p[row][column] is the probability of the second class at (x, y)."""
    x, y = np.linspace(*x_range, size), np.linspace(*y_range, size)
    points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    return {"x": x.tolist(), "y": y.tolist(), "p": classifier.probability(points).reshape(size, size).tolist()}
