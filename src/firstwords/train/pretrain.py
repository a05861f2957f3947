"""Stage one: from raw text to a base model that continues text.

    firstwords pretrain mine --text stories/ notes.pdf --minutes 10
    firstwords pretrain mine --continue --text more/      # the same vocabulary and weights, new text

Reads the text, chooses vocabulary, shape, batch and rates for the time and this machine (`plan/budget.py`), learns
the vocabulary, and trains on next-token prediction: given the tokens so far, which one comes next? The loss is
`losses.next_token_loss`; the update is `Learner.optim_step`; the schedule cools down in time to end on schedule.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from firstwords import home
from firstwords.config import UserError, flag_of, given
from firstwords.data.packing import PretrainRows
from firstwords.data.prepared import open_prepared
from firstwords.engine.compiled import compile_in_background
from firstwords.eval.bpb import bits_per_byte
from firstwords.eval.examples import candidates, choose
from firstwords.flags import Positional
from firstwords.keeping import trash
from firstwords.model.config import ModelConfig
from firstwords.model.hub import load_model, read_card, read_config, save_model, trained_context, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.plain_text import counted
from firstwords.plan.budget import (
    Machine,
    Plan,
    Shape,
    bytes_per_token,
    check_seconds,
    plan,
    plan_for_shape,
    with_batch,
)
from firstwords.plan.chat_sizes import chat_sizes, positions_for
from firstwords.plan.footprint import Footprint, check_first_step, free_bytes, step_seconds
from firstwords.plan.new_model import model_config, town_for, usual_positions
from firstwords.promotions import can_chat
from firstwords.runlog import read_json, say, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.corpus import READ_SHARE, Corpus, prepare, prepared_corpus, reopen
from firstwords.train.distributed import processes
from firstwords.train.distributed.sharding import micro_rows, new_model, shard
from firstwords.train.learner import Learner, optim_config, place, prepare_process, unplace
from firstwords.train.losses import next_token_loss
from firstwords.train.machine import learn_speed, machine, of_team
from firstwords.train.opening import (
    added_seconds,
    begin,
    check_replacing,
    finish_promotion,
    kept,
    read_plan,
    say_complete,
    started_with,
    training,
)
from firstwords.train.prompts import beginnings, text_prompt
from firstwords.train.run import Pace, Run, seconds_left
from firstwords.train.run_flags import PlannedFlags, StageFlags, check_counts, check_sources, check_words
from firstwords.train.watch import Watcher, card

BALANCE_BETA = 0.95  # NorMuon's; 0.4-0.6 % fewer bits per byte at equal steps than plain Muon (docs/LOG.md)
NUM_BEGINNINGS = 2  # of held-out passages, that the report gives every stage as prompts
SAVE_RESERVE = 3.0  # seconds reserved for the last evaluation and for writing the model
CONTINUE_RATE = 0.5  # of the planner's rates with --continue, as in stage two; a first choice, not swept
PARENT = "parent"  # in the run folder: the base model that --continue starts from


@dataclass
class Pretrain(PlannedFlags, StageFlags):
    """Teach a base model to continue text (stage one)."""

    name: Positional[str] = ""
    """Name of the model, which is saved as NAME/base (default: mine, or mine-2 if mine is taken, and so on)."""
    text: list[str] = field(default_factory=lambda: ["world"])
    """Files, folders, FILE:COLUMN, hf:NAME[:SPLIT][:COLUMN], - (stdin), or world (the built-in world)."""
    tokens: str = ""
    """Instead of --text: what `firstwords data prepare` wrote, as a folder or a URL (s3://..., gs://..., https://...)."""
    town: str = "auto"
    """Size of the built-in world's town: small (20 people), whole (60), or auto (small below 20 minutes)."""
    steps: int = 0
    """Number of training steps (0 = use --minutes); makes a run exactly repeatable. The model's size still follows
    --minutes."""
    continue_: bool = False
    """Train the finished NAME/base further on this text, with its vocabulary; the old one goes to the trash."""
    dedup: str = "none"
    """Remove duplicate documents: none, exact or near."""
    vocab_size: int = 0
    """Number of tokens in the vocabulary (0 = the planner decides)."""
    hidden_size: int = 0
    """Width, a multiple of 64 (0 = the planner decides)."""
    layers: int = 0
    """Number of layers (0 = the planner decides)."""
    context: int = 0
    """Context length in training: tokens per row (0 = the planner decides)."""
    chats: list[str] = field(default_factory=list)
    """Conversations for a later finetune: the model is made able to read chats of their length."""
    batch_tokens: int = 0
    """Tokens per optimizer step (0 = the planner decides)."""
    optimizer: str = "muon"
    """muon or adamw."""
    weight_decay: float = -1.0
    """Decoupled weight decay (-1 = the planner decides: 0 for text read once, more for each further pass)."""
    compile: str = "auto"
    """torch.compile: yes, no, or auto (on GPUs, and on CPUs for runs of seven minutes or more)."""
    prompt: str = ""
    """Prompt for the sample continuations shown during training (default: "The ", or for your own text the beginning
    of a held-out document)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self, "town", "dedup", "optimizer", "compile")
        check_counts(self, "vocab_size", "hidden_size", "layers", "context", "batch_tokens")
        check_sources(self, "text", "chats")
        if self.tokens:
            self.text = []
            self.tokens = self.tokens if "://" in self.tokens else str(Path(self.tokens).expanduser().absolute())
        if self.hidden_size % 64:
            raise UserError(
                f"--hidden-size is {self.hidden_size}, but it must be a multiple of 64 (the size of a head)"
            )
        for name in ("vocab_size", "hidden_size", "layers", "context") if self.continue_ else ():
            if getattr(self, name):
                raise UserError(f"{flag_of(name)} contradicts --continue: the model's shape and vocabulary are fixed")
        if 0 < self.batch_tokens < self.context:
            raise UserError(
                f"--batch-tokens is {self.batch_tokens} and --context is {self.context}, but a step holds at least one "
                "row: use a larger --batch-tokens or a smaller --context"
            )


def check(config: Pretrain) -> Path | None:
    """NAME/base if a resumed run has already finished. Raises UserError if a finished model would be overwritten."""
    base, stages = home.stage_dir(config.name, "base"), home.stages(config.name)
    if config.tokens and (twice := given(config) & {"text", "dedup", "town", "vocab_size"}):
        raise UserError(f"{flag_of(min(twice))} contradicts --tokens, which are prepared already: leave it out")
    if config.resume:
        if not home.is_model(base):
            return None
        learned = read_json(home.run_dir(config.name) / "learn.json") or {"done": True}
        then = "" if learned.get("done") else f"; `firstwords learn {config.name} --resume` trains the next stage"
        finish_promotion(config.name, "base")
        say_complete(f"{config.name}/base", then)
        return base
    if not config.continue_:
        check_replacing(config, stages, f", --continue trains {config.name}/base further" if "base" in stages else "")
    elif "base" not in stages:
        raise UserError(f"there is no base model {config.name}/base to continue: leave --continue out")
    else:
        also = f", `firstwords models copy {config.name} NEW` makes a copy to continue"
        later = [stage for stage in stages if stage != "base"]  # made from this base; they would no longer match
        check_replacing(config, later, also, "trains the base further")
    return None


@training("pretrain", check)
def main(config: Pretrain) -> Path:
    """Run the stage and return the directory of the base model."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "base")
    if config.resume:
        config = started_with(config, directory, config.name)
    threads = prepare_process(config.threads, config.steps)

    # 1) the machine, the text, the plan
    this = of_team(machine(config.device, config.precision), config.steps)
    if this.device == "cpu" and processes.is_main():
        compile_in_background()  # for samples, while the text is read
    corpus = _corpus(config, directory, this, started)
    chosen = corpus.plan
    for reason in chosen.reasons:
        say(f"plan: {reason}")

    # 2) the model, its learner and its pace
    model = _model(config, directory, corpus)
    model = shard(model, this.device, chosen.precision)
    place(model, this.device, chosen.precision, config.compile, chosen.seconds, config.steps)
    learner = Learner(model, replace(optim_config(chosen), balance_beta=BALANCE_BETA), this.device)
    rows = PretrainRows(corpus.shards, chosen.shape.context, config.seed)
    seconds = chosen.seconds + (added_seconds(config, directory) if config.resume else 0.0)
    pace = Pace(chosen.warmup_steps, config.steps or None, seconds, chosen.cooldown_share)

    # 3) the training loop
    run = Run(
        directory,
        learner,
        pace,
        "base",
        model.config.flops_per_token(chosen.shape.context),
        corpus.bytes_per_token,
        config.save_every_steps,
        threads,
    )
    with run:
        prompt = config.prompt or text_prompt(config.text, corpus.heldout)
        watcher = Watcher(run, corpus.tokenizer, prompt, corpus.heldout, chosen.shape.context)
        while not run.done:
            batches = micro_batches(rows, run.step, chosen)
            metrics = learner.forward_backward(batches, next_token_loss)
            metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)
            watcher.after_step()

    # 4) measure and save
    return _finish(config, run, corpus, model, this, started)


