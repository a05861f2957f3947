"""The log of people's judgements: one append-only SQLite table in home, which every surface writes to.

    store = PreferenceStore()
    store.add(Judgement(prompt, "Tom is twelve.", "Tom is a cat.", verdict="left", model="pip"))
    store.preferences(model="pip")    -> [Preference(...)]

Rows are never changed or removed (triggers refuse it): what somebody judged stays judged. Several processes may write
at a time; each row is there whole or not at all, whatever happens to the process.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import UserError
from firstwords.preferences.records import Preference
from firstwords.world.exam import wilson

PAIR_VERDICTS, THUMB_VERDICTS = ("left", "right", "tie", "both_bad"), ("up", "down")
BUSY_SECONDS = 30.0  # to wait while another process writes

_TABLE = """
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, prompt TEXT NOT NULL, "left" TEXT NOT NULL, "right" TEXT NOT NULL,
    left_stage TEXT NOT NULL, right_stage TEXT NOT NULL, params TEXT NOT NULL, left_seed INTEGER, right_seed INTEGER,
    verdict TEXT NOT NULL, reasons TEXT NOT NULL, annotator TEXT NOT NULL, model TEXT NOT NULL, created TEXT NOT NULL,
    repeat_of INTEGER REFERENCES judgements (id), selection TEXT NOT NULL
);
CREATE INDEX judgements_model ON judgements (model);
CREATE TRIGGER judgements_stay BEFORE UPDATE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never changed'); END;
CREATE TRIGGER judgements_keep BEFORE DELETE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never removed'); END;
"""
MIGRATIONS = (_TABLE,)  # to version 1, 2, ...; a database of version n runs those from n on


@dataclass(frozen=True)
class Judgement:
    """What one person said of two answers (kind pair) or of one (kind thumb: in `left`, verdict up or down)."""

    prompt: tuple[dict[str, str], ...]
    left: str
    right: str = ""
    verdict: str = "tie"
    kind: str = "pair"
    left_stage: str = ""  # sha256 of the weights that gave the answer
    right_stage: str = ""
    params: dict[str, Any] = field(default_factory=dict)  # temperature, top_p, max_tokens ...
    left_seed: int | None = None
    right_seed: int | None = None
    reasons: tuple[str, ...] = ()
    annotator: str = ""
    model: str = ""
    repeat_of: int | None = None  # a hidden repeat of that row, which measures the judge
    selection: str = "random"  # how the pair was chosen: random, disagreement, import, thumbs
    created: str = ""
    id: int | None = None


class PreferenceStore:
    """The log in `home/firstwords.db`, or in another file."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = Path(path) if path is not None else home.home() / "firstwords.db"

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
            if write:
                connection.execute("BEGIN IMMEDIATE")
            yield connection
            if write:
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise UserError(f"the log of preferences {self.path} cannot be used ({error})") from None
        finally:
            connection.close()

    def add(self, judgement: Judgement) -> int:
        """Append one judgement and return its id. Raises UserError for one that says nothing."""
        _check(judgement)
        row = _row(judgement)
        names = ", ".join(f'"{name}"' for name in row)
        with self._open(write=True) as connection:
            marks = ", ".join("?" * len(row))
            cursor = connection.execute(f"INSERT INTO judgements ({names}) VALUES ({marks})", list(row.values()))
            return int(cursor.lastrowid or 0)

    def all(self, model: str | None = None, annotator: str | None = None) -> list[Judgement]:
        """All judgements, the oldest first."""
        if not self.path.exists():
            return []
        wanted = {"model": model, "annotator": annotator}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(f'{name} = ?' for name in wanted)}" if wanted else ""
        with self._open() as connection:
            rows = connection.execute(f"SELECT * FROM judgements{where} ORDER BY id", list(wanted.values()))
            return [_judgement(row) for row in rows]

    def preferences(self, model: str | None = None) -> list[Preference]:
        """What can be learned from: decided pairs (no hidden repeats), and thumbs up against down on one prompt."""
        found: list[Preference] = []
        thumbs: dict[str, dict[str, list[Judgement]]] = defaultdict(lambda: {"up": [], "down": []})
        for j in self.all(model):
            if j.kind == "thumb":
                thumbs[Preference(j.prompt, "", "").prompt_key][j.verdict].append(j)
            elif j.repeat_of is None and j.verdict in ("left", "right"):
                sides = (j.left, j.right) if j.verdict == "left" else (j.right, j.left)
                found.append(Preference(j.prompt, *sides, source="log"))
        for both in thumbs.values():
            pairs = zip(both["up"], both["down"])
            found += [Preference(u.prompt, u.left, d.left, source="thumbs") for u, d in pairs if u.left != d.left]
        return found

    def stats(self, model: str | None = None) -> dict[str, Any]:
        """Counts by verdict, how often the left side won (a bias of place), and how often hidden repeats agreed."""
        rows = self.all(model)
        counts = {v: sum(j.verdict == v for j in rows) for v in (*PAIR_VERDICTS, *THUMB_VERDICTS)}
        by_id = {j.id: j for j in rows}
        repeats = [(by_id[j.repeat_of], j) for j in rows if j.repeat_of in by_id]
        agreed = sum(_winner(first) == _winner(again) for first, again in repeats)
        shown = [j.verdict for j in rows if j.selection != "import" and j.verdict in ("left", "right")]
        return {
            "judgements": len(rows),
            "verdicts": counts,
            "usable": len(self.preferences(model)),
            "left": _rate(shown.count("left"), len(shown)),
            "consistency": _rate(agreed, len(repeats)),
        }


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version; one process does it, the others wait."""
    if connection.execute("PRAGMA user_version").fetchone()[0] >= len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number in range(version, len(MIGRATIONS)):
        for statement in _statements(MIGRATIONS[number]):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check(j: Judgement) -> None:
    allowed = {"pair": PAIR_VERDICTS, "thumb": THUMB_VERDICTS}.get(j.kind)
    if allowed is None or j.verdict not in allowed:
        raise UserError(f"the verdict {j.verdict!r} on a {j.kind} is not known: use one of {', '.join(allowed or ())}")
    if not j.prompt or j.prompt[-1]["role"] != "user":
        raise UserError("a judgement needs a prompt that ends with a user's turn")
    if not j.left.strip() or (j.kind == "pair" and not j.right.strip()):
        raise UserError("a judgement needs its answers: one is empty")
    if j.kind == "pair" and j.left.strip() == j.right.strip():
        raise UserError("the two answers are equal: there is nothing to judge")


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


def _winner(j: Judgement) -> str:
    """The text that won, or the verdict where none did: what a repeat must agree on, whichever side stood left."""
    return {"left": j.left, "right": j.right}.get(j.verdict, j.verdict)


def _rate(count: int, n: int) -> dict[str, float]:
    low, high = wilson(count, n)
    return {"rate": count / n if n else 0.0, "low": low, "high": high, "n": n}


def import_preferences(store: PreferenceStore, preferences: Sequence[Preference], model: str = "") -> int:
    """Append preferences of a file as judgements; returns how many."""
    for p in preferences:
        store.add(
            Judgement(p.prompt, p.chosen, p.rejected, "left", annotator=p.source, model=model, selection="import")
        )
    return len(preferences)
