"""Where `torch.compile` can work, and what is compiled once for all models."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import torch

COMPILE_SECONDS = 400.0  # of training, by which a CPU has earned back twice the half minute that compiling takes
COMPILE_STEPS = 100  # of a run of --steps on a GPU, whose first step compiles for 20 seconds and more


def can_compile(device: str) -> bool:
    """Whether torch.compile can work here: for a CPU it needs a C++ compiler, for a GPU Triton and a C compiler."""
    if device == "cpu":
        return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++")))
    compilers = (os.environ.get("CC") or "cc", "gcc", "clang")
    return importlib.util.find_spec("triton") is not None and any(map(shutil.which, compilers))


def pays(device: str, seconds: float, steps: int = 0) -> bool:
    """Whether a run earns back the time that compiling takes: one of so many seconds, or of so many `steps` (0: by the
    clock, which reckons with it on a GPU).
    """
    if device == "cpu":
        return seconds >= COMPILE_SECONDS
    return not steps or steps >= COMPILE_STEPS


def compile_for(function: Callable[..., Any], device: str) -> Callable[..., Any]:
    """Compile what trains. On a CPU the code goes on with another number of threads, instead of being compiled anew."""
    options: dict[str, str | int | bool | Callable[..., Any]] | None = None
    if device == "cpu":
        options = {"cpp.dynamic_threads": True, "guard_filter_fn": _all_but_threads}
    return torch.compile(function, dynamic=False, options=options)


def _all_but_threads(guards: Sequence[Any]) -> list[bool]:
    """GLOBAL_STATE holds the number of threads, and beside it what no training process changes."""
    return [guard.guard_type != "GLOBAL_STATE" for guard in guards]


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of GPU tensors, compiled where that can work, else as it is. `--compile no` holds for it too."""
    return torch.compile(function, dynamic=False) if can_compile("cuda") else function
