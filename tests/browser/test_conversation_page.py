"""A chat page as one expects it: links that lead where they say, drafts that stay, a server that may come back."""

from __future__ import annotations

import re
import shutil
import time
from typing import Any

import pytest
from browser_talk import LONG, ask, has_value, import_chat, turns

PHONE_WIDTH, HEIGHT = 360, 800


def test_links_between_chat_and_learning_lead_where_they_say(
    browser_open: Any, browser_server: Any, request: pytest.FixtureRequest
) -> None:
    run = browser_server.home / "runs" / "small" / "base"
    request.addfinalizer(lambda: shutil.rmtree(run.parent))
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "time": 1.0, "loss": 2.0, "fraction": 1.0}\n')
    page = browser_open(max_tokens=5)
    ask(page, "A chat to come back to")
    chat = page.url.rsplit("/", 1)[1]
    for _ in range(3):
        page.evaluate("location.hash = '#/learning/small'")
        page.get_by_role("heading", name=re.compile("^small")).wait_for(timeout=LONG)
        assert page.url.endswith("#/learning/small") and "there is no" not in page.get_by_test_id("status").inner_text()
        page.locator(f'aside a[href="#/chat/{chat}"]').click()
        page.locator("article.user", has_text="A chat to come back to").wait_for(timeout=LONG)
        assert page.url.endswith(f"#/chat/{chat}") and "there is no" not in page.get_by_test_id("status").inner_text()
    page.go_back()
    page.get_by_role("heading", name=re.compile("^small")).wait_for(timeout=LONG)
    assert page.url.endswith("#/learning/small")


def test_a_draft_survives_other_views_other_chats_and_a_reload(browser_open: Any) -> None:
    page = browser_open(max_tokens=5)
    ask(page, "The first chat")
    box = page.get_by_label("Your message")
    box.fill("not sent yet")
    page.evaluate("location.hash = '#/models'")
    page.get_by_role("heading", name="Models").wait_for(timeout=LONG)
    page.go_back()
    box.wait_for(timeout=LONG)
    has_value(box, "not sent yet")
    page.get_by_role("link", name="New chat", exact=True).click()
    page.get_by_text("Say something to").wait_for(timeout=LONG)
    has_value(box, "")
    page.go_back()
    page.reload()
    page.locator("article.user").wait_for(timeout=LONG)
    has_value(box, "not sent yet")
    box.press("Enter")
    page.locator("article.user", has_text="not sent yet").wait_for(timeout=LONG)
    has_value(box, "")


def test_up_gives_the_focus_to_the_editor(browser_open: Any) -> None:
    page = browser_open(max_tokens=5)
    ask(page, "Change me")
    page.get_by_label("Your message").press("ArrowUp")
    page.keyboard.type(" now")
    has_value(page.get_by_label("Edit your message"), "Change me now")
    has_value(page.get_by_label("Your message", exact=True), "")


def test_tokens_are_counted_before_a_message_is_sent(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=5)
    box = page.get_by_label("Your message")
    box.fill("How long is this?")
    counter = page.get_by_text(re.compile(r"^\d+/2560$"))
    counter.wait_for(timeout=LONG)
    counted = browser_server.call("POST", "/tokenize", {"messages": [{"role": "user", "content": "How long is this?"}]})
    assert counter.inner_text() == f"{counted['count']}/2560"
    box.fill("word " * 3000)
    page.get_by_role("alert").get_by_text(re.compile(r"^Too long by [\d,]+ tokens")).wait_for(timeout=LONG)
    assert page.get_by_role("button", name="Send").is_disabled()
    box.press("Enter")
    assert page.locator("article").count() == 0 and box.input_value().startswith("word word")
    box.fill("short")
    page.get_by_role("alert").wait_for(state="detached", timeout=LONG)


