"""The versions that stage three makes of a model: sft, rlhf-1, rlhf-2, ... and the best weights of a run on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import tyro
from safetensors import SafetensorError
from safetensors.torch import save_file

from firstwords import home
from firstwords.config import UserError
from firstwords.model.hub import read_card, save_model, tensors_of, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.runlog import RESTORE, damaged
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.run import Run, check_flags, open_folder
from firstwords.train.seen import Seen, read_seen
from firstwords.train.watch import card

BEST, PARENT = "best.safetensors", "parent"  # files of a run folder

C = TypeVar("C")


@dataclass
class StageFlags:
    """The flags that every run of stage three has."""

    name: tyro.conf.Positional[str] = "mine"
    """Name of the model; its stage sft, or what was made of it, is read."""
    resume: bool = False
    """Continue the interrupted run of that name, with the flags that it was started with."""
    seed: int = 0
    """Seed of everything that is drawn: prompts, samples, splits, order, first weights."""
    learning_rate: float = 1.0
    """Multiplies the learning rates."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 0
    """CPU threads (0 = one per core, fewer while other programs need them)."""
    save_every_steps: int = 0
    """Checkpoint every so many steps (0 = once a minute)."""

    def __post_init__(self) -> None:
        check_flags(self)


def sft_dir(name: str) -> Path:
    """The fine-tuned model that preferences are about. Raises UserError where there is none."""
    directory = home.stage_dir(name, "sft")
    if not home.is_model(directory):
        if directory.is_dir():
            raise home.no_stage(name, "sft")
        raise UserError(f"there is no model {name}/sft: make it first with firstwords finetune {name}")
    return directory


def next_stage(name: str) -> str:
    """rlhf-N after the last one there is."""
    numbers = [int(s.removeprefix("rlhf-")) for s in home.stages(name) if s.removeprefix("rlhf-").isdecimal()]
    return f"rlhf-{max(numbers, default=0) + 1}"


def open_version(config: C) -> tuple[C, Path, Path]:
    """(flags, run folder, model directory that is improved) of the next version, or of the one that was interrupted."""
    directory = home.run_dir(config.name, next_stage(config.name))
    if config.resume and not (directory / "config.json").exists():
        raise UserError(
            f"there is no run of {config.name} to resume: start `firstwords align {config.name}` without --resume"
        )
    parent = home.resolve(config.name)
    config = open_folder(config, directory)
    if config.resume:
        parent = _read_parent(directory / PARENT)
        _check_kept(directory / BEST)
    else:
        (directory / PARENT).write_text(str(parent), encoding="utf-8")
    return config, directory, parent


def _read_parent(path: Path) -> Path:
    """The model directory that an interrupted run improves. Raises UserError for a file that names none."""
    try:
        parent = Path(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {RESTORE}") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None
    try:
        is_there = home.is_model(parent)
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        is_there = False
    if not is_there:
        raise damaged(path, "it names no model directory")
    return parent


def has_kept(run: Run) -> bool:
    """Whether the best weights of the run are in its folder."""
    return (run.directory / BEST).exists()


def keep_weights(run: Run) -> None:
    """Remember the weights as they are now as the best of the run. Raises UserError when the disk is full."""
    aside = run.directory / f".{BEST}"
    try:
        save_file({name: p.detach().cpu().contiguous() for name, p in run.learner.model.named_parameters()}, aside)
        aside.replace(run.directory / BEST)
    except (OSError, SafetensorError) as error:  # the Rust writer reports a full disk in its own words
        aside.unlink(missing_ok=True)
        raise UserError(f"cannot save {run.directory / BEST}: {getattr(error, 'strerror', None) or error}") from None


@torch.no_grad()
def restore_weights(run: Run) -> None:
    """Put the best weights of the run back into its model. Raises UserError where their file is missing or damaged."""
    own = dict(run.learner.model.named_parameters())
    for name, tensor in tensors_of(run.directory / BEST):
        own[name].copy_(tensor)


def _check_kept(path: Path) -> None:
    """Refuse to go on with best weights that cannot be read at the end. Raises UserError."""
    try:
        for _ in tensors_of(path):
            break
    except UserError as error:
        if path.exists():
            raise UserError(f"{error}, or delete it: then the best weights from here on are kept") from None


def save_version(
    config: Any, run: Run, model: Transformer, tokenizer: Tokenizer, parent: Path, data: dict, metrics: dict, seen: Seen
) -> Path:
    """Save rlhf-N and return its directory. It is not promoted: a new version counts only once it is shown better.

    `seen` is what this run has learned from; the version before adds what it has seen.
    """
    target, kept = home.stage_dir(config.name, run.stage), home.promoted(config.name)
    before = read_card(parent).get("weights_sha256")
    details = card(run.stage, before, weights_hash(model), asdict(config), None, data, metrics)
    home.set_promoted(config.name, kept)  # first: with no choice written down, the name would mean the new version
    save_model(model, target, tokenizer, details, (seen | read_seen(parent)).write)
    return target
