"""The trained models, and which stage a name means."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from firstwords import home
from firstwords.commands import models as listing
from firstwords.commands.promote import promote, rollback, rollback_stage
from firstwords.serve.models import find
from firstwords.serve.page.parts import Body, User

router = APIRouter(prefix="/api/models")


class Choice(Body):
    """A stage of a model."""

    stage: str


class Undo(Body):
    """The stage to go back to, where it is not simply the one before: one that cannot chat is only gone back to so."""

    to: str = ""


@router.get("")
def models(user: User) -> dict[str, Any]:
    """All models with their stages, sizes and measurements; none is loaded."""
    return {"models": [_model(name) for name in home.models()], "runs_home": str(home.home() / "runs")}


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
    same = ("ref", "stage", "form", "hash", "layers", "context", "bytes", "created", "metrics", "parent", "outdated")
    stages = [
        {key: row[key] for key in same}
        | {"params": row["parameters"], "hidden": row["width"], "vocab": row["vocab_size"]}
        for row in rows
    ]
    trained_at = max((row["created"] for row in rows), default=None)
    promoted, before = home.promoted(name), rollback_stage(name)
    return {"name": name, "promoted": promoted, "rollback": before, "trained_at": trained_at, "stages": stages}
