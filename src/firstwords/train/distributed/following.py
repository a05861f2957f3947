"""How one command runs on several processes: the main process runs it as usual, and the others join its stages.

When the main process is about to train, it *invites* the others: they run the same stage as a resumed run, from what
the main process has prepared on disk, up to the same point, and train with it. When the weights are gathered, the
others leave the stage and wait for the next invitation. So text is read once, and one process prints and writes.
All processes need the same FIRSTWORDS_HOME, on a shared file system if they are on several machines.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from firstwords.config import UserError
from firstwords.train.distributed import processes
from firstwords.train.distributed.processes import StageDone, is_lost

_stage: tuple[str, Any] | None = None  # (module, flags) of the stage that runs here
_has_joined = False  # whether this process is at the point where all of them train


@contextmanager
def stage(module: str, config: Any) -> Iterator[None]:
    """What other processes are invited to while the block runs."""
    global _stage
    before, _stage = _stage, (module, config)
    try:
        yield
    finally:
        _stage = before


def invite(to: tuple[str, Any] | None = None) -> None:
    """The main process is about to train: the others join. They are at this point too when they get here.

    to: (module, flags), by default those of `stage`.
    """
    global _has_joined
    if processes.is_main() and (to or _stage) is not None:
        processes.of_main(to or _stage)
    processes.wait_for_all()
    _has_joined = True


def run(command: Callable[[], Any]) -> int:
    """Run a command together with the other processes, and return its exit code."""
    with processes.joined():
        if not processes.is_main():
            return _follow()
        try:
            returned = command()
        except UserError:
            processes.last_message(2)
            raise
        except RuntimeError as error:
            if not is_lost(error):
                raise  # the others end when this process does
            raise UserError("another process ended or did not answer, so this one stopped too") from None
        code = returned if isinstance(returned, int) and not isinstance(returned, bool) else 0
        processes.last_message(code)
        return code


def _follow() -> int:
    """Join stages until the main process ends; returns its exit code."""
    global _has_joined
    while True:
        _has_joined = False
        try:
            message = processes.of_main(None)
            if isinstance(message, int):
                return message
            _join(*message)
        except StageDone:
            continue
        except UserError as error:
            if not _has_joined:  # else every process has met it, and the main one says it
                print(f"firstwords: process {processes.rank()}: {error}", file=sys.stderr, flush=True)
            return 2
        except Exception as error:
            code = getattr(error, "exit_code", None)
            if isinstance(code, int):  # a signal: the state is saved
                return code
            if not is_lost(error):
                traceback.print_exc()
            return 1


def _join(module: str, config: Any) -> None:
    """Run a stage as if it were resumed, without locks and records, which the main process has."""
    main = importlib.import_module(module).main
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            replacing = {"replace": False} if hasattr(config, "replace") else {}  # contradicts resume
            getattr(main, "__wrapped__", main)(replace(config, resume=True, **replacing))
        finally:
            sys.stdout = before
