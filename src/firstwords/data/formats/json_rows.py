r"""Rows of JSON, whatever the file's name and layout.

    one row per line                                 {"text": "one"}\n{"text": "two"}
    an array, on one line or pretty-printed          [{"text": "one"}, {"text": "two"}]
    rows under a key of an object                    {"version": 1, "data": {"train": [{"text": "one"}]}}
    columns of an object (pandas, datasets)          {"text": ["one", "two"]}, {"text": {"0": "one", "1": "two"}}
    consecutive values (what jq writes)              {\n "text": "one"\n}\n{\n "text": "two"\n}

Lines are streamed. A document of up to WHOLE_CHARS is parsed as a whole; a longer one is streamed by the rows of its
array (ijson).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.formats.columns import TEXT_COLUMNS
from firstwords.data.formats.encoding import read_text
from firstwords.data.formats.opening import first_line, plain_name
from firstwords.plain_text import clean_row

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

WHOLE_CHARS = 32_000_000
BAD_ROWS = 100  # this many broken rows are tolerated,
BAD_SHARE = 0.01  # or this share of the rows, whichever is more
ROW_KEYS = ("data", "rows", "train", "examples", "items", "records", "instances", "documents", "conversations")
TEXT_KEYS = ("texts", "text", "sentences", "lines", "paragraphs", "stories")  # keys of lists of plain texts
ROLES = ("system", "developer", "user", "human", "assistant", "gpt", "model", "bot", "tool", "function")
MAX_DEPTH = 3  # of the path of keys to the rows
_PEEK_CHARS = 1_000_000  # of the first line

Keys = tuple[str, ...]


def json_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    """(place, row) of every row. Raises UserError for broken JSON, but tolerates a few broken lines."""
    for where, row in _line_rows(path, stats) if _is_lines(path) else _document_rows(path, stats):
        stats.rows += 1
        if isinstance(row, dict) and isinstance(row.get("row"), dict) and "row_idx" in row:
            row = row["row"]  # as the hub's dataset viewer returns rows
        yield where, clean_row(row)


# ---- lines -------------------------------------------------------------------------------------------------


def _is_lines(path: Path) -> bool:
    """Whether every line is a row of its own, judged by the first line."""
    first, has_more = _first_line(path)
    is_named_json = plain_name(path).endswith(".json")
    if len(first) >= _PEEK_CHARS:
        return has_more and not first.startswith("[")
    try:
        value = json.loads(first)
    except RecursionError:
        return not is_named_json
    except json.JSONDecodeError as error:
        ends_early = error.pos >= len(first.rstrip()) and has_more  # a document that spans several lines
        is_document = first.startswith(("[", "{")) and (ends_early or error.msg == "Extra data")
        return not is_document and not is_named_json
    return has_more or (not is_named_json and _is_plain_row(value))


def _first_line(path: Path) -> tuple[str, bool]:
    """(the first line that is not blank, or the beginning of a very long one; whether more follows)."""
    first, is_whole = "", False
    for chunk in read_text(path):
        if is_whole:
            if chunk.strip():
                return first, True
            continue
        if len(first) < _PEEK_CHARS or "\n" in chunk:
            first = (first + chunk).lstrip()
            first, line_end, rest = first.partition("\n")
            is_whole = bool(line_end)
            if rest.strip():
                return first, True
    return first, False


def _line_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    bad = good = 0
    first_problem = ""
    for number, line in enumerate(lines(read_text(path, stats)), start=1):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            bad += 1
            stats.rows += 1
            stats.skipped_rows += 1
            message = f"{path}:{number}: broken JSON ({getattr(error, 'msg', error)})"
            stats.note(message)
            first_problem = first_problem or message
            if bad > max(BAD_ROWS, BAD_SHARE * number):
                raise UserError(f"{message}, after {bad - 1} other broken rows: repair the file") from error
            continue
        good += 1
        yield f"{path}:{number}", row
    if bad and not good:
        raise UserError(f"{first_problem}, and no other row is readable: write one JSON row per line")


def lines(chunks: Iterator[str]) -> Iterator[str]:
    """A stream of text split at `\\n`, without the line ends."""
    pending: list[str] = []  # of a line longer than a chunk
    for chunk in chunks:
        first, *others = chunk.split("\n")
        pending.append(first)
        if others:
            yield "".join(pending)
            *whole, last = others
            yield from whole
            pending = [last]
    yield "".join(pending)


# ---- documents ---------------------------------------------------------------------------------------------


def _document_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    chunks = read_text(path, stats)
    head: list[str] = []
    size = 0
    for chunk in chunks:
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE_CHARS:
            rows = _streamed(path, stats, "".join(head[:1]).lstrip().startswith("["))
            break
    else:
        rows = iter(_rows_of(_values(path, "".join(head)), path, stats))
    for number, row in enumerate(rows, start=1):
        yield f"{path}:row {number}", row


def _values(path: Path, text: str) -> list[Any]:
    """The JSON values of a text, usually one."""
    decoder, values, place = json.JSONDecoder(), [], 0
    text = text.strip()
    try:
        while place < len(text):
            value, place = decoder.raw_decode(text, place)
            values.append(value)
            while place < len(text) and text[place].isspace():
                place += 1
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise UserError(f"{path}:{line}: broken JSON ({getattr(error, 'msg', error)}): repair the file") from error
    return values


def _rows_of(values: list[Any], path: Path, stats: SourceStats) -> list[Any]:
    if len(values) != 1:
        return values
    value = values[0]
    if isinstance(value, list):
        return [value] if _is_chat(value) else value
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file must contain a list of rows")
    if _is_row(value):
        return [value]
    if columns := _columns(value):
        return columns
    keys = _choose(_lists(value), path, stats)
    if not keys:  # named rows, or a single row
        named = list(value.values())
        return named if len(named) > 1 and all(isinstance(row, dict) for row in named) else [value]
    return _at(value, keys)


def _is_chat(value: Any) -> bool:
    """Whether a list is the messages of one chat."""
    return isinstance(value, list) and bool(value) and all(map(_is_turn, value))


def _is_turn(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    return str(item.get("role")).lower() in ROLES or ("from" in item and "value" in item)


def _is_row(value: dict[str, Any]) -> bool:
    names = (*TEXT_COLUMNS, "prompt", "instruction", "question", "chosen")
    has_text = any(isinstance(value.get(name), str) for name in names)
    return has_text or isinstance(value.get("mapping"), dict) or any(map(_is_chat, value.values()))  # ChatGPT's export


def _is_plain_row(value: Any) -> bool:
    """Whether the value on a file's only line is a row; otherwise its rows are under a common key, or it holds
    columns."""
    if not isinstance(value, dict):
        return not isinstance(value, list)
    holds_rows = any(keys[-1].lower() in ROW_KEYS and isinstance(_at(value, keys)[0], dict) for keys in _lists(value))
    return _is_row(value) or not (_columns(value) or holds_rows)


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value[key]
    return value


def _columns(value: dict[str, Any]) -> list[Any]:
    """Rows of an object whose values are columns: equally long lists of plain values, or {"0": ..., "1": ...}."""
    columns = [
        dict(enumerate(column)) if isinstance(column, list) else column if isinstance(column, dict) else {}
        for column in value.values()
    ]
    if not columns or not columns[0] or any(column.keys() != columns[0].keys() for column in columns):
        return []
    if any(isinstance(cell, dict) for column in columns for cell in column.values()):
        return []
    if not all(str(name).isdigit() for name in columns[0]):
        return []
    return [{name: column[row] for name, column in zip(value, columns, strict=True)} for row in columns[0]]


def _lists(value: dict[str, Any], above: Keys = ()) -> Counter[Keys]:
    """The number of rows that each list in an object would give, by its path of keys."""
    found: Counter[Keys] = Counter()
    for key, item in value.items():
        if isinstance(item, list) and item and _can_be_rows(key, isinstance(item[0], dict), isinstance(item[0], str)):
            found[(*above, key)] = len(item)
        elif isinstance(item, dict) and len(above) + 1 < MAX_DEPTH:
            found += _lists(item, (*above, key))
    return found


def _can_be_rows(key: str, are_objects: bool, are_texts: bool) -> bool:
    """Objects are rows under any key; lists, and even more so texts, often are not."""
    key = key.lower()
    return are_objects or key in ROW_KEYS or (are_texts and key in TEXT_KEYS)


def _choose(counts: Counter[Keys], path: Path, stats: SourceStats) -> Keys:
    """The list with the most rows, preferably under a common key; adds a remark if there is a choice."""
    if not counts:
        return ()
    usual = [keys for keys in counts if keys[-1].lower() in ROW_KEYS]
    best = max(usual or counts, key=lambda keys: counts[keys])
    others = ", ".join(".".join(keys) for keys in counts if keys != best)
    rest = f"; not read: {others}" if others else ""
    stats.remark("rows", f"{path}: the rows are those under {'.'.join(best)}{rest}")
    return best


class _Utf8:
    """A file opened for ijson: its text as UTF-8, whatever its encoding."""

    def __init__(self, path: Path, stats: SourceStats) -> None:
        self._chunks = read_text(path, stats)

    def read(self, size: int = -1) -> bytes:
        return b"" if size == 0 else next((chunk.encode("utf-8", "replace") for chunk in self._chunks if chunk), b"")


def _streamed(path: Path, stats: SourceStats, is_array: bool) -> Iterator[Any]:
    """The rows of a long document."""
    import ijson

    count = 0
    try:
        keys = () if is_array else _choose(_streamed_lists(path, stats), path, stats)
        if not is_array and not keys:
            raise UserError(f"{path}: the file must contain a list of rows")
        for row in ijson.items(_Utf8(path, stats), ".".join((*keys, "item")), use_float=True):
            count += 1
            yield row
    except ijson.JSONError as error:
        problem = f"{path}: broken JSON somewhere after row {count} ({first_line(error)})"
        raise UserError(f"{problem}: repair the file") from error


def _streamed_lists(path: Path, stats: SourceStats) -> Counter[Keys]:
    """`_lists` of a document that is too long for memory."""
    import ijson

    found: Counter[Keys] = Counter()
    for prefix, event, _ in ijson.parse(_Utf8(path, stats)):
        is_row = event in ("start_map", "string", "start_array")
        if is_row and prefix.endswith(".item") and ".item." not in prefix:
            keys = tuple(prefix.removesuffix(".item").split("."))
            if len(keys) <= MAX_DEPTH and _can_be_rows(keys[-1], event == "start_map", event == "string"):
                found[keys] += 1
    return found
