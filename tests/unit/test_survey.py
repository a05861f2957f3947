"""Vocabulary and context fit the script of a text; English plans stay what they are."""

from __future__ import annotations

import random

import pytest

from firstwords.plan.budget import Machine, bytes_per_token, plan
from firstwords.plan.chat_sizes import chat_sizes, positions_for, row_tokens
from firstwords.tokenizer.survey import SIZES, survey

CONSONANTS = [chr(code) for code in range(0x915, 0x939)]
SCRIPTS = {  # letters, whether blanks set words apart, bytes per letter
    "chinese": ([chr(code) for code in range(0x4E00, 0x4E00 + 1500)], False, 3.0),
    "japanese": ([chr(code) for code in [*range(0x3042, 0x3094), *range(0x4E00, 0x4E00 + 400)]], False, 3.0),
    "hindi": ([c + mark for c in CONSONANTS for mark in ("", "ा", "ि", "ी", "े", "ो")], True, 3.0),
    "arabic": ([chr(code) for code in range(0x627, 0x64B)], True, 2.0),
    "russian": ([chr(code) for code in range(0x430, 0x450)], True, 2.0),
    "english": (list("etaoinshrdlucmfwypvbgkjqxz"), True, 1.0),
    "german": (list("enisratdhulcgmobwfkzüvpäßjöyqx"), True, 1.05),
}


def text_of(script: str, size: int = 400_000) -> str:
    """Random words of a script, common ones often."""
    letters, has_blanks, _ = SCRIPTS[script]
    rng = random.Random(script)
    short = (1, 3) if len(letters) > 300 else (2, 7)
    weights = [1 / (place + 1) ** 0.7 for place in range(len(letters))]
    words = ["".join(rng.choices(letters, weights, k=rng.randint(*short))) for _ in range(5000)]
    ranks = [1 / (place + 1) for place in range(len(words))]
    parts: list[str] = []
    length = 0
    while length * SCRIPTS[script][2] < size:
        parts += [(" " if has_blanks else "").join(rng.choices(words, ranks, k=rng.randint(5, 15))) + ". "]
        length += len(parts[-1])
    return "".join(parts)


@pytest.fixture(scope="module")
def surveys() -> dict:
    return {script: survey([text_of(script)]) for script in SCRIPTS}


@pytest.mark.parametrize("script", ["english", "german"])
def test_scripts_of_one_byte_are_planned_as_ever(surveys, script) -> None:
    assert surveys[script].curve is None and surveys[script].sentence() == ""
    assert surveys[script].bytes_per_letter == pytest.approx(SCRIPTS[script][2], abs=0.1)


@pytest.mark.parametrize("script", ["chinese", "japanese", "hindi", "arabic", "russian"])
def test_other_scripts_get_a_curve_of_their_own(surveys, script) -> None:
    found = surveys[script]
    assert found.bytes_per_letter == pytest.approx(SCRIPTS[script][2], abs=0.1)
    ratios = [found.curve[size] for size in SIZES]
    assert ratios == sorted(ratios) and ratios[-1] > ratios[0] * 1.3
    assert f"{found.num_characters:,} different characters" in found.sentence()


@pytest.mark.parametrize("script", ["chinese", "japanese", "hindi", "arabic", "russian"])
def test_the_vocabulary_is_one_that_pays_for_that_script(surveys, script) -> None:
    """No vocabulary of the curve makes a byte of this text much cheaper to read with the chosen layers."""
    curve = surveys[script].curve
    for seconds in (11.0, 60.0, 600.0):
        shape = plan(seconds, Machine(training_gflops={64: 10.0}), 40_000_000, curve=curve).shape
        params, width = shape.num_layer_params, shape.hidden_size
        costs = {size: (params + size * width) / bytes_per_token(size, curve) for size in curve}
        assert costs[shape.vocab_size] <= 1.08 * min(costs.values())
        assert shape.context >= 256  # a row of 128 tokens would hold a sentence


def test_chinese_is_not_planned_as_bytes(surveys) -> None:
    """3.6 MB once got 512 tokens: every character three of them, and 391 of 675 chats longer than the context."""
    crowded = Machine(training_gflops={64: 5.0})
    before, now = (plan(12.0, crowded, 3_600_000, curve=c).shape for c in (None, surveys["chinese"].curve))
    assert before.vocab_size == 512 and now.vocab_size >= 1024 and now.context >= 2 * before.context
    for seconds in (60.0, 1800.0):  # with thousands of characters more tokens pay than in English
        before, now = (plan(seconds, Machine(), 3_600_000, curve=c).shape for c in (None, surveys["chinese"].curve))
        assert now.vocab_size > before.vocab_size


def test_positions_and_rows_are_as_long_as_the_chats_need(tmp_path) -> None:
    assert positions_for([], 3.0, 256, 512) == 512
    assert positions_for([(300, 2)] * 100, 3.0, 256, 512) == 512
    assert positions_for([(2000, 2)] * 100, 3.0, 256, 512) == 832
    assert positions_for([(2000, 2)] * 100, 1.0, 256, 512) == 1024  # four contexts at most
    assert positions_for([(300, 2)] * 995 + [(9000, 2)] * 5, 3.0, 256, 512) == 512  # a few long ones decide nothing
    short, mixed = [40] * 99 + [900], [40] * 80 + [500] * 20
    assert row_tokens(short, 256, 512, 256, 0.05) == 256  # as before
    assert row_tokens(mixed, 256, 512, 256, 0.05) == 512
    assert row_tokens(mixed, 256, 8192, 256, 0.05) == 512  # and not 8,192
    assert row_tokens(short, None, 8192, 256, 0.05) == 256
    assert row_tokens([40] * 100, None, 8192, 256, 0.05) == 64
    file = tmp_path / "chats.jsonl"
    file.write_text('{"prompt": "你好", "response": "好"}\n' * 3, encoding="utf-8")
    assert chat_sizes([str(file)]) == [(9, 2)] * 3 and len(chat_sizes([str(file)], 2)) == 2
