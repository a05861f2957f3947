"""What was read from a source and what was left out: counts, notes on skipped rows, and a one-line summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from firstwords.config import UserError
from firstwords.plain_text import counted

T = TypeVar("T")
MAX_NOTES = 5  # maximum number of skipped rows that are reported in full,
MAX_REMARKS = 3  # of remarks per subject,
MAX_KINDS = 6  # and of types of files that were left out
UNREADABLE = "unreadable"  # of a known type, but damaged, empty or in an unknown encoding


@dataclass
class SourceStats:
    """What was read and what was left out; filled while the stream is consumed."""

    files: int = 0
    documents: int = 0  # documents or conversations passed on
    bytes: int = 0  # their UTF-8 bytes
    rows: int = 0  # rows of tables read
    skipped_rows: int = 0  # broken, empty or unusable rows
    skipped_files: int = 0  # files in a folder that are of an unknown type or unreadable
    skipped_kinds: Counter[str] = field(default_factory=Counter)  # these by type: {".png": 12, "empty": 1}
    duplicates: int = 0  # exact
    near_duplicates: int = 0
    trimmed_turns: int = 0  # turns cut from chats, see data.chats
    merged_turns: int = 0  # of these, turns that were merged into the previous one
    context_turns: int = 0  # turns of chats that are read but not learned
    ties: int = 0  # answers in preferences that are as good as the best one
    unpaired: int = 0  # individually rated answers without a matching partner
    front_matter: int = 0  # Markdown files whose front matter was left out
    notes: list[str] = field(default_factory=list)  # the first few skipped rows, each with file and line
    remarks: dict[str, list[str]] = field(default_factory=dict)  # how files were read, by subject

    def note(self, text: str) -> None:
        """Keep a note on a skipped row, if it is among the first few."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def remark(self, subject: str, text: str) -> None:
        """Keep a remark on how a file was read (its encoding, its column), once."""
        about = self.remarks.setdefault(subject, [])
        if text not in about:
            about.append(text)

    def skip_file(self, kind: str, note: str) -> None:
        """Count a skipped file; the first of each type is noted, and every file that should have been readable."""
        self.skipped_files += 1
        self.skipped_kinds[kind] += 1
        if self.skipped_kinds[kind] == 1 or kind == UNREADABLE:
            self.note(note)

    def lines(self) -> list[str]:
        """What to tell the user in addition to the summary: a few lines, however many files there were."""
        found: list[str] = []
        for subject, about in self.remarks.items():
            found += about[:MAX_REMARKS]
            if len(about) > MAX_REMARKS:
                found.append(f"... and {len(about) - MAX_REMARKS:,} more remarks on {subject}")
        if self.front_matter:
            found.append(f"left out the front matter of {counted(self.front_matter, 'Markdown file')}")
        found += [f"skipped: {note}" for note in self.notes]
        num_others = self.skipped_rows + self.skipped_files - len(self.notes)
        return found + ([f"... and {num_others:,} more skipped"] if self.notes and num_others > 0 else [])

    def summary(self) -> str:
        """One line for the user: `627 documents, 8.6 MB; left out: 3 rows, 14 files (12 .png, 2 .zip)`."""
        kinds = [f"{count:,} {kind}" for kind, count in self.skipped_kinds.most_common(MAX_KINDS)]
        kinds += ["..."] * (len(self.skipped_kinds) > MAX_KINDS)
        counts = (
            (self.skipped_rows, "row", ""),
            (self.skipped_files, "file", f" ({', '.join(kinds)})" if kinds else ""),
        )
        left_out = [counted(count, name) + detail for count, name, detail in counts if count]
        left_out += [counted(self.duplicates, "duplicate")] if self.duplicates else []
        left_out += [counted(self.near_duplicates, "near-duplicate")] if self.near_duplicates else []
        text = f"{counted(self.documents, 'document')}, {self.bytes / 1e6:,.1f} MB"
        return f"{text}; left out: {', '.join(left_out)}" if left_out else text


class UnusableRowError(Exception):
    """Why a row of a table is skipped."""


def usable(rows: Iterator[tuple[str, Any]], parse: Callable[[Any], T], stats: SourceStats, source: str) -> Iterator[T]:
    """`parse` applied to (place, row) pairs; unusable rows are counted and the first few noted.

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
        raise UserError(first_problem + "; no row is usable" if first_problem else f"{source} contains no rows")
