"""Tools of the chat in a real browser: a switch, calls and results that are shown, and changing either."""

from __future__ import annotations

from typing import Any

import pytest
from browser_talk import LONG, assert_no_barriers, import_chat, turns

CALL = '{"name": "calculator", "arguments": {"expression": "17*23"}}'


@pytest.fixture
def called(browser_server: Any) -> str:
    """A chat in which the calculator was called."""
    told = turns([("user", "What is 17 times 23?"), ("assistant", CALL), ("tool", "391"), ("assistant", "It is 391.")])
    told[1]["params"] = told[3]["params"] = {"tools": ["calculator"], "max_tokens": 30}
    return import_chat(browser_server, "Sums", told)


def test_a_call_and_its_result_are_shown_and_changed(browser_open: Any, called: str) -> None:
    page = browser_open(f"chat/{called}", max_tokens=12, tools=["calculator"])
    page.get_by_text("calls calculator").wait_for(timeout=LONG)
    page.get_by_role("article", name="Result of a tool").get_by_text("391").wait_for()
    page.get_by_role("button", name="Edit the call").click()
    page.get_by_label("Edit the call").fill(CALL.replace("17*23", "2+2"))
    page.get_by_role("button", name="Answer from here").click()
    page.get_by_role("article", name="Result of a tool").get_by_text("4", exact=True).wait_for(timeout=LONG)
    page.get_by_text("Stopped at the token limit.").wait_for(timeout=LONG)
    page.get_by_role("button", name="Edit the result").click()
    page.get_by_label("Edit the result").fill("five")
    page.get_by_label("Edit the result").press("Enter")
    page.get_by_role("article", name="Result of a tool").get_by_text("five").wait_for(timeout=LONG)
    page.get_by_text("Stopped at the token limit.").wait_for(timeout=LONG)
    page.get_by_text("2/2", exact=True).first.wait_for()  # the call and the result as they were are other versions


@pytest.mark.parametrize("width", [360, 1280])
def test_the_switch_has_no_barriers(width: int, browser_open: Any, called: str) -> None:
    page = browser_open(f"chat/{called}", width=width)
    page.get_by_text("calls calculator").wait_for(timeout=LONG)
    page.get_by_role("button", name="Tools", exact=True).click()
    page.get_by_role("checkbox", name="Calculator").check()
    page.get_by_role("checkbox", name="Clock").check()
    page.get_by_role("button", name="Tools, 2 on").wait_for()
    assert page.evaluate("localStorage.getItem('firstwords:tools')") == '["calculator","clock"]'
    assert_no_barriers(page)
