"""Routes that open the model: the next token, every token of a text, attention, early guesses, stages side by side.

All of it is live: computed for the request by the model that it names, in pieces between the steps of running answers.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from firstwords import home
from firstwords.engine.sampling import SamplingParams
from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.serve import glassbox, models
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.glassbox import Reading, Steps
from firstwords.serve.models import Held, Stage
from firstwords.serve.page.parts import Body
from firstwords.serve.worker import Worker
from firstwords.tokenizer.prompts import check_fits, opening

router = APIRouter()

TOP = 8  # alternatives of each token
STAGE_TOKENS = 512  # of one stage's answer at most
UNTRAINED = (
    "a base model has never seen the marks of a chat in training: what it gives them and what follows them says little"
)

Ref = Annotated[str | None, Field(max_length=200)]
Text = Annotated[str, Field(max_length=2**20)]
Ids = Annotated[list[int], Field(min_length=1, max_length=2**16)]


class Turn(Body):
    role: Literal["system", "user", "assistant", "tool"]
    content: Text


Turns = Annotated[list[Turn], Field(min_length=1, max_length=2000)]


class Next(Body):
    model: Ref = None
    text: Text | None = None
    messages: Turns | None = None
    top: int = Field(10, ge=1, le=200)
    temperature: float = Field(1.0, ge=0, le=100)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=2**31 - 1)


class Inside(Body):
    model: Ref = None
    text: Text | None = None
    messages: Turns | None = None
    ids: Ids | None = None
    answer: Text | None = None


class Attention(Body):
    model: Ref = None
    ids: Ids
    layer: int


class Lens(Body):
    model: Ref = None
    ids: Ids
    top: int = Field(3, ge=1, le=20)


class Params(Body):
    temperature: float = Field(0.7, ge=0, le=100)
    top_p: float = Field(0.95, gt=0, le=1)
    top_k: int = Field(0, ge=0, lt=2**31)
    min_p: float = Field(0.0, ge=0, le=1)
    repetition_penalty: float = Field(1.0, ge=0.01, le=100)
    max_tokens: int = Field(80, ge=1, le=STAGE_TOKENS)
    seed: int = Field(0, ge=0, lt=2**63)


class Stages(Body):
    name: Annotated[str, Field(max_length=200)]
    text: Text
    params: Params = Field(default_factory=Params)


class Pairs(Body):
    name: Annotated[str, Field(max_length=200)]
    limit: int = Field(20, ge=1, le=100)


@router.post("/api/next")
async def next_token(body: Next, request: Request) -> Response:
    """The probabilities of the next token over the whole vocabulary, and those that the sampler leaves."""
    one_of(text=body.text, messages=body.messages)
    stage, held = await open_stage(request, body.model)
    reading = await read(held, held.loaded.context, body.text, body.messages)
    if reading.truncated:
        raise ApiError(
            400, f"the text is longer than the {held.loaded.context:,} tokens that this model reads: shorten it"
        )
    params = SamplingParams(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k)
    model, tokenizer = held.loaded.model, held.loaded.tokenizer
    found = await in_pieces(request, stage, glassbox.next_token(model, tokenizer, reading.ids, body.top, params))
    return Json({"model": stage.ref} | found)


@router.post("/api/inside")
async def inside(body: Inside, request: Request) -> Response:
    """Every token of a text, a chat or ids, with its probability, rank, entropy and alternatives."""
    one_of(text=body.text, messages=body.messages, ids=body.ids)
    if body.answer is not None and body.ids is not None:
        raise ApiError(400, "ids already contain the answer: leave answer out", "answer")
    stage, held = await open_stage(request, body.model)
    if body.ids is not None:
        glassbox.check_ids(body.ids, held.loaded.model.config.vocab_size, 2**16)
    limit = min(held.loaded.context, glassbox.MAX_TOKENS)
    reading = await read(held, limit, body.text, body.messages, body.ids, body.answer)
    steps = glassbox.inside(held.loaded.model, held.loaded.tokenizer, reading, TOP)
    found = await in_pieces(request, stage, steps)
    return Json({"model": stage.ref} | found)


@router.post("/api/inside/attention")
async def attention(body: Attention, request: Request) -> Response:
    """The attention weights of every head of a layer. Attention does not explain the output."""
    stage, held = await open_stage(request, body.model)
    model = held.loaded.model
    glassbox.check_ids(body.ids, model.config.vocab_size, min(held.loaded.context, glassbox.MAX_ATTENTION))
    if not 0 <= body.layer < model.config.num_hidden_layers:
        last = model.config.num_hidden_layers - 1
        raise ApiError(400, f"layer is {body.layer}, but this model has layers 0 to {last}", "layer")
    weights_HTT = await in_pieces(request, stage, glassbox.attention(model, body.ids, body.layer))
    heads = [[[round(w, glassbox.DIGITS) for w in row] for row in head] for head in weights_HTT.tolist()]
    return Json({"layer": body.layer, "heads": heads, "ids": body.ids})


@router.post("/api/inside/lens")
async def lens(body: Lens, request: Request) -> Response:
    """What the model would say at each place if it stopped after the embedding or any layer: early guesses."""
    stage, held = await open_stage(request, body.model)
    limit = min(held.loaded.context, glassbox.MAX_LENS)
    glassbox.check_ids(body.ids, held.loaded.model.config.vocab_size, 2**16)
    ids = body.ids[:limit]
    layers = await in_pieces(request, stage, glassbox.lens(held.loaded.model, held.loaded.tokenizer, ids, body.top))
    return Json({"layers": layers, "truncated": len(ids) < len(body.ids)})


@router.post("/api/stages")
async def stages(body: Stages, request: Request) -> Response:
    """One prompt answered by every stage of a model, and the promoted stage's answer as each stage sees it."""
    last = models.find(body.name)
    answers = [await answer(request, ref, body.text, body.params) for ref in stage_refs(last.name)]
    chosen = next(row for row in answers if row["ref"] == last.ref)
    shift = await shifted(request, chosen, [row["ref"] for row in answers])
    for row in answers:
        del row["prompt_ids"]
    return Json({"stages": answers, "shift": shift})


