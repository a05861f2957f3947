"""Rotary positions (Su et al. 2021): the angle of every position and pair of elements, and ways to stretch them.

A model that was trained on short texts reads longer ones if slow pairs turn more slowly: "linear" divides all speeds,
"llama3" and "yarn" only those of pairs that turn few times within the original context.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from firstwords.model.config import GLOBAL, LOCAL, ModelConfig

Rope = tuple[Tensor, Tensor]


def rope_tables(config: ModelConfig) -> Rope:
    """cos and sin for every kind of table and every position, each (tables, context, N/2)."""
    pairs = [_table(config, kind) for kind in config.rope_tables]
    return torch.stack([cos for cos, _ in pairs]), torch.stack([sin for _, sin in pairs])


def _table(config: ModelConfig, kind: int) -> Rope:
    half, size = torch.arange(0, config.head_dim, 2, dtype=torch.float32), config.head_dim
    amplitude = 1.0
    if kind == LOCAL:
        speeds = 1.0 / config.local_theta ** (half / size)
    elif kind == GLOBAL:
        speeds, amplitude = scaled(1.0 / config.rope_theta ** (half / size), config)
    else:  # no positions: an angle of zero
        speeds = torch.zeros(size // 2)
    angles = torch.outer(torch.arange(config.max_position_embeddings, dtype=torch.float32), speeds)
    return angles.cos() * amplitude, angles.sin() * amplitude


def scaled(speeds: Tensor, config: ModelConfig) -> tuple[Tensor, float]:
    """(radians per position of each pair, what cos and sin are multiplied by) after the model's scaling."""
    scaling = dict(config.rope_scaling)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        return speeds / scaling["factor"], 1.0
    if kind == "llama3":
        return _llama3(speeds, scaling), 1.0
    if kind == "yarn":
        return _yarn(speeds, scaling, config.rope_theta), _yarn_amplitude(scaling)
    return speeds, 1.0


def _llama3(speeds: Tensor, scaling: dict[str, Any]) -> Tensor:
    """Slow pairs are slowed down, fast ones are not, with a smooth passage (Llama 3.1's reference code)."""
    factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
    turns = scaling["original_max_position_embeddings"] * speeds / (2 * math.pi)
    smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0)
    stretched: Tensor = (1 - smooth) * speeds / factor + smooth * speeds
    return stretched


def _yarn(speeds: Tensor, scaling: dict[str, Any], theta: float) -> Tensor:
    """The same idea with a ramp over the pairs' indices ("NTK-by-parts", Peng et al. 2023, section 3.2)."""
    size = 2 * len(speeds)

    def place(turns: float) -> float:  # the index of the pair that turns so often within the original context
        length = scaling["original_max_position_embeddings"]
        return size * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = place(scaling.get("beta_fast") or 32), place(scaling.get("beta_slow") or 1)
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    if low == high:
        high += 0.001
    ramp = ((torch.arange(len(speeds), dtype=torch.float32) - low) / (high - low)).clamp(0.0, 1.0)
    stretched: Tensor = speeds / scaling["factor"] * ramp + speeds * (1 - ramp)
    return stretched


def _yarn_amplitude(scaling: dict[str, Any]) -> float:
    """YaRN's temperature of the attention (equation 22), applied to cos and sin."""
    if scaling.get("attention_factor") is not None:
        return float(scaling["attention_factor"])
    factor, own, every = scaling["factor"], scaling.get("mscale"), scaling.get("mscale_all_dim")

    def of(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    return of(own) / of(every) if own and every else of(1.0)
