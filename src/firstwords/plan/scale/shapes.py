"""A usual shape for any number of parameters: layers, width, vocabulary, context."""

from __future__ import annotations

import math

from firstwords.config import UserError
from firstwords.model.config import ModelConfig

LEAST_PARAMS, MOST_PARAMS = 1e5, 1e13
TIED_BELOW = 30e6  # parameters below which one table serves as embedding and head, as in `plan.budget`
TABLES_SHARE = 0.25  # of all parameters for embedding and head together, at most
LEAST_VOCABULARY, MOST_VOCABULARY = 512, 131_072
WIDTH_PER_LAYER = ((1e6, 32.0), (1e8, 64.0), (1e10, 128.0))  # GPT-2 124M has 64, Llama 2 7B and GPT-3 have 128


def shape_for(params: float, context: int = 0) -> ModelConfig:
    """The model with usual proportions whose size is closest to `params`. Raises UserError for impossible sizes."""
    if not LEAST_PARAMS <= params <= MOST_PARAMS:
        raise UserError(
            f"a plan needs {_power(LEAST_PARAMS)} to {_power(MOST_PARAMS)} parameters, but this one would have "
            f"{params:.3g}: change --params, --tokens, --minutes or --budget-usd"
        )
    is_tied = params < TIED_BELOW
    width = width_per_layer(params)
    rough = (params * width / 12) ** (1 / 3)  # 12 * layers * width^2 parameters, width = layers * width_per_layer
    step = 64 if rough < 1536 else 128
    around = max(1, round(rough / step))
    shapes = [_with_width(params, w * step, is_tied, context) for w in range(max(1, around - 4), around + 5)]
    return min(shapes, key=lambda shape: abs(math.log(shape.num_params / params)))


def width_per_layer(params: float) -> float:
    """The usual width per layer at a size, interpolated on its logarithm and constant outside."""
    (low, at_low), *rest = WIDTH_PER_LAYER
    if params <= low:
        return at_low
    for high, at_high in rest:
        if params <= high:
            return at_low + (at_high - at_low) * math.log(params / low) / math.log(high / low)
        low, at_low = high, at_high
    return at_low


def default_context(params: float) -> int:
    """Tokens per row: short for small models, 8,192 for the largest."""
    return 512 if params < 50e6 else 2048 if params < 3e9 else 4096 if params < 100e9 else 8192


def _with_width(params: float, width: int, is_tied: bool, context: int) -> ModelConfig:
    affordable = TABLES_SHARE * params / width / (1 if is_tied else 2)
    vocabulary = 1 << int(math.log2(min(max(affordable, LEAST_VOCABULARY), MOST_VOCABULARY)))
    inner = math.ceil(width * 8 / 3 / 64) * 64
    per_layer = 4 * width**2 + 3 * width * inner
    layers = max(1, round((params - vocabulary * width * (1 if is_tied else 2)) / per_layer))
    head = 64 if width < 2048 else 128
    context = context or default_context(params)
    return ModelConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=width // head,
        num_key_value_heads=width // head,
        head_dim=head,
        max_position_embeddings=context,
        tie_word_embeddings=is_tied,
    )


def _power(number: float) -> str:
    return f"1e{round(math.log10(number))}"
