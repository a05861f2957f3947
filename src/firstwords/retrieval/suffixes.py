"""An exact index of the tokens that a stage learned from: suffix arrays on disk, memory-mapped.

    build(run / "tokens", run / "trace")
    index = TokenIndex(run / "tokens", run / "trace")
    index.find([[12, 7, 99]], limit=2)         -> [(41, [1044, 90210])], how often and where
    index.longest(ids)                         -> the longest sequence at each place of ids that occurs

    trace/index.json         version, numbers of tokens and documents, the tokenizer's hash
    trace/starts.npy         where each document begins (the separator before it)
    trace/suffixes-NNN.npy   places in a block of tokens, in the order of what follows them; 4 bytes per token

A block's array is sorted with what follows the block, so that what crosses its end is found too. Sequences are compared
over MAX_LENGTH tokens; up to that length, every count is exact.

N places, S sequences, L their length.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from firstwords.config import UserError
from firstwords.data.shards import TokenShards
from firstwords.runlog import read_json, write_json

VERSION = 1
MAX_LENGTH = 512  # tokens of a sequence that is found
BLOCK_TOKENS = 2**23  # sorting a block takes 30 bytes per token
LENGTHS = (32, 128, MAX_LENGTH)  # compared first: most sequences that occur are short, only the others are longer
_PAD, _END, NEVER = -1, -2, -3  # after the corpus, after a query, and in a query: none of them equals a token
TRIES = 5  # to put an index in its place
INFO, STARTS = "index.json", "starts.npy"


def build(tokens: Path, directory: Path, separator: int, block_tokens: int = BLOCK_TOKENS) -> TokenIndex:
    """Index token shards. separator: the token before each document. Raises UserError for damaged shards.

    Written aside and renamed: a directory with an index has a whole one.
    """
    from pydivsufsort import divsufsort

    shards = TokenShards(tokens)
    partial = directory.with_name(f"{directory.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()  # not with its parents: the run may have been removed meanwhile
    starts = []
    try:
        for number, first in enumerate(range(0, shards.num_tokens, block_tokens)):
            length = min(block_tokens, shards.num_tokens - first)
            ids_N = _read(shards, first, min(length + MAX_LENGTH, shards.num_tokens - first))
            starts.append(first + np.flatnonzero(ids_N[:length] == separator))
            places_N = divsufsort(ids_N)
            np.save(partial / _name(number), places_N[places_N < length].astype(np.uint32))
        np.save(partial / STARTS, np.concatenate(starts)[:-1])  # the last separator closes the corpus
        info = {"version": VERSION, "tokens": shards.num_tokens, "block_tokens": block_tokens}
        write_json(partial / INFO, info | {"tokenizer": shards.tokenizer_hash})
        _replace(partial, directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return TokenIndex(tokens, directory)


def _replace(partial: Path, directory: Path) -> None:
    """Put an index in its place. Another process may be doing the same: then either one will do."""
    for _ in range(TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        try:
            os.replace(partial, directory)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    raise UserError(f"{directory} is being replaced by another process: try again later")


def _read(shards: TokenShards, first: int, length: int) -> np.ndarray:
    """Tokens of a corpus, in the type that is sorted fastest."""
    kind = np.uint16 if shards.vocab_size < 2**16 else np.uint32
    return shards.gather(np.array([first]), length)[0].astype(kind)


def _name(number: int) -> str:
    return f"suffixes-{number:03d}.npy"


class TokenIndex:
    """The index of a corpus. Raises UserError if it is missing, damaged, or belongs to other tokens."""

    def __init__(self, tokens: Path, directory: Path) -> None:
        info = read_json(directory / INFO) or {}
        again = "`firstwords trace --index` builds it again"
        if not info:
            raise UserError(f"there is no index of the training text in {directory}: {again}")
        self.shards = TokenShards(tokens)
        same = (info.get("version"), info.get("tokens"), info.get("tokenizer"))
        if same != (VERSION, self.shards.num_tokens, self.shards.tokenizer_hash):
            raise UserError(f"{directory} is the index of another text or version: {again}")
        self._flat = self.shards.flat
        self._block_tokens = int(info["block_tokens"])
        try:
            self.starts = np.load(directory / STARTS, mmap_mode="r", allow_pickle=False)
            count = -(-self.shards.num_tokens // self._block_tokens)
            loaded = (np.load(directory / _name(n), mmap_mode="r", allow_pickle=False) for n in range(count))
            self._blocks = [np.asarray(block) for block in loaded]  # indexed faster than a memmap, and still on disk
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{directory} is damaged ({error}): {again}") from None
        if sum(map(len, self._blocks)) != self.shards.num_tokens:
            raise UserError(f"{directory} is damaged (places are missing): {again}")

    @property
    def num_tokens(self) -> int:
        """Tokens of the corpus, separators included."""
        return self.shards.num_tokens

    @property
    def num_documents(self) -> int:
        """Documents of the corpus."""
        return len(self.starts)

    def find(self, sequences: Sequence[Sequence[int]], limit: int = 0) -> list[tuple[int, list[int]]]:
        """For each sequence, how often it occurs, and up to `limit` of its places, spread over all of them.

        A sequence has 1 to MAX_LENGTH tokens.
        """
        ranges = self._ranges(sequences)
        found = []
        for row in range(len(sequences)):
            spans = [(int(low_S[row]), int(high_S[row])) for low_S, high_S in ranges]
            found.append((sum(high - low for low, high in spans), self._places(spans, limit)))
        return found

    def counts(self, sequences: Sequence[Sequence[int]]) -> list[int]:
        """How often each sequence occurs."""
        return [count for count, _ in self.find(sequences)]

    def _places(self, spans: Sequence[tuple[int, int]], limit: int) -> list[int]:
        """Places at ranks of the blocks' arrays, evenly spread."""
        total = sum(high - low for low, high in spans)
        if not min(limit, total):
            return []
        ranks = np.unique(np.linspace(0, total - 1, min(limit, total)).astype(np.int64))
        found: list[int] = []
        for number, (low, high) in enumerate(spans):
            here = ranks[(ranks >= 0) & (ranks < high - low)]
            found += [self._first(number) + int(place) for place in self._blocks[number][low + here]]
            ranks = ranks - (high - low)
        return sorted(found)

    def longest(self, ids: Sequence[int]) -> np.ndarray:
        """Length of the longest sequence from each place of `ids` on that occurs, at most MAX_LENGTH: int64 [N]."""
        ids_N = np.asarray(ids, np.int32)
        longest_N = np.zeros(len(ids_N), np.int64)
        rest = np.arange(len(ids_N))
        for length in LENGTHS:
            if len(rest):
                longest_N[rest] = self._longest(ids_N, rest, length)
                rest = rest[longest_N[rest] >= length]
        return longest_N

    def tokens(self, start: int, end: int) -> list[int]:
        """Tokens of the corpus from `start` to `end`."""
        if self._flat is not None:
            found: list[int] = self._flat[start:end].tolist()
            return found
        return [int(token) for token in self.shards.gather(np.array([start]), end - start)[0]]

    def document_at(self, place: int) -> tuple[int, int, int]:
        """(number from 0, start, end) of the document at a place; its tokens are between start + 1 and end."""
        number = int(np.searchsorted(self.starts, place, side="right")) - 1
        end = int(self.starts[number + 1]) if number + 1 < len(self.starts) else self.num_tokens - 1
        return number, int(self.starts[number]), end

    # ---- binary search, for all sequences at once --------------------------------------------------------------------

    def _longest(self, ids_N: np.ndarray, starts_S: np.ndarray, length: int) -> np.ndarray:
        queries_SL = _windows(ids_N, starts_S, length)
        longest_S = np.zeros(len(starts_S), np.int64)
        for number in range(len(self._blocks)):
            at_S = self._bound(number, len(starts_S), lambda have_SL: _compared(have_SL, queries_SL)[0], length)
            for near_S in (at_S - 1, at_S):  # what shares most with a sequence is next to where it would be
                near_S = np.clip(near_S, 0, len(self._blocks[number]) - 1)
                differs_SL = self._following(number, near_S, length) != queries_SL
                shared_S = np.where(differs_SL.any(1), differs_SL.argmax(1), length)
                longest_S = np.maximum(longest_S, shared_S)
        return longest_S

    def _ranges(self, sequences: Sequence[Sequence[int]]) -> list[tuple[np.ndarray, np.ndarray]]:
        """(first, end) of the places of each sequence in each block's array."""
        lengths_S = np.array([len(sequence) for sequence in sequences])
        if len(lengths_S) and not 1 <= lengths_S.min() <= lengths_S.max() <= MAX_LENGTH:
            raise ValueError(f"a sequence has 1 to {MAX_LENGTH} tokens")
        length = int(lengths_S.max(initial=1))
        queries_SL = np.full((len(sequences), length), _END, np.int32)
        for row, sequence in enumerate(sequences):
            queries_SL[row, : len(sequence)] = sequence
        beyond_SL = np.arange(length) >= lengths_S[:, None]  # of a shorter sequence: whatever follows it is equal

        # both ends of a range in one search: the first suffix that is not less, and the first that is more
        number = len(sequences)
        both_SL = np.concatenate([queries_SL, queries_SL])
        ignored_SL = np.concatenate([beyond_SL, beyond_SL])
        is_end_S = np.arange(2 * number) >= number

        def is_before(have_SL: np.ndarray) -> np.ndarray:
            have_SL[ignored_SL] = _END
            less_S, equal_S = _compared(have_SL, both_SL)
            return less_S | (equal_S & is_end_S)

        bounds = [self._bound(block, 2 * number, is_before, length) for block in range(len(self._blocks))]
        return [(bound[:number], bound[number:]) for bound in bounds]

    def _bound(
        self, number: int, sequences: int, is_before: Callable[[np.ndarray], np.ndarray], length: int
    ) -> np.ndarray:
        """For each sequence, the number of suffixes of a block that are before it."""
        low_S = np.zeros(sequences, np.int64)
        high_S = np.full(sequences, len(self._blocks[number]), np.int64)
        while (low_S < high_S).any():
            middle_S = (low_S + high_S) // 2
            probe_S = np.minimum(middle_S, len(self._blocks[number]) - 1)
            before_S = is_before(self._following(number, probe_S, length)) & (low_S < high_S)
            low_S = np.where(before_S, middle_S + 1, low_S)
            high_S = np.where(before_S, high_S, np.minimum(middle_S, high_S))
        return low_S

    def _following(self, number: int, ranks_S: np.ndarray, length: int) -> np.ndarray:
        """The tokens of the suffixes at these ranks of a block's array: int32 [S, L], padded after the corpus."""
        places_S = self._first(number) + self._blocks[number][ranks_S].astype(np.int64)
        if self._flat is not None:
            at_SL = places_S[:, None] + np.arange(length)
            if places_S.max(initial=0) + length <= self.num_tokens:
                return self._flat[at_SL].astype(np.int32)
            have_SL = self._flat[np.minimum(at_SL, self.num_tokens - 1)].astype(np.int32)
            return np.where(at_SL < self.num_tokens, have_SL, _PAD)
        width = min(length, self.num_tokens)
        shift_S = np.maximum(0, places_S + width - self.num_tokens)
        have_SL = self.shards.gather(places_S - shift_S, width).astype(np.int32)
        if shift_S.any() or width < length:
            columns_SL = np.arange(length) + shift_S[:, None]
            have_SL = np.take_along_axis(have_SL, np.minimum(columns_SL, width - 1), 1)
            have_SL = np.where(columns_SL < width, have_SL, _PAD)
        return have_SL

    def _first(self, number: int) -> int:
        return number * self._block_tokens


def _windows(ids_N: np.ndarray, starts_S: np.ndarray, length: int) -> np.ndarray:
    """Windows of a query from each start on, padded after its end."""
    padded = np.concatenate([ids_N, np.full(length, _END, np.int32)])
    return padded[starts_S[:, None] + np.arange(length)]


def _compared(one_SL: np.ndarray, other_SL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(less, equal): whether each row is before the other's in the order of suffixes, or the same."""
    differs_SL = one_SL != other_SL
    first_S = differs_SL.argmax(1)
    rows = np.arange(len(first_S))
    equal_S = ~differs_SL[rows, first_S]
    less_S = one_SL[rows, first_S] < other_SL[rows, first_S]
    return less_S, equal_S
