"""Trace over HTTP: a text, its tokens, and an answer of a chat."""

from __future__ import annotations

from page_helpers import Listening, User

from firstwords import home
from firstwords.data.shards import write_ids
from firstwords.retrieval import trace
from firstwords.tokenizer.fast import Tokenizer

pytest_plugins = ("page_fixtures",)

TEXT = "The cat is on the mat. My name is Pip."


def index(*texts: str) -> Tokenizer:
    """Index texts as what pip/base learned from."""
    base = home.stage_dir("pip", "base")
    tokenizer = Tokenizer.load(base)
    write_ids([tokenizer.encode(text) for text in texts], tokenizer, home.run_dir("pip", "base") / trace.TOKENS)
    trace.index(trace.corpora(base)[0], tokenizer)
    return tokenizer


def test_only_the_owner_of_a_server_with_several_users_reads_the_training_text(
    page_anna: User, page_server: Listening
) -> None:
    index(TEXT)
    (span,) = page_anna.post("/api/trace", {"model": "pip", "text": TEXT})["spans"]
    assert span["count"] == 1 and span["places"][0]["samples"] == []
    (span,) = page_server.ask("POST", "/api/trace", {"model": "pip", "text": TEXT})["spans"]  # no keys: one user
    assert [sample["text"] for sample in span["places"][0]["samples"]] == [TEXT]


def test_a_text_and_its_tokens_are_traced(page_anna: User) -> None:
    tokenizer = index(TEXT, "The dog is on the mat.")
    by_text = page_anna.post("/api/trace", {"model": "pip", "text": "is on the mat."})
    (span,) = by_text["spans"]
    assert span["text"].strip() == "is on the mat." and span["count"] == 2
    assert by_text["searched"][0]["documents"] == 2 and by_text["missing"] == [{"stage": "sft", "kind": "chats"}]
    by_ids = page_anna.post("/api/trace", {"model": "pip", "ids": tokenizer.encode(" is on the mat.")})
    assert by_ids["spans"] == by_text["spans"]


def test_without_an_index_it_says_that_nothing_was_searched(page_anna: User) -> None:
    traced = page_anna.post("/api/trace", {"model": "pip/base", "text": TEXT})
    assert traced["searched"] == traced["spans"] == traced["unseen"] == []
    assert traced["missing"] == [{"stage": "base", "kind": "text"}]
    index(TEXT)  # the next request finds it
    assert page_anna.post("/api/trace", {"model": "pip/base", "text": TEXT})["spans"][0]["count"] == 1


def test_bad_requests_are_refused(page_anna: User) -> None:
    for body, status in (
        ({}, 400),
        ({"text": "a", "ids": [1]}, 400),
        ({"ids": [10**6]}, 400),
        ({"text": "a", "model": "nobody"}, 404),
        ({"ids": [-1]}, 400),
    ):
        assert page_anna.post("/api/trace", body, status=status)["error"]["message"]


def test_an_answer_is_traced_by_its_own_tokens_and_only_for_its_owner(page_anna: User, page_ben: User) -> None:
    chat = page_anna.chat()
    answer = page_anna.say(chat, "Hello!")["assistant"]
    ids = [token["id"] for token in answer["tokens"]]
    tokenizer = Tokenizer.load(home.stage_dir("pip", "base"))
    write_ids([ids], tokenizer, home.run_dir("pip", "base") / trace.TOKENS)
    trace.index(trace.corpora(home.stage_dir("pip", "base"))[0], tokenizer)
    traced = page_anna.post(f"/api/messages/{answer['id']}/trace")
    assert len(traced["tokens"]) == len(ids) and traced["unseen"] == []
    page_ben.post(f"/api/messages/{answer['id']}/trace", status=404)
    question = page_anna.get(f"/api/chats/{chat}")["messages"][0]
    page_anna.post(f"/api/messages/{question['id']}/trace", status=400)


def test_an_answer_of_earlier_weights_is_not_traced(page_anna: User) -> None:
    index(TEXT)
    page_anna.say(page_anna.chat(), "Hello!")
    export = page_anna.get("/api/export")
    message = export["chats"][0]["messages"][-1]
    message |= {"id": "0" * 16, "stage_hash": "f" * 64}
    export["chats"][0]["active"] = message["id"]
    page_anna.post("/api/import", export)
    error = page_anna.post(f"/api/messages/{message['id']}/trace", status=409)["error"]
    assert "trained again since" in error["message"]
