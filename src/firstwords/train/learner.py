"""The operations that all stages share: `forward_backward`, `optim_step`, and state to save. Each stage has its loop.

learner = Learner(model, OptimConfig(...))
metrics = learner.forward_backward(micro_batches, next_token_loss)
metrics |= learner.optim_step(lr_fraction)
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.data.packing import IGNORED
from firstwords.model.transformer import Transformer
from firstwords.plan.budget import Plan
from firstwords.plan.threads import ALL, ThreadWatch, fastest
from firstwords.train.compiling import can_compile, compile_model, pays
from firstwords.train.distributed import processes
from firstwords.train.distributed.sharding import (
    add_gradients,
    gathered,
    is_shared,
    own_share,
    set_aside,
    sync_gradients,
    undivided,
)
from firstwords.train.optim import Muon, split_parameters

M = TypeVar("M", bound=Transformer)
LossFn = Callable[[M, dict[str, Tensor]], Tensor]
MAX_SKIPPED_IN_A_ROW = 8  # non-finite steps before a run stops: one is bad luck, eight mean a wrong learning rate


class StepAbandonedError(Exception):
    """Training was asked to stop between two micro-batches: the unfinished step is discarded."""


def never() -> bool:
    """The default `should_stop`: never stop."""
    return False


@dataclass(frozen=True)
class OptimConfig:
    """Peak learning rates and other optimizer settings; the schedule scales all rates by the same fraction."""

    optimizer: str = "muon"
    """muon (matrices by Muon, the rest by AdamW) or adamw (everything)."""
    matrix_lr: float = 0.02
    """Peak rate of the blocks' matrices."""
    table_lr: float = 0.01
    """Peak rate of embeddings and head."""
    vector_lr: float = 0.01
    """Peak rate of norms and biases."""
    beta1: float = 0.9
    beta2: float = 0.98
    momentum: float = 0.95
    balance_beta: float = 0.0
    """Decay of NorMuon's running mean per row of an update; 0 is plain Muon."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Maximum gradient norm for AdamW's parameters (Muon's step does not depend on it); 0 disables clipping."""


def optim_config(chosen: Plan) -> OptimConfig:
    """The rates that a plan chose."""
    return OptimConfig(
        optimizer=chosen.optimizer,
        matrix_lr=chosen.matrix_lr,
        table_lr=chosen.table_lr,
        vector_lr=chosen.vector_lr,
        weight_decay=chosen.weight_decay,
        momentum=chosen.momentum,
        beta2=chosen.beta2,
    )


def adamw_config(rate: float) -> OptimConfig:
    """AdamW with one rate for everything, used by stage three with its noisy gradients."""
    return OptimConfig(optimizer="adamw", matrix_lr=rate, table_lr=rate, vector_lr=rate)


