"""Pages of the web: fetched politely and with limits, and never from this machine's own network.

    page = fetch("https://example.org/opening-hours")
    page.content, page.suffix, page.as_of

robots.txt is respected. A name is resolved once, every address it has must be public, and the connection goes to the
address that was checked; each redirect is checked again. Proxies of the environment are not used. Needs the extra
`firstwords[web]`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from firstwords.config import UserError
from firstwords.version import __version__

if TYPE_CHECKING:
    import httpx

AGENT = f"firstwords/{__version__} (a person's question; respects robots.txt)"
MAX_BYTES = 10_000_000  # of a page
MAX_REDIRECTS = 5
CONNECT_SECONDS, TOTAL_SECONDS = 10.0, 30.0
ROBOTS_BYTES = 500_000  # what RFC 9309 asks to read at least
PORTS = (80, 443)
UNLESS = "unless you give --allow-private"
NUM_RESULTS = 4  # of a web search, that are read
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TITLE = re.compile(r"<title[^>]*>\s*([^<]{1,300})", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """A fetched page. suffix: the file type of its content; as_of: when it was fetched."""

    url: str
    content: bytes
    suffix: str
    title: str
    as_of: str


def is_url(spec: str) -> bool:
    """Whether a source is a page of the web."""
    return spec.lower().startswith(("http://", "https://"))


def fetch(url: str, allow_private: bool = False) -> Page:
    """Fetch a page. Raises UserError, in one sentence, for everything that can be wrong with it.

    allow_private: addresses and ports of this machine's own network are allowed too.
    """
    with _client() as client:
        check_robots(client, url, allow_private)
        response_url, kind, content = _get(client, url, allow_private, MAX_BYTES)
    kind = kind.partition(";")[0].strip().lower()
    if kind not in _SUFFIXES:
        raise UserError(f"{url} is not text but {kind or 'of no stated type'}: give a page, a text or a PDF")
    found = _TITLE.search(content[:100_000].decode("utf-8", "replace")) if _SUFFIXES[kind] == ".html" else None
    title = " ".join(found[1].split()) if found else urlsplit(response_url).netloc + urlsplit(response_url).path
    return Page(url, content, _SUFFIXES[kind], title, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def results(question: str) -> list[str]:
    """Addresses that a web search finds, best first. Raises UserError if it fails."""
    try:
        from ddgs import DDGS
    except ImportError:
        raise _missing() from None
    try:
        rows = DDGS(timeout=int(CONNECT_SECONDS)).text(question, max_results=NUM_RESULTS)
    except Exception as error:  # the library's own and those of its HTTP client
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"the web search failed ({reason}): check the network, or ask without --web") from None
    return [href for row in rows if is_url(href := row.get("href", "")) and href.isprintable()]


def check_robots(client: httpx.Client, url: str, allow_private: bool) -> None:
    """Raise UserError if the site's robots.txt asks programs not to read this page."""
    rules = RobotFileParser()
    try:
        _checked_url(url, url, allow_private)
        content = _get(client, url, allow_private, ROBOTS_BYTES, robots=urljoin(url, "/robots.txt"))[2]
        rules.parse(content.decode("utf-8", "replace").splitlines())
    except _StatusError as error:
        if error.status >= 500:  # RFC 9309: the site's wishes are unknown
            raise UserError(f"{url} cannot be read: the site's robots.txt failed with status {error.status}") from None
        return
    if not rules.can_fetch("firstwords", url):
        raise UserError(f"{url} asks programs not to read it (robots.txt): open it in a browser and save it as a file")


