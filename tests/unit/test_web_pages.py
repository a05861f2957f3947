"""Pages of the web, from a server in this process: limits, manners, and addresses that are not read."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pypdf
import pytest

from firstwords.config import UserError
from firstwords.retrieval import adding, store, web

PAGE = (
    "<html><head><title>Opening  hours</title></head><body><article><h1>Opening hours</h1>"
    "<p>The museum of the town opens at ten o'clock, and closes at six. On Mondays it stays closed all day long.</p>"
    "<p>Tickets cost five euros for adults. Children and their teachers enter free of charge on every day.</p>"
    "</article></body></html>"
)


def pdf(password: str = "") -> bytes:
    """A PDF with one empty page, as a scanner without text recognition makes it."""
    writer, file = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


class Site(BaseHTTPRequestHandler):
    """Answers from `pages`: path -> (status, headers, body)."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.pages.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(empty_home: Path) -> Iterator[str]:
    """The address of the server; its pages are emptied for each test."""
    Site.pages, Site.asked = {"/hours": (200, {}, PAGE.encode())}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_page_becomes_a_document_with_its_date(site: str, firstwords) -> None:
    code, _, err = firstwords("documents", "add", f"{site}/hours", "--allow-private")
    assert code == 0 and f"added {site}/hours" in err
    (document,) = store.documents()
    assert document.title == "Opening hours" and document.source == f"{site}/hours" and document.as_of
    _, out, _ = firstwords("ask", "When does the museum open?")
    assert "ten o'clock" in out and f"as of {document.as_of[:10]}" in out and site in out
    assert Site.asked == ["/robots.txt", "/hours"]


def test_a_page_that_has_not_changed_gets_a_new_date_only(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = adding.add([f"{site}/hours"], allow_private=True)
    real = web.fetch

    def later(url: str, allow_private: bool) -> web.Page:
        page = real(url, allow_private)
        return web.Page(page.url, page.content, page.suffix, page.title, "2099-01-02T03:04:05Z")

    monkeypatch.setattr(web, "fetch", later)
    (second,) = adding.add([f"{site}/hours"], allow_private=True)
    assert second.status == "unchanged" and second.document.id == first.document.id
    assert second.document.as_of == store.documents()[0].as_of == "2099-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        ({"/x": (404, {}, b"")}, "answered with status 404"),
        ({"/x": (200, {"Content-Type": "image/png"}, b"\x89PNG")}, "is not text but image/png"),
        ({"/x": (200, {"Content-Type": "application/json"}, b"{}")}, "is not text but application/json"),
        ({"/x": (200, {}, b"<html><body></body></html>")}, "text"),
        ({"/x": (302, {"Location": "/x"}, b"")}, "redirects more than 5 times"),
        ({"/x": (302, {"Location": "ftp://127.0.0.1/x"}, b"")}, "not an address of the web"),
        ({"/x": (302, {"Location": "http://me:pw@127.0.0.1/x"}, b"")}, "contains a user name"),
        ({"/x": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4 not really")}, "is not a valid PDF file"),
        ({"/x": (200, {"Content-Type": "application/pdf"}, pdf())}, "perhaps only scanned pages"),
        ({"/x": (200, {"Content-Type": "application/pdf"}, pdf("secret"))}, "is protected by a password"),
        ({"/x": (200, {"Content-Type": "text/plain"}, bytes(range(256)) * 9)}, "is not text (a zero byte"),
        ({"/x": (200, {"Content-Type": "text/plain"}, b"")}, "is empty"),
        ({"/x": (200, {"Content-Type": ""}, b"hello")}, "of no stated type"),
        ({"/x": (200, {"Content-Length": "1000"}, b"cut off")}, "cannot be reached (peer closed connection"),
        ({"/x": (200, {}, b""), "/robots.txt": (200, {}, b"User-agent: *\nDisallow: /x")}, "robots.txt"),
        ({"/x": (200, {}, b""), "/robots.txt": (503, {}, b"")}, "robots.txt failed with status 503"),
    ],
)
def test_a_page_that_cannot_be_read_gets_one_sentence(site: str, firstwords, pages: dict, sentence: str) -> None:
    Site.pages |= pages
    code, _, err = firstwords("documents", "add", f"{site}/x", "--allow-private")
    (line,) = err.splitlines()
    assert code == 2 and sentence in line and f"{site}/x" in line and "/tmp" not in line
    assert store.documents() == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:1/x", "cannot be reached ([Errno 111] Connection refused)"),
        ("http://", "is not an address of the web"),
        ("http://[::1", "is not a valid address"),
        ("http://example.org:99999/", "is not a valid address"),
        ("ftp://example.org/x", "ftp://example.org/x is not an address of the web: use http:// or https://"),
        ("file:///etc/passwd", "file:///etc/passwd is not an address of the web"),
    ],
)
def test_an_address_that_leads_nowhere_gets_one_sentence(empty_home: Path, firstwords, url: str, sentence: str) -> None:
    code, _, err = firstwords("documents", "add", url, "--allow-private")
    assert code == 2 and sentence in err and err.count("\n") == 1


