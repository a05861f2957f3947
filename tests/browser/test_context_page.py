"""A long chat: which messages the model no longer reads, through edits, branches, instructions and models."""

from __future__ import annotations

import re
import time
from typing import Any

from browser_talk import LONG, ask, import_chat, turns

WORDS = "The cat is on the mat and the dog is in the house, said Tom. "
PHONE_WIDTH = 360
MARKED = "document.querySelectorAll('article.left-out').length"


def long_chat(num_turns: int, instruction: str = "") -> list[dict[str, Any]]:
    """So many turns of some hundred tokens each."""
    said = [("system", instruction)] if instruction else []
    for number in range(num_turns):
        said += [("user", f"Question {number}. {WORDS * 4}"), ("assistant", f"Answer {number}. {WORDS * 4}")]
    return turns(said)


def told(server: Any, leaf: str, content: str = "", model: str = "pip/sft", max_tokens: int = 40) -> list[str]:
    """Ids of the messages that the server leaves out."""
    asked = {"leaf": leaf, "content": content, "model": model, "max_tokens": max_tokens}
    return list(server.call("POST", "/api/context", asked)["left_out"])


def left_out(page: Any) -> int:
    return int(page.locator("article.left-out").count())


def test_messages_that_left_the_context_are_marked(browser_open: Any, browser_server: Any) -> None:
    messages = long_chat(24)
    chat = import_chat(browser_server, "A long chat", messages)
    stored = browser_server.call("GET", f"/api/chats/{chat}?tokens=false")["messages"]
    gone = told(browser_server, stored[-1]["id"])
    assert 0 < len(gone) < len(stored) and gone == [m["id"] for m in stored[: len(gone)]]
    page = browser_open(f"chat/{chat}")
    line = page.get_by_text(f"pip/sft no longer reads the {len(gone)} messages above: its context holds 2560 tokens.")
    line.wait_for(timeout=LONG)
    assert left_out(page) == len(gone)
    below = line.locator("xpath=../following-sibling::article[1]")
    number = len(gone) // 2
    assert below.inner_text().startswith(f"Question {number}.") and "left-out" not in below.get_attribute("class")
    # what one writes pushes more out, before it is sent
    page.get_by_label("Your message").fill(WORDS * 30)
    page.wait_for_function(f"() => {MARKED} > {len(gone)}", timeout=LONG)
    assert page.get_by_role("button", name="Send").is_enabled()
    page.get_by_label("Your message").fill("")
    page.wait_for_function(f"() => {MARKED} === {len(gone)}", timeout=LONG)
    ask(page, "And now?")  # a chat of any length goes on
    leaf = browser_server.call("GET", f"/api/chats/{chat}")["chat"]["active"]
    page.wait_for_function(f"() => {MARKED} === {len(told(browser_server, leaf))}", timeout=LONG)


def test_an_edit_and_a_branch_have_a_context_of_their_own(browser_open: Any, browser_server: Any) -> None:
    chat = import_chat(browser_server, "Edited", long_chat(24))
    page = browser_open(f"chat/{chat}", max_tokens=5)
    page.get_by_text("messages above").wait_for(timeout=LONG)
    before = left_out(page)
    first = page.locator("article.user").first
    first.scroll_into_view_if_needed()
    first.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit your message").fill("A short question")
    page.get_by_role("button", name="Send").first.click()
    page.get_by_text("messages above").wait_for(state="detached", timeout=LONG)
    assert left_out(page) == 0
    page.get_by_role("button", name="Previous version").click()
    page.get_by_text("messages above").wait_for(timeout=LONG)
    assert left_out(page) == before


def test_an_instruction_stays_and_a_base_model_reads_none(browser_open: Any, browser_server: Any) -> None:
    chat = import_chat(browser_server, "Instructed", long_chat(24, "Be kind."))
    page = browser_open(f"chat/{chat}")
    page.get_by_text("messages above").wait_for(timeout=LONG)
    instruction = page.locator("article.system")
    assert "left-out" not in instruction.get_attribute("class")
    assert page.get_by_text(re.compile(r"no longer reads the (\d+) messages")).count() == 1
    assert left_out(page) == len(told(browser_server, page_leaf(browser_server, chat)))
    page.get_by_label("Answers come from").select_option("pip/base")
    page.get_by_text("pip/base does not read this instruction: it only continues text.").wait_for(timeout=LONG)
    assert "left-out" in instruction.get_attribute("class")
    gone = told(browser_server, page_leaf(browser_server, chat), model="pip/base")
    page.get_by_text(f"pip/base no longer reads the {len(gone) - 1} messages above").wait_for(timeout=LONG)


def page_leaf(server: Any, chat: str) -> str:
    return str(server.call("GET", f"/api/chats/{chat}?tokens=false")["chat"]["active"])


def test_a_short_chat_shows_no_line(browser_open: Any, browser_server: Any) -> None:
    chat = import_chat(browser_server, "Short", turns([("user", "Hello"), ("assistant", "Hello, Pip.")]))
    page = browser_open(f"chat/{chat}")
    with page.expect_response("**/api/context", timeout=LONG):
        page.get_by_label("Your message").fill("Hi")
    page.get_by_text(re.compile(r"^\d+/2560$")).wait_for(timeout=LONG)
    assert left_out(page) == 0 and page.locator(".cut").count() == 0


def test_the_line_fits_on_a_phone(browser_open: Any, browser_server: Any) -> None:
    chat = import_chat(browser_server, "On a phone", long_chat(24))
    page = browser_open(f"chat/{chat}", width=PHONE_WIDTH)
    page.get_by_text("messages above").wait_for(timeout=LONG)
    page.get_by_text("messages above").scroll_into_view_if_needed()
    box = page.locator(".cut").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE_WIDTH
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH


def test_nothing_is_counted_while_a_message_is_being_deleted(browser_open: Any) -> None:
    """The server would be asked about a message that is gone; `browser_open` fails at what is logged as an error."""
    page = browser_open(max_tokens=8)
    ask(page, "Once more")
    page.get_by_role("button", name="Answer again").click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)

    def answer_late(route: Any) -> None:
        response = route.fetch()
        time.sleep(1.5)  # the page goes on
        route.fulfill(response=response)

    page.route(re.compile("/api/messages/[^/]+$"), answer_late)
    page.get_by_role("button", name="Delete from here").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.evaluate("""() => {
        const box = document.querySelector("textarea");
        box.value = "And now?";
        box.dispatchEvent(new Event("input", { bubbles: true }));
    }""")
    page.get_by_text("2/2", exact=True).wait_for(state="detached", timeout=LONG)
