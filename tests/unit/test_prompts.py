"""Prompts for a model: from the user's own text and chats, if there are any."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from firstwords import home
from firstwords.config import UserError
from firstwords.data.packing import pack_chats
from firstwords.model.hub import save_model
from firstwords.pipeline import Learn, chat_seconds, report_prompts, usable_preferences
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.finetune import Finetune
from firstwords.train.prompts import WORLD_QUESTIONS, beginnings, chat_questions, first_words, text_prompt

CHINESE = "很久很久以前在一个遥远的地方住着一位国王。"


def test_a_text_of_ones_own_begins_the_samples() -> None:
    assert text_prompt(["world"], ["It was a dark and stormy night."]) == "The "
    assert text_prompt(["novel.txt"], ["* * *\n\n17\nIt was a dark and stormy night."]) == "It was a dark and stormy"
    assert text_prompt(["zh.txt"], [CHINESE]) == CHINESE[:8]
    assert text_prompt(["novel.txt"], []) == "The "
    assert first_words("Короткая строка") == "Короткая строка"
    texts = ["\n".join(f"The story number {number} of many goes on and on" for number in range(10))]
    assert beginnings(texts, 2) == ["The story number 0 of", "The story number 5 of"]


def test_questions_come_from_the_packed_chats(tiny_policy) -> None:
    tokenizer = Tokenizer.train(["Wie heißt du? Ich bin Pip. Warum?"] * 9, 300)
    asked = ["Wie heißt du?", "Warum? " * 30, "Wer bist du?"]
    chats = [
        [
            {"role": "system", "content": "Sei kurz."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": "Ich bin Pip."},
        ]
        for question in asked
    ]
    packed = pack_chats([render(chat, tokenizer) for chat in chats], 400)
    assert set(chat_questions(packed, tokenizer, 2)) == {asked[0], asked[2]}  # short ones first
    assert set(chat_questions(packed, tokenizer, 3)) == {question.strip() for question in asked}


@pytest.fixture
def cards(empty_home: Path, tiny_policy):
    """`cards(beginnings, questions)`: a model with base and sft whose cards hold them."""
    tokenizer = Tokenizer.train(["abc"] * 9, 300)

    def write(texts: list[str], questions: list[str]) -> None:
        model = tiny_policy(tokenizer.vocab_size)
        for stage, data in (("base", {"beginnings": texts}), ("sft", {"questions": questions})):
            save_model(model, home.stage_dir("mine", stage), tokenizer, {"stage": stage, "data": data})

    return write


def test_the_report_asks_what_the_model_was_taught(cards) -> None:
    cards(["Es war einmal", "Der König"], ["Wer bist du?", "Warum?"])
    named = partial(Learn, name="mine")
    own = {"text": ["maerchen.txt"], "chats": ["chats.jsonl"]}
    assert report_prompts(named()) == list(WORLD_QUESTIONS)
    assert report_prompts(named(**own)) == ["Wer bist du?", "Warum?", "Es war einmal"]
    assert report_prompts(named(**own, prompt="Hallo")) == ["Hallo"]
    assert report_prompts(named(text=["maerchen.txt"])) == [*WORLD_QUESTIONS, "Es war einmal"]
    assert report_prompts(named(text=["maerchen.txt"], chats=["none"])) == ["Es war einmal", "Der König"]


def test_no_chats_means_no_stage_two(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Learn(text=["book.txt"], chats=["none"])
    assert chat_seconds(config, 1000.0) == 0.0 and usable_preferences(config) == []
    with pytest.raises(UserError, match="leave out none"):
        Learn(chats=["none", "chats.jsonl"])
    with pytest.raises(UserError, match="nothing to learn"):
        Finetune(chats=["none"])


def test_a_model_of_ones_own_text_without_chats_is_a_base_model(
    empty_home: Path, tmp_path: Path, firstwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the report and the samples speak the text's language."""
    from dataclasses import asdict

    from firstwords.plan.budget import Machine

    monkeypatch.setenv("FIRSTWORDS_MACHINE", json.dumps(asdict(Machine())))
    text = tmp_path / "text.txt"
    text.write_text("Die Katze sitzt auf der Matte und der Hund schläft im Haus.\n" * 3000, encoding="utf-8")
    code, _, said = firstwords("learn", "--text", text, "--chats", "none", "--minutes", "0.15", "--threads", "1")
    assert code == 0, said
    assert home.stages("mine") == ["base"] and home.promoted("mine") == "base"
    assert "base model, which continues text: firstwords complete" in said and "built-in town" not in said
    assert "Die Katze sitzt auf der|" in said and "\nDie Katze sitzt auf der\n" in said and "first name" not in said
    code, out, said = firstwords("complete", "Die Katze", "--model", "mine", "--max-tokens", "3")
    assert code == 0 and out
