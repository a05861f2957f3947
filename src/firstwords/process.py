"""The process that works on a run: recorded in the run's `job.json`, to watch, stop or resume it.

    with recorded(home.run_dir("pip"), "learn", asdict(config)):
        ...                                     # hours of training
    job = read(home.run_dir("pip"))
    job.is_alive, job.state                     # (True, ""), later (False, "done")

The process writes the record itself when it begins and when it ends. One that was killed leaves a record without an
end; its start time tells it apart from another process that later gets the same PID.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.runlog import read_json, write_json

ALLOCATOR_MARK = "FIRSTWORDS_ALLOCATOR"  # environment: 1 if `cli` has set up the allocator, 0 to leave it alone
FILE, OUTPUT, ERRORS = "job.json", "job.out", "job.err"  # the latter two: of a process that a server started
_STAT_START = 19  # start time: index among the fields after the name in /proc/PID/stat (proc_pid_stat(5), number 22)
_recorded = False  # whether this process has a record: the stages of `learn` are part of its job
_earlier: Job | None = None  # the record that this process's record replaced


@dataclass(frozen=True)
class Job:
    """A command that is working on a run, or the last one that did. Times are in seconds since 1970."""

    command: str
    options: dict[str, Any]
    pid: int
    identity: str
    started: float
    folder: str = ""  # its working directory, for relative paths
    ended: float | None = None
    state: str = ""  # done, stopped or failed; "" until it has ended
    error: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether exactly that process is still running."""
        return not self.state and bool(self.identity) and identity(self.pid) == self.identity

    @property
    def is_whole(self) -> bool:
        """Whether its entries have the right types, which may not be so in a damaged record."""
        texts = (self.command, self.identity, self.folder, self.state, self.error)
        times = (self.started, self.ended or 0.0)
        return (
            all(isinstance(text, str) for text in texts)
            and all(isinstance(time, int | float) for time in times)
            and isinstance(self.options, dict)
            and isinstance(self.pid, int)
        )

    def write(self, run_dir: Path) -> None:
        write_json(run_dir / FILE, asdict(self))

    def close(self, run_dir: Path, state: str, error: str = "") -> None:
        """Record how it ended."""
        replace(self, ended=round(time.time(), 3), state=state, error=error).write(run_dir)


def read(run_dir: Path) -> Job | None:
    """The record of a run's last process; None if there is none that can be read."""
    return job_of(read_json(run_dir / FILE))


def job_of(saved: Any) -> Job | None:
    """The Job from its `asdict` form; None for anything else."""
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
    """Keep the record of this process while the block runs. Does nothing inside another such block."""
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
        with suppress(OSError):  # such as a full disk, which `error` already reports
            job.close(run_dir, *_end(error))
        if not was_there and [path.name for path in run_dir.iterdir()] == [FILE]:  # an error before anything began
            (run_dir / FILE).unlink()
            run_dir.rmdir()
        raise
    finally:
        _recorded, _earlier = False, None


def is_recorded() -> bool:
    """Whether this process is inside a `recorded` block, so that its work is part of a larger command."""
    return _recorded


def earlier() -> Job | None:
    """The record in the run's folder before this process wrote its own."""
    return _earlier


def start_in_background(command: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Start a process that works without input and output and outlives this one; Ctrl-C does not reach it. None if it
    cannot be started.
    """
    null = subprocess.DEVNULL
    with suppress(OSError):
        child = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
        _background.append(child)
        return child
    return None


_background: list[subprocess.Popen[bytes]] = []  # kept, since a process that is forgotten while it runs is a warning


def _end(error: BaseException) -> tuple[str, str]:
    """(state, error text). An error with an exit code comes from a stage that saved its state on a signal."""
    if isinstance(error, KeyboardInterrupt) or hasattr(error, "exit_code"):
        return "stopped", ""
    if isinstance(error, UserError | OSError):
        return "failed", str(error)
    return "failed", f"{type(error).__name__}: {error}"


def _forget_output(run_dir: Path) -> None:
    """Remove an earlier process's output files, unless this process writes to them."""
    for number, name in ((1, OUTPUT), (2, ERRORS)):
        with suppress(OSError):
            if not os.path.samestat(os.fstat(number), (run_dir / name).stat()):
                (run_dir / name).unlink()


def return_memory() -> None:
    """Return unused memory to the system: the allocator that training sets up keeps whatever it has once used."""
    with suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def cores() -> int:
    """The cores that this process may use, or all where the system does not say (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_flags() -> frozenset[str]:
    """The processor's instruction sets, by the names of Linux ("avx2", "avx512f"); empty on other systems."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith(("flags", "features")):
                return frozenset(line.partition(":")[2].split())
    return frozenset()


def team_place() -> tuple[int, int]:
    """(number of this process, how many train together), from the environment that torchrun sets; (0, 1) without."""
    try:
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1


def may_resume() -> bool:
    """Whether this command line may have been started before and should then continue its run: torchrun (with
    --max-restarts) and Slurm (with --requeue) count the restarts, and FIRSTWORDS_RESUME=auto says so for others.
    """
    counts = (os.environ.get(name, "0") for name in ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"))
    return os.environ.get("FIRSTWORDS_RESUME") == "auto" or any(count not in ("", "0") for count in counts)


def identity(pid: int) -> str:
    """A text unique to this process, even if its PID is reused later; "" if no such process is alive."""
    try:
        behind = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _asked(pid)
    except OSError:  # it ended in the meantime
        return ""
    return "" if behind[0] in "ZX" else f"{boot} {behind[_STAT_START]}"


def _asked(pid: int) -> str:
    """`identity` on systems without /proc."""
    try:
        said = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    status, _, started = said.stdout.strip().partition(" ")
    return "" if status.startswith("Z") else started.strip()
