"""Documents from every kind of file, streamed; what cannot be right is named in one sentence;
duplicates."""

import gzip
import itertools
import json
import os
import random
import tracemalloc
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data import readers, source_stats
from firstwords.data.formats import encoding, opening
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def read(*specs, **options):
    stats = SourceStats()
    return list(documents([str(spec) for spec in specs], stats, **options)), stats


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pdf_bytes(text: str) -> bytes:
    """A one-page PDF, written by hand."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 5\n0000000000 65535 f \n%strailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )


# ---- formats ----------------------------------------------


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.encode(),
        lambda t: b"\xef\xbb\xbf" + t.encode(),
        lambda t: t.encode("utf-16"),
        lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
    ],
)
def test_plain_text_in_its_encodings(tmp_path, encode):
    text = "Grüße, 世界 🙂\n" * 30_000  # longer than one read, so that characters lie across reads
    path = write(tmp_path / "a.txt", encode(text[:400_000]))
    (document,), stats = read(path)
    assert document == text[:400_000]
    assert stats.documents == stats.files == 1 and stats.bytes == len(document.encode())


def test_line_ends_become_newlines(tmp_path):
    assert read(write(tmp_path / "a.md", "# One\r\nTwo\r\n"))[0] == ["# One\nTwo\n"]


def test_separated_documents(tmp_path):
    path = write(tmp_path / "a.txt", "one<|endoftext|>\ntwo\n\nmore<|endoftext|>  <|endoftext|>three")
    assert read(path)[0] == ["one", "\ntwo\n\nmore", "three"]


def test_separator_across_two_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "HEAD_BYTES", 7)
    monkeypatch.setattr(encoding, "READ_BYTES", 7)
    path = write(tmp_path / "a.txt", "first one<|endoftext|>second é one<|endoftext|>third")
    assert read(path)[0] == ["first one", "second é one", "third"]


def test_long_text_is_cut_at_blank_lines_and_nothing_is_lost(tmp_path):
    rng = random.Random(0)
    text = "".join("word " * rng.randint(1, 80) + rng.choice(["\n", "\n\n"]) for _ in range(14_000))
    assert len(text) > 2 * readers.WHOLE_CHARS
    found, _ = read(write(tmp_path / "a.txt", text))
    assert "".join(found) == text and len(found) > 5
    assert max(map(len, found)) <= readers.WHOLE_CHARS
    assert all(document.endswith("\n\n") for document in found[:-1])
    one_line = "x" * (readers.WHOLE_CHARS + 1)
    assert "".join(read(write(tmp_path / "b.txt", one_line))[0]) == one_line


def test_a_large_file_streams(tmp_path):
    path = tmp_path / "large.txt"
    with open(path, "wb") as file:
        for _ in range(60):
            file.write(b"A line of text that is not very long.\n\n" * 25_000)  # 1 MB
    tracemalloc.start()
    size = sum(map(len, documents([str(path)])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == path.stat().st_size > 55e6
    assert peak < 12e6


def test_html(tmp_path):
    page = "<html><head><title>T</title><script>var hidden = 1;</script></head><body><article><p>" + (
        "The fox went into the wood and found a red house there. " * 9
    )
    (text,), _ = read(write(tmp_path / "a.html", page + "</p></article></body></html>"))
    assert "The fox went into the wood" in text and "hidden" not in text and "<p>" not in text
    assert "Hello" in read(write(tmp_path / "b.htm", "<p>Hello</p>"))[0][0]


def test_pdf_words(tmp_path):
    from firstwords.data.formats.office import tidy_pdf

    assert tidy_pdf("of\ufb01ce \ufb02oor e\ufb00ort a\ufb03x ba\ufb04e \ufb06yle") == (
        "office floor effort affix baffle style"
    )
    assert tidy_pdf("a long exam-\nple of it") == "a long example\nof it"
    assert tidy_pdf("the end-\ning. Next") == "the ending.\nNext"
    assert tidy_pdf("a well-known\nman, well-\nknown") == "a well-known\nman, well-known\n"
    assert tidy_pdf("Jean-\nPaul, COVID-\n19 and 1914-\nish") == "Jean-Paul,\nCOVID-19\nand 1914-ish\n"
    assert tidy_pdf("soft\u00adly - and\nso") == "softly - and\nso"


def test_a_pdf_with_a_password(tmp_path):
    import io

    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_bytes("Hello from a page")))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    with pytest.raises(UserError, match=r"a\.pdf is protected by a password"):
        read(tmp_path / "a.pdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_bytes("Hello from a page")))
    writer.encrypt("", "owner", algorithm="RC4-128")  # everyone may read it
    writer.write(tmp_path / "b.pdf")
    assert read(tmp_path / "b.pdf")[0] == ["Hello from a page"]


def test_pdf_pages_without_text_are_said(tmp_path):
    import io

    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_bytes("Hello from a page")))
    writer.add_blank_page(600, 800)
    writer.write(tmp_path / "a.pdf")
    found, stats = read(tmp_path / "a.pdf")
    assert found[0].strip() == "Hello from a page" and "1 of 2 pages contain no text" in stats.lines()[0]


def test_pdf(tmp_path):
    assert read(write(tmp_path / "a.pdf", pdf_bytes("Hello from a page")))[0] == ["Hello from a page"]
    with pytest.raises(UserError, match="only scanned pages"):
        read(write(tmp_path / "empty.pdf", pdf_bytes("")))
    with pytest.raises(UserError, match=r"broken.pdf is not a valid PDF file"):
        read(write(tmp_path / "broken.pdf", b"%PDF-1.4 nothing more"))


ROWS = [{"id": 1, "story": "first"}, {"id": 2, "story": "sécond"}, {"id": 3, "story": " "}]


def _table(path: Path, rows) -> Path:
    name = path.name
    if name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=1)
        return path
    lines = name.endswith((".jsonl", ".jsonl.gz"))
    text = "\n".join(map(json.dumps, rows)) + "\n" if lines else json.dumps(rows, indent=1)
    return write(path, gzip.compress(text.encode()) if name.endswith(".gz") else text)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "a.parquet"])
def test_tables(tmp_path, name):
    path = _table(tmp_path / name, ROWS)
    for spec in (path, f"{path}:story"):
        found, stats = read(spec)
        assert found == ["first", "sécond"]
        assert (stats.rows, stats.skipped_rows) == (3, 1)
        assert f"{path}:" in stats.notes[0]
    with pytest.raises(UserError, match=r"'title' contains no text \(columns: id, story\)"):
        read(f"{path}:title")


def test_text_column(tmp_path):
    two = [{"a": "x", "b": "y"}]
    with pytest.raises(UserError, match=r"a.jsonl:1: which column .* one of a, b"):
        read(_table(tmp_path / "a.jsonl", two))
    assert read(f"{tmp_path / 'a.jsonl'}:b")[0] == ["y"]
    with pytest.raises(UserError, match="--chats"):
        read(_table(tmp_path / "c.jsonl", [{"instruction": "x", "output": "y"}]))
    assert read(_table(tmp_path / "d.json", ["one", "two"]))[0] == ["one", "two"]
    assert read(_table(tmp_path / "e.json", {"version": 1, "data": [{"text": "one"}]}))[0] == ["one"]
    assert read(_table(tmp_path / "f.jsonl", [{"text": "\ud800 lone"}]))[0] == ["? lone"]


def test_a_colon_in_the_name_of_a_file(tmp_path):
    assert read(write(tmp_path / "a:b.txt", "text"))[0] == ["text"]


def test_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / "b.txt", "two")
    write(tmp_path / "a.txt", "one")
    write(tmp_path / "sub" / "c.md", "three")
    write(tmp_path / "empty.txt", "")
    write(tmp_path / "latin.txt", b"caf\xe9 ")
    write(tmp_path / "picture.png", b"\x89PNG")
    write(tmp_path / ".hidden" / "d.txt", "never")
    found, stats = read(tmp_path)
    assert found == ["one", "two", "three"]
    assert (stats.files, stats.skipped_files) == (3, 3)
    assert "empty.txt" in stats.notes[0] and "latin.txt" in stats.notes[1]
    assert "3 files" in stats.summary()


def test_what_a_folder_leaves_out_is_counted_by_kind_and_the_first_of_each_is_named(tmp_path):
    write(tmp_path / "a.txt", "one")
    for number in range(9):
        write(tmp_path / f"{number}.png", b"\x89PNG")
    write(tmp_path / "b.zip", b"PK")
    write(tmp_path / "c.docx", b"no zip")
    write(tmp_path / "d.weird", "text of an unknown kind")
    write(tmp_path / "README", "three")
    write(tmp_path / "program", bytes(range(256)))
    found, stats = read(tmp_path)
    assert found == ["three", "one"]
    assert stats.summary().endswith(
        "left out: 13 files (9 .png, 1 .zip, 1 unreadable, 1 .weird, 1 without an extension)"
    )
    notes = "\n".join(stats.lines())
    assert "0.png is a picture" in notes and "1.png" not in notes and "and 8 more skipped" in notes
    assert "c.docx is not a valid DOCX file" in notes and "program has no file extension" in notes


def test_the_reason_is_of_that_folder(tmp_path):
    """The first folder holds unreadable files, the second one nothing: its sentence must not name the first one's."""
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    write(tmp_path / "one" / "a.txt", "text")
    for number in range(source_stats.MAX_NOTES + 1):  # no note of a later folder is kept
        write(tmp_path / "one" / f"b{number}.txt", "")
    with pytest.raises(UserError) as error:
        read(tmp_path / "one", tmp_path / "two")
    assert f"{tmp_path / 'two'} contains no readable file: use .txt" in str(error.value)
    write(tmp_path / "three" / "c.png", b"")
    write(tmp_path / "three" / "d.png", b"")
    with pytest.raises(UserError, match=r"three contains no readable file .*c.png is a picture.*; 1 more could not"):
        read(tmp_path / "one", tmp_path / "three")


