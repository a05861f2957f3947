"""All pieces become token shards: duplicates left out, some documents held out, and a manifest with counts and hashes.

Joining reads the pieces in the order of the sources, one at a time. After a kill it starts over, which takes seconds
per gigabyte; the manifest is written last and marks that all is there.

Axes: D documents (of a piece, or of all pieces), N tokens.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.data.holdout import MAX_CHARS, SHARE, SMALL_CHARS, SMALL_SHARE, write_heldout
from firstwords.data.prepare import duplicates
from firstwords.data.prepare.parts import Part
from firstwords.data.prepare.pieces import End, piece_path
from firstwords.data.readers import file_hash
from firstwords.data.shards import SHARD_TOKENS, ShardWriter, shard_name
from firstwords.runlog import write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.version import __version__

MANIFEST, HELDOUT = "manifest.json", "heldout.jsonl"
FORMAT = "firstwords tokens 1"


@dataclass
class Counts:
    """Documents, tokens (separators included) and UTF-8 bytes."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0

    def add(self, documents: int, tokens: int, num_bytes: int) -> None:
        self.documents += documents
        self.tokens += tokens
        self.bytes += num_bytes


@dataclass
class Pieces:
    """The pieces of all parts, in order."""

    out: Path
    ends: Sequence[End]
    counts: list[int] = field(default_factory=list)  # documents of each piece
    bytes: int = 0  # of all documents

    def __iter__(self) -> Iterator[tuple[int, Path]]:
        """(number of the part, file) of each piece."""
        for number, end in enumerate(self.ends):
            for piece in range(end.pieces):
                yield number, piece_path(self.out, number, piece)

    def arrays(self, *names: str) -> Iterator[tuple[int, list[np.ndarray]]]:
        """(number of the part, the arrays with these names) of each piece. A damaged piece is removed: UserError."""
        for number, path in self:
            try:
                with np.load(path) as file:
                    found = [file[name] for name in names]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                path.unlink(missing_ok=True)
                raise UserError(f"{path} is damaged ({error}): run the same command again to make it again") from None
            yield number, found


def join(
    out: Path, parts: Sequence[Part], ends: Sequence[End], tokenizer: Tokenizer, settings: dict[str, Any]
) -> dict[str, Any]:
    """Write shards, held-out documents and the manifest to `out`, and return the manifest. See `work.prepare`.

    ends: of all parts.
    """
    pieces = Pieces(out, ends)
    for _, (sizes,) in pieces.arrays("bytes"):
        pieces.counts.append(len(sizes))
        pieces.bytes += int(sizes.sum())
    total = sum(pieces.counts)
    if not total:
        why = next((end.problem for end in ends if end.problem), "")
        raise UserError(f"{', '.join(settings['sources'])}: there is no text{f' ({why})' if why else ''}")
    aside = out / "joining"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    is_left_D, left_out = _without_duplicates(pieces, total, settings["dedup"], aside)
    heldout, held_keys = _hold_out(pieces, is_left_D)
    writer = ShardWriter(aside, tokenizer, SHARD_TOKENS)
    try:
        of_part, copies = _write(pieces, is_left_D, held_keys, writer, len(parts))
        writer.add(np.array([tokenizer.endoftext_id], dtype=writer.dtype))
        count = writer.finish(sum(part.bytes for part in of_part))
    finally:
        writer.close()
    left_out |= {"copies_of_held_out": copies - len(heldout), "rows": sum(end.skipped_rows for end in ends)}
    left_out["files"] = sum(bool(end.problem) for end in ends) + settings["skipped_files"]
    write_heldout(aside / HELDOUT, heldout)
    shards = [_shard(aside / shard_name(index)) for index in range(count)]
    for path in sorted(aside.glob("*.*")):
        os.replace(path, out / path.name)
    manifest = {
        "format": FORMAT,
        "made_by": f"firstwords {__version__}",
        "documents": sum(part.documents for part in of_part),
        "tokens": writer.num_tokens,
        "bytes": sum(part.bytes for part in of_part),
        "held_out": {"documents": len(heldout), "bytes": len("".join(heldout).encode("utf-8", "replace"))},
        "left_out": left_out,
        "tokenizer": {"hash": tokenizer.hash, "vocab_size": tokenizer.vocab_size},
        "sources": _sources(parts, of_part, settings),
        "dedup": settings["dedup"],
        "max_mb": settings["max_mb"],
        "shards": shards,
    }
    write_json(out / MANIFEST, manifest)
    shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _without_duplicates(pieces: Pieces, total: int, dedup: str, aside: Path) -> tuple[np.ndarray, dict[str, int]]:
    """(whether each document stays, bool (D,); numbers of duplicates)."""
    is_left_D = np.ones(total, dtype=bool)
    left_out = {"duplicates": 0, "near_duplicates": 0}
    if dedup == "none":
        return is_left_D, left_out
    is_left_D = duplicates.exact(lambda: (digests for _, (digests,) in pieces.arrays("digests")), total)
    left_out["duplicates"] = int(total - is_left_D.sum())
    if dedup == "near":
        path = aside / "signatures"
        with open(path, "wb") as file:
            for _, (signatures,) in pieces.arrays("signatures"):
                file.write(signatures.astype("<u4").tobytes())
        table = np.memmap(path, dtype="<u4", mode="r", shape=(total, duplicates.NUM_HASHES))
        is_near_D = duplicates.near(table, is_left_D)
        del table
        path.unlink()
        left_out["near_duplicates"] = int(is_near_D.sum())
        is_left_D &= ~is_near_D
    return is_left_D, left_out


