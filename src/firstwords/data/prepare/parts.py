"""What the sources consist of: files, and the files of hub datasets, each read by one process at a time.

The list of parts is made once and compared by every task and every later start, so that all work on the same data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers
from firstwords.data.folders import from_path
from firstwords.data.formats import kinds
from firstwords.data.formats.columns import column_texts
from firstwords.data.formats.hub import open_hub, rows_of
from firstwords.data.formats.opening import STDIN
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import spec_names, split_column
from firstwords.plain_text import clean_text

ROWS_PER_PART = 20_000  # of a dataset that was saved to disk
UNKNOWN_BYTES = 256_000_000  # assumed for a file of a hub dataset


@dataclass(frozen=True)
class Part:
    """A file, or number `index` of the `count` files of a hub dataset; `is_named`: not found in a folder."""

    source: str
    path: str  # "" for hub datasets
    column: str | None
    size: int  # in bytes; 0 if unknown
    modified: int  # seconds since 1970; 0 for hub datasets
    is_named: bool = True
    index: int = 0
    count: int = 1

    @property
    def name(self) -> str:
        """For messages."""
        return self.path or f"{self.source} (part {self.index + 1} of {self.count})"


def list_parts(sources: Sequence[str], stats: SourceStats) -> tuple[list[Part], dict[str, str]]:
    """(the parts of all sources in order, the licences that are stated, by source). Raises UserError for a source that
    is missing, or that cannot be read twice."""
    parts: list[Part] = []
    licences: dict[str, str] = {}
    for source in spec_names(sources, "no text was given: give files, folders or hf:NAME"):
        if source == "world":
            raise UserError("world has no end and needs no preparation: `firstwords pretrain --text world` writes it")
        if source in (STDIN, "/dev/stdin"):
            raise UserError("stdin cannot be read again after an interruption: save the text as a file and give that")
        if source.startswith("hf:"):
            found, licence = _of_hub(source)
        else:
            found, licence = _of_path(source, stats)
        parts += found
        if licence:
            licences[source] = licence
    return parts, licences


def documents_of(part: Part, stats: SourceStats) -> Iterator[str]:
    """The documents of a part, cleaned, without blank ones."""
    if part.path:
        texts = readers.file_texts(Path(part.path), part.column, stats)
    else:
        data, column = open_hub(part.source)
        rows = rows_of(part.name, data.shard(num_shards=part.count, index=part.index), stats)
        texts = column_texts(rows, column, stats, part.source)
    return (text for text in map(clean_text, texts) if text and not text.isspace())


def _of_path(source: str, stats: SourceStats) -> tuple[list[Part], str]:
    path, column = split_column(source)
    if column and path.is_file() and kinds.reader(path) != "table":
        raise UserError(f"{path} has no columns: leave out :{column}")
    files = list(from_path(path, readers.TEXT_SUFFIXES, stats, lambda file: iter([file]), any_text=True))
    parts = []
    for file in files:
        about = file.stat()
        size, modified = about.st_size, int(about.st_mtime)
        parts.append(Part(source, str(file.absolute()), column, size, modified, is_named=path.is_file()))
    return parts, _licence_in(path if path.is_dir() else path.parent)


def _of_hub(source: str) -> tuple[list[Part], str]:
    data, column = open_hub(source)
    rows = getattr(data, "num_rows", None)  # of a dataset on disk, which is not streamed
    count = -(-rows // ROWS_PER_PART) if rows else int(getattr(data, "n_shards", 1))
    licence = str(getattr(getattr(data, "info", None), "license", "") or "")
    return [Part(source, "", column, 0, 0, index=i, count=count) for i in range(max(1, count))], licence


def _licence_in(folder: Path) -> str:
    """The licence that the folder's README states as dataset cards do: a line `license: ...` between two lines ---."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:20_000]
    except OSError:
        return ""
    front = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*(\S.*)$", front[1], re.MULTILINE) if front else None
    return found[1].strip().strip("\"'") if found else ""


def as_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The list of parts as it is stored and compared."""
    return [vars(part) for part in parts]
