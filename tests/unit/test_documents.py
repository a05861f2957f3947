"""Documents: passages tile the text, files are added once and completely, and searches find them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.retrieval import adding, evidence, passages, store, words
from firstwords.retrieval.records import database

BELL = "# Garden house\n\nThe bell is repaired by Anna Berger.\n\n## Keys\n\nThe spare key hangs behind the stove. " * 3
TEXTS = st.text(alphabet=st.sampled_from("ab .!?\n#-\t。猫ä"), max_size=4000)


@pytest.fixture
def folder(tmp_path: Path, empty_home: Path) -> Path:
    """A folder with an English, a German and a Japanese document, next to a home without documents."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "house.md").write_text(BELL, encoding="utf-8")
    (folder / "de.txt").write_text("Die Bibliothek öffnet um neun Uhr. Sie schließt um fünf.\n", encoding="utf-8")
    (folder / "ja.txt").write_text("猫はマットの上にいます。犬は家の中にいます。", encoding="utf-8")
    return folder


def add(*specs: str | Path, **options: str) -> list[adding.Outcome]:
    return list(adding.add(specs, **options))


def statuses(outcomes: list[adding.Outcome]) -> dict[str, str]:
    return {Path(outcome.source).name: outcome.status for outcome in outcomes}


# ---- passages --------------------------------------------------------------------------------------------------------