def test_links_are_followed_and_read_once(tmp_path):
    (tmp_path / "books" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "books" / "a.txt", "one")
    write(tmp_path / "books" / "sub" / "b.txt", "two")
    write(tmp_path / "elsewhere" / "c.txt", "three")
    (tmp_path / "books" / "loop").symlink_to(tmp_path / "books")
    (tmp_path / "books" / "sub" / "up").symlink_to("..")
    (tmp_path / "books" / "self").symlink_to("self")
    (tmp_path / "books" / "nowhere").symlink_to("missing.txt")
    (tmp_path / "books" / "again.txt").symlink_to("a.txt")
    (tmp_path / "books" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "books" / "twice").symlink_to(tmp_path / "elsewhere")
    found, stats = read(tmp_path / "books")
    assert sorted(found) == ["one", "three", "two"] and stats.files == 3
    assert stats.skipped_kinds == {"broken links": 2}
    with pytest.raises(UserError, match=r"self cannot be opened .*leads to itself"):
        read(tmp_path / "books" / "self")


def test_pipes_and_sockets_are_passed_over_and_refused_by_name(tmp_path):
    import socket

    write(tmp_path / "a.txt", "one")
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.txt"))
        found, stats = read(tmp_path)
        assert found == ["one"] and stats.skipped_kinds == {"pipes and devices": 2}
        for name, kind in (("pipe.txt", "a pipe"), ("s.txt", "a socket")):
            with pytest.raises(UserError, match=f"{name} is {kind}, not a file: pipe its output to stdin"):
                read(tmp_path / name)
    with pytest.raises(UserError, match="/dev/null is a device, not a file"):
        read("/dev/null")


