"""What was read of a source and what was left out: counts, notes on skipped rows, and one line for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from firstwords.config import UserError

T = TypeVar("T")
MAX_NOTES = 5  # so many skipped rows are shown word for word,
MAX_REMARKS = 3  # so many remarks on one subject,
MAX_KINDS = 6  # and so many kinds of files that were left out
UNREADABLE = "unreadable"  # of a kind that is known, but damaged, empty or of an unknown encoding


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
