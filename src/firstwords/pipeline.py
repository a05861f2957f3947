"""The main job: all stages inside one time budget.

    firstwords learn pip --minutes 6
    firstwords learn mine --text books/ --chats chats.jsonl --minutes 20

Text becomes a base model (`train/pretrain.py`), the base model learns to answer (`train/finetune.py`), preferences
improve its answers if possible (`rlhf/align.py`), and the result is evaluated and reported in
`runs/NAME/report.html`. Each stage can be run alone.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import UserError, given, mark_given
from firstwords.data.chats import conversations
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.exam import put_on_card, run_exam
from firstwords.eval.report import FACTS, write_report
from firstwords.flags import Positional
from firstwords.model.card import town_size
from firstwords.model.hub import load_model, read_card
from firstwords.plan.budget import MIN_SECONDS, bytes_per_token, plan
from firstwords.plan.new_model import town_for
from firstwords.preferences.records import TooFewError
from firstwords.process import recorded, team_place
from firstwords.rlhf import align
from firstwords.runlog import damaged, read_state, say, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import opening
from firstwords.train import finetune, pretrain
from firstwords.train.distributed import launch
from firstwords.train.finetune import MAX_EPOCHS, Finetune
from firstwords.train.machine import machine, usable_device
from firstwords.train.opening import (
    changed_flags,
    check_replacing,
    claimed,
    has_begun,
    saved_json,
    say_complete,
)
from firstwords.train.pretrain import Pretrain
from firstwords.train.prompts import WORLD_QUESTIONS
from firstwords.train.run_flags import PlannedFlags, check_sources, check_words
from firstwords.train.tracing import index_after_run

CHATS_SHARE = 0.30  # of the training time for stage two: small models need many answers to find their facts
WORLD_CHATS_SHARE = 0.60  # the same for the built-in world, whose visitors notice the chats most (docs/LOG.md)
ALIGN_SHARE, ALIGN_LEAST = 0.1125, 40.0  # stage three: share of the total time; it is skipped with fewer seconds
ALIGN_WIDTH, ALIGN_GFLOPS, ALIGN_SLOWER = 128, 120.0, 1.3  # more time if training at that width is slower
ALIGN_MOST = 240.0  # more seconds teach no more manners, and stage two can use them (docs/LOG.md)
TURN_BYTES = 24  # cost of a turn's special tokens, in bytes of prose
CHAT_RESERVE = 5.0  # seconds of stage two that are not training
REPORT_SHARE, REPORT_SECONDS = 0.02, 12.0  # reserved for the exam and the report
REMARK = (  # for the user's own text with the default chats
    "the default chats are about the built-in town and know nothing about your text: give your own with --chats, or "
    "--chats none for a base model, which only continues text"
)


@dataclass
class Learn(PlannedFlags):
    """All stages in one go: text -> base model -> a model that answers -> exam and report."""

    name: Positional[str] = ""
    """Name of the model (default: mine, or mine-2 if mine is taken, and so on)."""
    text: list[str] = field(default_factory=lambda: ["world"])
    """Files, folders, hf:NAME[:SPLIT][:COLUMN], or world (the built-in world)."""
    chats: list[str] = field(default_factory=lambda: ["world"])
    """Conversations: files (OpenAI messages, ShareGPT, Alpaca, Dolly, ChatGPT exports), WhatsApp exports as FILE:NAME
    (the person the model answers as), folders, hf:NAME, world, or none (stage one only: a base model, which continues
    text)."""
    preferences: list[str] = field(default_factory=lambda: ["world"])
    """Preferences for stage three: files, log (what you judged), world (the built-in judge, which knows only the
    built-in chats), or none."""
    town: str = "auto"
    """Size of the built-in world's town: small (20 people), whole (60), or auto (small below 20 minutes)."""
    reuse: bool = False
    """Do nothing if a model of that name is complete; continue its run if it was interrupted."""
    writers: str = "careful"
    """Writers of the built-in chats: careful, or mixed (some guess what no one can know, some are brusque)."""
    dedup: str = "none"
    """Remove duplicate documents: none, exact or near."""
    nproc: int = 1
    """Processes that train together on this machine; on several machines, start `learn` with torchrun."""
    prompt: str = ""
    """Prompt for the samples shown during training and in the report (default: built-in prompts, or for your own data
    the beginning of a held-out text and questions from held-out chats)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        launch.check_count(self.nproc)
        check_words(self, "town", "dedup", "writers")
        check_sources(self, "text", "chats")
        if "none" in self.chats and len(self.chats) > 1:
            raise UserError("--chats none means no chats at all: leave out none, or the others")
        if self.resume + self.reuse + self.replace > 1:
            raise UserError("--resume, --reuse and --replace contradict each other: give one of them")


def main(config: Learn) -> str:
    """Run the stages that are not done yet, then the exam and the report. Returns the model's name."""
    started = time.perf_counter()
    if config.nproc > 1 and team_place()[1] == 1:
        launch.run(["learn", *launch.words_of(config, without=["nproc"])], config.nproc)
        return config.name or home.models()[0]
    with claimed(config, "learn") as mine:
        directory = home.run_dir(mine.name)
        opened = _open(mine, directory)
        if opened is not None:
            mine, state = opened
            with recorded(directory, "learn", asdict(mine)):
                run_stages(mine, state, directory, started)
            if not mine.no_trace:
                index_after_run(mine.name)
        return mine.name


