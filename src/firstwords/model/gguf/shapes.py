"""The same model in two notations: llama.cpp's names and metadata, and Hugging Face's names and `config.json`.

| GGUF architecture | here | remarks |
|---|---|---|
| llama | LlamaForCausalLM, MistralForCausalLM | queries and keys in another order of rows |
| qwen2, qwen3 | Qwen2ForCausalLM, Qwen3ForCausalLM | |
| smollm3 | SmolLM3ForCausalLM | as llama; every fourth layer without positions |
| gemma3 | Gemma3ForCausalLM | norms hold the gain itself, not the gain minus one |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.model.config import GEMMA3, GLOBAL, LOCAL, NO_POSITIONS, ModelConfig
from firstwords.model.gguf.file import GgufFile

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
    "gemma3": GEMMA3,
}
NAMES = {name: arch for arch, name in ARCHITECTURES.items()} | {"MistralForCausalLM": "llama"}
PERMUTED = ("llama", "smollm3")  # architectures that rotate neighbouring pairs instead of halves
ROPE_FACTORS = "rope_freqs.weight"  # by which each pair's speed is divided: Llama 3's scaling as a tensor
NOT_WEIGHTS = (ROPE_FACTORS, "rope_factors_long.weight", "rope_factors_short.weight")
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
MOST_CONTEXT = 2**20  # tables of positions are made for the whole context
PATTERN = 6  # Gemma 3: every sixth layer sees everything

_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_GEMMA = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def gguf_name(name: str, config: ModelConfig) -> str:
    """A parameter's name in a GGUF file: model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight."""
    outer = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in outer:
        return outer[name]
    layer, _, rest = name.removeprefix("model.layers.").partition(".")
    part, _, kind = rest.rpartition(".")
    names = _LAYER | (_GEMMA if config.is_gemma else {})
    return f"blk.{layer}.{names[part]}.{kind}"


def to_hf(array: np.ndarray, name: str, config: ModelConfig) -> np.ndarray:
    """A tensor of a GGUF file as the parameter of that (Hugging Face) name."""
    if config.is_gemma and name.endswith("norm.weight"):
        return array - 1
    heads = _heads(name, config)
    return array if heads is None else _swapped(array, heads, to_gguf=False)


def to_gguf(array: np.ndarray, name: str, config: ModelConfig) -> np.ndarray:
    """The inverse of `to_hf`."""
    if config.is_gemma and name.endswith("norm.weight"):
        return array + 1
    heads = _heads(name, config)
    return array if heads is None else _swapped(array, heads, to_gguf=True)


def _heads(name: str, config: ModelConfig) -> int | None:
    """How many heads a parameter has whose rows are in another order there; None for all others."""
    if NAMES[config.architecture] not in PERMUTED:
        return None
    part = name.rpartition(".")[0]
    if part.endswith("q_proj"):
        return config.num_attention_heads
    return config.num_key_value_heads if part.endswith("k_proj") else None