@given(TEXTS)
@settings(deadline=None)
def test_passages_tile_the_text(text: str) -> None:
    spans = passages.passages(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(0 < end - start <= passages.MAX_CHARS for start, end in spans)


@given(TEXTS)
@settings(deadline=None)
def test_sentences_are_in_order_and_leave_out_only_white_space(text: str) -> None:
    at = 0
    for start, end in passages.sentences(text):
        assert not text[at:start].strip() and text[start:end].strip() == text[start:end] != ""
        at = end
    assert not text[at:].strip()


def test_sentences_end_where_a_reader_sees_it() -> None:
    text = 'Dr. J. Smith left. He said "No!" and went to St. Pauls, e.g. at 5.30 p.m. daily. 猫がいる。犬もいる。'
    found = [text[start:end] for start, end in passages.sentences(text)]
    assert found[0] == "Dr. J. Smith left."
    assert found[-2:] == ["猫がいる。", "犬もいる。"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = " ".join(f"This is sentence number {number} of a long paragraph." for number in range(100))
    spans = passages.passages(text)
    assert len(spans) > 4
    assert all(text[start:end].startswith("This is") and text[start:end].strip().endswith(".") for start, end in spans)


# ---- adding ----------------------------------------------------------------------------------------------------------


def test_an_unchanged_file_costs_nothing_and_a_changed_one_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(statuses(add(folder)).values()) == {"added"}
    before = {d.source: d.id for d in store.documents()}
    with monkeypatch.context() as patch:
        patch.setattr(adding.readers, "file_pages", lambda *_: pytest.fail("an unchanged file was read"))
        assert set(statuses(add(folder)).values()) == {"unchanged"}
    assert {d.source: d.id for d in store.documents()} == before
    (folder / "house.md").write_text("# Garden house\n\nThe bell was sold.\n", encoding="utf-8")
    assert statuses(add(folder)) == {"house.md": "replaced", "de.txt": "unchanged", "ja.txt": "unchanged"}
    assert not store.search("stove") and store.search("sold")[0].document.title == "Garden house"
    with database() as connection:  # the index holds exactly what is stored
        connection.execute("INSERT INTO chunk_words (chunk_words, rank) VALUES ('integrity-check', 1)")


def test_a_passage_opens_its_place_in_the_document(folder: Path) -> None:
    add(folder)
    for query in ("spare key", "Bibliothek", "猫"):
        for passage in store.search(query):
            chunk = passage.chunk
            assert store.text(chunk.document_id, chunk.char_start, chunk.char_end) == chunk.text
            assert passage.marks and all(0 <= start < end <= len(chunk.text) for start, end in passage.marks)
    whole = "".join(chunk.text for chunk in store.chunks(store.named("house.md")[0].id))
    assert whole.strip() == BELL.strip()


def test_titles_and_headings_of_markdown_are_found(folder: Path) -> None:
    add(folder)
    assert any("Keys" in chunk.title for chunk in store.chunks(store.named("house.md")[0].id))
    assert store.search("garden")[0].document.title == "Garden house"


def test_rows_of_a_table_keep_apart(tmp_path: Path, empty_home: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"text": f"Row {number} is about {animal}."} for number, animal in enumerate(("cats", "dogs", "owls"))]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (outcome,) = add(file)
    assert [chunk.text.strip() for chunk in store.chunks(outcome.document.id)] == [row["text"] for row in rows]
    store.reindex()
    (again,) = store.documents()
    assert [chunk.text.strip() for chunk in store.chunks(again.id)] == [row["text"] for row in rows]


def test_a_pdf_is_cited_by_page(tmp_path: Path, empty_home: Path) -> None:
    file = tmp_path / "manual.pdf"
    figure = pytest.importorskip("matplotlib.figure")
    backend = pytest.importorskip("matplotlib.backends.backend_pdf")
    with backend.PdfPages(file) as pages:
        for text in ("The pump is blue.", "The valve is red."):
            page = figure.Figure()
            page.text(0.1, 0.5, text)
            pages.savefig(page)
    (outcome,) = add(file)
    assert outcome.document.pages == 2
    assert [store.search(word)[0].chunk.page for word in ("pump", "valve")] == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n \n", "contains no text"),
        ("picture.png", b"\x89PNG\r\n", "a picture"),
        ("noise.bin", bytes(range(256)) * 9, "unsupported type"),
        ("large.txt", 300, "300 MB"),
    ],
)
def test_a_file_that_cannot_be_read_gets_one_sentence(
    tmp_path: Path, empty_home: Path, firstwords, name: str, content: bytes | int, sentence: str
) -> None:
    file = tmp_path / name
    if isinstance(content, int):
        with open(file, "wb") as sparse:
            sparse.truncate(content * 1_000_000)
    else:
        file.write_bytes(content)
    good = tmp_path / "good.txt"
    good.write_text("The pump is blue.", encoding="utf-8")
    code, _, err = firstwords("documents", "add", file, good)
    assert code == 2 and sentence in err.splitlines()[-1] and str(file) in err.splitlines()[-1]
    assert [document.title for document in store.documents()] == ["good"]  # the others are added all the same


def test_scanned_and_encrypted_pdfs_get_one_sentence(tmp_path: Path, empty_home: Path, firstwords) -> None:
    import pypdf

    scanned, locked = tmp_path / "scanned.pdf", tmp_path / "locked.pdf"
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(scanned)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(locked)
    assert "contains no text, perhaps only scanned pages" in firstwords("documents", "add", scanned)[2]
    assert "protected by a password" in firstwords("documents", "add", locked)[2]
    assert store.documents() == []


