"""The trained models: which stage a name means, renaming, copying, the trash, and the exam."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from anyio import to_thread
from fastapi import APIRouter

from firstwords import home
from firstwords.eval.tasks import kept
from firstwords.keeping import listing, operations, trash
from firstwords.keeping.promote import promote, rollback, rollback_stage
from firstwords.model.card import examples, knows_world
from firstwords.model.chat_defaults import chat_sampling
from firstwords.serve.errors import ApiError
from firstwords.serve.models import find
from firstwords.serve.page.parts import Body, User

router = APIRouter(prefix="/api/models")
_exam = asyncio.Lock()  # one at a time: it takes a core for a minute


class Choice(Body):
    """A stage of a model."""

    stage: str


class Undo(Body):
    """The stage to go back to, where it is not simply the one before: one that cannot chat is only gone back to so."""

    to: str = ""


class NewName(Body):
    """Another name for a model."""

    to: str


class Back(Body):
    """What to bring back from the trash, and the name it gets where its own is taken."""

    id: str
    name: str = ""


class Examined(Body):
    """A stage that takes the exam."""

    stage: str


@router.get("")
def models(user: User) -> dict[str, Any]:
    """All models with their stages, sizes and measurements; none is loaded."""
    every = [_model(name) for name in home.models()]
    return {"models": every, "home": str(home.home()), "trash": [trash.facts(entry) for entry in trash.entries()]}


@router.post("/{name}/rename")
def rename(user: User, name: str, body: NewName) -> dict[str, Any]:
    """Give a model another name; its runs come along."""
    operations.rename(find(name).name, body.to)
    return _model(body.to)


@router.post("/{name}/copy")
def copy(user: User, name: str, body: NewName) -> dict[str, Any]:
    """Copy a model with all its stages and runs."""
    operations.copy(find(name).name, body.to)
    return _model(body.to)


@router.delete("/{name}")
def delete(user: User, name: str, stage: str = "") -> dict[str, Any]:
    """Move a model, or one of its stages, to the trash; the answer's id brings it back."""
    ref = find(f"{name}/{stage}").ref if stage else find(name).name
    return trash.facts(operations.delete(ref))


@router.post("/restore")
def restore(user: User, body: Back) -> dict[str, Any]:
    """Bring something back from the trash."""
    return {"ref": operations.restore(body.id, body.name)}


@router.post("/{name}/exam")
async def take_exam(user: User, name: str, body: Examined) -> dict[str, Any]:
    """Let a stage take the exam about the built-in world, in a process of its own; the figures go onto its card."""
    stage = await to_thread.run_sync(find, f"{name}/{body.stage}")
    if _exam.locked():
        raise ApiError(409, "another exam is running: wait for it to finish", code="busy")
    async with _exam:
        words = [sys.executable, "-m", "firstwords", "eval", stage.ref, "--exam", "--save", "--json"]
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:  # whoever asked has gone
                process.kill()
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        raise ApiError(500 if process.returncode == 1 else 400, said[-1].removeprefix("firstwords: "), "stage")
    return dict(json.loads(output))


@router.post("/{name}/promote")
def promote_stage(user: User, name: str, body: Choice) -> dict[str, Any]:
    """Make a name mean this stage; `was` names the one it meant."""
    stage = find(f"{name}/{body.stage.removeprefix(name + '/')}")
    was = home.promoted(stage.name)
    promote(stage.name, stage.ref.partition("/")[2])
    return _model(stage.name) | {"was": was}


@router.post("/{name}/rollback")
def undo_promotion(user: User, name: str, body: Undo | None = None) -> dict[str, Any]:
    """Undo the last promotion; `was` names the stage that the name meant until now."""
    known = find(name).name
    was = home.promoted(known)
    rollback(known, body.to if body else "")
    return _model(known) | {"was": was}


def _model(name: str) -> dict[str, Any]:
    rows = [listing.describe(name, stage) for stage in home.stages(name)]
    tasks = kept.rows_of(name)
    same = ("ref", "stage", "form", "hash", "layers", "context", "bytes", "created", "metrics", "parent", "outdated")
    stages = [
        {key: row[key] for key in same}
        | {
            "examples": examples(row["path"]),
            "tasks": tasks.get(row["stage"], []),
            "sampling": chat_sampling(row["path"])._asdict(),
            "params": row["parameters"],
            "hidden": row["width"],
            "vocab": row["vocab_size"],
        }
        for row in rows
    ]
    trained_at = max((row["created"] for row in rows), default=None)
    promoted, before = home.promoted(name), rollback_stage(name)
    return {
        "name": name,
        "promoted": promoted,
        "rollback": before,
        "trained_at": trained_at,
        "knows_world": knows_world(home.stage_dir(name, promoted)),
        "stages": stages,
    }
