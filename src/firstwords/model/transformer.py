"""The language model, top to bottom: a decoder-only transformer that *is* Llama, Mistral, SmolLM, Qwen and Gemma 3.

Parameter names are Hugging Face's, so that loading a checkpoint only compares keys. Weights may be stored in fp32 while
the computation runs in `compute_dtype` (bf16 on GPUs): each matrix is cast where it is used.

Axes: B rows, T tokens per row, S tokens that may be attended to, D hidden, F feed-forward, H query heads,
      K key-value heads, N head size, V vocabulary.

The cache protocol (see `cache.py`): the model gets the positions of the new tokens from `cache.positions(T)`, calls
`cache.update(layer, keys_BKTN, values_BKTN)`, which stores them and returns what to attend to, and uses
`cache.mask(T, window)` (True = may attend). It never advances the cache; the caller does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from firstwords.model.config import ModelConfig
from firstwords.model.copying import seed_copying
from firstwords.model.functional import normalise, rms_norm, rotate, swiglu
from firstwords.model.rope import Rope, rope_tables

if TYPE_CHECKING:
    from firstwords.model.cache import KVCache

TABLE_STD = 0.02  # std of a new embedding table


class Linear(nn.Linear):
    """Weights are uninitialised until `init_weights` or a checkpoint fills them, so that construction is fast.

    lora_A (R, inputs), lora_B (outputs, R): an adapter's matrices, see `lora.py`; None without one.
    """

    lora_A: nn.Parameter | None
    lora_B: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.register_parameter("lora_A", None)
        self.register_parameter("lora_B", None)
        self.lora_scale = 0.0

    def reset_parameters(self) -> None:
        pass

    @property
    def effective_weight(self) -> Tensor:
        """The weights with the adapter, (outputs, inputs)."""
        if self.lora_A is None or self.lora_B is None:
            return self.weight
        return self.weight + self.lora_scale * (self.lora_B @ self.lora_A)

    def lora_change(self, x: Tensor) -> Tensor:
        """What the adapter adds to the outputs."""
        assert self.lora_A is not None and self.lora_B is not None
        low = F.linear(x, self.lora_A.to(x.dtype))
        return F.linear(low, (self.lora_B * self.lora_scale).to(x.dtype))


class Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        pass


class RMSNorm(nn.Module):
    """offset: what the stored weight lacks to be the gain; Gemma stores the gain minus one."""

    def __init__(self, size: int, eps: float, offset: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps, self.offset = eps, offset

    @property
    def gain(self) -> Tensor:
        """What each normalised element is multiplied by, (size,)."""
        return self.weight + self.offset if self.offset else self.weight

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.gain, self.eps)


def norm_of(config: ModelConfig, size: int) -> RMSNorm:
    """A norm of this model's family."""
    return RMSNorm(size, config.rms_norm_eps, 1.0 if config.is_gemma else 0.0)


def fused_linear(x: Tensor, *layers: Linear, gain: Tensor | None = None) -> Tensor:
    """Several projections of one input as a single, larger matrix product with concatenated outputs.

    gain: of the preceding norm, (D,). It scales the small matrices instead of all the tokens, or the tokens where an
    adapter reads them too.
    """
    if any(layer.lora_A is not None for layer in layers):
        if gain is not None:
            x = x * gain.to(x.dtype)
        out = fused_linear_plain(x, *layers)
        changes = [
            layer.lora_change(x) if layer.lora_A is not None else x.new_zeros(*x.shape[:-1], layer.out_features)
            for layer in layers
        ]
        return out + torch.cat(changes, -1)
    return fused_linear_plain(x, *layers, gain=gain)


def fused_linear_plain(x: Tensor, *layers: Linear, gain: Tensor | None = None) -> Tensor:
    """`fused_linear` without adapters."""
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
        self.q_norm = norm_of(config, N) if config.qk_norm else None
        self.k_norm = norm_of(config, N) if config.qk_norm else None
        self.scale = config.attention_scale

    def forward(
        self, x_BTD: Tensor, gain: Tensor, rope: Rope, mask: Tensor | None, cache: KVCache | None, layer: int
    ) -> Tensor:
        B, T, _ = x_BTD.shape
        q, k, v = self.project(x_BTD, gain, rope)
        if cache is not None:
            k, v = cache.update(layer, k, v)
        is_grouped = self.num_heads != self.num_kv_heads
        out = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=is_grouped, scale=self.scale
        )
        return fused_linear(out.transpose(1, 2).reshape(B, T, self.num_heads * self.head_dim), self.o_proj)

    def project(self, x_BTD: Tensor, gain: Tensor, rope: Rope) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, N), keys and values (B, K, T, N) of normalised tokens, with rotary positions applied."""
        B, T, _ = x_BTD.shape
        H, K, N = self.num_heads, self.num_kv_heads, self.head_dim
        qkv = fused_linear(x_BTD, self.q_proj, self.k_proj, self.v_proj, gain=gain).view(B, T, H + 2 * K, N)
        qk, v = qkv.split((H + K, K), dim=2)  # the gradient of a split takes one copy, that of two slices five passes
        if self.q_norm is not None and self.k_norm is not None:  # one pass over queries and keys, with a gain per head
            gains = torch.cat((self.q_norm.gain.expand(H, N), self.k_norm.gain.expand(K, N)))
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
        self.is_gelu = config.is_gemma

    def forward(self, x_BTD: Tensor, gain: Tensor) -> Tensor:
        gate, up = (fused_linear(x_BTD, layer, gain=gain) for layer in (self.gate_proj, self.up_proj))
        gated = F.gelu(gate, approximate="tanh") * up if self.is_gelu else swiglu(gate, up)
        return fused_linear(gated, self.down_proj)


class Block(nn.Module):
    """Attention and MLP, each after a norm and added to the stream; Gemma normalises what is added, too.

    The norms' names are Hugging Face's, where `post_attention_layernorm` is the norm *before* the MLP, except in Gemma.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D = config.hidden_size
        self.input_layernorm = norm_of(config, D)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = norm_of(config, D)
        self.mlp = MLP(config)
        self.pre_feedforward_layernorm = norm_of(config, D) if config.is_gemma else None
        self.post_feedforward_layernorm = norm_of(config, D) if config.is_gemma else None

    @property
    def norms(self) -> tuple[RMSNorm, RMSNorm | None, RMSNorm, RMSNorm | None]:
        """The norms before and after attention, and before and after the MLP."""
        if self.pre_feedforward_layernorm is None:
            return self.input_layernorm, None, self.post_attention_layernorm, None
        after_mlp = self.post_feedforward_layernorm
        return self.input_layernorm, self.post_attention_layernorm, self.pre_feedforward_layernorm, after_mlp

    def forward(self, x_BTD: Tensor, rope: Rope, mask: Tensor | None, cache: KVCache | None, layer: int) -> Tensor:
        before, after, before_mlp, after_mlp = self.norms
        added_BTD: Tensor = self.self_attn(normalise(x_BTD, before.eps), before.gain, rope, mask, cache, layer)
        x_BTD = x_BTD + (added_BTD if after is None else after(added_BTD))
        added_BTD = self.mlp(normalise(x_BTD, before_mlp.eps), before_mlp.gain)
        return x_BTD + (added_BTD if after_mlp is None else after_mlp(added_BTD))


class Decoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = norm_of(config, config.hidden_size)

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
        # batches of more tokens keep only the input of each block, and compute the rest again for the gradients
        self.recompute_above: int | None = None
        self.model = Decoder(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)
        self.tie_weights()
        self.fill_tables()

    def fill_tables(self) -> None:
        """Compute the rotary tables (also needed after `to_empty`)."""
        cos, sin = rope_tables(self.config)
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
        if cache is not None and positions_BT is None:
            positions_BT = cache.positions(T)
        config = self.config
        masks = {
            window: cache.mask(T, window) if cache is not None else self.mask(T, window, positions_BT, segments_BT)
            for window in set(config.windows or (0,))
        }
        ropes = [self.rope(T, positions_BT, table) for table in range(len(config.rope_tables))]
        x_BTD = self.embed(ids_BT)
        recomputes = self.recompute_above is not None and ids_BT.numel() > self.recompute_above
        for layer, block in enumerate(self.model.layers):
            rest = ropes[config.table(layer)], masks[config.window(layer)], cache, layer
            if recomputes and torch.is_grad_enabled():
                x_BTD = checkpoint(block, x_BTD, *rest, use_reentrant=False, preserve_rng_state=False)
            else:
                x_BTD = block(x_BTD, *rest)
        normed_BTD: Tensor = self.model.norm(x_BTD)
        return normed_BTD

    def embed(self, ids_BT: Tensor) -> Tensor:
        """The state before the first layer, (B, T, D)."""
        x_BTD = F.embedding(ids_BT, self.model.embed_tokens.weight).to(self.compute_dtype)
        return x_BTD * self.config.embedding_scale if self.config.is_gemma else x_BTD

    def mask(
        self, T: int, window: int = 0, positions_BT: Tensor | None = None, segments_BT: Tensor | None = None
    ) -> Tensor | None:
        """(B or 1, 1, T, T), True where a token may attend; None for all tokens up to itself. See `hidden`."""
        mask = packed_mask(segments_BT) if segments_BT is not None else None
        if not window or (window >= T and segments_BT is None):
            return mask
        if positions_BT is None:
            positions_BT = torch.arange(T, device=self.rope_cos.device)[None]
        near = within(positions_BT, positions_BT, window)
        return near & mask if mask is not None else near.tril()

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

    def rope(self, T: int, positions_BT: Tensor | None = None, table: int = 0) -> Rope:
        """cos and sin of each token's angle, shaped to broadcast over heads: (B or 1, T, 1, N/2).

        table: which of the model's rotary tables (`config.table`).
        """
        cos, sin = self.rope_cos[table], self.rope_sin[table]
        if positions_BT is None:
            cos, sin = cos[None, :T, None], sin[None, :T, None]
        else:
            cos, sin = cos[positions_BT].unsqueeze(2), sin[positions_BT].unsqueeze(2)
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
                parameter.fill_(0.0 if self.config.is_gemma else 1.0)
            elif name.endswith((".bias", "o_proj.weight", "down_proj.weight")):
                parameter.zero_()
            elif name == "model.embed_tokens.weight" or name == "lm_head.weight":
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, TABLE_STD, generator=generator))
            else:
                std = 1.0 / math.sqrt(parameter.shape[1])
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
        seed_copying(self, TABLE_STD, generator)


def packed_mask(segments_BT: Tensor) -> Tensor:
    """(B, 1, T, T), True where token t may attend to s: s <= t, and both in one document or s in a shared prefix (< 0).

    Padding sees itself.
    """
    T = segments_BT.shape[1]
    same = (segments_BT[:, :, None] == segments_BT[:, None, :]) | (segments_BT[:, None, :] < 0)
    causal = torch.ones(T, T, dtype=torch.bool, device=segments_BT.device).tril()
    return (same & causal)[:, None]


def within(queries_BT: Tensor, keys_BS: Tensor, window: int) -> Tensor:
    """(B, 1, T, S), True where a key's position is one of the `window` newest up to a query's, or later."""
    return (queries_BT[:, :, None] - keys_BS[:, None, :] < window)[:, None]
