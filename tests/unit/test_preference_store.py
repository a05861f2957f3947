"""The log of judgements: nothing is lost, nothing is changed, and what it says can be learned from."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.database import opened
from firstwords.preferences import store as module
from firstwords.preferences.records import Preference, split_by_prompt
from firstwords.preferences.store import Imported, Judgement, PreferenceStore, import_preferences


def prompt(text: str = "How old is Tom?") -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)


@pytest.fixture
def log(tmp_path: Path) -> PreferenceStore:
    return PreferenceStore(tmp_path / "home" / "firstwords.db")


def test_a_judgement_comes_back_as_it_was(log: PreferenceStore) -> None:
    said = Judgement(
        prompt("Wer ist Jörg? 🦆"),
        "Ein Bäcker.",
        "I do not know.",
        "right",
        left_stage="ab",
        right_stage="cd",
        params={"temperature": 1.0, "max_tokens": 48},
        left_seed=2**53,
        right_seed=7,
        reasons=("wrong", "rude"),
        annotator="me",
        model="pip",
        selection="disagreement",
        created="2026-01-02T03:04:05Z",
        origin="a.jsonl",
        origin_hash="ef",
    )
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
    assert stats["consistency"] == pytest.approx(
        {"rate": 0.75, "n": 20, "low": 0.531, "high": 0.888, "kappa": 0.0}, abs=1e-3
    )  # the first time always left: the agreement is what these shares give by chance
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
    order_of_others = "INSERT OR REPLACE INTO judgements SELECT * FROM judgements"
    with closing(sqlite3.connect(log.path, isolation_level=None)) as connection:  # as another program would
        for order in ("UPDATE judgements SET verdict = 'right'", "DELETE FROM judgements", order_of_others):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(order)
        connection.execute("DROP TRIGGER judgements_not_replaced")
    with pytest.raises(sqlite3.IntegrityError, match="never removed"), log._open(write=True) as connection:
        connection.execute(order_of_others)
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


def test_a_repeat_must_be_of_a_judgement_that_is_there(log: PreferenceStore) -> None:
    first = log.add(Judgement(prompt(), "a", "b", "left"))
    for missing in (first + 1, 99):  # the first of them would be its own number
        with pytest.raises(UserError, match=f"repeats judgement {missing}, which is not in the log"):
            log.add(Judgement(prompt(), "b", "a", "right", repeat_of=missing))
    log.add(Judgement(prompt(), "b", "a", "right", repeat_of=first))
    assert [j.repeat_of for j in log.all()] == [None, first]


FIRST_VERSION = """
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, prompt TEXT NOT NULL, "left" TEXT NOT NULL, "right" TEXT NOT NULL,
    left_stage TEXT NOT NULL, right_stage TEXT NOT NULL, params TEXT NOT NULL, left_seed INTEGER, right_seed INTEGER,
    verdict TEXT NOT NULL, reasons TEXT NOT NULL, annotator TEXT NOT NULL, model TEXT NOT NULL, created TEXT NOT NULL,
    repeat_of INTEGER REFERENCES judgements (id), selection TEXT NOT NULL
);
CREATE INDEX judgements_model ON judgements (model);
CREATE TRIGGER judgements_stay BEFORE UPDATE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never changed'); END;
CREATE TRIGGER judgements_keep BEFORE DELETE ON judgements
BEGIN SELECT RAISE(ABORT, 'judgements are never removed'); END;
INSERT INTO judgements VALUES
    (1, 'pair', '[{"role": "user", "content": "Hi"}]', 'a', 'b', '', '', '{}', NULL, NULL, 'left', '[]', 'me', 'pip',
     '2026-01-02T03:04:05Z', NULL, 'random'),
    (2, 'pair', '[{"role": "user", "content": "Hi"}]', 'c', 'd', '', '', '{}', NULL, NULL, 'left', '[]', 'old.jsonl',
     'pip', '2026-01-02T03:04:05Z', NULL, 'import');
