"""Promote a stage, or undo the last promotion (`firstwords.promotions` has the rules)."""

from __future__ import annotations

from firstwords import home, promotions
from firstwords.config import UserError


def promote(name: str, stage: str) -> str:
    """Make a name refer to this stage. Raises UserError if there is no such model or stage."""
    home.promoted(name)  # raises an error that lists the existing names
    home.set_promoted(name, stage)
    return stage


def rollback(name: str, to: str = "") -> str:
    """Undo the last promotion of a model; returns the stage that is then promoted.

    to: undo promotions until this stage is in use, even if it cannot chat. Raises UserError if there is nothing to
    undo.
    """
    current, way = home.promoted(name), home.earlier(name)
    place = _place(name, way, current, to)
    if place is None:
        if to:
            raise UserError(f"{name} did not use {to} before {current}: choose a version with `firstwords promote`")
        others = ", ".join(stage for stage in home.stages(name) if stage != current)
        raise UserError(
            f"{name} has no earlier promotion to go back to: it uses {current}, and used no other version that can "
            "chat before" + (f"; `firstwords promote {name} STAGE` chooses from {others}" if others else "")
        )
    home.set_promoted(name, way[place], by="rollback", before=way[:place])
    return way[place]


def rollback_stage(name: str) -> str | None:
    """The stage that `rollback` would return, or None if it would refuse."""
    way = home.earlier(name)
    place = _place(name, way, home.promoted(name), "")
    return None if place is None else way[place]


def _place(name: str, way: list[str], current: str, to: str) -> int | None:
    """Index in the history of the stage to return to: the last one that differs, still exists and can chat."""
    present = home.stages(name)
    for place in range(len(way) - 1, -1, -1):
        stage = way[place]
        if stage == current or stage not in present:
            continue
        if stage == to or (not to and promotions.can_chat(home.stage_dir(name, stage))):
            return place
    return None
