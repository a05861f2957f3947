"""How much memory does a large text cost? `firstwords pretrain` on 1 GB of text and on 20 MB of it.

    python benchmarks/memory.py                       # 1 GB in a temporary folder, two runs of a minute each
    python benchmarks/memory.py --megabytes 200 --minutes 0.3 --json

Both runs are separate processes with the same --minutes. The report shows their peak resident memory, and how
much of it is anonymous (allocated by the process) or file-backed (pages of the token shards, which the kernel
reclaims when it needs them). A short first run measures the machine for both. The difference must stay under
300 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from _common import child_env, machine, report, say, table

LIMIT_MB = 300
SMALL_MB = 20
BLOCK_LINES = 40_000  # lines shuffled together
SAMPLE_SECONDS = 0.05
SHAPE = "--hidden-size 128 --layers 3 --vocab-size 1024 --context 256 --batch-tokens 5120"  # as in a run of ten minutes
FIELDS = ("VmHWM", "VmRSS", "RssAnon", "RssFile")


def write_text(path: Path, num_bytes: int, seed: int = 0) -> None:
    """Write `num_bytes` of lines of made-up words, with word frequencies as in a language (Zipf)."""
    rng = random.Random(seed)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    words = ["".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 3, 3, 4)))) for _ in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    pool = rng.choices(words, weights, k=BLOCK_LINES * 12)
    with path.open("w", encoding="utf-8") as file:
        written = 0
        while written < num_bytes:
            rng.shuffle(pool)
            lines = [" ".join(pool[i : i + 12]).capitalize() + ".\n" for i in range(0, len(pool), 12)]
            for i in range(7, len(lines), 8):  # paragraphs
                lines[i] += "\n"
            written += file.write("".join(lines)[: num_bytes - written])


def cut(source: Path, target: Path, num_bytes: int) -> None:
    with source.open("rb") as file:
        target.write_bytes(file.read(num_bytes))


def watched(command: list[str], env: dict[str, str], log: Path) -> dict[str, float]:
    """Run a command; returns its peak memory in MB (including children, each at its own peak) and its seconds."""
    began = time.time()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT)
        peaks: dict[int, dict[str, float]] = {}
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peaks, done))
        watcher.start()
        code = process.wait()
        done.set()
        watcher.join()
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise SystemExit(f"{' '.join(command)}\nended with code {code}:\n{tail}")
    own = peaks.get(process.pid, {})
    others = sum(peak.get("VmHWM", 0.0) for pid, peak in peaks.items() if pid != process.pid)
    return {
        "peak_mb": max(own.get("VmHWM", 0.0), own.get("VmRSS", 0.0)),
        "anonymous_mb": own.get("RssAnon", 0.0),
        "file_mb": own.get("RssFile", 0.0),
        "children_mb": others,
        "seconds": time.time() - began,
    }


def _watch(pid: int, peaks: dict[int, dict[str, float]], done: threading.Event) -> None:
    while not done.wait(SAMPLE_SECONDS):
        for one in [pid, *_children(pid)]:
            for name, value in _memory(one).items():
                held = peaks.setdefault(one, {})
                held[name] = max(held.get(name, 0.0), value)


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [int(word) for word in words]


def _memory(pid: int) -> dict[str, float]:
    """Fields of /proc/PID/status in MB; {} for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: int(value.split()[0]) * 1024 / 1e6 for name, value in pairs if name in FIELDS}


def pretrain(text: Path, minutes: float, flags: str, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run our command; returns its memory and what it trained."""
    home = folder / "home"
    command = [
        sys.executable,
        "-m",
        "firstwords",
        "pretrain",
        "--text",
        str(text),
        "--minutes",
        str(minutes),
        "--name",
        "bench",
        *flags.split(),
    ]
    env = child_env(home) | ({"MALLOC_ARENA_MAX": args.arenas} if args.arenas else {})
    result: dict[str, Any] = watched(command, env, folder / f"{text.stem}.log")
    model = home / "models" / "bench" / "base"
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    card = json.loads((model / "firstwords.json").read_text(encoding="utf-8"))
    result["shape"] = (
        f"{config['num_hidden_layers']}x{config['hidden_size']} V={config['vocab_size']} "
        f"T={config['max_position_embeddings']} batch={card['plan']['batch_tokens']}"
    )
    result["tokens"] = card["metrics"]["tokens"]
    shards = home / "runs" / "bench" / "base" / "tokens"
    result["shard_mb"] = sum(path.stat().st_size for path in shards.glob("*")) / 1e6 if shards.exists() else 0.0
    shutil.rmtree(home / "runs")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the large text")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--flags", default=SHAPE, help="flags for both runs; by default they fix the shape")
    parser.add_argument("--arenas", default="", help="MALLOC_ARENA_MAX for both runs")
    parser.add_argument("--tmp", type=Path, default=None, help="folder for the large file")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not Path(f"/proc/{os.getpid()}/status").exists():
        raise SystemExit("this benchmark reads /proc, which only Linux has")
    with tempfile.TemporaryDirectory(prefix="firstwords-memory-", dir=args.tmp) as name:
        folder = Path(name)
        large, small = folder / "large.txt", folder / "small.txt"
        write_text(large, args.megabytes * 1_000_000)
        cut(large, small, min(SMALL_MB, args.megabytes) * 1_000_000)
        say(f"wrote {large.stat().st_size / 1e6:.0f} MB")
        runs = {}
        pretrain(small, 1.0, f"{SHAPE} --steps 2", args, folder)  # measures the machine, which also needs memory
        for text in (small, large):
            runs[text.stem] = pretrain(text, args.minutes, args.flags, args, folder) | {
                "text_mb": text.stat().st_size / 1e6
            }
            say(f"{text.stem}: {runs[text.stem]['peak_mb']:.0f} MB")
    difference = runs["large"]["peak_mb"] - runs["small"]["peak_mb"]
    same = runs["large"]["shape"] == runs["small"]["shape"]
    result = {
        "machine": machine(),
        "runs": runs,
        "difference_mb": difference,
        "limit_mb": LIMIT_MB,
        "within_limit": difference < LIMIT_MB,
        "same_shape": same,
    }
    rows = [
        (
            f"{run['text_mb']:.0f} MB",
            f"{run['peak_mb']:.0f}",
            f"{run['anonymous_mb']:.0f}",
            f"{run['file_mb']:.0f}",
            f"{run['children_mb']:.0f}",
            f"{run['shard_mb']:.0f}",
            run["shape"],
            f"{run['tokens'] / 1e6:.2f}M",
            f"{run['seconds']:.0f}",
        )
        for run in runs.values()
    ]
    header = ("text", "peak MB", "anonymous", "files", "children", "shards MB", "shape", "tokens", "seconds")
    text = f"{table(header, rows)}\n\nthe large text took {difference:+.0f} MB (limit {LIMIT_MB} MB)"
    if not same:
        text += "; the shapes differ, so part of it is the model: give other --flags"
    report(result, text, args.json)


if __name__ == "__main__":
    main()
