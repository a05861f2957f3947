"""Rules as a field of requests: obeyed by whole and streamed answers, combined with forms, priced, refused by name."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import openai
import pytest

QUESTION = [{"role": "user", "content": "The cat sleeps in the box."}]
F_WORDS = {"only_words_with": "f", "words": "3-6"}


@pytest.fixture(scope="module")
def client(server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


def are_f_words(text: str) -> bool:
    words = text.split()
    return 3 <= len(words) <= 6 and all(word.strip('"\u201c\u201d().,;:!?\u2026').lower()[0] == "f" for word in words)


def test_whole_and_streamed_answers_obey_and_say_what_it_cost(client) -> None:
    for seed in range(5):
        how: dict[str, Any] = {"model": "pip", "messages": QUESTION, "seed": seed, "max_tokens": 80}
        whole = client.chat.completions.create(**how, extra_body={"rules": F_WORDS}).choices[0]
        assert are_f_words(whole.message.content or "") and whole.finish_reason == "stop", whole
        parts = list(client.chat.completions.create(**how, stream=True, extra_body={"rules": F_WORDS}))
        assert "".join(part.choices[0].delta.content or "" for part in parts) == whole.message.content
        lost = [extra["logprob_lost"] for part in parts if (extra := part.choices[0].model_extra)]
        assert lost == [(whole.model_extra or {})["logprob_lost"]] and lost[0] > 1


def test_completions_continue_each_prompt_in_its_own_way(client) -> None:
    prompts = ["The cat", "The cat sat. "]
    answer = client.completions.create(
        model="pip/base", prompt=prompts, seed=3, max_tokens=60, extra_body={"rules": F_WORDS}
    )
    for choice in answer.choices:
        begins_a_word = choice.text.lstrip('"\u201c(')[0].lower() == "f"
        assert begins_a_word is bool(choice.index), choice.text
        assert (choice.model_extra or {})["logprob_lost"] > 1


def test_rules_combine_with_forms(client) -> None:
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    rules = {"only_words_with": "b", "words": 2, "without_letter": "e"}
    answer = client.chat.completions.create(
        model="pip",
        messages=QUESTION,
        max_tokens=90,
        response_format=form,
        extra_body={"rules": rules},  # type: ignore[arg-type]
    )
    words = json.loads(answer.choices[0].message.content or "")["word"].split()
    assert len(words) == 2 and "e" not in "".join(words).lower()
    answer = client.chat.completions.create(
        model="pip",
        messages=QUESTION,
        extra_body={"structured_outputs": {"choice": ["yes", "no"]}, "rules": {"without_letter": "e"}},
    )
    assert answer.choices[0].message.content == "no"


def test_responses_obey_rules_too(client) -> None:
    answer = client.responses.create(model="pip", input="Hello", max_output_tokens=80, extra_body={"rules": F_WORDS})
    assert are_f_words(answer.output_text)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"rules": {"only_words_with": "42"}}, "only_words_with is '42': give one letter"),
        ({"rules": {"without_leter": "e"}}, "unknown rule without_leter; did you mean without_letter?"),
        ({"rules": "f"}, "rules must be an object"),
        ({"rules": {"rhyme_with": "orange"}}, "no word is known that rhymes with orange"),
        ({"rules": {"only_words_with": "b", "without_letter": "b"}}, "no text obeys these rules"),
        ({"rules": {"json_schema": {"type": 3}}}, "json_schema is not supported"),
        ({"rules": {"words": 4}, "grammar": 'root ::= "a"'}, "rules cannot be used together with grammar"),
        ({"rules": {"regex": "a"}, "guided_regex": "b"}, "rules.regex cannot be used together with guided_regex"),
        ({"rules": {"words": 4}, "documents": True}, "rules can't be combined with documents"),
    ],
)
def test_impossible_rules_are_one_sentence(server, body, message) -> None:
    data = json.dumps({"model": "pip", "messages": QUESTION, "max_tokens": 40} | body).encode()
    request = urllib.request.Request(
        f"{server.base_url}/v1/chat/completions", data, {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    error = json.loads(refused.value.read())["error"]
    assert refused.value.code == 400 and message in error["message"] and "\n" not in error["message"]


def test_a_rule_that_needs_more_tokens_says_so(server) -> None:
    body = {"model": "pip", "messages": QUESTION, "max_tokens": 5, "rules": {"words": "40"}}
    request = urllib.request.Request(
        f"{server.base_url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert "this rule needs at least" in json.loads(refused.value.read())["error"]["message"]
