"""The log of judgements: nothing is lost, nothing is changed, and what it says can be learned from."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.preferences import store as module
from firstwords.preferences.records import Preference, split_by_prompt
from firstwords.preferences.store import Judgement, PreferenceStore, import_preferences


def prompt(text: str = "How old is Tom?") -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)


@pytest.fixture
def log(tmp_path: Path) -> PreferenceStore:
    return PreferenceStore(tmp_path / "home" / "firstwords.db")


def test_a_judgement_comes_back_as_it_was(log: PreferenceStore) -> None:
    said = Judgement(
        prompt("Wer ist Jörg? 🦆"), "Ein Bäcker.", "I do not know.", "right", left_stage="ab", right_stage="cd",
        params={"temperature": 1.0, "max_tokens": 48}, left_seed=2**53, right_seed=7, reasons=("wrong", "rude"),
        annotator="me", model="pip", selection="disagreement", created="2026-01-02T03:04:05Z",
    )  # fmt: skip
    number = log.add(said)
    (back,) = log.all()
    assert back.id == number
    assert Judgement(**{**vars(back), "id": None}) == said
    assert log.all(model="other") == [] and log.all(model="pip", annotator="me") == [back]


def test_what_can_be_learned_from(log: PreferenceStore) -> None:
    first = log.add(Judgement(prompt(), "a", "b", "left"))
    log.add(Judgement(prompt("Why?"), "c", "d", "right"))
    log.add(Judgement(prompt("Who?"), "e", "f", "tie"))
    log.add(Judgement(prompt("Where?"), "g", "h", "both_bad"))
    log.add(Judgement(prompt(), "b", "a", "right", repeat_of=first))
    log.add(Judgement(prompt("Thumbs?"), "good", verdict="up", kind="thumb"))
    log.add(Judgement(prompt("Thumbs?"), "bad", verdict="down", kind="thumb"))
    log.add(Judgement(prompt("Alone?"), "only", verdict="up", kind="thumb"))
    learned = {(p.prompt[-1]["content"], p.chosen, p.rejected) for p in log.preferences()}
    assert learned == {("How old is Tom?", "a", "b"), ("Why?", "d", "c"), ("Thumbs?", "good", "bad")}


def test_stats_see_a_bias_of_place_and_an_inconsistent_judge(log: PreferenceStore) -> None:
    for i in range(20):
        number = log.add(Judgement(prompt(f"{i}?"), "a", "b", "left"))
        log.add(Judgement(prompt(f"{i}?"), "b", "a", "left" if i < 5 else "right", repeat_of=number))
    import_preferences(log, [Preference(prompt(f"x{i}"), "a", "b") for i in range(30)])
    stats = log.stats()
    assert stats["left"]["n"] == 40 and stats["left"]["rate"] == 25 / 40  # imported rows have no left and right
    assert stats["consistency"] == pytest.approx({"rate": 0.75, "n": 20, "low": 0.531, "high": 0.888}, abs=1e-3)
    assert stats["usable"] == 50


@pytest.mark.parametrize(
    ("judgement", "sentence"),
    [
        (Judgement(prompt(), "a", " a "), "equal"),
        (Judgement(prompt(), "a", ""), "empty"),
        (Judgement((), "a", "b"), "prompt"),
        (Judgement(({"role": "assistant", "content": "Hi"},), "a", "b"), "user's turn"),
        (Judgement(prompt(), "a", "b", "up"), "verdict 'up'"),
        (Judgement(prompt(), "a", verdict="left", kind="thumb"), "verdict 'left'"),
    ],
)
def test_what_says_nothing_is_refused(log: PreferenceStore, judgement: Judgement, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        log.add(judgement)
    assert log.all() == []


def test_rows_are_never_changed_or_removed(log: PreferenceStore) -> None:
    log.add(Judgement(prompt(), "a", "b", "left"))
    with sqlite3.connect(log.path) as connection:
        for order in ("UPDATE judgements SET verdict = 'right'", "DELETE FROM judgements"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(order)
    assert log.all()[0].verdict == "left"


def _write(path: Path, who: str, count: int) -> None:
    for i in range(count):
        PreferenceStore(path).add(Judgement(prompt(f"{who} {i}"), "a", "b", "left", annotator=who))


def test_several_writers_lose_nothing(log: PreferenceStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(log.path, who, 40)) for who in ("one", "two", "three")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    rows = log.all()
    assert len(rows) == 120 and {j.annotator for j in rows} == {"one", "two", "three"}
    assert len({(j.annotator, j.prompt[0]["content"]) for j in rows}) == 120


def test_a_writer_that_is_killed_leaves_whole_rows(log: PreferenceStore) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(log.path, "doomed", 100_000))
    writer.start()
    while not log.path.exists() or len(log.all()) < 20:
        time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    before = len(log.all())
    log.add(Judgement(prompt(), "a", "b", "left"))
    rows = log.all()
    assert len(rows) == before + 1 >= 21
    assert [j.prompt[0]["content"] for j in rows[:-1]] == [f"doomed {i}" for i in range(before)]


def test_an_older_database_is_brought_up_to_date_and_keeps_its_rows(log: PreferenceStore, monkeypatch) -> None:
    log.add(Judgement(prompt(), "a", "b", "left"))
    newer = (*module.MIGRATIONS, "ALTER TABLE judgements ADD COLUMN mood TEXT NOT NULL DEFAULT '';")
    monkeypatch.setattr(module, "MIGRATIONS", newer)
    with log._open() as connection:
        (row,) = connection.execute("SELECT verdict, mood FROM judgements").fetchall()
        assert tuple(row) == ("left", "")
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 2


def test_a_file_that_is_no_database_gets_one_sentence(log: PreferenceStore) -> None:
    log.path.parent.mkdir(parents=True)
    log.path.write_text("not a database, but long enough to be read as one " * 50)
    with pytest.raises(UserError, match="cannot be used"):
        log.add(Judgement(prompt(), "a", "b", "left"))


def test_a_split_keeps_every_prompt_on_one_side() -> None:
    pairs = [Preference(prompt(f"{i % 40}?"), f"a{i}", f"b{i}") for i in range(200)]
    train, held = split_by_prompt(pairs, 0.2, seed=1)
    assert len(train) + len(held) == 200 and len({p.prompt_key for p in held}) == 8
    assert not {p.prompt_key for p in train} & {p.prompt_key for p in held}
    assert split_by_prompt(pairs[::-1], 0.2, seed=1)[1][::-1] == held
    assert split_by_prompt(pairs, 0.2, seed=2)[1] != held
    with pytest.raises(UserError, match="too few"):
        split_by_prompt(pairs[:5], 0.2)
