"""The fused head and cross-entropy against `F.cross_entropy`, in value and gradients, whatever the chunk."""

import pytest
import torch
import torch.nn.functional as F

from firstwords.data.packing import IGNORED
from firstwords.rlhf.losses import entropy, exact_kl
from firstwords.train import losses
from firstwords.train.losses import linear_cross_entropy, next_token_loss, token_logprobs

# Legend: R rows of a flattened batch, D hidden, V vocabulary.
R, D, V = 50, 24, 37


pytestmark = pytest.mark.usefixtures("one_thread")


def example(ignored: str = "some") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x_RD, weight_VD = torch.randn(R, D, generator=generator), torch.randn(V, D, generator=generator)
    targets_R = torch.randint(0, V, (R,), generator=generator)
    if ignored == "some":
        targets_R[::3] = IGNORED
    elif ignored == "first chunk":
        targets_R[:12] = IGNORED
    elif ignored == "all":
        targets_R[:] = IGNORED
    return x_RD.requires_grad_(), weight_VD.requires_grad_(), targets_R


def gradients(loss: torch.Tensor, *tensors: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss * 0.7, tensors))  # a factor, as when dividing by the tokens


@pytest.mark.parametrize("ignored", ["none", "some", "first chunk"])
@pytest.mark.parametrize("rows", [1, 7, 12, 49, 50, 1000])
def test_value_and_gradients_for_every_chunk_size(rows, ignored, monkeypatch):
    monkeypatch.setattr(losses, "CHUNK_ELEMENTS", rows * V)
    x_RD, weight_VD, targets_R = example(ignored)
    expected = F.cross_entropy(x_RD @ weight_VD.T, targets_R, reduction="sum", ignore_index=IGNORED)
    found = linear_cross_entropy(x_RD, weight_VD, targets_R)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    pairs = zip(gradients(found, x_RD, weight_VD), gradients(expected, x_RD, weight_VD), ("x", "weight"), strict=True)
    for ours, theirs, name in pairs:
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max(), name


