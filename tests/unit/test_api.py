"""firstwords as a library: what it answers, from several threads too, what it costs to import, and its sentences."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import firstwords as fw
from firstwords.tokenizer.prompts import chat_ids, text_ids

ROOT = Path(__file__).resolve().parents[2]
BUDGET_MS = 50


def test_five_lines_of_python(pip_home: Path) -> None:
    code = "import firstwords as fw; print(fw.load('pip').chat('Who are you?', seed=1, temperature=0))"
    environment = {"PYTHONPATH": str(ROOT / "src"), "FIRSTWORDS_HOME": str(pip_home), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.rstrip("\n") == fw.load("pip").chat("Who are you?", seed=1, temperature=0)


def test_importing_costs_nothing() -> None:
    heavy = ("torch", "numpy", "tokenizers", "tyro", "rich")
    code = f"import sys, firstwords; print([m for m in {heavy} if m in sys.modules])"
    command = [sys.executable, "-X", "importtime", "-c", code]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    best = math.inf
    for _ in range(3):  # a busy machine is no reason to fail
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "[]"
        (line,) = [line for line in done.stderr.splitlines() if line.endswith("| firstwords")]
        best = min(best, int(line.split("|")[1]) / 1000)
    assert best < BUDGET_MS


def test_the_names_are_those_of_the_library() -> None:
    assert set(fw.__all__) <= set(dir(fw)) and fw.load.__module__ == "firstwords.api"
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        fw.lode  # noqa: B018
    assert (ROOT / "src" / "firstwords" / "py.typed").is_file()


def test_a_chat_is_sampled_as_the_models_file_says(pip_home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(pip_home / "models" / "pip" / "sft", own)
    plain = fw.load(own)
    assert plain.chat("Who?", seed=4, max_tokens=20) == plain.chat(
        "Who?", seed=4, max_tokens=20, temperature=0.5, top_p=0.95
    )
    (own / "generation_config.json").write_text('{"do_sample": true, "temperature": 1.9, "top_p": 1.0}')
    expected = plain.chat("Who?", seed=4, max_tokens=20, temperature=1.9, top_p=1.0)
    assert plain.chat("Who?", seed=4, max_tokens=20) == "".join(plain.stream("Who?", seed=4, max_tokens=20)).strip()
    assert plain.chat("Who?", seed=4, max_tokens=20) == expected != plain.chat("Who?", seed=4, temperature=0)
    assert plain.complete("Who?", seed=4) == plain.complete("Who?", seed=4, temperature=0.8, top_p=1.0)


def test_a_chat_is_what_the_engine_answers(pip_home: Path) -> None:
    from firstwords.engine.sampling import SamplingParams

    model = fw.load("pip")
    assert model.label == "pip/sft" and not model.is_base and not model.knows_world and len(model.hash) == 64
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is the cat?\r\n"}]
    params = SamplingParams(max_tokens=12, temperature=0.7, top_p=0.9, seed=3)
    expected = model.engine().generate([chat_ids(model.tokenizer, messages)], params)[0].text
    pieces = list(model.stream(messages, max_tokens=12, temperature=0.7, top_p=0.9, seed=3))
    assert len(pieces) > 1 and "".join(pieces) == expected
    assert model.chat(messages, max_tokens=12, temperature=0.7, top_p=0.9, seed=3) == expected.strip()
    assert model.chat("Hello!", seed=1) == model.chat([{"role": "user", "content": "Hello!"}], seed=1)


def test_int8_weights_are_used_on_request(pip_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fw.load("pip", weights="int8").engine()._decoder.is_int8
    assert not fw.load("pip").engine()._decoder.is_int8
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(fw.UserError, match="int8 weights need compiled loops: numba cannot compile here"):
        fw.load("pip", weights="int8").complete("The cat")


def test_a_long_chat_loses_its_oldest_turns(pip_home: Path) -> None:
    model = fw.load("pip")
    turns = [
        {"role": role, "content": f"{role} {n}: the cat is on the mat"}
        for n in range(20)
        for role in ("user", "assistant")
    ]
    ids, room, dropped = model.chat_ids([*turns, {"role": "user", "content": "And now?"}], 500)
    assert room == model.context // 2 and len(ids) <= model.context - room and dropped > 0
    assert ids == chat_ids(model.tokenizer, [*turns, {"role": "user", "content": "And now?"}][dropped:])


def test_a_text_is_continued_cut_and_scored(pip_home: Path) -> None:
    from firstwords.engine.sampling import SamplingParams

    model, text = fw.load("pip/base"), "The cat is on the mat."
    ids = text_ids(model.tokenizer, text)
    params = SamplingParams(max_tokens=8, temperature=0.8, seed=2)
    assert model.complete(text, max_tokens=8, seed=2) == model.engine().generate([ids], params)[0].text

    tokens = model.tokens(text)
    assert [token.id for token in tokens] == ids[1:] and "".join(token.text for token in tokens) == text
    assert {token.probability for token in tokens} == {None}
    scored = model.score(text)
    assert [(token.id, token.text) for token in scored] == [(token.id, token.text) for token in tokens]
    np.testing.assert_allclose([token.logprob for token in scored], model.engine().score([ids])[0].numpy(), atol=1e-5)

    following = model.next(text, top=5)
    assert len(following.tokens) == 5 and following.rest_tokens == model.tokenizer.vocab_size - 5
    assert sum(token.probability for token in following.tokens) + following.rest == pytest.approx(1)
    assert following.tokens[0].logprob == pytest.approx(float(model.engine().next_logprobs(ids).max()), abs=1e-5)


def test_threads_share_a_model_and_get_what_each_would_get_alone(pip_home: Path) -> None:
    model = fw.load("pip")
    questions = ["Who are you?", "Where is the cat?", "Is it blue?", "What is your name?", "Hello!", "The dog?"]
    alone = [model.chat(question, seed=n, max_tokens=30) for n, question in enumerate(questions)]
    together: dict[int, str] = {}

    def ask(number: int) -> None:
        together[number] = model.chat(questions[number], seed=number, max_tokens=30)
        model.next(questions[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[number] for number in range(len(questions))] == alone


def test_a_stream_that_is_left_ends_and_others_go_on(pip_home: Path) -> None:
    model = fw.load("pip")
    left = [model.stream("Hello!", seed=n, temperature=1.5) for n in range(8)]  # more than there are slots
    for stream in left:
        next(stream, "")
    answer = model.chat("Who are you?", seed=5)  # in the same thread, while the others are open
    for stream in left:
        stream.close()
    assert answer == model.chat("Who are you?", seed=5) and not model._arrived and not model._engine.has_work


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        (lambda: fw.load("pipp"), "there is no model pipp; did you mean pip?"),
        (lambda: fw.load("pip/rlhf-9"), "pip has no stage rlhf-9; it has base, sft"),
        (lambda: fw.load("pip", weights="int4"), "unknown format of weights int4; did you mean int8?"),
        (lambda: fw.load("pip/base").chat("Hello!"), "pip/base is a base model, which continues text"),
        (lambda: fw.load("pip/base").stream("Hello!"), "pip/base is a base model, which continues text"),
        (lambda: fw.load("pip").chat([]), "there is no message to answer"),
        (lambda: fw.load("pip").chat([{"role": "user"}]), r"messages\[0\] must be a dict such as"),
        (lambda: fw.load("pip").chat(["Hello!"]), r"messages\[0\] must be a dict such as"),
        (lambda: fw.load("pip").chat([{"role": "robot", "content": "Hello!"}]), "the role 'robot'"),
        (lambda: fw.load("pip").chat("cat " * 500), "the message has .* tokens, but this model reads at most 160"),
        (lambda: fw.load("pip").complete("cat " * 500), "the text has .* tokens, but this model reads at most 160"),
        (lambda: fw.load("pip").chat("Hello!", temperature=-1), "temperature is -1: use 0"),
        (lambda: fw.load("pip").next("The cat", top=0), "top is 0: ask for at least one token"),
        (lambda: fw.learn("x", minute=3), "unknown option minute; did you mean minutes?"),
        (lambda: fw.learn("x", text=["nowhere.txt"], chats="none"), "nowhere.txt does not exist"),
    ],
)
def test_mistakes_are_one_sentence(do, sentence: str, own_home: Path) -> None:
    with pytest.raises(fw.UserError, match=sentence) as error:
        do()
    assert "\n" not in str(error.value)


def test_learn_trains_a_model_and_loads_it(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from firstwords import pipeline

    asked: list[pipeline.Learn] = []

    def main(config: pipeline.Learn) -> str:
        from firstwords.config import given

        asked.append(config)
        assert {"minutes", "text", "chats", "seed"} <= given(config)
        (tmp_path / "home").mkdir(exist_ok=True)
        return "pip"

    monkeypatch.setattr(pipeline, "main", main)
    monkeypatch.setattr("firstwords.api.load", lambda name: f"loaded {name}")
    assert fw.learn(minutes=8, text=tmp_path / "a.txt", chats=["c.jsonl", tmp_path / "d"], seed=3) == "loaded pip"
    (config,) = asked
    assert (config.name, config.minutes, config.seed) == ("", 8, 3) and config.preferences == ["world"]
    assert config.text == [str(tmp_path / "a.txt")] and config.chats == ["c.jsonl", str(tmp_path / "d")]
    json.dumps(config.text)  # the run's record
