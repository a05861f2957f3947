"""The training verbs: what a step divides by, what it skips, when it gives up."""

import math

import numpy as np
import pytest
import torch

from firstwords.config import UserError
from firstwords.data.packing import IGNORED
from firstwords.model.config import ModelConfig
from firstwords.model.hub import weights_hash
from firstwords.model.transformer import Transformer
from firstwords.train.learner import MAX_SKIPPED_IN_A_ROW, Learner, OptimConfig
from firstwords.train.losses import next_token_loss

B, T, V = 4, 12, 31


pytestmark = pytest.mark.usefixtures("one_thread")


def learner_of(optimizer: str = "muon", **changes) -> Learner:
    config = ModelConfig(
        vocab_size=V,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=T,
    )
    model = Transformer(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return Learner(model, OptimConfig(optimizer=optimizer, **changes))


def batch_of(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, V, (B, T + 1))
    return {"inputs": rows[:, :-1].copy(), "targets": rows[:, 1:].copy()}


def nan_loss(model, batch):
    return next_token_loss(model, batch) * float("nan")


def nan_gradient(model, batch):
    """A finite loss whose gradient is not: sqrt at zero."""
    return next_token_loss(model, batch) + (model.head_weight.sum() * 0).sqrt() * 0


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_the_loss_is_the_mean_over_supervised_tokens_and_goes_down(optimizer):
    learner = learner_of(optimizer)
    batch = batch_of()
    batch["targets"][:, ::2] = IGNORED
    logits_BTV = learner.model(torch.from_numpy(batch["inputs"]))
    expected = torch.nn.functional.cross_entropy(
        logits_BTV.flatten(0, 1), torch.from_numpy(batch["targets"]).flatten(), ignore_index=IGNORED
    )
    losses = []
    for _ in range(20):
        metrics = learner.forward_backward([batch], next_token_loss)
        assert metrics["tokens"] == B * T // 2
        losses.append(metrics["loss"])
        learner.optim_step(1.0)
    assert losses[0] == pytest.approx(expected.item(), rel=1e-5)
    assert losses[-1] < 0.5 * losses[0]


def test_two_calls_add_their_gradients():
    once, twice = learner_of(), learner_of()
    once.forward_backward([batch_of()], next_token_loss)
    twice.forward_backward([batch_of()], next_token_loss)
    twice.forward_backward([batch_of()], next_token_loss)
    for a, b in zip(once.model.parameters(), twice.model.parameters(), strict=True):
        torch.testing.assert_close(2 * a.grad, b.grad)


def infinite_loss(model, batch):
    """A loss that is not finite, with a gradient that is."""
    return next_token_loss(model, batch) + float("inf")


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("bad", [nan_loss, nan_gradient, infinite_loss])
def test_a_step_that_is_not_finite_changes_nothing(bad, optimizer):
    """Skipped and counted; the run afterwards is the run that never saw it."""
    learner, untouched = learner_of(optimizer), learner_of(optimizer)
    for one in (learner, untouched):
        one.forward_backward([batch_of(1)], next_token_loss)
        one.optim_step(1.0)
    before = weights_hash(learner.model)
    metrics = learner.forward_backward([batch_of(2)], bad)
    metrics |= learner.optim_step(1.0)
    assert metrics["skipped"] == 1 and learner.num_skipped == 1
    assert weights_hash(learner.model) == before
    for one in (learner, untouched):
        one.forward_backward([batch_of(3)], next_token_loss)
        after = one.optim_step(1.0)
    assert after["skipped"] == 0 and learner.num_skipped == 1
    assert weights_hash(learner.model) == weights_hash(untouched.model) != before


def test_one_bad_micro_batch_spoils_its_step_only():
    learner = learner_of()
    before = weights_hash(learner.model)

    def bad_once(model, batch):
        loss = next_token_loss(model, batch)
        return loss * float("inf") if int(batch["inputs"][0, 0]) == int(batch_of(2)["inputs"][0, 0]) else loss

    metrics = learner.forward_backward([batch_of(1), batch_of(2)], bad_once)
    assert not math.isfinite(metrics["loss"])
    assert learner.optim_step(1.0)["skipped"] == 1 and weights_hash(learner.model) == before


def test_a_run_of_bad_steps_stops_with_advice():
    learner = learner_of()
    for _ in range(MAX_SKIPPED_IN_A_ROW - 1):
        learner.forward_backward([batch_of()], nan_loss)
        learner.optim_step(1.0)
    learner.forward_backward([batch_of()], nan_loss)
    with pytest.raises(UserError, match=f"{MAX_SKIPPED_IN_A_ROW} steps in a row.*smaller learning rate"):
        learner.optim_step(1.0)
    assert MAX_SKIPPED_IN_A_ROW == 8


def test_a_good_step_starts_the_count_anew():
    learner = learner_of()
    for _ in range(3):
        for loss in [nan_loss] * (MAX_SKIPPED_IN_A_ROW - 1) + [next_token_loss]:
            learner.forward_backward([batch_of()], loss)
            learner.optim_step(0.1)
    assert learner.num_skipped == 3 * (MAX_SKIPPED_IN_A_ROW - 1)


def test_the_fraction_scales_every_rate():
    learner = learner_of(matrix_lr=0.4, table_lr=0.2, vector_lr=0.1)
    learner.forward_backward([batch_of()], next_token_loss)
    learner.optim_step(0.25)
    rates = [group["lr"] for optimizer in learner.optimizers for group in optimizer.param_groups]
    assert rates == pytest.approx([0.1, 0.05, 0.025])
    before = weights_hash(learner.model)
    learner.forward_backward([batch_of()], next_token_loss)
    learner.optim_step(0.0)
    assert weights_hash(learner.model) == before


def test_clipping_bounds_the_gradients_of_adamw_and_leaves_muons(monkeypatch):
    learner = learner_of(clip=0.01)
    learner.forward_backward([batch_of()], next_token_loss)
    matrix = learner.model.model.layers[0].mlp.up_proj.weight
    whole = matrix.grad.clone()
    full_norm = torch.sqrt(sum((p.grad**2).sum() for p in learner.model.parameters()))
    seen = []
    for optimizer in learner.optimizers:
        grads = [p for group in optimizer.param_groups for p in group["params"]]
        norm = lambda grads=grads: torch.sqrt(sum((p.grad**2).sum() for p in grads)).item()  # noqa: E731
        monkeypatch.setattr(optimizer, "step", lambda norm=norm: seen.append((norm(), matrix.grad.clone())))
    metrics = learner.optim_step(1.0)
    assert metrics["grad_norm"] == pytest.approx(full_norm.item(), rel=1e-5)  # as it was before clipping
    (muon_norm, matrix_grad), (adamw_norm, _) = seen
    assert muon_norm > 0.1 and torch.equal(matrix_grad, whole)
    assert adamw_norm == pytest.approx(0.01, rel=1e-3)


def test_a_batch_without_supervised_tokens_is_harmless():
    learner = learner_of()
    batch = batch_of()
    batch["targets"][:] = IGNORED
    before = weights_hash(learner.model)
    assert learner.forward_backward([batch], next_token_loss) == {"loss": 0.0, "tokens": 0, "processed": 48}
    assert learner.optim_step(1.0)["skipped"] == 0
    assert weights_hash(learner.model) == before


def test_the_state_is_named_after_the_parameters():
    muon, adamw = learner_of("muon"), learner_of("adamw")
    for learner in (muon, adamw):
        learner.forward_backward([batch_of()], next_token_loss)
        learner.optim_step(1.0)
    names = {name for name, _ in muon.model.named_parameters()}
    assert set(muon.state_dict()["optimizers"]) == names == set(adamw.state_dict()["optimizers"])
    matrix = "model.layers.1.self_attn.q_proj.weight"
    assert set(muon.state_dict()["optimizers"][matrix]) == {"momentum_buffer"}
    assert set(adamw.state_dict()["optimizers"][matrix]) == {"step", "exp_avg", "exp_avg_sq"}


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(UserError, match=r"adam-w.*muon"):
        learner_of("adam-w")
