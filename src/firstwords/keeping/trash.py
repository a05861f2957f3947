"""The trash keeps everything that a new run replaced or a user deleted, complete, until it is emptied.

    home/trash/20260102-030405-pip/entry.json    name, stage, when, why, stages
    home/trash/20260102-030405-pip/model/        formerly models/pip (or only some of its stages, in a folder each)
    home/trash/20260102-030405-pip/runs/         formerly runs/pip

Files enter and leave the trash by all-or-nothing renames (`moves.py`). Call functions that change something under the
model's lock (`locks.held`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks, moves
from firstwords.process import ERRORS, FILE, OUTPUT, Job
from firstwords.runlog import read_json, write_json

ENTRY = "entry.json"
LINKED = (".safetensors", ".bin", ".distcp", ".gguf")  # never modified in place, so that copies may share them
REWARD = "reward"  # the run folder that holds a reward model


@dataclass(frozen=True)
class Entry:
    """An entry in the trash. `stage` is "" for a whole model, else the one stage that was moved here."""

    id: str
    name: str
    stage: str
    thrown: float  # seconds since 1970
    why: str
    stages: tuple[str, ...]

    @property
    def ref(self) -> str:
        return f"{self.name}/{self.stage}" if self.stage else self.name

    @property
    def folder(self) -> Path:
        return home.trash_dir() / self.id

    @property
    def restore(self) -> str:
        """The command that restores it; under another name if its own is taken."""
        is_taken = not self.stage and bool(home.stages(self.name) or kept_runs(self.name))
        return f"firstwords models restore {self.ref}{' --as NEW' if is_taken else ''}"


# ---- what is worth keeping -------------------------------------------------------------------------------------------


def has_checkpoints(run_dir: Path) -> bool:
    """Whether a stage's run folder holds training that could be resumed."""
    return any((run_dir / "checkpoints").glob("step-*"))


def is_worth_keeping(run_dir: Path) -> bool:
    """Whether a stage's run folder holds finished work: a checkpoint or a reward model."""
    return has_checkpoints(run_dir) or any(map(home.is_model, [run_dir / "model", *run_dir.glob("member-*")]))


def kept_runs(name: str) -> list[str]:
    """The run folders of a model that are worth keeping, by stage."""
    folder = home.run_dir(name)
    return sorted(path.name for path in folder.glob("*") if path.is_dir() and is_worth_keeping(path))


# ---- into the trash --------------------------------------------------------------------------------------------------


def throw_model(name: str, why: str, then: Sequence[moves.Move] = (), earlier: Job | None = None) -> Entry:
    """Move a whole model and its run folders to the trash, together with the renames in `then`: all or none.

    If `then` begins a new run, the files of the current process (job.json and its output) stay with that, and the old
    run keeps the record of its `earlier` process.
    """
    with _new_entry(name, "", why, home.stages(name)) as (entry, steps):
        model, runs = home.model_dir(name), home.run_dir(name)
        if model.exists():
            steps.append((model, entry.folder / "model"))
        if runs.exists():
            steps.append((runs, entry.folder / "runs"))
            if then:
                live = [file for file in (FILE, OUTPUT, ERRORS) if (runs / file).exists()]
                steps += [(entry.folder / "runs" / file, runs / file) for file in live]
        steps += then
    if then and earlier is not None:
        with locks.mutex():
            earlier.write(entry.folder / "runs")
    return entry


def throw_later_stages(
    name: str, stages: Sequence[str], why: str, then: Sequence[moves.Move], earlier: Job | None = None
) -> Entry:
    """Move these stages (all but base) and their run folders to the trash with a copy of base; see `throw_model`.

    The copy shares its large files with the original, so that the entry is complete and takes no extra space.
    """
    with _new_entry(name, "", why, home.stages(name)) as (entry, steps):
        model, runs = home.model_dir(name), home.run_dir(name)
        for source, target in ((model, entry.folder / "model"), (runs, entry.folder / "runs")):
            for path in _children(source):
                if path.name in home.ROOTS or (path.is_file() and (source == model or path.name == FILE)):
                    link_copy(path, target / path.name)
        live = {FILE, OUTPUT, ERRORS, *home.ROOTS}
        steps += [(model / stage, entry.folder / "model" / stage) for stage in stages]
        steps += [(path, entry.folder / "runs" / path.name) for path in _children(runs) if path.name not in live]
        if earlier is not None:
            earlier.write(entry.folder / "runs")
        steps += then
    return entry


def throw_stage(name: str, stage: str, why: str) -> Entry:
    """Move one stage and its run folder, or only the latter, to the trash."""
    with _new_entry(name, stage, why, [stage] if stage in home.stages(name) else []) as (entry, steps):
        pairs = [
            (home.stage_dir(name, stage), entry.folder / "model" / stage),
            (home.run_dir(name, stage), entry.folder / "runs" / stage),
        ]
        steps += [(source, target) for source, target in pairs if source.exists()]
    return entry


def clear_run(name: str, stage: str, why: str) -> Entry | None:
    """Clear the folder for a new run of a stage: finished work goes to the trash, the rest is removed."""
    folder = home.run_dir(name, stage)
    if is_worth_keeping(folder):
        return throw_stage(name, stage, why)
    shutil.rmtree(folder, ignore_errors=True)
    return None


# ---- out of the trash ------------------------------------------------------------------------------------------------


def entries() -> list[Entry]:
    """The entries in the trash, newest first."""
    found = []
    for path in _children(home.trash_dir()):
        saved = None if path.name.startswith(".") else read_json(path / ENTRY)
        if saved is None:  # not ours, or being moved
            continue
        try:
            found.append(Entry(**(saved | {"id": path.name, "stages": tuple(saved["stages"])})))
        except (TypeError, KeyError):  # not ours, or being moved
            continue
    return sorted(found, key=lambda entry: (entry.thrown, entry.id), reverse=True)


