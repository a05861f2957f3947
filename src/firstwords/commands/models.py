"""The trained models: stages, sizes, dates and what was measured. `firstwords models --json` for programs."""

from __future__ import annotations

import json
import math
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.commands import shared
from firstwords.model.card import read_card
from firstwords.runlog import read_json


@dataclass
class Models:
    """List the trained models with their stages, sizes and measurements."""

    json: bool = False
    """Print one JSON object instead of a table."""


def main(config: Models) -> None:
    """Read every stage's files; no model is loaded."""
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
        "hash": card.get("weights_sha256"), "parent": card.get("parent"),
        "bytes": size, "created": card.get("created") or _date(directory / "config.json"),
        "metrics": card.get("metrics") or {}, "path": str(directory),
    }  # fmt: skip


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
                      str(row["created"])[:16].replace("T", " "), measured(row["metrics"]))  # fmt: skip
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
