"""Models and training in a real browser: rename, copy, delete with a way back, the exam, and files to learn from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from browser_talk import LONG


def card(page: Any, name: str) -> Any:
    return page.get_by_role("region", name=f"Model {name}", exact=True)


def answer(page: Any, button: str, text: str | None = None) -> None:
    dialog = page.get_by_role("dialog")
    if text is not None:
        dialog.get_by_role("textbox").fill(text)
    dialog.get_by_role("button", name=button).click()


def test_a_model_is_copied_renamed_deleted_and_brought_back(browser_open: Any, browser_teachable_server: Any) -> None:
    page = browser_open("models", server=browser_teachable_server)
    card(page, "pip").get_by_role("button", name="Copy").click()
    answer(page, "Copy", "tom")
    card(page, "tom").get_by_role("button", name="Rename").click(timeout=LONG)
    answer(page, "Rename", "sam")
    page.get_by_text("tom is now sam").wait_for(timeout=LONG)
    card(page, "sam").get_by_role("button", name="Delete", exact=True).click()
    answer(page, "Delete")
    card(page, "sam").wait_for(state="detached", timeout=LONG)
    page.get_by_role("button", name="Undo").click()
    card(page, "sam").wait_for(timeout=LONG)
    card(page, "sam").get_by_role("button", name="Delete sam/sft").click()
    answer(page, "Delete")
    page.get_by_text("Trash (1)").click(timeout=LONG)
    page.get_by_role("button", name="Restore").click()
    page.get_by_text("Restored sam/sft").wait_for(timeout=LONG)
    stages = browser_teachable_server.call("GET", "/api/models")["models"]
    sam = next(model for model in stages if model["name"] == "sam")
    assert [stage["stage"] for stage in sam["stages"]] == ["base", "sft"]


def test_a_name_that_is_taken_is_said_and_nothing_changes(browser_open: Any, browser_teachable_server: Any) -> None:
    page = browser_open("models", server=browser_teachable_server, refused=400)
    card(page, "pip").get_by_role("button", name="Copy").click()
    answer(page, "Copy", "pip")
    page.get_by_text(re.compile("pip already exists")).wait_for(timeout=LONG)
    assert page.get_by_role("region", name=re.compile("^Model ")).count() == 1


def test_files_are_chosen_pasted_and_named_in_the_command(
    browser_open: Any, browser_teachable_server: Any, tmp_path: Path
) -> None:
    page = browser_open("learning/new", server=browser_teachable_server)
    page.get_by_text("Your own text, conversations and preferences").click()
    source = page.get_by_role("group", name="Text to read")
    book = tmp_path / "my book.txt"
    book.write_text("Once upon a time. " * 50, encoding="utf-8")
    page.get_by_label("Files: Text to read").set_input_files([book])
    source.get_by_text("my book.txt").wait_for(timeout=LONG)
    source.get_by_text("Paste text").click()
    source.get_by_label("Pasted text: Text to read").fill("Some pasted words.")
    source.get_by_role("button", name="Use this text").click()
    source.get_by_text("text.txt").wait_for(timeout=LONG)
    source.get_by_label("Paths, one per line").fill("/a/path with blanks")
    command = page.locator(".command").inner_text()
    uploads = sorted(path.name for path in (browser_teachable_server.home / "uploads").iterdir())
    assert len(uploads) == 2 and all(name in command for name in uploads) and "'/a/path with blanks'" in command
    source.get_by_role("button", name="Remove my book.txt").click()
    assert "my_book" not in page.locator(".command").inner_text()


def test_a_dropped_file_is_taken(browser_open: Any, browser_teachable_server: Any) -> None:
    page = browser_open("learning/new", server=browser_teachable_server)
    page.get_by_text("Your own text, conversations and preferences").click()
    source = page.get_by_role("group", name="Preferences")
    source.evaluate("""element => {
        const data = new DataTransfer();
        data.items.add(new File(['{"prompt": "Hi"}'], 'choices.jsonl'));
        element.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
    }""")
    source.get_by_text("choices.jsonl").wait_for(timeout=LONG)


def test_minutes_have_no_ceiling_and_a_name_that_exists_is_asked_about(
    browser_open: Any, browser_teachable_server: Any
) -> None:
    page = browser_open("learning/new", server=browser_teachable_server)
    least = browser_teachable_server.call("GET", "/api/state")["least_minutes"]
    box = page.get_by_role("spinbutton", name="Minutes")
    assert int(box.get_attribute("min")) == least >= 1
    box.fill("600")
    assert "--minutes 600" in page.locator(".command").inner_text()
    page.get_by_label("Name").fill("pip")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("dialog").get_by_text("The old model goes to the trash").wait_for(timeout=LONG)
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert browser_teachable_server.call("GET", "/api/runs")["runs"] == []
