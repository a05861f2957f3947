"""The compiled sampler draws what `engine.sampling` draws, and int8 weights are those that they stand for."""

import dataclasses

import numpy as np
import pytest
import torch
from noisy_models import model_of
from numba import njit

from firstwords.engine.arrays import PANEL, Rows, new_rows
from firstwords.engine.compiled import HUGE_PAGE, CompiledDecoder, in_panels, packed, shares
from firstwords.engine.decode import TorchDecoder, decoder_for
from firstwords.engine.engine import Engine
from firstwords.engine.int8 import MAX_CHANGE, loss_change, quantised
from firstwords.engine.loops import arithmetic, sampler
from firstwords.engine.sampling import BatchParams, SamplingParams, rank_and_entropy, rule_out, sample, true_logprobs
from firstwords.model.cache import KVCache
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer

# Legend: R rows, V vocabulary.
F32 = np.float32
V = 1003
CONFIG = ModelConfig(
    vocab_size=V, hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=32, max_position_embeddings=128,
)  # fmt: skip

OPTIONS = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.5, "top_p": 0.95},
    {"temperature": 1.4, "top_p": 0.3},
    {"top_k": 1},
    {"top_k": 40, "temperature": 0.8},
    {"top_k": 5000},
    {"min_p": 0.1},
    {"temperature": 3.0, "top_p": 0.9999},
    {"temperature": 0.7, "top_k": 50, "top_p": 0.8, "min_p": 0.02, "repetition_penalty": 1.3},
    {"repetition_penalty": 0.7},
]


@njit
def compiled_sample(logits_V, rows, r):
    return sampler.sample(logits_V, rows, r, np.empty(logits_V.size, F32), np.empty(logits_V.size, F32))


@njit
def compiled_explain(logits_V, token, rows, r):
    sampler.explain(logits_V, token, rows, r, 0)


@njit
def compiled_draw(weights_V, least, u):
    return sampler.draw(weights_V, least, u)


@njit
def compiled_exp(x, out):
    for i in range(x.size):
        out[i] = arithmetic.exp(x[i])


@njit
def compiled_product(x_RI, weight_PW, scale_O, bias_O, out_RO, rows, panels):
    arithmetic.product(x_RI, weight_PW, scale_O, bias_O, out_RO, rows, panels)


def noisy_model(seed: int = 0) -> Transformer:
    return model_of(CONFIG, seed)


def rows_of(params: list[SamplingParams], known: list[list[int]], is_constrained: bool = False) -> Rows:
    seeds, ones = list(range(len(params))), [1] * len(params)
    return new_rows(params, seeds, seeds, known, ones, is_constrained, V)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_draws_are_those_of_the_tensor_sampler(options, scale):
    R, generator = 200, torch.Generator().manual_seed(1)
    logits_RV = torch.randn(R, V, generator=generator) * scale
    known = torch.randint(0, V, (R, 30), generator=generator).tolist()
    params = [SamplingParams(**options)] * R
    rows = rows_of(params, known)
    ours = [compiled_sample(logits_RV[r].numpy(), rows, r) for r in range(R)]
    seen_RV = torch.from_numpy(rows.seen_RV) if len(rows.seen_RV) else None
    expected = sample(logits_RV, BatchParams(params, range(R)), rows.counters_R, seen_RV)
    # both sum in fp64, in another order: a draw that falls on a border may go either way
    assert sum(a != b for a, b in zip(ours, expected.tolist(), strict=True)) <= 1


def test_ties_are_kept_together():
    logits_V = np.full(V, -3.0, np.float32)
    logits_V[[3, 500, 900]] = 2.0
    for options in ({"top_k": 2}, {"top_p": 0.2}, {"min_p": 0.9}):
        rows = rows_of([SamplingParams(**options)] * 300, [[1]] * 300)
        drawn = {compiled_sample(logits_V, rows, r) for r in range(300)}
        assert drawn == {3, 500, 900}


