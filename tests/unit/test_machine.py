"""How fast this machine trains: measured once in a home, remembered, and corrected by real runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstwords.train import machine


def test_a_machine_is_measured_once_and_corrected_by_runs(
    empty_home: Path, one_thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(machine.GIVEN)
    timed = machine.training_gflops
    monkeypatch.setattr(machine, "training_gflops", lambda *of, **_: timed(*of[:3], seconds=0.0))  # as few as it can
    first = machine.machine("cpu", "fp32")
    assert tuple(first.training_gflops) == machine.CPU_WIDTHS and min(first.training_gflops.values()) > 0
    assert (first.device, first.precision, first.num_threads) == ("cpu", "fp32", 1) and first.gemm_gflops > 0
    monkeypatch.setattr(machine, "measure", lambda *_: pytest.fail("it is known"))
    assert machine.machine("cpu", "fp32") == first and (empty_home / "machine.json").is_file()
    machine.learn_speed(first, "fp32", 64, 3 * first.gflops_at(64))  # half-way to it
    assert machine.machine("cpu", "fp32").gflops_at(64) == pytest.approx(2 * first.gflops_at(64), abs=0.1)


def test_a_machine_that_is_given_is_not_measured_and_not_corrected(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "measure", lambda *_: pytest.fail("it is given"))
    monkeypatch.setenv(machine.GIVEN, '{"training_gflops": {"64": 2.0}}')
    given = machine.machine()
    assert given.training_gflops == {64: 2.0} and given.precision == "fp32"
    machine.learn_speed(given, "auto", 64, 50.0)
    assert machine.machine() == given and not empty_home.exists()
