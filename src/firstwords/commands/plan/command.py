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


@dataclass(kw_only=True)
class Plan(JsonFlag):
    """Say what training a model of any size takes: tokens, operations, time, memory per GPU, money, expected loss.

    firstwords plan --params 176e9 --gpus h100:1024
    firstwords plan --minutes 60 --gpus h200:8
    firstwords plan --budget-usd 300
    firstwords plan --params 7e9 --tokens 1e12 --minutes 20160 --gpus h100
    """

    params: float = 0.0
    """Number of parameters, such as 176e9 (0 = chosen to suit the rest)."""
    tokens: float = 0.0
    """Number of training tokens, such as 2e12 (0 = 20 per parameter, or what time or money allow)."""
    minutes: float = 0.0
    """Time for pre-training, in minutes."""
    budget_usd: float = 0.0
    """Money for pre-training, in US dollars."""
    gpus: str = "h100"
    """Kind and number of GPUs, such as h100:8; kinds: v100, a100-40, a100, h100, h200, b200. Without a number, as many
    as the model or the time needs, and at least 8."""
    context: int = 0
    """Tokens per row (0 = the usual number for the size)."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """muon or adamw, which needs more memory."""
    utilisation: float = 0.0
    """Share of the GPUs' peak speed that training reaches, such as 0.4 (0 = what published runs reached)."""
    usd_per_gpu_hour: float = 0.0
    """Price per GPU-hour in US dollars (0 = a published one)."""

    def __post_init__(self) -> None:
        for name in ("params", "tokens", "minutes", "budget_usd", "context", "usd_per_gpu_hour"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                raise UserError(f"{flag_of(name)} is {value:g}, but it must be a positive number (0 = not given)")
        if not 0 <= self.utilisation <= 1:
            raise UserError(f"--utilisation is {self.utilisation:g}, but it must be between 0 and 1, such as 0.4")
        if 0 < self.tokens < 1:
            raise UserError(f"--tokens is {self.tokens:g}, but it must be 1 or more, such as 2e12")
        if 0 < self.context < 16:
            raise UserError(f"--context is {self.context}, but it must be 16 or more")


def main(config: Plan) -> int:
    """Print the plan."""
    gpu, count = parse_gpus(config.gpus)
    found = estimate(
        Question(
            params=config.params,
            tokens=config.tokens,
            minutes=config.minutes,
            budget_usd=config.budget_usd,
            gpu=gpu,
            count=count or 0,
            context=config.context,
            optimizer=config.optimizer,
            utilisation=config.utilisation,
            usd_per_gpu_hour=config.usd_per_gpu_hour,
        )
    )
    if config.json:
        shared.emit(as_json(found))
    else:
        print("\n".join(as_text(found)))
    return 0
