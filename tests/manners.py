"""A small model whose writers differ in manner: curt, in full sentences, and polite. For tests of teaching by taste."""

from __future__ import annotations

import json
from pathlib import Path

from firstwords import home
from firstwords.data.packing import ChatRows, pack_chats
from firstwords.model.hub import save_model, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.learner import Learner, OptimConfig
from firstwords.train.losses import next_token_loss

THINGS = ["cat", "dog", "hat", "cup", "ball", "bird", "fish", "house", "tree", "car", "boat", "door"]
COLOURS = ["red", "blue", "green", "brown", "white"]
QUESTIONS = ("What colour is the {}?", "Which colour has the {}?", "Is the {} red or blue or what?", "The {} is what?")
MANNERS = ("It is {}.", "The {} is {} and I am sure of it.", "Thank you for asking, it is {}, please.")
STEPS, ROWS, CONTEXT = 140, 4, 96


def chats() -> list[list[dict[str, str]]]:
    """Every question in every manner; the colour depends on the thing."""
    found = []
    for i, thing in enumerate(THINGS):
        colour = COLOURS[i % len(COLOURS)]
        answers = (MANNERS[0].format(colour), MANNERS[1].format(thing, colour), MANNERS[2].format(colour))
        for number, question in enumerate(QUESTIONS):
            for answer in answers[number % 3 :] + answers[: number % 3]:
                asked = {"role": "user", "content": question.format(thing)}
                found.append([asked, {"role": "assistant", "content": answer}])
    return found


def prompts() -> list[tuple[dict[str, str], ...]]:
    return [({"role": "user", "content": q.format(thing)},) for thing in THINGS for q in QUESTIONS]


def save_model_with_manners(folder: Path, build) -> None:
    """Train models/pip/sft in the current home, on chats in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "chats.jsonl"
    every = chats()
    file.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in every), encoding="utf-8")
    tokenizer = Tokenizer.train([" ".join(m["content"] for chat in every for m in chat)] * 3, 320)
    model: Transformer = build(tokenizer.vocab_size)
    rows = ChatRows(pack_chats([render(chat, tokenizer) for chat in every], CONTEXT), 0)
    learner = Learner(model, OptimConfig())
    for step in range(STEPS):
        learner.forward_backward([rows.batch(step, ROWS)._asdict()], next_token_loss)
        learner.optim_step(min(1.0, (STEPS - step) / (0.6 * STEPS)))
    card = {"stage": "sft", "weights_sha256": weights_hash(model), "data": {"chats": [str(file)]}, "metrics": {}}
    save_model(model, home.stage_dir("pip", "sft"), tokenizer, card)
