"""Chats: the list and its search, one chat with its tree, sending messages, export and import."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from firstwords.serve import models
from firstwords.serve.chats import search, store, transfer
from firstwords.serve.chats.records import Message, dump, now
from firstwords.serve.chats.sources import Wanted
from firstwords.serve.chats.writer import fitted
from firstwords.serve.errors import ApiError
from firstwords.serve.page.parts import DEFAULTS, Body, JsonText, Live, Params, ToolNames, User, listed, lookup_of

if TYPE_CHECKING:
    from firstwords.serve.models import Held

router = APIRouter(prefix="/api")
Title = Annotated[str, Field(max_length=200)]


class NewChat(Body):
    """A chat to begin."""

    title: Title = ""
    model: str | None = None
    system: str = ""


class Change(Body):
    """What to change in a chat."""

    title: Title | None = None
    active: str | None = None


class NewMessage(Body):
    """A user's message, and how to answer it. documents: true, or the name of a collection, to answer from them."""

    parent_id: str | None = None
    content: str
    model: str | None = None
    documents: Wanted = None
    params: Params = Params()


class Reading(Body):
    """What a model would read: the path to the message `leaf`, then `content`. `system` is for an empty chat.
    tools: names of the built-in ones that it may call."""

    leaf: str | None = None
    content: str = ""
    system: str = ""
    model: str | None = None
    max_tokens: int = Field(DEFAULTS["max_tokens"], ge=1, lt=2**31)
    tools: ToolNames = Field(default_factory=list)


@router.post("/context")
async def context(user: User, request: Request, body: Reading) -> dict[str, Any]:
    """How much of the model's context the next prompt takes, and which messages no longer fit.

    {"count": tokens of the prompt, "max_model_len": of prompt and answer, "over": tokens too many,
    "left_out": ids of messages}. An answer that is still being written is not part of it.
    """
    path = [] if body.leaf is None else await to_thread.run_sync(partial(store.path, user, body.leaf))
    path = [message for message in path if message.status != "streaming"]
    if not path and body.system.strip():
        path.append(Message("", "", None, "system", body.system))
    if body.content.strip():
        path.append(Message("", "", None, "user", body.content))
    stage = _find(request, body.model)

    def measure(held: Held) -> dict[str, Any]:
        prompt, limit = fitted(held, path, body.max_tokens, body.tools), held.loaded.context
        left_out = [message_id for message_id in prompt.left_out if message_id]
        over = max(0, len(prompt.ids) - limit + 1)
        return {"count": len(prompt.ids), "max_model_len": limit, "over": over, "left_out": left_out}

    return await to_thread.run_sync(measure, await request.app.state.worker.held(stage))


@router.get("/chats")
async def chats(
    user: User,
    q: Annotated[str, Query(max_length=1000)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> dict[str, Any]:
    """The user's chats, most recently used first; with q only those that contain all its words."""
    page, total = await to_thread.run_sync(partial(search.chats, user, q, limit, offset))
    return {"chats": page, "total": total}


@router.post("/chats")
async def create(user: User, request: Request, body: NewChat) -> dict[str, Any]:
    """Start a chat. Without a model it uses the server's default."""
    model = _find(request, body.model).ref if body.model is not None else None
    return await to_thread.run_sync(partial(store.create, user, body.title.strip(), model, body.system))


@router.get("/chats/{chat_id}")
async def chat(user: User, live: Live, chat_id: str, tokens: bool = True) -> Response:
    """A chat with the whole tree of its messages; tokens=false leaves out their tokens."""

    def load() -> tuple[dict[str, Any], list[Any]]:
        return store.load(user, chat_id, with_tokens=tokens)

    found, messages = await to_thread.run_sync(load)
    # answers being generated are ahead of their stored form
    messages = [answer.snapshot if (answer := live.get(m.id)) is not None else m for m in messages]
    text = await to_thread.run_sync(lambda: f'{{"chat":{dump(found)},"messages":{listed(messages)}}}')
    return JsonText(text)


@router.patch("/chats/{chat_id}")
async def change(user: User, chat_id: str, body: Change) -> dict[str, Any]:
    """Another title, or another branch to show."""
    return await to_thread.run_sync(partial(store.change, user, chat_id, body.title, body.active))


@router.delete("/chats/{chat_id}")
async def remove(user: User, live: Live, chat_id: str) -> dict[str, Any]:
    """Delete a chat and all its messages."""
    _, messages = await to_thread.run_sync(partial(store.load, user, chat_id, False))
    await live.stop(message.id for message in messages)
    return {"deleted": len(await to_thread.run_sync(partial(store.remove, user, chat_id)))}


@router.post("/chats/{chat_id}/messages")
async def send(user: User, live: Live, request: Request, chat_id: str, body: NewMessage) -> Response:
    """Send a message; the answer is generated even if no one watches it."""
    if not body.content.strip():
        raise ApiError(400, "the message is empty: write something", "content")
    known = await to_thread.run_sync(partial(store.chat, user, chat_id))
    stage = _find(request, body.model or known["model"])
    lookup = await lookup_of(user, body.documents)
    params = body.params.chosen(stage.directory)
    kept = params if lookup is None else params | {"documents": body.documents}
    question, answer = await to_thread.run_sync(
        partial(store.add_turn, user, chat_id, body.parent_id, body.content, stage.ref, kept)
    )
    path = await to_thread.run_sync(partial(store.path, user, question.id))
    live.begin(answer, path, stage, params, lookup=lookup, user=user)
    return JsonText(f'{{"user":{question.to_json()},"assistant":{answer.to_json()}}}')


@router.get("/export")
async def export(user: User) -> Response:
    """All of this user's data, as one JSON file."""
    name = f"firstwords-{user}-{now()[:10]}.json"
    safe = "".join(c if c.isascii() and (c.isalnum() or c in ".-_") else "_" for c in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return StreamingResponse(transfer.export(user), media_type="application/json", headers=headers)


_DOCUMENT = {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}


@router.post("/import", openapi_extra={"requestBody": _DOCUMENT})
async def restore(user: User, request: Request) -> dict[str, int]:
    """Import an export; existing chats are unchanged."""
    text = await request.body()
    return asdict(await to_thread.run_sync(partial(transfer.restore, user, text)))


def _find(request: Request, ref: str | None) -> models.Stage:
    return models.find(ref, request.app.state.settings.model)