def find(ref: str) -> Entry:
    """The newest entry for NAME or NAME/STAGE, or the one with that id. Raises UserError if there is none."""
    everything = entries()
    name, _, stage = ref.partition("/")
    by_id = [entry for entry in everything if entry.id == ref]
    of_name = [entry for entry in everything if entry.name == name]
    wanted = by_id or [entry for entry in of_name if entry.stage == stage] or ([] if stage else of_name)
    if wanted:
        return wanted[0]
    if not everything:
        raise UserError(f"there is no {ref} in the trash, which is empty")
    there = ", ".join(dict.fromkeys(entry.ref for entry in everything))
    raise UserError(f"there is no {ref} in the trash; it holds {there} (`firstwords models --trash` lists it)")


def restore(entry: Entry, name: str) -> str:
    """Restore an entry as `name`, or as a stage of it, and return its REF. Raises UserError if that is taken."""
    with locks.mutex():
        if not entry.folder.exists():
            raise UserError(f"{entry.ref} is no longer in the trash")
        steps = _ways_back(entry, name)
        other = "" if name != entry.name else f", or add --as NEW to bring {entry.ref} back under another name"
        for _, target in steps:
            if target.exists():
                where = f"{name}/{target.name}" if entry.stage else name
                raise UserError(f"{where} already exists: move it away with `firstwords models delete {where}`{other}")
        if not steps:
            raise UserError(f"{entry.folder} is empty: there is nothing to restore")
        source, target = _appear(entry)
        with moves.renames() as renames:
            renames += [*steps, (target, source)]
        shutil.rmtree(entry.folder, ignore_errors=True)
    return f"{name}/{entry.stage}" if entry.stage else name


def _ways_back(entry: Entry, name: str) -> list[moves.Move]:
    """The renames that restore an entry; removes run folders without finished work that are in the way."""
    steps = []
    for kind, target in (("model", home.model_dir(name)), ("runs", home.run_dir(name))):
        source = entry.folder / kind
        if entry.stage:
            source, target = source / entry.stage, target / entry.stage
        if kind == "runs" and source.exists() and target.exists():
            worthy = is_worth_keeping(target) if entry.stage else kept_runs(name)
            if not worthy:
                shutil.rmtree(target)
        if kind == "model" and not entry.stage and target.is_dir() and not home.stages(name):
            shutil.rmtree(target)  # only records of promotions, of stages that no longer exist
        if source.exists():
            steps.append((source, target))
    return steps


def empty() -> tuple[int, int]:
    """Permanently delete everything in the trash: (number of entries, bytes freed)."""
    with locks.mutex():
        number, freed = len(entries()), size()
        for path in _children(home.trash_dir()):
            if not path.name.startswith("."):  # so that a kill leaves nothing that looks like an entry
                os.rename(path, path.with_name(f".{path.name}"))
        going = _children(home.trash_dir())
    for path in going:
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):  # something was added in the meantime
        home.trash_dir().rmdir()
    return number, freed


def size(folders: Iterable[Path] | None = None) -> int:
    """Bytes freed by deleting these folders (default: the whole trash), not counting files shared with others."""
    links: dict[int, list[int]] = {}
    for folder in [home.trash_dir()] if folders is None else folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                known = links.setdefault(status.st_ino, [0, status.st_nlink, status.st_size])
                known[0] += 1
    return sum(size for count, total, size in links.values() if count >= total)


# ---- inside ----------------------------------------------------------------------------------------------------------


def link_copy(source: Path, target: Path) -> None:
    """Copy a file or a folder; large files that are never modified in place are hard-linked if possible."""

    def copy(one: str, other: str) -> str:
        if one.endswith(LINKED):
            try:
                os.link(one, other)
                return other
            except OSError:  # another file system, or one without links
                pass
        return str(shutil.copy2(one, other))

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        copy_tree(source, target, copy)
    else:
        copy(str(source), str(target))


def copy_tree(
    source: Path, target: Path, copy: Callable[[str, str], Any] | None = None, without: Sequence[str] = ()
) -> None:
    """Copy a folder. Raises a UserError that names the first file that could not be copied."""
    try:
        shutil.copytree(source, target, copy_function=copy or shutil.copy2, ignore=shutil.ignore_patterns(*without))
    except shutil.Error as error:  # it lists all files that failed
        one, other, reason = error.args[0][0]
        raise UserError(f"cannot copy {one} to {other}: {reason}") from None


@contextmanager
def _new_entry(name: str, stage: str, why: str, stages: Sequence[str]) -> Iterator[tuple[Entry, list[moves.Move]]]:
    """A new entry and the list of renames that fill it, done at the end of the block, all or none.

    Its entry.json is renamed last: only then does the entry count as being in the trash.
    """
    with locks.mutex():
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now)) + f"-{name}" + (f"-{stage}" if stage else "")
        number, unique = 1, stamp
        while (home.trash_dir() / unique).exists():
            number, unique = number + 1, f"{stamp}-{number + 1}"
        entry = Entry(unique, name, stage, round(now, 3), why, tuple(stages))
        with moves.renames(undo=[entry.folder]) as steps:
            write_json(entry.folder / f".{ENTRY}", asdict(entry))
            yield entry, steps
            steps.append(_appear(entry))


def _appear(entry: Entry) -> moves.Move:
    return entry.folder / f".{ENTRY}", entry.folder / ENTRY


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def facts(entry: Entry) -> dict[str, Any]:
    """An entry for programs."""
    return asdict(entry) | {"ref": entry.ref, "bytes": size([entry.folder]), "restore": entry.restore}
