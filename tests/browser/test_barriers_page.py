"""axe-core, and no sideways scrolling, where something is open: dialogs, trash, exam, uploads, settings, panels.

The views as they open are checked in test_views_page.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from browser_talk import LONG, ask, assert_no_barriers, import_chat, own_pair, turns

SIZES = [(360, 740), (1280, 800)]
EXAM = {
    "told": {"rate": 0.61, "low": 0.55, "high": 0.67},
    "told_refused": {"rate": 0.04, "low": 0.02, "high": 0.08},
    "stops": {"rate": 0.98, "low": 0.97, "high": 0.99},
}


def card(page: Any, name: str = "pip") -> Any:
    return page.get_by_role("region", name=f"Model {name}", exact=True)


def on_card(button: str) -> Callable[[Any], None]:
    """Opens the dialog of a button of the model's card."""

    def click(page: Any) -> None:
        card(page).get_by_role("button", name=button, exact=True).first.click(timeout=LONG)
        page.get_by_role("dialog").wait_for(timeout=LONG)

    return click


def trash(page: Any) -> None:
    page.get_by_text(re.compile(r"^Trash \(")).click(timeout=LONG)
    page.get_by_role("button", name="Restore").first.wait_for(timeout=LONG)


def exam(page: Any) -> None:
    card(page).get_by_text("refuses what it knows (lower is better)").wait_for(timeout=LONG)
    page.route("**/exam", lambda route: None)  # never answered: it is running
    card(page).get_by_role("button", name="Run the exam again").click()
    card(page).get_by_text("Running the exam …").wait_for(timeout=LONG)


def uploads(page: Any) -> None:
    page.get_by_text("Your own text, conversations and preferences").click(timeout=LONG)
    for summary in page.locator(".source summary").all():
        summary.click()
    source = page.get_by_role("group", name="Text to read")
    source.get_by_label("Pasted text: Text to read").fill("Some words of my own.")
    source.get_by_role("button", name="Use this text").click()
    source.get_by_role("button", name="Remove text.txt").wait_for(timeout=LONG)


def rules(page: Any) -> None:
    page.get_by_role("button", name="Rules").click()
    page.get_by_label("Only words with").fill("f")
    page.get_by_label("Number of words").fill("3-5")
    page.get_by_label("Your message").fill("The cat sleeps in the box.")
    page.get_by_role("button", name="Send").click()
    cost = page.get_by_text("Rules: only words with f, 3-5 words. Log-probability lost to them:")
    cost.wait_for(timeout=30_000)
    answer = page.locator("article").last.locator(".text").inner_text().split()
    assert 3 <= len(answer) <= 5 and all(word.strip('"\u201c\u201d().,;:!?\u2026').lower()[0] == "f" for word in answer)
    page.get_by_role("button", name="Rules, 2 set").wait_for()


def sampling(page: Any) -> None:
    page.get_by_role("button", name="Sampling settings").click(timeout=LONG)
    page.get_by_role("group", name="Sampling settings").wait_for(timeout=LONG)


def token(page: Any) -> None:
    ask(page, "What is your first name?")
    page.locator("article.assistant [data-at='3']").click()
    page.get_by_role("region", name=re.compile("^Token 4 of")).wait_for(timeout=LONG)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit your message").wait_for(timeout=LONG)


def too_long(page: Any) -> None:
    page.get_by_label("Your message").fill("word " * 3000)
    page.get_by_role("alert").wait_for(timeout=LONG)


def left_out(page: Any) -> None:
    page.get_by_text("messages above").wait_for(timeout=LONG)
    page.get_by_text("messages above").scroll_into_view_if_needed()


def compared(page: Any) -> None:
    own_pair(page)
    page.get_by_role("button", name="Tie").click()
    page.get_by_text(re.compile("^Saved: tie")).wait_for(timeout=LONG)
    page.get_by_role("button", name=re.compile("^Left is better:"), disabled=False).wait_for(timeout=LONG)


def shortcuts(page: Any) -> None:
    card(page).wait_for(timeout=LONG)
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for(timeout=LONG)


STATES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "rename": ("models", on_card("Rename")),
    "copy": ("models", on_card("Copy")),
    "delete": ("models", on_card("Delete")),
    "promote": ("models", on_card("Promote")),
    "trash": ("models", trash),
    "exam": ("models", exam),
    "shortcuts": ("models", shortcuts),
    "uploads": ("learning/new", uploads),
    "sampling": ("chat", sampling),
    "rules": ("chat", rules),
    "token": ("chat", token),
    "too long": ("chat", too_long),
    "left out": ("chat/", left_out),
    "compared": ("teach", compared),
}


@pytest.mark.parametrize("state", STATES)
def test_what_is_opened_has_no_barriers(state: str, browser_open: Any, browser_shared_server: Any) -> None:
    server = browser_shared_server
    view, act = STATES[state]
    path = server.home / "models" / "pip" / "sft" / "firstwords.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(written | {"metrics": written["metrics"] | {"exam": EXAM}}), encoding="utf-8")
    if state == "trash":
        server.call("POST", "/api/models/pip/copy", {"to": "tom"})
        server.call("DELETE", "/api/models/tom?stage=")
    if state == "left out":
        words = "The cat is on the mat and the dog is in the house, said Tom. " * 4
        view += import_chat(server, "Long", turns([("user", words), ("assistant", words)] * 24))
    for width, height in SIZES:
        page = browser_open(view, server=server, width=width, max_tokens=12)
        page.set_viewport_size({"width": width, "height": height})
        act(page)
        assert_no_barriers(page, f"{state}, {width} px")
        page.context.close()
