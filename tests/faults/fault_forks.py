"""Command lines in separate processes that start at once: children of a server that has imported everything.

    child = start(["next", "The cat"], home, log)
    child.wait() -> 0          child.kill() -> -9          child.said -> its stdout and stderr

`multiprocessing`'s fork server imports torch and the commands once; a child is a fork of it, about as quick as a
function call, and can be killed at any moment. A hook, named "module:function", runs in the child before the command:
it injects faults, or makes `learn` small.
"""

from __future__ import annotations

import functools
import importlib
import io
import multiprocessing
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

SRC = Path(__file__).resolve().parents[2] / "src"
PRELOADED = "fault_preload"  # imports what every command needs
SECONDS = 300  # within which any command of these tests ends


@dataclass
class Child:
    """A command at work, or one that has ended."""

    argv: list[str]
    process: ForkServerProcess
    log: Path
    started: float = field(default_factory=time.monotonic)

    def wait(self, seconds: float = SECONDS) -> int:
        """Its exit code: that of the command, -9 for a child that was killed."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.kill()
            raise AssertionError(f"{' '.join(self.argv)} did not end in {seconds} s: {self.said[-2000:]}")
        return int(self.process.exitcode)

    def done(self) -> tuple[int, str]:
        """(its exit code, what it said), when it has ended."""
        return self.wait(), self.said

    def kill(self) -> int:
        """SIGKILL; the exit code is 0 where it had ended before."""
        self.process.kill()
        self.process.join()
        return int(self.process.exitcode)

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    @property
    def said(self) -> str:
        """What it wrote to stdout and stderr so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def start(
    argv: list[str], home: Path, log: Path, hook: str = "", options: dict[str, Any] | None = None, typed: str = ""
) -> Child:
    """Begin `firstwords ARGV` in that home; stdout and stderr go to `log`, `typed` is its stdin."""
    context = _server()
    arguments = ([str(word) for word in argv], str(home), str(log), hook, options or {}, typed)
    process = context.Process(target=_child, args=arguments, daemon=True)
    process.start()
    return Child([str(word) for word in argv], process, log)


@functools.cache
def _server() -> Any:
    """The fork server, begun with the path and the threads that it needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    kept = dict(os.environ)
    path = [str(SRC), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))  # it imports from nowhere else
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # a fork of a process with busy threads could hang
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return context


def run(argv: list[str], home: Path, log: Path, **more: Any) -> tuple[int, str]:
    """(exit code, what it said) of a whole command."""
    return start(argv, home, log, **more).done()


def _child(argv: list[str], home: str, log: str, hook: str, options: dict[str, Any], typed: str) -> None:
    """The body of a child; never returns to multiprocessing, whose own end takes longer."""
    code = 1
    try:
        with open(log, "wb", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
        sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
        sys.stdin = io.StringIO(typed)
        os.environ["FIRSTWORDS_HOME"] = home
        os.environ["FIRSTWORDS_MACHINE"] = MACHINE
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from firstwords.cli import main

        if hook:
            module, _, function = hook.partition(":")
            getattr(importlib.import_module(module), function)(**options)
        code = main(argv)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


# every run plans for this machine, so that nothing is measured and every plan is the same
MACHINE = '{"device": "cpu", "training_gflops": {"64": 20.0, "128": 30.0, "256": 40.0}}'
