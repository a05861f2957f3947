"""One process at a time works on a model: trains it, renames it, deletes it, restores it.

    with held(["pip"], "learn"):
        ...                         # another process that asks now gets one sentence with command, pid and time
    holder("pip")                   # who holds it right now: a process.Job, or None

The lock of NAME is `home/work/locks/NAME`. The kernel holds it (`flock`) and drops it when the process ends, however it
ends, so that a killed process or a reboot leaves nothing to clean up. Its content says who holds it. It lies beside the
run folder and not in it, because run folders are moved while they are locked.
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
except ImportError:  # not a POSIX system: the record in the file, made with O_EXCL, has to do
    fcntl = None  # type: ignore[assignment]

MUTEX = ".moves"  # held for the milliseconds in which folders are renamed; no model can have this name
READ_SECONDS = 1.0  # the winner of a race writes its record within this time
BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class LockedError(UserError):
    """Another process works on the model. `holder` is its record, None where it could not be read."""

    def __init__(self, name: str, holder: Job | None) -> None:
        super().__init__(f"{at_work(name, holder)}: wait for its end, or stop it")
        self.holder = holder


def at_work(name: str, holder: Job | None) -> str:
    """Who works on a model, as the first half of a sentence."""
    if holder is None:
        return f"another firstwords process is at work on {name}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.started))
    return f"`firstwords {holder.command}` is at work on {name} (process {holder.pid}, since {since})"


def lock_path(name: str) -> Path:
    """The lock file of a model. Raises UserError for a name that could leave the folder."""
    return home.work_dir("locks") / home.model_dir(name).name


@contextmanager
def held(names: Sequence[str], command: str) -> Iterator[None]:
    """Hold the locks of these models while the block runs. Raises LockedError at once where one is taken."""
    with ExitStack() as stack:
        for name in sorted(set(names)):
            stack.enter_context(_held(name, command))
        yield


@contextmanager
def mutex() -> Iterator[None]:
    """Wait for, and hold, the lock under which folders of home are renamed. Blocks of it never train or copy."""
    path = home.work_dir("locks") / MUTEX
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: renaming is atomic all the same
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def holder(name: str) -> Job | None:
    """The process that works on a model right now; None where there is none."""
    found = _record(lock_path(name))
    return found if found is not None and found.is_alive else None


def holders() -> dict[str, Job]:
    """The processes at work, by model."""
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
        path.unlink(missing_ok=True)  # while it is held: whoever waits for this very file sees that it is gone
        os.close(descriptor)


def _locked(path: Path, name: str) -> int:
    """A descriptor of the lock file that holds its lock."""
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
    """Raises BlockingIOError where another process holds the lock."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in BUSY:
                raise BlockingIOError from None
    # no locks here (a network file system without them): the record of a living process is taken for one
    if (found := _record(path)) is not None and found.is_alive and found.pid != os.getpid():
        raise BlockingIOError


def _soon(path: Path) -> Job | None:
    """The record of a process that has just taken the lock."""
    deadline = time.monotonic() + READ_SECONDS
    while (found := _record(path)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _record(path: Path) -> Job | None:
    try:
        return process.job_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
