"""Three small operations with hand-written gradients, because on a CPU they are limited by memory bandwidth.

Each computes exactly the same as its eager version (tests compare values and gradients), with fewer passes over memory.
With `torch.compile` and on GPUs the compiler fuses the plain formulas, so those are used there.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Legend: the last axis is normalised, rotated or gated; leading axes are arbitrary.


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = inverse.square_().mul_(1.0 / x.shape[-1]).add_(eps).rsqrt_()
        normed: Tensor = x * inverse
        ctx.save_for_backward(normed, inverse)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        normed, inverse = ctx.saved_tensors
        # d/dx of x / rms(x): removes the component of the incoming gradient along the normalised vector
        along = torch.linalg.vecdot(grad, normed).unsqueeze(-1).mul_(-1.0 / grad.shape[-1])
        return torch.addcmul(grad, normed, along).mul_(inverse), None


def normalise(x: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over the last axis (Zhang & Sennrich 2019). fp32 inside for half precision."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and not torch.compiler.is_compiling():
        normed: Tensor = _Normalise.apply(x, eps)  # type: ignore[no-untyped-call]
        return normed
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`normalise`, times a gain per element of the last axis (or of the last two)."""
    return normalise(x, eps) * weight.to(x.dtype)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotated(grad, cos, -sin), None, None


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.mul(first, cos, out=out[..., :half]).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=out[..., half:]).addcmul_(first, sin)
    return out


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the rotate-half layout: pairs are (i, i + half). cos and sin have half the size of the last
    axis."""
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        rotated: Tensor = _Rotate.apply(x, cos, sin)  # type: ignore[no-untyped-call]
        return rotated
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        activated = F.silu(gate)
        ctx.save_for_backward(gate, up, activated)
        return activated * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up, activated = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grad * up, gate), grad * activated


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up (Shazeer 2020). On CPUs both should be contiguous: silu of a slice is ten times slower."""
    if gate.device.type == "cpu" and not torch.compiler.is_compiling():
        gated: Tensor = _SwiGLU.apply(gate, up)  # type: ignore[no-untyped-call]
        return gated
    return F.silu(gate) * up
