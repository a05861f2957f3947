"""`firstwords eval REF --tasks FILES`: what it prints, keeps and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = {
        "pairs": [{"good": f"The cat is {n}.", "bad": f"Cat the {n} is."} for n in range(8)],
        "boxes": [
            {"query": f"Question: Who is {n}?", "choices": ["the dog", "the cat", "Pip"], "gold": n % 3}
            for n in range(9)
        ],
        "asked": [{"question": f"Where is {n}?", "answers": ["in the house"]} for n in range(4)],
    }
    for name, each in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each))
    return folder


def test_every_figure_has_an_interval(firstwords, pip_home: Path, files: Path) -> None:
    code, out, err = firstwords("eval", "pip/base", "--tasks", files, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["model"] == "pip/base" and [each["task"] for each in found["tasks"]] == ["asked", "boxes", "pairs"]
    for each in found["tasks"]:
        assert 0 <= each["low"] <= each["rate"] <= each["high"] <= 1 and each["n"] == len(each["outcomes"])
    boxes = found["tasks"][1]
    assert boxes["chance"] == pytest.approx(1 / 3) and set(boxes["scores"]) == {"plain", "per_character", "per_byte"}
    assert boxes["ece"]["low"] <= boxes["ece"]["value"] <= boxes["ece"]["high"] and boxes["calibration"]
    code, out, err = firstwords("eval", "pip/base", "--tasks", files / "boxes.jsonl", "--limit", "4", "--shots", "2")
    assert code == 0 and out.splitlines()[0] == "pip/base" and "boxes, 2 shots" in out and "n = 4, chance 33.3%" in out
    assert "calibration error" in out and "per byte" in out and "pip/base: boxes" in err


def test_every_stage_and_what_it_changed(firstwords, own_home: Path, files: Path) -> None:
    code, out, _ = firstwords("eval", "pip", "--tasks", files / "pairs.jsonl", "--all-stages", "--save")
    assert code == 0 and out.index("pip/base") < out.index("pip/sft") < out.index("changes, paired by row")
    assert "points (" in out and "over base: " in out
    for stage in ("base", "sft"):
        assert (own_home / "models" / "pip" / stage / "tasks.json").is_file()
    code, out, _ = firstwords("models")
    assert code == 0 and "pairs" in out
    rows = json.loads(firstwords("models", "--json")[1])["models"]
    assert rows[0]["tasks"][0]["title"] == "pairs" and rows[1]["tasks"][0]["change"]["over"] == "base"


def test_chats_and_their_limits(firstwords, pip_home: Path, files: Path) -> None:
    code, out, _ = firstwords("eval", "pip/sft", "--tasks", files, "--as-chat", "--json")
    assert code == 0
    assert {each["task"]: each["form"] for each in json.loads(out)["tasks"]} == {
        "asked": "chat",
        "boxes": "chat",
        "pairs": "text",
    }
    code, _, err = firstwords("eval", "pip/base", "--tasks", files, "--as-chat")
    assert code == 2 and "is a base model" in err


def test_chats_of_every_stage_that_can_answer(firstwords, own_home: Path, files: Path) -> None:
    asked = ("eval", "pip", "--tasks", files / "boxes.jsonl", "--all-stages", "--as-chat")
    code, out, err = firstwords(*asked, "--json")
    assert code == 0 and "pip/base is skipped" in err
    (found,) = json.loads(out)["models"]
    assert found["model"] == "pip/sft" and found["tasks"][0]["form"] == "chat"
    code, out, _ = firstwords(*asked)
    assert code == 0 and "pip/base" not in out and "changes" not in out
    shutil.rmtree(own_home / "models" / "pip" / "sft")
    code, out, err = firstwords(*asked)
    assert code == 2 and out == "" and "no stage of pip has learned to answer" in err


def test_a_file_of_no_known_kind_is_refused_before_a_model_is_loaded(firstwords, empty_home: Path, files: Path) -> None:
    bad = files / "colours.jsonl"
    bad.write_text('{"colour": "red"}\n')
    code, out, err = firstwords("eval", "pip", "--tasks", files)
    assert code == 2 and out == "" and "colours.jsonl:1" in err and "no known kind of task" in err


def test_an_interrupt_keeps_what_is_finished(firstwords, own_home: Path, files: Path, monkeypatch) -> None:
    from firstwords.eval.tasks import measure

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "_choose", interrupted)
    code, out, err = firstwords("eval", "pip/base", "--tasks", files, "--save")
    assert code == 130 and "asked" in out and "Traceback" not in err
    assert set(json.loads((own_home / "models/pip/base/tasks.json").read_text())["tasks"]) == {"asked"}


def test_the_report_shows_the_tasks_of_every_stage(firstwords, own_home: Path, files: Path, tmp_path: Path) -> None:
    for stage in ("base", "sft"):
        assert firstwords("eval", f"pip/{stage}", "--tasks", files / "boxes.jsonl", "--save", "--json")[0] == 0
    code, out, _ = firstwords("report", "pip", "--output", tmp_path / "pip.html")
    page = (tmp_path / "pip.html").read_text(encoding="utf-8")
    assert code == 0 and out.strip() == str(tmp_path / "pip.html")
    assert "Without training for it" in page and "boxes: accuracy; guessing reaches 33.3%" in page
    assert page.count("confidence against the share of right answers") == 2
    assert "compared with base" in page or "no clear difference to base" in page
    code, _, err = firstwords("report", "pip/sft")
    assert code == 2 and "without a stage" in err
    code, _, err = firstwords("report", "pop")
    assert code == 2 and "pip" in err
