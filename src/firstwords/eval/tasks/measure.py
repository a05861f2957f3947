"""Measures a model on a task: scores every answer, or lets it write one, and turns that into figures.

measure(task, Subject(model, tokenizer, make_engine), as_chat=False)
-> {"task": "arc-easy", "kind": "multiple choice", "metric": "accuracy", "rate": 0.41, "low": 0.34, "high": 0.48,
    "n": 200, "chance": 0.25, "scores": {"plain": ..., "per_byte": ...}, "ece": ..., "outcomes": [0, 1, ...], ...}
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.engine.continuations import Continuation, Score, continuation_scores
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.exam import evenly
from firstwords.eval.tasks import encoding, figures
from firstwords.eval.tasks.task import CLOZE, PAIRS, TRANSLATION, Item, Task

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

EXAMPLES = 6
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Subject:
    """The model to measure. make_engine: an engine for it, made only if answers are written."""

    model: Transformer
    tokenizer: Tokenizer
    make_engine: Callable[[], Engine]

    @property
    def context(self) -> int:
        return self.model.config.max_position_embeddings


def measure(task: Task, subject: Subject, as_chat: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """The figures of one task. as_chat: prompts are messages in the model's chat template instead of plain text, where
    a task has prompts that ask something.

    progress(share of the work done) is called now and then. Raises UserError if no row fits into the model's context,
    and for translations without sacrebleu.
    """
    began = time.perf_counter()
    as_chat = as_chat and task.kind not in (PAIRS, CLOZE)
    check_libraries(task)
    way = {"choose": _choose, "continue": _continue, "write": _write}[task.kind.way]
    items, answers, found, counts = way(task, subject, as_chat, progress)
    rows = [
        {"prompt": item.prompt, "answer": answer, "expected": item.solution, "outcome": outcome}
        for item, answer, outcome in zip(items, answers, found["outcomes"], strict=True)
    ]
    return {
        "task": task.name,
        "kind": task.kind.name,
        "metric": task.kind.metric,
        **found,
        "groups": figures.by_group(items, found["outcomes"]),
        "shots": len(task.examples),
        "form": "chat" if as_chat else "text",
        **counts,
        "hash": task.hash,
        "examples": evenly(rows, EXAMPLES),
        "seconds": round(time.perf_counter() - began, 2),
    }


def check_libraries(task: Task) -> None:
    """Raise UserError if a library that grades this task is not installed."""
    if task.kind is TRANSLATION:
        try:
            import sacrebleu  # noqa: F401
        except ImportError:
            raise UserError(
                f"{task.name} is a translation, which needs sacrebleu: pip install 'firstwords[eval]'"
            ) from None


Found = tuple[list[Item], list[str], dict[str, Any], dict[str, int]]  # items, answers, figures, counts of cut rows


def _choose(task: Task, subject: Subject, as_chat: bool, progress: Progress | None) -> Found:
    asked = [encoding.answers(subject.tokenizer, task, item, as_chat) for item in task.items]
    items, rows = _fitting(task, subject, asked)
    scores = continuation_scores(subject.model, [each for row in rows for each in row], progress)
    left = iter(scores)
    logprobs = [[next(left).logprob for _ in row] for row in rows]
    found = figures.choice_figures(task.kind, items, logprobs)
    answers = [item.answers[figures.chosen(each, item.answers)] for item, each in zip(items, logprobs, strict=True)]
    return items, answers, found, _counts(task, subject, rows)


def _continue(task: Task, subject: Subject, as_chat: bool, progress: Progress | None) -> Found:
    asked = [encoding.answers(subject.tokenizer, task, item, as_chat) for item in task.items]
    items, rows = _fitting(task, subject, asked)
    scores: list[Score] = continuation_scores(subject.model, [row[0] for row in rows], progress)
    found = figures.cloze_figures([score.logprob for score in scores], [score.is_greedy for score in scores])
    answers = [item.solution if score.is_greedy else "" for item, score in zip(items, scores, strict=True)]
    return items, answers, found, _counts(task, subject, rows)


def _write(task: Task, subject: Subject, as_chat: bool, progress: Progress | None) -> Found:
    engine = subject.make_engine()
    max_tokens = min(task.kind.max_tokens, max(1, engine.max_length // 2))
    room = engine.max_length - max_tokens
    prompts = [encoding.prompt(subject.tokenizer, task, item, as_chat, room + 1) for item in task.items]
    num_cut = sum(len(ids) > room for ids in prompts)
    stop = () if as_chat else task.kind.stop
    params = SamplingParams(temperature=0.0, max_tokens=max_tokens, stop=stop, seed=0)
    if progress is not None:
        engine.on_step = lambda: progress(engine.share_of(len(prompts)))
    written = [each.text.strip() for each in engine.generate([ids[-room:] for ids in prompts], params)]
    found = figures.written_figures(task.kind, task.items, written)
    return list(task.items), written, found, {"cut": num_cut, "left_out": 0}


def _fitting(
    task: Task, subject: Subject, asked: Sequence[list[Continuation]]
) -> tuple[list[Item], list[list[Continuation]]]:
    """The rows whose answers fit into the model's context, and have tokens at all."""
    fits = [all(0 < len(each.ids) <= subject.context for each in row) for row in asked]
    items = [item for item, fit in zip(task.items, fits, strict=True) if fit]
    if not items:
        raise UserError(f"no row of {task.name} fits into this model's context of {subject.context:,} tokens")
    return items, [row for row, fit in zip(asked, fits, strict=True) if fit]


def _counts(task: Task, subject: Subject, rows: Sequence[list[Continuation]]) -> dict[str, int]:
    cut = sum(any(len(each.context) + len(each.ids) > subject.context + 1 for each in row) for row in rows)
    return {"cut": cut, "left_out": len(task.items) - len(rows)}
