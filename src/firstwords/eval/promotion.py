"""Decides whether a new version replaces the previous one: a pure function that also gives the reason.

    decide("rlhf-1", "sft", win, now, before)
    -> Decision(False, "rlhf-1 wins 56.0% (53.5%-58.4%) against sft in a chat, but it is worse in ...")

A version is promoted if it is shown to be better in chats and no measurement is worse:

1. The 95 % interval of its win rate against the previous version, both answering as in a chat, is above one half.
2. No part of the exam is worse by more than MAX_FALL, including known facts refused and every kind of input on the
   visitor's list that has at least MIN_KIND of them (there, by at least MIN_ANSWERS answers as well).
3. It refuses at most MAX_FALL more of the comparison's answerable questions.

Noise: the win rate is the actual test; a version that is no better passes rule 1 in one case of forty. The other two
rules are bounds on measured values, not tests. Both versions answer the same questions, the exam greedily, so that only
their differences count; but a part with n questions of which a share d is answered differently has a standard error of
sqrt(d / n): with d = 10 %, 2 points for 250 questions, 5 for 40. So a version that truly loses 4 points in a part of
250 passes that part in one case of six, but must still win the comparison. Conversely, one question of a part with 40
is 2.5 points, so a version that is not worse may be rejected because of a single answer. This is intended: keeping a
working version costs nothing, and the rejection names the part.

No torch here. Parts are tables as returned by `eval.exam`: {part: {"rate": .9, "n": 250, ...}, ...}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firstwords.eval.exam_parts import PARTS, SMALLER_IS_BETTER
from firstwords.eval.winrate import WinRate

MAX_FALL = 0.02  # of a rate, 2 points
MOST_NAMED = 4  # parts that got worse, in the line that gives the reason
MIN_KIND, MIN_ANSWERS = 20, 3  # of a kind on the visitor's list: one answer of 26 is 4 points, and mere noise
KIND = "replies to visitors about "
NAMES = PARTS | {"refused": "answerable questions refused"}
ROUNDING = 1e-9


@dataclass(frozen=True)
class Measured:
    """A version's measurements: the exam's parts, and the share of answerable questions that it refuses."""

    exam: Mapping[str, Any] = field(default_factory=dict)
    refused: float = 0.0


@dataclass(frozen=True)
class Decision:
    """Whether a version is promoted, and the reason in one line."""

    is_promoted: bool
    reason: str
    losses: tuple[str, ...] = ()  # of a version that wins: what it is worse in


def decide(new: str, old: str, win: WinRate, now: Measured | None, before: Measured | None) -> Decision:
    """The rule above. now, before: measurements of the new and the old version; None if the win rate already decides.

    Raises ValueError for a version that wins but was not measured.
    """
    rate = f"{win.win_rate:.1%} ({win.low:.1%}-{win.high:.1%})"
    if win.verdict != "better":
        what = "worse" if win.verdict == "worse" else "not shown to be better"
        return Decision(False, f"{new} is {what} than {old}: in a chat its answers win {rate}")
    if now is None or before is None:
        raise ValueError(f"{new} wins, but its exam and refusals were not measured")
    if losses := worse(now, before):
        more = f"; and {len(losses) - MOST_NAMED} more parts" if len(losses) > MOST_NAMED + 1 else ""
        named = "; ".join(losses[:MOST_NAMED] if more else losses)
        reason = f"{new} wins {rate} against {old} in a chat, but it is worse in {named}{more}"
        return Decision(False, reason, tuple(losses))
    points = f"{MAX_FALL * 100:.0f} points"
    return Decision(
        True, f"{new} wins {rate} against {old} in a chat, and no part of the exam is worse by more than {points}"
    )


def worse(now: Measured, before: Measured) -> list[str]:
    """The parts that fell by more than MAX_FALL, each as "known facts (88.9 % -> 78.6 %)"."""
    earlier, later = parts_of(before.exam), parts_of(now.exam)
    pairs = {part: (earlier[part], later[part]) for part in earlier if part in later}
    rates = {part: (old["rate"], new["rate"]) for part, (old, new) in pairs.items() if is_part(old) and is_part(new)}
    rates["refused"] = (before.refused, now.refused)
    found = []
    for part, (then, after) in rates.items():
        loss = after - then if part in SMALLER_IS_BETTER or part == "refused" else then - after
        is_noise = part.startswith(KIND) and loss * later[part]["n"] < MIN_ANSWERS - 0.5
        if loss > MAX_FALL + ROUNDING and not is_noise:
            found.append(f"{NAMES.get(part, part.replace('_', ' '))} ({then:.1%} -> {after:.1%})")
    return found


def parts_of(exam: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an exam's table, with the larger kinds of the visitor's list as parts of their own."""
    kinds = (exam.get("visitor") or {}).get("kinds") or {}
    large = {kind: figures for kind, figures in kinds.items() if figures.get("n", 0) >= MIN_KIND}
    return dict(exam) | {KIND + kind: figures for kind, figures in large.items()}


def is_part(figures: Any) -> bool:
    """Whether an entry of an exam's table is a part with a rate."""
    return isinstance(figures, dict) and isinstance(figures.get("rate"), int | float)
