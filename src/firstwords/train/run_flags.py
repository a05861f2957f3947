"""The flags that training runs share, and the checks of their values.

    @dataclass
    class Finetune(PlannedFlags, StageFlags): ...

A run adds its own fields. One that it declares again has another default, and its own help text if it has a docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firstwords.config import Settings, UserError, flag_of
from firstwords.flags import Positional

WORDS = {  # the flags that take one of a few words
    "device": ("auto", "cpu", "cuda"),
    "precision": ("auto", "fp32", "bf16"),
    "compile": ("auto", "yes", "no"),
    "dedup": ("none", "exact", "near"),
    "optimizer": ("muon", "adamw"),
    "town": ("auto", "small", "whole"),
    "writers": ("careful", "mixed"),
}


@dataclass
class RunFlags(Settings):
    """The flags of every training run: `learn`, `align` and each stage."""

    name: Positional[str] = ""
    """Name of the model (default: the newest model)."""
    resume: bool = False
    """Continue the interrupted run of that name, with the flags it was started with."""
    seed: int = 0
    """Seed for everything random: initial weights, order of the data, samples."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 0
    """CPU threads (0 = one per core, fewer while other programs need them)."""
    no_trace: bool = False
    """Leave out the index of the training tokens that `firstwords trace` searches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_words(self, "device")
        check_counts(self, "seed", "threads")


@dataclass
class StageFlags(RunFlags):
    """The flags of every stage."""

    steps: int = 0
    """Number of training steps (0 = use --minutes); makes a run exactly repeatable."""
    learning_rate: float = 1.0
    """Multiplier for the learning rates."""
    save_every_steps: int = 0
    """Steps between checkpoints (0 = save once a minute)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts(self, "steps", "save_every_steps")
        check_rate(self)


@dataclass
class PlannedFlags(RunFlags):
    """The flags of the runs that the planner fits into a time budget and a machine: stages one and two, and `learn`."""

    minutes: float = 10.0
    """Time budget for the whole command, including reading the data and saving the model."""
    replace: bool = False
    """Train a finished model again from scratch; the old one, with all its stages, goes to the trash."""
    precision: str = "auto"
    """fp32, bf16 or auto (whichever is faster on this machine)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minutes(self)
        check_words(self, "precision")
        if self.resume and self.replace:
            raise UserError("--resume and --replace contradict each other: give one of them")


# ---- checks of one flag, each of which raises a UserError that names it ----------------------------------------------


def check_words(config: Any, *fields: str) -> None:
    """Refuse a word that is not in WORDS."""
    for field in fields:
        if (value := getattr(config, field)) not in WORDS[field]:
            raise UserError(f"{flag_of(field)} is {value}, but it must be one of {', '.join(WORDS[field])}")


def check_counts(config: Any, *fields: str) -> None:
    """Refuse negative numbers."""
    for field in fields:
        if (value := getattr(config, field)) < 0:
            raise UserError(f"{flag_of(field)} is {value}, but it must be 0 or more")


def check_minutes(config: Any) -> None:
    """Refuse a time budget that is not a positive number."""
    if not 0 < config.minutes < float("inf"):
        raise UserError(f"--minutes is {config.minutes:g}, but it must be above 0, such as 10")


def check_rate(config: Any) -> None:
    """Refuse a multiplier of the learning rates that is not a positive number."""
    if not 0 < config.learning_rate < float("inf"):
        raise UserError(
            f"--learning-rate is {config.learning_rate:g}, but it must be above 0: 1 is the planner's own rate"
        )


def check_sources(config: Any, *fields: str) -> None:
    """Refuse a list in which something follows the built-in world, which has no end."""
    for field in fields:
        if "world" in getattr(config, field)[:-1]:
            raise UserError(f"{flag_of(field)} lists something after world, which has no end: put world last")
