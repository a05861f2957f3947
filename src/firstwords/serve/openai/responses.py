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
from firstwords.serve.openai.items import Item, Told
from firstwords.serve.openai.memory import Answered, ChatMessage
from firstwords.serve.openai.replies import check_reason
from firstwords.serve.openai.request.json_route import JsonRoute
from firstwords.serve.openai.request.responses import ResponsesRequest, as_chat, conversation, in_these_words
from firstwords.serve.openai.sse import EventStream, event
from firstwords.serve.openai.transcript import Entry
from firstwords.tokenizer.calls import Part

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
            async for _ in answer.grow():
                pass
            answer.end()
            return Json(answer.last_response())


class _Answer:
    """A response that grows: its items so far, and what it is as an object."""

    def __init__(
        self, body: ResponsesRequest, job: ChatJob, messages: list[ChatMessage], keep: Callable[[Answered], None]
    ) -> None:
        self._body, self._job, self._messages, self._keep = body, job, messages, keep
        self._id = f"resp_{secrets.token_hex(16)}"
        self._created = int(time.time())
        self.items: list[Item] = []
        self._error: dict[str, Any] | None = None

    @property
    def job(self) -> ChatJob:
        return self._job

    async def grow(self) -> AsyncIterator[list[Told]]:
        """The events of each part of the answer, as it comes; items are open until the next begins. Raises ApiError."""
        transcript, readers = self._job.transcripts[0], self._job.readers
        waiting: list[Entry] = []  # of text that may yet begin a call
        async for _, tokens in self._job.running.parts():
            text, entries = transcript.push(tokens)
            is_last = check_reason(transcript.finish_reason) is not None
            told: list[Told] = []
            if not readers:
                told += self._say(text, entries)
            else:
                waiting = [*waiting, *entries]
                for part in readers[0].push(text, is_last):
                    if part.index is None:
                        told += self._say(part.text, waiting)
                        waiting = entries = []
                    else:
                        told += self._call(part)
                        waiting = entries  # those before were the call's
                if self.items and self.items[-1].call is not None:
                    waiting = []
            yield told

    def _say(self, text: str, entries: list[Entry]) -> list[Told]:
        last = self.items[-1] if self.items else None
        told: list[Told] = []
        if last is None or last.call is not None:
            if self._job.readers and not text.strip():
                return []  # white space around a call
            told += self._open(Item(len(self.items)))
        item = self.items[-1]
        item.text += text
        item.logprobs += self._logprobs(entries)
        return [*told, *([item.grown(text, self._logprobs(entries))] if text or entries else [])]

    def _call(self, part: Part) -> list[Told]:
        assert part.index is not None
        if part.name:
            return self._open(Item(len(self.items), call=self._job.readers[0].calls[part.index]))
        return [self.items[-1].grown(part.arguments, [])]

    def _open(self, item: Item) -> list[Told]:
        closed = self.items[-1].ended("completed") if self.items else []
        self.items.append(item)
        return [*closed, *item.begun()]

    def end(self) -> list[Told]:
        """The events of the end, before that of the response. There is at least one item."""
        told = [] if self.items else self._open(Item(0))
        return [*told, *self.items[-1].ended(self.status)]

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

    def _logprobs(self, entries: list[Entry]) -> list[dict[str, Any]]:
        """Log-probabilities where they were asked for."""
        found = self._job.logprobs(entries)
        return found["content"] if found else []

    def _output(self) -> list[dict[str, Any]]:
        last = "incomplete" if self.status == "failed" else self.status
        return [item.to_json(last if item is self.items[-1] else "completed") for item in self.items]

    def _said(self) -> ChatMessage:
        """The answer as a message of a chat."""
        calls = [item.call.to_json() for item in self.items if item.call is not None]
        text = "".join(item.text for item in self.items)
        return {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})

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
            "output": self._output() if is_over else [],
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": None, "summary": None},
            "store": body.store is not False,
            "temperature": params.temperature,
            "text": {"format": (body.text or {}).get("format") or {"type": "text"}},
            "tool_choice": body.tool_choice or "auto",
            "tools": [{"parameters": None, "strict": False} | tool for tool in body.tools or []],
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
            ids = tuple(item.id for item in self.items)
            self._keep(Answered(response, ids, [*self._messages, self._said()]))
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

    try:
        with in_these_words():
            await answer.job.running.start()
            async for told in answer.grow():
                if number == 0:
                    created = answer.response("in_progress")
                    yield numbered("response.created", response=created)
                    yield numbered("response.in_progress", response=created)
                for kind, fields in told:
                    yield numbered(kind, **fields)
    except ApiError as error:
        if number == 0:
            raise
        answer.fail(error)
        yield numbered("error", code=error.code, message=error.message, param=error.param)
        yield numbered("response.failed", response=answer.response())
        return
    if number == 0 or answer.status == "in_progress":
        return  # cancelled: nobody reads
    for kind, fields in answer.end():
        yield numbered(kind, **fields)
    yield numbered(f"response.{answer.status}", response=answer.last_response())
