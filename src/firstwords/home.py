"""Where files are stored: one folder, `$FIRSTWORDS_HOME` (default `~/.firstwords`), holds models and run logs.

    home/models/NAME/{base,sft,rlhf-1,...}   a stage = a Hugging Face directory; `chat` is an imported one that answers
    home/models/NAME/promoted                the stage that NAME alone refers to (absent: the latest stage)
    home/models/NAME/promotions.jsonl        the stages promoted before (promotions.py)
    home/runs/NAME[/STAGE]                   metrics.jsonl, checkpoints and report.html of a run
    home/runs/NAME/job.json                  the process working on it, or how the last one ended
    home/trash/WHEN-NAME/                    models replaced or deleted, until `firstwords models empty-trash`
    home/work/{locks,moves,starting}         locks on models; unfinished renames; runs that are being prepared

A REF names a model: NAME (its promoted stage), NAME/STAGE, or the path of any Hugging Face directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from firstwords import promotions
from firstwords.config import UserError, nearest

ROOTS = ("base", "chat")  # stages that no other one was made from: trained from text, or imported
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def home() -> Path:
    """`$FIRSTWORDS_HOME`, or `~/.firstwords`; this does not create it."""
    return Path(os.environ.get("FIRSTWORDS_HOME") or "~/.firstwords").expanduser()


def models_dir() -> Path:
    """Folder for all trained models."""
    return home() / "models"


def model_dir(name: str) -> Path:
    """Folder of one model; raises UserError for a name that could leave the models folder."""
    return models_dir() / _checked(name, "model name")


def stage_dir(name: str, stage: str) -> Path:
    """Folder of one stage of one model, whether it exists or not: stage_dir("pip", "base")."""
    return model_dir(name) / _checked(stage, "stage name")


def run_dir(name: str, stage: str = "") -> Path:
    """Folder for run log, checkpoints and report of a model or one of its stages."""
    folder = home() / "runs" / _checked(name, "model name")
    return folder / _checked(stage, "stage name") if stage else folder


def trash_dir() -> Path:
    """Folder for what was replaced or deleted."""
    return home() / "trash"


def work_dir(purpose: str) -> Path:
    """Folder for files that exist only while a command runs: locks, moves, starting."""
    return home() / "work" / purpose


def starting_dir(name: str) -> Path:
    """Folder in which a new run of a model prepares before it replaces existing files."""
    return work_dir("starting") / _checked(name, "model name")


def is_model(path: Path) -> bool:
    """Whether a directory holds a complete Hugging Face model: a configuration and weights."""
    return (path / "config.json").is_file() and any((path / w).is_file() for w in WEIGHTS)


def models() -> list[str]:
    """Names of the models with at least one complete stage, newest first."""
    if not models_dir().is_dir():
        return []
    names = [p.name for p in models_dir().iterdir() if p.is_dir() and _NAME.fullmatch(p.name) and stages(p.name)]
    return sorted(names, key=lambda n: (-_trained_at(n), n))


def stages(name: str) -> list[str]:
    """Complete stages of a model in the order of training: base or chat, sft, rlhf-1, rlhf-2, ..., then any others."""
    folder = model_dir(name)
    if not folder.is_dir():
        return []
    found = (p for p in folder.iterdir() if p.is_dir() and _NAME.fullmatch(p.name) and is_model(p))
    return sorted((p.name for p in found), key=_stage_order)


def root(name: str) -> str:
    """The stage that the others are made from: base, or chat for an imported model that answers."""
    return next((stage for stage in ROOTS if stage in stages(name)), ROOTS[0])


def promoted(name: str) -> str:
    """The stage that NAME alone refers to. Raises UserError if there are no stages.

    This is the one set by set_promoted; if that is gone, the last one before it that still exists; if none was ever
    set, the latest.
    """
    present = stages(name)
    if not present:
        raise _no_model(name)
    try:
        chosen = (model_dir(name) / "promoted").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return present[-1]
    except (OSError, UnicodeDecodeError):  # damaged: use the history
        chosen = ""
    if chosen in present:
        return chosen
    before = [stage for stage in earlier(name, chosen or present[-1]) if stage in present]
    able = [stage for stage in present if promotions.can_chat(stage_dir(name, stage))]
    return next((stage for stage in reversed(before) if stage in able), (able or present)[0])


def earlier(name: str, current: str = "") -> list[str]:
    """The stages promoted before `current` (default: the promoted one), oldest first; some may no longer exist."""
    return promotions.earlier(model_dir(name), stages(name), current or promoted(name))


def set_promoted(name: str, stage: str, by: str = "promote", before: list[str] | None = None) -> None:
    """Promote this stage and record the previous one; nothing changes if it is already promoted.

    Each file is appended to or renamed into place, so that a crash leaves either the old or the new choice, with its
    history. by: the command. before: the history of this stage, if not the current one (see `promotions`).
    """
    if stage not in stages(name):
        raise no_stage(name, stage)
    current = promoted(name)
    if stage != current or before is not None:
        way = [*earlier(name, current), current] if before is None else before
        promotions.record(model_dir(name), stage, way, by)
    _pin(name, stage)


def pin_promoted(name: str) -> None:
    """Record the promoted stage, so that a stage added later is not promoted just for being the latest."""
    _pin(name, promoted(name))


def _pin(name: str, stage: str) -> None:
    aside = model_dir(name) / "promoted.new"
    aside.write_text(stage + "\n", encoding="utf-8")
    aside.replace(model_dir(name) / "promoted")


def resolve(ref: str) -> Path:
    """The model directory of a REF. Raises a UserError that suggests the nearest name if there is none."""
    ref = str(ref)
    name, _, stage = ref.strip("/").partition("/")
    if _NAME.fullmatch(name) and not ref.startswith(("/", ".", "~")) and stages(name):
        if not stage:
            return stage_dir(name, promoted(name))
        if stage in stages(name):
            return stage_dir(name, stage)
    path = Path(ref).expanduser()
    if is_model(path):
        return path
    if path.is_dir():
        missing = "config.json" if not (path / "config.json").is_file() else "model.safetensors"
        raise UserError(f"{ref} is not a model directory: it lacks {missing}")
    if _NAME.fullmatch(name) and _NAME.fullmatch(stage) and model_dir(name).is_dir():
        raise no_stage(name, stage)
    raise _no_model(ref)


def no_stage(name: str, stage: str) -> UserError:
    """The error for a stage that a model does not have, or that lacks files."""
    folder = stage_dir(name, stage)
    if folder.is_dir():
        return UserError(f"{missing_file(folder)} is missing: restore a copy of it, or train {name}/{stage} again")
    return UserError(f"{name} has no stage {stage}; it has {', '.join(stages(name)) or 'none'}")


def missing_file(folder: Path) -> Path:
    """The file whose absence keeps a folder from being a model (see `is_model`)."""
    return folder / (WEIGHTS[0] if (folder / "config.json").is_file() else "config.json")


def _no_model(ref: str) -> UserError:
    known = models()
    if not known:
        return UserError(f"there is no model {ref} in {models_dir()}; `firstwords learn` trains one")
    close = nearest(ref, known)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(known[:8])}"
    return UserError(f"there is no model {ref}; {hint}")


def _checked(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a valid {what}: use letters, digits, dots, hyphens and underscores")
    return name


def _stage_order(stage: str) -> tuple[int, int, str]:
    kind, _, number = stage.partition("-")
    rank = {"base": 0, "chat": 0, "sft": 1, "rlhf": 2}.get(kind, 3)
    return rank, int(number) if number.isdigit() else 0, stage


def _trained_at(name: str) -> float:
    return max((model_dir(name) / s / "config.json").stat().st_mtime for s in stages(name))
