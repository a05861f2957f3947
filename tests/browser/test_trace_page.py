"""Trace in a real browser: in the token panel, in Inside, and without an index."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from browser_talk import LONG, ask, assert_no_barriers

from firstwords.data.shards import write_ids
from firstwords.retrieval.suffixes import build
from firstwords.tokenizer.fast import Tokenizer


def index(home: Path, texts: list[list[int]] | None = None) -> None:
    """Index some tokens, by default of two sentences, as what pip/base learned from."""
    tokenizer = Tokenizer.load(home / "models" / "pip" / "base")
    run = home / "runs" / "pip" / "base"
    shutil.rmtree(run, ignore_errors=True)
    sentences = ["The cat is on the mat.", "The dog is on the mat."]
    write_ids(texts or [tokenizer.encode(text) for text in sentences], tokenizer, run / "tokens")
    build(run / "tokens", run / "trace", tokenizer.endoftext_id)


def test_inside_shows_where_the_words_were_read(browser_open: Any, browser_shared_server: Any) -> None:
    index(browser_shared_server.home)
    page = browser_open("inside", server=browser_shared_server)
    page.get_by_label("Text", exact=True).fill("The cat is on the house.", timeout=LONG)
    panel = page.get_by_role("region", name="Trace")
    longest = panel.get_by_role("list", name="Longest parts").get_by_role("listitem").first
    longest.get_by_text("1 time in the text of base").wait_for(timeout=LONG)
    assert "“The cat is on the”" in longest.inner_text()
    longest.locator("summary").press("Enter")
    assert longest.locator("mark").inner_text() == "The cat is on the"
    assert "document 1: The cat is on the mat." in longest.inner_text()
    panel.get_by_text("house").first.wait_for()  # never read
    assert "not that it wrote them for that reason" in panel.inner_text()


def test_a_token_shows_what_was_read_with_it(browser_open: Any, browser_shared_server: Any) -> None:
    server = browser_shared_server
    page = browser_open("chat", server=server, max_tokens=12)
    ask(page, "Hello!")
    chat = server.call("GET", "/api/chats")["chats"][0]["id"]
    tokens = server.call("GET", f"/api/chats/{chat}")["messages"][-1]["tokens"]
    index(server.home, [[token["id"] for token in tokens]] * 3)
    page.get_by_role("button", name="Inspect each token").click()
    panel = page.get_by_role("region", name=re.compile("^Token 1 of"))
    panel.get_by_role("button", name="Trace").click()
    panel.get_by_text("It was read whole, word for word.").wait_for(timeout=LONG)
    panel.get_by_role("list", name="Parts with this token").get_by_text("3 times in the text of base").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_role("region", name=re.compile("^Token 2 of")).get_by_text("It was read whole").wait_for(timeout=LONG)
    page.get_by_role("button", name="Probabilities").click()
    page.get_by_role("heading", name="Other options here").wait_for(timeout=LONG)


def test_without_an_index_the_command_that_builds_it_is_there(browser_open: Any, browser_shared_server: Any) -> None:
    shutil.rmtree(browser_shared_server.home / "runs", ignore_errors=True)
    page = browser_open("inside", server=browser_shared_server)
    panel = page.get_by_role("region", name="Trace")
    panel.get_by_text("firstwords trace --index --model pip").wait_for(timeout=LONG)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_token_panel_has_no_barriers(width: int, browser_open: Any, browser_shared_server: Any) -> None:
    index(browser_shared_server.home)
    page = browser_open("chat", server=browser_shared_server, width=width, max_tokens=12, **{"token-tab": "trace"})
    ask(page, "What is your first name?")
    page.get_by_role("button", name="Inspect each token").click()
    page.get_by_text("Searched:").wait_for(timeout=LONG)
    assert_no_barriers(page)
