"""The page's API in one process: whose a chat is, what somebody thinks of an answer, and who may come in."""

from __future__ import annotations

import json
from pathlib import Path

from page_helpers import KEYS, User, running
from starlette.testclient import TestClient

from firstwords import home
from firstwords.preferences.store import PreferenceStore
from firstwords.serve.settings import Settings

pytest_plugins = ("page_fixtures",)


# ---- whose it is -----------------------------------------------------------------------------------------------------

CHAT = (
    ("GET", "", None),
    ("PATCH", "", {"title": "mine"}),
    ("DELETE", "", None),
    ("POST", "/messages", {"content": "Hi"}),
)
MESSAGE = (
    ("GET", "/stream", None),
    ("POST", "/stop", {}),
    ("POST", "/regenerate", {}),
    ("DELETE", "", None),
    ("POST", "/branch", {"index": 0, "token_id": 5}),
    ("POST", "/rating", {"verdict": "up"}),
    ("POST", "/fork", {}),
    ("POST", "/trace", {}),
    ("POST", "/tool", {"content": "391"}),
)


def test_what_is_somebody_elses_is_not_there(page_anna: User, page_ben: User) -> None:
    chat = page_anna.chat(model="pip/sft", system="My secret.")
    said = page_anna.say(chat, "A secret question?")
    before = page_anna.get(f"/api/chats/{chat}")
    mine = page_ben.chat(model="pip/sft")
    paths = [(method, f"/api/chats/{chat}{rest}", body) for method, rest, body in CHAT]
    ids = [said["user"]["id"], said["assistant"]["id"], before["messages"][0]["id"]]
    paths += [(method, f"/api/messages/{i}{rest}", body) for i in ids for method, rest, body in MESSAGE]
    for i in ids:
        paths.append(("POST", f"/api/chats/{mine}/messages", {"content": "Hi", "parent_id": i}))
        paths.append(("PATCH", f"/api/chats/{mine}", {"active": i}))
    for method, path, body in paths:
        answer = page_ben.ask(method, path, body, 404)
        assert "secret" not in json.dumps(answer), path
        unknown = path.replace(chat, "0" * 16)
        for i in ids:
            unknown = unknown.replace(i, "0" * 16)
        if unknown != path:
            assert page_ben.ask(method, unknown, body, 404) == answer, "as what nobody has"
    assert page_ben.get("/api/chats?q=secret") == {"chats": [], "total": 0}
    assert "secret" not in json.dumps(page_ben.get("/api/export"))
    assert page_anna.get(f"/api/chats/{chat}") == before and PreferenceStore().all() == []


def test_the_routes_of_the_page_are_all_tried_with_two_users(page_client: TestClient) -> None:
    paths = page_client.get("/openapi.json", headers={"Authorization": f"Bearer {next(iter(KEYS))}"}).json()["paths"]
    with_ids = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api/") and ("{chat_id}" in path or "{message_id}" in path)
    }
    tried = {(method, "/api/chats/{chat_id}" + rest) for method, rest, _ in CHAT}
    tried |= {(method, "/api/messages/{message_id}" + rest) for method, rest, _ in MESSAGE}
    assert with_ids == tried


