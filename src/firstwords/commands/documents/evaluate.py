"""How well your documents answer your own questions, and what a better search could gain.

firstwords documents eval questions.jsonl
firstwords documents eval questions.jsonl --embedder all-MiniLM-L6-v2/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.documents.manage import NO_DOCUMENTS, CollectionFlag
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.runlog import say

if TYPE_CHECKING:
    from firstwords.retrieval.evaluate import Question

SHOWN = 5  # questions of a kind that are listed
OFF = "off"  # instead of an embedding model


@dataclass
class DocumentsEval(JsonFlag, CollectionFlag):
    """Measure search and answers on labelled questions: rows with a question and an answer, null if there is none."""

    files: Positional[list[str]] = field(default_factory=list)
    """Files of questions: .jsonl, .json or .csv with the columns question, answer and, if you like, document."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory that helps to choose the sentence; default: words alone."""
    embedder: str | None = None
    """Directory of an embedding model: compare searches by words, by its vectors and by both; searches use both from
    then on if that finds your answers better. off: by words alone, and delete the vectors."""


def main(config: DocumentsEval) -> None:
    """Evaluate, and print the rates with their intervals."""
    from firstwords.retrieval import store
    from firstwords.retrieval.evaluate import evaluate, read_questions
    from firstwords.retrieval.readers import Extractive

    if config.embedder == OFF:
        store.switch_vectors(False)
        say("searches go by words alone")
        if not config.files:
            return
    if not config.files:
        raise UserError("FILES is missing: give questions, for example questions.jsonl")
    questions = read_questions([Path(file) for file in config.files])
    if not store.documents(collection=config.documents):
        raise UserError(NO_DOCUMENTS)
    reader = api.load(config.model).reader("extractive") if config.model else Extractive()
    if not isinstance(reader, Extractive):
        raise UserError(f"{config.model} cannot choose sentences: leave --model out")
    compared = _compared(config, questions)
    result = evaluate(questions, reader, config.documents) | ({"compared": compared} if compared else {})
    if config.json:
        shared.emit(result)
        return
    print(as_text(result))
    if compared is not None:
        print(comparison_text(compared))
    for key, says in (("missed", "not among the first 10"), ("missing", "its answer is in no document")):
        for row in result[key][:SHOWN]:
            say(f"{says}: {row['question']}  ({row['place']})")
        if len(result[key]) > SHOWN:
            say(f"... and {len(result[key]) - SHOWN} more; --json lists all")


def _compared(config: DocumentsEval, questions: Sequence[Question]) -> dict[str, Any] | None:
    """The ways to search, if there are vectors; with --embedder, the better one is used from then on."""
    from firstwords.retrieval import store
    from firstwords.retrieval.evaluate import compare

    is_new = config.embedder not in (None, OFF)
    if is_new:
        folder = str(Path(str(config.embedder)).expanduser().resolve())
        store.embed(folder, lambda done: say(f"{done:,} passages embedded"))
    compared = compare(questions, config.documents) if store.vector_setting() else None
    if is_new:
        if compared is None:
            raise UserError(
                "no question has its answer in a document, so searches can't be compared: add questions that have"
            )
        store.switch_vectors(compared["is_better"])
        if compared["is_better"]:
            store.embed(folder)  # what was added meanwhile
    setting = store.vector_setting()
    return compared and compared | {"embedder": setting.path if setting and setting.is_on else None}


def comparison_text(compared: dict[str, Any]) -> str:
    """What was compared, and what follows from it."""
    names = {"words": "by words", "dense": "by vectors", "fused": "by both"}
    lines = ["Ways to search (nDCG@10):"]
    lines += [_line(names[how], figures) for how, figures in compared["nDCG@10"].items()]
    is_better, p = compared["is_better"], f"p = {compared['p']:.3f}"
    verdict = "finds your answers better" if is_better else "does not find your answers clearly better"
    then = "searches use both" if compared["embedder"] else "searches go by words alone"
    return "\n".join(
        [*lines, f"Searching by both {verdict} than by words alone ({compared['gain']:+.3f}, {p}): {then}."]
    )


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