class _StatusError(UserError):
    """A response that is not a page."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} answered with status {status}: check the address")
        self.status = status


def _client() -> httpx.Client:
    try:
        import httpx
    except ImportError:
        raise _missing() from None
    timeout = httpx.Timeout(CONNECT_SECONDS)
    return httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False, headers={"User-Agent": AGENT})


def _missing() -> UserError:
    return UserError("reading the web needs more packages: pip install 'firstwords[web]'")


def _get(client: httpx.Client, url: str, allow_private: bool, limit: int, robots: str = "") -> tuple[str, str, bytes]:
    """(final address, content type, content), following redirects.

    robots: the address of the page's robots.txt, to read that instead; a long one is cut, not refused.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    at = robots or url
    for _ in range(MAX_REDIRECTS + 1):
        _check_time(url, deadline)
        with _send(client, at, url, allow_private) as response:
            if response.is_redirect and "location" in response.headers:
                at = urljoin(at, response.headers["location"])
                continue
            if response.status_code != 200:
                raise _StatusError(url, response.status_code)
            content = _content(response, url, limit, bool(robots), deadline)
            return at, response.headers.get("content-type", ""), content
    raise UserError(f"{url} redirects more than {MAX_REDIRECTS} times: give the address that it leads to")


def _send(client: httpx.Client, at: str, url: str, allow_private: bool) -> Any:
    """A context manager of the response to a GET, connected to an address that was checked."""
    parts = _checked_url(at, url, allow_private)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    address = _address(host, port, url, allow_private)
    literal = f"[{address}]" if ":" in address else address
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Opened(
        client.stream(
            "GET",
            f"{parts.scheme}://{literal}:{port}{path}",
            headers={"Host": parts.netloc},
            extensions={"sni_hostname": host},  # the certificate must be the name's, not the address's
        ),
        url,
    )


class _Opened:
    """A response whose connection errors are UserErrors."""

    def __init__(self, stream: Any, url: str) -> None:
        self._stream, self._url = stream, url

    def __enter__(self) -> httpx.Response:
        import httpx

        try:
            response: httpx.Response = self._stream.__enter__()
            return response
        except httpx.HTTPError as error:
            raise _unreachable(self._url, error) from None

    def __exit__(self, *details: Any) -> None:
        self._stream.__exit__(*details)


def _unreachable(url: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
    return UserError(f"{url} cannot be reached ({reason}): check the address and the network")


def _content(response: httpx.Response, url: str, limit: int, cut: bool, deadline: float) -> bytes:
    import httpx

    parts, size = [], 0
    try:
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > limit:
                if cut:
                    break
                raise UserError(f"{url} has more than {limit // 10**6} MB: download it, and give the file")
            _check_time(url, deadline)
    except httpx.HTTPError as error:
        raise _unreachable(url, error) from None
    return b"".join(parts)[:limit]


def _check_time(url: str, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise UserError(f"{url} took longer than {TOTAL_SECONDS:.0f} seconds: try again later")


def _checked_url(at: str, url: str, allow_private: bool) -> SplitResult:
    """The parts of an address. Raises UserError for one that is not plain http(s) on the usual ports."""
    leads = "" if at == url else f"redirects to {at[:200]}, which "
    try:
        parts = urlsplit(at)
        port = parts.port
    except ValueError:
        raise UserError(f"{url} {leads}is not a valid address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"{url} {leads}is not an address of the web: use http:// or https://")
    if parts.username or parts.password:
        raise UserError(f"{url} {leads}contains a user name: leave it out")
    if port not in (None, *PORTS) and not allow_private:
        raise UserError(f"{url} {leads}names port {port}: only 80 and 443 are read, {UNLESS}")
    return parts


def _address(host: str, port: int, url: str, allow_private: bool) -> str:
    """The address of a host, all of whose addresses were checked. Raises UserError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UserError(f"{url} cannot be reached ({host} was not found): check the address and the network") from None
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not allow_private and not all(map(is_public, addresses)):
        raise UserError(
            f"{url} leads to {host}, an address of this machine or its own network, which is not read {UNLESS}"
        )
    return addresses[0]


@functools.lru_cache(maxsize=1024)
def is_public(address: str) -> bool:
    """Whether an IP address is reachable from everywhere, also where it wraps an IPv4 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return all(
        each.is_global and not each.is_multicast and not each.is_reserved and not each.is_unspecified
        for each in (ip, *_wrapped(ip))
    )


def _wrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterable[ipaddress.IPv4Address]:
    """IPv4 addresses inside an IPv6 address: mapped, 6to4, Teredo, NAT64, compatible."""
    if isinstance(ip, ipaddress.IPv4Address):
        return
    yield from filter(None, (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())))
    if ip in _NAT64 or int(ip) < 2**32:
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
