"""Sources of text: files, folders, hub datasets and the built-in world, all as a stream of documents.

    stats = SourceStats()
    for text in documents(["books/", "notes.pdf", "rows.jsonl.gz:story", "hf:roneneldan/TinyStories"], stats):
    ...

A *spec* is a path (file or folder), `FILE:COLUMN` for tables, `hf:NAME[:SPLIT][:COLUMN]`, or `world` (endless). Readers
of the individual formats are in `readers.py`. Everything skipped is counted in `SourceStats`; mistakes raise UserError.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.dedup import deduplicate
from firstwords.data.folders import from_path
from firstwords.data.formats import kinds
from firstwords.data.formats.opening import STDIN
from firstwords.data.source_stats import SourceStats
from firstwords.plain_text import clean_text
from firstwords.world.town.plumwick import Size

T = TypeVar("T")


def documents(
    specs: Iterable[str | Path], stats: SourceStats | None = None, *, dedup: str = "none", town: Size = "whole"
) -> Iterator[str]:
    """Stream the documents of all specs in bounded memory: each in order, all in turn (see `in_turn`).

    `dedup`: "none", "exact" (equal up to white space) or "near" (also those that share most of their five-word
    shingles). `town`: the size of the built-in world's town, for the spec `world`. Raises UserError for missing, empty,
    binary or wrongly encoded files, unknown file types, and too many broken rows.
    """
    stats = stats if stats is not None else SourceStats()
    names = spec_names(specs, 'no text was given: give files, folders, hf:NAME or "world"')
    texts = in_turn([_of_spec(name, stats, town) for name in names], len)
    texts = deduplicate(map(clean_text, texts), stats, dedup)
    found = False
    for text in texts:
        if text and not text.isspace():
            found = True
            stats.documents += 1
            stats.bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
            yield text
    if not found:
        raise UserError(f"{', '.join(names)}: there is no text; choose other files")


def in_turn(sources: Sequence[Iterator[T]], size: Callable[[T], int]) -> Iterator[T]:
    """The items of all sources. The next one is from the source that has given least so far, in sizes: a reader that
    stops early has had as much of each, unless it ended, and an endless source hides no other.
    """
    waiting = [(0, number, source) for number, source in enumerate(sources)]
    while waiting:
        given, number, source = heapq.heappop(waiting)
        for item in source:
            yield item
            heapq.heappush(waiting, (given + size(item), number, source))
            break


def spec_names(specs: Iterable[str | Path], if_none: str) -> list[str]:
    """The specs as texts. Raises UserError if there are none, or if one is empty (as a path: the current folder)."""
    names = [str(spec) for spec in specs]
    if not names:
        raise UserError(if_none)
    if any(not name.strip() for name in names):
        raise UserError('one of the names is empty (""): give a file or a folder, or . for the current folder')
    return names


def _of_spec(spec: str, stats: SourceStats, town: Size) -> Iterator[str]:
    if spec == "world":
        from firstwords.world.texts.documents import documents as world_documents

        return world_documents(size=town)
    if spec.startswith("hf:"):
        return readers.hub_texts(spec, stats)
    if spec in (STDIN, "/dev/stdin"):
        stats.files += 1
        return readers.file_texts(Path(STDIN), None, stats)
    path, column = split_column(spec)
    if column and path.is_file() and kinds.reader(path) != "table":
        raise UserError(f"{path} has no columns: leave out :{column}")
    return from_path(
        path, readers.TEXT_SUFFIXES, stats, lambda file: readers.file_texts(file, column, stats), any_text=True
    )


def split_column(spec: str) -> tuple[Path, str | None]:
    """`rows.jsonl:story` -> (rows.jsonl, "story"); a file whose own name contains the colon takes precedence.

    For a folder, the column applies to all tables in it.
    """
    path = Path(spec).expanduser()
    if os.path.lexists(path) or ":" not in spec:
        return path, None
    name, _, column = spec.rpartition(":")
    bare = Path(name).expanduser()
    return (bare, column) if name and bare.exists() and column else (path, None)
