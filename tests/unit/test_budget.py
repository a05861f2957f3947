"""The planner is a pure function, so its choices are written down as a table."""

from __future__ import annotations

import pytest

from firstwords.config import UserError
from firstwords.plan.budget import LADDER, MIN_STEPS, WORLD_LEAST, Machine, batch_tokens, micro_tokens, momentum, plan

LAPTOP = Machine(training_gflops={64: 40.0, 128: 75.0, 256: 85.0})
GPU = Machine(device="cuda", precision="bf16", training_gflops={256: 60e3, 768: 350e3, 1536: 420e3})


@pytest.mark.parametrize(
    ("machine", "minutes", "width", "layers", "vocab"),
    [
        (LAPTOP, 1, 64, 4, 1024),
        (LAPTOP, 4, 128, 2, 3072),
        (LAPTOP, 10, 128, 4, 3072),
        (LAPTOP, 48, 192, 4, 3072),
        (LAPTOP, 18 * 60, 320, 6, 4096),
        (GPU, 10, 640, 10, 16384),
        (GPU, 42, 768, 12, 32768),
        (GPU, 7 * 60, 1280, 20, 32768),
    ],
)
def test_table(machine: Machine, minutes: float, width: int, layers: int, vocab: int) -> None:
    shape = plan(minutes * 60, machine).shape
    assert (shape.hidden_size, shape.num_hidden_layers, shape.vocab_size) == (width, layers, vocab)


def test_more_time_never_means_a_smaller_model() -> None:
    sizes = [plan(minutes * 60, LAPTOP).shape.num_matmul_params for minutes in (0.2, 1, 3, 10, 30, 100, 1000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 4


def test_tokens_a_parameter_stay_near_the_best() -> None:
    for machine, best in ((LAPTOP, 8), (GPU, 12)):
        for minutes in (5, 10, 30, 100, 600):
            chosen = plan(minutes * 60, machine)
            assert best / 2 < chosen.tokens / chosen.shape.num_layer_params < best * 2


def test_a_small_text_does_not_get_pieces_that_it_never_fills() -> None:
    assert plan(3600, LAPTOP, corpus_bytes=1_000_000).shape.vocab_size == 1024
    assert plan(3600, LAPTOP, corpus_bytes=50_000).shape.vocab_size == 512
    assert plan(3600, LAPTOP, corpus_bytes=100_000_000).shape == plan(3600, LAPTOP).shape


def test_ladder_climbs() -> None:
    params = [shape.num_matmul_params for shape in LADDER]
    assert params == sorted(params)
    assert all(shape.hidden_size % 64 == 0 and shape.intermediate_size % 64 == 0 for shape in LADDER)


def test_a_small_text_gets_a_smaller_model_and_is_told_so() -> None:
    rich, poor = plan(3600, LAPTOP), plan(3600, LAPTOP, corpus_bytes=300_000)
    assert poor.shape.num_matmul_params < rich.shape.num_matmul_params
    assert poor.weight_decay > 0 and poor.epochs > 16
    assert "more text would help more than more minutes" in " ".join(poor.reasons)


def test_a_text_that_would_be_read_often_gets_a_larger_model_and_weight_decay() -> None:
    fresh, limited = plan(160, LAPTOP), plan(160, LAPTOP, corpus_bytes=1_000_000)
    assert limited.shape.num_layer_params > fresh.shape.num_layer_params
    assert fresh.weight_decay == 0 and 0.4 < limited.weight_decay <= 0.7


def test_momentum_grows_with_the_length_of_the_run() -> None:
    assert momentum(1) == momentum(1500) == 0.85 and momentum(10_000) == momentum(10**6) == pytest.approx(0.95)
    assert momentum(1500) < momentum(3000) < momentum(9000)
    assert plan(600, LAPTOP).momentum == 0.85 and plan(7 * 3600, GPU).momentum > 0.9


def test_batch() -> None:
    assert batch_tokens(9_000_000, 256) % 256 == 0
    assert 4_000 < batch_tokens(9_000_000, 256) < 7_000  # Step Law at 9M tokens: 5.4k
    assert batch_tokens(60_000, 128) * MIN_STEPS <= 60_000 * 4  # a short run keeps its steps
    assert micro_tokens(5120, "cpu") == 5120 and micro_tokens(20480, "cpu") <= 8192


def test_a_slow_machine_learns_the_built_in_world_with_a_larger_shape() -> None:
    """The smaller shapes that fit a slow machine's operations cannot learn it (docs/LOG.md)."""
    slow = Machine(training_gflops={128: 15.0})
    assert plan(180, slow).shape.hidden_size == 64
    assert plan(180, slow, town="small").shape == WORLD_LEAST
    assert plan(10, slow, town="small").shape == plan(10, slow).shape, "too few steps for it"
    assert plan(3600, LAPTOP, town="whole").shape == plan(3600, LAPTOP).shape


def test_the_small_town_is_learned_with_two_layers() -> None:
    """On a fast machine, eight minutes of it are better spent on more tokens than on a third layer (docs/LOG.md)."""
    fast = Machine(training_gflops={128: 160.0})
    assert plan(165, fast).shape.num_hidden_layers == 3
    assert plan(165, fast, town="small").shape.num_hidden_layers == 2


def test_a_given_vocabulary_is_kept() -> None:
    assert plan(600, LAPTOP, vocab_size=1500).shape.vocab_size == 1500


def test_too_little_time_and_too_little_text_are_named() -> None:
    with pytest.raises(UserError, match="more --minutes"):
        plan(0.5, LAPTOP)
    with pytest.raises(UserError, match="add more text"):
        plan(600, LAPTOP, corpus_bytes=200)