@dataclass(frozen=True)
class LearnJob:
    """A run of `learn`: its flags, the state that `learn.json` records, and its time budget in seconds.

    training: for stages one and two; aligning: for stage three; until_report: for everything but exam and report.
    """

    config: Learn
    state: dict[str, Any]  # changed in place, and saved after every stage
    directory: Path
    started: float
    preferences: list[str]
    training: float
    aligning: float
    until_report: float

    @property
    def resumed(self) -> bool:
        return bool(self.state["resuming"])

    @property
    def changed(self) -> frozenset[str]:
        """Flags typed when resuming."""
        return given(self.config) & {"device", "threads"}

    @property
    def shared_flags(self) -> dict[str, Any]:
        """The flags that every stage takes."""
        names = ("name", "seed", "device", "precision", "threads", "no_trace")
        return {name: getattr(self.config, name) for name in names}

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.started

    def is_done(self, stage: str) -> bool:
        return stage in self.state["stages"]

    def done(self, stage: str) -> None:
        """Record that a stage is done."""
        self.state["stages"].append(stage)
        write_json(self.directory / "learn.json", self.state)


def run_stages(config: Learn, state: dict[str, Any], directory: Path, started: float) -> None:
    """Run the stages in order; `learn.json` records which are done."""
    until_report = config.minutes * 60 * (1 - REPORT_SHARE) - REPORT_SECONDS * min(1.0, config.minutes / 5)
    aligning = align_seconds(config)
    judged = usable_preferences(config) if aligning >= ALIGN_LEAST else []
    training = until_report - (aligning if judged else 0.0)
    job = LearnJob(config, state, directory, started, judged, training, aligning, until_report)
    if not job.is_done("base"):
        if config.chats == ["world"] and "world" not in config.text:
            say(REMARK)
        learn_to_continue(job)
    if has_chats(config) and not job.is_done("sft"):
        learn_to_answer(job)
    if judged and not job.is_done("rlhf"):
        learn_from_preferences(job)
    report(job)


def align_seconds(config: Learn) -> float:
    """Seconds of stage three. Its pairs and its reward model are the same work on every machine."""
    if not usable_preferences(config):
        return 0.0
    slower = ALIGN_GFLOPS / machine(config.device, config.precision).gflops_at(ALIGN_WIDTH)
    return min(config.minutes * 60 * ALIGN_SHARE * min(max(1.0, slower), ALIGN_SLOWER), ALIGN_MOST)


