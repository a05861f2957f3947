"""The shape of a model, and its conversion from and to Hugging Face's `config.json`.

One decoder covers six families, which differ in a few switches:

| architecture | qk_norm | qkv_bias | o_bias | remarks |
|---|---|---|---|---|
| LlamaForCausalLM (SmolLM2 is a Llama) | no | no (`attention_bias`) | as `attention_bias` | |
| MistralForCausalLM | no | no | no | the first ones have sliding windows |
| Qwen2ForCausalLM | no | yes | no | |
| Qwen3ForCausalLM (default for new models) | yes | no (`attention_bias`) | as `attention_bias` | |
| SmolLM3ForCausalLM | no | no (`attention_bias`) | as `attention_bias` | every fourth layer has no positions |
| Gemma3ForCausalLM (text) | yes | no (`attention_bias`) | as `attention_bias` | windows; see `is_gemma` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firstwords.config import UserError

MODEL_TYPES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "SmolLM3ForCausalLM": "smollm3",
    "Gemma3ForCausalLM": "gemma3_text",
}
GEMMA3 = "Gemma3ForCausalLM"
SCALINGS = ("default", "linear", "llama3", "yarn")  # of rotary positions; see `rope.frequencies`
NO_POSITIONS, GLOBAL, LOCAL = 0, 1, 2  # the rotary table of a layer


@dataclass(frozen=True)
class ModelConfig:
    """Everything that determines the parameters' shapes and the function that they compute (sizes in elements)."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    architecture: str = "Qwen3ForCausalLM"
    rope_theta: float = 10_000.0
    rope_scaling: tuple[tuple[str, Any], ...] = ()  # a kind of SCALINGS with its numbers, as sorted pairs (hashable)
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    qk_norm: bool = True
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    windows: tuple[int, ...] = ()  # per layer: the newest tokens it attends to, itself included; 0 or () = all
    tables: tuple[int, ...] = ()  # per layer: NO_POSITIONS, GLOBAL or LOCAL; () = all GLOBAL
    local_theta: float = 0.0  # rope_theta of LOCAL layers, which are never scaled
    attention_scalar: float = 0.0  # attention scores are divided by its root; 0 = head_dim

    def __post_init__(self) -> None:
        if self.architecture not in MODEL_TYPES:
            known = ", ".join(MODEL_TYPES)
            raise UserError(f"the architecture {self.architecture} is not supported: use one of {known}")
        if self.num_attention_heads % self.num_key_value_heads:
            raise UserError(
                f"{self.num_attention_heads} attention heads do not match {self.num_key_value_heads} key-value heads: "
                "the first must be a multiple of the second"
            )
        if self.head_dim % 2:
            raise UserError(f"head_dim is {self.head_dim}, but rotary embeddings need an even number")
        for name, values in (("layer_types", self.windows), ("no_rope_layers", self.tables)):
            if values and len(values) != self.num_hidden_layers:
                raise UserError(f"{name} has {len(values)} entries, but there are {self.num_hidden_layers} layers")

    @property
    def is_gemma(self) -> bool:
        """Gemma's ways: gains stored as gain - 1, a norm after attention and MLP too, GELU gates, scaled embeddings."""
        return self.architecture == GEMMA3

    @property
    def embedding_scale(self) -> float:
        """What the rows of the embedding table are multiplied by."""
        return float(self.hidden_size**0.5) if self.is_gemma else 1.0

    @property
    def attention_scale(self) -> float:
        """What the product of query and key is multiplied by."""
        return float((self.attention_scalar or self.head_dim) ** -0.5)

    @property
    def rope_tables(self) -> tuple[int, ...]:
        """The kinds of rotary tables that the layers use, each once."""
        return tuple(sorted(set(self.tables))) or (GLOBAL,)

    def window(self, layer: int) -> int:
        """How many of the newest tokens a layer attends to; 0 = all."""
        return self.windows[layer] if self.windows else 0

    def table(self, layer: int) -> int:
        """The place of a layer's rotary table in `rope_tables`."""
        return self.rope_tables.index(self.tables[layer]) if self.tables else 0

    @property
    def num_matmul_params(self) -> int:
        """Weights in matrix products for every token: the blocks and the head (not the embedding lookup)."""
        query, keys = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        attention = self.hidden_size * (2 * query + 2 * keys)
        mlp = 3 * self.hidden_size * self.intermediate_size
        return self.num_hidden_layers * (attention + mlp) + self.vocab_size * self.hidden_size

    @property
    def num_params(self) -> int:
        """All parameters, including norms, biases and an untied embedding table."""
        query, keys = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        per_layer = (4 if self.is_gemma else 2) * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
        per_layer += (query + 2 * keys if self.qkv_bias else 0) + (self.hidden_size if self.o_bias else 0)
        per_layer += 2 * self.intermediate_size + self.hidden_size if self.mlp_bias else 0
        table = 0 if self.tie_word_embeddings else self.vocab_size * self.hidden_size
        return self.num_matmul_params + table + self.num_hidden_layers * per_layer + self.hidden_size

    def flops_per_token(self, context: int, predicted: float = 1.0) -> float:
        """Floating-point operations to train on one token of a row of `context` tokens (forward and backward).

        6 per matmul weight, and for attention 12 * heads * head_dim * (context / 2) per layer: causal rows see half of
        the context on average (PaLM, appendix B, halved for causality). predicted: the share of tokens whose logits are
        computed.
        """
        attention = 6 * self.num_attention_heads * self.head_dim * context
        skipped = (1 - predicted) * self.vocab_size * self.hidden_size
        return 6 * (self.num_matmul_params - skipped) + self.num_hidden_layers * attention

    @classmethod
    def from_hf(cls, data: dict[str, Any]) -> ModelConfig:
        """Read the dict of a `config.json`. Raises UserError for unsupported settings."""
        architecture = architecture_of(data)
        if architecture not in MODEL_TYPES:
            known = ", ".join(MODEL_TYPES)
            raise UserError(f"the architecture {architecture} is not supported: use one of {known}")
        _refuse_unsupported(data, architecture)
        rope, local_theta = _rope(data, architecture)
        hidden, heads = data["hidden_size"], data["num_attention_heads"]
        attention_bias = bool(data.get("attention_bias", False))
        windows, tables = _layers(data, architecture)
        return cls(
            architecture=architecture,
            vocab_size=data["vocab_size"],
            hidden_size=hidden,
            intermediate_size=data["intermediate_size"],
            num_hidden_layers=data["num_hidden_layers"],
            num_attention_heads=heads,
            num_key_value_heads=data.get("num_key_value_heads") or heads,
            head_dim=data.get("head_dim") or (256 if architecture == GEMMA3 else hidden // heads),
            max_position_embeddings=data["max_position_embeddings"],
            rope_theta=float(rope.get("rope_theta") or data.get("rope_theta") or _THETA.get(architecture, 10_000.0)),
            rope_scaling=_scaling(rope, data),
            rms_norm_eps=data.get("rms_norm_eps", 1e-6),
            tie_word_embeddings=bool(data.get("tie_word_embeddings", architecture in TIED_BY_DEFAULT)),
            qk_norm=architecture in ("Qwen3ForCausalLM", GEMMA3),
            qkv_bias=architecture == "Qwen2ForCausalLM" or attention_bias,
            o_bias=attention_bias and architecture != "Qwen2ForCausalLM",
            mlp_bias=bool(data.get("mlp_bias", False)),
            windows=windows,
            tables=tables,
            local_theta=local_theta,
            attention_scalar=float(data.get("query_pre_attn_scalar", 256)) if architecture == GEMMA3 else 0.0,
        )

    def to_hf(self) -> dict[str, Any]:
        """The dict of a `config.json` that `transformers` and compatible libraries open."""
        data: dict[str, Any] = {
            "architectures": [self.architecture],
            "model_type": MODEL_TYPES[self.architecture],
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta, **dict(self.rope_scaling)},
            "tie_word_embeddings": self.tie_word_embeddings,
            "attention_bias": self.o_bias or (self.qkv_bias and self.architecture != "Qwen2ForCausalLM"),
            "attention_dropout": 0.0,
            "torch_dtype": "float32",
        }
        if self.rope_scaling:  # versions before transformers 5 look here, and would silently compute unscaled angles
            data["rope_scaling"] = dict(self.rope_scaling)
        if self.architecture == "LlamaForCausalLM":
            data["mlp_bias"] = self.mlp_bias
        if self.architecture == "MistralForCausalLM":
            data["sliding_window"] = max(self.windows, default=0) or None
        if self.architecture.startswith("Qwen"):
            data["use_sliding_window"] = any(self.windows)
            if any(self.windows):
                data |= {"sliding_window": max(self.windows), "layer_types": _layer_types(self.windows)}
        if self.architecture == "SmolLM3ForCausalLM":
            data["no_rope_layers"] = [int(kind != NO_POSITIONS) for kind in self.tables]
            data |= {"use_sliding_window": False, "mlp_bias": self.mlp_bias}
            data["pad_token_id"] = None  # the library's default is an id of the real models' vocabulary
        return data | (self._gemma() if self.is_gemma else {})

    def _gemma(self) -> dict[str, Any]:
        """The entries of `config.json` that only Gemma 3 has, for readers before and after transformers 5."""
        full = {"rope_type": "default", "rope_theta": self.rope_theta, **dict(self.rope_scaling)}
        local = {"rope_type": "default", "rope_theta": self.local_theta}
        return {
            "hidden_activation": "gelu_pytorch_tanh",
            "query_pre_attn_scalar": int(self.attention_scalar),
            "layer_types": _layer_types(self.windows),
            "sliding_window": max(self.windows, default=0) or self.max_position_embeddings,
            "rope_local_base_freq": self.local_theta,
            "rope_parameters": {"full_attention": full, "sliding_attention": local},
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
        }


