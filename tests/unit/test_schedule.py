"""The schedule as a table, its continuity, and the clock that ends a run on time though the speed drifts."""

import math
from itertools import pairwise

import pytest

from firstwords.plan.schedule import (
    COOLDOWN_SHARE,
    FINAL_FRACTION,
    Clock,
    Decision,
    fixed_decisions,
    lr_fraction,
    total_steps,
)

END = FINAL_FRACTION


@pytest.mark.parametrize(
    ("step", "warmup", "decisions", "fraction"),
    [
        # warm-up, then constant
        (0, 0, [], 1.0),
        (0, 4, [], 0.25),
        (1, 4, [], 0.5),
        (3, 4, [], 1.0),
        (4, 4, [], 1.0),
        (10**6, 4, [], 1.0),
        # one cool-down
        (9, 4, [Decision(10, 1.0, 20)], 1.0),
        (10, 4, [Decision(10, 1.0, 20)], 1.0),
        (20, 4, [Decision(10, 1.0, 20)], (1 + END) / 2),
        (30, 4, [Decision(10, 1.0, 20)], END),
        (99, 4, [Decision(10, 1.0, 20)], END),
        # decided during the warm-up
        (1, 4, [Decision(2, 0.5, 10)], 0.5),
        (2, 4, [Decision(2, 0.5, 10)], 0.5),
        (7, 4, [Decision(2, 0.5, 10)], (0.5 + END) / 2),
        # corrected on the way: the first rules up to step 19, the second from 20 on
        (19, 0, [Decision(10, 1.0, 20), Decision(20, 0.5, 4)], 1 + (END - 1) * 9 / 20),
        (20, 0, [Decision(10, 1.0, 20), Decision(20, 0.5, 4)], 0.5),
        (22, 0, [Decision(10, 1.0, 20), Decision(20, 0.5, 4)], (0.5 + END) / 2),
        (24, 0, [Decision(10, 1.0, 20), Decision(20, 0.5, 4)], END),
        # nothing left to do
        (5, 0, [Decision(5, 1.0, 0)], 1.0),
        (6, 0, [Decision(5, 1.0, 0)], END),
    ],
)
def test_table(step, warmup, decisions, fraction):
    assert lr_fraction(step, warmup, decisions) == pytest.approx(fraction)


def test_total_steps():
    assert total_steps([]) is None
    assert total_steps([Decision(10, 1.0, 20)]) == 30
    assert total_steps([Decision(10, 1.0, 20), Decision(20, 0.5, 4)]) == 24


def test_a_cool_down_that_begins_within_the_warm_up_does_not_jump_to_the_peak():
    """Ten steps with a warm-up of eight: the rate rises along its line and falls once the other line is lower."""
    fractions = [lr_fraction(step, 8, fixed_decisions(10)) for step in range(10)]
    assert fractions[:5] == pytest.approx([1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8])
    assert max(fractions) < 0.8 and fractions[-1] < 0.2
    assert all(abs(a - b) < 0.2 for a, b in pairwise(fractions))


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 777])
def test_a_fixed_length_is_kept(steps):
    decisions = fixed_decisions(steps)
    assert total_steps(decisions) == steps
    fractions = [lr_fraction(step, 0, decisions) for step in range(steps + 1)]
    assert fractions[0] == 1.0 and fractions[-1] == pytest.approx(END)
    assert fractions == sorted(fractions, reverse=True)
    assert sum(f == 1.0 for f in fractions) == pytest.approx(1 + steps * (1 - COOLDOWN_SHARE), abs=1)


def test_a_decision_survives_json():
    decision = Decision(3, 0.25, 7)
    assert Decision(**decision.asdict()) == decision


