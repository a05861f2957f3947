"""What the tests of the page's API share: users in one process, a server that listens, and its streams."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.testclient import TestClient

from firstwords.serve.app import create_app
from firstwords.serve.settings import Settings

KEYS = {"anna-has-a-key": "anna", "ben-has-a-key": "ben"}
HOST = "http://127.0.0.1:8000"


class User:
    """Somebody with a key, at a server in this process."""

    def __init__(self, client: TestClient, name: str) -> None:
        self.client, self.name = client, name
        key = next(key for key, user in KEYS.items() if user == name)
        self.headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of an answer, whose status must be this one."""
        answer = self.client.request(method, path, headers=self.headers, **({} if body is None else {"json": body}))
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        return self.ask("GET", path, status=status)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.ask("POST", path, {} if body is None else body, status)

    def chat(self, **options: Any) -> str:
        return self.post("/api/chats", options)["id"]

    def say(self, chat_id: str, content: str, parent_id: str | None = None, **options: Any) -> dict[str, Any]:
        """What somebody said and the whole answer to it, as {"user": ..., "assistant": ...}."""
        options = {"params": {"max_tokens": 12, "seed": 1, "temperature": 1.0}} | options
        said = self.post(f"/api/chats/{chat_id}/messages", {"content": content, "parent_id": parent_id, **options})
        return said | {"assistant": self.end(said["assistant"]["id"])}

    def end(self, message_id: str) -> dict[str, Any]:
        """A message when it is over."""
        return self.events(message_id)[-1][1]["message"]

    def events(self, message_id: str, start: int = 0) -> list[tuple[str, Any]]:
        answer = self.client.get(f"/api/messages/{message_id}/stream?from={start}", headers=self.headers)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        return parse(answer.text)


def parse(text: str) -> list[tuple[str, Any]]:
    """Server-sent events as (event, data)."""
    events = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


@contextmanager
def running(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=HOST, raise_server_exceptions=False) as client:
        yield client


class Listening:
    """A server that listens in a thread; requests are made with plain http.client."""

    def __init__(self) -> None:
        self.app = create_app(Settings())
        config = uvicorn.Config(self.app, port=0, log_level="warning", timeout_graceful_shutdown=2)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        return json.loads(text)

    def begin(self, content: str = "What is it?", **params: Any) -> dict[str, Any]:
        """A new chat in which an answer has begun."""
        chat = self.ask("POST", "/api/chats", {})
        params = {"temperature": 1.0, "seed": 3, "max_tokens": 80} | params
        body = {"content": content, "params": params, "model": "pip/sft"}
        return self.ask("POST", f"/api/chats/{chat['id']}/messages", body) | {"chat": chat["id"]}

    def watch(self, message_id: str, start: int = 0) -> Iterator[tuple[str, Any]]:
        """The events of a stream as they come; closing the iterator closes the connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/api/messages/{message_id}/stream?from={start}")
        answer = connection.getresponse()
        assert answer.status == 200
        try:
            block = b""
            while line := answer.readline():
                block += line
                if line == b"\n":
                    yield from parse(block.decode())
                    block = b""
        finally:
            connection.close()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


def until(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something holds, and return what it gave."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return found
