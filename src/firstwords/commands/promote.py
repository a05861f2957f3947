"""Choose the version that a model's name refers to: promote one, or undo the last promotion.

firstwords promote pip rlhf-1
firstwords rollback pip

Each promotion is recorded, including automatic ones by `finetune` and `align`. `rollback` undoes the last one, a second
`rollback` the one before (`firstwords.promotions` has the rules). It skips stages that were deleted and base models,
which cannot chat: a base model is only promoted by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from firstwords import home, promotions
from firstwords.flags import Positional
from firstwords.keeping.promote import promote, rollback
from firstwords.runlog import say


@dataclass
class Promote:
    """Promote a version: the model's name then refers to it. Example: firstwords promote pip rlhf-1"""

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
    """Run the subcommand."""
    was = home.promoted(config.name)
    stage = promote(config.name, config.stage) if isinstance(config, Promote) else rollback(config.name)
    say(changed(config.name, stage, was))
    if not promotions.can_chat(home.stage_dir(config.name, stage)):
        say(
            f"{config.name}/{stage} continues text and does not answer: `firstwords chat` and other chat clients "
            f"need another stage of {config.name}; `firstwords rollback {config.name}` undoes this"
        )


def changed(name: str, stage: str, was: str) -> str:
    """A sentence that names both stages."""
    return f"{name} already uses {stage}" if stage == was else f"{name} now uses {stage} (was {was})"
