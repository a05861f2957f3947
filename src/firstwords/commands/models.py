"""The trained models: stages, sizes, dates and measurements. `firstwords models --json` is for programs.

`firstwords models --trash` lists what was replaced or deleted; keeping.py has the commands that move models.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, Row, print_rows
from firstwords.eval.exam_parts import PARTS
from firstwords.eval.tasks import kept
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
    rows = []
    for name in home.models():
        tasks = kept.rows_of(name)
        rows += [describe(name, stage) | {"tasks": tasks.get(stage, [])} for stage in home.stages(name)]
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
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.thrown))
            what = ", ".join(entry.stages) or "an unfinished run"
            cells = (entry.ref, what, f"{trash.facts(entry)['bytes'] / 1e6:.1f} MB", when)
            rows.append(Row(cells, f"{entry.why}; id {entry.id}"))
        print_rows((("model", "<"), ("stages", "<"), ("size", ">"), ("deleted", "<")), rows)
        say(
            f"`{entries[0].restore}` restores the newest, `firstwords models empty-trash` frees "
            f"{trash.size() / 1e6:.1f} MB"
        )


def show(rows: list[dict[str, Any]]) -> None:
    """Print each stage and, below it, its measurements; * marks the promoted stage."""
    lines = []
    for row in rows:
        cells = (
            row["ref"] + ("*" if row["promoted"] else ""),
            short(row["parameters"]),
            f"{row['layers']} x {row['width']}, vocab {row['vocab_size']:,}" if row["vocab_size"] else "",
            f"{row['bytes'] / 1e6:.1f} MB",
            str(row["created"])[:16].replace("T", " "),
        )
        remarks = (row["outdated"], measured(row["metrics"]), *map(task, row["tasks"]))
        lines.append(Row(cells, ", ".join(filter(None, remarks))))
    print_rows((("model", "<"), ("parameters", ">"), ("shape", "<"), ("size", ">"), ("made", "<")), lines)
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


def task(row: dict[str, Any]) -> str:
    """A task's main figure, and its change from the stage before: "arc-easy 31% (+4)"."""
    changed = f" ({100 * row['change']['rate']:+.0f})" if row["change"] else ""
    figure = f"chrF {100 * row['rate']:.0f}" if row["metric"] == "chrF" else f"{row['rate']:.0%}"
    return f"{row['title']} {figure}{changed}"


def short(count: int) -> str:
    """1234567 -> 1.23M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
