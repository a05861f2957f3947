"""Both sides of a comparison are decoded alike, or there is no win rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firstwords.config import UserError
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.decoding import Decoding, check_equal
from firstwords.eval.winrate import Comparison, win_rate
from firstwords.rlhf.judgements import answer_params

RECORD = Decoding.of(SamplingParams(max_tokens=80, seed=1))


def test_a_seed_is_no_setting_and_everything_else_is() -> None:
    assert Decoding.of(SamplingParams(max_tokens=80, seed=2, logprobs=3)) == RECORD
    changed = {
        "temperature": 0.7,
        "max_tokens": 81,
        "top_p": 0.9,
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "stop": ("\n",),
        "stop_token_ids": (3,),
        "ignore_eos": True,
    }
    for name, value in changed.items():
        other = Decoding.of(replace(SamplingParams(max_tokens=80), **{name: value}))
        with pytest.raises(UserError, match=rf"{name} is .* and "):
            check_equal([RECORD, other])
    for other in (Decoding.of(SamplingParams(max_tokens=80), system="Be kind."), replace(RECORD, template="other")):
        with pytest.raises(UserError, match="decoded differently"):
            check_equal([RECORD, other])


def test_rows_with_unequal_settings_have_no_win_rate() -> None:
    hot = replace(RECORD, temperature=1.5)
    alike = Comparison("p", 1.0, decoding_a=RECORD, decoding_b=RECORD)
    assert win_rate([alike, alike]).n == 2
    for row in (Comparison("q", 1.0, decoding_a=RECORD, decoding_b=hot), replace(alike, decoding_b=None)):
        with pytest.raises(UserError, match="side"):
            win_rate([alike, row])
    with pytest.raises(UserError, match=r"temperature is 1\.0 and 1\.5"):  # rows of two comparisons in one
        win_rate([alike, Comparison("q", 1.0, decoding_a=hot, decoding_b=hot)])


def test_the_worlds_questions_are_sampled_as_the_record_says() -> None:
    assert Decoding.of(answer_params((0, 91), 0.5)).temperature == 0.5
    assert Decoding.of(answer_params((0, 91))) == Decoding.of(answer_params((7, 92)))
