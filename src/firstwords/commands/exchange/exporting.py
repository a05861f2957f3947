"""Write a model for other programs.

firstwords export pip --to gguf                      # pip.f16.gguf, for llama.cpp
firstwords export smol --to gguf --type q8_0 --output smol.gguf
firstwords export pip --to ollama                    # a folder with a GGUF file and a Modelfile
firstwords export pip/sft --to hf                    # a folder for transformers and vLLM
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords import api, home
from firstwords.commands.keeping import size_text
from firstwords.config import UserError, unknown
from firstwords.flags import Positional
from firstwords.keeping import operations
from firstwords.model import chat_defaults
from firstwords.runlog import say

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

FORMS = ("gguf", "ollama", "hf")


@dataclass
class Export:
    """Write a model for other programs: llama.cpp, Ollama, transformers, vLLM."""

    model: Positional[str]
    """NAME (its promoted stage), NAME/STAGE, or the path of a model directory."""
    to: str = "gguf"
    """gguf: one file for llama.cpp; ollama: a folder with that file and a Modelfile; hf: a Hugging Face directory."""
    type: str = "f16"
    """Type of the weights in a GGUF file: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, or q6_k, q5_k, q4_k (through
    llama.cpp)."""
    output: str = ""
    """File or folder to create (default: NAME.TYPE.gguf, or NAME-FORM)."""

    def __post_init__(self) -> None:
        if self.to not in FORMS:
            raise unknown("form", self.to, FORMS, f"--to takes {', '.join(FORMS)}")


def main(config: Export) -> None:
    """Write the file or the folder, and say how it is used."""
    source = home.resolve(config.model)
    label = api.label(source)
    name = Path(label).parent.name or source.name
    if config.to == "hf":
        folder = Path(config.output or f"{name}-hf").expanduser()
        operations.export(source, folder)
        say(f"copied {label} to {folder}")
        return
    default = f"{name}.{config.type}.gguf" if config.to == "gguf" else f"{name}-ollama"
    target = Path(config.output or default).expanduser()
    if target.exists():
        raise UserError(f"{target} already exists: give another --output, or remove it first")
    file = target if config.to == "gguf" else target / f"{name}.gguf"
    tokenizer = write(source, file, config, name)
    say(f"wrote {label} to {file} ({size_text(file.stat().st_size)})")
    if tokenizer.is_own:
        say(
            "llama.cpp splits most text as this model does, but not numbers of three or more digits, and not letters "
            "with combining marks, such as those of Hindi: answers about these may differ"
        )
    if config.to == "ollama":
        say(f"`ollama create {name.lower()} -f {target / 'Modelfile'}` adds it to Ollama")
    else:
        say(f"`llama-cli -m {file}` chats with it")


def write(source: Path, file: Path, config: Export, name: str) -> Tokenizer:
    """Write a model directory to a GGUF file, for Ollama with a Modelfile next to it. Returns its tokenizer."""
    from firstwords.model.gguf.writing import modelfile, write_gguf
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    model, tokenizer = load_model(source), Tokenizer.load(source)
    is_new = not file.parent.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_gguf(model, tokenizer, file, config.type, name)
        if config.to == "ollama":
            context = min(model.config.max_position_embeddings, api.MAX_CONTEXT)
            sampling = chat_defaults.chat_sampling(source)._asdict()
            text = modelfile(file.name, tokenizer, sampling, context)
            (file.parent / "Modelfile").write_text(text, encoding="utf-8")
    except BaseException:
        if is_new:  # nothing half-written stays
            shutil.rmtree(file.parent, ignore_errors=True)
        raise
    return tokenizer
