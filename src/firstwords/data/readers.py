"""The documents of one file of any type, streamed where the format allows.

formats/encoding.py    bytes -> text
formats/markup.py      Markdown, LaTeX, subtitles, HTML, notebooks
formats/office.py      PDF, Word, OpenDocument, EPUB
formats/json_rows.py, csv_rows.py, tables.py    rows, for text, chats and preferences
formats/columns.py     rows -> text
formats/hub.py         datasets of the hub
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords.config import UserError
from firstwords.data.formats import kinds, markup, office
from firstwords.data.formats.columns import TEXT_COLUMNS, column_texts
from firstwords.data.formats.encoding import read_text
from firstwords.data.formats.hub import hub_rows, hub_texts
from firstwords.data.formats.opening import STDIN, file_hash
from firstwords.data.formats.tables import TABLE_SUFFIXES, file_rows

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

__all__ = [
    "TABLE_SUFFIXES",
    "TEXT_COLUMNS",
    "TEXT_SUFFIXES",
    "file_hash",
    "file_pages",
    "file_rows",
    "file_texts",
    "hub_rows",
    "hub_texts",
    "read_text",
]

TEXT_SUFFIXES = (*kinds.READERS, *kinds.CODE_SUFFIXES)
SEPARATOR = "<|endoftext|>"
WHOLE_CHARS = 1_000_000  # a text up to this size is one document
CUT_CHARS = 250_000  # a longer one is cut into documents of about this size, at blank lines


def file_texts(path: Path, column: str | None, stats: SourceStats) -> Iterator[str]:
    """The documents of one file, read by its extension; as plain text if the extension is unknown."""
    kind = kinds.reader(path)
    if kind == "table" or (not kind and str(path) != STDIN and holds_rows(next(read_text(path), ""))):
        yield from column_texts(file_rows(path, stats), column, stats, str(path))
        return
    declared_by = {"html": "markup", "code": "code"}.get(kind, "")
    chunks = read_text(path, stats, declared_by=declared_by)
    if kind == "pdf":
        chunks = _pieces(office.pdf_text(path, stats))
    elif kind in ("docx", "odt", "epub"):
        to_text = {"docx": office.docx_text, "odt": office.odt_text, "epub": office.epub_text}[kind]
        chunks = _pieces(_not_blank(path, to_text(path)))
    elif kind == "html":
        chunks = _pieces(markup.html_text(path, "".join(chunks)))
    elif kind == "notebook":
        chunks = _pieces(_not_blank(path, markup.notebook_text(path, "".join(chunks))))
    elif kind == "markdown":
        chunks = markup.without_front_matter(chunks, stats)
    elif kind == "tex":
        chunks = markup.tex_text(chunks)
    elif kind == "subtitles":
        chunks = markup.subtitle_text(chunks)
    elif str(path) == STDIN:
        chunks = _refuse_rows(chunks)
    yield from split_documents(chunks)


def file_pages(path: Path, column: str | None, stats: SourceStats) -> Iterator[tuple[int | None, str]]:
    """(page number from 1, text) of each page of a PDF; for other files, the documents of `file_texts` with None."""
    if kinds.reader(path) == "pdf":
        yield from enumerate(office.pdf_pages(path, stats), 1)
    else:
        yield from ((None, text) for text in file_texts(path, column, stats))


def _pieces(text: str) -> Iterator[str]:
    """A text in chunks, so that splitting a long one does not copy all of it for each document."""
    return (text[start : start + CUT_CHARS] for start in range(0, len(text), CUT_CHARS))


def _not_blank(path: Path, text: str) -> str:
    if not text or text.isspace():
        raise UserError(f"{path} contains no text: leave it out")
    return text


def holds_rows(beginning: str) -> bool:
    """Whether a text begins like JSON rows; Reddit's dumps have no extension that says so."""
    return re.match(r"\s*\[?\s*\{\s*\"", beginning) is not None


def _refuse_rows(chunks: Iterator[str]) -> Iterator[str]:
    """Refuse JSON rows on stdin, which is plain text: they would be learned literally, braces included."""
    for number, chunk in enumerate(chunks):
        if number == 0 and holds_rows(chunk):
            raise UserError("stdin contains JSON rows, but - is for plain text: save them as .jsonl and give that file")
        yield chunk


def split_documents(chunks: Iterator[str]) -> Iterator[str]:
    """Split a stream of text into documents: at `<|endoftext|>`, and where longer than WHOLE_CHARS, at blank lines."""
    buffer = ""
    is_long = False  # the current document was already cut
    for chunk in chunks:
        buffer += chunk
        *parts, buffer = buffer.split(SEPARATOR)
        for part in parts:
            while len(part) > WHOLE_CHARS or (is_long and len(part) > CUT_CHARS):
                head, part = _cut(part)
                yield head
                is_long = True
            yield part
            is_long = False
        while len(buffer) > WHOLE_CHARS or (is_long and len(buffer) > 2 * CUT_CHARS):
            head, buffer = _cut(buffer)
            yield head
            is_long = True
    while is_long and len(buffer) > 2 * CUT_CHARS:
        head, buffer = _cut(buffer)
        yield head
    yield buffer


def _cut(text: str) -> tuple[str, str]:
    """Cut at about CUT_CHARS: at a blank line if the second half has one, else a line end, else a space, else
    anywhere."""
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, CUT_CHARS // 2, CUT_CHARS)
        if at >= 0:
            return text[: at + len(mark)], text[at + len(mark) :]
    return text[:CUT_CHARS], text[CUT_CHARS:]
