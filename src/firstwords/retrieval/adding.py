"""Reads files and folders into the document store: what was added, what was unchanged, what was left out and why.

    for outcome in add(["notes/", "manual.pdf"], collection="house"):
        print(outcome.status, outcome.source, outcome.reason)

Everything that `--text` reads can be added, by the same readers. A file is read into a spool first, which goes to the
disk if it is large, and only then stored: the database is locked for the writing alone, and a file that turns out to
be unreadable in its middle leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.folders import from_path
from firstwords.data.formats import kinds
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import spec_names, split_column
from firstwords.plain_text import clean_text
from firstwords.retrieval import store, web
from firstwords.retrieval.records import COLLECTION, OWNER, Document
from firstwords.retrieval.store import Prepared

MAX_BYTES = 100_000_000  # of a file, and characters of its text
SPOOL_BYTES = 1 << 18  # of a text, in memory; the rest is on disk
BATCH_CHARS, BATCH_DOCUMENTS = 2_000_000, 200  # of a transaction
_FIRST_HEADING = re.compile(r"\s*#{1,2}[ \t]+(\S.*?)[ \t#]*(?:\n|\Z)")
TITLE_CHARS = 200

Status = Literal["added", "replaced", "unchanged", "skipped", "failed"]


@dataclass
class Outcome:
    """What became of one source. skipped: within a folder; failed: it was named, so the command fails too."""

    source: str
    status: Status
    reason: str = ""
    document: Document | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON can hold it."""
        return vars(self) | {"document": self.document.to_dict() if self.document else None}


def add(
    specs: Iterable[str | Path],
    owner: str = OWNER,
    collection: str = COLLECTION,
    stats: SourceStats | None = None,
    allow_private: bool = False,
) -> Iterator[Outcome]:
    """Add files, folders, web pages and hf:NAME; yields an outcome for each file once it is saved.

    An unchanged file is only hashed. `stats` gets the readers' remarks; allow_private: see `web.fetch`. Raises
    UserError if `specs` is empty.
    """
    stats = stats if stats is not None else SourceStats()
    batch = _Batch(owner, collection)
    for spec in spec_names(specs, "no documents were given: give files or folders"):
        try:
            for source in _sources(spec, stats, allow_private):
                yield from batch.take(source)
        except UserError as error:
            yield Outcome(spec, "failed", str(error))
    yield from batch.save()


def add_bytes(name: str, content: bytes, owner: str = OWNER, collection: str = COLLECTION) -> Outcome:
    """Add an uploaded file, whose name says its type. Raises UserError if it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        ending = kinds.suffix(Path(name)) or ".txt"
        path = Path(folder) / f"upload{ending}"
        path.write_bytes(content)
        batch = _Batch(owner, collection)
        try:
            (file,) = from_path(path, readers.TEXT_SUFFIXES, SourceStats(), lambda p: iter([p]), any_text=True)
            outcomes = [*batch.take(Source(name, file, None, SourceStats(), is_named=True)), *batch.save()]
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None
    if outcomes[0].status == "failed":
        raise UserError(outcomes[0].reason)
    return outcomes[0]


def add_page(url: str, owner: str = OWNER, collection: str = COLLECTION, allow_private: bool = False) -> Outcome:
    """Add a page of the web. Raises UserError if it cannot be read; allow_private: see `web.fetch`."""
    url = url.strip()
    if not web.is_url(url):
        raise UserError(f"{url} is not an address of the web: use http:// or https://")
    (outcome,) = add([url], owner, collection, allow_private=allow_private)
    if outcome.status == "failed":
        raise UserError(outcome.reason)
    return outcome


@dataclass
class Source:
    """A file to read, or (without a path) a dataset of the hub."""

    name: str
    path: Path | None
    column: str | None
    stats: SourceStats
    is_named: bool
    as_of: str | None = None
    title: str = ""  # of a web page

    def texts(self) -> Iterator[tuple[int | None, str]]:
        """(page, text) of everything in it."""
        if self.path is None:
            return ((None, text) for text in readers.hub_texts(self.name, self.stats))
        return readers.file_pages(self.path, self.column, self.stats)


def _sources(spec: str, stats: SourceStats, allow_private: bool) -> Iterator[Source]:
    if web.is_url(spec):
        page = web.fetch(spec, allow_private)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"page{page.suffix}"
            path.write_bytes(page.content)
            yield Source(spec, path, None, stats, True, page.as_of, page.title)
        return
    if spec == "world":
        raise UserError("world is endless, so it can't be a document: give files or folders")
    if spec in ("-", "/dev/stdin"):
        raise UserError("a document needs a name that its answers can cite: save it as a file, and give that")
    if "://" in spec and not Path(spec).exists():
        raise UserError(f"{spec} is not an address of the web: use http:// or https://")
    if spec.startswith("hf:"):
        yield Source(spec, None, None, stats, is_named=True)
        return
    path, column = split_column(spec)
    if column and path.is_file() and kinds.reader(path) != "table":
        raise UserError(f"{path} has no columns: leave out :{column}")
    is_named = not path.is_dir()
    for file in from_path(path, readers.TEXT_SUFFIXES, stats, lambda found: iter([found]), any_text=True):
        name = str(file.absolute()) + (f":{column}" if column else "")
        yield Source(name, file, column, stats, is_named)


class Spool:
    """Texts that were read, on disk if they are large, and what is known once all of them are read."""

    def __init__(self, texts: Iterator[tuple[int | None, str]], name: str) -> None:
        spooled = tempfile.SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8")  # noqa: SIM115 (see `close`)
        self._file = cast(IO[str], spooled)
        self.chars = 0
        self.beginning = ""
        self._digest = hashlib.sha256()
        for page, text in texts:
            text = clean_text(text)
            self.chars += len(text)
            if self.chars > MAX_BYTES:
                self.close()
                raise UserError(f"{name} holds more than {MAX_BYTES // 10**6} million characters: split it up")
            if text.strip():
                self.beginning = self.beginning or text[:2000]
                self._digest.update(text.encode())
                self._file.write(json.dumps([page, text]) + "\n")
        if not self.beginning:
            self.close()
            raise UserError(f"{name} contains no text: leave it out")

    def __iter__(self) -> Iterator[tuple[int | None, str]]:
        self._file.seek(0)
        for line in self._file:
            page, text = json.loads(line)
            yield page, text

    @property
    def sha256(self) -> str:
        """The hash of the texts, for sources that are not files."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Delete the spool."""
        self._file.close()


