"""Removes duplicate documents: exact ones, and near-duplicates by MinHash.

MinHash (Broder 1997): the share of equal minima under many random hash functions estimates the Jaccard similarity of
two sets of five-word shingles. Banding (locality-sensitive hashing) finds candidates without comparing every pair.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats

SHINGLE_WORDS = 5
NUM_BANDS, BAND_ROWS = 16, 8  # candidates have a similarity of about (1/16)^(1/8) = 0.7 or more
NEAR = 0.8  # estimated similarity at which two documents count as the same
_START_CHARS = 64  # of `copy_start`
_BLOCK = 4096  # shingles hashed at a time, to bound the memory of a long document


def copy_key(text: str) -> int:
    """Equal for copies: texts with the same words, ignoring case and white space."""
    words = " ".join(text.split()).casefold()
    return int.from_bytes(hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def digest(words: Sequence[str]) -> bytes:
    """16 bytes of a text's words, equal for texts with the same ones, in the same case."""
    return hashlib.blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=16).digest()


def copy_start(text: str) -> str:
    """Equal for copies, like `copy_key`, but also for some other texts; a hundred times as fast for long ones."""
    start = "".join(text[:1000].split()).casefold()
    if len(start) < _START_CHARS < len(text):
        start = "".join(text.split()).casefold()
    return start[:_START_CHARS]


def deduplicate(texts: Iterator[str], stats: SourceStats, mode: str) -> Iterator[str]:
    """Pass on first occurrences and count the rest. `mode`: "none", "exact" or "near"."""
    if mode == "none":
        return texts
    if mode not in ("exact", "near"):
        raise UserError(f"dedup {mode!r} is unknown: use none, exact or near")
    return _deduplicate(texts, stats, NearIndex() if mode == "near" else None)


def _deduplicate(texts: Iterator[str], stats: SourceStats, near: NearIndex | None) -> Iterator[str]:
    seen: set[bytes] = set()
    for text in texts:
        words = text.split()
        key = digest(words)
        if key in seen:
            stats.duplicates += 1
        elif near is not None and near.seen(words):
            stats.near_duplicates += 1
        else:
            seen.add(key)
            yield text


class NearIndex:
    """Stores 128 minima (512 bytes) per document and recognises near-duplicates."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._factors_H = rng.integers(0, 2**63, NUM_BANDS * BAND_ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._offsets_H = rng.integers(0, 2**63, NUM_BANDS * BAND_ROWS, dtype=np.uint64)
        self._signatures: list[np.ndarray] = []
        self._bands: list[dict[bytes, int]] = [{} for _ in range(NUM_BANDS)]

    def seen(self, words: list[str]) -> bool:
        """Whether a near-duplicate was seen before; if not, the document is added."""
        signature_H = self.signature(words)
        keys = [band.tobytes() for band in signature_H.reshape(NUM_BANDS, BAND_ROWS)]
        candidates = {band[key] for band, key in zip(self._bands, keys, strict=True) if key in band}
        if any(np.mean(self._signatures[c] == signature_H) >= NEAR for c in candidates):
            return True
        for band, key in zip(self._bands, keys, strict=True):
            band.setdefault(key, len(self._signatures))
        self._signatures.append(signature_H)
        return False

    def signature(self, words: list[str]) -> np.ndarray:
        """128 minima over the hashed five-word shingles (case-insensitive), uint32."""
        hashes = np.array([zlib.crc32(word.lower().encode("utf-8", "replace")) for word in words], dtype=np.uint64)
        size = min(SHINGLE_WORDS, len(words))
        shingles = np.zeros(max(len(words) - size + 1, 1), dtype=np.uint64)
        for offset in range(size):
            shingles = shingles * np.uint64(0x9E3779B97F4A7C15) + hashes[offset : offset + len(shingles)]
        shingles = np.unique(shingles)
        minima_H = np.full(len(self._factors_H), 2**32 - 1, dtype=np.uint32)
        for start in range(0, len(shingles), _BLOCK):
            block = shingles[start : start + _BLOCK, None] * self._factors_H + self._offsets_H
            minima_H = np.minimum(minima_H, (block >> np.uint64(32)).astype(np.uint32).min(axis=0))
        return minima_H
