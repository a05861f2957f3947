"""Who may ask what: the outermost layer of the server, before any route, static file or stream.

A page of another site must not reach this server through somebody's browser. Three ways are closed: another name that
resolves to this machine (Host is checked), requests that a browser sends across sites (Origin and Sec-Fetch-Site are
checked, and a body must be JSON, which no form can send), and scripts in what a model says (Content-Security-Policy).
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from firstwords.serve.errors import ApiError, response
from firstwords.serve.settings import OWNER, Settings

COOKIE = "firstwords_session"
SAFE = ("GET", "HEAD", "OPTIONS")
# without a key; and /assets/*
OPEN_PATHS = ("/", "/health", "/api/session", "/api/state", "/favicon.ico", "/favicon.svg")
IMPORT_PATH = "/api/import"
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
            return self.user_of_key(key.strip())
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

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions) -> None:
        self.app, self.settings, self.sessions = app, settings, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # nothing here speaks it
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = secrets.token_hex(8)
        seen = 0
        limit = self.settings.max_import if scope["path"] == IMPORT_PATH else self.settings.max_body

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                sent.update(HEADERS | {"X-Request-Id": request_id})
                if scope["path"].startswith(("/api", "/v1")):
                    sent.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope, headers, limit)
        except ApiError as error:
            await response(error)(scope, receive, guarded)
            return
        scope.setdefault("state", {}).update(user=self.sessions.user_of(headers), request_id=request_id)
        await self.app(scope, limited, guarded)

    def _check(self, scope: Scope, headers: Headers, limit: int) -> None:
        if not self._host_is_ours(headers.getlist("host")):
            raise ApiError(400, "this server does not answer under that name", code="invalid_host")
        if scope["method"] not in SAFE:
            self._check_origin(scope, headers)
            self._check_body(headers, limit)
        if not is_open(scope["path"]) and self.sessions.user_of(headers) is None:
            raise ApiError(401, "a key is needed: Authorization: Bearer KEY", code="invalid_api_key")

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
        if not length.isdigit() or int(length) > limit:
            raise _too_large(limit)


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
