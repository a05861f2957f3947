"""What buttons of the page do, against the real server: chats out to a file and back in, a new chat from a message,
and a training that is started, stopped and resumed."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

from browser_talk import LONG, answers, ask, import_chat, turns

# ---- chats out and in ------------------------------------------------------------------------------------------------


def test_all_chats_go_to_a_file_and_come_back(browser_open: Any, browser_server: Any, tmp_path: Path) -> None:
    page = browser_open(max_tokens=8)
    chat = two_versions(page, "Zebras <b>& ducks</b> 🦆")
    page.get_by_role("button", name="Good answer").click()
    page.locator("button[aria-pressed=true][aria-label='Good answer']").wait_for(timeout=LONG)
    text = answers(page).first.inner_text()
    before = browser_server.call("GET", f"/api/chats/{chat}")
    assert len(before["messages"]) == 3 and before["messages"][-1]["rating"]["verdict"] == "up"

    with page.expect_download() as download:
        page.get_by_role("link", name="Export all").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert re.fullmatch(r"firstwords-\w+-\d{4}-\d\d-\d\d\.json", file.name)
    document = json.loads(file.read_text(encoding="utf-8"))
    (kept,) = [each for each in document["chats"] if each["id"] == chat]
    assert kept["messages"] == before["messages"], "with every version, token and rating"
    assert undated(document) == undated(browser_server.call("GET", "/api/export"))

    chats = page.get_by_role("region", name="Chats")
    in_list = chats.get_by_role("listitem").filter(has_text="Zebras")
    in_list.hover()
    in_list.get_by_role("button", name=re.compile("^Delete “")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    in_list.wait_for(state="detached", timeout=LONG)
    assert chat not in [each["id"] for each in browser_server.call("GET", "/api/export")["chats"]]

    bring_in(page, file)
    status = page.get_by_test_id("status")
    status.get_by_text("Imported 1 chat and 0 ratings; skipped ").wait_for(timeout=LONG)
    in_list.get_by_role("link").click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)
    assert answers(page).first.inner_text() == text
    assert page.locator("article.user .text").inner_text() == "Zebras <b>& ducks</b> 🦆"
    assert browser_server.call("GET", f"/api/chats/{chat}") == before
    page.get_by_role("button", name="Previous version").click()
    page.get_by_text("1/2", exact=True).wait_for(timeout=LONG)
    assert answers(page).first.inner_text() != text, "the other version is there too"

    bring_in(page, file)
    status.get_by_text("Imported 0 chats and 0 ratings; skipped ").wait_for(timeout=LONG)
    assert in_list.count() == 1, "a file that is read twice adds nothing"


def test_a_broken_file_is_refused_in_a_sentence_and_changes_nothing(
    browser_open: Any, browser_server: Any, tmp_path: Path
) -> None:
    import_chat(browser_server, "Whole", turns([("user", "A question"), ("assistant", "An answer")]))
    before = browser_server.call("GET", "/api/export")
    page = browser_open("chat", refused=400)
    in_list = page.get_by_role("region", name="Chats").get_by_role("listitem")
    in_list.first.wait_for(timeout=LONG)
    shown = in_list.all_inner_texts()
    for number, (text, says) in enumerate(broken(before)):
        file = tmp_path / f"{number}.json"
        file.write_text(text, encoding="utf-8")
        bring_in(page, file)
        status = page.get_by_test_id("status")
        status.get_by_text(says).wait_for(timeout=LONG)
        assert "\n" not in status.inner_text() and len(status.inner_text()) < 150
        assert undated(browser_server.call("GET", "/api/export")) == undated(before), says
    page.reload()
    in_list.first.wait_for(timeout=LONG)
    assert len(in_list.all_inner_texts()) == len(shown)


def broken(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Files that are no whole export, and what the page says of each. The last one begins with a chat that is whole."""
    text = json.dumps(document)
    whole = document["chats"][-1]
    new, torn = (
        whole | {"id": secrets.token_hex(8), "messages": said, "active": said[-1]["id"]}
        for said in (turns([("user", "New"), ("assistant", "Yes")]), turns([("user", "Torn"), ("assistant", "Yes")]))
    )
    torn["messages"][1]["parent_id"] = "0" * 16
    no_export = "this file is not a firstwords export"
    return [
        (text[: len(text) // 2], f"{no_export} (document: Invalid JSON: EOF while parsing"),
        ('{"messages": []}', f"{no_export} (kind: Field required)"),
        ("[1, 2]", f"{no_export} (document: Input should be an object)"),
        (json.dumps(document | {"version": 2}), f"{no_export} (version: Input should be 1)"),
        (json.dumps(document | {"chats": [new, torn]}), "chats.1.messages.1: its parent 0000000000000000 must"),
    ]


def undated(document: dict[str, Any]) -> dict[str, Any]:
    """An export without the time at which it was made."""
    return {key: value for key, value in document.items() if key != "exported"}


def bring_in(page: Any, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import").click()
    chooser.value.set_files(file)


def two_versions(page: Any, question: str) -> str:
    """Ask something and have the answer go on from another token too; the id of the chat."""
    ask(page, question)
    page.locator("article.assistant [data-at='4']").click()
    page.get_by_role("button", name=re.compile("^Continue from")).first.click()
    page.get_by_text("2/2", exact=True).wait_for(timeout=LONG)
    page.get_by_role("button", name="Answer again").wait_for(timeout=LONG)
    return str(page.url.rsplit("/", 1)[1])


# ---- a new chat from a message ---------------------------------------------------------------------------------------


def test_a_new_chat_from_a_message_holds_the_way_to_it(browser_open: Any, browser_server: Any) -> None:
    page = browser_open(max_tokens=8)
    old = two_versions(page, "The first question")
    ask(page, "The second question")
    first = answers(page).first.inner_text()
    before = browser_server.call("GET", f"/api/chats/{old}")
    assert len(before["messages"]) == 5
    page.get_by_role("button", name="New chat from here").nth(1).click()
    page.wait_for_url(lambda url: not url.endswith(old), timeout=LONG)
    page.get_by_text("The second question").wait_for(state="detached", timeout=LONG)
    answers(page).first.wait_for(timeout=LONG)
    assert page.locator("article").count() == 2 and answers(page).first.inner_text() == first
    assert page.get_by_text("2/2", exact=True).count() == 0, "the other version stays in the old chat"
    new = page.url.rsplit("/", 1)[1]
    kept = ("role", "content", "tokens", "model", "params", "stage_hash", "status", "finish_reason")
    made = browser_server.call("GET", f"/api/chats/{new}")["messages"]
    way = [before["messages"][0], before["messages"][2]]  # the question and the second version of its answer
    assert [[m[key] for key in kept] for m in made] == [[m[key] for key in kept] for m in way]
    ask(page, "Another second question")
    assert len(browser_server.call("GET", f"/api/chats/{new}")["messages"]) == 4
    assert browser_server.call("GET", f"/api/chats/{old}") == before
    page.go_back()
    page.get_by_text("The second question", exact=True).wait_for(timeout=LONG)
    assert page.locator("article").count() == 4


# ---- a training ------------------------------------------------------------------------------------------------------


def test_a_training_is_started_stopped_and_resumed(browser_open: Any, browser_quick_server: Any) -> None:
    server = browser_quick_server
    page = browser_open("learning", server=server, max_tokens=20)
    page.get_by_role("spinbutton", name="Minutes").fill("2")  # the least that the form takes
    page.route("**/api/runs", shortened)
    page.get_by_label("Name", exact=True).fill("tiny")
    page.get_by_role("button", name="Start").click()
    run = page.get_by_role("region", name="Run tiny")
    run.get_by_text("running", exact=True).wait_for(timeout=LONG)
    curves = page.get_by_role("region", name="Curves of base")
    curves.get_by_text("live", exact=True).wait_for(timeout=3 * LONG)
    moves(page)

    run.get_by_role("button", name="Stop and save").click()
    page.get_by_test_id("status").get_by_text("tiny was stopped, and its progress is saved").wait_for(timeout=LONG)
    run.get_by_text("stopped", exact=True).wait_for(timeout=LONG)
    stopped = server.call("GET", "/api/runs/tiny")
    assert stopped["state"] == "stopped" and stopped["stage"] == "base" and stopped["last"]["step"] > 1
    assert curves.get_by_text("from the log").is_visible()

    run.get_by_role("button", name="Resume").click()
    run.get_by_text("running", exact=True).wait_for(timeout=LONG)
    fractions = [server.call("GET", "/api/runs/tiny")["fraction"] for _ in range(5)]
    assert min(fractions) >= stopped["fraction"] - 0.01 > 0, "progress continues from where it was stopped"
    curves.get_by_text("live", exact=True).wait_for(timeout=3 * LONG)
    moves(page)
    number = re.search(r"\d+ of (\d+)", page.get_by_role("region", name="Samples over time").inner_text())
    assert number and int(number[1]) <= len(server.call("GET", "/api/runs/tiny")["samples"]), "each is told once"

    page.get_by_test_id("status").get_by_text("tiny has finished").wait_for(timeout=4 * LONG)
    run.get_by_text("done", exact=True).wait_for(timeout=LONG)
    assert run.get_by_text("100 %").is_visible() and run.get_by_role("button").count() == 0
    stages = page.get_by_role("group", name="Stage of the run").get_by_role("button")
    assert stages.all_inner_texts() == ["base", "sft"]
    done = server.call("GET", "/api/runs/tiny")
    assert (done["state"], done["fraction"], done["error"], done["command"]) == ("done", 1, None, "learn")
    steps = [row["step"] for row in done["rows"]["base"] if row["kind"] == "train"]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) > stopped["last"]["step"], "each step once"
    page.get_by_role("link", name="Chat", exact=False).first.click()
    assert ask(page, "What is your name?")


def shortened(route: Any) -> None:
    """Let a run that the page starts take half a minute."""
    body = route.request.post_data_json if route.request.method == "POST" else None
    if body is None:
        return route.continue_()
    assert body["options"]["minutes"] == 2
    body["options"]["minutes"] = 0.5
    return route.continue_(post_data=json.dumps(body))


def moves(page: Any) -> None:
    """The bar and the newest loss change by themselves."""
    for what in ("document.querySelector('main progress').value", "document.querySelector('.key strong').textContent"):
        page.wait_for_function(f"before => {what} !== before", arg=page.evaluate(what), timeout=LONG)
