"""Which version a model's name means: promote one, or undo the last promotion.

firstwords promote pip rlhf-1
firstwords rollback pip

Each promotion is remembered, also those that `finetune` and `align` make by themselves; `rollback` undoes the last one,
a second `rollback` the one before (`firstwords.promotions` has the rules). It passes over stages that were deleted and
over base models, which cannot chat: those are promoted by name only.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from firstwords import home, promotions
from firstwords.commands import shared
from firstwords.config import UserError


@dataclass
class Promote:
    """Make a model's name mean one of its versions. Example: firstwords promote pip rlhf-1"""

    name: Positional[str]
    """Name of the model."""
    stage: Positional[str]
    """The version: base, sft, rlhf-1 ..."""


@dataclass
class Rollback:
    """Undo the last promotion of a model. Example: firstwords rollback pip"""

    name: Positional[str]
    """Name of the model."""


def main(config: Promote | Rollback) -> None:
    """Do what the subcommand says."""
    was = home.promoted(config.name)
    stage = promote(config.name, config.stage) if isinstance(config, Promote) else rollback(config.name)
    shared.say(changed(config.name, stage, was))
    if not promotions.can_chat(home.stage_dir(config.name, stage)):
        shared.say(
            f"{config.name}/{stage} continues text and does not answer: `firstwords chat` and programs that chat with "
            f"{config.name} need another stage; `firstwords rollback {config.name}` undoes this"
        )


def changed(name: str, stage: str, was: str) -> str:
    """The sentence that names both stages."""
    return f"{name} uses {stage} already" if stage == was else f"{name} now uses {stage} (was {was})"


def promote(name: str, stage: str) -> str:
    """Make a name mean this stage. Raises UserError where there is no such model or stage."""
    home.promoted(name)  # says which names there are
    home.set_promoted(name, stage)
    return stage


def rollback(name: str, to: str = "") -> str:
    """Undo the last promotion of a model; returns the stage that its name means then.

    to: undo promotions until this stage is in use, which may be one that cannot chat. Raises UserError where nothing is
    left to undo.
    """
    current, way = home.promoted(name), home.earlier(name)
    place = _place(name, way, current, to)
    if place is None:
        if to:
            raise UserError(f"{name} did not use {to} before {current}: choose a version with firstwords promote")
        others = ", ".join(stage for stage in home.stages(name) if stage != current)
        raise UserError(
            f"{name} has no earlier promotion to go back to: it uses {current}, and no other version that can chat was "
            "in use before" + (f"; `firstwords promote {name} STAGE` chooses from {others}" if others else "")
        )
    home.set_promoted(name, way[place], by="rollback", before=way[:place])
    return way[place]


def rollback_stage(name: str) -> str | None:
    """The stage that `rollback` would return, or None where it would refuse."""
    way = home.earlier(name)
    place = _place(name, way, home.promoted(name), "")
    return None if place is None else way[place]


def _place(name: str, way: list[str], current: str, to: str) -> int | None:
    """Where in the way back the stage to return to is: the last one that differs, is still there and can chat."""
    present = home.stages(name)
    for place in range(len(way) - 1, -1, -1):
        stage = way[place]
        if stage == current or stage not in present:
            continue
        if stage == to or (not to and promotions.can_chat(home.stage_dir(name, stage))):
            return place
    return None