def learn_to_continue(job: LearnJob) -> None:
    """Stage one: a base model from text."""
    config, directory = job.config, job.directory
    later = chat_seconds(config, job.training)
    job.state["seconds"] = {
        "base": job.training - later,
        "sft": later,
        "rlhf": job.until_report - job.training,
        "report": config.minutes * 60 - job.until_report,
    }
    resume = job.resumed and has_begun(home.run_dir(config.name, "base"))
    # the state of a new run moves into the run folder together with the run, see opening.begin
    write_json((directory if resume else home.starting_dir(config.name)) / "learn.json", job.state)
    own_chats = [] if "world" in config.chats or not has_chats(config) else config.chats
    flags = Pretrain(
        text=config.text,
        town=town_for(config.minutes, config.town),
        minutes=(job.training - later) / 60,
        dedup=config.dedup,
        prompt=config.prompt,
        resume=resume,
        replace=not resume,
        chats=own_chats,
        **job.shared_flags,
    )
    pretrain.main(mark_given(flags, job.changed))
    job.done("base")


def learn_to_answer(job: LearnJob) -> None:
    """Stage two, from chats, with the remaining time."""
    config = job.config
    left = job.training * chats_share(config) if job.resumed else job.training - job.elapsed
    resume = job.resumed and has_begun(home.run_dir(config.name, "sft"))
    flags = Finetune(
        chats=config.chats,
        writers=config.writers,
        minutes=max(left, 5.0) / 60,
        prompt=config.prompt,
        resume=resume,
        replace=not resume,
        **job.shared_flags,
    )
    finetune.main(mark_given(flags, job.changed))
    job.done("sft")


def learn_from_preferences(job: LearnJob) -> None:
    """Stage three: a version that is promoted only if it is shown to be better."""
    left = job.aligning if job.resumed else job.until_report - job.elapsed
    begun = saved_json(home.run_dir(job.config.name, "align") / "align.json") if job.resumed else None
    if begun is None or not begun.get("done"):
        flags = {key: value for key, value in job.shared_flags.items() if key != "precision"}
        flags |= {"preferences": job.preferences, "minutes": max(min(left, job.aligning), 5.0) / 60}
        try:
            align.main(mark_given(align.Align(**flags, resume=begun is not None), job.changed))
        except TooFewError as error:  # a second try would not help
            say(f"skipping stage three: {error}")
    job.done("rlhf")


def report(job: LearnJob) -> None:
    """Run the exam and write the report."""
    config, path = job.config, job.directory / "report.html"
    facts = examine(config, job.directory)
    facts |= {"seconds": job.elapsed}
    write_json(job.directory / FACTS, {key: facts[key] for key in facts if key != "stages"})
    write_report(job.directory, path, facts)
    job.state["done"] = True
    write_json(job.directory / "learn.json", job.state)
    say(f"report: {path}")
    if has_chats(config):
        say(f"chat with it: firstwords chat --model {config.name}")
    else:
        say(f'{config.name} is a base model, which continues text: firstwords complete --model {config.name} "..."')


def has_chats(config: Learn) -> bool:
    """Whether there is a stage two."""
    return config.chats != ["none"]


def usable_preferences(config: Learn) -> list[str]:
    """The preferences that stage three can use: the built-in judge knows nothing about other chats."""
    if not has_chats(config):
        return []
    return [spec for spec in config.preferences if spec != "none" and (spec != "world" or "world" in config.chats)]


def chats_share(config: Learn) -> float:
    """Stage two's share of the training time."""
    return WORLD_CHATS_SHARE if config.text == config.chats == ["world"] else CHATS_SHARE


def chat_seconds(config: Learn, seconds: float) -> float:
    """The time that stage two can use: its share of the total, or less if the chats run out before that."""
    most = seconds * chats_share(config) if has_chats(config) else 0.0
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


