"""What the endpoints for chats take as a message: the forms that training reads, within OpenAI's rules."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from firstwords.serve.app import create_app
from firstwords.serve.settings import Settings

CALLS = [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]


@pytest.fixture
def client(pip_home, one_thread):
    with TestClient(create_app(Settings()), base_url="http://127.0.0.1") as client:
        yield client


def post(client: TestClient, messages: list, path: str = "/v1/chat/completions"):
    options = {} if path == "/tokenize" else {"max_tokens": 2}
    body = json.dumps({"model": "pip", "messages": messages} | options)  # json keeps half surrogates
    return client.post(path, content=body, headers={"content-type": "application/json"})


def text_of_prompt(client: TestClient, messages: list) -> str:
    tokens = post(client, messages, "/tokenize").json()["tokens"]
    return client.post("/detokenize", json={"model": "pip", "tokens": tokens}).json()["prompt"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"role": "user", "content": "Hi"}, "user\nHi"),
        ({"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "input_text", "text": "i"}]}, "user\nHi"),
        ({"role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]}, "assistant\nHo"),
        ({"role": "developer", "content": "Be kind"}, "system\nBe kind"),
        ({"role": "assistant", "content": None, "tool_calls": CALLS}, 'assistant\n{"name": "look", "arguments": {}}'),
        ({"role": "assistant", "content": "", "refusal": None}, "assistant\n"),
        ({"role": "user", "content": "one\r\ntwo\rthree"}, "user\none\ntwo\nthree"),
        ({"role": "user", "content": "gate \ud83d"}, "user\ngate ?"),
    ],
)
def test_what_a_message_says(client, message: dict, said: str) -> None:
    assert text_of_prompt(client, [message]).startswith(f"<|im_start|>{said}<|im_end|>\n<|im_start|>assistant\n")
    assert post(client, [message, {"role": "user", "content": "Hi"}]).status_code == 200


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"role": "user"}, "messages[1] has no content"),
        ({"role": "user", "content": None}, "messages[1] has no content"),
        ({"role": "user", "text": "Hi"}, "messages[1] has no content"),
        ({"role": "assistant", "content": None}, "messages[1] has no content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, "messages[1] has no content"),
        ({"role": "user", "content": None, "tool_calls": CALLS}, "messages[1] has no content"),
        ({"role": "user", "content": []}, "messages[1] has no content"),
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, "with a name"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "messages[1].content must be text"),
        ({"role": "user", "content": 7}, "messages[1].content must be text"),
        ({"role": "user", "content": {"text": "Hi"}}, "messages[1].content must be text"),
        ({"role": "narrator", "content": "Hi"}, "use system, user, assistant or tool"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/tokenize"])
def test_what_is_no_message(client, message: dict, reason: str, path: str) -> None:
    answer = post(client, [{"role": "user", "content": "Hi"}, message], path)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "messages"
    assert reason in answer.json()["error"]["message"]


def test_half_a_character_in_a_prompt(client) -> None:
    body = json.dumps({"model": "pip/base", "prompt": "The \ud83d\r\n", "max_tokens": 1, "echo": True})
    answer = client.post("/v1/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200 and answer.json()["choices"][0]["text"].startswith("The ?\n")
