"""Losses as pure functions of tensors: no trainer, no model class, no state.

Axes: B rows, T tokens, R = B*T rows of a flattened batch, D hidden, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORED = -100  # the target that carries no loss: padding, and everything that a person said
CHUNK_ELEMENTS = 1 << 20  # logits computed at once; 4 MiB in fp32 stay in a CPU's cache (best of 2^18..2^23 measured)
GPU_CHUNK_ELEMENTS = 1 << 26  # a GPU wants large products and few of them: 256 MiB


class _LinearCrossEntropy(torch.autograd.Function):
    """Head and cross-entropy in one: the (R, V) logits exist only chunk by chunk, gradients are made on the way.

    The idea is Cut Cross-Entropy's and Liger's (Wijmans et al. 2024; Hsu et al. 2024); here with plain matrix products.
    """

    @staticmethod
    def forward(ctx, x_RD, master_VD, targets_R):
        R, V = x_RD.shape[0], master_VD.shape[0]
        weight_VD = master_VD.to(x_RD.dtype)
        rows = max(1, (CHUNK_ELEMENTS if x_RD.device.type == "cpu" else GPU_CHUNK_ELEMENTS) // V)
        loss = x_RD.new_zeros((), dtype=torch.float32)
        grad_x = torch.empty_like(x_RD) if ctx.needs_input_grad[0] else None
        # summed in fp32: hundreds of chunks added up in bf16 would lose the last ones (4 % off after 512)
        grad_weight = torch.zeros_like(master_VD, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for start in range(0, R, rows):
            part = slice(start, start + rows)
            x, targets = x_RD[part], targets_R[part]
            logits = (x @ weight_VD.T).float()
            valid = targets != IGNORED
            index = targets.clamp(min=0).unsqueeze(1)
            logits -= logits.amax(1, keepdim=True)
            picked = logits.gather(1, index).squeeze(1)
            total = logits.exp_().sum(1)
            loss += ((total.log() - picked) * valid).sum()
            # d loss / d logits = softmax - one_hot, zero on ignored rows
            probs = logits.mul_((valid / total).unsqueeze(1))
            probs.scatter_add_(1, index, -valid.float().unsqueeze(1))
            probs = probs.to(x.dtype)
            if grad_x is not None:
                torch.mm(probs, weight_VD, out=grad_x[part])
            if grad_weight is not None and x.dtype == grad_weight.dtype:
                grad_weight.addmm_(probs.T, x)
            elif grad_weight is not None:
                grad_weight += probs.T @ x
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


def linear_cross_entropy(x_RD: Tensor, weight_VD: Tensor, targets_R: Tensor) -> Tensor:
    """Sum over the supervised rows of -log softmax(x @ weight.T)[target], in nats; a scalar in fp32.

    Equal to `F.cross_entropy(x @ weight.T, targets, reduction="sum", ignore_index=-100)` without all logits at once.
    """
    return _LinearCrossEntropy.apply(x_RD, weight_VD, targets_R)


def next_token_loss(model, batch: dict[str, Tensor]) -> Tensor:
    """Summed cross-entropy of a batch {inputs, targets, positions?, segments?}, each (B, T): stages 1 and 2."""
    x_BTD = model.hidden(batch["inputs"], batch.get("positions"), batch.get("segments"))
    return linear_cross_entropy(x_BTD.flatten(0, 1), model.head_weight, batch["targets"].flatten())


def token_logprobs(logits_BTV: Tensor, ids_BT: Tensor) -> Tensor:
    """log softmax(logits)[id] of each token, (B, T), in nats. Any number of leading axes will do."""
    return -F.cross_entropy(logits_BTV.flatten(0, -2).float(), ids_BT.flatten(), reduction="none").view_as(ids_BT)
