"""`documents eval`: rates that follow from the questions, and rows that are no labelled questions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

HOUSE = """# The mill

The mill was built in 1832 by Johann Berger. Its wheel has a diameter of six metres and turns all day.

## The library

The library was founded by Marta Klein in 1901. It opens at nine o'clock and closes at five, on Sundays too.
"""
OTHER = "The station opened in 1901. Trains leave every hour for the coast, and the last one leaves at ten."
CHINESE = "猫はテーブルの下で眠っています。犬は庭にいます。"
ROWS = [
    {"question": "When was the mill built?", "answer": "1832"},
    {"question": "Who founded the library?", "answer": ["nobody", "Marta Klein"], "document": "house.md"},
    {"question": "When was the library founded?", "answers": ["1901"], "document": "house.md"},
    {"question": "猫はどこ?", "answer": "テーブルの下"},
    {"question": "What glides over the lake in winter?", "answer": "six metres"},  # no word of it is in the passage
    {"question": "When was the mill sold?", "answer": "1999"},  # in no document
    {"question": "Who is the president of Mars?", "answer": None},
]


@pytest.fixture
def filled(firstwords, empty_home: Path, tmp_path: Path) -> Path:
    for name, text in (("house.md", HOUSE), ("station.txt", OTHER), ("neko.txt", CHINESE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert firstwords("documents", "add", tmp_path / name)[0] == 0
    return tmp_path


def write(folder: Path, rows: list[dict]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_rates_are_those_of_the_questions(firstwords, filled: Path) -> None:
    code, out, _ = firstwords("documents", "eval", write(filled, ROWS), "--json")
    found = json.loads(out)
    assert code == 0 and found["questions"] == 7
    assert found["found"]["recall@10"]["rate"] == pytest.approx(4 / 5) and found["found"]["recall@10"]["n"] == 5
    assert found["found"]["nDCG@10"]["rate"] <= found["found"]["recall@10"]["rate"]
    assert [row["question"] for row in found["missed"]] == [ROWS[4]["question"]]
    assert [row["question"] for row in found["missing"]] == [ROWS[5]["question"]]
    assert found["missing"][0]["place"].endswith("questions.jsonl:6")
    assert found["unanswerable_refused"] == {"rate": 1.0, "low": pytest.approx(0.2, abs=0.05), "high": 1.0, "n": 1}
    code, out, err = firstwords("documents", "eval", write(filled, ROWS))
    assert code == 0 and "among the first 10" in out and "80.0%" in out
    assert "could help with at most 20.0% of the questions" in out
    assert f"not among the first 10: {ROWS[4]['question']}" in err and "in no document" in err


def test_ndcg_is_its_definition(firstwords, filled: Path) -> None:
    rows = [{"question": "trains leave the station every hour 1901", "answer": "1901", "document": "house.md"}]
    code, out, _ = firstwords("documents", "eval", write(filled, rows), "--json")
    found = json.loads(out)["found"]
    assert code == 0 and found["recall@1"]["rate"] == 0 and found["recall@5"]["rate"] == 1
    assert found["nDCG@10"]["rate"] == pytest.approx(1 / math.log2(3))  # the only right passage comes second


def test_a_table_of_questions_and_its_empty_cells(firstwords, filled: Path) -> None:
    path = filled / "questions.csv"
    path.write_text("question,answer\nWhen was the mill built?,1832\nWho sings on Mars?,\n", encoding="utf-8")
    code, out, _ = firstwords("documents", "eval", path, "--json")
    found = json.loads(out)
    assert code == 0 and found["quoted"]["rate"] == 1.0 and found["unanswerable_refused"]["n"] == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"answer": "x"}], "questions.jsonl:1: a row needs a question and an answer"),
        ([{"question": " ", "answer": "x"}], "a row needs a question"),
        ([{"question": "Who?"}], "the answer is missing; give null"),
        ([{"question": "Who?", "answer": {"text": "x"}}], "an answer must be a text, or null"),
        ([{"question": "Who?", "answer": "x", "document": "hose.md"}], "hose.md"),
    ],
)
def test_a_row_that_is_no_question_is_named(rows: list[dict], sentence: str, firstwords, filled: Path) -> None:
    code, out, err = firstwords("documents", "eval", write(filled, rows))
    assert code == 2 and sentence in err and not out


def test_other_mistakes(firstwords, empty_home: Path, tmp_path: Path) -> None:
    assert "there is no file" in firstwords("documents", "eval", tmp_path / "none.jsonl")[2]
    assert "there are no documents yet" in firstwords("documents", "eval", write(tmp_path, ROWS))[2]