def test_a_pages_title_cannot_command_the_terminal(site: str) -> None:
    Site.pages["/x"] = (200, {}, PAGE.replace("Opening  hours</title>", "Hours\x1b]0;yours\x07</title>").encode())
    (outcome,) = adding.add([f"{site}/x"], allow_private=True)
    assert outcome.document.title == "Hours ]0;yours"


def test_size_and_time_are_limited(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1_000_000)
    Site.pages["/x"] = (200, {}, b"x" * 1_100_000)
    with pytest.raises(UserError, match="more than 1 MB"):
        web.fetch(f"{site}/x", allow_private=True)
    monkeypatch.setattr(web, "TOTAL_SECONDS", -1.0)
    with pytest.raises(UserError, match="took longer"):
        web.fetch(f"{site}/hours", allow_private=True)
    assert Site.asked == ["/robots.txt", "/x"]  # nothing more was asked for after the time was over


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://0/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[::127.0.0.1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://224.0.0.1/",
    ],
)
def test_private_addresses_are_refused(empty_home: Path, firstwords, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    code, _, err = firstwords("documents", "add", url)
    assert code == 2 and ("own network" in err or "was not found" in err) and err.count("\n") == 1


def test_other_ports_and_schemes_are_refused(site: str) -> None:
    with pytest.raises(UserError, match="only 80 and 443"):
        web.fetch(f"{site}/hours")
    with pytest.raises(UserError, match="contains a user name"):
        web.fetch("http://anna@127.0.0.1/")


def test_a_redirect_to_a_private_address_is_refused(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = site.rpartition(":")[2]
    monkeypatch.setattr(web, "PORTS", (int(port),))
    monkeypatch.setattr(web, "is_public", lambda address: address == "127.0.0.1")  # the only public one
    assert b"museum" in web.fetch(f"{site}/hours").content
    Site.pages["/x"] = (302, {"Location": f"http://127.0.0.2:{port}/hours"}, b"")
    with pytest.raises(UserError, match="an address of this machine or its own network"):
        web.fetch(f"{site}/x")
    assert Site.asked.count("/hours") == 1


def test_the_address_that_was_checked_is_the_one_that_is_read(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(site.rpartition(":")[2])
    answers = [[(0, 0, 0, "", ("127.0.0.1", port))], [(0, 0, 0, "", ("127.0.0.1", port))]]
    real = socket.getaddrinfo

    def rebinding(host: str, *args: object, **options: object) -> object:
        return answers.pop(0) if host == "rebinding.test" else real(host, *args, **options)  # a third time fails

    monkeypatch.setattr(web.socket, "getaddrinfo", rebinding)
    assert web.fetch(f"http://rebinding.test:{port}/hours", allow_private=True).title == "Opening hours"
    assert answers == []


def test_no_network_is_one_sentence(empty_home: Path, firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    ddgs = pytest.importorskip("ddgs")

    def fails(*_: object, **__: object) -> None:
        raise OSError("network unreachable")

    class Search:
        def __init__(self, **_: object) -> None:
            pass

        text = fails

    monkeypatch.setattr(ddgs, "DDGS", Search)
    code, _, err = firstwords("ask", "Who?", "--web")
    assert code == 2 and "the web search failed (network unreachable)" in err and err.count("\n") == 1
    monkeypatch.setattr(web.socket, "getaddrinfo", fails)
    code, _, err = firstwords("documents", "add", "https://example.org/")
    assert code == 2 and "example.org was not found" in err and err.count("\n") == 1


def test_only_addresses_of_pages_are_taken_from_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    hrefs = ["https://a.test/\x1b[2J", "javascript:alert(1)", "file:///etc/passwd", "https://b.test/"]

    class Search:
        def __init__(self, **_: object) -> None:
            pass

        def text(self, *_: object, **__: object) -> list[dict[str, str]]:
            return [*({"href": href} for href in hrefs), {"title": "x"}]

    monkeypatch.setattr(pytest.importorskip("ddgs"), "DDGS", Search)
    assert web.results("Who?") == ["https://b.test/"]


def test_ask_reads_what_a_search_finds(site: str, firstwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "results", lambda _: [f"{site}/gone", f"{site}/hours"])
    code, out, err = firstwords("ask", "When does the museum open?", "--web", "--allow-private")
    assert code == 0 and "ten o'clock" in out and "as of" in out and "status 404" in err
    assert store.documents()[0].collection == "web"
    monkeypatch.setattr(web, "results", lambda _: [])
    assert "found no page" in firstwords("ask", "When?", "--web")[2]
    assert "contradict" in firstwords("ask", "When?", "--web", "--documents", "house")[2]
