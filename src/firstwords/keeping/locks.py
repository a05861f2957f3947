"""Only one process at a time works on a model: trains it, renames it, deletes it, restores it.

    with held(["pip"], "learn"):
        ...                         # another process now gets an error with command, PID and time
    holder("pip")                   # the process that holds the lock: a process.Job, or None

The lock of NAME is `home/work/locks/NAME`. The kernel holds it (`flock`) and releases it when the process ends in any
way, so that a killed process or a reboot leaves nothing to clean up. The file's content names the holder. It is not in
the run folder, because run folders are moved while they are locked.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from firstwords import home, process
from firstwords.config import UserError
from firstwords.process import Job

try:
    import fcntl
except ImportError:  # not a POSIX system: the record in the file serves as the lock
    fcntl = None  # type: ignore[assignment]

MUTEX = ".moves"  # held for the milliseconds in which folders are renamed; not a valid model name
READ_SECONDS = 1.0  # a process that has just taken a lock writes its record within this time
BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class LockedError(UserError):
    """Another process is working on the model. `holder` is its record, None if it could not be read."""

    def __init__(self, name: str, holder: Job | None) -> None:
        super().__init__(f"{at_work(name, holder)}: wait until it ends, or stop it")
        self.holder = holder


def at_work(name: str, holder: Job | None) -> str:
    """Which process is working on a model, as the first half of a sentence."""
    if holder is None:
        return f"another firstwords process is working on {name}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.started))
    return f"`firstwords {holder.command}` is working on {name} (process {holder.pid}, since {since})"


def lock_path(name: str) -> Path:
    """The lock file of a model. Raises UserError for a name that could leave the folder."""
    return home.work_dir("locks") / home.model_dir(name).name


@contextmanager
def held(names: Sequence[str], command: str) -> Iterator[None]:
    """Hold the locks of these models while the block runs. Raises LockedError at once if one is taken."""
    with ExitStack() as stack:
        for name in sorted(set(names)):
            stack.enter_context(_held(name, command))
        yield


@contextmanager
def mutex() -> Iterator[None]:
    """Wait for, and hold, the lock for renaming folders in home. Its blocks never train or copy."""
    path = home.work_dir("locks") / MUTEX
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: renaming is still atomic
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def holder(name: str) -> Job | None:
    """The process that is working on a model now, or None."""
    found = _record(lock_path(name))
    return found if found is not None and found.is_alive else None


def holders() -> dict[str, Job]:
    """The working processes, by model."""
    folder = home.work_dir("locks")
    names = [path.name for path in folder.iterdir() if path.name != MUTEX] if folder.is_dir() else []
    return {name: found for name in names if (found := holder(name)) is not None}


@contextmanager
def _held(name: str, command: str) -> Iterator[None]:
    path = lock_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path, name)
    try:
        record = json.dumps(asdict(process.this(command, {}))).encode()
        os.ftruncate(descriptor, 0)
        os.write(descriptor, record)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: a process waiting for this file sees that it is gone
        os.close(descriptor)


def _locked(path: Path, name: str) -> int:
    """Open the lock file, take its lock and return the descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor, path)
            with suppress(FileNotFoundError):  # its last holder has just removed it
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise LockedError(name, _soon(path)) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Take the lock. Raises BlockingIOError if another process holds it."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in BUSY:
                raise BlockingIOError from None
    # a (network) file system without locks: the record of a living process counts as a lock
    if (found := _record(path)) is not None and found.is_alive and found.pid != os.getpid():
        raise BlockingIOError


def _soon(path: Path) -> Job | None:
    """The record of a process that has just taken the lock; waits until it is written."""
    deadline = time.monotonic() + READ_SECONDS
    while (found := _record(path)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _record(path: Path) -> Job | None:
    try:
        return process.job_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
