"""The plan on paper: it agrees with published runs, with itself in both directions, and with the models we build."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.cli import main
from firstwords.config import UserError
from firstwords.plan.new_model import model_config
from firstwords.plan.scale.estimate import Question, estimate
from firstwords.plan.scale.hardware import GPUS, parse_gpus
from firstwords.plan.scale.known_runs import RUNS, markdown_table
from firstwords.plan.scale.law import ORIGINAL, REFIT, TOKENS_PER_PARAM, expected_loss
from firstwords.plan.scale.memory import choose_sharding, least_gpus, memory_per_gpu, shard_sizes
from firstwords.plan.scale.price import PRICES
from firstwords.plan.scale.shapes import shape_for

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "scale.md"
ACCURACY = 0.25  # of GPU-hours, against public figures


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_gpu_hours_of_known_runs(run) -> None:
    assert abs(run.error) < ACCURACY, f"{run.computed_hours:,.0f} computed, {run.gpu_hours:,.0f} public"


def test_the_known_runs_count_operations_as_their_makers_do() -> None:
    published = {"GPT-3 175B": 3.14e23, "Llama 3.1 405B": 3.8e25, "OLMo 2 7B": 1.8e23, "nanochat d24": 4.33e19}
    flops = {run.name: run.flops for run in RUNS}
    for name, count in published.items():
        assert flops[name] == pytest.approx(count, rel=0.05), name


def test_the_guide_shows_the_computed_table() -> None:
    assert markdown_table() in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("params", [1.2e5, 1e6, 3e7, 1.24e8, 1e9, 7e9, 70e9, 176e9, 4.05e11, 2e12])
def test_a_shape_has_the_size_that_was_asked_for(params: float) -> None:
    shape = shape_for(params)
    assert shape.num_params == pytest.approx(params, rel=0.2 if params < 1e7 else 0.05)
    assert shape.num_attention_heads * shape.head_dim == shape.hidden_size


@pytest.mark.parametrize(("params", "width", "layers"), [(6.7e9, 4096, 32), (175e9, 12_288, 96), (1.24e8, 768, 12)])
def test_a_shape_has_usual_proportions(params: float, width: int, layers: int) -> None:
    # Llama 2 7B, GPT-3 and GPT-2
    shape = shape_for(params)
    assert shape.hidden_size == pytest.approx(width, rel=0.2)
    assert shape.num_hidden_layers == pytest.approx(layers, rel=0.4)


def test_time_and_size_are_inverse() -> None:
    first = estimate(Question(minutes=60, gpu=GPUS["h200"], count=8))
    assert first.gpu_hours == pytest.approx(8, rel=1e-6)
    assert first.tokens / first.params == pytest.approx(TOKENS_PER_PARAM, rel=0.15)
    second = estimate(Question(params=first.params, tokens=first.tokens, gpu=GPUS["h200"], count=8))
    assert second.config == first.config
    assert second.seconds == pytest.approx(3600, rel=1e-6)
    third = estimate(Question(params=first.params, minutes=60, gpu=GPUS["h200"], count=8))
    assert third.tokens == pytest.approx(first.tokens, rel=1e-6)


def test_the_budget_is_spent() -> None:
    found = estimate(Question(budget_usd=300))
    assert found.usd == pytest.approx(300, rel=1e-6)
    assert found.gpu_hours == pytest.approx(300 / PRICES["h100"].usd, rel=1e-6)
    cheaper = estimate(Question(budget_usd=300, usd_per_gpu_hour=PRICES["h100"].usd / 2))
    assert cheaper.gpu_hours == pytest.approx(2 * found.gpu_hours, rel=1e-6) and cheaper.params > found.params


def test_a_budget_includes_recomputation() -> None:
    found = estimate(Question(params=13e9, budget_usd=10_000, gpu=GPUS["a100-40"], count=8))
    assert found.sharding is not None and found.sharding.recompute
    assert found.usd == pytest.approx(10_000, rel=1e-6)


def test_tokens_alone_give_the_size() -> None:
    assert estimate(Question(tokens=2e12)).params == pytest.approx(1e11, rel=0.03)


def test_minutes_give_the_number_of_gpus() -> None:
    found = estimate(Question(params=7e9, tokens=1e12, minutes=20_160))
    assert found.seconds <= 20_160 * 60 and found.count % 8 == 0
    assert estimate(Question(params=7e9, tokens=1e12, count=found.count - 8)).seconds > 20_160 * 60


def test_memory_is_what_the_parameters_need() -> None:
    config = shape_for(1e9)
    whole = memory_per_gpu(config, 2048, shard=1, rows=1, recompute=False, optimizer="adamw")
    assert whole.weights == whole.gradients == 4 * config.num_params and whole.optimizer == 8 * config.num_params
    eighth = memory_per_gpu(config, 2048, shard=8, rows=1, recompute=False, optimizer="adamw")
    assert eighth.weights + eighth.optimizer == pytest.approx((whole.weights + whole.optimizer) / 8)
    assert eighth.activations == whole.activations
    again = memory_per_gpu(config, 2048, shard=1, rows=1, recompute=True)
    assert again.activations < whole.activations / 3 and again.optimizer < whole.optimizer  # Muon keeps less


def test_memory_agrees_with_the_estimate_for_one_gpu() -> None:
    from firstwords.plan.budget import LADDER
    from firstwords.plan.footprint import Footprint

    config = model_config(LADDER[-1], tie_word_embeddings=False)
    ours = memory_per_gpu(config, 2048, shard=1, rows=8, recompute=False)
    one = Footprint(config, 2048, precision="bf16", device="cuda").bytes(8 * 2048)
    assert ours.total == pytest.approx(one, rel=0.3)


def test_sharding_grows_with_the_model() -> None:
    degrees = []
    for params in (1e9, 7e9, 30e9, 176e9):
        config = shape_for(params)
        sharding = choose_sharding(config, config.max_position_embeddings, GPUS["h100"], 1024, 4 << 20)
        assert sharding is not None and sharding.replicate * sharding.shard == 1024
        assert sharding.memory.fits(GPUS["h100"])
        degrees.append(sharding.shard)
    assert degrees == sorted(degrees) and degrees[0] == 1 and degrees[-1] > 8


def test_a_model_that_fits_nowhere_is_said_to() -> None:
    config = shape_for(176e9)
    assert choose_sharding(config, 8192, GPUS["h100"], 8, 1 << 20) is None
    least = least_gpus(config, 8192, GPUS["h100"])
    assert choose_sharding(config, 8192, GPUS["h100"], least, 1 << 24) is not None
    assert choose_sharding(config, 8192, GPUS["h100"], least // 2, 1 << 24) is None


def test_shard_sizes_divide_the_gpus() -> None:
    assert shard_sizes(1) == [1] and shard_sizes(12) == [1, 2, 3, 4, 6, 12]
    assert shard_sizes(32) == [1, 2, 4, 8, 16, 32]
    assert shard_sizes(20_000)[-1] == 20_000 and all(20_000 % n == 0 for n in shard_sizes(20_000))


def test_the_refit_predicts_chinchilla_and_its_ratio() -> None:
    loss = expected_loss(70e9, 1.4e12)
    assert loss is not None
    assert loss.nats == pytest.approx(1.97, abs=0.02)  # Besiroglu et al. 2024; the original fit says 1.94
    assert loss.low < ORIGINAL.loss(70e9, 1.4e12) < loss.nats < loss.high and loss.is_extrapolated
    small = expected_loss(1e9, 20e9)
    assert small is not None and not small.is_extrapolated
    assert expected_loss(1e6, 20e6) is None  # the formula would say 11 nats, more than a random model's loss
    # where 6 N D is fixed, twenty tokens per parameter are within a hundredth of a nat of the best
    best = min(REFIT.loss(n, 1e21 / 6 / n) for n in (10 ** (8 + i / 50) for i in range(150)))
    at_twenty = math.sqrt(1e21 / 6 / TOKENS_PER_PARAM)
    assert REFIT.loss(at_twenty, TOKENS_PER_PARAM * at_twenty) - best < 0.01


def test_gpus_are_read() -> None:
    assert parse_gpus("H100:1,024") == (GPUS["h100"], 1024) and parse_gpus("a100") == (GPUS["a100"], None)
    assert set(PRICES) == set(GPUS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "there is nothing to plan from: give --params, --tokens, --minutes or --budget-usd"),
        (["--params", "1e9", "--gpus", "h10O:8"], "--gpus is h10o:8, but the known GPUs are"),
        (["--params", "1e9", "--gpus", "h100:0"], "must be from 1 to 1,000,000"),
        (["--params", "1e9", "--gpus", "h100:many"], "must be from 1 to 1,000,000"),
        (["--params", "-1"], "--params is -1, but it must be a positive number"),
        (["--params", "nan"], "--params is nan, but it must be a positive number"),
        (["--params", "12"], "a plan needs 1e5 to 1e13 parameters, but this one would have 12"),
        (["--params", "1e30"], "a plan needs 1e5 to 1e13 parameters"),
        (["--params", "big"], "--params needs a number, not 'big'"),
        (["--budget-usd", "0.0000001"], "operations are too little for any model"),
        (["--budget-usd", "1e15"], "operations are too much for any model"),
        (["--minutes", "60", "--budget-usd", "3"], "--minutes and --budget-usd contradict each other"),
        (["--params", "1e9", "--tokens", "1e9", "--budget-usd", "3"], "time and cost follow from --params and"),
        (["--params", "1e9", "--tokens", "1e9", "--minutes", "3", "--gpus", "h100:8"], "leave --minutes out, or the"),
        (["--params", "1e9", "--utilisation", "40"], "--utilisation is 40, but it must be between 0 and 1"),
        (["--params", "0"], "--params is 0, but it must be a positive number"),
        (["--params", "1e9", "--context", "3"], "--context is 3, but it must be between 16 and"),
        (["--params", "1e9", "--tokens", "0.5"], "--tokens is 0.5, but it must be 1 or more"),
        (["--params", "1e9", "--optimizer", "sgd"], "--optimizer is sgd, but it must be one of muon, adamw"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words]) == 2
    printed = capsys.readouterr()
    assert sentence.lower() in printed.err.lower() and printed.err.count("\n") == 1 and not printed.out


@pytest.mark.parametrize(
    "words",
    [
        ["--params", "176e9", "--gpus", "h100:1024"],
        ["--minutes", "60", "--gpus", "h200:8"],
        ["--budget-usd", "300"],
        ["--params", "405e9", "--tokens", "15.6e12", "--gpus", "h100:16384"],
        ["--params", "176e9", "--gpus", "v100:8"],
        ["--params", "2e5", "--gpus", "h100:1"],
    ],
)
def test_a_plan_reads_well_and_agrees_with_its_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80 and "Assumptions" in text
    assert main(["plan", *words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert f"${data['usd_per_gpu_hour']:.2f} per GPU-hour" in text
    assert data["seconds"] == pytest.approx(data["gpu_hours"] * 3600 / data["gpus"])
    assert data["fits"] == ("does not fit on" not in text)
    kept = data["memory_per_gpu"]["kept"]
    assert kept["total"] == pytest.approx(sum(value for name, value in kept.items() if name != "total"))


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--params", "176e9", "--gpus", "h100:8"], "does not fit on 8 GPUs of this kind: it needs at least"),
        (["--params", "405e9", "--gpus", "h100:4096"], "for rows of 8,192; --context 4096 fits"),
        (["--params", "8e12", "--gpus", "v100:8"], "no number of them is enough: choose GPUs with more memory"),
        (["--params", "7e9", "--gpus", "h100:4096"], "a step has 328 rows, fewer than GPUs"),
        (["--params", "176e9", "--gpus", "h100:1024"], "without recomputation, which firstwords does not have yet"),
        (["--params", "7e9", "--tokens", "1e9"], "few tokens for this size"),
    ],
)
def test_what_stands_in_the_way_is_said(words: list[str], note: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words]) == 0
    assert note in " ".join(capsys.readouterr().out.split())


def test_what_was_asked_for_is_in_the_plan() -> None:
    found = estimate(Question(params=3e9, context=1024, utilisation=0.5))
    assert found.context == 1024 and found.question.utilisation == 0.5
    half = estimate(replace(found.question, utilisation=0.25))
    assert half.gpu_hours == pytest.approx(2 * found.gpu_hours)
    with pytest.raises(UserError, match="nothing to plan from"):
        estimate(Question())
