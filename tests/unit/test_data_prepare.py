"""`data prepare`: the same shards by any number of processes and tasks, and after every kill; what it refuses."""

from __future__ import annotations

import fcntl
import gzip
import itertools
import json
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstwords.commands.data import prepare as command
from firstwords.commands.data.prepare import DataPrepare, task_of
from firstwords.config import UserError
from firstwords.data.packing import PretrainRows
from firstwords.data.prepare import duplicates, joining, pieces, work
from firstwords.data.prepare.work import Request, prepare
from firstwords.data.prepared import RemoteShards, open_prepared
from firstwords.data.shards import TokenShards
from firstwords.tokenizer.fast import Tokenizer

WORDS = ("the", "a", "cat", "dog", "house", "tree", "river", "went", "saw", "found", "little", "old", "red", "and")


def sentences(seed: int, count: int = 40) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(count)).capitalize() + ".\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files with 90 documents, 4 of which repeat others; small pieces, and shards that cut documents."""
    monkeypatch.setattr(pieces, "PIECE_CHARS", 1500)
    monkeypatch.setattr(work, "STRIDE_BYTES", 4000)
    monkeypatch.setattr(joining, "SHARD_TOKENS", 1000)
    folder = tmp_path / "source"
    folder.mkdir()
    rows = [sentences(n) for n in range(60)] + [sentences(5), sentences(6)]
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    with gzip.open(folder / "b.txt.gz", "wt") as file:
        file.write("<|endoftext|>".join(sentences(n) for n in (*range(100, 125), 7)))
    (folder / "c.txt").write_text(sentences(8))
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n" + sentences(200))
    return folder


@pytest.fixture
def request_(source: Path, tmp_path: Path) -> Request:
    tokenizer = Tokenizer.train([sentences(n) for n in range(30)], 300)
    tokenizer.save(tmp_path / "vocabulary")
    return Request([str(source)], tmp_path / "out", tmp_path / "vocabulary")


def hashes(manifest: dict | None) -> list[str]:
    assert manifest is not None
    return [shard["sha256"] for shard in manifest["shards"]]


def texts_of(out: Path) -> list[str]:
    """The documents in the shards."""
    tokenizer = Tokenizer.load(out)
    shards = TokenShards(out, tokenizer)
    ids = shards.gather(np.array([0]), shards.num_tokens)[0]
    places = np.flatnonzero(ids == tokenizer.endoftext_id)
    return [tokenizer.decode(ids[a + 1 : b].tolist()) for a, b in itertools.pairwise(places)]


def test_every_document_is_there_once_and_in_order(request_: Request) -> None:
    manifest = prepare(request_)
    out = request_.out
    held = [json.loads(line)["text"] for line in (out / "heldout.jsonl").read_text().splitlines()]
    expected = [sentences(200), *(sentences(n) for n in (*range(60), *range(100, 125)))]
    assert texts_of(out) == [text for text in expected if text not in held]
    assert held and set(held) < set(expected)
    assert manifest is not None and manifest["left_out"]["duplicates"] == 4
    assert manifest["documents"] == len(expected) - len(held)
    assert manifest["sources"][0]["licence"] == "cc-by-4.0" and manifest["sources"][0]["parts"] == 4
    assert manifest["bytes"] == sum(len(text) for text in texts_of(out)) and len(manifest["shards"]) > 1
    assert not (out / "pieces").exists() and prepare(request_) == manifest, "a second start changes nothing"


def test_processes_and_tasks_make_the_same_shards(request_: Request, tmp_path: Path) -> None:
    alone = prepare(replace(request_, dedup="near"))
    tasks = replace(request_, out=tmp_path / "tasks", dedup="near", tasks=3)
    assert prepare(replace(tasks, task=1)) is None and prepare(replace(tasks, task=0)) is None
    assert prepare(replace(tasks, task=2)) == alone
    assert prepare(replace(request_, out=tmp_path / "two", dedup="near", processes=2)) == alone


def test_tasks_with_different_numbers_of_processes_leave_nothing(request_: Request, tmp_path: Path) -> None:
    alone = prepare(replace(request_, out=tmp_path / "alone"))
    tasks = replace(request_, tasks=3)
    assert prepare(replace(tasks, task=0)) is None and prepare(replace(tasks, task=1, processes=2)) is None
    assert prepare(replace(tasks, task=2)) == alone


