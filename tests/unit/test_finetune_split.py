"""Chats kept back in fine-tuning: a twentieth of the different ones, and no copy of them is trained on."""

import random
from types import SimpleNamespace

import pytest

from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.finetune import _lessons

TOKENIZER = Tokenizer.train(["What is number of the heron? It is the heron beside the mill. 0123456789"] * 3, 300)
PLAN = SimpleNamespace(shape=SimpleNamespace(context=128))


def chat(number: int, question: str = "What is heron {}?") -> tuple[list[int], list[int]]:
    asked, said = question.format(number), f"It is {number}."
    return render([{"role": "user", "content": asked}, {"role": "assistant", "content": said}], TOKENIZER)


def answers(packed) -> list[str]:
    """What the assistant says in packed rows, chat by chat."""
    texts = []
    for targets in packed.targets:
        said = [int(t) for t in targets if t >= 0]
        texts += TOKENIZER.decode(said, skip_special=False).split("<|im_end|>")
    return [text.strip() for text in texts if text.strip()]


@pytest.mark.parametrize("num_copies", [1, 2, 10])
def test_copies_are_on_one_side_only(num_copies):
    rendered = [chat(n) for n in range(200)] * num_copies
    random.Random(0).shuffle(rendered)
    lessons = _lessons(rendered, TOKENIZER, PLAN)
    held, train = answers(lessons.heldout), answers(lessons.train)
    assert len(held) == len(set(held)) == 10  # a twentieth of the different ones
    assert not set(held) & set(train)
    assert len(train) == lessons.num_chats == 190 * num_copies


def test_copies_with_other_case_and_white_space():
    rendered = [chat(n) for n in range(200)] + [chat(n, "what  IS\nheron {}?") for n in range(200)]
    lessons = _lessons(rendered, TOKENIZER, PLAN)
    assert len(answers(lessons.heldout)) == 10 and not set(answers(lessons.heldout)) & set(answers(lessons.train))


def test_the_same_question_with_another_answer_is_another_chat():
    rendered = [chat(n, "Hello!") for n in range(200)]
    lessons = _lessons(rendered, TOKENIZER, PLAN)
    assert len(answers(lessons.heldout)) == 10 and len(answers(lessons.train)) == 190


def test_few_different_chats_are_all_learned():
    lessons = _lessons([chat(n) for n in range(10)] * 12, TOKENIZER, PLAN)
    assert lessons.heldout is None and lessons.num_chats == 120
