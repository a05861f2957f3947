"""How a run begins: it gets a name and a lock, replaces nothing without consent, and can be resumed.

    @training("pretrain", check)
    def main(config): ...

A new run prepares (reads its text, makes its plan) in `home.starting_dir`. Only when it `begin`s is the model that it
replaces moved to the trash, and in the same step the new run takes its place: a failed start loses nothing.
"""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from firstwords import home, process, promotions
from firstwords.config import UserError, flag_of, flat, given, mark_given
from firstwords.keeping import locks, moves, trash
from firstwords.model.card import read_card
from firstwords.plan.budget import Plan, Shape
from firstwords.process import ERRORS, FILE, OUTPUT
from firstwords.runlog import RESTORE, damaged, read_state, say, write_json
from firstwords.train.distributed import following
from firstwords.train.tracing import index_after_run


class Flags(Protocol):
    """The flags of a run: a dataclass with the name of a model, whether to resume, and whether to leave no index."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: str
    resume: bool
    no_trace: bool


C = TypeVar("C", bound=Flags)
DEFAULT_NAME = "mine"  # for a new model without --name; the next ones are mine-2, mine-3 ...
MAKES_A_MODEL = ("learn", "pretrain")
BEGUN = {  # files in a run folder by which a command sees that its run has begun
    "learn": ("learn.json",),
    "pretrain": ("base/plan.json",),
    "finetune": ("sft/plan.json",),
    "reward": ("reward/config.json",),
    "align": ("align/align.json",),
}
HONOURED = ("minutes", "device", "threads", "save_every_steps", "prompt")  # flags that may change on --resume
PLANNED = "planned_minutes"  # in config.json: --minutes of the first start, for which the plan was made


# ---- one run at a time -----------------------------------------------------------------------------------------------


def training(command: str, check: Callable[[C], Any]) -> Callable[[Callable[[C], Any]], Callable[[C], Any]]:
    """Decorate a stage's `main(config)`: it locks its model, and its process is recorded in the run folder.

    `check(config)` is called first, before anything is written; if it returns a value, that is returned and `main` does
    not run. Stages of a larger command (`learn`, `align`) are part of that command's run.
    """

    def wrap(main: Callable[[C], Any]) -> Callable[[C], Any]:
        def joinable(config: C) -> Any:
            with following.stage(main.__module__, config):
                return main(config)

        @functools.wraps(main)
        def run(config: C) -> Any:
            if process.is_recorded():
                found = check(config)
                return joinable(config) if found is None else found
            with claimed(config, command) as mine:
                found = check(mine)
                if found is not None:
                    return found
                with process.recorded(home.run_dir(mine.name), command, asdict(mine)):
                    result = joinable(mine)
                if not mine.no_trace:
                    index_after_run(mine.name)
                return result

        return run

    return wrap


@contextmanager
def claimed(config: C, command: str) -> Iterator[C]:
    """Hold the lock of the model that `config` names; without a name, one is chosen and printed.

    Yields the config with its name. Raises LockedError if another process is working on the model.
    """
    if process.may_resume():
        config = resumed_if_begun(config, command)
    for name in [config.name] if config.name else candidates(config, command):
        is_new = not config.name and makes_new(config, command)
        with ExitStack() as stack:
            try:
                stack.enter_context(locks.held([name], command))
            except locks.LockedError:
                if is_new:
                    continue
                raise
            moves.recover()
            if is_new and is_taken(name):  # by the process that held the lock until now
                continue
            if not config.name:
                say(f"model: {name}{'' if is_new else ' (the newest)'}; use --name NAME for another one")
            starting = home.starting_dir(name)
            shutil.rmtree(starting, ignore_errors=True)  # of a process that was killed
            stack.callback(shutil.rmtree, starting, ignore_errors=True)
            yield mark_given(replace(config, name=name), given(config))
            return


def resumed_if_begun(config: C, command: str) -> C:
    """The flags, with --resume if this command line has begun its run before and was started again."""
    name = config.name or next(iter(_newest_runs()), "")
    directory = home.run_dir(name) if name else None
    if directory is None or not any((directory / begun).exists() for begun in BEGUN[command]):
        return config
    say(f"{name}: started again, continuing from the last checkpoint")
    return mark_given(replace(config, name=name, resume=True, **_not_replacing(config)), given(config))


def makes_new(config: Any, command: str) -> bool:
    """Whether a command without a name makes a new model instead of working on an existing one."""
    works_on = any(getattr(config, flag, False) for flag in ("resume", "reuse", "continue_"))
    return command in MAKES_A_MODEL and not works_on


def candidates(config: Any, command: str) -> Iterator[str]:
    """Names for a command without one: the first free one for a new model, else the newest model."""
    if makes_new(config, command):
        number = 1
        while True:
            name = DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME}-{number}"
            if not is_taken(name):
                yield name
            number += 1
    elif command in MAKES_A_MODEL and config.resume:
        yield next(iter(_newest_runs()), DEFAULT_NAME)
    elif getattr(config, "reuse", False):
        yield DEFAULT_NAME
    elif names := home.models():
        yield names[0]
    else:
        raise UserError(f"there are no models in {home.models_dir()} yet; `firstwords learn` trains one")


def is_taken(name: str) -> bool:
    """Whether a model or a run that could be resumed has this name."""
    return bool(home.stages(name)) or bool(trash.kept_runs(name))


def _newest_runs() -> list[str]:
    """Names of the runs, the most recently active first."""
    runs = [path for path in (home.home() / "runs").glob("[A-Za-z0-9]*") if path.is_dir()]
    return [path.name for path in sorted(runs, key=lambda path: -path.stat().st_mtime)]


# ---- nothing finished is lost ----------------------------------------------------------------------------------------


def check_replacing(config: Any, stages: Sequence[str], also: str = "", does: str = "trains it again") -> None:
    """Refuse to train over finished stages without --replace; at a terminal, ask.

    Raises a UserError that names --replace, what it `does`, --name, and the alternative in `also`.
    """
    if not stages or config.replace:
        return
    there = f"{config.name} is already trained ({', '.join(stages)})"
    goes = ", ".join(f"{config.name}/{stage}" for stage in stages)
    if sys.stdin.isatty() and sys.stderr.isatty():
        say(f"{there}. Replace it? {goes} will be moved to the trash, see `firstwords models --trash`. [y/N]")
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            config.replace = True
            return
        raise UserError(f"{config.name} was not changed; --name NAME trains another model")
    raise UserError(f"{there}: --replace {does} and moves {goes} to the trash, --name NAME trains another model{also}")


def begin(name: str, stage: str, command: str) -> None:
    """Move a run that was prepared in `home.starting_dir` into the run folder.

    What it replaces (all of the model for base, all but base for sft) goes to the trash in the same step; leftovers of
    runs without a checkpoint are removed. A kill leaves either the old model in place or the new run, ready to resume.
    """
    runs, starting = home.run_dir(name), home.starting_dir(name)
    then = [(path, runs / path.name) for path in sorted(starting.iterdir())]
    stages = [s for s in home.stages(name) if stage == "base" or s not in home.ROOTS]
    kept = [s for s in trash.kept_runs(name) if stage == "base" or s not in home.ROOTS]
    job = process.read(runs)
    why = f"replaced by firstwords {job.command if job else command}"
    if not stages and not kept:
        _clear_remains(name, stage)
        with locks.mutex(), moves.renames() as steps:
            steps += then
        return
    if stage == "base":
        trash.throw_model(name, why, then, process.earlier())
    else:
        trash.throw_later_stages(name, stages, why, then, process.earlier())
    what = ", ".join(f"{name}/{s}" for s in stages) or f"an unfinished run of {name}"
    say(f"moved {what} to the trash; `firstwords models restore {name} --as NEW` brings it back")


def _clear_remains(name: str, stage: str) -> None:
    """Remove leftovers that are in the way of a new run and contain no finished work."""
    runs, live = home.run_dir(name), {FILE, OUTPUT, ERRORS}
    for path in list(runs.glob("*")):
        if path.is_dir() and (stage == "base" or path.name != "base"):
            shutil.rmtree(path)
        elif path.is_file() and stage == "base" and path.name not in live:
            path.unlink()
    if stage == "base":
        shutil.rmtree(home.model_dir(name), ignore_errors=True)


# ---- runs that are resumed -------------------------------------------------------------------------------------------


def has_begun(run_dir: Path) -> bool:
    """Whether a stage's run folder holds a run that can be resumed, or could be if its files were intact."""
    files = ("config.json", "plan.json", "chats.json")
    return any((run_dir / file).exists() for file in files) or trash.has_checkpoints(run_dir)


