"""Conversations from all the forms people share them in; every unusable row is counted and its reason
named."""

import gzip
import itertools
import json
import os
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.chats import conversations, parse_row
from firstwords.data.source_stats import SourceStats
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def chat(*contents, system=None):
    """system?, user, assistant, user, ..."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def read(*specs):
    stats = SourceStats()
    return list(conversations([str(spec) for spec in specs], stats)), stats


def write_rows(path: Path, rows, lines=True) -> Path:
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def said(*pairs, role="role", content="content"):
    return [{role: who, content: what} for who, what in pairs]


FORMS = [
    ({"messages": said(("user", "Hi"), ("assistant", "Ho"))}, chat("Hi", "Ho")),
    (
        {"id": 1, "messages": said(("system", "Be kind"), ("user", "Hi"), ("assistant", "Ho"))},
        chat("Hi", "Ho", system="Be kind"),
    ),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": "Ho"},
            ]
        },
        chat("Hi", "Ho"),
    ),
    (said(("user", "Hi"), ("assistant", "Ho")), chat("Hi", "Ho")),
    ({"conversations": said(("human", "Hi"), ("gpt", "Ho"), role="from", content="value")}, chat("Hi", "Ho")),
    (
        {
            "conversations": said(("human", "Hi"), ("gpt", "Ho"), role="from", content="value"),
            "system": "Be kind",
        },
        chat("Hi", "Ho", system="Be kind"),
    ),
    ({"instruction": "Translate.", "input": " red ", "output": "rouge"}, chat("Translate.\n\nred", "rouge")),
    ({"instruction": "Say hi.", "input": "", "output": "Hi"}, chat("Say hi.", "Hi")),
    (
        {"instruction": "Who?", "context": "Anna ran.", "response": "Anna", "category": "qa"},
        chat("Who?\n\nAnna ran.", "Anna"),
    ),
    ({"instruction": "Who?", "output": "Anna"}, chat("Who?", "Anna")),
    ({"prompt": "Hi", "response": "Ho"}, chat("Hi", "Ho")),
    ({"prompt": "Hi", "completion": "Ho"}, chat("Hi", "Ho")),
    ({"prompt": said(("user", "Hi")), "completion": said(("assistant", "Ho"))}, chat("Hi", "Ho")),
    ({"question": "Hi", "answer": "Ho", "system_prompt": "Be kind"}, chat("Hi", "Ho", system="Be kind")),
]


@pytest.mark.parametrize(("row", "expected"), FORMS)
def test_forms(row, expected):
    assert parse_row(row) == expected


CLEANED = [
    # neighbours of one role become one message
    (
        [("user", "One"), ("user", "Two"), ("assistant", "A"), ("assistant", "B")],
        chat("One\n\nTwo", "A\n\nB"),
    ),
    # what comes after the last answer goes
    ([("user", "One"), ("assistant", "A"), ("user", "Thanks")], chat("One", "A")),
    # a greeting before anybody spoke goes; the system message stays
    (
        [("system", "S"), ("assistant", "Welcome"), ("user", "One"), ("assistant", "A")],
        chat("One", "A", system="S"),
    ),
    ([("User", " One \n"), ("ASSISTANT", "\tA ")], chat("One", "A")),
]


@pytest.mark.parametrize(("turns", "expected"), CLEANED)
def test_cleaning(turns, expected):
    stats = SourceStats()
    assert parse_row({"messages": said(*turns)}, stats) == expected
    assert stats.trimmed_turns == len(turns) - len(expected)


def test_a_blank_system_message_is_none():
    stats = SourceStats()
    row = {"messages": said(("system", " "), ("user", "One"), ("assistant", "A")), "system": ""}
    assert parse_row(row, stats) == chat("One", "A")
    assert stats.trimmed_turns == 0


UNUSABLE = [
    ({"messages": said(("user", "Hi"))}, "no assistant turn"),
    ({"messages": said(("user", "Hi"), ("assistant", "  "))}, r"message 2 \(assistant\) has no text"),
    ({"messages": said(("user", "Hi"), ("assistant", None))}, r"message 2 \(assistant\) has no text"),
    (
        {"messages": said(("user", "One"), ("assistant", "\n"), ("user", "Two"), ("assistant", "A"))},
        r"message 2 \(assistant\) has no text",
    ),
    ({"conversations": said(("human", "Hi"), ("gpt", [{"type": "text", "value": " "}]), role="from")}, "has no text"),
    ({"messages": []}, "no assistant turn"),
    ({"messages": said(("assistant", "Welcome"))}, "no user turn"),
    ({"messages": said(("user", "Hi"), ("narrator", "42"), ("assistant", "Ho"))}, "role 'narrator'"),
    ({"messages": ["Hi", "Ho"]}, "object with role and content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "something other than text"),
    ({"prompt": "Hi", "chosen": "Ho", "rejected": "No"}, "--preferences"),
    ({"title": "T", "text": "no chat"}, "no chat in the columns title, text"),
    ({}, "no chat in the columns .none."),
    ("text", "must be an object, not str"),
]


@pytest.mark.parametrize(("row", "reason"), UNUSABLE)
def test_unusable_rows(tmp_path, row, reason):
    path = write_rows(tmp_path / "a.jsonl", [row, row])
    with pytest.raises(UserError, match=reason) as caught:
        read(path)
    assert f"{path}:1: " in str(caught.value)
    write_rows(path, [row, {"prompt": "Hi", "response": "Ho"}])
    found, stats = read(path)
    assert found == [chat("Hi", "Ho")]
    assert (stats.documents, stats.rows, stats.skipped_rows) == (1, 2, 1)
    assert stats.notes[0].startswith(f"{path}:1: ")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "a.parquet"])
def test_files(tmp_path, name):
    rows = [{"prompt": f"Hi {n}", "response": "Hö"} for n in range(3)]
    path = tmp_path / name
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        write_rows(path, rows, lines="jsonl" in name)
    found, stats = read(path)
    assert found == [chat(f"Hi {n}", "Hö") for n in range(3)]
    assert stats.bytes == 3 * (4 + 3)


def test_json_lines_under_the_name_json(tmp_path):
    rows = [{"prompt": f"Hi {n}", "response": "Ho"} for n in range(3)]
    assert len(read(write_rows(tmp_path / "a.json", rows))[0]) == 3


def test_folder_and_hub_directory(tmp_path):
    (tmp_path / "set").mkdir()
    write_rows(tmp_path / "set" / "train.jsonl", [{"messages": said(("user", "Hi"), ("assistant", "Ho"))}])
    assert read(tmp_path / "set")[0] == [chat("Hi", "Ho")]
    pytest.importorskip("datasets")
    assert read(f"hf:{tmp_path / 'set'}:train")[0] == [chat("Hi", "Ho")]


def test_bad_files(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "Hi", "response": "Ho"}\n{"prompt": \n')
    found, stats = read(tmp_path / "a.jsonl")
    assert len(found) == 1 and "a.jsonl:2: broken JSON" in stats.notes[0]
    (tmp_path / "b.txt").write_text("text")
    with pytest.raises(UserError, match=r"b\.txt is not a WhatsApp export.*--text"):
        read(tmp_path / "b.txt")
    (tmp_path / "b.pdf").write_text("text")
    with pytest.raises(UserError, match="an unsupported type"):
        read(tmp_path / "b.pdf")
    (tmp_path / "c.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match=r"c\.jsonl contains no rows"):
        read(tmp_path / "c.jsonl")
    with pytest.raises(UserError, match="no chats were given"):
        read()
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "d.jsonl")


REAL = [
    ("chatterbot.jsonl.gz", 2026),
    ("dolly-sample.jsonl.gz", 151),
    ("instructions-1100.json", 1100),
    ("oasst-sample.jsonl.gz", 247),
    ("self-instruct-seeds.jsonl.gz", 175),
]


@pytest.mark.parametrize(("name", "rows"), REAL)
def test_real_chats(name, rows):
    path = DATA / "chats" / name
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    found, stats = read(path)
    assert stats.rows == rows and len(found) + stats.skipped_rows == rows
    assert len(found) >= 0.99 * rows
    tokenizer = Tokenizer.train([m["content"] for messages in found for m in messages], 400)
    for messages in found[:100]:
        roles = [m["role"] for m in messages if m["role"] != "system"]
        assert roles[0] == "user" and roles[-1] == "assistant"
        assert all(a != b for a, b in itertools.pairwise(roles))
        assert sum(render(messages, tokenizer)[1])


def test_endless_chats_hide_no_others(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "Mine?"}, {"role": "assistant", "content": "Yours."}]}] * 3
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    first = itertools.islice(conversations(["world", path], town="small"), 30)
    assert sum(chat[0]["content"] == "Mine?" for chat in first) == 3
