"""Muon against a slow reference by singular values, and AdamW against PyTorch's."""

import math

import pytest
import torch
from torch import nn

from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.train.learner import OptimConfig, build_optimizers
from firstwords.train.optim import Muon, balance, orthogonalise, split_parameters

# Legend: P matrices of one shape, M rows, N columns.


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def exact(matrix_MN: torch.Tensor) -> torch.Tensor:
    """The nearest semi-orthogonal matrix, U V^T of the singular value decomposition."""
    U, _, Vh = torch.linalg.svd(matrix_MN.double(), full_matrices=False)
    return (U @ Vh).to(matrix_MN.dtype)


def spectral(matrix_MN: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix_MN, ord=2))


# -- orthogonalise -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("shape", [(16, 48), (48, 16), (32, 32), (1, 20), (20, 1), (1, 1)])
def test_orthogonalise_is_near_the_exact_polar_factor(shape, scale):
    matrix = scale * rand(*shape)
    found = orthogonalise(matrix[None])[0]
    assert found.shape == shape and found.dtype == matrix.dtype
    assert spectral(found - exact(matrix)) < 0.15


def test_singular_values_of_ill_conditioned_matrices_still_land_near_one():
    """The coefficients are made for values down to a thousandth of the largest."""
    U, V = torch.linalg.qr(rand(24, 24)).Q, torch.linalg.qr(rand(24, 24, seed=1)).Q
    matrix = U @ torch.diag(torch.logspace(-2.5, 0, 24)) @ V
    values = torch.linalg.svdvals(orthogonalise(matrix[None])[0])
    assert values.min() > 0.7 and values.max() < 1.3


def test_a_batch_is_its_matrices_one_by_one():
    batch_PMN = rand(5, 12, 20) * torch.tensor([1e-3, 1.0, 5.0, 100.0, 0.1]).view(5, 1, 1)
    together = orthogonalise(batch_PMN)
    for matrix, result in zip(batch_PMN, together, strict=True):
        torch.testing.assert_close(result, orthogonalise(matrix[None])[0], rtol=1e-4, atol=1e-5)


def test_tall_is_the_transpose_of_wide():
    torch.testing.assert_close(orthogonalise(rand(1, 30, 8)), orthogonalise(rand(1, 30, 8).mT).mT)


@pytest.mark.parametrize("shape", [(20, 32), (32, 20)])
def test_a_rank_deficient_matrix_is_orthogonal_within_its_rank(shape):
    """A zero matrix stays zero: rounding errors must not be scaled up to size one."""
    matrix = rand(shape[0], 3) @ rand(3, shape[1], seed=1)
    values = torch.linalg.svdvals(orthogonalise(matrix[None])[0])
    assert values[:3].min() > 0.7 and values[:3].max() < 1.3
    assert values[3:].max() < 0.1


def test_zeros_stay_zeros_also_beside_others():
    batch = torch.stack((torch.zeros(6, 9), rand(6, 9)))
    found = orthogonalise(batch)
    assert torch.count_nonzero(found[0]) == 0
    assert spectral(found[1] - exact(batch[1])) < 0.15


# -- Muon --------------------------------------------------------------------------------------------------------


class SlowMuon:
    """Muon written down as plainly as possible: one matrix, exact orthogonalisation, everything out of place."""

    def __init__(self, weight: torch.Tensor, lr: float, momentum: float, weight_decay: float) -> None:
        self.weight, self.lr, self.momentum, self.weight_decay = weight, lr, momentum, weight_decay
        self.buffer = torch.zeros_like(weight)

    def step(self, grad: torch.Tensor, orthogonal=exact) -> torch.Tensor:
        self.buffer = self.momentum * self.buffer + (1 - self.momentum) * grad
        looking_ahead = (1 - self.momentum) * grad + self.momentum * self.buffer
        update = orthogonal(looking_ahead)
        rows, columns = grad.shape
        size = math.sqrt(max(1.0, rows / columns))
        decay = torch.zeros_like(self.weight)
        for i in range(rows):
            for j in range(columns):
                if float(update[i, j]) * float(self.weight[i, j]) > 0:  # the update makes this weight smaller anyway
                    decay[i, j] = self.weight_decay * self.weight[i, j]
        self.weight = self.weight - self.lr * decay - self.lr * size * update
        return self.weight


SHAPES = [(6, 10), (10, 6), (6, 10), (8, 8)]  # two alike, so that batching by shape is exercised


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_five_steps_equal_the_slow_reference(weight_decay):
    """The same arithmetic, with the fast orthogonalisation in both: equal to rounding."""
    weights = [nn.Parameter(rand(*shape, seed=i)) for i, shape in enumerate(SHAPES)]
    slow = [SlowMuon(w.detach().clone(), 0.1, 0.9, weight_decay) for w in weights]
    muon = Muon(weights, lr=0.1, momentum=0.9, weight_decay=weight_decay)
    for step in range(5):
        for i, weight in enumerate(weights):
            weight.grad = rand(*weight.shape, seed=100 * step + i)
        muon.step()
        for weight, reference in zip(weights, slow, strict=True):
            expected = reference.step(weight.grad, orthogonal=lambda m: orthogonalise(m[None])[0])
            torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-5)


