"""Import an open model, to use it like one that was trained here.

firstwords import SmolLM2-135M-Instruct.Q4_1.gguf --name smol
firstwords import hf:HuggingFaceTB/SmolLM2-135M-Instruct
firstwords import downloads/Qwen3-0.6B --name qwen
"""

from __future__ import annotations

from dataclasses import dataclass

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.models import short
from firstwords.commands.shared import JsonFlag
from firstwords.flags import Positional
from firstwords.keeping import arrivals
from firstwords.keeping.listing import describe
from firstwords.runlog import say


@dataclass
class Import(JsonFlag):
    """Import an open model: Llama, Mistral, SmolLM2, SmolLM3, Qwen2, Qwen3 or Gemma 3."""

    source: Positional[str]
    """hf:ORG/NAME (or hf:ORG/NAME/FILE.gguf), a folder in Hugging Face's layout, or a .gguf file."""
    name: str = ""
    """Name of the model here (default: the source's own)."""
    stage: str = "auto"
    """chat for a model that answers, base for one that continues text, or auto: chat if it has a chat template."""


def main(config: Import) -> None:
    """Import the model and say what it is."""
    ref = arrivals.bring(config.source, config.name, config.stage, say)
    name, _, stage = ref.partition("/")
    facts = describe(name, stage)
    if config.json:
        shared.emit(facts)
        return
    say(
        f"imported {ref}: {short(facts['parameters'])} parameters, {facts['layers']} layers, vocabulary "
        f"{facts['vocab_size']:,}, context {facts['context']:,}"
    )
    command = "chat" if stage == "chat" else "complete"
    say(f"`firstwords {command} --model {name}` uses it; it is in {home.model_dir(name)}")
