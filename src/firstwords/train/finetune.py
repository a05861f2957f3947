"""Stage two: from a base model and conversations to a model that answers (supervised fine-tuning).

    firstwords finetune mine --chats chats.jsonl --minutes 3

The same loss as stage one, on fewer tokens: only what the assistant says is learned, its stop token included, which is how
the model learns to stop. Chats are packed several to a row and do not see one another.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import tyro

from firstwords import home
from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.packing import ChatRows, PackedChats, pack_chats
from firstwords.data.sources import SourceStats
from firstwords.model.hub import load_model, read_card, save_model, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.budget import Machine, Plan, Shape, plan_for_shape
from firstwords.train.learner import Learner, prepare_process
from firstwords.train.losses import next_token_loss
from firstwords.train.machine import machine
from firstwords.train.pretrain import check_positive_minutes, optim_config
from firstwords.train.run import Pace, Run, read_json, write_json
from firstwords.train.watch import Watcher, card, say

RATE = 0.5  # of the pre-training rates: measured on the built-in world, 0.25-1.0 (docs/LOG.md)
MAX_EPOCHS = 6  # a few thousand chats read more often than this are learned by heart
MAX_HELDOUT = 200  # chats kept back to measure the loss on answers never seen
SAVE_RESERVE = 2.0


@dataclass
class Finetune:
    """Teach a base model to answer (stage two)."""

    name: tyro.conf.Positional[str] = "mine"
    """Name of the model; NAME/base is read and NAME/sft is written."""
    chats: list[str] = field(default_factory=lambda: ["world"])
    """Conversations: files (OpenAI messages, ShareGPT, Alpaca, Dolly), folders, hf:NAME, or world."""
    minutes: float = 3.0
    """Time for everything from launch to the saved model."""
    steps: int = 0
    """Stop after so many steps instead (exactly repeatable; 0 = by the clock)."""
    resume: bool = False
    """Continue the interrupted run of that name."""
    seed: int = 0
    """Seed of the order of the chats."""
    batch_tokens: int = 0
    """Tokens of one optimizer step (0 = the planner decides)."""
    learning_rate: float = 1.0
    """Multiplies the planner's learning rates."""
    precision: str = "auto"
    """fp32, bf16 or auto (what this machine computes faster)."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 0
    """CPU threads (0 = one per core)."""
    prompt: str = "What is your first name?"
    """The question that is answered now and then, to watch the model learn."""
    save_every_steps: int = 0
    """Checkpoint every so many steps (0 = once a minute)."""

    def __post_init__(self) -> None:
        check_positive_minutes(self.minutes)


@dataclass
class Lessons:
    """The chats of a run, packed."""

    train: PackedChats
    heldout: PackedChats | None
    num_chats: int


def main(config: Finetune) -> Path:
    """Run the stage and return the directory of the fine-tuned model."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "sft")
    prepare_process(config.threads)

    # 1) the base model, the plan, the chats
    base = home.stage_dir(config.name, "base")
    if not home.is_model(base):
        raise UserError(f"there is no base model {config.name}/base: make it first with firstwords pretrain --name {config.name}")
    this = machine(config.device, config.precision)
    model, tokenizer = load_model(base, device=this.device), Tokenizer.load(base)
    chosen = _plan(config, directory, model, this, started)
    lessons = _lessons(config, tokenizer, chosen)
    model.compute_dtype = torch.bfloat16 if chosen.precision == "bf16" else torch.float32

    # 2) what teaches it; few chats are not read more than MAX_EPOCHS times
    learner = Learner(model, optim_config(chosen), this.device)
    rows = ChatRows(lessons.train, config.seed)
    steps = config.steps or _most_steps(config, lessons.train, chosen)
    pace = Pace(chosen.warmup_steps, steps, chosen.seconds - (time.perf_counter() - started), chosen.cooldown_share)
    say(f"plan: {lessons.num_chats:,} chats in {len(lessons.train.inputs):,} rows, {chosen.batch_tokens} tokens a step")

    # 3) the same game as in stage one, on the assistant's tokens only
    run = Run(directory, learner, pace, "sft", model.config.flops_per_token(chosen.shape.context),
              bytes_per_token=_bytes_per_token(base), save_every_steps=config.save_every_steps)
    with run:
        watcher = Watcher(run, tokenizer, [{"role": "user", "content": config.prompt}], heldout=[])
        while not run.done:
            batches = micro_batches(rows, run.step, chosen)
            metrics = learner.forward_backward(batches, next_token_loss)
            metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)
            watcher.after_step()

    # 4) measure and save
    return _finish(config, run, lessons, model, tokenizer, chosen, base, started)


