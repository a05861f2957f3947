"""From text specs to the input of pre-training: held-out documents, a tokenizer, a plan and token shards.

    runs/NAME/base/text.jsonl      the training documents of this run (removed once they are tokenised)
    runs/NAME/base/heldout.jsonl   documents that training never sees; bits per byte are measured on them
    runs/NAME/base/tokens/         memory-mapped shards

A text larger than the budget is read only as far as needed; the built-in world has no end. A fast GPU could train on
more text than a CPU can read or generate in the time: reading stops after READ_SHARE of it, tokenising after the same
time again, and the planner then plans several passes over the text.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from firstwords.config import UserError
from firstwords.data.holdout import split_holdout, write_heldout
from firstwords.data.prepared import Prepared, open_prepared
from firstwords.data.shards import TokenShards, write_shards
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents
from firstwords.plain_text import counted
from firstwords.plan.budget import Machine, Plan, Shape, bytes_per_token, plan
from firstwords.runlog import RESTORE
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.survey import WIDE, Survey, survey
from firstwords.world.town.plumwick import Size

T = TypeVar("T")
READ_SHARE = 0.2  # of the time, for reading; as much again for tokenising
SURVEY_CHARS = 8_000_000  # from the beginning of the text, to detect its script
READ_MORE = 1.15  # text is read for this multiple of the expected tokens, in case the machine turns out faster


@dataclass
class Corpus:
    """The result of `prepare`."""

    tokenizer: Tokenizer
    shards: TokenShards
    heldout: list[str]
    bytes_per_token: float
    stats: SourceStats
    plan: Plan
    sources: list[dict[str, Any]] = field(default_factory=list)  # what `data prepare` recorded about them


def needed_bytes(seconds: float, machine: Machine) -> int:
    """Maximum bytes of text that a run of that length can use, whatever shape is chosen later."""
    rough = plan(seconds, machine)
    return int(rough.tokens * READ_MORE * bytes_per_token(rough.shape.vocab_size) * 1.6)


def until(deadline: float, items: Iterable[T]) -> Iterator[T]:
    """The items that arrive before a deadline (of `time.perf_counter`), and always the first one."""
    for item in items:
        yield item
        if time.perf_counter() > deadline:
            return


def spool(
    specs: list[str],
    directory: Path,
    max_bytes: int,
    dedup: str,
    stats: SourceStats,
    deadline: float = math.inf,
    town: Size = "whole",
) -> tuple[int, list[str], bool]:
    """Write training documents to text.jsonl, held-out ones to heldout.jsonl.

    Returns the bytes for training, the held-out texts, and whether the text ended, or the time, before max_bytes.

    Stops at max_bytes, or at the deadline (of `time.perf_counter`). max_bytes assumes a script with one byte per
    letter; if characters take more bytes, proportionally more is read.
    """
    training, heldout = split_holdout(until(deadline, documents(specs, stats, dedup=dedup, town=town)))
    total, characters, is_scarce = 0, 0, True
    with open(directory / "text.jsonl", "w", encoding="utf-8") as file:
        for text in training:
            file.write(json.dumps(text, ensure_ascii=False) + "\n")
            total += len(text.encode())
            characters += len(text)
            if total >= max_bytes * _width(total, characters):
                is_scarce = False
                break
    write_heldout(directory / "heldout.jsonl", heldout)
    return total, heldout, is_scarce


def _width(num_bytes: int, characters: int) -> float:
    """Bytes per character; 1 for scripts that are treated like English."""
    width = num_bytes / max(1, characters)
    return width if width >= WIDE else 1.0


def spooled(directory: Path) -> Iterator[str]:
    """The training documents that `spool` wrote."""
    with open(directory / "text.jsonl", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _first(texts: Iterable[str], characters: int) -> Iterator[str]:
    """The first texts, up to a total number of characters."""
    for text in texts:
        yield text
        characters -= len(text)
        if characters <= 0:
            return


def prepare(
    specs: list[str],
    directory: Path,
    machine: Machine,
    seconds_for: Callable[[], float],
    choose: Callable[[float, int | None, Shape | None, Mapping[int, float] | None], Plan],
    dedup: str = "none",
    read_seconds: float = math.inf,
    say: Callable[[str], None] = print,
    tokenizer: Tokenizer | None = None,
    town: Size = "whole",
) -> Corpus:
    """Read, hold out, plan, train the tokenizer (or use the one given), tokenise.

    seconds_for() returns the seconds left for training; choose(seconds, bytes, shape, curve) plans, the second time for
    the shape whose vocabulary has been learned. curve: bytes per token by vocabulary size, for a script unlike English.
    Reading and tokenising each stop after read_seconds.
    Raises UserError for bad text, or for a text too small for the budget.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stats, started = SourceStats(), time.perf_counter()
    limit = needed_bytes(max(4.0, seconds_for()), machine)
    total, heldout, is_scarce = spool(specs, directory, limit, dedup, stats, started + read_seconds, town)
    took = time.perf_counter() - started
    for line in stats.lines():
        say(line)
    if total == 0:
        raise UserError(f"no text found in {', '.join(specs)}: give files that contain text")
    measured = survey(_first(spooled(directory), SURVEY_CHARS))
    fits = "" if is_scarce and took <= read_seconds else " (as much as time allows)"
    say(f"read {stats.summary()} in {took:.1f} s{fits}")
    if measured.curve and tokenizer is None:
        say(measured.sentence())
    chosen = choose(seconds_for(), total if is_scarce else None, None, measured.curve)
    if tokenizer is None:
        started = time.perf_counter()
        tokenizer = Tokenizer.train(spooled(directory), chosen.shape.vocab_size, _sample_bytes(chosen, measured))
        say(f"learned a vocabulary of {tokenizer.vocab_size} tokens in {time.perf_counter() - started:.1f} s")
    texts = until(time.perf_counter() + read_seconds, spooled(directory))
    written = write_shards(texts, tokenizer, directory / "tokens")
    (directory / "text.jsonl").unlink()
    cut = f" ({written.bytes / total:.0%} of the text, as much as time allows)" if written.bytes < total else ""
    say(f"tokenised it into {written.tokens:,} tokens in {written.seconds:.1f} s{cut}")
    shards = TokenShards(directory / "tokens", tokenizer)
    ratio = shards.num_bytes / max(1, shards.num_tokens)
    chosen = choose(seconds_for(), shards.num_bytes if is_scarce or cut else None, chosen.shape, measured.curve)
    return Corpus(tokenizer, shards, heldout, ratio, stats, chosen)


