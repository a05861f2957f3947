"""Exports everything that a user wrote as one JSON document, and imports it.

    {"kind": "firstwords", "version": 1, "exported": ..., "chats": [{..., "messages": [...]}], "judgements": [...]}

Importing a document twice adds nothing the second time. Ids are kept unless another user has them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firstwords.config import UserError
from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.serve.chats import store
from firstwords.serve.chats.records import Message, database, dump, insert_message, now
from firstwords.serve.chats.sources import SourcesIn
from firstwords.serve.errors import ApiError

KIND, VERSION = "firstwords", 1

Id = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # the range of a column
Time = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T[0-9:.]{5,15}Z$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TokenIn(_Part):
    """A token of an answer."""

    id: int = Field(ge=0)
    text: str
    logprob: float | None
    rank: int | None
    entropy: float | None
    top: list[tuple[int, str, float | None]]
    lost: float | None = None  # to rules


class RatingIn(_Part):
    """A user's rating of an answer."""

    verdict: Literal["up", "down"]
    reasons: list[str] = []


class MessageIn(_Part):
    """A message; its parent comes before it."""

    id: Id
    parent_id: Id | None
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    status: Literal["done", "streaming", "stopped", "interrupted", "error"]
    error: str | None = None
    model: str | None
    stage_hash: str | None
    params: dict[str, Any] | None
    finish_reason: str | None
    rating: RatingIn | None
    created: Time
    sources: SourcesIn | None = None
    tokens: list[TokenIn] | None


class ChatIn(_Part):
    """A chat with all its messages."""

    id: Id
    title: str
    model: str | None
    active: Id | None
    created: Time
    updated: Time
    messages: list[MessageIn]


class TurnIn(_Part):
    """A turn of a prompt."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class JudgementIn(_Part):
    """A row of the log of judgements."""

    id: Whole
    prompt: list[TurnIn]
    left: str
    right: str
    verdict: str
    kind: Literal["pair", "thumb"]
    left_stage: str
    right_stage: str
    params: dict[str, Any]
    left_seed: Whole | None
    right_seed: Whole | None
    reasons: list[str]
    annotator: str
    model: str
    repeat_of: Whole | None
    selection: str
    created: Time
    origin: str
    origin_hash: str

    def judgement(self) -> Judgement:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        turns = tuple(turn.model_dump() for turn in self.prompt)
        return Judgement(**values | {"prompt": turns, "reasons": tuple(self.reasons)})


class Document(_Part):
    """An export."""

    kind: Literal["firstwords"]
    version: Literal[1]
    exported: Time
    chats: list[ChatIn]
    judgements: list[JudgementIn]


@dataclass
class Imported:
    """How much an import added, and how many rows already existed."""

    chats: int = 0
    messages: int = 0
    judgements: int = 0
    skipped: int = 0


def export(user: str) -> Iterator[str]:
    """The document, in pieces."""
    yield f'{{"kind":"{KIND}","version":{VERSION},"exported":"{now()}","chats":['
    with database() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM chats WHERE user = ? ORDER BY rowid", [user])]
    for number, chat_id in enumerate(ids):
        try:
            chat, messages = store.load(user, chat_id)
        except ApiError:  # deleted in the meantime
            continue
        listed = ",".join(message.to_json() for message in messages)
        yield f'{"," if number else ""}{dump(chat)[:-1]},"messages":[{listed}]}}'
    yield '],"judgements":['
    for number, judgement in enumerate(PreferenceStore().all(annotator=user)):
        row = {field.name: getattr(judgement, field.name) for field in fields(judgement)}
        yield ("," if number else "") + dump(row)
    yield "]}"


def restore(user: str, text: bytes) -> Imported:
    """Import a document. Raises ApiError 400 that says what is wrong and where; then nothing is added."""
    try:
        document = Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where or 'document'}: {first['msg']}"
        raise ApiError(400, f"this file is not a firstwords export ({why})", where) from None
    for place, chat in enumerate(document.chats):
        _check_tree(chat, f"chats.{place}")
    try:
        added, there = PreferenceStore().restore([row.judgement() for row in document.judgements], user)
    except UserError as error:
        raise ApiError(400, f"judgements: {error}", "judgements") from None
    imported = Imported(judgements=len(added), skipped=there)
    with database(write=True) as connection:
        for chat in document.chats:
            _restore_chat(connection, user, chat, imported)
    return imported


def _check_tree(chat: ChatIn, where: str) -> None:
    """Check that every message is where the page could have put it."""
    roles: dict[str | None, str | None] = {None: None}
    may_follow: dict[str, tuple[str | None, ...]] = {
        "system": (None,),
        "user": (None, "system", "assistant"),
        "assistant": ("user", "tool"),
        "tool": ("assistant", "tool"),
    }
    for number, message in enumerate(chat.messages):
        place = f"{where}.messages.{number}"
        if message.parent_id not in roles:
            raise ApiError(400, f"{place}: its parent {message.parent_id} must come before it", place)
        if message.id in roles or roles[message.parent_id] not in may_follow[message.role]:
            raise ApiError(400, f"{place}: the id or the role ({message.role}) is not possible here", place)
        roles[message.id] = message.role
    if chat.active not in roles:
        raise ApiError(400, f"{where}: the active message is not one of its messages", where)


def _restore_chat(connection: sqlite3.Connection, user: str, chat: ChatIn, imported: Imported) -> None:
    chat_id, is_there = _free_id(connection, "chats", "user", user, chat.id)
    if is_there:
        imported.skipped += 1
    else:
        connection.execute(
            "INSERT INTO chats (id, user, title, model, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
            [chat_id, user, chat.title, chat.model, chat.created, chat.updated],
        )
        imported.chats += 1
    ids: dict[str | None, str | None] = {None: None}
    for message in chat.messages:
        ids[message.id], known = _free_id(connection, "messages", "chat_id", chat_id, message.id)
        if known:
            imported.skipped += 1
            continue
        fields = message.model_dump(exclude={"tokens", "sources"})
        fields |= {"id": ids[message.id], "parent_id": ids[message.parent_id], "chat_id": chat_id}
        fields["status"] = "interrupted" if message.status == "streaming" else message.status
        tokens = (
            None if message.tokens is None else dump([token.model_dump(exclude_unset=True) for token in message.tokens])
        )
        sources = None if message.sources is None else message.sources.to_json()
        insert_message(connection, Message(**fields, tokens=tokens, sources=sources))
        imported.messages += 1
    if not is_there:
        connection.execute("UPDATE chats SET active = ? WHERE id = ?", [ids[chat.active], chat_id])


def _free_id(connection: sqlite3.Connection, table: str, owner: str, value: str, wanted: str) -> tuple[str, bool]:
    """(The id for a row, whether it exists): the wanted one, or one derived from both if another user has it.

    The same copy gets the same ids each time.
    """
    for candidate in (wanted, hashlib.sha256(f"{value} {wanted}".encode()).hexdigest()[:16]):
        row = connection.execute(f"SELECT {owner} FROM {table} WHERE id = ?", [candidate]).fetchone()
        if row is None:
            return candidate, False
        if row[0] == value:
            return candidate, True
    raise ApiError(409, f"the id {wanted} is already taken")
