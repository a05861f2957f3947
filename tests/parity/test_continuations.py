"""Somebody who opens a saved stage with `transformers`, adding nothing by hand, gets what this package says itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from firstwords.model.hub import save_model
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids, text_ids

transformers = pytest.importorskip("transformers")

SENTENCES = [
    "Once upon a time a grey cat lived in a mill.",
    "The baker opens at six and sleeps at noon.",
    "My name is Pip, and I like rain.",
    "Ned lives behind the clock tower.",
    "It rained, so the ducks were happy.",
    "Her favourite colour is purple.",
    "Who took the spoon? It was the goat.",
    "Two owls sat on one branch.",
    "Every Monday the river is green.",
]
CHATS = [
    ("Who are you?", "I am Pip."),
    ("Where does Ned live?", "Behind the clock tower."),
    ("Thank you!", "Any time."),
]
NUM_TOKENS = 24


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_policy) -> Path:
    """models/pip/{base,sft} that know their sentences by heart, so that no greedy choice is close."""
    home = tmp_path_factory.mktemp("continuations") / "home"
    tokenizer = Tokenizer.train([*SENTENCES, *(text for pair in CHATS for text in pair)], 300)
    texts = [[*text_ids(tokenizer, text), tokenizer.endoftext_id] for text in SENTENCES]
    turns = [
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}] for question, answer in CHATS
    ]
    chats = [render(turn, tokenizer)[0] for turn in turns]
    model = tiny_policy(tokenizer.vocab_size, seed=3, context=128)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for stage, rows in (("base", texts), ("sft", texts + chats)):
        learn(model, rows)
        save_model(model, home / "models" / "pip" / stage, tokenizer, {"stage": stage, "metrics": {}})
    torch.set_num_threads(threads)
    return home


def learn(model: torch.nn.Module, rows: list[list[int]], steps: int = 120) -> None:
    """Adam on all rows at once until they are known by heart."""
    length = max(map(len, rows))
    ids_BT = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    is_real_BT = torch.tensor([[place < len(row) for place in range(length)] for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    for _ in range(steps):
        losses = F.cross_entropy(model(ids_BT[:, :-1]).flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none")
        loss = losses[is_real_BT[:, 1:].flatten()].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5, float(loss)


@pytest.fixture(params=["base", "sft"])
def stage(request, home, monkeypatch, one_thread) -> str:
    monkeypatch.setenv("FIRSTWORDS_HOME", str(home))
    return request.param


def opened(home: Path, stage: str):
    path = home / "models" / "pip" / stage
    return (
        transformers.AutoModelForCausalLM.from_pretrained(path).eval(),
        transformers.AutoTokenizer.from_pretrained(path),
    )


def test_texts_continue_as_complete_continues_them(home, stage, firstwords) -> None:
    model, tokenizer = opened(home, stage)
    pipeline = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
    ours, generated, piped = [], [], []
    for sentence in SENTENCES:
        prompt = " ".join(sentence.split()[:2])
        code, out, _ = firstwords(
            "complete",
            prompt,
            "--model",
            f"pip/{stage}",
            "--temperature",
            "0",
            "--max-tokens",
            str(NUM_TOKENS),
            "--json",
        )
        assert code == 0
        ours.append(json.loads(out)["text"])
        ids = tokenizer(prompt, return_tensors="pt")
        rows = model.generate(**ids, max_new_tokens=NUM_TOKENS, do_sample=False)
        generated.append(tokenizer.decode(rows[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))
        answer = pipeline(prompt, max_new_tokens=NUM_TOKENS, do_sample=False, return_full_text=False)
        piped.append(answer[0]["generated_text"])
    assert generated == ours
    assert piped == ours
    assert sum(sentence.endswith(text) for sentence, text in zip(SENTENCES, ours, strict=True)) >= 7  # it has learned


def test_a_text_without_its_beginning_continues_otherwise(home, monkeypatch, one_thread) -> None:
    """So that the test above can fail: the rule of the saved tokenizer matters."""
    model, tokenizer = opened(home, "base")
    prompts = [" ".join(sentence.split()[:2]) for sentence in SENTENCES]
    logits = []
    for add in (True, False):
        rows = [tokenizer(prompt, add_special_tokens=add, return_tensors="pt").input_ids for prompt in prompts]
        logits.append(torch.stack([model(ids).logits[0, -1].log_softmax(-1) for ids in rows]))
    assert (logits[0] - logits[1]).abs().max() > 1.0


def test_chats_begin_with_the_template_alone(home, stage, firstwords) -> None:
    model, tokenizer = opened(home, stage)
    own = Tokenizer.load(home / "models" / "pip" / stage)
    for question, answer in CHATS:
        chat = [{"role": "user", "content": question}]
        ids = chat_ids(own, chat)
        assert tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) == ids
        written = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        assert tokenizer(written, add_special_tokens=False).input_ids == ids  # as vLLM encodes it
        if stage == "sft":
            pipeline = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
            said = pipeline(chat, max_new_tokens=NUM_TOKENS, do_sample=False)[0]["generated_text"][-1]["content"]
            code, out, _ = firstwords(
                "stages", question, "--model", "pip", "--temperature", "0", "--max-tokens", str(NUM_TOKENS), "--json"
            )
            here = {row["stage"]: row["text"] for row in json.loads(out)["stages"]}["sft"]
            assert code == 0 and said == here == answer
