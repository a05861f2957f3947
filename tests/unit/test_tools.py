"""The built-in tools: arithmetic and nothing else, units, the clock, and one sentence for each mistake."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.tools import builtin
from firstwords.tools.calculator import calculate
from firstwords.tools.units import convert


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2+2", "4"),
        ("17*23", "391"),
        ("17 \u00d7 23 =", "391"),
        ("2 + 3 / 4", "2.75"),
        ("6/3", "2"),
        ("0.1+0.2", "0.3"),
        ("-(3-5)**2", "-4"),
        ("2^10", "1024"),
        ("7 // 2 + 7 % 2", "4"),
        ("sqrt(16) + max(1, 2)", "6"),
        ("round(2.567, 1)", "2.6"),
        ("123456789012345678901234567890*2", "246913578024691357802469135780"),
        ("1/3", "0.333333333333"),
        ("2**-1", "0.5"),
        ("0**5", "0"),
    ],
)
def test_sums(expression, value) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("9**9**9", "the result of a power is too large"),
        ("9**9**9**9", "the result of a power is too large"),
        ("10**59*10**59", "more than 60 digits"),
        ("(-8)**0.5", "not a real number"),
        ("1/0", "divided by zero"),
        ("0**-1", "divided by zero"),
        ("", "is empty"),
        ("two plus two", "is not an arithmetic expression"),
        ("__import__('os').system('x')", "only numbers"),
        ("open('x')", "the function open is unknown"),
        ("(1).__class__", "only numbers"),
        ("[1]*9", "only numbers"),
        ("'a'*9", "only numbers"),
        ("True+1", "only numbers"),
        ("1<<999999", "only + - * /"),
        ("1j", "only numbers"),
        ("max()", "takes other numbers"),
        ("sqrt(-1)", "the root of a negative number"),
        ("round(1, -10**40)", "60 at most"),
        ("(" * 150 + ")" * 150, "the limit is 200"),
        ("-" * 199 + "1", ""),
        ("1e999", "60 digits"),
        ("x", "only numbers"),
    ],
)
def test_what_is_no_sum_is_one_sentence(expression, message) -> None:
    started = time.monotonic()
    if not message:
        assert calculate(expression) in ("1", "-1")
        return
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        calculate(expression)
    assert "\n" not in str(refused.value) and time.monotonic() - started < 1


@given(st.text(alphabet="0123456789+-*/%^(). ,sqrtmaxinedp_[]'=", max_size=40))
def test_any_text_is_a_number_or_a_sentence(text) -> None:
    try:
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", calculate(text))
    except ValueError as error:
        assert str(error) and "\n" not in str(error)


def test_units() -> None:
    assert convert(5, "km", "miles") == "3.10686 miles" and convert(1, "Pound", "g") == "453.592 g"
    assert convert(100, "C", "F") == "212 F" and convert(32, "degrees Fahrenheit", "\u00b0C") == "0 \u00b0C"
    assert convert(2, "hours", "min") == "120 min" and convert(90, "km/h", "m/s") == "25 m/s"
    for one, other, message in (
        ("km", "kg", "different things"),
        ("km", "foo", "'foo' is unknown"),
        ("C", "m", "diff"),
    ):
        with pytest.raises(ValueError, match=message):
            convert(1, one, other)


def test_calls_give_text_or_say_what_is_wrong(empty_home) -> None:
    def run(name: str, given: object) -> str:
        return builtin.run(name, given if isinstance(given, str) else json.dumps(given))

    assert run("calculator", {"expression": "17*23"}) == "391" and run("calculator", {"expression": 42}) == "42"
    assert run("calculator", {"expression": "9**9**9"}) == "error: the result of a power is too large"
    assert run("calculator", {}) == "error: calculator needs expression"
    assert run("calculator", "{") == "error: the arguments are not valid JSON"
    assert run("calculator", "[]") == "error: the arguments must be an object"
    assert run("units", {"value": 1, "from": "km", "to": "m"}) == "1000 m"
    assert run("units", {"value": "many", "from": "km", "to": "m"}).startswith("error: could not convert")
    assert re.fullmatch(r"[A-Z][a-z]+day, \d{1,2} [A-Z][a-z]+ 20\d\d, \d\d:\d\d", run("clock", {}))
    assert re.fullmatch(r"\w+, \d+ \w+ \d{4}, \d\d:\d\d", run("clock", {"zone": "Europe/Oslo"}))
    assert "unknown" in run("clock", {"zone": "Nowhere/Town"}) and "unknown" in run("clock", {"zone": "../etc"})
    assert run("documents", {"query": "Who repairs the bell?"}) == "Nothing was found."
    assert run("magic", {}) == "error: there is no tool magic"
    with pytest.raises(UserError, match="unknown tool calculater; did you mean calculator"):
        builtin.chosen(["calculater"])
    for tool in builtin.TOOLS.values():
        assert set(tool.required) <= set(tool.parameters) and tool.function["description"]


def test_a_chat_runs_the_calls_of_its_model(pip_home, monkeypatch, capsys) -> None:
    """The model is replaced by one that knows how to call; its calls, their results and the answer become turns."""
    from firstwords import api
    from firstwords.commands.chat import Chat, Conversation
    from firstwords.engine.request import Token

    says = ['{"name": "calculator", "arguments": {"expression": "17*23"}}', "It is 391."]
    prompts = []

    def generate(ids, params):
        prompts.append(loaded.tokenizer.decode(ids, skip_special=False))
        yield Token(0, 0, 5, says[len(prompts) - 1], None, [], "stop")

    loaded = api.load("pip/sft")
    monkeypatch.setattr(api.Model, "context", 2000)
    monkeypatch.setattr(loaded, "generate", generate)
    talk = Conversation(loaded, Chat(tools="calculator, clock"))
    assert talk.ask("What is 17 times 23?") == "It is 391."
    assert [turn["role"] for turn in talk.turns] == ["user", "assistant", "tool", "assistant"]
    assert prompts[0].startswith("<|im_start|>system\nTools:\ncalculator(expression: string): ")
    assert prompts[1].endswith("<|im_start|>tool\n391<|im_end|>\n<|im_start|>assistant\n")
    captured = capsys.readouterr()
    assert "(calculator: 391)" in captured.err and captured.out.endswith("It is 391.\n")


def test_an_unknown_tool_is_refused(pip_home, firstwords) -> None:
    code, _, err = firstwords("chat", "--tools", "calculator,weather")
    assert code == 2 and "unknown tool weather; the tools are calculator, clock, units, documents" in err