@router.post("/api/stages/pairs")
async def pairs(body: Pairs, request: Request) -> Response:
    """The log-probabilities, under every stage, of preferred answers and of those that lost to them."""
    name = models.find(body.name).name
    settings = request.app.state.settings
    own = request.state.user if settings.keys else None  # other users' prompts and judgements are private
    judged = await asyncio.to_thread(newest_pairs, name, own, body.limit)
    rows: list[dict[str, Any]] = [
        {"prompt": list(j.prompt), "chosen": chosen, "rejected": rejected, "reasons": list(j.reasons), "stages": {}}
        for j, chosen, rejected in judged
    ]
    for ref in stage_refs(name) if rows else []:
        stage, held = await open_stage(request, ref)
        if not held.loaded.tokenizer.has_chat_tokens:
            continue
        for row in rows:
            found = await request.app.state.worker.call(stage, lambda held, row=row: of_pair(held, row))
            if found is not None:
                row["stages"][ref] = found
    return Json({"pairs": rows})


# ---- the parts -------------------------------------------------------------------------------------------------------


def one_of(**given: Any) -> None:
    """Raise ApiError unless exactly one of these was sent."""
    sent = [name for name, value in given.items() if value is not None]
    if len(sent) != 1:
        raise ApiError(400, f"send exactly one of {', '.join(given)}", (sent or [*given])[-1])


async def open_stage(request: Request, ref: str | None) -> tuple[Stage, Held]:
    """A stage in memory. Raises ApiError 404 for one that is not there."""
    stage = models.find(ref, request.app.state.settings.model)
    worker: Worker = request.app.state.worker
    return stage, await worker.call(stage, lambda held: held)


async def read(
    held: Held,
    limit: int,
    text: str | None = None,
    messages: list[Turn] | None = None,
    ids: list[int] | None = None,
    answer: str | None = None,
) -> Reading:
    """The ids of a request, computed in a thread: a megabyte of text takes a few tenths of a second."""
    turns = None if messages is None else [turn.model_dump() for turn in messages]
    return await asyncio.to_thread(
        glassbox.read, held.loaded.tokenizer, limit, text=text, messages=turns, ids=ids, answer=answer
    )


