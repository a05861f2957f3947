"""The log of people's judgements: one append-only SQLite table in home, shared by all interfaces.

    store = PreferenceStore()
    store.add(Judgement(prompt, "Tom is twelve.", "Tom is a cat.", verdict="left", model="pip"))
    store.preferences(model="pip")    -> [Preference(...)]

Rows are never changed or removed (triggers prevent it): judgements are permanent. Several processes may write at the
same time; each row is written completely or not at all, even if the process is killed.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.database import damaged_row, database_path, opened
from firstwords.preferences.pairs import self_consistency
from firstwords.preferences.records import PAIR_VERDICTS, THUMB_VERDICTS, Judgement, Preference, prompt_key
from firstwords.stats import rate_of

_REFUSE_UPDATES = """
CREATE TRIGGER judgements_stay BEFORE UPDATE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never changed'); END;
"""
_TABLE = f"""
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, prompt TEXT NOT NULL, "left" TEXT NOT NULL, "right" TEXT NOT NULL,
    left_stage TEXT NOT NULL, right_stage TEXT NOT NULL, params TEXT NOT NULL, left_seed INTEGER, right_seed INTEGER,
    verdict TEXT NOT NULL, reasons TEXT NOT NULL, annotator TEXT NOT NULL, model TEXT NOT NULL, created TEXT NOT NULL,
    repeat_of INTEGER REFERENCES judgements (id), selection TEXT NOT NULL
);
CREATE INDEX judgements_model ON judgements (model);
{_REFUSE_UPDATES}
CREATE TRIGGER judgements_keep BEFORE DELETE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never removed'); END;
"""
# Version 1 stored the name of an imported file in the annotator column. The last trigger refuses INSERT OR REPLACE of
# an existing row, even by programs that do not set recursive_triggers.
_ORIGIN = f"""
ALTER TABLE judgements ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE judgements ADD COLUMN origin_hash TEXT NOT NULL DEFAULT '';
DROP TRIGGER judgements_stay;
UPDATE judgements SET origin = annotator, annotator = '' WHERE selection = 'import' AND annotator != '';
{_REFUSE_UPDATES}
CREATE INDEX judgements_origin ON judgements (origin);
CREATE TRIGGER judgements_not_replaced BEFORE INSERT ON judgements
WHEN EXISTS (SELECT 1 FROM judgements WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'judgements are never replaced'); END;
"""
MIGRATIONS = (_TABLE, _ORIGIN)  # to version 1, 2, ...; a database of version n runs those from index n


class PreferenceStore:
    """The log in `home/firstwords.db`, or in another file."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = Path(path) if path is not None else database_path()

    def _open(self, write: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self.path, "judgements", MIGRATIONS, write)

    def _judgement(self, row: sqlite3.Row) -> Judgement:
        try:
            return _judgement(row)
        except (ValueError, TypeError) as error:
            raise damaged_row(self.path, "judgements", row["id"], error) from None

    def add(self, judgement: Judgement) -> int:
        """Append one judgement and return its id. Raises UserError for an invalid one."""
        return self.add_all([judgement])[0]

    def add_all(self, judgements: Sequence[Judgement], only_new: bool = False) -> list[int]:
        """Append judgements in one transaction, all or none; returns their ids.

        only_new: rows of an import that are already in the log are left out, see `import_preferences`.
        """
        for judgement in judgements:
            _check(judgement)
        with self._open(write=True) as connection:
            return [_insert(connection, j) for j in (_new(connection, judgements) if only_new else judgements)]

    def restore(self, judgements: Sequence[Judgement], annotator: str) -> tuple[list[int], int]:
        """Append a user's judgements from a copy of a log: (ids of new ones, number of existing ones).

        They are assigned to this annotator. Ids and `repeat_of` are those of the copy.
        """
        theirs = [replace(j, annotator=annotator) for j in sorted(judgements, key=lambda j: j.id or 0)]
        for judgement in theirs:
            _check(judgement)
        with self._open(write=True) as connection:
            rows = connection.execute("SELECT * FROM judgements WHERE annotator = ? ORDER BY id", [annotator])
            existing: dict[str, list[int]] = defaultdict(list)
            for row in map(self._judgement, rows):
                existing[_content(row)].append(row.id or 0)
            numbers: dict[int | None, int] = {}
            added = []
            for j in theirs:
                if known := existing[_content(j)]:
                    numbers[j.id] = known.pop(0)
                    continue
                numbers[j.id] = _insert(connection, replace(j, repeat_of=numbers.get(j.repeat_of)))
                added.append(numbers[j.id])
            return added, len(theirs) - len(added)

    def all(self, model: str | None = None, annotator: str | None = None) -> list[Judgement]:
        """All judgements, the oldest first."""
        if not self.path.exists():  # reading creates no file
            return []
        wanted = {"model": model, "annotator": annotator}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(f'{name} = ?' for name in wanted)}" if wanted else ""
        with self._open() as connection:
            rows = connection.execute(f"SELECT * FROM judgements{where} ORDER BY id", list(wanted.values()))
            return [self._judgement(row) for row in rows]

    def preferences(self, model: str | None = None) -> list[Preference]:
        """Training data: decided pairs (no hidden repeats), and thumbs up paired with thumbs down on the same
        prompt."""
        return self.usable(model)[0]

    def usable(self, model: str | None = None) -> tuple[list[Preference], int]:
        """(preferences, number of unpaired thumbs): a thumb up needs one down on the same prompt, and vice versa.

        Each thumb is used once, with the oldest opposite one on a different answer. If a person rated one answer
        several times, the newest thumb counts.
        """
        found: list[Preference] = []
        thumbs: dict[str, dict[str, list[Judgement]]] = defaultdict(lambda: {"up": [], "down": []})
        for j in _in_force(self.all(model)):
            if j.kind == "thumb":
                thumbs[Preference(j.prompt, "", "").prompt_key][j.verdict].append(j)
            elif j.repeat_of is None and (preference := j.preference) is not None:
                found.append(preference)
        left_over = 0
        for both in thumbs.values():
            pairs = _thumb_pairs(both["up"], both["down"])
            found += [Preference(u.prompt, u.left, d.left, source="thumbs") for u, d in pairs]
            left_over += len(both["up"]) + len(both["down"]) - 2 * len(pairs)
        return found, left_over

    def stats(self, model: str | None = None) -> dict[str, Any]:
        """Counts by verdict, how often the left side won (position bias), and how often hidden repeats agreed."""
        rows = self.all(model)
        preferences, left_over = self.usable(model)
        decided = [j.verdict for j in rows if j.selection != "import" and j.verdict in ("left", "right")]
        return {
            "judgements": len(rows),
            "verdicts": {v: sum(j.verdict == v for j in rows) for v in (*PAIR_VERDICTS, *THUMB_VERDICTS)},
            "usable": len(preferences),
            "unpaired_thumbs": left_over,
            "left": rate_of([verdict == "left" for verdict in decided]),
            "consistency": self_consistency(rows),
        }


