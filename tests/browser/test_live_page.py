"""Teach live in the browser: the switch, what a choice changed, undo and redo by keys, keeping, and no barriers."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from browser_talk import LONG, assert_no_barriers, own_pair

pytest_plugins = ("manners_fixtures",)
QUESTION = "What colour is the cat?"


@pytest.fixture
def live_server(_taught_home: Path, tmp_path: Path, browser_static: Path, browser_start: Any) -> Any:
    """A server of its own over a model with manners, which can be taught live."""
    shutil.copytree(_taught_home, tmp_path / "home")
    return browser_start(tmp_path / "home")


def panel(page: Any) -> Any:
    return page.get_by_role("region", name="Learn live", exact=True)


def test_a_choice_teaches_at_once_and_is_undone_redone_and_kept(browser_open: Any, live_server: Any) -> None:
    page = browser_open("teach", server=live_server)
    live = panel(page)
    live.get_by_text("0 choices learned since sft; still sure of").wait_for(timeout=LONG)
    assert live.get_by_role("switch").is_checked(), "on by default for a small model"
    assert live.get_by_role("button", name="Undo").is_disabled()
    own_pair(page, QUESTION)
    page.keyboard.press("1")
    live.get_by_text(re.compile("^1 choice learned since sft; still sure of")).wait_for(timeout=LONG)
    change = live.get_by_role("group", name="What the last choice changed")
    assert QUESTION in change.inner_text() and "Asked again, it now answers" in change.inner_text()
    shares = [float(text.strip("< %")) for text in change.locator(".number").all_inner_texts()]
    assert len(shares) == 4 and shares[1] * shares[2] > shares[0] * shares[3], "the choice gained on the other answer"
    page.keyboard.press("Control+z")
    live.get_by_text("Undone. The model is as it was").wait_for(timeout=LONG)
    live.get_by_text("0 choices learned since sft").wait_for(timeout=LONG)
    page.keyboard.press("Control+y")
    live.get_by_text("Redone.").wait_for(timeout=LONG)
    page.reload()
    live.get_by_text("1 choice learned since sft").wait_for(timeout=LONG)
    live.get_by_role("button", name="Keep as a version").click()
    result = page.get_by_role("region", name="Is the new version better?")
    result.first.get_by_text("Not promoted").wait_for(timeout=240_000)
    assert "choose some more times" in result.first.inner_text()
    live.get_by_text("0 choices learned since sft").wait_for(timeout=LONG)
    assert "rlhf-1" in [stage["stage"] for stage in live_server.call("GET", "/api/models")["models"][0]["stages"]]


def test_switched_off_it_only_saves(browser_open: Any, live_server: Any) -> None:
    page = browser_open("teach", server=live_server)
    switch = panel(page).get_by_role("switch")
    switch.wait_for(timeout=LONG)
    page.get_by_text("choices learned since").wait_for(timeout=LONG)
    switch.click()
    page.get_by_text("choices learned since").wait_for(state="detached", timeout=LONG)
    own_pair(page, QUESTION)
    page.keyboard.press("1")
    page.get_by_text("Saved: left is better").wait_for(timeout=LONG)
    assert live_server.call("GET", "/api/teach/pip/live")["choices"] == 0
    page.reload()
    switch.wait_for(timeout=LONG)
    assert not switch.is_checked(), "the choice outlives the page"


def test_a_model_that_cannot_be_taught_live_says_why(browser_open: Any) -> None:
    page = browser_open("teach")
    live = panel(page)
    live.get_by_text("cannot be read again").wait_for(timeout=LONG)
    assert live.get_by_role("switch").is_disabled() and not live.get_by_role("button", name="Undo").count()


@pytest.mark.parametrize("width", [360, 1280])
def test_it_has_no_barriers(browser_open: Any, live_server: Any, width: int) -> None:
    page = browser_open("teach", server=live_server, width=width)
    panel(page).get_by_text("0 choices learned since").wait_for(timeout=LONG)
    own_pair(page, QUESTION)
    page.keyboard.press("2")
    panel(page).get_by_text("Asked again, it now answers").wait_for(timeout=LONG)
    tie = page.get_by_role("button", name="Tie")
    pytest.importorskip("playwright.sync_api").expect(tie).to_be_enabled(timeout=LONG)  # what waits is paler
    assert_no_barriers(page)
