"""The promotions of a model: an append-only file that tells `rollback` what was in use before.

    models/NAME/promoted            the stage that NAME alone refers to
    models/NAME/promotions.jsonl    a line per change: {"stage": "rlhf-1", "earlier": ["base", "sft"], "by": "align"}

Rolling back works like undo: it goes back one promotion, a second time two. Promoting after a rollback starts a new
branch, like typing after an undo: what was rolled back can no longer be reached by rolling back, but its line stays in
the file. Each line holds the whole history (`earlier`, oldest first), so only the line of the stage in use is needed.

The line is appended before `promoted` is renamed into place. A crash between the two leaves a last line whose stage is
not in use, and `earlier` therefore reads the last line *of the stage in use*. Models from before the file existed have
no line; their history is the chain of the stages they were trained from.

This module works only on folders, so that `home` can import it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firstwords.config import UserError

FILE = "promotions.jsonl"
MAX_EARLIER = 100  # promotions that can be undone; keeps a line short


def read(folder: Path) -> list[dict[str, Any]]:
    """All readable lines of a model's history, oldest first; a line cut off by a crash is skipped."""
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except OSError:
        return []
    return [entry for line in lines if (entry := _entry(line)) is not None]


def earlier(folder: Path, present: Sequence[str], current: str) -> list[str]:
    """The stages that were in use before `current`, oldest first; some may no longer exist.

    present: the existing stages, in the order of training.
    """
    for entry in reversed(read(folder)):
        if entry["stage"] == current:
            return entry["earlier"]
    return _trained_from(folder, present, current)


def record(folder: Path, stage: str, before: Sequence[str], by: str) -> None:
    """Append a line: `stage` is in use from now on, with the history `before`. Raises UserError (disk full, rights).

    The line is written at once, so that readers see part of it only if the disk is full or the power fails; the next
    entry then starts on a new line.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"stage": stage, "earlier": list(before)[-MAX_EARLIER:], "by": by, "time": now}
    line = json.dumps(entry).encode() + b"\n"
    path = folder / FILE
    try:
        with open(path, "ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def was_promoted_since(folder: Path, stage: str, created: str) -> bool:
    """Whether the history holds a promotion of a stage at or after this time (ISO 8601, UTC)."""
    return any(entry["stage"] == stage and str(entry.get("time"))[:19] >= created[:19] for entry in read(folder))


def can_chat(directory: Path) -> bool:
    """Whether a stage can answer: it is neither a base model nor one without chat tokens."""
    card = _card(directory)
    if card:
        return card.get("stage") != "base"
    return directory.name != "base" and has_chat_form(directory)


def has_chat_form(directory: Path) -> bool:
    """Whether a model made by other tools has a chat template, or a tokenizer that knows ChatML."""
    return has_template(directory) or _names(directory / "tokenizer.json", "<|im_start|>")


def has_template(directory: Path) -> bool:
    """Whether a model made by other tools has a chat template."""
    return (directory / "chat_template.jinja").is_file() or _names(
        directory / "tokenizer_config.json", '"chat_template"'
    )


def _names(path: Path, word: str) -> bool:
    try:
        return word in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("stage"), str):
        return None
    before = entry.get("earlier")
    return entry if isinstance(before, list) and all(isinstance(name, str) for name in before) else None


def _trained_from(folder: Path, present: Sequence[str], current: str) -> list[str]:
    """The earlier stages of a model without a history: its card names the stage that it was trained from.

    If no card does: the stages before it in the order of training.
    """
    cards = {stage: _card(folder / stage) for stage in present}
    by_hash = {card["weights_sha256"]: stage for stage, card in cards.items() if card.get("weights_sha256")}
    way, stage = [], by_hash.get(cards.get(current, {}).get("parent"))
    while stage is not None and stage != current and stage not in way:
        way.append(stage)
        stage = by_hash.get(cards[stage].get("parent"))
    if way:
        return way[::-1]
    return list(present[: present.index(current)]) if current in present else list(present)


def _card(directory: Path) -> dict[str, Any]:
    try:
        card = json.loads((directory / "firstwords.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