def test_a_damaged_pdf_gets_one_sentence_and_no_remarks_of_the_library(
    tmp_path: Path, empty_home: Path, firstwords, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cut.pdf").write_bytes(b"%PDF-1.4 nonsense")
    code, _, err = firstwords("documents", "add", tmp_path / "cut.pdf")
    assert code == 2 and "is not a valid PDF file" in err and err.count("\n") == 1 and not caplog.records


def test_a_title_or_text_cannot_command_the_terminal(tmp_path: Path, empty_home: Path, firstwords) -> None:
    file = tmp_path / "notice.md"
    file.write_text(
        "# Notice \x1b]0;yours\x07 \x9b31m \u202ederever\n\n"
        "The pump\x1b[2J is \x9b1m blue.\n\n## Keys\x1b[8m\n\nBy the door.",
        encoding="utf-8",
    )
    assert firstwords("documents", "add", file)[0] == 0
    shown = "".join(
        firstwords(*words)[1] for words in (["documents", "list"], ["search", "pump"], ["ask", "the pump?"])
    )
    assert "Notice" in shown and "The pump" in shown
    assert not set(shown) & {"\x1b", "\x07", "\x9b"}
    assert all(chunk.title.isprintable() for document in store.documents() for chunk in store.chunks(document.id))


def test_what_a_folder_holds_besides_is_skipped_with_a_reason(folder: Path, firstwords) -> None:
    (folder / "empty.txt").touch()
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    code, out, err = firstwords("documents", "add", folder, "--json")
    result = json.loads(out)
    assert code == 0 and result["added"] == 3 and result["skipped"] == 1
    assert "empty.txt is empty" in err and "photo.jpg is a picture" in err


def test_collections_and_owners_are_separate(folder: Path) -> None:
    add(folder / "house.md", collection="house")
    add(folder / "de.txt", collection="town")
    add(folder / "de.txt", owner="anna")
    assert [d.collection for d in store.documents()] == ["house", "town"]
    assert not store.search("Bibliothek", collection="house") and store.search("Bibliothek", collection="town")
    assert len(store.search("Bibliothek")) == len(store.search("Bibliothek", owner="anna")) == 1
    assert not store.search("stove", owner="anna") and not store.search("stove", owner="nobody")
    (theirs,) = store.documents("anna")
    with pytest.raises(UserError, match="there is no document"):
        store.remove([theirs.id])
    with pytest.raises(UserError, match="unknown collection hose; did you mean house"):
        store.search("stove", collection="hose")


def test_what_was_removed_is_gone(folder: Path) -> None:
    add(folder)
    store.remove([document.id for document in store.named(str(folder))])
    assert not store.search("stove") and not store.search("猫") and not store.documents()
    with database() as connection:
        assert not connection.execute("SELECT count(*) FROM chunks").fetchone()[0]


# ---- searching -------------------------------------------------------------------------------------------------------


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_nothing_that_a_person_types_is_syntax(query: str) -> None:
    for every in (False, True):
        store.search(query, 3, every=every)


@pytest.mark.parametrize(
    "query", ["it's", "-cat", "foo:bar", "(", '"', '""', "NEAR(a b)", "a* ^b", "title:x", "\0", "'"]
)
def test_punctuation_is_not_syntax(folder: Path, query: str) -> None:
    add(folder)
    store.search(query)
    assert store.search(f"{query} stove")


def test_words_are_found_by_stem_and_without_accents(folder: Path) -> None:
    add(folder)
    titles = {query: {p.document.title for p in store.search(query)} for query in ("repairing", "offnet", "schließt")}
    assert titles == {"repairing": {"Garden house"}, "offnet": {"de"}, "schließt": {"de"}}


def test_scripts_without_spaces_are_found_by_any_word(folder: Path) -> None:
    (folder / "th.txt").write_text("ห้องสมุดเปิดเก้าโมง", encoding="utf-8")
    add(folder)
    for query, title in (("猫", "ja"), ("マット", "ja"), ("犬はどこにいますか", "ja"), ("ห้องสมุด", "th")):
        (found, *_) = store.search(query)
        assert found.document.title == title
    ((start, end),) = store.search("マット")[0].marks
    assert store.search("マット")[0].chunk.text[start:end] == "マット"


def test_common_words_do_not_hide_the_best_passage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import firstwords.retrieval.index as module

    (folder / "rows.jsonl").write_text(
        "\n".join(json.dumps({"text": f"The winter report number {n} is about the river."}) for n in range(300))
    )
    add(folder)
    query = "Which winter report is about river number 217?"
    ranked = [passage.chunk.id for passage in store.search(query, 1)]
    monkeypatch.setattr(module, "CANDIDATES", 5)
    assert [passage.chunk.id for passage in store.search(query, 1)] == ranked
    assert "217" in store.search(query, 1)[0].chunk.text


def test_every_word(folder: Path) -> None:
    add(folder)
    assert store.search("spare stove", every=True) and not store.search("spare library", every=True)


@pytest.mark.parametrize("heading", ["# Holidays", "## No. 4: what? Holidays!"])
def test_a_heading_is_a_sentence_of_its_own(heading: str) -> None:
    text = f"Before.\n{heading}\nEvery employee has 28 days. They expire.\n"
    found = [text[start:end] for start, end in passages.sentences(text)]
    assert found == ["Before.", heading, "Every employee has 28 days.", "They expire."]


def test_a_question_about_the_line_below_a_heading(folder: Path) -> None:
    (folder / "rules.md").write_text("# Holidays\nEvery employee has 28 days of holiday. Unused days expire.\n")
    add(folder)
    best = evidence.gather("How many days of holiday do I have?").candidates[0]
    assert best.text == "Every employee has 28 days of holiday."


def test_questions_lose_the_stop_words_of_their_language() -> None:
    assert words.content_words("When did the war begin?") == ["war", "begin"]
    assert words.content_words("Wie lange darf ich Bücher ausleihen?") == ["bücher", "ausleihen"]
    assert words.content_words("Who is the man in the hat?") == ["man", "hat"]


def test_questions_lose_their_stop_words_unless_nothing_is_left() -> None:
    assert words.content_words("Who is the owner of the bell?") == ["owner", "bell"]
    assert words.content_words("Who is it?") == ["who", "is", "it"]


# ---- several processes, and kills ------------------------------------------------------------------------------------


def _add_and_search(home: str, folder: str, start: int) -> None:
    os.environ["FIRSTWORDS_HOME"] = home
    for number in range(start, start + 8):
        file = Path(folder) / f"doc{number}.txt"
        file.write_text(f"Report {number} is about topic{number}. " * 40, encoding="utf-8")
        assert [outcome.status for outcome in adding.add([file])] == ["added"]
        assert store.search(f"topic{number}")


def test_two_processes_add_and_search_at_once(tmp_path: Path, empty_home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=_add_and_search, args=(str(empty_home), str(tmp_path), start)) for start in (0, 100)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [0, 0] and len(store.documents()) == 16


def _add_many(home: str, folder: str) -> None:
    os.environ["FIRSTWORDS_HOME"] = home
    adding.BATCH_DOCUMENTS = 3
    for outcome in adding.add([folder]):
        with open(Path(home) / "reported", "a") as file:
            file.write(outcome.source + "\n")


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.06, 0.15])
def test_a_kill_leaves_no_half_document(tmp_path: Path, empty_home: Path, moment: float) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        (folder / f"doc{number}.txt").write_text(f"Report {number} about topic{number}. \n\n" * 400, encoding="utf-8")
    empty_home.mkdir()
    with database(write=True):
        pass
    job = multiprocessing.get_context("spawn").Process(target=_add_many, args=(str(empty_home), str(folder)))
    job.start()
    deadline = time.monotonic() + 60
    while not (empty_home / "reported").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(moment)
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    reported = (empty_home / "reported").read_text().splitlines()[:-1]  # the last line may be half written
    stored = {document.source: document for document in store.documents()}
    assert reported and set(reported) <= stored.keys()
    for document in stored.values():
        chunks = store.chunks(document.id)
        assert len(chunks) == document.chunks and chunks[-1].char_end == document.chars
    with database() as connection:
        assert connection.execute("SELECT count(*) FROM chunks").fetchone()[0] == sum(
            document.chunks for document in stored.values()
        )
        connection.execute("INSERT INTO chunk_words (chunk_words, rank) VALUES ('integrity-check', 1)")
    assert {outcome.status for outcome in adding.add([folder])} <= {"unchanged", "added"}
    assert len(store.documents()) == 40
