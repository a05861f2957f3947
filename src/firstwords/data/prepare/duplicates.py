"""Which documents repeat earlier ones: by a digest of their words, or nearly, by MinHash (Broder 1997).

The digests and signatures of all documents are on disk and are compared in portions, so that memory stays bounded.
Signatures come from datasketch. Two documents are candidates if a band of their signatures agrees; candidates whose
signatures agree in NEAR of all places count as the same.

Axes: D documents, H hash functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from firstwords.config import UserError
from firstwords.data.dedup import BAND_ROWS, NEAR, NUM_BANDS, SHINGLE_WORDS

PORTION = 4_000_000  # documents compared at a time
NUM_HASHES = NUM_BANDS * BAND_ROWS
BLOCK_PAIRS = 100_000  # pairs of signatures compared at a time
BLOCK_SHINGLES = 50_000  # shingles of a long document hashed at a time


def check_near() -> None:
    """Raise UserError if near-duplicates can't be found because datasketch is missing."""
    try:
        import datasketch  # noqa: F401
    except ImportError:
        raise UserError("--dedup near needs the package datasketch: pip install 'firstwords[hub]'") from None


def signature(text: str) -> np.ndarray:
    """The MinHash of a text's five-word shingles, ignoring case: uint32 (H,)."""
    import datasketch

    words = text.lower().encode("utf-8", "replace").split()
    size = min(SHINGLE_WORDS, max(1, len(words)))
    shingles = [b" ".join(words[start : start + size]) for start in range(max(1, len(words) - size + 1))]
    found = datasketch.MinHash(num_perm=NUM_HASHES, seed=1)
    for start in range(0, len(shingles), BLOCK_SHINGLES):
        found.update_batch(shingles[start : start + BLOCK_SHINGLES])
    return np.asarray(found.hashvalues).astype(np.uint32)


def exact(blocks: Callable[[], Iterator[np.ndarray]], count: int) -> np.ndarray:
    """Whether each of `count` documents is the first with its digest, bool (D,).

    blocks(): the digests of all documents in order, in arrays of uint64 (D, 2).
    """
    is_first_D = np.ones(count, dtype=bool)
    portions = -(-count // PORTION)
    for portion in range(portions):
        keys, numbers = _portion(blocks(), portion, portions)
        order = np.lexsort((numbers, keys[:, 1], keys[:, 0]))
        same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
        is_first_D[numbers[order][1:][same]] = False
    return is_first_D


def near(signatures_DH: np.ndarray, is_left_D: np.ndarray) -> np.ndarray:
    """Which documents are near-duplicates of an earlier one, bool (D,); only those in `is_left_D` are compared.

    signatures_DH: uint32, may be a memory map. Of documents with equal bands, each is compared with the first one and
    with the one before it.
    """
    is_near_D = np.zeros(len(is_left_D), dtype=bool)
    rows_D = np.flatnonzero(is_left_D)
    portions = max(1, -(-len(rows_D) // PORTION))
    for band in range(NUM_BANDS):
        columns = slice(band * BAND_ROWS, (band + 1) * BAND_ROWS)

        def blocks(columns: slice = columns) -> Iterator[np.ndarray]:
            for start in range(0, len(rows_D), BLOCK_PAIRS):
                yield _mixed(signatures_DH[rows_D[start : start + BLOCK_PAIRS], columns])[:, None]

        for portion in range(portions):
            keys, numbers = _portion(blocks(), portion, portions)
            for earlier, later in _pairs(keys[:, 0], rows_D[numbers]):
                agree = (signatures_DH[earlier] == signatures_DH[later]).mean(axis=1)
                is_near_D[later[agree >= NEAR]] = True
    return is_near_D


def _portion(blocks: Iterator[np.ndarray], portion: int, portions: int) -> tuple[np.ndarray, np.ndarray]:
    """(keys, numbers of the documents) of one portion: those whose first key has this remainder."""
    found, numbers, first = [], [], 0
    for block in blocks:
        chosen = np.flatnonzero(block[:, 0] % np.uint64(portions) == portion)
        found.append(block[chosen])
        numbers.append(chosen + first)
        first += len(block)
    if not found:
        return np.zeros((0, 1), dtype=np.uint64), np.zeros(0, dtype=np.int64)
    return np.concatenate(found), np.concatenate(numbers)


def _pairs(keys_D: np.ndarray, numbers_D: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(earlier, later) document numbers with equal keys: each later one with the first, and with the one before it."""
    order = np.lexsort((numbers_D, keys_D))
    keys_D, numbers_D = keys_D[order], numbers_D[order]
    is_new_D = np.ones(len(keys_D), dtype=bool)
    is_new_D[1:] = keys_D[1:] != keys_D[:-1]
    places_D = np.arange(len(keys_D))
    first_D = np.maximum.accumulate(np.where(is_new_D, places_D, 0))
    later = places_D[~is_new_D]
    for start in range(0, len(later), BLOCK_PAIRS):
        some = later[start : start + BLOCK_PAIRS]
        yield numbers_D[first_D[some]], numbers_D[some]
        apart = some[first_D[some] != some - 1]
        yield numbers_D[apart - 1], numbers_D[apart]


def _mixed(bands_DR: np.ndarray) -> np.ndarray:
    """One uint64 per row, equal for equal rows."""
    mixed_D = np.zeros(len(bands_DR), dtype=np.uint64)
    for column in range(bands_DR.shape[1]):
        mixed_D = (mixed_D ^ bands_DR[:, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed_D ^= mixed_D >> np.uint64(29)
    return mixed_D
