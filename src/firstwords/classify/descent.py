"""Shared by everything here that is trained by gradient descent: the sigmoid, and Adam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

BETA_1, EPSILON = 0.9, 1e-8


class Adam:
    """Updates arrays in place from gradients of the same shapes (Kingma & Ba 2015, algorithm 1)."""

    def __init__(self, parameters: Sequence[np.ndarray], beta_2: float = 0.999) -> None:
        self.parameters, self.beta_2 = parameters, beta_2
        self._first, self._second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        self._step = 0

    def step(self, gradients: Iterable[np.ndarray], rate: float) -> None:
        """One descent step; the gradients are in the order of the parameters."""
        self._step += 1
        rate *= (1 - self.beta_2**self._step) ** 0.5 / (1 - BETA_1**self._step)
        for p, g, m, v in zip(self.parameters, gradients, self._first, self._second, strict=True):
            m += (1 - BETA_1) * (g - m)
            v += (1 - self.beta_2) * (g * g - v)
            p -= rate * m / (np.sqrt(v) + EPSILON)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))
