"""Which process works on a run: `job.json` in the run's folder, for whoever wants to watch, stop or resume it.

    with recorded(home.run_dir("pip"), "learn", asdict(config)):
        ...                                     # hours of training
    job = read(home.run_dir("pip"))
    job.is_alive, job.state                     # (True, ""), later (False, "done")

A process writes it itself, as it begins and as it ends. One that was killed leaves a record without an end, and is told
from another process that got its number by the time at which it started.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.runlog import read_json, write_json

ALLOCATOR_MARK = "FIRSTWORDS_ALLOCATOR"  # environment: 1 where `cli` has set up the allocator, 0 to leave it alone
FILE, OUTPUT, ERRORS = "job.json", "job.out", "job.err"  # the latter two: of a process that a server started
_STAT_START = 19  # of the fields behind the name in /proc/PID/stat (proc_pid_stat(5), number 22)
_recorded = False  # whether this process has its record: the stages of `learn` are part of its job
_earlier: Job | None = None  # the record that this process's has replaced


@dataclass(frozen=True)
class Job:
    """A command at work on a run, or the last one that was. Times are in seconds since 1970."""

    command: str
    options: dict[str, Any]
    pid: int
    identity: str
    started: float
    folder: str = ""  # where it was started, which relative paths refer to
    ended: float | None = None
    state: str = ""  # done, stopped, failed; "" as long as it has not come to its end
    error: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return not self.state and bool(self.identity) and identity(self.pid) == self.identity

    @property
    def is_whole(self) -> bool:
        """Whether its entries are of the right kinds, which those of a damaged record need not be."""
        texts = (self.command, self.identity, self.folder, self.state, self.error)
        times = (self.started, self.ended or 0.0)
        return (
            all(isinstance(text, str) for text in texts) and all(isinstance(time, int | float) for time in times)
            and isinstance(self.options, dict) and isinstance(self.pid, int)
        )  # fmt: skip

    def write(self, run_dir: Path) -> None:
        write_json(run_dir / FILE, asdict(self))

    def close(self, run_dir: Path, state: str, error: str = "") -> None:
        """Write down how it ended."""
        replace(self, ended=round(time.time(), 3), state=state, error=error).write(run_dir)


def read(run_dir: Path) -> Job | None:
    """The record of a run's last process; None where there is none that can be read."""
    return job_of(read_json(run_dir / FILE))


def job_of(saved: Any) -> Job | None:
    """The Job that `asdict` made this of; None for anything else."""
    names = {field.name for field in fields(Job)}
    try:
        job = Job(**{key: value for key, value in (saved or {}).items() if key in names})
    except (TypeError, AttributeError):
        return None
    return job if job.is_whole else None


def this(command: str, options: dict[str, Any]) -> Job:
    """A record of this process."""
    pid = os.getpid()
    return Job(command, options, pid, identity(pid), round(time.time(), 3), os.getcwd())


@contextmanager
def recorded(run_dir: Path, command: str, options: dict[str, Any]) -> Iterator[None]:
    """Keep the record of this process while the block runs. Inside another such block it does nothing."""
    global _recorded, _earlier
    if _recorded:
        yield
        return
    job, was_there, _earlier = this(command, options), run_dir.exists(), read(run_dir)
    _forget_output(run_dir)
    job.write(run_dir)
    _recorded = True
    try:
        yield
        job.close(run_dir, "done")
    except BaseException as error:
        with suppress(OSError):  # a full disk, say, which `error` tells of already
            job.close(run_dir, *_end(error))
        if not was_there and [path.name for path in run_dir.iterdir()] == [FILE]:  # a mistake before anything began
            (run_dir / FILE).unlink()
            run_dir.rmdir()
        raise
    finally:
        _recorded, _earlier = False, None


def is_recorded() -> bool:
    """Whether this process is inside a `recorded` block: what it does now is part of a larger command."""
    return _recorded


def earlier() -> Job | None:
    """The record that was in the run's folder before this process wrote its own."""
    return _earlier


def _end(error: BaseException) -> tuple[str, str]:
    """(state, what to tell): a stage that saved its state on a signal carries an exit code."""
    if isinstance(error, KeyboardInterrupt) or hasattr(error, "exit_code"):
        return "stopped", ""
    if isinstance(error, UserError | OSError):
        return "failed", str(error)
    return "failed", f"{type(error).__name__}: {error}"


def _forget_output(run_dir: Path) -> None:
    """Remove what an earlier process said, unless that file is where this one speaks to."""
    for number, name in ((1, OUTPUT), (2, ERRORS)):
        with suppress(OSError):
            if not os.path.samestat(os.fstat(number), (run_dir / name).stat()):
                (run_dir / name).unlink()


def identity(pid: int) -> str:
    """A text that no other process has, not even a later one with the same number; "" when there is none alive."""
    try:
        behind = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _asked(pid)
    except OSError:  # it ended while we looked
        return ""
    return "" if behind[0] in "ZX" else f"{boot} {behind[_STAT_START]}"


def _asked(pid: int) -> str:
    """The same where there is no /proc."""
    try:
        said = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    status, _, started = said.stdout.strip().partition(" ")
    return "" if status.startswith("Z") else started.strip()
