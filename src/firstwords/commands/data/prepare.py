"""Tokenise text for pre-training, in parallel and before it begins.

firstwords data prepare books/ hf:roneneldan/TinyStories --out tokens
firstwords pretrain mine --tokens tokens --minutes 60
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from firstwords import home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.data.prepare.work import Request, prepare
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.process import cores
from firstwords.runlog import say
from firstwords.signals import terminable
from firstwords.tokenizer.fast import MIN_VOCAB_SIZE

# number of this task and how many there are, by launcher: a job array of Slurm, its srun (not sbatch), Kubernetes
TASKS = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
)


@dataclass(kw_only=True)
class DataPrepare(JsonFlag):
    """Tokenise text of any size in parallel, for `firstwords pretrain --tokens`. Continues where it was interrupted.

    firstwords data prepare books/ hf:roneneldan/TinyStories --out tokens
    """

    sources: Positional[list[str]]
    """Files, folders, FILE:COLUMN, hf:NAME[:SPLIT][:COLUMN]."""
    out: str = "tokens"
    """Folder for the shards, the held-out documents, the tokenizer and the manifest."""
    tokenizer: str = ""
    """NAME, NAME/STAGE, or a folder with a tokenizer.json (default: learn one from the text)."""
    vocab_size: int = 16_384
    """Size of the vocabulary to learn."""
    dedup: Literal["none", "exact", "near"] = "exact"
    """Leave out duplicates: none, exact (the same words) or near (also those that share most of their words)."""
    max_mb: float = 0.0
    """Read about this many MB of text, an equal share from the beginning of every file (0 = all)."""
    processes: int = 0
    """Processes on this machine (0 = one per core)."""
    task: int = -1
    """Number of this task, from 0, if several machines share the work (default: as Slurm or Kubernetes says, or 0)."""
    tasks: int = 0
    """Number of tasks (default: as Slurm or Kubernetes says, or 1)."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise UserError("no text was given: give files, folders or hf:NAME")
        if not 0 <= self.max_mb < float("inf"):
            raise UserError(f"--max-mb is {self.max_mb:g}, but it must be 0 or more")
        if not 0 <= self.processes <= 1024:
            raise UserError(f"--processes is {self.processes}, but it must be between 0 and 1,024")
        if self.vocab_size < MIN_VOCAB_SIZE:
            raise UserError(f"--vocab-size is {self.vocab_size}, but it must be {MIN_VOCAB_SIZE} or more")
        if (self.task >= 0) != (self.tasks > 0):
            raise UserError("--task and --tasks belong together: give both, such as --task 0 --tasks 4")
        if self.task >= self.tasks > 0:
            raise UserError(f"--task is {self.task}, but tasks are numbered from 0 to {self.tasks - 1}")


def main(config: DataPrepare) -> int:
    """Run the command."""
    task, tasks = task_of(config)
    request = Request(
        sources=config.sources,
        out=Path(config.out).expanduser(),
        tokenizer=shared_tokenizer(config.tokenizer),
        vocab_size=config.vocab_size,
        dedup=config.dedup,
        max_mb=config.max_mb,
        processes=config.processes or cores(),
        task=task,
        tasks=tasks,
    )
    try:
        with terminable():
            manifest = prepare(request)
    except KeyboardInterrupt:
        say("stopped: the same command continues with the next piece")
        raise
    if manifest is None:
        if config.json:
            shared.emit({"out": config.out, "task": task, "tasks": tasks, "is_complete": False})
        return 0
    if config.json:
        shared.emit({"out": config.out, "is_complete": True} | manifest)
    else:
        print("\n".join(as_text(config.out, manifest)))
    return 0


def task_of(config: DataPrepare) -> tuple[int, int]:
    """(number of this task, number of tasks): the flags, or what the launcher says. Raises UserError if it's wrong."""
    if config.tasks:
        return config.task, config.tasks
    for number, count in TASKS:
        if number in os.environ and count in os.environ:
            try:
                first = int(os.environ.get("SLURM_ARRAY_TASK_MIN", "0")) if "ARRAY" in number else 0
                task, tasks = int(os.environ[number]) - first, int(os.environ[count])
            except ValueError:
                raise UserError(f"{number} and {count} must be numbers: give --task and --tasks instead") from None
            if not 0 <= task < tasks:
                raise UserError(f"{number} is {os.environ[number]} of {tasks} tasks: number them without gaps")
            return task, tasks
    return 0, 1


def shared_tokenizer(ref: str) -> Path | None:
    """The folder of a tokenizer; None for no reference. Raises UserError if there is none."""
    if not ref:
        return None
    if (Path(ref).expanduser() / "tokenizer.json").is_file():
        return Path(ref).expanduser()
    directory = home.resolve(ref)
    if not (directory / "tokenizer.json").exists():
        raise UserError(f"{directory} has no tokenizer.json: name another model, or a folder with a tokenizer.json")
    return directory


def as_text(out: str, manifest: dict[str, Any]) -> list[str]:
    """What was prepared, for people."""
    size = f"{manifest['tokens']:,} tokens of {manifest['bytes'] / 1e6:,.1f} MB"
    lines = [
        f"{out}: {counted(manifest['documents'], 'document')}, {size}, {counted(len(manifest['shards']), 'shard')}"
    ]
    held = manifest["held_out"]
    if held["documents"]:
        lines.append(f"held out for measuring: {counted(held['documents'], 'document')}, {held['bytes'] / 1e3:,.1f} kB")
    else:
        lines.append("held out for measuring: nothing, since there are too few documents")
    left = [f"{count:,} {name.replace('_', ' ')}" for name, count in manifest["left_out"].items() if count]
    if left:
        lines.append(f"left out: {', '.join(left)}")
    lines += [f"licence of {s['source']}: {s['licence']}" for s in manifest["sources"] if s["licence"]]
    unknown = [s["source"] for s in manifest["sources"] if not s["licence"]]
    if unknown:
        lines.append(f"no licence is stated by {', '.join(unknown)}")
    return [*lines, f"next: firstwords pretrain NAME --tokens {out}"]
