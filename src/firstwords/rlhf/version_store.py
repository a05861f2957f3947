"""The versions that stage three makes of a model: sft, rlhf-1, rlhf-2, ... and the best weights of a run on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from firstwords import home
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.model.hub import read_card, save_model, tensors_of, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.promotions import can_chat
from firstwords.rlhf.provenance import Seen, read_seen
from firstwords.runlog import RESTORE, damaged
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.opening import has_begun, open_folder
from firstwords.train.run import Run, check_flags
from firstwords.train.watch import card

BEST, PARENT = "best.safetensors", "parent"  # files of a run folder

C = TypeVar("C", bound="StageFlags")


@dataclass
class StageFlags:
    """The flags that every run of stage three has."""

    name: Positional[str] = ""
    """Name of the model; its stage sft, or what was made of it, is read (without one: the newest model)."""
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


def parent_dir(name: str) -> Path:
    """The promoted stage, which the next version is made from. Raises UserError where it cannot chat."""
    stage = home.promoted(name)
    directory = home.stage_dir(name, stage)
    if not can_chat(directory):
        able = [each for each in home.stages(name) if can_chat(home.stage_dir(name, each))]
        used = [each for each in home.earlier(name) if each in able]
        advice = (
            f"first promote a version that answers, with `firstwords promote {name} {(used or able[:1])[-1]}`"
            if able else f"first teach it to answer with `firstwords finetune {name}`"
        )  # fmt: skip
        raise UserError(f"{name} uses {stage}, which continues text and has no answers to improve: {advice}")
    return directory


def next_stage(name: str) -> str:
    """rlhf-N after the last one there is."""
    numbers = [int(s.removeprefix("rlhf-")) for s in home.stages(name) if s.removeprefix("rlhf-").isdecimal()]
    return f"rlhf-{max(numbers, default=0) + 1}"


def open_version(config: C) -> tuple[C, Path, Path]:
    """(flags, run folder, model directory that is improved) of the next version, or of the one that was interrupted."""
    stage = next_stage(config.name)
    directory = home.run_dir(config.name, stage)
    if config.resume and not has_begun(directory):
        last = f"rlhf-{int(stage.removeprefix('rlhf-')) - 1}"
        if last in home.stages(config.name):
            raise UserError(f"{config.name}/{last} is complete: there is nothing to resume, and nothing was changed")
        raise UserError(
            f"there is no run of {config.name} to resume: start `firstwords align {config.name}` without --resume"
        )
    if config.resume:
        resumed = open_folder(config, directory)
        _check_kept(directory / BEST)
        return resumed, directory, _parent(directory / PARENT, config.name)
    parent = parent_dir(config.name)  # before the folder of an earlier run is emptied
    config = open_folder(config, directory)
    (directory / PARENT).write_text(parent.name, encoding="utf-8")
    return config, directory, parent


def _parent(file: Path, name: str) -> Path:
    """The model that an interrupted run improves: a stage of the model, by its name, or a path."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(file, str(error)) from None
    # a path that an earlier version wrote ends in the stage, which may have another home or name by now
    for path in ([Path(text)] if "/" in text else []) + [home.model_dir(name) / Path(text).name]:
        if home.is_model(path):
            return path
    raise UserError(f"{file} names {text or 'nothing'}, which is not a model: {RESTORE}")


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
    target = home.stage_dir(config.name, run.stage)
    home.pin_promoted(config.name)  # first: whatever happens then, the new stage is not taken for the promoted one
    before = read_card(parent).get("weights_sha256")
    data = data | {"base": (read_card(parent).get("data") or {}).get("base")}
    details = card(run.stage, before, weights_hash(model), asdict(config), None, data, metrics)
    home.pin_promoted(config.name)  # first: with no choice written down, the name would mean the new version
    save_model(model, target, tokenizer, details, (seen | read_seen(parent)).write)
    return target
