"""The main job: all stages inside one time budget.

    firstwords learn --minutes 6 --name pip
    firstwords learn --text books/ --chats chats.jsonl --minutes 20 --name mine

Text becomes a base model (`pretrain.py`), the base model learns to answer (`finetune.py`), preferences make its answers
better if they can (`align.py`), and what came out is examined and written into `runs/NAME/report.html`. Each stage may
be run alone.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.exam import run_exam
from firstwords.eval.report import write_report
from firstwords.model.hub import load_model, read_card
from firstwords.process import recorded
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import align, finetune, pretrain
from firstwords.train.budget import MIN_SECONDS, bytes_per_token, plan
from firstwords.train.finetune import MAX_EPOCHS, Finetune
from firstwords.train.machine import machine, usable_device
from firstwords.train.pretrain import Pretrain
from firstwords.train.prompts import WORLD_QUESTIONS
from firstwords.train.run import check_flags, read_json, write_json
from firstwords.train.watch import say

CHATS_SHARE = (
    0.30  # of the training time for stage two: small models need many answers to find their facts (docs/LOG.md)
)
ALIGN_SHARE, ALIGN_LEAST = 0.25, 45.0  # share of all the time for stage three; seconds without which it is left out
TURN_BYTES = 24  # what the marks of a turn cost, in bytes of prose
CHAT_RESERVE = 5.0  # seconds of stage two that are not training
REPORT_SHARE, REPORT_SECONDS = 0.02, 12.0  # kept back for the exam and the report
REMARK = (  # where a text of one's own meets the default chats
    "the chats are those of the built-in town, which know nothing of your text: give --chats of your own, or "
    "--chats none for a base model, which only continues text"
)


@dataclass
class Learn:
    """All stages in one go: text -> base model -> a model that answers -> exam and report."""

    text: list[str] = field(default_factory=lambda: ["world"])
    """Files, folders, hf:NAME[:SPLIT][:COLUMN], or world (the built-in world)."""
    chats: list[str] = field(default_factory=lambda: ["world"])
    """Conversations: files (OpenAI messages, ShareGPT, Alpaca, Dolly), folders, hf:NAME, world, or none (stage one
    only: the name then means the base model, which continues text)."""
    preferences: list[str] = field(default_factory=lambda: ["world"])
    """For stage three: files of preferences, log (what you judged), world (the built-in world's judge, who knows only
    its chats), or none."""
    minutes: float = 10.0
    """Time for everything, from launch to the report."""
    name: str = "mine"
    """Name of the model."""
    resume: bool = False
    """Continue the interrupted run of that name, with the flags that it was started with."""
    reuse: bool = False
    """Do nothing when a model of that name is complete, and continue a run that was interrupted."""
    seed: int = 0
    """Seed of weights and order."""
    dedup: str = "none"
    """Remove duplicate documents: none, exact or near."""
    device: str = "auto"
    """cpu, cuda or auto."""
    precision: str = "auto"
    """fp32, bf16 or auto (what this machine computes faster)."""
    threads: int = 0
    """CPU threads (0 = one per core, fewer while other programs need them)."""
    prompt: str = ""
    """Prompt for the samples shown during training and in the report (default: those of the built-in world, or the
    beginning of a held-out text and questions of held-out chats of yours)."""

    def __post_init__(self) -> None:
        check_flags(self)
        if "none" in self.chats and len(self.chats) > 1:
            raise UserError("--chats none stands for no chats at all: leave out none, or the others")
        if self.resume and self.reuse:
            raise UserError("--resume and --reuse contradict each other: give one of them")


def main(config: Learn) -> None:
    """Run the stages that are not done yet, then the exam and the report."""
    started = time.perf_counter()
    directory = home.run_dir(config.name)
    if config.reuse and (earlier := read_json(directory / "learn.json")):
        if earlier["done"] and ("sft" if has_chats(config) else "base") in home.stages(config.name):
            say(f"{config.name} is trained already; without --reuse it would be trained anew")
            return
        config = replace(config, resume=not earlier["done"], reuse=False)
    with recorded(directory, "learn", asdict(config)):
        run_stages(config, directory, started)


def run_stages(config: Learn, directory: Path, started: float) -> None:
    """The stages one after the other; `learn.json` remembers which are done."""
    config, state = _open(config, directory)
    resumed = state["resuming"]
    everything = config.minutes * 60 * (1 - REPORT_SHARE) - REPORT_SECONDS * min(1.0, config.minutes / 5)
    align_seconds = config.minutes * 60 * ALIGN_SHARE
    judged = usable_preferences(config) if align_seconds >= ALIGN_LEAST else []
    seconds = everything - (align_seconds if judged else 0.0)
    shared: dict[str, Any] = {
        "name": config.name,
        "seed": config.seed,
        "device": config.device,
        "precision": config.precision,
        "threads": config.threads,
    }
    if "base" not in state["stages"] and config.chats == ["world"] and "world" not in config.text:
        say(REMARK)

    # stage one
    if "base" not in state["stages"]:
        later = chat_seconds(config, seconds)
        minutes = (seconds - later) / 60
        state["seconds"] = {
            "base": seconds - later, "sft": later, "rlhf": everything - seconds,
            "report": config.minutes * 60 - everything,
        }  # fmt: skip
        write_json(directory / "learn.json", state)
        resume = state["resuming"] and (home.run_dir(config.name, "base") / "plan.json").exists()
        own_chats = [] if "world" in config.chats or not has_chats(config) else config.chats
        pretrain.main(
            Pretrain(
                text=config.text, minutes=minutes, dedup=config.dedup, prompt=config.prompt, resume=resume,
                chats=own_chats, **shared,
            )
        )  # fmt: skip
        _done(directory, state, "base")

    # stage two, with the time that is left
    if has_chats(config) and "sft" not in state["stages"]:
        left = seconds * CHATS_SHARE if resumed else seconds - (time.perf_counter() - started)
        resume = state["resuming"] and (home.run_dir(config.name, "sft") / "plan.json").exists()
        minutes = max(left, 5.0) / 60
        finetune.main(Finetune(chats=config.chats, minutes=minutes, prompt=config.prompt, resume=resume, **shared))
        for stage in home.stages(config.name):  # versions of the model that was replaced
            if stage not in ("base", "sft"):
                shutil.rmtree(home.stage_dir(config.name, stage))
        _done(directory, state, "sft")

    # stage three, a version that is promoted only if it is shown to be better
    if judged and "rlhf" not in state["stages"]:
        left = align_seconds if resumed else everything - (time.perf_counter() - started)
        begun = read_json(home.run_dir(config.name, "align") / "align.json") if state["resuming"] else None
        minutes = max(min(left, align_seconds), 5.0) / 60
        flags = {key: value for key, value in shared.items() if key != "precision"}
        if begun is None or not begun.get("done"):
            align.main(align.Align(preferences=judged, minutes=minutes, resume=begun is not None, **flags))
        _done(directory, state, "rlhf")

    # what came out
    facts = examine(config, directory)
    write_report(directory, directory / "report.html", facts | {"seconds": time.perf_counter() - started})
    state["done"] = True
    write_json(directory / "learn.json", state)
    say(f"report: {directory / 'report.html'}")
    if has_chats(config):
        say(f"talk to it: firstwords chat --model {config.name}")
    else:
        say(f'{config.name} is a base model, which continues text: firstwords complete --model {config.name} "..."')


def has_chats(config: Learn) -> bool:
    """Whether there is a stage two."""
    return config.chats != ["none"]


def usable_preferences(config: Learn) -> list[str]:
    """What stage three can learn from: the built-in world's judge knows nothing of other chats."""
    if not has_chats(config):
        return []
    return [spec for spec in config.preferences if spec != "none" and (spec != "world" or "world" in config.chats)]


