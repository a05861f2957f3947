"""Add a LoRA adapter to the weights of its model, as a new model.

firstwords merge smol downloads/my-adapter --name smol-poet      # an adapter that PEFT saved
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords import api, home
from firstwords.flags import Positional
from firstwords.keeping import arrivals
from firstwords.model import chat_defaults
from firstwords.promotions import can_chat
from firstwords.runlog import say

if TYPE_CHECKING:
    from firstwords.model.transformer import Transformer


@dataclass
class Merge:
    """Add a LoRA adapter in PEFT's format to the weights of its model; the result is a new model."""

    model: Positional[str]
    """The model that the adapter was trained on: NAME, NAME/STAGE, or the path of a model directory."""
    adapter: Positional[str]
    """Folder with adapter_config.json and adapter_model.safetensors."""
    name: str = ""
    """Name of the new model (default: the names of both)."""


def main(config: Merge) -> None:
    """Write the new model and say what it is."""
    base, adapter = home.resolve(config.model), Path(config.adapter).expanduser()
    label = api.label(base)
    name = config.name or f"{Path(label).parent.name or base.name}-{adapter.resolve().name}"
    stage = "chat" if can_chat(base) else "base"
    ref = arrivals.take_in(name, f"{label} + {adapter}", stage, "merge", lambda folder: _merged(base, adapter, folder))
    say(f"merged {adapter} into {label}: {ref}")


def _merged(base: Path, adapter: Path, folder: Path) -> Transformer:
    from firstwords.model import hub, lora
    from firstwords.tokenizer.fast import Tokenizer

    model = hub.load_model(base)
    lora.load_adapter(model, adapter)
    lora.merge(model)
    hub.save_model(model, folder, Tokenizer.load(base), sampling=chat_defaults.to_save(base))
    return model
