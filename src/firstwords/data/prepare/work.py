"""The work of `firstwords data prepare`: shared out to processes and tasks, and continued after an interruption."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

from firstwords.config import UserError
from firstwords.data.prepare import duplicates, joining, pieces
from firstwords.data.prepare.parts import UNKNOWN_BYTES, Part, as_json, documents_of, list_parts
from firstwords.data.prepare.pieces import Job, aside_of, end_of, make, missing, summary_of
from firstwords.data.source_stats import SourceStats
from firstwords.runlog import Progress, read_json, say, write_json
from firstwords.tokenizer.fast import SAMPLE_BYTES, Tokenizer

SETTINGS, LOCK = "prepare.json", ".joining"
STRIDE_BYTES = 64_000_000  # a larger file is read by several processes, each of which makes some of its pieces
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Request:
    """What to prepare. task is one of `tasks`, numbered from 0; tokenizer: a folder, or None to learn a vocabulary."""

    sources: Sequence[str]
    out: Path
    tokenizer: Path | None = None
    vocab_size: int = 16_384
    dedup: str = "exact"
    max_mb: float = 0.0
    processes: int = 1
    task: int = 0
    tasks: int = 1


def prepare(request: Request) -> dict[str, Any] | None:
    """Do this task's share; the task that ends last joins the pieces. Returns the manifest, or None if other tasks are
    still at work. Raises UserError for impossible sources, or if `out` holds something else.
    """
    done = finished(request.out)
    if done is not None:
        _check_same(request, read_json(request.out / SETTINGS) or {}, None)
        rmtree(request.out / "pieces", ignore_errors=True)
        say(f"{request.out} is complete: nothing was changed")
        return done
    if request.dedup == "near":
        duplicates.check_near()
    stats = SourceStats()
    parts, licences = list_parts(request.sources, stats)
    for line in stats.lines():
        say(line)
    request.out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(request, parts)
    settings = _settings(request, parts, licences, tokenizer, stats.skipped_files)
    jobs = jobs_of(parts, request, settings["lanes"], settings["piece_chars"])
    _make_all(request, [job for job in jobs[request.task :: request.tasks] if missing(request.out, job)], len(jobs))
    with _alone(request.out):
        if (done := finished(request.out)) is None:
            if left := sum(missing(request.out, job) for job in jobs):
                say(f"this task is done; {left} of {len(jobs)} jobs are left to others, the last of which joins all")
                return None
            found = (end_of(request.out, number) for number in range(len(parts)))
            ends = [end for end in found if end is not None]
            assert len(ends) == len(parts)  # nothing is missing
            for line in summary_of(ends):
                say(line)
            say("joining the pieces")
            done = joining.join(request.out, parts, ends, tokenizer, settings)
            for leftover in request.out.glob(".tokenizer-*"):  # of a process that was killed
                rmtree(leftover, ignore_errors=True)
        rmtree(request.out / "pieces", ignore_errors=True)
        (request.out / LOCK).unlink(missing_ok=True)  # not before all is done: others may be waiting for this very file
    return done


def finished(out: Path) -> dict[str, Any] | None:
    """The manifest of a complete folder; None if the work is not finished. Raises UserError for another folder."""
    if (manifest := read_json(out / joining.MANIFEST)) is not None:
        if manifest.get("format") != joining.FORMAT:
            raise UserError(f"{out} holds a manifest.json of something else: give another --out")
        return manifest
    names = {path.name for path in out.iterdir() if path.name[0] != "."} if out.is_dir() else set()
    if names - {"tokenizer_config.json"} and not names & {SETTINGS, "tokenizer.json"}:
        raise UserError(f"{out} is not empty, and nothing was prepared there: give another --out")
    return None


def jobs_of(parts: Sequence[Part], request: Request, lanes: int, piece_chars: int) -> list[Job]:
    """All jobs, the largest first. A large part is shared by several processes: each reads it and makes some pieces.

    lanes: how many processes may share a part. Tasks take their jobs from the same list, so it must be the same in all.
    """
    max_bytes = int(request.max_mb * 1e6 / len(parts)) + 1 if request.max_mb else 0
    jobs = []
    for number, part in enumerate(parts):
        size = part.size or UNKNOWN_BYTES
        stride = max(1, min(lanes, -(-min(size, max_bytes or size) // STRIDE_BYTES)))
        is_near = request.dedup == "near"
        jobs += [Job(number, part, offset, stride, max_bytes, is_near, piece_chars) for offset in range(stride)]
    return sorted(jobs, key=lambda job: -job.part.size / job.stride)


# ---- settings and vocabulary -----------------------------------------------------------------------------------------


def _tokenizer(request: Request, parts: Sequence[Part]) -> Tokenizer:
    """The vocabulary that is already in `out`, the one that was named, or one that is learned from the sources."""
    if (request.out / "tokenizer.json").exists():
        found = Tokenizer.load(request.out)
        if request.tokenizer is not None and Tokenizer.load(request.tokenizer).hash != found.hash:
            raise UserError(f"{request.out} was begun with another tokenizer: give that one, or another --out")
        return found
    if request.tokenizer is not None:
        found = Tokenizer.load(request.tokenizer)
    elif request.tasks > 1:
        raise UserError(
            "--tasks needs --tokenizer, because all tasks must use the same vocabulary: `firstwords tokenizer train` "
            "makes one"
        )
    else:
        found = Tokenizer.train(_sample(parts), request.vocab_size)
        say(f"learned a vocabulary of {found.vocab_size:,} tokens")
    found.endoftext_id  # noqa: B018 (raises UserError for a tokenizer that can't separate documents)
    aside = aside_of(request.out / "tokenizer")
    found.save(aside)
    for name in ("tokenizer_config.json", "tokenizer.json"):  # the second marks that both are there
        os.replace(aside / name, request.out / name)
    aside.rmdir()
    return found


def _sample(parts: Sequence[Part]) -> Iterator[str]:
    """The beginning of every part, of SAMPLE_BYTES together."""
    for part in parts:
        left = SAMPLE_BYTES // len(parts) + 1
        try:
            for text in documents_of(part, SourceStats()):
                yield text[:left]
                left -= len(text)
                if left <= 0:
                    break
        except UserError:
            if part.is_named:
                raise


def _settings(
    request: Request, parts: Sequence[Part], licences: dict[str, str], tokenizer: Tokenizer, skipped_files: int
) -> dict[str, Any]:
    """Record what is prepared here, or compare it with what an earlier start or another task has recorded."""
    mine = {
        "sources": list(request.sources),
        "dedup": request.dedup,
        "max_mb": request.max_mb,
        "tokenizer": tokenizer.hash,
        "parts": as_json(parts),
        "licences": licences,
        "skipped_files": skipped_files,
        "piece_chars": pieces.PIECE_CHARS,
        "lanes": request.processes * request.tasks,
    }
    path = request.out / SETTINGS
    aside = aside_of(path)
    write_json(aside, mine)
    try:
        os.link(aside, path)  # fails if another task was first
    except FileExistsError:
        before = read_json(path)
        if before is None:
            raise UserError(f"{path} is damaged: remove {request.out} and start again") from None
        _check_same(request, before, mine)
        mine["piece_chars"] = before["piece_chars"]  # of the version that began
        mine["lanes"] = before.get("lanes", mine["lanes"])  # of the task that began: others may have more processes
    finally:
        aside.unlink(missing_ok=True)
    return mine


def _check_same(request: Request, before: dict[str, Any], mine: dict[str, Any] | None) -> None:
    """Raise UserError unless an earlier start had these settings and found the same files."""
    flags = {"sources": list(request.sources), "dedup": request.dedup, "max_mb": request.max_mb}
    for name, value in flags.items():
        if before.get(name, value) != value:
            shown = " ".join(before[name]) if name == "sources" else before[name]
            flag = "the sources" if name == "sources" else "--" + name.replace("_", "-")
            raise UserError(f"{request.out} was begun with {flag} {shown}: use the same, or give another --out")
    if mine is None or before["parts"] == mine["parts"]:
        return
    both = zip(before["parts"], mine["parts"], strict=False)
    other = next((new["path"] or new["source"] for old, new in both if old != new), "the number of files")
    raise UserError(f"the sources have changed since {request.out} was begun ({other}): give another --out")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Wait until no other task joins pieces in this folder."""
    with open(out / LOCK, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise UserError(f"{out} is on a file system without locks ({error.strerror}): use another one") from None
        yield


# ---- processes -------------------------------------------------------------------------------------------------------

_worker: tuple[Path, Tokenizer, Any, Any] | None = (
    None  # of this process: folder, vocabulary, bytes done, whether to stop
)


class _StopError(Exception):
    """The work was interrupted."""


def _make_all(request: Request, jobs: Sequence[Job], total: int) -> None:
    """Make the pieces of these jobs in `request.processes` processes."""
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    done, stop = context.Value("q", 0), context.Event()
    shares = total // request.tasks or 1
    with Progress("tokenising") as progress:
        show = _shower(progress, done, shares, shares - len(jobs))
        if request.processes == 1:
            _start(request.out, done, stop, None)
            for number, job in enumerate(jobs):
                _work(job, partial(show, number))
                show(number + 1)
            return
        pool = ProcessPoolExecutor(
            min(request.processes, len(jobs)), context, _start, (request.out, done, stop, os.getpid())
        )
        try:
            waiting: set[Future[None]] = {pool.submit(_work, job) for job in jobs}
            while waiting:
                ended, waiting = wait(waiting, POLL_SECONDS, FIRST_COMPLETED)
                for future in ended:
                    future.result()
                show(len(jobs) - len(waiting))
        except BrokenProcessPool:
            raise UserError(
                "a process was killed, perhaps because memory ran out: run the same command again, with fewer "
                "--processes; finished pieces are kept"
            ) from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _shower(progress: Progress, done: Any, total: int, before: int) -> Callable[[int], None]:
    started = time.monotonic()

    def show(count: int) -> None:
        megabytes = done.value / 1e6
        rate = megabytes / max(1e-9, time.monotonic() - started)
        progress.update(min(1.0, (max(0, before) + count) / total), mb=megabytes, mb_per_s=rate)

    return show


def _start(out: Path, done: Any, stop: Any, parent: int | None) -> None:
    """Set up a process that makes pieces; one with a parent ends with it, and leaves Ctrl-C to it."""
    global _worker
    _worker = (out, Tokenizer.load(out), done, stop)
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["RAYON_NUM_THREADS"] = "1"  # each process uses one core
    started_by = multiprocessing.parent_process()
    assert started_by is not None

    def end_with_parent() -> None:
        started_by.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _work(job: Job, shown: Callable[[], None] = lambda: None) -> None:
    assert _worker is not None
    out, tokenizer, done, stop = _worker

    def report(size: int) -> None:
        with done.get_lock():
            done.value += size
        shown()
        if stop.is_set():
            raise _StopError

    make(out, job, tokenizer, report)
