"""POST /v1/responses: the endpoint that OpenAI's newer clients use by default. A chat in other words.

`request/responses.py` turns a request into one for chat, whose code answers it; here the answer becomes a response, or
the events of one, which `memory.py` keeps for a while.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai import chat
from firstwords.serve.openai.chat import ChatJob
from firstwords.serve.openai.choices import attended
from firstwords.serve.openai.memory import Answered, ChatMessage
from firstwords.serve.openai.replies import check_reason
from firstwords.serve.openai.request.json_route import JsonRoute
from firstwords.serve.openai.request.responses import ResponsesRequest, as_chat, conversation, in_these_words
from firstwords.serve.openai.sse import EventStream, event
from firstwords.serve.openai.transcript import Entry

router = APIRouter(route_class=JsonRoute)


@router.post("/responses")
async def responses(body: ResponsesRequest, request: Request) -> Response:
    """Answer a text or the last message of a conversation."""
    seconds = request.app.state.settings.max_seconds
    user: str = request.state.user
    messages = conversation(body, request.app.state.memory, user)
    asked = as_chat(body, messages)
    with in_these_words():
        job = await chat.begin(asked, request)
        answer = _Answer(body, job, messages, lambda answered: request.app.state.memory.keep(user, answered))
        if body.stream:
            return EventStream(_events(answer), job.running.cancel, seconds, end=b"")
        async with attended(request, job.running, seconds):
            await job.running.start()
            async for _ in answer.parts():
                pass
            return Json(answer.last_response())


class _Answer:
    """A response that grows: its text and log-probabilities so far, and what it is as an object."""

    def __init__(
        self, body: ResponsesRequest, job: ChatJob, messages: list[ChatMessage], keep: Callable[[Answered], None]
    ) -> None:
        self._body, self._job, self._messages, self._keep = body, job, messages, keep
        self._id, self._item_id = f"resp_{secrets.token_hex(16)}", f"msg_{secrets.token_hex(16)}"
        self._created = int(time.time())
        self._text = ""
        self._entries: list[Entry] = []
        self._error: dict[str, Any] | None = None

    @property
    def job(self) -> ChatJob:
        return self._job

    async def parts(self) -> AsyncIterator[tuple[str, list[Entry]]]:
        """What is said next, as it comes. Raises ApiError."""
        transcript = self._job.transcripts[0]
        async for _, tokens in self._job.running.parts():
            text, entries = transcript.push(tokens)
            check_reason(transcript.finish_reason)
            self._text += text
            self._entries += entries
            yield text, entries

    def fail(self, error: ApiError) -> None:
        """The answer breaks off here."""
        code = "server_error" if error.status >= 500 else "invalid_prompt"
        self._error = {"code": code, "message": error.message}

    @property
    def status(self) -> str:
        """in_progress, then completed, incomplete (the tokens ran out) or failed."""
        if self._error is not None:
            return "failed"
        return {None: "in_progress", "length": "incomplete"}.get(self._job.transcripts[0].finish_reason, "completed")

    def place(self, with_content: bool = True) -> dict[str, Any]:
        """Where an event belongs."""
        place = {"item_id": self._item_id, "output_index": 0}
        return place | {"content_index": 0} if with_content else place

    def logprobs(self, entries: list[Entry]) -> list[dict[str, Any]]:
        """Log-probabilities where they were asked for."""
        found = self._job.logprobs(entries)
        return found["content"] if found else []

    def content(self, is_empty: bool = False) -> dict[str, Any]:
        """The text as a part of the message."""
        text, entries = ("", []) if is_empty else (self._text, self._entries)
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs(entries)}

    def item(self, is_empty: bool = False) -> dict[str, Any]:
        """The message as an item of the output."""
        status = "in_progress" if is_empty else "incomplete" if self.status == "failed" else self.status
        content = [] if is_empty else [self.content()]
        return {"id": self._item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def response(self, status: str = "") -> dict[str, Any]:
        """The whole object, as it is now or as it was at an earlier status."""
        body, params, status = self._body, self._job.params, status or self.status
        is_over = status != "in_progress"
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": self._error,
            "completed_at": int(time.time()) if status == "completed" else None,
            "background": False,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": self._job.model,
            "output": [self.item()] if is_over else [],
            "parallel_tool_calls": True,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": None, "summary": None},
            "store": body.store is not False,
            "temperature": params.temperature,
            "text": {"format": (body.text or {}).get("format") or {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_logprobs": body.top_logprobs or 0,
            "top_p": params.top_p,
            "truncation": "disabled",
            "usage": self._usage() if is_over else None,
            "metadata": body.metadata or {},
        }

    def last_response(self) -> dict[str, Any]:
        """The whole object at the end, which later requests may refer to unless `store` is false."""
        response = self.response()
        if self._body.store is not False and self.status != "failed":
            said = {"role": "assistant", "content": self._text}
            self._keep(Answered(response, self._item_id, [*self._messages, said]))
        return response

    def _usage(self) -> dict[str, Any]:
        counted = self._job.usage()
        return {
            "input_tokens": counted["prompt_tokens"],
            "input_tokens_details": counted["prompt_tokens_details"],
            "output_tokens": counted["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counted["total_tokens"],
        }


async def _events(answer: _Answer) -> AsyncIterator[bytes]:
    """The events of a response in OpenAI's order, numbered. What fails before the first is raised, later it is told."""
    number = 0

    def numbered(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return event({"type": kind, "sequence_number": number - 1, **fields}, kind)

    place = answer.place()
    try:
        with in_these_words():
            await answer.job.running.start()
            async for text, entries in answer.parts():
                if number == 0:
                    created = answer.response("in_progress")
                    yield numbered("response.created", response=created)
                    yield numbered("response.in_progress", response=created)
                    yield numbered("response.output_item.added", output_index=0, item=answer.item(is_empty=True))
                    yield numbered("response.content_part.added", **place, part=answer.content(is_empty=True))
                if text or entries:
                    logprobs = answer.logprobs(entries)
                    yield numbered("response.output_text.delta", **place, delta=text, logprobs=logprobs)
    except ApiError as error:
        if number == 0:
            raise
        answer.fail(error)
        yield numbered("error", code=error.code, message=error.message, param=error.param)
        yield numbered("response.failed", response=answer.response())
        return
    if number == 0 or answer.status == "in_progress":
        return  # cancelled: nobody reads
    part = answer.content()
    yield numbered("response.output_text.done", **place, text=part["text"], logprobs=part["logprobs"])
    yield numbered("response.content_part.done", **place, part=part)
    yield numbered("response.output_item.done", output_index=0, item=answer.item())
    yield numbered(f"response.{answer.status}", response=answer.last_response())
