"""Which version of a model comes next in stage three: sft, rlhf-1, rlhf-2, ..."""

from __future__ import annotations

from pathlib import Path

from firstwords import home
from firstwords.config import UserError


def sft_dir(name: str) -> Path:
    """The fine-tuned model that preferences are about. Raises UserError where there is none."""
    directory = home.stage_dir(name, "sft")
    if not home.is_model(directory):
        raise UserError(f"there is no model {name}/sft: make it first with firstwords finetune {name}")
    return directory


def next_stage(name: str) -> str:
    """rlhf-N after the last one there is."""
    numbers = [int(s.removeprefix("rlhf-")) for s in home.stages(name) if s.removeprefix("rlhf-").isdecimal()]
    return f"rlhf-{max(numbers, default=0) + 1}"


def unfinished(name: str) -> str:
    """The stage whose run was interrupted. Raises UserError when there is none."""
    stage = next_stage(name)
    if not (home.run_dir(name, stage) / "config.json").exists():
        raise UserError(f"there is no run of {name} to resume: start `firstwords align {name}` without --resume")
    return stage
