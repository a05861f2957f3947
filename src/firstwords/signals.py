"""SIGTERM and SIGUSR1 as an exception, for commands that close records and remove files before they end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = [signum for name in ("SIGTERM", "SIGUSR1") if (signum := getattr(signal, name, None)) is not None]


class Terminated(BaseException):
    """A signal arrived outside a training loop (inside one, `train.run` saves first). The exit code is 128 + signal."""

    def __init__(self, signum: int = signal.SIGTERM) -> None:
        super().__init__(f"stopped before it finished ({signal.Signals(signum).name})")
        self.exit_code = 128 + signum


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM and SIGUSR1 into an exception while the block runs, so that records are closed and temporary files
    removed. Does nothing if SIGTERM already has a handler, or outside the main thread.
    """

    def stop(signum: int, frame: object) -> None:
        raise Terminated(signum)

    is_free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not is_free or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, stop) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
