"""Who may ask what: the outermost layer of the server, before any route, static file or stream.

A page of another site must not reach this server through somebody's browser. Three ways are closed: another name that
resolves to this machine (Host is checked), requests that a browser sends across sites (Origin and Sec-Fetch-Site are
checked, and a body must be JSON, which no form can send), and scripts in what a model says (Content-Security-Policy).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firstwords.serve.errors import DEFECT, ApiError, response
from firstwords.serve.metrics import Metrics
from firstwords.serve.settings import OWNER, Settings

COOKIE = "firstwords_session"
SAFE = ("GET", "HEAD", "OPTIONS")
# without a key; and /assets/*
OPEN_PATHS = ("/", "/health", "/api/session", "/api/state", "/favicon.ico", "/favicon.svg")
IMPORT_PATH = "/api/import"
BODY_SECONDS = 60  # for a whole body to come
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


log = logging.getLogger("firstwords.serve")


class Sessions:
    """Browsers that gave a key, by a random token in a cookie that scripts cannot read; a restart forgets them."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys
        self._users: dict[str, str] = {}

    def user_of_key(self, key: str) -> str | None:
        """Whose key that is; every key is compared, so that time tells nothing."""
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

    def user_of(self, headers: Headers) -> str | None:
        """The user of a request: the owner where no keys are needed."""
        if not self._keys:
            return OWNER
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            # headers are read as Latin-1; a key may have any letters
            return self.user_of_key(key.strip().encode("latin-1").decode("utf-8", "replace"))
        return self._users.get(cookie(headers))


def cookie(headers: Headers) -> str:
    """The session's token in a request's cookies, or nothing."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


class Guard:
    """ASGI middleware around everything: Host, Origin, kind and size of a body, key; then the security headers."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, metrics: Metrics) -> None:
        self.app, self.settings, self.sessions, self.metrics = app, settings, sessions, metrics
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # nothing here speaks it
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        has_started = False

        async def guarded(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                sent = MutableHeaders(scope=message)
                sent.update(HEADERS | {"X-Request-Id": request_id})
                if scope["path"].startswith(("/api", "/v1")):
                    sent.setdefault("Cache-Control", "no-store")
                self.metrics.count_request(scope, message["status"])
            await send(message)

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

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        headers = Headers(scope=scope)
        limit = self.settings.max_import if scope["path"] == IMPORT_PATH else self.settings.max_body
        user = self._check(scope, headers, limit)
        scope.setdefault("state", {}).update(user=user, request_id=request_id)
        if scope["method"] not in SAFE:
            receive = await read_body(receive, limit)
            # of a crowd that comes at once, one is read and encoded between two looks at everybody else's sockets
            async with self._turn:
                await asyncio.sleep(0)
        await self.app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers, limit: int) -> str | None:
        """Whose request it is, None for one that needs no key. Raises ApiError for one that is refused."""
        if not self._host_is_ours(headers.getlist("host")):
            raise ApiError(400, "this server does not answer under that name", code="invalid_host")
        if scope["method"] not in SAFE:
            self._check_origin(scope, headers)
            self._check_body(headers, limit)
        user = self.sessions.user_of(headers)
        if user is None and not is_open(scope["path"]):
            raise ApiError(401, "a key is needed: Authorization: Bearer KEY", code="invalid_api_key")
        return user

    def _host_is_ours(self, given: list[str]) -> bool:
        if len(given) != 1:
            return False
        name, settings = host_name(given[0]), self.settings
        if name in ("localhost", settings.host.strip("[]").lower(), *(h.lower() for h in settings.allowed_hosts)):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False  # a name that somebody made resolve to this machine
        return address.is_loopback or not settings.is_loopback

    @staticmethod
    def _check_origin(scope: Scope, headers: Headers) -> None:
        own = f"{scope.get('scheme', 'http')}://{headers['host'].lower()}"
        is_foreign = headers.get("origin", own).lower() != own
        if is_foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise ApiError(403, "requests from other sites are refused", code="cross_origin")

    @staticmethod
    def _check_body(headers: Headers, limit: int) -> None:
        length = headers.get("content-length", "0")
        has_body = length != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if (has_body or kind) and kind != "application/json":
            raise ApiError(415, "send application/json")
        if not (length.isascii() and length.isdigit()) or int(length) > limit:
            raise _too_large(limit)


async def read_body(receive: Receive, limit: int) -> Receive:
    """Take a whole body, so that one that is too large or never ends is refused before anybody works on it.

    Returns a `receive` that gives it back, and after it what else comes (that the client has gone).
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
        raise ApiError(408, f"the request's body did not come within {BODY_SECONDS} seconds") from None
    body: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
    chunks.clear()

    async def again() -> Message:
        return body.pop() if body else await receive()

    return again


def host_name(host: str) -> str:
    """The name in a Host header, in small letters, without the port: host_name("[::1]:8000") == "::1"."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_open(path: str) -> bool:
    """Whether a path needs no key: the page itself and whether the server lives."""
    return path in OPEN_PATHS or path.startswith("/assets/")


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the request is larger than {limit:,} bytes", code="request_too_large")
