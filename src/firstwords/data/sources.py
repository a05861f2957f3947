"""Where text comes from: files, folders, data sets of the hub and the built-in world, all as a stream of
documents.

    stats = SourceStats()
    for text in documents(["books/", "notes.pdf", "rows.jsonl.gz:story", "hf:roneneldan/TinyStories"], stats):
    ...

A *spec* is a path (file or folder), `FILE:COLUMN` for tables, `hf:NAME[:SPLIT][:COLUMN]`, or `world`
(endless). Readers of the single formats are in `readers.py`. Whatever is skipped is counted in `SourceStats`;
what cannot be right is a UserError.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from firstwords.config import UserError
from firstwords.data.folders import UNREADABLE, from_path
from firstwords.data.formats import kinds
from firstwords.data.formats.opening import STDIN
from firstwords.plain_text import clean_text

__all__ = ["SourceStats", "UnusableRowError", "documents", "from_path", "spec_names", "split_column", "usable"]

T = TypeVar("T")
MAX_NOTES = 5  # so many skipped rows are shown word for word,
MAX_REMARKS = 3  # so many remarks on one subject,
MAX_KINDS = 6  # and so many kinds of files that were left out


@dataclass
class SourceStats:
    """What was read and what was left out; filled while the stream is consumed."""

    files: int = 0
    documents: int = 0  # documents or conversations handed on
    bytes: int = 0  # their UTF-8 bytes
    rows: int = 0  # rows of tables looked at
    skipped_rows: int = 0  # broken, empty or unusable rows
    skipped_files: int = 0  # files inside a folder that are of no known kind or cannot be read
    skipped_kinds: Counter[str] = field(default_factory=Counter)  # how many of these are what: {".png": 12, "empty": 1}
    duplicates: int = 0  # exact
    near_duplicates: int = 0
    trimmed_turns: int = 0  # turns cut from chats, see data.chats
    merged_turns: int = 0  # of these, turns that were joined to the one before
    context_turns: int = 0  # turns of chats that are read and not learned
    ties: int = 0  # answers of preferences that are as good as the best one
    unpaired: int = 0  # answers with a verdict of their own that found no partner
    front_matter: int = 0  # Markdown files whose front matter was left out
    notes: list[str] = field(default_factory=list)  # the first few skips, each with file and line
    remarks: dict[str, list[str]] = field(default_factory=dict)  # how files were read, by subject

    def note(self, text: str) -> None:
        """Keep one of the first few skips for showing."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def remark(self, subject: str, text: str) -> None:
        """Keep a sentence on how a file was read (its encoding, its column), once."""
        about = self.remarks.setdefault(subject, [])
        if text not in about:
            about.append(text)

    def skip_file(self, kind: str, note: str) -> None:
        """Count a file that is passed over; of each kind the first is noted, and all that should have been readable."""
        self.skipped_files += 1
        self.skipped_kinds[kind] += 1
        if self.skipped_kinds[kind] == 1 or kind == UNREADABLE:
            self.note(note)

    def lines(self) -> list[str]:
        """What a person should hear about the reading besides the summary, few lines however many files there were."""
        found: list[str] = []
        for subject, about in self.remarks.items():
            found += about[:MAX_REMARKS]
            if len(about) > MAX_REMARKS:
                found.append(f"... and {len(about) - MAX_REMARKS:,} more remarks on {subject}")
        if self.front_matter:
            found.append(f"left out the front matter of {_counted(self.front_matter, 'Markdown file')}")
        found += [f"skipped: {note}" for note in self.notes]
        num_others = self.skipped_rows + self.skipped_files - len(self.notes)
        return found + ([f"... and {num_others:,} more skipped"] if self.notes and num_others > 0 else [])

    def summary(self) -> str:
        """One line for people: `627 documents, 8.6 MB; left out: 3 rows, 14 files (12 .png, 2 .zip)`."""
        kinds = [f"{count:,} {kind}" for kind, count in self.skipped_kinds.most_common(MAX_KINDS)]
        kinds += ["..."] * (len(self.skipped_kinds) > MAX_KINDS)
        counts = (
            (self.skipped_rows, "row", ""),
            (self.skipped_files, "file", f" ({', '.join(kinds)})" if kinds else ""),
        )
        left_out = [_counted(count, name) + detail for count, name, detail in counts if count]
        left_out += [f"{self.duplicates:,} duplicates"] if self.duplicates else []
        left_out += [f"{self.near_duplicates:,} near-duplicates"] if self.near_duplicates else []
        text = f"{_counted(self.documents, 'document')}, {self.bytes / 1e6:,.1f} MB"
        return f"{text}; left out: {', '.join(left_out)}" if left_out else text


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")


