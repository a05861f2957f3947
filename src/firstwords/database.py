"""The one SQLite file in home that holds what people said: opened the same way by every part that keeps tables in it.

    with opened(home.home() / "firstwords.db", "judgements", MIGRATIONS, write=True) as connection:
        connection.execute("INSERT INTO judgements ...")

A part ("judgements", later others) owns its tables and brings them up to date by itself: `schema_versions` keeps one
version a part. Several processes may write at a time; a block with write=True is one transaction, there whole or not
at all, whatever happens to the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from firstwords.config import UserError

BUSY_SECONDS = 30.0  # to wait while another process writes
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",  # off by default, and then a reference is not checked
    "recursive_triggers = ON",  # without it INSERT OR REPLACE removes a row past its delete trigger
)


class DatabaseBusy(UserError):
    """Another process holds the database for longer than we wait: the same may work a little later."""


@contextmanager
def opened(path: Path, part: str, migrations: Sequence[str], write: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to a database whose tables of `part` are up to date, made if it is not there.

    `migrations` are SQL scripts: the n-th leads from version n - 1 to n. Raises UserError for a file that cannot be
    used, DatabaseBusy where another process keeps it; sqlite3.IntegrityError for a row that the tables refuse.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection, path, part, migrations)
        if write:
            connection.execute("BEGIN IMMEDIATE")
        yield connection
        if write:
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise DatabaseBusy(f"another program is writing to {path}: try again soon") from None
        raise UserError(f"the database {path} cannot be used ({error}): move it away, or free it") from None
    finally:
        connection.close()  # rolls an open transaction back


def _migrate(connection: sqlite3.Connection, path: Path, part: str, migrations: Sequence[str]) -> None:
    """Bring the tables of a part to the newest version; one process does it, the others wait."""
    version = _version(connection, part)
    if version > len(migrations):
        raise UserError(
            f"{path} was written by a newer firstwords ({part} of version {version}, this one knows "
            f"{len(migrations)}): update firstwords"
        )
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    if not _has_versions(connection):
        connection.execute("CREATE TABLE schema_versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        # files without this table hold judgements only, and count their version in the header
        if old := connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.execute("INSERT INTO schema_versions VALUES ('judgements', ?)", [old])
    for number in range(_version(connection, part), len(migrations)):
        for statement in _statements(migrations[number]):
            connection.execute(statement)
    connection.execute("INSERT OR REPLACE INTO schema_versions VALUES (?, ?)", [part, len(migrations)])
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, part: str) -> int:
    if not _has_versions(connection):
        return 0
    row = connection.execute("SELECT version FROM schema_versions WHERE part = ?", [part]).fetchone()
    return row[0] if row else 0


def _has_versions(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'").fetchone())


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
