"""Where `torch.compile` can work, and what is compiled once for all models."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable
from typing import Any

import torch


def can_compile(device: str) -> bool:
    """Whether torch.compile can work here: for a CPU it needs a C++ compiler, for a GPU Triton and a C compiler."""
    if device == "cpu":
        return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++")))
    compilers = (os.environ.get("CC") or "cc", "gcc", "clang")
    return importlib.util.find_spec("triton") is not None and any(map(shutil.which, compilers))


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of GPU tensors, compiled where that can work, else as it is. `--compile no` holds for it too."""
    return torch.compile(function, dynamic=False) if can_compile("cuda") else function
