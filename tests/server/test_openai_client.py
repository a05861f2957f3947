"""The official client, as people use it."""

from __future__ import annotations

import asyncio
import json
import re

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

QUESTION = [{"role": "user", "content": "What is your first name?"}]


class Animal(BaseModel):
    name: str
    legs: int


SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["cat", "dog"]}, "legs": {"enum": [2, 4]}},
    "required": ["name", "legs"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def client(server) -> OpenAI:
    return OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


@pytest.fixture
def ask(client):
    return lambda **more: client.chat.completions.create(**{"model": "pip", "messages": QUESTION, "seed": 5} | more)


def test_chat(ask) -> None:
    answer = ask(max_tokens=30)
    choice, usage = answer.choices[0], answer.usage
    assert answer.object == "chat.completion" and answer.model == "pip/sft" and answer.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason in ("stop", "length")
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and usage.completion_tokens <= 30
    assert ask(max_tokens=30).choices[0].message.content == choice.message.content  # the same seed
    assert ask(max_tokens=30, seed=6).choices[0].message.content != choice.message.content
    assert ask(max_tokens=30).usage.prompt_tokens_details.cached_tokens > 0


def test_the_prompt_is_the_templates(ask, pip_model) -> None:
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.chat import render

    loaded = pip_model()
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
    ids = render(messages, loaded.tokenizer, add_generation_prompt=True)[0]
    here = loaded.engine().generate([ids], SamplingParams(max_tokens=40, seed=9, temperature=0.7, top_p=0.9))[0]
    parts = [{"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]}]
    there = ask(messages=parts + QUESTION, max_tokens=40, seed=9, temperature=0.7, top_p=0.9)
    assert there.choices[0].message.content == here.text and there.choices[0].finish_reason == here.finish_reason
    assert there.usage.prompt_tokens == len(ids) and there.usage.completion_tokens == len(here.ids)


@pytest.mark.parametrize("more", [{}, {"stop": ["e", "th"]}, {"stop": "a"}, {"logprobs": True, "top_logprobs": 3}])
def test_a_stream_says_what_the_whole_answer_says(ask, more) -> None:
    for seed in range(4):
        whole = ask(max_tokens=60, seed=seed, **more).choices[0]
        chunks = list(ask(max_tokens=60, seed=seed, stream=True, **more))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == whole.message.content
        assert [c.choices[0].delta.role for c in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
        assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == [whole.finish_reason]
        assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1
        assert all(c.usage is None for c in chunks)
        if "logprobs" in more:
            streamed = [row for c in chunks for row in c.choices[0].logprobs.content]
            assert [(r.token, r.logprob) for r in streamed] == [(r.token, r.logprob) for r in whole.logprobs.content]
            for chunk in chunks:
                assert "".join(r.token for r in chunk.choices[0].logprobs.content) == chunk.choices[0].delta.content
        for stop in more.get("stop", []):
            assert stop not in text


def test_usage_at_the_end_of_a_stream(ask) -> None:
    *chunks, last = ask(max_tokens=8, stream=True, stream_options={"include_usage": True})
    assert last.choices == [] and last.usage == ask(max_tokens=8).usage
    assert chunks and all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_the_stream_helper(client) -> None:
    options = {"model": "pip", "messages": QUESTION, "seed": 3, "stop": ["x"]}  # it refuses what ends for its length
    with client.chat.completions.stream(**options) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and kinds[-1] == "content.done"
    assert final.choices[0].message.role == "assistant"
    whole = client.chat.completions.create(**options)
    assert final.choices[0].message.content == whole.choices[0].message.content


def test_asynchronous_and_many_at_once(server, ask) -> None:
    alone = [ask(seed=seed, max_tokens=40).choices[0].message.content for seed in range(12)]

    async def everyone() -> list[str]:
        async with AsyncOpenAI(base_url=server.base_url, api_key="none") as client:  # this address has no /v1

            async def one(seed: int) -> str:
                options = {"model": "pip", "messages": QUESTION, "seed": seed, "max_tokens": 40}
                if seed % 2:
                    return (await client.chat.completions.create(**options)).choices[0].message.content
                stream = await client.chat.completions.create(**options, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*map(one, range(12)))

    assert asyncio.run(everyone()) == alone


def test_logprobs_are_the_models_over_the_whole_vocabulary(ask, pip_model) -> None:
    loaded = pip_model()
    answer = ask(max_tokens=40, logprobs=True, top_logprobs=20, temperature=0.5).choices[0]
    rows = answer.logprobs.content
    assert "".join(row.token for row in rows) == answer.message.content
    assert b"".join(bytes(row.bytes) for row in rows).decode("utf-8", "replace") == answer.message.content
    assert all(len(row.top_logprobs) == 20 for row in rows)
    from firstwords.tokenizer.prompts import chat_ids

    ids = chat_ids(loaded.tokenizer, QUESTION)
    first = loaded.engine().next_logprobs(ids).sort(descending=True)
    assert [t.logprob for t in rows[0].top_logprobs] == pytest.approx(first.values[:20].tolist(), abs=1e-4)
    for row in rows:
        bars = sum(np.exp(t.logprob) for t in row.top_logprobs)
        assert 0 < bars < 1.0001


def test_several_choices(ask, client) -> None:
    answer = ask(n=3, max_tokens=20, seed=7)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2] and len(set(texts)) == 3
    assert texts[0] == ask(max_tokens=20, seed=7).choices[0].message.content
    assert texts[2] == ask(max_tokens=20, seed=9).choices[0].message.content
    streamed = ["", "", ""]
    for chunk in ask(n=3, max_tokens=20, seed=7, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == texts


def test_json_of_a_schema(ask, client) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "animal", "schema": SCHEMA, "strict": True}}
    for seed in range(5):
        answer = ask(seed=seed, response_format=form).choices[0]
        found = json.loads(answer.message.content)
        assert found["name"] in ("cat", "dog") and found["legs"] in (2, 4) and answer.finish_reason == "stop"
    streamed = ask(seed=4, response_format=form, stream=True)
    assert json.loads("".join(chunk.choices[0].delta.content or "" for chunk in streamed)) == found


def test_other_shapes(ask) -> None:
    answer = ask(response_format={"type": "regex", "regex": r"[0-9]{4}-[0-9]{2}"}).choices[0].message.content
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}", answer)
    for max_tokens in (2, 17, 400):
        answer = ask(response_format={"type": "json_object"}, max_tokens=max_tokens).choices[0]
        assert isinstance(json.loads(answer.message.content), dict) and answer.finish_reason == "stop"
    assert ask(response_format={"type": "text"}).choices[0].message.content == ask().choices[0].message.content


def test_parse(client) -> None:
    class Choice(BaseModel):
        legs: bool

    parsed = client.chat.completions.parse(model="pip", messages=QUESTION, response_format=Choice, seed=1)
    assert isinstance(parsed.choices[0].message.parsed, Choice)
    for more in ({}, {"max_tokens": 20}, {"temperature": 0}):
        options = {"model": "pip", "messages": QUESTION, "response_format": Animal, "seed": 1} | more
        assert isinstance(client.chat.completions.parse(**options).choices[0].message.parsed, Animal)
    with pytest.raises(openai.BadRequestError, match="needs at least 18 tokens, but max_tokens is 3") as refused:
        client.chat.completions.parse(model="pip", messages=QUESTION, response_format=Animal, max_tokens=3)
    assert refused.value.param == "max_tokens"


def test_completions(client, pip_model) -> None:
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.prompts import text_ids

    loaded = pip_model("base")
    engine = loaded.engine()
    texts = ["The cat", "Is it blue? "]
    ids = [text_ids(loaded.tokenizer, text) for text in texts]
    here = engine.generate(ids, [SamplingParams(max_tokens=12, temperature=0)] * 2)
    for prompt in (texts, ids):
        there = client.completions.create(model="pip/base", prompt=prompt, max_tokens=12, temperature=0)
        assert [choice.text for choice in there.choices] == [answer.text for answer in here]
        assert [choice.index for choice in there.choices] == [0, 1]
    for prompt in (texts[0], ids[0]):
        alone = client.completions.create(model="pip/base", prompt=prompt, max_tokens=12, temperature=0)
        assert alone.choices[0].text == here[0].text and alone.model == "pip/base"
    streamed = ["", ""]
    for chunk in client.completions.create(model="pip/base", prompt=texts, max_tokens=12, temperature=0, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].text
    assert streamed == [answer.text for answer in here]
    assert client.completions.create(model="pip", prompt="The").usage.completion_tokens <= 16  # OpenAI's default


@pytest.mark.parametrize("is_text", [True, False])
@pytest.mark.parametrize("max_tokens", [0, 1, 6])
@pytest.mark.parametrize("streams", [True, False])
def test_echo_scores_the_prompt(client, pip_model, is_text, max_tokens, streams) -> None:
    from firstwords.tokenizer.prompts import text_ids

    loaded = pip_model("base")
    tokenizer, text = loaded.tokenizer, "My caf\u00e9 is \u65e5\u672c."
    ids = text_ids(tokenizer, text)
    given = text if is_text else ids
    options = {"model": "pip/base", "prompt": given, "max_tokens": max_tokens, "echo": True}
    options |= {"logprobs": 2, "temperature": 0}
    if streams:
        parts = [c.choices[0] for c in client.completions.create(**options, stream=True)]
        shown = "".join(part.text for part in parts)
        lists = {
            k: [x for part in parts for x in getattr(part.logprobs, k)]
            for k in ("tokens", "token_logprobs", "top_logprobs", "text_offset")
        }
    else:
        choice = client.completions.create(**options).choices[0]
        shown, lists = choice.text, choice.logprobs.model_dump()
    own = loaded.engine().score_top([ids], 2)[0]
    skipped = 1 if is_text else 0
    assert "".join(lists["tokens"]) == shown and shown.startswith(text if is_text else "<|endoftext|>" + text)
    assert len(lists["tokens"]) - max_tokens == len(ids) - skipped or lists["tokens"][-1] == ""
    assert lists["token_logprobs"][0] is None and lists["top_logprobs"][0] is None
    count = len(ids) - skipped
    assert lists["token_logprobs"][1:count] == pytest.approx(own.logprobs_T[skipped:].tolist(), abs=1e-5)
    offsets = [sum(len(t) for t in lists["tokens"][:i]) for i in range(len(lists["tokens"]))]
    assert lists["text_offset"] == offsets
    for lp, top in list(zip(lists["token_logprobs"], lists["top_logprobs"], strict=True))[1:]:
        assert 1 <= len(top) <= 3 and lp <= max(top.values())
    for lp, top in list(zip(lists["token_logprobs"], lists["top_logprobs"], strict=True))[count:]:
        assert lp == max(top.values())  # greedy: equal, not nearly


@pytest.mark.parametrize("count", [None, 0, 5, 20])
def test_completion_logprobs(client, count) -> None:
    options = {"model": "pip", "prompt": "The cat", "max_tokens": 10, "seed": 1, "logprobs": count}
    choice = client.completions.create(**options).choices[0]
    if count is None:
        assert choice.logprobs is None
        return
    assert len(choice.logprobs.tokens) == len(choice.logprobs.token_logprobs) == len(choice.logprobs.top_logprobs)
    assert all(max(1, count - 3) <= len(top) <= count + 1 for top in choice.logprobs.top_logprobs)
    assert "".join(choice.logprobs.tokens) == choice.text


def test_models(client) -> None:
    assert [model.id for model in client.models.list()] == ["pip", "pip/base", "pip/sft"]
    assert client.models.retrieve("pip/base").id == "pip/base"
    assert client.models.retrieve("pip").model_dump()["root"] == "pip/sft"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nobody")
    assert missing.value.param == "model" and missing.value.code == "model_not_found"


def test_embeddings(client, pip_model) -> None:
    import torch

    loaded = pip_model()
    texts = ["The cat is on the mat.", "What is it?"]
    found = client.embeddings.create(model="pip", input=texts)  # the client asks for base64
    plain = client.embeddings.create(model="pip", input=texts, encoding_format="float")
    for text, one, other in zip(texts, found.data, plain.data, strict=True):
        ids = [loaded.tokenizer.endoftext_id, *loaded.tokenizer.encode(text)]
        with torch.inference_mode():
            mean = loaded.model.hidden(torch.tensor([ids]))[0, 1:].mean(0)
        assert one.embedding == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert np.linalg.norm(one.embedding) == pytest.approx(1, abs=1e-5)
    assert found.usage.prompt_tokens > 0 and len(found.data[0].embedding) == 64


@pytest.mark.parametrize(
    ("more", "kind", "param"),
    [
        ({"model": "pip/base"}, openai.BadRequestError, "model"),
        ({"model": "nobody"}, openai.NotFoundError, "model"),
        ({"messages": [{"role": "user", "content": "cat " * 2000}]}, openai.BadRequestError, "messages"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"temperature": -1}, openai.BadRequestError, "temperature"),
        ({"extra_body": {"top_logprobs": 21, "logprobs": True}}, openai.BadRequestError, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, openai.BadRequestError, "tools"),
        ({"logit_bias": {"5": 10}}, openai.BadRequestError, "logit_bias"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "foo"}}}},
            openai.BadRequestError,
            "response_format",
        ),
        ({"response_format": {"type": "regex", "regex": "("}}, openai.BadRequestError, "response_format"),
        ({"response_format": {"type": "xml"}}, openai.BadRequestError, "response_format"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_typed_before_the_first_byte(ask, more, kind, param, stream) -> None:
    with pytest.raises(kind) as refused:
        ask(**more, stream=stream)
    assert refused.value.param == param and len(refused.value.body["message"]) > 20
    assert refused.value.request_id
    assert ask(max_tokens=2).choices  # the server goes on


def test_a_prompt_that_is_too_long_says_by_how_much(ask) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(messages=[{"role": "user", "content": "a b c d " * 100}])
    body = refused.value.body
    assert body["code"] == "context_length_exceeded" and body["n_prompt_tokens"] > body["n_ctx"] == 512


def test_neutral_values_are_no_reason_to_refuse(ask) -> None:
    neutral = {"presence_penalty": 0, "frequency_penalty": 0.0, "tools": [], "tool_choice": "none", "logit_bias": {}}
    extra = {"best_of": 1, "suffix": None, "unknown_harmless": 3, "metadata": {"a": "b"}}
    answer = ask(max_tokens=4, **neutral, extra_body=extra)
    assert answer.choices[0].message.content == ask(max_tokens=4).choices[0].message.content


def test_max_tokens_beyond_the_context_is_clamped(ask) -> None:
    answer = ask(max_tokens=10**9, extra_body={"ignore_eos": True})
    assert answer.choices[0].finish_reason == "length" and answer.usage.total_tokens == 512
    assert ask(max_completion_tokens=3).usage.completion_tokens <= 3
