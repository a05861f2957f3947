"""Of a policy's weights, the newest are kept whose rewards are not clearly worse."""

from __future__ import annotations

import numpy as np

from firstwords.rlhf.policy import is_worse


def rewards(shift: float, seed: int) -> np.ndarray:
    """Rewards of 128 tasks as the gold reward has them: most are the same for neighbouring steps, some differ."""
    draw = np.random.default_rng(seed)
    usual = np.random.default_rng(0).choice([2.0, 2.7, -1.5, -2.5], 128, p=[0.55, 0.3, 0.1, 0.05])
    return np.where(draw.random(128) < 0.15, draw.permutation(usual), usual) + shift


def test_chance_does_not_decide_between_neighbours() -> None:
    """Of weights that are equally good, the last are kept; the highest mean would be that of any of them."""
    kept = [0] * 200
    for run in range(len(kept)):
        best = rewards(0.0, 1000 * run)
        for step in range(1, 12):
            new = rewards(0.0, 1000 * run + step)
            if not is_worse(new, best):
                kept[run], best = step, new
    assert np.mean(kept) > 9


def test_weights_that_lose_what_was_learned_are_not_kept() -> None:
    assert not is_worse(rewards(0.0, 1), rewards(0.0, 1))
    assert not is_worse(rewards(0.3, 2), rewards(0.0, 1))
    assert all(is_worse(rewards(-0.4, seed), rewards(0.0, seed + 500)) for seed in range(50))
