"""The trees of messages in the file: edits, branches, search, export and import, each user's apart."""

from __future__ import annotations

import itertools
import json
import string
import time
from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.serve.chats import search, store, transfer
from firstwords.serve.chats.records import database, insert_tokens, joined, now
from firstwords.serve.errors import ApiError

TOKEN = {"id": 5, "text": "Hi", "logprob": -0.5, "rank": 1, "entropy": 1.5, "top": [[5, "Hi", -0.5]]}


@pytest.fixture(autouse=True)
def _home(empty_home: Path) -> None:
    """Every test has a file of its own."""


def turn(chat_id: str, parent_id: str | None, content: str, answer: str = "Yes.", user: str = "anna", tokens: int = 1):
    """A question and its finished answer."""
    question, reply = store.add_turn(user, chat_id, parent_id, content, "pip/sft", {"seed": 1})
    kept = json.dumps([TOKEN] * tokens) if tokens else None
    store.finish(replace(reply, content=answer, status="done", finish_reason="stop", stage_hash="ab", tokens=kept))
    return question, store.message(user, reply.id)


def active(chat_id: str) -> str | None:
    return store.chat("anna", chat_id)["active"]


def test_edit_regenerate_and_branch_are_children() -> None:
    chat = store.create("anna", model="pip/sft", system="Be kind.")
    system = chat["active"]
    first, one = turn(chat["id"], None, "What is it?")
    assert first.parent_id == system and active(chat["id"]) == one.id, "the root is below what the system says"
    edited, two = turn(chat["id"], system, "What was it?")
    again = store.add_answer("anna", one.id, None, {})
    assert (again.parent_id, again.model, again.status) == (first.id, "pip/sft", "streaming")
    assert active(chat["id"]) == again.id
    store.finish(replace(again, status="done"))
    more, three = turn(chat["id"], two.id, "Why?")
    path = [m.content for m in store.path("anna", three.id)]
    assert path == ["Be kind.", "What was it?", "Yes.", "Why?", "Yes."]
    _, messages = store.load("anna", chat["id"])
    assert [m.id for m in messages] == [system, first.id, one.id, edited.id, two.id, again.id, more.id, three.id]
    assert store.change("anna", chat["id"], active=edited.id)["active"] == three.id, "the newest leaf below"
    assert store.change("anna", chat["id"], active=first.id)["active"] == again.id
    assert store.prompts("anna", 2)[0][-1]["content"] == "Why?" and len(store.prompts("anna", 2)) == 2


def test_what_cannot_be_said_there() -> None:
    chat, other = store.create("anna")["id"], store.create("anna")["id"]
    question, answer = store.add_turn("anna", chat, None, "A?", "pip/sft", {})
    for parent, status in ((question.id, 400), (answer.id, 409), ("0" * 16, 404)):
        with pytest.raises(ApiError) as error:
            store.add_turn("anna", chat, parent, "B?", "pip/sft", {})
        assert error.value.status == status
    with pytest.raises(ApiError, match="no such message"):
        store.add_turn("anna", other, answer.id, "B?", "pip/sft", {})
    with pytest.raises(ApiError, match="still being written"):
        store.fork("anna", answer.id)


def test_titles_are_the_first_words() -> None:
    assert store.first_words("  What is\n it? ") == "What is it?"
    assert store.first_words("word " * 30) == "word " * 11 + "word\u2026"
    assert store.first_words("x" * 100) == "x" * 59 + "\u2026"
    chat = store.create("anna", title="Mine")["id"]
    turn(chat, None, "What is it?")
    assert store.chat("anna", chat)["title"] == "Mine"
    assert store.change("anna", chat, title="<b>Other</b>")["title"] == "<b>Other</b>"


