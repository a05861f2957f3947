"""Machine code that is compiled once per machine: numba's cache, safe for several processes, full disks and damage.

numba keeps it in the `__pycache__` next to the source if it may write there, else in the user's cache folder;
NUMBA_CACHE_DIR overrides both. It compiles again when numba, the processor or any of the sources changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not a POSIX system: two processes may compile at the same time
    fcntl = None  # type: ignore[assignment]


class CompileError(Exception):
    """The loops cannot be compiled here."""


def machine_code(function: Any, signature: tuple[Any, ...], sources: Sequence[str] = ()) -> Any:
    """A jitted function, compiled or from its cache, for arguments of exactly these types.

    sources: files of what is compiled into it; numba itself looks at the function's own file only. Calling the result
    skips the dispatcher, which would look up the types of all arguments.
    """
    folder = Path(function.stats.cache_path)
    with _alone(folder):
        _empty_if_changed(function, folder, sources)
        try:
            return function.compile(signature)
        except OSError:  # it is compiled, but could not be written to the cache: the disk is full
            return function.compile(signature)
        except Exception:  # a damaged cache raises whatever pickle makes of it
            function.recompile()  # empties the cache
            return function.compile(signature)


def is_cached(function: Any, sources: Sequence[str] = ()) -> bool:
    """Whether the function was compiled from these sources and kept, for some types of arguments."""
    folder = Path(function.stats.cache_path)
    with contextlib.suppress(OSError):
        is_current = _mark(function, folder).read_text() == _digest(sources)
        return is_current and any(folder.glob(f"*.{function.__name__}-*.nbi"))
    return False


def _empty_if_changed(function: Any, folder: Path, sources: Sequence[str]) -> None:
    """Empty the function's cache if it was filled from other versions of the sources, which a file next to it says."""
    digest, mark = _digest(sources), _mark(function, folder)
    with contextlib.suppress(OSError):  # a full disk: compile again next time
        if not mark.exists() or mark.read_text() != digest:
            function.recompile()
            mark.write_text(digest)


def _mark(function: Any, folder: Path) -> Path:
    return folder / f"{function.__name__}.sha256"


def _digest(sources: Sequence[str]) -> str:
    return hashlib.sha256(b"".join(Path(source).read_bytes() for source in sources)).hexdigest()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While the block runs, no other process compiles into the same folder: it waits, and then finds the result.

    numba alone would let each process compile, and its index can then name another process's code for these types.
    """
    descriptor = None
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a folder or file system without locks: each process compiles for itself
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / "compiling.lock", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
