"""A new model copies: its first heads attend to the previous token, and to the token after its last occurrence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from firstwords.model import copying
from firstwords.model.config import ModelConfig
from firstwords.model.inspect import advance, attention_weights, embed
from firstwords.model.transformer import TABLE_STD, Transformer

CONFIG = ModelConfig(
    vocab_size=500,
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=64,
    max_position_embeddings=256,
)
HALF = 40  # tokens that are said twice


def new_model(config: ModelConfig = CONFIG) -> Transformer:
    model = Transformer(config)
    model.init_weights(0)
    return model


def twice() -> torch.Tensor:
    """Random tokens, no two alike, then the same again, (8, 2 HALF)."""
    generator = torch.Generator().manual_seed(1)
    once = torch.stack([torch.randperm(CONFIG.vocab_size, generator=generator)[:HALF] for _ in range(8)])
    return torch.cat((once, once), 1)


def attention(model: Transformer, layer: int, ids: torch.Tensor) -> torch.Tensor:
    """Weights of the first head of a layer, (B, T, T)."""
    found = []
    for row in ids.tolist():
        state_TD = embed(model, row)
        for before in range(layer):
            state_TD = advance(model, before, state_TD)
        found.append(attention_weights(model, layer, state_TD)[0])
    return torch.stack(found)


def test_the_first_head_looks_at_the_token_before():
    weights = attention(new_model(), 0, twice())
    assert weights.diagonal(-1, 1, 2).mean() > 0.7


def test_the_second_layer_looks_behind_the_last_time():
    weights = attention(new_model(), 1, twice())
    behind = weights.diagonal(-(HALF - 1), 1, 2)[:, 1:]  # of the places of the second half
    assert behind.mean() > 0.25 > 10 * weights.diagonal(-(HALF - 2), 1, 2).mean()


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"num_key_value_heads": 1}, {"num_hidden_layers": 4}])
def test_what_was_said_before_is_likelier_before_any_training(shape, monkeypatch):
    ids = twice()

    def gain(model: Transformer) -> float:
        """How much more likely the tokens of the second half are, in nats per token."""
        logprobs = model(ids).log_softmax(-1)[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
        return float(logprobs[:, HALF:].mean() - logprobs[:, : HALF - 1].mean())

    seeded = gain(new_model(replace(CONFIG, **shape)))
    monkeypatch.setattr("firstwords.model.transformer.seed_copying", lambda *args: None)
    plain = gain(new_model(replace(CONFIG, **shape)))
    assert seeded > 0.2 > 10 * abs(plain)


@pytest.mark.parametrize(
    "shape", [{"num_hidden_layers": 1}, {"architecture": "LlamaForCausalLM", "qk_norm": False}, {"head_dim": 2}]
)
def test_shapes_that_cannot_copy_stay_as_they_are(shape):
    model = Transformer(replace(CONFIG, **shape))
    model.init_weights(0)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    copying.seed_copying(model, TABLE_STD, torch.Generator().manual_seed(0))
    assert all(torch.equal(before[name], parameter) for name, parameter in model.named_parameters())
