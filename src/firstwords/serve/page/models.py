"""The trained models, and which stage a name means."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from firstwords import home
from firstwords.commands import models as listing
from firstwords.commands.promote import promote, rollback
from firstwords.serve.models import find
from firstwords.serve.page.parts import Body, User

router = APIRouter(prefix="/api/models")


class Choice(Body):
    """A stage of a model."""

    stage: str


@router.get("")
def models(user: User) -> dict[str, Any]:
    """All models with their stages, sizes and measurements; none is loaded."""
    return {"models": [_model(name) for name in home.models()], "runs_home": str(home.home() / "runs")}


@router.post("/{name}/promote")
def promote_stage(user: User, name: str, body: Choice) -> dict[str, Any]:
    """Make a name mean this stage."""
    stage = find(f"{name}/{body.stage.removeprefix(name + '/')}")
    promote(stage.name, stage.ref.partition("/")[2])
    return _model(stage.name)


@router.post("/{name}/rollback")
def rollback_stage(user: User, name: str) -> dict[str, Any]:
    """Make a name mean the stage before."""
    known = find(name).name
    rollback(known)
    return _model(known)


def _model(name: str) -> dict[str, Any]:
    rows = [listing.describe(name, stage) for stage in home.stages(name)]
    same = ("ref", "stage", "form", "hash", "layers", "context", "bytes", "created", "metrics", "parent", "outdated")
    stages = [
        {key: row[key] for key in same}
        | {"params": row["parameters"], "hidden": row["width"], "vocab": row["vocab_size"]}
        for row in rows
    ]
    trained_at = max((row["created"] for row in rows), default=None)
    return {"name": name, "promoted": home.promoted(name), "trained_at": trained_at, "stages": stages}
