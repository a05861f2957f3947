"""Rename, copy, export and delete models; bring them back from the trash; empty it.

    firstwords models rename pip tom
    firstwords models copy pip pip-2              # to train the copy further
    firstwords models export pip/sft ~/pip-sft    # a Hugging Face directory for other tools
    firstwords models delete pip/rlhf-1           # to the trash
    firstwords models restore pip                 # the newest one of that name; --as NEW if the name is taken
    firstwords models empty-trash

`firstwords.keeping.operations` does the work on the files.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from firstwords import api, home
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.keeping import moves, operations, trash
from firstwords.runlog import say


@dataclass
class ModelsRename:
    """Give a model another name. Example: firstwords models rename pip tom"""

    old: Positional[str]
    """Name of the model."""
    new: Positional[str]
    """Its new name."""


@dataclass
class ModelsCopy:
    """Copy a model with all its stages and runs. Example: firstwords models copy pip pip-2"""

    old: Positional[str]
    """Name of the model."""
    new: Positional[str]
    """Name of the copy."""


@dataclass
class ModelsExport:
    """Copy a stage to a folder for transformers and other tools. Example: firstwords models export pip/sft out"""

    model: Positional[str]
    """NAME (its promoted stage) or NAME/STAGE."""
    folder: Positional[str]
    """The folder to create; a folder that already holds files is refused."""


@dataclass
class ModelsDelete:
    """Move a model, or one of its stages, to the trash. Example: firstwords models delete pip/rlhf-1"""

    model: Positional[str]
    """NAME or NAME/STAGE."""


@dataclass
class ModelsRestore:
    """Restore a model or a stage that was replaced or deleted. Example: firstwords models restore pip"""

    model: Positional[str]
    """NAME or NAME/STAGE (the newest in the trash), or an id from `firstwords models --trash`."""
    as_: str = ""
    """Restore under another name, for example if its own is taken."""


@dataclass
class ModelsEmptyTrash:
    """Permanently delete what is in the trash, and say how much space that frees."""

    yes: bool = False
    """Do not ask for confirmation."""


def main(config: ModelsRename | ModelsCopy | ModelsExport | ModelsDelete | ModelsRestore | ModelsEmptyTrash) -> None:
    """Run the subcommand."""
    if isinstance(config, ModelsRename):
        operations.rename(config.old, config.new)
        say(f"renamed {config.old} to {config.new}")
    elif isinstance(config, ModelsCopy):
        operations.copy(config.old, config.new)
        say(f"{config.new} is a copy of {config.old}")
    elif isinstance(config, ModelsExport):
        source = home.resolve(config.model)
        operations.export(source, Path(config.folder).expanduser())
        say(f"copied {api.label(source)} to {config.folder}")
    elif isinstance(config, ModelsDelete):
        entry = operations.delete(config.model)
        say(f"moved {entry.ref} to the trash; `{entry.restore}` brings it back")
        if home.stages(entry.name):
            say(f"{entry.name} now uses {home.promoted(entry.name)}")
    elif isinstance(config, ModelsRestore):
        say(f"restored {operations.restore(config.model, config.as_)}")
    else:
        empty_trash(config.yes)


def empty_trash(is_sure: bool) -> None:
    """Delete what is in the trash, after a person at the terminal confirms."""
    moves.recover()
    there = trash.entries()
    if not there:
        say("the trash is empty")
    if there and not is_sure:
        listed = ", ".join(entry.ref for entry in there)
        question = f"permanently delete {listed} ({size_text(trash.size())})?"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError(f"{question} Give --yes to confirm")
        say(f"{question} [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UserError("nothing was deleted")
    number, freed = trash.empty()  # also removes what an interrupted operation left behind
    if there:
        say(f"deleted {number} {'entry' if number == 1 else 'entries'}, freed {size_text(freed)}")


def size_text(size: int) -> str:
    """1500000 -> "1.5 MB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
