"""Every answer obeys its rules, whatever the model, the tokenizer and the room; impossible rules are refused."""

from __future__ import annotations

import json
import math
import os
import random
import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pytest
import regex
import torch
from test_schema_answers import LEANINGS, say

from firstwords.engine.constraints import Constraint, Constraints
from firstwords.engine.engine import Engine
from firstwords.engine.rules.rhymes import FAMILIES, rhymes_of
from firstwords.engine.rules.rules import Rules
from firstwords.engine.sampling import SamplingParams
from firstwords.tokenizer.fast import Tokenizer

NUM_RULES = int(os.environ.get("FIRSTWORDS_RULES", "6"))  # random combinations for each tokenizer and leaning
TEXT = (
    "The cat sat on the mat. Pip is 7 years old, said Ben! Fine foxes fly far; big bees buzz by the moon. Élan "
    "caf\u00e9 \u65e5\u672c\u8a9e \u043c\u0438\u0440 \u0915\u093f\u0924\u093e\u092c \u00fcber \u010dlov\u011bk\n"
)


def ours() -> Tokenizer:
    return Tokenizer.train([TEXT] * 5, 360)


def without_splits() -> Tokenizer:
    """Tokens run over words and punctuation: "at. P"."""
    from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Backend

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([TEXT[place:] for place in range(0, 90, 3)], trainer)
    backend.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True)])
    return Tokenizer(backend)


def gpt2() -> Tokenizer:
    """GPT-2's way to split words, at a size that trains in a moment."""
    from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Backend

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([TEXT] * 5, trainer)
    backend.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True)])
    return Tokenizer(backend)


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {"ours": ours, "gpt2": gpt2, "without splits": without_splits}


@pytest.fixture(scope="module", params=TOKENIZERS)
def compiled(request) -> tuple[Tokenizer, Constraints]:
    tokenizer = TOKENIZERS[request.param]()
    return tokenizer, Constraints(tokenizer, tokenizer.vocab_size, [tokenizer.endoftext_id])


def plain(text: str) -> str:
    """Lower case, without accents."""
    return unicodedata.normalize("NFKD", text).casefold()


def words_of(text: str) -> list[str]:
    return text.split()


def obeys(rules: dict, text: str) -> None:
    """Check a text against rules by other means than the ones that made it."""
    words = words_of(text)
    if "only_words_with" in rules:
        found = regex.findall(r"[\w\p{M}]+", text)
        assert found and all(word.lower()[0] == rules["only_words_with"] for word in found), (rules, text)
    if "without_letter" in rules:
        assert not set(plain(text)) & set(rules["without_letter"]), (rules, text)
    if "words" in rules:
        low, high = Rules.of(rules).bounds()
        assert low <= len(words) <= (high or math.inf), (rules, text)
        assert all(re.search(r"\w", word) for word in words), (rules, text)
    if "rhyme_with" in rules:
        last = regex.findall(r"[\w\p{M}]+", text)[-1].lower()
        assert last in [word.lower() for word in rhymes_of(rules["rhyme_with"])], (rules, text)
    if "choice" in rules:
        assert text in rules["choice"], (rules, text)
    if "regex" in rules:
        assert re.fullmatch(rules["regex"], text), (rules, text)
    if not {"choice", "regex", "json_schema"} & rules.keys():
        assert text == text.strip() and text.rstrip('"\u201d)')[-1] in ".!?\u2026\u3002\uff01\uff1f", (rules, text)


def random_rules(dice: random.Random) -> dict:
    rules: dict = {}
    if dice.random() < 0.5:
        rules["only_words_with"] = dice.choice("abfstm\u00fc\u010d\u043c")
    if dice.random() < 0.5:
        rules["without_letter"] = dice.choice(["e", "q", "ou", "\u0438"])
    if dice.random() < 0.6:
        low = dice.randint(1, 9)
        rules["words"] = dice.choice([f"{low}", f"{low}-", f"{low}-{low + dice.randint(0, 9)}"])
    if dice.random() < 0.2 and not rules.get("only_words_with", "a") > "z":
        rules["rhyme_with"] = dice.choice(["moon", "day", "cat", "typhoon", "Fall"])
    form = dice.random()
    if form < 0.15 and "rhyme_with" not in rules:
        rules["regex"] = dice.choice([r"[a-z \u0430-\u044f\u00fc\u010d]+", r"(\w+[ ,]){1,20}\w+\?"])
    return rules or {"words": "3-6"}


