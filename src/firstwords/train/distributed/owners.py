"""Matrices that are divided among processes, each computed whole by one owner, in turn.

Muon's step needs a matrix as a whole. Instead of gathering every matrix on every process, as many matrices as there are
processes are exchanged at a time: process 0 gets the first of them whole, process 1 the second, and so on; then each
returns the parts of its result. Every process thus computes its share of the matrices.

Axes: M rows, N columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

Compute = Callable[[Tensor, list[Tensor]], Tensor]


def rows_of(num_rows: int, count: int) -> list[int]:
    """Rows of each process, as DTensor divides them: rows_of(5, 3) == [2, 2, 1]."""
    each = math.ceil(num_rows / count)
    return [max(0, min(each, num_rows - part * each)) for part in range(count)]


def by_owners(
    parts: Sequence[Tensor], shape: torch.Size, mesh: DeviceMesh, compute: Compute, state: Sequence[Tensor], first: int
) -> list[Tensor]:
    """`compute(matrix_1MN, [state])` of each matrix by its owner; returns this process's rows of the results, fp32.

    parts: this process's rows of each matrix. state: a tensor per matrix, the same on every process, which `compute`
    may change in place; the change is shared. first: number of the first matrix, so that owners take turns.
    """
    group = mesh.get_group("shard")
    count = group.size()
    found: list[Tensor] = []
    for start in range(0, len(parts), count):
        some = slice(start, start + count)
        found += _exchange(parts[some], shape, group, compute, state[some], first + start)
    return found


def _exchange(
    parts: Sequence[Tensor],
    shape: torch.Size,
    group: dist.ProcessGroup,
    compute: Compute,
    state: Sequence[Tensor],
    first: int,
) -> list[Tensor]:
    """At most one matrix per process: parts to the owners, results back."""
    count, me, (_, N) = group.size(), group.rank(), shape
    rows = rows_of(shape[0], count)
    owners = [(first + number) % count for number in range(len(parts))]
    by_process = sorted(range(len(parts)), key=lambda number: owners[number])  # the order in which they are sent
    mine = owners.index(me) if me in owners else None
    own_sizes = [rows[me] * N if process in owners else 0 for process in range(count)]
    all_sizes = [r * N if mine is not None else 0 for r in rows]
    sent = torch.cat([parts[number].reshape(-1) for number in by_process])
    matrix = sent.new_empty(sum(all_sizes))
    dist.all_to_all_single(matrix, sent, all_sizes, own_sizes, group=group)

    extra = [tensor.numel() for tensor in state]
    back = matrix.new_empty(0, dtype=torch.float32)
    if mine is not None:
        update = compute(matrix.view(1, *shape), [state[mine]])[0].float()
        pieces = [piece for part in update.split(rows) for piece in (part.reshape(-1), state[mine].reshape(-1))]
        back = torch.cat(pieces)
    back_sizes = [r * N + extra[mine] if mine is not None else 0 for r in rows]
    sizes = [0] * count
    for number, owner in enumerate(owners):
        sizes[owner] = rows[me] * N + extra[number]
    result = torch.empty(sum(sizes), dtype=torch.float32, device=sent.device)
    dist.all_to_all_single(result, back, sizes, back_sizes, group=group)
    pieces, found = result.split(sizes), []
    for number, owner in enumerate(owners):
        update, changed = pieces[owner].split([rows[me] * N, extra[number]])
        found.append(update.view(rows[me], N))
        state[number].copy_(changed.view_as(state[number]))
    return found
