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
    if isinstance(config, Promote):
        stage = config.stage
        home.promoted(config.name)  # says which names there are
    else:
        present, current = home.stages(config.name), home.promoted(config.name)
        place = present.index(current)
        if place == 0:
            raise UserError(f"{config.name} has no version before {current}")
        stage = present[place - 1]
    home.set_promoted(config.name, stage)
    shared.say(f"{config.name} now means {config.name}/{stage}")
