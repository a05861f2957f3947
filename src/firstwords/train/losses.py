"""Losses as pure functions of tensors: no trainer, no model class, no state.

Axes: B rows, T tokens, R = B*T rows of a flattened batch, D hidden, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from firstwords.data.packing import IGNORED
from firstwords.train.compiling import compiled

CHUNK_ELEMENTS = 1 << 20  # logits computed at once; 4 MiB in fp32 stay in a CPU's cache (best of 2^18..2^23 measured)
GPU_CHUNK_ELEMENTS = 1 << 28  # GPUs need few, large products: 512 MiB in bf16 (best of 2^25..2^28 measured)
GPU_ROWS = 256  # rows per chunk are a multiple of this, to fit the GPU's tiles


def loss_and_gradient(logits_RV: Tensor, targets_R: Tensor) -> tuple[Tensor, Tensor]:
    """(sum of -log softmax(logits)[target] in fp32, its gradient in the logits' dtype). Overwrites fp32 logits.

    d loss / d logits = softmax - one_hot, zero on ignored rows.
    """
    logits, valid = logits_RV.float(), targets_R != IGNORED
    index = targets_R.clamp(min=0).unsqueeze(1)
    logits -= logits.amax(1, keepdim=True)
    picked = logits.gather(1, index).squeeze(1)
    total = logits.exp_().sum(1)
    loss = ((total.log() - picked) * valid).sum()
    grad = logits.mul_((valid / total).unsqueeze(1))
    grad.scatter_add_(1, index, -valid.float().unsqueeze(1))
    return loss, grad.to(logits_RV.dtype)


def fused_loss_and_gradient(logits_RV: Tensor, targets_R: Tensor) -> tuple[Tensor, Tensor]:
    """`loss_and_gradient`, written so that torch.compile fuses it into two passes over memory instead of ten."""
    logits, valid = logits_RV.float(), targets_R != IGNORED
    index = targets_R.clamp(min=0).unsqueeze(1)
    log_z = torch.logsumexp(logits, 1, keepdim=True)
    loss = torch.where(valid, (log_z - logits.gather(1, index)).squeeze(1), 0.0).sum()
    is_target = torch.arange(logits.shape[1], device=logits.device) == index
    grad = torch.where(valid.unsqueeze(1), (logits - log_z).exp() - is_target.float(), 0.0)
    return loss, grad.to(logits_RV.dtype)


class _LinearCrossEntropy(torch.autograd.Function):
    """Head and cross-entropy in one: (R, V) logits exist only chunk by chunk; gradients are computed in the forward.

    The idea is from Cut Cross-Entropy and Liger (Wijmans et al. 2024; Hsu et al. 2024), with plain matrix products.
    """

    @staticmethod
    def forward(ctx, x_RD, master_VD, targets_R):
        R, V = x_RD.shape[0], master_VD.shape[0]
        weight_VD = master_VD.to(x_RD.dtype)
        rows = _chunk_rows(V, x_RD.device)
        loss = x_RD.new_zeros((), dtype=torch.float32)
        grad_x = torch.empty_like(x_RD) if ctx.needs_input_grad[0] else None
        # summed in fp32: adding hundreds of chunks in bf16 would lose the last ones (4 % off after 512)
        grad_weight = torch.zeros_like(master_VD, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        terms = loss_and_gradient if x_RD.device.type == "cpu" else compiled(fused_loss_and_gradient)
        for start in range(0, R, rows):
            x = x_RD[start : start + rows]
            part_loss, grad_logits = terms(x @ weight_VD.T, targets_R[start : start + rows])
            loss += part_loss
            if grad_x is not None:
                torch.mm(grad_logits, weight_VD, out=grad_x[start : start + rows])
            if grad_weight is not None and x.dtype == grad_weight.dtype:
                grad_weight.addmm_(grad_logits.T, x)
            elif grad_weight is not None:
                grad_weight += grad_logits.T @ x
        ctx.save_for_backward(grad_x, None if grad_weight is None else grad_weight.to(master_VD.dtype))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        grad_x, grad_weight = ctx.saved_tensors
        return (
            None if grad_x is None else grad_x * grad.to(grad_x.dtype),
            None if grad_weight is None else grad_weight * grad.to(grad_weight.dtype),
            None,
        )


def _chunk_rows(vocab_size: int, device: torch.device) -> int:
    """Rows of logits computed at once."""
    if device.type == "cpu":
        return max(1, CHUNK_ELEMENTS // vocab_size)
    return max(1, GPU_CHUNK_ELEMENTS // vocab_size // GPU_ROWS) * GPU_ROWS


def linear_cross_entropy(x_RD: Tensor, weight_VD: Tensor, targets_R: Tensor) -> Tensor:
    """Sum over the supervised rows of -log softmax(x @ weight.T)[target], in nats; a scalar in fp32.

    Equal to `F.cross_entropy(x @ weight.T, targets, reduction="sum", ignore_index=-100)`, without storing all logits.
    On a CPU the ignored rows, two thirds of stage two's, are left out first; a GPU would have to wait for their number.
    """
    if x_RD.device.type == "cpu":
        kept_R = (targets_R != IGNORED).nonzero().flatten()
        if len(kept_R) < len(targets_R):
            x_RD, targets_R = x_RD.index_select(0, kept_R), targets_R[kept_R]
    return _LinearCrossEntropy.apply(x_RD, weight_VD, targets_R)


def next_token_loss(model, batch: dict[str, Tensor]) -> Tensor:
    """Summed cross-entropy of a batch {inputs, targets, positions?, segments?}, each (B, T): stages 1 and 2."""
    x_BTD = model.hidden(batch["inputs"], batch.get("positions"), batch.get("segments"))
    return linear_cross_entropy(x_BTD.flatten(0, 1), model.head_weight, batch["targets"].flatten())


def token_logprobs(logits_BTV: Tensor, ids_BT: Tensor) -> Tensor:
    """log softmax(logits)[id] of each token, (B, T), in nats. Any number of leading axes works."""
    return -F.cross_entropy(logits_BTV.flatten(0, -2).float(), ids_BT.flatten(), reduction="none").view_as(ids_BT)


class _LinearLogprobs(torch.autograd.Function):
    """Head and log-probabilities in one; the logits of a chunk are computed again for its gradient."""

    @staticmethod
    def forward(ctx, x_ND, master_VD, ids_N):
        weight_VD = master_VD.to(x_ND.dtype)
        logprobs_N = x_ND.new_empty(len(ids_N), dtype=torch.float32)
        for part in _parts(x_ND, len(master_VD)):
            logprobs_N[part] = token_logprobs(x_ND[part] @ weight_VD.T, ids_N[part])
        ctx.save_for_backward(x_ND, master_VD, ids_N)
        return logprobs_N

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_N):
        x_ND, master_VD, ids_N = ctx.saved_tensors
        weight_VD = master_VD.to(x_ND.dtype)
        grad_x = torch.empty_like(x_ND) if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(master_VD, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for part in _parts(x_ND, len(master_VD)):
            # d log p[id] / d logits = one_hot - p
            grad_logits = torch.softmax((x_ND[part] @ weight_VD.T).float(), -1).mul_(-grad_N[part, None])
            grad_logits.scatter_add_(1, ids_N[part, None], grad_N[part, None])
            grad_logits = grad_logits.to(x_ND.dtype)
            if grad_x is not None:
                torch.mm(grad_logits, weight_VD, out=grad_x[part])
            if grad_weight is not None:
                grad_weight += grad_logits.T @ x_ND[part]
        return grad_x, None if grad_weight is None else grad_weight.to(master_VD.dtype), None


def linear_logprobs(x_ND: Tensor, weight_VD: Tensor, ids_N: Tensor) -> Tensor:
    """log softmax(x @ weight.T)[id] of each row, (N,), in nats, without storing all logits."""
    return _LinearLogprobs.apply(x_ND, weight_VD, ids_N)


class _TokenTerms(torch.autograd.Function):
    """The terms that a policy update needs, computed in chunks that stay in a CPU's cache."""

    @staticmethod
    def forward(ctx, logits_NV, ref_logits_NV, targets_N):
        logprobs_N, kl_N, entropy_N = (logits_NV.new_empty(len(targets_N)) for _ in range(3))
        for part in _parts(logits_NV, logits_NV.shape[1]):
            logp, p, ratio = _compared(logits_NV[part], ref_logits_NV[part])
            logprobs_N[part] = logp.gather(1, targets_N[part, None])[:, 0]
            kl_N[part] = torch.linalg.vecdot(p, ratio)
            entropy_N[part] = -torch.linalg.vecdot(p, logp)
        ctx.save_for_backward(logits_NV, ref_logits_NV, targets_N, kl_N)
        ctx.mark_non_differentiable(entropy_N)
        return logprobs_N, kl_N.clamp(min=0.0), entropy_N  # rounding may give -1e-8

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_logprobs_N, grad_kl_N, _):
        logits_NV, ref_logits_NV, targets_N, kl_N = ctx.saved_tensors
        grad_NV = torch.empty_like(logits_NV)
        for part in _parts(logits_NV, logits_NV.shape[1]):
            _, p, ratio = _compared(logits_NV[part], ref_logits_NV[part])
            # d KL / d logits = p (log p/ref - KL);  d log p[target] / d logits = one_hot - p
            ratio.sub_(kl_N[part, None]).mul_(grad_kl_N[part, None]).sub_(grad_logprobs_N[part, None])
            torch.mul(p, ratio, out=grad_NV[part])
        grad_NV.scatter_add_(1, targets_N[:, None], grad_logprobs_N[:, None])
        return grad_NV, None, None


def _parts(rows_N: Tensor, vocab_size: int) -> list[slice]:
    rows = _chunk_rows(vocab_size, rows_N.device)
    return [slice(start, start + rows) for start in range(0, len(rows_N), rows)]


def _compared(logits: Tensor, ref_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(log p, p, log p/ref) for a slice of rows."""
    logp = torch.log_softmax(logits, -1)
    return logp, logp.exp(), logp - torch.log_softmax(ref_logits, -1)


def token_terms(logits_NV: Tensor, ref_logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(log pi[target], KL(pi || ref), entropy) of N states in nats, each (N,), from fp32 or fp64 logits.

    The first two carry gradients to logits_NV. Equal to `token_logprobs`, `rlhf.losses.exact_kl` and
    `rlhf.losses.entropy`, each of which reads and writes the (N, V) tables several times.
    """
    return _TokenTerms.apply(logits_NV, ref_logits_NV, targets_N)