@pytest.mark.parametrize("leaning", ["even", "letters", "half characters", "long tokens", "commas"])
def test_every_answer_obeys(compiled, leaning) -> None:
    tokenizer, constraints = compiled
    weights_V = LEANINGS[leaning](tokenizer)
    end = tokenizer.endoftext_id
    tried = 0
    for seed in range(NUM_RULES):
        rules = random_rules(random.Random(seed))
        dice = np.random.default_rng(seed)
        constraint = Constraint.rules(Rules.of(rules))
        try:
            fewest = constraints.matcher(constraint, frozenset([end])).min_tokens
        except ValueError as error:
            assert "no text obeys" in str(error), (rules, error)
            continue
        tried += 1
        for room in (fewest, fewest + int(dice.integers(1, 30)), fewest + 90):
            matcher = constraints.matcher(constraint, frozenset([end]))
            obeys(rules, say(tokenizer, matcher, weights_V, room, dice, end))
    assert tried >= NUM_RULES / 2


def test_options_and_schemas_combine_with_rules_for_words(compiled) -> None:
    tokenizer, constraints = compiled
    end, weights_V = tokenizer.endoftext_id, LEANINGS["even"](tokenizer)
    options = ["yes", "no", "maybe", "big bees"]
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"enum": ["see"]}}, "required": ["a", "b"]}
    for seed in range(20):
        dice = np.random.default_rng(seed)
        rules = {"choice": options, "without_letter": "e"}
        matcher = constraints.matcher(Constraint.rules(Rules.of(rules)), frozenset([end]))
        assert say(tokenizer, matcher, weights_V, 30, dice, end) == "no"
        rules = {"json_schema": schema, "without_letter": "e", "only_words_with": "b", "words": "2-3"}
        matcher = constraints.matcher(Constraint.rules(Rules.of(rules)), frozenset([end]))
        value = json.loads(say(tokenizer, matcher, weights_V, 60, dice, end))
        assert value["b"] == "see"
        obeys(
            {name: rules[name] for name in ("without_letter", "only_words_with", "words")} | {"regex": "(?s).*"},
            value["a"],
        )


def test_a_continuation_does_not_prolong_the_last_word(compiled) -> None:
    tokenizer, constraints = compiled
    end, weights_V = tokenizer.endoftext_id, LEANINGS["letters"](tokenizer)
    for after, begins in (("The cat", False), ("The cat sat. ", True), ('said "', True), ("", True)):
        constraint = Constraint.rules(Rules.of({"only_words_with": "b"}), after)
        for seed in range(10):
            matcher = constraints.matcher(constraint, frozenset([end]))
            text = say(tokenizer, matcher, weights_V, 20, np.random.default_rng(seed), end)
            assert (text.lstrip('"\u201c(')[:1].lower() == "b") is begins, (after, text)
            assert all(word.lower().startswith("b") for word in regex.findall(r"[\w\p{M}]+", text)), text


