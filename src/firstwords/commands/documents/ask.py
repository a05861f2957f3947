"""Ask your documents: an answer whose every sentence names its place, or "Your documents don't say."

firstwords ask "Who repairs the bell?"
firstwords ask "Who repairs the bell?" --from-memory --model pip
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.documents.manage import CollectionFlag, nothing_found, passage_text, place
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.retrieval.answer import Answer, answered, from_memory
from firstwords.retrieval.evidence import Evidence, gather
from firstwords.retrieval.readers import Extractive
from firstwords.runlog import say

WEB = "web"  # the collection of pages that a search found
NEAREST = 3  # passages that are printed where the documents don't say


@dataclass
class Ask(JsonFlag, CollectionFlag):
    """Answer from the documents, with citations. Example: firstwords ask "Who repairs the bell?" """

    question: Positional[str]
    """The question, in quotes."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the newest model, or words alone without one."""
    reader: Literal["auto", "extractive", "generative"] = "auto"
    """extractive quotes a sentence, generative lets the model write and cite; auto: generative for large models."""
    web: bool = False
    """Search the web first; the pages that were found are kept as documents, in the collection "web"."""
    allow_private: bool = False
    """With --web: also read pages of this machine and its own network."""
    from_memory: bool = False
    """Where the documents don't say, let the model answer from what it was trained on; such an answer is labelled."""


def main(config: Ask) -> None:
    """Search, answer, and print the answer with its sources."""
    if not config.question.strip():
        raise UserError("QUESTION is empty: ask something")
    model = api.load(config.model) if config.model or home.models() else None
    if model is None and (config.reader == "generative" or config.from_memory):
        raise UserError("there is no model that could write: `firstwords learn` trains one")
    if config.web and config.documents:
        raise UserError("--web and --documents contradict each other: give one of them")
    if config.allow_private and not config.web:
        raise UserError("--allow-private is for --web: leave it out, or give both")
    collection = read_the_web(config.question, config.allow_private) if config.web else config.documents
    evidence = gather(config.question, collection=collection)
    answer = answered(evidence, model.reader(config.reader) if model else Extractive())
    if not answer.is_grounded and config.from_memory and model is not None:
        answer = from_memory(evidence, model.chat(config.question))
    if config.json:
        shared.emit(answer.to_dict() | {"model": model.label if model else None})
        return
    print(answer.text)
    print_sources(answer)
    if answer.kind == "none":
        print_nearest(evidence, can_remember=model is not None and model.can_chat)


def read_the_web(question: str, allow_private: bool) -> str:
    """Add the pages that a web search finds to the collection WEB, and return its name. Raises UserError if none can
    be read."""
    from firstwords.retrieval import adding, web

    found = web.results(question)
    outcomes = list(adding.add(found, collection=WEB, allow_private=allow_private)) if found else []
    for outcome in outcomes:
        if outcome.document is None:
            say(f"skipped: {outcome.reason}")
    if all(outcome.document is None for outcome in outcomes):
        raise UserError("the web search found no page that could be read: ask in other words, or without --web")
    return WEB


def print_sources(answer: Answer) -> None:
    """Print where each cited sentence is from, and how many other passages there are."""
    for number in dict.fromkeys(citation.number for citation in answer.citations):
        citations = [citation for citation in answer.citations if citation.number == number]
        chars = ", ".join(f"{c.char_start:,}-{c.char_end:,}" for c in citations)
        title = place(citations[0].passage).partition("  (")[0]
        print(f"  [{number}] {title}  ({citations[0].passage.document.source}, characters {chars})")
    if answer.is_grounded:
        others = len(answer.evidence.passages) - len({citation.number for citation in answer.citations})
        if others:
            say(f"--json shows {counted(others, 'other passage')} that fit the question less well.")


def print_nearest(evidence: Evidence, can_remember: bool) -> None:
    """Print the nearest passages, and how to get an answer all the same."""
    if not evidence.passages:
        say(nothing_found())
    else:
        say("The nearest passages:")
    for number, passage in enumerate(evidence.passages[:NEAREST], 1):
        print(passage_text(passage, number, is_coloured=sys.stdout.isatty()))
    if can_remember:
        say("--from-memory lets the model answer without them.")