def micro_batches(rows: PretrainRows, step: int, chosen: Plan) -> list[dict[str, np.ndarray]]:
    """The batch of a step, split into micro-batches."""
    inputs_BT, targets_BT = rows.batch(step, chosen.batch_rows)
    size = micro_rows(chosen.micro_tokens // chosen.shape.context, chosen.batch_rows)
    return [
        {
            "inputs": np.ascontiguousarray(inputs_BT[i : i + size]),
            "targets": np.ascontiguousarray(targets_BT[i : i + size]),
        }
        for i in range(0, len(inputs_BT), size)
    ]


def _corpus(config: Pretrain, directory: Path, this: Machine, started: float) -> Corpus:
    """Prepare the text for a new run and move it into place, or reopen what an interrupted run prepared."""
    if config.resume:
        chosen = read_plan(directory, config.name)
        with kept(directory):
            return reopen(directory, Tokenizer.load(directory), chosen, say, config.tokens)
    seconds_for = partial(seconds_left, config, started, SAVE_RESERVE)
    sizes = chat_sizes(config.chats) if config.chats else []
    prepared = home.starting_dir(config.name) / "base"
    tokenizer, shape = _continued(config, prepared) if config.continue_ else (None, None)
    opened = open_prepared(config.tokens) if config.tokens else None
    if opened is not None and shape is None:
        config = replace(config, vocab_size=opened.tokenizer.vocab_size)  # which decides the shape
    choose_plan(config, seconds_for(), this, None, shape)  # refuse an impossible plan before anything is read

    def choose(
        seconds: float, num_bytes: int | None, planned: Shape | None, curve: Mapping[int, float] | None = None
    ) -> Plan:
        return choose_plan(config, seconds, this, num_bytes, shape or planned, curve, sizes)

    if opened is not None:
        corpus = prepared_corpus(opened, prepared, seconds_for, choose, say, tokenizer)
    else:
        corpus = prepare(
            config.text,
            prepared,
            this,
            seconds_for,
            choose,
            config.dedup,
            math.inf if config.steps else READ_SHARE * seconds_for(),
            say,
            tokenizer,
            town_for(config.minutes, config.town),
        )
    corpus.tokenizer.save(prepared)
    write_json(prepared / "config.json", asdict(config))
    write_json(prepared / "plan.json", corpus.plan.asdict())
    begin(config.name, "base", "pretrain")
    return corpus


def _continued(config: Pretrain, prepared: Path) -> tuple[Tokenizer, Shape]:
    """(vocabulary, shape) of the base model that --continue starts from, which is copied into the run folder."""
    base = home.stage_dir(config.name, "base")
    shutil.rmtree(prepared, ignore_errors=True)
    trash.link_copy(base, prepared / PARENT)
    of = read_config(base)
    context = min(trained_context(base) or of.max_position_embeddings, of.max_position_embeddings)
    return Tokenizer.load(base), Shape(of.hidden_size, of.num_hidden_layers, of.vocab_size, context)


def _model(config: Pretrain, directory: Path, corpus: Corpus) -> Transformer:
    """A new model of the plan's shape, or with --continue the base model to train further."""
    if config.continue_:
        return load_model(directory / PARENT)
    return new_model(replace(_model_config(corpus.plan), vocab_size=corpus.tokenizer.vocab_size), config.seed)


def choose_plan(
    config: Pretrain,
    seconds: float,
    this: Machine,
    num_bytes: int | None,
    shape: Shape | None = None,
    curve: Mapping[int, float] | None = None,
    sizes: Sequence[tuple[int, int]] = (),
) -> Plan:
    """The planner's choice, overridden by the flags that are set.

    curve: bytes per token of this text by vocabulary size, for a script unlike English; sizes: of the chats for stage
    two (see `chat_sizes`). Raises UserError for a plan that needs more memory or time than there is.
    """
    if shape is None:
        town = town_for(config.minutes, config.town) if config.text == ["world"] else None
        shape = plan(seconds, this, num_bytes, config.vocab_size or None, config.optimizer, curve, town).shape
        shape = Shape(
            config.hidden_size or shape.hidden_size,
            config.layers or shape.num_hidden_layers,
            shape.vocab_size,
            config.context or min(shape.context, config.batch_tokens or shape.context),  # a step holds whole rows
        )
    if not config.steps:
        check_seconds(seconds)  # again: reading and the tokenizer have taken time
    chosen = plan_for_shape(shape, seconds, this, num_bytes, config.optimizer, curve)
    rate = config.learning_rate * (CONTINUE_RATE if config.continue_ else 1.0)
    batch = chosen.batch_tokens
    if config.batch_tokens:
        batch = max(1, config.batch_tokens // shape.context) * shape.context
    ratio, usual = bytes_per_token(shape.vocab_size, curve), usual_positions(shape.context)
    chosen = replace(
        with_batch(chosen, batch, this, config.steps),
        matrix_lr=chosen.matrix_lr * rate,
        table_lr=chosen.table_lr * rate,
        vector_lr=chosen.vector_lr * rate,
        weight_decay=chosen.weight_decay if config.weight_decay < 0 else config.weight_decay,
        positions=positions_for(sizes, ratio, shape.context, usual),
    )
    return bounded(chosen, this, 0.0 if config.steps else seconds)


def bounded(chosen: Plan, this: Machine, seconds: float) -> Plan:
    """The plan with micro-batches that fit into memory, and a line that says how much it needs.

    seconds: left for training, 0 for a run without a time limit. Raises UserError if the plan cannot work.
    """
    need = Footprint(
        _model_config(chosen),
        chosen.shape.context,
        chosen.optimizer,
        chosen.precision,
        this.device,
        shards=processes.size(),
    )
    smaller, free = "a smaller --hidden-size, --layers, --context or --vocab-size", free_bytes(this.device)
    if seconds:
        first = step_seconds(need.config, chosen.batch_tokens, chosen.shape.context, this, chosen.optimizer)
        check_first_step(first, seconds, chosen.batch_tokens, f"{smaller}, or a smaller --batch-tokens")
    micro = need.fit(chosen.micro_tokens, free, f"give {smaller}")
    return replace(chosen, micro_tokens=micro, reasons=(*chosen.reasons, need.sentence(micro, free)))


def _model_config(chosen: Plan) -> ModelConfig:
    return model_config(chosen.shape, chosen.tie_word_embeddings, chosen.positions)


def _finish(config: Pretrain, run: Run, corpus: Corpus, model: Transformer, this: Machine, started: float) -> Path:
    model = unplace(model)
    metrics: dict[str, Any] = {"train_loss": run.loss, "tokens": run.tokens, "skipped_steps": run.learner.num_skipped}
    if run.seconds_per_step and not config.steps:
        reached = corpus.plan.batch_tokens * run.flops_per_token / run.seconds_per_step / 1e9
        learn_speed(this, config.precision, corpus.plan.shape.hidden_size, reached)
    if corpus.heldout:
        result = bits_per_byte(model, corpus.tokenizer, corpus.heldout, corpus.plan.shape.context)
        metrics["bits_per_byte"] = result.bits_per_byte
        run.log.log("eval", run.step, bpb=result.bits_per_byte, bytes=result.bytes)
    metrics["seconds"] = time.perf_counter() - started
    target = home.stage_dir(config.name, "base")
    data = {
        "text": config.text,
        "bytes": corpus.shards.num_bytes,
        "tokens": corpus.shards.num_tokens,
        "tokenizer": corpus.tokenizer.hash,
        "town": town_for(config.minutes, config.town),
        "sources": corpus.sources,
        "beginnings": [] if "world" in config.text else beginnings(corpus.heldout, NUM_BEGINNINGS),
    }
    parent = None
    if config.continue_:  # keep the record of its earlier training data
        before = read_card(run.directory / PARENT)
        parent, data["before"] = before.get("weights_sha256"), before.get("data")
    examples = choose(model, corpus.tokenizer, *candidates(data, {}))
    details = card("base", parent, weights_hash(model), asdict(config), corpus.plan.asdict(), data, metrics, examples)
    save_model(model, target, corpus.tokenizer, details)
    shutil.rmtree(run.directory / PARENT, ignore_errors=True)
    if not can_chat(home.stage_dir(config.name, home.promoted(config.name))):  # a stage that can chat stays promoted
        home.set_promoted(config.name, "base", by="pretrain")
    shown = f", {metrics['bits_per_byte']:.3f} bits per byte on held-out text" if "bits_per_byte" in metrics else ""
    say(f"saved {config.name}/base after {counted(run.step, 'step')}{shown} ({metrics['seconds']:.0f} s)")
    return target