def _in_force(judgements: Sequence[Judgement]) -> list[Judgement]:
    """All judgements but the thumbs that their annotator has replaced or withdrawn."""
    newest: dict[Any, Judgement] = {}
    for j in judgements:
        key: Any = j.id
        if j.kind == "thumb" and j.annotator:  # anonymous ones may be from different people
            key = (j.annotator, j.model, prompt_key(j.prompt), j.left.strip())
        newest.pop(key, None)
        newest[key] = j
    return [j for j in newest.values() if j.verdict != "withdrawn"]


def _thumb_pairs(ups: Sequence[Judgement], downs: Sequence[Judgement]) -> list[tuple[Judgement, Judgement]]:
    pairs, free = [], list(downs)
    for up in ups:
        down = next((d for d in free if d.left != up.left), None)
        if down is not None:
            free.remove(down)
            pairs.append((up, down))
    return pairs


def _check(j: Judgement) -> None:
    allowed = {"pair": PAIR_VERDICTS, "thumb": THUMB_VERDICTS}.get(j.kind)
    if allowed is None or j.verdict not in allowed:
        raise UserError(f"the verdict {j.verdict!r} on a {j.kind} is unknown: use one of {', '.join(allowed or ())}")
    if not j.prompt or j.prompt[-1]["role"] != "user":
        raise UserError("a judgement needs a prompt that ends with a user's turn")
    if not j.left.strip() or (j.kind == "pair" and not j.right.strip()):
        raise UserError("a judgement needs its answers: one is empty")
    if j.kind == "pair" and j.left.strip() == j.right.strip():
        raise UserError("the two answers are equal: there is nothing to judge")


