"""From what is given (parameters, tokens, time, money, GPUs) to everything else. Pure functions.

    estimate(Question(params=176e9, gpu=GPUS["h100"], count=1024))
    estimate(Question(budget_usd=300))

Operations are 6 per matmul parameter and token plus attention (`ModelConfig.flops_per_token`); time is operations
divided by what the GPUs reach; with time or money alone, tokens are twenty times the parameters (Chinchilla).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.plan.scale.hardware import GPUS, GPUS_PER_NODE, Gpu
from firstwords.plan.scale.law import TOKENS_PER_PARAM, ExpectedLoss, expected_loss
from firstwords.plan.scale.memory import RECOMPUTE_FACTOR, Sharding, choose_sharding, least_gpus
from firstwords.plan.scale.price import Price, price_of
from firstwords.plan.scale.shapes import LEAST_PARAMS, MOST_PARAMS, shape_for

BATCH_FACTOR, BATCH_EXPONENT = 0.58, 0.571  # tokens per step = 0.58 D^0.571 ("Step Law", Li et al. 2025) ...
MOST_BATCH = 1 << 24  # ... up to 16M, the largest of Llama 3.1 405B
BISECTIONS = 60
LEAST_ROW = 512  # tokens; shorter rows are not proposed


@dataclass(frozen=True)
class Question:
    """What is given; 0 means not given. count: GPUs. Which of the others must be given, `check` says."""

    params: float = 0.0
    tokens: float = 0.0
    minutes: float = 0.0
    budget_usd: float = 0.0
    gpu: Gpu = GPUS["h100"]
    count: int = 0
    context: int = 0
    optimizer: str = "muon"
    utilisation: float = 0.0
    usd_per_gpu_hour: float = 0.0

    @property
    def flops_per_gpu_hour(self) -> float:
        """Operations that one GPU makes in an hour of training."""
        return (self.utilisation or self.gpu.utilisation) * self.gpu.peak_flops * 3600

    @property
    def price(self) -> Price:
        return price_of(self.gpu.name, self.usd_per_gpu_hour)


@dataclass(frozen=True)
class Estimate:
    """The answer. flops: without recomputation, whose cost is in gpu_hours. sharding: None if the model does not fit
    on `count` GPUs; it needs at least `least_gpus`. If no number is enough (0), rows of `fitting_context` may help (0:
    not even those).
    """

    question: Question
    config: ModelConfig
    context: int
    tokens: float
    batch_tokens: int
    flops: float
    count: int
    gpu_hours: float
    usd: float
    sharding: Sharding | None
    least_gpus: int
    fitting_context: int
    loss: ExpectedLoss | None

    @property
    def params(self) -> int:
        return self.config.num_params

    @property
    def seconds(self) -> float:
        return self.gpu_hours * 3600 / self.count


def check(question: Question) -> None:
    """Raise UserError, naming the flags, for a question that leaves something open or contradicts itself."""
    if not (question.params or question.tokens or question.minutes or question.budget_usd):
        raise UserError("there is nothing to plan from: give --params, --tokens, --minutes or --budget-usd")
    if question.minutes and question.budget_usd:
        raise UserError("--minutes and --budget-usd contradict each other, since each gives the other: leave one out")
    if question.params and question.tokens and (question.budget_usd or (question.minutes and question.count)):
        limit = "--budget-usd" if question.budget_usd else "--minutes"
        number = "" if question.budget_usd else ", or the number after --gpus"
        raise UserError(f"time and cost follow from --params and --tokens: leave {limit} out{number}, or one of them")


def estimate(question: Question) -> Estimate:
    """Everything that follows from what is given. Raises UserError."""
    check(question)
    if not question.minutes and not question.budget_usd:
        params = question.params or question.tokens / TOKENS_PER_PARAM
        config = shape_for(params, question.context)
        tokens = question.tokens or TOKENS_PER_PARAM * config.num_params
        return _complete(question, config, tokens, question.count or _enough(question, config))
    if question.params and question.tokens:  # and --minutes: how many GPUs?
        return _within_minutes(question)
    count = question.count or GPUS_PER_NODE
    hours = question.minutes / 60 * count if question.minutes else question.budget_usd / question.price.usd
    plain = _spend(question, count, hours)
    if plain.sharding is not None and plain.sharding.recompute:
        return _spend(question, count, hours / RECOMPUTE_FACTOR)
    return plain


def _spend(question: Question, count: int, hours: float) -> Estimate:
    """The plan that uses up a number of GPU-hours (apart from recomputation)."""
    flops = hours * question.flops_per_gpu_hour
    if question.params:
        config = shape_for(question.params, question.context)
    else:
        config = shape_for(_params_for(question, flops), question.context)
    tokens = flops / config.flops_per_token(config.max_position_embeddings)
    if tokens < 1:
        raise UserError("that is too little for a single token: give more --minutes or a larger --budget-usd")
    return _complete(question, config, tokens, count)


def _params_for(question: Question, flops: float) -> float:
    """Parameters whose training takes that many operations: on the given tokens, or on twenty per parameter."""

    def needed(params: float) -> float:
        config = shape_for(params, question.context)
        return (question.tokens or TOKENS_PER_PARAM * params) * config.flops_per_token(config.max_position_embeddings)

    low, high = math.log(LEAST_PARAMS), math.log(MOST_PARAMS)
    if not needed(LEAST_PARAMS) <= flops <= needed(MOST_PARAMS):
        amount = "too little" if flops < needed(LEAST_PARAMS) else "too much"
        raise UserError(
            f"{flops:.2g} operations are {amount} for any model of {LEAST_PARAMS:.0e} to {MOST_PARAMS:.0e} parameters: "
            "change --minutes, --budget-usd, --tokens or --gpus"
        )
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(math.exp(middle)) < flops else (low, middle)
    return math.exp(low)


def _within_minutes(question: Question) -> Estimate:
    """The plan for given parameters and tokens on as many GPUs as the minutes need."""
    config = shape_for(question.params, question.context)
    count = _enough(question, config)
    for _ in range(2):  # the second time with the cost of recomputation, if it turned out to be needed
        found = _complete(question, config, question.tokens, count)
        count = _rounded(max(count, math.ceil(found.gpu_hours * 60 / question.minutes)))
    return _complete(question, config, question.tokens, count)


def _enough(question: Question, config: ModelConfig) -> int:
    """GPUs on which the model fits, and at least one machine of eight."""
    return max(GPUS_PER_NODE, least_gpus(config, config.max_position_embeddings, question.gpu, question.optimizer))


def _rounded(count: int) -> int:
    """Whole machines, above one machine."""
    return count if count <= GPUS_PER_NODE else math.ceil(count / GPUS_PER_NODE) * GPUS_PER_NODE


def _complete(question: Question, config: ModelConfig, tokens: float, count: int) -> Estimate:
    context, optimizer = config.max_position_embeddings, question.optimizer
    batch = batch_tokens(tokens, context)
    sharding = choose_sharding(config, context, question.gpu, count, batch, optimizer)
    flops = tokens * config.flops_per_token(context)
    factor = RECOMPUTE_FACTOR if sharding is not None and sharding.recompute else 1.0
    hours = flops * factor / question.flops_per_gpu_hour
    least = least_gpus(config, context, question.gpu, optimizer)
    return Estimate(
        question=replace(question, utilisation=question.utilisation or question.gpu.utilisation),
        config=config,
        context=context,
        tokens=tokens,
        batch_tokens=batch,
        flops=flops,
        count=count,
        gpu_hours=hours,
        usd=hours * question.price.usd,
        sharding=sharding,
        least_gpus=least,
        fitting_context=context if least else _fitting_context(config, context, question),
        loss=expected_loss(config.num_params, tokens),
    )


def _fitting_context(config: ModelConfig, context: int, question: Question) -> int:
    """The longest rows, by halving, with which enough GPUs can train the model; 0 if there are none."""
    while context > LEAST_ROW:
        context //= 2
        if least_gpus(config, context, question.gpu, question.optimizer):
            return context
    return 0


def batch_tokens(tokens: float, context: int) -> int:
    """Tokens per optimizer step, in whole rows."""
    wanted = min(BATCH_FACTOR * tokens**BATCH_EXPONENT, MOST_BATCH)
    return max(1, round(wanted / context)) * context