def test_deleting_a_branch_shows_what_is_near() -> None:
    chat = store.create("anna")["id"]
    first, one = turn(chat, None, "A?")
    again = store.add_answer("anna", first.id, None, {})
    store.finish(replace(again, status="done"))
    _, two = turn(chat, one.id, "B?")
    assert store.remove_branch("anna", again.id) == (1, two.id), "what is shown stays"
    assert store.remove_branch("anna", two.id)[0] == 1
    last = store.message("anna", active(chat))
    assert (last.role, last.content) == ("user", "B?")
    assert store.remove_branch("anna", first.id) == (3, None) and store.load("anna", chat)[1] == []
    turn(chat, None, "C?")
    assert len(store.remove("anna", chat)) == 2
    with database() as connection:
        for table in ("chats", "messages", "message_tokens", "messages_words", "messages_grams"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table
        connection.execute("INSERT INTO messages_words (messages_words) VALUES ('integrity-check')")


def test_a_fork_is_a_copy_of_the_path() -> None:
    chat = store.create("anna", system="Be kind.")["id"]
    _, one = turn(chat, None, "A?")
    turn(chat, None, "Not on the path?")
    _, two = turn(chat, one.id, "B?", tokens=2)
    store.rate("anna", two.id, {"verdict": "up", "reasons": ["true"]})
    copied = store.fork("anna", two.id)
    _, messages = store.load("anna", copied["id"])
    assert [m.content for m in messages] == ["Be kind.", "A?", "Yes.", "B?", "Yes."]
    assert json.loads(messages[-1].tokens or "") == [TOKEN] * 2 and messages[-1].rating["reasons"] == ["true"]
    assert copied["active"] == messages[-1].id and copied["title"] == "A?"
    store.remove("anna", chat)
    assert len(store.load("anna", copied["id"])[1]) == 5


def test_parts_of_an_answer_add_up() -> None:
    chat = store.create("anna")["id"]
    _, answer = store.add_turn("anna", chat, None, "A?", "pip/sft", {})
    store.save_parts([(answer.id, "Hi", 0, "[1,2]")])
    store.save_parts([(answer.id, "Hi there", 2, "[3]"), ("0" * 16, "gone", 0, "[9]")])
    kept = store.message("anna", answer.id)
    assert (kept.content, kept.tokens, kept.status) == ("Hi there", "[1,2,3]", "streaming")
    assert joined(["[1,2]", "[]", "[3]"]) == "[1,2,3]" and joined([]) == "[]"
    store.interrupt_all()
    kept = store.message("anna", answer.id)
    assert (kept.content, kept.tokens, kept.status) == ("Hi there", "[1,2,3]", "interrupted")
    store.finish(replace(kept, tokens="[1,2,3,4]", status="done"))
    assert store.message("anna", answer.id).tokens == "[1,2,3,4]", "the whole takes the place of its parts"


def test_a_chat_of_3000_messages_is_deleted_and_one_of_500_loads_at_once(record_property) -> None:
    chat, deep = store.create("anna")["id"], store.create("anna")["id"]
    for place, count in ((chat, 500), (deep, 3000)):
        with database(write=True) as connection:
            parent = None
            for number in range(count):
                message_id = f"{count * 10 + number:016x}"
                role = "assistant" if number % 2 else "user"
                connection.execute(
                    "INSERT INTO messages (id, chat_id, parent_id, role, content, status, created) "
                    "VALUES (?, ?, ?, ?, ?, 'done', ?)",
                    [message_id, place, parent, role, f"number {number}", now()],
                )
                parent = message_id
    full = TOKEN | {"top": [[number, " word", -1.234567] for number in range(8)]}
    with database(write=True) as connection:
        for number in range(1, 500, 2):
            insert_tokens(connection, f"{5000 + number:016x}", 0, json.dumps([full] * 80))
    start = time.perf_counter()
    _, messages = store.load("anna", chat)
    text = ",".join(message.to_json() for message in messages)
    seconds = time.perf_counter() - start
    assert len(messages) == 500 and len(text) > 5_000_000
    assert seconds < 2.0, f"{seconds:.2f} s"
    assert len(store.path("anna", f"{32999:016x}")) == 3000
    assert store.remove_branch("anna", f"{30000:016x}")[0] == 3000


# ---- search ----------------------------------------------------------------------------------------------------------


def found(query: str, user: str = "anna") -> list[str]:
    return [chat["title"] for chat in search.chats(user, query, 50, 0)[0]]


def test_search_finds_words_parts_and_titles() -> None:
    for title, text in (
        ("one", "The cats were running over the bridge of Élan"),
        ("two", "It's unbelievable, isn't it?"),
        ("three", "東京都に住んでいます"),
        ("Bridge party", "nothing here"),
    ):
        turn(store.create("anna", title=title)["id"], None, text)
    assert found("cat") == ["one"] and found("run BRIDGE") == ["one"] and found("elan") == ["one"]
    assert found("believ") == ["two"] and found("isn't") == ["two"] and found("it's un") == ["two"]
    assert found("東京") == ["three"] and found("住んで") == ["three"] and found("京") == ["three"]
    assert found("bridge") == ["Bridge party", "one"], "the newest first"
    assert found("bridge party") == ["Bridge party"] and found("cats party") == []
    assert found("bridge", "ben") == []
    assert len(found("")) == 4 and search.chats("anna", "", 2, 1)[1] == 4
    page, total = search.chats("anna", "bridge", 1, 1)
    assert total == 2 and page[0]["title"] == "one" and "the bridge of" in page[0]["snippet"]
    assert search.around("a" * 200 + " NEEDLE " + "b" * 200, "needle").count("\u2026") == 2
    turn(store.create("anna", title="long")["id"], None, "word " * 400 + "haystack " + "word " * 400)
    for query in ("haystack", "aystac"):
        (chat,) = search.chats("anna", query, 50, 0)[0]
        assert "haystack" in chat["snippet"] and len(chat["snippet"]) < 160


def test_no_query_is_syntax() -> None:
    turn(store.create("anna", title="t")["id"], None, "foo 'bar' AND (baz) OR foo* NEAR/2 \"x\" -y: ^z {a b} c+d")
    marks = string.punctuation + "\0\x01\n\t"
    for mark in marks:
        for query in (mark, mark * 3, f"foo{mark}bar", f"foo {mark} bar", f"{mark}foo{mark}"):
            search.chats("anna", query, 50, 0)
    for one, other in itertools.product("\"'*()-:^+", repeat=2):
        search.chats("anna", f"{one}{other}foo", 50, 0)
    for query in ("AND", "OR NOT", "NEAR(a b)", "content:foo", "foo AND", '"unclosed', "foo*", "🦆" * 5, "a" * 900):
        search.chats("anna", query, 50, 0)
    for query in ("'bar'", "(baz)", "foo*", '"x"', "{a", "c+d", "%"):
        assert found(query) == ([] if query == "%" else ["t"]), query


# ---- export and import -----------------------------------------------------------------------------------------------


def written(user: str = "anna") -> dict:
    return json.loads("".join(transfer.export(user)))


def without_time(document: dict) -> dict:
    return {name: value for name, value in document.items() if name != "exported"}


def filled() -> dict:
    """What anna wrote: a tree, tokens, a rating, judgements with a repeat."""
    chat = store.create("anna", model="pip/sft", system="Be <kind>.")["id"]
    first, one = turn(chat, None, "<script>alert(1)</script> 🦆 \u2028", tokens=3)
    turn(chat, one.id, "More?", tokens=0)
    store.finish(replace(store.add_answer("anna", first.id, None, {"seed": 2}), status="error", error="No <room>."))
    store.rate("anna", one.id, {"verdict": "down", "reasons": ["made up"]})
    store.create("anna", title="Empty")
    prompt = ({"role": "user", "content": "Who?"},)
    number = PreferenceStore().add(Judgement(prompt, "a", "b", "left", annotator="anna", model="pip", left_seed=7))
    PreferenceStore().add(Judgement(prompt, "b", "a", "right", annotator="anna", model="pip", repeat_of=number))
    PreferenceStore().add(Judgement(prompt, "secret", "b", "left", annotator="ben", model="pip"))
    return written()


def test_everything_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = filled()
    assert "secret" not in json.dumps(document)
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(0, 0, 0, 2 + 6 + 2)
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "other"))
    PreferenceStore().add(Judgement(({"role": "user", "content": "x"},), "a", "b", "left"))  # other numbers
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(2, 6, 2, 0)
    again = written()
    numbers = [j["id"] for j in again["judgements"]]
    assert numbers == [2, 3] and again["judgements"][1]["repeat_of"] == 2
    for one, other in zip(again["judgements"], document["judgements"], strict=True):
        one |= {"id": other["id"], "repeat_of": other["repeat_of"]}
    for one, other in zip(again["chats"], document["chats"], strict=True):
        assert one == other
    assert without_time(again) == without_time(document)
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(0, 0, 0, 10)
    grown = store.load("anna", document["chats"][0]["id"])[1][-1]
    turn(document["chats"][0]["id"], grown.id, "And?")
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(0, 0, 0, 10)
    assert len(store.load("anna", document["chats"][0]["id"])[1]) == 8, "what came after is not lost"


