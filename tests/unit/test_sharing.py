"""Steps use all threads or one, whichever is faster at the moment."""

from __future__ import annotations

from firstwords.engine.sharing import MAX_INTERVAL, Sharing


def shares(sharing: Sharing, rows: int, alone: float, shared: float, steps: int) -> float:
    """The share of steps with all threads if a step takes so many seconds either way."""
    count = 0
    for _ in range(steps):
        is_shared = sharing.is_shared(rows)
        sharing.record(rows, is_shared, shared if is_shared else alone)
        count += is_shared
    return count / steps


def test_the_faster_way_is_taken() -> None:
    assert shares(Sharing(), 16, alone=1.0, shared=0.6, steps=1000) > 0.98
    assert shares(Sharing(), 16, alone=1.0, shared=20.0, steps=1000) < 0.02


def test_a_busy_machine_costs_one_slow_step_in_many() -> None:
    sharing = Sharing()
    shares(sharing, 16, alone=1.0, shared=20.0, steps=4 * MAX_INTERVAL)
    assert shares(sharing, 16, alone=1.0, shared=20.0, steps=10 * MAX_INTERVAL) <= 1 / MAX_INTERVAL


def test_it_follows_the_machines_load() -> None:
    sharing = Sharing()
    for seconds, expected in ((0.6, 1.0), (20.0, 0.0), (0.6, 1.0)):
        shares(sharing, 16, alone=1.0, shared=seconds, steps=2 * MAX_INTERVAL)
        assert abs(shares(sharing, 16, alone=1.0, shared=seconds, steps=500) - expected) < 0.05


def test_batches_of_other_sizes_decide_for_themselves() -> None:
    sharing = Sharing()
    shares(sharing, 8, alone=1.0, shared=2.0, steps=100)
    assert shares(sharing, 64, alone=8.0, shared=5.0, steps=100) > 0.9
    assert shares(sharing, 8, alone=1.0, shared=2.0, steps=100) < 0.1


def test_a_core_that_has_slept_is_given_time_to_wake() -> None:
    """The first step with all threads after a while is slow; those that follow are worth it."""
    sharing, previous, count = Sharing(), False, 0
    for _ in range(1000):
        is_shared = sharing.is_shared(16)
        sharing.record(16, is_shared, (0.6 if previous else 1.5) if is_shared else 1.0)
        previous = is_shared
        count += is_shared
    assert count > 960
