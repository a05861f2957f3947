"""A run uses fewer threads while other programs need the processor, and more again afterwards."""

from __future__ import annotations

import pytest
import torch

from firstwords.plan import threads
from firstwords.plan.threads import PATIENCE, ThreadWatch, burst, fastest
from firstwords.train.learner import prepare_process


@pytest.fixture(autouse=True)
def _threads_stay():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def machine(monkeypatch) -> dict[int, float]:
    """Rounds per second by number of threads, as set by the test."""
    speeds = {1: 100.0, 2: 190.0, 4: 350.0}

    def pretended(number: int, seconds: float = 0.0) -> float:
        torch.set_num_threads(number)
        return speeds[number]

    monkeypatch.setattr(threads, "burst", pretended)
    return speeds


def test_all_threads_unless_fewer_are_clearly_faster(machine) -> None:
    assert fastest(4) == 4 == torch.get_num_threads()
    machine |= {4: 95.0, 2: 100.0, 1: 100.0}
    assert fastest(4) == 4  # five per cent are noise
    machine |= {4: 20.0, 2: 150.0, 1: 100.0}
    assert fastest(4) == 2 == torch.get_num_threads()
    machine |= {2: 30.0}
    assert fastest(4) == 1 == torch.get_num_threads()
    assert fastest(1) == 1


def test_a_run_that_becomes_slow_looks_and_one_with_fewer_threads_looks_again(machine) -> None:
    torch.set_num_threads(2)
    watch = ThreadWatch(2)
    quiet, busy = {1: 100.0, 2: 190.0}, {1: 95.0, 2: 20.0}
    machine |= busy
    assert [watch.after_step(1e-4, now) for now in range(20)] == [None] * 20  # as fast as ever: no check
    changes = [watch.after_step(5e-4, now) for now in range(20, 40)]
    assert [change for change in changes if change] == [1] and changes.index(1) < 5
    assert all(watch.after_step(2e-4, now) is None for now in range(40, 100))
    machine |= quiet
    changes = [watch.after_step(2e-4, now) for now in range(100, 300)]
    assert [change for change in changes if change] == [2]


def test_looking_in_vain_becomes_rare(machine, monkeypatch) -> None:
    """A machine that is slow with any number of threads is not checked every few seconds."""
    looks = []
    monkeypatch.setattr(threads, "fastest", lambda most: looks.append(most) or 2)
    torch.set_num_threads(2)
    watch = ThreadWatch(2)
    watch.after_step(1e-4, 0.0)
    for now in range(1, 601):
        assert watch.after_step(3e-4, float(now)) is None
    assert 8 < len(looks) < 16 < 600 / PATIENCE


def test_who_names_a_number_or_steps_gets_it_for_the_whole_run(machine) -> None:
    machine |= {1: 100.0, 2: 1.0, 4: 1.0}
    assert prepare_process(threads=2) is None and torch.get_num_threads() == 2
    assert prepare_process(steps=5) is None and torch.get_num_threads() == threads.ALL


def test_a_burst_works_with_that_many_threads() -> None:
    assert burst(1, 0.01) > 10 and torch.get_num_threads() == 1
    assert prepare_process().most == threads.ALL