PRAGMA user_version = 1;
"""


def versions(log: PreferenceStore) -> dict[str, int]:
    with closing(sqlite3.connect(log.path)) as connection:
        return dict(connection.execute("SELECT part, version FROM schema_versions").fetchall())


def test_a_file_of_the_first_version_is_brought_up_to_date(log: PreferenceStore) -> None:
    log.path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript(FIRST_VERSION)
    person, imported = log.all()
    assert (person.annotator, person.origin) == ("me", "")
    assert (imported.annotator, imported.origin) == ("", "old.jsonl")
    assert versions(log) == {"judgements": 2}
    again = [Preference(prompt("Hi"), *sides, source="old.jsonl") for sides in ("cd", "ef")]
    assert import_preferences(log, again, "pip") == Imported(1, 1)
    with closing(sqlite3.connect(log.path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never changed"):
        connection.execute("UPDATE judgements SET verdict = 'right'")


def test_the_parts_of_the_file_have_versions_of_their_own(log: PreferenceStore, monkeypatch) -> None:
    chats = ("CREATE TABLE chats (id INTEGER PRIMARY KEY);", "ALTER TABLE chats ADD COLUMN title TEXT;", "SELECT 1;")
    with opened(log.path, "chats", chats, write=True) as connection:
        connection.execute("INSERT INTO chats VALUES (1, 'first')")
    log.add(Judgement(prompt(), "a", "b", "left"))
    assert versions(log) == {"chats": 3, "judgements": 2}
    newer = (*module.MIGRATIONS, "ALTER TABLE judgements ADD COLUMN mood TEXT NOT NULL DEFAULT '';")
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", newer)
        with log._open() as connection:
            (row,) = connection.execute("SELECT verdict, mood FROM judgements").fetchall()
            assert tuple(row) == ("left", "")
    assert versions(log) == {"chats": 3, "judgements": 3}
    with pytest.raises(UserError, match="newer firstwords"):
        log.all()


def test_an_import_is_not_repeated(log: PreferenceStore) -> None:
    file = [Preference(prompt(f"{i}?"), "a", "b", source="in.jsonl", source_hash="1") for i in range(3)]
    assert import_preferences(log, [*file, file[0]]) == Imported(4, 0)  # two people said the same: both count
    assert import_preferences(log, [*file, file[0]]) == Imported(0, 4)
    grown = [replace(p, source_hash="2") for p in file] + [Preference(prompt("new?"), "a", "b", source="in.jsonl")]
    assert import_preferences(log, grown) == Imported(1, 3)
    assert import_preferences(log, [replace(p, source="renamed.jsonl") for p in file]) == Imported(0, 3)
    assert import_preferences(log, [replace(file[0], chosen="b", rejected="a")]) == Imported(1, 0)
    other = [Preference(p.prompt, p.chosen, p.rejected, source="other.jsonl", source_hash="3") for p in file]
    assert import_preferences(log, other) == Imported(3, 0)  # another file is another judge
    assert import_preferences(log, file, "mine") == Imported(3, 0)
    rows = log.all()
    assert {j.annotator for j in rows} == {""} and {j.origin for j in rows} == {"in.jsonl", "other.jsonl"}


def test_an_import_is_one_transaction_a_file(log: PreferenceStore) -> None:
    def file(name: str, *answers: str) -> list[Preference]:
        return [Preference(prompt(), answer, "b", source=name) for answer in answers]

    with pytest.raises(UserError, match="equal"):
        import_preferences(log, [*file("one", "a", "c"), *file("two", "d", "b", "e")])
    assert [(j.origin, j.left) for j in log.all()] == [("one", "a"), ("one", "c")]
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "_open", lambda write=False: begun.append(write) or PreferenceStore._open(log, write))
        import_preferences(log, [*file("three", *"pqrs"), *file("four", *"tu")])
    assert begun == [True, True]


def test_thumbs_without_a_counterpart_are_counted(log: PreferenceStore) -> None:
    for question, up, down in (("A", "ab", "cde"), ("B", "f", ""), ("C", "g", "g"), ("D", "hi", "hj")):
        for verdict, answers in (("up", up), ("down", down)):
            for answer in answers:
                log.add(Judgement(prompt(question), answer, verdict=verdict, kind="thumb"))
    preferences, left_over = log.usable()
    said = [(p.prompt[-1]["content"], p.chosen, p.rejected) for p in preferences]
    assert said == [("A", "a", "c"), ("A", "b", "d"), ("D", "h", "j"), ("D", "i", "h")]
    assert left_over == 4 == log.stats()["unpaired_thumbs"]  # e, f, and g, which is up and down


def test_the_newest_thumb_of_a_person_on_an_answer_counts(log: PreferenceStore) -> None:
    def say(who: str, answer: str, verdict: str, question: str = "A", model: str = "pip") -> None:
        thumb = Judgement(prompt(question), answer, verdict=verdict, kind="thumb", annotator=who, model=model)
        log.add(thumb)

    for verdict in ("up", "down", "up"):  # changed twice: up
        say("anna", "a", verdict)
    say("anna", "b", "down")
    assert [(p.chosen, p.rejected) for p in log.preferences()] == [("a", "b")] and log.usable()[1] == 0
    say("anna", " a ", "down")
    assert log.usable() == ([], 2), "a and b are down now"
    say("ben", "a", "up")  # another judge keeps a different opinion
    say("anna", "b", "up", question="B")
    assert [(p.chosen, p.rejected) for p in log.preferences()] == [("a", "b")] and log.usable()[1] == 2
    say("ben", "a", "withdrawn")
    say("ben", "c", "up", model="other")
    assert log.usable("pip") == ([], 3)
    assert len(log.all()) == 9 and log.stats()["verdicts"]["withdrawn"] == 1, "every one of them is in the log"
    say("", "c", "up")
    say("", "c", "down")  # it is unknown whether these are from one person
    assert log.usable("pip")[1] == 3 and [p.chosen for p in log.preferences("pip")] == ["c"]


def test_a_file_that_is_no_database_gets_one_sentence(log: PreferenceStore) -> None:
    log.path.parent.mkdir(parents=True)
    log.path.write_text("not a database, but long enough to be read as one " * 50)
    with pytest.raises(UserError, match="is damaged"):
        log.add(Judgement(prompt(), "a", "b", "left"))


def test_a_split_keeps_every_prompt_on_one_side() -> None:
    pairs = [Preference(prompt(f"{i % 400}?"), f"a{i}", f"b{i}") for i in range(2000)]
    train, held = split_by_prompt(pairs, 0.2, seed=1)
    assert len(train) + len(held) == 2000 and 55 < len({p.prompt_key for p in held}) < 105  # 80, std 8
    assert not {p.prompt_key for p in train} & {p.prompt_key for p in held}
    assert split_by_prompt(pairs[::-1], 0.2, seed=1)[1][::-1] == held
    assert split_by_prompt(pairs, 0.2, seed=2)[1] != held


def test_a_prompt_never_changes_sides_as_the_log_grows() -> None:
    pairs = [Preference(prompt(f"{i}?"), "a", "b") for i in range(300)]
    held = {p.prompt_key for p in split_by_prompt(pairs, 0.2, seed=1)[1]}
    for size in range(40, 300, 13):  # some are held out and some are not
        part = {p.prompt_key for p in pairs[:size]}
        assert {p.prompt_key for p in split_by_prompt(pairs[:size], 0.2, seed=1)[1]} == held & part
    more = {p.prompt_key for p in split_by_prompt(pairs, 0.4, seed=1)[1]}
    assert held < more


def test_no_side_of_a_split_is_empty() -> None:
    for seed in range(50):
        pairs = [Preference(prompt(f"{seed} {i}?"), "a", "b") for i in range(2)]
        for share in (0.01, 0.5, 0.99):
            assert all(split_by_prompt(pairs, share, seed))
    for impossible in ([], pairs[:1], pairs[:1] * 9):
        with pytest.raises(UserError, match="too few"):
            split_by_prompt(impossible, 0.2)
    with pytest.raises(UserError, match="between 0 and 1"):
        split_by_prompt(pairs, 1.0)
