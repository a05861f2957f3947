"""Requests that name no temperature use the model's own, if it chats; what they name counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from firstwords.model.chat_defaults import FILE
from firstwords.serve.app import create_app
from firstwords.serve.settings import Settings

WHO = [{"role": "user", "content": "Who are you?"}]
OWN = {"temperature": 0.2, "top_p": 0.6}
OF_API = {"temperature": 1.0, "top_p": 1.0}


@pytest.fixture
def client(server_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """models/pip, whose two stages have sampling defaults, and models/old without."""
    home = tmp_path / "home"
    shutil.copytree(server_home / "models" / "pip", home / "models" / "pip")
    shutil.copytree(server_home / "models" / "pip", home / "models" / "old")
    for stage in ("base", "sft"):
        file = home / "models" / "pip" / stage / FILE
        file.write_text(json.dumps(json.loads(file.read_text()) | {"do_sample": True, **OWN}), encoding="utf-8")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(home))
    with TestClient(create_app(Settings(model="pip")), base_url="http://127.0.0.1:8000") as client:
        yield client


def chat(client: TestClient, model: str = "pip/sft", **more: object) -> str:
    body = {"model": model, "messages": WHO, "seed": 5, "max_tokens": 40} | more
    return client.post("/v1/chat/completions", json=body).raise_for_status().json()["choices"][0]["message"]["content"]


def respond(client: TestClient, model: str = "pip/sft", **more: object) -> dict:
    body = {"model": model, "input": WHO, "seed": 5, "max_output_tokens": 40} | more
    return client.post("/v1/responses", json=body).raise_for_status().json()


def test_a_chat_without_a_temperature_uses_the_models(client: TestClient) -> None:
    assert chat(client) == chat(client, **OWN) != chat(client, **OF_API)
    assert chat(client, temperature=1.0) == chat(client, temperature=1.0, top_p=OWN["top_p"]) != chat(client)
    assert chat(client, top_p=1.0) == chat(client, temperature=OWN["temperature"], top_p=1.0)
    assert chat(client, temperature=None, top_p=None) == chat(client)
    assert chat(client, top_p=0) == chat(client, temperature=0)


def test_a_model_without_them_is_sampled_as_openai_does(client: TestClient) -> None:
    assert chat(client, "old/sft") == chat(client, "old/sft", **OF_API) == chat(client, **OF_API)


def test_responses_say_what_was_used(client: TestClient) -> None:
    answer = respond(client)
    assert (answer["temperature"], answer["top_p"]) == (0.2, 0.6)
    assert answer["output"][0]["content"][0]["text"] == chat(client)
    old = respond(client, "old/sft")
    assert (old["temperature"], old["top_p"]) == (1.0, 1.0)
    named = respond(client, temperature=0.9)
    assert (named["temperature"], named["top_p"]) == (0.9, 0.6)


@pytest.mark.parametrize("stage", ["base", "sft"])
def test_completions_stay_the_models_own_distribution(client: TestClient, stage: str) -> None:
    def complete(**more: object) -> str:
        body = {"model": f"pip/{stage}", "prompt": "The cat is", "seed": 5, "max_tokens": 40} | more
        return client.post("/v1/completions", json=body).raise_for_status().json()["choices"][0]["text"]

    assert complete() == complete(**OF_API) != complete(**OWN)


def test_the_page_asks_with_the_models_and_shows_them(client: TestClient) -> None:
    def params(model: str, **given: object) -> dict:
        chat = client.post("/api/chats", json={"model": model}).raise_for_status().json()
        body = {"content": "Who are you?", "params": {"max_tokens": 4, **given}}
        said = client.post(f"/api/chats/{chat['id']}/messages", json=body).raise_for_status().json()
        return {name: said["assistant"]["params"][name] for name in OWN}

    assert params("pip/sft") == OWN and params("old/sft") == {"temperature": 0.5, "top_p": 0.95}
    assert params("pip/sft", temperature=1.0) == OWN | {"temperature": 1.0}
    models = client.get("/api/models").json()["models"]
    shown = {stage["ref"]: stage["sampling"] for model in models for stage in model["stages"]}
    assert shown["pip/sft"] == OWN and shown["old/sft"] == {"temperature": 0.5, "top_p": 0.95}
