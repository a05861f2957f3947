"""POST /v1/completions: texts and ids continued, and with echo and logprobs, scored as lm-eval reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firstwords.serve import models
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai.choices import Choices, Job, attended, jobs
from firstwords.serve.openai.replies import Reply, check_reason, usage
from firstwords.serve.openai.request import forms, limits, prompts
from firstwords.serve.openai.request.json_route import JsonRoute
from firstwords.serve.openai.request.schemas import MAX_CHOICES, CompletionRequest
from firstwords.serve.openai.scoring import score
from firstwords.serve.openai.sse import EventStream, event
from firstwords.serve.openai.transcript import CompletionLogprobs, Entry, Transcript, piece
from firstwords.tokenizer.fast import StreamDecoder

if TYPE_CHECKING:
    from firstwords.engine.sampling import SamplingParams
    from firstwords.engine.score import TokenScores
    from firstwords.serve.models import Held, Stage
    from firstwords.serve.worker import Worker

router = APIRouter(route_class=JsonRoute)


@dataclass
class _Choice:
    """One choice: its prompt, what has been said, and its lists of log-probabilities."""

    prompt: _Prompt
    transcript: Transcript
    lists: CompletionLogprobs
    text: str = ""
    entries: list[Entry] = field(default_factory=list)


@dataclass
class _Prompt:
    """A prompt as given and as ids; `entries` score its tokens where they were asked for."""

    ids: list[int]
    num_added: int  # ids that the server put in front, and that no list shows
    text: str
    entries: list[Entry] = field(default_factory=list)


@router.post("/completions")
async def completions(body: CompletionRequest, request: Request) -> Response:
    """Continue one prompt or many."""
    worker, settings = request.app.state.worker, request.app.state.settings
    stage = models.find(body.model, settings.model)
    held = await worker.held(stage)
    least = 0 if body.echo else 1
    max_tokens = limits.tokens_wanted(body.max_tokens, limits.COMPLETION_TOKENS, least)
    params = limits.params(body, max(1, max_tokens), body.logprobs)
    n = body.n or 1
    given = prompts.prompts(held, body.prompt, "prompt")
    if n > 1 and n * len(given) > MAX_CHOICES:
        raise ApiError(400, f"{len(given):,} prompts and n={n} are more than {MAX_CHOICES} choices", "n")
    asked = [_Prompt(ids, added, _text(held, ids, added)) for ids, added in given]
    choices = [_choice(held, prompt, body) for prompt in asked for _ in range(n)]
    running = Choices(worker, stage, _jobs(body, asked, params, n) if max_tokens else [])
    job = _Job(body, worker, stage, held, asked, choices, running)
    if body.stream:
        with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        reply = Reply("cmpl", "text_completion", stage.ref, with_usage)
        return EventStream(_events(job, reply, with_usage), running.cancel, settings.max_seconds)
    async with attended(request, running, settings.max_seconds):
        return Json(await _whole(job, Reply("cmpl", "text_completion", stage.ref)))


def _jobs(body: CompletionRequest, asked: list[_Prompt], params: SamplingParams, n: int) -> list[Job]:
    """Every prompt n times; rules continue each prompt in its own way."""
    if not body.rules:
        return jobs([prompt.ids for prompt in asked], params, n)
    ruled = [dataclasses.replace(params, constraint=forms.constraint(body, prompt.text)) for prompt in asked]
    return [job for prompt, each in zip(asked, ruled, strict=True) for job in jobs([prompt.ids], each, n)]


def _text(held: Held, ids: list[int], added: int) -> str:
    return held.loaded.tokenizer.decode(ids[added:], skip_special=False)


def _choice(held: Held, prompt: _Prompt, body: CompletionRequest) -> _Choice:
    tokenizer = held.loaded.tokenizer
    return _Choice(prompt, Transcript(tokenizer, body.logprobs is not None), CompletionLogprobs(tokenizer))


@dataclass
class _Job:
    """One request on its way."""

    body: CompletionRequest
    worker: Worker
    stage: Stage
    held: Held
    prompts: list[_Prompt]
    choices: list[_Choice]
    running: Choices

    async def start(self) -> None:
        """Put the first choice in line, and score the prompts if they are to be echoed with log-probabilities."""
        if self.running.has_jobs:
            await self.running.start()
        if self.body.echo and self.body.logprobs is not None:
            scored = await score(self.worker, self.stage, [prompt.ids for prompt in self.prompts], self.body.logprobs)
            for prompt, scores in zip(self.prompts, scored, strict=True):
                prompt.entries = _prompt_entries(self.held, prompt, scores)

    def echoed(self, choice: _Choice) -> tuple[str, list[Entry]]:
        """What stands before the answer."""
        return (choice.prompt.text, choice.prompt.entries) if self.body.echo else ("", [])

    def logprobs(self, choice: _Choice, entries: list[Entry], is_start: bool) -> dict[str, Any] | None:
        if self.body.logprobs is None:
            return None
        return choice.lists.of(entries, has_past=not (is_start and choice.prompt.entries))

    def usage(self) -> dict[str, Any]:
        generated = sum(choice.transcript.num_tokens for choice in self.choices)
        return usage(sum(len(prompt.ids) for prompt in self.prompts), generated, self.running)


def _prompt_entries(held: Held, prompt: _Prompt, scores: TokenScores) -> list[Entry]:
    """An entry for each token of a prompt; the first has no log-probability, whatever the server put before it."""
    tokenizer = held.loaded.tokenizer
    decoder = StreamDecoder(tokenizer)
    logprobs, ids = scores.logprobs_T.tolist(), scores.top_ids_TA.tolist()
    values = scores.top_logprobs_TA.tolist()
    entries = []
    for place, token in enumerate(prompt.ids[prompt.num_added :], prompt.num_added):
        if token in tokenizer.special_ids:
            text = piece(tokenizer, token).decode()
        else:
            text = decoder.push(token) if token < tokenizer.vocab_size else ""
        past = place - 1
        top = list(zip(ids[past], values[past], strict=True)) if past >= 0 else []
        entries.append(Entry(token, text, logprobs[past] if past >= 0 else 0.0, top))
    if entries:
        entries[-1].text += decoder.flush()
    return entries


async def _whole(job: _Job, reply: Reply) -> dict[str, Any]:
    await job.start()
    if job.running.has_jobs:
        async for index, tokens in job.running.parts():
            choice = job.choices[index]
            text, entries = choice.transcript.push(tokens)
            choice.text += text
            choice.entries += entries
    choices = []
    for index, choice in enumerate(job.choices):
        before, prompt_entries = job.echoed(choice)
        choices.append(
            {
                "index": index,
                "text": before + choice.text,
                "logprobs": job.logprobs(choice, prompt_entries + choice.entries, True),
                "finish_reason": check_reason(choice.transcript.finish_reason or "length"),
                **choice.transcript.extension,
            }
        )
    return reply.whole(choices, job.usage())


async def _events(job: _Job, reply: Reply, with_usage: bool) -> AsyncIterator[bytes]:
    await job.start()
    if job.body.echo:
        for index, choice in enumerate(job.choices):
            text, entries = job.echoed(choice)
            reason = None if job.running.has_jobs else "length"
            logprobs = job.logprobs(choice, entries, True)
            yield reply.event({"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason})
    if job.running.has_jobs:
        async for index, tokens in job.running.parts():
            choice = job.choices[index]
            text, entries = choice.transcript.push(tokens)
            reason = check_reason(choice.transcript.finish_reason)
            if text or entries or reason:
                logprobs = job.logprobs(choice, entries, False)
                part = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}
                yield reply.event(part | choice.transcript.extension)
    if with_usage:
        yield event(reply.whole([], job.usage()))
