"""The shapes in which people and public data sets have text, made by hand in their documented form: each gives its
documents, or is refused for the right reason."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstwords.config import UserError
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents

ONE, TWO = "The heron waits beside the mill, as every morning.", "Rain falls on the slate roof of the baker's house."


def rows_file(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(*rows: dict[str, Any]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), out)
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.compress(data)


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), text)
    return out.getvalue()


def epub() -> bytes:
    """As Project Gutenberg makes them: the spine is in another order than the manifest, and there is a contents page."""
    page = '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head>'
    return zipped(
        mimetype="application/epub+zip",
        **{"META-INF__container_DOT_xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
           '<rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'},
        OEBPS__content_DOT_opf='<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="two" href="two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '</manifest><spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="two"/></spine></package>',
        OEBPS__nav_DOT_xhtml=f"{page}<body><nav><ol><li>Contents</li></ol></nav></body></html>",
        OEBPS__one_DOT_xhtml=f"{page}<body><h1>I</h1><p>The heron\nwaits&#160;beside\n<i>the mill</i>.</p></body></html>",
        **{"OEBPS__two b_DOT_xhtml": f"{page}<body><p>Rain falls<br/>on the roof.</p><p>Über&nbsp;all.</p></body></html>"},
    )  # fmt: skip


def docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("The mill", 1)
    document.add_paragraph(ONE)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "bread", "2"
    document.add_paragraph(TWO)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def odt() -> bytes:
    names = "".join(f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "text"))
    body = (f"<text:h>The mill</text:h><text:p>The <text:span>heron</text:span><text:s text:c=\"2\"/>waits"
            f"<office:annotation><text:p>note</text:p></office:annotation>.</text:p><text:p>{TWO}</text:p>")  # fmt: skip
    content = f"<office:document-content{names}><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    return zipped(**{"META-INF__manifest_DOT_xml": "<manifest/>"}, content_DOT_xml=content)


NOTEBOOK = {
    "nbformat": 4, "metadata": {}, "cells": [
        {"cell_type": "markdown", "source": ["# Herons\n", "They wait."]},
        {"cell_type": "code", "source": "print(1 + 1)", "outputs": [{"text": ["never read"]}]},
        {"cell_type": "raw", "source": "never read"},
    ],
}  # fmt: skip
SRT = f"\ufeff1\r\n00:00:01,000 --> 00:00:04,000\r\n<i>{ONE}</i>\r\n\r\n2\r\n00:00:05,000 --> 00:00:06,500\r\n{{\\an8}}- 12\r\n- Rain.\r\n"
VTT = ("WEBVTT\nKind: captions\n\nNOTE a remark\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:04.000 align:start\n"
       f"<v Anna>{ONE}\n\n00:04.000 --> 00:06.000\n{ONE}\n<00:04.500><c>Rain.</c>\n")  # fmt: skip
TEX = ("% a remark\n\\documentclass{article}\n\\usepackage{x}\n\\begin{document}\nThe heron % waits\ncosts 5\\% of $x$.\n"
       "% gone\n\nRain.\n\\end{document}\nnever read\n")  # fmt: skip
REDDIT = [{"author": "a", "body": ONE, "subreddit": "birds"}, {"author": "b", "body": "[deleted]", "subreddit": "birds"},
          {"author": "c", "body": TWO, "subreddit": "birds"}]  # fmt: skip

SHAPES: list[tuple[str, str, Callable[[], bytes] | bytes | str, list[str]]] = [
    ("Wikipedia", "train.parquet", lambda: parquet({"id": "1", "url": "u", "title": "T", "text": ONE},
                                                   {"id": "2", "url": "u", "title": "T", "text": TWO}), [ONE, TWO]),
    ("TinyStories", "TinyStories-train.txt", f"{ONE}\n<|endoftext|>\n{TWO}\n<|endoftext|>\n", [f"{ONE}\n", f"\n{TWO}\n"]),
    ("FineWeb", "000.parquet", lambda: parquet({"text": ONE, "id": "<urn>", "dump": "CC", "url": "u", "score": 0.9}), [ONE]),
    ("C4", "c4-train.00000-of-01024.json.gz", lambda: gzip.compress(rows_file(
        {"url": "u", "timestamp": "2019", "text": ONE}, {"url": "u", "timestamp": "2019", "text": TWO})), [ONE, TWO]),
    ("C4, a shard of one row", "c4.json.gz", lambda: gzip.compress(rows_file({"url": "u", "text": ONE})), [ONE]),
    ("OpenWebText", "openwebtext.jsonl.xz", lambda: lzma.compress(rows_file({"text": ONE}, {"text": TWO})), [ONE, TWO]),
    ("the Pile", "00.jsonl.zst", lambda: zstd(rows_file({"text": ONE, "meta": {"pile_set_name": "Books3"}})), [ONE]),
    ("Dolma, two frames", "cc.jsonl.zst", lambda: zstd(rows_file({"text": ONE})) + zstd(rows_file({"text": TWO})), [ONE, TWO]),
    ("Project Gutenberg", "pg11.txt", b"\xef\xbb\xbf" + f"{ONE}\r\n\r\n{TWO}\r\n".encode(), [f"{ONE}\n\n{TWO}\n"]),
    ("an e-book", "book.epub", epub, ["I\n\nThe heron waits beside the mill.\n\nRain falls\non the roof.\n\nÜber all."]),
    ("arXiv", "paper.tex", TEX, ["The heron \ncosts 5\\% of $x$.\n\nRain.\n"]),
    ("a chapter of LaTeX", "ch1.tex", "\\section{One}\nThe heron.\n", ["\\section{One}\nThe heron.\n\n"]),
    ("the Stack", "data.parquet", lambda: parquet({"content": "def f():\n    return 1\n", "lang": "Python", "size": 23}),
     ["def f():\n    return 1\n"]),
    ("source code", "f.py", "# coding: utf-8\ndef f():\n\treturn 1\n", ["# coding: utf-8\ndef f():\n\treturn 1\n"]),
    ("CNN/DailyMail", "train.csv", f'id,article,highlights\r\n1,"{ONE}\r\nHe said ""no"", and left.",{TWO}\r\n',
     [f'{ONE}\nHe said "no", and left.']),
    ("BookCorpus", "books_large_p1.txt", f"{ONE}\n{TWO}\n", [f"{ONE}\n{TWO}\n"]),
    ("WikiText", "wiki.train.raw", f" \n = Heron = \n \n {ONE} \n", [f" \n = Heron = \n \n {ONE} \n"]),
    ("Reddit comments", "RC_2010-01.zst", lambda: zstd(rows_file(*REDDIT)), [ONE, TWO]),
    ("Reddit posts", "RS.ndjson", lambda: rows_file({"title": "A heron", "selftext": ONE}, {"title": "x", "selftext": "[removed]"}),
     [f"A heron\n\n{ONE}"]),
    ("Amazon reviews", "Reviews.csv", f"Id,ProductId,Score,Summary,Text\n1,B1,5,Good,\"{ONE}\"\n2,B2,1,Bad,{TWO}\n".replace(
        "mill, as", "mill as"), [ONE.replace(",", ""), TWO]),
    ("Amazon reviews, 5-core", "Books_5.json.gz", lambda: gzip.compress(rows_file(
        {"overall": 5.0, "reviewText": ONE, "summary": "x"}, {"overall": 1.0, "reviewText": TWO, "summary": "y"})), [ONE, TWO]),
    ("IMDb", "IMDB Dataset.csv", f'review,sentiment\n"{ONE}<br />",positive\n{TWO},negative\n', [f"{ONE}<br />", TWO]),
    ("AG News, without a header", "train.csv", f'"3","Herons, again","{ONE}"\n"4","Rain","{TWO}"\n', [ONE, TWO]),
    ("news in Europe's CSV", "news.csv", f"datum;titel;inhalt\n1.2.;Reiher;{ONE}\n2.2.;Regen;{TWO}\n", [ONE, TWO]),
    ("tweets", "tweets.tsv", f'id\ttweet\tlabel\n1\t"{ONE}\t0\n2\t{TWO} "\t1\n', [f'"{ONE}', f'{TWO} "']),
    ("pandas' TSV", "a.tsv.gz", lambda: gzip.compress(f'id\ttext\n1\t"{ONE}\nHe said ""no""."\n2\t{TWO}\n'.encode()),
     [f'{ONE}\nHe said "no".', TWO]),
    ("subtitles", "film.srt", SRT, [f"{ONE}\n- 12\n- Rain.\n"]),
    ("captions", "talk.en.vtt", VTT, [f"{ONE}\nRain.\n"]),
    ("Word", "letter.docx", docx, [f"The mill\n\n{ONE}\n\nbread\t2\n\n{TWO}"]),
    ("Word, compressed", "letter.docx.gz", lambda: gzip.compress(docx()), [f"The mill\n\n{ONE}\n\nbread\t2\n\n{TWO}"]),
    ("OpenDocument", "letter.odt", odt, [f"The mill\n\nThe heron  waits.\n\n{TWO}"]),
    ("a notebook", "a.ipynb", json.dumps(NOTEBOOK), ["# Herons\nThey wait.\n\nprint(1 + 1)"]),
    ("Org", "notes.org", f"* Herons\n{ONE}\n", [f"* Herons\n{ONE}\n"]),
    ("reStructuredText", "index.rst", f"Herons\n======\n{ONE}\n", [f"Herons\n======\n{ONE}\n"]),
    ("Obsidian", "note.md", f"---\ntags: [bird]\ntitle: Heron\n---\n# Heron\n{ONE}\n", [f"# Heron\n{ONE}\n"]),
    ("Hugo", "post.md", f'+++\ntitle = "Heron"\n+++\n{ONE}\n', [f"{ONE}\n"]),
    ("a line above the text is no front matter", "a.md", f"---\n{ONE}\n\n---\n{TWO}\n", [f"---\n{ONE}\n\n---\n{TWO}\n"]),
    ("sentences in a list", "a.parquet", lambda: parquet({"sentences": [ONE, TWO], "label": 1}), [f"{ONE}\n{TWO}"]),
    ("an array on one line", "a.jsonl", json.dumps([{"text": ONE}, {"text": TWO}]), [ONE, TWO]),
    ("an array, pretty-printed", "a.ndjson", json.dumps([{"text": ONE}, {"text": TWO}], indent=2), [ONE, TWO]),
    ("lines called .json", "a.json", rows_file({"text": ONE}, {"text": TWO}), [ONE, TWO]),
    ("what jq writes", "a.jsonl", f'{{\n  "text": "{ONE}"\n}}\n{{\n  "text": "{TWO}"\n}}\n', [ONE, TWO]),
    ("rows under splits", "a.json", json.dumps({"version": 2, "test": [{"text": "x"}], "train": [{"text": ONE}, {"text": TWO}]}),
     [ONE, TWO]),
    ("rows under data, one line", "a.jsonl", json.dumps({"data": {"rows": [{"text": ONE}, {"text": TWO}]}}), [ONE, TWO]),
    ("the hub's viewer", "rows.json", json.dumps({"features": [{"name": "text"}] * 3, "rows": [
        {"row_idx": 0, "row": {"text": ONE}, "truncated_cells": []}]}), [ONE]),
    ("pandas' to_json", "a.json", json.dumps({"id": {"0": 1, "1": 2}, "text": {"0": ONE, "1": TWO}}), [ONE, TWO]),
    ("columns", "a.json", json.dumps({"text": [ONE, TWO], "label": [0, 1]}), [ONE, TWO]),
    ("rows by name", "a.json", json.dumps({"a1": {"text": ONE}, "a2": {"text": TWO}}), [ONE, TWO]),
    ("text within an object", "a.jsonl", lambda: rows_file({"id": 1, "data": {"text": ONE}}, {"id": 2, "data": {"text": TWO}}),
     [ONE, TWO]),
    ("a page", "a.xhtml.bz2", lambda: bz2.compress(f"<html><body><p>{ONE}</p><p>{TWO}</p></body></html>".encode()), [f"{ONE}\n{TWO}"]),
    ("no ending", "README", f"{ONE}\n", [f"{ONE}\n"]),
    ("an unknown ending", "chapter.one", f"{ONE}\n", [f"{ONE}\n"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "expected"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES])
def test_shape_is_read(tmp_path: Path, name: str, content: Any, expected: list[str]) -> None:
    content = content() if callable(content) else content
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert list(documents([str(path)])) == expected
    stats = SourceStats()
    if path.suffix not in (".raw", ".one"):  # an unknown ending is text only where the file is named
        assert list(documents([str(tmp_path)], stats)) == expected and stats.files == 1


REFUSED = [
    ("mail", "inbox.mbox", b"From a@b Mon\nSubject: x\n\nHello\n", "is e-mail: export"),
    ("one mail", "a.eml", b"Subject: x\n\nHello\n", "is e-mail: export"),
    ("Wikipedia's dump", "enwiki.xml.bz2", bz2.compress(b"<mediawiki></mediawiki>"), "is XML, .* hf:wikimedia/wikipedia"),
    ("an archive", "books.zip", b"PK\3\4", "is an archive: unpack it first"),
    ("a packed folder", "books.tar.gz", gzip.compress(b"x" * 600), "has an unsupported type|is an archive"),
    ("old Word", "a.doc", b"\xd0\xcf\x11\xe0", "save it as .docx"),
    ("old Word called .docx", "a.docx", b"\xd0\xcf\x11\xe0" + b"x" * 600, "has a password, or is an old .doc"),
    ("a spreadsheet", "a.xlsx", b"PK\3\4", "is a spreadsheet: save it as .csv"),
    ("weights", "model.safetensors", b"{}", "is model weights"),
    ("a picture", "a.png", b"\x89PNG\r\n\x1a\n\0\0", "is a picture"),
    ("a program", "a.bin", bytes(range(256)) * 4, "has an unsupported type: use .txt .md"),
    ("a .zst cut short", "a.jsonl.zst", zstd(b"x" * 100_000 + rows_file({"text": ONE}))[:-9], "is not a complete zstd file"),
    ("a .xz cut short", "a.txt.xz", lzma.compress(ONE.encode() * 99)[:-9], "is not a complete xz file"),
    ("a .bz2 of another kind", "a.txt.bz2", b"no bzip2", "is not a complete bzip2 file"),
    ("half an e-book", "a.epub", epub()[:300], "is not a valid EPUB file"),
    ("a protected e-book", "a.epub", zipped(
        **{"META-INF__container_DOT_xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfile full-path="c.opf"/></container>',
           "META-INF__encryption_DOT_xml": '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:CipherReference URI="a.html"/></encryption>'},
        c_DOT_opf='<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.html" media-type="text/html"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>', a_DOT_html="xx"), "is copy-protected"),
    ("chats", "a.jsonl", rows_file({"id": "1", "messages": [{"role": "user", "content": "Hi"}]}), "these rows are chats: give the file to --chats"),
    ("preferences", "a.jsonl", rows_file({"prompt": "Hi", "chosen": "Hello", "rejected": "What"}), "are preferences: give the file to --preferences"),
    ("numbers", "iris.csv", b"length,width\n5.1,3.5\n4.9,3.0\n", "contains no text|which column contains the text"),
    ("two texts alike", "a.csv", f"id,left,right\n1,{TWO},{TWO}\n2,{TWO},{TWO}\n".encode(), "which column contains the text"),
    ("configuration", "package.json", b'{"name": "x", "version": "1.0"}', "which column contains the text"),
    ("rows cut short", "a.json", b'[{"text": "one"},\n{"text": "two"', "a.json:2: broken JSON"),
    ("a notebook cut short", "a.ipynb", b'{"cells": [', "is not a valid notebook"),
    ("a column of a text", "a.txt:story", ONE.encode(), "has no columns"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), [shape[1:] for shape in REFUSED], ids=[shape[0] for shape in REFUSED])
def test_shape_is_refused_with_the_right_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    file, _, column = name.partition(":")
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=reason) as error:
        list(documents([f"{tmp_path / file}{':' if column else ''}{column}"]))
    assert str(tmp_path / file) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_read_or_refused_in_one_sentence(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    contents = [(name, content() if callable(content) else content) for _, name, content, _ in SHAPES]
    for _ in range(250):
        name, content = rng.choice(contents)
        data = bytearray(content.encode() if isinstance(content, str) else content)
        place = rng.randrange(len(data))
        damage = rng.randrange(4)
        if damage == 0:
            del data[place:]
        elif damage == 1:
            del data[place : place + rng.randrange(20)]
        elif damage == 2:
            data[place] = rng.randrange(256)
        else:
            data[place:place] = rng.choice([b"\0", b"\r", b'"', b"{", b"[", b"\xff\xfe", b"\\", b"\n\n", b"null", b"NaN"])
        (tmp_path / name).write_bytes(data)
        stats = SourceStats()
        try:
            assert all(isinstance(text, str) for text in documents([str(tmp_path / name)], stats))
        except UserError as error:
            assert "\n" not in str(error)
        assert not any("\n" in line for line in [*stats.lines(), stats.summary()])


def test_there_are_enough_shapes() -> None:
    assert len(SHAPES) >= 25 and len({shape[0] for shape in SHAPES}) == len(SHAPES)
