"""Filters against transformers' processors, draws against the distribution they claim, rows against their
neighbours.
"""

import math

import numpy as np
import pytest
import torch

from firstwords.engine.sampling import (
    BatchParams,
    SamplingParams,
    filter_logits,
    penalise,
    sample,
    true_logprobs,
    uniforms,
)

V = 300


def random_logits(rows: int, seed: int = 0, size: int = V) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) * 3


def batch_of(*params: SamplingParams, seeds=None) -> BatchParams:
    return BatchParams(params, seeds if seeds is not None else range(len(params)))


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7},
        {"top_k": 5},
        {"top_k": 1},
        {"top_k": 10_000},
        {"top_p": 0.9},
        {"top_p": 0.05},
        {"top_p": 0.999},
        {"min_p": 0.1},
        {"temperature": 0.6, "top_k": 40, "top_p": 0.8, "min_p": 0.05},
        {"temperature": 1.7, "top_k": 150, "top_p": 0.95},
        {"temperature": 5.0, "top_p": 0.97},
    ],
)
def test_filters_equal_those_of_transformers(options):
    from transformers.generation import logits_process as hf

    logits = random_logits(12)
    expected = hf.TemperatureLogitsWarper(options.get("temperature", 1.0))(None, logits.clone())
    if "top_k" in options:
        expected = hf.TopKLogitsWarper(options["top_k"])(None, expected)
    if "top_p" in options:
        expected = hf.TopPLogitsWarper(options["top_p"])(None, expected)
    if "min_p" in options:
        expected = hf.MinPLogitsWarper(options["min_p"])(None, expected)
    ours = filter_logits(logits, batch_of(*[SamplingParams(**options)] * 12))
    assert torch.equal(ours.isfinite(), expected.isfinite())
    torch.testing.assert_close(ours, expected)


def test_repetition_penalty_equals_that_of_transformers():
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

    logits = random_logits(4)
    ids = torch.randint(0, V, (4, 20), generator=torch.Generator().manual_seed(1))
    seen = torch.zeros(4, V, dtype=torch.bool).scatter_(1, ids, True)
    expected = RepetitionPenaltyLogitsProcessor(1.3)(ids, logits.clone())
    torch.testing.assert_close(penalise(logits, torch.full((4, 1), 1.3), seen), expected)


def test_rows_with_other_parameters_do_not_change_a_row():
    kinds = [
        SamplingParams(temperature=0),
        SamplingParams(),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.5),
        SamplingParams(top_p=0.9999, temperature=4.0),
        SamplingParams(min_p=0.2, temperature=1.5),
        SamplingParams(temperature=0.5, top_k=20, top_p=0.9, min_p=0.01),
    ]
    logits, seeds = random_logits(len(kinds)), [11 * i + 5 for i in range(len(kinds))]
    for counter in range(50):
        counters = np.full(len(kinds), counter, dtype=np.uint64)
        together = sample(logits, batch_of(*kinds, seeds=seeds), counters)
        alone = [
            int(sample(logits[i : i + 1], batch_of(kind, seeds=seeds[i : i + 1]), counters[:1]))
            for i, kind in enumerate(kinds)
        ]
        assert together.tolist() == alone
        turned = sample(logits.flip(0), batch_of(*kinds[::-1], seeds=seeds[::-1]), counters).flip(0)
        assert turned.tolist() == alone


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"top_k": 4}, {"top_p": 0.7}, {"min_p": 0.3}])
def test_draws_follow_the_distribution(options):
    """Chi-square over 40,000 draws with fixed seeds; the bound is the 0.999 quantile (Wilson-Hilferty)."""
    draws, size = 40_000, 12
    logits = random_logits(1, seed=3, size=size) / 2
    params = SamplingParams(**options)
    expected = torch.softmax(filter_logits(logits, batch_of(params)), -1)[0].double().numpy()
    batch = BatchParams([params] * draws, range(draws))
    tokens = sample(logits.expand(draws, size), batch, np.zeros(draws, dtype=np.uint64))
    assert_distributed(np.bincount(tokens.numpy(), minlength=size), expected)
    # one seed over many steps, as one answer draws them
    one = BatchParams([params] * draws, [7] * draws)
    tokens = sample(logits.expand(draws, size), one, np.arange(draws, dtype=np.uint64))
    assert_distributed(np.bincount(tokens.numpy(), minlength=size), expected)


def assert_distributed(counts: np.ndarray, expected: np.ndarray) -> None:
    assert counts[expected == 0].sum() == 0, "a token that was filtered out was drawn"
    kept = expected > 0
    wanted = expected[kept] * counts.sum()
    statistic = ((counts[kept] - wanted) ** 2 / wanted).sum()
    degrees = kept.sum() - 1
    bound = degrees * (1 - 2 / (9 * degrees) + 3.09 * math.sqrt(2 / (9 * degrees))) ** 3
    assert statistic < bound


def test_uniforms_are_uniform_and_unrelated_between_neighbouring_seeds():
    seeds = np.arange(2000, dtype=np.uint64)
    first = uniforms(seeds, np.zeros(2000, dtype=np.uint64))
    assert first.min() >= 0 and first.max() < 1
    assert abs(first.mean() - 0.5) < 0.02 and abs(first.var() - 1 / 12) < 0.01
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.08
    second = uniforms(seeds, np.ones(2000, dtype=np.uint64))
    assert abs(np.corrcoef(first[1:], second[:-1])[0, 1]) < 0.08, "seed + 1 must not be the next step"


def test_zero_temperature_takes_the_first_of_the_likeliest():
    logits = torch.tensor([[0.0, 2.0, 2.0], [5.0, 1.0, 2.0]])
    batch = batch_of(SamplingParams(temperature=0), SamplingParams(temperature=0))
    assert sample(logits, batch, np.zeros(2, dtype=np.uint64)).tolist() == [1, 0]


def test_logprobs_ignore_every_filter():
    logits = random_logits(3)
    tokens = torch.tensor([4, 5, 6])
    sampled, ids, values = true_logprobs(logits, tokens, top=4)
    reference = torch.log_softmax(logits.double(), -1)
    torch.testing.assert_close(sampled.double(), reference[torch.arange(3), tokens], atol=1e-5, rtol=0)
    assert ids.tolist() == reference.topk(4).indices.tolist()
    torch.testing.assert_close(values.double(), reference.topk(4).values, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"top_k": -1}, "top_k is -1"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"min_p": 1.5}, "min_p is 1.5"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0"),
        ({"stop": ("",)}, "stop contains an empty string"),
        ({"seed": -1}, "seed is -1"),
        ({"logprobs": -2}, "logprobs is -2"),
    ],
)
def test_meaningless_parameters_are_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        SamplingParams(**options)


def test_one_stop_text_may_be_given_as_a_string():
    assert SamplingParams(stop="end").stop == ("end",)


@pytest.mark.parametrize("temperature", [1e-5, 1e-7, 5e-324])
def test_a_temperature_near_zero_takes_the_likeliest(temperature: float) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [9.0, -9.0, 0.0]])
    batch = BatchParams([SamplingParams(temperature=temperature), SamplingParams(temperature=1.0)], [1, 2])
    drawn = sample(logits, batch, np.array([0, 0], dtype=np.uint64))
    assert drawn.tolist() == [1, 0]