@pytest.mark.parametrize("at", [0, 3, 7, 12, 16, 20])
def test_killed_and_started_again(request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """SIGKILL before the rename number `at`: nothing is lost or repeated, and no finished piece is made again."""
    whole = prepare(replace(request_, out=tmp_path / "whole"))
    child = os.fork()
    if not child:
        try:
            _kill_before_rename(at)
            prepare(request_)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "there were fewer renames"
    before = set(request_.out.glob("pieces/*/*.npz"))
    made: list[Path] = []
    write = pieces._write
    monkeypatch.setattr(pieces, "_write", lambda path, *rest: (made.append(path), write(path, *rest)))
    assert hashes(prepare(request_)) == hashes(whole)
    assert not before & set(made)


def _kill_before_rename(at: int) -> None:
    rename, count = os.replace, 0

    def replace_(*paths: str) -> None:
        nonlocal count
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        rename(*paths)

    os.replace = replace_  # type: ignore[assignment]


def test_two_machines_whose_processes_have_the_same_number(request_: Request, tmp_path: Path, monkeypatch) -> None:
    """Two tasks read the same file to its end at the same moment and write its end.json: here in one process."""
    whole = prepare(replace(request_, out=tmp_path / "whole"))
    tasks = replace(request_, tasks=2)
    rename, others = os.replace, []

    def replace_(source: Path, target: Path) -> None:
        if Path(target).name == "end.json" and not others:
            others.append(task_1 := replace(tasks, task=1))
            assert prepare(task_1) is None
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace_)
    assert hashes(prepare(tasks)) == hashes(whole) and others
    assert not [path for path in request_.out.iterdir() if path.name.startswith(".")]


