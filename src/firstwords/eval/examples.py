"""Example prompts that a model handles, chosen and checked when it is trained, and stored on its card.

    choose(model, tokenizer, *candidates(base_data, chat_data))
    -> {"next": ["The cat is", "Once upon a time"], "chat": ["Who are you?", "What colour is grass?"]}

A model of the built-in world is tried with the prompts of `world/showcase.py`, another one with beginnings of its
held-out texts and questions from its held-out chats. `next` and the page introduce the model with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from firstwords.engine import tokens
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.chat_defaults import IN_CHATS, ChatSampling
from firstwords.tokenizer.prompts import chat_ids, text_ids
from firstwords.world.chats.checks import Check, passes, words
from firstwords.world.showcase import BEGINNINGS, QUESTIONS, Beginning

if TYPE_CHECKING:
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

MAX_NEXT, MAX_CHAT = 3, 4  # examples kept
SAMPLES = 4  # answers at the chat's temperature that must all be good, besides the likeliest one
MIN_SHARE = 0.5  # of the next token's probability on fitting words
LIKELIEST = 30  # tokens in which those are looked for
SLOTS = 16
CONTINUED_TOKENS, ANSWER_TOKENS, STORY_TOKENS = 16, 48, 160
OWN_CHECK = Check("text", least=2)  # of answers about which nothing is known


Question = tuple[str, Check]


def candidates(
    base_data: Mapping[str, Any], chat_data: Mapping[str, Any]
) -> tuple[Sequence[Beginning], Sequence[Question]]:
    """What a model may be tried with, from the `data` of the cards of stages one and two ({} for a stage that is not
    there): texts to continue, and messages to answer.
    """
    texts: Sequence[Beginning] = BEGINNINGS
    asked: Sequence[Question] = QUESTIONS
    if "world" not in _texts(base_data, "text"):
        texts = tuple(map(Beginning, _texts(base_data, "beginnings")))
    if "world" not in _texts(chat_data, "chats"):
        asked = tuple((question, OWN_CHECK) for question in _texts(chat_data, "questions"))
    return texts, asked


def _texts(data: Mapping[str, Any], key: str) -> list[str]:
    found = data.get(key)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def choose(
    model: Transformer,
    tokenizer: Tokenizer,
    texts: Sequence[Beginning],
    asked: Sequence[Question],
    how: ChatSampling = IN_CHATS,
) -> dict[str, list[str]]:
    """{"next": texts to continue, "chat": messages to answer}: the first candidates that the model handles.

    how: sampling of the answers, besides the likeliest one.
    """
    engine = Engine(model, tokenizer, num_slots=SLOTS)
    return {
        "next": continued(engine, tokenizer, texts)[:MAX_NEXT],
        "chat": answered(engine, tokenizer, asked, how)[:MAX_CHAT],
    }


def continued(engine: Engine, tokenizer: Tokenizer, texts: Sequence[Beginning]) -> list[str]:
    """The texts whose next words fit."""
    prompts = [text_ids(tokenizer, each.text) for each in texts]
    fitting = [i for i, ids in enumerate(prompts) if len(ids) < engine.max_length]
    params = SamplingParams(temperature=0.0, max_tokens=CONTINUED_TOKENS)
    found = engine.generate([prompts[i] for i in fitting], params) if fitting else []
    good = []
    for i, completion in zip(fitting, found, strict=True):
        had, each = words(completion.text), texts[i]
        if each.contains:
            fits = any(part in completion.text for part in each.contains)
        elif each.accept:
            accept = each.accept.split()
            is_likeliest = completion.text[:1] == " " and had[:1] in [words(word) for word in accept]
            fits = is_likeliest and share(engine, tokenizer, prompts[i], accept) >= MIN_SHARE
        else:
            fits = len(set(had)) >= 2
        if fits:
            good.append(each.text)
    return good


def share(engine: Engine, tokenizer: Tokenizer, ids: list[int], accept: Sequence[str]) -> float:
    """Probability of the next tokens that begin one of these words, after a space."""
    likely = tokens.distribution(engine.next_logprobs(ids), tokenizer, LIKELIEST)["tokens"]

    def begins_a_word(text: str) -> bool:
        part = text[1:]  # a single letter begins too many words
        return text[:1] == " " and any(part == word or (len(part) > 1 and word.startswith(part)) for word in accept)

    return float(sum(token["probability"] for token in likely if begins_a_word(token["text"])))


def answered(engine: Engine, tokenizer: Tokenizer, asked: Sequence[Question], how: ChatSampling) -> list[str]:
    """The messages whose likeliest answer is good, and every sampled one too."""
    if not tokenizer.has_chat_tokens:
        return []
    rows = [(text, check, chat_ids(tokenizer, [{"role": "user", "content": text}])) for text, check in asked]
    rows = [row for row in rows if len(row[2]) < engine.max_length]
    rows = all_good(engine, rows, [SamplingParams(temperature=0.0)])
    samples = [SamplingParams(temperature=how.temperature, top_p=how.top_p, seed=seed) for seed in range(SAMPLES)]
    return [text for text, _, _ in all_good(engine, rows, samples)]


def all_good(
    engine: Engine, rows: list[tuple[str, Check, list[int]]], samples: list[SamplingParams]
) -> list[tuple[str, Check, list[int]]]:
    """The rows (message, check, prompt) of which every sample ends by itself and passes."""
    if not rows:
        return []
    prompts = [ids for _, _, ids in rows for _ in samples]
    lengths = [STORY_TOKENS if "story" in text else ANSWER_TOKENS for text, _, _ in rows]
    params = [replace(sample, max_tokens=length) for length in lengths for sample in samples]
    done = iter(engine.generate(prompts, params))
    outcomes = [[next(done) for _ in samples] for _ in rows]
    return [
        row
        for row, answers in zip(rows, outcomes, strict=True)
        if all(a.finish_reason == "stop" and passes(row[1], a.text.strip()) for a in answers)
    ]
