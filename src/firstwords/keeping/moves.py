"""Several renames as one: after a kill at any moment, all of them have happened or none has.

    with locks.mutex(), moves.renames(undo=[trash/X]) as steps:
        write(trash/X/.entry.json)                                  # prepare what the renames need in the block
        steps += [(models/pip, trash/X/model), (runs/pip, trash/X/runs)]

A list of the renames is written first (`home/work/moves/*.json`), then they are done one by one. The first one decides:
a list whose first rename was not done is dropped, and what was prepared for it is removed; any other list is completed.
`recover` does this at the start of every command.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.runlog import read_json, write_json

Move = tuple[Path, Path]


@contextmanager
def renames(undo: Sequence[Path] = ()) -> Iterator[list[Move]]:
    """Collect renames in a list and do them at the end of the block, all or none. Use it under `locks.mutex`.

    Targets must not exist; their folders are created. `undo`: what the block prepares for these renames. It is removed
    if they do not happen: if the block raises, the process dies, or the file system refuses one of them. After a
    refusal everything is back in place, and a UserError gives the reason.
    """
    root = home.home()
    journal = home.work_dir("moves") / f"{uuid.uuid4().hex}.json"
    steps: list[Move] = []
    made: list[Move] = []

    def write() -> None:
        names = [[os.path.relpath(path, root) for path in move] for move in steps]
        write_json(journal, {"moves": names, "undo": [os.path.relpath(path, root) for path in undo]})

    try:
        if undo:
            write()
        yield steps
        _check_free(steps[0][1])  # after a kill, its existence shows that the first rename was done
        write()
        for source, target in steps:
            _check_free(target)
            _rename(source, target)
            made.append((source, target))
    except Exception as error:
        for source, target in reversed(made):
            _rename(target, source)
        _remove(undo)
        journal.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise UserError(f"cannot move {error.filename or 'files'} within {root}: {error.strerror or error}") from None
    journal.unlink()


def recover() -> None:
    """Finish or drop the renames of killed processes, and remove what they had prepared.

    Cheap if there is nothing to do.
    """
    if any(home.work_dir("moves").glob("*")):
        _finish_renames()
    for folder in home.work_dir("starting").glob("*"):  # only now: an unfinished rename may start there
        with suppress(locks.LockedError), locks.held([folder.name], "recover"):
            shutil.rmtree(folder, ignore_errors=True)


def try_recover() -> None:
    """`recover` for commands that only read: a read-only home is left unchanged."""
    with suppress(OSError, UserError):
        recover()


def _finish_renames() -> None:
    with locks.mutex():
        _remove(list(home.work_dir("moves").glob(".*.writing")))
        for journal in _journals():
            saved = read_json(journal)
            root = home.home()
            moves = [(root / source, root / target) for source, target in (saved or {}).get("moves", [])]
            has_begun = bool(moves) and moves[0][1].exists()
            for source, target in moves if has_begun else ():
                if source.exists() and not target.exists():
                    _rename(source, target)
            if not has_begun:
                _remove([root / path for path in (saved or {}).get("undo", [])])
            journal.unlink(missing_ok=True)


def _journals() -> Iterator[Path]:
    return home.work_dir("moves").glob("*.json")


def _check_free(target: Path) -> None:
    if target.exists():
        raise FileExistsError(errno.EEXIST, "it already exists", str(target))


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
