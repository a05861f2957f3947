"""POST /v1/chat/completions."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firstwords.serve import models
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai.choices import Choices, attended, jobs
from firstwords.serve.openai.documents import documents_answer
from firstwords.serve.openai.replies import Reply, check_reason, usage
from firstwords.serve.openai.request import limits, prompts
from firstwords.serve.openai.request.json_route import JsonRoute
from firstwords.serve.openai.request.schemas import ChatRequest
from firstwords.serve.openai.request.tools import tools_of
from firstwords.serve.openai.sse import EventStream, event
from firstwords.serve.openai.transcript import Entry, Transcript, chat_logprobs
from firstwords.tokenizer.calls import CallReader
from firstwords.tokenizer.tools import uses_tags

if TYPE_CHECKING:
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.fast import Tokenizer

router = APIRouter(route_class=JsonRoute)


@router.post("/chat/completions")
async def chat_completions(body: ChatRequest, request: Request) -> Response:
    """Answer the last message of a chat, or continue it if it is the assistant's and the request says so."""
    if body.documents:
        return await documents_answer(body, request)
    seconds = request.app.state.settings.max_seconds
    job = await begin(body, request)
    if body.stream:
        with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        reply = Reply("chatcmpl", "chat.completion.chunk", job.model, with_usage)
        return EventStream(_events(job, reply, with_usage), job.running.cancel, seconds)
    async with attended(request, job.running, seconds):
        return Json(await _whole(job, Reply("chatcmpl", "chat.completion", job.model)))


async def begin(body: ChatRequest, request: Request) -> ChatJob:
    """The answers to a chat, ready to start. Raises ApiError for what cannot be answered."""
    worker = request.app.state.worker
    stage = models.find(body.model, request.app.state.settings.model)
    held = await worker.held(stage)
    messages, prefill = prompts.split(body)
    tools = tools_of(body)
    ids = prompts.chat_ids(held, messages, prefill) if tools is None else prompts.tool_ids(held, body, tools)
    max_tokens = _max_tokens(body, held.engine.max_length)
    params = limits.params(body, max_tokens, _num_logprobs(body), stage.directory, after=prefill)
    if tools is not None and tools.required:
        params = dataclasses.replace(params, constraint=tools.constraint(uses_tags(held.loaded.tokenizer)))
    n = body.n or 1
    running = Choices(worker, stage, jobs([ids], params, n))
    transcripts = [Transcript(held.loaded.tokenizer, bool(body.logprobs)) for _ in range(n)]
    readers = [CallReader(tools.names) for _ in range(n)] if tools is not None else []
    return ChatJob(stage.ref, params, running, transcripts, held.loaded.tokenizer, len(ids), readers)


def _max_tokens(body: ChatRequest, context: int) -> int:
    if body.max_completion_tokens is not None:
        return limits.tokens_wanted(body.max_completion_tokens, context, param="max_completion_tokens")
    return limits.tokens_wanted(body.max_tokens, context)


def _num_logprobs(body: ChatRequest) -> int | None:
    if body.top_logprobs is not None and not body.logprobs:
        raise ApiError(400, "top_logprobs needs logprobs: true", "top_logprobs")
    return (body.top_logprobs or 0) if body.logprobs else None


@dataclass
class ChatJob:
    """A chat that is being answered: its choices and the text of each so far. `responses.py` uses it too."""

    model: str
    params: SamplingParams
    running: Choices
    transcripts: list[Transcript]
    tokenizer: Tokenizer
    num_prompt: int
    readers: list[CallReader] = field(default_factory=list)  # of each choice, where tools may be called

    def reason(self, index: int) -> str | None:
        """A choice's finish_reason; "tool_calls" where it has called."""
        reason = check_reason(self.transcripts[index].finish_reason)
        return "tool_calls" if reason == "stop" and self.readers and self.readers[index].calls else reason

    def message(self, index: int, text: str) -> dict[str, Any]:
        """A choice's message, with the calls that its text contains."""
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if not self.readers:
            return message
        reader = self.readers[index]
        reader.push(text, is_last=True)
        if not reader.calls:
            return message
        calls = [call.to_json() for call in reader.calls]
        return message | {"content": reader.text.strip() or None, "tool_calls": calls}

    def logprobs(self, entries: list[Entry]) -> dict[str, Any] | None:
        return chat_logprobs(self.tokenizer, entries) if self.transcripts[0].wants_entries else None

    def usage(self) -> dict[str, Any]:
        return usage(self.num_prompt, sum(t.num_tokens for t in self.transcripts), self.running)


async def _whole(job: ChatJob, reply: Reply) -> dict[str, Any]:
    texts = [""] * len(job.transcripts)
    entries: list[list[Entry]] = [[] for _ in job.transcripts]
    await job.running.start()
    async for index, tokens in job.running.parts():
        text, complete = job.transcripts[index].push(tokens)
        texts[index] += text
        entries[index] += complete
    choices = [
        {
            "index": index,
            "message": job.message(index, texts[index]),
            "logprobs": job.logprobs(entries[index]),
            "finish_reason": job.reason(index),
            **transcript.extension,
        }
        for index, transcript in enumerate(job.transcripts)
    ]
    return reply.whole(choices, job.usage())


async def _events(job: ChatJob, reply: Reply, with_usage: bool) -> AsyncIterator[bytes]:
    await job.running.start()
    has_begun = [False] * len(job.transcripts)
    async for index, tokens in job.running.parts():
        text, entries = job.transcripts[index].push(tokens)
        is_last = job.transcripts[index].finish_reason is not None
        deltas = _deltas(job, index, text, is_last)
        if not (deltas or entries or is_last or not has_begun[index]):
            continue  # a stop text, a character or a call may have begun: there is nothing to show yet
        if not has_begun[index]:
            first: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
            opens = bool(deltas) and "content" in deltas[0]
            deltas = [first | deltas[0], *deltas[1:]] if opens else [first, *deltas]
        has_begun[index] = True
        logprobs = job.logprobs(entries)
        for place, delta in enumerate(deltas or [{} if job.readers else {"content": ""}]):
            is_end = is_last and place >= len(deltas) - 1
            choice = {"index": index, "delta": delta, "logprobs": None if place else logprobs}
            extension = job.transcripts[index].extension if is_end else {}
            yield reply.event(choice | {"finish_reason": job.reason(index) if is_end else None} | extension)
    if with_usage:
        yield event(reply.whole([], job.usage()))


def _deltas(job: ChatJob, index: int, text: str, is_last: bool) -> list[dict[str, Any]]:
    """What more text adds to a choice: content, or the beginning or more of a call."""
    if not job.readers:
        return [{"content": text}] if text else []
    reader = job.readers[index]
    deltas: list[dict[str, Any]] = []
    for part in reader.push(text, is_last):
        if part.index is None:
            deltas.append({"content": part.text})
            continue
        call: dict[str, Any] = {"index": part.index, "function": {"arguments": part.arguments}}
        if part.name:
            call |= {"id": reader.calls[part.index].id, "type": "function"}
            call["function"] = {"name": part.name, "arguments": ""}
        deltas.append({"tool_calls": [call]})
    return deltas