class UnusableRowError(Exception):
    """Why a row of a table is passed over."""


def usable(
    rows: Iterator[tuple[str, Any]], parse: Callable[[Any], T], stats: SourceStats, source: str
) -> Iterator[T]:
    """What `parse` makes of (place, row) pairs; rows it calls unusable are counted and the first few noted.

    Raises UserError when no row of the source is usable, with the first reason.
    """
    found, first_problem = 0, ""
    for where, row in rows:
        try:
            parsed = parse(row)
        except UnusableRowError as problem:
            stats.skipped_rows += 1
            first_problem = first_problem or f"{where}: {problem}"
            stats.note(f"{where}: {problem}")
        else:
            found += 1
            yield parsed
    if not found:
        raise UserError(first_problem + ", and so with every row" if first_problem else f"{source} holds no rows")


def documents(
    specs: Iterable[str | Path], stats: SourceStats | None = None, *, dedup: str = "none"
) -> Iterator[str]:
    """Stream the documents of all specs, in order, in bounded memory.

    `dedup`: "none", "exact" (equal up to white space) or "near" (also those that share most of their
    five-word runs). Raises UserError for missing, empty, binary or wrongly encoded files, unknown kinds, and
    too many broken rows.
    """
    from firstwords.data import dedup as dedup_module

    stats = stats if stats is not None else SourceStats()
    names = spec_names(specs, 'no text was named: give files, folders, hf:NAME or "world"')
    texts: Iterator[str] = chain.from_iterable(_of_spec(name, stats) for name in names)
    texts = dedup_module.deduplicate(map(clean_text, texts), stats, dedup)
    found = False
    for text in texts:
        if text and not text.isspace():
            found = True
            stats.documents += 1
            stats.bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
            yield text
    if not found:
        raise UserError(f"{', '.join(names)}: there is no text in it; choose other files")


def spec_names(specs: Iterable[str | Path], if_none: str) -> list[str]:
    """The specs as texts. Raises UserError for none, and for an empty one, which a path would take for this folder."""
    names = [str(spec) for spec in specs]
    if not names:
        raise UserError(if_none)
    if any(not name.strip() for name in names):
        raise UserError('one of the names is empty (""): name a file or a folder, or . for the folder you are in')
    return names


def _of_spec(spec: str, stats: SourceStats) -> Iterator[str]:
    from firstwords.data import readers

    if spec == "world":
        from firstwords.world.texts.documents import documents as world_documents

        return world_documents()
    if spec.startswith("hf:"):
        return readers.hub_texts(spec, stats)
    if spec in (STDIN, "/dev/stdin"):
        stats.files += 1
        return readers.file_texts(Path(STDIN), None, stats)
    path, column = split_column(spec)
    if column and path.is_file() and kinds.reader(path) != "table":
        raise UserError(f"{path} has no columns: name it without :{column}")
    return from_path(
        path, readers.TEXT_SUFFIXES, stats, lambda file: readers.file_texts(file, column, stats), any_text=True
    )


def split_column(spec: str) -> tuple[Path, str | None]:
    """`rows.jsonl:story` -> (rows.jsonl, "story"); a file whose own name holds the colon wins.

    With a folder before the colon the column is that of all tables in it.
    """
    path = Path(spec).expanduser()
    if os.path.lexists(path) or ":" not in spec:
        return path, None
    name, _, column = spec.rpartition(":")
    bare = Path(name).expanduser()
    return (bare, column) if name and bare.exists() and column else (path, None)