def _insert(connection: sqlite3.Connection, j: Judgement) -> int:
    row = _row(j)
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    try:
        number = connection.execute(f"INSERT INTO judgements ({names}) VALUES ({marks})", list(row.values())).lastrowid
    except sqlite3.IntegrityError as error:
        if "FOREIGN KEY" not in str(error):
            raise
        number = j.repeat_of
    if number is None or number == j.repeat_of:  # a row that references itself satisfies the constraint
        raise UserError(f"this repeats judgement {j.repeat_of}, which is not in the log: name an earlier one")
    return number


def _content(j: Judgement) -> str:
    """The content that identifies a judgement across logs, which number it differently."""
    return json.dumps(_row(replace(j, repeat_of=None, params=_with_whole_numbers(j.params))), sort_keys=True)


def _with_whole_numbers(value: Any) -> Any:
    """The value with 1.0 as 1, which is how many programs write it when they rewrite JSON."""
    if isinstance(value, dict):
        return {name: _with_whole_numbers(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_with_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _row(j: Judgement) -> dict[str, Any]:
    row = {f.name: getattr(j, f.name) for f in fields(j) if f.name != "id"}
    row["created"] = j.created or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for name in ("prompt", "params", "reasons"):
        row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def _judgement(row: sqlite3.Row) -> Judgement:
    values = dict(row)
    prompt, reasons = tuple(json.loads(values["prompt"])), tuple(json.loads(values["reasons"]))
    return Judgement(**values | {"prompt": prompt, "reasons": reasons, "params": json.loads(values["params"])})


# ---- import ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Imported:
    """Rows that an import added, and rows that an earlier import had added."""

    added: int
    already_there: int


def import_preferences(store: PreferenceStore, preferences: Iterable[Preference], model: str = "") -> Imported:
    """Append preferences of files as judgements, one transaction per file; a file that is already in the log is not
    added again.

    A row exists already if an earlier import for the same model had the same prompt, answers and verdict from a file of
    the same name or content. Duplicate rows within a file count twice.
    """
    added = total = 0
    for (name, content), rows in groupby(preferences, key=lambda p: (p.source, p.source_hash)):
        of_file = [
            Judgement(
                p.prompt,
                p.chosen,
                p.rejected,
                "left",
                model=model,
                selection="import",
                origin=name,
                origin_hash=content,
            )
            for p in rows
        ]
        added += len(store.add_all(of_file, only_new=True))
        total += len(of_file)
    return Imported(added, total - added)


def _new(connection: sqlite3.Connection, judgements: Sequence[Judgement]) -> list[Judgement]:
    """The rows of one file that no earlier import added."""
    names = ("prompt", "left", "right", "verdict", "model")
    first = judgements[0]
    rows = connection.execute(
        """SELECT prompt, "left", "right", verdict, model FROM judgements
           WHERE selection = 'import' AND (origin = ? OR (origin_hash = ? AND origin_hash != ''))""",
        [first.origin, first.origin_hash],
    )
    existing = Counter(tuple(row) for row in rows)
    new = []
    for judgement in judgements:
        row = _row(judgement)
        key = tuple(row[name] for name in names)
        if existing[key]:
            existing[key] -= 1
        else:
            new.append(judgement)
    return new
