"""Where do these words come from? The longest parts of a text that are in what a model learned from.

firstwords trace "Anna repairs the bell." --model pip
firstwords trace --index --model pip
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.retrieval import trace as tracing
from firstwords.runlog import say

MAX_TOKENS = 4096  # of a text
SHOWN_UNSEEN = 5
_NOTE = "A match shows that the model read these words. It does not show that it wrote them for that reason."
_OF = {"text": "the text", "chats": "the chats", "preferences": "the preferences"}
_UNIT = {"text": "document", "chats": "chat", "preferences": "pair"}


@dataclass
class Trace(JsonFlag):
    """Find the longest parts of a text in what a model learned from. Example: firstwords trace "The cat is here." """

    text: Positional[str | None] = None
    """The text to trace, in quotes."""
    model: str | None = None
    """NAME or NAME/STAGE; default: the newest model."""
    top: int = 5
    """Number of parts to show, longest first."""
    index: bool = False
    """Build what is missing of the index, for a model that has none, and trace nothing."""
    quiet: bool = False
    """With --index: give way to other programs, and print nothing."""


def main(config: Trace) -> None:
    """Trace a text, or build the index."""
    directory = home.resolve(config.model or api.newest())
    if config.index:
        if config.text is not None:
            raise UserError("--index builds the index and traces nothing: leave out TEXT")
        return build_missing(directory.parent.name, config.quiet)
    if config.quiet:
        raise UserError("--quiet is for --index: leave it out, or give both")
    if config.text is None or not config.text.strip():
        raise UserError('TEXT is missing: give a text, for example firstwords trace "The cat is on the mat."')
    if config.top < 1:
        raise UserError(f"--top is {config.top}: show at least one part")
    from firstwords.tokenizer.fast import Tokenizer

    tokenizer = Tokenizer.load(directory)
    indexes = tracing.open_indexes(directory, tokenizer)
    ref = f"{directory.parent.name}/{directory.name}"
    if not indexes.found:
        raise UserError(f"there is no index of what {ref} learned from: `firstwords trace --index --model {ref}`")
    ids = tracing.text_ids(config.text, indexes, tokenizer)
    if len(ids) > MAX_TOKENS:
        raise UserError(f"the text has {len(ids):,} tokens, but {MAX_TOKENS:,} can be traced at once: shorten it")
    traced = tracing.trace(ids, indexes, tokenizer)
    if config.json:
        shared.emit({"model": ref, "text": config.text} | traced.to_dict())
    else:
        print(as_text(traced, config.top, sys.stdout.isatty()))
        for corpus in indexes.missing:
            say(f"{_OF[corpus.kind]} of {corpus.stage} cannot be searched: there is no index")


def build_missing(name: str, quiet: bool = False) -> None:
    """Index what the stages of a model learned from, where that is not done yet."""
    from firstwords.tokenizer.fast import Tokenizer

    if quiet:
        with suppress(OSError):
            os.nice(19)
    directory = home.stage_dir(name, home.stages(name)[-1])  # the last stage has learned from everything
    tokenizer = Tokenizer.load(directory)
    indexes = tracing.open_indexes(directory, tokenizer)
    if not indexes.missing:
        say_unless(quiet, f"everything that {name} learned from is indexed already")
    for corpus in indexes.missing:
        if not corpus.can_be_indexed:
            say_unless(
                quiet, f"{_OF[corpus.kind]} of {name}/{corpus.stage} cannot be indexed: the tokens were not kept"
            )
            continue
        found = tracing.index(corpus, tokenizer)
        what = counted(tracing.documents(corpus, found), _UNIT[corpus.kind])
        say_unless(quiet, f"indexed {_OF[corpus.kind]} of {name}/{corpus.stage}: {what}, {found.num_tokens:,} tokens")


def say_unless(quiet: bool, sentence: str) -> None:
    """Print a remark, if anyone is there to read it."""
    if not quiet:
        say(sentence)


def as_text(traced: tracing.Trace, top: int, colour: bool) -> str:
    """The trace as lines: the longest parts with their places, then what is nowhere together."""
    bright, off = ("\033[1m", "\033[0m") if colour else ("", "")
    lines = []
    for span in traced.spans[:top]:
        times = (f"{counted(place.count, 'time')} in {_OF[place.kind]} of {place.stage}" for place in span.places)
        places = ", ".join(times)
        lines.append(f"{bright}{shared.shown(span.text.strip())}{off}  {places}")
        for place in span.places:
            for sample in place.samples[:1]:
                who = f", {sample.speaker}" if sample.speaker else ""
                around = f"…{sample.before}{bright}{sample.text}{off}{sample.after}…"
                lines.append(f"    {_UNIT[place.kind]} {sample.document:,}{who}: {' '.join(around.split())}")
    if not traced.spans:
        lines.append("No two words of this text are together in what the model learned from.")
    elif len(traced.spans) > top:
        lines.append(f"--top {len(traced.spans)} shows {counted(len(traced.spans) - top, 'shorter part')} too.")
    if traced.unseen:
        unseen = ", ".join(shared.shown(span.text.strip()) for span in traced.unseen[:SHOWN_UNSEEN])
        lines.append(f"Never seen together: {unseen}")
    elif len(traced.spans) == 1:
        lines.append("The whole text is there, word for word.")
    return "\n".join([*lines, _NOTE])