async def in_pieces(request: Request, stage: Stage, steps: Steps[glassbox.Result]) -> glassbox.Result:
    """Run a computation of the glass box on the engine's thread, one piece between two steps of running answers."""
    worker: Worker = request.app.state.worker

    def piece(held: Held) -> tuple[bool, Any]:
        try:
            return False, next(steps)
        except StopIteration as over:
            return True, over.value

    while True:
        is_over, result = await worker.call(stage, piece)
        if is_over:
            return result


def stage_refs(name: str) -> list[str]:
    return [f"{name}/{stage}" for stage in home.stages(name)]


async def answer(request: Request, ref: str, text: str, params: Params) -> dict[str, Any]:
    """{ref, form, text, ids, tokens, finish_reason} of one stage, and prompt_ids."""
    stage, held = await open_stage(request, ref)
    tokenizer = held.loaded.tokenizer
    form, prompt = await asyncio.to_thread(opening, tokenizer, held.is_base, text)
    check_fits(prompt, held.loaded.context)
    stream = await request.app.state.worker.submit(stage, prompt, SamplingParams(**params.model_dump()))
    try:
        done = await stream.completion()
    finally:
        stream.cancel()
    steps = glassbox.surprises(held.loaded.model, [*prompt, *done.ids], TOP, len(prompt))
    found = await in_pieces(request, stage, steps)
    return {
        "ref": stage.ref,
        "form": form,
        "text": done.text,
        "ids": done.ids,
        "tokens": glassbox.answer_rows(tokenizer, done.ids, found),
        "finish_reason": done.finish_reason,
        "prompt_ids": prompt,
    }


async def shifted(request: Request, chosen: dict[str, Any], refs: list[str]) -> dict[str, Any]:
    """One stage's answer forced through all: {of, answer, ids, tokens: [{id, text, stages: {ref: ...}}], notes}.

    Every stage gets exactly the ids that the answering stage got. A stage with another vocabulary is left out, with a
    note.
    """
    tokenizer = (await open_stage(request, chosen["ref"]))[1].loaded.tokenizer
    ids = chosen["ids"]
    rows = [
        glassbox.piece_row(i, piece) | {"stages": {}}
        for i, piece in zip(ids, glassbox.shown.pieces(tokenizer, ids), strict=True)
    ]
    notes: dict[str, str] = {}
    for ref in refs:
        stage, held = await open_stage(request, ref)
        if held.loaded.tokenizer.hash != tokenizer.hash:
            notes[ref] = "this stage has a different vocabulary, so the same tokens have a different meaning"
            continue
        if held.is_base and chosen["form"] == "chat":
            notes[ref] = UNTRAINED
        steps = glassbox.seen_by(held.loaded.model, chosen["prompt_ids"], ids)
        for row, seen in zip(rows, await in_pieces(request, stage, steps), strict=True):
            row["stages"][ref] = seen
    return {"of": chosen["ref"], "answer": chosen["text"], "ids": ids, "tokens": rows, "notes": notes}


def newest_pairs(name: str, user: str | None, limit: int) -> list[tuple[Judgement, str, str]]:
    """(judgement, chosen, rejected) of the newest decided pairs of a model, without hidden repeats."""
    decided = [
        j
        for j in PreferenceStore().all(name, user)
        if j.kind == "pair" and j.verdict in ("left", "right") and j.repeat_of is None
    ]
    return [(j, *((j.left, j.right) if j.verdict == "left" else (j.right, j.left))) for j in reversed(decided[-limit:])]


def of_pair(held: Held, row: dict[str, Any]) -> dict[str, float] | None:
    """{chosen, rejected: logprob of the whole answer; ..._per_token}; None for a pair that this model cannot read."""
    tokenizer, rows = held.loaded.tokenizer, []
    for side in ("chosen", "rejected"):
        turns = [*row["prompt"], {"role": "assistant", "content": row[side]}]
        reading = glassbox.read(tokenizer, held.loaded.context, messages=turns)
        if reading.truncated:
            return None
        rows.append((reading.ids, reading.num_prompt))
    chosen, rejected = glassbox.pair_logprobs(held.loaded.model, rows)
    return {
        "chosen": chosen["logprob"],
        "rejected": rejected["logprob"],
        "chosen_per_token": chosen["per_token"],
        "rejected_per_token": rejected["per_token"],
    }