def run(clock: Clock, seconds_per_step) -> tuple[float, list[float], list[Decision]]:
    """Train by a simulated clock, averaging speed like runs: (final seconds, fraction of each step, decisions)."""
    step, elapsed, smooth, decisions, fractions = 0, 0.0, 0.0, [], []
    while (total := total_steps(decisions)) is None or step < total:
        fractions.append(lr_fraction(step, clock.warmup_steps, decisions))
        took = seconds_per_step(step, elapsed)
        elapsed += took
        step += 1
        smooth = took if smooth == 0 else 0.9 * smooth + 0.1 * took
        decision = clock.decide(step, elapsed, smooth, decisions)
        if decision is not None:
            decisions.append(decision)
        assert step < 100_000
    return elapsed, fractions, decisions


SPEEDS = {
    "steady": lambda step, t: 0.5,
    "heats up": lambda step, t: 0.4 * (1 + 0.5 * min(1.0, t / 300)),
    "gets the machine for itself": lambda step, t: 0.8 if t < 300 else 0.4,
    "is joined by another program": lambda step, t: 0.4 if t < 350 else 0.6,
    "wavers": lambda step, t: 0.5 * (1 + 0.4 * math.sin(t / 20)),
    "hiccups": lambda step, t: 8.0 if step % 100 == 99 else 0.4,
    "drifts all the time": lambda step, t: 0.4 + 0.4 * t / 600,
}


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_clock_ends_within_three_percent_of_the_time(speed):
    elapsed, fractions, decisions = run(Clock(600, warmup_steps=20), SPEEDS[speed])
    assert elapsed == pytest.approx(600, rel=0.03)
    assert len(decisions) <= 40  # it corrects, but not all the time
    # cool-down begins when its share of the time begins
    first_cool_step = decisions[0].step
    clock_at_start = 0.0
    for step in range(first_cool_step):
        clock_at_start += SPEEDS[speed](step, clock_at_start)
    assert clock_at_start == pytest.approx(600 * (1 - COOLDOWN_SHARE), rel=0.05)
    assert fractions[-1] < 0.1  # it got to the end of the slope, it was not cut off


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_rate_never_jumps(speed):
    _, fractions, decisions = run(Clock(600, warmup_steps=20), SPEEDS[speed])
    for decision in decisions:
        before = lr_fraction(decision.step - 1, 20, decisions)
        steepest = max(d.fraction / max(1, d.steps_left) for d in decisions)
        assert abs(before - decision.fraction) <= steepest + 1e-12
        kept = [d for d in decisions if d.step < decision.step]
        assert decision.fraction == pytest.approx(lr_fraction(decision.step, 20, kept))
    assert max(abs(a - b) for a, b in pairwise(fractions[20:])) < 0.05


def test_the_same_decisions_give_the_same_schedule():
    """What a resumed run relies on: the past is a function of the recorded decisions alone."""
    _, fractions, decisions = run(Clock(600, warmup_steps=20), SPEEDS["wavers"])
    assert len(decisions) > 1
    assert [lr_fraction(step, 20, decisions) for step in range(len(fractions))] == fractions


def test_short_runs_end_too():
    elapsed, fractions, _ = run(Clock(10, warmup_steps=3), lambda step, t: 1.0)
    assert elapsed == pytest.approx(10, abs=1) and fractions[-1] < 0.3
    elapsed, fractions, _ = run(Clock(1, warmup_steps=3), lambda step, t: 30.0)  # one step is longer than the budget
    assert len(fractions) <= 2


def test_no_time_left_decides_to_stop_at_once():
    decision = Clock(10, warmup_steps=0).decide(7, 12.0, 1.0, [])
    assert decision == Decision(7, 1.0, 1)


def test_no_correction_for_two_percent_nor_right_after_a_decision_nor_at_the_end():
    clock = Clock(1000, warmup_steps=0)
    plan = [Decision(400, 1.0, 600)]
    assert clock.decide(500, 500.0, 1.01, plan) is None  # 1 % off
    assert clock.decide(405, 405.0, 2.0, plan) is None  # a moment ago
    assert clock.decide(995, 995.0, 2.0, plan) is None  # five steps before the end
    corrected = clock.decide(500, 500.0, 2.0, plan)
    assert corrected == Decision(500, lr_fraction(500, 0, plan), 250)
