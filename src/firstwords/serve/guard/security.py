"""Access control: the outermost layer of the server, before any route, static file or stream.

A page of another site must not reach this server through a user's browser. Three attacks are prevented: another name
that resolves to this machine (Host is checked), cross-site requests (Origin and Sec-Fetch-Site are checked, and a body
must be JSON, which no form can send), and scripts in a model's output (Content-Security-Policy). `origins.py` defines
the explicitly allowed sites.

Every layer below sees the path that was checked here, with double slashes collapsed, and HEAD as GET.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firstwords.serve.errors import DEFECT, ApiError, printable, response
from firstwords.serve.guard.origins import Origins, is_for_the_page, is_preflight
from firstwords.serve.metrics import Metrics
from firstwords.serve.settings import OWNER, Settings

COOKIE = "firstwords_session"
SAFE = ("GET", "HEAD", "OPTIONS")
# these, and /assets/*, need no key
OPEN_PATHS = ("/", "/health", "/api/session", "/api/state", "/favicon.ico", "/favicon.svg")
LARGE_PATHS = ("/api/import", "/api/uploads", "/api/documents")  # whose bodies contain files
BODY_SECONDS = 60  # to receive a whole body
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; object-src 'none'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


_SLASHES = re.compile("/{2,}")

log = logging.getLogger("firstwords.serve")


class Sessions:
    """Browsers that gave a key, by a random token in an HttpOnly cookie; a restart ends all sessions."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys
        self._users: dict[str, str] = {}

    def user_of_key(self, key: str) -> str | None:
        """The owner of a key; every key is compared, so that timing reveals nothing."""
        found = None
        for known, user in self._keys.items():
            if hmac.compare_digest(known.encode(), key.encode()):
                found = user
        return found

    def open(self, key: str) -> str | None:
        """A token for the browser, or None for a wrong key."""
        user = self.user_of_key(key)
        if user is None:
            return None
        token = secrets.token_urlsafe(32)
        self._users[token] = user
        return token

    def close(self, token: str) -> None:
        self._users.pop(token, None)

    def user_of(self, headers: Headers, with_cookie: bool = True) -> str | None:
        """The user of a request: the owner if no keys are needed. Cookies count only for the page's own requests."""
        if not self._keys:
            return OWNER
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            # headers are decoded as Latin-1; a key may contain any characters
            return self.user_of_key(key.strip().encode("latin-1").decode("utf-8", "replace"))
        return self._users.get(cookie(headers)) if with_cookie else None