@pytest.mark.parametrize("spec", ["-", "/dev/stdin"])
def test_stdin(spec, monkeypatch):
    import io
    import sys
    from types import SimpleNamespace

    def given(data):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    given("Die Brücke.\r\nEnde.".encode())
    assert read(spec)[0] == ["Die Brücke.\nEnde."]
    given(b"")
    with pytest.raises(UserError, match="stdin is empty"):
        read(spec)
    given(b'{"text": "one"}\n')
    with pytest.raises(UserError, match="stdin contains JSON rows"):
        read(spec)


@pytest.mark.parametrize("specs", [[""], ["  "], ["a.txt", ""]])
def test_an_empty_name_is_a_mistake_and_not_this_folder(tmp_path, monkeypatch, specs):
    write(tmp_path / "a.txt", "one")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="one of the names is empty"):
        read(*specs)
    assert read(".")[0] == ["one"]


def test_a_column_of_all_tables_in_a_folder(tmp_path):
    _table(tmp_path / "a.jsonl", [{"one": "x", "two": "1"}])
    _table(tmp_path / "b.csv.json", [{"one": "y", "two": "2"}])
    assert read(f"{tmp_path}:two")[0] == ["1", "2"]


def test_a_folder_says_what_it_did_in_few_lines(tmp_path):
    for number in range(50):
        write(tmp_path / f"{number:02}.md", f"---\ntitle: {number}\n---\nNote {number} on the café.\n".encode())
        write(tmp_path / f"{number:02}.txt", ("Der Müller hört die Möwe über der Mühle. " * 3).encode("latin-1"))
    found, stats = read(tmp_path)
    assert len(found) == 100 and all("title" not in text for text in found)
    lines = stats.lines()
    assert len(lines) == 5 and "read as windows-1252" in lines[0]
    assert lines[3:] == ["... and 47 more remarks on encoding", "left out the front matter of 50 Markdown files"]


