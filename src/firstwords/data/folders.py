"""Selects the files of a path: the named file, or those of a folder, each once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from errno import ELOOP
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from firstwords.config import UserError
from firstwords.data.formats import kinds
from firstwords.data.formats.encoding import looks_like_text
from firstwords.data.formats.opening import plain_name
from firstwords.data.source_stats import UNREADABLE

if TYPE_CHECKING:
    from firstwords.data.source_stats import SourceStats
T = TypeVar("T")


def from_path(
    path: Path,
    suffixes: Iterable[str],
    stats: SourceStats,
    read: Callable[[Path], Iterator[T]],
    any_text: bool = False,
) -> Iterator[T]:
    """Everything that `read` yields for a file or for the files of a folder (recursively, sorted by name).

    A named file must be usable. In a folder, files of other types, unreadable files, pipes and devices are counted and
    skipped, and link targets are read once. `any_text`: files without an extension are read too if they are text, and
    so is a named file of an unknown type.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist: check the spelling") from None
    except OSError as error:
        reason = f"{error.strerror}): check its permissions"
        reason = f"{error.strerror}): the link leads to itself; give its target" if error.errno == ELOOP else reason
        raise UserError(f"{path} cannot be opened ({reason}") from error
    suffixes = tuple(suffixes)
    if stat.S_ISREG(mode):
        if not _is_known(path, suffixes) and not (any_text and _is_unlisted_text(path)):
            raise UserError(f"{path} {kinds.why_not(path, suffixes)}")
        if any_text and kinds.suffix(path) and not _is_known(path, suffixes):
            stats.remark("kinds", f"{path}: read as plain text")
        stats.files += 1
        yield from read(path)
    elif stat.S_ISDIR(mode):
        yield from _from_folder(path, suffixes, stats, read, any_text)
    else:
        instead = "pipe its output to stdin and give -" if any_text else "save its output as a file"
        raise UserError(f"{path} is {_special(mode)}, not a file: {instead}")


def _from_folder(
    folder: Path, suffixes: tuple[str, ...], stats: SourceStats, read: Callable[[Path], Iterator[T]], any_text: bool
) -> Iterator[T]:
    num_read = 0
    problems: list[str] = []
    for file in _files_below(folder, stats):
        kind, problem = _passed_over(file, suffixes, any_text)
        if not problem:
            stats.files += 1
            try:
                yield from read(file)
                num_read += 1
                continue
            except UserError as error:
                stats.files -= 1
                kind, problem = UNREADABLE, str(error)
        stats.skip_file(kind, problem)
        problems.append(problem)
    if not num_read:
        others = f"; {len(problems) - 1:,} more could not be read" if len(problems) > 1 else ""
        reason = f" ({problems[0]}{others})" if problems else ""
        raise UserError(f"{folder} contains no readable file{reason}: use {' '.join(suffixes[: kinds.SHOWN])}")


def _passed_over(file: Path, suffixes: tuple[str, ...], any_text: bool) -> tuple[str, str]:
    """(kind, sentence) of a file in a folder that is to be skipped; ("", "") for one to be read."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return "broken links", f"{file} cannot be opened ({error.strerror})"
    if not stat.S_ISREG(mode):
        return "pipes and devices", f"{file} is {_special(mode)}, not a file"
    if _is_known(file, suffixes):
        return "", ""
    if ending := kinds.suffix(file):
        return ending, f"{file} {kinds.why_not(file, suffixes)}"
    if any_text and looks_like_text(file):
        return "", ""
    return "without an extension", f"{file} has no file extension" + (" and is not text" if any_text else "")


def _is_known(path: Path, suffixes: tuple[str, ...]) -> bool:
    return plain_name(path).endswith(suffixes)


def _is_unlisted_text(path: Path) -> bool:
    """Whether a named file of an unknown type is text, and not of a type that is refused with a reason."""
    return kinds.suffix(path) not in kinds.REASONS and (path.stat().st_size == 0 or looks_like_text(path))


def _special(mode: int) -> str:
    kinds_of = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    return next((name for is_kind, name in kinds_of.items() if is_kind(mode)), "a special file")


def _files_below(folder: Path, stats: SourceStats) -> Iterator[Path]:
    """All files below a folder that are not hidden, each once, however many links lead to it."""
    seen = {folder.resolve()}

    def refuse(error: OSError) -> None:
        problem = f"{error.filename} cannot be opened ({error.strerror}): check its permissions"
        if Path(error.filename) == folder:
            raise UserError(problem) from error
        stats.skip_file("closed folders", problem)

    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in sorted(folders) if name[0] != "." and _is_new(Path(parent, name), seen)]
        files = (Path(parent, name) for name in sorted(names) if name[0] != ".")
        yield from (file for file in files if _is_new(file, seen))


def _is_new(path: Path, seen: set[Path]) -> bool:
    """Whether a file or folder is new, that is, was not seen under this or another name."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a broken or circular link: reported when it is opened
        return True
    if real in seen:
        return False
    seen.add(real)
    return True
