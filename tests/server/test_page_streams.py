"""Answers on their way at a server that listens: who watches, who leaves, who stops, and what a restart finds."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_helpers import Listening, parse, running, until

from firstwords.serve.chats import store
from firstwords.serve.chats.records import dump
from firstwords.serve.page.parts import event
from firstwords.serve.settings import Settings

pytest_plugins = ("page_fixtures",)
pytestmark = pytest.mark.usefixtures("page_slow")


def tokens(events: list[tuple[str, Any]]) -> list[Any]:
    """The tokens of a stream, which must come in order and without gaps."""
    parcels = [data for kind, data in events if kind == "tokens"]
    found: list[Any] = []
    for parcel in parcels:
        assert parcel["index"] == parcels[0]["index"] + len(found)
        found += parcel["tokens"]
    return found


def test_no_line_end_of_a_token_ends_a_line() -> None:
    token = {"text": "".join(map(chr, range(0x20))) + "\x7f\x85\xa0\u2028\u2029\\u2028", "top": [[133, "\x85", -1.5]]}
    sent = event("tokens", dump(token)) + event("done", "{}")
    lines = list(httpx.Response(200, text=sent).iter_lines())
    assert [line for line in lines if line] == sent.replace("\n\n", "\n").split("\n")[:-1]
    assert parse(sent) == [("tokens", token), ("done", {})]


def test_any_number_of_watchers_see_the_same(page_server: Listening) -> None:
    answer = page_server.begin()["assistant"]["id"]
    seen: list[list[Any]] = [[] for _ in range(4)]

    def watch(number: int) -> None:
        seen[number] += page_server.watch(answer, start=number)

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    message = page_server.ask("POST", f"/api/messages/{answer}/stop")["message"]
    for number, events in enumerate(seen):
        assert events[-1] == ("done", {"message": message}) and sum(kind == "done" for kind, _ in events) == 1
        assert len(events) > 5, "they came one after the other"
        assert tokens(events) == message["tokens"][number:]
    kind, parcel = next(page_server.watch(answer, 0))
    assert (kind, parcel) == ("tokens", {"index": 0, "tokens": message["tokens"]}), "afterwards at once"


def test_a_watcher_that_leaves_changes_nothing(page_server: Listening) -> None:
    said = page_server.begin()
    answer = said["assistant"]["id"]
    for _ in range(3):
        watcher = page_server.watch(answer)
        next(watcher)
        watcher.close()
    chat = page_server.ask("GET", f"/api/chats/{said['chat']}")
    now = chat["messages"][-1]
    assert now["status"] == "streaming" and now["content"] == "".join(token["text"] for token in now["tokens"])
    rest = list(page_server.watch(answer, start=len(now["tokens"])))
    whole = rest[-1][1]["message"]
    assert now["tokens"] + tokens(rest) == whole["tokens"] and whole["status"] == "done"
    assert page_server.ask("GET", f"/api/chats/{said['chat']}")["messages"][-1] == whole


def test_stop_keeps_what_was_said_and_frees_the_slot(page_server: Listening) -> None:
    worker = page_server.app.state.worker
    answers = [page_server.begin(f"{number}?")["assistant"]["id"] for number in range(4)]
    for answer in answers:
        next(page_server.watch(answer))
    assert worker.num_open == 4
    began = time.monotonic()
    message = page_server.ask("POST", f"/api/messages/{answers[0]}/stop")["message"]
    assert time.monotonic() - began < 1.0 and worker.num_open == 3
    assert message["status"] == "stopped" and 0 < len(message["tokens"]) < 80 and message["content"]
    (engine,) = (held.engine for held in worker.memory.held.values())
    assert len(engine.scheduler.free_slots) == page_server.app.state.settings.num_slots - 3
    for answer in answers[1:]:
        page_server.ask("POST", f"/api/messages/{answer}/stop")
    assert worker.num_open == 0 and not engine.has_work
    again = page_server.ask("POST", f"/api/messages/{answers[0]}/stop")["message"]
    assert again == message, "stopping twice is stopping once"


def test_stop_before_the_model_is_there(page_server: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = page_server.app.state.worker.memory
    get = memory.get
    monkeypatch.setattr(memory, "get", lambda stage: (time.sleep(0.3), get(stage))[1])
    answer = page_server.begin()["assistant"]["id"]
    message = page_server.ask("POST", f"/api/messages/{answer}/stop")["message"]
    assert (message["status"], message["content"], message["tokens"]) == ("stopped", "", None)
    assert page_server.app.state.worker.num_open == 0


def test_what_comes_is_kept_on_the_way(page_server: Listening, page_slow: Any) -> None:
    page_slow(0.1)
    answer = page_server.begin()["assistant"]["id"]
    kept = until(lambda: (m := store.message("owner", answer)).tokens and m)
    assert kept.status == "streaming" and kept.content
    more = until(lambda: len((m := store.message("owner", answer)).content) > len(kept.content) and m)
    assert more.content.startswith(kept.content) and more.tokens.startswith(kept.tokens[:-1])
    whole = page_server.ask("POST", f"/api/messages/{answer}/stop")["message"]
    assert whole["content"].startswith(more.content)


def test_an_answer_that_is_deleted_stops(page_server: Listening, page_slow: Any) -> None:
    page_slow(0.2)
    worker = page_server.app.state.worker
    one, other = page_server.begin(), page_server.begin()
    for said in (one, other):
        next(page_server.watch(said["assistant"]["id"]))
    assert page_server.ask("DELETE", f"/api/messages/{one['user']['id']}") == {"deleted": 2, "active": None}
    assert worker.num_open == 1
    assert page_server.ask("DELETE", f"/api/chats/{other['chat']}") == {"deleted": 2}
    assert worker.num_open == 0 and page_server.ask("GET", f"/api/chats/{one['chat']}")["messages"] == []


def test_an_unfinished_answer_cannot_be_used(page_server: Listening, page_slow: Any) -> None:
    page_slow(0.2)
    said = page_server.begin()
    answer, chat = said["assistant"]["id"], said["chat"]
    for path, body in (
        (f"/api/messages/{answer}/fork", {}),
        (f"/api/messages/{answer}/rating", {"verdict": "up"}),
        (f"/api/messages/{answer}/branch", {"index": 0, "token_id": 5}),
        (f"/api/chats/{chat}/messages", {"content": "More?", "parent_id": answer}),
    ):
        with pytest.raises(AssertionError, match="still being written"):
            page_server.ask("POST", path, body)
    other = page_server.ask("POST", f"/api/messages/{answer}/regenerate", {})["assistant"]["id"]
    assert {"stopped"} == {
        page_server.ask("POST", f"/api/messages/{i}/stop")["message"]["status"] for i in (answer, other)
    }, "a second answer may come beside the first"


def test_a_server_that_goes_down_keeps_what_was_said(page_server: Listening, own_home: Path) -> None:
    said = page_server.begin()
    watcher = page_server.watch(said["assistant"]["id"])
    before = tokens([next(watcher), next(watcher)])
    began = time.monotonic()
    page_server.close()
    assert time.monotonic() - began < 10
    with running(Settings()) as client:
        message = client.get(f"/api/chats/{said['chat']}").json()["messages"][-1]
        assert message["status"] == "interrupted" and message["tokens"][: len(before)] == before
        assert message["content"] == "".join(token["text"] for token in message["tokens"])
        again = client.post(f"/api/messages/{message['id']}/regenerate", json={"params": {"max_tokens": 2}}).json()
        assert client.get(f"/api/messages/{again['assistant']['id']}/stream").status_code == 200