def test_an_export_comes_back_and_what_is_wrong_in_it_is_said(page_anna: User, page_ben: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    said = page_anna.say(chat, "What is it? 🦆")
    page_anna.post(f"/api/messages/{said['assistant']['id']}/rating", {"verdict": "up", "reasons": ["true"]})
    document = page_anna.client.get("/api/export", headers=page_anna.headers)
    assert "attachment" in document.headers["content-disposition"]
    headers = page_anna.headers | {"Content-Type": "application/json"}
    before = page_anna.get(f"/api/chats/{chat}")
    page_anna.ask("DELETE", f"/api/chats/{chat}")
    back = page_anna.client.post("/api/import", content=document.content, headers=headers).json()
    assert back == {"chats": 1, "messages": 2, "judgements": 0, "skipped": 1}
    assert page_anna.get(f"/api/chats/{chat}") == before
    page_ben.get(f"/api/chats/{chat}", 404)
    assert page_ben.post("/api/import", document.json())["chats"] == 1
    wrong = page_anna.post("/api/import", document.json() | {"version": 9}, 400)["error"]
    assert wrong["param"] == "version" and "not a firstwords export" in wrong["message"]


# ---- ratings ---------------------------------------------------------------------------------------------------------


def test_a_rating_is_a_thumb_of_the_log(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft", system="Be kind.")
    first = page_anna.say(chat, "What is it?")
    answer = first["assistant"]
    path = f"/api/messages/{answer['id']}/rating"
    rated = page_anna.post(path, {"verdict": "down", "reasons": ["made up", "own words"]})["message"]
    assert rated["rating"] == {"verdict": "down", "reasons": ["made up", "own words"]}
    (thumb,) = PreferenceStore().all()
    assert thumb.prompt == ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is it?"})
    assert (thumb.kind, thumb.verdict, thumb.left) == ("thumb", "down", answer["content"].strip())
    assert (thumb.left_stage, thumb.left_seed) == (answer["stage_hash"], answer["params"]["seed"])
    assert (thumb.annotator, thumb.model, thumb.selection) == ("anna", "pip", "thumbs")
    assert thumb.reasons == ("made up", "own words") and thumb.params["left"] == "pip/sft"
    again = page_anna.end(page_anna.post(f"/api/messages/{answer['id']}/regenerate")["assistant"]["id"])
    page_anna.post(f"/api/messages/{again['id']}/rating", {"verdict": "up"})
    (preference,) = PreferenceStore().preferences("pip")
    assert (preference.chosen, preference.rejected) == (again["content"].strip(), answer["content"].strip())
    assert page_anna.post(path, {"verdict": None})["message"]["rating"] is None
    assert PreferenceStore().preferences("pip") == [] and len(PreferenceStore().all()) == 3
    page_anna.post(path, {"verdict": None})
    assert len(PreferenceStore().all()) == 3, "there was nothing to take back"
    page_anna.post(path, {"verdict": "left"}, 400)
    page_anna.post(f"/api/messages/{first['user']['id']}/rating", {"verdict": "up"}, 400)


# ---- sessions, models ------------------------------------------------------------------------------------------------


def test_a_browser_comes_in_with_a_key_and_a_cookie(page_client: TestClient) -> None:
    assert page_client.get("/api/state").json().keys() == {"version", "needs_key", "keyed_in"}
    assert page_client.get("/api/chats").status_code == 401
    wrong = page_client.post("/api/session", json={"key": "nobody-has-this"})
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    right = page_client.post("/api/session", json={"key": "anna-has-a-key"})
    flags = [part.strip().lower() for part in right.headers["set-cookie"].split(";")][1:]
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert "anna-has-a-key" not in right.headers["set-cookie"]
    state = page_client.get("/api/state").json()
    assert state["user"] == "anna" and state["keyed_in"] and state["needs_key"] and state["has_models"]
    assert state["default_model"] == "pip/sft" and state["public"] is False and state["cores"] >= 1
    assert page_client.get("/api/chats").status_code == 200
    token = page_client.cookies["firstwords_session"]
    assert page_client.delete("/api/session").json() == {"keyed_in": False}
    page_client.cookies.set("firstwords_session", token)
    assert page_client.get("/api/chats").status_code == 401, "the server has forgotten it"


def test_without_keys_everybody_is_the_owner(empty_home: Path) -> None:
    with running(Settings()) as client:
        state = client.get("/api/state").json()
        assert (state["user"], state["needs_key"], state["has_models"]) == ("owner", False, False)
        assert state["default_model"] is None
        assert client.post("/api/session", json={"key": ""}).status_code == 200
        assert client.get("/api/models").json()["models"] == []
        chat = client.post("/api/chats", json={}).json()["id"]
        said = client.post(f"/api/chats/{chat}/messages", json={"content": "Hi"})
        assert said.status_code == 404 and "firstwords learn" in said.json()["error"]["message"]
        rebound = client.get("/api/chats", headers={"Host": "evil.test"})
        assert rebound.status_code == 400


def test_models_are_listed_promoted_and_rolled_back(page_anna: User) -> None:
    found = page_anna.get("/api/models")
    (model,) = found["models"]
    assert (model["name"], model["promoted"], model["trained_at"]) == ("pip", "sft", "2026-01-02T03:04:05Z")
    base, sft = model["stages"]
    assert (base["form"], sft["form"]) == ("text", "chat") and base["metrics"] == {"bits_per_byte": 2.5}
    assert (sft["layers"], sft["hidden"], sft["context"]) == (2, 64, 160) and sft["params"] > 1000
    assert model["rollback"] is None  # a base model is never gone back to unasked
    assert model["knows_world"] is False  # so the page offers no measurement about Plumwick
    assert "no earlier promotion" in page_anna.post("/api/models/pip/rollback", {}, 400)["error"]["message"]
    changed = page_anna.post("/api/models/pip/promote", {"stage": "base"})
    assert (changed["promoted"], changed["was"], changed["rollback"]) == ("base", "sft", "sft")
    assert home.promoted("pip") == "base"
    undone = page_anna.post("/api/models/pip/rollback")
    assert (undone["promoted"], undone["was"]) == ("sft", "base") and home.promoted("pip") == "sft"
    page_anna.post("/api/models/pip/promote", {"stage": "base"})
    page_anna.post("/api/models/pip/promote", {"stage": "sft"})
    undone = page_anna.post("/api/models/pip/rollback", {"to": "base"})
    assert (undone["promoted"], undone["was"]) == ("base", "sft")  # asked for by name
    assert "did not use rlhf-9" in page_anna.post("/api/models/pip/rollback", {"to": "rlhf-9"}, 400)["error"]["message"]
    assert page_anna.post("/api/models/pip/promote", {"stage": "sft"})["promoted"] == "sft" == home.promoted("pip")
    for name, stage in (("pip", "rlhf-9"), ("pip", "../pip/sft"), ("nope", "sft"), ("..", "sft")):
        page_anna.post(f"/api/models/{name}/promote", {"stage": stage}, 404)
