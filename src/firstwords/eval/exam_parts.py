"""The parts of the exam and their display names, shared by the report, the tables and the promotion rule."""

from __future__ import annotations

PARTS = {
    "told": "known facts",
    "two_steps": "two-step facts",
    "never_told_abstained": "unknowns admitted",
    "told_refused": "known facts refused",
    "instructions": "small tasks",
    "visitor": "sensible replies to visitors",
    "tools": "sums with the calculator",
    "no_tool": "no call where none is needed",
    "stops": "answers that end",
}
SMALLER_IS_BETTER = frozenset({"told_refused"})
