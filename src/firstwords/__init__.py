"""firstwords: anybody teaches a language model to talk on their own machine.

    import firstwords as fw

    print(fw.load("pip").chat("Who are you?"))

See `firstwords.api`, from which these names come when they are first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstwords.api import Distribution, Model, Token, learn, load
    from firstwords.config import UserError

__version__ = "0.1.0"
__all__ = ["Distribution", "Model", "Token", "UserError", "__version__", "learn", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'firstwords' has no attribute {name!r}")
    return getattr(importlib.import_module("firstwords.api"), name)


def __dir__() -> list[str]:
    return __all__
