"""How fast is text tokenised for pre-training, and with how much memory? Compared with datatrove.

    python benchmarks/data_prepare.py                          # 1 GB, about half an hour on two cores
    python benchmarks/data_prepare.py --megabytes 20 --json

All arms read the same `.jsonl` files and use the same vocabulary, learned from the first 8 MB beforehand:

    firstwords     `firstwords data prepare`, which also leaves out duplicates, holds out documents and hashes shards
    datatrove      its JSON reader and its tokenizer stage with the same number of processes, without shuffling
    tokenizers     the library alone in one process: read rows, encode 1,000 at a time, write uint16

The documents are made of sentences drawn at random from real stories ($FIRSTWORDS_TEST_DATA), or of made-up words if
they are not there. Sentences repeat, so that arms which remember words have it easier than with a gigabyte of different
text. Each arm is a process with its children; memory is the largest sum of their proportional shares (PSS), sampled
four times a second. At the end, ours is killed in the middle and started again, and its shards are compared.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _common import ROOT, child_env, data_dir, machine, num_cores, report, say, table
from memory import write_text

sys.path.insert(0, str(ROOT / "src"))

DOCUMENT_CHARS = 2000
VOCABULARY_BYTES = 8_000_000
SAMPLE_SECONDS = 0.25
FILES_PER_PROCESS = 4
VOCAB_SIZE = 16_384

PEER = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer

if __name__ == "__main__":
    source, out, tokenizer, workers, tasks = sys.argv[1:]
    LocalPipelineExecutor(
        pipeline=[
            JsonlReader(source),
            DocumentTokenizer(out + "/tokens", tokenizer, eos_token="<|endoftext|>", shuffle_documents=False),
        ],
        tasks=int(tasks), workers=int(workers), logging_dir=out + "/logs",
    ).run()
"""
LIBRARY = """
import json, sys
from pathlib import Path
import numpy as np
from tokenizers import Tokenizer

source, out, tokenizer = sys.argv[1:]
backend = Tokenizer.from_file(tokenizer)
with open(out, "wb") as file:
    for path in sorted(Path(source).glob("*.jsonl")):
        texts = []
        def flush():
            for found in backend.encode_batch_fast(texts, add_special_tokens=False):
                file.write(np.array([0, *found.ids], dtype="<u2").tobytes())
            texts.clear()
        for line in open(path, encoding="utf-8"):
            texts.append(json.loads(line)["text"])
            if len(texts) == 1000:
                flush()
        flush()
"""


def sentences(folder: Path) -> list[str]:
    """Sentences of real stories, or of made-up words."""
    found: list[str] = []
    for path in sorted((data_dir() / "text").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                text = max((value for value in row.values() if isinstance(value, str)), key=len)
                found += [s for s in re.split(r"(?<=[.!?])\s+", text) if 20 < len(s) < 400]
    if not found:
        write_text(folder / "words.txt", VOCABULARY_BYTES)
        found = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
        (folder / "words.txt").unlink()
    return found


def documents(pool: list[str], seed: int) -> Iterator[str]:
    """Endless documents of about DOCUMENT_CHARS."""
    draw = random.Random(seed)
    while True:
        parts, size = [], 0
        while size < DOCUMENT_CHARS:
            parts.append(draw.choice(pool))
            size += len(parts[-1]) + 1
        yield " ".join(parts)


def write_files(folder: Path, pool: list[str], num_bytes: int, count: int) -> int:
    """Write `count` files of rows; returns the bytes of text in them."""
    folder.mkdir()
    written = 0
    for number in range(count):
        size = 0
        with open(folder / f"part-{number:03d}.jsonl", "w", encoding="utf-8") as file:
            for text in documents(pool, number):
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
                size += len(text.encode())
                if size >= num_bytes / count:
                    break
        written += size
    return written


def measured(command: list[str], env: dict[str, str], log: Path) -> dict[str, float]:
    """Run a command to its end; seconds and peak memory in MB of it and its descendants."""
    began, peak = time.perf_counter(), 0.0
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, sum(map(_share, _family(process.pid))))
            time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return {"seconds": time.perf_counter() - began, "peak_mb": peak}


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _family(int(child)))]


