"""Teaching through the page: blind pairs, for one user, saved as `firstwords teach` saves them."""

from __future__ import annotations

import functools
import json

import pytest
from page_helpers import Listening, User

from firstwords import api, home
from firstwords.commands import shared
from firstwords.model.hub import stage_hash
from firstwords.preferences.records import Judgement
from firstwords.preferences.store import PreferenceStore
from firstwords.rlhf import pair_choice as teaching
from firstwords.stats import confidence_sequence
from firstwords.tokenizer.prompts import chat_ids

pytest_plugins = ("page_fixtures",)


def add_stage(stage: str, seed: int, card: dict | None = None) -> None:
    """Another stage of pip with weights of its own."""
    from firstwords.model.hub import save_model

    loaded = api.load("pip/sft")
    loaded.model.init_weights(seed)
    save_model(loaded.model, home.stage_dir("pip", stage), loaded.tokenizer, {"stage": stage, **(card or {})})


def pair(user: User, **body: object) -> dict:
    return user.post("/api/teach/pip/next", {"prompt": "What is it?"} | body)


def test_a_verdict_is_saved_with_all_that_repeats_it(page_anna: User) -> None:
    shown = pair(page_anna)
    assert set(shown) == {"pair_id", "prompt", "left", "right"} and shown["left"] != shown["right"]
    assert shown["prompt"] == [{"role": "user", "content": "What is it?"}]
    body = {"verdict": "right", "reasons": ["clear", "own words"]}
    judged = page_anna.post(f"/api/teach/pairs/{shown['pair_id']}", body)
    assert judged == {"saved": True, "decided": 1, "needed": 194, "sides": {"left": "pip/sft", "right": "pip/sft"}}
    (j,) = PreferenceStore().all()
    assert (j.left, j.right, j.verdict, j.reasons) == (shown["left"], shown["right"], "right", ("clear", "own words"))
    assert (j.annotator, j.model, j.kind) == ("anna", "pip", "pair")
    assert j.selection in ("uncertainty", "random") and j.params["random_share"] == 0.2  # no reward model yet
    assert j.left_stage == j.right_stage == stage_hash(home.stage_dir("pip", "sft"))
    loaded = api.load("pip/sft")
    ids = chat_ids(loaded.tokenizer, list(j.prompt))
    for text, seed in ((j.left, j.left_seed), (j.right, j.right_seed)):
        params = shared.sampling(max_tokens=80, temperature=1.0, top_p=1.0, seed=seed)
        assert loaded.engine().generate([ids], params)[0].text.strip() == text
    progress = page_anna.get("/api/teach/pip")
    assert {name: progress[name] for name in ("name", "stage", "judged", "decided", "needed", "ties", "usable")} == {
        "name": "pip",
        "stage": "pip/sft",
        "judged": 1,
        "decided": 1,
        "needed": 194,
        "ties": 0,
        "usable": 1,
    }
    assert progress["verdicts"] == {"right": 1} and progress["annotator"] == "anna" and "kind" in progress["reasons"]


def test_a_pair_is_its_users_and_is_judged_once(page_anna: User, page_ben: User) -> None:
    shown = pair(page_anna)
    path = f"/api/teach/pairs/{shown['pair_id']}"
    refused = page_ben.post(path, {"verdict": "left"}, 404)
    assert refused == page_ben.post(f"/api/teach/pairs/{'0' * 16}", {"verdict": "left"}, 404)
    page_anna.post(path, {"verdict": "up"}, 400)
    skipped = page_anna.post(path, {"verdict": "skip"})
    assert skipped["saved"] is False and skipped["sides"] is None
    page_anna.post(path, {"verdict": "left"}, 404)
    assert PreferenceStore().all() == []
    assert page_ben.get("/api/teach/pip")["judged"] == 0


def test_nothing_tells_which_side_is_whose(page_anna: User) -> None:
    add_stage("rlhf-1", 7)
    home.set_promoted("pip", "rlhf-1")
    new, old = (stage_hash(home.stage_dir("pip", stage)) for stage in ("rlhf-1", "sft"))
    for _ in range(12):
        shown = pair(page_anna, against="sft")
        text = json.dumps(shown)
        assert set(shown) == {"pair_id", "prompt", "left", "right"}
        assert not any(word in text for word in ("rlhf", "sft", new, old))
        judged = page_anna.post(f"/api/teach/pairs/{shown['pair_id']}", {"verdict": "left"})
        j = PreferenceStore().all()[-1]
        assert (j.params["temperature"], j.params["top_p"]) == (0.5, 0.95)  # two versions are compared as in a chat
        names = {new: "pip/rlhf-1", old: "pip/sft"}
        assert judged["sides"] == {"left": names[j.left_stage], "right": names[j.right_stage]}
    rows = [j for j in PreferenceStore().all() if j.repeat_of is None]
    assert {(j.left_stage, j.right_stage) for j in rows} == {(new, old), (old, new)}
    assert judged["decided"] == len(rows)
    for against, sentence in (("rlhf-1", "already the promoted stage"), ("base", "a base model, which cannot answer")):
        assert sentence in page_anna.post("/api/teach/pip/next", {"against": against}, 400)["error"]["message"]
    page_anna.post("/api/teach/pip/next", {"against": "rlhf-9"}, 404)
    page_anna.post("/api/teach/nope/next", {}, 404)


