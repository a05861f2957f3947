"""Errors in the format of OpenAI's clients: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from firstwords.config import UserError
from firstwords.database import DatabaseBusy

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class ApiError(Exception):
    """A response with an error body. `param` names the invalid field; `extra` is added to the body."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        retry_after: int = 0,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.retry_after, self.extra = retry_after, extra

    @property
    def headers(self) -> dict[str, str]:
        if self.retry_after:
            return {"Retry-After": str(self.retry_after)}
        # the official client retries 409 and every 5xx twice by default; permanent failures need no retry
        return {"x-should-retry": "false"} if self.status >= 500 or self.status == 409 else {}

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error | self.extra}


# the available routes, listed in the error for an unknown path
ROUTES = (
    "POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings, /tokenize, /detokenize; "
    "GET /v1/models, /tokenizer_info, /health, /version, /metrics"
)
_ANTHROPIC = "this server does not speak Anthropic's protocol: choose an OpenAI-compatible connection in the client"
HINTS = {
    "/v1/responses/": "of a stored response only the whole can be read or deleted: GET or DELETE /v1/responses/{id}",
    "/v1/conversations": "this server keeps no conversations: send previous_response_id, or the whole chat in input",
    "/v1/messages": _ANTHROPIC,
    "/v1/complete": _ANTHROPIC,
    "/api/": "if this client expects Ollama, choose an OpenAI-compatible connection in it",
}
DEFECT = ApiError(500, "internal error: the log of the server has the details")


class Json(JSONResponse):
    """JSON that can always be sent: a lone surrogate, which a request may contain, becomes a question mark."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def printable(text: str, limit: int = 80) -> str:
    """The beginning of a request's text, safe for use in a message."""
    return "".join(char if char.isprintable() else "?" for char in text[:limit])


def response(error: ApiError) -> JSONResponse:
    return Json(error.body, error.status, error.headers)


def install(app: FastAPI) -> None:
    """Report all failures of a request in this one format; the Guard turns any others into DEFECT."""

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
            return response(ApiError(400, f"the body is not valid JSON: {first['ctx']['error']}"))
        place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
        message = f"{'.'.join(place)}: {first['msg']}" if place else first["msg"]
        return response(ApiError(400, message, place[0] if place else None))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        return _routing(request, error)

    @app.exception_handler(UnicodeEncodeError)
    async def _(request: Request, error: UnicodeEncodeError) -> JSONResponse:
        return response(ApiError(400, "the request contains half of a surrogate pair, which is not valid text"))

    @app.exception_handler(RecursionError)
    async def _(request: Request, error: RecursionError) -> JSONResponse:
        return response(ApiError(400, "the request is nested too deeply"))


def _routing(request: Request, error: HTTPException) -> Response:
    """The error when no route accepts the request."""
    headers = dict(error.headers or {})
    asked = f"{request.method} {printable(request.url.path)}"
    if error.status_code == 404:
        return response(unknown_route(asked, request.url.path))
    if error.status_code != 405:
        return response(ApiError(error.status_code, str(error.detail)))
    methods = [method.strip() for method in headers.get("Allow", "").split(",") if method.strip()]
    allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"})
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": ", ".join(allowed)})
    refused = response(ApiError(405, f"{asked} is not allowed: this route accepts {' or '.join(sorted(methods))}"))
    refused.headers["Allow"] = ", ".join(allowed)
    return refused


def unknown_route(asked: str, path: str) -> ApiError:
    """404 for "METHOD PATH", with the supported routes."""
    hint = next((hint for prefix, hint in HINTS.items() if path.startswith(prefix)), None)
    speaks = f"This server speaks OpenAI's protocol: {ROUTES}. A client's base URL is this address followed by /v1"
    reason = f"{asked} does not exist on this server"
    return ApiError(404, f"{reason}; {hint}. {speaks}." if hint else f"{reason}. {speaks}.", code="unknown_url")