def _share(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)


def commands(folder: Path, processes: int, count: int) -> dict[str, list[str]]:
    """The arms that can run here."""
    source, tokenizer = str(folder / "source"), str(folder / "vocabulary" / "tokenizer.json")
    (folder / "peer.py").write_text(PEER, encoding="utf-8")
    (folder / "library.py").write_text(LIBRARY, encoding="utf-8")
    arms = {"firstwords": ours(folder, "ours", processes)}
    try:
        import datatrove  # noqa: F401

        arguments = [source, str(folder / "peer"), tokenizer, str(processes), str(count)]
        arms["datatrove"] = [sys.executable, str(folder / "peer.py"), *arguments]
    except ImportError:
        say("datatrove is not installed: pip install -e '.[dev]'")
    arms["tokenizers"] = [sys.executable, str(folder / "library.py"), source, str(folder / "library.bin"), tokenizer]
    return arms


def ours(folder: Path, out: str, processes: int) -> list[str]:
    words = ["data", "prepare", folder / "source", "--out", folder / out, "--tokenizer", folder / "vocabulary"]
    return [sys.executable, "-m", "firstwords", *map(str, words), "--processes", str(processes)]


def killed_and_resumed(folder: Path, processes: int, seconds: float, env: dict[str, str]) -> bool:
    """Kill ours after a third of its time, start it again, and compare the shards with those of the first run."""
    command = ours(folder, "again", processes)
    log = folder / "again.txt"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)
        time.sleep(seconds / 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    measured(command, env, log)
    first, second = (json.loads((folder / name / "manifest.json").read_text()) for name in ("ours", "again"))
    return bool(first == second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--processes", type=int, default=num_cores())
    parser.add_argument("--tmp", type=Path, default=None, help="folder for the files")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from firstwords.tokenizer.fast import Tokenizer

    about, runs = machine(), {}
    with tempfile.TemporaryDirectory(prefix="firstwords-prepare-", dir=args.tmp) as name:
        folder = Path(name)
        pool = sentences(folder)
        count = FILES_PER_PROCESS * args.processes
        megabytes = write_files(folder / "source", pool, int(args.megabytes * 1e6), count) / 1e6
        texts = documents(pool, 10_000)
        learned = (next(texts) for _ in range(min(VOCABULARY_BYTES, int(args.megabytes * 1e6)) // DOCUMENT_CHARS))
        Tokenizer.train(learned, VOCAB_SIZE).save(folder / "vocabulary")
        say(f"wrote {megabytes:.0f} MB in {count} files")
        env = child_env(folder / "home") | {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        for arm, command in commands(folder, args.processes, count).items():
            runs[arm] = measured(command, env, folder / f"{arm}.txt")
            runs[arm]["mb_per_s"] = megabytes / runs[arm]["seconds"]
            say(f"{arm}: {runs[arm]['seconds']:.0f} s")
        same = killed_and_resumed(folder, args.processes, runs["firstwords"]["seconds"], env)
    result: dict[str, Any] = {"machine": about, "megabytes": megabytes, "processes": args.processes, "runs": runs}
    result["same_after_a_kill"] = same
    rows = [
        (arm, 1 if arm == "tokenizers" else args.processes, f"{run['mb_per_s']:.2f}", f"{run['peak_mb']:.0f}")
        for arm, run in runs.items()
    ]
    header = ("arm", "processes", "MB/s", "peak MB")
    report(
        result,
        f"{table(header, rows)}\n\nkilled and started again: {'the same' if same else 'OTHER'} shards",
        args.json,
    )


if __name__ == "__main__":
    main()
