"""Which version a model's name means: promote one, or go back to the one before.

firstwords promote pip rlhf-1
firstwords rollback pip
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from firstwords import home
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
    """Go back to the version before the promoted one. Example: firstwords rollback pip"""

    name: Positional[str]
    """Name of the model."""


def main(config: Promote | Rollback) -> None:
    """Do what the subcommand says."""
    stage = promote(config.name, config.stage) if isinstance(config, Promote) else rollback(config.name)
    shared.say(f"{config.name} now means {config.name}/{stage}")


def promote(name: str, stage: str) -> str:
    """Make a name mean this stage. Raises UserError where there is no such model or stage."""
    home.promoted(name)  # says which names there are
    home.set_promoted(name, stage)
    return stage


def rollback(name: str) -> str:
    """Make a name mean the stage before the one that it means now, and return that."""
    present, current = home.stages(name), home.promoted(name)
    place = present.index(current)
    if place == 0:
        raise UserError(f"{name} has no version before {current}")
    return promote(name, present[place - 1])
