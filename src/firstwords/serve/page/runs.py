"""Routes that train: start, watch, stop and resume a run. Runs, like models, are shared by all users of a server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from firstwords import home
from firstwords.config import UserError
from firstwords.data.sources import split_column
from firstwords.process import ERRORS
from firstwords.promotions import can_chat
from firstwords.serve import jobs, tail
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.jobs import Jobs
from firstwords.serve.page.parts import Body, event
from firstwords.serve.page.uploads import is_uploaded
from firstwords.serve.settings import Settings

router = APIRouter()

POLL_SECONDS, HEARTBEAT_SECONDS = 0.5, 15.0
MAX_WATCHERS = 64
MAX_MINUTES = 7 * 24 * 60
WORDS = {"text": ("world",), "chats": ("world", "none"), "preferences": ("world", "log", "none")}
HUB = re.compile(r"hf:[\w./:-]+", re.ASCII)
TAKES = {  # options of each command
    "learn": {"minutes", "text", "chats", "preferences", "seed", "replace"},
    "align": {"minutes", "preferences", "method", "pairs", "lora", "seed"},
    "compare": {"stage", "against", "judge", "limit", "seed"},
}

Name = Annotated[str, Field(min_length=1, max_length=100)]
Sources = Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=32)]


class Options(Body):
    minutes: float | None = Field(None, gt=0, le=MAX_MINUTES)
    text: Sources | None = None
    chats: Sources | None = None
    preferences: Sources | None = None
    method: Literal["rloo", "ppo", "grpo", "dpo", "bestofn"] | None = None
    pairs: int | None = Field(None, ge=2, le=100_000)
    lora: int | None = Field(None, ge=0, le=1024)
    seed: int | None = Field(None, ge=0, lt=2**31)
    stage: Name | None = None
    against: Name | None = None
    judge: Name | None = None
    limit: int | None = Field(None, ge=1, le=10_000)
    replace: bool | None = None


class Start(Body):
    command: Literal["learn", "align", "compare"]
    name: Name
    options: Options = Field(default_factory=Options)


def _jobs(request: Request) -> Jobs:
    return request.app.state.jobs


@router.get("/api/runs")
async def list_runs(request: Request) -> dict[str, Any]:
    """All runs, most recently active first."""
    every = _jobs(request)
    return {"runs": await asyncio.to_thread(lambda: [every.run(name) for name in every.names()])}


@router.post("/api/runs")
async def start_run(body: Start, request: Request) -> dict[str, Any]:
    """Start a command as a separate process; one at a time."""
    words = await asyncio.to_thread(command_line, body, request.app.state.settings)
    await asyncio.to_thread(_jobs(request).start, body.name, words)
    return await asyncio.to_thread(_jobs(request).run, body.name)


@router.get("/api/runs/{name}")
async def show_run(name: str, request: Request) -> Response:
    """A run with its rows and samples so far, and the last lines of its process's output."""
    return await asyncio.to_thread(lambda: Json(whole(_jobs(request), name)))


@router.post("/api/runs/{name}/stop")
async def stop_run(name: str, request: Request) -> dict[str, Any]:
    """Ask the process to save and stop after its current step."""
    await asyncio.to_thread(_jobs(request).run, name)
    await asyncio.to_thread(_jobs(request).stop, name)
    return await asyncio.to_thread(_jobs(request).run, name)


@router.post("/api/runs/{name}/resume")
async def resume_run(name: str, request: Request) -> dict[str, Any]:
    """Resume a stopped or interrupted run."""
    await asyncio.to_thread(_jobs(request).run, name)
    await asyncio.to_thread(_jobs(request).resume, name)
    return await asyncio.to_thread(_jobs(request).run, name)


@router.get("/api/runs/{name}/stream")
async def stream_run(name: str, request: Request) -> StreamingResponse:
    """Server-sent events: `rows` {stage, rows, reset}, `sample` {stage, step, prompt, text}, `state` {run}.

    It begins with the existing rows (reset: the stage's earlier rows are void) and ends when no process works on the
    run.
    """
    every = _jobs(request)
    await asyncio.to_thread(every.run, name)
    if every.num_watchers >= MAX_WATCHERS:
        raise ApiError(503, f"{MAX_WATCHERS} pages are watching already", retry_after=5)
    return StreamingResponse(events(every, name), media_type="text/event-stream")


