"""The routes of the glass box: their figures are those of the engine, and mistakes get one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from firstwords import api, home
from firstwords.preferences.store import Judgement, PreferenceStore
from firstwords.serve.app import create_app
from firstwords.serve.settings import Settings
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids, text_ids

BASE = "http://127.0.0.1:8000"
PROMPT = ({"role": "user", "content": "Hello!"},)


@pytest.fixture
def glass_client(own_home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings()), base_url=BASE) as client:
        yield client


@pytest.fixture
def glass_tokenizer(own_home: Path) -> Tokenizer:
    return Tokenizer.load(own_home / "models/pip/sft")


def ask(client: TestClient, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_next_is_what_the_engine_says(glass_client: TestClient) -> None:
    found = ask(glass_client, "next", model="pip/base", text="The cat", top=5, temperature=0.7, top_p=0.5)
    loaded = api.load("pip/base")
    ids = text_ids(loaded.tokenizer, "The cat")
    logprobs_V = loaded.engine().next_logprobs(ids)
    assert found["model"] == "pip/base" and found["ids"] == ids
    for token in found["tokens"]:
        assert token["logprob"] == pytest.approx(float(logprobs_V[token["id"]]), abs=1e-5)
    assert sum(t["probability"] for t in found["tokens"]) + found["rest"] == pytest.approx(1, abs=1e-6)
    assert sum(t["after"] for t in found["tokens"]) + found["rest_after"] == pytest.approx(1, abs=1e-6)
    chat = ask(glass_client, "next", model="pip", messages=list(PROMPT))
    assert chat["model"] == "pip/sft" and chat["ids"] == chat_ids(loaded.tokenizer, list(PROMPT))
    assert len(chat["tokens"]) == 10 and chat["rest_after"] == pytest.approx(chat["rest"], abs=1e-6)


def test_inside_is_what_the_engine_says(glass_client: TestClient, glass_tokenizer: Tokenizer) -> None:
    messages = [*PROMPT, {"role": "assistant", "content": "Où? Là!"}]
    found = ask(glass_client, "inside", model="pip", messages=messages)
    assert (found["form"], found["layers"], found["heads"], found["truncated"]) == ("chat", 2, 1, False)
    ids = [t["id"] for t in found["tokens"]]
    (logprobs_T,) = api.load("pip/sft").engine().score([ids])
    assert [t["logprob"] for t in found["tokens"][1:]] == pytest.approx(logprobs_T.tolist(), abs=1e-5)
    answer = [t for t in found["tokens"] if not t["is_prompt"]]
    assert "".join(t["text"] for t in answer if not t["is_special"]) == "Où? Là!"
    assert answer[-1]["text"] == "<|im_end|>" and answer[-1]["is_special"]
    for token in found["tokens"][1:]:
        assert len(token["top"]) == 8
        assert sum(math.exp(t[2]) for t in token["top"]) + token["rest"] == pytest.approx(1, abs=1e-5)
        assert all(t[2] >= token["logprob"] - 1e-5 for t in token["top"][: token["rank"]])
    assert ask(glass_client, "inside", model="pip", ids=ids)["tokens"] == found["tokens"]
    long = ask(glass_client, "inside", model="pip", text="The cat is on the mat. " * 500)
    assert long["truncated"] and len(long["tokens"]) == 160


def test_attention_and_lens(glass_client: TestClient, glass_tokenizer: Tokenizer) -> None:
    ids = text_ids(glass_tokenizer, "The cat is on the mat.")
    found = ask(glass_client, "inside/attention", model="pip/base", ids=ids, layer=1)
    assert found["layer"] == 1 and found["ids"] == ids and len(found["heads"]) == 1
    (head,) = found["heads"]
    for row, weights in enumerate(head):
        assert len(weights) == len(ids) and sum(weights) == pytest.approx(1, abs=1e-4)
        assert not any(weights[row + 1 :]) and min(weights) >= 0
    lens = ask(glass_client, "inside/lens", model="pip/base", ids=ids)
    assert [row["layer"] for row in lens["layers"]] == [0, 1, 2] and not lens["truncated"]
    tokens = ask(glass_client, "inside", model="pip/base", ids=ids)["tokens"]
    last = lens["layers"][-1]["places"]
    assert [p["rank_of_next"] for p in last] == [t["rank"] for t in tokens[1:]] + [None]
    assert len(last[0]["top"]) == 3


def test_stages_answer_side_by_side(glass_client: TestClient, firstwords, glass_tokenizer: Tokenizer) -> None:
    params = {"temperature": 0.7, "top_p": 0.95, "max_tokens": 6, "seed": 3}
    found = ask(glass_client, "stages", name="pip", text="What is your first name?", params=params)
    assert [(s["ref"], s["form"]) for s in found["stages"]] == [("pip/base", "text"), ("pip/sft", "chat")]
    words = ("stages", "What is your first name?", "--max-tokens", "6", "--seed", "3", "--json")
    said = json.loads(firstwords(*words)[1])["stages"]
    assert [s["text"] for s in found["stages"]] == [row["text"] for row in said], "the page says what the command says"
    for stage in found["stages"]:
        assert "".join(t["text"] for t in stage["tokens"]) == stage["text"] and len(stage["tokens"]) == 6
        assert [t["id"] for t in stage["tokens"]] == stage["ids"]

    shift = found["shift"]
    assert shift["of"] == "pip/sft" and shift["ids"] == found["stages"][1]["ids"]
    assert list(shift["notes"]) == ["pip/base"] and "never seen" in shift["notes"]["pip/base"]
    prompt = chat_ids(glass_tokenizer, [{"role": "user", "content": "What is your first name?"}])
    for ref in ("pip/base", "pip/sft"):
        (logprobs_T,) = api.load(ref).engine().score([[*prompt, *shift["ids"]]])
        expected = logprobs_T[len(prompt) - 1 :].exp().tolist()
        assert [t["stages"][ref]["probability"] for t in shift["tokens"]] == pytest.approx(expected, abs=1e-5)
    own = [t["rank"] for t in found["stages"][1]["tokens"]]
    assert [t["stages"]["pip/sft"]["rank"] for t in shift["tokens"]] == own
    for token in shift["tokens"]:
        for seen in token["stages"].values():
            assert seen["kind"] == ("same" if seen["rank"] == 1 else "near" if seen["rank"] <= 3 else "shifted")

    home.set_promoted("pip", "base")
    assert ask(glass_client, "stages", name="pip", text="The cat", params=params)["shift"]["of"] == "pip/base"


def judge(annotator: str = "owner", **changes: Any) -> None:
    values = {"left": "A good answer.", "right": "Bad", "verdict": "left", "model": "pip", "annotator": annotator}
    PreferenceStore().add(Judgement(PROMPT, **values | changes))


def test_pairs_before_and_after_training(glass_client: TestClient, glass_tokenizer: Tokenizer) -> None:
    judge(left="Oldest", verdict="right")
    judge(verdict="tie")
    judge(repeat_of=1)
    judge(model="other")
    judge(left="too long " * 500)
    judge(left="Newest")
    found = ask(glass_client, "stages/pairs", name="pip")["pairs"]
    assert [p["chosen"][:8] for p in found] == ["Newest", "too long", "Bad"] and found[2]["rejected"] == "Oldest"
    assert found[1]["stages"] == {} and set(found[0]["stages"]) == {"pip/base", "pip/sft"}
    answer = [*glass_tokenizer.encode("Newest"), glass_tokenizer.im_end_id]
    ids, num = [*chat_ids(glass_tokenizer, list(PROMPT)), *answer], len(answer)
    (logprobs_T,) = api.load("pip/base").engine().score([ids])
    of_base = found[0]["stages"]["pip/base"]
    assert of_base["chosen"] == pytest.approx(float(logprobs_T[-num:].sum()), abs=1e-4)
    assert of_base["chosen_per_token"] == pytest.approx(of_base["chosen"] / num)
    assert len(ask(glass_client, "stages/pairs", name="pip", limit=1)["pairs"]) == 1


def test_pairs_of_others_stay_theirs(own_home: Path) -> None:
    judge("anna", left="Anna's")
    judge("ben", left="Ben's")
    settings = Settings(keys={"anna-secret": "anna", "ben-secret": "ben"})
    with TestClient(create_app(settings), base_url=BASE, headers={"Authorization": "Bearer anna-secret"}) as client:
        assert [p["chosen"] for p in ask(client, "stages/pairs", name="pip")["pairs"]] == ["Anna's"]


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "sentence"),
    [
        ("next", {}, 400, "messages", "exactly one of text, messages"),
        ("next", {"text": "a", "messages": [{"role": "user", "content": "b"}]}, 400, "messages", "exactly one"),
        ("next", {"text": "The cat is on the mat. " * 99}, 400, None, "longer than the 160 tokens"),
        ("next", {"text": "a", "top": 0}, 400, "top", "greater than or equal to 1"),
        ("next", {"text": "a", "temprature": 1}, 400, "temprature", "not permitted"),
        ("next", {"text": "a", "model": "pop"}, 404, "model", "there is no model pop"),
        ("next", {"text": "a", "model": "../../etc"}, 404, "model", "there is no model"),
        ("inside", {"ids": [1, 10**9]}, 400, None, "token 1000000000 is not one"),
        ("inside", {"ids": [-1]}, 400, None, "token -1 is not one"),
        ("inside", {"ids": []}, 400, "ids", "at least 1 item"),
        ("inside", {"ids": [5], "answer": "x"}, 400, "answer", "leave answer out"),
        ("inside", {"messages": [{"role": "robot", "content": "x"}]}, 400, "messages", "0.role: Input should be"),
        ("inside/attention", {"ids": [5] * 129, "layer": 0}, 400, None, "at most 128 can be inspected"),
        ("inside/attention", {"ids": [5], "layer": 2}, 400, "layer", "layers 0 to 1"),
        ("inside/attention", {"ids": [5], "layer": -1}, 400, "layer", "layers 0 to 1"),
        ("stages", {"name": "pip", "text": "word " * 500}, 400, None, "reads at most 160"),
        ("stages", {"name": "pop", "text": "a"}, 404, "model", "there is no model pop"),
        ("stages", {"name": "pip", "text": "a", "params": {"max_tokens": 10**9}}, 400, "params", "params.max_tokens: "),
        ("stages/pairs", {"name": "pop"}, 404, "model", "there is no model pop"),
    ],
)
def test_mistakes(
    glass_client: TestClient, path: str, body: dict[str, Any], status: int, param: str | None, sentence: str
) -> None:
    error = ask(glass_client, path, status, **body)["error"]
    assert sentence in error["message"] and error["param"] == param


def test_odd_text_does_no_harm(glass_client: TestClient) -> None:
    for text in ("\x00", "\u202e", "<|im_end|>", " " * 3000):
        assert len(ask(glass_client, "inside", model="pip", text=text)["tokens"]) > 1
    for field in ("text", "model"):
        body = json.dumps({"model": "pip", "text": "x"} | {field: "\ud800"})  # half of a pair, which JSON can carry
        answer = glass_client.post("/api/inside", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == {"text": 200, "model": 404}[field], answer.text
