"""Rename, copy, export, delete and restore models; each completes fully or not at all, even if the process is killed.

A model's run folders (log, checkpoints, reward model, report) move with it. A model that is being trained cannot be
changed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks, moves, trash
from firstwords.process import ERRORS, FILE, OUTPUT


def rename(old: str, new: str) -> None:
    """Rename a model and its run folders. Raises UserError if there is none, or the new name is taken."""
    with locks.held([_present(old), free(new)], "models rename"):
        moves.recover()
        _present(old), free(new)
        with locks.mutex(), moves.renames() as steps:
            clear(new)
            pairs = [(home.model_dir(old), home.model_dir(new)), (home.run_dir(old), home.run_dir(new))]
            steps += [(source, target) for source, target in pairs if source.exists()]


def copy(old: str, new: str) -> None:
    """Copy a model and its run folders. Raises UserError if there is none, or the new name is taken."""
    with locks.held([_present(old), free(new)], "models copy"):
        moves.recover()
        _present(old), free(new)
        aside = home.starting_dir(new)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            pairs = [
                (home.model_dir(old), aside / "model", home.model_dir(new)),
                (home.run_dir(old), aside / "runs", home.run_dir(new)),
            ]
            copied = []
            for source, between, target in pairs:
                if source.exists():
                    trash.copy_tree(source, between, without=(FILE, OUTPUT, ERRORS))
                    copied.append((between, target))
            with locks.mutex(), moves.renames() as steps:
                clear(new)
                steps += copied
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def export(source: Path, folder: Path) -> None:
    """Copy a model directory. Raises UserError if the folder already holds something."""
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise UserError(f"{folder} already exists: name a new or empty folder")
    if folder.resolve().is_relative_to(home.home().resolve()):
        raise UserError(f"{folder} is inside {home.home()}: name a folder outside it (`models copy` copies within it)")
    aside = folder.with_name(f".{folder.name}.writing-{os.getpid()}")
    try:
        trash.copy_tree(source, aside)
        os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def delete(ref: str) -> trash.Entry:
    """Move a model or one of its stages to the trash. Raises UserError if there is none."""
    name, _, stage = ref.strip("/").partition("/")
    with locks.held([_present(name, stage)], "models delete"):
        moves.recover()
        _present(name, stage)
        if stage:
            return trash.throw_stage(name, stage, "deleted")
        return trash.throw_model(name, "deleted")


def restore(ref: str, new: str = "") -> str:
    """Restore something from the trash and return its REF. Raises UserError if that name is taken."""
    moves.recover()
    name = new or trash.find(ref).name
    with locks.held([name], "models restore"):
        return trash.restore(trash.find(ref), name)


def _present(name: str, stage: str = "") -> str:
    """The name, if the model or a run of it exists. Raises UserError if it, or the stage, does not."""
    stages = home.stages(name)
    if not stages and not trash.kept_runs(name):
        home.promoted(name)  # raises an error that lists the existing names
    if stage and stage not in stages and not trash.is_worth_keeping(home.run_dir(name, stage)):
        raise UserError(f"{name} has no stage {stage}; it has {', '.join(stages) or 'none'}")
    return name


def free(name: str) -> str:
    """The name, if no model has it. Raises UserError if it is taken."""
    if home.stages(name) or trash.kept_runs(name):
        raise UserError(f"{name} already exists: choose another name, or first `firstwords models delete {name}`")
    return name


def clear(name: str) -> None:
    """Remove what a failed run left under a free name."""
    for folder in (home.model_dir(name), home.run_dir(name)):
        shutil.rmtree(folder, ignore_errors=True)
