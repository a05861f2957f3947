"""Teaching live through the page's API: each choice is learned at once, can be undone, and survives a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from manners import prompts
from page_helpers import KEYS, User, running, until
from starlette.testclient import TestClient

from firstwords import home
from firstwords.keeping import locks
from firstwords.preferences.store import PreferenceStore
from firstwords.rlhf.live import session as sessions
from firstwords.serve.settings import Settings

pytest_plugins = ("manners_fixtures", "page_fixtures")


@pytest.fixture
def live_client(manners_home: Path) -> Iterator[TestClient]:
    with running(Settings(keys=KEYS)) as client:
        yield client


@pytest.fixture
def anna(live_client: TestClient) -> User:
    return User(live_client, "anna")


def choose(user: User, number: int = 0, verdict: str = "left") -> dict:
    """A live pair about one of the model's questions, judged."""
    shown = user.post("/api/teach/pip/next", {"live": True, "prompt": prompts()[number][0]["content"]})
    assert set(shown) == {"pair_id", "prompt", "left", "right"} and shown["left"] != shown["right"]
    judged = user.post(f"/api/teach/pairs/{shown['pair_id']}", {"verdict": verdict})
    return judged | {"shown": shown}


def test_each_choice_is_learned_at_once(anna: User) -> None:
    offered = {"is_available": True, "is_default": True, "reason": "", "choices": 0}
    assert anna.get("/api/teach/pip/live") == offered
    begun = anna.post("/api/teach/pip/live")
    assert (begun["stage"], begun["choices"], begun["undo"], begun["redo"]) == ("sft", 0, 0, 0)
    assert begun["check"]["sentence"].startswith("still sure of ") and not begun["check"]["is_harmed"]
    judged = choose(anna)
    step, shown = judged["live"], judged["shown"]
    assert judged["saved"] and judged["not_learned"] == "" and step["outcome"] in ("learned", "gently")
    assert judged["sides"] == {"left": "pip/live", "right": "pip/live"}
    assert (step["choices"], step["undo"], step["redo"]) == (1, 1, 0) and step["prompt"] == shown["prompt"]
    chosen, rejected = (step["probabilities"][side] for side in ("chosen", "rejected"))
    assert (chosen["text"], rejected["text"]) == (shown["left"], shown["right"])
    assert chosen["after"] / rejected["after"] > chosen["before"] / rejected["before"]
    assert all(0 < side[when] < 1 for side in (chosen, rejected) for when in ("before", "after")) and step["answer"]
    (j,) = PreferenceStore().all("pip", "anna")
    assert j.verdict == "left" and len(j.left_stage) == 64 and j.selection in ("uncertainty", "random")
    assert anna.get("/api/teach/pip/live")["choices"] == 1
    again = choose(anna, 1)
    assert again["live"]["choices"] == 2 and PreferenceStore().all("pip")[1].left_stage != j.left_stage


def test_undo_redo_and_starting_over(anna: User) -> None:
    first = choose(anna)["live"]
    undone = anna.post("/api/teach/pip/live/undo")
    assert undone["outcome"] == "undone" and (undone["choices"], undone["undo"], undone["redo"]) == (0, 0, 1)
    back, there = undone["probabilities"]["chosen"], first["probabilities"]["chosen"]
    assert (back["before"], back["after"]) == pytest.approx((there["after"], there["before"]))
    assert "there is no choice to undo" in anna.post("/api/teach/pip/live/undo", status=400)["error"]["message"]
    redone = anna.post("/api/teach/pip/live/redo")
    assert redone["outcome"] == "redone" and redone["probabilities"]["chosen"]["after"] == there["after"]
    assert "no undone choice" in anna.post("/api/teach/pip/live/redo", status=400)["error"]["message"]
    assert anna.ask("DELETE", "/api/teach/pip/live") == {"forgotten": True}
    assert anna.post("/api/teach/pip/live")["choices"] == 0 and len(PreferenceStore().all("pip")) == 1


def test_ties_and_two_stages_teach_nothing(anna: User) -> None:
    judged = choose(anna, verdict="tie")
    assert judged["live"] is None and judged["not_learned"].startswith("Nothing to learn") and judged["saved"]
    assert choose(anna, verdict="skip").get("live") is None
    assert (
        "answers alone" in anna.post("/api/teach/pip/next", {"live": True, "against": "sft"}, 400)["error"]["message"]
    )
    shown = anna.post("/api/teach/pip/next", {"prompt": "What colour is the cat?"})
    assert "live" not in anna.post(f"/api/teach/pairs/{shown['pair_id']}", {"verdict": "left"}), "only where asked for"


def test_a_lesson_survives_the_server(manners_home: Path) -> None:
    with running(Settings(keys=KEYS)) as client:
        choose(User(client, "anna"))
        taught = choose(User(client, "anna"), 1)["live"]
    with running(Settings(keys=KEYS)) as client:
        anna, ben = User(client, "anna"), User(client, "ben")
        state = anna.post("/api/teach/pip/live")
        assert state["choices"] == 2 and state["check"] == taught["check"]
        undone = anna.post("/api/teach/pip/live/undo")
        chosen = taught["probabilities"]["chosen"]
        assert undone["probabilities"]["chosen"]["before"] == pytest.approx(chosen["after"], rel=1e-4)
        assert ben.post("/api/teach/pip/live")["choices"] == 0


def test_a_choice_made_while_the_model_is_trained_is_saved_and_not_learned(anna: User) -> None:
    choose(anna)
    with locks.held(["pip"], "align"):
        judged = choose(anna, 1)
        assert judged["saved"] and judged["live"] is None
        assert judged["not_learned"].startswith("Saved, but not learned: `firstwords align` is working on pip")
        assert "working on pip" in anna.post("/api/teach/pip/live/undo", status=400)["error"]["message"]
    assert len(PreferenceStore().all("pip")) == 2 and choose(anna, 2)["live"]["choices"] == 2


def test_a_model_that_cannot_be_taught_live_says_why(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_PARAMS", 1000)
    offered = anna.get("/api/teach/pip/live")
    assert not offered["is_available"] and not offered["is_default"] and "million parameters" in offered["reason"]
    assert "million parameters" in anna.post("/api/teach/pip/live", status=400)["error"]["message"]
    anna.get("/api/teach/nope/live", 404)


def test_what_was_taught_is_kept_after_a_comparison(anna: User) -> None:
    assert "nothing has been taught" in anna.post("/api/teach/pip/live/keep", status=400)["error"]["message"]
    choose(anna)
    assert anna.post("/api/teach/pip/live/keep")["command"] == "teach"
    run = until(lambda: (found := anna.get("/api/runs/pip"))["state"] != "running" and found, seconds=240)
    assert run["state"] == "done", run
    result = run["result"]
    assert (result["stage"], result["before"], result["promoted"]) == ("rlhf-1", "sft", False)
    assert "choose some more times" in result["reason"] and home.promoted("pip") == "sft"
    assert anna.post("/api/teach/pip/live")["choices"] == 0, "the next lesson begins anew"
    assert json.loads((home.stage_dir("pip", "rlhf-1") / "firstwords.json").read_text())["data"]["live"]