def test_ones_own_choices_between_two_stages_are_counted(page_anna: User, page_ben: User) -> None:
    add_stage("rlhf-1", 7)
    home.set_promoted("pip", "sft")
    path = "/api/teach/pip/tally?against=rlhf-1"
    nothing = {"stage": "pip/rlhf-1", "over": "pip/sft", "wins": 0, "losses": 0, "ties": 0}
    assert page_anna.get(path) == nothing | {"win_rate": None, "low": 0, "high": 1}
    new, old = (stage_hash(home.stage_dir("pip", stage)) for stage in ("rlhf-1", "sft"))

    def say(verdict: str, left: str, right: str, annotator: str = "anna", number: int = 0, **more: object) -> int:
        prompt = ({"role": "user", "content": f"What is it, number {number}?"},)
        values = {"model": "pip", "annotator": annotator, "left_stage": left, "right_stage": right} | more
        return PreferenceStore().add(Judgement(prompt, "One.", "Another.", verdict, **values))

    for number in range(9):  # the new one won nine times, on either side
        first = say(*("left", new, old) if number % 2 else ("right", old, new), number=number)
    say("left", old, new, number=9)
    say("tie", old, new, number=10)
    say("both_bad", new, old, number=11)
    say("left", new, old, number=8, repeat_of=first)
    say("left", new, old, selection="import")
    say("left", old, old)
    say("left", new, old, model="pop")
    say("left", old, new, "ben")
    say("left", new, old, params={"temperature": 1.0, "top_p": 1.0})  # people do not see such answers in a chat
    counted = page_anna.get(path)
    assert {key: counted[key] for key in ("wins", "losses", "ties")} == {"wins": 9, "losses": 1, "ties": 2}
    assert counted["win_rate"] == pytest.approx(10 / 12)
    low, high = confidence_sequence([1.0] * 9 + [0.0, 0.5, 0.5])
    assert 0.3 < counted["low"] == low[-1] < 0.7 and counted["high"] == high[-1] > 0.9
    assert {key: page_ben.get(path)[key] for key in ("wins", "losses", "ties")} == {"wins": 0, "losses": 1, "ties": 0}
    home.set_promoted("pip", "rlhf-1")
    turned = page_anna.get("/api/teach/pip/tally?against=sft")
    assert (turned["stage"], turned["over"], turned["wins"], turned["losses"]) == ("pip/sft", "pip/rlhf-1", 1, 9)
    assert (turned["low"], turned["high"]) == pytest.approx((1 - counted["high"], 1 - counted["low"]))
    for wrong, status in (("against=rlhf-1", 400), ("against=base", 400), ("against=rlhf-9", 404), ("against=", 400)):
        page_anna.get(f"/api/teach/pip/tally?{wrong}", status)


def test_earlier_pairs_come_back_swapped(page_anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "choose_repeat", functools.partial(teaching.choose_repeat, rate=1.0))
    add_stage("sft", 1, {"config": {"chats": ["world"]}})
    for _ in range(8):
        shown = page_anna.post("/api/teach/pip/next", {})
        assert set(shown) == {"pair_id", "prompt", "left", "right"}, "a repeat looks like any other"
        page_anna.post(f"/api/teach/pairs/{shown['pair_id']}", {"verdict": "left"})
    rows = {j.id: j for j in PreferenceStore().all()}
    again = [j for j in rows.values() if j.repeat_of is not None]
    assert len(again) == 4
    for j in again:
        first = rows[j.repeat_of]
        assert (j.left, j.right, j.prompt) == (first.right, first.left, first.prompt)


def test_what_is_asked(page_anna: User, page_ben: User, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = page_anna.post("/api/teach/pip/next", {}, 400)["error"]["message"]
    assert "there are no questions for pip yet" in nothing
    page_anna.say(page_anna.chat(model="pip/sft"), "Anna's question?", params={"max_tokens": 2})
    shown = page_anna.post("/api/teach/pip/next", {})
    assert shown["prompt"][-1]["content"] == "Anna's question?"
    page_anna.post(f"/api/teach/pairs/{shown['pair_id']}", {"verdict": "left"})
    page_ben.post("/api/teach/pip/next", {}, 400)
    assert pair(page_ben, prompt=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Mine?"}])
    for wrong in ("", " ", [], [{"role": "assistant", "content": "x"}], [{"role": "user", "content": ""}], 7):
        page_ben.post("/api/teach/pip/next", {"prompt": wrong}, 400)
    page_ben.post("/api/teach/pip/next", {"prompt": "word " * 400}, 400)


def test_a_model_that_has_made_up_its_mind(page_anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("firstwords.serve.lessons", fromlist=["PARAMS"]).PARAMS, "temperature", 0.0)
    said = page_anna.post("/api/teach/pip/next", {"prompt": "What is it?"}, 400)["error"]["message"]
    assert "no two different answers" in said
    assert page_anna.client.app.state.worker.num_open == 0


def test_pairs_come_while_others_chat(page_server: Listening, page_slow) -> None:
    page_slow(0.01)
    said = page_server.begin(max_tokens=60)
    shown = page_server.ask("POST", "/api/teach/pip/next", {"prompt": "What is it?"})
    assert shown["left"] != shown["right"]
    message = list(page_server.watch(said["assistant"]["id"]))[-1][1]["message"]
    loaded = api.load("pip/sft")
    ids = chat_ids(loaded.tokenizer, [{"role": "user", "content": "What is it?"}])
    params = shared.sampling(max_tokens=60, temperature=1.0, top_p=0.95, seed=3)
    assert message["content"] == loaded.engine().generate([ids], params)[0].text, "nobody took tokens of another"