class Learner(Generic[M]):
    """A model, its optimizers and the number of steps skipped because of non-finite values."""

    def __init__(self, model: M, optim: OptimConfig, device: str | torch.device = "cpu") -> None:
        self.model, self.optim, self.device = model, optim, torch.device(device)
        self.optimizers = build_optimizers(model, optim)
        self.clipped = [
            p
            for optimizer in self.optimizers
            if not isinstance(optimizer, Muon)
            for group in optimizer.param_groups
            for p in group["params"]
        ]
        self.num_skipped = 0
        self.num_updates = 0
        self.should_stop: Callable[[], bool] = never  # called between micro-batches; a `Run` replaces it
        self.own_seconds = 0.0  # of the last forward_backward, until its results were shared with other processes
        self._skipped_in_a_row = 0
        self._finite = True
        self._broken: list[int] = []  # processes whose part of the last loss was not finite

    @property
    def is_shared(self) -> bool:
        """Whether several processes train the model together, each of them with a learner."""
        return is_shared(self.model)

    def forward_backward(
        self, batches: Iterable[dict[str, np.ndarray]], loss_fn: LossFn[M], divisor: int | None = None
    ) -> dict[str, float]:
        """Add the gradient of the summed loss of all micro-batches, divided by `divisor`.

        divisor: the number of units that the loss is averaged over, counted over *all* micro-batches, so that k of them
        equal one large batch: answers or pairs in stage three; by default the supervised tokens in `targets`.
        Several processes share the micro-batches, which all of them are given.
        A batch is a dict of arrays that `loss_fn` reads: inputs (B, T), targets (B, T), and for packed rows positions
        and segments. Returns loss (the mean), tokens (the divisor) and processed (all positions computed). Raises
        StepAbandonedError if `should_stop`.
        """
        batches = list(batches)
        if divisor is None:
            divisor = sum(int((batch["targets"] != IGNORED).sum()) for batch in batches)
        total, own, earlier = 0.0, own_share(self.model, batches), set_aside(self.model)
        started = time.perf_counter()
        processes.arrive()
        for number, (arrays, weight) in enumerate(own, start=1):
            self.check_stop()
            tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
            batch = {key: value.to(self.device, non_blocking=True) for key, value in tensors.items()}
            sync_gradients(self.model, is_last=number == len(own))
            loss = loss_fn(self.model, batch) * (weight / max(1, divisor))
            loss.backward()
            total += float(loss.detach())
        add_gradients(self.model, earlier)
        self.own_seconds = time.perf_counter() - started
        if self.is_shared:
            totals = processes.table([total])[:, 0]
            self._broken = [rank for rank, each in enumerate(totals.tolist()) if not math.isfinite(each)]
            total = float(totals.sum())  # the same on every process to the last bit
        self._finite = self._finite and math.isfinite(total)
        processed = sum(batch["inputs"].size for batch in batches)
        return {"loss": total, "tokens": divisor, "processed": processed}

    def optim_step(self, lr_fraction: float) -> dict[str, float]:
        """One update at this fraction of the peak rates; a step with a non-finite loss or gradient is skipped.

        Raises UserError with advice after MAX_SKIPPED_IN_A_ROW skipped steps in a row, and StepAbandonedError if
        `should_stop`.
        """
        self.check_stop()
        norm = gradient_norm([p.grad for p in self.model.parameters()])
        skipped = not (self._finite and bool(torch.isfinite(norm)))
        if not skipped:
            self.num_updates += 1
            if self.optim.clip and self.clipped:
                torch.nn.utils.clip_grad_norm_(self.clipped, self.optim.clip)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["peak_lr"] * lr_fraction
                optimizer.step()
        self.drop_gradients()
        self._count_skip(skipped)
        return {"grad_norm": float(norm), "skipped": self.num_skipped}

    def check_stop(self) -> None:
        """Raise StepAbandonedError if training should stop before the end of the step."""
        if self.should_stop():
            raise StepAbandonedError

    def drop_gradients(self) -> None:
        """Discard the gradients accumulated since the last update."""
        self._finite = True
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _count_skip(self, skipped: bool) -> None:
        self.num_skipped += skipped
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            where = ""
            if 0 < len(self._broken) < processes.size():  # not the rate's fault: perhaps a broken GPU
                where = f" of process {', '.join(map(str, self._broken))}"
            raise UserError(
                f"the loss{where} was not a finite number for {MAX_SKIPPED_IN_A_ROW} steps in a row, so training "
                "stopped: start again with a smaller learning rate (pretrain and finetune take --learning-rate 0.5)"
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, apart from the schedule and the data cursor."""
        return {
            "model": {name: p for name, p in self.model.named_parameters() if p.requires_grad},
            "optimizers": self._optimizer_state(),
            "num_skipped": self.num_skipped,
        }

    def _optimizer_state(self) -> dict[str, dict[str, Tensor]]:
        """Optimizer tensors by parameter name, so that a checkpoint does not depend on their order."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.model.named_parameters()}
        return {
            names[parameter]: dict(state)
            for optimizer in self.optimizers
            for parameter, state in optimizer.state.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore everything in place. Inverse of `state_dict`."""
        parameters = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, tensor in state["model"].items():
                parameters[name].copy_(tensor)
        owner = {p: optimizer for optimizer in self.optimizers for g in optimizer.param_groups for p in g["params"]}
        for optimizer in self.optimizers:
            optimizer.state.clear()
        for name, tensors in state["optimizers"].items():
            parameter = parameters[name]
            owner[parameter].state[parameter] = {key: value.clone() for key, value in tensors.items()}
        self.num_skipped = state["num_skipped"]


def gradient_norm(gradients: Iterable[Tensor | None]) -> Tensor:
    """The norm of all gradients together; None for a parameter without one."""
    return undivided(torch.nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None]))


def build_optimizers(model: Transformer, optim: OptimConfig) -> list[torch.optim.Optimizer]:
    """Muon and AdamW, or AdamW alone, each group with its `peak_lr`. Raises UserError for any other optimizer."""
    if optim.optimizer not in ("muon", "adamw"):
        raise UserError(f"unknown optimizer {optim.optimizer}: use muon or adamw")
    matrices, tables, vectors = split_parameters(model)
    groups = [(tables, optim.table_lr, optim.weight_decay), (vectors, optim.vector_lr, 0.0)]
    optimizers: list[torch.optim.Optimizer] = []
    if optim.optimizer == "muon":
        rates = (optim.matrix_lr, optim.momentum, optim.weight_decay)
        optimizers.append(Muon(matrices, *rates, model.compute_dtype, optim.balance_beta))
    else:
        groups.insert(0, (matrices, optim.matrix_lr, optim.weight_decay))
    adamw_groups = [{"params": p, "lr": lr, "weight_decay": wd} for p, lr, wd in groups if p]
    optimizers.append(torch.optim.AdamW(adamw_groups, betas=(optim.beta1, optim.beta2), eps=1e-10, fused=True))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def place(
    model: Transformer, device: str, precision: str, compile: str = "auto", seconds: float = 0.0, steps: int = 0
) -> Transformer:
    """Move a model to its training device: master weights stay fp32, computation runs in `precision`.

    compile auto compiles if there is a compiler and it pays (see `compiling.pays`): on GPUs, and on CPUs for a long
    enough run, given as `seconds` or, for a run with --steps, as `steps`. What cannot be compiled then runs eagerly.
    """
    model.to(device)
    model.compute_dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    torch.compiler.set_stance("force_eager" if compile == "no" else "default")
    if compile == "yes" or (compile == "auto" and pays(device, seconds, steps) and can_compile(device)):
        torch._dynamo.config.suppress_errors = compile == "auto"
        compile_model(model, device)
    return model


@contextmanager
def uncompiled(model: Transformer) -> Iterator[None]:
    """For samples and evaluations during training: each of their many shapes would be compiled again."""
    compiled = model.__dict__.pop("hidden", None)
    try:
        yield
    finally:
        if compiled is not None:
            model.hidden = compiled  # type: ignore[method-assign]


def unplace(model: Transformer) -> Transformer:
    """Undo compiling, division among processes and, on a CPU, reduced precision, to evaluate and save the model.

    Only the main process returns; the others leave the stage here.
    """
    model = gathered(model)
    if model.__dict__.pop("hidden", None) is not None:
        torch.compiler.reset()  # compiled code counts against a limit that the next model needs
    if model.rope_cos.device.type == "cpu":
        model.compute_dtype = torch.float32
    return model


def prepare_process(threads: int = 0, steps: int = 0) -> ThreadWatch | None:
    """Configure a training process: threads, no denormals, no garbage-collector pauses in the loop.

    threads 0: as many as are free now, and the watch that adapts their number. A run with a number of `steps` is
    exactly repeatable: it keeps one thread per core.
    """
    threads = threads or processes.threads()
    torch.set_flush_denormal(True)
    gc.collect()
    gc.freeze()
    if threads or steps:
        torch.set_num_threads(threads or ALL)
        return None
    fastest()
    return ThreadWatch()
