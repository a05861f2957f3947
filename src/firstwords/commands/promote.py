"""Which version a model's name means: promote one, or undo the last promotion.

firstwords promote pip rlhf-1
firstwords rollback pip

Each promotion is remembered, also those that `finetune` and `align` make by themselves; `rollback` undoes the last one,
a second `rollback` the one before (`firstwords.promotions` has the rules). It passes over stages that were deleted and
over base models, which cannot chat: those are promoted by name only.
"""

from __future__ import annotations

from dataclasses import dataclass

from firstwords import home, promotions
from firstwords.flags import Positional
from firstwords.keeping.promote import promote, rollback
from firstwords.runlog import say


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
    say(changed(config.name, stage, was))
    if not promotions.can_chat(home.stage_dir(config.name, stage)):
        say(
            f"{config.name}/{stage} continues text and does not answer: `firstwords chat` and programs that chat with "
            f"{config.name} need another stage; `firstwords rollback {config.name}` undoes this"
        )


def changed(name: str, stage: str, was: str) -> str:
    """The sentence that names both stages."""
    return f"{name} uses {stage} already" if stage == was else f"{name} now uses {stage} (was {was})"
