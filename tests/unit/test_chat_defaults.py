"""How a chat is sampled: what is asked for, then what the model's file says, then the program's default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstwords.model.chat_defaults import FILE, IN_API, IN_CHATS, chat_sampling, saved_sampling, to_save


def model(folder: Path, **entries: object) -> Path:
    (folder / FILE).write_text(json.dumps(entries), encoding="utf-8")
    return folder


def test_the_request_counts_then_the_model_then_the_program(tmp_path: Path) -> None:
    own = model(tmp_path, do_sample=True, temperature=0.3, top_p=0.8)
    assert chat_sampling(own) == chat_sampling(own, otherwise=IN_API) == (0.3, 0.8)
    assert chat_sampling(own, temperature=0.0) == (0.0, 0.8) and chat_sampling(own, top_p=1.0) == (0.3, 1.0)
    assert chat_sampling(own, 1.5, 0.1, IN_API) == (1.5, 0.1)


def test_a_model_without_them_gets_the_programs(tmp_path: Path) -> None:
    assert chat_sampling(tmp_path) == IN_CHATS == (0.5, 0.95)
    assert chat_sampling(tmp_path, otherwise=IN_API) == (1.0, 1.0)
    half = model(tmp_path, temperature=0.6)
    assert chat_sampling(half, otherwise=IN_API) == (0.6, 1.0) and chat_sampling(half) == (0.6, 0.95)


@pytest.mark.parametrize(
    "entries",
    [
        {"do_sample": False},
        {"do_sample": False, "temperature": 0.6, "top_p": 0.9},  # what transformers would not use either
        {"temperature": True, "top_p": "0.9"},
        {"temperature": -1, "top_p": 0},
        {"temperature": 1e9, "top_p": 1.5},
        {"temperature": None, "top_p": [0.9]},
        {"temperature": 10**400},
    ],
)
def test_unusable_values_are_left_out(entries: dict, tmp_path: Path) -> None:
    assert saved_sampling(model(tmp_path, **entries)) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"temperature": NaN}', '{"top_p": Infinity}'])
def test_a_damaged_file_names_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    assert chat_sampling(tmp_path) == IN_CHATS


def test_a_new_stage_inherits_its_parents(tmp_path: Path) -> None:
    assert to_save(tmp_path) == {"do_sample": True, "temperature": 0.5, "top_p": 0.95}
    assert to_save(model(tmp_path, do_sample=True, temperature=0.7)) == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.95,
    }