@dataclass
class _Batch:
    """Documents that were read and are saved together."""

    owner: str
    collection: str
    _waiting: list[tuple[Prepared, Spool]] = field(default_factory=list)

    def take(self, source: Source) -> Iterator[Outcome]:
        """Read a source; yields outcomes of it and of others as they are saved."""
        try:
            digest, size = _content(source)
            same = store.unchanged(source.name, digest, self.owner, self.collection) if digest else None
            if same is not None:
                same = store.fetched_again(same, source.as_of, self.owner) if source.as_of else same
                yield Outcome(source.name, "unchanged", document=same)
                return
            spool = Spool(source.texts(), source.name)
        except UserError as error:
            sentence = str(error).replace(str(source.path), source.name)  # a page or an upload is read from a copy
            yield Outcome(source.name, "failed" if source.is_named else "skipped", sentence)
            return
        is_markdown = source.path is not None and kinds.reader(source.path) in ("markdown", "notebook")
        title = store.one_line(source.title)[:TITLE_CHARS] or title_of(source.name, spool.beginning, is_markdown)
        prepared = Prepared(
            source.name, title, digest or spool.sha256, size or spool.chars, spool, is_markdown, source.as_of
        )
        self._waiting.append((prepared, spool))
        if len(self._waiting) >= BATCH_DOCUMENTS or sum(s.chars for _, s in self._waiting) >= BATCH_CHARS:
            yield from self.save()

    def save(self) -> Iterator[Outcome]:
        """Store what is waiting, in one transaction."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            present = store.sources(self.owner, self.collection)
            saved = store.put([prepared for prepared, _ in waiting], self.owner, self.collection)
        finally:
            for _, spool in waiting:
                spool.close()
        for document in saved:
            yield Outcome(document.source, "replaced" if document.source in present else "added", document=document)


def _content(source: Source) -> tuple[str, int]:
    """(sha256, bytes) of a file; ("", 0) for a dataset. Raises UserError for a file that is too large."""
    if source.path is None:
        return "", 0
    size = source.path.stat().st_size
    if size > MAX_BYTES:
        raise UserError(
            f"{source.path} has {size / 1e6:,.0f} MB, but a document may have {MAX_BYTES // 10**6} MB: split it up"
        )
    return readers.file_hash(source.path), size


def title_of(name: str, beginning: str, is_markdown: bool) -> str:
    """A document's title: the heading that a Markdown file begins with, else the file's name without its extension."""
    found = _FIRST_HEADING.match(beginning) if is_markdown else None
    stem = Path(name).name if name.startswith("hf:") else Path(name.partition(":")[0] or name).name.split(".")[0]
    title = found[1] if found else stem.replace("_", " ").replace("-", " ")
    return (store.one_line(title) or store.one_line(name))[:TITLE_CHARS]
