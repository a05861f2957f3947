"""Divide a model among the processes with FSDP2, and put it together again.

    model = shard(model, device, precision)      # one process: the model itself
    with whole(model) as plain: ...              # the main process: all weights; the others: None
    model = gathered(model)                      # the main process: all weights; the others leave the stage

Every block is gathered when it computes and freed afterwards (`fully_shard`: Zhao et al. 2023); embedding, last norm
and head stay gathered during a step. Gradients are summed, not averaged, because losses are divided by the global
number of supervised tokens. FIRSTWORDS_REPLICAS copies of the model each share the remaining processes (default: 1).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.train.distributed import processes

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh  # torch.distributed takes a second to import: only if needed

M = TypeVar("M", bound=Transformer)
REPLICAS = "FIRSTWORDS_REPLICAS"
COPIED = "_copied"  # attribute of a model that every process holds whole
PLAIN = "_plain"  # attribute of a divided model: (class, configuration), to put it together again


def new_model(config: ModelConfig, seed: int) -> Transformer:
    """A new model, equal for any number of processes: the main one initialises it, and `shard` hands out its weights.

    The others have it on PyTorch's meta device, without memory, until `shard` gives them their parts.
    """
    if not processes.is_main():
        with torch.device("meta"):
            return Transformer(config)
    model = Transformer(config)
    model.init_weights(seed)
    return model


def shard(model: M, device: str, precision: str = "fp32") -> M:
    """Divide a model, the main process's, among all processes; one process gets it back unchanged."""
    if processes.size() == 1:
        return model
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

    from firstwords.train.distributed.following import invite

    invite()
    kind, config = type(model), model.config
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    mesh = mesh_of(device)
    policy = MixedPrecisionPolicy()
    if precision == "bf16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in model.model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    register_fsdp_forward_method(model, "hidden")  # what losses call instead of `forward`
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    if any(parameter.is_meta for parameter in model.parameters()):
        model.to_empty(device=device)
        model.fill_tables()
    _hand_out(model, weights)
    model.__dict__[PLAIN] = (kind, config)
    return model


def copied(model: M, stage: tuple[str, Any]) -> M:
    """Give every process a whole copy of the main process's model, for policies, which sample between their updates.

    stage: (module, flags) of what the others are invited to. One process gets its model back unchanged.
    """
    if processes.size() == 1:
        return model
    from firstwords.train.distributed.following import invite

    invite(stage)
    with torch.no_grad():
        for parameter in model.parameters():
            dist.broadcast(parameter, src=0)
    model.__dict__[COPIED] = True
    return model


def mesh_of(device: str) -> DeviceMesh:
    """All processes as replicas x shards. Raises UserError if they cannot be divided so."""
    from torch.distributed.device_mesh import init_device_mesh

    count, replicas = processes.size(), os.environ.get(REPLICAS, "1")
    if not replicas.isdecimal() or int(replicas) < 1 or count % int(replicas):
        raise UserError(f"{REPLICAS} is {replicas}, but it must divide the number of processes, which is {count}")
    shape = (int(replicas), count // int(replicas))
    return init_device_mesh(device, shape, mesh_dim_names=("replicate", "shard"))


@torch.no_grad()
def _hand_out(model: Transformer, weights: dict[str, Tensor]) -> None:
    """Give every process its part of the main process's weights, one parameter at a time."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    for name, parameter in model.named_parameters():
        assert isinstance(parameter, DTensor)
        whole = torch.empty(parameter.shape, dtype=parameter.dtype, device=parameter.device)
        if processes.is_main():
            whole.copy_(weights[name])
        dist.broadcast(whole, src=0)
        parameter.copy_(distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None))


def local(tensor: Tensor) -> Tensor:
    """This process's part of a divided tensor, in place; any other tensor itself."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def undivided(tensor: Tensor) -> Tensor:
    """All of a divided tensor, on every process; any other tensor itself."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


@torch.no_grad()
def _put_together(model: nn.Module) -> Transformer | None:
    """A plain model with all weights on the main process, None on the others."""
    kind, config = model.__dict__[PLAIN]
    plain: Transformer | None = None
    for name, parameter in model.named_parameters():
        whole = undivided(parameter)
        if processes.is_main():
            if plain is None:
                plain = kind(config).to(whole.device)
                own = dict(plain.named_parameters())
            own[name].copy_(whole)
    if plain is not None:
        plain.compute_dtype = model.compute_dtype  # type: ignore[assignment]
    return plain


@contextmanager
def whole(model: M) -> Iterator[M | None]:
    """The model with all its weights on the main process, to sample and measure with, None on the others."""
    yield _put_together(model) if is_divided(model) else model  # type: ignore[misc]


def gathered(model: M) -> M:
    """The model with all its weights, on the main process, at the end of training; the others raise StageDone."""
    if vars(model).pop(COPIED, False) and not processes.is_main():
        raise processes.StageDone
    if not is_divided(model):
        return model
    plain = _put_together(model)
    if plain is None:
        raise processes.StageDone
    return plain  # type: ignore[return-value]


# ---- the work of a step ----------------------------------------------------------------------------------------------


def micro_rows(rows: int, batch_rows: int) -> int:
    """Rows per micro-batch: as given, or fewer so that every process gets some of the batch."""
    return max(1, min(rows, math.ceil(batch_rows / processes.size())))


B = TypeVar("B")


def is_divided(model: object) -> bool:
    """Whether each of several processes holds a part of this model."""
    return PLAIN in vars(model)


def is_shared(model: object) -> bool:
    """Whether several processes train this model together, each with a part of it or with a copy."""
    return is_divided(model) or COPIED in vars(model)


def set_aside(model: nn.Module) -> list[Tensor | None]:
    """The gradients so far of a model that every process holds whole: they are already sums over the processes."""
    if COPIED not in vars(model):
        return []
    kept = [parameter.grad for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    return kept


def add_gradients(model: nn.Module, earlier: list[Tensor | None]) -> None:
    """Sum the gradients of a model that every process holds whole over the processes, and add the earlier ones."""
    for parameter, kept in zip(model.parameters(), earlier, strict=False):
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
        if kept is not None:
            parameter.grad = kept if parameter.grad is None else parameter.grad.add_(kept)


def own_share(model: object, batches: Sequence[B]) -> list[tuple[B, float]]:
    """This process's micro-batches with weight 1. Every process computes equally many, because gathering blocks takes
    all of them: one that has too few computes another's with weight 0.
    """
    if not is_shared(model):
        return [(batch, 1.0) for batch in batches]
    count = processes.size()
    own = [(batch, 1.0) for batch in batches[processes.rank() :: count]]
    return own + [(batches[0], 0.0)] * (math.ceil(len(batches) / count) - len(own))


def sync_gradients(model: Any, is_last: bool) -> None:
    """Exchange gradients in the next backward pass only if it is the step's last one."""
    if is_divided(model):
        model.set_requires_gradient_sync(is_last)
