"""Sessions: the server's state for the page, and the cookie of a browser that gave a key."""

from __future__ import annotations

import math
import os
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from firstwords import home
from firstwords.runlog import read_json
from firstwords.serve import models
from firstwords.serve.errors import ApiError
from firstwords.serve.guard.security import COOKIE, Sessions, cookie
from firstwords.serve.page.parts import Body
from firstwords.version import __version__

router = APIRouter(prefix="/api")


class Key(Body):
    """The key for access to the server."""

    key: str


SLOW_GFLOPS = 60.0  # at width 128: below this speed a minute is not enough for three stages


def least_minutes() -> int:
    """The fewest minutes that a training from the page is offered: more on a slow machine, or one not measured yet."""
    measured = (read_json(home.home() / "machine.json") or {}).values()
    speeds = [known.get("training_gflops", {}).get("128") for known in measured if isinstance(known, dict)]
    speeds = [speed for speed in speeds if isinstance(speed, int | float) and speed > 0]
    return max(1, math.ceil(SLOW_GFLOPS / max(speeds))) if speeds else 2


@router.get("/state")
def state(request: Request) -> dict[str, Any]:
    """The initial state for the page; without a valid key, only that one is needed."""
    settings, user = request.app.state.settings, request.state.user
    open_to_all = {"version": __version__, "needs_key": bool(settings.keys), "keyed_in": user is not None}
    if user is None:
        return open_to_all
    try:
        default = models.find(None, settings.model).ref
    except ApiError:
        default = None
    return open_to_all | {
        "user": user,
        "has_models": bool(home.models()),
        "default_model": default,
        "cores": os.cpu_count(),
        "public": not settings.is_loopback,
        "least_minutes": least_minutes(),
        "home": str(home.home()),
    }


@router.post("/session")
async def open_session(request: Request, body: Key) -> Response:
    """Exchange a key for a cookie that no script can read."""
    sessions: Sessions = request.app.state.sessions
    answer = JSONResponse({"keyed_in": True})
    if request.app.state.settings.keys:
        token = sessions.open(body.key)
        if token is None:
            raise ApiError(401, "invalid key", "key", "invalid_api_key")
        is_encrypted = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/", secure=is_encrypted)
    return answer


@router.delete("/session")
async def close_session(request: Request) -> Response:
    """Forget this browser."""
    request.app.state.sessions.close(cookie(request.headers))
    answer = JSONResponse({"keyed_in": not request.app.state.settings.keys})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
