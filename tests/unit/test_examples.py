"""Example prompts: only what the model handles is kept, and a card's list is read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from firstwords.eval import examples
from firstwords.model import card
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import text_ids
from firstwords.world import showcase
from firstwords.world.chats.checks import Check
from firstwords.world.showcase import Beginning
from firstwords.world.visitor import is_held_out

CAT = Beginning("The cat is", "asleep black")


@dataclass
class Done:
    text: str
    finish_reason: str = "stop"


class Table:
    """An engine that answers from a table {prompt: greedy answer, or one answer per sample}."""

    max_length = 512

    def __init__(self, tokenizer: Tokenizer, texts: dict[str, Any] | None = None, chats: dict[str, Any] | None = None):
        self.tokenizer, self.calls = tokenizer, []
        self.answers = {tuple(text_ids(tokenizer, text)): answer for text, answer in (texts or {}).items()}
        for text, answer in (chats or {}).items():
            messages = [{"role": "user", "content": text}]
            self.answers[tuple(render(messages, tokenizer, True)[0])] = answer

    def generate(self, prompts: list[list[int]], params: Any) -> list[Done]:
        every = params if isinstance(params, list) else [params] * len(prompts)
        self.calls.append(every)
        done = []
        for ids, how in zip(prompts, every, strict=True):
            answer = self.answers[tuple(ids)]
            answer = answer if isinstance(answer, Done | str) else answer[0 if how.temperature == 0 else how.seed + 1]
            done.append(answer if isinstance(answer, Done) else Done(answer))
        return done

    def next_logprobs(self, ids: list[int]) -> torch.Tensor:
        """70 % on the first token of " asleep", the rest on " called"."""
        logprobs_V = torch.full((self.tokenizer.vocab_size,), -30.0)
        logprobs_V[self.tokenizer.encode(" asleep")[0]] = torch.tensor(0.7).log()
        logprobs_V[self.tokenizer.encode(" called")[0]] = torch.tensor(0.3).log()
        return logprobs_V


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(
        ["The cat is asleep. The cat is black. It is called Tom. Who are you? I am Pip.\n"] * 20, 400
    )


def test_the_likeliest_word_and_most_of_the_probability_must_fit(tokenizer: Tokenizer) -> None:
    def kept(answer: str, accept: str) -> bool:
        texts = [Beginning("The cat is", accept)]
        return examples.continued(Table(tokenizer, {"The cat is": answer}), tokenizer, texts) == ["The cat is"]

    assert kept(" asleep on the mat.", "asleep black")
    assert not kept(" called Tom.", "asleep black")
    assert not kept("asleep", "asleep black")  # no new word: "The cat isasleep"
    assert not kept(" called Tom.", "called") and not kept(" black.", "black")  # 30 % and nothing
    assert not kept("", "asleep black") and not kept(" ...", "asleep black")


def test_a_form_goes_on_with_its_next_line(tokenizer: Tokenizer) -> None:
    text = Beginning("What is your first name?", contains=("name", "?"))
    good = Table(tokenizer, {text.text: " What is your last name?"})
    assert examples.continued(good, tokenizer, [text]) == [text.text]
    assert examples.continued(Table(tokenizer, {text.text: " the the the"}), tokenizer, [text]) == []


def test_a_message_stays_if_the_likeliest_and_every_sampled_answer_is_good(tokenizer: Tokenizer) -> None:
    check = Check("reply", ("pip",))
    asked = [(text, check) for text in ("Who?", "What?", "Where?", "When?")]
    good = ["I am Pip."] * (examples.SAMPLES + 1)
    table = {
        "Who?": good,
        "What?": [*good[:-1], "I do not know."],
        "Where?": ["In Plumwick.", *good[1:]],
        "When?": [Done("I am Pip. I am Pip", "length"), *good[1:]],
    }
    engine = Table(tokenizer, chats=table)
    assert examples.answered(engine, tokenizer, asked, examples.IN_CHATS) == ["Who?"]
    assert [params.temperature for params in engine.calls[1]] == [0.5] * 2 * examples.SAMPLES
    assert len({params.seed for params in engine.calls[1]}) == examples.SAMPLES


def test_candidates_are_those_of_what_was_read() -> None:
    world = {"text": ["world", "more.txt"]}, {"chats": ["world"]}
    assert examples.candidates(*world) == (showcase.BEGINNINGS, showcase.QUESTIONS)
    texts, asked = examples.candidates(
        {"text": ["a.txt"], "beginnings": ["It was a"]}, {"chats": ["b.jsonl"], "questions": ["Where?"]}
    )
    assert texts == (Beginning("It was a"),) and [question for question, _ in asked] == ["Where?"]
    assert examples.candidates({}, {}) == examples.candidates({"text": 5}, {"chats": "world"}) == ((), ())
    assert examples.candidates({"text": ["world"]}, {}) == (showcase.BEGINNINGS, ())


def test_ones_own_questions_need_an_answer_of_more_than_a_word(tokenizer: Tokenizer) -> None:
    asked = examples.candidates({}, {"chats": ["b.jsonl"], "questions": ["Where?", "Who?", "When?"]})[1]
    answers = {"Where?": "It is here.", "Who?": "Yes", "When?": " ".join(["ha"] * 40) + "."}
    assert examples.answered(Table(tokenizer, chats=answers), tokenizer, asked, examples.IN_CHATS) == ["Where?"]


def test_the_showcase_is_in_training_and_short(tokenizer: Tokenizer) -> None:
    assert [text for text, _ in showcase.QUESTIONS if is_held_out(text)] == []
    assert showcase.BEGINNINGS[0].text == "The cat is" and "called" not in showcase.BEGINNINGS[0].accept
    texts = [each.text for each in showcase.BEGINNINGS] + [text for text, _ in showcase.QUESTIONS]
    assert max(map(len, texts)) < 40


def test_a_real_model_gets_only_its_first_few(tokenizer: Tokenizer, tiny_policy: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(examples, "passes", lambda check, answer: True)
    model = tiny_policy(tokenizer.vocab_size, 0)
    found = examples.choose(model, tokenizer, showcase.BEGINNINGS, showcase.QUESTIONS)
    assert set(found) == {"next", "chat"}
    assert len(found["next"]) <= examples.MAX_NEXT and len(found["chat"]) <= examples.MAX_CHAT
    assert found == examples.choose(model, tokenizer, showcase.BEGINNINGS, showcase.QUESTIONS)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ({"next": ["The cat is"], "chat": []}, {"next": ["The cat is"], "chat": []}),
        ({"chat": ["Who?", 3, "", None]}, {"next": [], "chat": ["Who?"]}),
        ({"next": "The cat is", "chat": {"a": 1}}, {"next": [], "chat": []}),
        (["The cat is"], {"next": [], "chat": []}),
        (None, {"next": [], "chat": []}),
    ],
)
def test_a_cards_examples_are_read_with_care(stored: Any, read: dict, tmp_path: Path) -> None:
    (tmp_path / "firstwords.json").write_text(json.dumps({"stage": "sft", "examples": stored}), encoding="utf-8")
    assert card.examples(tmp_path) == read


def test_a_model_of_other_tools_has_none(tmp_path: Path) -> None:
    assert card.examples(tmp_path) == {"next": [], "chat": []}
