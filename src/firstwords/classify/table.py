"""Rows of numbers in two classes, read from a CSV file. Axes: N rows, F features.

    table = read_csv("songs.csv", columns=("tempo", "energy"), label="genre")
    table = read_csv("songs.csv", classes=("playlist_genre=r&b", "playlist_subgenre=reggaeton"))

Unusable rows are left out, counted and reported with file and line; mistakes raise UserError.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from firstwords.config import UserError, nearest
from firstwords.data.readers import read_text

COLUMNS = ("tempo", "energy")
LABELS = ("genre", "label", "class")  # column names tried for the label
NAMES = ("title", "name", "track_name")  # column names tried for a row's name
MAX_NOTES = 5  # maximum number of bad rows reported in full
MIN_OF_A_CLASS = 2  # cross-validation trains on one and tests on the other


class Classifier(Protocol):
    """The interface of every step of the ladder, whether line or network."""

    def probability(self, x_NF: np.ndarray) -> np.ndarray:
        """Probability of the second class for each row, (N,)."""


@dataclass(frozen=True)
class Table:
    """x_NF numbers, y_N 0 or 1 (the index in `classes`); `names` is empty or names each row."""

    features: tuple[str, ...]
    classes: tuple[str, str]
    x_NF: np.ndarray
    y_N: np.ndarray
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # the first bad rows, with file and line
    bad: int = 0  # invalid rows that were left out
    other: int = 0  # rows of neither class
    repeated: int = 0  # rows equal to an earlier one

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each class: {"r&b": 10, "reggaeton": 10}."""
        return {name: int((self.y_N == number).sum()) for number, name in enumerate(self.classes)}

    def rows(self, indices: np.ndarray) -> Table:
        """The table with only these rows."""
        names = tuple(self.names[i] for i in indices) if self.names else ()
        return replace(self, x_NF=self.x_NF[indices], y_N=self.y_N[indices], names=names)

    def distinct(self) -> Table:
        """Each combination of name, numbers and class once: a song in ten playlists is still one song."""
        seen: dict[tuple, int] = {}
        for i, (x, y) in enumerate(zip(self.x_NF.tolist(), self.y_N.tolist(), strict=True)):
            seen.setdefault((self.names[i] if self.names else "", *x, y), i)
        kept = np.array(sorted(seen.values()), dtype=int)
        return replace(self.rows(kept), repeated=len(self.y_N) - len(kept))


def check_two_classes(table: Table, source: str) -> None:
    """Raise UserError unless both classes have enough rows for training and testing."""
    for name, count in table.counts.items():
        if count < MIN_OF_A_CLASS:
            raise UserError(
                f"{source} has {count} usable {'row' if count == 1 else 'rows'} of {name}; "
                f"each class needs at least {MIN_OF_A_CLASS}"
            )


def read_csv(path: str | Path, columns: Sequence[str] = (), label: str = "", classes: Sequence[str] = ()) -> Table:
    """Read two numeric columns and a label from a .csv or .csv.gz file.

    columns: the two numbers (default: tempo and energy, or the two other columns in a file of three).
    classes: the two classes, each a value of the label's column or COLUMN=VALUE; required if there are more than two.
    Raises UserError for a missing file or column, text in a numeric column, and anything but two classes.
    """
    reader = _Reader(Path(path).expanduser())
    columns, label = _choose_columns(reader, columns, label, classes)
    kinds = _conditions(reader, classes, label)
    found = _Found()
    for where, row in reader.rows():
        found.take(where, row, columns, label, kinds)
    found.check(reader.path, columns)
    names = _two_names(found, kinds, reader.path, label)
    y_N = np.array([names.index(kind) for kind in found.kinds])
    table = Table(
        tuple(columns),
        names,
        np.array(found.numbers),
        y_N,
        tuple(found.names),
        tuple(found.notes),
        found.bad,
        found.other,
    )
    check_two_classes(table, str(path))
    return table


class _Reader:
    """The rows of a CSV file as dictionaries, each with file:line."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path} does not exist: check the spelling")
        self.path = path
        text = "".join(read_text(path))
        self._reader = csv.DictReader(io.StringIO(text), strict=True)
        try:
            self.header = [name.strip() for name in self._reader.fieldnames or []]
        except csv.Error as error:
            raise UserError(f"{path}:1: {error}: write a header with commas between the names") from None
        self._reader.fieldnames = self.header
        if len(self.header) < 3:
            raise UserError(f"{path} has the columns {', '.join(self.header)}; two numbers and a label are needed")

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """(file:line, row) of every row; a row with too few or too many cells is kept as is."""
        try:
            for row in self._reader:
                yield f"{self.path.name}:{self._reader.line_num}", row
        except csv.Error as error:
            raise UserError(f"{self.path}:{self._reader.line_num}: {error}: repair the quotes") from None

    def check(self, column: str) -> str:
        """The column's name, if it exists."""
        if column not in self.header:
            close = nearest(column, self.header)
            hint = f"did you mean {close}?" if close else f"it has {', '.join(self.header)}"
            raise UserError(f"{self.path} has no column {column}; {hint}")
        return column