def test_the_sampling_panel_has_every_sampler_and_limits_that_fit(browser_open: Any, browser_server: Any) -> None:
    page = browser_open()
    page.get_by_role("button", name="Sampling settings").click()
    panel = page.get_by_role("group", name="Sampling settings")
    panel.get_by_label("Top-k").fill("7")
    panel.get_by_label("Max tokens").fill("9")
    panel.get_by_label("Seed").fill("5")
    panel.get_by_label("Min-p").fill("0.1")
    panel.get_by_label("Repetition penalty").fill("1.5")
    panel.get_by_label("Instruction for this chat").fill("Be brief.")
    ask(page, "Use all of it")
    first, said, answer = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"]
    assert (first["role"], first["content"], said["role"]) == ("system", "Be brief.", "user")
    wanted = {"top_k": 7, "max_tokens": 9, "seed": 5, "min_p": 0.1, "repetition_penalty": 1.5, "temperature": 1}
    assert {name: answer["params"][name] for name in wanted} == wanted
    panel.get_by_label("Seed").fill("-3")
    panel.get_by_label("Max tokens").fill("99999")
    ask(page, "Impossible numbers are not taken")
    params = browser_server.call("GET", f"/api/chats/{page.url.rsplit('/', 1)[1]}")["messages"][-1]["params"]
    assert (params["seed"], params["max_tokens"]) == (5, 9)
    panel.get_by_role("button", name="Reset to defaults").click()
    has_value(panel.get_by_label("Seed"), "")
    has_value(panel.get_by_label("Max tokens"), "200")


def test_what_people_and_models_write_has_its_own_direction(browser_open: Any, browser_server: Any) -> None:
    chat = import_chat(browser_server, "שלום", turns([("user", "שלום abc"), ("assistant", "مرحبا بك")]))
    page = browser_open(f"chat/{chat}")
    page.locator("article.assistant").wait_for(timeout=LONG)
    for place in ("article.user p[dir=auto]", "article.assistant [dir=auto]"):
        assert page.locator(place).first.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_panel_stays_open_where_an_answer_was_continued(browser_open: Any) -> None:
    page = browser_open(max_tokens=12)
    ask(page, "Branch here")
    page.locator("article.assistant [data-at='3']").click()
    page.get_by_role("button", name=re.compile("^Continue from")).first.click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)
    page.get_by_role("region", name=re.compile("^Token 4 of")).wait_for(timeout=LONG)


def test_small_probabilities_are_shown_as_they_are(browser_open: Any) -> None:
    page = browser_open()
    page.get_by_role("link", name=re.compile("^Inside")).click()
    page.get_by_text("The next token").first.wait_for(timeout=LONG)
    page.wait_for_function("() => document.querySelectorAll('.number').length > 8", timeout=LONG)
    assert not page.get_by_text("< 0.1 %").count()


def test_an_answer_can_be_looked_into(browser_open: Any) -> None:
    page = browser_open(max_tokens=6)
    ask(page, "Why these words?")
    page.get_by_role("button", name="Look inside this answer").click()
    page.get_by_text("An answer from your chat, to “Why these words?”").wait_for(timeout=LONG)
    page.get_by_role("region", name="Surprise").get_by_text("assistant").or_(
        page.get_by_role("region", name="Surprise").get_by_text("<|im_start|>").first
    ).first.wait_for(timeout=LONG)
    page.get_by_role("button", name="Write a text instead").click()
    page.get_by_label("Text", exact=True).wait_for(timeout=LONG)


@pytest.mark.parametrize("view", ["chat", "inside", "stages", "learning", "learning/new", "teach", "ladder", "models"])
def test_no_view_scrolls_sideways_on_a_phone(browser_open: Any, view: str) -> None:
    page = browser_open(view, width=PHONE_WIDTH)
    page.wait_for_load_state("networkidle")
    page.locator("main").wait_for(timeout=LONG)
    time.sleep(0.5)  # panels that are computed
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    assert page.evaluate("document.querySelector('main').scrollWidth") <= PHONE_WIDTH


def test_the_settings_leave_half_of_a_phone_free(browser_open: Any) -> None:
    page = browser_open(width=PHONE_WIDTH)
    page.get_by_role("button", name="Sampling settings").click()
    panel = page.get_by_role("group", name="Sampling settings").bounding_box()
    assert panel["height"] < HEIGHT / 2


def test_a_base_model_is_welcomed_as_one(browser_open: Any) -> None:
    page = browser_open()
    page.get_by_label("Answers come from").select_option("pip/base")
    page.get_by_text("This is a base model").wait_for(timeout=LONG)
    page.get_by_role("button", name="Once upon a time").wait_for(timeout=LONG)
