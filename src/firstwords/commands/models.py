"""The trained models: stages, sizes, dates and measurements. `firstwords models --json` is for programs.

`firstwords models --trash` lists what was replaced or deleted; keeping.py has the commands that move models.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.eval.exam_parts import PARTS
from firstwords.keeping import trash
from firstwords.keeping.listing import describe
from firstwords.runlog import say


@dataclass
class Models(JsonFlag):
    """List the trained models with their stages, sizes and measurements."""

    trash: bool = False
    """List the trash instead: models that were replaced or deleted, and how to restore them."""


def main(config: Models) -> None:
    """Read every stage's files; no model is loaded."""
    if config.trash:
        show_trash(config.json)
        return
    rows = [describe(name, stage) for name in home.models() for stage in home.stages(name)]
    if config.json:
        shared.emit({"home": str(home.home()), "models": rows})
    elif not rows:
        say(f"There are no models in {home.models_dir()} yet; `firstwords learn` trains one.")
    else:
        show(rows)


def show_trash(as_json: bool) -> None:
    """List the trash, newest first."""
    entries = trash.entries()
    if as_json:
        shared.emit({"trash": [trash.facts(entry) for entry in entries], "bytes": trash.size()})
    elif not entries:
        say("the trash is empty")
    else:
        rows = []
        for entry in entries:
            facts = trash.facts(entry)
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.thrown))
            what = ", ".join(entry.stages) or "an unfinished run"
            rows.append((entry.ref, what, f"{facts['bytes'] / 1e6:.1f} MB", when, entry.why, entry.id))
        _table(rows, ("model", "stages", "frees", "since", "why", "id"))
        say(
            f"`{entries[0].restore}` restores the newest, `firstwords models empty-trash` frees "
            f"{trash.size() / 1e6:.1f} MB"
        )


def _table(rows: Sequence[tuple[str, ...]], titles: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=title != "why")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def show(rows: list[dict[str, Any]]) -> None:
    """Print each stage and, below it, its measurements; * marks the promoted stage."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.table import Table

    titles = (("model", "left"), ("parameters", "right"), ("shape", "left"), ("size", "right"), ("made", "left"))
    cells = []
    for row in rows:
        shape = f"{row['layers']} x {row['width']}, vocab {row['vocab_size']:,}" if row["vocab_size"] else ""
        line = [
            row["ref"] + ("*" if row["promoted"] else ""),
            short(row["parameters"]),
            shape,
            f"{row['bytes'] / 1e6:.1f} MB",
            str(row["created"])[:16].replace("T", " "),
        ]
        cells.append(line)
    widths = [max(map(len, column)) for column in zip([title for title, _ in titles], *cells, strict=True)]
    lines: list[Any] = []
    for number, (row, line) in enumerate(zip(rows, cells, strict=True)):
        table = Table(box=None, header_style="dim", pad_edge=False, show_header=number == 0)
        for (title, justify), width in zip(titles, widths, strict=True):
            table.add_column(title, justify=justify, min_width=width)  # type: ignore[arg-type]
        table.add_row(*line)
        below = ", ".join(filter(None, (row["outdated"], measured(row["metrics"]))))
        lines += [table, *([Padding(below, (0, 0, 0, 4), style="dim")] if below else [])]
    Console(highlight=False).print(Group(*lines))
    say("* the promoted stage, which the model's name alone refers to")


def measured(metrics: dict[str, Any]) -> str:
    """The main measurements: bits per byte and the exam's rates."""
    parts = []
    if isinstance(metrics.get("bits_per_byte"), int | float):
        parts.append(f"{metrics['bits_per_byte']:.3f} bits per byte")
    exam = metrics.get("exam")
    exam = exam if isinstance(exam, dict) else {}
    exam = exam.get("parts") or exam
    for name, label in PARTS.items():
        part = exam.get(name)
        rate = part.get("rate") if isinstance(part, dict) else None
        if isinstance(rate, int | float):
            parts.append(f"{label} {rate:.0%}")
    return ", ".join(parts)


def short(count: int) -> str:
    """1234567 -> 1.23M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
