"""Every answer obeys its rule, through the engine: random prompts, random rules, random sampling, tokenizers of four
families. The suite tries 100; FIRSTWORDS_RULE_ANSWERS=2000 tries 2,000, a quarter with each tokenizer.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_rules import TEXT, gpt2, obeys, ours, random_rules

from firstwords.engine.constraints import Constraint
from firstwords.engine.engine import Engine
from firstwords.engine.rules.rules import Rules
from firstwords.engine.sampling import SamplingParams
from firstwords.tokenizer.fast import Tokenizer

NUM_ANSWERS = int(os.environ.get("FIRSTWORDS_RULE_ANSWERS", "100"))
SLOTS = 16
LATIN = ["the cat sleeps", "café élan", "über Öl", "ñandú", "Ærø", "7 days"]
SCRIPTS = [*LATIN, "мир кот", "日本語の本", "كتاب", "किताब", "😀"]
FORMS = {"choice", "regex", "json_schema"}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "kind": {"enum": ["dog", "big bee"]}},
    "required": ["name", "kind"],
    "additionalProperties": False,
}


def llama() -> Tokenizer:
    """SentencePiece's BPE as Llama 2 has it: ▁ for a space, single bytes for what the vocabulary lacks."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, normalizers, trainers

    backend = Backend(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    specials = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=560, special_tokens=specials, show_progress=False)
    backend.train_from_iterator([TEXT[place:] for place in range(0, 60, 3)], trainer)
    return _with_bytes(backend, decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()]))


def unigram() -> Tokenizer:
    """SentencePiece's unigram model, as T5 and Gemma's relatives have it, with single bytes."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, normalizers

    pieces = {"▁", *TEXT.replace(" ", "▁")}
    words = TEXT.replace(" ", "▁").split("▁")
    pieces |= {"▁" + word[:size] for word in words for size in range(1, len(word) + 1)}
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocab = [(name, 0.0 if place < 3 else -12.0) for place, name in enumerate(names)]
    vocab += [(piece, -10.0 + len(piece)) for piece in sorted(pieces)]
    backend = Backend(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    return _with_bytes(backend, decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()]))


def _with_bytes(backend, decoder) -> Tokenizer:
    """Its special tokens are three; the bytes are ordinary tokens, as in Llama's own file."""
    from tokenizers import Tokenizer as Backend

    state = json.loads(backend.to_str())
    state["added_tokens"] = [each for each in state["added_tokens"] if not each["content"].startswith("<0x")]
    backend = Backend.from_str(json.dumps(state))
    backend.decoder = decoder
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    return Tokenizer(backend, {"bos_token": "<s>", "eos_token": "</s>"}, None, [2])


FAMILIES: dict[str, Callable[[], Tokenizer]] = {"ours": ours, "gpt2": gpt2, "llama": llama, "unigram": unigram}


def any_rules(dice: random.Random) -> dict:
    """`random_rules`, or options or a schema together with rules for words."""
    form = dice.random()
    if form < 0.1:
        return {"choice": [dice.choice(SCRIPTS) for _ in range(3)]} | (
            {"without_letter": dice.choice("eq")} if dice.random() < 0.5 else {}
        )
    if form < 0.2:
        return {"json_schema": SCHEMA} | ({"without_letter": "z"} if dice.random() < 0.5 else {})
    rules = random_rules(dice)
    if "only_words_with" in rules and dice.random() < 0.3:
        rules["only_words_with"] = dice.choice("éñжкسक")
        rules.pop("rhyme_with", None)
    return rules


def check(rules: dict, text: str, continues: bool) -> None:
    """Raise AssertionError for a text that does not obey. continues: it may first end the sentence of the prompt."""
    if continues and not rules.keys() & FORMS:
        text = re.sub(r"^[^\w\s]+(?=\s)", "", text)
    if "json_schema" not in rules:
        obeys(rules, text if "regex" in rules else text.strip())  # spaces may be what an expression asks for
        return
    value = json.loads(text)
    assert set(value) <= {"name", "age", "kind"} and value["kind"] in SCHEMA["properties"]["kind"]["enum"]
    assert isinstance(value["name"], str) and isinstance(value.get("age", 0), int)
    assert "without_letter" not in rules or rules["without_letter"] not in value["name"].lower()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_answer_obeys_whatever_the_tokenizer(family, tiny_policy) -> None:
    tokenizer = FAMILIES[family]()
    model = tiny_policy(tokenizer.vocab_size, context=256)
    with torch.no_grad():  # opinions strong enough to disagree with any rule
        model.lm_head.weight.copy_(torch.randn(model.lm_head.weight.shape, generator=torch.Generator().manual_seed(1)))
    engine = Engine(model, tokenizer, num_slots=SLOTS)
    dice, numbers = random.Random(family), np.random.default_rng(7)
    asked: list[tuple[dict, bool, list[int], SamplingParams]] = []
    tried = 0
    while len(asked) < NUM_ANSWERS // len(FAMILIES):
        tried += 1
        prompt = " ".join(dice.choice(SCRIPTS) for _ in range(dice.randint(1, 8))) + dice.choice(["", ".", " ", "! "])
        rules = any_rules(dice)
        continues = dice.random() < 0.5
        params = SamplingParams(
            temperature=dice.choice([0, 0.7, 1.0, 1.8]),
            top_p=dice.choice([1.0, 0.9]),
            max_tokens=dice.randint(20, 110),
            seed=int(numbers.integers(1 << 30)),
            constraint=Constraint.rules(Rules.of(rules), prompt if continues else ""),
        )
        ids = [tokenizer.endoftext_id, *tokenizer.encode(prompt)]
        try:
            engine.cancel(engine.add(ids, params))
        except ValueError as error:  # no text obeys, or it needs more room: said before anything is generated
            assert "no text obeys" in str(error) or "needs at least" in str(error) or "spell" in str(error), error
            continue
        asked.append((rules, continues, ids, params))
    assert tried < 3 * len(asked)
    answers = engine.generate([ids for _, _, ids, _ in asked], [params for *_, params in asked])
    for (rules, continues, *_), answer in zip(asked, answers, strict=True):
        assert answer.finish_reason == "stop", (rules, answer)
        check(rules, answer.text, continues)


def test_the_families_spell_differently() -> None:
    """The tokenizers are four, and each reads all scripts back."""
    texts = ["The cat sat, 日本", "Big bees buzz by the moon, said Ben! 78"]
    spelled = []
    for make in FAMILIES.values():
        tokenizer = make()
        spelled.append(tuple(tokenizer.token_bytes(token) for text in texts for token in tokenizer.encode(text)))
    assert len(set(spelled)) == len(FAMILIES)
    for make in FAMILIES.values():
        tokenizer = make()
        for text in SCRIPTS:
            data = b"".join(tokenizer.token_bytes(token) for token in tokenizer.encode(text))
            assert data.decode().strip() == text
