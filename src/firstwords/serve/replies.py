"""What the page's routes share: bodies without unknown fields, answers as plain JSON, and server-sent events."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request's JSON; a field that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid")


def as_json(data: Any) -> Response:
    """JSON as it is: FastAPI's own encoder walks through every number of it first."""
    return Response(json.dumps(data, ensure_ascii=False, allow_nan=False), media_type="application/json")


def event(kind: str, data: Any) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
