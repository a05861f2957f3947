"""Messages: stream an answer, stop it, regenerate, branch at a token, rate, delete, fork."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from firstwords import home
from firstwords.model.card import is_base
from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.serve import models
from firstwords.serve.answers import Answer
from firstwords.serve.chats import store
from firstwords.serve.chats.calls import results
from firstwords.serve.chats.records import Message, dump
from firstwords.serve.chats.sources import FROM_MEMORY, Wanted
from firstwords.serve.chats.writer import Branch
from firstwords.serve.errors import ApiError
from firstwords.serve.page.parts import Body, JsonText, Live, Params, User, event, listed, lookup_of
from firstwords.tokenizer.calls import calls_in
from firstwords.tools.builtin import TOOLS

router = APIRouter(prefix="/api/messages/{message_id}")
QUIET_SECONDS = 15.0  # between keep-alive comments of a stream
Reasons = Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=20)]


class Again(Body):
    """How to regenerate an answer. documents: as in the request for the first one, or false to answer from memory;
    null for the same as before."""

    model: str | None = None
    documents: Wanted = None
    params: Params = Params()


class AtToken(Body):
    """Where another token was chosen, and which."""

    index: int = Field(ge=0)
    token_id: int = Field(ge=0, lt=2**31)
    params: Params = Params()


class ToolEdit(Body):
    """The changed text of an answer that calls tools, or of a tool's result."""

    content: str = Field(min_length=1, max_length=20_000)
    params: Params = Params()


class Rating(Body):
    """A user's rating of an answer; verdict null withdraws it."""

    verdict: Literal["up", "down"] | None
    reasons: Reasons = Field(default_factory=list)


@router.get("/stream")
async def stream(
    user: User, live: Live, message_id: str, start: Annotated[int, Query(alias="from", ge=0, lt=2**31)] = 0
) -> Response:
    """The tokens of an answer from the given one on, then new ones, and finally the message."""
    message = await to_thread.run_sync(partial(store.message, user, message_id))
    answer, following = live.get(message_id), list[Message]()
    if answer is None:  # it may have ended in the meantime
        message = await to_thread.run_sync(partial(store.message, user, message_id))
        following = await to_thread.run_sync(partial(store.follow_up, user, message_id))
    events = _kept(message, start, following) if answer is None else _coming(answer, start)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/stop")
async def stop(user: User, live: Live, message_id: str) -> Response:
    """Stop an answer; its text so far is kept."""
    await to_thread.run_sync(partial(store.message, user, message_id))
    await live.stop([message_id])
    message = await to_thread.run_sync(partial(store.message, user, message_id))
    return JsonText(f'{{"message":{message.to_json()}}}')


@router.post("/regenerate")
async def regenerate(user: User, live: Live, request: Request, message_id: str, body: Again | None = None) -> Response:
    """An alternative to this answer, or another answer to a user's message."""
    body = body or Again()
    message = await to_thread.run_sync(partial(store.message, user, message_id))
    chat = await to_thread.run_sync(partial(store.chat, user, message.chat_id))
    stage = models.find(body.model or message.model or chat["model"], request.app.state.settings.model)
    wanted = _wanted(message) if body.documents is None else body.documents
    return await _answer(user, live, message, stage, body.params.chosen(stage.directory, message.params), wanted)


@router.post("/branch")
async def branch(user: User, live: Live, request: Request, message_id: str, body: AtToken) -> Response:
    """Another answer: the same up to a token, then a different token, then the model's continuation."""
    message = _finished(await to_thread.run_sync(partial(store.message, user, message_id)))
    tokens: list[dict[str, Any]] = json.loads(message.tokens or "[]")
    if body.index >= len(tokens):
        raise ApiError(400, f"index is {body.index}, but this answer has {len(tokens)} tokens", "index")
    stage = models.find(message.model, request.app.state.settings.model)
    chosen = Branch(tokens[: body.index], body.token_id, message.stage_hash)
    params = body.params.chosen(stage.directory, message.params)
    params.pop("rules", None)  # they hold for whole answers
    return await _answer(user, live, message, stage, params, _wanted(message), chosen)


@router.post("/tool")
async def change_tool(user: User, live: Live, request: Request, message_id: str, body: ToolEdit) -> Response:
    """Another version of a call or of its result, as a person has changed it, and the answer that follows from it."""
    path = await to_thread.run_sync(partial(store.path, user, message_id))
    message = path[-1]
    place = next((at for at in range(len(path) - 1, -1, -1) if path[at].role == "assistant"), None)
    if message.role not in ("assistant", "tool") or place is None:
        raise ApiError(400, "this message is neither a call nor a tool's result")
    call = _finished(path[place])
    stage = models.find(call.model, request.app.state.settings.model)
    params = body.params.chosen(stage.directory, call.params)
    changed: list[Message] = []
    if message.role == "assistant":
        if not calls_in(body.content, list(TOOLS)):
            form = '{"name": "calculator", "arguments": {"expression": "17*23"}}'
            raise ApiError(400, f"this is not a call of a built-in tool: write a line such as {form}", "content")
        call = await to_thread.run_sync(store.add_call, message, body.content, params)
        changed.append(call)
        found = await to_thread.run_sync(results, body.content, list(TOOLS), user)
    else:
        later = await to_thread.run_sync(partial(store.results_below, user, message_id))
        found = [*(m.content for m in path[place + 1 : -1]), body.content, *later]
    changed += await live.after_results(call, found, path[:place], stage, params, user)
    return JsonText(f'{{"messages":{listed(changed)}}}')


