"""Details that a person stumbles over: where a note lies, blank lines before an answer, the exam, and plain words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser_talk import LONG, import_chat, message

SOURCES = Path(__file__).resolve().parents[2] / "web" / "src"
COMMENTS = re.compile(r"<!--.*?-->|/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)
# What a native writer would not write.
ODD = re.compile(
    r"\b(anew|practises?|mend(?:ed|s)?|speaks for|somebody|nobody|going on|goes on|likelier|likeliest|never told"
    r"|learning just now|most tokens|stands? (?:here|there|beside)|beside it|(?:tokens|nats|beats) an? \w+"
    r"|is no (?:good|known|valid|key|answer|export|order)|will be gone|wants a|send replace|give more)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "path", sorted([*SOURCES.rglob("*.svelte"), *SOURCES.rglob("*.ts")]), ids=lambda path: path.name
)
def test_the_page_is_written_in_plain_words(path: Path) -> None:
    text = COMMENTS.sub("", path.read_text(encoding="utf-8").partition("<style")[0])
    text = text.replace("Nobody came, and Mila cried.", "")  # a sentence for the ladder to judge
    assert ODD.findall(text) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_a_note_never_lies_over_the_box_one_writes_in(width: int, browser_open: Any, browser_server: Any) -> None:
    page = browser_open(width=width)
    page.get_by_label("Your message").wait_for(timeout=LONG)
    page.get_by_role("button", name="Sampling settings").click()
    page.get_by_label("Seed").fill("-3")
    page.get_by_label("Seed").blur()
    note = page.locator(".line", has_text="Seed:")
    note.wait_for(timeout=LONG)
    over, box = note.bounding_box(), page.locator(".composer form").bounding_box()
    assert over["y"] + over["height"] <= box["y"] or over["y"] >= box["y"] + box["height"]
    for _ in range(100):  # it slides in
        if over["x"] >= 0 and over["x"] + over["width"] <= width:
            break
        page.wait_for_timeout(50)
        over = note.bounding_box()
    assert over["x"] >= 0 and over["x"] + over["width"] <= width


@pytest.mark.parametrize("sureness", [True, False], ids=["tokens", "text"])
def test_blank_lines_before_an_answer_are_hidden(sureness: bool, browser_open: Any, browser_server: Any) -> None:
    def token(text: str, number: int) -> dict[str, Any]:
        return {"id": number, "text": text, "logprob": -0.5, "rank": 1, "entropy": 0.5, "top": [[number, text, -0.5]]}

    asked = message(None, "user", "A story, please")
    kept = [token(text, number) for number, text in enumerate(["\n", "\n\n", "Once", " upon", "\n", " a time"])]
    answered = message(asked["id"], "assistant", "".join(each["text"] for each in kept), kept)
    chat = import_chat(browser_server, "Blank lines", [asked, answered])
    page = browser_open(f"chat/{chat}", sureness=sureness)
    article = page.locator("article.assistant")
    article.get_by_text("Once").first.wait_for(timeout=LONG)
    text, first = article.locator(".text").bounding_box(), article.get_by_text("Once").first.bounding_box()
    assert first["y"] - text["y"] < first["height"]
    if sureness:  # and the places of the tokens are still their own
        article.locator("[data-at='2']").click()
        page.get_by_role("region", name="Token 3 of 6").wait_for(timeout=LONG)


def test_the_exam_is_run_at_a_click_and_the_folder_is_named(browser_open: Any, browser_teachable_server: Any) -> None:
    home = browser_teachable_server.home
    page = browser_open("models", server=browser_teachable_server)
    card = page.get_by_role("region", name="Model pip")
    card.get_by_text(str(home / "models" / "pip")).wait_for(timeout=LONG)
    path = home / "models" / "pip" / "sft" / "firstwords.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    asked: list[dict[str, Any]] = []

    def take(route: Any) -> None:  # as the exam does, which a model of random weights would take minutes for
        asked.append(route.request.post_data_json)
        exam = {"told": {"rate": 0.611, "low": 0.55, "high": 0.67}}
        path.write_text(json.dumps(written | {"metrics": written["metrics"] | {"exam": exam}}), encoding="utf-8")
        route.fulfill(json={})

    page.route("**/api/models/pip/exam", take)
    buttons = card.get_by_role("button", name="Run the exam", exact=True)
    assert buttons.count() == 1, "a base model takes no exam"
    buttons.click()
    page.get_by_text("The exam results of pip/sft are in").wait_for(timeout=LONG)
    card.get_by_text("61.1 %").wait_for(timeout=LONG)
    assert asked == [{"stage": "sft"}]


def test_while_the_machine_is_measured_the_page_says_so(browser_open: Any, browser_server: Any) -> None:
    run = {
        "name": "tiny",
        "stage": "",
        "command": "learn",
        "state": "running",
        "started": None,
        "seconds": 1.0,
        "fraction": None,
        "seconds_left": None,
        "last": None,
        "error": None,
        "resumable": False,
    }
    page = browser_open("models")
    page.route("**/api/runs", lambda route: route.fulfill(json={"runs": [run]}))
    page.route("**/api/runs/tiny", lambda route: route.fulfill(json=run | {"rows": {}, "samples": [], "log": []}))
    page.route("**/api/runs/tiny/stream", lambda route: None)  # nothing comes yet
    page.evaluate("location.hash = '#/learning/tiny'")
    page.get_by_text("Measuring how fast this machine trains").wait_for(timeout=LONG)
