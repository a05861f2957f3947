"""Other sites whose pages may use the API in a browser (CORS): none, unless `--allow-origin` names them.

    Origins(("http://localhost:3000",)).headers("http://localhost:3000", "/v1/models")

An allowed page can use only the routes for clients. The page's own routes (/api: chats, training, judgements) refuse
other sites, and cookies are ignored in such requests: a server with keys requires the key in the Authorization header.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from firstwords.config import UserError

ANY = "*"
EXPOSED = "Retry-After, X-Request-Id"  # headers that a page's script may read in addition to the standard ones
PREFLIGHT_SECONDS = "600"  # for which a browser caches the answer
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/?#@*]+)")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,2000}")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # browsers omit these


def parse_origins(words: list[str]) -> tuple[str, ...]:
    """`--allow-origin` values in the form that browsers send. Raises UserError for an invalid one."""
    return tuple(dict.fromkeys(_parsed(word) for word in words))


def _parsed(word: str) -> str:
    if word == ANY:
        return word
    match = _ORIGIN.fullmatch(word.lower().removesuffix("/"))
    if match is None:
        raise UserError(
            f"--allow-origin {word!r} is not an origin: use scheme://host or scheme://host:port, such as "
            "http://localhost:3000 (* allows every site)"
        )
    scheme, host = match.groups()
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, chr(0)))}"


class Origins:
    """A server's allowed origins, and the response headers for their pages."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(allowed)

    def allow(self, origin: str | None, path: str) -> bool:
        """Whether a page of this origin may request this path."""
        if not self._allowed or origin is None or is_for_the_page(path):
            return False
        return ANY in self._allowed or origin.lower() in self._allowed

    def headers(self, origin: str | None, path: str) -> dict[str, str]:
        """Headers of a response, whatever its status. Credentials (cookies) are never allowed."""
        if not self._allowed:
            return {}
        vary = {"Vary": "Origin"}
        if not self.allow(origin, path):
            return vary
        answer = ANY if ANY in self._allowed else str(origin)
        return vary | {"Access-Control-Allow-Origin": answer, "Access-Control-Expose-Headers": EXPOSED}

    @staticmethod
    def preflight(headers: Headers) -> dict[str, str]:
        """Headers of a preflight response. The browser may send what it asked for: routes check the rest."""
        wanted = headers.get("access-control-request-headers", "")
        answer = {
            "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
        }
        if wanted and _HEADER_NAMES.fullmatch(wanted):
            answer["Access-Control-Allow-Headers"] = wanted
        if headers.get("access-control-request-private-network") == "true":
            answer["Access-Control-Allow-Private-Network"] = "true"
        return answer


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether this is a browser's preflight request."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def is_for_the_page(path: str) -> bool:
    """Whether a route serves only the built-in page."""
    return path == "/api" or path.startswith("/api/")
