"""The same code on a GPU. Skipped where there is none; FIRSTWORDS_TEST_GPU=cpu runs it on a processor to try the tests.

pytest tests/gpu
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords.data.packing import IGNORED
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.config import ModelConfig
from firstwords.model.hub import load_model, save_model, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.train import checkpoint
from firstwords.train.learner import Learner, OptimConfig, place, unplace
from firstwords.train.losses import linear_cross_entropy, next_token_loss

DEVICE = os.environ.get("FIRSTWORDS_TEST_GPU") or ("cuda" if torch.cuda.is_available() else "")
pytestmark = pytest.mark.skipif(not DEVICE, reason="needs a GPU")
V = 515
CONFIG = ModelConfig(
    vocab_size=V,
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=3,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=64,
    max_position_embeddings=256,
)


def model_of(seed: int = 0, spread: float = 0.1) -> Transformer:
    """Random weights that are spread enough for every part to count."""
    model, generator = Transformer(CONFIG), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if name.endswith("norm.weight") else spread * noise)
    return model


def batch_of(seed: int, rows: int = 8, context: int = 64, packed: bool = False) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(seed).integers(0, V // 8, (rows, context + 1)) * 8
    batch = {"inputs": np.ascontiguousarray(ids[:, :-1]), "targets": np.ascontiguousarray(ids[:, 1:])}
    if packed:
        half = context // 2
        batch["segments"] = np.repeat([[1, 2]], half, axis=1).repeat(rows, axis=0)
        batch["positions"] = np.tile(np.arange(half), (rows, 2))
        batch["targets"][:, ::3] = IGNORED
    return batch


def trained(device: str, precision: str, compile: str, packed: bool = False, steps: int = 10) -> list[float]:
    model = Transformer(CONFIG)
    model.init_weights(1)
    place(model, device, precision, compile)
    learner = Learner(model, OptimConfig(matrix_lr=0.01, table_lr=0.003, vector_lr=0.003), device)
    found = []
    for step in range(steps):
        found.append(learner.forward_backward([batch_of(step, packed=packed)], next_token_loss)["loss"])
        learner.optim_step(1.0)
    unplace(model)
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_loss_and_gradients_are_those_of_a_processor(packed: bool) -> None:
    batch = {key: torch.from_numpy(value) for key, value in batch_of(3, packed=packed).items()}
    here, there = model_of(), model_of().to(DEVICE)
    expected = next_token_loss(here, batch)
    found = next_token_loss(there, {key: value.to(DEVICE) for key, value in batch.items()})
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-5)
    expected.backward()
    found.backward()
    for (name, ours), theirs in zip(there.named_parameters(), here.parameters(), strict=True):
        largest = theirs.grad.abs().max()
        assert (ours.grad.cpu() - theirs.grad).abs().max() <= 1e-4 * largest, name


@pytest.mark.parametrize("rows", [1, 100, 4097])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_head_and_loss_in_one_are_those_of_torch(rows: int, dtype: torch.dtype, monkeypatch) -> None:
    monkeypatch.setattr("firstwords.train.losses.GPU_CHUNK_ELEMENTS", 512 * V)  # a last chunk that is not full
    generator = torch.Generator().manual_seed(rows)
    x_RD = torch.randn(rows, 128, generator=generator).to(DEVICE, dtype).requires_grad_()
    weight_VD = (0.3 * torch.randn(V, 128, generator=generator)).to(DEVICE).requires_grad_()
    targets_R = torch.randint(0, V, (rows,), generator=generator).to(DEVICE)
    targets_R[1::4] = IGNORED
    exact = [t.detach().to(dtype).double().requires_grad_() for t in (x_RD, weight_VD)]
    expected = torch.nn.functional.cross_entropy(exact[0] @ exact[1].T, targets_R, reduction="sum")
    found = linear_cross_entropy(x_RD, weight_VD, targets_R)
    rounding = 1e-5 if dtype == torch.float32 else 2e-2
    assert abs(found.item() - expected.item()) <= rounding * expected.item()
    ours, theirs = torch.autograd.grad(found, (x_RD, weight_VD)), torch.autograd.grad(expected, exact)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.double() - other).norm() <= rounding * other.norm()


@pytest.mark.parametrize("packed", [False, True])
def test_training_goes_as_on_a_processor(packed: bool) -> None:
    expected = trained("cpu", "fp32", "no", packed)
    assert expected[-1] < expected[0] - 0.3  # it learns, so equal losses say something
    assert trained(DEVICE, "fp32", "no", packed) == pytest.approx(expected, rel=1e-3)
    assert trained(DEVICE, "bf16", "auto", packed) == pytest.approx(expected, rel=2e-2)


def test_the_engine_says_what_it_says_on_a_processor() -> None:
    here, there = model_of().requires_grad_(False), model_of().to(DEVICE).requires_grad_(False)
    prompts = [torch.randint(3, V, (n,), generator=torch.Generator().manual_seed(n)).tolist() for n in (1, 9, 40, 90)]
    prompts += [[*prompts[2][:30], 7, 8, 9]]  # a beginning that is in the cache already
    greedy, drawn = SamplingParams(max_tokens=40, temperature=0.0), SamplingParams(max_tokens=40, seed=5, top_p=0.9)
    for params in (greedy, drawn):
        expected = [one.ids for one in Engine(here, num_slots=3).generate(prompts, params)]
        assert [one.ids for one in Engine(there, num_slots=3).generate(prompts, params)] == expected
    alone = [Engine(there, num_slots=1).generate([prompt], greedy)[0].ids for prompt in prompts]
    assert alone == [one.ids for one in Engine(here, num_slots=1).generate(prompts, greedy)]


def test_a_model_that_was_trained_there_is_saved_and_read_here(tmp_path: Path) -> None:
    model = model_of().to(DEVICE)
    save_model(model, tmp_path)
    for device in ("cpu", DEVICE):
        assert weights_hash(load_model(tmp_path, device=device)) == weights_hash(model)


def test_a_resumed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def begin() -> Learner:
        model = Transformer(CONFIG)
        model.init_weights(1)
        place(model, DEVICE, "bf16", "no")
        return Learner(model, OptimConfig(matrix_lr=0.01, table_lr=0.003, vector_lr=0.003), DEVICE)

    def go_on(learner: Learner, steps: range) -> list[float]:
        found = []
        for step in steps:
            found.append(learner.forward_backward([batch_of(step)], next_token_loss)["loss"])
            learner.optim_step(1.0)
        return found

    whole = go_on(begin(), range(6))
    first = begin()
    go_on(first, range(3))
    checkpoint.save(tmp_path, 3, first, {"tokens": 0})
    second = begin()
    assert checkpoint.load_latest(tmp_path, second)["step"] == 3
    assert go_on(second, range(3, 6)) == pytest.approx(whole[3:], rel=1e-3)
