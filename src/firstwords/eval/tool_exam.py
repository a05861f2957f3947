"""The part of the exam about tools: sums up to a thousand with the calculator, and questions that need no tool.

    run_tool_exam(engine, tokenizer) -> {"tools": {"rate": .9, ...}, "no_tool": {"rate": .99, ...}}

| part | the rate of |
|---|---|
| tools | sums whose call is right and whose answer, after the result, is right too |
| no_tool | questions of the exam that need no tool, answered without a call |

The phrasings of the sums are in no chat. Decoding is greedy; a call counts if the calculator would give the result.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from firstwords.engine.sampling import SamplingParams
from firstwords.stats import rate_of
from firstwords.tokenizer.calls import calls_in
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world import exam
from firstwords.world.chats.checks import passes
from firstwords.world.chats.facts import Turn
from firstwords.world.phrases import pick
from firstwords.world.tool_chats import LINES, Use, called, numbers, system
from firstwords.world.visitor import kind_of

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.world.town.plumwick import Size

NUM_SUMS, NUM_OTHERS = 200, 200
WORDINGS = {
    "plus": exam.TASKS["plus"],
    "minus": exam.TASKS["minus"],
    "times": ("Could you work out {a} times {b}?", "What do you get when you take {a} times {b}?"),
    "divided by": ("Could you work out {a} divided by {b}?", "I forgot: how much is {a} divided by {b}?"),
}
_NEED_TOOLS = ("sums", "calendar", "outside")  # of the visitor's list: a sum, a date or a time may be among them
_GREEDY = SamplingParams(temperature=0.0, max_tokens=80)
_EXPRESSION = re.compile(r"\s*(\d+)\s*([-+*/])\s*(\d+)\s*")
_DOES = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@lru_cache(maxsize=1)
def sums() -> tuple[Use, ...]:
    """The sums, each with the call that is expected; the same ones for every model."""
    rng, found = Random("exam of tools 1"), []
    for _ in range(NUM_SUMS):
        sign, a, b, right = numbers(rng)
        asked = pick(rng, WORDINGS[sign]).format(a=a, b=b)
        found.append(called(Turn(asked, f"{a} {sign} {b} is {right}."), sign, a, b, right))
    return tuple(found)


@lru_cache(maxsize=2)
def others(size: Size) -> tuple[exam.Question, ...]:
    """Questions of the exam that no tool helps with, evenly spaced."""
    found = [
        question
        for question in exam.questions(size)
        if question.part in ("told", "never_told_abstained")
        or (question.part == "visitor" and kind_of(question.messages[-1]["content"]) not in _NEED_TOOLS)
    ]
    return tuple(found[i * len(found) // NUM_OTHERS] for i in range(NUM_OTHERS))


def run_tool_exam(
    engine: Engine, tokenizer: Tokenizer, size: Size = "whole", limit: int | None = None
) -> dict[str, Any]:
    """Ask the questions (the first `limit` of both parts); rates with Wilson's intervals. A question that does
    not fit the context counts as wrong."""
    asked, alone = sums()[:limit], others(size)[:limit]
    listed = {"role": "system", "content": system(tuple(LINES))}
    chats: list[Any] = [[listed, {"role": "user", "content": each.turn.user}] for each in asked]
    chats += [[listed, *question.messages] for question in alone]
    answers = _answers(engine, tokenizer, chats)
    called = [i for i, each in enumerate(asked) if _gives(answers[i], each.result)]
    again = [
        [*chats[i], {"role": "assistant", "content": answers[i]}, {"role": "tool", "content": asked[i].result}]
        for i in called
    ]
    said = dict(zip(called, _answers(engine, tokenizer, again), strict=True))
    right = [_passes(use, said.get(i)) for i, use in enumerate(asked)]
    calm = [text is not None and not calls_in(text, LINES) for text in answers[len(asked) :]]
    return {"tools": rate_of(right), "no_tool": rate_of(calm)}


def _passes(use: Use, text: str | None) -> bool:
    return bool(text) and use.turn.check is not None and passes(use.turn.check, text or "")


def _answers(engine: Engine, tokenizer: Tokenizer, chats: list[Any]) -> list[str | None]:
    """The greedy answers; None for a chat that fills the context."""
    prompts = [chat_ids(tokenizer, chat) for chat in chats]
    fitting = [i for i, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
    found: list[str | None] = [None] * len(chats)
    for i, completion in zip(fitting, engine.generate([prompts[i] for i in fitting], _GREEDY), strict=True):
        found[i] = completion.text.strip()
    return found


def _gives(text: str | None, result: str) -> bool:
    """Whether an answer is one call of the calculator that gives this result."""
    calls = calls_in(text or "", LINES)
    if len(calls) != 1 or calls[0].name != "calculator":
        return False
    found = re.fullmatch(r'\{"expression": "([^"]*)"\}', calls[0].arguments.strip())
    parts = _EXPRESSION.fullmatch(found[1]) if found else None
    if parts is None or (parts[2] == "/" and int(parts[3]) == 0):
        return False
    return _DOES[parts[2]](int(parts[1]), int(parts[3])) == int(result)
