"""How `learn` shares its minutes out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from firstwords.train.budget import Machine
from firstwords.train.learn import CHATS_SHARE, Learn, chat_seconds


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))


def chats(path: Path, count: int) -> str:
    row = {"messages": [{"role": "user", "content": "Why? " * 40}, {"role": "assistant", "content": "Because. " * 40}]}
    path.write_text((json.dumps(row) + "\n") * count, encoding="utf-8")
    return str(path)


def test_chats_without_end_get_their_share() -> None:
    assert chat_seconds(Learn(), 1000) == 1000 * CHATS_SHARE


def test_chats_that_end_early_leave_their_time_to_stage_one(tmp_path: Path) -> None:
    few = Learn(chats=[chats(tmp_path / "few.jsonl", 300)])
    more = Learn(chats=[chats(tmp_path / "more.jsonl", 600)])
    many = Learn(chats=[chats(tmp_path / "many.jsonl", 60_000)])
    assert 10 < chat_seconds(few, 1000) < chat_seconds(more, 1000) < 1000 * CHATS_SHARE
    assert chat_seconds(many, 1000) == 1000 * CHATS_SHARE
    assert chat_seconds(few, 30) == 30 * CHATS_SHARE  # in half a minute even these cannot be read out
