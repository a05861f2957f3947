"""Finds the column that holds the text, and yields the text of every row.

    FILE             the column with a common name (text, content, story ...), or else the one with the longest texts
    FILE:COLUMN      that column; `a.b` is b within a, and lists along the path contribute all their items

Two columns make one document only if they are two parts of it: a post's title and its text (selftext).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

TEXT_COLUMNS = (
    "text", "content", "story", "body", "selftext", "document", "article", "passage", "markdown", "chapter", "sentence",
    "raw_content", "maintext", "review", "review_text", "reviewtext", "review_body", "tweet", "comment", "abstract",
)  # fmt: skip
JOINED = {"selftext": "title"}  # the text of a post without its title lacks its beginning
CHATS = ("instruction", "prompt", "question")
WITHDRAWN = ("[deleted]", "[removed]")  # what Reddit and others write in place of a deleted text
SAMPLE_ROWS = 100  # read before a column is chosen
LONGER = 2.0  # a column is chosen by length if its texts are this many times as long as those of the next,
MIN_CHARS = 20  # and at least this long, on average


def column_texts(rows: Iterator[tuple[str, Any]], column: str | None, stats: SourceStats, source: str) -> Iterator[str]:
    """The text of every row; rows without text are counted and the first few noted.

    Raises UserError where no column can be chosen, or no row has text.
    """
    sample = list(islice(rows, SAMPLE_ROWS))
    column = column or _choose(sample, stats, source)
    num_found, first_problem, names = 0, "", ""
    for where, row in chain(sample, rows):
        if isinstance(row, str | dict):
            text = row if isinstance(row, str) else _row_text(row, column)
            problem = f"{where}: no text in column {column!r}" if column else f"{where}: the row is empty"
            names = f" (columns: {', '.join(map(str, row))})" if isinstance(row, dict) else names
        else:
            text = ""
            problem = f"{where}: a row must be a text or an object with a text column, not {type(row).__name__}"
        if text and not text.isspace():
            num_found += 1
            yield text
        else:
            stats.skipped_rows += 1
            stats.note(problem)
            first_problem = first_problem or problem
    if not num_found:
        if names and column:
            raise UserError(f"{source}: column {column!r} contains no text{names}: give one as {source}:COLUMN")
        raise UserError(f"{first_problem}; no row is usable" if first_problem else f"{source} contains no rows")


def _row_text(row: dict[str, Any], column: str) -> str:
    texts = [text for text in _leaves(row, column) if text.strip() not in WITHDRAWN]
    first = _value(row, JOINED.get(column.lower(), "")) if texts else None
    if isinstance(first, str) and first.strip():
        return f"{first.strip()}\n\n{texts[0]}"
    return "\n".join(texts)


def _leaves(value: Any, column: str) -> Iterator[str]:
    """All texts at a column or a path `a.b` of columns, in order; lists along the path are traversed."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, column)
    elif isinstance(value, dict):
        first, _, rest = column.partition(".")
        if column and (found := _value(value, column)) is not None:
            yield from _leaves(found, "")
        elif rest and (found := _value(value, first)) is not None:
            yield from _leaves(found, rest)
    elif isinstance(value, str) and not column:
        yield value


def _value(row: dict[str, Any], name: str) -> Any:
    """The cell of a column; case matters only if the name occurs in both spellings."""
    if name in row or not name:
        return row.get(name)
    return next((cell for key, cell in row.items() if str(key).lower() == name.lower()), None)


def _choose(sample: list[tuple[str, Any]], stats: SourceStats, source: str) -> str:
    """The column that holds the text; "" where the rows are texts themselves."""
    rows = [row for _, row in sample if isinstance(row, dict)]
    if not rows:
        return ""
    for name in TEXT_COLUMNS:
        if any(True for row in rows for _ in _leaves(row, name)):
            if name in JOINED and any(isinstance(_value(row, JOINED[name]), str) for row in rows):
                stats.remark("columns", f"{source}: {JOINED[name]} and {name} are read as one text")
            return name
    where = next(where for where, row in sample if isinstance(row, dict))
    _refuse_other_kinds(rows, where)
    for path in (f"{key}.{name}" for key, cell in rows[0].items() if isinstance(cell, dict) for name in TEXT_COLUMNS):
        if any(True for row in rows for _ in _leaves(row, path)):
            stats.remark("columns", f"{source}: the text is in column {path}")
            return path
    if unfilled := next((name for name in TEXT_COLUMNS if any(name in row for row in rows)), ""):
        return unfilled  # in the rows so far; numbers in such a column are refused when no row has text
    return _longest(rows, where, stats, source)


def _refuse_other_kinds(rows: list[dict[str, Any]], where: str) -> None:
    names = {str(name) for row in rows for name in row}
    num_texts = sum(any(isinstance(row.get(name), str) for row in rows) for name in names)
    has_messages = any(isinstance(row.get(name), list) for row in rows for name in ("messages", "conversations"))
    if {"chosen", "rejected"} <= names:
        kind, flag = "preferences", "--preferences"
    elif has_messages or (num_texts != 1 and names & set(CHATS)):
        kind, flag = "chats", "--chats"
    else:
        return
    raise UserError(f"{where}: these rows are {kind}: give the file to {flag}, or choose a column with FILE:COLUMN")


def _longest(rows: list[dict[str, Any]], where: str, stats: SourceStats, source: str) -> str:
    chars: Counter[str] = Counter()
    for row in rows:
        for name in row:
            chars[str(name)] += sum(map(len, _leaves(row, str(name))))
    ranked = [(name, size / len(rows)) for name, size in chars.most_common() if size]
    is_clear = len(ranked) == 1 or (len(ranked) > 1 and ranked[0][1] >= max(MIN_CHARS, LONGER * ranked[1][1]))
    if not is_clear:
        columns = ", ".join(chars) or "none"
        raise UserError(f"{where}: which column contains the text? Choose it with FILE:COLUMN, one of {columns}")
    why = ", which has the longest texts" if len(ranked) > 1 else ""
    stats.remark("columns", f"{source}: the text is in column {ranked[0][0]}{why}; choose another with FILE:COLUMN")
    return ranked[0][0]
