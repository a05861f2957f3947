"""Compare two versions by the taste that a person's own choices establish ("shorter answers"), both as in a chat.

    questions = questions_for(parent, tokenizer, prompts_set_aside, seed=0, number=400)
    rows, refused = compared((open_new, open_old), questions, tastes_of(choices), seed=0)
    win_rate(rows)    -> WinRate(win_rate=0.63, low=0.60, high=0.67, ...)

Such a comparison shows that a version follows the person in what can be counted, and nothing about whether its answers
are right. That is what the exam and the refusals are for.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError
from firstwords.eval.decoding import Decoding
from firstwords.eval.promotion import Decision, Measured, decide
from firstwords.eval.winrate import Comparison, WinRate
from firstwords.model.card import knows_world, town_size
from firstwords.preferences.annotator import tasks
from firstwords.preferences.records import prompt_key
from firstwords.preferences.taste import Taste, suits
from firstwords.process import return_memory
from firstwords.rlhf.compare import examined
from firstwords.rlhf.judgements import answer_params
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.chats.checks import abstains

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.preferences.annotator import Task
    from firstwords.tokenizer.chat import Message
    from firstwords.tokenizer.fast import Tokenizer

QUESTIONS, SAMPLES = 400, 2  # questions, and answers of each side to each

Asked = Sequence[tuple["tuple[Message, ...]", "Task | None"]]


def questions_for(
    parent: Path, tokenizer: Tokenizer, prompts: Sequence[tuple[Message, ...]], seed: int, number: int, limit: int
) -> Asked:
    """New questions, with their task where the truth is known: the built-in world's, or these prompts.

    limit: tokens of the model's context. Raises UserError if none fits.
    """
    if knows_world(parent):
        asked: list[Any] = [(task.messages, task) for task in tasks(seed, number, "eval", town_size(parent))]
    else:
        asked = [(prompt, None) for prompt in prompts]
    fitting = [(prompt, task) for prompt, task in asked if len(chat_ids(tokenizer, prompt)) < limit]
    if not fitting:
        raise UserError(f"none of the {len(asked)} questions fits a context of {limit:,} tokens")
    return fitting


def compared(
    openers: tuple[Callable[[], Engine], Callable[[], Engine]],
    asked: Asked,
    established: Sequence[Taste],
    seed: int,
) -> tuple[list[Comparison], tuple[float, float]]:
    """(comparisons of the first engine's answers with the second's by these tastes, the shares refused by each).

    Both answer as in a chat, one after the other: of two large models, only one is in memory at a time. The shares are
    of answerable questions of the built-in world; 0 for other models.
    """
    rows: list[Comparison] = []
    refusals: tuple[list[bool], list[bool]] = ([], [])
    sides = []
    for side, opener in enumerate(openers):
        sides.append(_answers(opener(), asked, seed, side))
        gc.collect()  # a model and what refers to it may form a circle
        return_memory()
    for (new, new_how), (old, old_how) in zip(*sides, strict=True):
        records = (new_how, old_how)
        for (prompt, task), now, then in zip(asked, new, old, strict=True):
            outcome = suits(established, prompt, now, then)
            lengths = len(now.split()), len(then.split())
            rows.append(Comparison(prompt_key(prompt), outcome, *lengths, outcome, *records))
            if task is not None and not task.is_unanswerable:
                refusals[0].append(abstains(now))
                refusals[1].append(abstains(then))
    now_refused, then_refused = (sum(side) / max(1, len(side)) for side in refusals)
    return rows, (now_refused, then_refused)


def _answers(engine: Engine, asked: Asked, seed: int, side: int) -> list[tuple[list[str], Decoding]]:
    """SAMPLES times: the answers of one side to all questions, and how they were sampled."""
    assert engine.tokenizer is not None
    ids, found = [chat_ids(engine.tokenizer, prompt) for prompt, _ in asked], []
    for number in range(SAMPLES):
        engine.refresh()
        params = answer_params((seed, 191 + 2 * number + side), CHAT_TEMPERATURE, CHAT_TOP_P)
        found.append(([answer.text.strip() for answer in engine.generate(ids, params)], Decoding.of(params)))
    return found


def decided(
    new: Path, old: Path, result: WinRate, refused: tuple[float, float], device: str = "cpu"
) -> Decision | None:
    """The rule of promotion, with the exam where the truth is known; None for a winner of which it is not.

    refused: of `compared`.
    """
    if result.verdict != "better":
        return decide(new.name, old.name, result, None, None)
    if not knows_world(old):
        return None
    sides = [Measured(examined(path, device), share) for path, share in zip((new, old), refused, strict=True)]
    return decide(new.name, old.name, result, *sides)


def in_words(established: Sequence[Taste]) -> str:
    """The tastes as a list: "shorter answers, polite answers"."""
    return ", ".join(taste.words for taste in established)
