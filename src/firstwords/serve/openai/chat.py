"""POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
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
from firstwords.serve.openai.sse import EventStream, event
from firstwords.serve.openai.transcript import Entry, Transcript, chat_logprobs

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
    ids = prompts.chat_ids(held, messages, prefill)
    max_tokens = _max_tokens(body, held.engine.max_length)
    params = limits.params(body, max_tokens, _num_logprobs(body), stage.directory, after=prefill)
    n = body.n or 1
    running = Choices(worker, stage, jobs([ids], params, n))
    transcripts = [Transcript(held.loaded.tokenizer, bool(body.logprobs)) for _ in range(n)]
    return ChatJob(stage.ref, params, running, transcripts, held.loaded.tokenizer, len(ids))


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
            "message": {"role": "assistant", "content": texts[index], "refusal": None},
            "logprobs": job.logprobs(entries[index]),
            "finish_reason": check_reason(transcript.finish_reason),
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
        reason = check_reason(job.transcripts[index].finish_reason)
        if not (text or entries or reason or not has_begun[index]):
            continue  # a stop text or a character may have begun: there is nothing to show yet
        delta = {"content": text} if has_begun[index] else {"role": "assistant", "content": text, "refusal": None}
        has_begun[index] = True
        logprobs = job.logprobs(entries)
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        yield reply.event(choice | job.transcripts[index].extension)
    if with_usage:
        yield event(reply.whole([], job.usage()))