def test_several_specs_in_order(tmp_path):
    a, b = write(tmp_path / "a.txt", "one"), write(tmp_path / "b.txt", "two")
    assert read(b, a)[0] == ["two", "one"]


def test_several_specs_take_turns(tmp_path):
    """Each has given about as much as the others wherever reading stops, unless it has ended."""
    rows = [{"text": f"{number} " + "long " * 20 + "end"} for number in range(5)]
    long = write(tmp_path / "long.jsonl", "\n".join(map(json.dumps, rows)))
    short = write(tmp_path / "short.jsonl", "\n".join(json.dumps({"text": f"short text {n}"}) for n in range(40)))
    found = read(long, short)[0]
    assert [text for text in found if "long" in text] == [row["text"] for row in rows]
    assert [text for text in found if "short" in text] == [f"short text {n}" for n in range(40)]
    for end in range(1, len(found) - 1):
        given = [sum(len(text) for text in found[:end] if kind in text) for kind in ("long", "short")]
        has_ended = [kind not in " ".join(found[end:]) for kind in ("long", "short")]
        assert any(has_ended) or abs(given[0] - given[1]) <= 105


def test_an_endless_source_hides_no_other(tmp_path):
    book = write(tmp_path / "book.txt", "A book of my own.")
    assert "A book of my own." in itertools.islice(documents(["world", book]), 3)


@pytest.mark.parametrize("split", ["", ":train", ":train:story"])
def test_hub_from_a_local_directory(tmp_path, split, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "set").mkdir()
    _table(tmp_path / "set" / "train.jsonl", ROWS)
    found, stats = read(f"hf:{tmp_path / 'set'}{split}")
    assert found == ["first", "sécond"] and stats.rows == 3


def test_hub_saved_to_disk(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "set")
    assert read(f"hf:{tmp_path / 'set'}")[0] == ["first", "sécond"]


