"""What every text goes through on its way in, wherever it comes from: one rule for line ends, no broken characters.

A line ends with `\\n`. Windows' `\\r\\n`, the `\\r` of old Macs and Unicode's line and paragraph separators (U+2028,
U+2029) become `\\n`; other white space (tabs, form feeds, U+0085) stays as it is. A lone half of a surrogate pair,
which no encoding can write, becomes "?".
"""

from __future__ import annotations

import re
from typing import Any

_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")


def unify_line_ends(text: str) -> str:
    """The text with `\\n` for every line end: unify_line_ends("a\\r\\nb\\rc") == "a\\nb\\nc"."""
    if "\r" in text or "\u2028" in text or "\u2029" in text:
        return _LINE_ENDS.sub("\n", text)
    return text


def clean_text(text: str) -> str:
    """One rule for line ends, and no lone surrogates."""
    return unify_line_ends(text if text.isascii() else text.encode("utf-8", "replace").decode())


def clean_row(value: Any) -> Any:
    """`clean_text` for every text within a row of a table, however nested; names of columns too."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_row(name): clean_row(item) for name, item in value.items()}
    if isinstance(value, list):
        return [clean_row(item) for item in value]
    return value
