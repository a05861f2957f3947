"""How a chat is stored: its tables, a message, and the packed form of an answer's tokens.

A message's tokens are JSON text from the moment they are sampled and are never parsed: a chat of 500 messages has
megabytes of them, and only the page reads them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from firstwords.database import damaged_row, database_path, opened

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message as Turn

# A text is indexed twice: by its words, and by all its character trigrams, which find parts of words and scripts
# without spaces.
_TABLES = """
CREATE TABLE chats (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, title TEXT NOT NULL, model TEXT, active TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE INDEX chats_user ON chats (user, updated);
CREATE TABLE messages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    chat_id TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE, parent_id TEXT REFERENCES messages (id),
    role TEXT NOT NULL, content TEXT NOT NULL, status TEXT NOT NULL, error TEXT, model TEXT, stage_hash TEXT,
    params TEXT, finish_reason TEXT, rating TEXT, created TEXT NOT NULL
);
CREATE INDEX messages_chat ON messages (chat_id);
CREATE INDEX messages_parent ON messages (parent_id);
CREATE INDEX messages_streaming ON messages (status) WHERE status = 'streaming';
CREATE TABLE message_tokens (
    message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE, first INTEGER NOT NULL,
    packed BLOB NOT NULL, PRIMARY KEY (message, first)
) WITHOUT ROWID;
"""
_INDEX = """
CREATE VIRTUAL TABLE messages_{name} USING fts5
    (content, content = 'messages', content_rowid = 'number', tokenize = '{tokenizer}');
CREATE TRIGGER messages_{name}_added AFTER INSERT ON messages
BEGIN INSERT INTO messages_{name} (rowid, content) VALUES (NEW.number, NEW.content); END;
CREATE TRIGGER messages_{name}_removed AFTER DELETE ON messages
BEGIN INSERT INTO messages_{name} (messages_{name}, rowid, content) VALUES ('delete', OLD.number, OLD.content); END;
CREATE TRIGGER messages_{name}_changed AFTER UPDATE OF content ON messages
BEGIN
    INSERT INTO messages_{name} (messages_{name}, rowid, content) VALUES ('delete', OLD.number, OLD.content);
    INSERT INTO messages_{name} (rowid, content) VALUES (NEW.number, NEW.content);
END;
"""
_WORDS = _INDEX.format(name="words", tokenizer="porter unicode61 remove_diacritics 2")
_GRAMS = _INDEX.format(name="grams", tokenizer="trigram")
_SOURCES = "ALTER TABLE messages ADD COLUMN sources TEXT;"  # of an answer from documents
MIGRATIONS = (_TABLES + _WORDS + _GRAMS, _SOURCES)

ROLES = ("system", "user", "assistant", "tool")
STATUSES = ("done", "streaming", "stopped", "interrupted", "error")


@contextmanager
def database(write: bool = False) -> Iterator[sqlite3.Connection]:
    """The database in home with the tables of chats; see `firstwords.database.opened`."""
    with opened(database_path(), "chats", MIGRATIONS, write) as connection:
        yield connection


def new_id() -> str:
    """An unguessable id: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def now() -> str:
    """The current time as stored in rows: "2026-01-02T03:04:05.678Z"."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Message:
    """One message of a tree. `tokens` is the JSON text of a list, `sources` of what `chats.sources` describes; None if
    there are none."""

    id: str
    chat_id: str
    parent_id: str | None
    role: str
    content: str
    status: str = "done"
    error: str | None = None
    model: str | None = None
    stage_hash: str | None = None
    params: dict[str, Any] | None = None
    finish_reason: str | None = None
    rating: dict[str, Any] | None = None
    created: str = ""
    tokens: str | None = None
    sources: str | None = None

    def to_json(self) -> str:
        """The message as sent to the page."""
        fields = {name: value for name, value in vars(self).items() if name not in ("chat_id", "tokens", "sources")}
        if self.error is None:
            del fields["error"]
        return f'{dump(fields)[:-1]},"sources":{self.sources or "null"},"tokens":{self.tokens or "null"}}}'

    @property
    def turn(self) -> Turn:
        return {"role": self.role, "content": self.content}


def dump(value: Any) -> str:
    """Compact JSON; NaN, which is not valid JSON, is refused."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def message_of(row: sqlite3.Row, tokens: str | None = None) -> Message:
    """A row of the table as a message."""
    fields = dict(row)
    del fields["number"]
    try:
        for name in ("params", "rating"):
            fields[name] = json.loads(fields[name]) if fields[name] else None
    except (ValueError, TypeError) as error:
        raise damaged_row(database_path(), "messages", row["number"], error) from None
    return Message(**fields, tokens=tokens)


def insert_message(connection: sqlite3.Connection, message: Message) -> None:
    """Add a message with its tokens."""
    fields = {name: value for name, value in vars(message).items() if name != "tokens"}
    for name in ("params", "rating"):
        fields[name] = dump(fields[name]) if fields[name] is not None else None
    names, marks = ", ".join(fields), ", ".join("?" * len(fields))
    connection.execute(f"INSERT INTO messages ({names}) VALUES ({marks})", list(fields.values()))
    if message.tokens is not None:
        insert_tokens(connection, message.id, 0, message.tokens)


def insert_tokens(connection: sqlite3.Connection, message_id: str, first: int, tokens: str) -> None:
    """Add some tokens (the JSON text of a list) of a message, starting at number `first`; no effect if the message is
    gone."""
    connection.execute(
        "INSERT OR REPLACE INTO message_tokens SELECT number, ?, ? FROM messages WHERE id = ?",
        [first, zlib.compress(tokens.encode(), 3), message_id],
    )


def joined(lists: Iterable[str]) -> str:
    """JSON texts of lists as the JSON text of one: joined(["[1,2]", "[]", "[3]"]) == "[1,2,3]"."""
    return f"[{','.join(inner for text in lists if (inner := text[1:-1]))}]"


def tokens_of(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> dict[int, str]:
    """{number of a message: JSON text of its tokens} of the messages that match a condition."""
    rows = connection.execute(
        f"SELECT message, packed FROM message_tokens JOIN messages ON number = message WHERE {where} "
        "ORDER BY message, first",
        values,
    )
    parts: dict[int, list[str]] = {}
    for number, packed in rows:
        try:
            parts.setdefault(number, []).append(zlib.decompress(packed).decode())
        except (zlib.error, ValueError, TypeError) as error:
            raise damaged_row(database_path(), "message_tokens", number, error) from None
    return {number: joined(lists) for number, lists in parts.items()}
