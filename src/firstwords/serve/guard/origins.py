"""Web pages of other sites that may use the API in a browser (CORS): none, unless `--allow-origin` names them.

    Origins(("http://localhost:3000",)).headers("http://localhost:3000", "/v1/models")

An allowed page reaches the routes for clients only. The page's own routes (/api: chats, training, judgements) answer no
other site, and cookies do not count in such a request: a server with keys wants the key in the Authorization header.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from firstwords.config import UserError

ANY = "*"
EXPOSED = "Retry-After, X-Request-Id"  # headers that a page's script may read beside the usual ones
PREFLIGHT_SECONDS = "600"  # for which a browser remembers the answer
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/?#@*]+)")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,2000}")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # browsers leave these out


def parse_origins(words: list[str]) -> tuple[str, ...]:
    """`--allow-origin` values as browsers write them. Raises UserError for one that no browser would send."""
    return tuple(dict.fromkeys(_parsed(word) for word in words))


def _parsed(word: str) -> str:
    if word == ANY:
        return word
    match = _ORIGIN.fullmatch(word.lower().removesuffix("/"))
    if match is None:
        raise UserError(
            f"--allow-origin {word!r} is not an origin: write scheme://host or scheme://host:port, such as "
            "http://localhost:3000 (* stands for every site)"
        )
    scheme, host = match.groups()
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, chr(0)))}"


class Origins:
    """The origins that a server was started with, and what their pages are answered."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(allowed)

    def allow(self, origin: str | None, path: str) -> bool:
        """Whether a page of this origin may ask for this path."""
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
        """Headers of the answer to a browser that asks first. It may send what it asked for: routes check the rest."""
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
    """Whether a browser asks if it may send a request of another site."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def is_for_the_page(path: str) -> bool:
    """Whether a route serves the built-in page only."""
    return path == "/api" or path.startswith("/api/")
