"""Start a command several times on this machine, as torchrun would, and watch the processes: `learn --nproc 2`.

torchrun reports a process that ends with a page of traces; this reports it with one sentence. It neither restarts nor
knows other machines: that is what torchrun is for.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import Any

from firstwords.config import UserError, flag_of, given

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 30.0  # for the others to end by themselves after one has


class Died(Exception):
    """A process was killed; the sentence for the user, and the exit code of a shell for that signal."""

    def __init__(self, signum: int, sentence: str) -> None:
        super().__init__(sentence)
        self.exit_code = 128 + signum


def words_of(config: Any, without: Sequence[str] = ()) -> list[str]:
    """The command line of a dataclass of flags: what the user gave, and what differs from the defaults."""
    words: list[str] = []
    for field in fields(config):
        value = getattr(config, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name in without or (value == default and field.name not in given(config)):
            continue
        if isinstance(value, bool):
            words.append(flag_of(field.name) if value else "--no-" + flag_of(field.name)[2:])
        elif isinstance(value, list):
            words += [flag_of(field.name), *map(str, value)]
        else:
            words += [flag_of(field.name), str(value)]
    return words


def start(command: Sequence[str], count: int) -> list[subprocess.Popen[bytes]]:
    """`python -m firstwords COMMAND` in `count` processes that will train together."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    team = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    threads = max(1, (os.cpu_count() or 1) // count)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ, **{key: str(value) for key, value in team.items()}}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "firstwords", *command],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(count)
    ]


def run(command: Sequence[str], count: int) -> None:
    """Run a command in `count` processes to the end. A signal to this process is passed on to them.

    Raises Died if a process was killed, and SystemExit with the main process's code if it failed, which has said why.
    """
    processes = start(command, count)

    def pass_on(signum: int, frame: object) -> None:
        for process in processes:
            with suppress(OSError):
                process.send_signal(signum)

    # Ctrl-C reaches them without help, since they are of the same terminal
    handlers = {signal.SIGTERM: pass_on, signal.SIGUSR1: pass_on, signal.SIGINT: lambda *_: None}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        _watch(processes)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all have ended, or end the others when one has failed."""
    failed: list[int] = []
    while not failed and any(process.poll() is None for process in processes):
        time.sleep(POLL_SECONDS)
        failed = [rank for rank, process in enumerate(processes) if process.poll() not in (None, 0)]
    if not failed:
        failed = [rank for rank, process in enumerate(processes) if process.poll()]
    if not failed:
        return
    killed = [rank for rank in failed if (processes[rank].returncode or 0) < 0]
    deadline = time.monotonic() + PATIENCE_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        if process.poll() is None:
            process.kill()
            process.wait()
    if killed:
        signum = -processes[killed[0]].returncode
        name = signal.Signals(signum).name
        raise Died(signum, f"process {killed[0]} was killed ({name}), so training stopped; --resume continues")
    raise SystemExit(processes[0].returncode or processes[failed[0]].returncode)


def check_count(count: int) -> None:
    """Raise UserError for an impossible number of processes."""
    if not 1 <= count <= 1024:
        raise UserError(f"--nproc is {count}, but it must be between 1 and 1,024")
