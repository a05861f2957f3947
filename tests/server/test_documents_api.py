"""Documents over HTTP: the page's routes, and `documents` in a chat completion, with the official client."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest
from openai import OpenAI
from page_helpers import Listening, User

from firstwords.retrieval import web
from firstwords.retrieval.answer import DONT_SAY

pytest_plugins = ("page_fixtures",)

HOUSE = "# The mill\n\nThe mill was built in 1832 by Johann Berger. Its wheel has a diameter of six metres.\n"
QUESTION = "When was the mill built?"


def upload(user: User, name: str = "house.md", text: str = HOUSE, **more: Any) -> dict[str, Any]:
    return user.post("/api/documents", {"name": name, "text": text, **more})


def test_a_document_is_added_opened_searched_asked_and_removed(page_anna: User) -> None:
    added = upload(page_anna)
    assert added["status"] == "added" and upload(page_anna)["status"] == "unchanged"
    number = added["document"]["id"]
    encoded = base64.b64encode(HOUSE.replace("1832", "1833").encode()).decode()
    changed = page_anna.post("/api/documents", {"name": "house.md", "base64": encoded})
    assert changed["status"] == "replaced"
    number = changed["document"]["id"]
    listed = page_anna.get("/api/documents")
    assert [d["source"] for d in listed["documents"]] == ["house.md"] and listed["collections"] == ["documents"]
    text = "".join(chunk["text"] for chunk in page_anna.get(f"/api/documents/{number}/chunks")["chunks"])
    (hit,) = page_anna.get("/api/documents/search?q=wheels")["passages"]
    assert text[hit["char_start"] : hit["char_end"]] == hit["text"]
    assert [hit["text"][start:end] for start, end in hit["marks"]] == ["wheel"]
    answer = page_anna.post("/api/documents/ask", {"question": QUESTION})
    (citation,) = answer["citations"]
    assert "1833" in answer["answer"] and text[citation["char_start"] : citation["char_end"]] == citation["quote"]
    assert page_anna.ask("DELETE", f"/api/documents/{number}") == {"removed": number}
    assert page_anna.get("/api/documents")["documents"] == []
    page_anna.get(f"/api/documents/{number}", status=404)


def test_other_users_documents_are_not_found(page_anna: User, page_ben: User) -> None:
    number = upload(page_anna, collection="private")["document"]["id"]
    for method, path in (("GET", ""), ("GET", "/chunks"), ("DELETE", "")):
        assert page_ben.ask(method, f"/api/documents/{number}{path}", status=404)["error"]["message"]
    assert page_ben.get("/api/documents")["documents"] == []
    assert page_ben.get("/api/documents/search?q=mill")["passages"] == []
    assert page_ben.get("/api/documents/search?q=mill&collection=private", status=404)
    assert page_ben.post("/api/documents/ask", {"question": QUESTION})["is_grounded"] is False
    body = {"messages": [{"role": "user", "content": QUESTION}], "documents": True}
    assert page_ben.post("/v1/chat/completions", body)["grounded"] is False
    assert page_anna.post("/v1/chat/completions", body)["grounded"] is True


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "a.md"}, "base64 or as text"),
        ({"name": "a.md", "text": "x", "base64": "eA=="}, "base64 or as text"),
        ({"name": "a.md", "base64": "?"}, "not base64"),
        ({"name": "a.txt", "text": " "}, "a.txt"),
        ({"name": "a.pdf", "text": "no pdf"}, "a.pdf is not a valid PDF file"),
        ({"name": "a.png", "text": "x"}, "a.png is a picture"),
        ({"name": "../../etc/x.zip", "text": "x"}, "../../etc/x.zip is an archive"),
    ],
)
def test_an_upload_that_cannot_be_read_gets_one_sentence(page_anna: User, body: dict[str, str], words: str) -> None:
    message = page_anna.post("/api/documents", body, status=400)["error"]["message"]
    assert words in message and "/tmp" not in message and "\n" not in message
    assert page_anna.get("/api/documents")["documents"] == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1/", "own network, which is not read unless the server was started with --allow-private"),
        ("http://127.0.0.1:8000/api/documents", "unless the server was started with --allow-private"),
        ("file:///etc/passwd", "is not an address of the web"),
        ("/etc/passwd", "is not an address of the web"),
        ("hf:wikitext", "is not an address of the web"),
        ("https://", "is not an address of the web"),
    ],
)
def test_a_page_that_is_not_read_gets_one_sentence(page_anna: User, url: str, words: str) -> None:
    message = page_anna.post("/api/documents/pages", {"url": url}, status=400)["error"]["message"]
    assert words in message and "\n" not in message
    assert page_anna.get("/api/documents")["documents"] == []
    page_anna.post("/api/documents/pages", {"url": ""}, status=400)


def test_a_page_belongs_to_the_user_who_added_it(
    page_anna: User, page_ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[tuple[str, bool]] = []

    def fetch(url: str, allow_private: bool) -> web.Page:
        fetched.append((url, allow_private))
        return web.Page(url, HOUSE.encode(), ".md", "The mill", "2026-01-02T03:04:05Z")

    monkeypatch.setattr(web, "fetch", fetch)
    body = {"url": " https://mill.test/ ", "collection": "web"}
    added = page_anna.post("/api/documents/pages", body)
    assert added["status"] == "added" and added["document"]["as_of"] == "2026-01-02T03:04:05Z"
    assert page_anna.post("/api/documents/pages", body)["status"] == "unchanged"
    assert fetched == [("https://mill.test/", False)] * 2
    answer = page_anna.post("/api/documents/ask", {"question": QUESTION})
    assert answer["citations"][0]["source"] == "https://mill.test/" and answer["citations"][0]["as_of"]
    assert page_ben.get("/api/documents")["documents"] == []


@pytest.mark.parametrize("path", ["/search?q=", "/search?q=x&limit=0", "/x", "/99999999999999999999", "/0/chunks"])
def test_bad_requests_are_refused(page_anna: User, path: str) -> None:
    answer = page_anna.client.get(f"/api/documents{path}", headers=page_anna.headers)
    assert answer.status_code in (400, 404, 422) and answer.json()["error"]["message"]


@pytest.fixture
def client(page_server: Listening) -> OpenAI:
    page_server.ask("POST", "/api/documents", {"name": "house.md", "text": HOUSE, "collection": "house"})
    return OpenAI(base_url=f"http://127.0.0.1:{page_server.port}/v1", api_key="none", max_retries=0)


def ask(client: OpenAI, question: str = QUESTION, **more: Any) -> Any:
    documents = more.pop("documents", True)
    messages = [{"role": "user", "content": question}]
    body = {"documents": documents}
    return client.chat.completions.create(model="pip", messages=messages, extra_body=body, **more)


def test_the_official_client_gets_citations(client: OpenAI) -> None:
    for documents in (True, "house"):
        reply = ask(client, documents=documents)
        assert "1832" in reply.choices[0].message.content and reply.choices[0].finish_reason == "stop"
        (citation,) = reply.citations
        assert citation["quote"] in HOUSE and citation["source"] == "house.md" and reply.grounded is True
        assert reply.passages[0]["is_used"] and reply.usage.completion_tokens > 0
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == reply.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None, "stop"]
    assert [c.citations for c in chunks if c.model_extra.get("citations")] == [reply.citations]
    assert chunks[-1].usage.total_tokens == reply.usage.total_tokens


def test_without_an_answer_it_says_so(client: OpenAI) -> None:
    reply = ask(client, "Who is the president of Mars?")
    assert reply.choices[0].message.content == DONT_SAY and reply.grounded is False and reply.citations == []


def test_documents_are_off_by_default(client: OpenAI) -> None:
    for documents in (None, False):
        reply = ask(client, documents=documents, max_tokens=5)
        assert "citations" not in reply.model_extra


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"documents": "hose"}, 404, "there is no collection hose: there are house"),
        ({"documents": [{"text": "x"}]}, 400, "documents must be true, or the name of a collection"),
        ({"n": 2}, 400, "n can't be combined with documents"),
        ({"logprobs": True}, 400, "logprobs can't be combined"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format can't be combined"),
        ({"presence_penalty": 1.0}, 400, "presence_penalty is not supported"),
    ],
)
def test_what_cannot_be_combined_is_refused(client: OpenAI, more: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **more)
    assert caught.value.status_code == status and words in str(caught.value)


# ---- in a chat of the page -------------------------------------------------------------------------------------------


def test_a_chat_answers_from_documents_and_keeps_the_sources(page_anna: User, page_ben: User) -> None:
    upload(page_anna)
    chat = page_anna.chat()
    answer = page_anna.say(chat, QUESTION, documents=True)["assistant"]
    assert answer["status"] == "done" and "1832" in answer["content"] and answer["tokens"] is None
    sources = answer["sources"]
    (citation,) = sources["citations"]
    assert sources["kind"] == "extractive" and citation["quote"] in HOUSE and sources["passages"][0]["is_used"]
    page_anna.ask("DELETE", f"/api/documents/{citation['document_id']}")
    kept = page_anna.get(f"/api/chats/{chat}")["messages"][-1]
    assert kept["sources"] == sources and kept["params"]["documents"] is True
    ben = page_ben.say(page_ben.chat(), QUESTION, documents=True)["assistant"]
    assert ben["content"] == DONT_SAY and ben["sources"]["passages"] == []


def test_below_the_gate_the_model_answers_from_memory_when_asked_to(page_anna: User) -> None:
    upload(page_anna)
    answer = page_anna.say(page_anna.chat(), "Who is the president of Mars?", documents=True)["assistant"]
    assert answer["content"] == DONT_SAY and answer["sources"]["kind"] == "none"
    again = page_anna.post(f"/api/messages/{answer['id']}/regenerate")["assistant"]
    assert page_anna.end(again["id"])["content"] == DONT_SAY  # the same place again
    memory = page_anna.post(f"/api/messages/{answer['id']}/regenerate", {"documents": False})["assistant"]
    assert memory["sources"]["kind"] == "memory"  # labelled while it is being written
    ended = page_anna.end(memory["id"])
    assert ended["sources"] == memory["sources"] and ended["tokens"] and ended["content"] != DONT_SAY
    body = {"index": 1, "token_id": ended["tokens"][1]["top"][-1][0]}
    branch = page_anna.post(f"/api/messages/{memory['id']}/branch", body)["assistant"]
    assert page_anna.end(branch["id"])["sources"]["kind"] == "memory"
    back = page_anna.post(f"/api/messages/{memory['id']}/regenerate", {"documents": True})["assistant"]
    assert page_anna.end(back["id"])["sources"]["kind"] == "none"


def test_a_thumb_for_a_quotation_teaches_the_model_nothing(page_anna: User) -> None:
    upload(page_anna)
    quoted = page_anna.say(page_anna.chat(), QUESTION, documents=True)["assistant"]
    rated = page_anna.post(f"/api/messages/{quoted['id']}/rating", {"verdict": "up"})["message"]
    assert rated["rating"]["verdict"] == "up" and page_anna.get("/api/export")["judgements"] == []
    written = page_anna.say(page_anna.chat(), QUESTION)["assistant"]
    page_anna.post(f"/api/messages/{written['id']}/rating", {"verdict": "up"})
    assert len(page_anna.get("/api/export")["judgements"]) == 1


def test_an_unknown_collection_is_said_before_anything_is_saved(page_anna: User) -> None:
    upload(page_anna, collection="house")
    chat = page_anna.chat()
    body = {"content": QUESTION, "documents": "hose"}
    error = page_anna.post(f"/api/chats/{chat}/messages", body, status=404)["error"]
    assert error["message"] == "there is no collection hose: there are house"
    assert page_anna.get(f"/api/chats/{chat}")["messages"] == []


def test_sources_are_exported_and_imported_but_not_damaged_ones(page_anna: User, page_ben: User) -> None:
    upload(page_anna)
    page_anna.say(page_anna.chat(), QUESTION, documents=True)
    document = page_anna.get("/api/export")
    page_ben.post("/api/import", document)
    (chat,) = page_ben.get("/api/chats")["chats"]
    copied = page_ben.get(f"/api/chats/{chat['id']}")["messages"][-1]
    assert copied["sources"] == document["chats"][0]["messages"][-1]["sources"]
    document["chats"][0]["messages"][-1]["sources"]["passages"][0]["text"] = 5
    assert "sources.passages.0.text" in page_ben.post("/api/import", document, status=400)["error"]["message"]


def test_an_export_without_sources_is_from_an_earlier_version(page_anna: User, page_ben: User) -> None:
    page_anna.say(page_anna.chat(), "Hello!")
    document = page_anna.get("/api/export")
    for message in document["chats"][0]["messages"]:
        del message["sources"]
    assert page_ben.post("/api/import", document)["messages"] == 2
