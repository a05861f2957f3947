"""A disk that is full from the k-th write on, for a process that runs one command.

    full(3, "/home", "/tmp/count")      # the third write-like call in that folder fails, and every later one
    full(0, ...)                        # none fails; how many there were is written to the file of the count

Write-like is everything that needs space on a disk: opening a file to write, each write, creating a folder, renaming,
and in a database each statement that changes it. The errors are those of a real disk: ENOSPC, SQLITE_FULL, and the
message of safetensors' writer.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGING = {"INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "COMMIT", "BEGIN"}
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_open, _os_open, _connect = builtins.open, os.open, sqlite3.connect


class Disk:
    """Counts write-like calls; see the module's docstring."""

    def __init__(self, room: int, folder: str, is_lasting: bool) -> None:
        self.room, self.folder, self.is_lasting, self.count = room, os.path.realpath(folder), is_lasting, 0

    def holds(self, path: Any) -> bool:
        """Whether a path lies in the folder of this disk."""
        if isinstance(path, int):
            return False
        full = os.path.realpath(os.fsdecode(path))
        return full == self.folder or full.startswith(self.folder + os.sep)

    def is_full(self) -> bool:
        """Count one more write-like call."""
        self.count += 1
        return bool(self.room) and (self.count == self.room or (self.is_lasting and self.count > self.room))

    def spend(self, path: Any = None) -> None:
        """Raise OSError if the disk is full. As with a real disk, a failed write does not name the file."""
        if self.is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *([] if path is None else [os.fsdecode(path)]))


def full(room: int, folder: str, count: str, is_lasting: bool = True, then: str = "", **options: Any) -> None:
    """Install that disk in this process, then run another hook."""
    disk = Disk(room, folder, is_lasting)
    _patch_files(disk)
    _patch_names(disk)
    _patch_databases(disk)
    _patch_weights(disk)
    end = os._exit

    def counted(code: int) -> None:
        with _open(count, "w") as file:
            file.write(str(disk.count))
        end(code)

    os._exit = counted
    if then:
        module, _, function = then.partition(":")
        getattr(importlib.import_module(module), function)(**options)


def _patch_files(disk: Disk) -> None:
    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            disk.spend()
            return super().write(data)

    def opened(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not set(mode) & set("wax+") or not disk.holds(file):
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        disk.spend(file)
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

    def os_opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & WRITE_FLAGS and "dir_fd" not in more and disk.holds(path):
            disk.spend(path)
        return _os_open(path, flags, *rest, **more)

    builtins.open = io.open = opened
    os.open = os_opened


def _patch_names(disk: Disk) -> None:
    def starved(call: Callable[..., Any], place: int) -> Callable[..., Any]:
        def asked(*arguments: Any, **more: Any) -> Any:
            if disk.holds(arguments[place]):
                disk.spend(arguments[place])
            return call(*arguments, **more)

        return asked

    for name, place in (("replace", 1), ("rename", 1), ("mkdir", 0), ("link", 1), ("symlink", 1)):
        setattr(os, name, starved(getattr(os, name), place))
    from firstwords.model import hub

    hub.exchange = starved(hub.exchange, 1)


def _patch_databases(disk: Disk) -> None:
    def spend() -> None:
        if disk.is_full():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql.split(None, 1)[0].upper() in CHANGING:
                spend()
            return super().execute(sql, *arguments)

    def connected(database: Any, *arguments: Any, **more: Any) -> sqlite3.Connection:
        if isinstance(database, str | os.PathLike) and disk.holds(database):
            if not Path(database).exists():
                spend()
            more["factory"] = Connection
        return _connect(database, *arguments, **more)

    sqlite3.connect = connected


def _patch_weights(disk: Disk) -> None:
    from safetensors import SafetensorError

    for name in ("firstwords.model.hub", "firstwords.rlhf.version_store"):
        module = importlib.import_module(name)
        save = module.save_file

        def saved(tensors: Any, path: Any, *rest: Any, save: Any = save, **more: Any) -> None:
            if not disk.is_full():
                return save(tensors, path, *rest, **more)
            save(tensors, path, *rest, **more)
            os.truncate(path, 100)
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

        module.save_file = saved
