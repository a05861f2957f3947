"""The versions of a model in stage three: sft, rlhf-1, rlhf-2, ..., and the best weights during a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from firstwords import home
from firstwords.config import UserError
from firstwords.eval.examples import candidates, choose
from firstwords.model import chat_defaults
from firstwords.model.card import town_size
from firstwords.model.hub import load_model, read_card, save_model, tensors_of, weights_hash
from firstwords.model.lora import Lora, twin
from firstwords.model.transformer import Transformer
from firstwords.promotions import can_chat
from firstwords.rlhf.provenance import Seen, read_seen
from firstwords.runlog import RESTORE, damaged
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import adapters
from firstwords.train.opening import has_begun, open_folder
from firstwords.train.run import Run
from firstwords.train.run_flags import StageFlags
from firstwords.train.watch import card

BEST, PARENT = "best.safetensors", "parent"  # files of a run folder

C = TypeVar("C", bound=StageFlags)


def sft_dir(name: str) -> Path:
    """The fine-tuned model that the preferences are about. Raises UserError if there is none."""
    directory = home.stage_dir(name, "sft")
    if not home.is_model(directory) and home.root(name) == "chat":  # an imported model that answers already
        directory = home.stage_dir(name, "chat")
    if not home.is_model(directory):
        if directory.is_dir():
            raise home.no_stage(name, "sft")
        raise UserError(f"there is no model {name}/sft: first train it with `firstwords finetune {name}`")
    return directory


def parent_dir(name: str) -> Path:
    """The promoted stage, from which the next version is trained. Raises UserError if it cannot chat."""
    stage = home.promoted(name)
    directory = home.stage_dir(name, stage)
    if not can_chat(directory):
        able = [each for each in home.stages(name) if can_chat(home.stage_dir(name, each))]
        used = [each for each in home.earlier(name) if each in able]
        advice = (
            f"first promote a version that answers, with `firstwords promote {name} {(used or able[:1])[-1]}`"
            if able
            else f"first teach it to answer with `firstwords finetune {name}`"
        )
        raise UserError(f"{name} uses {stage}, which continues text and has no answers to improve: {advice}")
    return directory


def next_stage(name: str) -> str:
    """The name of the next version, rlhf-N."""
    numbers = [int(s.removeprefix("rlhf-")) for s in home.stages(name) if s.removeprefix("rlhf-").isdecimal()]
    return f"rlhf-{max(numbers, default=0) + 1}"


def open_version(config: C) -> tuple[C, Path, Path]:
    """(flags, run folder, directory of the model to improve) of the next version, or of an interrupted one."""
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
    parent = parent_dir(config.name)  # before an earlier run's folder is cleared
    return open_folder(config, directory, {PARENT: parent.name}), directory, parent


def _parent(file: Path, name: str) -> Path:
    """The model that an interrupted run improves, given as the name of a stage or as a path."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(file, str(error)) from None
    # earlier versions wrote a path that ends in the stage; home and model may since have moved or been renamed
    for path in ([Path(text)] if "/" in text else []) + [home.model_dir(name) / Path(text).name]:
        if home.is_model(path):
            return path
    raise UserError(f"{file} names {text or 'nothing'}, which is not a model: {RESTORE}")


def reference_of(sft: Path, parent: Path, model: Transformer, lora: Lora | None, device: str) -> Transformer:
    """The frozen sft model of a run that trains `model`, loaded from `parent`: the same memory if that is the sft model
    and only an adapter of it is trained.
    """
    reference = twin(model) if lora is not None and parent == sft else load_model(sft, device=device)
    return reference.requires_grad_(False)


def has_kept(run: Run) -> bool:
    """Whether the run's folder holds weights that were kept."""
    return (run.directory / BEST).exists()


def keep_weights(run: Run) -> None:
    """Keep the current weights of the run, or of the adapter that is trained. Raises UserError if the disk is full."""
    aside = run.directory / f".{BEST}"
    try:
        trained = ((name, p) for name, p in run.learner.model.named_parameters() if p.requires_grad)
        save_file({name: p.detach().cpu().contiguous() for name, p in trained}, aside)
        aside.replace(run.directory / BEST)
    except (OSError, SafetensorError) as error:  # the Rust writer reports a full disk with its own error
        aside.unlink(missing_ok=True)
        raise UserError(f"cannot save {run.directory / BEST}: {getattr(error, 'strerror', None) or error}") from None


@torch.no_grad()
def restore_weights(run: Run) -> None:
    """Load the weights that were kept into the run's model. Raises UserError if their file is missing or damaged."""
    own = dict(run.learner.model.named_parameters())
    for name, tensor in tensors_of(run.directory / BEST):
        own[name].copy_(tensor)


def _check_kept(path: Path) -> None:
    """Raise UserError if the best weights cannot be read, before the run continues."""
    try:
        for _ in tensors_of(path):
            break
    except UserError as error:
        if path.exists():
            raise UserError(f"{error}, or delete it to keep only the best weights from here on") from None


def save_version(
    config: Any,
    stage: str,
    model: Transformer,
    tokenizer: Tokenizer,
    parent: Path,
    data: dict,
    metrics: dict,
    seen: Seen,
    lora: Lora | None = None,
) -> Path:
    """Save rlhf-N and return its directory. It is not promoted before it is shown to be better.

    `seen`: the training data of this run, to which that of the version before is added. lora: of the model's adapter,
    which is merged into its weights and also saved in PEFT's format.
    """
    target = home.stage_dir(config.name, stage)
    home.pin_promoted(config.name)  # first, so that the new stage never counts as promoted, whatever happens next
    before = read_card(parent).get("weights_sha256")
    data = data | {"base": (read_card(parent).get("data") or {}).get("base"), "town": town_size(parent)}
    recorded, write_adapter = adapters.merged(model, lora, parent)
    taught = (read_card(home.stage_dir(config.name, earlier)).get("data") or {} for earlier in ("base", "sft"))
    examples = choose(model, tokenizer, *candidates(*taught), chat_defaults.chat_sampling(parent))
    details = card(stage, before, weights_hash(model), asdict(config), None, data | recorded, metrics, examples)

    def more(folder: Path) -> None:
        (seen | read_seen(parent)).write(folder)
        write_adapter(folder)

    save_model(model, target, tokenizer, details, more, sampling=chat_defaults.to_save(parent))
    return target
