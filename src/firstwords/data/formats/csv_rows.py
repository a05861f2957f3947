"""Rows of .csv and .tsv files; detects the delimiter, the quoting, and whether there is a header.

Every dialect is tried on the beginning of the file with the csv module's strict mode; the one in which most rows have
as many cells as the first is used. Rows with a different number of cells are counted and skipped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from firstwords.config import UserError
from firstwords.data.formats.columns import TEXT_COLUMNS
from firstwords.data.formats.encoding import read_text
from firstwords.data.formats.json_rows import BAD_ROWS, BAD_SHARE, lines
from firstwords.data.formats.opening import plain_name
from firstwords.plain_text import clean_text

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

SAMPLE_LINES, SAMPLE_CHARS = 200, 1_000_000
MIN_SHARE = 0.5  # of rows that must have as many cells as the first one
LONGER_THAN_NAME = 2.0  # if a column's texts are this much longer on average than its first cell, that cell is a name
MAX_NAME = 40  # characters of a column's name
OTHER_NAMES = {  # names that only occur in a header
    "id",
    "label",
    "title",
    "prompt",
    "response",
    "chosen",
    "rejected",
    "completion",
    "question",
    "answer",
    "instruction",
    "output",
    "url",
    "date",
    "sentiment",
    "category",
    "author",
    "system",
    "input",
    "rating",
    "score",
    "target",
    "user",
}


@dataclass(frozen=True)
class _Form:
    delimiter: str
    quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL
    escapechar: str | None = None  # a quote within quotes is \\" rather than ""

    def reader(self, text_lines: Iterable[str], strict: bool = False) -> Any:
        return csv.reader(
            text_lines,
            delimiter=self.delimiter,
            quoting=self.quoting,
            doublequote=self.escapechar is None,
            escapechar=self.escapechar,
            strict=strict,
        )


def csv_rows(path: Path, stats: SourceStats) -> Iterator[tuple[str, Any]]:
    """(file:line, {column: cell}) of every row; the columns of a file without a header are called 1, 2, 3 ...

    Raises UserError if most rows do not match the first one.
    """
    csv.field_size_limit(2**31 - 1)
    stream = (line + "\n" for line in lines(read_text(path, stats)))
    head = _head(stream)
    next_line = next(stream, None)
    declared = head.pop(0)[4:-1] if head and re.fullmatch("sep=.\n", head[0], re.I) else ""  # as Excel writes it
    usual = declared or ("\t" if plain_name(path).endswith(".tsv") else ",")
    form = _form(head, usual, is_cut=next_line is not None)
    sample = [row for row in _parsed(head, form) if any(row)]
    names = _header(sample)
    has_header = bool(names)
    if sample and not has_header:
        names = [str(number + 1) for number in range(len(sample[0]))]
        stats.remark("columns", f"{path}: there is no header; the columns are called 1 to {len(names)}")
    yield from _fitting(path, stats, form, chain(head, [next_line or ""], stream), names, has_header)


def _head(stream: Iterator[str]) -> list[str]:
    head: list[str] = []
    size = 0
    for line in stream:
        head.append(line)
        size += len(line)
        if len(head) >= SAMPLE_LINES or size > SAMPLE_CHARS:
            break
    return head


def _fitting(
    path: Path, stats: SourceStats, form: _Form, text_lines: Iterable[str], names: list[str], has_header: bool
) -> Iterator[tuple[str, Any]]:
    """The rows with one cell per name; the others are counted."""
    reader = form.reader(text_lines)
    bad = number = 0
    try:
        for cells in reader:
            if not any(cells):
                continue
            number += 1
            if has_header and number == 1:
                continue
            stats.rows += 1
            where = f"{path}:{reader.line_num}"
            if len(names) == 1:  # the texts themselves contain the delimiter
                cells = [form.delimiter.join(cells)]
            if len(cells) == len(names):
                yield where, {name: clean_text(cell) for name, cell in zip(names, cells, strict=True)}
                continue
            bad += 1
            stats.skipped_rows += 1
            problem = f"{where}: the row has {len(cells)} cells instead of {len(names)}"
            stats.note(problem)
            if bad > max(BAD_ROWS, BAD_SHARE * number):
                raise UserError(f"{problem}, as do {bad - 1} rows before it: repair the file")
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: {error}: repair the file") from error


def _form(head: list[str], usual: str, is_cut: bool) -> _Form:
    """How the cells are separated and quoted. `usual`: the delimiter that the file's extension suggests."""
    text = "".join(head)
    forms: list[_Form] = []
    for delimiter in dict.fromkeys((usual, ",", ";", "\t", "|")):
        has_quoted = re.search(rf'(?:^|{re.escape(delimiter)})"', text, re.M) is not None
        if has_quoted or delimiter != "\t":  # texts between tabs are mostly not quoted, and some begin with a quote
            forms.append(_Form(delimiter))
        if has_quoted and '\\"' in text:
            forms.append(_Form(delimiter, escapechar="\\"))
        forms.append(_Form(delimiter, csv.QUOTE_NONE))
    fits = {form: _fit(_parsed(head, form, True, is_cut), form.delimiter) for form in forms}
    best = max(forms, key=lambda form: fits[form])  # the first on ties
    if fits[best][0] >= MIN_SHARE:
        return best
    return next((form for form in forms if _parsed(head, form, True, is_cut)), _Form(usual, csv.QUOTE_NONE))


def _fit(sample: list[list[str]], delimiter: str) -> tuple[float, int]:
    """(share of rows with as many cells as the first, 0 if that has only one; number of rows if tab-separated).

    For tab-separated tweets, more rows are better: two stray quotes merge two rows into one cell, and the number of
    cells still matches. In comma-separated files, quotes are hardly ever stray.
    """
    rows = [row for row in sample if any(row)]
    if not rows or len(rows[0]) < 2:
        return 0.0, 0
    num_fitting = sum(len(row) == len(rows[0]) for row in rows)
    return num_fitting / len(rows), len(rows) if delimiter == "\t" else 0


def _parsed(head: list[str], form: _Form, strict: bool = False, is_cut: bool = True) -> list[list[str]]:
    """The sample's rows; strict: none if the quotes do not match, except that a cut sample may end within a cell."""
    reader = form.reader(head, strict)
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error:
        return rows if is_cut and reader.line_num >= len(head) and len(rows) > 1 else []
    return rows


def _header(sample: list[list[str]]) -> list[str]:
    """The names in the first row, [] if it is an ordinary row."""
    if not sample:
        return []
    first, *rows = ([cell.strip() for cell in row] for row in sample)
    named = [cell.lower() for cell in first if cell]
    if not named or len(set(named)) < len(named) or any(len(cell) > MAX_NAME or _is_number(cell) for cell in named):
        return []
    rows = [row for row in rows if len(row) == len(first)]
    names = [cell or f"column {number}" for number, cell in enumerate(first, start=1)]
    if {*TEXT_COLUMNS, *OTHER_NAMES} & set(named):
        return names
    for number, cell in enumerate(first if rows else []):
        cells = [row[number] for row in rows]
        if all(map(_is_number, cells)) or sum(map(len, cells)) / len(cells) > LONGER_THAN_NAME * max(len(cell), 5):
            return names
    return []


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,]+(?:e[-+]?\d+)?%?", cell, re.I) is not None
