"""The page introduces a model with what it handles: its own examples, and its own way of sampling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from browser_talk import LONG, ask, has_value

NEXT, CHAT = ["The sun is", "Monday, Tuesday,"], ["What colour is grass?", "2+2"]


@pytest.fixture
def shown(browser_open: Any, browser_teachable_server: Any) -> Any:
    """Opens a page over a model whose stages have examples and a temperature of their own."""
    for stage, chat in (("base", []), ("sft", CHAT)):
        folder = browser_teachable_server.home / "models" / "pip" / stage
        card = json.loads((folder / "firstwords.json").read_text(encoding="utf-8"))
        (folder / "firstwords.json").write_text(json.dumps(card | {"examples": {"next": NEXT, "chat": chat}}))
        (folder / "generation_config.json").write_text('{"do_sample": true, "temperature": 0.3, "top_p": 0.8}')
    return lambda path, **more: browser_open(path, server=browser_teachable_server, **more)


def chips(page: Any, name: str) -> list[str]:
    group = page.get_by_role("list", name=name) if name != "Things to ask every stage" else None
    group = group or page.get_by_role("group", name="Things to ask")
    group.get_by_role("button").first.wait_for(timeout=LONG)
    return group.get_by_role("button").all_inner_texts()


def test_a_chat_begins_with_the_models_examples(shown: Any) -> None:
    page = shown("chat")
    assert chips(page, "Things to ask") == CHAT
    page.get_by_label("Answers come from").select_option("pip/base")
    page.get_by_text("This is a base model").wait_for(timeout=LONG)
    assert chips(page, "Texts to start with") == NEXT


@pytest.mark.parametrize("view", ["chat", "stages"])
def test_nothing_is_said_of_models_before_they_are_known(view: str, browser_open: Any) -> None:
    """While the list of models was on its way, the page once offered others' examples, or said that there is none."""
    group = "Things to ask" if view == "chat" else "Things to ask every stage"
    page, late = browser_open(view), []
    assert chips(page, group)
    page.route("**/api/models", lambda route: late.append(route))
    with page.expect_request("**/api/models"), page.expect_response("**/api/state"):
        page.reload()
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert page.locator("main").count() == 0
    for route in late:
        route.continue_()
    assert chips(page, group)


def test_without_any_the_usual_ones_are_there(browser_open: Any) -> None:
    assert chips(browser_open("chat"), "Things to ask")[0] == "Who are you?"
    page = browser_open("inside")
    page.get_by_role("region", name="The next token").wait_for(timeout=LONG)
    has_value(page.get_by_label("Text", exact=True), "The cat is on the")


def test_inside_and_the_ladder_begin_with_a_text_that_it_continues_well(shown: Any) -> None:
    page = shown("inside")
    page.get_by_role("region", name="The next token").wait_for(timeout=LONG)
    box = page.get_by_label("Text", exact=True)
    has_value(box, NEXT[0])
    box.fill("")
    page.reload()
    page.get_by_label("Text", exact=True).wait_for(timeout=LONG)
    has_value(page.get_by_label("Text", exact=True), "")  # emptied on purpose
    page = shown("ladder")
    page.get_by_label("Start of a text").wait_for(timeout=LONG)
    has_value(page.get_by_label("Start of a text"), NEXT[0])


def test_every_stage_is_asked_what_the_promoted_one_handles(shown: Any) -> None:
    page = shown("stages")
    assert chips(page, "Things to ask every stage") == CHAT
    has_value(page.get_by_label("What to ask every stage"), CHAT[0])
    page.get_by_role("button", name=CHAT[1], exact=True).click()
    page.get_by_text("Every stage has answered").wait_for(state="attached", timeout=LONG)
    has_value(page.get_by_label("What to ask every stage"), CHAT[1])


def test_the_settings_start_at_the_models_own_values(shown: Any) -> None:
    page = shown("chat", sampling={"max_tokens": 5})

    def said(text: str) -> dict:
        """The parameters that were sent with a message."""
        with page.expect_request("**/messages") as sent:
            ask(page, text)
        return json.loads(sent.value.post_data)["params"]

    page.get_by_role("button", name="Sampling settings").click()
    temperature = page.get_by_label("Temperature")
    has_value(temperature, "0.3")
    has_value(page.get_by_label("Top-p"), "0.8")
    assert not {"temperature", "top_p"} & set(said("One"))
    temperature.fill("1")
    assert said("Two")["temperature"] == 1
    has_value(page.get_by_label("Top-p"), "0.8")
    page.get_by_role("button", name="Reset to defaults").click()
    has_value(temperature, "0.3")
    assert not {"temperature", "top_p"} & set(said("Three"))
    with page.expect_request("**/regenerate") as again:
        page.get_by_role("button", name="Answer again").last.click()
    assert json.loads(again.value.post_data)["params"]["temperature"] == 0.3