def _open(config: Learn, directory: Path) -> tuple[Learn, dict[str, Any]] | None:
    """(flags, state) of a new or interrupted run; None if there is nothing to do."""
    stages = home.stages(config.name)
    earlier = _state(directory) if config.resume or config.reuse else None
    if config.reuse and ("sft" if has_chats(config) else "base") in stages and (earlier is None or earlier["done"]):
        say(f"{config.name} is already trained; --replace trains it again")
        return None
    if config.resume and earlier is None:
        raise UserError(f"there is no run of {config.name} to resume in {directory}: start without --resume")
    if config.resume and earlier is not None and earlier["done"]:
        say_complete(config.name, f"; its report: {directory / 'report.html'}")
        return None
    if earlier is None or earlier["done"]:
        check_replacing(config, stages)
        return config, {"config": asdict(config), "stages": [], "resuming": False, "done": False}
    before, honoured = earlier["config"], ("device", "threads")
    if config.reuse:
        say(f"continuing the interrupted run of {config.name} with the flags it was started with")
    changed = {} if config.reuse else changed_flags(config, before, honoured)
    flags = before | changed | {"name": config.name, "resume": True, "reuse": False, "replace": False}
    return mark_given(Learn(**flags), changed), earlier | {"resuming": True}


def _state(directory: Path) -> dict[str, Any] | None:
    """The contents of `learn.json`; None if it does not exist. Raises UserError if it is damaged."""
    path = directory / "learn.json"
    state = read_state(path)
    if state is None:
        return None
    try:
        Learn(**state["config"])
        if isinstance(state["stages"], list) and isinstance(state["done"], bool):
            return state
        reason = "entries are of the wrong kind"
    except (KeyError, TypeError, UserError) as error:
        reason = f"entries are missing or of the wrong kind: {error}"
    raise damaged(path, reason)


def examine(config: Learn, directory: Path) -> dict[str, Any]:
    """The exam (if the model was trained on the built-in world) and the same questions for every stage."""
    facts: dict[str, Any] = {"name": config.name, "config": asdict(config), "stages": {}, "answers": {}, "exam": None}
    device, prompts = usable_device(config.device), report_prompts(config)
    for stage in home.stages(config.name):
        path = home.stage_dir(config.name, stage)
        model, tokenizer = load_model(path, device=device), Tokenizer.load(path)
        engine = Engine(model, tokenizer, num_slots=32)
        facts["stages"][stage], facts["parameters"] = read_card(path), model.config.num_params
        facts["answers"][stage] = {prompt: answer(engine, tokenizer, prompt, stage) for prompt in prompts}
        if stage == home.promoted(config.name) and "world" in config.chats and "world" in config.text:
            facts["exam"] = run_exam(engine, tokenizer, size=town_size(path))
            write_json(directory / "exam.json", facts["exam"])
            put_on_card(path, facts["exam"])
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
    """Prompts for every stage at the end: --prompt; by default the built-in questions for the built-in chats, or for
    the user's own data questions from held-out chats and beginnings of held-out texts.
    """
    if config.prompt:
        return [config.prompt]
    text, chats = (read_card(home.stage_dir(config.name, stage)).get("data") or {} for stage in ("base", "sft"))
    texts: list[str] = [] if "world" in config.text else text.get("beginnings") or []
    questions: list[str] = []
    if has_chats(config):
        questions = list(WORLD_QUESTIONS) if "world" in config.chats else chats.get("questions") or []
    return [*questions, *texts[: 1 if questions else None]] or list(WORLD_QUESTIONS)


def answer(engine: Engine, tokenizer: Tokenizer, prompt: str, stage: str) -> str:
    """A stage's greedy answer: a base model continues the prompt as text, later stages answer it as a message."""
    ids = opening(tokenizer, stage == "base", prompt)[1]
    return engine.generate([ids], SamplingParams(max_tokens=48, temperature=0.0))[0].text
