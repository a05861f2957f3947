"""How good is a model after a given number of minutes? Ours compared with `transformers.Trainer`.

    python benchmarks/pretrain_quality.py                              # both tasks, all arms: 55 minutes
    python benchmarks/pretrain_quality.py --task books --arms ours     # one arm; results are collected in --out
    python benchmarks/pretrain_quality.py --task books --arms trainer  # later, in the same folder

books: children-books.jsonl.gz, split by documents; bits per byte on held-out chapters.
shakespeare: tinyshakespeare.txt, nanoGPT's split (the last 10 % of the characters); bits per character.

Ours is the command `firstwords pretrain --text TRAIN --minutes M --name bench` in an empty home: it measures
the machine, plans and trains without further input. The peer (`_peer_trainer.py`) gets the shape and batch that
our planner chose, three learning rates of which the best counts, and the wall-clock time of ours from launch to
the saved model. Both are scored by `firstwords.eval.bpb` with their own tokenizer: every byte, context as
trained, stride of half a context.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _common import ROOT, child_env, data_dir, machine, report, say, table

MINUTES = {"books": 10.0, "shakespeare": 2.75}
TARGETS = {"books": "5 % below the peer", "shakespeare": "2.15"}
RATES = (1e-3, 3e-3, 1e-2)
HELDOUT_BYTES = 250_000  # of children-books
LONG_LINE = 40  # characters from which a line shared by training and held-out text is no coincidence
MAX_SHARED_LINES = 0  # long lines that a held-out document may share with any other


# -- data ------------------------------------------------------------------------------------------------


def split_books(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    """(train, held-out, remarks): documents are held out in the order of their id's hash, up to HELDOUT_BYTES.

    A document that shares long lines with others is never held out: training would have seen it.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows.sort(key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())
    texts = [row["text"] for row in rows]
    counts = Counter(line for text in texts for line in set(_long_lines(text)))
    train: list[str] = []
    heldout: list[str] = []
    size = 0
    for text in texts:
        repeats = sum(counts[line] > 1 for line in set(_long_lines(text)))
        if size < HELDOUT_BYTES and repeats <= MAX_SHARED_LINES:
            heldout.append(text)
            size += len(text.encode())
        else:
            train.append(text)
    known = {line for text in train for line in _long_lines(text)}
    shared = sum(line in known for text in heldout for line in _long_lines(text))
    return train, heldout, {"heldout_lines_in_train": shared}


def _long_lines(text: str) -> list[str]:
    return [stripped for line in text.splitlines() if len(stripped := line.strip()) >= LONG_LINE]


def split_shakespeare(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    """nanoGPT's split: the first 90 % of the characters train, the rest is held out."""
    text = path.read_text(encoding="utf-8")
    cut = int(len(text) * 0.9)
    return [text[:cut]], [text[cut:]], {}


def prepare(task: str, data: Path, folder: Path) -> tuple[Path, list[str], dict[str, Any]]:
    """Write train.jsonl into the task's folder; returns its path, the held-out documents and figures on both."""
    if task == "books":
        train, heldout, remarks = split_books(data / "text" / "children-books.jsonl.gz")
    else:
        train, heldout, remarks = split_shakespeare(data / "text" / "tinyshakespeare.txt")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in train), encoding="utf-8")
    sizes = {
        "train_documents": len(train),
        "train_bytes": sum(len(t.encode()) for t in train),
        "heldout_documents": len(heldout),
        "heldout_bytes": sum(len(t.encode()) for t in heldout),
    }
    return path, heldout, sizes | remarks


# -- arms ------------------------------------------------------------------------------------------------


def run_ours(train: Path, minutes: float, folder: Path, extra: list[str]) -> dict[str, Any]:
    """Launch our command as a new user would, on a machine that has not been measured."""
    with tempfile.TemporaryDirectory(prefix="firstwords-bench-") as home:
        command = [
            sys.executable,
            "-m",
            "firstwords",
            "pretrain",
            "--text",
            str(train),
            "--minutes",
            str(minutes),
        ]
        seconds, saved = _launch(
            [*command, "--name", "bench", *extra],
            child_env(Path(home)),
            folder / "ours.log",
            Path(home) / "models" / "bench" / "base" / "model.safetensors",
        )
        shutil.rmtree(folder / "ours", ignore_errors=True)
        shutil.copytree(Path(home) / "models" / "bench" / "base", folder / "ours" / "model")
        log = (Path(home) / "runs" / "bench" / "base" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "ours" / "metrics.jsonl").write_text("\n".join(log), encoding="utf-8")
    records = [record for record in map(json.loads, log) if record["kind"] == "train"]
    last, card = (
        records[-1],
        json.loads((folder / "ours" / "model" / "firstwords.json").read_text(encoding="utf-8")),
    )
    return {
        "seconds": saved,
        "seconds_to_exit": seconds,
        "train_seconds": last["seconds"],
        "tokens": last["tokens"],
        "steps": len(records),
        "context": card["plan"]["shape"]["context"],  # config.json allows longer texts than in training
        "batch_tokens": card["plan"]["batch_tokens"],
        "micro_tokens": card["plan"]["micro_tokens"],
        "optimizer": card["plan"]["optimizer"],
        "epochs": card["plan"]["epochs"],
    }