def micro_batches(rows: ChatRows, step: int, chosen: Plan) -> list[dict[str, np.ndarray]]:
    """The packed rows of a step, cut into pieces that the machine computes at once."""
    batch = rows.batch(step, chosen.batch_rows)
    size = max(1, chosen.micro_tokens // chosen.shape.context)
    return [
        {
            key: np.ascontiguousarray(array[i : i + size], dtype=np.int64)
            for key, array in zip(("inputs", "targets", "positions", "segments"), batch, strict=True)
        }
        for i in range(0, chosen.batch_rows, size)
    ]


def _plan(config: Finetune, directory: Path, model: Transformer, this: Machine, started: float) -> Plan:
    """Batch, steps and rates for the base model's shape; an interrupted run's plan is read back."""
    if config.resume:
        saved = read_json(directory / "plan.json")
        if saved is None:
            raise UserError(f"there is no run of {config.name} to resume in {directory}: start without --resume")
        return Plan(**(saved | {"shape": Shape(**saved["shape"]), "reasons": tuple(saved["reasons"])}))
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    shape = Shape(
        model.config.hidden_size, model.config.num_hidden_layers, model.config.vocab_size,
        model.config.max_position_embeddings,
    )
    seconds = config.minutes * 60 - (time.perf_counter() - started) - SAVE_RESERVE
    chosen = plan_for_shape(shape, max(1.0, seconds), this)
    batch = config.batch_tokens // shape.context * shape.context or chosen.batch_tokens
    scale = RATE * config.learning_rate
    chosen = replace(
        chosen, batch_tokens=batch, micro_tokens=min(chosen.micro_tokens, batch), cooldown_share=0.8,
        matrix_lr=chosen.matrix_lr * scale, table_lr=chosen.table_lr * scale, vector_lr=chosen.vector_lr * scale,
    )
    write_json(directory / "config.json", asdict(config))
    write_json(directory / "plan.json", chosen.asdict())
    return chosen


def _lessons(config: Finetune, tokenizer: Tokenizer, chosen: Plan) -> Lessons:
    """Read as many chats as the time can use, render and pack them, keeping a few back."""
    stats = SourceStats()
    enough = int(chosen.tokens * 1.2) if "world" in config.chats else chosen.tokens * 4
    rendered, total = [], 0
    for messages in conversations(config.chats, stats):
        rendered.append(render(messages, tokenizer))
        total += len(rendered[-1][0])
        if total >= enough:
            break
    for note in stats.notes:
        say(f"skipped: {note}")
    if not rendered:
        raise UserError(f"no conversation was found in {', '.join(config.chats)}: give chats with an assistant's turn")
    say(f"read {len(rendered):,} chats; left out {stats.skipped_rows} rows")
    num_heldout = min(MAX_HELDOUT, len(rendered) // 20)
    order = np.random.default_rng(0).permutation(len(rendered))  # the same split whatever the seed of the run
    heldout = [rendered[i] for i in order[:num_heldout]]
    train = pack_chats([rendered[i] for i in order[num_heldout:]], chosen.shape.context)
    if train.stats.cut or train.stats.dropped:
        say(f"{train.stats.cut} chats were cut at a turn and {train.stats.dropped} left out: longer than the context")
    return Lessons(train, _pack_or_none(heldout, chosen.shape.context), len(rendered) - num_heldout)


def _pack_or_none(rendered: list, context: int) -> PackedChats | None:
    try:
        return pack_chats(rendered, context) if rendered else None
    except UserError:  # none of them fits
        return None


def _most_steps(config: Finetune, packed: PackedChats, chosen: Plan) -> int | None:
    """The steps of MAX_EPOCHS readings when those take less than the time; None where the clock ends the run."""
    if "world" in config.chats:
        return None
    steps = MAX_EPOCHS * len(packed.inputs) // chosen.batch_rows
    return max(1, steps) if steps < chosen.steps else None


def _bytes_per_token(base: Path) -> float:
    """Of the text that the base model was trained on; chats are near enough for a progress bar."""
    data = read_card(base)
    tokens = data.get("data", {}).get("tokens")
    return data["data"]["bytes"] / tokens if tokens else 3.0


def heldout_loss(model: Transformer, packed: PackedChats, batch_rows: int = 16) -> float:
    """Mean nats per supervised token on chats that were kept back."""
    total, count = 0.0, 0
    with torch.no_grad():
        for i in range(0, len(packed.inputs), batch_rows):
            part = slice(i, i + batch_rows)
            arrays = (packed.inputs, packed.targets, packed.positions, packed.segments)
            tensors = [torch.from_numpy(a[part].astype(np.int64)).to(model.rope_cos.device) for a in arrays]
            batch = dict(zip(("inputs", "targets", "positions", "segments"), tensors, strict=True))
            total += float(next_token_loss(model, batch))
            count += int((batch["targets"] >= 0).sum())
    return total / max(1, count)


def _finish(
    config: Finetune, run: Run, lessons: Lessons, model: Transformer, tokenizer: Tokenizer, chosen: Plan,
    base: Path, started: float,
) -> Path:
    if run.learner.device.type == "cpu":
        model.compute_dtype = torch.float32
    metrics = {"train_loss": run.loss, "tokens": run.tokens, "skipped_steps": run.learner.num_skipped}
    if lessons.heldout is not None:
        metrics["heldout_loss"] = heldout_loss(model, lessons.heldout)
        run.log.log("eval", run.step, loss=metrics["heldout_loss"])
    metrics["seconds"] = time.perf_counter() - started
    target = home.stage_dir(config.name, "sft")
    data = {"chats": config.chats, "num_chats": lessons.num_chats, "packing": asdict(lessons.train.stats)}
    parent = read_card(base).get("weights_sha256")
    save_model(model, target, tokenizer, card("sft", parent, weights_hash(model), asdict(config), chosen.asdict(), data, metrics))
    home.set_promoted(config.name, "sft")
    shown = f", loss {metrics['heldout_loss']:.3f} on answers never seen" if "heldout_loss" in metrics else ""
    say(f"saved {config.name}/sft after {run.step} steps{shown} ({metrics['seconds']:.0f} s)")
    return target
