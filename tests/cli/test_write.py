"""`firstwords write`: the text on stdout, remarks on stderr, drafts that are written again paragraph by paragraph."""

from __future__ import annotations

import json

import pytest

HOW = ["--model", "pip/sft", "--seed", "3", "--best", "2", "--temperature", "1"]


def test_a_text_its_report_and_its_draft(pip_home, firstwords, tmp_path) -> None:
    code, out, err = firstwords("write", "a dog", *HOW, "--with", "cat, xylophone")
    assert code == 0 and "without an outline: a model of this size does not follow one" in err
    assert "missing words: " in err and "xylophone" in err and "4-word sequences" in err and "asked for" in err
    path = tmp_path / "dog.json"
    code, again, _ = firstwords("write", "a dog", *HOW, "--with", "cat, xylophone", "--json", "--draft", path)
    report = json.loads(again)
    assert code == 0 and report["text"] == out.strip() and len(report["candidates"][0]) == 2
    before = json.loads(path.read_text())["paragraphs"]
    code, out, err = firstwords("write", "--draft", path, "--again", "1", "--best", "2", "--seed", "99", "--json")
    after = json.loads(path.read_text())["paragraphs"]
    assert code == 0, err
    assert after[0] != before[0] and after[1:] == before[1:] and json.loads(out)["paragraphs"] == after


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to write about"),
        (["--again", "2"], "--again needs --draft"),
        (["--draft", "none.json", "--again", "1"], "cannot read the draft none.json"),
        (["a dog", "--form", "novel"], "--form"),
        (["a dog", "--best", "0"], "--best is 0"),
        (["a dog", "--temperature", "-1"], "--temperature is -1"),
        (["a dog", "--by", "reward"], "pip/sft has no reward model"),
        (["a dog", "--form", "poem", "--ending", "sad"], "an ending is for stories"),
        (["a dog", "--draft", __file__], "exists: name another file"),
    ],
)
def test_mistakes_are_one_sentence(pip_home, firstwords, words, message) -> None:
    code, out, err = firstwords("write", *words, "--model", "pip/sft")
    assert code == 2 and not out and message in err and len(err.splitlines()) == 1, err


def test_a_base_model_cannot(pip_home, firstwords) -> None:
    code, _, err = firstwords("write", "a dog", "--model", "pip/base")
    assert code == 2 and "has not learned to answer" in err
