"""Muon for the matrices of the blocks, AdamW for everything else.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so that every direction of the
update has the same size. `torch.optim.Muon` computes in bf16, which is seven times slower on CPUs without bf16 units;
ours computes in the given dtype and batches all matrices of one shape into one product.

NorMuon (Li et al. 2025) then gives every row of the update the same average size, as Adam does for single weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from firstwords.train.distributed.owners import by_owners
from firstwords.train.distributed.sharding import local

# Coefficients of "Polar Express" (Amsel et al. 2025), table for 5 steps, singular values in [1e-3, 1].
POLAR_EXPRESS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonalise(matrices_PMN: Tensor, steps: int = 5) -> Tensor:
    """The approximate nearest (semi-)orthogonal matrix of each, (P, M, N): singular values end near 1.

    Newton-Schulz iterations in the dtype given; works on the wide orientation, so that the Gram matrix is small.
    """
    tall = matrices_PMN.shape[-2] > matrices_PMN.shape[-1]
    X = matrices_PMN.mT if tall else matrices_PMN
    X = X / (X.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-7)
    for a, b, c in POLAR_EXPRESS[:steps]:
        gram = X @ X.mT
        X = torch.baddbmm(X, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), X, beta=a)
    return X.mT if tall else X


def balance(updates_PMN: Tensor, means_P: list[Tensor], beta: float) -> Tensor:
    """Divide each row (or column, if there are more columns) by the root of its running mean square, then scale each
    matrix back to its former norm. `means_P`, each (M, 1) or (1, N), are updated in place.

    This is NorMuon's step (Li et al. 2025) along the long side, as in modded-nanogpt. A mean that starts at zero needs
    no correction, because a factor common to the whole matrix cancels in the scaling.
    """
    squares = updates_PMN.square().mean(-1 if means_P[0].shape[1] == 1 else -2, keepdim=True)
    torch._foreach_lerp_(means_P, list(squares), 1.0 - beta)
    means = torch.stack(means_P).clamp_(min=1e-12)
    norm, balanced_norm = (x.sum((-2, -1), keepdim=True) for x in (squares, squares / means))
    return updates_PMN * (norm / (means * balanced_norm.clamp_(min=1e-12))).sqrt_()


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; `lr` is the size of a step in spectral norm, times sqrt(rows / columns) if tall.

    Weight decay is decoupled and cautious: it acts only where it does not undo the update (Chen et al. 2025).
    The iterations run in `dtype` (bf16 where that is faster, as in the original); momentum stays fp32.
    `balance_beta` above 0 balances the rows of the update (see `balance`).
    """

    def __init__(
        self,
        params,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
        balance_beta: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "balance_beta": balance_beta}
        super().__init__(params, defaults)
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # Muon never asks for the loss again
        first = 0  # of the matrices, in the order in which processes take turns
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for shape, parameters in by_shape.items():
                self._step_shape(group, shape, parameters, first)
                first += len(parameters)

    def _step_shape(self, group, shape: torch.Size, parameters: list[nn.Parameter], first: int) -> None:
        buffers = []
        for parameter in parameters:
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            buffers.append(local(state["momentum_buffer"]))
        grads = [local(p.grad) for p in parameters if p.grad is not None]  # all of them have one
        momentum, lr = group["momentum"], group["lr"]
        torch._foreach_lerp_(buffers, grads, 1.0 - momentum)
        nesterov = list(torch._foreach_lerp(grads, buffers, momentum))
        updates = self._updates(group["balance_beta"], shape, parameters, nesterov, first)
        scale = lr * max(1.0, shape[0] / shape[1]) ** 0.5
        for weight, update in zip(map(local, parameters), updates, strict=True):
            if group["weight_decay"]:
                agrees = (update * weight) > 0
                weight.sub_(weight * agrees, alpha=lr * group["weight_decay"])
            weight.sub_(update, alpha=scale)

    def _updates(
        self, beta: float, shape: torch.Size, parameters: list[nn.Parameter], nesterov: list[Tensor], first: int
    ) -> Iterable[Tensor]:
        """The orthogonalised (and balanced) momentum of each matrix, or of a divided one this process's rows."""
        means: list[Tensor] = [torch.empty(0, device=nesterov[0].device)] * len(parameters)
        if beta:
            long_side = (shape[0], 1) if shape[0] >= shape[1] else (1, shape[1])
            zeros = nesterov[0].new_zeros(long_side)
            means = [self.state[p].setdefault("row_mean_square", zeros.clone()) for p in parameters]

        def compute(matrices_PMN: Tensor, means_P: list[Tensor]) -> Tensor:
            updates = orthogonalise(matrices_PMN.to(self.dtype))
            return balance(updates.float(), means_P, beta) if beta else updates

        if (mesh := getattr(parameters[0], "device_mesh", None)) is not None:
            return by_owners(nesterov, shape, mesh, compute, means, first)
        return compute(torch.stack(nesterov), means)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """(matrices of the blocks, embedding and head tables, vectors) that are trained, each once, in a fixed order."""
    matrices, tables, vectors = [], [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim < 2:
            vectors.append(parameter)
        elif ".layers." in name:
            matrices.append(parameter)
        else:
            tables.append(parameter)
    return matrices, tables, vectors
