"""The simulation of scale: its formulas agree with torchtitan's tables, a search, and random failures."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def simulation():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("scale_simulation", BENCHMARKS / "scale_simulation.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["scale_simulation"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("scale_simulation", None)


def test_published_pairs_that_were_not_fitted(simulation) -> None:
    figures, _ = simulation.run(6667, simulation.Saving())
    errors = {check["run"]: check["error"] for check in figures["checks"]}
    assert abs(errors.pop(simulation.FITTED)) < 1e-6 and len(errors) == 2
    assert all(abs(error) < 0.01 for error in errors.values())


def test_the_slowest_of_many(simulation) -> None:
    draw = random.Random(0)
    for count in (2, 8, 128):
        mean = sum(max(draw.gauss(0, 1) for _ in range(count)) for _ in range(2000)) / 2000
        assert simulation.slowest(count) == pytest.approx(mean, abs=0.06)
    assert simulation.slowest(1) == 0


@pytest.mark.parametrize("count", [8, 512, 4096])
def test_the_best_interval_is_best_and_what_the_simulation_says(simulation, count: int) -> None:
    saving = simulation.Saving()
    best = simulation.best_interval(count, saving)
    kept = simulation.useful_share(count, best, saving)
    assert all(simulation.useful_share(count, best * factor, saving) < kept for factor in (0.5, 0.8, 1.25, 2.0))
    assert simulation.simulated_share(count, best, saving) == pytest.approx(kept, abs=0.02)


def test_efficiency_falls_with_the_number_of_gpus(simulation) -> None:
    figures, text = simulation.run(6667, simulation.Saving())
    shares = [row["efficiency"] for row in figures["counts"]]
    assert shares == sorted(shares, reverse=True) and 0.5 < shares[-1] < shares[0] <= 1
    assert "4,096" in text and max(map(len, text.splitlines())) <= 120
