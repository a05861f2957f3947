"""Inside the model, layer by layer: the hidden states, each head's attention, and intermediate predictions.

    state_TD = embed(model, ids)
    for layer in range(model.config.num_hidden_layers):
        weights_HTT = attention_weights(model, layer, state_TD)
        state_TD = advance(model, layer, state_TD)
    logits_TV = guess(model, state_TD)        # after the last layer: the model's own output

A state is the residual stream between two layers. The model uses fused attention, which does not expose the attention
weights; here they are computed from the same queries and keys.

Axes: T tokens, D hidden, H query heads, N head size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from firstwords.model.functional import normalise
from firstwords.model.transformer import Transformer


@torch.inference_mode()
def embed(model: Transformer, ids: Sequence[int]) -> Tensor:
    """The state before the first layer, (T, D). Raises ValueError for more ids than the model's context."""
    limit = model.config.max_position_embeddings
    if not 0 < len(ids) <= limit:
        raise ValueError(f"there are {len(ids)} tokens, but this model reads 1 to {limit}")
    ids_T = torch.as_tensor(list(ids), device=model.head_weight.device)
    return model.embed(ids_T[None])[0]


@torch.inference_mode()
def advance(model: Transformer, layer: int, state_TD: Tensor) -> Tensor:
    """The state after a layer (0 is the first), given the state before it."""
    rope = model.rope(len(state_TD), table=model.config.table(layer))
    mask = model.mask(len(state_TD), model.config.window(layer))
    after_BTD: Tensor = model.model.blocks[layer](state_TD[None], rope, mask, None, layer)
    return after_BTD[0]


@torch.inference_mode()
def attention_weights(model: Transformer, layer: int, state_TD: Tensor) -> Tensor:
    """Attention weights of each token over the tokens up to itself, by head: (H, T, T), fp32, rows sum to 1.

    state_TD is the state before that layer. softmax(q k^T / sqrt(N)) (Vaswani et al. 2017, equation 1); tokens outside
    the layer's window have weight 0.
    """
    block = model.model.blocks[layer]
    norm = block.input_layernorm
    T = len(state_TD)
    rope = model.rope(T, table=model.config.table(layer))
    q, k, _ = block.self_attn.project(normalise(state_TD[None], norm.eps), norm.gain, rope)
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # adjacent query heads share keys
    scores_HTT = (q @ k.transpose(2, 3))[0].float() * block.self_attn.scale
    seen_TT = torch.ones(T, T, dtype=torch.bool, device=scores_HTT.device).tril()
    mask = model.mask(T, model.config.window(layer))
    seen_TT = seen_TT if mask is None else mask[0, 0]
    weights_HTT: Tensor = scores_HTT.masked_fill(~seen_TT, -math.inf).softmax(-1)
    return weights_HTT


@torch.inference_mode()
def guess(model: Transformer, state_TD: Tensor) -> Tensor:
    """Logits of the next token, fp32, (T, V), if this state were the last, from the model's final norm and head.

    The "logit lens" (nostalgebraist 2020). Only after the last layer is this the model's output; before, it is an early
    guess.
    """
    return model.logits(model.model.norm(state_TD))