def finish_promotion(name: str, stage: str) -> None:
    """Promote a finished stage whose run was stopped after saving it and before promoting it.

    Does nothing if a later stage exists, or if the stage was promoted after it was made.
    """
    folder, was = home.model_dir(name), home.promoted(name)
    created = str(read_card(home.stage_dir(name, stage)).get("created") or "")
    history = promotions.read(folder)
    was_cut_off = was != stage and bool(history) and history[-1]["stage"] == stage  # recorded, but not yet in use
    was_promoted = promotions.was_promoted_since(folder, stage, created) and not was_cut_off
    if home.stages(name)[-1] != stage or was_promoted:
        return
    home.set_promoted(name, stage, by="resume")
    if was != stage:
        say(f"{name} now uses {stage} (was {was}): its run was stopped before it promoted it")


def say_complete(ref: str, then: str = "") -> None:
    """Say that there is nothing to resume."""
    say(f"{ref} is complete: there is nothing to resume, and nothing was changed{then}")


def saved_json(path: Path, keys: Sequence[str] = ()) -> dict[str, Any] | None:
    """A JSON object from a run folder; None if there is no file. Raises a UserError that names a damaged file."""
    found = read_state(path)
    if found is not None and (missing := [key for key in keys if key not in found]):
        raise damaged(path, f"it lacks {', '.join(missing)}")
    return found


