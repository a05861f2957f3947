"""What clients of vLLM, llama.cpp and others send: mapped where an equal exists, refused by name where not."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest

QUESTION = [{"role": "user", "content": "What is your first name?"}]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["age"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


@pytest.fixture
def post(server):
    """(status, body) of a request to a route, by default a chat with a seed."""

    def send(path: str = "/v1/chat/completions", **body: Any) -> tuple[int, Any]:
        if path.endswith("/chat/completions"):
            body = {"model": "pip", "messages": QUESTION, "seed": 5, "max_tokens": 12} | body
        request = urllib.request.Request(
            server.base_url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["error"]
        return 200, text if body.get("stream") else json.loads(text)

    return send


def said(answer: tuple[int, Any]) -> str:
    status, body = answer
    assert status == 200, body
    return body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "form",
    [
        {"structured_outputs": {"json": SCHEMA}},
        {"structured_outputs": {"json": json.dumps(SCHEMA)}},
        {"guided_json": SCHEMA},
        {"guided_json": json.dumps(SCHEMA)},
        {"json_schema": SCHEMA},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        {"response_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_a_schema_by_any_name(post, form) -> None:
    strict = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
    text = said(post(**form, max_tokens=40))
    assert isinstance(json.loads(text)["age"], int) and text == said(post(**strict, max_tokens=40))


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ({"structured_outputs": {"regex": "[0-9]{4}"}}, "[0-9]{4}"),
        ({"guided_regex": "^[0-9]{4}$"}, "[0-9]{4}"),
        ({"structured_outputs": {"choice": ["yes", "no"]}}, "yes|no"),
        ({"guided_choice": ["yes", "no"]}, "yes|no"),
        ({"structured_outputs": {"grammar": 'root ::= "a" [0-9]+ "b"?'}}, "a[0-9]+b?"),
        ({"guided_grammar": 'start: "a" /[0-9]{2}/'}, "a[0-9]{2}"),
        ({"grammar": 'root ::= ("yes" | "no") "!"'}, "(yes|no)!"),
        ({"structured_outputs": {"json_object": True, "disable_any_whitespace": True}}, r"\{.*\}"),
        ({"structured_outputs": None, "guided_json": None, "grammar": "", "json_schema": {}}, "(?s).*"),
    ],
)
def test_other_forms_by_any_name(post, form, pattern) -> None:
    assert re.fullmatch(pattern, said(post(**form)))


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"structured_outputs": {"choice": ["a"], "regex": "b"}}, "structured_outputs", "one of these keys: json"),
        ({"structured_outputs": {"structural_tag": {}}}, "structured_outputs", "structural_tag"),
        ({"structured_outputs": "x"}, "structured_outputs", "must be an object"),
        ({"guided_json": "{"}, "guided_json", "not valid JSON"),
        ({"guided_json": 3}, "guided_json", "a JSON schema"),
        ({"guided_choice": []}, "guided_choice", None),
        ({"guided_choice": ["a", 3]}, "guided_choice", "list of strings"),
        ({"guided_regex": "("}, "guided_regex", "not closed"),
        ({"grammar": "root ::= ("}, "grammar", "is not supported"),
        ({"grammar": "start: nowhere"}, "grammar", "is not supported"),
        (
            {"guided_regex": "a", "grammar": 'root ::= "a"'},
            "grammar",
            "guided_regex and grammar cannot be used together",
        ),
        ({"json_schema": {"type": "integer", "not": {"type": "null"}}}, "json_schema", "not is not supported"),
        ({"response_format": {"type": "json_object", "schema": {"type": "x"}}}, "response_format", "type must be one"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_faulty_form_is_refused_by_its_name(post, body, param, words, stream) -> None:
    status, error = post(**body, stream=stream)
    if words is None:
        assert status == 200
        return
    assert status == 400 and error["param"] == param and words in error["message"], error


def test_llama_cpps_names_mean_what_they_mean_there(post) -> None:
    plain = {"temperature": 1.5, "max_tokens": None}
    assert said(post(**plain, n_predict=7)) == said(post(temperature=1.5, max_tokens=7))
    assert said(post(repeat_penalty=1.8)) == said(post(repetition_penalty=1.8)) != said(post())
    assert said(post(repeat_penalty=1.8, repeat_last_n=-1)) == said(post(repetition_penalty=1.8))
    status, body = post("/v1/completions", model="pip/base", prompt="The", n_predict=3, seed=1, ignore_eos=True)
    assert status == 200 and body["usage"]["completion_tokens"] == 3


NEUTRAL = {
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
    "typical_p": 1.0,
    "tfs_z": 1.0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "top_n_sigma": -1.0,
    "cache_prompt": True,
    "n_keep": 0,
    "min_keep": 0,
    "samplers": [],
    "n_probs": 0,
    "tools": [],
    "tool_choice": "none",
    "parallel_tool_calls": True,
    "length_penalty": 1.0,
    "user": "u",
    "stream_options": {"include_usage": True},
    "max_token": None,
    "reasoning_effort": "low",
    "b": 2,
    "a_thing_of_my_own": {"x": 1},
}


def test_values_that_mean_nothing_change_nothing(post) -> None:
    assert said(post(**NEUTRAL)) == said(post())
    for name, value in NEUTRAL.items():
        assert post(**{name: value})[0] == 200, name


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mirostat", 2, "temperature, top_p"),
        ("typical_p", 0.5, "top_k"),
        ("dry_multiplier", 0.8, "repetition_penalty"),
        ("xtc_probability", 0.5, "temperature"),
        ("tfs_z", 0.9, "temperature"),
        ("samplers", ["top_k"], "order"),
        ("n_probs", 5, "logprobs"),
        ("stop_token_ids", [3], "use stop"),
        ("max_token", 5, "did you mean max_tokens?"),
        ("temprature", 0, "did you mean temperature?"),
        ("top-p", 0.5, "did you mean top_p?"),
        ("topP", 0.5, "top_p?"),
        ("maxTokens", 5, "max_tokens?"),
        ("top_logprob", 3, "top_logprobs?"),
        ("response_fromat", {}, "response_format?"),
        ("repetition_penalities", 2, "repetition_penalty?"),
        ("seeds", 3, "did you mean seed?"),
        ("presence_penality", 1, "presence_penalty?"),
        ("structured_output", {}, "structured_outputs?"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(post, name, value, words) -> None:
    status, error = post(**{name: value})
    assert status == 400 and error["param"] == name and words in error["message"], error


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/tokenize"])
def test_slips_are_found_on_every_route(post, path) -> None:
    body = {"input": "a"} if path.endswith("embeddings") else {"prompt": "a"}
    status, error = post(path, model="pip/base", modle="pip", **body)
    assert status == 400 and "did you mean model?" in error["message"]


def test_a_penalty_over_a_window_is_refused(post) -> None:
    status, error = post(repeat_penalty=1.3, repeat_last_n=64)
    assert status == 400 and error["param"] == "repeat_last_n"


def test_no_limit_and_nothing_but_the_likeliest(post) -> None:
    assert said(post(top_p=0)) == said(post(temperature=0))
    for more in ({"max_tokens": -1}, {"max_completion_tokens": -1}, {"max_tokens": None, "n_predict": -1}):
        status, body = post(**more, ignore_eos=True)
        assert status == 200 and body["usage"]["total_tokens"] == 512
    status, body = post("/v1/completions", model="pip", prompt="The", max_tokens=-1, ignore_eos=True)
    assert status == 200 and body["usage"]["total_tokens"] == 512
    for value in (0, -2):
        status, error = post(max_tokens=value)
        assert status == 400 and error["param"] == "max_tokens"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
    ],
)
def test_older_names_of_tools_are_refused_in_one_sentence(post, body, param) -> None:
    status, error = post(**body)
    assert status == 400 and error["param"] == param
    assert error["message"].startswith(f"{param} is not supported: use tools")


@pytest.mark.parametrize("body", [{"tools": TOOLS}, {"tool_choice": "required"}])
def test_only_chats_call_tools(post, body) -> None:
    status, error = post("/v1/completions", model="pip", prompt="The cat", **body)
    assert status == 400 and "only /v1/chat/completions and /v1/responses call tools" in error["message"]


def test_tools_that_need_not_be_called_are_no_reason_to_refuse(post) -> None:
    older = {"functions": [{"name": "f"}], "function_call": "none"}
    for body in ({"tools": TOOLS, "tool_choice": "none"}, {"tools": []}, older):
        assert said(post(**body)) == said(post())


def test_the_history_of_an_assistant_with_tools_is_context(post) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    history = [
        {"role": "user", "content": "How is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Cold."}]},
        {"role": "assistant", "content": "It is cold.", "tool_calls": []},
        *QUESTION,
    ]
    plain = [
        history[0],
        {"role": "assistant", "content": '{"name": "weather", "arguments": {"city": "Oslo"}}'},
        {"role": "function", "name": "weather", "content": "Cold."},
        {"role": "assistant", "content": "It is cold."},
        *QUESTION,
    ]
    assert said(post(messages=history)) == said(post(messages=plain))
    assert post("/tokenize", model="pip", messages=history) == post("/tokenize", model="pip", messages=plain)
    status, error = post(messages=[{"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}, *QUESTION])
    assert status == 400 and "functions with a name" in error["message"]
    status, error = post(messages=[{"role": "wizard", "content": "x"}])
    assert status == 400 and "wizard" in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {name: True}, name)
        for name in (
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "repetition_penalty",
            "repeat_penalty",
            "n",
            "max_tokens",
            "n_predict",
            "max_completion_tokens",
            "seed",
        )
    ]
    + [
        ("/v1/chat/completions", {"logprobs": True, "top_logprobs": True}, "top_logprobs"),
        ("/v1/completions", {"prompt": "a", "logprobs": True}, "logprobs"),
        ("/detokenize", {"tokens": [True]}, "tokens"),
        ("/v1/embeddings", {"input": "a", "dimensions": False}, "dimensions"),
        ("/v1/completions", {"prompt": [True]}, "prompt"),
    ],
)
def test_true_and_false_are_no_numbers(post, path, body, param) -> None:
    status, error = post(path, **{"model": "pip"} | body)
    assert status == 400 and error["param"] == param, error


def test_logprobs_false_is_none(post) -> None:
    status, body = post("/v1/completions", model="pip/base", prompt="Once", max_tokens=2, temperature=0, logprobs=False)
    assert status == 200 and body["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_hold_what_was_said_only(post, stream) -> None:
    """The stop text begins in the middle of tokens, which show bytes of it."""
    for seed in range(6):
        form = {"type": "regex", "regex": "ab\U0001f6a2{3}"}
        more = {"response_format": form, "stop": ["\U0001f6a2"], "stream": stream}
        status, body = post(seed=seed, max_tokens=60, logprobs=True, **more)
        assert status == 200
        if stream:
            parts = [json.loads(line[6:])["choices"][0] for line in body.split("\n\n") if line.startswith("data: {")]
            content = "".join(part["delta"].get("content") or "" for part in parts)
            rows = [row for part in parts for row in (part["logprobs"] or {}).get("content") or []]
        else:
            content, rows = body["choices"][0]["message"]["content"], body["choices"][0]["logprobs"]["content"]
        assert content == "ab"
        assert b"".join(bytes(row["bytes"]) for row in rows) == b"ab" == "".join(r["token"] for r in rows).encode()


def test_the_error_of_a_full_context_begins_as_clients_expect(post) -> None:
    long = [{"role": "user", "content": "a b c d " * 200}]
    status, error = post(messages=long)
    assert status == 400 and error["code"] == "context_length_exceeded"
    begins = "This model's maximum context length is 512 tokens. However, the prompt has "
    assert re.match(re.escape(begins) + r"(at least )?\d+ tokens", error["message"])
    nearly = [{"role": "user", "content": "a b " * 122}]
    count = post("/tokenize", model="pip", messages=nearly)[1]["count"]
    assert 495 < count < 512
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"const": "x" * 30}}}
    status, error = post(messages=nearly, response_format=form, max_tokens=None)
    assert status == 400 and error["code"] == "context_length_exceeded" and "needs at least" in error["message"]
    assert error["message"].startswith(begins) and error["param"] == "messages"


def test_stream_options_without_a_stream_mean_nothing(post) -> None:
    assert said(post(stream_options={"include_usage": True})) == said(post())
