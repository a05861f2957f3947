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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from firstwords.config import UserError

T = TypeVar("T")
MAX_NOTES = 5  # so many skipped rows are shown word for word


@dataclass
class SourceStats:
    """What was read and what was left out; filled while the stream is consumed."""

    files: int = 0
    documents: int = 0  # documents or conversations handed on
    bytes: int = 0  # their UTF-8 bytes
    rows: int = 0  # rows of tables looked at
    skipped_rows: int = 0  # broken, empty or unusable rows
    skipped_files: int = 0  # files inside a folder that are of no known kind or cannot be read
    duplicates: int = 0  # exact
    near_duplicates: int = 0
    trimmed_turns: int = 0  # turns cut from chats, see data.chats
    merged_turns: int = 0  # of these, turns that were joined to the one before
    context_turns: int = 0  # turns of chats that are read and not learned
    ties: int = 0  # answers of preferences that are as good as the best one
    unpaired: int = 0  # answers with a verdict of their own that found no partner
    notes: list[str] = field(default_factory=list)  # the first few skips, each with file and line

    def note(self, text: str) -> None:
        """Keep one of the first few remarks for showing."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def summary(self) -> str:
        """One line for people: `627 documents, 8.6 MB; skipped 3 rows`."""
        left_out = {
            "rows": self.skipped_rows,
            "files": self.skipped_files,
            "duplicates": self.duplicates,
            "near-duplicates": self.near_duplicates,
        }
        skipped = ", ".join(f"{count:,} {name}" for name, count in left_out.items() if count)
        text = f"{self.documents:,} documents, {self.bytes / 1e6:,.1f} MB"
        return f"{text}; left out: {skipped}" if skipped else text


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
    names = [str(spec) for spec in specs]
    if not names:
        raise UserError('no text was named: give files, folders, hf:NAME or "world"')
    texts: Iterator[str] = chain.from_iterable(_of_spec(name, stats) for name in names)
    texts = dedup_module.deduplicate(texts, stats, dedup)
    found = False
    for text in texts:
        if text and not text.isspace():
            found = True
            stats.documents += 1
            stats.bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
            yield text
    if not found:
        raise UserError(f"{', '.join(names)}: there is no text in it; choose other files")


def _of_spec(spec: str, stats: SourceStats) -> Iterator[str]:
    from firstwords.data import readers

    if spec == "world":
        from firstwords.world.text import documents as world_documents

        return world_documents()
    if spec.startswith("hf:"):
        return readers.hub_texts(spec, stats)
    path, column = split_column(spec)
    return from_path(path, readers.TEXT_SUFFIXES, stats, lambda file: readers.file_texts(file, column, stats))


def split_column(spec: str) -> tuple[Path, str | None]:
    """`rows.jsonl:story` -> (rows.jsonl, "story"); a file whose own name holds the colon wins."""
    path = Path(spec).expanduser()
    if os.path.lexists(path) or ":" not in spec:
        return path, None
    name, _, column = spec.rpartition(":")
    bare = Path(name).expanduser()
    return (bare, column) if bare.is_file() and column else (path, None)


def from_path(
    path: Path, suffixes: Iterable[str], stats: SourceStats, read: Callable[[Path], Iterator[T]]
) -> Iterator[T]:
    """Everything that `read` finds in a file or in the files of a folder (recursively, in the order of their
    names).

    A file that was named must be right. In a folder, files of other kinds and unreadable ones are counted and
    passed over.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist: check the spelling") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its permissions") from error
    suffixes = tuple(suffixes)
    if path.is_file():
        if not path.name.lower().endswith(suffixes):
            raise UserError(f"{path} is of a kind that is not known here: use {' '.join(suffixes)}")
        stats.files += 1
        yield from read(path)
        return
    if not path.is_dir():
        raise UserError(f"{path} is neither a file nor a folder")
    read_any = False
    for file in _files_below(path):
        if not file.name.lower().endswith(suffixes):
            stats.skipped_files += 1
            continue
        stats.files += 1
        try:
            yield from read(file)
            read_any = True
        except UserError as error:
            stats.files -= 1
            stats.skipped_files += 1
            stats.note(str(error))
    if not read_any:
        reason = f" ({stats.notes[-1]})" if stats.notes else ""
        raise UserError(f"{path} holds no file that can be read{reason}: use {' '.join(suffixes)}")


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(
            f"{error.filename} cannot be opened ({error.strerror}): check its permissions"
        ) from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)
