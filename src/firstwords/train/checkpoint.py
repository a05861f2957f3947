"""Training state on disk: `step-N` directories of PyTorch distributed checkpoints, written aside and renamed.

    runs/NAME/base/checkpoints/step-400/{.metadata, __0_0.distcp, progress.json}
    runs/NAME/base/checkpoints/latest        the name of the newest complete one

A kill at any moment leaves either the old state or the new one, never a partial one. On a GPU, a copy of the state is
written by a thread while training continues.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from firstwords.config import UserError
from firstwords.model.hub import replace_directory
from firstwords.train.distributed import processes
from firstwords.train.learner import Learner

KEEP = 2  # newest checkpoints kept: the last one, and the one before in case the last is damaged
FAILURES = (Exception, CheckpointException)  # the second is a BaseException, so the first does not cover it


@dataclass
class _Saving:
    """A checkpoint that a thread is writing; `done` is completed once it has its name."""

    final: Path
    done: Future[None]


_saving: _Saving | None = None


def save(directory: Path, step: int, learner: Learner, progress: dict[str, Any], in_background: bool = False) -> Path:
    """Write `step-N` with the learner's state and `progress` (JSON: schedule decisions, tokens, seconds).

    in_background: copy the state and return while a thread writes it (see `finish`); the files are the same.
    Raises UserError if the disk is full or not writable; existing checkpoints are then unchanged.
    """
    global _saving
    finish()
    directory = Path(directory)
    is_writer = not learner.is_shared or processes.is_main()  # of everything but the other processes' parts
    pid = processes.of_main(os.getpid()) if learner.is_shared else os.getpid()
    final, aside = directory / f"step-{step}", directory / f".writing-{pid}"
    state, alone = learner.state_dict(), not learner.is_shared
    with _failures_of(final, aside):
        if is_writer:
            for leftover in directory.glob(".writing-*"):  # of a process that was killed while it wrote
                shutil.rmtree(leftover, ignore_errors=True)
            aside.mkdir(parents=True)
        if in_background:
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # what `alone` asks for
            group = None if alone else processes.saving_group()
            writing = dcp.async_save(state, checkpoint_id=str(aside), process_group=group, no_dist=alone)
            assert isinstance(writing, Future)
            complete = partial(_complete, aside, final, {"step": step} | progress) if is_writer else lambda: None
            _saving = _Saving(final, _after(writing, final, aside, complete))
            return final
        with _quiet():
            dcp.save(state, checkpoint_id=str(aside), no_dist=alone)
        if is_writer:
            _complete(aside, final, {"step": step} | progress)
    return final


def finish() -> None:
    """Wait for a checkpoint that is being written in the background. Raises UserError if it could not be saved."""
    global _saving
    saving, _saving = _saving, None
    if saving is not None:
        saving.done.result()


def _after(writing: Future[Any], final: Path, aside: Path, complete: Callable[[], None]) -> Future[None]:
    """Give the checkpoint its name as soon as all of it is written."""
    done: Future[None] = Future()

    def work(_: Future[Any]) -> None:
        try:
            with _failures_of(final, aside):
                writing.result()
                complete()
        except BaseException as error:  # raised again by `finish`
            done.set_exception(error)
        else:
            done.set_result(None)

    writing.add_done_callback(work)
    return done


def _complete(aside: Path, final: Path, progress: dict[str, Any]) -> None:
    """Add the progress to a written checkpoint, give it its name, and remove those that are not kept."""
    directory, step = final.parent, progress["step"]
    (aside / "progress.json").write_text(json.dumps(progress), encoding="utf-8")
    replace_directory(aside, final)
    pointer = directory / ".latest"
    pointer.write_text(final.name, encoding="utf-8")
    os.replace(pointer, directory / "latest")
    found = steps(directory)
    ahead = [other for other in found if other > step]  # found damaged at the start, or this run would be at that step
    for old in ahead + [other for other in found if other <= step][:-KEEP]:
        shutil.rmtree(directory / f"step-{old}", ignore_errors=True)
    for leftover in directory.glob(".step-*.old-*"):  # of a process that was killed between two renames
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _failures_of(final: Path, aside: Path) -> Iterator[None]:
    """Errors of the disk as UserErrors; what was written of the checkpoint is removed."""
    try:
        yield
    except FAILURES as error:  # DCP wraps OSError in its own exception
        shutil.rmtree(aside, ignore_errors=True)
        cause = _os_error(error)
        if cause is None:
            raise
        raise UserError(
            f"cannot save the checkpoint {final}: {cause.strerror or cause}; the previous checkpoint is untouched"
        ) from None


def steps(directory: Path) -> list[int]:
    """Steps of the complete checkpoints in a folder, oldest first."""
    complete = [path.name for path in Path(directory).glob("step-*") if (path / "progress.json").exists()]
    numbers = [name.removeprefix("step-") for name in complete]
    return sorted(int(number) for number in numbers if number.isdecimal())


def load_latest(directory: Path, learner: Learner) -> dict[str, Any] | None:
    """Restore the newest checkpoint into the learner and return its progress; None if there is none.

    A damaged newest checkpoint is reported and the one before it is used. Raises UserError if none can be read.
    """
    finish()
    for leftover in Path(directory).glob(".writing-*"):  # of a process that was killed while it wrote
        shutil.rmtree(leftover, ignore_errors=True)
    with suppress(OSError):
        (Path(directory) / ".latest").unlink()
    found = steps(directory)
    names = ", ".join(f"step-{step}" for step in found)
    for step in reversed(found):
        path = Path(directory) / f"step-{step}"
        try:
            return _load(path, learner)
        except FAILURES as error:
            warnings.warn(
                f"the checkpoint {path} is damaged ({type(error).__name__}); trying the one before", stacklevel=2
            )
    if found:
        raise UserError(
            f"no checkpoint in {directory} can be read ({names} are damaged): restore a copy of one, or start a new "
            "run under another name; nothing was changed"
        )
    return None


def _load(path: Path, learner: Learner) -> dict[str, Any]:
    progress = _progress(path / "progress.json")
    parameters = learner.state_dict()["model"]
    state: dict[str, Any] = {
        "model": {name: torch.empty_like(parameter) for name, parameter in parameters.items()},
        "optimizers": {},
        "num_skipped": 0,
    }
    # an optimizer has state only for parameters it has updated; the checkpoint's metadata lists them
    for key, entry in dcp.FileSystemReader(str(path)).read_metadata().state_dict_metadata.items():
        if key.startswith("optimizers."):
            name, what = key.removeprefix("optimizers.").rsplit(".", 1)
            assert isinstance(entry, TensorStorageMetadata)  # `Learner.state_dict` holds tensors only
            parameter, dtype = parameters[name], entry.properties.dtype
            if entry.size == parameter.shape:  # divided among processes as the parameter is
                tensor = torch.empty_like(parameter, dtype=dtype)
            else:
                tensor = torch.empty(entry.size, dtype=dtype, device=parameter.device)
            state["optimizers"].setdefault(name, {})[what] = tensor
    with _quiet():
        dcp.load(state, checkpoint_id=str(path), no_dist=not learner.is_shared)
    learner.load_state_dict(state)
    return progress


def _progress(path: Path) -> dict[str, Any]:
    """The progress that `save` wrote next to the tensors. Raises ValueError if the file holds anything else."""
    progress = json.loads(path.read_text(encoding="utf-8"))
    kinds = {"step": int, "tokens": int, "elapsed": int | float, "decisions": list, "state": dict}
    if not isinstance(progress, dict):
        raise ValueError(f"{path} does not hold a JSON object")
    for key, kind in kinds.items():
        if key in progress and not isinstance(progress[key], kind):
            raise ValueError(f"{key} in {path} is {progress[key]!r}")
    if "step" not in progress:
        raise ValueError(f"{path} lacks step")
    return progress


def _os_error(error: BaseException | None) -> OSError | None:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, OSError):
            return error
        failures = getattr(error, "failures", None)  # CheckpointException: {rank: (exception, traceback)}
        error = next(iter(failures.values()))[0] if failures else error.__cause__ or error.__context__
        seen += 1
    return None


@contextmanager
def _quiet():
    """Silence DCP's warning about running without a process group, which is intended in a single process."""
    logger = logging.getLogger("torch.distributed.checkpoint")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
