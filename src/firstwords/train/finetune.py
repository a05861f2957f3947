"""Stage two: from a base model and conversations to a model that answers (supervised fine-tuning).

    firstwords finetune mine --chats chats.jsonl --minutes 3
    firstwords finetune mine --from sft --chats more.jsonl      # train a model that already answers further

The same loss as stage one, on fewer tokens: only the assistant's words are learned, including the stop token, which is
how the model learns to stop. Several chats are packed into a row and do not attend to each other.
"""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from firstwords import home
from firstwords.config import UserError
from firstwords.data.chats import conversations, summary
from firstwords.data.dedup import copy_key
from firstwords.data.packing import IGNORED, ChatRows, PackedChats, pack_chats
from firstwords.data.shards import write_ids
from firstwords.data.source_stats import SourceStats
from firstwords.eval.examples import candidates, choose
from firstwords.flags import Positional
from firstwords.keeping import trash
from firstwords.model import chat_defaults
from firstwords.model.card import town_size
from firstwords.model.hub import load_model, read_card, save_model, trained_context, weights_hash
from firstwords.model.lora import adapt
from firstwords.model.transformer import Transformer
from firstwords.plain_text import counted
from firstwords.plan.budget import Machine, Plan, Shape, plan_for_shape
from firstwords.plan.chat_sizes import row_tokens
from firstwords.plan.footprint import Footprint, about, check_first_step, free_bytes, muon_flops, needs, step_seconds
from firstwords.retrieval.trace import TOKENS
from firstwords.runlog import damaged, say, write_json
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import adapters
from firstwords.train.adapters import LORA_BATCH, LORA_RATE, AdapterFlags
from firstwords.train.corpus import READ_SHARE, until
from firstwords.train.distributed import processes
from firstwords.train.distributed.sharding import micro_rows, shard
from firstwords.train.learner import Learner, optim_config, place, prepare_process, unplace
from firstwords.train.losses import next_token_loss
from firstwords.train.machine import machine, of_team
from firstwords.train.opening import (
    begin,
    check_replacing,
    finish_promotion,
    read_plan,
    saved_json,
    say_complete,
    started_with,
    training,
)
from firstwords.train.prompts import WORLD_QUESTIONS, chat_questions
from firstwords.train.run import Pace, Run, seconds_left
from firstwords.train.run_flags import PlannedFlags, StageFlags, check_counts, check_sources, check_words
from firstwords.train.watch import Watcher, card
from firstwords.world.town.plumwick import Size

RATE = 0.5  # of the pre-training rates: a few chats are learned without forgetting the text (docs/LOG.md)
WORLD_RATE = 1.0  # for the built-in chats, which are many and repeat all that the text told
MAX_EPOCHS = 6  # a few thousand chats are memorised if read more often than this
TOO_LONG = 0.05  # share of chats that may be cut before rows are made longer than in pre-training
USUAL_ROW = 256  # tokens per row if that of pre-training is unknown
LEAST_STEPS = 8  # within --minutes: if steps are too slow for that, the batch is made smaller
NUM_QUESTIONS = 2  # from the chats, that the report asks every stage
SPARE = 1.5  # tokens read of the endless built-in chats, in tokens planned (which counts the logits of all tokens)
MAX_HELDOUT = 200  # chats held out to measure the loss on unseen answers
HELDOUT_ROWS, HELDOUT_TOKENS = 16, 8192  # computed at once when that loss is measured
SAVE_RESERVE = 2.0
PARENT = "parent"  # in the run folder: the stage that --from begins with


