"""Initialises a new model with two attention heads that copy, instead of waiting for training to form them.

A transformer that has seen "Mila Moss" predicts what follows the next "Mila" with two heads: one in the first layer
that attends to the previous token and records it, and one in the second that attends to positions whose record is the
current token and copies the token there, an *induction head* (Olsson et al. 2022). Training forms the pair late, often
after a budget of minutes is over, since neither helps without the other. So the first heads of the first two layers
start as this pair, in random directions and free to change (initialising weights to resemble trained ones is Trockman
and Kolter's "mimetic initialization", 2023).

Axes: N head size, D hidden.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from firstwords.model.config import ModelConfig

CONSTANT = 4.0  # the component shared by all tokens, in table std: source of the first head's queries
GAIN = math.sqrt(2)  # of the fast pairs in the norms of the first layer: sharpens its attention to the previous token
NOTE, COPY = 1.5, 4.0  # what the heads add to the residual stream, in standard deviations of the table
FAST, SLOW = 0.1, 0.035  # radians per token: pairs above distinguish neighbours; below, distance hardly matters


class Seedable(Protocol):
    """The parts of a new `Transformer` that are read and written."""

    config: ModelConfig
    rope_cos: Tensor
    rope_sin: Tensor
    model: Any


class Attention(Protocol):
    """The parts of one of its attention layers that are read and written."""

    head_dim: int
    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear
    o_proj: nn.Linear


@torch.no_grad()
def seed_copying(model: Seedable, table_std: float, generator: torch.Generator) -> None:
    """Overwrite the first head of the first two layers and the first column of the table, drawn with std `table_std`.

    A model without norms on queries and keys, of one layer, or with heads too small for both kinds of rotary pairs is
    unchanged.
    """
    config = model.config
    D, N = config.hidden_size, config.head_dim
    cos_SN, sin_SN = model.rope_cos[0], model.rope_sin[0]
    speed = torch.atan2(sin_SN[1], cos_SN[1]) if len(cos_SN) > 1 else torch.zeros(N // 2)
    fast, slow = (torch.cat((pairs, pairs)).float() for pairs in (speed > FAST, speed < SLOW))
    if config.num_hidden_layers < 2 or not config.qk_norm or N > D or not (fast.any() and slow.any()):
        return
    before, match = (layer.self_attn for layer in model.model.layers[:2])
    model.model.embed_tokens.weight[:, 0] = CONSTANT * table_std
    read_ND, note_ND, copy_ND = (_directions(N, D, generator) for _ in range(3))

    constant_D = torch.zeros(D)
    constant_D[0] = 1.0
    ones = torch.cat((torch.ones(N // 2), torch.zeros(N // 2)))
    one_back = torch.cat((speed.cos(), -speed.sin()))  # rotated by one token less than a key at the same position
    query_ND, key_ND = torch.outer(one_back * fast, constant_D), torch.outer(ones * fast, constant_D)
    for norm in (before.q_norm, before.k_norm):
        norm.weight.copy_(torch.where(fast > 0, GAIN, 1.0))
    _set_head(before, query_ND, key_ND, read_ND, NOTE * table_std * note_ND.T)
    _set_head(match, read_ND * slow[:, None], note_ND * slow[:, None], copy_ND, COPY * table_std * copy_ND.T)


def _directions(N: int, D: int, generator: torch.Generator) -> Tensor:
    """N random orthonormal directions of the stream, all orthogonal to the constant, (N, D)."""
    basis_DN, _ = torch.linalg.qr(torch.randn(D, N, generator=generator))
    basis_DN[0] = 0.0
    directions_ND: Tensor = basis_DN.T
    return directions_ND


def _set_head(attention: Attention, query_ND: Tensor, key_ND: Tensor, value_ND: Tensor, out_DN: Tensor) -> None:
    N = attention.head_dim
    attention.q_proj.weight[:N], attention.k_proj.weight[:N], attention.v_proj.weight[:N] = query_ND, key_ND, value_ND
    attention.o_proj.weight[:, :N] = out_DN
