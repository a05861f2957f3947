"""Simulated people teach through `align`: those with a taste are followed, one who chooses at random is noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manners import prompts
from people import POLITE, RANDOM, SHORT, choices, followed

from firstwords import home
from firstwords.engine.engine import Engine
from firstwords.model.hub import load_model
from firstwords.rlhf import align
from firstwords.rlhf.align import Align
from firstwords.tokenizer.fast import Tokenizer

pytest_plugins = ("manners_fixtures",)

CASES = {
    "short": (SHORT, {"method": "rloo", "steps": 60, "learning_rate": 10.0}),
    "polite": (POLITE, {"method": "dpo", "steps": 80}),
}


def engine(stage: str) -> Engine:
    folder = home.stage_dir("pip", stage)
    return Engine(load_model(folder), Tokenizer.load(folder), num_slots=32)


def decided() -> dict:
    return json.loads((home.run_dir("pip", "align") / "align.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_people_with_a_taste_are_followed(manners_home: Path, name: str) -> None:
    person, flags = CASES[name]
    assert len(choices(person, "pip", prompts(), 200)) == 200
    align.main(Align("pip", preferences=["log"], **flags))
    measured = followed(person, engine("rlhf-1"), engine("sft"), prompts())
    assert measured["low"] > 0.55, measured
    found = decided()
    words = {"short": "shorter answers", "polite": "polite answers"}[name]
    assert found["reason"].startswith(f"by the taste shown ({words}"), found["reason"]
    assert "Compare the two yourself" in found["reason"]
    assert not found["promoted"] and home.promoted("pip") == "sft"


def test_one_who_chooses_at_random_is_reported_as_noise(manners_home: Path) -> None:
    assert len(choices(RANDOM, "pip", prompts(), 200)) == 200
    align.main(Align("pip", preferences=["log"], steps=2))
    found = decided()
    assert found["reason"].startswith(
        "the preferences show no taste that can be measured, and the reward model, right on"
    )
    assert "is no better than chance: they may be noise. Compare the two yourself" in found["reason"]
    assert not found["promoted"] and home.promoted("pip") == "sft"
