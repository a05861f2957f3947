"""Function tools in /v1/responses, as the official client uses them: calls as items, and results."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest
from pydantic import BaseModel

QUESTION = "What is your first name?"
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [
    {"type": "function", "name": "weather", "description": "Weather of a city.", "parameters": WEATHER},
    {"type": "function", "name": "clock"},
]
OF_A_CALL = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]


class Clock(BaseModel):
    """The time of a zone."""

    zone: str


@pytest.fixture(scope="module")
def client(server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


def ask(client, **more):
    how: dict[str, Any] = {"model": "pip", "input": QUESTION, "tools": TOOLS, "max_output_tokens": 80}
    return client.responses.create(**how | {"extra_body": {"seed": 3}} | more)


def calls_of(answer) -> list[Any]:
    return [item for item in answer.output if item.type == "function_call"]


def test_required_calls_are_items_whole_and_streamed(client) -> None:
    for seed in range(3):
        how = {"tool_choice": "required", "extra_body": {"seed": seed}}
        answer = ask(client, **how)
        calls = calls_of(answer)
        assert calls == answer.output and 1 <= len(calls) <= 4 and answer.status == "completed"
        assert answer.output_text == "" and answer.tool_choice == "required" and len(answer.tools) == 2
        for call in calls:
            assert call.call_id.startswith("call_") and call.id.startswith("fc_") and call.status == "completed"
            jsonschema.validate(json.loads(call.arguments), WEATHER if call.name == "weather" else {"maxProperties": 0})
        events = list(ask(client, stream=True, **how))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = [event.type.removeprefix("response.") for event in events]
        squeezed = [kind for place, kind in enumerate(kinds) if not place or kind != kinds[place - 1]]
        assert squeezed == ["created", "in_progress", *OF_A_CALL * len(calls), "completed"]
        streamed = calls_of(events[-1].response)
        assert [(c.name, c.arguments) for c in streamed] == [(c.name, c.arguments) for c in calls]
        deltas: dict[str, str] = {}
        for event in events:
            if event.type == "response.function_call_arguments.delta":
                deltas[event.item_id] = deltas.get(event.item_id, "") + event.delta
        assert deltas == {call.id: call.arguments for call in streamed}


def test_a_named_function_and_a_single_call(client) -> None:
    answer = ask(client, tool_choice={"type": "function", "name": "weather"})
    assert [call.name for call in calls_of(answer)] == ["weather"]
    single = ask(client, tool_choice="required", parallel_tool_calls=False)
    assert len(single.output) == 1 and single.parallel_tool_calls is False


def test_the_client_s_own_helpers(client) -> None:
    tools: list[Any] = [openai.pydantic_function_tool(Clock, name="clock")]
    with client.responses.stream(
        model="pip", input=QUESTION, tools=tools, tool_choice="required", max_output_tokens=60
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert isinstance(calls_of(final)[0].parsed_arguments, Clock)


def test_results_come_back_as_items_or_after_an_earlier_response(client) -> None:
    first = ask(client, tool_choice="required")
    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "Cold."} for call in calls_of(first)
    ]
    question: Any = {"role": "user", "content": QUESTION}
    whole = ask(client, input=[question, *first.output, *results], extra_body={"seed": 4})
    by_id = ask(client, previous_response_id=first.id, input=results, extra_body={"seed": 4})
    references: list[Any] = [{"type": "item_reference", "id": call.id} for call in calls_of(first)]
    referred = ask(client, input=[question, *references, *results], extra_body={"seed": 4})
    assert whole.output_text == by_id.output_text == referred.output_text
    assert whole.usage.input_tokens == by_id.usage.input_tokens == referred.usage.input_tokens
    # the same as chat reads it
    call_messages = [
        {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in calls_of(first)
    ]
    messages: list[Any] = [question, {"role": "assistant", "content": None, "tool_calls": call_messages}]
    messages += [{"role": "tool", "tool_call_id": c.call_id, "content": "Cold."} for c in calls_of(first)]
    tools: list[Any] = [{"type": "function", "function": {k: v for k, v in t.items() if k != "type"}} for t in TOOLS]
    chat = client.chat.completions.create(model="pip", messages=messages, tools=tools, max_tokens=80, seed=4)
    assert chat.usage.prompt_tokens == whole.usage.input_tokens


def test_without_calls_an_answer_is_a_message(client) -> None:
    answer = ask(client, max_output_tokens=20)
    assert [item.type for item in answer.output] == ["message"] and answer.output_text
    events = list(ask(client, max_output_tokens=20, stream=True))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == answer.output_text


def test_logprobs_of_what_only_looked_like_a_call_are_sent(client) -> None:
    properties: dict[str, Any] = {"name": {"const": "nobody"}, "arguments": {"const": "none"}}
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    how: dict[str, Any] = {
        "text": {"format": {"type": "json_schema", "name": "known", "schema": schema, "strict": True}},
        "include": ["message.output_text.logprobs"],
        "stream": True,
    }
    events = list(ask(client, **how))
    (part,) = events[-1].response.output[0].content
    assert json.loads(part.text) == {"name": "nobody", "arguments": "none"}
    assert "".join(one.token for one in part.logprobs) == part.text
    streamed = [one.token for e in events if e.type == "response.output_text.delta" for one in e.logprobs]
    assert streamed == [one.token for one in part.logprobs]
