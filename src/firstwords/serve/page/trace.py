"""Trace: the parts of a text or an answer that are in what its model learned from."""

from __future__ import annotations

import functools
import json
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import Field

from firstwords.retrieval import trace as tracing
from firstwords.serve import models
from firstwords.serve.chats import store
from firstwords.serve.errors import ApiError
from firstwords.serve.models import Stage
from firstwords.serve.page.parts import Body, User
from firstwords.serve.settings import OWNER
from firstwords.tokenizer.fast import Tokenizer

router = APIRouter(prefix="/api")
MAX_TOKENS = 8192  # of a text or an answer
Id = Annotated[int, Field(ge=0, lt=2**31)]


class Traced(Body):
    """A text, or its tokens."""

    model: str | None = None
    text: str | None = Field(None, min_length=1, max_length=2**17)
    ids: list[Id] | None = Field(None, min_length=1, max_length=MAX_TOKENS)


@router.post("/trace")
async def trace(user: User, request: Request, body: Traced) -> dict[str, Any]:
    """The longest parts of a text that its model has read, how often and where, and what it has never read together.

    Where a server has several users, only its owner gets the places: the text may be no one else's business.
    """
    if (body.text is None) == (body.ids is None):
        raise ApiError(400, "give a text or its ids", "text")
    stage = models.find(body.model, request.app.state.settings.model)
    return await to_thread.run_sync(partial(_trace, stage, body.text, body.ids, _samples(user, request)))


@router.post("/messages/{message_id}/trace")
async def trace_message(user: User, request: Request, message_id: str) -> dict[str, Any]:
    """The same for an answer of a chat, whose tokens are known."""
    message = await to_thread.run_sync(partial(store.message, user, message_id))
    ids = [token["id"] for token in json.loads(message.tokens or "[]")]
    if not ids or message.status == "streaming":
        raise ApiError(400, "only an answer that a model has written can be traced")
    stage = models.find(message.model, request.app.state.settings.model)
    held = await request.app.state.worker.held(stage)
    if message.stage_hash != held.loaded.hash:
        raise ApiError(409, f"{stage.ref} was trained again since: this answer is of an earlier model", "model")
    return await to_thread.run_sync(partial(_trace, stage, None, ids[:MAX_TOKENS], _samples(user, request)))


def _samples(user: str, request: Request) -> int:
    """How many places of each part a user gets."""
    is_shared = len(request.app.state.settings.user_names) > 1
    return tracing.SAMPLES if user == OWNER or not is_shared else 0


def _trace(stage: Stage, text: str | None, ids: list[int] | None, samples: int) -> dict[str, Any]:
    tokenizer = _tokenizer(str(stage.directory), stage.identity)
    if ids is not None and max(ids) >= tokenizer.vocab_size:
        raise ApiError(400, f"{max(ids)} is not a token of {stage.ref}", "ids")
    indexes = tracing.open_indexes(stage.directory, tokenizer)
    ids = tracing.text_ids(text, indexes, tokenizer) if text is not None else ids
    return tracing.trace((ids or [])[:MAX_TOKENS], indexes, tokenizer, samples).to_dict() | {"model": stage.ref}


@functools.lru_cache(maxsize=8)
def _tokenizer(directory: str, identity: tuple[int, int]) -> Tokenizer:
    return Tokenizer.load(directory)
