"""Chats exported by apps: WhatsApp's text file, and the zip archives of WhatsApp and ChatGPT.

From an archive, only the chats are unpacked into a temporary folder: ChatGPT's `conversations.json` (or its numbered
parts) or WhatsApp's text. Messages name positions as `archive.zip/member:line`.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.data import readers, whatsapp
from firstwords.data.source_stats import SourceStats
from firstwords.plain_text import clean_text

SUFFIXES = (".txt", ".zip")
Rows = Iterator[tuple[str, Any]]


def rows_of(path: Path, name: str | None, stats: SourceStats) -> Rows:
    """The conversations of one exported file as (where, row); `name`: the person the model speaks as.

    Raises UserError for other texts and archives.
    """
    if path.name.lower().endswith(".zip"):
        yield from _zip_rows(path, name, stats)
    else:
        lines = clean_text("".join(readers.read_text(path))).split("\n")
        yield from whatsapp.conversations(lines, str(path), name, stats)


def _zip_rows(path: Path, name: str | None, stats: SourceStats) -> Rows:
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            names = [n for n in archive.namelist() if not n.endswith("/") and not Path(n).name.startswith(".")]
            for member in _chats_in(names, path):
                copy = Path(folder, Path(member).name)
                with archive.open(member) as packed, open(copy, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                yield from _renamed(copy, f"{path}/{member}", name, stats)
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: a password is needed, or an unknown method
        raise UserError(f"{path} cannot be unpacked ({error}): unpack it yourself and give its files") from error


def _chats_in(names: list[str], path: Path) -> list[str]:
    exported = [n for n in names if Path(n).name.startswith("conversations") and n.lower().endswith(".json")]
    texts = [n for n in names if n.lower().endswith(".txt")]
    if not exported and not texts:
        raise UserError(
            f"{path} contains no export of ChatGPT (conversations.json) or WhatsApp (a .txt file): "
            "unpack it and give the extracted files"
        )
    return sorted(exported or texts)


def _renamed(copy: Path, place: str, name: str | None, stats: SourceStats) -> Rows:
    """The rows of an unpacked member, with positions that name the archive and the member."""
    read: Callable[[], Rows] = (
        (lambda: readers.file_rows(copy, stats))
        if copy.suffix.lower() == ".json"
        else (lambda: rows_of(copy, name, stats))
    )
    try:
        for where, row in read():
            yield where.replace(str(copy), place, 1), row
    except UserError as error:
        raise UserError(str(error).replace(str(copy), place)) from error
