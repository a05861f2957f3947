"""The visitor's list, asked: the share of sensible replies to what a first-time visitor types.

    ask_visitors(Engine(model, tokenizer, num_slots=32), tokenizer)
    -> {"visitor": {"rate": .82, "low": .78, "high": .85, "n": 464}, "work": {...}, "final": {...}, "kinds": {...}, ...}

The inputs and the program that judges the replies are in `world/visitor.py`; greedy answers are those of the exam.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from firstwords.engine.sampling import SamplingParams
from firstwords.eval.exam import ask
from firstwords.world.exam import visitor_question
from firstwords.world.visitor import HALVES, is_sensible, rates, visits

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.tokenizer.fast import Tokenizer

GREEDY = SamplingParams(temperature=0.0)


def ask_visitors(
    engine: Engine,
    tokenizer: Tokenizer,
    half: str = "",
    params: SamplingParams = GREEDY,
    seeds: int = 1,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Type every input of a half (of both for "") once per seed and judge the replies.

    params: temperature and filters of the answers. progress: called with the share of a seed that is done.

    Returns rates with intervals and counts: `visitor` (all), the halves and `kinds`; `answers`, every reply of the half
    to work with, or of the half that was asked for by name; `seconds`.
    """
    began = time.perf_counter()
    asked = visits(half)
    questions = [visitor_question(visit) for visit in asked]
    rows = []
    for seed in range(seeds):
        answers = ask(engine, tokenizer, questions, progress, replace(params, seed=seed))
        for visit, (answer, stopped) in zip(asked, answers, strict=True):
            rows.append((visit, answer or "", is_sensible(visit, answer or "", stopped)))
    table = rates((visit, sensible) for visit, _, sensible in rows)
    return {
        **{name: figures for name, figures in table.items() if name in ("visitor", *HALVES)},
        "kinds": {name: figures for name, figures in table.items() if name not in ("visitor", *HALVES)},
        "answers": [
            {"half": visit.half, "kind": visit.kind, "input": visit.text, "answer": answer, "sensible": sensible}
            for visit, answer, sensible in rows
            if visit.half in (half or "work", "work")
        ],
        "seconds": round(time.perf_counter() - began, 2),
    }
