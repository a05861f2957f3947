"""Rename, copy, export and delete models; bring them back from the trash; empty it.

    firstwords models rename pip tom
    firstwords models copy pip pip-2              # to train the copy further
    firstwords models export pip/sft ~/pip-sft    # a Hugging Face directory for other tools
    firstwords models delete pip/rlhf-1           # to the trash
    firstwords models restore pip                 # the newest one of that name; --as NEW where the name is taken
    firstwords models empty-trash

What happens to the files is `firstwords.keeping.operations`.
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
    """The folder to make; one that holds files is left alone."""


@dataclass
class ModelsDelete:
    """Move a model, or one of its stages, to the trash. Example: firstwords models delete pip/rlhf-1"""

    model: Positional[str]
    """NAME or NAME/STAGE."""


@dataclass
class ModelsRestore:
    """Bring back what was replaced or deleted. Example: firstwords models restore pip"""

    model: Positional[str]
    """NAME or NAME/STAGE, the newest in the trash; or the id that `firstwords models --trash` lists."""
    as_: str = ""
    """Another name for it, where its own is taken."""


@dataclass
class ModelsEmptyTrash:
    """Delete for good what is in the trash, and say how much room that makes."""

    yes: bool = False
    """Do not ask."""


def main(config: ModelsRename | ModelsCopy | ModelsExport | ModelsDelete | ModelsRestore | ModelsEmptyTrash) -> None:
    """Do what the subcommand says."""
    if isinstance(config, ModelsRename):
        operations.rename(config.old, config.new)
        say(f"{config.old} is {config.new} now")
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
            say(f"{entry.name} means {entry.name}/{home.promoted(entry.name)}")
    elif isinstance(config, ModelsRestore):
        say(f"restored {operations.restore(config.model, config.as_)}")
    else:
        empty_trash(config.yes)


def empty_trash(is_sure: bool) -> None:
    """Delete what is in the trash, once a person at the terminal says yes."""
    moves.recover()
    there = trash.entries()
    if not there:
        say("the trash is empty")
    if there and not is_sure:
        listed = ", ".join(entry.ref for entry in there)
        question = f"delete {listed} for good ({size_text(trash.size())})?"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError(f"{question} --yes does it")
        say(f"{question} [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UserError("nothing was deleted")
    number, freed = trash.empty()  # remains of what a kill interrupted, too
    if there:
        say(f"deleted {number} {'entry' if number == 1 else 'entries'}, {size_text(freed)} are free now")


def size_text(size: int) -> str:
    """1500000 -> "1.5 MB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
