"""Requests to the server of a home, in a child: hooks that replace `firstwords serve`."""

from __future__ import annotations

import sys
from typing import Any

from fault_scenarios import CHATS, FINETUNE, PRETRAIN, Scenario, chats, weights

READING = (
    "/health",
    "/v1/models",
    "/v1/models/pip/sft",
    "/api/state",
    "/api/models",
    "/api/chats",
    "/api/chats?q=say",
    "/api/runs",
    "/api/runs/pip",
    "/api/runs/pip/stream",
    "/api/teach/pip",
    "/api/export",
    "/tokenizer_info",
)
WRITING = (
    ("/v1/chat/completions", {"model": "pip/sft", "messages": [{"role": "user", "content": "Say."}], "max_tokens": 3}),
    ("/v1/completions", {"model": "pip/base", "prompt": "the", "max_tokens": 3}),
    ("/v1/chat/completions", {"model": "pip", "messages": [{"role": "user", "content": "Say."}], "max_tokens": 3}),
    ("/api/next", {"model": "pip/base", "text": "the cat"}),
    ("/api/chats", {"model": "pip/sft", "title": "one more"}),
    ("/api/teach/pip/next", {}),
    ("/api/stages", {"name": "pip", "text": "the"}),
    ("/tokenize", {"model": "pip/base", "prompt": "the cat"}),
)


def client() -> Any:
    """A client of the server in this process, used as a context."""
    from starlette.testclient import TestClient

    from firstwords.serve.app import create_app
    from firstwords.serve.settings import Settings

    return TestClient(create_app(Settings()), base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def write_chats() -> None:
    """Two chats with a question each; exit code 2 and the error if the server refuses to save one."""
    with client() as server:
        for number in range(2):
            chat = _accepted(server.post("/api/chats", json={"model": "pip/sft"}))
            body = {"content": f"Say {number}.", "params": {"max_tokens": 6, "seed": 1, "temperature": 1.0}}
            said = _accepted(server.post(f"/api/chats/{chat['id']}/messages", json=body))
            print("asked", number, flush=True)
            answer = server.get(f"/api/messages/{said['assistant']['id']}/stream")
            assert answer.status_code == 200, answer.text
    raise SystemExit(0)


def _accepted(answer: Any) -> Any:
    if answer.status_code in (400, 503):
        print("firstwords:", answer.json()["error"]["message"], file=sys.stderr, flush=True)
        raise SystemExit(2)
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    return answer.json()


def ask_everything() -> None:
    """Every kind of request that reads the home, then some that write; prints `STATUS METHOD PATH MESSAGE` lines."""
    with client() as server:
        answers = [("GET", path, server.get(path)) for path in READING]
        chats = server.get("/api/chats")
        if chats.status_code == 200:
            answers += [("GET", p, server.get(p)) for c in chats.json()["chats"] for p in (f"/api/chats/{c['id']}",)]
        answers += [("POST", path, server.post(path, json=body)) for path, body in WRITING]
    for method, path, answer in answers:
        message = "" if answer.status_code < 400 else answer.text
        print(answer.status_code, method, path, message)
    sys.stdout.flush()
    raise SystemExit(0)


def without_override(then: str = "") -> None:
    """Read as a user who is not root would, then go on with another hook."""
    import importlib

    from fault_damage import drop_override

    drop_override()
    if then:
        module, _, function = then.partition(":")
        getattr(importlib.import_module(module), function)()


CHATTING = Scenario("chats", CHATS, (PRETRAIN, FINETUNE), hook="fault_requests:write_chats", checks=(weights, chats))
