"""Command lines in separate processes that start at once: children of a server that has imported everything.

    child = start(["next", "The cat"], home, log)
    child.wait() -> 0          child.kill() -> -9          child.said -> its stdout and stderr

`multiprocessing`'s fork server imports torch and the commands once, which takes three seconds of a processor; a child
is a fork of it, about as quick as a function call, and can be killed at any moment. A hook, named "module:function",
runs in the child before the command: it injects faults, or makes `learn` small. tests/cli starts real interpreters.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PRELOADED = "forks_preload"  # imports what every command needs
SECONDS = 300  # within which any command of these tests ends

# every run plans for this machine, so that nothing is measured and every plan is the same
MACHINE = '{"device": "cpu", "training_gflops": {"64": 20.0, "128": 30.0, "256": 40.0}}'


@dataclass
class Child:
    """A command at work, or one that has ended."""

    argv: list[str]
    process: ForkServerProcess
    log: Path
    errors: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return int(self.process.pid or 0)

    def wait(self, timeout: float = SECONDS) -> int:
        """Its exit code: that of the command, -9 for a child that was killed."""
        self.process.join(timeout)
        if self.process.is_alive():
            self.kill()
            raise AssertionError(f"{' '.join(self.argv)} did not end in {timeout} s: {self.said[-2000:]}")
        return int(self.process.exitcode)

    def done(self) -> tuple[int, str]:
        """(its exit code, what it said), when it has ended."""
        return self.wait(), self.said

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return None if self.process.is_alive() else int(self.process.exitcode)

    def send_signal(self, number: int) -> None:
        """Nothing happens to a child that has ended."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL; the exit code is 0 where it had ended before."""
        self.process.kill()
        self.process.join()
        return int(self.process.exitcode)

    def first_line(self, seconds: float = 60) -> str:
        """The first line of its stdout, as soon as it is there; what there is where the child has ended."""
        until = time.monotonic() + seconds
        while "\n" not in (text := _read(self.log)) and self.is_alive and time.monotonic() < until:
            time.sleep(0.01)
        return text.partition("\n")[0]

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    @property
    def said(self) -> str:
        """What it wrote so far: to stdout and stderr, or, where these are two files, to stderr."""
        return _read(self.errors)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def start(argv: list[str], home: Path, log: Path, env: dict[str, str] | None = None, **more: Any) -> Child:
    """Begin `firstwords ARGV` in that home, where MACHINE is known; more: see `start_call`."""
    environment = {"FIRSTWORDS_HOME": str(home), "FIRSTWORDS_MACHINE": MACHINE, **(env or {})}
    return start_call(_command, [str(word) for word in argv], log, env=environment, **more)


def start_call(
    function: Callable[[list[str]], int],
    argv: list[str],
    log: Path,
    hook: str = "",
    options: dict[str, Any] | None = None,
    typed: str = "",
    errors: Path | None = None,
    env: dict[str, str] | None = None,
) -> Child:
    """Begin a function of a module, which gets the words and returns the exit code; stdout and stderr go to `log`.

    typed: its stdin. errors: a file of its own for stderr. env: added to its environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})}
    arguments = (function, argv, str(log), str(errors or log), environment, hook, options or {}, typed)
    Path(log).unlink(missing_ok=True)  # nobody takes an earlier child's words for this one's
    process = _server().Process(target=_child, args=arguments, daemon=True)
    process.start()
    return Child(argv, process, Path(log), Path(errors or log))


@functools.cache
def _server() -> Any:
    """The fork server, begun with the path and the threads that it needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    kept = dict(os.environ)
    path = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "tests" / "faults"), os.environ.get("PYTHONPATH", "")]
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


def _command(argv: list[str]) -> int:
    from firstwords.cli import main

    return main(argv)


def _child(
    function: Callable[[list[str]], int],
    argv: list[str],
    log: str,
    errors: str,
    environment: dict[str, str],
    hook: str,
    options: dict[str, Any],
    typed: str,
) -> None:
    """The body of a child; never returns to multiprocessing, whose own end takes longer."""
    code = 1
    try:
        for descriptor, name in ((1, log), (2, errors)):
            if name != log or descriptor == 1:
                file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
            os.dup2(file, descriptor)
        sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
        sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
        sys.stdin = io.StringIO(typed)
        os.environ.clear()
        os.environ.update(environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if hook:
            module, _, name = hook.partition(":")
            getattr(importlib.import_module(module), name)(**options)
        code = function(argv)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
