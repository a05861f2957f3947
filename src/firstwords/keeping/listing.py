"""Describe a trained stage without loading it: shape, size, dates, measurements, and what it was made from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import UserError
from firstwords.model.card import is_base, read_card
from firstwords.model.config import ModelConfig
from firstwords.promotions import has_chat_form
from firstwords.runlog import read_json


def describe(name: str, stage: str) -> dict[str, Any]:
    """Facts about one stage, read without loading it."""
    directory = home.stage_dir(name, stage)
    card, config = read_card(directory), read_json(directory / "config.json") or {}
    shape = {key: value for key, value in config.items() if isinstance(value, int)}
    size = sum(f.stat().st_size for f in directory.iterdir() if f.is_file())
    return {
        "ref": f"{name}/{stage}",
        "name": name,
        "stage": stage,
        "promoted": home.promoted(name) == stage,
        "parameters": _num_params(config),
        "vocab_size": shape.get("vocab_size"),
        "layers": shape.get("num_hidden_layers"),
        "width": shape.get("hidden_size"),
        "context": shape.get("max_position_embeddings"),
        "form": _form(directory, card),
        "hash": card.get("weights_sha256"),
        "parent": card.get("parent"),
        "outdated": outdated(name, stage),
        "bytes": size,
        "created": card.get("created") or _date(directory / "config.json"),
        "metrics": card.get("metrics") or {},
        "path": str(directory),
    }


def outdated(name: str, stage: str) -> str:
    """ "made from an earlier base" (or sft ...) if the stage that this one was made from has since been replaced."""
    cards = {other: read_card(home.stage_dir(name, other)) for other in home.stages(name)}
    by_hash = {card.get("weights_sha256"): other for other, card in cards.items()}
    seen: set[str] = set()
    while stage in cards and stage not in home.ROOTS and stage not in seen:
        seen.add(stage)
        card, base = cards[stage], cards.get(home.root(name), {}).get("weights_sha256")
        data = card.get("data")
        of_base = data.get("base") if isinstance(data, dict) else None
        if of_base is not None:
            return "" if base in (None, of_base) else "made from an earlier base"
        parent = card.get("parent")
        if parent is None or parent in by_hash:
            stage = by_hash.get(parent, "")
        else:
            before = home.root(name) if stage == "sft" else "sft"
            return f"made from an earlier {before}" if before in cards else ""
    return ""


def _form(directory: Path, card: dict[str, Any]) -> str:
    """ "text" for a stage that continues text, "chat" for one that answers."""
    if is_base(directory):
        return "text"
    if card:
        return "chat"
    return "chat" if has_chat_form(directory) else "text"


def _num_params(config: dict[str, Any]) -> int:
    """Number of parameters of a model with this `config.json`; 0 if it is damaged."""
    try:
        return ModelConfig.from_hf(config).num_params
    except (UserError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return 0


def _date(path: Path) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
