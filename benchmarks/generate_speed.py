"""Generation speed compared with `transformers.generate` on the same model in the same run.

    python benchmarks/generate_speed.py                 # a random Qwen3-shaped model of a million parameters
    python benchmarks/generate_speed.py --model DIR --json

Greedy, 256 new tokens, 1 stream and 16. The contestants take turns, round by round, so that other load on the
machine affects all of them; the table shows each one's best round. Nothing is trained and nothing is
downloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _common import random_model

from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.hub import load_model

STREAMS = 16
PROMPT_TOKENS = 24  # a short question


def theirs(directory: Path, prompts: list[list[int]], num_tokens: int) -> tuple[Callable, Callable]:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()

    def run(streams: int) -> float:
        ids = torch.tensor(prompts[:streams])
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=num_tokens,
                min_new_tokens=num_tokens,
                pad_token_id=0,
            )
        assert out.shape[1] == ids.shape[1] + num_tokens
        return streams * num_tokens / (time.perf_counter() - start)

    def first_token() -> float:
        ids = torch.tensor(prompts[:1])
        start = time.perf_counter()
        with torch.inference_mode():
            mask = torch.ones_like(ids)
            model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=1, pad_token_id=0)
        return time.perf_counter() - start

    return run, first_token


def ours(directory: Path, prompts: list[list[int]], num_tokens: int) -> tuple[Callable, Callable]:
    model = load_model(directory)
    params = SamplingParams(max_tokens=num_tokens, temperature=0, ignore_eos=True)

    engine = Engine(model, num_slots=STREAMS)

    def run(streams: int) -> float:
        engine.forget()  # no cached prefix from the round before
        start = time.perf_counter()
        answers = engine.generate(prompts[:streams], params)
        assert all(len(answer.ids) == num_tokens for answer in answers)
        return streams * num_tokens / (time.perf_counter() - start)

    def first_token() -> float:
        engine.forget()
        start = time.perf_counter()
        next(engine.stream(prompts[0], params))
        return time.perf_counter() - start

    return run, first_token


def measure(directory: Path, num_tokens: int, rounds: int) -> dict[str, Any]:
    vocab_size = load_model(directory).config.vocab_size
    generator = torch.Generator().manual_seed(1)
    prompts = torch.randint(3, vocab_size, (STREAMS, PROMPT_TOKENS), generator=generator).tolist()
    their_run, their_first = theirs(directory, prompts, num_tokens)
    our_run, our_first = ours(directory, prompts, num_tokens)
    contestants: dict[str, Callable[[], float]] = {
        "transformers, 1 stream": lambda: their_run(1),
        "firstwords, 1 stream": lambda: our_run(1),
        f"transformers, {STREAMS} streams": lambda: their_run(STREAMS),
        f"firstwords, {STREAMS} streams, one process": lambda: our_run(STREAMS, 1),
        f"firstwords, {STREAMS} streams": lambda: our_run(STREAMS),
    }
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    first: dict[str, list[float]] = {"transformers": [], "firstwords": []}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            speeds[name].append(contestant())
        first["transformers"].append(their_first())
        first["firstwords"].append(our_first())
    best = {name: max(values) for name, values in speeds.items()}
    their_1, our_1, their_many, our_many_1, our_many = best.values()
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}",
        "new_tokens": num_tokens,
        "tokens_per_second": {name: round(value) for name, value in best.items()},
        "rounds": {name: [round(value) for value in values] for name, values in speeds.items()},
        "first_token_ms": {name: round(1000 * min(values), 2) for name, values in first.items()},
        "ratios": {
            "ours / theirs, 1 stream": round(our_1 / their_1, 2),
            f"ours / theirs, {STREAMS} streams": round(our_many / their_many, 2),
            f"ours, {STREAMS} streams / 1 stream": round(our_many / our_1, 2),
            f"ours, {STREAMS} streams in one process / 1 stream": round(our_many_1 / our_1, 2),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model directory (default: a random model)")
    parser.add_argument("--tokens", type=int, default=256, help="new tokens per stream")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of every contestant")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.model
        if directory is None:
            directory = Path(scratch) / "random"
            random_model(directory, vocab_size=2048, max_position_embeddings=512)
        result = measure(directory, options.tokens, options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}; {result['new_tokens']} new tokens, greedy, best of {options.rounds} rounds")
    units = {"tokens_per_second": "tokens/s", "first_token_ms": "ms to first token", "ratios": "x"}
    for title, unit in units.items():
        for name, value in result[title].items():
            print(f"  {name:45} {value:>10,} {unit}")


if __name__ == "__main__":
    sys.exit(main())
