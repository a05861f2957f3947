"""Preferences from every form in which people share them, and what cannot be one."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.source_stats import SourceStats
from firstwords.preferences.formats import read_preferences, write_jsonl
from firstwords.preferences.records import Preference

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "preferences"


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def read(path: Path, *rows: object) -> tuple[list[Preference], SourceStats]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stats = SourceStats()
    return list(read_preferences([path], stats)), stats


FORMS = {
    "plain": {"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
    "conversational": {"prompt": [user("Hi")], "chosen": [said("Hello!")], "rejected": [said("What?")]},
    "implied": {"chosen": [user("Hi"), said("Hello!")], "rejected": [user("Hi"), said("What?")]},
    "messages": {"prompt": [user("Hi")], "chosen": "Hello!", "rejected": "What?"},
    "transcripts": {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"},
    "transcript prompt": {"prompt": "\n\nHuman: Hi\n\nAssistant:", "chosen": "Hello!", "rejected": "What?"},
    "alpaca": {"instruction": "Hi", "input": "", "output": "x", "chosen": "Hello!", "rejected": "What?"},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str, tmp_path: Path) -> None:
    (found,), _ = read(tmp_path / "p.jsonl", FORMS[form])
    assert (found.prompt, found.chosen, found.rejected) == ((user("Hi"),), "Hello!", "What?")


def test_turns_before_the_last_belong_to_the_prompt(tmp_path: Path) -> None:
    start = "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Who are you?"
    row = {"chosen": start + "\n\nAssistant: Pip.", "rejected": start + "\n\nAssistant: Guess."}
    (found,), _ = read(tmp_path / "p.jsonl", row)
    assert found.prompt == (user("Hi"), said("Hello!"), user("Who are you?"))
    assert (found.chosen, found.rejected) == ("Pip.", "Guess.")


@pytest.mark.parametrize("form", FORMS)
def test_one_row_alone_in_a_json_file(form: str, tmp_path: Path) -> None:
    # lists of messages are no list of rows
    (tmp_path / "one.json").write_text(json.dumps(FORMS[form]), encoding="utf-8")
    (found,) = read_preferences([tmp_path / "one.json"])
    assert (found.prompt, found.chosen, found.rejected) == ((user("Hi"),), "Hello!", "What?")


def test_a_preference_knows_its_file_and_what_that_held(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (one,), _ = read(tmp_path / name, FORMS["plain"])
        assert one.source == name and one.source_hash == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "a", "rejected": "b"}, "needs a prompt"),
        ({"prompt": "Hi", "chosen": "same", "rejected": " same "}, "equal"),
        ({"prompt": "Hi", "chosen": "a", "rejected": ""}, "empty"),
        ({"prompt": "Hi", "chosen": "a"}, "column rejected"),
        ({"prompt": "Hi", "chosen": ["a"], "rejected": ["b"]}, "role and content"),
        ({"prompt": [user("Hi"), said("x")], "chosen": "a", "rejected": "b"}, "user's turn"),
        ({"chosen": "\n\nHuman: Hi\n\nAssistant: a", "rejected": "\n\nHuman: Ho\n\nAssistant: b"}, "differ"),
        (["prompt"], "must be an object"),
    ],
)
def test_a_row_that_is_no_preference_is_counted_with_its_place(row: object, reason: str, tmp_path: Path) -> None:
    found, stats = read(tmp_path / "p.jsonl", FORMS["plain"], row)
    assert len(found) == 1 and stats.skipped_rows == 1
    assert "p.jsonl:2" in stats.notes[0] and reason in stats.notes[0]
    with pytest.raises(UserError, match="no row is usable"):
        read(tmp_path / "bad.jsonl", row)


LONG = [user("Hi"), said("Hello!"), user("Who?")]
SYSTEM = {"role": "system", "content": "Be kind."}


@pytest.mark.parametrize(
    ("prompt", "before", "expected"),
    [
        ("Who?", LONG, LONG),  # the prompt is the last question of the chat,
        ("Hi", LONG, LONG),  # or the first
        (LONG, LONG, LONG),
        (LONG, [user("Who?")], LONG),  # the sides repeat only the last question
        ([SYSTEM, *LONG], LONG, [SYSTEM, *LONG]),
        (LONG, [SYSTEM, *LONG], [SYSTEM, *LONG]),
        (LONG[:2], [user("Who?")], LONG),  # the sides go on where the prompt ends
        (" Who? \n", [user("Who?")], [user("Who?")]),
    ],
)
def test_what_the_sides_repeat_of_the_prompt_goes(prompt: object, before: list, expected: list, tmp_path: Path) -> None:
    row = {"prompt": prompt, "chosen": [*before, said("Pip.")], "rejected": [*before, said("Guess.")]}
    (found,), _ = read(tmp_path / "p.jsonl", row)
    assert (list(found.prompt), found.chosen, found.rejected) == (expected, "Pip.", "Guess.")
    one_side = row | {"rejected": "Guess."}
    assert read(tmp_path / "p.jsonl", one_side)[0] == [replace(found, source_hash=hash_of(tmp_path / "p.jsonl"))]


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Hi", "chosen": [user("Ho"), said("a")], "rejected": [user("Ho"), said("b")]}, "prompt differs"),
        ({"prompt": "Hi", "chosen": [user("Hi"), said("a")], "rejected": [user("Ho"), said("b")]}, "before their last"),
        ({"prompt": "Hi", "chosen": [user("Hi")], "rejected": [user("Hi")]}, "assistant's turn"),
        ({"prompt": "Hi", "generations": ["a", "b"], "ratings": [1]}, "2 generations have 1 ratings"),
        ({"prompt": "Hi", "generations": ["a", ""], "ratings": [1, 2]}, "fewer than two of its generations"),
        ({"prompt": "Hi", "response_a": "a", "response_b": "b"}, "no column says which"),
        ({"prompt": "Hi", "response_a": "a", "response_b": "b", "winner": "left"}, "the winner 'left' is unknown"),
        ({"prompt": "Hi", "completion": [user("a")], "label": True}, "assistant's answer"),
        ({"prompt": "Hi", "response": "Ho"}, "--chats"),
        ({"text": "Hi"}, "--text"),
    ],
)
def test_why_a_row_is_no_preference(row: object, reason: str, tmp_path: Path) -> None:
    found, stats = read(tmp_path / "p.jsonl", FORMS["plain"], row)
    assert len(found) == 1 and stats.skipped_rows == 1 and reason in stats.notes[0]


@pytest.mark.parametrize(
    ("more", "chosen"),
    [
        ({"winner": "model_a"}, "a"),
        ({"winner": "B"}, "b"),
        ({"winner": "gpt-x", "model_b": "gpt-x"}, "b"),
        ({"winner": "response_b"}, "b"),
        ({"winner_model_a": "1", "winner_model_b": "0"}, "a"),
        ({"labels": "0"}, "b"),
        ({"preference": 2.0}, "b"),
        ({"overall_preference": 3}, "b"),
        ({"score_a": "0.5", "score_b": 0.25}, "a"),
    ],
)
def test_who_won(more: dict, chosen: str, tmp_path: Path) -> None:
    (found,), _ = read(tmp_path / "p.jsonl", {"prompt": "Hi", "response_a": "a", "response_b": "b"} | more)
    assert found.chosen == chosen


def test_verdicts_on_one_answer_each_are_used_once(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Hi", "completion": text, "label": label}
        for text, label in [("a", True), ("b", "false"), ("c", True), ("a", False), ("d", 0), ("e", 1)]
    ]
    found, stats = read(tmp_path / "p.jsonl", *rows)
    assert [(p.chosen, p.rejected) for p in found] == [("a", "b"), ("c", "a"), ("e", "d")] and stats.unpaired == 0
    found, stats = read(tmp_path / "p.jsonl", *rows[:3], FORMS["plain"])
    assert len(found) == 2 and stats.unpaired == 1  # of rows with two answers and of rows with one


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    several = (user("Hi"), said("Hello!"), user("Who?"))
    pairs = [Preference(several, "Pip.", "Guess."), Preference((user("A"),), "b", "c")]
    assert write_jsonl(pairs, tmp_path / "out.jsonl") == 2
    back = list(read_preferences([tmp_path / "out.jsonl"]))
    assert [(p.prompt, p.chosen, p.rejected) for p in back] == [(p.prompt, p.chosen, p.rejected) for p in pairs]
    write_jsonl(pairs[1:], tmp_path / "plain.jsonl", conversational=False)
    assert json.loads((tmp_path / "plain.jsonl").read_text()) == {"prompt": "A", "chosen": "b", "rejected": "c"}
    with pytest.raises(UserError, match="several turns"):
        write_jsonl(pairs, tmp_path / "no.jsonl", conversational=False)


@pytest.mark.parametrize(
    ("name", "usable", "skipped"),
    [
        ("oasst-ranked.jsonl.gz", 732, 0),
        ("hh-harmless-test.jsonl.gz", 2303, 4),
        ("instructions-1100-preferences.json", 1094, 6),
    ],
)
def test_real_preferences(name: str, usable: int, skipped: int) -> None:
    if not (DATA / name).is_file():
        pytest.skip(f"{DATA / name} is missing")
    stats = SourceStats()
    found = list(read_preferences([DATA / name], stats))
    assert (len(found), stats.skipped_rows) == (usable, skipped)
    assert all(p.prompt[-1]["role"] == "user" and p.chosen != p.rejected for p in found)
