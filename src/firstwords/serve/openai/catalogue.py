"""GET /v1/models: every stage by its name, and every model's name for its promoted stage."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from firstwords.api import MAX_CONTEXT
from firstwords.runlog import read_json
from firstwords.serve import models
from firstwords.serve.errors import Json

router = APIRouter()


@router.get("/models")
async def list_models() -> Json:
    """What a request may name as its model."""
    known = models.catalogue().items()
    names = [ref for name, model in known for ref in (name, *(f"{name}/{stage}" for stage in model.stages))]
    return Json({"object": "list", "data": [_entry(name) for name in names]})


@router.get("/models/{model_id:path}")
async def one_model(model_id: str) -> Json:
    """One of them; all of them for an address that ends in a slash."""
    return Json(_entry(model_id)) if model_id else await list_models()


def _entry(name: str) -> dict[str, Any]:
    stage = models.find(name)
    context = (read_json(stage.directory / "config.json") or {}).get("max_position_embeddings")
    return {
        "id": name,
        "object": "model",
        "created": stage.identity[0] // 10**9,
        "owned_by": "firstwords",
        "root": stage.ref,
        "max_model_len": min(context, MAX_CONTEXT) if isinstance(context, int) else MAX_CONTEXT,
    }
