"""Write in a real browser: paragraphs appear, are edited, replaced and written again, measured, kept and saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browser_talk import LONG, assert_no_barriers, has_value

HOW = {"outline": "auto", "best": 2, "by": "model"}
BRIEF = {"topic": "a dog", "form": "story", "length": "short", "ending": "", "words": ["cat", "xylophone"]}


def candidate(text: str) -> dict[str, Any]:
    return {"text": text, "logprob": -1.25, "words": 3, "repetition": 0.0, "used": ["cat"], "is_last": False}


PLAN = {
    "model": "pip/sft", "outline": ["A cat comes.", "It stays."], "by": "model", "note": "outline by the model",
    "is_small": False, "parts": 2, "asked_words": [30, 90], "has_reward": False, "seed": 1,
}  # fmt: skip
PARAGRAPHS = [
    {"text": "A cat came.", "candidates": [candidate("A cat came."), candidate("The cat ran.")], "chosen": 0},
    {"text": "By hand.", "candidates": [candidate("It stayed.")], "chosen": -1},
]
KEPT = {"write:brief": BRIEF, "write:how": HOW, "write:text": {"brief": BRIEF, "plan": PLAN, "paragraphs": PARAGRAPHS}}


def texts(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("article > p").all_inner_texts()]


def test_a_text_is_written_and_changed(browser_open: Any, tmp_path: Path) -> None:
    page = browser_open("write", **{"write:how": HOW})
    page.get_by_label("Topic").fill("a dog", timeout=LONG)
    page.get_by_label("Words that have to occur").fill("xylophone")
    page.get_by_label("Topic").press("Enter")
    page.get_by_text("Without an outline: a model of this size").wait_for(timeout=LONG)
    page.get_by_text("Writing 2 candidates").wait_for(timeout=LONG)
    page.get_by_role("article", name="Paragraph 3").wait_for(timeout=LONG)
    page.get_by_role("button", name="Write", exact=True).wait_for(timeout=LONG)
    before = texts(page)
    assert len(before) == 3 and all(before)
    measured = page.get_by_role("region", name="Measured")
    assert "xylophone missing" in " ".join(measured.inner_text().split())
    # one written by hand, one again
    page.get_by_role("button", name="Edit paragraph 1").click()
    box = page.get_by_role("textbox", name="Paragraph 1")
    box.fill("A xylophone rang.")
    box.press("Control+Enter")
    measured.get_by_text("used").wait_for(timeout=LONG)
    page.get_by_role("button", name="Write again paragraph 2").click()
    page.get_by_role("button", name="Write", exact=True).wait_for(timeout=LONG)
    after = texts(page)
    assert after[0] == "A xylophone rang." and after[1] != before[1] and after[2] == before[2]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as text").click()
    download.value.save_as(tmp_path / "text.txt")
    assert download.value.suggested_filename == "a-dog.txt"
    assert (tmp_path / "text.txt").read_text(encoding="utf-8").startswith("A xylophone rang.\n\n")
    page.reload()
    page.get_by_role("article", name="Paragraph 3").wait_for(timeout=LONG)
    assert texts(page) == after


def test_candidates_the_outline_and_what_was_cleared(browser_open: Any) -> None:
    page = browser_open("write", **KEPT)
    page.get_by_role("button", name=re.compile("choose for paragraph 1")).click(timeout=LONG)
    page.get_by_role("radio", name="The cat ran.").check()
    assert texts(page) == ["The cat ran.", "By hand."]
    page.get_by_text("The paragraphs after it may no longer fit.").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Bring the old text back").click()
    assert texts(page) == ["The cat ran.", "By hand."]
    page.get_by_role("textbox", name="Point 2").fill("It goes home.")
    page.get_by_role("button", name="Write from this outline").click()
    page.get_by_text("Outline by you").wait_for()
    page.get_by_role("button", name="Stop").click(timeout=LONG)
    page.get_by_role("button", name="Write", exact=True).wait_for(timeout=LONG)
    has_value(page.get_by_role("textbox", name="Point 2"), "It goes home.")


def test_an_outline_needs_points_and_the_old_one_comes_back_with_its_text(browser_open: Any) -> None:
    page = browser_open("write", **KEPT)
    points = page.get_by_role("textbox", name=re.compile(r"^Point \d$"))
    page.get_by_role("button", name="Remove point 1").click(timeout=LONG)
    page.get_by_role("textbox", name="Point 1").fill("  ")
    assert page.get_by_role("button", name="Write from this outline").is_disabled()
    page.get_by_role("button", name="Remove point 1").click()
    assert points.count() == 0 and page.get_by_role("button", name="Write from this outline").is_disabled()
    page.get_by_role("button", name="Discard the changes").click()
    page.get_by_role("textbox", name="Point 2").fill("It goes home.")
    page.get_by_role("button", name="Write from this outline").click()
    page.get_by_text("Outline by you").wait_for()
    page.get_by_role("button", name="Bring the old text back").click(timeout=LONG)
    page.get_by_text("Outline by the model.").wait_for()
    assert [point.input_value() for point in points.all()] == PLAN["outline"]
    assert texts(page) == ["A cat came.", "By hand."]


@pytest.mark.parametrize("width", [360, 1280])
def test_write_has_no_barriers(width: int, browser_open: Any) -> None:
    page = browser_open("write", width=width, **KEPT)
    page.get_by_role("button", name=re.compile("choose for paragraph 1")).click(timeout=LONG)
    page.get_by_role("button", name="Edit paragraph 2").click()
    page.get_by_text("Outline and candidates").click()
    page.get_by_role("region", name="Measured").get_by_text("asked for").wait_for(timeout=LONG)
    assert_no_barriers(page)
