"""The ladder in a real browser: songs move the line, a sentence gets its verdict, layers bend, the model goes on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser_talk import LONG, assert_no_barriers, has_value

LEARNING = 240_000  # ms: the server learns its words when the ladder is first opened


@pytest.fixture
def ladder_words(browser_server: Any) -> None:
    """The server has begun to learn its words."""
    browser_server.call("GET", "/api/ladder/sentiment")


def region(page: Any, number: int) -> Any:
    return page.get_by_role("region", name=re.compile(rf"^{number}\. "))


def equation(page: Any, unlike: str = "") -> str:
    """The line in words, once it is another than `unlike`."""
    found = page.get_by_test_id("equation")
    found.wait_for(timeout=LONG)
    page.wait_for_function(
        "old => document.querySelector('[data-testid=equation]').textContent !== old", arg=unlike, timeout=LONG
    )
    return str(found.inner_text())


def plot(page: Any) -> Any:
    return region(page, 1).get_by_role("group", name=re.compile("^Songs by tempo"))


def test_a_click_adds_a_song_and_the_line_moves(browser_open: Any) -> None:
    page = browser_open("ladder")
    start = equation(page)
    songs = plot(page).get_by_role("button")
    assert songs.count() == 20
    box = plot(page).bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.85, box["y"] + box["height"] * 0.75)
    added = equation(page, unlike=start)
    assert songs.count() == 21
    assert re.match(
        r"Song 1 \(yours\), reggaeton: tempo 1\d\d, energy 0\.\d", songs.nth(20).get_attribute("aria-label")
    )
    region(page, 1).get_by_role("button", name="Make it R&B").click()
    flipped = equation(page, unlike=added)
    region(page, 1).get_by_role("button", name="Remove it").click()
    equation(page, unlike=flipped)
    region(page, 1).get_by_role("button", name="Reset the songs").click()
    page.wait_for_function(
        "old => document.querySelector('[data-testid=equation]').textContent === old", arg=start, timeout=LONG
    )
    assert songs.count() == 20


def test_a_song_is_dragged_and_the_line_follows(browser_open: Any) -> None:
    page = browser_open("ladder")
    start = equation(page)
    song = plot(page).get_by_role("button", name=re.compile("^Ordinary People"))
    box = song.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] - 150, steps=8)
    equation(page, unlike=start)  # before the song is let go
    page.mouse.up()
    tempo, energy = re.search(r"tempo (\d+), energy ([\d.]+)", song.get_attribute("aria-label")).groups()
    assert float(tempo) > 80 and float(energy) > 0.3
    assert plot(page).get_by_role("button").count() == 20  # letting go is no click on the plane


def test_songs_move_by_keyboard_alone(browser_open: Any) -> None:
    page = browser_open("ladder")
    start = equation(page)
    first = plot(page).get_by_role("button").first
    first.focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    moved = equation(page, unlike=start)
    assert "tempo 96, energy 0.7" in first.get_attribute("aria-label")
    page.keyboard.press("Enter")
    flipped = equation(page, unlike=moved)
    assert "Gasolina (Daddy Yankee), R&B" in first.get_attribute("aria-label")
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.activeElement.dataset.point === '1'")
    page.keyboard.press("Delete")
    equation(page, unlike=flipped)
    assert plot(page).get_by_role("button").count() == 19
    panel = region(page, 1)
    likely = panel.locator("p", has_text=re.compile(r"% reggaeton, .* % R&B"))
    before = likely.inner_text()
    panel.get_by_label("Energy", exact=True).fill("0.95")
    page.wait_for_function("old => !document.body.innerText.includes(old)", arg=before, timeout=LONG)
    panel.get_by_role("button", name="Add it as reggaeton").click()
    assert plot(page).get_by_role("button", name="Song 1 (yours), reggaeton: tempo 100, energy 0.95").count() == 1


def test_a_sentence_gets_a_verdict_and_its_words_push(browser_open: Any, ladder_words: None) -> None:
    page = browser_open("ladder")
    panel = region(page, 2)
    verdict = panel.get_by_test_id("verdict")
    verdict.wait_for(timeout=LEARNING)
    assert re.search(r"[89]\d\.\d % happy", verdict.inner_text())
    panel.get_by_label("A sentence").fill("A horrible day, and everybody cried.")
    panel.get_by_text(re.compile(r"[89]\d\.\d % sad")).wait_for(timeout=LONG)
    words = panel.get_by_role("group", name=re.compile("^Words and how far"))
    horrible = words.get_by_role("button", name=re.compile("horrible"))
    assert "▼ −" in horrible.inner_text()
    pushes = [float(n.replace("−", "-")) for n in re.findall(r"[+−]\d+\.\d\d", words.inner_text())]
    start, total = re.search(r"The bias (\S+) and all pushes add up to (\S+);", panel.inner_text()).groups()
    assert sum(pushes) + float(start.replace("−", "-")) == pytest.approx(float(total.replace("−", "-")), abs=0.05)
    horrible.click()
    has_value(panel.get_by_label("Neighbours of the word"), "horrible")
    panel.get_by_role("button", name=re.compile("^(terrible|awful|bad|nasty)$")).first.wait_for(timeout=LONG)


def test_mistakes_are_told_in_a_sentence(browser_chromium: Any, browser_server: Any, ladder_words: None) -> None:
    page = browser_chromium.new_page()  # of its own: a browser writes every refused request to its console
    page.goto(f"{browser_server.url}/#/ladder")
    equation(page)
    songs = plot(page).get_by_role("button", name=re.compile(", reggaeton: "))
    for left in range(10, 1, -1):
        assert songs.count() == left
        songs.first.focus()
        page.keyboard.press("Delete")
    region(page, 1).get_by_text("the plot has 1 usable row of reggaeton; each class needs at least 2").wait_for()
    panel = region(page, 2)
    panel.get_by_test_id("verdict").wait_for(timeout=LEARNING)
    panel.get_by_label("A sentence").fill("xyzzy")
    panel.get_by_text('no word of "xyzzy" occurs in the training text').wait_for(timeout=LONG)
    panel.get_by_label("A sentence").fill(" ")
    panel.get_by_text("the sentence is empty").wait_for(timeout=LONG)
    panel.get_by_label("Neighbours of the word").fill("lovelyy")
    panel.get_by_text("did you mean lovely?").wait_for(timeout=LONG)
    page.close()


def test_layers_change_the_boundary(browser_open: Any) -> None:
    page = browser_open("ladder")
    panel = region(page, 3)
    panel.get_by_text("2 hidden layers", exact=True).first.wait_for(timeout=LONG)
    shapes = panel.locator(".boundary")
    line, bent = shapes.nth(0).get_attribute("d"), shapes.nth(2).get_attribute("d")
    assert bent.count("M") > 2 * line.count("M")
    right = [float(n) for n in re.findall(r"([\d.]+) % of these correct", panel.inner_text())]
    assert len(right) == 3 and right[0] < 75 < 95 < right[2]
    panel.get_by_role("slider", name=re.compile("Hidden layers")).fill("1")
    page.wait_for_function("() => document.querySelectorAll('[data-depth]').length === 2", timeout=LONG)
    panel.get_by_role("slider", name=re.compile("Units in each")).fill("1")
    panel.get_by_text("5 weights").wait_for(timeout=LONG)
    assert shapes.nth(1).get_attribute("d") != bent
    panel.get_by_role("button", name="your songs").click()
    panel.locator("p", has_text="reggaeton").wait_for(timeout=LONG)
    panel.get_by_text(re.compile("^1 hidden layer: ")).wait_for(timeout=LONG)


def test_the_last_step_is_the_own_model(browser_open: Any) -> None:
    page = browser_open("ladder", **{"ladder:next": "The cat is on the"})
    panel = region(page, 4)
    panel.get_by_text("everything else", exact=True).wait_for(timeout=LONG)
    bars = [float(n) for n in re.findall(r"([\d.]+) %", panel.locator("ul").inner_text())]
    assert len(bars) == 9 and sum(bars) == pytest.approx(100, abs=1.2)
    assert panel.get_by_text("300 classes").count() == 1
    panel.get_by_role("button", name=re.compile("^Write")).first.click()
    text = panel.get_by_label("Start of a text").input_value()
    assert text.startswith("The cat is on the") and len(text) > len("The cat is on the")
    panel.get_by_role("link", name="Look inside at this text").click()
    page.get_by_role("region", name="The next token").wait_for(timeout=LONG)
    has_value(page.get_by_label("Text", exact=True), text)


def test_without_a_model_the_first_steps_are_there(browser_open: Any, browser_empty_server: Any) -> None:
    page = browser_open("ladder", server=browser_empty_server)
    equation(page)
    region(page, 4).get_by_text("firstwords learn --minutes 6").wait_for(timeout=LONG)
    region(page, 4).get_by_role("link", name="Train one now").click()
    page.get_by_role("heading", name="Train a model on this machine").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_ladder_has_no_barriers(width: int, browser_open: Any, ladder_words: None) -> None:
    page = browser_open("ladder/words", width=width)
    region(page, 2).get_by_test_id("verdict").wait_for(timeout=LEARNING)
    region(page, 3).get_by_text(re.compile("^2 hidden layers: ")).wait_for(timeout=LONG)
    region(page, 4).get_by_text("everything else", exact=True).wait_for(timeout=LONG)
    region(page, 1).get_by_label("Change a song").select_option("3")
    page.wait_for_load_state("networkidle")
    main = page.locator("main")
    assert main.evaluate("main => main.scrollTop") > 100  # the address led to the second step
    assert_no_barriers(page)
