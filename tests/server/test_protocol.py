"""Heads of requests that never end, or are too large, on sockets of a running server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest

from firstwords.serve.guard import protocol


def connect(server) -> socket.socket:
    address = urlsplit(server.base_url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            found += data
    return found


@pytest.mark.parametrize("piece", [b"X-Much: " + b"a" * 1000 + b"\r\n", b"a" * 1000])
def test_a_head_without_end_is_cut_off(server, piece) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-First: 1\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(10_000):
                connection.sendall(piece)
        found = read_all(connection)
    assert not found or found.startswith(b"HTTP/1.1 431 "), found[:80]
    assert server.get("/health")


def test_a_head_just_too_large_is_told_so(server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * protocol.HEAD_BYTES)
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("begun, told", [(b"", b""), (b"GET /health HTTP/1.1\r\nHost: local", b"HTTP/1.1 408 ")])
def test_a_head_that_takes_too_long_ends_the_connection(monkeypatch, begun, told) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    assert asyncio.run(_ask([begun]))[:13] == told


def test_the_second_request_of_a_connection_has_its_own_time(monkeypatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    begun = time.monotonic()
    found = asyncio.run(_ask([whole, b"", whole, b"GET / HT"], pause=0.2))
    assert found.count(b"HTTP/1.1 200") == 2 and b"HTTP/1.1 408 " in found
    assert time.monotonic() - begun > 0.8  # three pauses and its own time; silence between requests ends nothing


async def _ask(pieces: list[bytes], pause: float = 0.0) -> bytes:
    """All that a server in this loop answers to the pieces, sent with pauses between them."""
    import uvicorn

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=protocol.Protocol, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        for index, piece in enumerate(pieces):
            await asyncio.sleep(pause if index else 0)
            writer.write(piece)
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
        server.should_exit = True
        await serving