def architecture_of(data: dict[str, Any]) -> str:
    """The first of a configuration's architectures. Raises KeyError if there is none."""
    architectures = data.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        raise KeyError("architectures")
    return str(architectures[0])


_THETA = {GEMMA3: 1_000_000.0, "SmolLM3ForCausalLM": 2_000_000.0}  # where config.json names none
TIED_BY_DEFAULT = (GEMMA3, "SmolLM3ForCausalLM")
SLIDING, FULL = "sliding_attention", "full_attention"


def _refuse_unsupported(data: dict[str, Any], architecture: str) -> None:
    wanted = "gelu_pytorch_tanh" if architecture == GEMMA3 else "silu"
    activation = data.get("hidden_activation") or data.get("hidden_act") or wanted
    if activation != wanted:
        raise UserError(f"the activation {activation} is not supported: {architecture} needs {wanted}")
    if data.get("quantization_config"):
        raise UserError("this model's weights are quantised: download the float weights instead")
    for name in ("attn_logit_softcapping", "final_logit_softcapping", "use_bidirectional_attention"):
        if data.get(name):
            raise UserError(f"{name} is not supported: this model sets it to {data[name]}")


def _layers(data: dict[str, Any], architecture: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(windows, tables) of the layers; each is () where all layers are alike."""
    num, window = data["num_hidden_layers"], data.get("sliding_window") or 0
    if not data.get("use_sliding_window", architecture in ("MistralForCausalLM", GEMMA3)):
        window = 0
    kinds = data.get("layer_types")
    if not isinstance(kinds, list):
        kinds = [SLIDING if _slides(data, architecture, layer) else FULL for layer in range(num)]
    unknown = sorted({str(kind) for kind in kinds} - {SLIDING, FULL})
    if unknown:
        raise UserError(f"the layer type {unknown[0]} is not supported: only {FULL} and {SLIDING} are")
    windows = tuple(window if kind == SLIDING else 0 for kind in kinds)
    if architecture == GEMMA3:
        return windows, tuple(LOCAL if kind == SLIDING else GLOBAL for kind in kinds)
    if window >= data["max_position_embeddings"] or not any(windows):
        windows = ()
    if architecture != "SmolLM3ForCausalLM":
        return windows, ()
    if windows:
        raise UserError("a SmolLM3 with sliding windows is not supported")
    interval = data.get("no_rope_layer_interval", 4)
    has_rope = data.get("no_rope_layers") or [(layer + 1) % interval for layer in range(num)]
    return windows, tuple(GLOBAL if each else NO_POSITIONS for each in has_rope)


def _slides(data: dict[str, Any], architecture: str, layer: int) -> bool:
    """Whether a layer sees a window, in a configuration that does not list the layers' types."""
    if architecture == GEMMA3:
        return bool((layer + 1) % data.get("sliding_window_pattern", 6))
    if architecture.startswith("Qwen"):
        return bool(layer >= data.get("max_window_layers", 28))
    return architecture == "MistralForCausalLM"


def _layer_types(windows: tuple[int, ...]) -> list[str]:
    return [SLIDING if window else FULL for window in windows]


def _rope(data: dict[str, Any], architecture: str) -> tuple[dict[str, Any], float]:
    """(the rotary parameters, rope_theta of the layers with a window), however the configuration writes them."""
    rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
    if architecture != GEMMA3:
        return rope, 0.0
    local = float(data.get("rope_local_base_freq") or 10_000.0)
    if "full_attention" in rope:  # since transformers 5
        own = rope.get("sliding_attention") or {}
        if (own.get("rope_type") or "default") != "default":
            raise UserError(f"the rotary scaling {own['rope_type']} of layers with a window is not supported")
        return rope["full_attention"], float(own.get("rope_theta") or local)
    return rope, local


def _scaling(rope: dict[str, Any], data: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if rope.get("partial_rotary_factor", data.get("partial_rotary_factor", 1.0)) != 1.0:
        raise UserError("partial rotary embeddings are not supported")
    if kind == "default":
        return ()
    if kind not in SCALINGS:
        raise UserError(f"the rotary scaling {kind} is not supported: only {', '.join(SCALINGS)} are")
    own = {key: value for key, value in rope.items() if key not in ("rope_theta", "type", "partial_rotary_factor")}
    own["rope_type"] = kind
    if kind == "yarn":
        own.setdefault("original_max_position_embeddings", data["max_position_embeddings"])
    needed = {"linear": ("factor",), "yarn": ("factor",)}.get(kind, ("factor", "low_freq_factor", "high_freq_factor"))
    for name in needed:
        if not isinstance(own.get(name), int | float):
            raise UserError(f"the rotary scaling {kind} lacks {name}")
    return tuple(sorted((key, value) for key, value in own.items() if value is not None))
