"""`firstwords.json`, a model's card, read without torch for commands that only list models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from firstwords.runlog import read_json

CARD = "firstwords.json"
_KINDS: dict[str, Any] = {  # types of the entries that firstwords itself reads
    "stage": str,
    "parent": str | None,
    "weights_sha256": str,
    "created": str,
    "config": dict,
    "plan": dict | None,
    "data": dict,
    "metrics": dict,
    "examples": dict,
}


def read_card(directory: str | Path) -> dict[str, Any]:
    """The card of a model directory; {} for a model made by other tools or an unreadable card.

    Entries of the wrong type, in a damaged or edited file, are left out.
    """
    found = read_json(Path(directory) / CARD) or {}
    return {key: value for key, value in found.items() if isinstance(value, _KINDS.get(key, object))}


def examples(directory: str | Path) -> dict[str, list[str]]:
    """Prompts that the model handled when it was trained: {"next": texts to continue, "chat": messages}; both may be
    empty.
    """
    found = read_card(directory).get("examples") or {}
    lists = {kind: found.get(kind) for kind in ("next", "chat")}
    return {
        kind: [text for text in texts if isinstance(text, str) and text.strip()] if isinstance(texts, list) else []
        for kind, texts in lists.items()
    }


def trained_context(directory: str | Path) -> int | None:
    """The row length in training, in tokens, from a model's card; None for models made by other tools."""
    shape = (read_card(directory).get("plan") or {}).get("shape")
    context = shape.get("context") if isinstance(shape, dict) else None
    return context if isinstance(context, int) and context > 0 else None


def is_base(directory: Path) -> bool:
    """Whether a directory holds a base model (stage one), which continues text and has no turns."""
    return bool(read_card(directory).get("stage", directory.name) == "base")


def town_size(directory: str | Path) -> Literal["small", "whole"]:
    """The size of the built-in world's town that a model was taught; "whole" if its cards don't say."""
    directory = Path(directory)
    for path in (directory / CARD, *sorted(directory.parent.glob(f"*/{CARD}"))):
        if (read_card(path.parent).get("data") or {}).get("town") == "small":
            return "small"
    return "whole"


def knows_world(directory: Path) -> bool:
    """Whether any of a model's stages was trained on the built-in world."""
    for path in directory.parent.glob(f"*/{CARD}"):
        config = read_card(path.parent).get("config", {})
        read = config.get("text") or config.get("chats")
        if isinstance(read, list) and "world" in read:
            return True
    return False