def cookie(headers: Headers) -> str:
    """The session's token in a request's cookies, or ""."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


class Guard:
    """ASGI middleware around everything: Host, Origin, type and size of a body, key; then the security headers."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, metrics: Metrics) -> None:
        self.app, self.settings, self.sessions, self.metrics = app, settings, sessions, metrics
        self._origins = Origins(settings.allowed_origins)
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # not supported
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        scope = _plain(scope)
        request_id = secrets.token_hex(8)
        has_started = False

        async def guarded(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                self._add_headers(scope, message, request_id)
                self.metrics.count_request(scope, message["status"])
                await send(message)
                if is_head:
                    await send({"type": "http.response.body", "body": b""})
            elif not is_head:
                await send(message)
            elif message.get("more_body"):
                raise ClientDisconnect  # it has its answer: stop writing the body

        try:
            await self._answer(scope, receive, guarded, request_id)
        except ClientDisconnect:
            return
        except Exception as error:
            if has_started:
                raise
            if not isinstance(error, ApiError):
                log.exception("request %s failed", request_id)
            await response(error if isinstance(error, ApiError) else DEFECT)(scope, receive, guarded)

    def _add_headers(self, scope: Scope, message: Message, request_id: str) -> None:
        sent = MutableHeaders(scope=message)
        sent.update(HEADERS | {"X-Request-Id": request_id})
        sent.update(self._origins.headers(Headers(scope=scope).get("origin"), scope["path"]))
        if scope["path"].startswith(("/api", "/v1")):
            sent.setdefault("Cache-Control", "no-store")

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        headers = Headers(scope=scope)
        limit = self.settings.max_import if scope["path"] in LARGE_PATHS else self.settings.max_body
        self._check_host(headers)
        if is_preflight(scope["method"], headers):  # sent without the key, which the actual request includes
            self._check_origin(scope, headers)
            await Response(status_code=204, headers=self._origins.preflight(headers))(scope, receive, send)
            return
        user = self._check(scope, headers, limit)
        scope.setdefault("state", {}).update(user=user, request_id=request_id)
        if scope["method"] not in SAFE:
            receive = await read_body(receive, limit)
            # with many concurrent requests, handle one between two polls of the other sockets
            async with self._turn:
                await asyncio.sleep(0)
        await self.app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers, limit: int) -> str | None:
        """The user of a request, None if it needs no key. Raises ApiError if it is refused."""
        if scope["method"] not in SAFE:
            self._check_origin(scope, headers)
            self._check_body(headers, limit)
        user = self.sessions.user_of(headers, with_cookie=not _is_foreign(scope, headers))
        if user is None and not is_open(scope["path"]):
            given = "this key is not one of" if headers.get("authorization", "").strip() else "this server needs one of"
            raise ApiError(
                401,
                f"{given} the keys it was started with (--key): send Authorization: Bearer KEY",
                code="invalid_api_key",
            )
        return user

    def _check_host(self, headers: Headers) -> None:
        given = headers.getlist("host")
        if self._host_is_ours(given):
            return
        if len(given) != 1 or not given[0].strip():
            raise ApiError(400, "a request needs one Host header that names this server", code="invalid_host")
        name = printable(host_name(given[0]))
        raise ApiError(
            400,
            f"this server does not accept the host name {name}: start it with --allow-host {name} if the name is yours",
            code="invalid_host",
        )

    def _host_is_ours(self, given: list[str]) -> bool:
        if len(given) != 1:
            return False
        name, settings = host_name(given[0]), self.settings
        if name in ("localhost", settings.host.strip("[]").lower(), *(h.lower() for h in settings.allowed_hosts)):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False  # a foreign name that resolves to this machine
        return address.is_loopback or not settings.is_loopback

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse a page of another site unless it is allowed to use this path."""
        origin = headers.get("origin")
        if not _is_foreign(scope, headers) or self._origins.allow(origin, scope["path"]):
            return
        refused = "requests from other sites are refused"
        if is_for_the_page(scope["path"]):
            message = f"{refused}: this route is for the built-in page"
        elif origin is None or origin == "null":
            message = f"{refused}, and the requesting page does not state its origin"
        else:
            message = f"{refused}: start the server with --allow-origin {printable(origin)} to allow this one"
        raise ApiError(403, message, code="cross_origin")

    @staticmethod
    def _check_body(headers: Headers, limit: int) -> None:
        length = headers.get("content-length", "0")
        has_body = length != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if (has_body or kind) and kind != "application/json":
            raise ApiError(415, "the body must be JSON: send Content-Type: application/json")
        if not (length.isascii() and length.isdigit()) or int(length) > limit:
            raise _too_large(limit)


def _plain(scope: Scope) -> Scope:
    """The request with double slashes collapsed (from base URLs that end in a slash), and HEAD as GET."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    path, raw = _SLASHES.sub("/", scope["path"]), scope.get("raw_path")
    folded = {"raw_path": re.sub(rb"/{2,}", b"/", raw)} if raw else {}
    return {**scope, **folded, "method": method, "path": path}


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether the browser marks the request as coming from another site."""
    own = f"{scope.get('scheme', 'http')}://{headers['host'].lower()}"
    is_other = headers.get("origin", own).lower() != own
    return is_other or headers.get("sec-fetch-site") in ("cross-site", "same-site")


async def read_body(receive: Receive, limit: int) -> Receive:
    """Read a whole body, so that one that is too large or never ends is refused before any processing.

    Returns a `receive` that replays it, followed by later events (the client's disconnect).
    Raises ApiError 413 and 408, and ClientDisconnect.
    """
    chunks, size, is_complete = [], 0, False
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not is_complete:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                is_complete = not message.get("more_body", False)
                if size > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise ApiError(408, f"the body of the request did not arrive within {BODY_SECONDS} seconds") from None
    body: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
    chunks.clear()

    async def again() -> Message:
        return body.pop() if body else await receive()

    return again


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without the port: host_name("[::1]:8000") == "::1"."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_open(path: str) -> bool:
    """Whether a path needs no key: the page itself and the health check."""
    return path in OPEN_PATHS or path.startswith("/assets/")


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the request is larger than {limit:,} bytes", code="request_too_large")
