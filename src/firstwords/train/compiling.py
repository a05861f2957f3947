"""Whether `torch.compile` can work here, and functions that are compiled once for all models."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import torch

from firstwords.train.distributed.sharding import is_divided

COMPILE_SECONDS = 400.0  # of training on a CPU, which saves twice the half minute that compiling takes
COMPILE_STEPS = 100  # of a run with --steps on a GPU, whose first step compiles for 20 seconds or more


def can_compile(device: str) -> bool:
    """Whether torch.compile can work here: for a CPU it needs a C++ compiler, for a GPU Triton and a C compiler."""
    if device == "cpu":
        return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++")))
    compilers = (os.environ.get("CC") or "cc", "gcc", "clang")
    return importlib.util.find_spec("triton") is not None and any(map(shutil.which, compilers))


def pays(device: str, seconds: float, steps: int = 0) -> bool:
    """Whether compiling saves more time than it takes in a run of `seconds` or `steps` (0: limited by time, which
    always includes compiling on a GPU).
    """
    if device == "cpu":
        return seconds >= COMPILE_SECONDS
    return not steps or steps >= COMPILE_STEPS


def compile_for(function: Callable[..., Any], device: str) -> Callable[..., Any]:
    """Compile a training function. On a CPU, a change of the number of threads does not recompile it."""
    options: dict[str, str | int | bool | Callable[..., Any]] | None = None
    if device == "cpu":
        options = {"cpp.dynamic_threads": True, "guard_filter_fn": _all_but_threads}
    return torch.compile(function, dynamic=False, options=options)


def compile_model(model: Any, device: str) -> None:
    """Compile a model's `hidden`, or block by block if it is divided among processes: blocks are gathered in turn."""
    if is_divided(model):
        for block in model.model.layers:
            block.compile(dynamic=False)
    else:
        model.hidden = compile_for(model.hidden, device)  # of this one model


def _all_but_threads(guards: Sequence[Any]) -> list[bool]:
    """Drop GLOBAL_STATE: it holds the number of threads and settings that no training process changes."""
    return [guard.guard_type != "GLOBAL_STATE" for guard in guards]


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of GPU tensors, compiled if possible. `--compile no` applies to it too."""
    return torch.compile(function, dynamic=False) if can_compile("cuda") else function
