"""GET and DELETE /v1/responses/{id}: what `memory.py` keeps."""

from __future__ import annotations

from fastapi import APIRouter, Request

from firstwords.serve.errors import ApiError, Json, printable
from firstwords.serve.openai.memory import MAX_RESPONSES

router = APIRouter()


@router.get("/responses/{response_id}")
async def one_response(response_id: str, request: Request) -> Json:
    """One of the latest responses."""
    found = request.app.state.memory.response(request.state.user, response_id)
    if found is None:
        raise _not_found(response_id)
    return Json(found)


@router.delete("/responses/{response_id}")
async def delete_response(response_id: str, request: Request) -> Json:
    """Forget one of the latest responses."""
    if not request.app.state.memory.delete(request.state.user, response_id):
        raise _not_found(response_id)
    return Json({"id": response_id, "object": "response.deleted", "deleted": True})


def _not_found(response_id: str) -> ApiError:
    return ApiError(
        404,
        f"the response {printable(response_id, 60)} is not stored: this server keeps only its latest "
        f"{MAX_RESPONSES:,} responses, and only until it stops",
        code="response_not_found",
    )