def _swapped(array: np.ndarray, heads: int, to_gguf: bool) -> np.ndarray:
    half = len(array) // heads // 2
    pairs = (heads, 2, half) if to_gguf else (heads, half, 2)
    return array.reshape(*pairs, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


# ---- configurations --------------------------------------------------------------------------------------------------


def config_of(file: GgufFile) -> dict[str, Any]:
    """The `config.json` of the model in a GGUF file. Raises UserError for what is missing or not supported."""
    metadata = file.metadata
    arch = metadata.get("general.architecture")
    if arch not in ARCHITECTURES:
        raise UserError(f"the architecture {str(arch)[:60]} is not supported: use one of {', '.join(ARCHITECTURES)}")

    def get(key: str, kind: type = int, otherwise: Any = None) -> Any:
        value = metadata.get(f"{arch}.{key}", otherwise)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise UserError(f"{file.path} is not a usable GGUF file: the entry {arch}.{key} is {str(value)[:60]}")
        return value

    table = file.tensors.get("token_embd.weight")
    if table is None or len(table.shape) != 2:
        raise UserError(f"{file.path} is not a usable GGUF file: it lacks the tensor token_embd.weight")
    heads, width = get("attention.head_count"), get("embedding_length")
    if min(heads, width, get("block_count"), get("context_length")) <= 0:
        raise UserError(f"{file.path} is not a usable GGUF file: its sizes are not positive")
    _check_counts(file, get("block_count"), get("context_length"))
    size = get("attention.key_length", int, metadata.get(f"{arch}.rope.dimension_count", width // heads))
    data: dict[str, Any] = {
        "architectures": [ARCHITECTURES[arch]],
        "vocab_size": table.shape[0],
        "hidden_size": width,
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("attention.head_count_kv", int, heads),
        "head_dim": size,
        "max_position_embeddings": get("context_length"),
        "rms_norm_eps": _short(get("attention.layer_norm_rms_epsilon", float)),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "attention_bias": "blk.0.attn_q.bias" in file.tensors and arch != "qwen2",
        "mlp_bias": "blk.0.ffn_up.bias" in file.tensors,
    }
    rope = {"rope_theta": get("rope.freq_base", float, 10_000.0)} | _scaling(file, arch, data)
    window = get("attention.sliding_window", int, 0)
    if arch == "gemma3":
        pattern = metadata.get("gemma3.attention.sliding_window_pattern", PATTERN)
        sees_all = [
            not pattern[i] if isinstance(pattern, list) else (i + 1) % max(1, pattern) == 0
            for i in range(min(data["num_hidden_layers"], len(pattern) if isinstance(pattern, list) else 10**6))
        ]
        kinds = ["full_attention" if all_ or not window else "sliding_attention" for all_ in sees_all]
        local = {"rope_type": "default", "rope_theta": get("rope.freq_base_swa", float, 10_000.0)}
        data |= {
            "query_pre_attn_scalar": width // heads if data["num_hidden_layers"] == 62 else size,
            "hidden_activation": "gelu_pytorch_tanh",
            "sliding_window": window,
            "layer_types": kinds,
            "rope_parameters": {"full_attention": rope, "sliding_attention": local},
            "final_logit_softcapping": metadata.get("gemma3.final_logit_softcapping"),
        }
        return data
    if window and window < data["max_position_embeddings"]:
        raise UserError(f"{file.path} has sliding-window attention, which is not supported in GGUF files of {arch}")
    if metadata.get(f"{arch}.expert_count"):
        raise UserError(f"{file.path} is a mixture of experts, which is not supported")
    return data | {"rope_parameters": rope, "sliding_window": None}


def _check_counts(file: GgufFile, layers: int, context: int) -> None:
    """Raise UserError for counts that only a damaged file has, before anything of that size is made."""
    names = (name.split(".") for name in file.tensors)
    present = len({parts[1] for parts in names if parts[0] == "blk" and len(parts) > 2})
    if layers != present:
        raise UserError(f"{file.path} is not a usable GGUF file: it names {layers} layers, but has {present}")
    if context > MOST_CONTEXT:
        raise UserError(f"{file.path} names a context of {context:,} tokens: at most {MOST_CONTEXT:,} are supported")


def _short(value: float) -> float:
    """A float32 as the short decimal number that it was: 9.999999747378752e-06 -> 1e-05."""
    return float(str(np.float32(value)))


def _scaling(file: GgufFile, arch: str, data: dict[str, Any]) -> dict[str, Any]:
    """The entries of rope_parameters that say how positions are stretched."""
    metadata, theta = file.metadata, file.metadata.get(f"{arch}.rope.freq_base", 10_000.0)
    kind = metadata.get(f"{arch}.rope.scaling.type", "none")
    factor = metadata.get(f"{arch}.rope.scaling.factor", metadata.get(f"{arch}.rope.scale_linear", 1.0))
    if ROPE_FACTORS in file.tensors:
        return _llama3(file.tensor(ROPE_FACTORS), theta, data["head_dim"])
    if kind == "none" or (kind == "linear" and factor == 1.0):
        return {"rope_type": "default"}
    if kind not in ("linear", "yarn"):
        raise UserError(f"the rotary scaling {str(kind)[:40]} is not supported: only linear and yarn are in GGUF files")
    original = metadata.get(f"{arch}.rope.scaling.original_context_length")
    found = {"rope_type": kind, "factor": factor, "original_max_position_embeddings": original}
    return {key: value for key, value in found.items() if value is not None}


def _llama3(factors: np.ndarray, theta: float, head_dim: int) -> dict[str, Any]:
    """The Llama 3 scaling whose factors these are. Raises UserError for any other."""
    found = {"rope_type": "llama3", "factor": round(float(factors.max()), 3), **LLAMA3}
    expected = rope_factors(found, theta, head_dim)
    if factors.shape != expected.shape or not np.allclose(factors, expected, rtol=1e-3):
        raise UserError("the rotary scaling factors in this GGUF file are not those of Llama 3: they are not supported")
    return found


def rope_factors(scaling: Mapping[str, Any], theta: float, head_dim: int) -> np.ndarray:
    """By what Llama 3's scaling divides each pair's speed, (N / 2,)."""
    speeds = 1.0 / theta ** (np.arange(0, head_dim, 2) / head_dim)
    turns = scaling["original_max_position_embeddings"] * speeds / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return np.asarray(1.0 / ((1 - smooth) / scaling["factor"] + smooth), np.float32)


def metadata_of(config: ModelConfig) -> dict[str, Any]:
    """The metadata of a GGUF file for this shape. Raises UserError for what llama.cpp would not compute."""
    arch = NAMES[config.architecture]
    if any(config.windows) and arch != "gemma3":
        raise UserError("sliding windows cannot be written to a GGUF file of this architecture")
    if arch == "smollm3":
        usual = tuple(GLOBAL if (i + 1) % 4 else NO_POSITIONS for i in range(config.num_hidden_layers))
        if config.tables != usual:
            raise UserError("llama.cpp leaves out the positions of every fourth layer, but this model of others")
    if config.mlp_bias or (config.o_bias and arch not in ("llama", "qwen3")):
        raise UserError("biases of this kind cannot be written to a GGUF file")
    data: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": float(config.rope_theta),
    }
    scaling = dict(config.rope_scaling)
    if scaling.get("rope_type") in ("linear", "yarn"):
        if set(scaling) - {"rope_type", "factor", "original_max_position_embeddings"}:
            raise UserError("this model's rotary scaling has settings that a GGUF file cannot hold")
        data |= {"rope.scaling.type": scaling["rope_type"], "rope.scaling.factor": float(scaling["factor"])}
        if "original_max_position_embeddings" in scaling:
            data["rope.scaling.original_context_length"] = scaling["original_max_position_embeddings"]
    if arch == "gemma3":
        data |= _gemma_metadata(config)
    return {f"{arch}.{key}": value for key, value in data.items()}


def _gemma_metadata(config: ModelConfig) -> dict[str, Any]:
    is_large = config.num_hidden_layers == 62
    usual = config.hidden_size // config.num_attention_heads if is_large else config.head_dim
    if config.attention_scalar != usual:
        raise UserError(f"llama.cpp divides attention scores by the root of {usual}, not {config.attention_scalar:g}")
    windows, tables = set(config.windows) - {0}, config.tables
    if len(windows) > 1 or any((table == LOCAL) != bool(w) for table, w in zip(tables, config.windows, strict=True)):
        raise UserError("windows of several sizes cannot be written to a GGUF file")
    return {
        "attention.sliding_window": max(windows, default=0),
        "attention.sliding_window_pattern": [bool(window) for window in config.windows],
        "rope.freq_base_swa": float(config.local_theta),
    }