def _hold_out(pieces: Pieces, is_left_D: np.ndarray) -> tuple[list[str], np.ndarray]:
    """(texts to hold out, their keys): those with the lowest keys, so that order and number of documents don't matter.

    About SHARE of the text, as `holdout.py` has it; none of a text so small that one document is more than a tenth.
    """
    total = pieces.bytes
    wanted = min(max(SHARE * total, min(SMALL_CHARS, SMALL_SHARE * total)), MAX_CHARS)
    lowest: dict[int, str] = {}
    first = 0
    for (_, (keys, packed)), count in zip(pieces.arrays("keys", "candidates"), pieces.counts, strict=True):
        for place, text in json.loads(packed.tobytes()):
            if is_left_D[first + place]:
                lowest.setdefault(int(keys[place]), text)
        first += count
        if sum(map(len, lowest.values())) > 8 * MAX_CHARS:  # keep the lowest ones only
            lowest = dict(sorted(lowest.items())[: max(8, len(lowest) // 2)])
    chosen: dict[int, str] = {}
    left = wanted
    for key, text in sorted(lowest.items()):
        if len(text) <= left or (not chosen and len(text) <= SMALL_SHARE * total):
            chosen[key] = text
            left -= len(text)
    return list(chosen.values()), np.array(sorted(chosen), dtype=np.uint64)


def _write(
    pieces: Pieces, is_left_D: np.ndarray, held_keys: np.ndarray, writer: ShardWriter, num_parts: int
) -> tuple[list[Counts], int]:
    """Write what stays; returns (what each part contributed, number of documents that were held out with copies)."""
    found = [Counts() for _ in range(num_parts)]
    first = num_held = 0
    for number, (ids_N, lengths, sizes, keys) in pieces.arrays("ids", "lengths", "bytes", "keys"):
        stays_D = is_left_D[first : first + len(lengths)]
        is_held_D = stays_D & np.isin(keys, held_keys)
        num_held += int(is_held_D.sum())
        stays_D = stays_D & ~is_held_D
        writer.add(ids_N if stays_D.all() else ids_N[np.repeat(stays_D, lengths)])
        found[number].add(int(stays_D.sum()), int(lengths[stays_D].sum()), int(sizes[stays_D].sum()))
        first += len(lengths)
    return found, num_held


def _shard(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}


def _sources(parts: Sequence[Part], of_part: Sequence[Counts], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What each source contributed, with its licence where it states one (null where not)."""
    found = []
    for source in settings["sources"]:
        mine = [counts for part, counts in zip(parts, of_part, strict=True) if part.source == source]
        total = Counts()
        for counts in mine:
            total.add(counts.documents, counts.tokens, counts.bytes)
        found.append({"source": source, "parts": len(mine), **vars(total), "licence": settings["licences"].get(source)})
    return found