def test_sentences_end_between_words() -> None:
    """A model that never stops and writes whole words: none is cut, although the limit comes in the middle of one."""
    tokenizer = ours()
    constraints = Constraints(tokenizer, tokenizer.vocab_size, [0])
    words = tokenizer.encode(" hungry" * 60)
    size = len(tokenizer.encode(" hungry"))
    assert size > 1
    for room in range(12, 40):
        matcher, ids = constraints.matcher(Constraint.rules(Rules(without_letter="a"), "The"), frozenset([0])), []
        while len(ids) < room and not matcher.is_complete:
            token = matcher.settle(words[len(ids)], room - len(ids))
            if token == 0 or matcher.has_ended:
                break
            matcher.advance(token)
            ids.append(token)
        assert re.fullmatch(r"( hungry)+\.", tokenizer.decode(ids)), (room, tokenizer.decode(ids))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"only_words_with": "7"}, "only_words_with is '7': give one letter, such as b"),
        ({"only_words_with": "bc"}, "give one letter"),
        ({"without_letter": "!"}, "without_letter is '!': give a letter, such as e"),
        ({"words": "twelve"}, "words is 'twelve': give a number"),
        ({"words": "9-3"}, "the smaller number first"),
        ({"words": "0"}, "at least one word"),
        ({"words": "5000"}, "the limit is 200"),
        ({"words": True}, "words must be a number"),
        ({"rhyme_with": "two words"}, "give one word"),
        ({"rhyme_with": 3}, "rhyme_with must be a text"),
        ({"choice": "yes||no"}, "empty option"),
        ({"choice": [1]}, "list of texts"),
        ({"json_schema": "{"}, "json_schema is not valid JSON"),
        ({"json_schema": "[]"}, "must be a JSON schema"),
        ({"json_schema": {}, "regex": "a"}, "json_schema cannot be used together with regex"),
        ({"no_letter": "e"}, "unknown rule no_letter"),
    ],
)
def test_impossible_values_are_named(rules, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        Rules.of(rules)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"only_words_with": "b", "without_letter": "b"}, "no text obeys these rules: only_words_with b"),
        ({"rhyme_with": "orange"}, "no word is known that rhymes with orange"),
        ({"rhyme_with": "moon", "only_words_with": "x"}, "no text obeys these rules"),
        ({"choice": ["yes"], "without_letter": "e"}, "no text obeys these rules: without_letter e, choice yes"),
        ({"regex": "a("}, "regex is not supported: a bracket is not closed"),
        ({"json_schema": {"type": 3}}, "json_schema is not supported: type must be"),
        ({"json_schema": {"type": "string", "minLength": 1, "pattern": "^b"}, "only_words_with": "c"}, "no value can"),
    ],
)
def test_rules_that_nothing_satisfies_are_refused(rules, message) -> None:
    tokenizer = ours()
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        Constraints(tokenizer, tokenizer.vocab_size, [0]).matcher(Constraint.rules(Rules.of(rules)), frozenset([0]))
    assert "\n" not in str(refused.value)


def test_rhymes_sound_alike() -> None:
    assert {"soon", "spoon", "June"} <= set(rhymes_of("moon")) and "moon" not in rhymes_of("moon")
    assert "move" not in rhymes_of("love") and "moon" in rhymes_of("typhoon") and rhymes_of("orange") == []
    assert rhymes_of("Snake") == rhymes_of("snake")
    for line in FAMILIES.strip().splitlines():
        words = line.split()
        assert len(words) > 1 and len(set(words)) == len(words), line


# ---- in the engine ---------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(tiny_policy, one_thread) -> Engine:
    tokenizer = ours()
    return Engine(tiny_policy(tokenizer.vocab_size + 5, 3), tokenizer, num_slots=4)


def test_the_article_s_example(engine) -> None:
    """Only words with f, at least three of them, ending by itself, by a model that knows nothing."""
    constraint = Constraint.rules(Rules(only_words_with="f", words="3-"))
    prompt = engine.tokenizer.encode("The cat sleeps in the box.")
    for seed in range(10):
        answer = engine.generate([prompt], SamplingParams(max_tokens=90, seed=seed, constraint=constraint))[0]
        obeys({"only_words_with": "f", "words": "3-"}, answer.text)
        assert answer.finish_reason == "stop"


def test_what_a_rule_costs_is_the_probability_of_what_it_excludes(engine) -> None:
    constraint, prompt = Constraint.rules(Rules(regex="[a-f ]{3,9}")), [0, 5, 6]
    how = SamplingParams(max_tokens=60, seed=2, constraint=constraint, logprobs=0, rule_cost=True)
    answer = engine.generate([prompt], how)[0]
    matcher = engine.constraints.matcher(constraint, frozenset([0, 2]))
    ids, lost = list(prompt), 0.0
    for token, logprob in zip(answer.ids, answer.logprobs, strict=True):
        logprobs_V = engine.next_logprobs(ids).double()
        lost -= float(logprobs_V[torch.from_numpy(matcher.allowed())].logsumexp(0))
        assert logprob == pytest.approx(float(logprobs_V[token]), abs=1e-4)
        ids.append(token)
        if token not in (0, 2):
            matcher.advance(token)
    assert answer.logprob_lost == pytest.approx(lost, abs=1e-3) and lost > 1


