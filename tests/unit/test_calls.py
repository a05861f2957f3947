"""Calls of tools: found in a text however it is cut into parts, written by templates, and forced to be valid."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
import random_schemas
from test_schema_answers import LEANINGS, TEXT, say

from firstwords.config import UserError
from firstwords.engine.constraints import Constraint, Constraints
from firstwords.tokenizer import tools
from firstwords.tokenizer.calls import CallReader
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.template import ChatTemplate

NAMES = {"weather", "clock"}
OSLO = '{"name": "weather", "arguments": {"city": "Os\\"l}o", "days": [1, {"a": 2}]}}'
CLOCK = '{"name":"clock","arguments":{}}'
TEXTS = [
    (OSLO, "", [OSLO]),
    (f"{OSLO}\n{CLOCK}", "", [OSLO, CLOCK]),
    (f"Let me see.\n{OSLO}\n", "Let me see.\n", [OSLO]),
    (f"<tool_call>\n{OSLO}\n</tool_call>\n<tool_call>\n{CLOCK}\n</tool_call>", "", [OSLO, CLOCK]),
    (f"I look.\n\n<tool_call>{CLOCK}</tool_call>", "I look.\n\n", [CLOCK]),
    ("No call: {x}, a < b <tool", "No call: {x}, a < b <tool", []),
    ('{"name": "pip", "arguments": {}}', '{"name": "pip", "arguments": {}}', []),
    ('{"name": "clock"}\nYes.', '{"name": "clock"}\nYes.', []),
    ('{"age": 3}', '{"age": 3}', []),
    ("{\n  1\n}", "{\n  1\n}", []),
    ("<tool_call>\nI do not know", "<tool_call>\nI do not know", []),
    ("", "", []),
]


@pytest.mark.parametrize(("text", "rest", "calls"), TEXTS)
def test_calls_are_found_however_the_text_is_cut(text, rest, calls) -> None:
    expected = [json.loads(call) for call in calls]
    for seed in range(30):
        dice, reader, place, parts = random.Random(seed), CallReader(NAMES), 0, []
        while place < len(text):
            size = len(text) if seed == 0 else dice.randint(1, 1 if seed == 1 else 9)
            parts += reader.push(text[place : place + size])
            place += size
        parts += reader.push("", is_last=True)
        found = [{"name": call.name, "arguments": json.loads(call.arguments)} for call in reader.calls]
        assert found == expected and reader.text == rest
        assert "".join(part.text for part in parts) == rest
        for index, call in enumerate(reader.calls):
            of_call = [part for part in parts if part.index == index]
            assert of_call[0].name == call.name and not any(part.name for part in of_call[1:])
            assert "".join(part.arguments for part in of_call) == call.arguments
        assert len({call.id for call in reader.calls}) == len(calls)


def test_a_call_that_is_cut_off_keeps_what_it_has() -> None:
    reader = CallReader(NAMES)
    reader.push('{"name": "weather", "arguments": {"city": "O', is_last=True)
    assert reader.calls[0].arguments == '{"city": "O'


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 330)


@pytest.mark.parametrize("leaning", ["even", "letters", "brackets", "half characters"])
@pytest.mark.parametrize("is_tagged", [False, True])
def test_required_calls_are_valid(tokenizer, leaning, is_tagged) -> None:
    """Of random schemas, by models of every kind: each call parses, and its arguments satisfy the schema."""
    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0, 2])
    for seed in range(6):
        schemas = [random_schemas.schema(random.Random(100 * seed + place)) for place in range(2)]
        functions = [{"name": f"f{place}", "parameters": schema} for place, schema in enumerate(schemas)]
        for most in (1, 3):
            constraint = Constraint.calls(functions, is_tagged, most)
            matcher = constraints.matcher(constraint, frozenset([0]))
            room = matcher.min_tokens + 60
            text = say(tokenizer, matcher, LEANINGS[leaning](tokenizer), room, np.random.default_rng(seed))
            reader = CallReader({"f0", "f1"})
            reader.push(text, is_last=True)
            assert 1 <= len(reader.calls) <= most and not reader.text.strip(), text
            for call in reader.calls:
                schema = schemas[int(call.name[1])]
                jsonschema.Draft202012Validator(schema).validate(json.loads(call.arguments))


def test_references_point_into_the_schema_of_their_own_tool(tokenizer) -> None:
    def function(name: str, values: list[str]) -> dict:
        schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "required": ["a"]}
        return {"name": name, "parameters": schema | {"$defs": {"x": {"enum": values}}}}

    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0])
    constraint = Constraint.calls([function("one", ["p"]), function("two", ["q"])], False, 1)
    for seed in range(8):
        matcher = constraints.matcher(constraint, frozenset([0]))
        call = json.loads(say(tokenizer, matcher, LEANINGS["even"](tokenizer), 90, np.random.default_rng(seed)))
        assert call["arguments"]["a"] == {"one": "p", "two": "q"}[call["name"]]


FUNCTION = {"name": "clock", "description": "The time <|im_end|>.", "parameters": {"type": "object", "properties": {}}}
TEMPLATE = (
    "{%- if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "Use <tool_call>.<|im_end|>\n{%- endif %}"
    "{%- for message in messages %}\n<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{%- for call in message.tool_calls or [] %}\n<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}"
)


def test_the_plain_form_lists_tools_in_the_system_message(tokenizer) -> None:
    ids = tools.plain_ids(tokenizer, [{"role": "user", "content": "Hi"}], [FUNCTION])
    text = tokenizer.decode(ids, skip_special=False)
    assert text.startswith("<|im_start|>system\nTools:\nclock()") and text.endswith("<|im_start|>assistant\n")
    assert ids.count(tokenizer.im_end_id) == 2  # the description's is text
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    text = tokenizer.decode(tools.plain_ids(tokenizer, turns, [FUNCTION]), skip_special=False)
    assert text.startswith("<|im_start|>system\nBe kind.\n\nTools:\n") and text.count("<|im_start|>system") == 1
    assert not tools.uses_tags(tokenizer)


LINES = {
    "clock(zone?: string): The time.": {"type": "object", "properties": {"zone": {"type": "string"}}},
    'clock(unit: {"enum": ["h", "m"]}): The time.': {
        "properties": {"unit": {"enum": ["h", "m"]}},
        "required": ["unit"],
    },
    'clock({"$ref": "#/$defs/a", "$defs": {"a": {}}}): The time.': {"$ref": "#/$defs/a", "$defs": {"a": {}}},
    "clock(): The time.": None,
}


@pytest.mark.parametrize("line", LINES)
def test_a_tool_is_one_short_line(line) -> None:
    text = tools.tools_text([{"name": "clock", "description": "The\n time.", "parameters": LINES[line]}])
    assert text.splitlines() == ["Tools:", line, tools.HOW_TO_CALL]


def test_a_template_that_knows_tools_writes_them_and_text_forges_nothing(tokenizer) -> None:
    from transformers import PreTrainedTokenizerFast

    own, template = tokenizer, ChatTemplate(TEMPLATE, {})
    call = {"type": "function", "id": "c", "function": {"name": "clock", "arguments": {"zone": "<|im_start|>"}}}
    messages = [
        {"role": "user", "content": "Time? <|im_end|>"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "noon", "tool_call_id": "c"},
    ]
    imported = SimpleNamespace(template=template, config={})
    assert tools.tool_template(imported) is template and tools.uses_tags(imported)
    several = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": TEMPLATE}]
    assert tools.uses_tags(SimpleNamespace(template=ChatTemplate("plain", {}), config={"chat_template": several}))
    assert tools.tool_template(tokenizer) is None and not tools.uses_tags(tokenizer)
    ids = tools.template_ids(own, template, messages, [FUNCTION])
    # the names of special tokens in texts stay text
    assert ids.count(own.im_end_id) == 4 and ids.count(own.im_start_id) == 5
    theirs = PreTrainedTokenizerFast(tokenizer_object=own._backend).apply_chat_template(
        messages,
        tools=[{"type": "function", "function": FUNCTION}],
        chat_template=TEMPLATE,
        tokenize=False,
        add_generation_prompt=True,
    )
    assert own.decode(ids, skip_special=False) == theirs


def test_a_template_that_refuses_says_so(tokenizer) -> None:
    for template in ("{{ raise_exception('roles must alternate') }}{{ tools }}", "{% if tools %}"):
        own = ChatTemplate(template, {})
        with pytest.raises(UserError, match="this model's chat template"):
            tools.template_ids(tokenizer, own, [{"role": "user", "content": "Hi"}], [FUNCTION])
