"""Answers under rules whose places compiled loops know: the same as looking at every single token."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from firstwords.engine import compiled
from firstwords.engine import engine as engine_module
from firstwords.engine.constraints import Constraint
from firstwords.engine.engine import Engine
from firstwords.engine.grammar import matcher as matcher_module
from firstwords.engine.grammar import places as places_module
from firstwords.engine.grammar.closing import Follower
from firstwords.engine.grammar.pattern import parse
from firstwords.engine.grammar.places import Next, Places
from firstwords.engine.grammar.regular import whole
from firstwords.engine.grammar.shape import Shape, Text
from firstwords.engine.grammar.spellings import Spellings
from firstwords.engine.request import Completion
from firstwords.engine.rules.rules import Rules
from firstwords.engine.sampling import SamplingParams
from firstwords.tokenizer.fast import Tokenizer

TEXT = (
    "The cat sat on the mat. Pip is 7 years old, said Ben! Fine foxes fly far; big bees buzz by the moon. "
    "caf\u00e9 \u65e5\u672c\u8a9e\n"
)
CONSTRAINTS = (
    Constraint.rules(Rules(without_letter="e")),
    Constraint.rules(Rules(only_words_with="f", words="3-9")),
    Constraint.rules(Rules(words="4-6")),
    Constraint.rules(Rules(regex="[a-z\u00e9\u65e5 .]{2,70}", without_letter="o")),
    Constraint.choice(["The cat sat on the mat.", "The cat is far.", "Fine!"]),
    None,
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 360)


def answers(engine: Engine, rounds: int, is_asked: bool = True) -> Iterator[list[Completion]]:
    """Rounds of answers to one prompt under all constraints at once, of several lengths and temperatures.

    is_asked: with log-probabilities and the like.
    """
    prompt = engine.tokenizer.encode("The cat sat.")
    for number in range(rounds):
        params = [
            SamplingParams(
                max_tokens=18 + 7 * place + 11 * (number % 4),
                temperature=(0.0, 0.7, 1.0)[number % 3],
                top_p=0.9 if number % 2 else 1.0,
                seed=100 * number + place,
                constraint=constraint,
                logprobs=2 if place % 2 and is_asked else None,
                uncertainty=is_asked,
                repetition_penalty=1.1 if number % 5 == 4 else 1.0,
                rule_cost=is_asked,
            )
            for place, constraint in enumerate(CONSTRAINTS)
        ]
        yield engine.generate([prompt] * len(params), params)


@pytest.mark.parametrize(
    ("max_bytes", "is_asked", "wait_terms"),
    [(32_000_000, True, 1e12), (87_000, True, 1e12), (32_000_000, False, 1e12), (87_000, False, 2e5)],
)
def test_several_tokens_at_a_time_are_those_of_one_at_a_time(
    tokenizer, tiny_policy, monkeypatch, max_bytes, is_asked, wait_terms
) -> None:
    """With little memory, places begin again; rows wait for others until all do, or for a few steps."""
    monkeypatch.setattr(compiled, "WAIT_TERMS", wait_terms)
    monkeypatch.setattr(places_module, "MAX_BYTES", max_bytes)
    monkeypatch.setattr(matcher_module, "MAX_STEPS", 20_000 if max_bytes > 1e6 else 40)
    monkeypatch.setattr(engine_module, "BURST_TERMS", 1e9)
    model = tiny_policy(tokenizer.vocab_size + 5, 3)
    several = Engine(model, tokenizer, num_slots=len(CONSTRAINTS))
    found, looked_at = [], 0
    for one_round in answers(several, 24, is_asked):
        found.append(one_round)
        looked_at = max(looked_at, num_looked_at(several))
    monkeypatch.setattr(engine_module, "MAX_BURST", 1)
    single = Engine(model, tokenizer, num_slots=len(CONSTRAINTS))
    for one_round, expected in zip(found, answers(single, 24, is_asked), strict=True):
        for one, other in zip(one_round, expected, strict=True):
            assert (one.ids, one.text, one.finish_reason) == (other.ids, other.text, other.finish_reason)
            if not is_asked:
                continue
            assert one.logprob_lost == pytest.approx(other.logprob_lost, abs=1e-4)
            np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5)
            assert one.top == other.top
    assert not num_looked_at(single) and looked_at > 20
    assert several.constraints.places.next_PC.any() and "places" not in vars(single.constraints)


def num_looked_at(engine: Engine) -> int:
    """The places that an engine's loops know."""
    places = vars(engine.constraints).get("places")
    return len(places._steps) if places is not None else 0


def test_most_tokens_are_not_looked_at_once_the_places_are_known(tokenizer, tiny_policy, monkeypatch) -> None:
    engine = Engine(tiny_policy(tokenizer.vocab_size + 5, 3), tokenizer, num_slots=1)
    steps, decode = [], engine._decode
    monkeypatch.setattr(engine, "_decode", lambda batch: (steps.append(1), decode(batch))[1])
    constraint = Constraint.rules(Rules(regex="[a-z ]+", without_letter="e"))
    prompt, num_tokens = tokenizer.encode("The cat sat."), 0
    for number in range(30):
        if number == 25:
            steps.clear()
            num_tokens = 0
        params = SamplingParams(max_tokens=100, seed=number, ignore_eos=True, constraint=constraint)
        num_tokens += len(engine.generate([prompt], params)[0].ids)
    assert num_tokens > 3 * len(steps), (num_tokens, len(steps))


@pytest.mark.parametrize("pattern", ["(ab|\u00e9)+c?", "[a-c\u65e5]{1,40}", "(a|b)*abb(c|b)"])
def test_tokens_lead_where_their_characters_do(pattern: str) -> None:
    """Two tokens may have the same text, and one may be part of a character."""
    texts = ["".join(text) for size in range(1, 5) for text in itertools.product("abc\u00e9", repeat=size)]
    tokens = [b"a", b"\xff", b"", "\u65e5a".encode(), *(text.encode() for text in texts)]
    spellings, ends = Spellings(tokens), frozenset({2})
    places = Places(spellings, len(tokens))
    start = Follower(Shape(Text((whole(parse(pattern)),)))).start()
    waiting, queued, seen, num_ways = [start], {start}, set(), 0
    while waiting and len(seen) < 12:
        place = waiting.pop(0)
        number = places.number(place, ends, Next(np.full(11, number_of(place), np.uint32), False, False))
        seen.add(number)
        for token, data in enumerate(tokens):
            after = place.after(data)
            if after is None or after.begun or not data:
                continue
            places.connect(place, ends, token)
            found = number
            for char in spellings.of(token):
                found = int(places.next_PC[found, char])
            assert found == places._number(after.states[0].place, ends) > 0
            num_ways += 1
            if after not in queued:
                assert places.lengths_P[found] < 0
                queued.add(after)
                waiting.append(after)
    assert num_ways > 50 and all((places.masks_PW[n] == number_of(places[n].place)).all() for n in seen)
    assert places.number(place, frozenset({0}), Next(np.zeros(11, np.uint32), False, False)) not in seen


def number_of(place) -> int:
    """A mask that tells places apart."""
    return id(place.states[0].place) % 2**32
