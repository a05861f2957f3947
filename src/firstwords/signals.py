"""SIGTERM as an exception, for commands that close records and remove files before they end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM arrived outside a training loop (inside one, `train.run` saves first). Has the exit code 143."""

    exit_code = 128 + signal.SIGTERM

    def __init__(self) -> None:
        super().__init__("stopped before it finished (SIGTERM)")


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception while the block runs, so that records are closed and temporary files removed.

    Does nothing if SIGTERM already has a handler, or outside the main thread.
    """

    def stop(signum: int, frame: object) -> None:
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