def test_a_greedy_answer_is_the_likeliest_of_what_is_allowed(engine) -> None:
    """By the model's own logits; where the sentence has to end, the forced tokens cost all of their probability."""
    constraint, prompt = Constraint.rules(Rules(only_words_with="f", words="3-5")), [0, 5, 6]
    how = SamplingParams(max_tokens=40, seed=2, temperature=0, constraint=constraint, rule_cost=True)
    answer = engine.generate([prompt], how)[0]
    matcher = engine.constraints.matcher(constraint, frozenset([0, 2]))
    ids, lost, num_forced = list(prompt), 0.0, 0
    for place, token in enumerate(answer.ids):
        logprobs_V = engine.next_logprobs(ids).double()
        allowed_V = torch.from_numpy(matcher.allowed())
        best = int(torch.where(allowed_V, logprobs_V, -math.inf).argmax())
        assert token == matcher.settle(best, 40 - place)
        num_forced += token != best
        lost -= float(logprobs_V[allowed_V].logsumexp(0) if token == best else logprobs_V[token])
        ids.append(token)
        if token not in (0, 2):
            matcher.advance(token)
    assert answer.logprob_lost == pytest.approx(lost, abs=1e-3) and num_forced < len(answer.ids) / 2


def test_sampling_is_exact_among_what_is_allowed(engine) -> None:
    """First tokens of many seeds: the model's own probabilities, renormalised over the allowed ones."""
    constraint = Constraint.rules(Rules(regex="[a-z .]+", without_letter="e"))
    prompt, n = [0, 5, 6], 3000
    matcher = engine.constraints.matcher(constraint, frozenset([0, 2]))
    allowed_V = torch.from_numpy(matcher.allowed())
    expected_V = torch.where(allowed_V, engine.next_logprobs(prompt).double().exp(), 0.0)
    expected_V /= expected_V.sum()
    answers = engine.generate([prompt] * n, SamplingParams(max_tokens=1, seed=0, constraint=constraint))
    counts_V = torch.bincount(torch.tensor([answer.ids[0] for answer in answers]), minlength=len(expected_V))
    assert not counts_V[~allowed_V].any()
    likely_V = expected_V * n > 8
    chi2 = ((counts_V - expected_V * n) ** 2 / (expected_V * n))[likely_V].sum()
    df = int(likely_V.sum())
    assert float(chi2) < df + 5 * math.sqrt(2 * df)


def test_what_a_rule_costs_is_counted_where_it_allows_almost_nothing(engine) -> None:
    """The probability of what is allowed may be smaller than single precision holds."""
    from types import SimpleNamespace

    from numba import njit

    from firstwords.engine.decode import excluded_logprobs
    from firstwords.engine.loops.sampler import lost_to_mask

    logits_RV = torch.tensor([[0.0, -150.0, 1.0, -150.0]] * 3)
    masks_RW = np.array([[0b1010], [0b1111], [0b0101]], np.uint32)
    total = math.log(1 + math.e)
    expected = [total + 150 - math.log(2), 0.0, 0.0]
    lost = excluded_logprobs(SimpleNamespace(masks_RW=masks_RW), np.array([0, 1, 2]), logits_RV)
    assert lost == pytest.approx(expected, abs=1e-6)
    callable_one = njit(lambda logits_V, mask_W: lost_to_mask(logits_V, mask_W, np.zeros_like(logits_V)))
    compiled = [callable_one(*row) for row in zip(logits_RV.numpy(), masks_RW, strict=True)]
    assert compiled == pytest.approx(expected, abs=1e-5)
