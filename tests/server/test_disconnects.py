"""Clients that go away free their slots; a server that goes away ends its streams."""

from __future__ import annotations

import json
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest

CHAT = {"model": "pip", "messages": [{"role": "user", "content": "What is it?"}], "ignore_eos": True}


def send(server, path: str, body: dict) -> socket.socket:
    """A request on a socket of its own, whose answer nobody has read yet."""
    address = urlsplit(server.base_url)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return connection


def wait_until_running(server) -> None:
    until = time.monotonic() + 60
    while not server.figure("firstwords_requests_running"):
        assert time.monotonic() < until, "nothing started"


@pytest.fixture(scope="module")
def slow_server(start_server, server_home):
    """Answers of this one take long: a great many tokens, one after the other, in one slot's worth of context."""
    return start_server(server_home)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT | {"n": 100}),
        ("/v1/completions", {"prompt": ["The"] * 100, "max_tokens": 500, "ignore_eos": True}),
    ],
)
def test_a_closed_connection_frees_its_slots(slow_server, stream, path, body) -> None:
    slow_server.wait_until_idle()
    before = slow_server.figure("firstwords_tokens_generated_total")
    connection = send(slow_server, path, body | {"stream": stream})
    wait_until_running(slow_server)
    if stream:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    connection.close()
    slow_server.wait_until_idle()
    generated = slow_server.figure("firstwords_tokens_generated_total") - before
    assert generated < 0.8 * 100 * 480  # all of them would be 100 answers of nearly 500 tokens
    after = slow_server.figure("firstwords_tokens_generated_total")
    time.sleep(0.2)
    assert slow_server.figure("firstwords_tokens_generated_total") == after


def test_a_client_that_goes_while_waiting_in_line(slow_server) -> None:
    slow_server.wait_until_idle()
    first = [send(slow_server, "/v1/chat/completions", CHAT | {"n": 32}) for _ in range(2)]
    wait_until_running(slow_server)
    for connection in [send(slow_server, "/v1/chat/completions", CHAT) for _ in range(5)] + first:
        connection.close()
    slow_server.wait_until_idle()


def test_ctrl_c_ends_streams_cleanly(start_server, server_home) -> None:
    server = start_server(server_home)
    chunks: list[str] = []
    whole: list[httpx.Response] = []

    def read() -> None:
        with httpx.stream(
            "POST", f"{server.base_url}/v1/chat/completions", timeout=30, json=CHAT | {"n": 128, "stream": True}
        ) as response:
            chunks.extend(line for line in response.iter_lines() if line)

    def wait() -> None:
        whole.append(httpx.post(f"{server.base_url}/v1/chat/completions", json=CHAT | {"n": 128}, timeout=30))

    threads = [threading.Thread(target=read), threading.Thread(target=wait)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while not chunks or server.figure("firstwords_requests_running") < 32:
        assert time.monotonic() < until
        time.sleep(0.01)
    started = time.monotonic()
    assert server.interrupt() == 0
    assert time.monotonic() - started < 10
    for thread in threads:
        thread.join(timeout=10)
    assert chunks[-1] == "data: [DONE]"
    assert json.loads(chunks[-2].removeprefix("data: "))["error"]["message"] == "the server is shutting down"
    assert whole[0].status_code == 503 and whole[0].json()["error"]["type"] == "overloaded_error"
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
