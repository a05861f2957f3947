"""/v1/responses, as the official client uses it: another form of what chat answers."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from starlette.testclient import TestClient

from firstwords.serve.app import create_app
from firstwords.serve.errors import ApiError
from firstwords.serve.openai.choices import Choices
from firstwords.serve.openai.memory import MAX_CHARS, MAX_RESPONSES, Answered, Memory
from firstwords.serve.settings import Settings

QUESTION = "What is your first name?"
CHAT = [{"role": "user", "content": QUESTION}]
ORDER = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    legs: Literal["two", "four"]


@pytest.fixture(scope="module")
def client(server) -> OpenAI:
    return OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


@pytest.fixture
def ask(client):
    usual = {"model": "pip", "input": QUESTION, "extra_body": {"seed": 5}}
    return lambda **more: client.responses.create(**usual | more)


@pytest.fixture
def said(client):
    """The answer of chat to the same question."""

    def said(messages=CHAT, **more) -> str:
        options = {"model": "pip", "messages": messages, "seed": 5} | more
        return client.chat.completions.create(**options).choices[0].message.content

    return said


def test_an_answer_is_what_chat_answers(ask, said) -> None:
    answer = ask(max_output_tokens=30)
    assert answer.object == "response" and answer.id.startswith("resp_") and answer.model == "pip/sft"
    assert answer.output_text == said(max_tokens=30) and answer.error is None
    (message,) = answer.output
    assert (message.type, message.role, message.id[:4]) == ("message", "assistant", "msg_")
    usage = answer.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens and 0 < usage.output_tokens <= 30
    assert answer.text.format.type == "text" and answer.tools == [] and answer.store is True
    assert ask(max_output_tokens=30).usage.input_tokens_details.cached_tokens > 0
    warm = ask(max_output_tokens=30, temperature=0.3, top_p=0.8)
    assert warm.output_text == said(max_tokens=30, temperature=0.3, top_p=0.8)
    assert (warm.temperature, warm.top_p, warm.max_output_tokens) == (0.3, 0.8, 30)


def test_status_says_why_it_ended(ask) -> None:
    cut = ask(max_output_tokens=3, extra_body={"ignore_eos": True})
    assert cut.status == "incomplete" and cut.incomplete_details.reason == "max_output_tokens"
    assert cut.output[0].status == "incomplete" and cut.usage.output_tokens == 3
    ended = ask(temperature=0, text={"format": {"type": "regex", "regex": "(yes|no)"}})
    assert ended.status == ended.output[0].status == "completed" and ended.output_text in ("yes", "no")
    assert ended.incomplete_details is None


SYSTEM = {"role": "system", "content": "Be brief."}
PARTS = [{"type": "input_text", "text": "What is "}, {"type": "input_text", "text": "your first name?"}]
OUTPUT = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Pip", "annotations": []}, {"type": "refusal", "refusal": "."}],
}
INPUTS = [
    ({"input": QUESTION}, CHAT),
    ({"input": CHAT}, CHAT),
    ({"input": [{"type": "message", "role": "user", "content": PARTS}]}, CHAT),
    ({"input": QUESTION, "instructions": "Be brief."}, [SYSTEM, *CHAT]),
    ({"input": [{"role": "developer", "content": "Be brief."}, *CHAT]}, [SYSTEM, *CHAT]),
    (
        {"input": [*CHAT, {"type": "reasoning", "id": "rs_1", "summary": []}, OUTPUT, *CHAT]},
        [*CHAT, {"role": "assistant", "content": "Pip."}, *CHAT],
    ),
]


@pytest.mark.parametrize(("given", "messages"), INPUTS)
def test_every_form_of_input_is_a_chat(ask, said, given, messages) -> None:
    assert ask(**given, max_output_tokens=16).output_text == said(messages, max_tokens=16)


def test_an_answer_can_be_sent_back(ask, said) -> None:
    """As the client's documentation continues a conversation without storing it."""
    first = ask(max_output_tokens=16)
    conversation = [*CHAT, *first.output, {"role": "user", "content": "Why?"}]
    messages = [*CHAT, {"role": "assistant", "content": first.output_text}, {"role": "user", "content": "Why?"}]
    assert ask(input=conversation, max_output_tokens=16).output_text == said(messages, max_tokens=16)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["previous", "reference", "id alone"])
def test_an_answer_can_be_referred_to(ask, said, kind, stream) -> None:
    first = ask(max_output_tokens=16, instructions="Be brief.", stream=stream)
    if stream:
        first = list(first)[-1].response
    assert first.store is True
    reference = {"id": first.output[0].id} | ({"type": "item_reference"} if kind == "reference" else {})
    why = {"role": "user", "content": "Why?"}
    options = (
        {"input": "Why?", "previous_response_id": first.id}
        if kind == "previous"
        else {"input": [*CHAT, reference, why]}
    )
    second = ask(**options, max_output_tokens=16)
    # the instructions of a response do not go on, as with OpenAI
    messages = [*CHAT, {"role": "assistant", "content": first.output_text}, why]
    assert second.output_text == said(messages, max_tokens=16)
    assert second.previous_response_id == options.get("previous_response_id")
    third = ask(input="And?", previous_response_id=second.id, max_output_tokens=16, instructions="Be kind.")
    messages = [
        {"role": "system", "content": "Be kind."},
        *messages,
        {"role": "assistant", "content": second.output_text},
        {"role": "user", "content": "And?"},
    ]
    assert third.output_text == said(messages, max_tokens=16)


