"""Shared by the commands: sampling parameters from flags, input and output.

Results go to stdout and remarks to stderr; with `--json`, stdout gets one JSON object and nothing else.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from firstwords import api
from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.engine.sampling import SamplingParams


def sampling(**values: Any) -> SamplingParams:
    """SamplingParams, with errors that name the flags."""
    try:
        return api.sampling(**values)
    except UserError as error:
        name, rest = str(error).split(" ", 1)
        raise UserError(f"--{name.replace('_', '-')} {rest}") from None


def readable_input() -> None:
    """Read bytes of stdin that are not text as replacement characters instead of raising an error. Call it before the
    first line is read; further calls change nothing."""
    if hasattr(sys.stdin, "reconfigure") and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")


def emit(result: dict[str, Any]) -> None:
    """Print the one JSON object of a command with --json."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def shown(text: str) -> str:
    """Text in quotes, with line ends and unprintable characters escaped: '" a\\n"'."""
    visible = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f'"{visible}"'
