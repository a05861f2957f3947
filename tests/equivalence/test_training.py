"""Training does the same however its work is cut: micro-batches, packing, padding, and interruption."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from firstwords.data.packing import IGNORED
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.train.learner import Learner, OptimConfig
from firstwords.train.losses import next_token_loss

# Legend: B rows, T tokens of a row, V vocabulary.
B, T, V = 8, 24, 47


pytestmark = pytest.mark.usefixtures("one_thread")


def model_of(architecture: str = "Qwen3") -> Transformer:
    config = ModelConfig(
        vocab_size=V,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
        architecture=f"{architecture}ForCausalLM",
        qk_norm=architecture == "Qwen3",
        qkv_bias=architecture == "Qwen2",
    )
    model = Transformer(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def gradients(model: Transformer, batches: list[dict]) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    learner = Learner(model, OptimConfig())
    metrics = learner.forward_backward(batches, next_token_loss)
    return metrics, {name: p.grad.clone() for name, p in model.named_parameters()}


def assert_same_gradients(found: dict, expected: dict, tolerance: float = 2e-6) -> None:
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= tolerance * max(1.0, gradient.abs().max()), name


def rows_of(seed: int = 0) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(seed).integers(0, V, (B, T + 1))
    return {"inputs": rows[:, :-1].copy(), "targets": rows[:, 1:].copy()}


def unevenly_masked() -> dict[str, np.ndarray]:
    """From one supervised token in a row to all of them, and one row with none."""
    batch = rows_of()
    for row, kept in enumerate((1, 24, 0, 3, 17, 2, 24, 9)):
        batch["targets"][row, kept:] = IGNORED
    return batch


def cut(batch: dict[str, np.ndarray], sizes: list[int]) -> list[dict[str, np.ndarray]]:
    edges = np.cumsum([0, *sizes])
    return [{k: v[a:b] for k, v in batch.items()} for a, b in pairwise(edges)]


@pytest.mark.parametrize("sizes", [[4, 4], [1] * 8, [2, 1, 5], [7, 1], [2, 6]])
@pytest.mark.parametrize("make", [rows_of, unevenly_masked])
def test_accumulated_is_at_once(make, sizes):
    model, batch = model_of(), make()
    together, expected = gradients(model, [batch])
    model.zero_grad()
    parts, found = gradients(model, cut(batch, sizes))
    assert parts["tokens"] == together["tokens"]
    assert parts["loss"] == pytest.approx(together["loss"], rel=1e-5)
    assert_same_gradients(found, expected)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_three_accumulated_steps_are_three_steps_at_once(optimizer):
    once, parts = (Learner(model_of(), OptimConfig(optimizer=optimizer)) for _ in range(2))
    for step in range(3):
        batch = rows_of(step)
        batch["targets"][: step + 2, 5:] = IGNORED
        once.forward_backward([batch], next_token_loss)
        parts.forward_backward(cut(batch, [3, 1, 4]), next_token_loss)
        once.optim_step(1.0)
        parts.optim_step(1.0)
    for (name, a), b in zip(once.model.named_parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}")


def documents(seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, V, length + 1) for length in (5, 9, 1, 7)]  # 22 of 24 places, two of padding


def packed(texts: list[np.ndarray]) -> dict[str, np.ndarray]:
    """One row with all documents one after another, each with its own positions, then padding (segment 0)."""
    batch = {key: np.zeros((1, T), np.int64) for key in ("inputs", "targets", "positions", "segments")}
    batch["targets"][:] = IGNORED
    start = 0
    for number, text in enumerate(texts, start=1):
        part = np.s_[0, start : start + len(text) - 1]
        batch["inputs"][part], batch["targets"][part] = text[:-1], text[1:]
        batch["positions"][part], batch["segments"][part] = np.arange(len(text) - 1), number
        start += len(text) - 1
    return batch


def logits_of(model: Transformer, batch: dict[str, np.ndarray]) -> torch.Tensor:
    tensors = {key: torch.from_numpy(value) for key, value in batch.items()}
    with torch.no_grad():
        return model(tensors["inputs"], tensors.get("positions"), tensors.get("segments"))


@pytest.mark.parametrize("architecture", ["Qwen3", "Qwen2", "Llama"])
def test_packed_documents_compute_what_they_compute_alone(architecture):
    model, texts = model_of(architecture), documents()
    together, start = logits_of(model, packed(texts)), 0
    for text in texts:
        alone = logits_of(model, {"inputs": text[None, :-1]})
        torch.testing.assert_close(together[:, start : start + len(text) - 1], alone, rtol=1e-4, atol=1e-4)
        start += len(text) - 1


@pytest.mark.parametrize("changed", range(4))
def test_perturbing_one_document_moves_no_other(changed):
    """Exactly: a token of another document has weight zero, not a small one."""
    model, texts = model_of(), documents()
    before = logits_of(model, packed(texts))
    texts[changed] = (texts[changed] + 1 + np.arange(len(texts[changed])) % 5) % V
    after = logits_of(model, packed(texts))
    segments = torch.from_numpy(packed(texts)["segments"])
    for number in (0, 1, 2, 3, 4):
        moved = not torch.equal(before[segments == number], after[segments == number])
        assert moved == (number == changed + 1), f"document {number}"


def test_packed_gradients_are_the_sum_of_the_separate_ones():
    model, texts = model_of(), documents()
    metrics, found = gradients(model, [packed(texts)])
    model.zero_grad()
    separate = [{"inputs": text[None, :-1].copy(), "targets": text[None, 1:].copy()} for text in texts]
    expected_metrics, expected = gradients(model, separate)
    assert metrics["tokens"] == expected_metrics["tokens"] == 22
    assert metrics["loss"] == pytest.approx(expected_metrics["loss"], rel=1e-5)
    assert_same_gradients(found, expected)


def test_padding_is_neutral():
    """What stands in the padding changes neither loss nor gradients, and more of it neither."""
    model, batch = model_of(), packed(documents())
    metrics, expected = gradients(model, [batch])
    model.zero_grad()
    other = {key: value.copy() for key, value in batch.items()}
    other["inputs"][other["segments"] == 0] = V - 1
    wide = {
        key: np.pad(value, ((0, 2), (0, 16)), constant_values=IGNORED if key == "targets" else 0)
        for key, value in other.items()
    }
    for changed in (other, wide):
        again, found = gradients(model, [changed])
        model.zero_grad()
        assert again["tokens"] == metrics["tokens"] and again["loss"] == pytest.approx(metrics["loss"], rel=1e-6)
        assert_same_gradients(found, expected)
        assert all(torch.isfinite(gradient).all() for gradient in found.values())


def test_a_tail_of_padding_needs_no_mask_when_rows_are_causal():
    model, text = model_of(), documents()[1]
    alone = {"inputs": text[None, :-1].copy(), "targets": text[None, 1:].copy()}
    padded = {
        key: np.pad(value, ((0, 0), (0, 9)), constant_values=IGNORED if key == "targets" else 7)
        for key, value in alone.items()
    }
    metrics, expected = gradients(model, [alone])
    model.zero_grad()
    again, found = gradients(model, [padded])
    assert again["loss"] == pytest.approx(metrics["loss"], rel=1e-6)
    assert_same_gradients(found, expected)


def test_the_future_is_invisible():
    model, ids = model_of(), rows_of()["inputs"]
    before = logits_of(model, {"inputs": ids})
    changed = ids.copy()
    changed[:, 10:] = (changed[:, 10:] + 1) % V
    after = logits_of(model, {"inputs": changed})
    torch.testing.assert_close(before[:, :10], after[:, :10], rtol=0, atol=0)
    assert (before[:, 10:] != after[:, 10:]).any(-1).all()


def test_every_architecture_learns_by_heart():
    """The whole of a step works for all families: eight rows are learnt by heart in a hundred steps."""
    for architecture in ("Qwen3", "Qwen2", "Llama", "Mistral"):
        learner = Learner(model_of(architecture), OptimConfig())
        for _ in range(100):
            loss = learner.forward_backward([rows_of()], next_token_loss)["loss"]
            learner.optim_step(1.0)
        assert loss < 0.3, architecture