def chat_seconds(config: Learn, seconds: float) -> float:
    """The part of the time that stage two can use: CHATS_SHARE of it, or less where the chats end before that."""
    most = seconds * CHATS_SHARE if has_chats(config) else 0.0
    if not most:
        return most
    if "world" in config.chats:
        return most
    speed = plan(max(MIN_SECONDS, seconds - most), machine(config.device, config.precision))
    tokens_per_second = speed.tokens / speed.seconds
    needed = most * tokens_per_second * bytes_per_token(speed.shape.vocab_size) / MAX_EPOCHS
    total = 0
    for messages in conversations(config.chats):
        total += sum(len(message["content"].encode()) + TURN_BYTES for message in messages)
        if total >= needed:
            return most
    return min(most, most * total / needed + CHAT_RESERVE)


def _open(config: Learn, directory: Path) -> tuple[Learn, dict[str, Any]]:
    """A fresh state, or that of the interrupted run with the configuration it was started with."""
    if config.resume:
        state = read_json(directory / "learn.json")
        if state is None:
            raise UserError(f"there is no run of {config.name} to resume in {directory}: start without --resume")
        return Learn(**state["config"]), state | {"resuming": True}
    # of an earlier run under this name, which --resume must not take for this one
    later = [stage for stage in home.stages(config.name) if stage not in ("base", "sft")]
    for stage in ("base", "sft", "reward", "align", *later):
        shutil.rmtree(home.run_dir(config.name, stage), ignore_errors=True)
    state = {"config": asdict(config), "stages": [], "resuming": False, "done": False}
    write_json(directory / "learn.json", state)
    return config, state


