"""A hook for servers of tests: answers that can be watched, however fast the engine is."""

from __future__ import annotations

import time
from typing import Any


def one_token_at_a_time() -> None:
    """Every step of every engine gives each row one token, and takes two milliseconds or more."""
    from firstwords.engine import engine

    step = engine.Engine.step

    def slow(self: engine.Engine) -> Any:
        time.sleep(0.002)
        return step(self)

    engine.MAX_BURST = 1
    engine.Engine.step = slow  # type: ignore[method-assign]
