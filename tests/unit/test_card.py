"""A model's card names the town of the built-in world that it was taught, wherever the model stands."""

from __future__ import annotations

import json
from pathlib import Path

from firstwords.model.card import town_size


def stage(directory: Path, **data: str) -> Path:
    directory.mkdir(parents=True)
    (directory / "firstwords.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    return directory


def test_the_town_is_that_of_the_stage_or_of_a_stage_beside_it(tmp_path: Path) -> None:
    assert town_size(stage(tmp_path / "exported" / "sft", town="small")) == "small"
    assert town_size(stage(tmp_path / "pip" / "base", town="small")) == "small"
    assert town_size(stage(tmp_path / "pip" / "sft")) == "small"
    assert town_size(stage(tmp_path / "big" / "base", town="whole")) == "whole"
    assert town_size(stage(tmp_path / "own" / "sft")) == "whole" and town_size(tmp_path / "nothing") == "whole"
