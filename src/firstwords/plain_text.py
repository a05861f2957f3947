"""Clean text from files, command lines and requests, so that it can be stored and encoded; numbers with their nouns.

    clean_text("one\\r\\ntwo")        -> "one\\ntwo"
    without_surrogates("gate \\ud83d") -> "gate ?"

A line ends with `\\n`: Windows' `\\r\\n`, the `\\r` of old Macs and Unicode's line and paragraph separators (U+2028,
U+2029) become one; other white space (tabs, form feeds, U+0085) stays as it is.

A lone surrogate (half of a pair) is not a character: JSON can hold one ("\\\\ud83d"), and Python makes one of each
byte of a command line that is not UTF-8. No file, database or tokenizer accepts it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
_WHOLE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def clean_text(text: str) -> str:
    """The text with one kind of line end and without lone surrogates."""
    return without_surrogates(unify_line_ends(text))


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: counted(1, "row") == "1 row", counted(1200, "row") == "1,200 rows".

    plural: unless it is the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def unify_line_ends(text: str) -> str:
    """The text with `\\n` for every line end: unify_line_ends("a\\r\\nb\\rc") == "a\\nb\\nc"."""
    if "\r" in text or "\u2028" in text or "\u2029" in text:
        return _LINE_ENDS.sub("\n", text)
    return text


def clean_row(value: Any) -> Any:
    """`clean_text` for every text in a row of a table, however nested, including names of columns."""
    return in_all_texts(value, clean_text)


def without_surrogates(text: str) -> str:
    """The text with `?` for each lone surrogate; two halves that form a pair become their character."""
    return text if text.isascii() else _whole(text)


def in_all_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with `change` applied to each text in it, including names of fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [in_all_texts(each, change) for each in value]
    if isinstance(value, dict):
        return {in_all_texts(name, change): in_all_texts(each, change) for name, each in value.items()}
    return value


def json_text(data: Any, **options: Any) -> str:
    """JSON that can be written as UTF-8 and reads back equal. Characters are not escaped, unless the data holds a file
    name with invalid bytes; then everything that is not ASCII is."""
    text = json.dumps(data, ensure_ascii=False, **options)
    return text if without_surrogates(text) == text else json.dumps(data, **options)


def _whole(text: str) -> str:
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        text = _WHOLE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
        return text.encode("utf-8", "replace").decode()
