"""The list of a user's chats, and full-text search in them.

A message is found by its words (stems and prefixes: "cat" finds "Cats"), or by parts of words and in scripts without
spaces; a chat also by its title. Every word of the query must match. User input is never interpreted as FTS5 syntax.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from typing import Any

from firstwords.serve.chats.records import database
from firstwords.serve.chats.store import Chat

MAX_TERMS = 16  # words of a query; more would not narrow the result
ELLIPSIS = "\u2026"
GRAM = 3  # characters per entry of the trigram index
SNIPPET_WORDS, SNIPPET_CHARS = 16, 50  # length of a snippet, and of the text on each side of a partial match


def chats(user: str, query: str, limit: int, offset: int) -> tuple[list[Chat], int]:
    """(Chats of a user, most recently used first, their number); results of a query have a `snippet`."""
    terms = [term for term in query.replace("\0", " ").split() if term][:MAX_TERMS]
    with database() as connection:
        connection.create_function("folded", 1, folded, deterministic=True)
        where, values = "user = ?", [user]
        if terms:
            found, hits = _found(user, terms)
            where, values = f"user = ? AND (id IN ({found}) OR {_title(terms)})", [user, *hits, *map(folded, terms)]
        total = connection.execute(f"SELECT count(*) FROM chats WHERE {where}", values).fetchone()[0]
        rows = connection.execute(
            f"SELECT id, title, model, created, updated FROM chats WHERE {where} "
            "ORDER BY updated DESC, rowid DESC LIMIT ? OFFSET ?",
            [*values, limit, offset],
        ).fetchall()
        page: list[dict[str, Any]] = [dict(row) for row in rows]
        if terms:
            for chat in page:
                chat["snippet"] = _snippet(connection, user, chat["id"], terms)
        return page, total


def folded(text: str) -> str:
    """Without case and accents: folded("Élan") == "elan"."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def quoted(term: str) -> str:
    """A word as an FTS5 literal: in double quotes, with inner quotes doubled."""
    return '"' + term.replace('"', '""') + '"'


def _title(terms: list[str]) -> str:
    return "(" + " AND ".join("instr(folded(title), ?) > 0" for _ in terms) + ")"


def _by_words(terms: list[str]) -> str | None:
    """The query for whole words and prefixes; None if a term contains no word."""
    if not all(any(c.isalnum() for c in term) for term in terms):
        return None
    return " ".join(f"{quoted(term)}*" for term in terms)


def _by_parts(terms: list[str]) -> tuple[str, list[str]]:
    """A condition on messages, and its values; terms shorter than an index entry are searched in the text."""
    long = [quoted(term) for term in terms if len(term) >= GRAM]
    short = [term for term in terms if len(term) < GRAM]
    parts = ["number IN (SELECT rowid FROM messages_grams WHERE messages_grams MATCH ?)"] if long else []
    parts += ["instr(folded(content), ?) > 0" for _ in short]
    return " AND ".join(parts), [*([" ".join(long)] if long else []), *map(folded, short)]


def _hits(terms: list[str]) -> list[tuple[str, list[str]]]:
    """Conditions on messages, best first."""
    words = _by_words(terms)
    by_words = [("number IN (SELECT rowid FROM messages_words WHERE messages_words MATCH ?)", [words])] if words else []
    return [*by_words, _by_parts(terms)]


def _found(user: str, terms: list[str]) -> tuple[str, list[str]]:
    """A query for the ids of chats with a message that contains all terms, and its values."""
    hits = _hits(terms)
    either = " OR ".join(f"({condition})" for condition, _ in hits)
    mine = "chat_id IN (SELECT id FROM chats WHERE user = ?)"
    return f"SELECT chat_id FROM messages WHERE {mine} AND ({either})", [user, *(v for _, vs in hits for v in vs)]


def _snippet(connection: sqlite3.Connection, user: str, chat_id: str, terms: list[str]) -> str:
    """The passage with the terms from the newest matching message; "" if only the title matches."""
    for condition, values in _hits(terms):
        row = connection.execute(
            f"SELECT number, content FROM messages WHERE chat_id = ? AND {condition} ORDER BY number DESC LIMIT 1",
            [chat_id, *values],
        ).fetchone()
        if row is None:
            continue
        if "messages_words" in condition:
            shown = connection.execute(
                f"SELECT snippet(messages_words, 0, '', '', '{ELLIPSIS}', {SNIPPET_WORDS}) FROM messages_words "
                "WHERE messages_words MATCH ? AND rowid = ?",
                [*values, row["number"]],
            ).fetchone()[0]
            return " ".join(shown.split())
        return around(row["content"], terms[0])
    return ""


def around(text: str, term: str) -> str:
    """The text around a match, shortened on both sides: around("a long text", "on")."""
    place = max(text.casefold().find(term.casefold()), 0)
    first, last = max(place - SNIPPET_CHARS, 0), place + len(term) + SNIPPET_CHARS
    shown = " ".join(text[first:last].split())
    return (ELLIPSIS if first else "") + shown + (ELLIPSIS if last < len(text) else "")