def test_one_that_waited_and_one_that_comes_later_do_not_join_at_once(request_: Request) -> None:
    lock = request_.out / work.LOCK
    assert prepare(replace(request_, tasks=2)) is None
    with work._alone(request_.out):
        waiting = lock.open("w")
    with waiting, lock.open("w") as later:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(later, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert prepare(request_) is not None and not lock.exists()


def test_near_duplicates_and_copies_of_held_out_documents(request_: Request, source: Path) -> None:
    text = sentences(900, 300)
    (source / "a.jsonl").write_text(
        "".join(json.dumps({"text": row}) + "\n" for row in (text, sentences(901, 300), text[:-40] + "a new end."))
    )
    manifest = prepare(replace(request_, dedup="near"))
    assert manifest is not None and manifest["left_out"]["near_duplicates"] == 1
    (source / "a.jsonl").write_text("".join(json.dumps({"text": sentences(n)}) + "\n" for n in (*range(60),) * 3))
    many = replace(request_, out=request_.out.with_name("copies"), dedup="none")
    manifest = prepare(many)
    held = [json.loads(line)["text"] for line in (many.out / "heldout.jsonl").read_text().splitlines()]
    assert manifest is not None and held and not set(held) & set(texts_of(many.out))
    assert manifest["left_out"]["copies_of_held_out"] > 0 or not any(text in held for text in map(sentences, range(60)))


def test_portions_find_what_one_table_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    digests = draw.integers(0, 20, (300, 2)).astype(np.uint64)
    signatures = draw.integers(0, 2**32, (300, duplicates.NUM_HASHES)).astype(np.uint32)
    for copy, of in ((20, 3), (150, 20), (299, 7)):
        signatures[copy] = signatures[of]
        signatures[copy, :10] = 0  # 92 % agree
    _, first = np.unique(digests, axis=0, return_index=True)
    for portion in (4_000_000, 70):
        monkeypatch.setattr(duplicates, "PORTION", portion)
        monkeypatch.setattr(duplicates, "BLOCK_PAIRS", 64)
        is_first = duplicates.exact(lambda: iter(np.array_split(digests, 7)), 300)
        assert np.flatnonzero(is_first).tolist() == sorted(first)
        is_near = duplicates.near(signatures, np.ones(300, dtype=bool))
        assert np.flatnonzero(is_near).tolist() == [20, 150, 299]


def test_parquet_and_hub_datasets(request_: Request, tmp_path: Path) -> None:
    pyarrow_parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    datasets = pytest.importorskip("datasets")
    rows = [sentences(n) for n in range(300, 340)]
    pyarrow_parquet.write_table(pyarrow.table({"id": list(range(40)), "story": rows}), tmp_path / "rows.parquet")
    datasets.Dataset.from_dict({"text": [sentences(n) for n in range(400, 430)]}).save_to_disk(str(tmp_path / "saved"))
    sources = [f"{tmp_path / 'rows.parquet'}:story", f"hf:{tmp_path / 'saved'}"]
    manifest = prepare(replace(request_, sources=sources))
    assert manifest is not None and manifest["documents"] + manifest["held_out"]["documents"] == 70
    assert [source["source"] for source in manifest["sources"]] == sources


def test_a_limit_reads_the_beginning_of_every_file(request_: Request, source: Path) -> None:
    manifest = prepare(replace(request_, max_mb=0.004))
    assert manifest is not None and 2000 < manifest["bytes"] + manifest["held_out"]["bytes"] < 6000
    found = texts_of(request_.out)
    assert sentences(0) in found or sentences(1) in found
    assert sentences(59) not in found


def test_a_broken_file_is_left_out_of_a_folder_but_not_if_it_was_named(request_: Request, source: Path) -> None:
    data = (source / "b.txt.gz").read_bytes()
    (source / "b.txt.gz").write_bytes(data[: len(data) // 2])
    manifest = prepare(request_)
    assert manifest is not None and manifest["left_out"]["files"] == 1
    with pytest.raises(UserError, match=r"b\.txt\.gz is not a complete gzip file"):
        prepare(replace(request_, sources=[str(source / "b.txt.gz")], out=request_.out.with_name("named")))


def test_refusals(request_: Request, source: Path, tmp_path: Path) -> None:
    def refused(match: str, **changes: object) -> None:
        with pytest.raises(UserError, match=match):
            prepare(replace(request_, **changes))  # type: ignore[arg-type]

    refused("does not exist", sources=[str(tmp_path / "nothing")])
    refused("world has no end", sources=["world"])
    refused("stdin cannot be read again", sources=["-"])
    refused("--tasks needs --tokenizer", tasks=2, tokenizer=None)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    refused("is not empty", out=tmp_path / "full")
    (tmp_path / "blank.txt").write_text(" \n ")
    refused("there is no text", sources=[str(tmp_path / "blank.txt")], out=tmp_path / "blank")
    assert prepare(replace(request_, tasks=2, task=0)) is None
    refused("was begun with --dedup exact", dedup="none", tasks=2, task=1)
    (source / "c.txt").write_text("changed")
    refused("the sources have changed", tasks=2, task=1)
    (source / "c.txt").write_text(sentences(8))
    os.utime(source / "c.txt", (0, 0))
    refused("the sources have changed", tasks=2, task=1)


def test_a_damaged_piece_is_named_and_made_again(request_: Request) -> None:
    assert prepare(replace(request_, tasks=2, task=0)) is None
    piece = next(request_.out.glob("pieces/*/*.npz"))
    piece.write_bytes(piece.read_bytes()[:100])
    with pytest.raises(UserError, match=f"{piece.name} is damaged"):
        prepare(replace(request_, tasks=2, task=1))
    assert prepare(request_) is not None


def test_tasks_are_numbered_by_their_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataPrepare(sources=["x"])
    assert task_of(config) == (0, 1)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "2")
    monkeypatch.setenv("JOB_COMPLETIONS", "5")
    assert task_of(config) == (2, 5)
    for name, value in {"ID": "3", "COUNT": "4", "MIN": "1"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert task_of(config) == (2, 4) and task_of(DataPrepare(sources=["x"], task=0, tasks=9)) == (0, 9)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")
    with pytest.raises(UserError, match="without gaps"):
        task_of(config)
    with pytest.raises(UserError, match="belong together"):
        DataPrepare(sources=["x"], task=1)


def test_one_process_per_core_also_where_the_system_does_not_say_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has no os.sched_getaffinity."""
    asked: list[Request] = []
    monkeypatch.setattr(command, "prepare", asked.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert command.main(DataPrepare(sources=["x"])) == 0
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert command.main(DataPrepare(sources=["x"])) == 0
    assert [request.processes for request in asked] == [2, 5]


def test_remote_rows_equal_local_ones(request_: Request) -> None:
    fsspec = pytest.importorskip("fsspec")
    prepare(request_)
    memory = fsspec.filesystem("memory")
    memory.put(f"{request_.out}/*", "/bucket/tokens/")
    local, remote = open_prepared(str(request_.out)), open_prepared("memory://bucket/tokens")
    assert isinstance(remote.shards, RemoteShards) and not isinstance(local.shards, RemoteShards)
    by_url = open_prepared(f"file://{request_.out}")
    rows = [PretrainRows(opened.shards, 700, seed=3) for opened in (local, remote, by_url)]  # across shards
    for step in range(6):
        (inputs, targets), *others = (each.batch(step, 3) for each in rows)
        assert all((inputs == a).all() and (targets == b).all() for a, b in others)
    assert remote.heldout == local.heldout and remote.tokenizer.hash == local.tokenizer.hash
    memory.rm("/bucket/tokens/shard-00001.bin")
    with pytest.raises(UserError, match=r"cannot be read .*shard-00001.bin"):
        rows[1].batch(9, 50)
    with pytest.raises(UserError, match=r"shard 3 of|the directory has"):
        open_prepared("memory://bucket/tokens")
    with pytest.raises(UserError, match=r"has no manifest.json: give a folder"):
        open_prepared("memory://bucket/other")
    with pytest.raises(UserError, match="cannot be opened"):
        open_prepared("nothing://bucket/other")
