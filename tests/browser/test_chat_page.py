"""Chat in a real browser: stream, stop, edit, versions, other tokens, loading again, two tabs, long chats."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from browser_talk import LONG, answers, ask, has_value, import_chat, say, turns

ENDLESS = 2000  # tokens: a second or more


def test_an_answer_is_streamed_and_every_token_has_its_probability(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=30)
    text = ask(page, "What is your first name?")
    chat = page.url.rsplit("/", 1)[1]
    stored = browser_server.call("GET", f"/api/chats/{chat}")["messages"]
    assert [m["role"] for m in stored] == ["user", "assistant"]
    assert len(stored[1]["tokens"]) == 30 == page.locator("article.assistant [data-at]").count()
    assert page.locator("article.assistant .tokens").text_content().replace("\n", "").replace(" ", "") == stored[1][
        "content"
    ].replace("\n", "").replace(" ", "")
    assert text
    page.get_by_role("button", name="Inspect each token").click()
    panel = page.get_by_role("region", name="Token 1 of 30")
    bars = [float(n) for n in re.findall(r"([\d.]+) %", panel.locator("ul").inner_text())]
    assert len(bars) >= 9 and sum(bars) == pytest.approx(100, abs=1.0)
    panel.press("ArrowRight")
    page.get_by_role("region", name="Token 2 of 30").wait_for()


def test_escape_stops_and_keeps_what_was_said(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=ENDLESS)
    say(page, "Go on and on")
    page.locator("article.assistant [data-at='20']").wait_for(state="attached", timeout=LONG)
    page.keyboard.press("Escape")
    page.get_by_text("Stopped by you.").wait_for(timeout=LONG)
    last = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"][-1]
    assert last["status"] == "stopped" and 20 < len(last["tokens"]) < ENDLESS
    assert page.locator("article.assistant [data-at]").count() == len(last["tokens"])


def test_an_edit_is_a_new_version_and_the_old_one_stays(browser_open: Any) -> None:
    page = browser_open(max_tokens=10)
    ask(page, "The first question")
    ask(page, "The second question")
    page.get_by_role("button", name="Edit", exact=True).first.click()
    page.get_by_text("The 3 messages below stay with the old one").wait_for()
    page.get_by_label("Edit your message").fill("Another question")
    page.keyboard.press("Enter")
    page.get_by_text("3 later messages belong to the previous version.").wait_for(timeout=LONG)
    page.get_by_role("button", name="Answer again").first.wait_for(timeout=LONG)
    assert page.locator("article").count() == 2 and page.get_by_text("2/2", exact=True).is_visible()
    page.get_by_role("button", name="Previous version").click()
    page.get_by_text("The second question").wait_for()
    assert page.locator("article").count() == 4 and page.get_by_text("1/2", exact=True).is_visible()


def test_up_in_an_empty_box_edits_what_one_said_last(browser_open: Any) -> None:
    page = browser_open(max_tokens=5)
    ask(page, "A question to change")
    page.get_by_label("Your message").press("ArrowUp")
    has_value(page.get_by_label("Edit your message"), "A question to change")


def test_answer_again_then_delete_the_version(browser_open: Any) -> None:
    page = browser_open(max_tokens=8)
    ask(page, "Once more")
    page.get_by_role("button", name="Answer again").click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)
    page.get_by_role("button", name="Delete from here").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("2/2", exact=True).wait_for(state="detached", timeout=LONG)


def test_another_token_is_continued_from(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=20)
    ask(page, "Say it differently")
    page.locator("article.assistant [data-at='4']").click()
    choice = page.get_by_role("button", name=re.compile("^Continue from")).first
    choice.click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)
    page.get_by_role("button", name="Answer again").first.wait_for(timeout=LONG)
    stored = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"]
    first, second = (m["tokens"] for m in stored if m["role"] == "assistant")
    assert [t["id"] for t in first[:4]] == [t["id"] for t in second[:4]]
    assert second[4]["id"] != first[4]["id"] and second[4]["id"] in [top[0] for top in first[4]["top"]]


def test_loading_again_in_the_middle_of_an_answer_goes_on(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=ENDLESS)
    say(page, "A long answer")
    page.locator("article.assistant [data-at='5']").wait_for(state="attached", timeout=LONG)
    page.reload()
    page.get_by_role("button", name="Stop").wait_for(timeout=LONG)
    page.get_by_role("button", name="Answer again").wait_for(timeout=LONG)
    last = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"][-1]
    assert last["status"] == "done"
    assert page.locator("article.assistant .tokens").inner_text().split() == last["content"].split()


def test_two_tabs_show_the_same_chat(browser_open: Any) -> None:
    first = browser_open(max_tokens=400)
    ask(first, "Hello from the first tab")
    second = browser_open(f"chat/{first.url.rsplit('/', 1)[1]}", context=first.context)
    second.get_by_role("button", name="Answer again").wait_for(timeout=LONG)
    say(second, "And from the second")
    first.get_by_text("And from the second").wait_for(timeout=LONG)
    for page in (first, second):
        page.get_by_role("button", name="Answer again").nth(1).wait_for(timeout=LONG)
    assert answers(first).nth(1).inner_text() == answers(second).nth(1).inner_text()


def test_thumbs_take_reasons(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=5)
    ask(page, "Was this good?")
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="made up").click()
    page.locator("button[aria-pressed=true]", has_text="made up").wait_for()
    page.wait_for_timeout(200)
    last = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"][-1]
    assert last["rating"] == {"verdict": "down", "reasons": ["made up"]}


def test_chats_are_found_renamed_and_deleted(browser_open: Any) -> None:
    page = browser_open(max_tokens=3)
    ask(page, "Zanzibar is far away")
    page.keyboard.press("Control+k")
    page.keyboard.type("zanzibar")
    chats = page.get_by_role("region", name="Chats")
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect(chats.get_by_role("listitem")).to_have_count(1, timeout=LONG)
    chats.get_by_role("listitem").hover()
    page.get_by_role("button", name=re.compile("^Rename")).click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Zanzibar, renamed")
    page.keyboard.press("Enter")
    chats.get_by_text("Zanzibar, renamed").wait_for(timeout=LONG)
    chats.get_by_role("listitem").hover()
    page.get_by_role("button", name=re.compile("^Delete “")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No matching chats.").wait_for(timeout=LONG)


def test_five_hundred_messages_open_and_can_be_written_to(browser_open: Any, browser_server: Any) -> None:
    texts = [("user" if i % 2 == 0 else "assistant", f"Message {i} of a long chat. " * 5) for i in range(500)]
    chat = import_chat(browser_server, "Long", turns(texts))
    page = browser_open("chat")
    page.get_by_label("Your message").wait_for(timeout=LONG)
    usual = _typing_ms(page)
    began = time.perf_counter()
    page.goto(f"{browser_server.url}/#/chat/{chat}")
    page.get_by_text("Message 499 of a long chat.").first.wait_for(timeout=LONG)
    assert time.perf_counter() - began < 10
    assert page.locator("article").count() == 500
    assert page.get_by_text("Message 499 of a long chat.").first.is_visible()
    assert _typing_ms(page) < max(100, 3 * usual)


def test_an_answer_of_200_kb_does_not_freeze_the_page(browser_open: Any, browser_server: Any) -> None:
    paragraph = "A sentence with **bold** words, `code` and a [link](https://example.com/x). " * 8
    blocks = [f"## Part {i}\n\n{paragraph}\n\n- one\n- two\n" for i in range(300)]
    text = "\n\n".join(blocks)
    assert len(text) > 190_000
    chat = import_chat(browser_server, "Large", turns([("user", "Everything, please"), ("assistant", text)]))
    page = browser_open("chat")
    page.get_by_label("Your message").wait_for(timeout=LONG)
    usual = _typing_ms(page)
    page.goto(f"{browser_server.url}/#/chat/{chat}")
    page.get_by_text("Part 299").wait_for(timeout=LONG)
    assert page.locator(".markdown strong").count() == 2400
    assert _typing_ms(page) < max(100, 3 * usual)


def _typing_ms(page: Any) -> float:
    """The longest time from a key to the next frame."""
    box = page.get_by_label("Your message")
    box.focus()
    page.evaluate("""() => {
        window.slowest = 0;
        addEventListener("keydown", () => {
            const began = performance.now();
            requestAnimationFrame(() => setTimeout(() => (window.slowest = Math.max(window.slowest, performance.now() - began))));
        });
    }""")  # noqa: E501
    page.keyboard.type("typing must stay quick", delay=20)
    page.wait_for_timeout(200)
    return float(page.evaluate("window.slowest"))