@dataclass
class Finetune(AdapterFlags, PlannedFlags, StageFlags):
    """Teach a base model to answer (stage two)."""

    name: Positional[str] = ""
    """Name of the model; NAME/base is read and NAME/sft is written (default: the newest model)."""
    chats: list[str] = field(default_factory=lambda: ["world"])
    """Conversations: files (OpenAI messages, ShareGPT, Alpaca, Dolly, ChatGPT exports), WhatsApp exports as FILE:NAME
    (the person the model answers as), folders, hf:NAME, or world."""
    writers: str = "careful"
    """Writers of the built-in chats: careful, or mixed (some guess what no one can know, some are brusque)."""
    minutes: float = 3.0
    from_: str = "base"
    """The stage to start from: base, or sft, rlhf-1, ... to train it further."""
    replace: bool = False
    """Fine-tune the base model again; the existing sft, and all stages made from it, go to the trash."""
    batch_tokens: int = 0
    """Tokens per optimizer step (0 = the planner decides)."""
    compile: str = "auto"
    """torch.compile: yes, no, or auto (on GPUs only, for more than a few steps)."""
    prompt: str = ""
    """Question for the sample answers shown during training (default: "What is your first name?", or a question from
    one of your held-out chats)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self, "compile", "writers")
        check_counts(self, "batch_tokens", "lora")
        check_sources(self, "chats")
        if "none" in self.chats:
            raise UserError("--chats none leaves nothing to learn: give files of chats, or world")


@dataclass
class Lessons:
    """The chats of a run, packed."""

    train: PackedChats
    heldout: PackedChats | None
    chats: list[list[int]]  # the tokens of those that are learned

    @property
    def num_chats(self) -> int:
        """Chats that are learned."""
        return len(self.chats)


def check(config: Finetune) -> Path | None:
    """NAME/sft if a resumed run has already finished. Raises UserError if a finished model would be overwritten."""
    sft, stages = home.stage_dir(config.name, "sft"), home.stages(config.name)
    if config.resume and home.is_model(sft):
        finish_promotion(config.name, "sft")
        say_complete(f"{config.name}/sft")
        return sft
    if "base" not in stages and config.from_ == "base" and "chat" in stages:
        config.from_ = "chat"  # an imported model
    if "base" not in stages and config.from_ == "base":
        raise UserError(
            f"there is no base model {config.name}/base: train it first with `firstwords pretrain {config.name}`"
        )
    if config.resume:
        return None
    if config.from_ not in stages:
        raise UserError(f"{config.name} has no stage {config.from_}; --from takes {', '.join(stages) or 'none'}")
    if config.from_ in home.ROOTS:
        hint = f", --from sft trains {config.name}/sft further" if "sft" in stages else ""
        check_replacing(config, [stage for stage in stages if stage not in home.ROOTS], hint)
    return None


@training("finetune", check)
def main(config: Finetune) -> Path:
    """Run the stage and return the directory of the fine-tuned model."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "sft")

    # 1) the base model, the plan, the chats
    prepared = directory if config.resume else home.starting_dir(config.name) / "sft"
    if config.resume:
        config = _resumed(config, directory)
    is_root = config.from_ in home.ROOTS
    base = home.stage_dir(config.name, config.from_) if is_root or not config.resume else directory / PARENT
    threads = prepare_process(config.threads, config.steps)
    this = of_team(machine(config.device, config.precision), config.steps)
    model, tokenizer = load_model(base, device=this.device), Tokenizer.load(base)
    row = min(trained_context(base) or USUAL_ROW, model.config.max_position_embeddings)
    whole = Footprint(model.config, row, "muon", this.precision, this.device, is_packed=True)
    lora = adapters.settle(config, "finetune", whole)
    if lora is not None:
        adapt(model, lora, config.seed)
    rough = _rough_plan(config, model, this, started)
    rendered = _read_chats(config, tokenizer, rough, directory, town_size(base))
    chosen = _plan(config, prepared, model, base, rough, rendered, this)
    lessons = _lessons(rendered, tokenizer, chosen)
    if not config.resume:
        base = _begin(config, base, prepared)

    # 2) the learner and its pace; chats are read at most MAX_EPOCHS times
    how = "no" if lora is not None and config.compile == "auto" else config.compile
    model = shard(model, this.device, chosen.precision)
    place(model, this.device, chosen.precision, how, steps=config.steps)
    learner = Learner(model, optim_config(chosen), this.device)
    rows = ChatRows(lessons.train, config.seed)
    seconds = seconds_left(config, started, SAVE_RESERVE)
    pace = Pace(chosen.warmup_steps, config.steps or None, seconds, chosen.cooldown_share, _most_steps(lessons, chosen))
    questions = [config.prompt] if config.prompt else _questions(config, lessons, tokenizer)
    _say_plan(config, lessons, chosen, model, this)

    # 3) the training loop of stage one, on the assistant's tokens only
    run = Run(
        directory,
        learner,
        pace,
        "sft",
        model.config.flops_per_token(chosen.shape.context, _predicted(lessons, this.device)),
        bytes_per_token=_bytes_per_token(base),
        save_every_steps=config.save_every_steps,
        threads=threads,
    )
    with run:
        watcher = Watcher(run, tokenizer, [{"role": "user", "content": questions[0]}], heldout=[])
        while not run.done:
            batches = micro_batches(rows, run.step, chosen)
            metrics = learner.forward_backward(batches, next_token_loss)
            metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)
            watcher.after_step()

    # 4) measure and save
    return _finish(config, run, lessons, model, tokenizer, chosen, base, questions, started)


