"""Training from the page: `learn`, `align` and `compare` as separate processes.

A process and the server share only the run's folder: the process writes its progress there (`process.py`, `runlog.py`),
and the server reads it. So each survives the other, a restarted server finds running processes, and runs started in a
terminal can be watched and stopped too. Runs, like models, are shared by all users of a server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firstwords import home, process
from firstwords.config import UserError
from firstwords.keeping import locks
from firstwords.process import ERRORS, OUTPUT, Job
from firstwords.runlog import read_json
from firstwords.serve import tail
from firstwords.serve.errors import ApiError

LAST_WORDS_SECONDS = 5.0  # how long a process may take to exit after it has recorded its end
STOPPED = (130, -signal.SIGINT, 143, -signal.SIGTERM)  # exit codes of a process that was asked to stop
BEGUN = {  # what a command leaves in the run's folder to resume from
    "pretrain": "base/plan.json",
    "finetune": "sft/plan.json",
    "reward": "reward/config.json",
    "align": "align/align.json",
}
MADE = {"pretrain": "base", "finetune": "sft"}  # stages that exist only once the command is done with them


@dataclass
class Child:
    """A process started by this server."""

    process: subprocess.Popen[bytes]
    job: Job  # used until the process has written its own record
    is_settled: bool = False


@dataclass
class Jobs:
    """Starts, stops and describes runs. Its methods wait for the disk: don't call them on the event loop."""

    _children: dict[str, Child] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    num_watchers: int = 0

    # -- queries -------------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Names of all runs, most recently active first."""
        folder = home.home() / "runs"
        found = []
        for path in folder.iterdir() if folder.is_dir() else ():
            with suppress(UserError, OSError):  # an invalid name, or removed in the meantime
                if path.is_dir() and home.run_dir(path.name) == path:
                    marks = [path / process.FILE, path / ERRORS, path / "learn.json", *path.glob(f"*/{tail.LOG}")]
                    times = [mark.stat().st_mtime for mark in marks if mark.is_file()]
                    found += [(-max(times), path.name)] if times else []
        return [name for _, name in sorted(found)]

    def job(self, name: str) -> Job | None:
        """The process of a run, or its last one."""
        child = self._children.get(name)
        is_over = child is None or child.process.poll() is not None
        if child is not None and is_over:
            self._settle(name, child)
        recorded = process.read(home.run_dir(name))
        if child is not None and not is_over and (recorded is None or recorded.pid != child.job.pid):
            if child.job.is_alive:
                return child.job  # it has not yet written its record
            child.process.wait()  # it has just ended
            return self.job(name)
        if child is not None and not is_over and recorded is not None and recorded.state:
            with suppress(subprocess.TimeoutExpired):  # it has recorded its end and is about to write why
                child.process.wait(LAST_WORDS_SECONDS)
        return recorded

    def busy(self) -> str | None:
        """The name of a model that a process is currently working on."""
        at_work = (name for name in self.names() if (job := self.job(name)) and job.is_alive)
        return next(at_work, None) or next(iter(locks.holders()), None)

    def run(self, name: str) -> dict[str, Any]:
        """The description of a run. Raises ApiError 404."""
        if name not in self.names():
            raise ApiError(404, f"{name} has no run", "name", "run_not_found")
        return describe(name, self.job(name))

    # -- actions -------------------------------------------------------------------------------------------------------

    def start(self, name: str, words: list[str], folder: str = "") -> None:
        """Run `firstwords WORDS`. Raises ApiError 409 while another process trains: both would take longer than
        planned."""
        with self._lock:
            if (busy := self.busy()) is not None:
                at_work = locks.at_work(busy, locks.holder(busy) or self.job(busy))
                raise ApiError(409, f"{busy} is being trained: {at_work}; wait for it to end, or stop it", code="busy")
            run_dir = home.run_dir(name)
            run_dir.mkdir(parents=True, exist_ok=True)
            with open(run_dir / OUTPUT, "wb") as output, open(run_dir / ERRORS, "wb") as errors:
                child = subprocess.Popen(
                    [sys.executable, "-m", "firstwords", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    cwd=folder or None,
                )
            identity = process.identity(child.pid)
            options = {"resume": True} if "--resume" in words else {}  # until it writes all of them itself
            job = Job(words[0], options, child.pid, identity, round(time.time(), 3), folder or os.getcwd())
            self._children[name] = Child(child, job)
        threading.Thread(target=self._wait, args=(name, self._children[name]), daemon=True).start()

    def stop(self, name: str) -> None:
        """Ask the process to save and stop. Raises ApiError 409 if none is running."""
        job = self.job(name)
        if job is None or not job.is_alive:
            raise ApiError(409, f"no process is running for {name}", code="not_running")
        with suppress(ProcessLookupError):  # it ended in the meantime
            os.kill(job.pid, signal.SIGINT)

    def resume(self, name: str) -> None:
        """Resume an interrupted run. Raises ApiError 409 if it cannot be resumed."""
        job = self.job(name)
        words = resume_words(name, job)
        if words is None:
            raise ApiError(409, f"{name} has no run to resume", code="not_resumable")
        folder = job.folder if job is not None and Path(job.folder).is_dir() else ""
        self.start(name, words, folder)

    def _wait(self, name: str, child: Child) -> None:
        child.process.wait()
        self._settle(name, child)

    def _settle(self, name: str, child: Child) -> None:
        """Write the record of a process that ended before writing its own; once."""
        code, run_dir = child.process.returncode, home.run_dir(name)
        with self._lock:
            if child.is_settled:
                return
            child.is_settled = True
            recorded = process.read(run_dir)
            if code == 0 or (recorded is not None and recorded.pid == child.job.pid) or not run_dir.is_dir():
                return
            if code in STOPPED:
                child.job.close(run_dir, "stopped")
            elif code > 0:
                child.job.close(run_dir, "failed", said(run_dir) or f"it ended with exit code {code}")
            else:
                child.job.write(run_dir)  # killed: shown by a record without an end


# ---- command lines ---------------------------------------------------------------------------------------------------


def flags(values: dict[str, Any]) -> list[str]:
    """{"minutes": 2, "text": ["world"]} as command-line arguments; None, empty and False values are left out."""
    words: list[str] = []
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        if value is None or value is False or value == "":
            continue
        if isinstance(value, list):
            words += [flag, *map(str, value)]
        else:
            words.append(flag if value is True else f"{flag}={value}")
    return words


def resume_words(name: str, job: Job | None) -> list[str] | None:
    """The command line that resumes a run; None if there is nothing to resume, or the run is active."""
    if job is not None and job.is_alive:
        return None
    run_dir = home.run_dir(name)
    begun = BEGUN.get(job.command) if job is not None and job.state != "done" else None
    saved = read_json(run_dir / begun) if begun is not None else None
    is_made = job is not None and MADE.get(job.command) in home.stages(name)
    if job is not None and saved is not None and not saved.get("done") and not is_made:
        named = ["--name", name] if job.command == "pretrain" else [name]
        # the others, and align since it writes "config", store their flags themselves
        kept = job.options if job.command == "align" and "config" not in saved else {}
        return [job.command, *named, "--resume", *flags({k: v for k, v in kept.items() if k not in ("name", "resume")})]
    learned = learned_of(run_dir)
    if learned is not None and not learned["done"]:
        return ["learn", "--name", name, "--resume"]
    return None


# ---- descriptions of runs --------------------------------------------------------------------------------------------


def describe(name: str, job: Job | None) -> dict[str, Any]:
    """Everything about a run except its rows, read from its folder."""
    run_dir = home.run_dir(name)
    learned = learned_of(run_dir)
    is_running = job is not None and job.is_alive
    state = "running" if is_running else _state(name, job, learned)
    written = tail.stages(run_dir)
    stage = written[-1] if written else ""
    last = tail.last_row(run_dir, stage) if stage else None
    began = job.started if job is not None and is_running and not job.options.get("resume") else 0.0
    if last is not None and last.get("time", 0.0) < began:
        stage, last = "", None  # of an earlier run
    command = job.command if job is not None else "learn"
    started = job.started if job is not None else None
    found = {
        "name": name,
        "stage": stage,
        "command": command,
        "state": state,
        "options": job.options if job else {},
        "started": None if started is None else iso(started),
        "seconds": _seconds(job, last, is_running),
        "last": last,
        "error": _error(run_dir, job, state),
        "resumable": not is_running and resume_words(name, job) is not None,
        "result": None if is_running else result(run_dir, command),
    }
    return found | progress(state, job, learned, stage, last)


def learned_of(run_dir: Path) -> dict[str, Any] | None:
    """What `learn` recorded about its stages; None if there is nothing readable."""
    found = read_json(run_dir / "learn.json") or {}
    stages, seconds = found.get("stages"), found.get("seconds", {})
    is_whole = isinstance(stages, list) and isinstance(found.get("done"), bool) and isinstance(seconds, dict)
    is_timed = is_whole and set(stages or ()) | {"base", "sft", "rlhf"} <= set(seconds) and sum(seconds.values()) > 0
    return found | {"seconds": seconds if is_timed else None} if is_whole else None


def _state(name: str, job: Job | None, learned: dict[str, Any] | None) -> str:
    """done, stopped, failed or interrupted, for a run without a process."""
    if job is not None:
        return job.state or "interrupted"
    is_done = bool(learned.get("done")) if learned else bool(home.stages(name))
    return "done" if is_done else "interrupted"


def _seconds(job: Job | None, last: dict[str, Any] | None, is_running: bool) -> float | None:
    if job is None:
        return None
    end = time.time() if is_running else job.ended or (last or {}).get("time") or job.started
    return round(max(0.0, end - job.started), 1)


def _error(run_dir: Path, job: Job | None, state: str) -> str | None:
    if state == "failed" and job is not None:
        return job.error or said(run_dir) or None
    return None


def said(run_dir: Path) -> str:
    """The last line printed by a process, without the program's name."""
    lines = tail.last_lines(run_dir / ERRORS).splitlines()
    return lines[-1].removeprefix("firstwords: ") if lines else ""


def progress(
    state: str, job: Job | None, learned: dict[str, Any] | None, stage: str, last: dict[str, Any] | None
) -> dict[str, float | None]:
    """{fraction, seconds_left} of the whole command, and stage_fraction, stage_seconds_left; None where unknown."""
    done, left = (last or {}).get("fraction"), (last or {}).get("seconds_left")
    found = {"fraction": done, "seconds_left": left, "stage_fraction": done, "stage_seconds_left": left}
    options = job.options if job is not None else {}
    if state == "done":
        found |= {"fraction": 1.0, "seconds_left": 0.0}
    elif job is not None and job.command == "learn" and learned is not None and learned["seconds"]:
        planned = learned["seconds"]
        part = {"base": "base", "sft": "sft"}.get(stage, "rlhf")
        passed = sum(planned[name] for name in learned["stages"])
        if part not in learned["stages"] and stage != "reward":
            passed += planned[part] * (done or 0.0)
        total = sum(planned.values())
        found |= {"fraction": min(1.0, passed / total), "seconds_left": max(0.0, total - passed)}
    elif job is not None and job.command == "align" and not options.get("resume") and options.get("method") != "dpo":
        total = float(options.get("minutes") or 0) * 60
        if state == "running" and total:
            passed = time.time() - job.started
            found |= {"fraction": min(1.0, passed / total), "seconds_left": max(0.0, total - passed)}
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def result(run_dir: Path, command: str) -> dict[str, Any] | None:
    """The result of a comparison of two versions: of `compare`, at the end of `align`, or of a live lesson (`teach`).

    {win_rate, low, high, verdict, wins, ties, losses, n, ...}; for the last two also stage ("" if no version was made),
    before, promoted, reason, and in honesty and honesty_before the shares invented and refused.
    """
    if command == "compare":
        return read_json(run_dir / "compare.json")
    if command == "teach":
        return read_json(run_dir / "live" / "keep.json")
    aligned = read_json(run_dir / "align" / "align.json") or {}
    if not isinstance(aligned.get("made"), str) or not (aligned["made"] or aligned.get("done")):
        return None
    told = {"stage": aligned["made"], "before": aligned.get("before", ""), "promoted": aligned.get("promoted", False)}
    compared = (read_json(run_dir / aligned["made"] / "compare.json") or {}) if aligned["made"] else {}
    reason = aligned.get("reason", "")
    if typed := aligned.get("command"):  # meant for a terminal; the page has a button for it
        reason = reason.removesuffix(f": {typed}")
    return {"command": "align", "reason": reason} | compared | told


def iso(seconds: float) -> str:
    """A time in the page's format."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
