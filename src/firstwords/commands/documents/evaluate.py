"""How well your documents answer your own questions, and what a better search could gain.

firstwords documents eval questions.jsonl
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.documents.manage import NO_DOCUMENTS, CollectionFlag
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.runlog import say

SHOWN = 5  # questions of a kind that are listed


@dataclass
class DocumentsEval(JsonFlag, CollectionFlag):
    """Measure search and answers on labelled questions: rows with a question and an answer, null if there is none."""

    files: Positional[list[str]]
    """Files of questions: .jsonl, .json or .csv with the columns question, answer and, if you like, document."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory that helps to choose the sentence; default: words alone."""


def main(config: DocumentsEval) -> None:
    """Evaluate, and print the rates with their intervals."""
    from firstwords.retrieval import store
    from firstwords.retrieval.evaluate import evaluate, read_questions
    from firstwords.retrieval.readers import Extractive

    if not config.files:
        raise UserError("FILES is missing: give questions, for example questions.jsonl")
    questions = read_questions([Path(file) for file in config.files])
    if not store.documents(collection=config.documents):
        raise UserError(NO_DOCUMENTS)
    reader = api.load(config.model).reader("extractive") if config.model else Extractive()
    if not isinstance(reader, Extractive):
        raise UserError(f"{config.model} cannot choose sentences: leave --model out")
    result = evaluate(questions, reader, config.documents)
    if config.json:
        shared.emit(result)
        return
    print(as_text(result))
    for key, says in (("missed", "not among the first 10"), ("missing", "its answer is in no document")):
        for row in result[key][:SHOWN]:
            say(f"{says}: {row['question']}  ({row['place']})")
        if len(result[key]) > SHOWN:
            say(f"... and {len(result[key]) - SHOWN} more; --json lists all")


def as_text(result: dict[str, Any]) -> str:
    """The rates as lines."""
    lines = [counted(result["questions"], "question")]
    names = {
        "recall@1": "the right passage is the first",
        "recall@5": "among the first 5",
        "recall@10": "among the first 10",
    }
    for key, figures in result["found"].items():
        lines.append(_line(names.get(key, key), figures))
    lines.append(_line("the quoted sentence holds the answer", result["quoted"]))
    lines.append(_line('"Your documents don\'t say", although they do', result["refused"]))
    lines.append(_line('"Your documents don\'t say", rightly', result["unanswerable_refused"]))
    found = result["found"]["recall@10"]
    if found["n"]:
        lines.append(
            f"Another way of searching, such as dense vectors, could help with at most {1 - found['rate']:.1%} of the "
            f"questions ({1 - found['high']:.1%} to {1 - found['low']:.1%}): for the others the passage is found."
        )
    return "\n".join(lines)


def _line(name: str, figures: dict[str, float]) -> str:
    if not figures["n"]:
        return f"  {name:<48} no such question"
    return (
        f"  {name:<48} {figures['rate']:6.1%}  ({figures['low']:.1%} to {figures['high']:.1%}, n = {figures['n']:,.0f})"
    )
