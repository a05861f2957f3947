"""Two sets of points that no straight line separates, drawn from a seed. Axes: N points, 2 coordinates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firstwords.classify.table import Table

NUM_POINTS = 200
TURNS = 1.5  # of each arm of the spiral


def moons(num: int = NUM_POINTS, noise: float = 0.12, seed: int = 0) -> Table:
    """Two interleaved half circles; noise is the standard deviation of each coordinate."""
    rng = np.random.default_rng(seed)
    y_N = np.arange(num) % 2
    angle_N = rng.uniform(0, np.pi, num)
    upper = np.stack([np.cos(angle_N), np.sin(angle_N)], 1)
    lower = np.stack([1 - np.cos(angle_N), 0.5 - np.sin(angle_N)], 1)
    x_N2 = np.where(y_N[:, None] == 0, upper, lower) + rng.normal(0, noise, (num, 2))
    return Table(("across", "up"), ("outer", "inner"), x_N2, y_N)


def spiral(num: int = NUM_POINTS, noise: float = 0.02, seed: int = 0) -> Table:
    """Two intertwined spiral arms; the second is the first rotated by half a turn."""
    rng = np.random.default_rng(seed)
    y_N = np.arange(num) % 2
    way_N = np.sqrt(rng.uniform(0.01, 1, num))  # uniform along the arm, which is longer farther out
    angle_N = 2 * np.pi * TURNS * way_N + np.pi * y_N
    x_N2 = way_N[:, None] * np.stack([np.cos(angle_N), np.sin(angle_N)], 1) + rng.normal(0, noise, (num, 2))
    return Table(("across", "up"), ("arm one", "arm two"), x_N2, y_N)


SHAPES: dict[str, Callable[..., Table]] = {"moons": moons, "spiral": spiral}
