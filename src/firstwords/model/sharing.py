"""Stages that differ only in a small adapter share one copy of their weights in memory.

    bases = Bases()
    chat, _ = bases.load(home.stage_dir("smol", "chat"))
    poet, _ = bases.load(home.stage_dir("smol", "sft"))      # chat's tensors, and its own adapter

A stage made with --lora is a whole model on disk, with the adapter in its folder `adapter` and the hash of the model
that it belongs to on its card. Where that model is a sibling, only the adapter is read. What the two compute is the
same to rounding: a matrix is the base's plus the adapter's product, as it was when the stage was saved.
"""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

from firstwords.config import UserError
from firstwords.model.card import read_card
from firstwords.model.hub import load_model, weight_files
from firstwords.model.lora import ADAPTER, CONFIG, load_adapter, twin
from firstwords.model.transformer import Transformer

Key = tuple[str, int, int]


class Bases:
    """The models in memory whose weights others can use. One thread at a time."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Key, Transformer] = WeakValueDictionary()

    def load(self, directory: Path) -> tuple[Transformer, Transformer]:
        """(the model of a stage, the one whose weights it uses).

        The second has to be kept as long as the first, so that further stages find it; it never has an adapter. Raises
        UserError like `load_model`.
        """
        base = base_of(directory)
        if base is not None:
            shared = self._base(base)
            model = twin(shared)
            try:
                load_adapter(model, directory / ADAPTER)
                return model, shared
            except UserError:  # damaged, or of another shape: the stage's own weights hold everything
                pass
        shared = self._base(directory)
        return twin(shared), shared

    def _base(self, directory: Path) -> Transformer:
        """The weights of a stage, from memory or disk."""
        key = _key(directory)
        model = self._known.get(key) if key is not None else None
        if model is None:
            model = load_model(directory)
            if key is not None:
                self._known[key] = model
        return model


def base_of(directory: Path) -> Path | None:
    """The sibling stage that a stage with an adapter was trained from; None if there is none with the same weights."""
    parent = read_card(directory).get("parent")
    if not parent or not (directory / ADAPTER / CONFIG).is_file():
        return None
    for sibling in sorted(directory.parent.iterdir()):
        if sibling != directory and read_card(sibling).get("weights_sha256") == parent:
            return None if _key(sibling) is None else sibling
    return None


def _key(directory: Path) -> Key | None:
    """What changes when the weights of a stage are replaced."""
    try:
        status = weight_files(directory)[0].stat()
    except (OSError, UserError):
        return None
    return str(directory), status.st_mtime_ns, status.st_size