def test_a_step_stays_near_the_exact_method():
    weights = [nn.Parameter(rand(*shape, seed=i)) for i, shape in enumerate(SHAPES)]
    slow = [SlowMuon(w.detach().clone(), 0.1, 0.9, 0.0) for w in weights]
    muon = Muon(weights, lr=0.1, momentum=0.9)
    for i, weight in enumerate(weights):
        weight.grad = rand(*weight.shape, seed=50 + i)
    muon.step()
    for weight, reference in zip(weights, slow, strict=True):
        size = math.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
        assert spectral(weight.detach() - reference.step(weight.grad)) < 0.15 * 0.1 * size


@pytest.mark.parametrize(("shape", "size"), [((16, 64), 1.0), ((64, 16), 2.0), ((32, 32), 1.0)])
def test_the_first_update_has_singular_values_near_one_times_its_size(shape, size):
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = 1e-3 * rand(*shape)
    Muon([weight], lr=0.5).step()
    values = torch.linalg.svdvals(weight.detach()) / (0.5 * size)
    assert values.min() >= 0.7 and values.max() <= 1.3
    assert (weight.detach() * weight.grad).sum() < 0  # downhill


def test_cautious_decay_acts_only_where_it_agrees_with_the_update():
    weight = nn.Parameter(torch.tensor([[2.0, -2.0], [2.0, -2.0]]))
    start = weight.detach().clone()
    weight.grad = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])  # orthogonal already, up to its size
    undecayed = nn.Parameter(start.clone())
    undecayed.grad = weight.grad.clone()
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    Muon([undecayed], lr=0.1).step()
    decay = undecayed.detach() - weight.detach()
    expected = 0.1 * 0.5 * torch.tensor([[2.0, 0.0], [0.0, 0.0]])  # +2 with an update that lowers it
    torch.testing.assert_close(decay, expected, rtol=1e-4, atol=1e-6)


def test_a_rate_of_zero_moves_nothing_and_parameters_without_gradient_stay():
    weights = [nn.Parameter(rand(4, 6)), nn.Parameter(rand(4, 6, seed=1))]
    before = [w.detach().clone() for w in weights]
    weights[0].grad = rand(4, 6, seed=2)
    muon = Muon(weights, lr=0.0, weight_decay=0.1)
    muon.step()
    assert all(torch.equal(w, b) for w, b in zip(weights, before, strict=True))
    assert weights[1] not in muon.state
    muon.param_groups[0]["lr"] = 0.1
    muon.step()
    assert not torch.equal(weights[0], before[0]) and torch.equal(weights[1], before[1])


def test_the_state_has_one_buffer_of_the_known_name():
    weight = nn.Parameter(rand(4, 6))
    weight.grad = rand(4, 6, seed=1)
    muon = Muon([weight], lr=0.1, momentum=0.9)
    muon.step()
    assert set(muon.state[weight]) == {"momentum_buffer"}
    torch.testing.assert_close(muon.state[weight]["momentum_buffer"], 0.1 * weight.grad)