async def events(every: Jobs, name: str) -> AsyncIterator[str]:
    """What `stream_run` sends."""
    every.num_watchers += 1
    try:
        tailed, shown, spoke = tail.Tail(home.run_dir(name)), None, time.monotonic()
        while True:
            # the state first, so that the rows include everything written before the end
            run = await asyncio.to_thread(every.run, name)
            for part in await asyncio.to_thread(tailed.look):
                rows = {"stage": part.stage, "rows": part.rows, "reset": part.is_new}
                yield event("rows", json.dumps(rows, ensure_ascii=False))
                for sample in samples(part):
                    yield event("sample", json.dumps(sample, ensure_ascii=False))
            facts = {key: value for key, value in run.items() if key != "seconds"}
            if facts != shown:
                shown, spoke = facts, time.monotonic()
                yield event("state", json.dumps({"run": run}, ensure_ascii=False))
            if run["state"] != "running":
                return
            if time.monotonic() - spoke > HEARTBEAT_SECONDS:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)
    except ApiError:  # the folder was removed
        return
    finally:
        every.num_watchers -= 1


def whole(every: Jobs, name: str) -> dict[str, Any]:
    """A run with everything that it has written."""
    run = every.run(name)
    parts = tail.Tail(home.run_dir(name)).look()
    said = tail.last_lines(home.run_dir(name) / ERRORS)
    rows = {part.stage: part.rows for part in parts}
    return run | {"rows": rows, "samples": [sample for part in parts for sample in samples(part)], "log": said}


def samples(part: tail.Part) -> list[dict[str, Any]]:
    """The continuations of a fixed prompt among new rows."""
    names = ("step", "prompt", "text")
    return [
        {"stage": part.stage} | {key: row.get(key) for key in names} for row in part.rows if row["kind"] == "sample"
    ]


# ---- command lines ---------------------------------------------------------------------------------------------------


def command_line(body: Start, settings: Settings) -> list[str]:
    """The words of a checked command line; every value is one word, and none can be taken for a flag.

    Raises ApiError, with the option's name, for what the command does not take or would fail at.
    """
    given = body.options.model_dump(exclude_none=True)
    for option in given:
        if option not in TAKES[body.command]:
            raise ApiError(400, f"{body.command} has no option {option}", f"options.{option}")
    for option, known in WORDS.items():
        for value in given.get(option, ()):
            check_source(option, value, known, settings)
    home.model_dir(body.name)  # a name that could leave the folder is refused
    present = home.stages(body.name)
    if body.command == "learn":
        if present and not given.get("replace", False):
            raise ApiError(
                409,
                f"a model named {body.name} exists: choose another name, or replace it (it goes to the trash)",
                "name",
                "model_exists",
            )
        return ["learn", "--name", body.name, *jobs.flags(given)]
    if not present:
        raise ApiError(404, f"there is no model {body.name}", "name", "model_not_found")
    if body.command == "align":
        if not {"sft", "chat"} & set(present):
            raise ApiError(400, f"{body.name} has no stage sft, which learning from preferences starts from", "name")
        if not can_chat(home.stage_dir(body.name, kept := home.promoted(body.name))):
            raise ApiError(
                400,
                f"{body.name} uses {kept}, which continues text and has no answers to improve: first promote a "
                "stage that answers",
                "name",
            )
        return ["align", body.name, *jobs.flags(given)]
    return compare_line(body.name, present, given)


def compare_line(name: str, present: list[str], given: dict[str, Any]) -> list[str]:
    """`compare` of a stage (the last one) against another (the promoted one, else the one before)."""
    stage = given.pop("stage", present[-1])
    before = [other for other in present if other != stage]
    kept = home.promoted(name)
    against = given.pop("against", kept if kept != stage else before[-1] if before else "")
    for option, value in (("stage", stage), ("against", against)):
        if value not in present:
            raise ApiError(400, f"{name} has the stages {', '.join(present)}: name two of them", f"options.{option}")
    judge = given.setdefault("judge", "truth")
    if judge != "truth" and judge not in home.models():  # not a path, and nobody sits at the server's keyboard
        raise ApiError(400, "judge must be truth or the name of a model that has a reward model", "options.judge")
    return ["compare", f"{name}/{stage}", f"{name}/{against}", "--json", *jobs.flags(given)]


def check_source(option: str, value: str, known: tuple[str, ...], settings: Settings) -> None:
    """Raise ApiError for a source that this server does not read.

    Files may be named only if no one but the machine's own user has access: at a loopback address without keys.
    """
    where = f"options.{option}"
    if value.startswith("-") or not value.isprintable():
        raise ApiError(400, f"{value!r} is not a valid source of {option}", where)
    if value in known or HUB.fullmatch(value) or is_uploaded(value):
        return
    if settings.keys or not settings.is_loopback:
        raise ApiError(400, f"on a server with keys, {option} must be one of {', '.join(known)} and hf:NAME", where)
    try:
        is_there = split_column(value)[0].exists()
    except (OSError, UserError, RuntimeError):  # too long, or an unknown user's home
        is_there = False
    if not is_there:
        raise ApiError(400, f"{value} does not exist: check the spelling", where)
