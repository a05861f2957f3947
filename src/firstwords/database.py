"""The SQLite file in home that holds chats, judgements and documents, opened in the same way by every part with
tables in it.

    with opened(database_path(), "judgements", MIGRATIONS, write=True) as connection:
        connection.execute("INSERT INTO judgements ...")

Each part (such as "judgements") owns its tables and migrates them itself: `schema_versions` holds one version per part.
Several processes may write at a time; a block with write=True is one transaction, saved completely or not at all,
whatever happens to the process. If the file is read-only or its disk is full, its contents can still be read: a block
without write=True then gets a copy in memory.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from firstwords import home
from firstwords.config import UserError

BUSY_SECONDS = 30.0  # maximum wait while another process writes
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",  # off by default; references are then not checked
    "recursive_triggers = ON",  # without it INSERT OR REPLACE removes a row without firing its delete trigger
)
LITTLE_ROOM = 2**20  # bytes: on a disk with less free space, these SQLite result codes mean that it is full
STARVED = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
# codes after which a reader may still find everything in the file
CANNOT_WRITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


class DatabaseBusy(UserError):
    """Another process has held the database for longer than BUSY_SECONDS: retrying later may work."""


def database_path() -> Path:
    """The file in home."""
    return home.home() / "firstwords.db"


@contextmanager
def opened(path: Path, part: str, migrations: Sequence[str], write: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to a database whose tables of `part` are up to date; the file is created if it does not exist.

    `migrations` are SQL scripts: the n-th leads from version n - 1 to n. Raises UserError for a file that cannot be
    used, DatabaseBusy if another process holds it, and sqlite3.IntegrityError for a row that the tables reject.
    """
    try:
        with closing(_connection(path, part, migrations, write)) as connection:  # closing rolls a transaction back
            if write:
                connection.execute("BEGIN IMMEDIATE")
            yield connection
            if write:
                connection.execute("COMMIT")
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise _mistake(path, error) from None


def damaged_row(path: Path, table: str, number: object, error: Exception) -> UserError:
    """The error for a row with damaged content."""
    return UserError(
        f"row {number} of the table {table} in {path} is damaged ({error}): restore a copy of that file, or move it "
        "away to start with an empty one"
    )


def _connection(path: Path, part: str, migrations: Sequence[str], write: bool) -> sqlite3.Connection:
    """A connection to the file, or for reading a file that cannot be written, to a copy in memory."""
    if write or _is_writable(path):
        try:
            return _prepared(path, part, migrations)
        except OSError as error:  # the folder cannot be made
            if write:
                raise UserError(f"cannot create the folder {path.parent}: {error.strerror or error}") from None
        except sqlite3.Error as error:
            if write or _code(error) not in CANNOT_WRITE:
                raise
    return _in_memory(path, part, migrations)


def _prepared(path: Path, part: str, migrations: Sequence[str]) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection, path, part, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_writable(path: Path) -> bool:
    """Whether the file, and SQLite's files next to it, can be written, according to the system."""
    there = path if path.exists() else path.parent
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK) and (not there.exists() or os.access(there, os.W_OK))


def _in_memory(path: Path, part: str, migrations: Sequence[str]) -> sqlite3.Connection:
    """A copy of the database, or an empty one if there is none, that can be migrated."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    memory.row_factory = sqlite3.Row
    if path.exists():
        _copy(path, memory)
    _migrate(memory, path, part, migrations)
    memory.execute("PRAGMA query_only = ON")
    return memory


def _copy(path: Path, target: sqlite3.Connection) -> None:
    """Copy a database that cannot be written.

    In WAL mode SQLite reads such a file only if the index of its log exists. If it does not, no other process has the
    file open: it is then read directly or, if its log is not empty, from a copy of both on a disk with space.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with closing(sqlite3.connect(_uri(path, "mode=ro"), uri=True, timeout=BUSY_SECONDS)) as source:
            source.backup(target)
        return
    except sqlite3.Error as error:
        if _code(error) not in CANNOT_WRITE:
            raise
    if not log.exists() or not log.stat().st_size:
        with closing(sqlite3.connect(_uri(path, "immutable=1"), uri=True)) as source:
            source.backup(target)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(log.name))
        with closing(sqlite3.connect(copy)) as source:
            source.backup(target)


def _uri(path: Path, options: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{options}"


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error of Python's module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _mistake(path: Path, error: sqlite3.Error) -> UserError:
    """A one-sentence error with advice that depends on the reason."""
    code = _code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseBusy(f"another program is writing to {path}: try again soon")
    if path.is_dir():
        return UserError(f"{path} is a folder, but it must be the database file: move it away")
    if code == sqlite3.SQLITE_FULL or (code in STARVED and _is_full(path)):
        return UserError(
            f"the disk is full, nothing can be written to {path}: free up some space and try again; everything saved "
            "before is still there"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return UserError(
            f"the database {path} is damaged ({error}): restore a copy of it, or move it away to start with an empty "
            "one"
        )
    if path.exists() and not os.access(path, os.R_OK):
        return UserError(f"no permission to read the database {path}: change its permissions")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and not _is_writable(path):
        return UserError(
            f"the database {path} is read-only, so nothing can be saved: change the permissions, or set "
            "FIRSTWORDS_HOME to a folder you can write to"
        )
    if code == sqlite3.SQLITE_IOERR:
        return UserError(f"disk error in the database {path} ({error}): check the disk, and back up that file")
    return UserError(f"the database {path} cannot be used ({error}): restore a copy of it, or move it away")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < LITTLE_ROOM
    except OSError:
        return False


def _migrate(connection: sqlite3.Connection, path: Path, part: str, migrations: Sequence[str]) -> None:
    """Migrate the tables of a part to the newest version; one process does it, the others wait."""
    version = _version(connection, part)
    if version > len(migrations):
        raise UserError(
            f"{path} was written by a newer firstwords ({part} has version {version}, but this one supports "
            f"{len(migrations)}): update firstwords"
        )
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    if not _has_versions(connection):
        connection.execute("CREATE TABLE schema_versions (part TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        # files without this table hold only judgements, and have their version in the header
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
