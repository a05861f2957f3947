"""firstwords: teach a language model to talk, on your own machine.

    import firstwords as fw

    print(fw.load("pip").chat("Who are you?"))

The names come from `firstwords.api` when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from firstwords.version import __version__

if TYPE_CHECKING:
    from firstwords.api import Distribution, Model, Token, learn, load
    from firstwords.config import UserError
    from firstwords.engine.rules.rules import Rules

__all__ = ["Distribution", "Model", "Rules", "Token", "UserError", "__version__", "learn", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'firstwords' has no attribute {name!r}")
    return getattr(importlib.import_module("firstwords.api"), name)


def __dir__() -> list[str]:
    return __all__
