"""Answers of a given shape: they parse, end where they may, cost neighbours nothing, and bad grammars are refused."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
import torch

from firstwords.engine.constraints import MAX_CHARS, Constraint, Constraints
from firstwords.engine.engine import Engine
from firstwords.engine.grammar import closing
from firstwords.engine.grammar import matcher as matcher_module
from firstwords.engine.rules.rules import Rules
from firstwords.engine.sampling import SamplingParams
from firstwords.tokenizer.fast import Tokenizer

TEXT = 'The cat sat on the mat. {"name": "Pip", "age": 7} caf\u00e9 \u65e5\u672c'
SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["Pip", "Ann"]}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 300)


@pytest.fixture
def engine(tokenizer, tiny_policy, one_thread) -> Engine:
    # the table is wider than the vocabulary, as padded models have it
    return Engine(tiny_policy(tokenizer.vocab_size + 5, 3), tokenizer, num_slots=4)


def ask(engine: Engine, constraint: Constraint | None, seed: int = 1, **options):
    params = SamplingParams(**{"max_tokens": 100, "seed": seed, "constraint": constraint} | options)
    return engine.generate([[0, 5, 6]], params)[0]


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 3}, {"ignore_eos": True}])
def test_json_of_a_schema(engine, options) -> None:
    for seed in range(5):
        answer = ask(engine, Constraint.json_schema(SCHEMA), seed, **options)
        found = json.loads(answer.text)
        assert answer.finish_reason == "stop"
        assert found["name"] in ("Pip", "Ann") and 0 <= found["age"] <= 99 and len(found) == 2


def test_regex_and_choice(engine) -> None:
    for seed in range(5):
        assert re.fullmatch(r"[a-f]{3}-\d+", ask(engine, Constraint.regex(r"[a-f]{3}-\d{1,4}"), seed).text)
        options = ["caf\u00e9", "\u65e5\u672c", 'a "b"', "two\nlines"]
        answer = ask(engine, Constraint.choice(options), seed)
        assert answer.text in options and answer.finish_reason == "stop"


def test_an_answer_ends_only_where_the_grammar_does(engine, tokenizer) -> None:
    matcher = engine.constraints.matcher(Constraint.regex("ab?"), frozenset([0, 2]))
    ends = []
    for letter in "ab":
        ends.append(matcher.allowed()[[0, 2]].tolist())
        matcher.advance(tokenizer.encode(letter)[0])
    assert ends == [[False, False], [True, True]] and matcher.is_complete and not matcher.has_failed


def test_no_text_of_a_grammar_yields_a_special_token(engine, tokenizer) -> None:
    answer = ask(engine, Constraint.choice(["<|im_end|><|im_start|>"]))
    assert answer.text == "<|im_end|><|im_start|>" and not set(answer.ids) & tokenizer.special_ids


def test_a_neighbour_notices_nothing(engine) -> None:
    constraint = Constraint.json_schema(SCHEMA)
    params = [
        SamplingParams(max_tokens=40, seed=seed, logprobs=3, constraint=constraint if seed % 2 else None, top_p=0.9)
        for seed in range(4)
    ]
    prompts = [[0, 5, 6], [0, 7], [0, 8, 9, 10], [0, 11]]
    together = engine.generate(prompts, params)
    for prompt, each, answer in zip(prompts, params, together, strict=True):
        alone = engine.generate([prompt], [each])[0]
        assert alone.ids == answer.ids and alone.finish_reason == answer.finish_reason
        assert torch.allclose(torch.tensor(alone.logprobs), torch.tensor(answer.logprobs), atol=1e-4)


def test_logprobs_are_the_models_own(engine) -> None:
    answer = ask(engine, Constraint.choice(["Pip", "Ann"]), logprobs=2)
    own = engine.score([[0, 5, 6, *answer.ids]])[0][2:]
    assert torch.allclose(torch.tensor(answer.logprobs), own, atol=1e-4)
    assert sum(torch.tensor(answer.logprobs).exp()) < 0.5 * len(answer.ids)  # a masked model would say almost 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constraint.json_schema({"type": "foo"}),
        lambda: Constraint.json_schema({"$ref": "http://127.0.0.1:1/x"}),
        lambda: Constraint.json_schema({"$ref": "#/nowhere"}),
        lambda: Constraint.json_schema({"not": {"type": "string"}}),
        lambda: Constraint.json_schema(_nested(300)),
        lambda: Constraint.json_schema(_nested(3000)),
        lambda: Constraint.json_schema({"enum": ["x" * MAX_CHARS]}),
        lambda: Constraint.regex("("),
        lambda: Constraint.regex(r"(?=a)b"),
        lambda: Constraint.regex("x" * (MAX_CHARS + 1)),
        lambda: Constraint.choice([]),
        lambda: Constraint.choice([""]),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_sentence(engine, make) -> None:
    with pytest.raises(ValueError) as refused:
        engine.add([0, 5], SamplingParams(constraint=make()))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400 and not engine.has_work


def test_a_grammar_that_explodes_ends_its_own_answer_only(engine) -> None:
    explosive = Constraint.regex("((a{1,100}){1,100}){60,100}")
    hard = engine.add([0, 5], SamplingParams(max_tokens=60, seed=1, constraint=explosive))
    easy = engine.add([0, 5], SamplingParams(max_tokens=60, seed=1, ignore_eos=True))
    while engine.has_work:
        engine.step()
    assert hard.finish_reason == "failed" and easy.finish_reason == "length" and easy.num_generated == 60


def test_an_engine_without_a_tokenizer_says_so(tiny_policy) -> None:
    with pytest.raises(ValueError, match="tokenizer"):
        Engine(tiny_policy(300)).add([1], SamplingParams(constraint=Constraint.json_object()))


def test_grammars_are_compiled_once(tokenizer) -> None:
    compiler = Constraints(tokenizer, tokenizer.vocab_size, [0, 2])
    for number in range(100):
        compiler.matcher(Constraint.regex(f"a{{{number % 50 + 1}}}"), frozenset([0]))
    assert len(compiler._compiled) == 32


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint.regex("(ab?|a*c|é|\u65e5){0,9}[^x]*"),
        Constraint.choice(["cat", "cats and", "caf\u00e9", "\u65e5\u672c"]),
        Constraint.rules(Rules(without_letter="e", words="3-")),
        Constraint.rules(Rules(only_words_with="t", words="2-6"), "The"),
    ],
)
def test_masks_from_memory_are_those_of_the_grammar(tokenizer, monkeypatch, constraint) -> None:
    """Answers under one constraint share what llguidance said. Two kinds of requests, and memories that overflow."""
    monkeypatch.setattr(matcher_module, "MAX_MASK_BYTES", 60 * tokenizer.vocab_size // 8)
    monkeypatch.setattr(closing, "MAX_MOVES", 100)
    shared, dice, num_known = Constraints(tokenizer, tokenizer.vocab_size, [0, 2]), random.Random(1), 0
    for number in range(40):
        ends = frozenset([0, 2] if number % 3 else [0])
        matcher = shared.matcher(constraint, ends)
        fresh = Constraints(tokenizer, tokenizer.vocab_size, [0, 2]).matcher(constraint, ends)
        for _ in range(30):
            num_known += matcher._grammar.known(matcher._place, ends) is not None
            allowed_V = matcher.allowed()
            assert allowed_V.tolist() == fresh.allowed().tolist()
            possible = sorted(set(np.flatnonzero(allowed_V).tolist()) - {0, 2})
            if not possible:
                break
            token = dice.choice(possible)
            for one in (matcher, fresh):
                one.advance(token)
            assert (matcher.is_complete, matcher.may_end) == (fresh.is_complete, fresh.may_end)
            assert not matcher.has_failed
    assert num_known > 50


def _nested(depth: int) -> dict:
    schema: dict = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema
