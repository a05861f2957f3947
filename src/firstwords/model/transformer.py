"""The language model, top to bottom: a decoder-only transformer that *is* Llama, Qwen2, Qwen3, Mistral and SmolLM.

Parameter names are Hugging Face's, so that loading a checkpoint only compares keys. Weights may be stored in fp32 while
the computation runs in `compute_dtype` (bf16 on GPUs): each matrix is cast where it is used.

Axes: B rows, T tokens per row, S tokens that may be attended to, D hidden, F feed-forward, H query heads,
      K key-value heads, N head size, V vocabulary.

The cache protocol (see `cache.py`): the model gets the positions of the new tokens from `cache.positions(T)`, calls
`cache.update(layer, keys_BKTN, values_BKTN)`, which stores them and returns what to attend to, and uses `cache.mask(T)`
(True = may attend). It never advances the cache; the caller does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firstwords.model.config import ModelConfig
from firstwords.model.copying import seed_copying
from firstwords.model.functional import normalise, rms_norm, rotate, swiglu

if TYPE_CHECKING:
    from firstwords.model.cache import KVCache

TABLE_STD = 0.02  # std of a new embedding table


class Linear(nn.Linear):
    """Weights are uninitialised until `init_weights` or a checkpoint fills them, so that construction is fast."""

    def reset_parameters(self) -> None:
        pass


class Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        pass


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


def fused_linear(x: Tensor, *layers: nn.Linear, gain: Tensor | None = None) -> Tensor:
    """Several projections of one input as a single, larger matrix product with concatenated outputs.

    gain: of the preceding norm, (D,). It scales the small matrices instead of all the tokens.
    """
    weight = layers[0].weight if len(layers) == 1 else torch.cat([layer.weight for layer in layers])
    bias = None
    if layers[0].bias is not None:
        bias = torch.cat([layer.bias for layer in layers]).to(x.dtype)
    if gain is not None:
        weight = weight * gain
    return F.linear(x, weight.to(x.dtype), bias)


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023) with rotary positions and, for Qwen3, norms on queries and keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, N = config.hidden_size, config.head_dim
        self.num_heads, self.num_kv_heads, self.head_dim = config.num_attention_heads, config.num_key_value_heads, N
        self.q_proj = Linear(D, self.num_heads * N, bias=config.qkv_bias)
        self.k_proj = Linear(D, self.num_kv_heads * N, bias=config.qkv_bias)
        self.v_proj = Linear(D, self.num_kv_heads * N, bias=config.qkv_bias)
        self.o_proj = Linear(self.num_heads * N, D, bias=config.o_bias)
        self.q_norm = RMSNorm(N, config.rms_norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(N, config.rms_norm_eps) if config.qk_norm else None

    def forward(
        self, x_BTD: Tensor, gain: Tensor, rope: Rope, mask: Tensor | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        B, T, _ = x_BTD.shape
        q, k, v = self.project(x_BTD, gain, rope)
        if cache is not None:
            k, v = cache.update(layer, k, v)
        is_grouped = self.num_heads != self.num_kv_heads
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=is_grouped)
        return fused_linear(out.transpose(1, 2).reshape(B, T, self.num_heads * self.head_dim), self.o_proj)

    def project(self, x_BTD: Tensor, gain: Tensor, rope: Rope) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, N), keys and values (B, K, T, N) of normalised tokens, with rotary positions applied."""
        B, T, _ = x_BTD.shape
        H, K, N = self.num_heads, self.num_kv_heads, self.head_dim
        qkv = fused_linear(x_BTD, self.q_proj, self.k_proj, self.v_proj, gain=gain).view(B, T, H + 2 * K, N)
        qk, v = qkv.split((H + K, K), dim=2)  # the gradient of a split takes one copy, that of two slices five passes
        if self.q_norm is not None and self.k_norm is not None:  # one pass over queries and keys, with a gain per head
            gains = torch.cat((self.q_norm.weight.expand(H, N), self.k_norm.weight.expand(K, N)))
            qk = rms_norm(qk, gains, self.q_norm.eps)
        q, k = rotate(qk, *rope).split((H, K), dim=2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


class MLP(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, hidden, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.gate_proj = Linear(D, hidden, bias=bias)
        self.up_proj = Linear(D, hidden, bias=bias)
        self.down_proj = Linear(hidden, D, bias=bias)

    def forward(self, x_BTD: Tensor, gain: Tensor) -> Tensor:
        gate, up = (fused_linear(x_BTD, layer, gain=gain) for layer in (self.gate_proj, self.up_proj))
        return fused_linear(swiglu(gate, up), self.down_proj)


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)

    def forward(self, x_BTD: Tensor, rope: Rope, mask: Tensor | None, cache: KVCache | None, layer: int) -> Tensor:
        norm = self.input_layernorm
        x_BTD = x_BTD + self.self_attn(normalise(x_BTD, norm.eps), norm.weight, rope, mask, cache, layer)
        norm = self.post_attention_layernorm
        added_BTD: Tensor = self.mlp(normalise(x_BTD, norm.eps), norm.weight)
        return x_BTD + added_BTD


class Decoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    @property
    def blocks(self) -> list[Block]:
        """`layers`, with the type that PyTorch's list of modules does not keep."""
        return cast("list[Block]", list(self.layers))


class Transformer(nn.Module):
    """`model(ids_BT)` -> logits_BTV. See `hidden` and `logits` for its two halves."""

    rope_cos: Tensor
    rope_sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype = torch.float32
        self.model = Decoder(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)
        self.tie_weights()
        cos, sin = rope_tables(config)
        self.register_buffer("rope_cos", cos, persistent=False)
        self.register_buffer("rope_sin", sin, persistent=False)

    def tie_weights(self) -> None:
        """Tie the head to the embedding table if the config says so (also needed after a copy)."""
        if self.config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def head_weight(self) -> Tensor:
        """The matrix (V, D) that turns the last hidden state into logits."""
        return self.lm_head.weight

    def hidden(
        self,
        ids_BT: Tensor,
        positions_BT: Tensor | None = None,
        segments_BT: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Hidden states after the last norm, (B, T, D).

        segments_BT numbers the documents of a packed row (0 = padding): tokens see only their own document, and
        preceding tokens with a negative number: a prefix shared by the row's documents. positions_BT, each below the
        context length, defaults to 0..T-1, or to the cache's positions. Raises ValueError for rows without
        positions_BT beyond the context length.
        """
        _, T = ids_BT.shape
        limit = self.config.max_position_embeddings
        if positions_BT is None and limit < T:
            raise ValueError(f"{T} tokens do not fit into this model's context of {limit}")
        mask = None
        if cache is not None:
            positions_BT = cache.positions(T) if positions_BT is None else positions_BT
            mask = cache.mask(T)
        elif segments_BT is not None:
            mask = packed_mask(segments_BT)
        rope = self.rope(T, positions_BT)
        x_BTD = F.embedding(ids_BT, self.model.embed_tokens.weight).to(self.compute_dtype)
        for layer, block in enumerate(self.model.layers):
            x_BTD = block(x_BTD, rope, mask, cache, layer)
        normed_BTD: Tensor = self.model.norm(x_BTD)
        return normed_BTD

    def logits(self, x_BTD: Tensor) -> Tensor:
        """Unnormalised log-probabilities of the next token, fp32, (B, T, V)."""
        return F.linear(x_BTD, self.head_weight.to(x_BTD.dtype)).float()

    def forward(
        self,
        ids_BT: Tensor,
        positions_BT: Tensor | None = None,
        segments_BT: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        return self.logits(self.hidden(ids_BT, positions_BT, segments_BT, cache))

    def rope(self, T: int, positions_BT: Tensor | None = None) -> Rope:
        """cos and sin of each token's angle, shaped to broadcast over heads: (B or 1, T, 1, N/2)."""
        if positions_BT is None:
            cos, sin = self.rope_cos[None, :T, None], self.rope_sin[None, :T, None]
        else:
            cos, sin = self.rope_cos[positions_BT].unsqueeze(2), self.rope_sin[positions_BT].unsqueeze(2)
        return cos.to(self.compute_dtype), sin.to(self.compute_dtype)

    def hf_config(self) -> dict[str, Any]:
        """The dict of `config.json` that describes this model."""
        return self.config.to_hf()

    @torch.no_grad()
    def init_weights(self, seed: int) -> None:
        """Initialise a new model: normal with std 1/sqrt(fan_in), zero for the two projections back into the stream.

        Zero output projections make every block start as the identity (the "zero-init proj" of modded-nanogpt), except
        for two heads that copy (copying.py). The table has std TABLE_STD so that a tied head starts with near-uniform
        predictions.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if name.endswith("norm.weight"):
                parameter.fill_(1.0)
            elif name.endswith((".bias", "o_proj.weight", "down_proj.weight")):
                parameter.zero_()
            elif name == "model.embed_tokens.weight" or name == "lm_head.weight":
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, TABLE_STD, generator=generator))
            else:
                std = 1.0 / math.sqrt(parameter.shape[1])
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
        seed_copying(self, TABLE_STD, generator)


Rope = tuple[Tensor, Tensor]


def rope_tables(config: ModelConfig) -> Rope:
    """cos and sin for every position, each (context, N/2), of angles position / theta^(2i/N) (Su et al. 2021).

    "llama3" scaling stretches the slow frequencies, as in Llama 3.1's reference code.
    """
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    frequencies = 1.0 / config.rope_theta ** (half / config.head_dim)
    scaling = dict(config.rope_scaling)
    if scaling:
        factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
        turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
        smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0)
        frequencies = (1 - smooth) * frequencies / factor + smooth * frequencies
    angles = torch.outer(torch.arange(config.max_position_embeddings, dtype=torch.float32), frequencies)
    return angles.cos(), angles.sin()


def packed_mask(segments_BT: Tensor) -> Tensor:
    """(B, 1, T, T), True where token t may attend to s: s <= t, and both in one document or s in a shared prefix (< 0).

    Padding sees itself.
    """
    T = segments_BT.shape[1]
    same = (segments_BT[:, :, None] == segments_BT[:, None, :]) | (segments_BT[:, None, :] < 0)
    causal = torch.ones(T, T, dtype=torch.bool, device=segments_BT.device).tril()
    return (same & causal)[:, None]