def test_masks_rule_tokens_out():
    R, generator = 64, torch.Generator().manual_seed(2)
    logits_RV = torch.randn(R, V, generator=generator) * 4
    allowed_RV = torch.rand(R, V, generator=generator) < 0.02
    allowed_RV[:, 7] = True
    for options in ({"temperature": 0.0}, {}, {"top_p": 0.7}):
        params = [SamplingParams(**options)] * R
        rows = rows_of(params, [[1]] * R, is_constrained=True)
        for r in range(R):
            bits = np.packbits(allowed_RV[r].numpy(), bitorder="little")
            rows.masks_RW[r].view(np.uint8)[: len(bits)] = bits
        ours = [compiled_sample(logits_RV[r].numpy(), rows, r) for r in range(R)]
        possible_RV = rule_out(logits_RV, [(r, allowed_RV[r].numpy()) for r in range(R)])
        assert ours == sample(possible_RV, BatchParams(params, range(R)), rows.counters_R).tolist()
        assert all(allowed_RV[r, token] for r, token in enumerate(ours))


def test_what_the_model_thinks_of_a_token():
    R, generator = 50, torch.Generator().manual_seed(3)
    logits_RV = torch.randn(R, V, generator=generator) * 5
    tokens_R = torch.randint(0, V, (R,), generator=generator)
    rows = rows_of([SamplingParams(logprobs=7, uncertainty=True)] * R, [[1]] * R)
    for r in range(R):
        compiled_explain(logits_RV[r].numpy(), int(tokens_R[r]), rows, r)
    sampled_R, ids_RA, values_RA = true_logprobs(logits_RV, tokens_R, 7)
    rank_R, entropy_R = rank_and_entropy(logits_RV, tokens_R)
    np.testing.assert_allclose(rows.logprob_RN[:, 0], sampled_R, atol=2e-5)
    np.testing.assert_array_equal(rows.top_ids_RNA[:, 0], ids_RA)
    np.testing.assert_allclose(rows.top_logprobs_RNA[:, 0], values_RA, atol=2e-5)
    np.testing.assert_array_equal(rows.rank_RN[:, 0], rank_R)
    np.testing.assert_allclose(rows.entropy_RN[:, 0], entropy_R, atol=1e-4)


