"""What the commands share: sampling parameters from flags, input and output.

Results go to stdout; remarks go to stderr; `--json` prints one JSON object on stdout and nothing else there.
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
    """SamplingParams, with their complaints turned into UserErrors about flags."""
    try:
        return api.sampling(**values)
    except UserError as error:
        name, rest = str(error).split(" ", 1)
        raise UserError(f"--{name.replace('_', '-')} {rest}") from None


def readable_input() -> None:
    """Have bytes of stdin that are not text read as replacement characters, not as an error. To be called before the
    first line is read; later calls change nothing."""
    if hasattr(sys.stdin, "reconfigure") and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")


def emit(result: dict[str, Any]) -> None:
    """Print the one JSON object of a command with --json."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def shown(text: str) -> str:
    """A piece of text in quotes, with line ends and odd characters visible: '" a\\n"'."""
    visible = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f'"{visible}"'
