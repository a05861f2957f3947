"""A server that goes away and comes back: the page says so, loses nothing, and tries again what has failed."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from browser_talk import LONG, ask, has_value, say
from conftest import Mortal, save_endless_model


def test_a_server_that_is_gone_is_named_and_its_return_noticed(browser_chromium: Any, browser_mortal: Mortal) -> None:
    page = browser_chromium.new_page()
    page.goto(browser_mortal.server.url)
    page.evaluate("localStorage.setItem('firstwords:sampling', JSON.stringify({max_tokens: 2000}))")
    page.reload()
    say(page, "A long answer")
    page.locator("article.assistant [data-at='3']").wait_for(state="attached", timeout=LONG)
    browser_mortal.kill()
    started = time.monotonic()
    page.get_by_role("alert").get_by_text("The server is not answering.").wait_for(timeout=LONG)
    assert time.monotonic() - started < 10  # two seconds on an idle machine
    page.get_by_role("button", name="Send").wait_for(timeout=LONG)
    box = page.get_by_label("Your message")
    box.fill("kept while it is away")
    box.press("Enter")
    page.wait_for_function("() => document.querySelector('textarea').value === 'kept while it is away'", timeout=LONG)
    browser_mortal.again()
    page.get_by_role("alert").wait_for(state="detached", timeout=LONG)
    has_value(box, "kept while it is away")
    page.get_by_text("Interrupted: the server stopped.").wait_for(timeout=LONG)
    box.press("Enter")
    page.locator("article.user", has_text="kept while it is away").wait_for(timeout=LONG)


def lose(page: Any, mortal: Mortal) -> None:
    mortal.kill()
    page.get_by_role("alert").get_by_text("The server is not answering.").wait_for(timeout=LONG)


def back(page: Any, mortal: Mortal, home: Path | None = None) -> None:
    mortal.again(home)
    page.get_by_text("The server is not answering. This page").wait_for(state="detached", timeout=LONG)


# What each view shows once it has what it asks the server for.
THERE = {
    "inside": lambda page: page.get_by_role("region", name="Early guesses", exact=True).get_by_role("row").nth(2),
    "teach": lambda page: page.get_by_role("region", name="Progress"),
    "ladder": lambda page: page.get_by_test_id("equation"),
    "models": lambda page: page.get_by_role("region", name="Model pip"),
    "learning": lambda page: page.get_by_role("heading", name="Train a model on this machine"),
}


@pytest.mark.parametrize("view", THERE)
def test_a_view_opened_without_a_server_fills_when_it_is_back(
    view: str, browser_chromium: Any, browser_mortal: Mortal
) -> None:
    page = browser_chromium.new_page()
    page.goto(f"{browser_mortal.server.url}/#/{view}")
    THERE[view](page).wait_for(timeout=LONG)  # its script is loaded
    page.evaluate("location.hash = '#/chat'")
    page.get_by_label("Your message").wait_for(timeout=LONG)
    lose(page, browser_mortal)
    page.evaluate("view => (location.hash = `#/${view}`)", view)
    page.get_by_label("Your message").wait_for(state="detached", timeout=LONG)
    back(page, browser_mortal)
    THERE[view](page).wait_for(timeout=LONG)
    page.close()


def test_a_view_whose_script_was_not_loaded_comes_with_the_server(
    browser_chromium: Any, browser_mortal: Mortal
) -> None:
    page = browser_chromium.new_page()
    page.goto(browser_mortal.server.url)
    page.get_by_label("Your message").wait_for(timeout=LONG)
    lose(page, browser_mortal)
    page.evaluate("location.hash = '#/models'")
    page.get_by_text("This part of the page could not be loaded.").wait_for(timeout=LONG)
    back(page, browser_mortal)
    page.get_by_role("region", name="Model pip").wait_for(timeout=LONG)
    page.close()


def test_a_chat_opened_without_a_server_is_opened_when_it_is_back(
    browser_chromium: Any, browser_mortal: Mortal
) -> None:
    page = browser_chromium.new_page()
    page.goto(browser_mortal.server.url)
    page.evaluate("localStorage.setItem('firstwords:sampling', JSON.stringify({max_tokens: 5}))")
    page.reload()
    ask(page, "The first chat")
    page.get_by_role("link", name="New chat", exact=True).click()
    page.get_by_text("Say something to").wait_for(timeout=LONG)
    lose(page, browser_mortal)
    page.get_by_role("link", name=re.compile("^The first chat")).click()
    time.sleep(0.5)
    back(page, browser_mortal)
    page.locator("article.user", has_text="The first chat").wait_for(timeout=LONG)
    page.close()


def test_another_home_is_noticed_even_after_a_quick_restart(
    browser_chromium: Any, browser_mortal: Mortal, tmp_path: Path
) -> None:
    page = browser_chromium.new_page()
    page.goto(browser_mortal.server.url)
    page.evaluate("localStorage.setItem('firstwords:sampling', JSON.stringify({max_tokens: 5}))")
    page.reload()
    ask(page, "Only in the first home")
    page.wait_for_timeout(2500)  # it has checked at least once
    page.evaluate("""() => {  // no check falls between the end of the one and the beginning of the other
        const real = window.fetch;
        const free = async () => { while (window.isHeld) await new Promise((done) => setTimeout(done, 50)); };
        window.fetch = async (...of) => { if (of[0] === '/health') await free(); return real(...of); };
        window.isHeld = true;
    }""")
    page.wait_for_timeout(100)
    other = tmp_path / "other"
    save_endless_model(other / "models" / "tom" / "sft", 2, "sft")
    browser_mortal.kill()
    browser_mortal.again(other)
    assert page.get_by_text("The server is not answering.").count() == 0
    page.evaluate("window.isHeld = false")
    page.get_by_text(f"The server now uses another folder: {other}").wait_for(timeout=LONG)
    page.get_by_text("Say something to").wait_for(timeout=LONG)  # the chat is not there any more
    assert page.get_by_text("Only in the first home").count() == 0
    has_value(page.get_by_label("Answers come from"), "tom/sft")
    page.close()


def test_another_version_offers_to_load_the_page_again(browser_chromium: Any, browser_mortal: Mortal) -> None:
    page = browser_chromium.new_page()
    page.goto(browser_mortal.server.url)
    box = page.get_by_label("Your message")
    box.fill("a draft")
    lose(page, browser_mortal)
    server = browser_mortal.server
    newer = {"version": "99.0"}

    def state(route: Any) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, body=json.dumps(reply.json() | newer))

    page.route("**/api/state", state)
    back(page, browser_mortal)
    alert = page.get_by_role("alert").filter(has_text="The server now runs firstwords 99.0.")
    alert.wait_for(timeout=LONG)
    alert.get_by_role("button", name="Reload the page").click()
    page.wait_for_load_state("load")
    alert.wait_for(state="detached", timeout=LONG)
    has_value(box, "a draft")
    assert page.url.startswith(server.url)
    page.close()