def test_the_exponential_is_exact_to_the_last_bits():
    x = np.linspace(-86, 87, 20_001).astype(np.float32)
    ours = np.empty_like(x)
    compiled_exp(x, ours)
    np.testing.assert_allclose(ours, np.exp(x.astype(np.float64)), rtol=3e-7)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 33, 70])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_products_of_every_shape(rows, dtype):
    generator = np.random.default_rng(rows)
    for inputs, outputs in ((1, 1), (7, 3), (64, 8), (33, 29), (128, 203)):
        x = generator.standard_normal((rows, inputs)).astype(F32)
        weight = (generator.standard_normal((outputs, inputs)) * 40).astype(dtype)
        scale, bias = generator.random(outputs).astype(F32), generator.random(outputs).astype(F32)
        expected = (x.astype(np.float64) @ weight.T.astype(np.float64)) * scale + bias
        panels = in_panels(weight)
        P = len(panels)
        assert panels.shape == (-(-outputs // PANEL), inputs * PANEL) and panels.dtype == dtype
        scales = np.pad(scale, (0, P * PANEL - outputs))
        out = np.full((rows, P * PANEL), np.nan, F32)
        middle, third = rows // 2, P // 3
        for some_rows in ((0, middle), (middle, rows)):
            for some_panels in ((0, third), (third, P)):
                compiled_product(x, panels, scales, bias, out, some_rows, some_panels)
        np.testing.assert_allclose(out[:, :outputs], expected, rtol=1e-4, atol=1e-3)
        alone = np.empty_like(out)
        for row in range(rows):
            compiled_product(x, panels, scales, bias, alone, (row, row + 1), (0, P))
        np.testing.assert_array_equal(out, alone, "batched rows are those that were computed alone, bit for bit")


def test_a_draw_takes_every_token_that_has_a_share():
    """Where a block of weights begins or ends, and where rounding could leave nothing to draw."""
    for size in (1, 63, 64, 65, 200):
        for v in {0, size // 2, size - 1}:
            weights_V = np.zeros(size, F32)
            weights_V[v] = 1.0
            assert {compiled_draw(weights_V, F32(0), u) for u in (0.0, 0.5, 1.0 - 2.0**-48)} == {v}
    weights_V = np.ones(130, F32)
    assert [compiled_draw(weights_V, F32(0), (v + 0.5) / 130) for v in range(130)] == list(range(130))
    weights_V[::2] = 0.25
    assert compiled_draw(weights_V, F32(0.5), 0.0) == 1 and compiled_draw(weights_V, F32(0.5), 0.9999) == 129


@torch.inference_mode()
def test_int8_equals_a_model_of_the_rounded_weights():
    model = noisy_model()
    rounded = noisy_model()
    for name, parameter in rounded.named_parameters():
        if parameter.dim() == 2:
            weight, scale = quantised(parameter.numpy().copy())
            assert weight.dtype == np.int8 and np.abs(weight).max() == 127
            error = np.abs(weight * scale[:, None] - parameter.numpy())
            assert (error <= scale[:, None] / 2 + 1e-6).all(), name
            parameter.copy_(torch.from_numpy(weight * scale[:, None]))
    ids = torch.randint(3, V, (40,), generator=torch.Generator().manual_seed(4))
    decoder = CompiledDecoder(model, KVCache(CONFIG, 2), is_int8=True)
    decoder.prefill([(ids[:-1].tolist(), 1)])
    decoder.cache.lengths[1] = 39
    logits_RV = decoder.logits(ids[-1:].numpy(), np.array([1]))
    torch.testing.assert_close(logits_RV[0], rounded(ids[None])[0, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("team", [2, 3])
@pytest.mark.parametrize("is_large", [True, False])
def test_a_team_of_threads_computes_the_same(team, is_large, monkeypatch):
    """Bit for bit: a share begins at a multiple of the outputs that are computed together. Few rows of a small model
    have a team for several tokens at a time.
    """
    model, prompts = noisy_model(), [[5, 6, 7], [9] * 30, [4]]
    params = SamplingParams(max_tokens=20, seed=3, logprobs=2, uncertainty=True)
    expected = Engine(model).generate(prompts, params)
    engine = Engine(model)
    engine._decoder = CompiledDecoder(model, engine.cache, num_threads=team)
    engine._decoder.is_large = is_large
    monkeypatch.setattr("firstwords.engine.sharing.Sharing.is_shared", lambda *_: True)
    assert engine.generate(prompts, params) == expected


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["Anna opened the window and looked at the garden. It had rained all night. "] * 20, V)


@torch.inference_mode()
@pytest.mark.parametrize("threads", [1, 3])
def test_the_logits_of_a_whole_text_are_the_models(threads, monkeypatch):
    """Rows of one text read what other rows store, so threads must not each take some of the rows."""
    monkeypatch.setattr("firstwords.engine.sharing.Sharing.is_shared", lambda *_: True)
    model, ids_T = noisy_model(), torch.randint(3, V, (60,), generator=torch.Generator().manual_seed(5))
    decoder = CompiledDecoder(model, KVCache(CONFIG, 2), num_threads=threads)
    torch.testing.assert_close(decoder.prompt_logits(ids_T.numpy()), model(ids_T[None])[0], atol=1e-5, rtol=1e-5)
    assert decoder.cache.num_slots == 2


def test_a_large_model_gets_int8_weights_if_its_loss_hardly_changes(tokenizer, monkeypatch):
    assert not Engine(noisy_model(), tokenizer, weights="auto")._decoder.is_int8, "small"
    monkeypatch.setattr("firstwords.engine.compiled.SMALL_PARAMS", 1000)
    decoder = Engine(noisy_model(), tokenizer, weights="auto")._decoder
    assert decoder.is_int8 and loss_change(noisy_model(), decoder.prompt_logits, tokenizer) < MAX_CHANGE
    assert isinstance(Engine(noisy_model(), tokenizer)._decoder, TorchDecoder), "fp32 is the default"
    coarse = noisy_model()
    with torch.no_grad():
        for name, parameter in coarse.named_parameters():  # a feature that is always 0, so that its weights are unused
            if name.endswith(("embed_tokens.weight", "o_proj.weight", "down_proj.weight")):
                (parameter[:, 0] if "embed" in name else parameter[0]).zero_()
            elif parameter.dim() == 2:
                parameter[:, 0] = 1000.0  # next to which all other weights of the row are rounded to 0
    assert isinstance(Engine(coarse, tokenizer, weights="auto")._decoder, TorchDecoder)
    assert Engine(coarse, tokenizer, weights="int8")._decoder.is_int8, "as wanted"


def test_int8_is_refused_where_loops_cannot_be_compiled():
    model = noisy_model().to(torch.bfloat16)
    model.compute_dtype = torch.bfloat16
    with pytest.raises(ValueError, match="int8 weights need compiled loops: the model does not compute in fp32"):
        decoder_for(model, KVCache(CONFIG, 1, dtype=torch.bfloat16), "int8")


def test_new_weights_are_copied_again():
    model = noisy_model()
    engine, params = Engine(model), SamplingParams(max_tokens=5, temperature=0)
    before = engine.generate([[5, 6]], params)[0].ids
    model.load_state_dict(noisy_model(1).state_dict())
    assert engine.generate([[5, 6]], dataclasses.replace(params, max_tokens=4))[0].ids == before[:4], "a copy"
    engine.refresh()
    assert engine.generate([[5, 6]], params)[0].ids == Engine(noisy_model(1)).generate([[5, 6]], params)[0].ids


@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_prompts_are_read_together_and_their_beginnings_once(num_threads, monkeypatch):
    """Eight prompts, each twice: two calls, of which the second reads what the copies do not share, and no answer
    changes.
    """
    monkeypatch.setattr("firstwords.engine.sharing.Sharing.is_shared", lambda *_: True)
    model, params = noisy_model(), SamplingParams(max_tokens=9, seed=3)
    different = [[5 + n] * (2 + 3 * n) + [9, 11] for n in range(8)]
    prompts = [prompt for prompt in different for _ in range(2)]
    alone = [Engine(model).generate([p], dataclasses.replace(params, seed=3 + i))[0] for i, p in enumerate(prompts)]
    engine, read = Engine(model), list[int]()
    engine._decoder = CompiledDecoder(model, engine.cache, num_threads=num_threads)
    prefill = engine._decoder.prefill
    engine._decoder.prefill = lambda chunks: (read.append(sum(len(ids) for ids, _ in chunks)), prefill(chunks))
    together = engine.generate(prompts, params)
    assert [answer.ids for answer in together] == [answer.ids for answer in alone]
    assert read == [sum(len(prompt) - 1 for prompt in different)]
    assert [a.num_cached_tokens for a in together] == [n for p in different for n in (0, len(p) - 1)]


def test_shares_end_where_rows_may_be_cut():
    assert shares(10, np.arange(1, 10), 2) == [(0, 5), (5, 10)]
    assert shares(10, np.array([3, 9]), 2) == [(0, 3), (3, 10)]
    assert shares(10, np.array([3, 9]), 4) == [(0, 3), (3, 9), (9, 10)]
    assert shares(10, np.array([], np.int64), 4) == shares(10, np.array([3]), 0) == [(0, 10)]


def test_small_weights_lie_next_to_each_other_and_keep_their_values(monkeypatch):
    weights = packed(noisy_model(), is_int8=False)
    monkeypatch.setattr("firstwords.engine.compiled.in_huge_pages", lambda weights: weights)
    before = packed(noisy_model(), is_int8=False)
    arrays = [array for array in weights if isinstance(array, np.ndarray) and array.nbytes]
    places = [array.ctypes.data for array in arrays]
    assert min(places) % HUGE_PAGE == 0 and all(place % 64 == 0 for place in places)
    assert max(places) - min(places) < 2 * sum(array.nbytes for array in arrays)
    assert weights.table_PW is weights.head_PW, "tied"
    for name, array in before._asdict().items():
        np.testing.assert_array_equal(getattr(weights, name), array, name)
