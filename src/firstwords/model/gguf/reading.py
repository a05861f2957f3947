"""From a GGUF file to a model directory in Hugging Face's layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.gguf.file import GgufFile
from firstwords.model.gguf.shapes import NOT_WEIGHTS, config_of, gguf_name, to_hf
from firstwords.model.hub import WEIGHTS
from firstwords.model.transformer import Transformer
from firstwords.runlog import write_json
from firstwords.tokenizer.files import write_text
from firstwords.tokenizer.gguf_vocab import tokenizer_files

STORED = {"F16": torch.float16, "BF16": torch.bfloat16}  # everything else becomes float32, which holds it exactly


def convert(path: Path, directory: Path, on_tensor: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Write config.json, weights, tokenizer and generation_config.json into an empty directory.

    on_tensor(done, total) is called after each tensor. Raises UserError, naming the reason, for a file that is damaged
    or holds a model that is not supported.
    """
    file = GgufFile(path)
    data = config_of(file)
    try:
        config = ModelConfig.from_hf(data)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    tokenizer, tokenizer_config, generation = tokenizer_files(file.metadata, config.vocab_size)
    directory.mkdir(parents=True, exist_ok=True)
    _write_weights(file, config, directory, on_tensor)
    write_json(directory / "config.json", config.to_hf() | generation)
    write_json(directory / "generation_config.json", generation)
    write_text(directory / "tokenizer.json", tokenizer)
    tokenizer_config["model_max_length"] = config.max_position_embeddings
    write_json(directory / "tokenizer_config.json", tokenizer_config)


def _write_weights(file: GgufFile, config: ModelConfig, directory: Path, on_tensor: Callable[[int, int], None]) -> None:
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in Transformer(config).named_parameters()}
    names = {name: gguf_name(name, config) for name in shapes}
    unknown = sorted(set(file.tensors) - set(names.values()) - set(NOT_WEIGHTS))
    if unknown:
        raise UserError(f"{file.path} has tensors that this architecture lacks: {', '.join(unknown[:5])[:200]}")
    for name, shape in shapes.items():
        entry = file.tensors.get(names[name])
        if entry is not None and entry.shape != shape:
            raise UserError(
                f"{file.path}: {names[name]} has the shape {entry.shape}, but its metadata requires {shape}"
            )
    state = {}
    for done, (name, there) in enumerate(names.items(), start=1):
        tensor = torch.from_numpy(to_hf(file.tensor(there), name, config).copy())
        state[name] = tensor.to(STORED.get(file.tensors[there].type, torch.float32))
        on_tensor(done, len(names))
    save_file(state, directory / WEIGHTS, metadata={"format": "pt"})