def test_stored_responses_are_read_and_deleted(ask, client) -> None:
    first = ask(max_output_tokens=8)
    assert client.responses.retrieve(first.id) == first
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match="not stored"):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as unknown:
        ask(previous_response_id=first.id)
    assert unknown.value.code == "previous_response_not_found"


def test_what_must_not_be_stored_is_not(ask) -> None:
    first = ask(max_output_tokens=8, store=False)
    assert first.store is False
    for more in ({"previous_response_id": first.id}, {"input": [{"type": "item_reference", "id": first.output[0].id}]}):
        with pytest.raises(openai.BadRequestError, match="unknown"):
            ask(**more)


def test_memory_is_bounded_and_each_users_own() -> None:
    memory = Memory()

    def keep(user: str, number: int, text: str = "Hi") -> None:
        messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": text}]
        memory.keep(user, Answered({"id": f"resp_{number}"}, (f"msg_{number}",), messages))

    for number in range(MAX_RESPONSES + 1):
        keep("anna", number)
    assert memory.conversation("anna", "resp_0") is None and memory.message("anna", "msg_0") is None
    assert memory.message("anna", "msg_1") == {"role": "assistant", "content": "Hi"}
    for find in (memory.response, memory.conversation, memory.message):
        assert find("ben", "resp_1") is None and find("ben", "msg_1") is None
    assert not memory.delete("ben", "resp_1") and memory.delete("anna", "resp_1")
    assert not memory.delete("anna", "resp_1")
    keep("ben", 1, "x" * (MAX_CHARS // 2))
    keep("ben", 2, "x" * (MAX_CHARS // 2))
    assert memory.conversation("ben", "resp_1") is None and memory.conversation("anna", "resp_9") is None
    assert memory.conversation("ben", "resp_2") is not None


@pytest.mark.parametrize("tokens", [40, 3])
def test_events_come_in_order_and_agree_with_the_whole(ask, tokens) -> None:
    extra = {"seed": 5, "ignore_eos": tokens == 3}
    whole = ask(max_output_tokens=tokens, extra_body=extra)
    events = list(ask(max_output_tokens=tokens, extra_body=extra, stream=True))
    kinds = [event.type for event in events]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert list(dict.fromkeys(kinds)) == [*ORDER, f"response.{whole.status}"]
    assert all(kinds.count(kind) == 1 for kind in kinds if kind != "response.output_text.delta")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    by_kind = {event.type: event for event in events}
    last = events[-1].response
    assert "".join(deltas) == by_kind["response.output_text.done"].text == last.output_text == whole.output_text
    assert by_kind["response.content_part.done"].part.text == whole.output_text
    assert by_kind["response.output_item.done"].item == last.output[0]
    assert last.usage.output_tokens == whole.usage.output_tokens
    for kind in ("response.created", "response.in_progress"):
        begun = by_kind[kind].response
        assert begun.status == "in_progress" and begun.output == [] and begun.usage is None and begun.id == last.id
    ids = {event.item_id for event in events if hasattr(event, "item_id")}
    assert ids == {last.output[0].id} == {by_kind["response.output_item.added"].item.id}


def test_the_wire_names_each_event_and_ends_without_done(server) -> None:
    body = {"model": "pip", "input": QUESTION, "stream": True, "max_output_tokens": 4}
    request = urllib.request.Request(
        f"{server.base_url}/v1/responses", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = response.read().decode().strip().split("\n\n")
    for block in blocks:
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert "[DONE]" not in blocks[-1]


def test_the_stream_helper_and_the_async_client(client, server) -> None:
    # the helper knows only answers that ended by themselves
    options = {"model": "pip", "input": QUESTION, "temperature": 0, "extra_body": {"stop": ["e"]}}
    with client.responses.stream(**options) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        whole = stream.get_final_response()
    assert text == whole.output_text and text

    async def answers() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as other:
            found = await asyncio.gather(*(other.responses.create(**options) for _ in range(4)))
        return [answer.output_text for answer in found]

    assert asyncio.run(answers()) == [text] * 4


def test_parse_gives_an_object(client) -> None:
    options = {"model": "pip", "input": QUESTION, "text_format": Pet}
    pet = client.responses.parse(**options).output_parsed
    assert isinstance(pet, Pet)
    with client.responses.stream(**options) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Pet)


def test_json_object(ask) -> None:
    answer = ask(text={"format": {"type": "json_object"}, "verbosity": "low"}, temperature=0)
    assert answer.output_text.startswith("{")
    if answer.status == "completed":
        assert isinstance(json.loads(answer.output_text), dict)


def test_logprobs_are_chats(ask, client) -> None:
    include = ["message.output_text.logprobs", "reasoning.encrypted_content"]
    options = {"temperature": 0, "max_output_tokens": 8, "include": include, "top_logprobs": 3}
    (part,) = ask(**options).output[0].content
    assert "".join(one.token for one in part.logprobs) == part.text
    chat = client.chat.completions.create(
        model="pip", messages=CHAT, temperature=0, max_tokens=8, logprobs=True, top_logprobs=3
    )
    theirs = chat.choices[0].logprobs.content
    assert [one.logprob for one in part.logprobs] == pytest.approx([one.logprob for one in theirs], abs=1e-5)
    assert all(len(one.top_logprobs) == 3 for one in part.logprobs)
    events = list(ask(**options, stream=True))
    streamed = [one.token for e in events if e.type == "response.output_text.delta" for one in e.logprobs]
    assert streamed == [one.token for one in part.logprobs]
    assert ask(max_output_tokens=8).output[0].content[0].logprobs == []


def test_what_changes_nothing_is_accepted(ask) -> None:
    answer = ask(
        max_output_tokens=6,
        store=True,
        metadata={"a": "b"},
        reasoning={"effort": "low"},
        truncation="auto",
        tools=[],
        tool_choice="auto",
        parallel_tool_calls=False,
        service_tier="auto",
        user="anna",
        background=False,
        prompt_cache_key="x",
        safety_identifier="y",
        max_tool_calls=3,
    )
    assert answer.output_text == ask(max_output_tokens=6).output_text and answer.metadata == {"a": "b"}


TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": True}
REFUSED = [
    ({"previous_response_id": "resp_1"}, "previous_response_id", "resp_1 in previous_response_id is unknown"),
    ({"previous_response_id": "resp_1"}, "previous_response_id", "send the whole conversation"),
    ({"conversation": "conv_1"}, "conversation", "whole conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt", "instructions"),
    ({"background": True}, "background", "stream: true"),
    ({"tools": [{"type": "web_search"}]}, "tools", "tools[0] must be"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "tools[0] has no name"),
    ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice", "tool_choice must be"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "f"}}, "tool_choice", "not one of the tools"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input", "the item msg_1 in input is unknown"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input", "store: false"),
    ({"input": [{"id": "msg_1"}]}, "input", "the item msg_1 in input is unknown"),
    ({"input": [{"type": "computer_call"}]}, "input", "computer_call"),
    ({"input": []}, "input", "empty"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input", "input_text"),
    ({"input": [{"content": "x"}]}, "input", "role"),
    ({"input": "cat " * 2000}, "input", "512"),
    ({"max_output_tokens": 0}, "max_output_tokens", "max_output_tokens is 0"),
    ({"extra_body": {"max_tokens": 5}}, "max_tokens", "max_output_tokens"),
    ({"extra_body": {"messages": CHAT}}, "messages", "input"),
    ({"extra_body": {"response_format": {"type": "json_object"}}}, "response_format", "text.format"),
    ({"extra_body": {"n": 2}}, "n", "only be 1"),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format", "schema"),
    ({"text": {"format": {"type": "regex", "regex": "("}}}, "text.format", ""),
    ({"text": {"format": {"type": "xml"}}}, "text.format", "json_schema"),
    ({"temperature": -1}, "temperature", ""),
    ({"top_logprobs": 21}, "top_logprobs", "20"),
    ({"model": "pip/base"}, "model", "continues text"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("more", "param", "words"), REFUSED)
def test_what_is_refused_is_an_http_error_that_names_the_field(ask, more, param, words, stream) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(**more, stream=stream)
    assert refused.value.param == param and words in refused.value.body["message"]


def test_a_missing_model_and_a_stored_response_are_not_found(ask, client) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        ask(model="nobody")
    assert missing.value.code == "model_not_found"
    for call in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError, match="not stored"):
            call("resp_1")


def test_a_client_that_goes_frees_the_slot(client, server) -> None:
    stream = client.responses.create(model="pip", input=QUESTION, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    server.wait_until_idle()


def test_an_answer_that_breaks_off_says_so(pip_home, one_thread, monkeypatch) -> None:
    parts = Choices.parts

    async def broken(self):
        async for part in parts(self):
            yield part
            raise ApiError(503, "the server is shutting down")

    monkeypatch.setattr(Choices, "parts", broken)
    with TestClient(create_app(Settings()), base_url="http://127.0.0.1:8000") as client:
        body = {"model": "pip", "input": QUESTION, "ignore_eos": True}
        lines = client.post("/v1/responses", json=body | {"stream": True}).text.splitlines()
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert client.post("/v1/responses", json=body).status_code == 503
    error, failed = events[-2:]
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    response = failed["response"]
    assert response["status"] == "failed" and response["error"]["code"] == "server_error"
    assert response["error"]["message"] == error["message"] == "the server is shutting down"
    assert response["output"][0]["status"] == "incomplete"
