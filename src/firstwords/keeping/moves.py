"""Several renames as one: after a kill at any moment, all of them have happened or none has.

    with locks.mutex():
        together([(models/pip, trash/X/model), (runs/pip, trash/X/runs)], undo=[trash/X])

A list of the renames is written first (`home/work/moves/*.json`), then they are made one by one. The first one decides:
a list whose first rename was not made is dropped, and what had been prepared for it is removed; any other is carried
out to its end. `recover` does so, at the beginning of every command.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from firstwords import home
from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.runlog import read_json, write_json

Move = tuple[Path, Path]


def together(moves: Sequence[Move], undo: Sequence[Path] = ()) -> None:
    """Rename each source to its target, all or none. Call it under `locks.mutex`.

    Targets must not exist; their folders are made. `undo`: what was prepared for these renames and is removed where
    they do not happen. Raises UserError when the file system refuses one; everything is then where it was.
    """
    root = home.home()
    journal = home.work_dir("moves") / f"{uuid.uuid4().hex}.json"
    names = [[os.path.relpath(path, root) for path in move] for move in moves]
    made: list[Move] = []
    try:
        _check_free(moves[0][1])  # what is there after a kill tells that the first rename was made
        write_json(journal, {"moves": names, "undo": [os.path.relpath(path, root) for path in undo]})
        for source, target in moves:
            _check_free(target)
            _rename(source, target)
            made.append((source, target))
    except OSError as error:
        for source, target in reversed(made):
            _rename(target, source)
        _remove(undo)
        journal.unlink(missing_ok=True)
        raise UserError(f"cannot move {error.filename or 'files'} within {root}: {error.strerror or error}") from None
    journal.unlink()


def recover() -> None:
    """Finish, or drop, the renames of processes that were killed. Cheap where there are none."""
    if not any(_journals()):
        return
    with locks.mutex():
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


def try_recover() -> None:
    """`recover` for commands that only read: a home that cannot be written stays as it is."""
    with suppress(OSError, UserError):
        recover()


def _journals() -> Iterator[Path]:
    return home.work_dir("moves").glob("*.json")


def _check_free(target: Path) -> None:
    if target.exists():
        raise FileExistsError(errno.EEXIST, "it exists already", str(target))


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
