"""Tools as the official client sends them: enforced calls, whole and streamed, results as messages, refusals."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest
from pydantic import BaseModel

QUESTION: list[Any] = [{"role": "user", "content": "What is your first name?"}]
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "Weather of a city.", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "clock"}},
]


class Clock(BaseModel):
    """The time of a zone."""

    zone: str


@pytest.fixture(scope="module")
def client(server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


def ask(client, **more):
    how: dict[str, Any] = {"model": "pip", "messages": QUESTION, "tools": TOOLS, "max_tokens": 80, "seed": 3}
    return client.chat.completions.create(**how | more)


def check(calls: list) -> None:
    for call in calls:
        assert call.type == "function" and call.id.startswith("call_") and call.function.name in ("weather", "clock")
        if call.function.name == "weather":
            jsonschema.validate(json.loads(call.function.arguments), WEATHER)
        else:
            assert json.loads(call.function.arguments) == {}


def test_required_calls_are_valid_whole_and_streamed(client) -> None:
    for seed in range(5):
        choice = ask(client, tool_choice="required", seed=seed).choices[0]
        calls = choice.message.tool_calls or []
        assert choice.finish_reason == "tool_calls" and 1 <= len(calls) <= 4 and choice.message.content is None
        check(calls)
        parts = [part.choices[0] for part in ask(client, tool_choice="required", seed=seed, stream=True)]
        streamed: dict[int, dict[str, str]] = {}
        for part in parts:
            assert not part.delta.content
            for delta in part.delta.tool_calls or []:
                call = streamed.setdefault(delta.index, {"id": delta.id or "", "name": "", "arguments": ""})
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
        assert [(c["name"], c["arguments"]) for c in streamed.values()] == [
            (call.function.name, call.function.arguments) for call in calls
        ]
        assert all(call["id"] for call in streamed.values())
        assert [part.finish_reason for part in parts if part.finish_reason] == ["tool_calls"]
        assert len([part for part in parts if part.delta.tool_calls]) > 2 * len(calls) - 1


def test_a_named_function_and_a_single_call(client) -> None:
    named = ask(client, tool_choice={"type": "function", "function": {"name": "weather"}}, n=3)
    for choice in named.choices:
        assert [call.function.name for call in choice.message.tool_calls] == ["weather"]
        check(choice.message.tool_calls)
    single = ask(client, tool_choice="required", parallel_tool_calls=False)
    assert len(single.choices[0].message.tool_calls) == 1


def test_the_client_s_own_helpers(client) -> None:
    tool = openai.pydantic_function_tool(Clock, name="clock")
    parsed = client.chat.completions.parse(
        model="pip", messages=QUESTION, tools=[tool], tool_choice="required", max_tokens=60
    )
    assert isinstance(parsed.choices[0].message.tool_calls[0].function.parsed_arguments, Clock)
    with client.chat.completions.stream(
        model="pip", messages=QUESTION, tools=[tool], tool_choice="required", max_tokens=60, parallel_tool_calls=False
    ) as stream:
        names = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in names
    assert isinstance(final.choices[0].message.tool_calls[0].function.parsed_arguments, Clock)


def test_results_come_back_as_messages(client) -> None:
    first = ask(client, tool_choice="required", parallel_tool_calls=False).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "Cold."} for call in first.tool_calls]
    answer = ask(client, messages=[*QUESTION, first, *results], tool_choice="none")
    assert answer.choices[0].message.tool_calls is None and answer.choices[0].finish_reason in ("stop", "length")
    auto = ask(client, messages=[*QUESTION, first, *results])
    assert auto.usage.prompt_tokens > answer.usage.prompt_tokens  # the tools are listed


def test_without_calls_an_answer_is_text(client) -> None:
    for seed in range(3):
        whole = ask(client, tool_choice="auto", seed=seed, max_tokens=20).choices[0]
        assert whole.message.content and not whole.message.tool_calls
        parts = ask(client, seed=seed, max_tokens=20, stream=True)
        assert "".join(part.choices[0].delta.content or "" for part in parts) == whole.message.content


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [{"type": "function", "function": {"description": "x"}}]}, r"tools\[0\] has no name"),
        ({"tools": [{"type": "function"}]}, r"tools\[0\] has no name"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "has the name 'a b'"),
        ({"tools": [{"type": "retrieval"}]}, r"tools\[0\] must be"),
        ({"tools": TOOLS[:1] * 2}, "two tools with the name weather"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]}, "type object"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": [1]}}]}, "type object"),
        ({"tool_choice": {"type": "function", "function": {"name": "nothing"}}}, "tool_choice names nothing"),
        ({"tool_choice": {"type": "function"}}, "tool_choice must be"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice needs tools"),
        ({"tool_choice": "required", "response_format": {"type": "json_object"}}, "cannot be used together with rules"),
        ({"tool_choice": "required", "extra_body": {"rules": {"words": 3}}}, "cannot be used together with rules"),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": 3}}}},
                    }
                ],
                "tool_choice": "required",
            },
            "the parameters of the tool f are not a supported schema",
        ),
        ({"tool_choice": "required", "max_tokens": 3}, "this call needs at least"),
        ({"extra_body": {"documents": True}}, "tools can't be combined with documents"),
        ({"extra_body": {"functions": [{"name": "f"}]}}, "functions is not supported: use tools"),
    ],
)
def test_impossible_tools_are_one_sentence(client, fields, message) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as refused:
        ask(client, **fields)
    assert "\n" not in refused.value.message