def prepared_corpus(
    opened: Prepared,
    directory: Path,
    seconds_for: Callable[[], float],
    choose: Callable[[float, int | None, Shape | None, Mapping[int, float] | None], Plan],
    say: Callable[[str], None] = print,
    tokenizer: Tokenizer | None = None,
) -> Corpus:
    """The corpus that `firstwords data prepare` wrote, which stays where it is; see `prepare`.

    Raises UserError if it was written with another vocabulary than the tokenizer's.
    """
    shards = opened.shards
    if tokenizer is not None and tokenizer.hash != shards.tokenizer_hash:
        raise UserError(
            "--tokens were written with another vocabulary than the model's: prepare them again with --tokenizer NAME"
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_heldout(directory / "heldout.jsonl", opened.heldout)
    documents = counted(opened.manifest["documents"], "document")
    say(f"{documents}, {shards.num_bytes / 1e6:,.1f} MB, prepared as {shards.num_tokens:,} tokens")
    ratio = shards.num_bytes / max(1, shards.num_tokens)
    chosen = choose(seconds_for(), shards.num_bytes, None, {shards.vocab_size: ratio})
    sources = opened.manifest["sources"]
    return Corpus(opened.tokenizer, shards, opened.heldout, ratio, SourceStats(), chosen, sources)


def reopen(
    directory: Path, tokenizer: Tokenizer, chosen: Plan, say: Callable[[str], None] = print, tokens: str = ""
) -> Corpus:
    """The corpus of a resumed run: the one that `prepare` made, or the prepared one in the folder or URL `tokens`.

    Raises UserError if its tokens are missing or damaged.
    """
    if tokens:
        opened = open_prepared(tokens)
        if opened.tokenizer.hash != tokenizer.hash:
            raise UserError(f"{tokens} holds other tokens than the run began with: {RESTORE}")
        ratio = opened.shards.num_bytes / max(1, opened.shards.num_tokens)
        heldout = read_heldout(directory / "heldout.jsonl", say)
        return Corpus(tokenizer, opened.shards, heldout, ratio, SourceStats(), chosen, opened.manifest["sources"])
    try:
        shards = TokenShards(directory / "tokens", tokenizer)
    except UserError as error:
        what = str(error).partition(": prepare the text again")[0]
        raise UserError(f"{what}: {RESTORE}") from None
    heldout = read_heldout(directory / "heldout.jsonl", say)
    return Corpus(tokenizer, shards, heldout, shards.num_bytes / max(1, shards.num_tokens), SourceStats(), chosen)


def read_heldout(path: Path, say: Callable[[str], None] = print) -> list[str]:
    """The held-out documents. Training works without them: missing or damaged ones are skipped, with a message."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        say(f"cannot read {path} ({error.strerror or error}): bits per byte on held-out text will not be measured")
        return []
    heldout = []
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            heldout.append(str(json.loads(line)["text"]))
    if len(heldout) < max(1, len(lines)):
        left = f"measured on the other {counted(len(heldout), 'document')}" if heldout else "not measured"
        say(f"{path} is damaged in {len(lines) - len(heldout)} of {len(lines)} lines: bits per byte are {left}")
    return heldout


def _sample_bytes(chosen: Plan, measured: Survey) -> int:
    """Bytes of text to learn the vocabulary from: larger vocabularies need more, small ones are stable after a few MB.
    Multi-byte characters, perhaps without spaces between words, are slower to learn from, and less text is enough.
    """
    least, each = (300_000, 300) if measured.curve else (2_000_000, 2_000)
    return min(20_000_000, max(least, each * chosen.shape.vocab_size))
