"""The trained models: stages, sizes, dates and what was measured. `firstwords models --json` for programs.

`firstwords models --trash` lists what was replaced or deleted; keeping.py has the commands that move models about.
"""

from __future__ import annotations

import json
import math
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import home, trash
from firstwords.commands import shared
from firstwords.model.card import read_card
from firstwords.runlog import read_json


@dataclass
class Models:
    """List the trained models with their stages, sizes and measurements."""

    trash: bool = False
    """List what is in the trash instead: models that were replaced or deleted, and how to bring them back."""
    json: bool = False
    """Print one JSON object instead of a table."""


def main(config: Models) -> None:
    """Read every stage's files; no model is loaded."""
    if config.trash:
        show_trash(config.json)
        return
    rows = [describe(name, stage) for name in home.models() for stage in home.stages(name)]
    if config.json:
        shared.emit({"home": str(home.home()), "models": rows})
    elif not rows:
        shared.say(f"There is no model in {home.models_dir()} yet; `firstwords learn` trains one.")
    else:
        show(rows)


def describe(name: str, stage: str) -> dict[str, Any]:
    """What is known of one stage without loading it."""
    directory = home.stage_dir(name, stage)
    card, config = read_card(directory), read_json(directory / "config.json") or {}
    shape = {key: value for key, value in config.items() if isinstance(value, int)}
    size = sum(f.stat().st_size for f in directory.iterdir() if f.is_file())
    return {
        "ref": f"{name}/{stage}", "name": name, "stage": stage, "promoted": home.promoted(name) == stage,
        "parameters": num_parameters(directory), "vocab_size": shape.get("vocab_size"),
        "layers": shape.get("num_hidden_layers"), "width": shape.get("hidden_size"),
        "context": shape.get("max_position_embeddings"), "form": _form(directory, card),
        "hash": card.get("weights_sha256"), "parent": card.get("parent"), "outdated": outdated(name, stage),
        "bytes": size, "created": card.get("created") or _date(directory / "config.json"),
        "metrics": card.get("metrics") or {}, "path": str(directory),
    }  # fmt: skip


def outdated(name: str, stage: str) -> str:
    """"made from an earlier base" (or sft ...) where the stage that this one was made from is another one by now."""
    cards = {other: read_card(home.stage_dir(name, other)) for other in home.stages(name)}
    by_hash = {card.get("weights_sha256"): other for other, card in cards.items()}
    seen: set[str] = set()
    while stage in cards and stage != "base" and stage not in seen:
        seen.add(stage)
        card, base = cards[stage], cards.get("base", {}).get("weights_sha256")
        data = card.get("data")
        of_base = data.get("base") if isinstance(data, dict) else None
        if of_base is not None:
            return "" if base in (None, of_base) else "made from an earlier base"
        parent = card.get("parent")
        if parent is None or parent in by_hash:
            stage = by_hash.get(parent, "")
        else:
            before = "base" if stage == "sft" else "sft"
            return f"made from an earlier {before}" if before in cards else ""
    return ""


def show_trash(as_json: bool) -> None:
    """List the trash, the newest first."""
    entries = trash.entries()
    if as_json:
        shared.emit({"trash": [trash.facts(entry) for entry in entries], "bytes": trash.size()})
    elif not entries:
        shared.say("the trash is empty")
    else:
        rows = []
        for entry in entries:
            facts = trash.facts(entry)
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.thrown))
            what = ", ".join(entry.stages) or "an unfinished run"
            rows.append((entry.ref, what, f"{facts['bytes'] / 1e6:.1f} MB", when, entry.why, entry.id))
        _table(rows, ("model", "stages", "frees", "since", "why", "id"))
        shared.say(f"`{entries[0].restore}` brings the newest back, `firstwords models empty-trash` frees "
                   f"{trash.size() / 1e6:.1f} MB")  # fmt: skip


def _table(rows: list[tuple[str, ...]], titles: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=title != "why")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def _form(directory: Path, card: dict[str, Any]) -> str:
    """"text" for a stage that continues text, "chat" for one that answers."""
    if shared.is_base(directory):
        return "text"
    if card:
        return "chat"
    try:  # a model made by other tools
        return "chat" if "<|im_start|>" in (directory / "tokenizer.json").read_text(encoding="utf-8") else "text"
    except (OSError, UnicodeDecodeError):
        return "text"


def num_parameters(directory: Path) -> int:
    """Number of stored weights, from the headers of the safetensors files (8 bytes of length, then JSON).

    A file whose header cannot be read counts for nothing.
    """
    total = 0
    for path in sorted(directory.glob("*.safetensors")):
        with suppress(OSError, ValueError, TypeError, AttributeError, struct.error):
            with open(path, "rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, 100_000_000)))
            shapes = (tensor.get("shape") for key, tensor in header.items() if key != "__metadata__")
            total += sum(math.prod(shape) for shape in shapes)
    return total


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table; * marks the stage that the name alone means."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for title, justify in (("model", "left"), ("parameters", "right"), ("shape", "left"), ("size", "right"),
                           ("made", "left"), ("measured", "left")):  # fmt: skip
        table.add_column(title, justify=justify, no_wrap=title != "measured")
    for row in rows:
        mark = "*" if row["promoted"] else ""
        shape = f"{row['layers']} x {row['width']}, vocab {row['vocab_size']:,}" if row["vocab_size"] else ""
        table.add_row(row["ref"] + mark, short(row["parameters"]), shape, f"{row['bytes'] / 1e6:.1f} MB",
                      str(row["created"])[:16].replace("T", " "),
                      ", ".join(filter(None, (row["outdated"], measured(row["metrics"])))))  # fmt: skip
    Console(highlight=False).print(table)
    shared.say("* the stage that the name alone means")


def measured(metrics: dict[str, Any]) -> str:
    """The measurements worth a glance: bits per byte and the exam's rates."""
    parts = []
    if isinstance(metrics.get("bits_per_byte"), int | float):
        parts.append(f"{metrics['bits_per_byte']:.3f} bits/byte")
    exam = metrics.get("exam")
    exam = exam if isinstance(exam, dict) else {}
    for name, part in (exam.get("parts") or exam).items():
        rate = part.get("rate") if isinstance(part, dict) else None
        if isinstance(rate, int | float) and len(parts) < 5:
            parts.append(f"{name.replace('_', ' ')} {rate:.0%}")
    return ", ".join(parts)


def short(count: int) -> str:
    """1234567 -> 1.23M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def _date(path: Path) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
