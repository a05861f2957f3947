"""POST /v1/embeddings: the mean of a text's last hidden states, of length 1."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from firstwords.serve import models
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai.request import limits, prompts
from firstwords.serve.openai.request.schemas import EmbeddingRequest

if TYPE_CHECKING:
    import numpy as np

    from firstwords.serve.models import Held

router = APIRouter()


@router.post("/embeddings")
async def embeddings(body: EmbeddingRequest, request: Request) -> Json:
    """A vector for each text. A small model's vectors tell topics apart, hardly meanings."""
    worker, settings = request.app.state.worker, request.app.state.settings
    stage = models.find(body.model, settings.model)
    held = await worker.held(stage)
    limits.refuse(body)
    if body.encoding_format not in (None, "float", "base64"):
        raise ApiError(400, "encoding_format must be float or base64", "encoding_format")
    size = held.loaded.model.config.hidden_size
    if body.dimensions not in (None, size):
        raise ApiError(400, f"dimensions must be {size}, the size of this model's embeddings", "dimensions")
    texts = prompts.prompts(held, body.input, "input")
    if any(len(ids) <= added for ids, added in texts):
        raise ApiError(400, "input contains an empty text", "input")
    rows = []
    for index, (ids, added) in enumerate(texts):
        if await request.is_disconnected():
            break
        vector_D = await worker.call(stage, lambda held, ids=ids, added=added: embed(held, ids, added))
        rows.append({"object": "embedding", "index": index, "embedding": _encoded(vector_D, body.encoding_format)})
    count = sum(len(ids) for ids, _ in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return Json({"object": "list", "data": rows, "model": stage.ref, "usage": usage})


def embed(held: Held, ids: Sequence[int], num_skipped: int = 0) -> np.ndarray:
    """Mean over the places from num_skipped on of the hidden states after the last norm, length 1: (D,) fp32.

    Runs the model: call it on the worker's thread.
    """
    import torch

    model = held.loaded.model
    with torch.inference_mode():
        hidden_TD = model.hidden(torch.tensor([list(ids)], device=model.head_weight.device))[0, num_skipped:]
        vector_D = hidden_TD.float().mean(0)
        return (vector_D / vector_D.norm().clamp_min(1e-12)).cpu().numpy()


def _encoded(vector_D: np.ndarray, encoding: str | None) -> Any:
    if encoding == "base64":
        return base64.b64encode(vector_D.astype("<f4").tobytes()).decode()
    return vector_D.tolist()
