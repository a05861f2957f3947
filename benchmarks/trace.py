"""Trace: how long does it take to find where the words of an answer are in the training text?

    python benchmarks/trace.py                        # 10 million tokens of the built-in world
    python benchmarks/trace.py --text books/ --tokens 5000000

Answers of 200 tokens: copied from the text (one match of 200 tokens), pieced together from 20 tokens each, and unseen
(text of the same kind that is not in the index). A trace finds the longest matches, their counts, three places of each
and what surrounds them. The peer counts the same matches by scanning the tokens with bytes.find, which needs no index.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, machine, report, say, table

sys.path.insert(0, str(ROOT / "src"))

from firstwords.data.shards import TokenShards, write_shards
from firstwords.data.sources import documents
from firstwords.retrieval.suffixes import TokenIndex, build
from firstwords.retrieval.trace import Corpus, Indexes, trace
from firstwords.tokenizer.fast import Tokenizer

ANSWER, PIECE = 200, 20  # tokens
VOCAB = 4096
SAMPLE_DOCUMENTS = 20_000  # for the vocabulary
UNSEEN_DOCUMENTS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", default=["world"], help="files, folders, or world")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--answers", type=int, default=50, help="of each kind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    report(figures, as_table(figures), options.json)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Index the text and trace answers."""
    texts = iter(documents(options.text))
    unseen = list(islice(texts, UNSEEN_DOCUMENTS))
    sample = list(islice(texts, SAMPLE_DOCUMENTS))
    tokenizer = Tokenizer.train(sample, VOCAB)
    say(f"tokenising {options.tokens:,} tokens")

    def remaining() -> Any:
        yield from sample
        yield from texts

    write_shards(remaining(), tokenizer, folder / "tokens", options.tokens)
    started, used = time.perf_counter(), time.process_time()
    index = build(folder / "tokens", folder / "trace", tokenizer.endoftext_id)
    build_seconds, build_cpu = time.perf_counter() - started, time.process_time() - used
    size = sum(path.stat().st_size for path in (folder / "trace").iterdir()) / index.num_tokens
    indexes = Indexes([(Corpus("base", "text", folder), index)])
    kinds = {
        kind: timed(ids, indexes, tokenizer) for kind, ids in answers(options.answers, index, unseen, tokenizer).items()
    }
    return {
        "machine": machine(),
        "tokens": index.num_tokens,
        "build_seconds": round(build_seconds, 2),
        "build_cpu_seconds": round(build_cpu, 2),
        "bytes_per_token": round(size, 2),
        "answers": kinds,
        "peer": scanned(index, sequences_to_count(options.answers, index), folder),
    }


def answers(number: int, index: TokenIndex, unseen: Sequence[str], tokenizer: Tokenizer) -> dict[str, list[list[int]]]:
    """Answers of each kind, as tokens."""
    rng = np.random.default_rng(0)

    def cut(length: int) -> list[int]:
        start = int(rng.integers(0, index.num_tokens - length))
        return index.tokens(start, start + length)

    fresh = [token for text in unseen for token in tokenizer.encode(text)]
    starts = rng.integers(0, len(fresh) - ANSWER, number)
    return {
        "copied": [cut(ANSWER) for _ in range(number)],
        "pieced together": [[t for _ in range(ANSWER // PIECE) for t in cut(PIECE)] for _ in range(number)],
        "unseen": [fresh[start : start + ANSWER] for start in starts],
    }


def timed(all_ids: Sequence[list[int]], indexes: Indexes, tokenizer: Tokenizer) -> dict[str, float]:
    """Milliseconds of a trace, and what it finds."""
    trace(all_ids[0], indexes, tokenizer)  # the files are read
    times, used, spans = [], [], []
    for ids in all_ids:
        started, cpu = time.perf_counter(), time.process_time()
        spans.append(len(trace(ids, indexes, tokenizer).spans))
        times.append(1000 * (time.perf_counter() - started))
        used.append(1000 * (time.process_time() - cpu))
    figures = {"median_ms": np.median(times), "p95_ms": np.quantile(times, 0.95), "cpu_ms": np.median(used)}
    return {name: round(float(value), 1) for name, value in figures.items()} | {"spans": float(np.mean(spans))}


def sequences_to_count(number: int, index: TokenIndex) -> list[list[int]]:
    """Sequences of the length of a piece, whose counts are compared."""
    rng = np.random.default_rng(1)
    starts = rng.integers(0, index.num_tokens - PIECE, number)
    return [index.tokens(int(start), int(start) + 5) for start in starts]


def scanned(index: TokenIndex, sequences: Sequence[list[int]], folder: Path) -> dict[str, Any]:
    """The same counts by the index and by scanning: milliseconds per sequence, and whether they agree."""
    shards = TokenShards(folder / "tokens")
    corpus = shards.gather(np.array([0]), shards.num_tokens)[0].astype("<u2").tobytes()
    started = time.perf_counter()
    by_index = [index.counts([sequence])[0] for sequence in sequences]
    indexed_ms = 1000 * (time.perf_counter() - started) / len(sequences)
    started = time.perf_counter()
    by_scan = [occurrences(corpus, np.array(sequence, "<u2").tobytes()) for sequence in sequences]
    scan_ms = 1000 * (time.perf_counter() - started) / len(sequences)
    return {"index_ms": round(indexed_ms, 2), "scan_ms": round(scan_ms, 2), "agree": by_index == by_scan}


def occurrences(corpus: bytes, wanted: bytes) -> int:
    """How often a sequence of two-byte tokens occurs."""
    found, at = 0, corpus.find(wanted)
    while at >= 0:
        found += at % 2 == 0
        at = corpus.find(wanted, at + 1)
    return found


def as_table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    rows = [
        [kind, f["median_ms"], f["p95_ms"], f["cpu_ms"], f"{f['spans']:.1f}"] for kind, f in figures["answers"].items()
    ]
    peer = figures["peer"]
    return "\n".join(
        [
            f"{figures['tokens']:,} tokens, indexed in {figures['build_seconds']} s "
            f"({figures['build_cpu_seconds']} s of processor time), {figures['bytes_per_token']} bytes per token",
            table(["answer of 200 tokens", "median ms", "p95 ms", "of the processor", "matches"], rows),
            f"count of one sequence: {peer['index_ms']} ms by the index, {peer['scan_ms']} ms by scanning; "
            f"the same counts: {peer['agree']}",
        ]
    )


if __name__ == "__main__":
    main()
