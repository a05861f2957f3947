"""A last message of the assistant is continued where the request says so, as in vLLM."""

from __future__ import annotations

import openai
import pytest

QUESTION = {"role": "user", "content": "What is your first name?"}


@pytest.fixture(scope="module")
def client(server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0)


def continued(client, begun: str | list, **more):
    messages = [QUESTION, {"role": "assistant", "content": begun}]
    fields = {"continue_final_message": True} | more.pop("extra", {})
    how = {"model": "pip", "temperature": 0, "max_tokens": 9, "messages": messages} | more
    return client.chat.completions.create(**how, extra_body=fields)


def test_the_answer_is_what_follows(client, pip_model) -> None:
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.chat import render

    loaded = pip_model()
    ids = render([QUESTION], loaded.tokenizer, add_generation_prompt=True)[0] + loaded.tokenizer.encode("My name")
    expected = loaded.engine().generate([ids], SamplingParams(max_tokens=9, temperature=0))[0].text
    whole = continued(client, "My name")
    assert whole.choices[0].message.content == expected and whole.usage.prompt_tokens == len(ids)
    parts = continued(
        client, [{"type": "text", "text": " My name"}], stream=True, extra={"add_generation_prompt": False}
    )
    assert "".join(part.choices[0].delta.content or "" for part in parts) == expected
    assert loaded.chat(QUESTION["content"], prefill="My name", max_tokens=9, temperature=0) == expected
    fresh = client.chat.completions.create(model="pip", temperature=0, max_tokens=9, messages=[QUESTION])
    assert continued(client, "").choices[0].message.content == fresh.choices[0].message.content


def test_rules_continue_the_beginning(client) -> None:
    answer = continued(client, "My name", max_tokens=50, extra={"rules": {"only_words_with": "b", "words": "1-4"}})
    assert not (answer.choices[0].message.content or "")[0].isalnum()


def test_tokenize_shows_the_same(server, pip_model) -> None:
    import json
    import urllib.request

    body = {
        "model": "pip",
        "messages": [QUESTION, {"role": "assistant", "content": "My"}],
        "continue_final_message": True,
    }
    request = urllib.request.Request(
        f"{server.base_url}/tokenize", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    tokens = json.loads(urllib.request.urlopen(request).read())["tokens"]
    assert pip_model().tokenizer.decode(tokens, skip_special=False).endswith("<|im_start|>assistant\nMy")


@pytest.mark.parametrize(
    ("messages", "extra", "message"),
    [
        ([QUESTION], {}, "needs a last message of the assistant"),
        ([QUESTION, {"role": "assistant", "content": "My"}], {"add_generation_prompt": True}, "contradicts"),
        ([QUESTION, {"role": "assistant", "content": None}], {}, "has no content"),
        ([QUESTION, {"role": "assistant", "content": "My"}], {"documents": True}, "can't be combined with documents"),
    ],
)
def test_what_cannot_be_continued(client, messages, extra, message) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        client.chat.completions.create(
            model="pip", messages=messages, extra_body={"continue_final_message": True} | extra
        )
