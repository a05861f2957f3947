"""Stores chats and messages as trees, one user at a time. Edit, regenerate and branch all add a new child.

    store.create("anna", model="pip/sft")                       -> {"id": "8f0c...", "title": "", ...}
    store.add_turn("anna", chat_id, None, "Hello!", "pip/sft", {"temperature": 0.5})    -> (question, answer)
    store.path("anna", answer.id)                               -> [question, answer]

Other users' chats are not found: ApiError 404. Every method is one transaction and may wait for the disk or another
process: don't call them on the event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from firstwords.serve.chats.records import (
    Message,
    database,
    dump,
    insert_message,
    insert_tokens,
    message_of,
    new_id,
    now,
    tokens_of,
)
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message as Turn

Chat = dict[str, Any]
MAX_TITLE = 60  # characters of a title made from the first words
_ABOVE = """
WITH RECURSIVE above (number, parent_id, depth) AS (
    SELECT number, parent_id, 0 FROM messages WHERE id = ?
    UNION ALL SELECT m.number, m.parent_id, depth + 1 FROM messages m JOIN above ON m.id = above.parent_id
)
"""


def create(user: str, title: str = "", model: str | None = None, system: str = "") -> Chat:
    """A new chat, with a system message at its root if one is given."""
    chat: Chat = {"id": new_id(), "title": title, "model": model, "active": None, "created": now()}
    chat["updated"] = chat["created"]
    with database(write=True) as connection:
        _insert_chat(connection, user, chat)
        if system.strip():
            root = Message(new_id(), chat["id"], None, "system", system, created=chat["created"])
            insert_message(connection, root)
            chat["active"] = _activate(connection, chat["id"], root.id)
    return chat


def load(user: str, chat_id: str, with_tokens: bool = True) -> tuple[Chat, list[Message]]:
    """A chat and all its messages, oldest first."""
    with database() as connection:
        chat = _chat(connection, user, chat_id)
        tokens = tokens_of(connection, "chat_id = ?", [chat_id]) if with_tokens else {}
        rows = connection.execute("SELECT * FROM messages WHERE chat_id = ? ORDER BY number", [chat_id])
        return chat, [message_of(row, tokens.get(row["number"])) for row in rows]


def chat(user: str, chat_id: str) -> Chat:
    """A chat without its messages."""
    with database() as connection:
        return _chat(connection, user, chat_id)


def change(user: str, chat_id: str, title: str | None = None, active: str | None = None) -> Chat:
    """Rename a chat, or show another branch: the newest leaf below the message `active`."""
    with database(write=True) as connection:
        _chat(connection, user, chat_id)
        if title is not None:
            connection.execute("UPDATE chats SET title = ? WHERE id = ?", [title, chat_id])
        if active is not None:
            _own(connection, user, active, chat_id)
            leaf = _leaf(connection, chat_id, active)  # viewing a branch does not update the chat's time
            connection.execute("UPDATE chats SET active = ? WHERE id = ?", [leaf, chat_id])
        return _chat(connection, user, chat_id)


def remove(user: str, chat_id: str) -> list[str]:
    """Delete a chat; returns the ids of its messages."""
    with database(write=True) as connection:
        _chat(connection, user, chat_id)
        ids = [row[0] for row in connection.execute("SELECT id FROM messages WHERE chat_id = ?", [chat_id])]
        connection.execute("DELETE FROM chats WHERE id = ?", [chat_id])
        return ids


def add_turn(
    user: str, chat_id: str, parent_id: str | None, content: str, model: str, params: dict[str, Any]
) -> tuple[Message, Message]:
    """(a user's message, its empty answer) below a message, or at the root."""
    with database(write=True) as connection:
        chat = _chat(connection, user, chat_id)
        if parent_id is None:
            parent_id = _system(connection, chat_id)
        else:
            parent = _own(connection, user, parent_id, chat_id)
            if parent.role in ("user", "tool"):
                raise ApiError(400, "a message must follow an answer: regenerate the missing answer first", "parent_id")
            if parent.status == "streaming":
                raise ApiError(409, "the previous answer is still being written: wait for it, or stop it", "parent_id")
        question = Message(new_id(), chat_id, parent_id, "user", content, created=now())
        insert_message(connection, question)
        if not chat["title"]:
            connection.execute("UPDATE chats SET title = ? WHERE id = ?", [first_words(content), chat_id])
        return question, _answer(connection, question, model, params)


def add_answer(
    user: str, message_id: str, model: str | None, params: dict[str, Any], sources: str | None = None
) -> Message:
    """Another, still empty answer: a sibling of an answer, or a child of a user's message."""
    with database(write=True) as connection:
        message = _own(connection, user, message_id)
        model = model or message.model or _chat(connection, user, message.chat_id)["model"]
        if message.role == "assistant":
            message = _own(connection, user, str(message.parent_id))
        if message.role not in ("user", "tool") or model is None:
            raise ApiError(400, "only a user's message, or a tool's result, can be answered")
        return _answer(connection, message, model, params, sources)


def add_results(
    call: Message, results: Sequence[str], model: str, params: dict[str, Any]
) -> tuple[list[Message], Message]:
    """(the results of the tools that an answer has called, the empty answer after them), below that answer."""
    with database(write=True) as connection:
        found, parent = [], call.id
        for content in results:
            found.append(Message(new_id(), call.chat_id, parent, "tool", content, created=now()))
            insert_message(connection, found[-1])
            parent = found[-1].id
        return found, _answer(connection, found[-1], model, params)


def add_call(message: Message, content: str, params: dict[str, Any]) -> Message:
    """Another version of an answer that calls tools, as a person has changed it. It is of no model's weights."""
    changed = replace(
        message,
        id=new_id(),
        content=content,
        status="done",
        error=None,
        stage_hash=None,
        finish_reason="stop",
        rating=None,
        tokens=None,
        params=params,
        created=now(),
    )
    with database(write=True) as connection:
        insert_message(connection, changed)
    return changed


def follow_up(user: str, message_id: str) -> list[Message]:
    """What follows an answer that called tools: their results, and the answer after them with its tokens."""
    with database() as connection:
        found, after = _results_below(connection, user, message_id)
    return [*found, message(user, after.id)] if found and after and after.role == "assistant" else []


def results_below(user: str, message_id: str) -> list[str]:
    """The contents of the results that follow a result, of further calls of the same answer."""
    with database() as connection:
        return [result.content for result in _results_below(connection, user, message_id)[0]]


def _results_below(connection: sqlite3.Connection, user: str, message_id: str) -> tuple[list[Message], Message | None]:
    """(The results of tools that follow a message, the newest of each; what follows those)."""
    last = _own(connection, user, message_id)
    children, found = _children(connection, last.chat_id), list[Message]()
    while following := children.get(last.id):
        last = _own(connection, user, following[-1])
        if last.role != "tool":
            return found, last
        found.append(last)
    return found, None


def message(user: str, message_id: str) -> Message:
    """One message with its tokens."""
    with database() as connection:
        found = _own(connection, user, message_id)
        tokens = tokens_of(connection, "messages.id = ?", [message_id])
        return replace(found, tokens=next(iter(tokens.values()), None))


def path(user: str, message_id: str, with_tokens: bool = False) -> list[Message]:
    """The messages from the root to this one."""
    with database() as connection:
        return _path(connection, user, message_id, with_tokens)


def below(user: str, message_id: str) -> list[str]:
    """Ids of a message and all its descendants."""
    with database() as connection:
        message = _own(connection, user, message_id)
        return _below(_children(connection, message.chat_id), message_id)


def remove_branch(user: str, message_id: str) -> tuple[int, str | None]:
    """Delete a message and all its descendants: (how many, the message shown afterwards)."""
    with database(write=True) as connection:
        message = _own(connection, user, message_id)
        chat = _chat(connection, user, message.chat_id)
        children = _children(connection, message.chat_id)
        gone = set(_below(children, message_id))
        connection.execute("PRAGMA defer_foreign_keys = ON")  # so that children may be deleted last
        connection.executemany("DELETE FROM messages WHERE id = ?", [[id] for id in gone])
        active = chat["active"]
        if active in gone:
            siblings = [id for id in children.get(message.parent_id, []) if id not in gone]
            near = siblings[-1] if siblings else message.parent_id
            active = near and _leaf(connection, message.chat_id, near)
            _activate(connection, message.chat_id, active)
        return len(gone), active


def fork(user: str, message_id: str) -> Chat:
    """The path to a message as a new chat."""
    with database(write=True) as connection:
        above = _path(connection, user, message_id, with_tokens=True)
        if above[-1].status == "streaming":
            raise ApiError(409, "this answer is still being written: wait for it, or stop it")
        source = _chat(connection, user, above[-1].chat_id)
        chat = {"id": new_id(), "title": source["title"], "model": source["model"], "active": None, "created": now()}
        chat["updated"] = chat["created"]
        _insert_chat(connection, user, chat)
        for message in above:
            copied = replace(message, id=new_id(), chat_id=chat["id"], parent_id=chat["active"])
            insert_message(connection, copied)
            chat["active"] = copied.id
        _activate(connection, chat["id"], chat["active"])
        return chat


def rate(user: str, message_id: str, rating: dict[str, Any] | None) -> Message:
    """Save a user's rating of an answer."""
    with database(write=True) as connection:
        _own(connection, user, message_id)
        said = None if rating is None else dump(rating)
        connection.execute("UPDATE messages SET rating = ? WHERE id = ?", [said, message_id])
        return _own(connection, user, message_id)


def prompts(user: str, limit: int) -> list[tuple[Turn, ...]]:
    """A user's newest questions in chats, each with the turns from the root, newest first."""
    with database() as connection:
        rows = connection.execute(
            "SELECT m.id FROM messages m JOIN chats c ON c.id = m.chat_id WHERE c.user = ? AND role = 'user' "
            "ORDER BY number DESC LIMIT ?",
            [user, limit],
        ).fetchall()
        return [tuple(m.turn for m in _path(connection, user, row["id"], False)) for row in rows]


# -- answers being generated, of all users --------------------------------------------------------------------------


def save_parts(parts: list[tuple[str, str, int, str]]) -> None:
    """Save the progress of some answers: (message id, whole text, number of the first new token, new tokens)."""
    with database(write=True) as connection:
        for message_id, content, first, tokens in parts:
            connection.execute("UPDATE messages SET content = ? WHERE id = ?", [content, message_id])
            insert_tokens(connection, message_id, first, tokens)


def finish(message: Message) -> None:
    """Save a finished answer; no effect if it was deleted."""
    with database(write=True) as connection:
        connection.execute(
            "UPDATE messages SET content = ?, status = ?, error = ?, model = ?, stage_hash = ?, params = ?, "
            "finish_reason = ?, sources = ? WHERE id = ?",
            [
                message.content,
                message.status,
                message.error,
                message.model,
                message.stage_hash,
                dump(message.params),
                message.finish_reason,
                message.sources,
                message.id,
            ],
        )
        connection.execute(
            "DELETE FROM message_tokens WHERE message = (SELECT number FROM messages WHERE id = ?)", [message.id]
        )
        if message.tokens is not None:
            insert_tokens(connection, message.id, 0, message.tokens)


def interrupt_all() -> None:
    """Mark unfinished answers of a previous server as interrupted, keeping their text."""
    with database(write=True) as connection:
        connection.execute("UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'")


# -- inside ---------------------------------------------------------------------------------------------------------


def first_words(text: str) -> str:
    """A title: the beginning of the first message, cut between words."""
    words = " ".join(text.split())
    if len(words) <= MAX_TITLE:
        return words
    return (words[:MAX_TITLE].rsplit(" ", 1)[0] if " " in words[:MAX_TITLE] else words[: MAX_TITLE - 1]) + "\u2026"


def _insert_chat(connection: sqlite3.Connection, user: str, chat: Chat) -> None:
    connection.execute(
        "INSERT INTO chats (id, user, title, model, active, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [chat["id"], user, chat["title"], chat["model"], chat["active"], chat["created"], chat["updated"]],
    )


def _chat(connection: sqlite3.Connection, user: str, chat_id: str) -> Chat:
    row = connection.execute("SELECT * FROM chats WHERE id = ? AND user = ?", [chat_id, user]).fetchone()
    if row is None:
        raise ApiError(404, "there is no such chat", code="chat_not_found")
    chat = dict(row)
    del chat["user"]
    return chat


def _own(connection: sqlite3.Connection, user: str, message_id: str, chat_id: str | None = None) -> Message:
    row = connection.execute(
        "SELECT m.* FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = ? AND c.user = ?", [message_id, user]
    ).fetchone()
    if row is None or (chat_id is not None and row["chat_id"] != chat_id):
        raise ApiError(404, "there is no such message", code="message_not_found")
    return message_of(row)


def _path(connection: sqlite3.Connection, user: str, message_id: str, with_tokens: bool) -> list[Message]:
    _own(connection, user, message_id)
    rows = connection.execute(
        f"{_ABOVE} SELECT m.* FROM messages m JOIN above USING (number) ORDER BY depth DESC", [message_id]
    ).fetchall()
    tokens: dict[int, str] = {}
    if with_tokens:
        tokens = tokens_of(connection, "chat_id = ?", [rows[0]["chat_id"]])
    return [message_of(row, tokens.get(row["number"])) for row in rows]


def _answer(
    connection: sqlite3.Connection, question: Message, model: str, params: dict[str, Any], sources: str | None = None
) -> Message:
    answer = Message(
        new_id(),
        question.chat_id,
        question.id,
        "assistant",
        "",
        status="streaming",
        model=model,
        params=params,
        created=now(),
        sources=sources,
    )
    insert_message(connection, answer)
    connection.execute("UPDATE chats SET model = ? WHERE id = ?", [model, question.chat_id])
    _activate(connection, question.chat_id, answer.id)
    return answer


def _activate(connection: sqlite3.Connection, chat_id: str, message_id: str | None) -> str | None:
    connection.execute("UPDATE chats SET active = ?, updated = ? WHERE id = ?", [message_id, now(), chat_id])
    return message_id


def _system(connection: sqlite3.Connection, chat_id: str) -> str | None:
    row = connection.execute(
        "SELECT id FROM messages WHERE chat_id = ? AND role = 'system' ORDER BY number DESC LIMIT 1", [chat_id]
    ).fetchone()
    return row["id"] if row else None


def _children(connection: sqlite3.Connection, chat_id: str) -> dict[str | None, list[str]]:
    """{id of a message, or None: ids of its children, oldest first}."""
    children: dict[str | None, list[str]] = {}
    for row in connection.execute("SELECT id, parent_id FROM messages WHERE chat_id = ? ORDER BY number", [chat_id]):
        children.setdefault(row["parent_id"], []).append(row["id"])
    return children


def _below(children: dict[str | None, list[str]], message_id: str) -> list[str]:
    found, waiting = [], [message_id]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _leaf(connection: sqlite3.Connection, chat_id: str, message_id: str) -> str:
    """The end of the newest branch below a message."""
    children = _children(connection, chat_id)
    while following := children.get(message_id):
        message_id = following[-1]
    return message_id
