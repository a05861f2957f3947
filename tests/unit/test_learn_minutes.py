"""How `learn` divides its minutes between the stages."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from firstwords import home
from firstwords import pipeline as learn
from firstwords.config import UserError
from firstwords.keeping import trash
from firstwords.pipeline import CHATS_SHARE, WORLD_CHATS_SHARE, Learn, _open, chat_seconds, usable_preferences
from firstwords.plan.budget import Machine
from firstwords.preferences.records import TooFewError
from firstwords.runlog import write_json
from firstwords.train.opening import begin


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))


def chats(path: Path, count: int) -> str:
    row = {"messages": [{"role": "user", "content": "Why? " * 40}, {"role": "assistant", "content": "Because. " * 40}]}
    path.write_text((json.dumps(row) + "\n") * count, encoding="utf-8")
    return str(path)


def test_chats_without_end_get_their_share() -> None:
    assert chat_seconds(Learn(), 1000) == 1000 * WORLD_CHATS_SHARE


def test_stage_three_gets_more_time_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(gflops: float, minutes: float) -> float:
        machine = Machine(training_gflops={128: gflops})
        monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(machine)))
        return learn.align_seconds(Learn(minutes=minutes))

    assert seconds(5000, 8) == seconds(120, 8) == pytest.approx(54)
    assert seconds(100, 8) == pytest.approx(64.8) and seconds(20, 8) == pytest.approx(70.2)
    assert seconds(5000, 60) == seconds(20, 60) == learn.ALIGN_MOST
    assert learn.align_seconds(Learn(preferences=["none"])) == 0


def test_chats_that_end_early_leave_their_time_to_stage_one(tmp_path: Path) -> None:
    few = Learn(chats=[chats(tmp_path / "few.jsonl", 300)])
    more = Learn(chats=[chats(tmp_path / "more.jsonl", 600)])
    many = Learn(chats=[chats(tmp_path / "many.jsonl", 60_000)])
    assert 10 < chat_seconds(few, 1000) < chat_seconds(more, 1000) < 1000 * CHATS_SHARE
    assert chat_seconds(many, 1000) == 1000 * CHATS_SHARE
    assert chat_seconds(few, 30) == 30 * CHATS_SHARE  # in half a minute even these cannot be read out


def test_the_built_in_judge_is_asked_about_the_built_in_world_only(tmp_path: Path) -> None:
    own = chats(tmp_path / "own.jsonl", 1)
    assert usable_preferences(Learn()) == ["world"]
    assert usable_preferences(Learn(chats=[own])) == []
    assert usable_preferences(Learn(chats=[own], preferences=["mine.jsonl", "world"])) == ["mine.jsonl"]
    assert usable_preferences(Learn(preferences=["none"])) == []


def test_preferences_that_a_model_cannot_use_do_not_keep_it_from_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another try would fail in the same way, always after nine tenths of the work."""
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path))
    calls = []

    def too_few(*_: object) -> None:
        raise TooFewError("0 of the 9 prompts can be used")

    for name, work in (("pretrain", None), ("finetune", None), ("align", too_few)):
        monkeypatch.setattr(getattr(learn, name), "main", work or (lambda *_, name=name: calls.append(name)))
    monkeypatch.setattr(learn, "examine", lambda *_: {"name": "pip"})
    monkeypatch.setattr(learn, "write_report", lambda *_: calls.append("report"))
    learn.main(Learn(name="pip", minutes=10))
    assert calls == ["pretrain", "finetune", "report"]
    assert "skipping stage three: 0 of the 9 prompts can be used" in capsys.readouterr().err
    state = json.loads((home.run_dir("pip") / "learn.json").read_text())
    assert state["done"] and state["stages"] == ["base", "sft", "rlhf"]


def test_a_fresh_start_replaces_the_runs_of_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise --resume would take an old version's run for its own. They go to the trash with the model."""
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path))
    model = home.model_dir("pip") / "rlhf-1"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (model / name).write_text("{}", encoding="utf-8")
    assert home.stages("pip") == ["rlhf-1"]
    for stage in ("base", "sft", "reward", "align", "rlhf-1"):
        home.run_dir("pip", stage).mkdir(parents=True)
    with pytest.raises(UserError, match=r"pip is already trained \(rlhf-1\): --replace .* --name NAME"):
        _open(Learn(name="pip"), home.run_dir("pip"))
    config, state = _open(Learn(name="pip", replace=True), home.run_dir("pip"))
    assert (config.name, state["stages"], state["done"]) == ("pip", [], False)
    write_json(home.starting_dir("pip") / "learn.json", state)
    begin("pip", "base", "learn")
    assert [path.name for path in home.run_dir("pip").iterdir()] == ["learn.json"] and home.stages("pip") == []
    (entry,) = trash.entries()
    assert {path.name for path in (entry.folder / "runs").iterdir()} == {"base", "sft", "reward", "align", "rlhf-1"}
    assert home.is_model(entry.folder / "model" / "rlhf-1")
