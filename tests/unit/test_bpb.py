"""Bits per byte: every token scored once, by the stated window, whatever the batch."""

from __future__ import annotations

import math
import random

import pytest
import torch

from firstwords.config import UserError
from firstwords.eval.bpb import bits_per_byte, rows_for, score_documents, score_tokens, windows
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer

V, BOS = 41, 0
DOCUMENTS = ["", "a", "ab" * 30, "zebra " * 9, "é" * 17, "the end"]


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny matrix products are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Letters:
    """A tokenizer that is easy to follow: "ab" is one token, and so is every other byte."""

    endoftext_id = BOS

    def encode(self, text: str) -> list[int]:
        data, ids, i = text.encode(), [], 0
        while i < len(data):
            pair = data[i : i + 2] == b"ab"
            ids.append(1 if pair else 2 + data[i] % (V - 2))
            i += 1 + pair
        return ids


def tiny(context: int = 16) -> Transformer:
    config = ModelConfig(V, 32, 48, 2, 2, 1, 16, context)
    model = Transformer(config)
    model.init_weights(1)
    with torch.no_grad():  # zero projections would make every context equal: nothing to get wrong
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(len(name)))
            if name == "model.embed_tokens.weight":
                parameter.mul_(40)
    return model


def slow_nats(model: Transformer, ids: list[int], context: int) -> float:
    """One forward pass per token: target t is predicted by the first window that reaches it."""
    nats = 0.0
    for t in range(1, len(ids)):
        start = 0 if t <= context else math.ceil((t - context) / (context // 2)) * (context // 2)
        logits_V = model(torch.tensor([ids[start:t]]))[0, -1].double()
        nats -= float(logits_V.log_softmax(0)[ids[t]])
    return nats


@pytest.mark.parametrize("context", [2, 3, 8, 16])
@pytest.mark.parametrize("batch_rows", [1, 5])
def test_equals_one_forward_pass_a_token(context, batch_rows):
    model, tokenizer = tiny(), Letters()
    result = bits_per_byte(model, tokenizer, DOCUMENTS, context, batch_rows)
    with torch.no_grad():
        expected = sum(slow_nats(model, [BOS, *tokenizer.encode(text)], context) for text in DOCUMENTS)
    assert result.nats == pytest.approx(expected, rel=1e-5)
    assert result.bits_per_byte == pytest.approx(expected / math.log(2) / result.bytes, rel=1e-5)


def test_counts_do_not_depend_on_context_or_batch():
    model, tokenizer = tiny(), Letters()
    results = [bits_per_byte(model, tokenizer, DOCUMENTS, context, rows) for context in (4, 16) for rows in (1, 3)]
    assert {r.bytes for r in results} == {sum(len(text.encode()) for text in DOCUMENTS)}
    assert {r.tokens for r in results} == {sum(len(tokenizer.encode(text)) for text in DOCUMENTS)}
    assert {r.documents for r in results} == {5}
    assert results[0].nats == pytest.approx(results[1].nats, rel=1e-5)
    assert results[0].nats != pytest.approx(results[2].nats, rel=1e-5)  # more context, other predictions


def test_every_token_is_scored_exactly_once():
    for context in range(2, 12):
        for num_targets in range(40):
            scored = []
            for start, stop, first in windows(num_targets, context):
                assert 0 < stop - start <= context
                assert start == 0 or first >= context // 2  # tokens to look back on
                scored += range(start + first, stop)
            assert scored == list(range(num_targets))


def test_scores_any_function_of_ids():
    rng = random.Random(0)
    sequences = [[rng.randrange(V) for _ in range(n)] for n in (1, 2, 30, 100)]

    def knows_nothing(ids_BT):
        return torch.zeros(*ids_BT.shape, V)

    def knows_successor(ids_BT):
        return torch.nn.functional.one_hot((ids_BT + 1) % V, V) * 50.0

    nats, vocab_size = score_tokens(knows_nothing, sequences, 8, 3)
    assert vocab_size == V
    assert nats == pytest.approx(129 * math.log(V), rel=1e-6)
    counting = [[(i + n) % V for i in range(n)] for n in (5, 50)]
    assert score_tokens(knows_successor, counting, 8, 3)[0] == pytest.approx(0, abs=1e-6)


def test_without_separator_the_first_token_costs_ln_v():
    def knows_nothing(ids_BT):
        return torch.zeros(*ids_BT.shape, 256)

    result = score_documents(knows_nothing, lambda text: list(text.encode()), None, ["héllo", "world"], 4)
    assert result.bits_per_byte == pytest.approx(8)
    assert (result.bytes, result.tokens) == (11, 11)


def test_half_precision_models_are_scored_in_fp32_and_left_as_they_were():
    model = tiny()
    expected = bits_per_byte(model, Letters(), DOCUMENTS).nats
    model.compute_dtype = torch.bfloat16
    model.train()
    assert bits_per_byte(model, Letters(), DOCUMENTS).nats == pytest.approx(expected, rel=1e-6)
    assert model.compute_dtype == torch.bfloat16 and model.training


def test_memory_does_not_grow_with_a_document():
    assert rows_for(1024, 256) * 1024 * 256 * 4 <= 32 << 20
    assert rows_for(150_000, 4096) == 1
    seen = []

    def logits(ids_BT):
        seen.append(tuple(ids_BT.shape))
        return torch.zeros(*ids_BT.shape, V)

    score_tokens(logits, [[1] * 10_001], 16, 4)
    assert max(B * T for B, T in seen) <= 4 * 16
    assert len(seen) == math.ceil((1 + (10_000 - 16) / 8) / 4)


@pytest.mark.parametrize("context", [0, 1, 17])
def test_an_impossible_context_is_refused(context):
    with pytest.raises(UserError, match=f"a context of {context} tokens"):
        bits_per_byte(tiny(16), Letters(), ["text"], context)


def test_no_text_is_refused():
    with pytest.raises(UserError, match="no text"):
        bits_per_byte(tiny(), Letters(), ["", ""])
