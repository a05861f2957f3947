"""Measure how fast this machine trains: a few real steps at three widths, done once and stored in home.

Takes 5-15 seconds on two cores. The result is keyed by processor, threads, torch version and requested precision.
"""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from firstwords.config import UserError
from firstwords.home import home
from firstwords.model.transformer import Transformer
from firstwords.plan.budget import Machine, Shape
from firstwords.plan.new_model import model_config
from firstwords.process import cpu_flags, return_memory
from firstwords.runlog import read_json, write_json
from firstwords.train.distributed import processes
from firstwords.train.learner import Learner, OptimConfig, place, unplace
from firstwords.train.losses import next_token_loss

CPU_WIDTHS = (64, 128, 256)
GPU_WIDTHS = (256, 768, 1536)
PROBE_SECONDS = 1.5  # per width and precision
GIVEN = "FIRSTWORDS_MACHINE"  # JSON of a Machine: plan for another machine, or repeat a plan exactly
GPU_STARTUP_SECONDS = 20.0  # until a compiled model of 6 to 12 layers has done its second step (docs/LOG.md)
TEAM_EFFICIENCY = 0.9  # of several processes, compared with as many that need not exchange anything
BF16_WORTH = 1.05  # bf16 costs 0.001 bits per byte (docs/LOG.md), so nearly any gain in speed is worth it


def usable_device(device: str = "auto") -> str:
    """cpu or cuda. Raises UserError if a GPU is requested and torch sees none."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise UserError(f"--device is {device}, but torch sees no GPU: run `firstwords doctor` for details")
    return device


def machine(device: str = "auto", precision: str = "auto", refresh: bool = False) -> Machine:
    """The measured Machine, read from home/machine.json if already measured with the same processor and torch."""
    device = usable_device(device)
    if given := os.environ.get(GIVEN):
        known = _given(given)
        return known if precision == "auto" else replace(known, precision=precision)
    if not refresh and (data := _read().get(_key(device, precision))):
        with suppress(ValueError, TypeError, KeyError, AttributeError):  # damaged: measured again
            return _machine(data)
    measured = measure(device, precision)
    _remember(_key(device, precision), measured)
    return measured


def of_team(known: Machine, steps: int = 0) -> Machine:
    """The machine with the speed of all processes that train together, for the planner.

    A run with a number of steps is planned as for one process: it trains the same model on any number of them.
    """
    count = 1 if steps else processes.size()
    factor = 1.0 if count == 1 else count * TEAM_EFFICIENCY
    return replace(known, training_gflops={width: speed * factor for width, speed in known.training_gflops.items()})


def _given(text: str) -> Machine:
    try:
        known = _machine(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{GIVEN} is not valid machine JSON ({error}): fix it or unset it") from None
    return replace(known, device=usable_device(known.device))


def _machine(data: dict[str, Any]) -> Machine:
    """A Machine from JSON, whose keys are strings and may be from another version."""
    names = {f.name for f in fields(Machine)}
    speeds = {int(width): float(speed) for width, speed in data["training_gflops"].items()}
    return Machine(**({key: value for key, value in data.items() if key in names} | {"training_gflops": speeds}))


def learn_speed(known: Machine, precision: str, hidden_size: int, gflops: float) -> None:
    """Correct the stored speeds with a real run's: the machine may have been busy when it was measured."""
    if os.environ.get(GIVEN) or processes.size() > 1:  # the plan was not for one process on this machine
        return
    ratio = (1 + gflops / known.gflops_at(hidden_size)) / 2  # half-way, so that one unusual run does not dominate
    speeds = {width: round(speed * ratio, 1) for width, speed in known.training_gflops.items()}
    _remember(_key(known.device, precision), replace(known, training_gflops=speeds))


def _key(device: str, precision: str) -> str:
    return f"{_processor(device)} | {torch.get_num_threads()} threads | torch {torch.__version__} | {precision}"


def _remember(key: str, measured: Machine) -> None:
    with suppress(OSError):  # an unwritable home is reported where it matters; measuring again costs seconds
        write_json(home() / "machine.json", _read() | {key: asdict(measured)})


def measure(device: str, precision: str = "auto") -> Machine:
    """Time matrix products and whole training steps. precision auto uses bf16 on GPUs, and on CPUs if faster."""
    widths = CPU_WIDTHS if device == "cpu" else GPU_WIDTHS
    if precision == "auto":
        precision = _choose_precision(device)
    speeds = {width: training_gflops(_probe_shape(width), device, precision) for width in widths}
    return_memory()
    return Machine(
        device=device,
        name=_processor(device),
        num_threads=torch.get_num_threads(),
        precision=precision,
        training_gflops={width: round(speed, 1) for width, speed in speeds.items()},
        startup_seconds=0.0 if device == "cpu" else GPU_STARTUP_SECONDS,
        gemm_gflops=round(gemm_gflops(device, torch.bfloat16 if precision == "bf16" else torch.float32), 1),
    )


def _choose_precision(device: str) -> str:
    if device != "cpu":
        return "bf16"
    if not _has_native_bf16():
        return "fp32"
    shape = _probe_shape(128)
    best = {"fp32": 0.0, "bf16": 0.0}
    for precision in ("fp32", "bf16") * 3:  # alternating, so that a busy moment does not decide
        best[precision] = max(best[precision], training_gflops(shape, device, precision, PROBE_SECONDS / 2))
    return "bf16" if best["bf16"] >= BF16_WORTH * best["fp32"] else "fp32"


def _has_native_bf16() -> bool:
    return not cpu_flags().isdisjoint(("avx512_bf16", "amx_bf16"))


def _probe_shape(width: int) -> Shape:
    return Shape(width, 3, 1024, 256) if width <= 256 else Shape(width, 2, 16384, 1024)


def training_gflops(shape: Shape, device: str, precision: str, seconds: float = PROBE_SECONDS) -> float:
    """GFLOP/s of whole steps (forward, backward, optimizer) at a shape, the best of those within `seconds`."""
    model = Transformer(model_config(shape))
    model.init_weights(0)
    place(model, device, precision)
    learner = Learner(model, OptimConfig(), device)
    rows = (5120 if device == "cpu" else 32768) // shape.context
    ids = np.random.default_rng(0).integers(0, shape.vocab_size, (rows, shape.context + 1))
    batch = {"inputs": np.ascontiguousarray(ids[:, :-1]), "targets": np.ascontiguousarray(ids[:, 1:])}
    if device != "cpu":  # the first step compiles, which takes far longer than the steps measured
        learner.forward_backward([batch], next_token_loss)
        learner.optim_step(0.1)
    best, started = float("inf"), time.perf_counter()
    while best == float("inf") or time.perf_counter() - started < seconds:
        begin = time.perf_counter()
        learner.forward_backward([batch], next_token_loss)
        learner.optim_step(0.1)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begin)
    unplace(model)
    return rows * shape.context * shape.flops_per_token / best / 1e9


def gemm_gflops(device: str, dtype: torch.dtype, size: int = 2048, seconds: float = 0.4) -> float:
    """Peak GFLOP/s of square matrix products."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best, started = float("inf"), time.perf_counter()
    while time.perf_counter() - started < seconds or best == float("inf"):
        begin = time.perf_counter()
        product = a @ b
        if device != "cpu":
            product[0, 0].item()
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best / 1e9


def _processor(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} ({os.cpu_count()} cores)"
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _read() -> dict[str, Any]:
    return read_json(home() / "machine.json") or {}
