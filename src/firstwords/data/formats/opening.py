"""The uncompressed bytes of a file, with one-sentence errors for everything that can go wrong.

.gz, .zst, .bz2 and .xz are recognised by their first bytes, whatever the file's name.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from firstwords.config import UserError

STDIN = "-"
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
READ_BYTES = 1 << 18
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_MAX_WINDOW = 2**31  # bytes; collections packed with `zstd --long=31` need it


def shown(path: Path) -> str:
    """A path's name in messages."""
    return "stdin" if str(path) == STDIN else str(path)


def plain_name(path: Path) -> str:
    """The name in lower case without a compression suffix: plain_name(Path("A.TXT.gz")) == "a.txt"."""
    name = path.name.lower()
    return next((name.removesuffix(ending) for ending in COMPRESSIONS if name.endswith(ending)), name)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a file, or of stdin for the path `-`. Raises UserError for an unreadable file."""
    kind = ""
    try:
        if str(path) == STDIN:
            yield sys.stdin.buffer
            return
        with open(path, "rb") as file:
            kind = _compression(path, file)
            with _unpacked(kind, file) as unpacked:
                yield unpacked
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise _incomplete(path, kind, error) from error
    except OSError as error:
        if kind == "bzip2" and error.errno is None:  # bz2 has no exception of its own
            raise _incomplete(path, kind, error) from error
        reason = error.strerror or error
        raise UserError(f"{path} cannot be read ({reason}): check the file and its permissions") from error


def seekable(path: Path, file: IO[bytes]) -> IO[bytes]:
    """The same bytes in memory, unless the file is uncompressed on disk: PDF, ZIP and Parquet are read from their
    end."""
    is_plain = isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO) and str(path) != STDIN
    return file if is_plain else io.BytesIO(file.read())


def first_line(error: BaseException) -> str:
    """The message of a library's exception, short enough for use in a sentence."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


def file_hash(path: Path) -> str:
    """sha256 of a file's content, uncompressed."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _compression(path: Path, file: IO[bytes]) -> str:
    """The compression by the file's first bytes, or else by its name, so that a damaged .gz is reported as such."""
    head = file.read(6)
    file.seek(0)
    by_magic = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    return by_magic or (COMPRESSIONS.get(path.suffix.lower(), "") if head else "")


def _unpacked(kind: str, file: IO[bytes]) -> IO[bytes]:
    if kind == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if kind == "bzip2":
        return cast(IO[bytes], bz2.BZ2File(file))
    if kind == "xz":
        return cast(IO[bytes], lzma.LZMAFile(file))
    return cast(IO[bytes], io.BufferedReader(_Zstd(file), READ_BYTES)) if kind == "zstd" else file


def _incomplete(path: Path, kind: str, error: Exception) -> UserError:
    return UserError(f"{path} is not a complete {kind} file ({first_line(error)}): download or pack it again")


class _Zstd(io.RawIOBase):
    """Reads the frames of a .zst file one after another. The package's own reader accepts a truncated file."""

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file, self._error = file, zstandard.ZstdError
        self._new_frame = lambda: zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
        self._frame = self._new_frame()
        self._is_inside = False  # of a frame
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            data = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._is_inside = self._new_frame(), False
            data = data or self._file.read(READ_BYTES // 4)
            if not data:
                if self._is_inside:
                    raise EOFError("it ends in the middle")
                return 0
            self._is_inside = True
            try:
                self._ready = self._frame.decompress(data)
            except self._error as error:
                raise EOFError(str(error)) from error
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
