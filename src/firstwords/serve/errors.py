"""Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from firstwords.config import UserError
from firstwords.database import DatabaseBusy

TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 409: "conflict_error",
         413: "invalid_request_error", 429: "rate_limit_error", 503: "overloaded_error"}  # fmt: skip


class ApiError(Exception):
    """An answer with an error body. `param` names the field that was wrong; `extra` joins the body."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, retry_after: int = 0,
        **extra: Any,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after, self.extra = retry_after, extra

    @property
    def headers(self) -> dict[str, str]:
        if self.retry_after:
            return {"Retry-After": str(self.retry_after)}
        # the official client repeats 409 and every 5xx twice by default; what will fail again need not
        return {"x-should-retry": "false"} if self.status >= 500 or self.status == 409 else {}

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error | self.extra}


DEFECT = ApiError(500, "a defect of the server; its log says more")


class Json(JSONResponse):
    """JSON that can always be sent: half a surrogate pair, which a request may hold, becomes a question mark."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def response(error: ApiError) -> JSONResponse:
    return Json(error.body, error.status, error.headers)


def install(app: FastAPI) -> None:
    """Every way in which a request can fail, in this one shape; the Guard turns what is left into DEFECT."""

    @app.exception_handler(ApiError)
    async def _(request: Request, error: ApiError) -> JSONResponse:
        return response(error)

    @app.exception_handler(DatabaseBusy)
    async def _(request: Request, error: DatabaseBusy) -> JSONResponse:
        return response(ApiError(503, str(error), code="database_busy", retry_after=2))

    @app.exception_handler(UserError)
    async def _(request: Request, error: UserError) -> JSONResponse:
        return response(ApiError(400, str(error)))

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return response(ApiError(400, f"the body is not JSON: {first['ctx']['error']}"))
        place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
        message = f"{'.'.join(place)}: {first['msg']}" if place else first["msg"]
        return response(ApiError(400, message, place[0] if place else None))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        said = response(ApiError(error.status_code, str(error.detail)))
        said.headers.update(error.headers or {})
        return said

    @app.exception_handler(UnicodeEncodeError)
    async def _(request: Request, error: UnicodeEncodeError) -> JSONResponse:
        return response(ApiError(400, "the request holds half of a character, which is no text"))

    @app.exception_handler(RecursionError)
    async def _(request: Request, error: RecursionError) -> JSONResponse:
        return response(ApiError(400, "the request is nested too deeply"))
