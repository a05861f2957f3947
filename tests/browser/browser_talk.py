"""What several browser tests do: say something, wait for the answer, make a chat of many messages."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

LONG = 60_000  # ms: the machine may be busy
# waits for two frames and for all movement that has an end
SETTLED = """async () => {
    for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
    const moving = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity);
    await Promise.allSettled(moving.map((each) => each.finished));
}"""
# px by which the page or its main part is wider than what is seen of it
TOO_WIDE = """() => Math.max(...[document.documentElement, document.querySelector("main")].map((each) =>
    each ? each.scrollWidth - each.clientWidth : 0))"""
VIEWS = ("chat", "inside", "stages", "learning", "teach", "models")


def say(page: Any, text: str) -> None:
    box = page.get_by_label("Your message")
    box.fill(text)
    box.press("Enter")


def ask(page: Any, text: str) -> str:
    """Say something and wait for the whole answer, which is returned."""
    before = page.get_by_role("button", name="Answer again").count()
    say(page, text)
    page.get_by_role("button", name="Answer again").nth(before).wait_for(timeout=LONG)
    return answers(page).nth(before).inner_text()


def first_letter_ms(page: Any) -> float:
    """Of a chat that is being opened: ms from asking for its address to a letter that was typed into its box."""
    is_there = """() => {
        const box = document.querySelector("textarea:enabled");
        if (!box?.checkVisibility() || document.activeElement !== box) return false;
        box.addEventListener("input", () => (window.firstLetter = performance.now()));
        return true;
    }"""
    page.wait_for_function(is_there, timeout=LONG)  # looks at every frame
    page.keyboard.press("a")
    taken = page.wait_for_function("() => window.firstLetter", timeout=LONG).json_value()
    has_value(page.get_by_label("Your message"), "a")
    return float(taken)


def has_value(field: Any, value: str) -> None:
    """Wait until a field of the page holds this value. Raises AssertionError if it never does."""
    from playwright.sync_api import expect

    expect(field).to_have_value(value, timeout=LONG)


def own_pair(page: Any, question: str = "Is the cat on the mat?", is_open: bool = False) -> None:
    """In Teach: two answers to a question of one's own."""
    if not is_open:
        page.get_by_text("Ask your own question").click()
    page.get_by_label("Your question for the next pair").fill(question)
    page.get_by_role("button", name="Show the next pair").click()
    page.locator(".asked", has_text=question).wait_for(timeout=LONG)
    page.get_by_role("button", name=re.compile("^Left is better:")).wait_for(timeout=LONG)


def in_colours(page: Any, dark: bool) -> str:
    """Show the page that is open in its dark or its light colours, as a change of the system's setting would.

    Returns which they are, for messages.
    """
    name = "dark" if dark else "light"
    page.emulate_media(color_scheme=name, reduced_motion="reduce")
    sum_of_background = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
    )
    page.wait_for_function(f"isDark => ({sum_of_background} < 150) === isDark", arg=dark, timeout=LONG)
    return name


def assert_no_barriers(page: Any, where: str = "") -> None:
    """axe-core finds nothing on the page as it is, in either colours, and nothing scrolls sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for dark in (False, True):
        colours = in_colours(page, dark)
        page.evaluate(SETTLED)
        wide = page.evaluate(TOO_WIDE)
        assert not wide, f"{where} {colours}: {wide} px too wide"
        found = axe.run(page).response["violations"]
        told = [f"{v['id']}: {[n['html'][:200] + str(n['any'][:1])[:300] for n in v['nodes'][:3]]}" for v in found]
        assert not told, f"{where} {colours}\n" + "\n".join(told)


def answers(page: Any) -> Any:
    """The texts of the model's messages."""
    return page.locator("article.assistant .text")


def message(parent: str | None, role: str, content: str, tokens: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A message as an export holds it."""
    return {
        "id": secrets.token_hex(8),
        "parent_id": parent,
        "role": role,
        "content": content,
        "status": "done",
        "error": None,
        "model": "pip/sft" if role == "assistant" else None,
        "stage_hash": None,
        "params": None,
        "finish_reason": "stop" if role == "assistant" else None,
        "rating": None,
        "created": "2026-01-02T03:04:05Z",
        "tokens": tokens,
    }


def import_chat(server: Any, title: str, messages: list[dict[str, Any]]) -> str:
    """Bring a chat in as somebody's export; returns its id."""
    chat = {
        "id": secrets.token_hex(8),
        "title": title,
        "model": "pip/sft",
        "active": messages[-1]["id"],
        "created": "2026-01-02T03:04:05Z",
        "updated": "2026-01-02T03:04:05Z",
        "messages": messages,
    }
    document = {"kind": "firstwords", "version": 1, "exported": "2026-01-02T03:04:05Z", "chats": [chat]}
    done = server.call("POST", "/api/import", document | {"judgements": []})
    assert done["chats"] == 1, done
    return str(chat["id"])


def turns(texts: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """A straight chat of (role, content)."""
    found: list[dict[str, Any]] = []
    for role, content in texts:
        found.append(message(found[-1]["id"] if found else None, role, content))
    return found
