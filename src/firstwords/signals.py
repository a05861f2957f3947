"""SIGTERM as an exception, for commands that have records to close and files to remove when they are asked to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM arrived outside of a training loop (inside, `train.run` saves first). Carries the exit code 143."""

    exit_code = 128 + signal.SIGTERM

    def __init__(self) -> None:
        super().__init__("stopped before it was done (SIGTERM)")


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception while the block runs, so that records are closed and files put aside are removed.

    Where someone else handles SIGTERM already, or outside of the main thread, nothing changes.
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
