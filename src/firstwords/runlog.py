"""The log of a run (metrics.jsonl), and the progress it shows on the terminal (Progress)."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from firstwords.config import UserError
from firstwords.plain_text import json_text

PLAIN_INTERVAL_S = 10.0  # seconds between lines without a terminal, to keep logs short
WIDE = 110  # columns needed for the bar and all figures in full
FIGURES = {
    "loss": "loss {:.3f}",
    "bpb": "{:.3f} bits/byte",
    "tokens_per_s": "{:,.0f} tokens/s",
    "gflops": "{:,.0f} GFLOP/s",
    "mb": "{:,.1f} MB",
    "mb_per_s": "{:,.1f} MB/s",
}
NARROW_FIGURES = {"loss": "loss {:.2f}", "bpb": "bpb {:.3f}", "tokens_per_s": "{:,.0f} tok/s", "gflops": "{:,.0f} GF/s"}
NARROW_FIGURES |= {"mb": FIGURES["mb"], "mb_per_s": FIGURES["mb_per_s"]}
# must not advise to start again: that would remove the checkpoints of the run
RESTORE = "restore a copy of it, or start a new run under another name; nothing was changed"


_is_silent = False


def silence() -> None:
    """Print, log and write nothing from now on in this process: another one does it for both."""
    global _is_silent
    _is_silent = True


def say(text: str) -> None:
    """Print a line for people on stderr; stdout is for results."""
    if not _is_silent:
        print(text, file=sys.stderr, flush=True)


class RunLog:
    """Append-only log of a run: one JSON object per line in `run_dir/metrics.jsonl`.

    Kinds in use: "train" (loss, bpb, lr, tokens, tokens_per_s, gflops, seconds, and the stage's fraction and
    seconds_left), "sample" (prompt, text), "gold", "eval" and "note". Every row holds `kind`, `step` and `time` (in
    seconds since 1970).
    """

    def __init__(self, run_dir: Path | str) -> None:
        self.path = Path(run_dir) / "metrics.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def log(self, kind: str, step: int, **numbers: Any) -> None:
        """Append one row. Numbers that JSON lacks (NaN, infinity) become null."""
        if _is_silent:
            return
        row = {"kind": kind, "step": int(step), "time": round(time.time(), 3), **numbers}
        line = json.dumps(_clean(row), ensure_ascii=False, allow_nan=False) + "\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line)

    def rewind(self, step: int) -> None:
        """Delete the rows after `step`: a run resumed from that step writes them again."""
        if _is_silent:
            return
        rows = self.read(self.path.parent)
        aside = self.path.with_suffix(".new")
        kept = (json.dumps(r, ensure_ascii=False) + "\n" for r in rows if r["step"] <= step)
        aside.write_text("".join(kept), encoding="utf-8")
        aside.replace(self.path)

    @staticmethod
    def read(run_dir: Path | str) -> list[dict[str, Any]]:
        """All complete rows of a run, oldest first; [] without a log. A line cut by a crash is skipped."""
        path = Path(run_dir) / "metrics.jsonl"
        return parse_rows(path.read_bytes()) if path.exists() else []


def parse_rows(data: bytes) -> list[dict[str, Any]]:
    """The complete rows in a part of a log that consists of whole lines; a line cut by a crash is skipped."""
    rows = []
    for line in data.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("kind"), str) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file to a temporary name and rename it: a crash or a full disk leaves the old file intact."""
    if _is_silent:
        return
    aside = path.with_name(f".{path.name}.writing")
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        aside.write_text(json_text(data, indent=1, default=str), encoding="utf-8")
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)  # NaN is not JSON
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_state(path: Path, advice: str = RESTORE) -> dict[str, Any] | None:
    """The object in a JSON file that a run needs; None if there is no such file.

    Raises a UserError that names the file if it is damaged or unreadable.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # not JSON, or not UTF-8
        raise damaged(path, error, advice) from None
    if not isinstance(found, dict):
        raise damaged(path, f"it holds {json.dumps(found)[:20]} instead of an object", advice)
    return found


def damaged(path: Path, reason: object, advice: str = RESTORE) -> UserError:
    """The error for a file of a run that cannot be used; the run is not changed."""
    return UserError(f"{path} is damaged ({reason}): {advice}")


def _clean(value: Any) -> Any:
    """Anything as JSON: 0-d arrays become numbers, NaN and infinity become None, paths become strings."""
    if isinstance(value, dict):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | bool | None):
        return value
    if hasattr(value, "tolist"):  # NumPy and torch, without importing either
        return _clean(value.tolist())
    return str(value)


class Progress:
    """A progress bar for long work; prints a plain line every few seconds if `stream` is not a terminal.

        with Progress("pre-training") as progress:
            progress.update(0.25, loss=2.31, bpb=1.9, tokens_per_s=11_000, gflops=71.0)
            progress.sample(400, "Once upon a time", " there was a dog")

    `fraction` is the share of the work done, 0..1; the time left is estimated from it unless `seconds_left` is given.
    """

    def __init__(self, title: str, stream: IO[str] | None = None, quiet: bool = False) -> None:
        self.title, self.stream, self.quiet = title, stream or sys.stderr, quiet or _is_silent
        self.started = time.monotonic()
        self.fraction = 0.0
        self.numbers: dict[str, float] = {}
        self.seconds_left: float | None = None
        self._bar: Any = None
        self._last_line, self._last_text = -math.inf, ""
        self._is_terminal = bool(getattr(self.stream, "isatty", lambda: False)()) and not self.quiet

    def __enter__(self) -> Progress:
        if self._is_terminal:
            self._bar = _rich_bar(self)
            self._bar.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._bar is not None:
            self._bar.update(0, completed=self.fraction, text=self._figures())
            self._bar.stop()
        elif kind is None and self.fraction > 0:
            self._plain_line(force=True)

    def update(self, fraction: float, seconds_left: float | None = None, **numbers: float | None) -> None:
        """Show the share of work done and its latest figures (loss, bpb, tokens_per_s, gflops, or others by name)."""
        self.fraction = min(max(float(fraction), 0.0), 1.0)
        self.seconds_left = seconds_left
        self.numbers.update({k: float(v) for k, v in numbers.items() if v is not None})
        if self._bar is not None:
            self._bar.update(0, completed=self.fraction, text=self._figures())
        else:
            self._plain_line()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def sample(self, step: int, prompt: str, text: str) -> None:
        """Print how the model continues `prompt` after `step` training steps."""
        flat = " ".join(text.split("\n")).rstrip()
        if self._bar is None:
            self.say(f"  step {step:,}: {prompt}|{flat}")
            return
        from rich.text import Text

        line = Text.assemble((f"step {step:>6,}  ", "dim"), (prompt, "bold"), (flat, "green"))
        self._bar.console.print(line, soft_wrap=True)

    def _figures(self) -> str:
        is_narrow = self._bar is not None and self._bar.console.width < WIDE
        names = NARROW_FIGURES if is_narrow else FIGURES
        shown = [names.get(k, k.replace("_", " ") + " {:.4g}").format(v) for k, v in self.numbers.items()]
        left = self.seconds_left
        if left is None and self.fraction > 0.005:
            left = (time.monotonic() - self.started) * (1 - self.fraction) / self.fraction
        if left is not None and self.fraction < 1:
            shown.append(f"{clock(left)} left")
        return (" " if is_narrow else ", ").join(shown)

    def _plain_line(self, force: bool = False) -> None:
        now = time.monotonic()
        if self.quiet or (not force and now - self._last_line < PLAIN_INTERVAL_S):
            return
        line = f"{self.title} {self.fraction:4.0%}  {self._figures()}"
        if line != self._last_text:
            print(line, file=self.stream, flush=True)
        self._last_line, self._last_text = now, line


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss: clock(75) == "1:15"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _rich_bar(progress: Progress) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    console = Console(file=progress.stream)
    bar = RichProgress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=len(progress.title))),
        BarColumn(bar_width=24 if console.width >= WIDE else 8),
        TextColumn("{task.percentage:3.0f}%", table_column=Column(no_wrap=True, min_width=4)),
        TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True)),
        console=console,
        refresh_per_second=4,
    )
    bar.add_task(progress.title, total=1.0, text="")
    return bar
