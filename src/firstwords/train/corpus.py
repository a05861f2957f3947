"""From specs of text to what pre-training reads: held-out documents, a tokenizer, a plan and token shards.

    runs/NAME/base/text.jsonl      the training documents of this run (removed once they are tokenised)
    runs/NAME/base/heldout.jsonl   documents that training never sees; bits per byte are measured on them
    runs/NAME/base/tokens/         memory-mapped shards

A text larger than the budget can read is read only as far as needed; the built-in world has no end. A fast GPU could
learn from more than a processor can read or invent in the time: reading stops after READ_SHARE of it, tokenising after
as much again, and the planner reckons with what there is, read several times.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from firstwords.config import UserError
from firstwords.data.holdout import split_holdout
from firstwords.data.shards import TokenShards, write_shards
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents
from firstwords.plan.budget import Machine, Plan, Shape, bytes_per_token, plan
from firstwords.runlog import RESTORE
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.survey import WIDE, Survey, survey

T = TypeVar("T")
READ_SHARE = 0.2  # of the time, for reading; as much again for making tokens of it
SURVEY_CHARS = 8_000_000  # of the text, from its beginning, tell what script it is written in
READ_MORE = 1.15  # text is read for this multiple of the expected tokens, should the machine turn out faster


@dataclass
class Corpus:
    """What `prepare` made."""

    tokenizer: Tokenizer
    shards: TokenShards
    heldout: list[str]
    bytes_per_token: float
    stats: SourceStats
    plan: Plan


def needed_bytes(seconds: float, machine: Machine) -> int:
    """Bytes of text that a run of that length can read at most, whatever shape is chosen later."""
    rough = plan(seconds, machine)
    return int(rough.tokens * READ_MORE * bytes_per_token(rough.shape.vocab_size) * 1.6)


def until(deadline: float, items: Iterable[T]) -> Iterator[T]:
    """The items that come before a moment (of `time.perf_counter`), the first one in any case."""
    for item in items:
        yield item
        if time.perf_counter() > deadline:
            return


def spool(
    specs: list[str], directory: Path, max_bytes: int, dedup: str, stats: SourceStats, deadline: float = math.inf
) -> tuple[int, list[str], bool]:
    """Write training documents to text.jsonl, held-out ones to heldout.jsonl.

    Returns the bytes for training, the held-out texts, and whether that was all there was or all that could be read in
    the time.

    Stops at so many bytes, or at the deadline (a moment of `time.perf_counter`). max_bytes is meant for a script of one
    byte per letter; where characters take more bytes, as much more is read.
    """
    training, heldout = split_holdout(until(deadline, documents(specs, stats, dedup=dedup)))
    total, characters, is_scarce = 0, 0, True
    with open(directory / "text.jsonl", "w", encoding="utf-8") as file:
        for text in training:
            file.write(json.dumps(text, ensure_ascii=False) + "\n")
            total += len(text.encode())
            characters += len(text)
            if total >= max_bytes * _width(total, characters):
                is_scarce = False
                break
    with open(directory / "heldout.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in heldout)
    return total, heldout, is_scarce


def _width(num_bytes: int, characters: int) -> float:
    """Bytes per character; 1 for scripts that are measured as English is."""
    width = num_bytes / max(1, characters)
    return width if width >= WIDE else 1.0


def spooled(directory: Path) -> Iterator[str]:
    """The training documents that `spool` wrote."""
    with open(directory / "text.jsonl", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _first(texts: Iterable[str], characters: int) -> Iterator[str]:
    """The texts up to so many characters."""
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
) -> Corpus:
    """Read, hold out, plan, train the tokenizer (or take the one given), tokenise.

    seconds_for() tells how many seconds are left for training when it is asked; choose(seconds, bytes, shape, curve)
    plans, the second time for the shape whose vocabulary exists by then; curve: bytes per token by vocabulary size of a
    text that is not written as English is. Reading ends after read_seconds, and so does tokenising.
    Raises UserError for bad text, or for a text too small for the budget.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stats, started = SourceStats(), time.perf_counter()
    limit = needed_bytes(max(4.0, seconds_for()), machine)
    total, heldout, is_scarce = spool(specs, directory, limit, dedup, stats, started + read_seconds)
    took = time.perf_counter() - started
    for line in stats.lines():
        say(line)
    if total == 0:
        raise UserError(f"no text was found in {', '.join(specs)}: give files with text in them")
    measured = survey(_first(spooled(directory), SURVEY_CHARS))
    fits = "" if is_scarce and took <= read_seconds else " (as much as fits the time)"
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
    cut = f" ({written.bytes / total:.0%} of the text, as much as fits the time)" if written.bytes < total else ""
    say(f"made {written.tokens:,} tokens of it in {written.seconds:.1f} s{cut}")
    shards = TokenShards(directory / "tokens", tokenizer)
    ratio = shards.num_bytes / max(1, shards.num_tokens)
    chosen = choose(seconds_for(), shards.num_bytes if is_scarce or cut else None, chosen.shape, measured.curve)
    return Corpus(tokenizer, shards, heldout, ratio, stats, chosen)


def reopen(directory: Path, tokenizer: Tokenizer, chosen: Plan, say: Callable[[str], None] = print) -> Corpus:
    """What `prepare` made, for a run that resumes. Raises UserError for tokens that are missing or damaged."""
    try:
        shards = TokenShards(directory / "tokens", tokenizer)
    except UserError as error:
        what = str(error).partition(": prepare the text again")[0]
        raise UserError(f"{what}: {RESTORE}") from None
    heldout = read_heldout(directory / "heldout.jsonl", say)
    return Corpus(tokenizer, shards, heldout, shards.num_bytes / max(1, shards.num_tokens), SourceStats(), chosen)


def read_heldout(path: Path, say: Callable[[str], None] = print) -> list[str]:
    """The held-out documents. Training can do without them: what is missing or damaged is left out, and said."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        say(f"cannot read {path} ({error.strerror or error}): no bits per byte are measured on held-out text")
        return []
    heldout = []
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            heldout.append(str(json.loads(line)["text"]))
    if len(heldout) < max(1, len(lines)):
        left = f"on the other {len(heldout)} documents" if heldout else "on nothing"
        say(f"{path} is damaged, {len(lines) - len(heldout)} of {len(lines)} lines: bits per byte are measured {left}")
    return heldout


def _sample_bytes(chosen: Plan, measured: Survey) -> int:
    """Text that the vocabulary is learned from: more tokens need more of it, few are stable after a few MB. Characters
    of several bytes, which perhaps no blank sets apart as words, take longer to learn from, and fewer of them will do.
    """
    least, each = (300_000, 300) if measured.curve else (2_000_000, 2_000)
    return min(20_000_000, max(least, each * chosen.shape.vocab_size))
