"""Files that are missing, cut or of the wrong kind: each reader names the right one, or works without it."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from firstwords import home, process
from firstwords.cli import os_sentence
from firstwords.config import UserError
from firstwords.database import opened
from firstwords.model import hub
from firstwords.model.card import read_card, trained_context
from firstwords.runlog import parse_rows, read_json, read_state, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.corpus import read_heldout

WRONG = [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"stage": ["base"], "plan": 3, "data": "x", "metrics": []}']


# -- cards and configurations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", WRONG)
def test_a_damaged_card_says_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "firstwords.json").write_bytes(content)
    assert read_card(tmp_path) == {} and trained_context(tmp_path) is None


def test_a_whole_card_is_read_whole(tmp_path: Path) -> None:
    card = {"stage": "sft", "parent": None, "plan": {"shape": {"context": 96}}, "data": {}, "metrics": {"bpb": 1.5}}
    (tmp_path / "firstwords.json").write_text(json.dumps(card | {"other": [1]}))
    assert read_card(tmp_path) == card | {"other": [1]} and trained_context(tmp_path) == 96


@pytest.mark.parametrize("content", [*WRONG[:-1], b"{}"])
def test_a_card_that_is_needed_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "firstwords.json"
    with pytest.raises(UserError, match="is missing"):
        hub.whole_card(tmp_path)
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        hub.whole_card(tmp_path)
    assert f"{path} is damaged" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"{}", b'{"architectures": "x"}', b'{"architectures": ["Qwen3ForCausalLM"], "hidden_size": "x"}']
)
def test_a_config_with_entries_of_the_wrong_kind_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        hub.read_config(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).mkdir()
    for read, name in ((hub.read_config, "config.json"), (Tokenizer.load, "tokenizer.json")):
        with pytest.raises(UserError) as caught:
            read(tmp_path)
        assert f"cannot read {tmp_path / name}" in str(caught.value)


def test_an_incomplete_stage_is_told_from_one_that_never_was(own_home: Path, firstwords) -> None:
    weights = own_home / "models" / "pip" / "sft" / "model.safetensors"
    weights.unlink()
    for words in (("next", "the", "--model", "pip/sft"), ("promote", "pip", "sft")):
        code, _, said = firstwords(*words)
        assert code == 2 and f"{weights} is missing" in said
    code, _, said = firstwords("next", "the", "--model", "pip/rlhf-1")
    assert code == 2 and "pip has no stage rlhf-1; it has base" in said


# -- tokenizers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", WRONG[:-1])
def test_the_tokenizer_file_that_is_damaged_is_named(content: bytes, tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(["the cat sat on the mat"] * 3, 270)
    for name, other in (("tokenizer.json", "tokenizer_config.json"), ("tokenizer_config.json", "tokenizer.json")):
        tokenizer.save(tmp_path)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as caught:
            Tokenizer.load(tmp_path)
        assert str(tmp_path / name) in str(caught.value) and other not in str(caught.value)
    (tmp_path / "tokenizer_config.json").unlink()  # other tools write none
    tokenizer.save(tmp_path)
    assert Tokenizer.load(tmp_path).hash == tokenizer.hash


def test_a_full_disk_leaves_the_old_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer.train(["the cat sat on the mat"] * 3, 270)
    tokenizer.save(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError) as caught:
        Tokenizer.train(["another text altogether"] * 3, 270).save(tmp_path)
    assert str(tmp_path / "tokenizer.json") in os_sentence(caught.value)
    monkeypatch.undo()
    assert Tokenizer.load(tmp_path).hash == tokenizer.hash
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]


# -- runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [*WRONG[:-1], b"3"])
def test_the_state_of_a_run_is_whole_or_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert read_state(path) is None and read_json(path) is None
    path.write_bytes(content)
    assert read_json(path) is None
    with pytest.raises(UserError) as caught:
        read_state(path)
    said = str(caught.value)
    assert said.startswith(f"{path} is damaged") and "restore a copy" in said and "without --resume" not in said


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learn.json"
    write_json(path, {"done": True})
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError):
        write_json(path, {"done": False})
    assert read_json(path) == {"done": True} and [p.name for p in tmp_path.iterdir()] == ["learn.json"]


def test_rows_of_the_wrong_kind_are_left_out() -> None:
    lines = [b'{"kind": "train", "step": 1}', b'{"kind": "train", "step": "1"}', b'{"kind": 3, "step": 2}', b"[]"]
    assert parse_rows(b"\n".join(lines)) == [{"kind": "train", "step": 1}]


def test_a_record_of_a_process_with_entries_of_the_wrong_kind_is_none(tmp_path: Path) -> None:
    job = process.this("learn", {"minutes": 3})
    job.write(tmp_path)
    assert process.read(tmp_path) == job
    whole = json.loads((tmp_path / process.FILE).read_text())
    for change in ({"options": []}, {"started": "x"}, {"pid": None}, {"state": 3}, {"command": None}):
        (tmp_path / process.FILE).write_text(json.dumps(whole | change))
        assert process.read(tmp_path) is None, change


def test_held_out_text_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path, said = tmp_path / "heldout.jsonl", []
    assert read_heldout(path, said.append) == [] and str(path) in said.pop()
    lines = [json.dumps({"text": text}) for text in ("one", "two", "three")]
    path.write_text("\n".join(lines) + "\n")
    assert read_heldout(path, said.append) == ["one", "two", "three"] and not said
    path.write_text("\n".join(lines)[:-5])
    assert read_heldout(path, said.append) == ["one", "two"]
    assert "1 of 3 lines" in said.pop()
    path.write_bytes(b"[]\n3\n\xff\xfe")
    assert read_heldout(path, said.append) == []


def test_what_a_name_means_is_guessed_where_the_file_is_damaged(own_home: Path) -> None:
    path = own_home / "models" / "pip" / "promoted"
    for content in (b"\xff\xfe", b"", b"rlhf-9"):
        path.write_bytes(content)
        assert home.promoted("pip") == "sft"


# -- models are saved whole ------------------------------------------------------------------------------------------


def test_two_folders_change_names_in_one_step(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    if not hub.exchange(one, other):
        pytest.skip("this system or this disk cannot")
    assert (one / "name").read_text() == "other" and (other / "name").read_text() == "one"
    with pytest.raises(OSError):
        hub.exchange(tmp_path / "nowhere", other)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_what_a_killed_process_left_is_cleared_away(can_exchange: bool, tmp_path: Path, monkeypatch) -> None:
    if not can_exchange:
        monkeypatch.setattr(hub, "exchange", lambda one, other: False)
    target, new, old = tmp_path / "sft", tmp_path / ".sft.writing-1", tmp_path / ".sft.old-7"
    for folder in (new, old):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    hub.replace_directory(new, target)  # the old one was moved away, and then came the kill
    assert (target / "name").read_text() == ".sft.writing-1"
    assert [path.name for path in tmp_path.iterdir()] == ["sft"]


def test_what_belongs_to_a_model_comes_with_it_or_not_at_all(tmp_path: Path, tiny_policy) -> None:
    target = tmp_path / "model"
    hub.save_model(tiny_policy(270), target, more=lambda folder: (folder / "seen.json").write_text("{}"))
    assert (target / "seen.json").exists()

    def fail(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        hub.save_model(tiny_policy(270, seed=1), target, more=fail)
    assert (target / "seen.json").exists() and [path.name for path in tmp_path.iterdir()] == ["model"]


# -- the database ----------------------------------------------------------------------------------------------------

TABLE = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);",)
MORE = (*TABLE, "ALTER TABLE notes ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';")


def texts(path: Path, migrations: tuple[str, ...] = TABLE) -> list[tuple]:
    with opened(path, "notes", migrations) as connection:
        return [tuple(row) for row in connection.execute("SELECT * FROM notes ORDER BY id")]


def add(path: Path, text: str) -> None:
    with opened(path, "notes", TABLE, write=True) as connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", [text])


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch):
    """As on a read-only disk, for the duration of the test."""
    real = os.access
    return lambda: monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))


def test_a_database_that_may_not_be_written_is_read(tmp_path: Path, closed) -> None:
    path = tmp_path / "deep" / "home.db"
    add(path, "one")
    before = path.read_bytes()
    closed()
    assert texts(path) == [(1, "one")]
    assert texts(path, MORE) == [(1, "one", "calm")]  # brought up to date in memory alone
    assert path.read_bytes() == before


def test_a_database_that_is_not_there_is_not_made_by_reading(tmp_path: Path, closed) -> None:
    closed()
    assert texts(tmp_path / "none" / "home.db") == [] and not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "home.db"
    with pytest.raises(UserError) as caught:
        add(path, "one")
    assert str(path.parent) in str(caught.value)
    assert texts(path) == []


def test_rows_that_a_dead_process_left_in_the_log_are_read(tmp_path: Path, closed) -> None:
    living, path = tmp_path / "living.db", tmp_path / "home.db"
    add(living, "one")
    with closing(sqlite3.connect(living)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO notes (text) VALUES ('two')")
        connection.commit()
        for ending in ("", "-wal"):
            path.with_name(path.name + ending).write_bytes(Path(f"{living}{ending}").read_bytes())
    closed()
    assert texts(path) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.write_bytes(b"x" * 4096), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:6000]), "is damaged"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    ],
)
def test_a_damaged_database_is_one_sentence(damage, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    add(path, "one")
    damage(path)
    for use in (lambda: texts(path), lambda: add(path, "two")):
        with pytest.raises(UserError) as caught:
            use()
        assert str(path) in str(caught.value) and sentence in str(caught.value)


def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    add(path, "one")
    with pytest.raises(UserError) as caught, opened(path, "notes", TABLE, write=True) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute("INSERT INTO notes (text) VALUES (?)", ["long " * 10_000])
    assert "the disk is full" in str(caught.value)
    assert str(path) in str(caught.value) and "move it away" not in str(caught.value)
    assert texts(path) == [(1, "one")]


# -- sentences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission for /x/y"),
        (errno.ENOENT, "there is no /x/y"),
        (errno.EISDIR, "/x/y is a folder"),
        (errno.ENOTDIR, "in the way"),
        (errno.EIO, "disk error at /x/y"),
        (errno.ELOOP, "/x/y"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(code: int, words: str) -> None:
    for name in ("/x/y", b"/x/y"):
        assert words in os_sentence(OSError(code, os.strerror(code), name))
    assert os_sentence(OSError(code, os.strerror(code))) and os_sentence(OSError(code, os.strerror(code), 3))


def test_a_text_of_hyphens_is_told_how_to_be_written(firstwords, pip_home: Path) -> None:
    code, _, said = firstwords("complete", "---")
    assert code == 2 and "unknown flag" not in said and "-- '---'" in said
    code, out, _ = firstwords("complete", "--max-tokens", "2", "--", "---")
    assert code == 0 and out.startswith("---")
