"""What `firstwords data prepare` wrote, in a folder or at any URL that fsspec opens (s3://, gs://, https:// ...).

    tokens = open_prepared("s3://bucket/tokens")       # .shards, .tokenizer, .heldout, .manifest

Local shards are memory-mapped. Of remote ones, each step reads only its own windows, all at once, so that neither disk
nor memory must hold the corpus.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.data.formats.opening import first_line
from firstwords.data.prepare.joining import FORMAT, HELDOUT, MANIFEST
from firstwords.data.shards import HEADER_BYTES, TokenShards
from firstwords.tokenizer.fast import Tokenizer

SMALL_FILES = ("tokenizer.json", "tokenizer_config.json", HELDOUT)


@dataclass(frozen=True)
class Prepared:
    """An open corpus."""

    shards: TokenShards
    tokenizer: Tokenizer
    heldout: list[str]
    manifest: dict[str, Any]


def open_prepared(location: str) -> Prepared:
    """Open a folder or URL. Raises UserError if it is missing, unfinished, damaged or unreachable."""
    files, base = _file_system(location)
    try:
        manifest = json.loads(files.cat_file(f"{base}/{MANIFEST}"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"--tokens {location} has no {MANIFEST}: give a folder that `firstwords data prepare` has completed"
        ) from None
    except Exception as error:  # of any file system: no permission, no network, not JSON
        raise _unreadable(location, error) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"--tokens {location} was not written by this version's `data prepare`: prepare it again")
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in SMALL_FILES:
                Path(folder, name).write_bytes(files.cat_file(f"{base}/{name}"))
            heldout = [json.loads(line)["text"] for line in Path(folder, HELDOUT).read_bytes().splitlines()]
        except Exception as error:
            raise _unreadable(location, error) from error
        tokenizer = Tokenizer.load(folder)
    is_local = "file" in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,))
    shards = TokenShards(base, tokenizer) if is_local else RemoteShards(location, files, base, tokenizer)
    return Prepared(shards, tokenizer, heldout, manifest)


class RemoteShards(TokenShards):
    """Shards that are read through fsspec, a window at a time."""

    def __init__(self, location: str, files: Any, base: str, tokenizer: Tokenizer | None = None) -> None:
        self.location, self._files, self._base = location, files, base
        self._types: list[np.dtype] = []
        self._paths: list[str] = []
        super().__init__(base, tokenizer)

    def _open_all(self) -> list[int]:
        try:
            found = {str(about["name"]): int(about["size"]) for about in self._files.ls(self._base, detail=True)}
        except Exception as error:
            raise _unreadable(self.location, error) from error
        self._paths = sorted(path for path in found if path.endswith(".bin"))
        if not self._paths:
            raise UserError(f"{self.location} contains no token shards: prepare the text again")
        headers = self._read(self._paths, [0] * len(self._paths), [HEADER_BYTES] * len(self._paths))
        counts = []
        for index, (path, header) in enumerate(zip(self._paths, headers, strict=True)):
            dtype, tokens = self._read_header(path, header, found[path], index, len(self._paths))
            self._types.append(np.dtype(dtype))
            counts.append(tokens)
        return counts

    def gather(self, starts: np.ndarray, length: int) -> np.ndarray:
        """See `TokenShards.gather`. Raises UserError if the corpus can't be reached any more."""
        starts_R = self._checked(starts, length)
        spans = []  # (row, column, shard, first token in it, number of tokens)
        for row, start in enumerate(starts_R):
            column, shard = 0, int(np.searchsorted(self._starts, start, side="right")) - 1
            while column < length:
                local = int(start) + column - int(self._starts[shard])
                size = min(length - column, int(self._starts[shard + 1] - self._starts[shard]) - local)
                spans.append((row, column, shard, local, size))
                column, shard = column + size, shard + 1
        firsts = [HEADER_BYTES + local * self._types[shard].itemsize for _, _, shard, local, _ in spans]
        ends = [first + span[4] * self._types[span[2]].itemsize for first, span in zip(firsts, spans, strict=True)]
        found = self._read([self._paths[span[2]] for span in spans], firsts, ends)
        out_RT = np.empty((len(starts_R), length), dtype=np.int64)
        for (row, column, shard, _, size), data in zip(spans, found, strict=True):
            out_RT[row, column : column + size] = np.frombuffer(data, dtype=self._types[shard])
        return out_RT

    @property
    def flat(self) -> np.ndarray | None:
        """None: the ids are not on this machine."""
        return None

    def _read(self, paths: Sequence[str], starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        try:
            return list(self._files.cat_ranges(list(paths), list(starts), list(ends), on_error="raise"))
        except Exception as error:  # of any file system
            raise _unreadable(self.location, error) from error


def _file_system(location: str) -> tuple[Any, str]:
    """(the file system, the folder in it) of a path or URL. Raises UserError for an unknown one."""
    import fsspec

    try:
        files, base = fsspec.core.url_to_fs(str(Path(location).expanduser()) if "://" not in location else location)
    except (ImportError, ValueError) as error:  # a package is missing, or no such protocol
        raise UserError(f"--tokens {location} cannot be opened: {str(error).rstrip('.')}") from None
    return files, str(base).rstrip("/")


def _unreadable(location: str, error: Exception) -> UserError:
    return UserError(
        f"{location} cannot be read ({first_line(error)}): check the address, the permissions and the network"
    )