def _done(directory: Path, state: dict[str, Any], stage: str) -> None:
    state["stages"].append(stage)
    write_json(directory / "learn.json", state)
    state["resuming"] = False


def examine(config: Learn, directory: Path) -> dict[str, Any]:
    """The exam (where the model was taught the built-in world) and the same questions put to every stage."""
    facts: dict[str, Any] = {"name": config.name, "config": asdict(config), "stages": {}, "answers": {}, "exam": None}
    device, prompts = usable_device(config.device), report_prompts(config)
    for stage in home.stages(config.name):
        path = home.stage_dir(config.name, stage)
        model, tokenizer = load_model(path, device=device), Tokenizer.load(path)
        engine = Engine(model, tokenizer, num_slots=32)
        facts["stages"][stage] = read_card(path)
        facts["answers"][stage] = {prompt: answer(engine, tokenizer, prompt, stage) for prompt in prompts}
        if stage == home.promoted(config.name) and "world" in config.chats and "world" in config.text:
            facts["exam"] = run_exam(engine, tokenizer)
            write_json(directory / "exam.json", facts["exam"])
            _put_on_card(path, facts["exam"])
    for prompt in prompts:
        say(f"\n{prompt}")
        for stage, answers in facts["answers"].items():
            say(f"  {stage:>5}: {' '.join(answers[prompt].split())}")
    if facts["exam"] is not None:
        say("")
        for part, figures in facts["exam"].items():
            if isinstance(figures, dict) and "rate" in figures:
                say(
                    f"  exam, {part}: {figures['rate']:.1%} "
                    f"({figures['low']:.1%}-{figures['high']:.1%}, n = {figures['n']})"
                )
    return facts


def report_prompts(config: Learn) -> list[str]:
    """What every stage is asked at the end: --prompt, else the built-in world's questions where its chats were taught,
    questions of held-out chats and beginnings of held-out texts where those are the person's own.
    """
    if config.prompt:
        return [config.prompt]
    text, chats = (read_card(home.stage_dir(config.name, stage)).get("data") or {} for stage in ("base", "sft"))
    texts, questions = [] if "world" in config.text else text.get("beginnings") or [], []
    if has_chats(config):
        questions = list(WORLD_QUESTIONS) if "world" in config.chats else chats.get("questions") or []
    return [*questions, *texts[: 1 if questions else None]] or list(WORLD_QUESTIONS)


def _put_on_card(path: Path, exam: dict[str, Any]) -> None:
    """Add the exam's rates to a model's card, where `firstwords models` finds them."""
    card = read_card(path)
    rates = {part: figures for part, figures in exam.items() if isinstance(figures, dict)}
    write_json(path / "firstwords.json", card | {"metrics": card.get("metrics", {}) | {"exam": rates}})


def answer(engine: Engine, tokenizer: Tokenizer, prompt: str, stage: str) -> str:
    """What a stage makes of a prompt: a base model continues the text, later stages answer the message. Greedy."""
    if stage == "base":
        ids = [tokenizer.endoftext_id, *tokenizer.encode(prompt)]
    else:
        ids = render([{"role": "user", "content": prompt}], tokenizer, add_generation_prompt=True)[0]
    return engine.generate([ids], SamplingParams(max_tokens=48, temperature=0.0))[0].text
