"""Teach: two anonymous answers, and the user's verdict on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from firstwords.serve import models
from firstwords.serve.errors import ApiError
from firstwords.serve.jobs import Jobs
from firstwords.serve.lessons import Lessons
from firstwords.serve.page.messages import Reasons
from firstwords.serve.page.parts import Body, User
from firstwords.tokenizer.chat import Message

router = APIRouter(prefix="/api/teach")


def _lessons(request: Request) -> Lessons:
    lessons: Lessons = request.app.state.lessons
    return lessons


Taught = Annotated[Lessons, Depends(_lessons)]


class Turn(Body):
    """A turn of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Next(Body):
    """The prompt for the next pair."""

    against: str | None = None
    prompt: str | list[Turn] | None = None
    live: bool = False  # answers of the live lesson, which learns from the verdict

    @property
    def turns(self) -> tuple[Message, ...] | None:
        if self.prompt is None:
            return None
        turns: tuple[Message, ...]
        if isinstance(self.prompt, str):
            turns = ({"role": "user", "content": self.prompt},)
        else:
            turns = tuple({"role": turn.role, "content": turn.content} for turn in self.prompt)
        if not turns or turns[-1]["role"] != "user" or not turns[-1]["content"].strip():
            raise ApiError(400, "a prompt must end with a user's message", "prompt")
        return turns


class Verdict(Body):
    """Which answer is better."""

    verdict: Literal["left", "right", "tie", "both_bad", "skip"]
    reasons: Reasons = Field(default_factory=list)


@router.get("/{name}")
async def progress(user: User, lessons: Taught, name: str) -> dict[str, Any]:
    """How many verdicts there are and how many it takes."""
    return await lessons.progress(user, _name(name))


@router.get("/{name}/tally")
async def tally(
    user: User, lessons: Taught, name: str, against: Annotated[str, Query(min_length=1, max_length=100)]
) -> dict[str, Any]:
    """How often this user chose the stage `against` over the one that answers, blindly."""
    return await lessons.tally(user, _name(name), against)


@router.post("/{name}/next")
async def next_pair(user: User, lessons: Taught, name: str, body: Next | None = None) -> dict[str, Any]:
    """Two answers, without their stages."""
    body = body or Next()
    pair_id, shown = await lessons.next(user, _name(name), body.against, body.turns, body.live)
    return {"pair_id": pair_id, "prompt": shown.pair.prompt, "left": shown.pair.left, "right": shown.pair.right}


@router.get("/{name}/live")
async def live(user: User, lessons: Taught, name: str) -> dict[str, Any]:
    """Whether this model can be taught live, and how many choices the user's lesson holds."""
    return await lessons.live.offered(user, _name(name))


@router.post("/{name}/live")
async def open_live(user: User, lessons: Taught, name: str) -> dict[str, Any]:
    """Prepare the user's live lesson, or rebuild it after a restart: its choices, and the running check."""
    return await lessons.live.open(user, _name(name))


@router.delete("/{name}/live")
async def forget_live(user: User, lessons: Taught, name: str) -> dict[str, bool]:
    """Discard what was taught live; the judgements stay in the log."""
    await lessons.live.forget(user, _name(name))
    return {"forgotten": True}


@router.post("/{name}/live/undo")
async def undo(user: User, lessons: Taught, name: str) -> dict[str, Any]:
    """The model as before the last choice that was learned; the judgement stays in the log."""
    return await lessons.live.move(user, _name(name), "undo")


@router.post("/{name}/live/redo")
async def redo(user: User, lessons: Taught, name: str) -> dict[str, Any]:
    """Learn again what was undone last."""
    return await lessons.live.move(user, _name(name), "redo")


@router.post("/{name}/live/keep")
async def keep_live(user: User, lessons: Taught, name: str, request: Request) -> dict[str, Any]:
    """Compare what was taught live with the stage it began at, in a separate process, and keep it as rlhf-N."""
    found = _name(name)
    if not (await lessons.live.offered(user, found))["choices"]:
        raise ApiError(400, f"nothing has been taught live to {found}: choose between some answers first")
    jobs: Jobs = request.app.state.jobs
    words = ["teach", found, "--keep", "--json", *([f"--annotator={user}"] if user else [])]
    await to_thread.run_sync(jobs.start, found, words)
    return await to_thread.run_sync(jobs.run, found)


@router.post("/pairs/{pair_id}")
async def judge(user: User, lessons: Taught, pair_id: str, body: Verdict) -> dict[str, Any]:
    """Save a verdict, then reveal the sides."""
    return await lessons.judge(user, pair_id, body.verdict, body.reasons)


def _name(name: str) -> str:
    """The name of an existing model."""
    return models.find(name).name
