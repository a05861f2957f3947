"""Clients that go away free their slots; a server that goes away ends its streams."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from firstwords.serve.settings import Settings

CONTEXT = 4096
LENGTH = CONTEXT - 100  # tokens of an answer that fills the context, at least
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
def slow_home(server_home, tiny_policy, tmp_path_factory) -> Path:
    """models/pip/sft with a context of 4,096: a full answer is eight times as long as those of other tests."""
    from firstwords.model.hub import save_model
    from firstwords.tokenizer.fast import Tokenizer

    home = tmp_path_factory.mktemp("slow") / "home"
    tokenizer = Tokenizer.load(server_home / "models" / "pip" / "sft")
    model = tiny_policy(tokenizer.vocab_size, 1, context=CONTEXT)
    save_model(model, home / "models" / "pip" / "sft", tokenizer, {"stage": "sft", "metrics": {}})
    return home


@pytest.fixture(scope="module")
def slow_server(start_server, slow_home):
    """Answers of this one take long: a great many tokens, one after the other, in one slot's worth of context."""
    return start_server(slow_home)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT | {"n": 100}),
        ("/v1/completions", {"prompt": ["The"] * 100, "max_tokens": LENGTH, "ignore_eos": True}),
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
    assert generated < 0.8 * 100 * LENGTH  # of all that was asked for
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


def test_ctrl_c_ends_streams_cleanly(start_server, slow_home) -> None:
    server = start_server(slow_home)
    chunks: list[str] = []
    whole: list[httpx.Response] = []
    client = httpx.Client(base_url=server.base_url, timeout=120)
    request = CHAT | {"n": 128}

    def read() -> None:
        with client.stream("POST", "/v1/chat/completions", json=request | {"stream": True}) as response:
            chunks.extend(line for line in response.iter_lines() if line)

    def wait() -> None:
        whole.append(client.post("/v1/chat/completions", json=request))

    threads = [threading.Thread(target=read), threading.Thread(target=wait)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while not chunks or accepted(server) <= Settings().num_slots:  # as many as one request has at once: both are in
        assert time.monotonic() < until, f"{len(chunks)} chunks, {accepted(server)} rows"
        time.sleep(0.01)
    assert not whole
    assert server.interrupt() == 0
    for thread in threads:
        thread.join(timeout=60)
    assert chunks[-1] == "data: [DONE]"
    assert json.loads(chunks[-2].removeprefix("data: "))["error"]["message"] == "the server is shutting down"
    assert whole[0].status_code == 503 and whole[0].json()["error"]["type"] == "overloaded_error"
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


def accepted(server) -> float:
    """Rows that the server computes or has in line."""
    return server.figure("firstwords_requests_running") + server.figure("firstwords_requests_waiting")
