"""Built-in tools on the page: calls, results and the next answer are messages; both can be changed; bad input."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_helpers import User, until

from firstwords.retrieval.answer import Answer as Found
from firstwords.retrieval.answer import Sentence
from firstwords.retrieval.evidence import Evidence
from firstwords.serve import answers
from firstwords.serve.answers import Answer

pytest_plugins = ("page_fixtures",)
CALL = '{"name": "calculator", "arguments": {"expression": "17*23"}}'
OTHER = CALL.replace("17*23", "2+2")
ON = {"tools": ["calculator"], "max_tokens": 70, "seed": 1, "temperature": 1.0}
FORCED = ON | {"rules": {"choice": [CALL]}}  # an untrained model calls because it can say nothing else


@pytest.fixture
def own_home(own_home: Path, tiny_policy: Any) -> Path:
    """The same with a context that holds the list of tools and several calls."""
    from firstwords.model.hub import save_model
    from firstwords.tokenizer.fast import Tokenizer

    directory = own_home / "models" / "pip" / "sft"
    tokenizer = Tokenizer.load(directory)
    model = tiny_policy(tokenizer.vocab_size, 1, context=1024)
    save_model(model, directory, tokenizer, {"stage": "sft", "metrics": {}})
    return own_home


def path(user: User, chat: str, leaf: str) -> list[dict[str, Any]]:
    by_id = {message["id"]: message for message in user.get(f"/api/chats/{chat}")["messages"]}
    found = []
    while leaf is not None:
        found.append(by_id[leaf])
        leaf = by_id[leaf]["parent_id"]
    return found[::-1]


def end_of_all(user: User, event: dict[str, Any]) -> dict[str, Any]:
    """The last answer that follows from one."""
    while event.get("following"):
        event = user.events(event["following"][-1]["id"])[-1][1]
    return event["message"]


def test_a_call_is_followed_by_its_result_and_an_answer_four_times_at_most(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "What is it?", "params": FORCED})
    assert said["assistant"]["params"]["tools"] == ["calculator"]
    event = page_anna.events(said["assistant"]["id"])[-1][1]
    assert event["message"]["content"] == CALL, event["message"]
    assert [(m["role"], m["content"]) for m in event["following"]] == [("tool", "391"), ("assistant", "")]
    last = end_of_all(page_anna, event)
    told = path(page_anna, chat, last["id"])
    assert [m["role"] for m in told] == ["user", *["assistant", "tool"] * 4, "assistant"]
    assert {m["content"] for m in told[1:]} == {CALL, "391"} and last["status"] == "done"
    # a page that asks when all is over, since the model was faster, is told the same
    late = page_anna.events(said["assistant"]["id"])[-1][1]
    assert [(m["role"], m["content"]) for m in late["following"]] == [("tool", "391"), ("assistant", CALL)]
    assert "following" not in page_anna.events(last["id"])[-1][1]


def test_a_call_and_a_result_are_changed(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "What is it?", "params": FORCED})
    event = page_anna.events(said["assistant"]["id"])[-1][1]
    end_of_all(page_anna, event)
    free = {"params": ON | {"rules": {}, "max_tokens": 8}}
    # other arguments: the tool gives another result, and the model answers from there
    changed = page_anna.post(f"/api/messages/{said['assistant']['id']}/tool", {"content": OTHER, **free})["messages"]
    assert [(m["role"], m["content"]) for m in changed] == [("assistant", OTHER), ("tool", "4"), ("assistant", "")]
    assert changed[0]["parent_id"] == said["user"]["id"] and changed[0]["tokens"] is None
    assert page_anna.end(changed[2]["id"])["content"]
    # another result
    told = page_anna.post(f"/api/messages/{changed[1]['id']}/tool", {"content": "five", **free})["messages"]
    assert [(m["role"], m["content"]) for m in told] == [("tool", "five"), ("assistant", "")]
    assert told[0]["parent_id"] == changed[0]["id"]
    page_anna.end(told[1]["id"])
    # an answer after a result is regenerated, and a chat with tools comes back from an export
    again = page_anna.post(f"/api/messages/{told[1]['id']}/regenerate", free)["assistant"]
    assert again["parent_id"] == told[0]["id"] and page_anna.end(again["id"])["status"] == "done"
    exported = page_anna.get("/api/export")
    assert page_anna.post("/api/import", exported)["chats"] == 0
    page_anna.ask("DELETE", f"/api/chats/{chat}")
    assert page_anna.post("/api/import", exported)["chats"] == 1


def test_several_calls_keep_the_results_that_are_not_changed(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    both = {"params": ON | {"rules": {"choice": [f"{CALL}\n{OTHER}"]}, "max_tokens": 140}}
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "Two.", **both})
    event = page_anna.events(said["assistant"]["id"])[-1][1]
    assert [m["content"] for m in event["following"]] == ["391", "4", ""]
    end_of_all(page_anna, event)
    body = {"content": "392", "params": {"rules": {}, "max_tokens": 4}}
    told = page_anna.post(f"/api/messages/{event['following'][0]['id']}/tool", body)["messages"]
    assert [m["content"] for m in told] == ["392", "4", ""] and told[-1]["params"]["tools"] == ["calculator"]
    page_anna.end(told[-1]["id"])


def test_a_thumb_after_a_result_or_on_a_changed_call_is_kept_but_teaches_nothing(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "What is it?", "params": FORCED})
    call = said["assistant"]["id"]
    page_anna.post(f"/api/messages/{page_anna.events(call)[-1][1]['following'][-1]['id']}/stop")
    free = {"params": {"rules": {}, "tools": [], "max_tokens": 8, "temperature": 1.0}}
    changed = page_anna.post(f"/api/messages/{call}/tool", {"content": OTHER, **free})["messages"]
    page_anna.end(changed[-1]["id"])
    for message in (changed[0], changed[-1]):
        for verdict in ("up", None):
            rated = page_anna.post(f"/api/messages/{message['id']}/rating", {"verdict": verdict})["message"]["rating"]
            assert rated == (verdict and {"verdict": verdict, "reasons": []})
    assert page_anna.get("/api/export")["judgements"] == []
    page_anna.post(f"/api/messages/{call}/rating", {"verdict": "up"})  # the model's own call
    assert [judgement["left"] for judgement in page_anna.get("/api/export")["judgements"]] == [CALL]


@pytest.mark.parametrize("method", ["stop", "delete"])
def test_nothing_follows_a_call_that_is_stopped_while_a_tool_runs(
    method: str, page_anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def results(*_: Any) -> list[str]:
        begun.set()
        assert go_on.wait(60)
        return ["391"]

    monkeypatch.setattr(answers, "results", results)
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "What is it?", "params": FORCED})
    call = said["assistant"]["id"]
    assert begun.wait(60)
    live = page_anna.client.app.state.answers
    path, verb = (f"/api/messages/{call}/stop", "POST") if method == "stop" else (f"/api/messages/{call}", "DELETE")
    request = threading.Thread(target=page_anna.ask, args=(verb, path))
    request.start()
    until(lambda: live.get(call).is_stopped)
    go_on.set()
    request.join(60)
    left = page_anna.get(f"/api/chats/{chat}")["messages"]
    assert [m["role"] for m in left] == (["user", "assistant"] if method == "stop" else ["user"])
    assert method == "delete" or (left[-1]["status"], left[-1]["content"]) == ("done", CALL)
    assert not live._live, "no answer goes on"


def test_nothing_follows_a_call_that_is_stopped_at_its_very_end(
    page_anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    add: Callable[[Answer, Any], None] = Answer.add

    def stopped_at_the_end(answer: Answer, tokens: Any) -> None:
        add(answer, tokens)
        if any(token.finish_reason for token in tokens):
            answer.cancel()

    monkeypatch.setattr(Answer, "add", stopped_at_the_end)
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.post(f"/api/chats/{chat}/messages", {"content": "What is it?", "params": FORCED})
    event = page_anna.events(said["assistant"]["id"])[-1][1]
    assert event["message"]["content"] == CALL and event["message"]["status"] == "done" and "following" not in event


def test_a_call_that_documents_quote_is_not_run(page_anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*_: Any) -> Found:
        return Found("extractive", [Sentence(CALL, ())], Evidence("What is it?", []))

    monkeypatch.setattr(answers, "ask", ask)
    chat = page_anna.chat(model="pip/sft")
    body = {"content": "What is it?", "documents": True, "params": FORCED}
    said = page_anna.post(f"/api/chats/{chat}/messages", body)
    event = page_anna.events(said["assistant"]["id"])[-1][1]
    assert event["message"]["content"] == CALL and "following" not in event
    assert len(page_anna.get(f"/api/chats/{chat}")["messages"]) == 2


def test_tools_are_off_unless_switched_on_and_read_what_their_user_has(page_anna: User, page_ben: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    off = FORCED | {"tools": []}
    event = page_anna.events(
        page_anna.post(f"/api/chats/{chat}/messages", {"content": "Hi", "params": off})["assistant"]["id"]
    )[-1][1]
    assert (
        event["message"]["content"] == CALL and "following" not in event and "tools" not in event["message"]["params"]
    )
    page_ben.post("/api/documents", {"name": "secret.md", "text": "The hidden treasure is in the cellar."})
    search = '{"name": "documents", "arguments": {"query": "hidden treasure"}}'
    for user, words in ((page_anna, "Nothing was found."), (page_ben, "in the cellar")):
        own = user.chat(model="pip/sft")
        answer = user.say(own, "Hi", params=ON | {"tools": [], "max_tokens": 4})["assistant"]
        told = user.post(f"/api/messages/{answer['id']}/tool", {"content": search, "params": {"max_tokens": 4}})
        assert words in told["messages"][1]["content"]
        user.end(told["messages"][2]["id"])


def test_mistakes(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    body = {"content": "Hi", "params": {"tools": ["calculater"]}}
    assert "did you mean calculator" in page_anna.post(f"/api/chats/{chat}/messages", body, 400)["error"]["message"]
    said = page_anna.say(chat, "Hi")
    for message, content, words in (
        ("assistant", "four", "not a call of a built-in tool"),
        ("user", CALL, "neither a call nor a tool's result"),
    ):
        error = page_anna.post(f"/api/messages/{said[message]['id']}/tool", {"content": content}, 400)["error"]
        assert words in error["message"]
