"""The exam on the built-in world: facts, refusals and small tasks, as a table of rates with intervals.

    run_exam(Engine(model, tokenizer, num_slots=32), tokenizer)
    -> {"told": {"rate": .91, "low": .87, "high": .94, "n": 240}, ...}

| part | the rate of |
|---|---|
| told | correct answers to held-out phrasings of facts from the training text |
| two_steps | correct answers about the known friend or parent of a known person |
| told_refused | "I don't know" to the questions of `told` (lower is better) |
| never_told_abstained | "I don't know" to questions about facts that are not in the text |
| instructions | answers that follow the instruction |
| visitor | sensible replies to what a first-time visitor types (`world/visitor.py`) |
| stops | answers that end with a stop token, over all questions |
| tools, no_tool | sums with the calculator, and no call where none is needed (`eval/tool_exam.py`) |

The questions and the program that grades the answers are in `world/exam.py`. Here they are asked: with greedy decoding,
concurrently in the engine's slots, in the chat format of training.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.engine.sampling import SamplingParams
from firstwords.eval.tool_exam import others, run_tool_exam, sums
from firstwords.model.hub import add_metrics
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world import exam
from firstwords.world.visitor import is_final

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.world.exam import Question
    from firstwords.world.town.plumwick import Size

ANSWER_TOKENS = 80
STORY_TOKENS = 160
EXAMPLES_PER_PART = 6
SEEDS_APART = 1_000_003  # more than there are questions
GREEDY = SamplingParams(temperature=0.0)


def run_exam(
    engine: Engine,
    tokenizer: Tokenizer,
    limit: int | None = None,
    progress: Callable[[float], None] | None = None,
    questions: Sequence[Question] | None = None,
    size: Size = "whole",
) -> dict[str, Any]:
    """Ask every question (the first `limit` of each part) and grade the answers.

    size: of the town that the model was taught (`model.card.town_size`).

    progress: called with the share that is answered, of all questions but those about tools.

    Returns the parts, each with rate, low, high (Wilson's 95 %) and n; `examples`, unedited rows evenly spaced in each
    part; `too_long`, questions longer than the model's context, which count as wrong; `version` of the whole exam; and
    `seconds`.
    """
    began = time.perf_counter()
    asked = first_of_each_part(exam.questions(size) if questions is None else questions, limit)
    answers = ask(engine, tokenizer, asked, progress)
    results = [(question, answer or "", stopped) for question, (answer, stopped) in zip(asked, answers, strict=True)]
    table = exam.report(results)
    result: dict[str, Any] = {part: figures for part, figures in table.items() if figures["n"]}
    result["examples"] = examples(results)
    result["too_long"] = sum(answer is None for answer, _ in answers)
    if questions is None:
        result |= run_tool_exam(engine, tokenizer, size, limit)
    if limit is None and questions is None:
        result["version"] = version(size)
    result["seconds"] = round(time.perf_counter() - began, 2)
    return result


@lru_cache(maxsize=2)
def version(size: Size = "whole") -> str:
    """A hash of all questions and their correct answers; rates of different versions cannot be compared."""
    return hashlib.sha256(repr((exam.questions(size), sums(), others(size))).encode()).hexdigest()[:16]


def put_on_card(directory: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Add an exam's rates to a model's card, which `models`, the page and later comparisons read; returns them."""
    rates = {part: figures for part, figures in result.items() if isinstance(figures, dict)}
    if "version" in result:
        rates["version"] = result["version"]
    add_metrics(directory, {"exam": rates})
    return rates


def exam_on_card(card: dict[str, Any]) -> dict[str, Any] | None:
    """The rates of the current exam on a card; None if there are none or they are of another version."""
    rates = (card.get("metrics") or {}).get("exam") or {}
    return rates if isinstance(rates, dict) and rates.get("version") in (version("small"), version("whole")) else None


def examples(results: Sequence[tuple[Question, str, bool]]) -> list[dict[str, Any]]:
    """Unedited rows {part, messages, answer, right, stopped}, a few of each part, chosen by position alone.

    The final half of the visitor's list is left out, because its answers must not be read while tuning.
    """
    by_part: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for question, answer, stopped in results:
        if is_final(question.messages[-1]["content"]):
            continue
        row = {"part": question.part, "messages": list(question.messages), "answer": answer}
        by_part[question.part].append(row | {"right": exam.score(question, answer, stopped), "stopped": stopped})
    return [row for rows in by_part.values() for row in evenly(rows, EXAMPLES_PER_PART)]


def ask(
    engine: Engine,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    progress: Callable[[float], None] | None = None,
    params: SamplingParams = GREEDY,
) -> list[tuple[str | None, bool]]:
    """(answer, whether it ended with a stop token) of each question; answer None if the prompt fills the context.

    params: how to sample, apart from the length; with a seed, question i is answered with the seed (seed, i).
    """
    prompts = [chat_ids(tokenizer, question.messages) for question in questions]
    answers: list[tuple[str | None, bool]] = [(None, False)] * len(questions)
    fitting = [i for i, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
    sampled = [replace(params, max_tokens=max_tokens(questions[i]), seed=seed_of(params, i)) for i in fitting]
    before = engine.on_step
    if progress is not None:
        engine.on_step = lambda: progress(engine.share_of(len(fitting)))
    try:
        completions = engine.generate([prompts[i] for i in fitting], sampled)
    finally:
        engine.on_step = before
    for i, completion in zip(fitting, completions, strict=True):
        answers[i] = (completion.text.strip(), completion.finish_reason == "stop")
    if progress is not None:
        progress(1.0)
    return answers


def seed_of(params: SamplingParams, index: int) -> int | None:
    """The seed of one question's answer, so that no two questions share their draws."""
    return None if params.seed is None else params.seed * SEEDS_APART + index


def max_tokens(question: Question) -> int:
    """Maximum tokens of the answer: a story needs more than anything else."""
    asked = question.messages[-1]["content"].lower()
    return STORY_TOKENS if "story" in asked or "once upon a time" in asked else ANSWER_TOKENS


def first_of_each_part(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """The first `limit` questions of each part, in order; all for None."""
    taken: dict[str, int] = defaultdict(int)
    chosen = []
    for question in questions:
        taken[question.part] += 1
        if limit is None or taken[question.part] <= limit:
            chosen.append(question)
    return chosen


def evenly(rows: Sequence[Any], count: int) -> list[Any]:
    """At most `count` evenly spaced rows: chosen by position, not by quality."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i * len(rows) // count] for i in range(count)]
