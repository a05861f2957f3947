"""Shared by the page's routes: the user, pre-serialised JSON, and the parameters of an answer."""

from __future__ import annotations

import secrets
from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from firstwords.config import UserError
from firstwords.engine.rules.rules import Rules
from firstwords.model.chat_defaults import IN_CHATS, chat_sampling
from firstwords.plain_text import clean_text, in_all_texts
from firstwords.serve.answers import Answers, Lookup
from firstwords.serve.asking import check_collection
from firstwords.serve.chats.records import Message
from firstwords.serve.chats.sources import Wanted
from firstwords.serve.errors import ApiError
from firstwords.tools import builtin

DEFAULTS: dict[str, Any] = {  # as in `firstwords chat`; temperature and top_p are the model's own if it has any
    **IN_CHATS._asdict(),
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "max_tokens": 256,
}
SEEDS = 2**31  # seeds that the server draws; JavaScript reads them exactly


def _user(request: Request) -> str:
    user: str = request.state.user
    return user


def _answers(request: Request) -> Answers:
    answers: Answers = request.app.state.answers
    return answers


User = Annotated[str, Depends(_user)]
Live = Annotated[Answers, Depends(_answers)]
ToolNames = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class Body(BaseModel):
    """A request body; unknown fields are refused, since they might matter."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return in_all_texts(given, clean_text)


class FileBody(Body):
    """A file as base64, or a text that was pasted."""

    name: str = Field(min_length=1, max_length=500)
    base64: str | None = None
    text: str | None = None

    def content(self) -> bytes:
        """The file's bytes. Raises ApiError 400."""
        if (self.base64 is None) == (self.text is None):
            raise ApiError(400, "give the file as base64 or as text", "text")
        try:
            return (self.text or "").encode() if self.base64 is None else b64decode(self.base64, validate=True)
        except ValueError:  # binascii's too
            raise ApiError(400, "the file is not base64", "base64") from None


class Params(Body):
    """Sampling parameters; missing ones are as before, or the model's own, or the page's defaults."""

    temperature: float | None = Field(None, ge=0, le=10)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0, lt=2**31)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float | None = Field(None, ge=0.01, le=100)
    max_tokens: int | None = Field(None, ge=1, lt=2**31)
    seed: int | None = Field(None, ge=0, lt=2**53)
    rules: dict[str, Any] | None = None
    tools: ToolNames | None = None

    def chosen(self, directory: Path, before: dict[str, Any] | None = None) -> dict[str, Any]:
        """All parameters of an answer of the model in `directory`; a missing seed is drawn. Rules and tools are there
        only if there are any. Raises ApiError 400 for impossible ones.
        """
        known = {name: value for name, value in (before or {}).items() if name in (*DEFAULTS, "rules", "tools")}
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        own = chat_sampling(directory)._asdict()
        params = DEFAULTS | own | known | {"seed": secrets.randbelow(SEEDS)} | given
        try:
            rules = Rules.of(params.pop("rules", {}))
        except ValueError as error:
            raise ApiError(400, str(error), "rules") from None
        try:
            tools = [tool.name for tool in builtin.chosen(dict.fromkeys(params.pop("tools", [])))]
        except UserError as error:
            raise ApiError(400, str(error), "tools") from None
        return params | ({"rules": rules.to_json()} if rules else {}) | ({"tools": tools} if tools else {})


async def lookup_of(user: str, wanted: Wanted) -> Lookup | None:
    """What a request looks up in documents, if anything. Raises ApiError 404 for an unknown collection."""
    if wanted is None or wanted is False:
        return None
    collection = wanted if isinstance(wanted, str) else None
    await to_thread.run_sync(partial(check_collection, user, collection))
    return Lookup(user, collection)


class JsonText(Response):
    """JSON assembled as text."""

    media_type = "application/json"


def event(kind: str, data: str) -> str:
    """One server-sent event with pre-serialised JSON. JSON leaves three kinds of line end unescaped, at which
    some clients, httpx among them, split the stream; a token may contain one, so they are escaped here.
    """
    for end in "\x85\u2028\u2029":
        data = data.replace(end, f"\\u{ord(end):04x}")
    return f"event: {kind}\ndata: {data}\n\n"


def listed(messages: list[Message]) -> str:
    """Messages as the JSON text of a list."""
    return f"[{','.join(message.to_json() for message in messages)}]"