def test_judgements_are_known_in_a_copy_that_another_program_wrote_anew() -> None:
    prompt, params = ({"role": "user", "content": "Who?"},), {"top_p": 0.95, "temperature": 1.0, "members": [2.0]}
    PreferenceStore().add(Judgement(prompt, "a", "b", "left", annotator="anna", model="pip", params=params))
    document = written()
    document["judgements"][0]["params"] = {"temperature": 1, "members": [2], "top_p": 0.95}  # as a browser writes it
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(0, 0, 0, 1)
    document["judgements"][0]["params"]["top_p"] = 0.9
    assert transfer.restore("anna", json.dumps(document).encode()) == transfer.Imported(0, 0, 1, 0)


def test_what_others_have_gets_new_ids_and_stays_theirs() -> None:
    document = filled()
    text = json.dumps(document).encode()
    assert transfer.restore("ben", text) == transfer.Imported(2, 6, 2, 0)
    assert transfer.restore("ben", text) == transfer.Imported(0, 0, 0, 10), "the second time they are known"
    theirs, mine = written("ben"), written("anna")
    assert without_time(mine) == without_time(document)
    ids = {m["id"] for chat in mine["chats"] for m in chat["messages"]}
    assert not ids & {m["id"] for chat in theirs["chats"] for m in chat["messages"]}
    said, copied = ([m["content"] for m in each["chats"][0]["messages"]] for each in (mine, theirs))
    assert said == copied
    assert {j["annotator"] for j in theirs["judgements"]} == {"ben"}, "nobody judges in another's name"


