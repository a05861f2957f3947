"""`firstwords plan`: what a model of any size costs to train. All on paper: it needs no GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firstwords.commands import shared
from firstwords.commands.plan.layout import as_json, as_text
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError, flag_of
from firstwords.plan.scale.estimate import Question, estimate
from firstwords.plan.scale.hardware import parse_gpus

LEAST_CONTEXT, MOST_CONTEXT = 16, 1 << 20


@dataclass(kw_only=True)
class Plan(JsonFlag):
    """Say what training a model of any size takes: tokens, operations, time, memory per GPU, money, expected loss.

    firstwords plan --params 176e9 --gpus h100:1024
    firstwords plan --minutes 60 --gpus h200:8
    firstwords plan --budget-usd 300
    firstwords plan --params 7e9 --tokens 1e12 --minutes 20160 --gpus h100
    """

    params: float | None = None
    """Number of parameters, such as 176e9 (default: what suits the rest)."""
    tokens: float | None = None
    """Number of training tokens, such as 2e12 (default: 20 per parameter, or what time or money allow)."""
    minutes: float | None = None
    """Time for pre-training, in minutes."""
    budget_usd: float | None = None
    """Money for pre-training, in US dollars."""
    gpus: str = "h100"
    """Kind and number of GPUs, such as h100:8; kinds: v100, a100-40, a100, h100, h200, b200. Without a number, as many
    as the model or the time needs, and at least 8."""
    context: int | None = None
    """Tokens per row (default: the usual number for the size)."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """muon or adamw, which needs more memory."""
    utilisation: float | None = None
    """Share of the GPUs' peak speed that training reaches, such as 0.4 (default: what published runs reached)."""
    usd_per_gpu_hour: float | None = None
    """Price per GPU-hour in US dollars (default: a published one)."""

    def __post_init__(self) -> None:
        for name in ("params", "tokens", "minutes", "budget_usd", "context", "utilisation", "usd_per_gpu_hour"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{flag_of(name)} is {value:g}, but it must be a positive number")
        if self.utilisation is not None and self.utilisation > 1:
            raise UserError(f"--utilisation is {self.utilisation:g}, but it must be between 0 and 1, such as 0.4")
        if self.tokens is not None and self.tokens < 1:
            raise UserError(f"--tokens is {self.tokens:g}, but it must be 1 or more, such as 2e12")
        if self.context is not None and not LEAST_CONTEXT <= self.context <= MOST_CONTEXT:
            raise UserError(f"--context is {self.context}, but it must be between {LEAST_CONTEXT} and {MOST_CONTEXT:,}")


def main(config: Plan) -> int:
    """Print the plan."""
    gpu, count = parse_gpus(config.gpus)
    found = estimate(
        Question(
            params=config.params or 0,
            tokens=config.tokens or 0,
            minutes=config.minutes or 0,
            budget_usd=config.budget_usd or 0,
            gpu=gpu,
            count=count or 0,
            context=config.context or 0,
            optimizer=config.optimizer,
            utilisation=config.utilisation or 0,
            usd_per_gpu_hour=config.usd_per_gpu_hour or 0,
        )
    )
    if config.json:
        shared.emit(as_json(found))
    else:
        print("\n".join(as_text(found)))
    return 0