def _choose_columns(
    reader: _Reader, columns: Sequence[str], label: str, classes: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    header = reader.header
    if len(columns) not in (0, 2):
        raise UserError(f"--columns has {len(columns)} columns; two are needed, as in --columns tempo energy")
    by_conditions = len(classes) == 2 and all("=" in kind for kind in classes)
    if not label and not by_conditions:
        label = next((name for name in LABELS if name in header), header[-1] if len(header) == 3 else "")
        if not label:
            raise UserError(
                f"which column of {reader.path} contains the label? Choose it with --label, one of {', '.join(header)}"
            )
    if label:
        reader.check(label)
    if not columns:
        rest = [name for name in header if name != label]
        columns = COLUMNS if all(name in header for name in COLUMNS) or len(rest) != 2 else rest
    return tuple(reader.check(name) for name in columns), label


def _conditions(reader: _Reader, classes: Sequence[str], label: str) -> dict[str, tuple[str, str]]:
    """{name of the class: (column, value)}; empty if the label's two values are the classes."""
    if len(classes) not in (0, 2):
        raise UserError(f"--classes has {len(classes)} values; two are needed, as in --classes r&b reggaeton")
    kinds = {}
    for kind in classes:
        column, equals, value = kind.rpartition("=")
        kinds[value if equals else kind] = (reader.check(column) if equals else label, value if equals else kind)
    if classes and len(kinds) != 2:
        raise UserError(f"--classes names {next(iter(kinds))} twice; two different classes are needed")
    return kinds


@dataclass
class _Found:
    """The rows read so far."""

    numbers: list[list[float]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bad: int = 0
    other: int = 0

    def take(
        self, where: str, row: dict[str, str], columns: Sequence[str], label: str, kinds: dict[str, tuple[str, str]]
    ) -> None:
        """Read one row; a problem becomes a note."""
        try:
            kind = _kind_of(row, label, kinds)
            if kind is None:
                self.other += 1
                return
            self.numbers.append([_number(row, column) for column in columns])
        except ValueError as problem:
            self.bad += 1
            if len(self.notes) < MAX_NOTES:
                self.notes.append(f"{where}: {problem}")
            return
        self.kinds.append(kind)
        self.names.append(next((row[name] for name in NAMES if row.get(name)), ""))

    def check(self, path: Path, columns: Sequence[str]) -> None:
        """Raise UserError if so many rows are invalid that the column or file must be wrong."""
        total = self.bad + len(self.numbers)
        if not total:
            raise UserError(f"{path} contains no rows" + (" of these two classes" if self.other else ""))
        if self.bad > total / 2:
            raise UserError(
                f"{self.notes[0]}; in all, {self.bad} of {total} rows are unusable; "
                f"choose other --columns than {' '.join(columns)}, or repair the file"
            )


def _kind_of(row: dict[str, str], label: str, kinds: dict[str, tuple[str, str]]) -> str | None:
    """The class of a row, None if it is of neither; ValueError if it has none or both."""
    if not kinds:
        if not (value := (row[label] or "").strip()):
            raise ValueError(f"there is no {label}")
        return value
    fitting = [kind for kind, (column, value) in kinds.items() if (row[column] or "").strip() == value]
    if len(fitting) == 2:
        raise ValueError(f"the row is both {fitting[0]} and {fitting[1]}")
    return fitting[0] if fitting else None


def _number(row: dict[str, str], column: str) -> float:
    text = (row[column] or "").strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number" if text else f"there is no {column}") from None
    if not math.isfinite(value):
        raise ValueError(f"{column} is {text}, not a finite number")
    return value


def _two_names(found: _Found, kinds: Iterable[str], path: Path, label: str) -> tuple[str, str]:
    names = list(kinds) or sorted(set(found.kinds))
    if len(names) == 1:
        raise UserError(f"every row of {path} is {names[0]}; two classes are needed")
    if len(names) > 2:
        common = [name for name, _ in Counter(found.kinds).most_common(3)]
        raise UserError(
            f"{label} of {path} has {len(names)} values ({', '.join(common)} ...); choose two with --classes A B"
        )
    return names[0], names[1]
