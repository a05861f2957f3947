"""The configuration of a new model of a planned shape, and the size of the world it is taught."""

from __future__ import annotations

from typing import cast

from firstwords.model.config import ModelConfig
from firstwords.plan.budget import Shape
from firstwords.world.town.plumwick import Size

SMALL_TOWN_MINUTES = 20  # with less time, a model does not learn the whole town's facts (docs/LOG.md)


def town_for(minutes: float, town: str = "auto") -> Size:
    """The size of the built-in world's town for `--town`; "auto": what a run of that many minutes can learn."""
    if town == "auto":
        return "small" if minutes < SMALL_TOWN_MINUTES else "whole"
    return cast("Size", town)


def usual_positions(context: int) -> int:
    """Positions of a new model: twice the context if that is short, to leave room for longer chats."""
    return context * (2 if context <= 512 else 1)


def model_config(shape: Shape, tie_word_embeddings: bool = True, positions: int = 0) -> ModelConfig:
    """A Qwen3-shaped model with heads of size 64. positions: tokens it can read (0: the usual number)."""
    heads = shape.hidden_size // 64
    return ModelConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=64,
        max_position_embeddings=positions or usual_positions(shape.context),
        tie_word_embeddings=tie_word_embeddings,
    )
