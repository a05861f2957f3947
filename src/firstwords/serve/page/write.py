"""Writing on the page: an outline, paragraphs whose candidates are streamed, and what is measured.

The page keeps the text: each request names the brief, the outline and the paragraphs before the one that is written.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from firstwords.config import UserError
from firstwords.serve import models
from firstwords.serve.chats.records import dump
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.models import Held, Stage
from firstwords.serve.page.parts import SEEDS, Body, event
from firstwords.serve.worker import Stream, Worker
from firstwords.writing import writer
from firstwords.writing.brief import Brief
from firstwords.writing.measures import measure
from firstwords.writing.paragraph import Candidate, Draft, best
from firstwords.writing.plan import Plan, given_outline, outline_prompt, read_point

if TYPE_CHECKING:
    from firstwords.engine.request import Token
    from firstwords.rlhf.reward_model import RewardModel

router = APIRouter(prefix="/api/write")
MAX_PARAGRAPHS, MAX_CHARS = 24, 20_000
Text = Annotated[str, Field(max_length=MAX_CHARS)]
Word = Annotated[str, Field(max_length=100)]


class Asked(Body):
    """What is to be written, and by which model."""

    model: str | None = Field(None, max_length=200)
    topic: str = Field(max_length=2000)
    form: str = Field("story", max_length=20)
    length: str = Field("short", max_length=20)
    ending: str = Field("", max_length=20)
    words: list[Word] = Field(default_factory=list, max_length=50)

    def brief(self) -> Brief:
        """Raises ApiError 400 for what cannot be written."""
        try:
            return Brief(self.topic, self.form, self.length, self.ending, tuple(self.words))
        except UserError as error:
            raise ApiError(400, str(error), "topic") from None


class OutlineOf(Asked):
    """outline: auto, model, program or none."""

    outline: str = Field("auto", max_length=20)
    seed: int | None = Field(None, ge=0, lt=2**53)


class ParagraphOf(Asked):
    """The paragraph after those `before`. outline: its points, none for the paragraphs of one answer."""

    outline: list[Text] = Field(default_factory=list, max_length=50)
    before: list[Text] = Field(default_factory=list, max_length=MAX_PARAGRAPHS)
    best: int = 4
    by: str = Field("model", max_length=20)
    temperature: float = Field(writer.TEMPERATURE, ge=0, le=10)
    top_p: float = Field(0.95, gt=0, le=1)
    seed: int = Field(0, ge=0, lt=2**53)


class MeasuresOf(Body):
    """A text and the words that it should contain."""

    paragraphs: list[Text] = Field(max_length=MAX_PARAGRAPHS)
    words: list[Word] = Field(default_factory=list, max_length=50)


@router.post("/outline")
async def outline(body: OutlineOf, request: Request) -> Json:
    """The outline that the model writes, or what replaces it and why; and how long the text will be."""
    brief, (stage, held) = body.brief(), await _open(request, body.model)
    seed = writer.secrets.randbelow(SEEDS) if body.seed is None else body.seed
    small = writer.is_small(held.loaded)
    lines: list[str] = []
    if body.outline == "model" or (body.outline == "auto" and not small):
        lines = await _lines(request.app.state.worker, stage, held, brief, seed)
    plan = writer.outline_of(brief, body.outline, small, lambda: lines)
    return Json(
        {
            "model": stage.ref,
            "outline": list(plan.outline),
            "by": plan.source,
            "note": plan.note,
            "is_small": small,
            "parts": plan.num_parts,
            "part_words": brief.part_words,
            "asked_words": list(brief.range),
            "has_reward": _has_reward(held),
            "seed": seed,
        }
    )


@router.post("/paragraph")
async def paragraph(body: ParagraphOf, request: Request) -> StreamingResponse:
    """Candidates for a paragraph as they are generated: events `text`, and at the end `done` with all of them and the
    number of the best one (-1: the model would end the text before this paragraph)."""
    brief, (stage, held) = body.brief(), await _open(request, body.model)
    choice = writer.Choice(body.best, body.by, body.temperature, body.top_p)
    if choice.by == "reward":
        writer.reward_directory(held.loaded)
    plan = Plan(brief, given_outline(body.outline), is_small=writer.is_small(held.loaded))
    before = [text.strip() for text in body.before if text.strip()]
    each = [
        writer.params_of(held.loaded, choice, plan, seed) for seed in writer.seeds(body.seed, len(before), choice.best)
    ]
    ids = await to_thread.run_sync(writer.paragraph_ids, held.loaded, plan, before, each[0].max_tokens)
    worker: Worker = request.app.state.worker
    drafts = [Draft(plan, before) for _ in each]

    async def events() -> AsyncIterator[str]:
        streams: list[Stream] = []
        try:
            async with asyncio.timeout(request.app.state.settings.max_seconds):
                for params in each:
                    streams.append(await worker.submit(stage, ids, params, is_patient=True))
                async for place, text in _texts(streams, drafts):
                    yield event("text", dump({"candidate": place, "text": text}))
                found = [draft.candidate(params.seed or 0) for draft, params in zip(drafts, each, strict=True)]
                if choice.by == "reward":
                    found = await _rewarded(worker, stage, held, found, plan, before)
                shown = [one.to_json() | {"is_last": one.is_last and plan.is_in_one_go} for one in found]
                yield event("done", dump({"candidates": shown, "chosen": best(found, choice.by)}))
        except (ApiError, UserError, TimeoutError) as error:
            said = "the paragraph took too long" if isinstance(error, TimeoutError) else str(error)
            yield event("failed", dump(ApiError(500, said).body))
        finally:
            for stream in streams:
                stream.cancel()

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/measures")
async def measures(body: MeasuresOf) -> Json:
    """Words, repetition and missing words of a text, and the number of words of each paragraph."""
    whole = await to_thread.run_sync(measure, "\n\n".join(body.paragraphs), body.words)
    return Json(whole.to_json() | {"paragraphs": [measure(text).words for text in body.paragraphs]})


async def _open(request: Request, ref: str | None) -> tuple[Stage, Held]:
    stage = models.find(ref, request.app.state.settings.model)
    held = await request.app.state.worker.held(stage)
    held.loaded.check_can_chat()
    return stage, held


async def _lines(worker: Worker, stage: Stage, held: Held, brief: Brief, seed: int) -> list[str]:
    """The points that a model writes, one after the other."""
    lines: list[str] = []
    while len(lines) < brief.num_parts:
        messages, prefill = outline_prompt(brief, lines)
        try:
            ids, max_tokens, _ = held.loaded.chat_ids(messages, writer.POINT_TOKENS, prefill)
        except UserError:  # the model reads too little: no outline
            return lines
        stream = await worker.submit(stage, ids, writer.point_params(max_tokens, seed + len(lines)))
        try:
            lines.append(read_point((await stream.completion()).text))
        finally:
            stream.cancel()
    return lines


async def _texts(streams: Sequence[Stream], drafts: Sequence[Draft]) -> AsyncIterator[tuple[int, str]]:
    """(Number of a candidate, its text so far) whenever one has grown, until all are over."""
    arrived: asyncio.Queue[tuple[int, list[Token] | BaseException | None]] = asyncio.Queue()

    async def follow(place: int, stream: Stream) -> None:
        try:
            async for tokens in stream:
                arrived.put_nowait((place, tokens))
            arrived.put_nowait((place, None))
        except Exception as error:
            arrived.put_nowait((place, error))

    tasks = [asyncio.create_task(follow(place, stream)) for place, stream in enumerate(streams)]
    try:
        while not all(draft.is_over for draft in drafts):
            place, tokens = await arrived.get()
            if isinstance(tokens, BaseException):
                raise tokens
            draft, known = drafts[place], drafts[place].text
            for token in tokens or ():
                if draft.push(token):
                    streams[place].cancel()
                    break
            if draft.text != known:
                yield place, draft.text
    finally:
        for task in tasks:
            task.cancel()


async def _rewarded(
    worker: Worker, stage: Stage, held: Held, found: list[Candidate], plan: Plan, before: Sequence[str]
) -> list[Candidate]:
    directory = writer.reward_directory(held.loaded)
    judge = await to_thread.run_sync(_judge, str(directory), (directory / "config.json").stat().st_mtime_ns)
    return await worker.call(stage, lambda _: writer.rewarded(found, plan, before, judge))


@functools.lru_cache(maxsize=1)
def _judge(directory: str, changed: int) -> RewardModel:
    """A reward model; changed: when its folder was written, so that another one is loaded."""
    from firstwords.rlhf.reward_model import load_reward_model

    return load_reward_model(directory)


def _has_reward(held: Held) -> bool:
    try:
        return bool(writer.reward_directory(held.loaded))
    except UserError:
        return False
