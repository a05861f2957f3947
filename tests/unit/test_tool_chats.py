"""Chats with tools: the lines are those of the built-in tools, every call gives the result that follows it."""

from __future__ import annotations

import json
from itertools import islice, pairwise
from random import Random
from types import SimpleNamespace

import pytest

from firstwords.eval import tool_exam
from firstwords.tokenizer.tools import call_text, tools_text
from firstwords.tools.builtin import TOOLS, run
from firstwords.world import tool_chats
from firstwords.world.chats.checks import passes
from firstwords.world.chats.conversations import TOOLS_RATE, checked, conversations
from firstwords.world.town.plumwick import town


def test_the_lines_are_those_of_the_built_in_tools() -> None:
    functions = [TOOLS[name].function for name in tool_chats.LINES]
    assert tool_chats.a_time(Random(0)).call == call_text("clock", {})
    assert tool_chats.system(tuple(tool_chats.LINES)) == tools_text(functions)


def test_every_call_gives_its_result_and_the_answer_says_it() -> None:
    rng, home = Random(1), town("small")
    made = [tool_chats.a_sum(rng, home) for _ in range(400)]
    assert {json.loads(use.call)["arguments"]["expression"].split()[1] for use in made} == {"+", "-", "*", "/"}
    for use in made:
        call = json.loads(use.call)
        assert run(call["name"], json.dumps(call["arguments"])) == use.result, use
        assert use.turn.check is not None and passes(use.turn.check, use.turn.pip), use
    times = [tool_chats.a_time(rng) for _ in range(100)]
    assert all(use.turn.pip.removeprefix("It is ").rstrip(".") in use.result for use in times)


def test_a_few_chats_have_tools_and_are_whole() -> None:
    chats = list(islice(conversations(3, "small"), 4000))
    with_tools = [chat for chat in chats if "Tools:" in chat[0]["content"]]
    assert 0.7 * TOOLS_RATE < len(with_tools) / len(chats) < 1.3 * TOOLS_RATE
    for chat in with_tools:
        roles = [message["role"] for message in chat]
        assert roles[0] == "system" and roles[-1] == "assistant" and roles[1] == "user"
        for before, after in pairwise(chat):
            is_call = before["role"] == "assistant" and before["content"].startswith('{"name"')
            assert is_call == (after["role"] == "tool")
    plain = [messages for _, messages, _ in islice(checked(3, "small"), 300)]
    assert plain == [chat for chat in chats if chat not in with_tools][:300], "the other chats stay as they are"


class Scripted:
    """An engine that answers from a table, in the order of the questions."""

    max_length = 512

    def __init__(self, *rounds: list[str]) -> None:
        self.rounds = list(rounds)

    def generate(self, prompts: list, params: object) -> list:
        answers = self.rounds.pop(0)
        assert len(answers) == len(prompts)
        return [SimpleNamespace(text=text) for text in answers]


def test_the_exam_wants_the_call_and_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_exam, "chat_ids", lambda tokenizer, chat: [0])
    asked = tool_exam.sums()
    calls, answers = [use.call for use in asked], [use.turn.pip for use in asked]
    calls[0] = "I do not know."
    calls[1] = calls[1].replace('"expression": "', '"expression": "9')  # another number
    calls[2] = calls[2].replace("calculator", "clock")
    answers[3] = "It is a secret."
    calm = ["Tom is 12 years old."] * (tool_exam.NUM_OTHERS - 2) + [asked[0].call, '{"name": "clock", "arguments": {}}']
    found = tool_exam.run_tool_exam(Scripted(calls + calm, answers[3:]), None, "small")  # type: ignore[arg-type]
    assert found["tools"]["n"] == len(asked) and found["tools"]["rate"] == pytest.approx(1 - 4 / len(asked))
    assert found["no_tool"]["n"] == len(calm) and found["no_tool"]["rate"] == pytest.approx(1 - 2 / len(calm))


@pytest.mark.parametrize(
    ("expression", "is_right"), [("2 + 3", True), ("3+2", True), ("2 + 4", False), ("5 / 0", False)]
)
def test_any_expression_with_the_right_result_counts(expression: str, is_right: bool) -> None:
    call = json.dumps({"name": "calculator", "arguments": {"expression": expression}})
    assert tool_exam._gives(call, "5") == is_right
    assert not tool_exam._gives(call + "\n" + call, "5") and not tool_exam._gives(None, "5")