BREAK = {
    "kind": lambda d: d.update(kind="other"),
    "version": lambda d: d.update(version=2),
    "chats": lambda d: d.pop("chats"),
    "chats.0.id": lambda d: d["chats"][0].update(id="../../etc"),
    "chats.0.created": lambda d: d["chats"][0].update(created="today"),
    "chats.0.messages.1": lambda d: d["chats"][0]["messages"][1].update(parent_id="f" * 16),
    "chats.0.messages.2": lambda d: d["chats"][0]["messages"][2].update(role="system"),
    "chats.0.messages.3": lambda d: d["chats"][0]["messages"][3].update(id=d["chats"][0]["messages"][1]["id"]),
    "chats.0.messages.2.tokens.0.id": lambda d: d["chats"][0]["messages"][2]["tokens"][0].update(id="x"),
    "chats.0.messages.2.rating.verdict": lambda d: d["chats"][0]["messages"][2]["rating"].update(verdict="left"),
    "chats.0": lambda d: d["chats"][0].update(active="f" * 16),
    "judgements": lambda d: d["judgements"][1].update(verdict="up"),
    "judgements.0.left_seed": lambda d: d["judgements"][0].update(left_seed=2**70),
    "judgements.0.prompt.0.role": lambda d: d["judgements"][0]["prompt"][0].pop("role"),
}


@pytest.mark.parametrize("where", BREAK)
def test_a_broken_document_adds_nothing(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = filled()
    BREAK[where](document)
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "other"))
    with pytest.raises(ApiError) as error:
        transfer.restore("anna", json.dumps(document).encode())
    assert error.value.status == 400 and error.value.param == where
    assert without_time(written()) == {"kind": "firstwords", "version": 1, "chats": [], "judgements": []}


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b'{"kind": "\\ud800"}', b"[" * 100_000, b'{"chats": NaN}'])
def test_what_is_no_document_is_refused(text: bytes) -> None:
    with pytest.raises(ApiError, match="not a firstwords export"):
        transfer.restore("anna", text)