def micro_batches(rows: ChatRows, step: int, chosen: Plan) -> list[dict[str, np.ndarray]]:
    """The packed rows of a step, split into micro-batches."""
    batch = rows.batch(step, chosen.batch_rows)
    size = micro_rows(chosen.micro_tokens // chosen.shape.context, chosen.batch_rows)
    return [
        {
            key: np.ascontiguousarray(array[i : i + size], dtype=np.int64)
            for key, array in zip(("inputs", "targets", "positions", "segments"), batch, strict=True)
        }
        for i in range(0, chosen.batch_rows, size)
    ]


def _resumed(config: Finetune, directory: Path) -> Finetune:
    """The interrupted run's flags. Raises UserError if its base model has changed since."""
    config = started_with(config, directory, config.name)
    began = saved_json(directory / "chats.json", ("read", "parent"))
    if began is None:
        raise damaged(directory / "chats.json", "it is missing")
    parent = home.stage_dir(config.name, config.from_) if config.from_ in home.ROOTS else directory / PARENT
    if began["parent"] != read_card(parent).get("weights_sha256"):
        raise UserError(
            f"{config.name}/{config.from_} has changed since this run began: restore the earlier one "
            f"(see `firstwords models --trash`), or train under another --name"
        )
    return config


def _begin(config: Finetune, base: Path, prepared: Path) -> Path:
    """Move the prepared run into place, and return where its starting stage is from then on."""
    if config.from_ in home.ROOTS:
        begin(config.name, "sft", "finetune")
        return base
    trash.link_copy(base, prepared / PARENT)
    begin(config.name, "sft", "finetune")
    return home.run_dir(config.name, "sft") / PARENT


def _rough_plan(config: Finetune, model: Transformer, this: Machine, started: float) -> Plan:
    """Batch, tokens and rates for the base model's shape, before the chats' lengths are known."""
    trained = trained_context(home.stage_dir(config.name, home.root(config.name)))
    shape = Shape(
        model.config.hidden_size,
        model.config.num_hidden_layers,
        model.config.vocab_size,
        min(model.config.max_position_embeddings, 2 * (trained or USUAL_ROW)),
    )
    seconds = seconds_left(config, started, SAVE_RESERVE)
    if not config.lora:
        return plan_for_shape(shape, max(1.0, seconds), this)
    rough = plan_for_shape(shape, max(1.0, seconds), this, optimizer="adamw")
    return replace(rough, matrix_lr=LORA_RATE / RATE, batch_tokens=min(rough.batch_tokens, LORA_BATCH))


def _read_chats(
    config: Finetune, tokenizer: Tokenizer, rough: Plan, directory: Path, town: Size = "whole"
) -> list[tuple[list[int], list[int]]]:
    """Render as many chats as the time allows: (ids, mask) of each. A resumed run reads exactly as many as before.

    Reading stops after READ_SHARE of the time: a GPU could train on more chats than a CPU can generate.
    """
    stats = SourceStats()
    needed = max(rough.tokens, config.steps * (config.batch_tokens or rough.batch_tokens))
    enough = int(needed * SPARE) if "world" in config.chats else needed * 4
    before = _chats_read(directory / "chats.json") if config.resume else None
    rendered: list[tuple[list[int], list[int]]] = []
    total = 0
    is_timed = not config.steps and before is None
    deadline = time.perf_counter() + READ_SHARE * rough.seconds if is_timed else math.inf
    for messages in until(deadline, conversations(config.chats, stats, town, config.writers)):
        rendered.append(render(messages, tokenizer))
        total += len(rendered[-1][0])
        if len(rendered) == before or (before is None and total >= enough):
            break
    for line in stats.lines():
        say(line)
    if not rendered:
        raise UserError(f"no conversations found in {', '.join(config.chats)}: give chats with an assistant's turn")
    say(summary(len(rendered), stats))
    return rendered


def _chats_read(path: Path) -> int:
    """Number of chats that an interrupted run has read. Raises UserError if the file does not hold it."""
    count = (saved_json(path) or {}).get("read")
    if not isinstance(count, int) or count < 1:
        raise damaged(path, f"the number of chats is {count}")
    return count


def _plan(
    config: Finetune, directory: Path, model: Transformer, base: Path, rough: Plan, rendered: list, this: Machine
) -> Plan:
    """The plan of the run: rows as long as the base model's, unless too many answers would not fit.

    An interrupted run's plan is read back; a new one is saved. Raises UserError for a plan that needs more memory or
    time than there is, before an earlier run is touched.
    """
    if config.resume:
        return read_plan(directory, config.name)
    lengths = [len(ids) - 1 for ids, _ in rendered]
    context = row_tokens(lengths, trained_context(base), model.config.max_position_embeddings, USUAL_ROW, TOO_LONG)
    context = min(context, config.batch_tokens or context)  # a step holds whole rows
    affordable = rough.batch_tokens if config.steps else _affordable(rough, model, context, this)
    batch = (config.batch_tokens or affordable) // context * context or context
    scale = (WORLD_RATE if "world" in config.chats else RATE) * config.learning_rate
    chosen = replace(
        rough,
        shape=replace(rough.shape, context=context),
        batch_tokens=batch,
        micro_tokens=min(rough.micro_tokens, batch),
        cooldown_share=0.8,
        matrix_lr=rough.matrix_lr * scale,
        table_lr=rough.table_lr * scale,
        vector_lr=rough.vector_lr * scale,
    )
    advice = "use a smaller --batch-tokens (which shortens the rows) or a smaller model"
    advice += "" if config.lora else ", or train an adapter (--lora 16)"
    need = _footprint(config, model, chosen, this.device)
    micro, _, _ = adapters.fitted(need, config.adapter(), chosen.micro_tokens, free_bytes(this.device), advice)
    chosen = replace(chosen, micro_tokens=micro)
    if not config.steps:
        seconds = step_seconds(model.config, batch, context, this, chosen.optimizer)
        check_first_step(seconds, rough.seconds, batch, "a smaller model")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", asdict(config))
    write_json(directory / "chats.json", {"read": len(rendered), "parent": read_card(base).get("weights_sha256")})
    write_json(directory / "plan.json", chosen.asdict())
    return chosen


def _affordable(rough: Plan, model: Transformer, context: int, this: Machine) -> int:
    """Tokens per batch: the planner's, or fewer so that LEAST_STEPS steps fit into the time."""
    rate = this.gflops_at(model.config.hidden_size) * 1e9
    update = muon_flops(model.config) if rough.optimizer == "muon" else 0.0
    flops = rate * rough.seconds / LEAST_STEPS - update
    return min(rough.batch_tokens, max(context, int(flops / model.config.flops_per_token(context))))


def _footprint(config: Finetune, model: Transformer, chosen: Plan, device: str) -> Footprint:
    whole = Footprint(
        model.config,
        chosen.shape.context,
        chosen.optimizer,
        chosen.precision,
        device,
        is_packed=True,
        shards=processes.size(),
    )
    return adapters.footprint(whole, config.adapter(), model.config)


def _predicted(lessons: Lessons, device: str) -> float:
    """Share of the tokens whose logits are computed: the assistant's, and on a GPU all (see `train.losses`)."""
    return float((lessons.train.targets != IGNORED).mean()) if device == "cpu" else 1.0


def _say_plan(config: Finetune, lessons: Lessons, chosen: Plan, model: Transformer, this: Machine) -> None:
    """The rows, the memory and, for an imported model, the time. Sets what an adapter's run computes again."""
    rows, context = len(lessons.train.inputs), chosen.shape.context
    need, free = _footprint(config, model, chosen, this.device), free_bytes(this.device)
    lora, size = config.adapter(), need.bytes(chosen.micro_tokens)
    if lora is not None:
        _, model.recompute_above, size = adapters.fitted(need, lora, chosen.micro_tokens, free, "free some memory")
        say(f"plan: {adapters.described(lora, model.config)}")
    say(f"plan: {lessons.num_chats:,} chats in {rows:,} rows of {context}, {chosen.batch_tokens} tokens per step")
    say(f"plan: {needs(size, free)}")
    if trained_context(home.stage_dir(config.name, home.root(config.name))) is None:
        step = step_seconds(model.config, chosen.batch_tokens, context, this, chosen.optimizer)
        step *= 1.0 if lora is None else adapters.WORK
        most = _most_steps(lessons, chosen)
        steps = config.steps or max(1, min(most, int(chosen.seconds / step)))
        say(f"plan: {counted(steps, 'step')}, {about(steps * step)}")


def _questions(config: Finetune, lessons: Lessons, tokenizer: Tokenizer) -> list[str]:
    """Questions for the model: built-in ones, or from held-out chats if the chats are the user's own."""
    if "world" in config.chats:
        return list(WORLD_QUESTIONS)
    return chat_questions(lessons.heldout or lessons.train, tokenizer, NUM_QUESTIONS) or list(WORLD_QUESTIONS)


def _lessons(rendered: list[tuple[list[int], list[int]]], tokenizer: Tokenizer, chosen: Plan) -> Lessons:
    """Pack the chats, with a few held out.

    Copies (chats with the same text apart from white space and case) count as one and are never on both sides. Chats
    that only begin with the same question are different: greetings are common, and each has a different answer.
    """
    copies: dict[int, list[int]] = {}
    for i, (ids, _) in enumerate(rendered):
        copies.setdefault(copy_key(tokenizer.decode(ids)), []).append(i)
    groups = list(copies.values())
    num_heldout = min(MAX_HELDOUT, len(groups) // 20)
    order = np.random.default_rng(0).permutation(len(groups))  # the same split for every seed of the run
    heldout = [rendered[groups[g][0]] for g in order[:num_heldout]]
    kept = [rendered[i] for g in order[num_heldout:] for i in groups[g]]
    train = pack_chats(kept, chosen.shape.context)
    if train.stats.cut or train.stats.dropped:
        say(f"{train.stats.cut} chats were cut at a turn and {train.stats.dropped} skipped: longer than the context")
    return Lessons(train, _pack_or_none(heldout, chosen.shape.context), [ids for ids, _ in kept])


def _pack_or_none(rendered: list, context: int) -> PackedChats | None:
    try:
        return pack_chats(rendered, context) if rendered else None
    except UserError:  # none of them fits
        return None


def _most_steps(lessons: Lessons, chosen: Plan) -> int:
    """The number of steps in MAX_EPOCHS passes over the chats."""
    return max(1, MAX_EPOCHS * len(lessons.train.inputs) // chosen.batch_rows)


def _bytes_per_token(base: Path) -> float:
    """Bytes per token of the base model's training text; close enough to chats for a progress bar."""
    data = read_card(base).get("data", {})
    tokens, size = data.get("tokens"), data.get("bytes")
    return size / tokens if isinstance(tokens, int) and isinstance(size, int) and tokens > 0 else 3.0


def heldout_loss(model: Transformer, packed: PackedChats, batch_rows: int = HELDOUT_ROWS) -> float:
    """Mean nats per supervised token on held-out chats."""
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
    config: Finetune,
    run: Run,
    lessons: Lessons,
    model: Transformer,
    tokenizer: Tokenizer,
    chosen: Plan,
    base: Path,
    questions: list[str],
    started: float,
) -> Path:
    model = unplace(model)
    metrics = {"train_loss": run.loss, "tokens": run.tokens, "skipped_steps": run.learner.num_skipped}
    if lessons.heldout is not None:
        rows = max(1, min(HELDOUT_ROWS, HELDOUT_TOKENS // chosen.shape.context))
        metrics["heldout_loss"] = heldout_loss(model, lessons.heldout, rows)
        run.log.log("eval", run.step, loss=metrics["heldout_loss"])
    metrics["seconds"] = time.perf_counter() - started
    target = home.stage_dir(config.name, "sft")
    data = {
        "chats": config.chats,
        "writers": config.writers,
        "num_chats": lessons.num_chats,
        "packing": asdict(lessons.train.stats),
        "questions": questions,
    }
    parent = read_card(base).get("weights_sha256")
    first = read_card(home.stage_dir(config.name, home.root(config.name)))
    data |= {"base": first.get("weights_sha256"), "town": town_size(base)}
    recorded, write_adapter = adapters.merged(model, config.adapter(), base)
    data |= recorded
    examples = choose(model, tokenizer, *candidates(first.get("data") or {}, data), chat_defaults.chat_sampling(base))
    save_model(
        model,
        target,
        tokenizer,
        card("sft", parent, weights_hash(model), asdict(config), chosen.asdict(), data, metrics, examples),
        more=write_adapter,
        sampling=chat_defaults.to_save(base),
    )
    shutil.rmtree(run.directory / PARENT, ignore_errors=True)
    if not config.no_trace:
        write_ids(lessons.chats, tokenizer, run.directory / TOKENS)
    home.set_promoted(config.name, "sft", by="finetune")
    shown = f", loss {metrics['heldout_loss']:.3f} on held-out chats" if "heldout_loss" in metrics else ""
    say(f"saved {config.name}/sft after {counted(run.step, 'step')}{shown} ({metrics['seconds']:.0f} s)")
    return target
