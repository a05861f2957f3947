"""Follows a run's logs, reading each time from where the last read ended. The run folder is the only source.

tail = Tail(home.run_dir("pip"))
for part in tail.look(): ...               # repeatedly: new rows only
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords.runlog import parse_rows

LOG = "metrics.jsonl"
MAX_ROWS = 2000  # per stage on the page: more than a chart has pixels
END_BYTES = 2**16  # at the end of a log contain its last training row
END_LINES, END_CHARS = 40, 8000  # of a process's output


@dataclass(frozen=True)
class Part:
    """New rows of a stage. is_new: earlier rows are void (the first read, or a restarted run)."""

    stage: str
    rows: list[dict[str, Any]]
    is_new: bool


class Tail:
    """Follows the logs of all stages of a run."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._places: dict[str, tuple[int, int]] = {}  # stage: (file, bytes read)

    def look(self) -> list[Part]:
        """The rows completed since the last call; an incomplete line is left for the next."""
        parts = []
        present = stages(self.run_dir)
        for stage in present:
            known, start = self._places.get(stage, (0, 0))
            try:
                with open(self.run_dir / stage / LOG, "rb") as file:
                    status = os.fstat(file.fileno())
                    # a run resumed from a checkpoint rewrites its log
                    is_new = status.st_ino != known or status.st_size < start
                    start = 0 if is_new else start
                    file.seek(start)
                    data = file.read()
            except OSError:  # replaced during the read
                continue
            end = data.rfind(b"\n") + 1
            self._places[stage] = (status.st_ino, start + end)
            rows = parse_rows(data[:end])
            if rows or is_new:
                parts.append(Part(stage, thinned(rows), is_new))
        for stage in set(self._places) - set(present):  # removed by a restarted run
            del self._places[stage]
            parts.append(Part(stage, [], True))
        return parts


def stages(run_dir: Path) -> list[str]:
    """The stages that have written rows, least recent first."""
    try:
        found = [(entry.stat().st_mtime, entry.parent.name) for entry in run_dir.glob(f"*/{LOG}")]
    except OSError:
        return []
    return [name for _, name in sorted(found)]


def thinned(rows: Sequence[dict[str, Any]], limit: int = MAX_ROWS) -> list[dict[str, Any]]:
    """At most `limit` training rows, evenly spread and including the last, and all rows of other kinds."""
    training = [i for i, row in enumerate(rows) if row["kind"] == "train"]
    if len(training) <= limit:
        return list(rows)
    step = (len(training) - 1) / (limit - 1)
    kept = {training[round(i * step)] for i in range(limit)}
    return [row for i, row in enumerate(rows) if row["kind"] != "train" or i in kept]


def last_row(run_dir: Path, stage: str) -> dict[str, Any] | None:
    """The newest training row of a stage."""
    lines = _end_of(run_dir / stage / LOG, END_BYTES)
    rows = parse_rows(lines[: lines.rfind(b"\n") + 1])
    return next((row for row in reversed(rows) if row["kind"] == "train"), None)


def last_lines(path: Path) -> str:
    """The end of a text file; "" if there is none."""
    text = _end_of(path, END_CHARS * 4).decode("utf-8", "replace")[-END_CHARS:]
    return "\n".join(text.splitlines()[-END_LINES:])


def _end_of(path: Path, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read()
    except OSError:
        return b""
