"""JSON rows in every layout give the same rows, whole or streamed; memory stays bounded."""

import json
import tracemalloc
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.formats import json_rows
from firstwords.data.readers import file_rows
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents
from firstwords.preferences.formats import read_preferences

CASES = Path(__file__).parents[1] / "cases"
ROWS = [{"text": f"row {n}\r\n" + "word " * n, "id": n, "score": n / 2} for n in range(40)]
CLEAN = [row | {"text": row["text"].replace("\r\n", "\n")} for row in ROWS]
LAYOUTS = {
    "lines": "\n".join(map(json.dumps, ROWS)),
    "lines, blank ones between": "\n\n\n".join(map(json.dumps, ROWS)) + "\n\n",
    "array": json.dumps(ROWS),
    "array, a row a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "array, rows from the first line on": "[" + ",\n".join(map(json.dumps, ROWS)) + "]",
    "pretty-printed": json.dumps(ROWS, indent=4),
    "under a key": json.dumps({"info": {"by": "us"}, "data": ROWS, "other": [1, 2]}),
    "under a key, pretty-printed": json.dumps({"notes": [{"a": 1}], "train": ROWS}, indent=1),
    "two keys deep": json.dumps({"result": {"page": {"rows": ROWS}}}),
    "behind one another": "\n".join(json.dumps(row, indent=2) for row in ROWS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize("limit", [json_rows.WHOLE_CHARS, 100])
def test_every_layout_gives_the_same_rows(tmp_path, monkeypatch, layout, name, limit):
    if limit == 100 and layout == "behind one another":
        pytest.skip("only as long as it fits into memory")
    monkeypatch.setattr(json_rows, "WHOLE_CHARS", limit)
    path = tmp_path / name
    path.write_text(LAYOUTS[layout])
    stats = SourceStats()
    assert [row for _, row in file_rows(path, stats)] == CLEAN and stats.rows == len(ROWS)
    if "key" in layout:
        assert stats.lines()[0].startswith(f"{path}: the rows are those under ")


def test_case_array_of_chats():
    chats = list(conversations([str(CASES / "c_array.jsonl")]))
    rows = json.loads((CASES / "c_array.jsonl").read_text())
    assert chats == [row["messages"] for row in rows] and len(chats) > 10


@pytest.mark.parametrize("indent", [None, 2])
def test_arrays_of_text_chats_and_preferences(tmp_path, indent):
    def written(name, rows):
        (tmp_path / name).write_text(json.dumps(rows, indent=indent))
        return [str(tmp_path / name)]

    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    assert list(documents(written("a.jsonl", [{"text": "one"}, {"text": "two"}]))) == ["one", "two"]
    assert list(conversations(written("b.jsonl", [{"messages": turns}] * 2))) == [turns] * 2
    assert list(conversations(written("c.json", turns))) == [turns]  # one chat, which is no list of rows
    assert list(conversations(written("d.jsonl", [turns, turns]))) == [turns] * 2
    (found,) = read_preferences(written("e.jsonl", [{"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}]))
    assert (found.chosen, found.rejected) == ("Hello!", "What?")


def test_chats_a_line_each_as_lists(tmp_path):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(turns)}\n" * 3)
    assert list(conversations([str(tmp_path / "a.jsonl")])) == [turns] * 3


def test_nested_columns(tmp_path):
    row = {"doc": {"title": "T", "parts": [{"p": "one"}, {"p": "two"}]}, "a.b": "three", "n": 4}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    for column, text in (("doc.title", "T"), ("doc.parts.p", "one\ntwo"), ("a.b", "three"), ("DOC.Title", "T")):
        assert list(documents([f"{tmp_path / 'a.jsonl'}:{column}"])) == [text]
    with pytest.raises(UserError, match=r"'doc.body' contains no text \(columns: doc, a.b, n\)"):
        list(documents([f"{tmp_path / 'a.jsonl'}:doc.body"]))


def test_case_null_in_the_first_row():
    stats = SourceStats()
    found = list(documents([str(CASES / "t_null_first.jsonl")], stats))
    assert len(found) == stats.rows - 1 > 50 and stats.skipped_rows == 1
    assert "t_null_first.jsonl:1: no text in column 'text'" in stats.notes[0]


def test_nulls_in_every_row_of_the_sample_but_a_later_one(tmp_path):
    rows = [{"id": n, "text": None} for n in range(150)] + [{"id": 1, "text": "late"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    stats = SourceStats()
    assert list(documents([str(tmp_path / "a.jsonl")], stats)) == ["late"] and stats.skipped_rows == 150


def test_the_longest_column_is_chosen_and_said(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"name": "Heron", "about": "A tall grey bird that waits beside the water for hours."}))
    stats = SourceStats()
    (text,) = documents([str(path)], stats)
    assert text.startswith("A tall grey bird")
    assert stats.lines()[0].startswith(f"{path}: the text is in column about, which has the longest texts")


@pytest.mark.parametrize("layout", ["array", "under a key", "lines"])
def test_a_large_document_streams(tmp_path, layout):
    path = tmp_path / "a.json"
    row = json.dumps({"text": "A line of text that is not very long.\n" * 250})  # 10 kB
    with open(path, "w") as file:
        file.write({"array": "[", "under a key": '{"version": 1, "data": [', "lines": ""}[layout])
        for number in range(6000):
            file.write(("\n" if layout == "lines" else ",\n") * (number > 0) + row)
        file.write({"array": "]", "under a key": "]}", "lines": ""}[layout])
    tracemalloc.start()
    count = sum(1 for _ in file_rows(path, SourceStats()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 6000 and path.stat().st_size > 55e6
    assert peak < 2.5 * json_rows.WHOLE_CHARS if layout != "lines" else peak < 5e6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"data": [{"text": "one"}, {"text": "t', "broken JSON somewhere after row"),
        (b'[{"text": "one"} {"text": "two"}]', "broken JSON somewhere after row"),
        (b'{"version": 1, "name": "x"}', "must contain a list of rows"),
    ],
)
def test_broken_long_documents(tmp_path, monkeypatch, content, reason):
    monkeypatch.setattr(json_rows, "WHOLE_CHARS", 10)
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        list(file_rows(tmp_path / "a.json", SourceStats()))
