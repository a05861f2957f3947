"""Rollouts: the sampler's log-probabilities are the trainer's; a sample depends on (seed, step, row) alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from firstwords.engine.engine import Engine
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.rlhf.rollout import check_sampler, chosen_logits, sample_rollouts
from firstwords.train.losses import token_logprobs

V = 7
STOP = 6


def tiny_model(seed: int = 0) -> Transformer:
    model = Transformer(
        ModelConfig(
            architecture="Qwen3ForCausalLM",
            qk_norm=True,
            vocab_size=V,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=24,
        )
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return model


def trainer_logprobs(model: Transformer, rollouts) -> torch.Tensor:
    mask_BT = torch.from_numpy(rollouts.mask_BT)
    logits_NV = chosen_logits(model, torch.from_numpy(rollouts.ids_BT), mask_BT)
    return token_logprobs(logits_NV, torch.from_numpy(rollouts.targets_BT)[mask_BT])


@pytest.fixture
def engine(monkeypatch) -> Engine:
    engine = Engine(tiny_model(), None, num_slots=8)
    engine._end_ids = frozenset([STOP])
    monkeypatch.setattr("firstwords.engine.text.TextStream.push", lambda self, token: "")
    monkeypatch.setattr("firstwords.engine.text.TextStream.flush", lambda self: "")
    return engine


PROMPTS = [[1, 2, 3], [4], [5, 5, 2, 0, 1]]


@torch.no_grad()
def test_sampler_and_trainer_agree_on_every_chosen_token(engine) -> None:
    rollouts = sample_rollouts(engine, PROMPTS, 4, 10, seed=0, step=0)
    ours_N = torch.from_numpy(rollouts.sampler_logprobs_BT[rollouts.mask_BT])
    assert check_sampler(ours_N, trainer_logprobs(engine.model, rollouts)) < 1e-5


@torch.no_grad()
def test_weights_that_changed_unnoticed_are_noticed(engine) -> None:
    rollouts = sample_rollouts(engine, PROMPTS, 4, 10, seed=0, step=0)
    ours_N = torch.from_numpy(rollouts.sampler_logprobs_BT[rollouts.mask_BT])
    with pytest.raises(RuntimeError, match="disagree"):
        check_sampler(ours_N, trainer_logprobs(tiny_model(seed=1), rollouts))


def test_the_mask_covers_the_answer_and_its_stop_token_and_nothing_else(engine) -> None:
    rollouts = sample_rollouts(engine, PROMPTS, 4, 10, seed=3, step=1)
    assert rollouts.stopped_B.any() and not rollouts.stopped_B.all()
    for row, sequence in enumerate(rollouts.sequences):
        prompt = PROMPTS[row // 4]
        chosen = rollouts.targets_BT[row][rollouts.mask_BT[row]].tolist()
        assert [*prompt, *chosen] == sequence
        assert (chosen[-1] == STOP) == rollouts.stopped_B[row]
        assert STOP not in chosen[:-1]


def test_samples_depend_on_seed_step_and_row_alone(engine) -> None:
    one = sample_rollouts(engine, PROMPTS, 4, 10, seed=0, step=5)
    again = sample_rollouts(Engine(engine.model, None, num_slots=3), PROMPTS, 4, 10, seed=0, step=5)
    other = sample_rollouts(engine, PROMPTS, 4, 10, seed=0, step=6)
    cut = [s[: len(PROMPTS[i // 4]) + 10] for i, s in enumerate(again.sequences)]
    assert all(a == b[: len(a)] for a, b in zip(one.sequences, cut, strict=True))
    assert one.sequences != other.sequences


@torch.no_grad()
def test_probabilities_of_all_completions_sum_to_one() -> None:
    """S1 of the checklist: an off-by-one in the shift would break it."""
    model, prompt = tiny_model(), [2, 3]
    rows = [[*prompt, *rest] for rest in itertools.product(range(V), repeat=3)]
    ids_BT = torch.tensor(rows)
    mask_BT = torch.zeros(len(rows), 4, dtype=torch.bool)
    mask_BT[:, 1:] = True
    logprobs_N = token_logprobs(chosen_logits(model, ids_BT[:, :-1], mask_BT), ids_BT[:, 1:][mask_BT])
    total = logprobs_N.view(-1, 3).double().sum(1).exp().sum()
    np.testing.assert_allclose(float(total), 1.0, atol=1e-5)
