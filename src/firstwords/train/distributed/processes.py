"""The processes that train one model together: who is who, and a few numbers that they exchange.

    torchrun --nproc-per-node 8 -m firstwords pretrain mine ...

torchrun numbers the processes in their environment. Process 0 is the *main* one: it prints, reads the data the first
time, and writes all files. With one process, every function returns at once.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

from firstwords import runlog
from firstwords.process import team_place

T = TypeVar("T")
STEP_TIMEOUT = timedelta(minutes=10)  # within a step, for a process that hangs
WAIT_TIMEOUT = timedelta(days=30)  # between stages, while the main process reads, evaluates or reports
LOST = ("connection", "socket", "broken pipe", "timed out", "timeout", "gloo", "nccl")  # in such an error's message


class StageDone(Exception):
    """A stage is trained, and the rest of it (measuring, saving) is the main process's: see `following`."""


@dataclass(frozen=True)
class Team:
    """This process's number, how many there are, and groups: for numbers within steps, for waiting, and for
    checkpoints that are written while training continues.
    """

    rank: int
    size: int
    steps: Any
    waiting: Any
    saving: Any


_team: Team | None = None
_arrivals = 0  # exchanges that this process has got to


def size() -> int:
    """Number of processes."""
    return _team.size if _team else 1


def rank() -> int:
    """The number of this process, from 0."""
    return _team.rank if _team else 0


def is_main() -> bool:
    """Whether this process prints and writes."""
    return rank() == 0


@contextmanager
def joined() -> Iterator[Team]:
    """Join the other processes of this run while the block runs."""
    global _team, _arrivals
    number, count = team_place()
    local = int(os.environ.get("LOCAL_RANK", number))
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(local % torch.cuda.device_count())
    backends = "cpu:gloo,cuda:nccl" if has_gpu else "gloo"
    store, _, _ = next(dist.rendezvous("env://", number, count, timeout=STEP_TIMEOUT))
    own = dist.PrefixStore(name_of_start(store, number, count), store)
    dist.init_process_group(backends, store=own, rank=number, world_size=count, timeout=STEP_TIMEOUT)
    groups = (dist.new_group(backend="gloo", timeout=timeout) for timeout in (STEP_TIMEOUT, WAIT_TIMEOUT, STEP_TIMEOUT))
    _team, _arrivals = Team(number, count, *groups), 0
    wait_for_all()  # a process that left now would fail the others, which may still be connecting to it
    if number:
        runlog.silence()  # the main process says it for all
    try:
        yield _team
    finally:
        _team = None
        with suppress(RuntimeError):  # a process that is gone
            dist.destroy_process_group()


def name_of_start(store: dist.Store, number: int, count: int) -> str:
    """A name for this start of all processes, on which they agree; returns once all of them know it.

    When torchrun starts processes again it may keep its store, and with it the addresses of those that have died
    (PyTorch 2.13). So every process leaves a number that it has drawn, the main one lists them, and a list that all
    processes have found themselves in is the name.
    """
    drawn, until = secrets.token_hex(8), time.monotonic() + STEP_TIMEOUT.total_seconds()
    store.set(f"here/{number}", drawn)
    while time.monotonic() < until:
        if number == 0:
            store.set("start", "-".join(store.get(f"here/{n}").decode() for n in range(count)))
        name = store.get("start").decode()
        if drawn in name.split("-"):
            store.set(f"{name}/{number}", "known")
            if store.check([f"{name}/{n}" for n in range(count)]):
                return name
        time.sleep(0.02)
    raise RuntimeError(f"timed out: not all of the {count} processes have started")


def table(values: list[float]) -> np.ndarray:
    """The numbers of all processes, (size, len(values)), fp64."""
    if _team is None:
        return np.array([values], dtype=np.float64)
    arrive()
    own = torch.tensor(values, dtype=torch.float64)
    rows = [torch.empty_like(own) for _ in range(_team.size)]
    dist.all_gather(rows, own, group=_team.steps)
    return torch.stack(rows).numpy()


def arrive() -> None:
    """Note that this process has got to its next exchange, so that `late` can tell who has not."""
    global _arrivals
    if _team is not None:
        _arrivals += 1
        with suppress(RuntimeError):  # the process that keeps the notes is gone
            _notes().set(f"firstwords/{_team.rank}", str(_arrivals))


def late() -> list[int]:
    """The processes that had got least far, by what all of them last reported; [] if none is known to be behind."""
    if _team is None:
        return []
    names = [f"firstwords/{rank}" for rank in range(_team.size)]
    try:
        notes = _notes()
        if not notes.check(names):  # else `get` would wait for it
            return []
        counts = [int(notes.get(name)) for name in names]
    except (RuntimeError, ValueError):
        return []
    return [rank for rank, count in enumerate(counts) if count == min(counts) < max(counts)]


def _notes() -> Any:
    """The small table of texts that one process, or torchrun, keeps for all."""
    return dist.distributed_c10d._get_default_store()


def of_main(value: Any) -> Any:
    """The main process's value, on every process."""
    if _team is None:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, group=_team.waiting)
    return box[0]


def spread(work: Callable[[Sequence[int]], list[T]], count: int) -> list[T]:
    """`work(range(count))`, with the indices shared out to the processes; all get all results, in order."""
    if _team is None:
        return work(range(count))
    found: list[Any] = [None] * _team.size
    dist.all_gather_object(found, work(range(_team.rank, count, _team.size)), group=_team.steps)
    return [found[index % _team.size][index // _team.size] for index in range(count)]


def wait_for_all() -> None:
    """Wait until every process is here, however long one of them needs."""
    if _team is not None:
        dist.barrier(group=_team.waiting)


def saving_group() -> Any:
    """The group for checkpoints that are written in the background."""
    return _team.saving if _team else None


def last_message(value: Any) -> None:
    """`of_main` for the main process's last message: processes that are already gone do not matter."""
    with suppress(RuntimeError):
        of_main(value)


def is_lost(error: BaseException | None) -> bool:
    """Whether an error says that another process ended or does not answer."""
    return size() > 1 and isinstance(error, RuntimeError) and any(word in str(error).lower() for word in LOST)


def threads() -> int:
    """CPU threads for each process that shares this machine; 0 for a single process, which decides itself."""
    if _team is None:
        return 0
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", _team.size)))
