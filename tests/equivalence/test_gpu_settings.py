"""What a GPU run switches on, run on a CPU: bf16 computation with fp32 masters, torch.compile, fused head and loss."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from firstwords.data.packing import IGNORED
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.train.compiling import COMPILE_SECONDS
from firstwords.train.learner import Learner, OptimConfig, place, unplace
from firstwords.train.losses import fused_loss_and_gradient, next_token_loss

CONFIG = ModelConfig(
    vocab_size=97,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=32,
    max_position_embeddings=32,
)


def losses(precision: str, compile: str, packed: bool, steps: int = 4) -> tuple[list[float], Transformer]:
    model = Transformer(CONFIG)
    model.init_weights(1)
    place(model, "cpu", precision, compile)
    learner = Learner(model, OptimConfig(matrix_lr=0.01, table_lr=0.003))
    rng = np.random.default_rng(2)
    found = []
    for _ in range(steps):
        ids = rng.integers(0, 97, (4, 33)) // 8 * 8  # 13 different tokens: there is something to learn
        batch = {"inputs": np.ascontiguousarray(ids[:, :-1]), "targets": np.ascontiguousarray(ids[:, 1:])}
        if packed:
            batch["segments"] = np.repeat([[1, 2]], 16, axis=1).repeat(4, axis=0)
            batch["positions"] = np.tile(np.arange(16), (4, 2))
        found.append(learner.forward_backward([batch], next_token_loss)["loss"])
        learner.optim_step(1.0)
    return found, model


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler")
def test_compiled_equals_eager() -> None:
    """On rows of several texts each, as training has them."""
    eager, plain = losses("fp32", "no", packed=True)
    compiled, model = losses("fp32", "yes", packed=True)
    assert compiled == pytest.approx(eager, rel=1e-4)
    ids = torch.arange(20)[None]
    torch.testing.assert_close(unplace(model)(ids), plain(ids), rtol=1e-2, atol=1e-2)


def test_a_long_run_on_a_cpu_is_compiled_and_a_short_one_is_not(monkeypatch) -> None:
    def is_compiled(seconds: float, compile: str = "auto") -> bool:
        model = place(Transformer(CONFIG), "cpu", "fp32", compile, seconds)
        found = "hidden" in vars(model)
        unplace(model)
        return found

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert is_compiled(COMPILE_SECONDS) and is_compiled(0.0, "yes")
    assert not is_compiled(COMPILE_SECONDS - 1) and not is_compiled(1e6, "no")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not is_compiled(1e6)


def test_a_compiler_that_fails_is_done_without(monkeypatch, tmp_path) -> None:
    import torch._inductor.config as inductor

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch._dynamo.config, "suppress_errors", False)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing that was compiled before
    model = Transformer(CONFIG)
    model.init_weights(1)
    ids = torch.arange(20)[None]
    expected = model.hidden(ids).detach()
    with inductor.patch({"cpp.cxx": ("/bin/false",)}):
        place(model, "cpu", "fp32", seconds=COMPILE_SECONDS)
        torch.testing.assert_close(model.hidden(ids).detach(), expected)
    unplace(model)


def test_bf16_follows_fp32_and_keeps_fp32_masters() -> None:
    exact, _ = losses("fp32", "no", packed=False)
    rounded, model = losses("bf16", "no", packed=False)
    assert rounded == pytest.approx(exact, rel=0.02) and rounded != exact
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert model(torch.arange(20)[None]).dtype == torch.float32  # logits
    assert unplace(model).compute_dtype == torch.float32


def test_unplace_takes_the_compiler_away() -> None:
    model = Transformer(CONFIG)
    place(model, "cpu", "bf16", "yes")
    assert "hidden" in vars(model)
    assert "hidden" not in vars(unplace(model))


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler")
def test_compiled_head_and_loss_equals_eager() -> None:
    logits_RV = 3 * torch.randn(50, 97, generator=torch.Generator().manual_seed(0))
    targets_R = torch.arange(50)
    targets_R[::3] = IGNORED
    expected = fused_loss_and_gradient(logits_RV, targets_R)
    torch.compiler.set_stance("default")  # other tests may have switched the compiler off
    found = torch.compile(fused_loss_and_gradient, dynamic=False)(logits_RV, targets_R)
    torch.testing.assert_close(found, expected)


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler")
def test_another_number_of_threads_compiles_nothing_anew(monkeypatch) -> None:
    model = Transformer(CONFIG)
    model.init_weights(1)
    ids = torch.arange(20)[None]
    expected = model.hidden(ids).detach()
    place(model, "cpu", "fp32", "yes")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        model.hidden(ids).sum().backward()
        torch.set_num_threads(2)
        with torch.compiler.set_stance("fail_on_recompile"):
            torch.testing.assert_close(model.hidden(ids).detach(), expected)
    finally:
        torch.set_num_threads(before)
        unplace(model)


def test_no_compiler_means_none_for_the_loss_either() -> None:
    def function(x: torch.Tensor) -> bool:
        return torch.compiler.is_compiling()

    place(Transformer(CONFIG), "cpu", "fp32", "no")
    assert torch.compile(function, backend="eager")(torch.zeros(1)) is False
    place(Transformer(CONFIG), "cpu", "fp32", "auto")
    assert torch.compile(function, backend="eager")(torch.zeros(1)) is True