@router.post("/rating")
async def rate(user: User, message_id: str, body: Rating) -> Response:
    """Save a thumb with the answer, and add it to the log that the model learns from, if it can learn from it."""
    path = await to_thread.run_sync(partial(store.path, user, message_id))
    message = _finished(path[-1])
    rating = None if body.verdict is None else {"verdict": body.verdict, "reasons": body.reasons}
    verdict = body.verdict or "withdrawn"
    if (rating or message.rating) and _can_teach(message, path[-2]):
        thumb = Judgement(
            tuple(m.turn for m in path[:-1]),
            message.content.strip(),
            verdict=verdict,
            kind="thumb",
            left_stage=message.stage_hash or "",
            params={**(message.params or {}), "left": message.model},
            left_seed=(message.params or {}).get("seed"),
            reasons=tuple(body.reasons),
            annotator=user,
            model=(message.model or "").partition("/")[0],
            selection="thumbs",
        )
        await to_thread.run_sync(partial(PreferenceStore().add, thumb))
    rated = await to_thread.run_sync(partial(store.rate, user, message_id, rating))
    return JsonText(f'{{"message":{rated.to_json()}}}')


@router.delete("")
async def remove(user: User, live: Live, message_id: str) -> dict[str, Any]:
    """Delete a message with the branch below it."""
    await live.stop(await to_thread.run_sync(partial(store.below, user, message_id)))
    deleted, active = await to_thread.run_sync(partial(store.remove_branch, user, message_id))
    return {"deleted": deleted, "active": active}


@router.post("/fork")
async def fork(user: User, message_id: str) -> dict[str, Any]:
    """The path to this message as a new chat."""
    return await to_thread.run_sync(partial(store.fork, user, message_id))


async def _answer(
    user: str,
    live: Live,
    message: Message,
    stage: models.Stage,
    params: dict[str, Any],
    wanted: Wanted,
    chosen: Branch | None = None,
) -> Response:
    lookup = await lookup_of(user, wanted)
    kept = params if wanted is None else params | {"documents": wanted}
    label = FROM_MEMORY if wanted is False else None
    answer = await to_thread.run_sync(partial(store.add_answer, user, message.id, stage.ref, kept, label))
    path = await to_thread.run_sync(partial(store.path, user, str(answer.parent_id)))
    live.begin(answer, path, stage, params, chosen, lookup, user)
    return JsonText(f'{{"assistant":{answer.to_json()}}}')


def _finished(message: Message) -> Message:
    if message.role != "assistant":
        raise ApiError(400, "this message is not a model's answer")
    if message.status == "streaming":
        raise ApiError(409, "this answer is still being written: wait for it, or stop it")
    return message


def _wanted(message: Message) -> Wanted:
    """Where an answer was to come from."""
    wanted = (message.params or {}).get("documents")
    return wanted if isinstance(wanted, bool | str) else None


def _can_teach(answer: Message, asked: Message) -> bool:
    """Whether a judgement of an answer belongs in the log: a model wrote it, in answer to a question."""
    if asked.role != "user" or answer.stage_hash is None:  # after a tool's result; or a person has changed the call
        return False
    if answer.sources is not None and _wanted(answer):  # a search's answer
        return False
    name, _, stage = (answer.model or "").partition("/")
    return not is_base(home.stage_dir(name, stage))  # a continuation is not an answer


async def _coming(answer: Answer, start: int) -> AsyncIterator[str]:
    async for first, tokens in answer.follow(start, QUIET_SECONDS):
        yield _tokens(first, tokens) if tokens else ": waiting\n\n"
    yield _end(answer.message, answer.following)


async def _kept(message: Message, start: int, following: Sequence[Message]) -> AsyncIterator[str]:
    tokens = [dump(token) for token in json.loads(message.tokens or "[]")[start:]]
    if tokens:
        yield _tokens(start, tokens)
    yield _end(message, following)


def _tokens(first: int, tokens: list[str]) -> str:
    return event("tokens", f'{{"index":{first},"tokens":[{",".join(tokens)}]}}')


def _end(message: Message, following: Sequence[Message] = ()) -> str:
    """The last event. following: results of the tools that the answer called, and the answer after them."""
    if message.status != "error":
        more = f',"following":{listed(list(following))}' if following else ""
        return event("done", f'{{"message":{message.to_json()}{more}}}')
    failed = ApiError(500, message.error or "the answer failed").body
    return event("failed", f'{dump(failed)[:-1]},"message":{message.to_json()}}}')
