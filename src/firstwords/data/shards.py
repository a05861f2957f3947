"""Token ids on disk: memory-mapped shards, so that a corpus can be larger than memory.

A directory of `shard-00000.bin`, ...; each file is a 128-byte header (see `_HEADER`) followed by the ids, uint16 if the
vocabulary fits and uint32 otherwise, little-endian. Every document is written as `<|endoftext|>` + its tokens, and a
final `<|endoftext|>` closes the corpus, so that a model sees the separator before the first token and after the last
one.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

MAGIC = b"1STWORDS"
VERSION = 1
SHARD_TOKENS = 2**27  # 256 MB of uint16
BATCH_CHARS = 1_000_000  # text encoded at a time
# magic, version, bytes per token, index of this shard, number of shards, vocabulary, tokens in this shard, text bytes
# in the whole corpus, tokenizer hash, padding, CRC-32 of everything before it
_HEADER = struct.Struct("<8sIIIIIQQ64s16xI")
HEADER_BYTES = _HEADER.size
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class ShardStats:
    """What `write_shards` wrote."""

    documents: int
    tokens: int  # separators included
    bytes: int  # UTF-8 bytes of the documents
    shards: int
    seconds: float


def write_shards(
    documents: Iterable[str],
    tokenizer: Tokenizer,
    directory: Path | str,
    max_tokens: int | None = None,
    shard_tokens: int = SHARD_TOKENS,
) -> ShardStats:
    """Encode documents into shards in `directory`, replacing its contents only when everything is written.

    Stops after the document that reaches `max_tokens`. Works in a `.partial` directory next to the target; after an
    error it is removed and the target is unchanged. Raises UserError when the disk is full or not writable.
    """
    return _write(encoded(documents, tokenizer, BATCH_CHARS), tokenizer, Path(directory), max_tokens, shard_tokens)


def write_ids(documents: Iterable[Sequence[int]], tokenizer: Tokenizer, directory: Path | str) -> ShardStats:
    """Write documents that are encoded already; `bytes` is 0. See `write_shards`."""
    return _write(((ids, 0) for ids in documents), tokenizer, Path(directory), None, SHARD_TOKENS)


def _write(
    documents: Iterable[tuple[Sequence[int], int]],
    tokenizer: Tokenizer,
    directory: Path,
    max_tokens: int | None,
    shard_tokens: int,
) -> ShardStats:
    partial = directory.with_name(directory.name + ".partial")
    started = time.monotonic()
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        writer = ShardWriter(partial, tokenizer, shard_tokens)
        try:
            num_documents, num_bytes = _write_documents(documents, tokenizer.endoftext_id, writer, max_tokens)
            shards = writer.finish(num_bytes)
        finally:
            writer.close()
        _replace_directory(partial, directory)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise UserError(f"the disk is full: {directory} could not be written; make room and try again") from error
        raise UserError(
            f"{directory} cannot be written ({error.strerror or error}): check the path and its permissions"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ShardStats(num_documents, writer.num_tokens, num_bytes, shards, time.monotonic() - started)


def encoded(documents: Iterable[str], tokenizer: Tokenizer, batch_chars: int) -> Iterator[tuple[Sequence[int], int]]:
    """(ids, UTF-8 bytes) of each text; about `batch_chars` characters are encoded at a time."""
    for batch in _batches(documents, batch_chars):
        for text, ids in zip(batch, tokenizer.encode_batch(batch), strict=True):
            yield ids, len(text) if text.isascii() else len(text.encode())


def _write_documents(
    documents: Iterable[tuple[Sequence[int], int]], endoftext_id: int, writer: ShardWriter, max_tokens: int | None
) -> tuple[int, int]:
    separator = np.array([endoftext_id], dtype=writer.dtype)
    num_documents = num_bytes = 0
    for ids, size in documents:
        writer.add(separator)
        writer.add(np.array(ids, dtype=writer.dtype))
        num_documents += 1
        num_bytes += size
        if max_tokens is not None and writer.num_tokens >= max_tokens:
            break
    if not num_documents:
        raise UserError("there is no text to write into shards: every document was empty")
    writer.add(separator)
    return num_documents, num_bytes


def _batches(documents: Iterable[str], batch_chars: int) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in documents:
        batch.append(text)
        size += len(text)
        if size >= batch_chars:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def id_dtype(vocab_size: int) -> np.dtype:
    """The type of stored ids: little-endian, 16 bits if they fit and else 32."""
    return np.dtype("<u2" if vocab_size < 2**16 else "<u4")


class ShardWriter:
    """Writes ids into one shard file after another; the headers are written last, when the totals are known."""

    def __init__(self, directory: Path, tokenizer: Tokenizer, shard_tokens: int) -> None:
        self.dtype = id_dtype(tokenizer.vocab_size)
        self.num_tokens = 0
        self._directory = directory
        self._vocab_size = tokenizer.vocab_size
        self._hash = tokenizer.hash.encode()
        self._shard_tokens = shard_tokens
        self._counts: list[int] = []
        self._file: IO[bytes] | None = None

    def add(self, ids: np.ndarray) -> None:
        """Append ids; a document may continue in the next shard."""
        while len(ids):
            if self._file is None or self._counts[-1] == self._shard_tokens:
                self._open_next()
            assert self._file is not None
            part = ids[: self._shard_tokens - self._counts[-1]]
            self._file.write(part.tobytes())
            self._counts[-1] += len(part)
            self.num_tokens += len(part)
            ids = ids[len(part) :]

    def _open_next(self) -> None:
        self.close()
        path = self._directory / shard_name(len(self._counts))
        self._file = open(path, "wb", buffering=1 << 20)  # noqa: SIM115 (closed by `close`)
        self._file.write(bytes(_HEADER.size))
        self._counts.append(0)

    def finish(self, num_bytes: int) -> int:
        """Write all headers and flush everything to disk; returns the number of shards."""
        self.close()
        total = len(self._counts)
        for index, count in enumerate(self._counts):
            fields = (
                MAGIC,
                VERSION,
                self.dtype.itemsize,
                index,
                total,
                self._vocab_size,
                count,
                num_bytes,
                self._hash,
            )
            header = _HEADER.pack(*fields, 0)
            header = _HEADER.pack(*fields, zlib.crc32(header[:-4]))
            with open(self._directory / shard_name(index), "r+b") as file:
                file.write(header)
                file.flush()
                os.fsync(file.fileno())
        return total

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


def shard_name(index: int) -> str:
    """shard_name(0) == "shard-00000.bin"."""
    return f"shard-{index:05d}.bin"


def _replace_directory(new: Path, target: Path) -> None:
    """Replace `target` by `new`; `target` is kept until then."""
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


class TokenShards:
    """All shards of a directory as one sequence of ids, read through memory maps.

    `tokenizer` (optional) must be the one that wrote them. Raises UserError for a missing, truncated or damaged
    directory, or one of another corpus.
    """

    def __init__(self, directory: Path | str, tokenizer: Tokenizer | None = None) -> None:
        self.directory = Path(directory)
        self.tokenizer_hash = ""
        self.num_bytes = 0
        self.vocab_size = 0
        self._maps: list[np.ndarray] = []
        counts = self._open_all()
        if tokenizer is not None and tokenizer.hash != self.tokenizer_hash:
            raise UserError(f"{directory} was written with another tokenizer: prepare the text again with this one")
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.num_tokens = int(self._starts[-1])

    def _open_all(self) -> list[int]:
        """Open every shard; returns their numbers of tokens."""
        paths = sorted(self.directory.glob("shard-*.bin"))
        if not paths:
            raise UserError(f"{self.directory} contains no token shards: prepare the text again")
        self._maps = [self._open(path, index, len(paths)) for index, path in enumerate(paths)]
        return [len(tokens) for tokens in self._maps]

    def _open(self, path: Path, index: int, total: int) -> np.ndarray:
        try:
            with open(path, "rb") as file:
                header = file.read(_HEADER.size)
            size = path.stat().st_size
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
        dtype, tokens = self._read_header(str(path), header, size, index, total)
        return np.memmap(path, dtype=dtype, mode="r", offset=_HEADER.size, shape=(tokens,))

    def _read_header(self, path: str, header: bytes, size: int, index: int, total: int) -> tuple[str, int]:
        """(type of the ids, number of tokens) of one of `total` shards of `size` bytes. Raises UserError."""
        again = "prepare the text again"
        if len(header) < _HEADER.size or header[:8] != MAGIC:
            raise UserError(f"{path} is not a token shard: {again}")
        _, version, item, number, count, vocab, tokens, num_bytes, digest, crc = _HEADER.unpack(header)
        if zlib.crc32(header[:-4]) != crc:
            raise UserError(f"{path} has a damaged header: {again}")
        if version != VERSION:
            raise UserError(f"{path} was written by another version of firstwords (format {version}): {again}")
        if (number, count) != (index, total):
            raise UserError(f"{path} is shard {number + 1} of {count}, but the directory has {total}: {again}")
        if size != _HEADER.size + tokens * item:
            raise UserError(f"{path} is truncated ({size} of {_HEADER.size + tokens * item} bytes): {again}")
        hash_text = digest.decode()
        if index and (hash_text, num_bytes) != (self.tokenizer_hash, self.num_bytes):
            raise UserError(f"{path} belongs to a different corpus than the other shards: {again}")
        self.tokenizer_hash, self.num_bytes, self.vocab_size = hash_text, num_bytes, vocab
        return ("<u2" if item == 2 else "<u4"), tokens

    @property
    def flat(self) -> np.ndarray | None:
        """All ids as one array, still on disk; None if there are several shards."""
        return np.asarray(self._maps[0]) if len(self._maps) == 1 else None

    def gather(self, starts: np.ndarray, length: int) -> np.ndarray:
        """Windows of `length` ids from each of `starts` (positions in the whole corpus): int64 [len(starts), length].

        A window may span two shards. Raises IndexError for windows outside the corpus.
        """
        starts_R = self._checked(starts, length)
        out_RT = np.empty((len(starts_R), length), dtype=np.int64)
        shard_R = np.searchsorted(self._starts, starts_R, side="right") - 1
        for shard in np.unique(shard_R):
            rows = np.flatnonzero(shard_R == shard)
            inside = rows[starts_R[rows] + length <= self._starts[shard + 1]]
            local_R = starts_R[inside] - self._starts[shard]
            out_RT[inside] = self._maps[shard][local_R[:, None] + np.arange(length)]
            for row in np.setdiff1d(rows, inside):
                out_RT[row] = self._across(int(starts_R[row]), length)
        return out_RT

    def _checked(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The starts as int64. Raises IndexError for windows outside the corpus."""
        starts_R = np.asarray(starts, dtype=np.int64)
        if len(starts_R) and (starts_R.min() < 0 or starts_R.max() + length > self.num_tokens):
            raise IndexError(f"a window of {length} tokens exceeds the corpus of {self.num_tokens}")
        return starts_R

    def _across(self, start: int, length: int) -> np.ndarray:
        parts = []
        shard = int(np.searchsorted(self._starts, start, side="right")) - 1
        while length:
            local = start - int(self._starts[shard])
            part = self._maps[shard][local : local + length]
            parts.append(part)
            start, length, shard = start + len(part), length - len(part), shard + 1
        return np.concatenate(parts)
