"""From a model directory to a GGUF file for llama.cpp, Ollama and others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError, unknown
from firstwords.model.gguf.k_quants import K_QUANTS, quantise
from firstwords.model.gguf.shapes import NAMES, ROPE_FACTORS, gguf_name, metadata_of, rope_factors, to_gguf
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.files import CHAT_TEMPLATE
from firstwords.tokenizer.gguf_vocab import gguf_tokenizer

# Types of matrices, by the name of --type, with the number that llama.cpp has for such files. Vectors stay in F32.
TYPES = {"f32": ("F32", 0), "f16": ("F16", 1), "bf16": ("BF16", 32), "q8_0": ("Q8_0", 7), "q4_0": ("Q4_0", 2),
         "q4_1": ("Q4_1", 3), "q5_0": ("Q5_0", 8), "q5_1": ("Q5_1", 9)}  # fmt: skip
PER_BLOCK = 32  # weights of a row that share a scale


def write_gguf(
    model: Transformer,
    tokenizer: Tokenizer,
    path: Path,
    kind: str = "f16",
    name: str = "",
    on_tensor: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a model and its tokenizer to `path`, under a temporary name until it is complete.

    kind: one of TYPES or K_QUANTS. Matrices whose rows are no multiple of 32 stay in F16. Raises UserError for a model
    or a tokenizer that llama.cpp could not use, or a disk that is full.
    """
    import gguf

    aside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    if kind in K_QUANTS:
        plain = path.with_name(f".{path.name}.plain-{os.getpid()}")
        try:
            write_gguf(model, tokenizer, plain, "f16", name or path.stem, on_tensor)
            quantise(plain, aside, kind)
            os.replace(aside, path)
        finally:
            for leftover in (plain, aside):
                leftover.unlink(missing_ok=True)
        return
    if kind not in TYPES:
        known = (*TYPES, *K_QUANTS)
        raise unknown("type", kind, known, f"use one of {', '.join(known)}")
    config = model.config
    arch = NAMES[config.architecture]
    entries = metadata_of(config) | gguf_tokenizer(tokenizer, config.vocab_size)
    entries |= {"general.name": name or path.stem, "general.file_type": TYPES[kind][1]}
    if kind.startswith("q"):
        entries["general.quantization_version"] = 2
    if tokenizer.has_chat_tokens:
        entries["tokenizer.chat_template"] = tokenizer.template.source if tokenizer.template else plain_template()
    writer = gguf.GGUFWriter(aside, arch)
    try:
        for key, value in entries.items():
            _add(writer, key, value)
        scaling = dict(config.rope_scaling)
        if scaling.get("rope_type") == "llama3":
            writer.add_tensor(ROPE_FACTORS, rope_factors(scaling, config.rope_theta, config.head_dim))
        parameters = list(model.named_parameters())
        for done, (each, parameter) in enumerate(parameters, start=1):
            array = np.ascontiguousarray(to_gguf(parameter.detach().float().cpu().numpy(), each, config))
            type_ = gguf.GGMLQuantizationType[_type(array, kind)]
            writer.add_tensor(gguf_name(each, config), gguf.quants.quantize(array, type_), raw_dtype=type_)
            on_tensor(done, len(parameters))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        os.replace(aside, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        aside.unlink(missing_ok=True)


def _type(array: np.ndarray, kind: str) -> str:
    if array.ndim < 2:
        return "F32"
    if kind.startswith("q") and array.shape[1] % PER_BLOCK:
        return "F16"
    return TYPES[kind][0]


def plain_template() -> str:
    """Our own chat template without the tags that only `transformers` knows."""
    return CHAT_TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


# ---- Ollama ----------------------------------------------------------------------------------------------------------


def modelfile(file: str, tokenizer: Tokenizer, sampling: dict[str, float], context: int) -> str:
    """The text of a Modelfile for `ollama create`: Ollama takes the chat template from the GGUF file if it knows it.

    sampling: temperature and top_p of the model's chats.
    """
    lines = [f"FROM ./{file}"]
    if tokenizer.template is None and tokenizer.has_chat_tokens:
        lines.append(f'TEMPLATE """{GO_TEMPLATE}"""')
    ends = sorted(tokenizer.end_ids & tokenizer.special_ids) if tokenizer.has_chat_tokens else []
    lines += [f"PARAMETER stop {json.dumps(tokenizer.token_bytes(end).decode())}" for end in ends]
    lines += [f"PARAMETER {name} {value:g}" for name, value in sampling.items()]
    return "\n".join([*lines, f"PARAMETER num_ctx {context}"]) + "\n"


# ChatML in Ollama's language of templates.
GO_TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
