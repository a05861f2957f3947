"""The home folder: names, stages in order, promotion, and REFs with helpful errors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from firstwords import home
from firstwords.config import UserError


def make(directory: Path, weights: str = "model.safetensors") -> Path:
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    if weights:
        (directory / weights).write_bytes(b"")
    return directory


def test_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path))
    assert home.home() == tmp_path and home.run_dir("a", "base") == tmp_path / "runs" / "a" / "base"
    monkeypatch.delenv("FIRSTWORDS_HOME")
    assert home.home() == Path.home() / ".firstwords"


def test_stages_come_in_the_order_of_training(empty_home: Path) -> None:
    for stage in ("rlhf-10", "sft", "rlhf-2", "base", "other"):
        make(home.stage_dir("pip", stage))
    make(home.stage_dir("pip", "half"), weights="")  # being written: not a stage yet
    (home.model_dir("pip") / ".sft.writing-3").mkdir()
    assert home.stages("pip") == ["base", "sft", "rlhf-2", "rlhf-10", "other"]
    assert home.stages("nobody") == []


def test_sharded_weights_count_as_a_model(empty_home: Path) -> None:
    make(home.stage_dir("big", "base"), weights="model.safetensors.index.json")
    assert home.stages("big") == ["base"]


def test_promotion(empty_home: Path) -> None:
    for stage in ("base", "sft"):
        (make(home.stage_dir("pip", stage)) / "firstwords.json").write_text(json.dumps({"stage": stage}))
    assert home.promoted("pip") == "sft"  # the latest, until one is chosen
    home.set_promoted("pip", "base")
    assert home.promoted("pip") == "base" and home.resolve("pip") == home.stage_dir("pip", "base")
    with pytest.raises(UserError, match="no stage rlhf-1; it has base, sft"):
        home.set_promoted("pip", "rlhf-1")
    (home.model_dir("pip") / "promoted").write_text("gone\n")
    assert home.promoted("pip") == "sft", "a base model cannot chat"


def test_resolve(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make(home.stage_dir("pip", "base"))
    elsewhere = make(tmp_path / "elsewhere" / "qwen")
    assert home.resolve("pip/base") == base and home.resolve("pip") == base
    assert home.resolve(str(elsewhere)) == elsewhere
    monkeypatch.chdir(tmp_path)
    assert home.resolve("elsewhere/qwen") == Path("elsewhere/qwen")
    make(tmp_path / "pip")
    assert home.resolve("pip") == base, "a model in home wins over a folder that happens to have its name"
    assert home.resolve("./pip") == Path("./pip")


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        ("pipp", "did you mean pip"),
        ("pip/sftt", "pip has no stage sftt; it has base"),
        ("nothing-like-it", "there are pip"),
        ("/no/such/folder", "there is no model /no/such/folder"),
    ],
)
def test_resolve_refuses_helpfully(empty_home: Path, ref: str, sentence: str) -> None:
    make(home.stage_dir("pip", "base"))
    with pytest.raises(UserError, match=sentence):
        home.resolve(ref)


def test_resolve_names_what_a_folder_lacks(empty_home: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "half", weights="")
    with pytest.raises(UserError, match=r"it lacks model\.safetensors"):
        home.resolve(str(folder))


def test_without_models_the_advice_is_learn(empty_home: Path) -> None:
    assert home.models() == []
    with pytest.raises(UserError, match="firstwords learn"):
        home.resolve("pip")


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "with space", "-flag"])
def test_names_stay_inside_home(empty_home: Path, name: str) -> None:
    with pytest.raises(UserError, match="model name"):
        home.model_dir(name)


def test_models_are_listed_newest_first(empty_home: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        config = make(home.stage_dir(name, "base")) / "config.json"
        os.utime(config, (1_000_000 - age, 1_000_000 - age))
    (home.models_dir() / "empty").mkdir()
    assert home.models() == ["new", "middle", "old"]