@contextmanager
def kept(directory: Path) -> Iterator[None]:
    """Errors about files of this run folder say how to restore them, not "prepare it again"."""
    try:
        yield
    except UserError as error:
        what, _, advice = str(error).rpartition(": ")
        if not what or advice == RESTORE:
            raise
        raise UserError(f"{what}: {RESTORE}") from None


def _saved(directory: Path, file: str, name: str, keys: Sequence[str]) -> dict[str, Any]:
    """The content of a file that is needed to resume a run."""
    found = saved_json(directory / file, keys)
    if found is not None:
        return found
    if has_begun(directory):
        raise UserError(f"{directory / file} is missing: {RESTORE}")
    raise UserError(f"there is no run of {name} to resume in {directory}: start without --resume")


def read_plan(directory: Path, name: str) -> Plan:
    """The plan of an interrupted run. Raises UserError if there is none to resume, or it is damaged."""
    saved = _saved(directory, "plan.json", name, ("shape", "reasons"))
    try:
        return Plan(**(saved | {"shape": Shape(**saved["shape"]), "reasons": tuple(saved["reasons"])}))
    except TypeError as error:
        raise damaged(directory / "plan.json", str(error)) from None


def started_with(config: C, directory: Path, name: str) -> C:
    """The flags an interrupted run was started with, which it keeps; HONOURED ones may be changed.

    Raises UserError for a typed flag that would be ignored, and for a missing or damaged config.json.
    """
    file = directory / "config.json"
    saved = _saved(directory, "config.json", name, ("name", "seed"))
    changed = changed_flags(config, saved)
    known = {f.name for f in fields(config)}
    values = {key: value for key, value in saved.items() if key in known} | changed
    try:
        found = type(config)(**(values | {"resume": True, "name": config.name} | _not_replacing(config)))
    except TypeError as error:
        raise damaged(file, str(error)) from None
    if "minutes" in changed:
        write_json(file, {PLANNED: saved["minutes"]} | saved | {"minutes": changed["minutes"]})
    return mark_given(found, given(config))


def _not_replacing(config: Any) -> dict[str, bool]:
    return {"replace": False} if hasattr(config, "replace") else {}


def added_seconds(config: Any, directory: Path) -> float:
    """Seconds by which --minutes was raised since the run's plan was made."""
    saved = saved_json(directory / "config.json") or {}
    return 60.0 * (config.minutes - saved.get(PLANNED, config.minutes))


def changed_flags(config: Any, saved: dict[str, Any], honoured: Sequence[str] = HONOURED) -> dict[str, Any]:
    """The typed flags that replace those a resumed run was started with; each change is printed.

    Raises UserError, naming the flag, for any other flag that differs from the first start.
    """
    changed = {}
    saved, now = flat(saved), flat(asdict(config))
    for name in sorted(given(config) & saved.keys() - {"name", "resume", "reuse", "replace"}):
        value, before = now[name], saved[name]
        if value == before:
            continue
        flag = flag_of(name)
        was = f"{flag} {' '.join(map(str, before)) if isinstance(before, list) else before}"
        if name not in honoured or (name == "minutes" and saved.get("steps")):
            raise UserError(
                f"a resumed run keeps the {was} it was started with: leave {flag} out, or start a new run (--name NAME)"
            )
        if name == "minutes" and value < before:
            raise UserError(f"--minutes is {value:g}, but the run was started with {before:g}: it can only go up")
        changed[name] = value
        say(f"from now on {flag} is {value} (the run was started with {was})")
    return changed


def open_folder(config: C, directory: Path, notes: Mapping[str, str] | None = None) -> C:
    """Create a run folder and save the flags; with --resume, open the old one and return the flags it was started with.

    An earlier run's work in that folder goes to the trash. notes: texts by file name. They are saved before the flags,
    which mark that the run has begun.
    """
    if config.resume:
        return started_with(config, directory, config.name)
    entry = trash.clear_run(directory.parent.name, directory.name, "replaced by a new run")
    if entry is not None:
        say(f"moved what was in {directory} to the trash; `{entry.restore}` brings it back")
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (notes or {}).items():
        (directory / name).write_text(text, encoding="utf-8")
    write_json(directory / "config.json", asdict(config))
    return config
