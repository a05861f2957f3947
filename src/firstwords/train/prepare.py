"""From specs of text to what pre-training reads: held-out documents, a tokenizer, a plan and token shards.

    runs/NAME/base/text.jsonl      the training documents of this run (removed once they are tokenised)
    runs/NAME/base/heldout.jsonl   documents that training never sees; bits per byte are measured on them
    runs/NAME/base/tokens/         memory-mapped shards

A text larger than the budget can read is read only as far as needed; the built-in world has no end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firstwords.config import UserError
from firstwords.data.holdout import split_holdout
from firstwords.data.shards import TokenShards, write_shards
from firstwords.data.sources import SourceStats, documents
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.budget import Machine, Plan, Shape, bytes_per_token, plan

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


def spool(specs: list[str], directory: Path, max_bytes: int, dedup: str, stats: SourceStats) -> tuple[int, list[str]]:
    """Write training documents to text.jsonl, held-out ones to heldout.jsonl; (bytes for training, held-out texts)."""
    training, heldout = split_holdout(documents(specs, stats, dedup=dedup))
    total = 0
    with open(directory / "text.jsonl", "w", encoding="utf-8") as file:
        for text in training:
            file.write(json.dumps(text, ensure_ascii=False) + "\n")
            total += len(text.encode())
            if total >= max_bytes:
                break
    with open(directory / "heldout.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in heldout)
    return total, heldout


def spooled(directory: Path) -> Iterator[str]:
    """The training documents that `spool` wrote."""
    with open(directory / "text.jsonl", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def prepare(
    specs: list[str],
    directory: Path,
    machine: Machine,
    seconds_for: Callable[[], float],
    choose: Callable[[float, int | None, Shape | None], Plan],
    dedup: str = "none",
    tokenizer: Tokenizer | None = None,
    say: Callable[[str], None] = print,
) -> Corpus:
    """Read, hold out, plan, train the tokenizer, tokenise.

    seconds_for() tells how many seconds are left for training when it is asked; choose(seconds, bytes, shape) plans,
    the second time for the shape whose vocabulary exists by then.
    Raises UserError for bad text, or for a text too small for the budget.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stats, started = SourceStats(), time.perf_counter()
    endless = "world" in specs
    limit = needed_bytes(max(4.0, seconds_for()), machine)
    total, heldout = spool(specs, directory, limit, dedup, stats)
    for note in stats.notes:
        say(f"skipped: {note}")
    if total == 0:
        raise UserError(f"no text was found in {', '.join(specs)}: give files with text in them")
    whole = not endless and total < limit
    say(
        f"read {stats.summary()} in {time.perf_counter() - started:.1f} s"
        + ("" if whole else " (as much as fits the time)")
    )
    chosen = choose(seconds_for(), total if whole else None, None)
    if tokenizer is None:
        started = time.perf_counter()
        tokenizer = Tokenizer.train(spooled(directory), chosen.shape.vocab_size, sample_bytes=_sample_bytes(chosen))
        say(f"learned a vocabulary of {tokenizer.vocab_size} pieces in {time.perf_counter() - started:.1f} s")
    written = write_shards(spooled(directory), tokenizer, directory / "tokens")
    (directory / "text.jsonl").unlink()
    say(f"made {written.tokens:,} tokens of it in {written.seconds:.1f} s")
    shards = TokenShards(directory / "tokens", tokenizer)
    ratio = shards.num_bytes / max(1, shards.num_tokens)
    chosen = choose(seconds_for(), total if whole else None, chosen.shape)
    return Corpus(tokenizer, shards, heldout, ratio, stats, chosen)


def reopen(directory: Path, tokenizer: Tokenizer, chosen: Plan) -> Corpus:
    """What `prepare` made, for a run that resumes."""
    shards = TokenShards(directory / "tokens", tokenizer)
    with open(directory / "heldout.jsonl", encoding="utf-8") as file:
        heldout = [json.loads(line)["text"] for line in file]
    return Corpus(tokenizer, shards, heldout, shards.num_bytes / max(1, shards.num_tokens), SourceStats(), chosen)


def _sample_bytes(chosen: Plan) -> int:
    """Text that the vocabulary is learned from: more pieces need more of it, small ones are stable after a few MB."""
    return min(20_000_000, max(2_000_000, 2_000 * chosen.shape.vocab_size))
