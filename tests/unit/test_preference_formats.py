"""Preferences from every form in which people share them, and what cannot be one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.sources import SourceStats
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
    with pytest.raises(UserError, match="every row"):
        read(tmp_path / "bad.jsonl", row)


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