def test_a_chunk_smaller_than_one_row_still_takes_one_row(monkeypatch):
    monkeypatch.setattr(losses, "CHUNK_ELEMENTS", V // 2)
    x_RD, weight_VD, targets_R = example()
    expected = F.cross_entropy(x_RD @ weight_VD.T, targets_R, reduction="sum")
    torch.testing.assert_close(linear_cross_entropy(x_RD, weight_VD, targets_R), expected)


def test_no_supervised_token_is_a_loss_of_zero_with_zero_gradients():
    x_RD, weight_VD, targets_R = example("all")
    loss = linear_cross_entropy(x_RD, weight_VD, targets_R)
    assert loss.item() == 0.0
    for gradient in gradients(loss, x_RD, weight_VD):
        assert torch.count_nonzero(gradient) == 0 and torch.isfinite(gradient).all()


def test_no_rows_at_all():
    _, weight_VD, _ = example()
    loss = linear_cross_entropy(torch.zeros(0, D), weight_VD, torch.zeros(0, dtype=torch.int64))
    assert loss.item() == 0.0


def test_ignored_rows_receive_exactly_no_gradient():
    x_RD, weight_VD, targets_R = example()
    (gradient,) = gradients(linear_cross_entropy(x_RD, weight_VD, targets_R), x_RD)
    assert torch.count_nonzero(gradient[targets_R == IGNORED]) == 0
    assert (gradient[targets_R != IGNORED].abs().sum(1) > 0).all()


@pytest.mark.parametrize("trained", ["x", "weight"])
def test_each_input_may_be_frozen(trained):
    x_RD, weight_VD, targets_R = example()
    frozen = {"x": (x_RD, weight_VD.detach()), "weight": (x_RD.detach(), weight_VD)}[trained]
    leaf = x_RD if trained == "x" else weight_VD
    (expected,) = gradients(F.cross_entropy(frozen[0] @ frozen[1].T, targets_R, reduction="sum"), leaf)
    (found,) = gradients(linear_cross_entropy(*frozen, targets_R), leaf)
    torch.testing.assert_close(found, expected)


def test_logits_far_from_zero_do_not_overflow():
    x_RD, weight_VD, targets_R = example("none")
    with torch.no_grad():
        expected = F.cross_entropy(100 * x_RD @ weight_VD.T, targets_R, reduction="sum")
        found = linear_cross_entropy(100 * x_RD, weight_VD, targets_R)
    assert torch.isfinite(found)
    torch.testing.assert_close(found, expected)


def test_half_precision_adds_up_hundreds_of_chunks_in_full_precision(monkeypatch):
    """bf16 has 8 bits: a sum of 512 chunks kept in it would be several per cent off."""
    monkeypatch.setattr(losses, "CHUNK_ELEMENTS", 4 * V)
    generator = torch.Generator().manual_seed(0)
    x_RD = torch.randn(2048, D, generator=generator).bfloat16()
    weight_VD = (0.2 * torch.randn(V, D, generator=generator)).requires_grad_()
    targets_R = torch.randint(0, V, (2048,), generator=generator)
    exact_VD = weight_VD.detach().bfloat16().double().requires_grad_()
    (expected,) = gradients(F.cross_entropy(x_RD.double() @ exact_VD.T, targets_R, reduction="sum"), exact_VD)
    (found,) = gradients(linear_cross_entropy(x_RD, weight_VD, targets_R), weight_VD)
    assert found.dtype == weight_VD.dtype
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_next_token_loss_is_the_cross_entropy_of_the_models_logits():
    class Toy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(torch.randn(V, D, generator=torch.Generator().manual_seed(3)))
            self.seen = None

        @property
        def head_weight(self):
            return self.table

        def hidden(self, ids_BT, positions_BT=None, segments_BT=None):
            self.seen = (positions_BT, segments_BT)
            return self.table[ids_BT]

    model = Toy()
    inputs, targets = torch.arange(12).view(2, 6), torch.arange(20, 32).view(2, 6)
    targets[1, 2] = IGNORED
    batch = {"inputs": inputs, "targets": targets, "positions": inputs % 5, "segments": inputs % 2}
    expected = F.cross_entropy((model.table[inputs] @ model.table.T).flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(next_token_loss(model, batch), expected)
    assert model.seen[0] is batch["positions"] and model.seen[1] is batch["segments"]
    torch.testing.assert_close(next_token_loss(model, {"inputs": inputs, "targets": targets}), expected)
    assert model.seen == (None, None)


def test_token_logprobs_are_the_log_softmax_picked():
    logits_BTV = 5 * torch.randn(3, 4, V, generator=torch.Generator().manual_seed(1))
    ids_BT = torch.randint(0, V, (3, 4), generator=torch.Generator().manual_seed(2))
    found = token_logprobs(logits_BTV, ids_BT)
    expected = torch.log_softmax(logits_BTV.double(), -1).gather(2, ids_BT[..., None])[..., 0]
    assert found.shape == (3, 4) and (found < 0).all()
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_token_logprobs_of_half_precision_are_computed_in_full():
    logits_BTV = torch.randn(1, 2, V, generator=torch.Generator().manual_seed(1)).bfloat16()
    found = token_logprobs(logits_BTV, torch.tensor([[3, 4]]))
    expected = torch.log_softmax(logits_BTV.float(), -1)[0, [0, 1], [3, 4]]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_token_terms_are_logprob_kl_and_entropy_with_their_gradients(rows, monkeypatch):
    monkeypatch.setattr(losses, "CHUNK_ELEMENTS", rows * V)
    generator = torch.Generator().manual_seed(3)
    logits_NV, ref_NV = (3 * torch.randn(R, V, generator=generator, dtype=torch.float64) for _ in range(2))
    targets_N = torch.randint(0, V, (R,), generator=generator)
    weights_2N = torch.randn(2, R, generator=generator, dtype=torch.float64)
    found, expected = logits_NV.clone().requires_grad_(), logits_NV.clone().requires_grad_()
    ours = losses.token_terms(found, ref_NV, targets_N)
    eager = (token_logprobs64(expected, targets_N), exact_kl(expected, ref_NV), entropy(expected))
    for one, other in zip(ours, eager, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    for terms in (ours, eager):
        (weights_2N[0] * terms[0] + weights_2N[1] * terms[1]).sum().backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-10)
    assert expected.grad.abs().max() > 0.1 and not ours[2].requires_grad


def token_logprobs64(logits_NV, targets_N):
    return torch.log_softmax(logits_NV, -1).gather(1, targets_N[:, None])[:, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ignored", ["none", "some", "all"])
def test_what_gpus_compile_is_the_same_function(ignored, dtype):
    x_RD, weight_VD, targets_R = example(ignored)
    logits_RV = (x_RD @ weight_VD.T).detach().to(dtype)
    loss, grad = losses.fused_loss_and_gradient(logits_RV.clone(), targets_R)
    expected, expected_grad = losses.loss_and_gradient(logits_RV.clone(), targets_R)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)
    assert grad.dtype == dtype
