"""The learning rate as a pure function of the step and of recorded decisions.

Warm-up, constant, linear cool-down (the "trapezoid" or WSD schedule: Hu et al. 2024; the nanoGPT and nanochat speed
records converged to a long cool-down of 60 % or more). The constant phase needs no horizon, so a run that must end at a
given *time* decides during training when to cool down. Each decision is recorded; with the same decisions the schedule
is the same function of the step, so a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

COOLDOWN_SHARE = 0.65  # of the time; nanochat and modded-nanogpt ended at 0.6-0.7
FINAL_FRACTION = 0.02  # of the peak rate at the last step; not zero, so that the last steps still count


@dataclass(frozen=True)
class Decision:
    """From `step` on, the rate falls linearly from `fraction` to FINAL_FRACTION over `steps_left` steps."""

    step: int
    fraction: float
    steps_left: int

    def asdict(self) -> dict[str, float]:
        return asdict(self)


def lr_fraction(step: int, warmup_steps: int, decisions: list[Decision]) -> float:
    """Share of the peak learning rate at `step` (0-based). The latest decision up to that step applies.

    A cool-down that begins during the warm-up never raises the rate above the warm-up's line.

    >>> [lr_fraction(s, 2, [Decision(4, 1.0, 4)]) for s in (0, 1, 2, 3)]
    [0.5, 1.0, 1.0, 1.0]
    """
    ruling = [decision for decision in decisions if decision.step <= step]
    warm = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    if not ruling:
        return warm
    latest = ruling[-1]
    done = min(1.0, (step - latest.step) / max(1, latest.steps_left))
    return min(warm, latest.fraction + (FINAL_FRACTION - latest.fraction) * done)


def total_steps(decisions: list[Decision]) -> int | None:
    """The number of steps at which the run ends, once a cool-down has been decided."""
    return decisions[-1].step + decisions[-1].steps_left if decisions else None


def fixed_decisions(steps: int, cooldown_share: float = COOLDOWN_SHARE) -> list[Decision]:
    """The schedule of a run with a known number of steps."""
    cooldown = max(1, round(steps * cooldown_share))
    return [Decision(steps - cooldown, 1.0, cooldown)]


class Clock:
    """Decides when a run that must end after `seconds` cools down, and corrects the slope as the speed drifts.

    `decide(step, elapsed, seconds_per_step, decisions)` returns a new Decision or None. It keeps no state.
    """

    def __init__(self, seconds: float, warmup_steps: int, cooldown_share: float = COOLDOWN_SHARE) -> None:
        self.seconds, self.warmup_steps, self.cooldown_share = seconds, warmup_steps, cooldown_share

    def decide(self, step: int, elapsed: float, seconds_per_step: float, decisions: list[Decision]) -> Decision | None:
        left = max(0.0, self.seconds - elapsed)
        steps_left = max(1, round(left / seconds_per_step))
        if not decisions:
            if elapsed < self.seconds * (1 - self.cooldown_share):
                return None
            return Decision(step, lr_fraction(step, self.warmup_steps, []), steps_left)
        total = total_steps(decisions)
        assert total is not None  # there is a decision
        planned = total - step
        due = step - decisions[-1].step >= max(5, decisions[-1].steps_left // 10)
        # correct only what matters: more than 2 % off, and not in the very last steps
        if not due or planned < 10 or abs(steps_left - planned) <= 0.02 * planned:
            return None
        return Decision(step, lr_fraction(step, self.warmup_steps, decisions), steps_left)
