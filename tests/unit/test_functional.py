"""Hand-written gradients of rms_norm, rotate and swiglu: against plain formulas and finite differences."""

import pytest
import torch
import torch.nn.functional as F

from firstwords.model import functional
from firstwords.model.config import ModelConfig
from firstwords.model.functional import normalise, rms_norm, rotate, swiglu
from firstwords.model.transformer import rope_tables

# Legend: B rows, T tokens, H heads, N head size; the last axis is normalised, rotated or gated.


def rand(*shape: int, seed: int = 0, dtype=torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()


def plain_norm(x, weight, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight


def plain_rotate(x, cos, sin):
    """Each pair (i, i + half) turned by its angle, as a product of complex numbers."""
    half = x.shape[-1] // 2
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.complex(cos, sin)
    return torch.cat((turned.real, turned.imag), -1)


def plain_swiglu(gate, up):
    return gate * torch.sigmoid(gate) * up


def assert_same(found, expected, inputs) -> None:
    """Equal in value, and in the gradient of every input under one random cotangent."""
    torch.testing.assert_close(found, expected)
    cotangent = rand(*expected.shape, seed=99).detach()
    ours = torch.autograd.grad(found, inputs, cotangent)
    theirs = torch.autograd.grad(expected, inputs, cotangent)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("eps", [1e-6, 0.5])  # the second is so large that its place shows
@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 5, 64)])
def test_rms_norm_is_its_formula(shape, eps):
    x, weight = rand(*shape), rand(shape[-1], seed=1)
    assert_same(rms_norm(x, weight, eps), plain_norm(x, weight, eps), (x, weight))


def test_rms_norm_with_a_gain_for_every_head():
    x, gains = rand(2, 5, 6, 16), rand(6, 16, seed=1)
    assert_same(rms_norm(x, gains, 1e-6), plain_norm(x, gains, 1e-6), (x, gains))


def test_rms_norm_of_a_slice_that_is_not_contiguous():
    whole, gains = rand(2, 5, 8, 16), rand(6, 16, seed=1)
    found, expected = rms_norm(whole[:, :, :6], gains, 1e-6), plain_norm(whole[:, :, :6], gains, 1e-6)
    assert_same(found, expected, (whole, gains))


def test_rms_norm_of_zeros_is_zero_with_a_finite_gradient():
    x, weight = torch.zeros(2, 8, requires_grad=True), torch.ones(8, requires_grad=True)
    out = rms_norm(x, weight, 1e-6)
    out.sum().backward()
    assert torch.count_nonzero(out) == 0
    torch.testing.assert_close(x.grad, torch.full_like(x, 1e3))  # 1 / sqrt(eps)


def test_rms_norm_in_half_precision_computes_in_full():
    x, weight = (1000 * rand(4, 64)).detach().half(), rand(64, seed=1).detach()
    found = rms_norm(x, weight, 1e-6)  # squares of 1000 exceed the largest fp16 number
    assert found.dtype == torch.float16 and torch.isfinite(found).all()
    torch.testing.assert_close(found.float(), plain_norm(x.float(), weight, 1e-6), rtol=5e-3, atol=5e-3)


def angles(T: int, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    turns = torch.linspace(-4, 4, T * half).view(1, T, 1, half)
    return turns.cos(), turns.sin()


def test_rotate_is_a_turn_of_every_pair():
    x = rand(2, 5, 3, 8)
    cos, sin = angles(5, 4)
    assert_same(rotate(x, cos, sin), plain_rotate(x, cos, sin), (x,))
    torch.testing.assert_close(rotate(x, cos, sin).norm(dim=-1), x.norm(dim=-1))


def test_rotate_of_a_slice_and_of_positions_by_row():
    whole = rand(2, 5, 6, 8)
    turns = torch.linspace(-4, 4, 2 * 5 * 4).view(2, 5, 1, 4)
    found = rotate(whole[:, :, 1:4], turns.cos(), turns.sin())
    assert_same(found, plain_rotate(whole[:, :, 1:4], turns.cos(), turns.sin()), (whole,))


def test_products_of_rotated_queries_and_keys_depend_on_the_distance_only():
    config = ModelConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
    )
    cos, sin = (tables[0] for tables in rope_tables(config))
    q, k = rand(16).detach(), rand(16, seed=1).detach()

    def product(at: int, seen: int) -> float:
        return float(rotate(q, cos[at], sin[at]) @ rotate(k, cos[seen], sin[seen]))

    assert product(10, 3) == pytest.approx(product(50, 43), abs=1e-4)
    assert product(10, 3) != pytest.approx(product(10, 4), abs=1e-2)


def test_swiglu_is_its_formula():
    gate, up = rand(2, 5, 12), rand(2, 5, 12, seed=1)
    assert_same(swiglu(gate, up), plain_swiglu(gate, up), (gate, up))
    whole = rand(2, 5, 24)
    halves = whole.chunk(2, -1)
    assert_same(swiglu(*halves), plain_swiglu(*halves), (whole,))


def test_gradients_agree_with_finite_differences():
    """In float64 with direct calls: the public functions use these only for fp32 on a CPU."""
    double = torch.float64
    cos, sin = (table.double() for table in angles(3, 2))
    check = torch.autograd.gradcheck
    x = rand(2, 3, 2, 4, dtype=double)
    assert check(lambda x: functional._Normalise.apply(x, 0.1), (x,))
    assert check(lambda x: functional._Rotate.apply(x, cos, sin), (x,))
    assert check(functional._SwiGLU.apply, (x, rand(2, 3, 2, 4, seed=1, dtype=double)))


def test_the_plain_formulas_of_compiled_and_gpu_runs_are_the_same(monkeypatch):
    """Where the compiler fuses, the plain branch runs; on this CPU it is reached by saying so."""
    x, weight, gate, up = rand(2, 5, 3, 8), rand(8, seed=1), rand(4, 6), rand(4, 6, seed=1)
    cos, sin = angles(5, 4)
    ours = normalise(x, 0.5), rms_norm(x, weight, 0.5), rotate(x, cos, sin), swiglu(gate, up)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    plain = normalise(x, 0.5), rms_norm(x, weight, 0.5), rotate(x, cos, sin), swiglu(gate, up)
    assert "Normalise" in ours[0].grad_fn.name() and "Normalise" not in plain[0].grad_fn.name()
    for a, b, inputs in zip(ours, plain, ((x,), (x, weight), (x,), (gate, up)), strict=True):
        assert_same(a, b, inputs)


def test_silu_is_what_pytorch_calls_silu():
    gate = rand(50)
    torch.testing.assert_close(swiglu(gate, torch.ones(50)), F.silu(gate))