# -- NorMuon's balance -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (7, 7)])
def test_balance_equals_the_formula_written_out(shape):
    tall = shape[0] >= shape[1]
    means = [torch.zeros(shape[0], 1) if tall else torch.zeros(1, shape[1]) for _ in range(2)]
    reference = [0.0, 0.0]
    for step in range(4):
        updates = rand(2, *shape, seed=step) * torch.tensor([1.0, 30.0]).view(2, 1, 1)
        found = balance(updates, means, 0.9)
        for i, update in enumerate(updates):
            square = (update**2).mean(1 if tall else 0, keepdim=True)
            reference[i] = 0.9 * reference[i] + 0.1 * square
            corrected = update / (reference[i] / (1 - 0.9 ** (step + 1))).sqrt()
            expected = corrected * update.norm() / corrected.norm()
            torch.testing.assert_close(found[i], expected, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(means[i], reference[i])


def test_the_first_balanced_update_has_rows_of_one_size():
    updates = rand(1, 9, 4) * torch.linspace(0.1, 5.0, 9).view(1, 9, 1)
    norms = balance(updates, [torch.zeros(9, 1)], 0.95)[0].norm(dim=1)
    torch.testing.assert_close(norms, torch.full((9,), float(updates.norm() / 3)))


@pytest.mark.parametrize("flush_denormal", [False, True])
def test_balance_leaves_zeros_zero(flush_denormal):
    """The projections back into the stream begin at zero, so other matrices have no gradient in the first step.
    Training flushes denormal numbers to zero, which must not become a division by zero."""
    torch.set_flush_denormal(flush_denormal)
    updates = torch.zeros(2, 6, 3)
    updates[1, :2] = 1.0
    means = [torch.zeros(6, 1), torch.zeros(6, 1)]
    found = balance(updates, means, 0.95)
    torch.testing.assert_close(found, updates)
    assert torch.isfinite(balance(rand(2, 6, 3), means, 0.95)).all()
    torch.set_flush_denormal(False)


def test_a_balanced_step_keeps_the_norm_of_a_plain_one_and_its_own_state():
    plain, balanced = (nn.Parameter(torch.zeros(24, 8)) for _ in range(2))
    for weight, beta in ((plain, 0.0), (balanced, 0.95)):
        weight.grad = rand(24, 8) * torch.linspace(0.1, 3.0, 24).view(24, 1)
        muon = Muon([weight], lr=0.5, balance_beta=beta)
        muon.step()
    torch.testing.assert_close(balanced.norm(), plain.norm())
    assert not torch.equal(balanced, plain)
    assert {key: value.shape for key, value in muon.state[balanced].items()} == {
        "momentum_buffer": (24, 8),
        "row_mean_square": (24, 1),
    }


# -- which parameter goes where ----------------------------------------------------------------------------------


def model_of(tied: bool) -> Transformer:
    config = ModelConfig(
        vocab_size=31,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=16,
        tie_word_embeddings=tied,
        qkv_bias=True,
    )
    model = Transformer(config)
    model.init_weights(0)
    return model


@pytest.mark.parametrize("tied", [True, False])
def test_every_parameter_belongs_to_one_kind(tied):
    model = model_of(tied)
    names = {parameter: name for name, parameter in model.named_parameters()}
    matrices, tables, vectors = ({names[p] for p in kind} for kind in split_parameters(model))
    assert matrices | tables | vectors == set(names.values())
    assert len(matrices) + len(tables) + len(vectors) == len(names)
    assert tables == {"model.embed_tokens.weight"} | (set() if tied else {"lm_head.weight"})
    assert len(matrices) == 2 * 7 and all(".layers." in name and name.endswith("proj.weight") for name in matrices)
    assert all(name.endswith(("norm.weight", "bias")) for name in vectors)


def test_rates_and_decay_reach_the_right_parameters():
    model = model_of(False)
    config = OptimConfig(matrix_lr=0.3, table_lr=0.2, vector_lr=0.1, weight_decay=0.05)
    matrices, tables, vectors = split_parameters(model)
    for optimizer in ("muon", "adamw"):
        found = {}
        for one in build_optimizers(model, OptimConfig(**{**vars(config), "optimizer": optimizer})):
            assert isinstance(one, torch.optim.AdamW | Muon)
            for group in one.param_groups:
                assert group["peak_lr"] == group["lr"]
                found |= {p: (type(one).__name__, group["peak_lr"], group["weight_decay"]) for p in group["params"]}
        assert len(found) == len(list(model.parameters()))
        first = {"muon": "Muon", "adamw": "AdamW"}[optimizer]
        assert {found[p] for p in matrices} == {(first, 0.3, 0.05)}
        assert {found[p] for p in tables} == {("AdamW", 0.2, 0.05)}
        assert {found[p] for p in vectors} == {("AdamW", 0.1, 0.0)}


def test_adamw_is_pytorchs():
    """Every parameter follows Loshchilov & Hutter's update, written out here."""
    model = model_of(True)
    config = OptimConfig(optimizer="adamw", matrix_lr=0.01, table_lr=0.02, vector_lr=0.03, weight_decay=0.1)
    (adamw,) = build_optimizers(model, config)
    matrices, tables, vectors = split_parameters(model)
    rates = [(matrices, 0.01, 0.1), (tables, 0.02, 0.1), (vectors, 0.03, 0.0)]
    expected = {p: p.detach().double() for p in model.parameters()}
    m = {p: torch.zeros_like(e) for p, e in expected.items()}
    v = {p: torch.zeros_like(e) for p, e in expected.items()}
    for t in range(1, 4):
        for i, parameter in enumerate(expected):
            parameter.grad = rand(*parameter.shape, seed=10 * i + t)
        adamw.step()
        for parameters, lr, decay in rates:
            for p in parameters:
                grad = p.grad.double()
                m[p] = config.beta1 * m[p] + (1 - config.beta1) * grad
                v[p] = config.beta2 * v[p] + (1 - config.beta2) * grad**2
                m_hat, v_hat = m[p] / (1 - config.beta1**t), v[p] / (1 - config.beta2**t)
                expected[p] = expected[p] * (1 - lr * decay) - lr * m_hat / (v_hat.sqrt() + 1e-10)
    for p, e in expected.items():
        torch.testing.assert_close(p.detach().double(), e, rtol=1e-4, atol=1e-6)
