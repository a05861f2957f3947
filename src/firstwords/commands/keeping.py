"""Rename, copy, export and delete models; bring them back from the trash; empty it.

    firstwords models rename pip tom
    firstwords models copy pip pip-2              # to train the copy further
    firstwords models export pip/sft ~/pip-sft    # a Hugging Face directory for other tools
    firstwords models delete pip/rlhf-1           # to the trash
    firstwords models restore pip                 # the newest one of that name; --as NEW where the name is taken
    firstwords models empty-trash

A model's run folders (log, checkpoints, reward model, report) go where it goes. A model that is being trained is left
alone. Everything happens whole or not at all, whatever happens to the process.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from firstwords import home, locks, moves, trash
from firstwords.commands import shared
from firstwords.config import UserError
from firstwords.process import ERRORS, FILE, OUTPUT


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
    as_: Annotated[str, tyro.conf.arg(name="as")] = ""
    """Another name for it, where its own is taken."""


@dataclass
class ModelsEmptyTrash:
    """Delete for good what is in the trash, and say how much room that makes."""

    yes: bool = False
    """Do not ask."""


def main(config: ModelsRename | ModelsCopy | ModelsExport | ModelsDelete | ModelsRestore | ModelsEmptyTrash) -> None:
    """Do what the subcommand says."""
    if isinstance(config, ModelsRename):
        rename(config.old, config.new)
        shared.say(f"{config.old} is {config.new} now")
    elif isinstance(config, ModelsCopy):
        copy(config.old, config.new)
        shared.say(f"{config.new} is a copy of {config.old}")
    elif isinstance(config, ModelsExport):
        source = home.resolve(config.model)
        export(source, Path(config.folder).expanduser())
        shared.say(f"copied {shared.label(source)} to {config.folder}")
    elif isinstance(config, ModelsDelete):
        entry = delete(config.model)
        shared.say(f"moved {entry.ref} to the trash; `{entry.restore}` brings it back")
        if home.stages(entry.name):
            shared.say(f"{entry.name} means {entry.name}/{home.promoted(entry.name)}")
    elif isinstance(config, ModelsRestore):
        shared.say(f"restored {restore(config.model, config.as_)}")
    else:
        empty_trash(config.yes)


def rename(old: str, new: str) -> None:
    """Rename a model and its run folders. Raises UserError where there is none, or the new name is taken."""
    with locks.held([_present(old), _free(new)], "models rename"):
        moves.recover()
        _present(old), _free(new)
        with locks.mutex():
            _clear(new)
            pairs = [(home.model_dir(old), home.model_dir(new)), (home.run_dir(old), home.run_dir(new))]
            moves.together([(source, target) for source, target in pairs if source.exists()])


def copy(old: str, new: str) -> None:
    """Copy a model and its run folders. Raises UserError where there is none, or the new name is taken."""
    with locks.held([_present(old), _free(new)], "models copy"):
        moves.recover()
        _present(old), _free(new)
        aside = home.starting_dir(new)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            pairs = [(home.model_dir(old), aside / "model", home.model_dir(new)),
                     (home.run_dir(old), aside / "runs", home.run_dir(new))]  # fmt: skip
            steps = []
            for source, between, target in pairs:
                if source.exists():
                    trash.copy_tree(source, between, without=(FILE, OUTPUT, ERRORS))
                    steps.append((between, target))
            with locks.mutex():
                _clear(new)
                moves.together(steps)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def export(source: Path, folder: Path) -> None:
    """Copy a model directory. Raises UserError where the folder holds something already."""
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise UserError(f"{folder} exists already: name a folder that does not")
    if folder.resolve().is_relative_to(home.home().resolve()):
        raise UserError(f"{folder} is inside {home.home()}: name a folder outside of it (`models copy` copies in it)")
    aside = folder.with_name(f".{folder.name}.writing-{os.getpid()}")
    try:
        trash.copy_tree(source, aside)
        os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def delete(ref: str) -> trash.Entry:
    """Move a model or a stage of it to the trash. Raises UserError where there is none."""
    name, _, stage = ref.strip("/").partition("/")
    with locks.held([_present(name, stage)], "models delete"):
        moves.recover()
        _present(name, stage)
        if stage:
            return trash.throw_stage(name, stage, "deleted")
        return trash.throw_model(name, "deleted")


def restore(ref: str, new: str = "") -> str:
    """Bring something back from the trash and return its REF. Raises UserError where that name is taken."""
    moves.recover()
    name = new or trash.find(ref).name
    with locks.held([name], "models restore"):
        return trash.restore(trash.find(ref), name)


def empty_trash(is_sure: bool) -> None:
    """Delete what is in the trash, once a person at the terminal says yes."""
    moves.recover()
    there = trash.entries()
    if not there:
        shared.say("the trash is empty")
    if there and not is_sure:
        listed = ", ".join(entry.ref for entry in there)
        question = f"delete {listed} for good ({size_text(trash.size())})?"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError(f"{question} --yes does it")
        shared.say(f"{question} [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UserError("nothing was deleted")
    number, freed = trash.empty()  # remains of what a kill interrupted, too
    if there:
        shared.say(f"deleted {number} {'entry' if number == 1 else 'entries'}, {size_text(freed)} are free now")


def size_text(size: int) -> str:
    """1500000 -> "1.5 MB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _present(name: str, stage: str = "") -> str:
    """The name of a model, or of a run of one, that is there. Raises UserError where it, or the stage, is not."""
    stages = home.stages(name)
    if not stages and not trash.kept_runs(name):
        home.promoted(name)  # says which names there are
    if stage and stage not in stages and not trash.is_worth_keeping(home.run_dir(name, stage)):
        raise UserError(f"{name} has no stage {stage}; it has {', '.join(stages) or 'none'}")
    return name


def _free(name: str) -> str:
    """A name that no model has. Raises UserError for one that is taken."""
    if home.stages(name) or trash.kept_runs(name):
        raise UserError(f"{name} exists already: choose another name, or `firstwords models delete {name}` first")
    return name


def _clear(name: str) -> None:
    """Remove what a failed run under a free name has left."""
    for folder in (home.model_dir(name), home.run_dir(name)):
        shutil.rmtree(folder, ignore_errors=True)
