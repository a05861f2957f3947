"""Generation speed compared with an earlier commit, `transformers.generate` and llama.cpp, on the same model.

    python benchmarks/generate_speed.py                 # a random Qwen3-shaped model of a million parameters
    python benchmarks/generate_speed.py --model DIR --json
    python benchmarks/generate_speed.py --before da55851 --llama    # with the engine of that commit, and llama.cpp

Greedy, 256 new tokens, 1 stream and 16. Every contestant has a process of its own, and they take turns, round by round,
so that other load on the machine affects all of them; the table shows each one's best round. Before its turn, the
threads of the one before have gone to sleep, and it generates once without being timed: a core that slept is slow at
first. Processor time per token hardly depends on other load. --before reads the commit from this repository's history;
--llama needs `pip install llama-cpp-python gguf`. Nothing is trained and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from _common import PAUSE, ROOT, Worker, random_model, source_of
from _generator import write_gguf

STREAMS = 16
PROMPT_TOKENS = 24  # a short question
COMPARED_TOKENS = 16  # of each answer: later ones may differ where two tokens are equally likely


class Contestant(Worker):
    """A process that generates on request; idle otherwise."""

    def __init__(self, kind: str, directory: Path, source: Path) -> None:
        super().__init__([str(Path(__file__).with_name("_generator.py")), kind, str(directory)], source)

    def generate(self, prompts: list[list[int]], num_tokens: int) -> tuple[float, float, list[list[int]]]:
        """(seconds, processor seconds, answers)."""
        seconds, busy, answers = self.ask([prompts, num_tokens])
        assert all(len(answer) == num_tokens for answer in answers)
        return seconds, busy, answers


def measure(contestants: dict[str, Contestant], vocab_size: int, num_tokens: int, rounds: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    prompts = torch.randint(3, vocab_size, (STREAMS, PROMPT_TOKENS), generator=generator).tolist()
    labels = {1: "1 stream", STREAMS: f"{STREAMS} streams"}
    speeds: dict[str, dict[str, list[float]]] = {label: {} for label in labels.values()}
    busy: dict[str, dict[str, list[float]]] = {label: {} for label in labels.values()}
    first: dict[str, list[float]] = {}
    begun: dict[str, list[list[int]]] = {}
    for name, contestant in contestants.items():  # not counted: first calls allocate
        begun[name] = [ids[:COMPARED_TOKENS] for ids in contestant.generate(prompts, COMPARED_TOKENS)[2]]
        contestant.generate(prompts[:1], COMPARED_TOKENS)
    for _ in range(rounds):
        for name, contestant in contestants.items():
            time.sleep(PAUSE)
            contestant.generate(prompts, num_tokens)
            for streams, label in labels.items():
                seconds, processor_seconds, _ = contestant.generate(prompts[:streams], num_tokens)
                speeds[label].setdefault(name, []).append(streams * num_tokens / seconds)
                busy[label].setdefault(name, []).append(processor_seconds / streams / num_tokens)
            first.setdefault(name, []).append(contestant.generate(prompts[:1], 1)[0])
    ours, *others = contestants
    best = {streams: {name: max(values) for name, values in each.items()} for streams, each in speeds.items()}
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}",
        "new_tokens": num_tokens,
        "tokens_per_second": {streams: {n: round(v) for n, v in each.items()} for streams, each in best.items()},
        "rounds": {streams: {n: [round(x) for x in v] for n, v in each.items()} for streams, each in speeds.items()},
        "processor_us_per_token": {
            streams: {name: round(1e6 * min(values)) for name, values in each.items()} for streams, each in busy.items()
        },
        "first_token_ms": {name: round(1000 * min(values), 2) for name, values in first.items()},
        "ratios": {
            f"{ours} / {name}": {streams: round(each[ours] / each[name], 2) for streams, each in best.items()}
            for name in others
        },
        "same_beginnings": {
            name: sum(one == other for one, other in zip(begun[ours], begun[name], strict=True)) for name in others
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model directory (default: a random model)")
    parser.add_argument("--tokens", type=int, default=256, help="new tokens per stream")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of every contestant")
    parser.add_argument("--before", help="a commit whose engine takes part")
    parser.add_argument("--llama", action="store_true", help="let llama.cpp take part")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "model"
        if options.model is None:
            random_model(directory, vocab_size=2048, max_position_embeddings=512)
        else:
            shutil.copytree(options.model, directory)
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        contestants = {"firstwords": Contestant("firstwords", directory, ROOT / "src")}
        if options.before:
            source = source_of(options.before, Path(scratch))
            contestants[f"firstwords {options.before}"] = Contestant("firstwords", directory, source)
        contestants["transformers"] = Contestant("transformers", directory, ROOT / "src")
        if options.llama:
            write_gguf(directory)
            contestants["llama.cpp"] = Contestant("llama.cpp", directory, ROOT / "src")
        result = measure(contestants, config["vocab_size"], options.tokens, options.rounds)
        for contestant in contestants.values():
            contestant.close()
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}; {result['new_tokens']} new tokens, greedy, best of {options.rounds} rounds")
    for streams, speeds in result["tokens_per_second"].items():
        for name, speed in speeds.items():
            print(f"  {name + ', ' + streams:45} {speed:>10,} tokens/s")
    for streams, each in result["processor_us_per_token"].items():
        for name, microseconds in each.items():
            print(f"  {name + ', ' + streams:45} {microseconds:>10,} us of processor time per token")
    for name, milliseconds in result["first_token_ms"].items():
        print(f"  {name + ', first token':45} {milliseconds:>10} ms")
    for name, ratios in result["ratios"].items():
        for streams, ratio in ratios.items():
            print(f"  {name + ', ' + streams:45} {ratio:>10} x")
    for name, count in result["same_beginnings"].items():
        print(f"  {name + ', answers that begin alike':45} {count:>10} of {STREAMS}")


if __name__ == "__main__":
    sys.exit(main())
