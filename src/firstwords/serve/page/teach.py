"""Teach: two anonymous answers, and the user's verdict on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from firstwords.serve import models
from firstwords.serve.errors import ApiError
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
    pair_id, shown = await lessons.next(user, _name(name), body.against, body.turns)
    return {"pair_id": pair_id, "prompt": shown.pair.prompt, "left": shown.pair.left, "right": shown.pair.right}


@router.post("/pairs/{pair_id}")
async def judge(user: User, lessons: Taught, pair_id: str, body: Verdict) -> dict[str, Any]:
    """Save a verdict, then reveal the sides."""
    return await lessons.judge(user, pair_id, body.verdict, body.reasons)


def _name(name: str) -> str:
    """The name of an existing model."""
    return models.find(name).name