def run_trainer(
    train: Path, rate: float, folder: Path, ours: dict[str, Any], args: argparse.Namespace
) -> dict[str, Any]:
    """Train the peer with one learning rate and our shape, batch, wall-clock time and allocator settings."""
    config = folder / "ours" / "model" / "config.json"
    context = ours["context"]
    out = folder / f"trainer-{rate:g}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    command = [
        sys.executable,
        str(Path(__file__).with_name("_peer_trainer.py")),
        "--text",
        str(train),
        "--config",
        str(config),
        "--out",
        str(out),
        "--seconds",
        str(ours["seconds"]),
        "--lr",
        str(rate),
        "--schedule",
        args.peer_schedule,
        "--context",
        str(context),
        "--batch-rows",
        str(max(1, ours["batch_tokens"] // context)),
        "--micro-rows",
        str(max(1, ours["micro_tokens"] // context)),
        "--launched",
        str(time.time()),
    ]
    seconds, saved = _launch(command, child_env(allocator=True), out / "log.txt", out / "model" / "model.safetensors")
    result = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return result | {
        "seconds": saved,
        "seconds_to_exit": seconds,
        "optimizer": f"adamw lr {rate:g} {args.peer_schedule}",
    }


def _launch(command: list[str], env: dict[str, str], log: Path, product: Path) -> tuple[float, float]:
    """Run to the end; returns seconds until the process exited and until `product` was on disk."""
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.time()
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(command, env=env, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    ended = time.time()
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise SystemExit(f"{' '.join(command)}\nended with code {code}; the end of {log}:\n{tail}")
    return ended - began, product.stat().st_mtime - began


# -- scoring ---------------------------------------------------------------------------------------------


def score_ours(directory: Path, heldout: list[str], context: int) -> dict[str, Any]:
    from firstwords.eval.bpb import bits_per_byte
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    model = load_model(directory)
    return _described(bits_per_byte(model, Tokenizer.load(directory), heldout, context), model)


def score_peer(directory: Path, heldout: list[str], context: int) -> dict[str, Any]:
    """Score with the peer's own model class and tokenizer, and our windows."""
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    from firstwords.eval.bpb import rows_for, score_documents

    model = AutoModelForCausalLM.from_pretrained(directory).float().eval()
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    vocab_size = model.config.vocab_size
    result = score_documents(
        lambda ids_BT: model(ids_BT, use_cache=False).logits,
        lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        tokenizer.token_to_id("<|endoftext|>"),
        heldout,
        context,
        rows_for(vocab_size, context),
    )
    return _described(result, model)


def _described(result: Any, model: Any) -> dict[str, Any]:
    config = model.config
    return {
        "bits_per_byte": result.bits_per_byte,
        "bytes": result.bytes,
        "heldout_tokens": result.tokens,
        "shape": f"{config.num_hidden_layers}x{config.hidden_size} V={config.vocab_size} T={result.context}",
        "parameters": sum(p.numel() for p in model.parameters()),
    }


# -- all of it -------------------------------------------------------------------------------------------


def run_task(task: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run the requested arms that have no result yet; returns all results of the task."""
    folder = args.out / task
    train, heldout, sizes = prepare(task, args.data, folder)
    minutes = args.minutes or MINUTES[task]
    say(f"{task}: {sizes}")
    if "ours" in args.arms:
        _arm(
            folder / "ours.json",
            "ours",
            args.again,
            lambda: _fresh_ours(train, minutes, folder, heldout, args),
        )
    if "trainer" in args.arms:
        ours = _known(folder / "ours.json")
        if ours is None:
            raise SystemExit(f"the trainer arm needs shape and time from ours: first run --task {task} --arms ours")
        for rate in args.rates:

            def work(rate: float = rate) -> dict[str, Any]:
                result = run_trainer(train, rate, folder, ours, args)
                return result | score_peer(folder / f"trainer-{rate:g}" / "model", heldout, ours["context"])

            _arm(folder / f"trainer-{rate:g}.json", f"trainer, rate {rate:g}", args.again, work)
    arms = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return {"minutes": minutes, "data": sizes, "arms": arms} | _verdict(arms)


def _fresh_ours(
    train: Path, minutes: float, folder: Path, heldout: list[str], args: argparse.Namespace
) -> dict[str, Any]:
    """Run ours again, and delete old runs of the peer, which had another shape or time."""
    for old in folder.glob("trainer-*.json"):
        old.unlink()
    result = run_ours(train, minutes, folder, args.ours_flags.split())
    return result | score_ours(folder / "ours" / "model", heldout, result["context"])


def _arm(path: Path, name: str, again: bool, work: Any) -> None:
    if path.exists() and not again:
        say(f"{name}: already in {path}")
        return
    say(f"{name}: running")
    result = work() | {"machine": machine()}
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    say(f"{name}: {result['bits_per_byte']:.4f} bits per byte after {result['seconds']:.1f} s")


def _known(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _verdict(arms: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Ours compared with the peer's best rate, in per cent of bits per byte (negative: ours needs fewer)."""
    peers = {name: arm["bits_per_byte"] for name, arm in arms.items() if name.startswith("trainer")}
    if "ours" not in arms or not peers:
        return {}
    best = min(peers, key=peers.__getitem__)
    return {"best_peer": best, "difference_percent": 100 * (arms["ours"]["bits_per_byte"] / peers[best] - 1)}


def as_table(task: str, result: dict[str, Any]) -> str:
    unit = "bits per character" if task == "shakespeare" else "bits per byte"
    rows = [
        (
            name,
            f"{arm['bits_per_byte']:.4f}",
            arm["shape"],
            f"{arm['parameters'] / 1e6:.2f}M",
            f"{arm['tokens'] / 1e6:.2f}M",
            f"{arm['tokens'] / arm['train_seconds']:,.0f}",
            arm["steps"],
            f"{arm['train_seconds']:.0f}",
            f"{arm['seconds']:.0f}",
            arm["optimizer"],
        )
        for name, arm in result["arms"].items()
    ]
    header = (
        "arm",
        unit,
        "shape",
        "params",
        "tokens seen",
        "tokens/s",
        "steps",
        "training s",
        "launch to disk s",
        "optimizer",
    )
    lines = [f"## {task}, {result['minutes']:g} minutes (target: {TARGETS[task]})", "", table(header, rows)]
    if "difference_percent" in result:
        lines += ["", f"ours against {result['best_peer']}: {result['difference_percent']:+.1f} % {unit}"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("books", "shakespeare", "both"), default="both")
    parser.add_argument("--minutes", type=float, default=0.0, help="0: 10 for books, 2.75 for shakespeare")
    parser.add_argument("--arms", default="ours,trainer", help="ours, trainer or both (default)")
    rates = ",".join(f"{rate:g}" for rate in RATES)
    parser.add_argument("--rates", default=rates, help="learning rates of the peer")
    parser.add_argument("--peer-schedule", choices=("wsd", "cosine"), default="wsd")
    parser.add_argument(
        "--ours-flags", default="", help="extra flags for our command (the plan is then no longer the planner's alone)"
    )
    parser.add_argument("--data", type=Path, default=data_dir(), help="folder with text/")
    out = ROOT / "benchmarks" / "results" / "pretrain_quality"
    parser.add_argument("--out", type=Path, default=out, help="folder for results")
    parser.add_argument("--again", action="store_true", help="run arms again even if they have a result")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.arms, args.rates = args.arms.split(","), [float(rate) for rate in args.rates.split(",")]
    unknown = set(args.arms) - {"ours", "trainer"}
    if unknown:
        parser.error(f"unknown arms {', '.join(sorted(unknown))}: use ours, trainer or ours,trainer")
    sys.path.insert(0, str(ROOT / "src"))
    tasks = ("books", "shakespeare") if args.task == "both" else (args.task,)
    results = {task: run_task(task, args) for task in tasks}
    text = "\n\n".join(as_table(task, result) for task, result in results.items())
    report({"machine": machine(), "tasks": results}, text, args.json)


if __name__ == "__main__":
    main()
