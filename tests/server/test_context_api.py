"""What a model still reads of a chat, as POST /api/context says it: the same that the next answer is made from."""

from __future__ import annotations

from typing import Any

import pytest
from page_helpers import User

from firstwords.serve.chats import writer

pytest_plugins = ("page_fixtures",)
LONG = "The cat is on the mat and the dog is in the house. " * 3


def talk(anna: User, turns: int, system: str = "") -> tuple[str, list[dict[str, Any]]]:
    """A chat of some turns; (its id, its messages)."""
    chat = anna.chat(model="pip/sft", system=system)
    leaf = None
    for number in range(turns):
        leaf = anna.say(chat, f"{number} {LONG}", leaf)["assistant"]["id"]
    return chat, anna.get(f"/api/chats/{chat}?tokens=false")["messages"]


def reading(anna: User, leaf: str | None, content: str = "", **more: Any) -> dict[str, Any]:
    return anna.post("/api/context", {"leaf": leaf, "content": content, "model": "pip/sft", "max_tokens": 12} | more)


def test_the_oldest_turns_leave_and_the_instruction_stays(page_anna: User) -> None:
    _, messages = talk(page_anna, 8, system="Be kind.")
    order = [message["id"] for message in messages]
    assert reading(page_anna, order[2])["left_out"] == []
    found = reading(page_anna, order[-1], "And now?")
    left_out = found["left_out"]
    assert left_out and left_out == order[1 : 1 + len(left_out)], "the oldest, from the first question on"
    assert len(left_out) % 2 == 0 and found["count"] <= found["max_model_len"] - 12 and found["over"] == 0


def test_it_is_what_the_answer_is_made_from(page_anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    chat, messages = talk(page_anna, 6)
    told = reading(page_anna, messages[-1]["id"], "And now?")
    made: list[writer.Fitted] = []
    fitted = writer.fitted
    monkeypatch.setattr(writer, "fitted", lambda *of: made.append(fitted(*of)) or made[-1])
    page_anna.say(chat, "And now?", messages[-1]["id"])
    assert [(len(prompt.ids), prompt.left_out) for prompt in made] == [(told["count"], told["left_out"])]


def test_tools_take_their_part(page_anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    named: dict[str, Any] = {"tools": ["clock"]}
    told = reading(page_anna, None, "Hi", **named)
    assert told["count"] > reading(page_anna, None, "Hi")["count"]
    made: list[writer.Fitted] = []
    fitted = writer.fitted
    monkeypatch.setattr(writer, "fitted", lambda *of: made.append(fitted(*of)) or made[-1])
    page_anna.say(page_anna.chat(model="pip/sft"), "Hi", params={"max_tokens": 12} | named)
    assert [len(prompt.ids) for prompt in made] == [told["count"]]
    long = reading(page_anna, None, LONG * 40, **named)
    assert long["over"] == long["count"] - long["max_model_len"] + 1 > 0
    page_anna.post("/api/context", {"content": "Hi", "tools": ["calculater"]}, 400)


def test_another_branch_has_a_context_of_its_own(page_anna: User) -> None:
    chat, messages = talk(page_anna, 6)
    assert reading(page_anna, messages[-1]["id"])["left_out"]
    edited = page_anna.say(chat, "Short.")  # the first message, edited
    assert reading(page_anna, edited["assistant"]["id"])["left_out"] == []


def test_a_message_that_is_too_long_alone(page_anna: User) -> None:
    found = reading(page_anna, None, LONG * 40)
    assert found["over"] == found["count"] - found["max_model_len"] + 1 > 0
    shorter = reading(page_anna, None, "Hi", system="Be kind.")
    assert shorter["over"] == 0 and shorter["count"] > reading(page_anna, None, "Hi")["count"]


def test_a_base_model_reads_no_instruction(page_anna: User) -> None:
    _, messages = talk(page_anna, 6, system="Be kind.")
    order = [message["id"] for message in messages]
    assert reading(page_anna, order[1], model="pip/base")["left_out"] == order[:1]
    found = reading(page_anna, order[-1], model="pip/base")
    assert found["left_out"] == order[: len(found["left_out"])] and len(found["left_out"]) > 1
    assert found["count"] <= found["max_model_len"] - 12


def test_the_chats_of_others_are_not_there(page_anna: User, page_ben: User) -> None:
    _, messages = talk(page_anna, 1)
    page_ben.post("/api/context", {"leaf": messages[-1]["id"], "model": "pip/sft"}, status=404)
