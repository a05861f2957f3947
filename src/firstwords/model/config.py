"""The shape of a model, and its conversion from and to Hugging Face's `config.json`.

One decoder covers five families, which differ in four switches:

| architecture | qk_norm | qkv_bias | o_bias | remarks |
|---|---|---|---|---|
| LlamaForCausalLM (SmolLM is a Llama) | no | no (`attention_bias`) | as `attention_bias` | |
| MistralForCausalLM | no | no | no | full attention only |
| Qwen2ForCausalLM | no | yes | no | |
| Qwen3ForCausalLM (default for new models) | yes | no (`attention_bias`) | as `attention_bias` | |
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
}


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
    rope_scaling: tuple[tuple[str, Any], ...] = ()  # Llama 3's "llama3" frequencies, as sorted pairs (hashable)
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    qk_norm: bool = True
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False

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
        per_layer = 2 * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
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
        _refuse_unsupported(data)
        rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
        hidden, heads = data["hidden_size"], data["num_attention_heads"]
        attention_bias = bool(data.get("attention_bias", False))
        return cls(
            architecture=architecture,
            vocab_size=data["vocab_size"],
            hidden_size=hidden,
            intermediate_size=data["intermediate_size"],
            num_hidden_layers=data["num_hidden_layers"],
            num_attention_heads=heads,
            num_key_value_heads=data.get("num_key_value_heads") or heads,
            head_dim=data.get("head_dim") or hidden // heads,
            max_position_embeddings=data["max_position_embeddings"],
            rope_theta=float(rope.get("rope_theta") or data.get("rope_theta") or 10_000.0),
            rope_scaling=_scaling(rope),
            rms_norm_eps=data.get("rms_norm_eps", 1e-6),
            tie_word_embeddings=bool(data.get("tie_word_embeddings", False)),
            qk_norm=architecture == "Qwen3ForCausalLM",
            qkv_bias=architecture == "Qwen2ForCausalLM" or attention_bias,
            o_bias=attention_bias and architecture != "Qwen2ForCausalLM",
            mlp_bias=bool(data.get("mlp_bias", False)),
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
            data["sliding_window"] = None
        if self.architecture.startswith("Qwen"):
            data["use_sliding_window"] = False
        return data


def architecture_of(data: dict[str, Any]) -> str:
    """The first of a configuration's architectures. Raises KeyError if there is none."""
    architectures = data.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        raise KeyError("architectures")
    return str(architectures[0])


def _refuse_unsupported(data: dict[str, Any]) -> None:
    if data.get("hidden_act", "silu") != "silu":
        raise UserError(f"the activation {data['hidden_act']} is not supported: only SwiGLU (silu) is")
    window = data.get("sliding_window")
    uses_window = data.get("use_sliding_window", window is not None)
    if window and uses_window and window < data["max_position_embeddings"]:
        raise UserError("sliding-window attention is not supported: set sliding_window to null in config.json")
    if data.get("quantization_config"):
        raise UserError("this model's weights are quantised: download the float weights instead")


def _scaling(rope: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return ()
    if kind != "llama3":
        raise UserError(f"the rotary scaling {kind} is not supported: only default and llama3 are")
    return tuple(sorted((key, value) for key, value in rope.items() if key != "rope_theta"))
