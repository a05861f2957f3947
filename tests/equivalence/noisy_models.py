"""Models of any shape whose every parameter matters."""

from __future__ import annotations

import torch

from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer


def model_of(config: ModelConfig, seed: int = 0) -> Transformer:
    """A model with random gains and biases, so that no factor can be forgotten unseen."""
    model, generator = Transformer(config), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            one = 0.0 if config.is_gemma else 1.0  # Gemma stores the gain minus one
            parameter.copy_(one + 0.3 * noise if name.endswith("norm.weight") else 0.15 * noise)
    return model.requires_grad_(False)
