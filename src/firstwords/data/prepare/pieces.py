"""Documents become pieces: the token ids of about four million characters of consecutive documents, in one file.

    pieces/00000/00000.npz     ids, and for each document its tokens, bytes, hold-out key, digest and MinHash signature
    pieces/00000/end.json      written when the part has been read to its end: how many pieces it has

A piece is written aside and renamed: after a kill it is there as a whole, or made again.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.data.dedup import copy_key, digest
from firstwords.data.holdout import SHARE
from firstwords.data.prepare.duplicates import signature
from firstwords.data.prepare.parts import Part, documents_of
from firstwords.data.shards import encoded, id_dtype
from firstwords.data.source_stats import SourceStats
from firstwords.plain_text import counted
from firstwords.tokenizer.fast import Tokenizer

PIECE_CHARS = 4_000_000
BATCH_CHARS = 250_000  # tokenised at a time


@dataclass(frozen=True)
class Job:
    """The pieces of a part whose number leaves the remainder `offset` when divided by `stride`."""

    number: int  # of the part
    part: Part
    offset: int = 0
    stride: int = 1
    max_bytes: int = 0  # read from the part; 0 for all
    with_signatures: bool = False
    piece_chars: int = PIECE_CHARS


@dataclass(frozen=True)
class End:
    """What is known once a part has been read: its number of pieces, and what was left out of it."""

    pieces: int
    skipped_rows: int = 0
    problem: str = ""  # why the rest of a file in a folder could not be read
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def folder_of(out: Path, number: int) -> Path:
    """The folder of a part's pieces."""
    return out / "pieces" / f"{number:05d}"


def piece_path(out: Path, number: int, piece: int) -> Path:
    """The file of a piece."""
    return folder_of(out, number) / f"{piece:05d}.npz"


def aside_of(path: Path) -> Path:
    """Where to write a file before it gets its name. Tasks on several machines may have the same PID: random."""
    return path.with_name(f".{path.name}-{secrets.token_hex(6)}")


def end_of(out: Path, number: int) -> End | None:
    """What `make` found at the end of a part; None if it has not been read to its end."""
    try:
        found = json.loads((folder_of(out, number) / "end.json").read_text(encoding="utf-8"))
        return End(**found | {"notes": tuple(found["notes"]), "remarks": tuple(found["remarks"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def missing(out: Path, job: Job) -> bool:
    """Whether any of the job's pieces has not been made."""
    end = end_of(out, job.number)
    if end is None:
        return True
    return any(not piece_path(out, job.number, n).exists() for n in range(job.offset, end.pieces, job.stride))


def make(out: Path, job: Job, tokenizer: Tokenizer, report: Callable[[int], None]) -> None:
    """Make the job's missing pieces. report(bytes of text) is called after each of them, and may raise to stop.

    Raises UserError for an unreadable file that was named; one in a folder is noted.
    """
    stats, count, problem = SourceStats(), 0, ""
    folder_of(out, job.number).mkdir(parents=True, exist_ok=True)
    documents = _first_bytes(documents_of(job.part, stats), job.max_bytes)
    try:
        for texts, error in _groups(documents, job.piece_chars):
            if error is not None:
                if job.part.is_named:
                    raise error
                problem = str(error)
            if not texts:
                continue
            path = piece_path(out, job.number, count)
            if count % job.stride == job.offset and not path.exists():
                _write(path, texts, tokenizer, job.with_signatures)
                report(sum(map(len, texts)))
            count += 1
    finally:
        documents.close()
    remarks = [text for texts in stats.remarks.values() for text in texts]
    end = End(count, stats.skipped_rows, problem, tuple(stats.notes), tuple(remarks))
    _replace(folder_of(out, job.number) / "end.json", json.dumps(vars(end), ensure_ascii=False).encode())


def _groups(documents: Iterator[str], piece_chars: int) -> Iterator[tuple[list[str], UserError | None]]:
    """(documents of a piece, None), one after the other; at an error, what was read before it, and the error."""
    texts: list[str] = []
    size, error = 0, None
    while True:
        try:
            text = next(documents)
        except StopIteration:
            break
        except UserError as found:
            error = found
            break
        texts.append(text)
        size += len(text)
        if size >= piece_chars:
            yield texts, None
            texts, size = [], 0
    yield texts, error


def _first_bytes(documents: Iterator[str], max_bytes: int) -> Any:
    """The documents up to a number of bytes; all of them for 0."""
    left = max_bytes
    for text in documents:
        yield text
        if max_bytes:
            left -= len(text.encode("utf-8", "replace"))
            if left <= 0:
                return


def _write(path: Path, texts: list[str], tokenizer: Tokenizer, with_signatures: bool) -> None:
    dtype = id_dtype(tokenizer.vocab_size)
    separator = np.array([tokenizer.endoftext_id], dtype=dtype)
    chunks: list[np.ndarray] = []
    lengths: list[int] = []
    sizes: list[int] = []
    for ids, size in encoded(texts, tokenizer, BATCH_CHARS):
        chunks += [separator, np.array(ids, dtype=dtype)]
        lengths.append(len(ids) + 1)
        sizes.append(size)
    keys = np.array([copy_key(text) for text in texts], dtype=np.uint64)
    arrays: dict[str, Any] = {
        "ids": np.concatenate(chunks),
        "lengths": np.array(lengths, dtype=np.uint32),
        "bytes": np.array(sizes, dtype=np.uint32),
        "keys": keys,
        "digests": np.frombuffer(b"".join(digest(text.split()) for text in texts), dtype="<u8").reshape(-1, 2),
    }
    if with_signatures:
        arrays["signatures"] = np.stack([signature(text) for text in texts])
    # texts that may be held out: those with the lowest keys, at least one of every piece
    low = np.flatnonzero((keys < SHARE * 2**64) | (keys == keys.min()))
    candidates = json.dumps([[int(place), texts[place]] for place in low])
    arrays["candidates"] = np.frombuffer(candidates.encode(), dtype=np.uint8)
    aside = aside_of(path)
    with open(aside, "wb") as file:
        np.savez(file, **arrays)
    os.replace(aside, path)


def _replace(path: Path, data: bytes) -> None:
    aside = aside_of(path)
    aside.write_bytes(data)
    os.replace(aside, path)


def summary_of(ends: list[End]) -> list[str]:
    """What to tell the user about what was left out."""
    notes = [note for end in ends for note in (*end.notes, *([end.problem] if end.problem else []))]
    lines = list(dict.fromkeys(remark for end in ends for remark in end.remarks))[:3]
    lines += [f"skipped: {note}" for note in notes[:5]]
    rest = sum(end.skipped_rows + bool(end.problem) for end in ends) - len(notes[:5])
    return lines + ([f"... and {counted(rest, 'more row or file', 'more rows or files')} skipped"] if rest > 0 else [])