def test_hub_mistakes(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    _table(tmp_path / "set" / "train.jsonl", ROWS)
    for spec in (f"hf:{tmp_path / 'set'}:nosplit", f"hf:{tmp_path / 'nothing'}", "hf:"):
        with pytest.raises(UserError, match="hf:"):
            read(spec)
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)  # as if it were not installed
    with pytest.raises(UserError, match=r"firstwords\[hub\]"):
        read("hf:some/name")


# ---- bad input ----------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"  \n ", "there is no text"),
        ("a.txt", b"abc\0def", "is not text .a zero byte at offset 3."),
        ("a.txt", b"x" * 300_000 + b"\0", "zero byte at offset 300000"),
        ("a.txt", b"caf\xe9 au lait", r"is not UTF-8 text \(byte 0xe9 at offset 3\): convert it, e.g. iconv"),
        ("a.txt", "é".encode() * 150_000 + b"\xff", "byte 0xff at offset 300000"),
        ("a.txt", b"abc\xc3", "byte 0xc3 at offset 3"),
        ("a.txt", b"\xff\xfea\0\x00\xd8", "is not UTF-16 text"),
        ("a.docx", b"text", "is not a valid DOCX file"),
        ("a.txt.gz", b"text", "not a complete gzip file"),
        ("a.txt.gz", gzip.compress(random.Random(0).randbytes(5000), mtime=0)[:-400], "not a complete gzip file"),
        ("a.json", b'{"text": "one",\n}', "a.json:2: broken JSON"),
        ("a.jsonl", b"not json\n", "a.jsonl:1: broken JSON"),
        ("a.jsonl", b"[1, 2]\n", "a.jsonl:row 1: a row must be"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl:1: broken JSON"),
        ("a.txt.gz", gzip.compress(bytes(9000), mtime=0)[:15] + b"damage" * 9, "not a complete gzip file"),
        ("a.parquet", b"PAR1 no table", "is not a valid Parquet file"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_missing_things(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "nothing.txt")
    with pytest.raises(UserError, match="contains no readable file"):
        read(tmp_path)
    with pytest.raises(UserError, match="no text was given"):
        read()


def test_no_permission(tmp_path, monkeypatch):
    path = write(tmp_path / "a.txt", "text")
    if os.geteuid() == 0:  # root may read everything: let the system call itself refuse

        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(opening, "open", refuse, raising=False)
    else:
        path.chmod(0)
    with pytest.raises(UserError, match=r"a.txt cannot be read \(Permission denied\)"):
        read(path)


def test_some_broken_rows_are_counted_and_shown(tmp_path):
    lines = [json.dumps({"text": f"row {n}"}) for n in range(50)]
    lines[10:10] = ["{broken"] * 7 + [""]
    found, stats = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert len(found) == 50 and stats.skipped_rows == 7
    assert len(stats.notes) == source_stats.MAX_NOTES and "a.jsonl:11: broken JSON" in stats.notes[0]


def test_too_many_broken_rows(tmp_path):
    lines = [json.dumps({"text": f"row {n}"}) for n in range(500)]
    lines[10:10] = ["{broken"] * 101
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    with pytest.raises(UserError, match=r"a.jsonl:111: broken JSON .*100 other broken rows"):
        read(path)
    lines[10:111] = []
    lines = lines * 40 + ["{broken"] * 150  # fewer than one in a hundred
    assert read(write(path, "\n".join(lines)))[1].skipped_rows == 150


@pytest.mark.parametrize(("name", "count"), [("children-books", 627), ("fairy-tales", 437), ("african-storybook", 309)])
def test_real_collections(name, count):
    path = DATA / "text" / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    found, stats = read(path)
    assert len(found) == stats.documents == count and stats.skipped_rows == 0


def test_the_built_in_world_is_a_source():
    pytest.importorskip("firstwords.world.texts.documents")
    stats = SourceStats()
    stream = documents(["world"], stats)
    found = [next(stream) for _ in range(20)]
    assert all(isinstance(text, str) and text.strip() for text in found) and stats.documents == 20
