"""Write docs/cli.md, the help text of every command on one page.

    python docs/cli_reference.py            # after changing a flag or a help text
    python docs/cli_reference.py --check    # exits with 1 if the page is out of date

tests/cli/test_reference.py runs the check.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from pathlib import Path
from unittest import mock

from firstwords.cli import COMMANDS, main

PAGE = Path(__file__).with_name("cli.md")
COLUMNS = 100  # of the terminal that the help texts are laid out for
REFRESH = "python docs/cli_reference.py"
HEAD = f"""# Command reference

<!-- Written by `{REFRESH}`; do not edit. -->

The output of `firstwords COMMAND --help` for every command. Reporting commands take `--json`; every command takes
`--config FILE.toml`.
"""


def help_of(words: list[str]) -> str:
    """What `firstwords WORDS --help` prints in a terminal of COLUMNS columns, without colours.

    Raises RuntimeError if the command prints no help.
    """
    printed = io.StringIO()
    plain_terminal = {"COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain_terminal), contextlib.redirect_stdout(printed):
        try:
            code = main([*words, "--help"])
        except SystemExit as ended:
            code = ended.code
    if code not in (0, None) or not printed.getvalue().strip():
        raise RuntimeError(f"firstwords {' '.join(words)} --help printed no help (exit code {code})")
    lines = (line.rstrip() for line in printed.getvalue().strip("\n").splitlines())
    return "\n".join(lines)


@functools.cache
def reference() -> str:
    """The whole page, as it should be in PAGE."""
    sections = [("firstwords", [])] + [(f"firstwords {name}", name.split()) for name in COMMANDS]
    blocks = [f"## {title}\n\n```text\n{help_of(words)}\n```\n" for title, words in sections]
    return "\n".join([HEAD, *blocks])


def update(check_only: bool) -> int:
    """Write PAGE, or only compare it; returns the exit code."""
    page = reference()
    if check_only:
        is_current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page
        print(f"{PAGE.name} is {'up to date' if is_current else f'out of date: run `{REFRESH}`'}")
        return 0 if is_current else 1
    PAGE.write_text(page, encoding="utf-8")
    print(f"wrote {PAGE} ({len(COMMANDS)} commands)")
    return 0


if __name__ == "__main__":
    sys.exit(update("--check" in sys.argv[1:]))
