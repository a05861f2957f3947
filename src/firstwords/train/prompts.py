"""Prompts for a model during training and in the report.

The built-in world has its own prompts. For other data they come from held-out examples: the beginning of a passage (in
Chinese for a Chinese novel), or a question from a chat.
"""

from __future__ import annotations

from collections.abc import Sequence

from firstwords.data.packing import PackedChats
from firstwords.tokenizer.fast import Tokenizer

WORLD_TEXT = "The "
WORLD_QUESTIONS = ("What is your first name?", "Who is the president of Mars?")
BEGINNING_CHARS = 24  # of a passage that a model continues
BEGINNING_LETTERS = 8  # a line with fewer is a number or a heading; also the length of a beginning without spaces
QUESTION_CHARS = 100  # longer ones are used only if there are no others


def text_prompt(specs: Sequence[str], heldout: Sequence[str]) -> str:
    """Prompt for the sample continuations shown during training."""
    own = [] if "world" in specs else beginnings(heldout, 1)
    return own[0] if own else WORLD_TEXT


def beginnings(texts: Sequence[str], count: int) -> list[str]:
    """The first words of `count` passages, from different places in the texts."""
    lines = [line.strip() for text in texts for line in text.splitlines()]
    lines = [line for line in lines if sum(map(str.isalpha, line[:BEGINNING_CHARS])) >= BEGINNING_LETTERS]
    places = [len(lines) * i // count for i in range(count)] if lines else []
    return list(dict.fromkeys(first_words(lines[place]) for place in places))


def first_words(line: str) -> str:
    """Whole words up to BEGINNING_CHARS, or a few characters of a script without spaces.

    >>> first_words("Once upon a time there was a fox."), first_words("很久很久以前在一个遥远的地方住着一位国王。")
    ('Once upon a time there', '很久很久以前在一')
    """
    if len(line) <= (BEGINNING_CHARS if " " in line else 2 * BEGINNING_LETTERS):
        return line
    words = line[: BEGINNING_CHARS + 1].rpartition(" ")[0].rstrip()
    return words if len(words) >= BEGINNING_LETTERS else line[:BEGINNING_LETTERS]


def chat_questions(packed: PackedChats, tokenizer: Tokenizer, count: int) -> list[str]:
    """The first questions of different packed chats, short ones first."""
    found: list[str] = []
    for ids, segments in zip(packed.inputs, packed.segments, strict=True):
        for number in range(1, int(segments.max(initial=0)) + 1):
            question = _question(ids[segments == number].tolist(), tokenizer)
            if question and question not in found:
                found.append(question)
        if sum(len(question) <= QUESTION_CHARS for question in found) >= count:
            break
    return sorted(found, key=lambda question: len(question) > QUESTION_CHARS)[:count]


def _question(ids: list[int], tokenizer: Tokenizer) -> str:
    """The user's first message in a rendered chat."""
    for turn in tokenizer.decode(ids, skip_special=False).split("<|im_start|>"):
        role, _, rest = turn.partition("\n")
        if role == "user":
            return rest.partition("<|im_end|>")[0].strip()
    return ""
