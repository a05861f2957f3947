"""From minutes to a model: choose vocabulary, shape, batch and learning rate for the time and this machine.
Pure functions.

The rules and their sources:

* N = 0.115 * sqrt(C) matmul parameters for C floating-point operations, so tokens are about 10 N. One line fits
  nanochat's four isoFLOP optima (1e18-1e19), a five-minute laptop run (2e14) and our own sweep (docs/LOG.md).
* Below 1e15 operations the vocabulary comes first: for 10 minutes on two CPU cores, an embedding table of 32k tokens
  would be five times the size of the layers. 1k tokens for minutes, 32k for GPUs.
* Batch = 0.58 * D^0.571 tokens ("Step Law", Li et al. 2025), with at least MIN_STEPS steps.
* A text that would be read more than four times (Muennighoff et al. 2023) gets a larger model that reads it fewer
  times, and weight decay that grows with the number of passes: measured on a 1 MB text, docs/LOG.md.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from firstwords.config import UserError
from firstwords.world.town.plumwick import Size

TOKENS_PER_PARAM = 8.0  # tokens per parameter *of the layers*, at a million of them; our runs (docs/LOG.md) ...
TOKENS_EXPONENT = 0.1  # ... growing to 14 at a hundred million, the minimum of nanochat's isoFLOP curves
TIE = 0.1  # octaves: of shapes that fit equally well, the larger is chosen, because it talks better
FREE_EPOCHS = 4.0  # passes over a text that teach nearly as much as new text
LIMITED_TOKENS_PER_PARAM = 2.5  # if text is scarce ...
LIMITED_PARAMS_PER_TOKEN = 3.0  # ... but at most three parameters per distinct token
BYTES_PER_PIECE = 700  # of text per token of the vocabulary: rarer tokens are not learned
DECAY_PER_EPOCH, MAX_DECAY = 0.1, 0.7  # weight decay: a parabola through 0.1, 1 and 5 at six passes
WORLD_TOKENS = 100_000  # with at least so many, the smallest shape that learns the built-in world is WORLD_LEAST
SMALL_TOWN_SCARCITY = 1.5  # times as many tokens per parameter for the small town: measured at eight minutes
MAX_USEFUL_EPOCHS = 16.0  # beyond this, more minutes hardly help
SHORT_RUN, LONG_RUN = (1500, 0.85), (10_000, 0.95)  # (steps, Muon's momentum): ours, and the speed records'
MIN_STEPS = 150  # with fewer updates, even the best batch size learns little
MIN_BATCH, MAX_BATCH = 2048, 1 << 19
MIN_SECONDS = 3.0
VOCABULARY_TOLERANCE = 1.05  # for another script: the largest vocabulary within this factor of the least cost per byte
BYTES_PER_TOKEN = {512: 2.3, 1024: 2.9, 2048: 3.5, 4096: 3.9, 8192: 4.1, 16384: 4.3, 32768: 4.5}  # English prose


@dataclass(frozen=True)
class Shape:
    """One rung of the ladder: width, layers, vocabulary, context (tokens)."""

    hidden_size: int
    num_hidden_layers: int
    vocab_size: int
    context: int

    @property
    def intermediate_size(self) -> int:
        """SwiGLU's 8/3 of the width, rounded up to a multiple of 64."""
        return math.ceil(self.hidden_size * 8 / 3 / 64) * 64

    @property
    def num_layer_params(self) -> int:
        """Weights of the layers' matrices, without the head, whose size depends on the text."""
        D = self.hidden_size
        return self.num_hidden_layers * (4 * D**2 + 3 * D * self.intermediate_size)

    @property
    def num_matmul_params(self) -> int:
        return self.num_layer_params + self.vocab_size * self.hidden_size

    @property
    def flops_per_token(self) -> float:
        """Like `ModelConfig.flops_per_token`, for as many heads as fill the width."""
        return 6 * self.num_matmul_params + 6 * self.num_hidden_layers * self.hidden_size * self.context


# Vocabularies: the largest whose cost per byte of prose is within a few per cent of the minimum (docs/LOG.md).
LADDER = (
    Shape(64, 2, 512, 128),
    Shape(64, 2, 1024, 256),
    Shape(64, 4, 1024, 256),
    Shape(128, 2, 3072, 256),
    Shape(128, 3, 3072, 256),
    Shape(128, 4, 3072, 256),
    Shape(128, 5, 3072, 256),
    Shape(192, 4, 3072, 256),
    Shape(192, 5, 3072, 256),
    Shape(256, 5, 4096, 256),
    Shape(256, 6, 4096, 256),
    Shape(320, 6, 4096, 512),
    Shape(384, 6, 8192, 512),
    Shape(448, 8, 8192, 512),
    Shape(512, 8, 8192, 1024),
    Shape(640, 10, 16384, 1024),
    Shape(768, 12, 16384, 1024),
    Shape(768, 12, 32768, 2048),
    Shape(1024, 16, 32768, 2048),
    Shape(1280, 20, 32768, 2048),
    Shape(1536, 24, 32768, 2048),
    Shape(2048, 24, 32768, 2048),
)

WORLD_LEAST = LADDER[3]


@dataclass(frozen=True)
class Machine:
    """A machine's training speed: measured GFLOP/s of whole training steps, by width (see `machine.py`)."""

    device: str = "cpu"
    name: str = ""
    num_threads: int = 1
    precision: str = "fp32"
    training_gflops: dict[int, float] = field(default_factory=lambda: {64: 40.0, 128: 75.0, 256: 85.0})
    gemm_gflops: float = 125.0
    startup_seconds: float = 0.0  # time for compiling

    def flops(self, seconds: float, hidden_size: int) -> float:
        """Operations of a training run at that width. Time for compiling is subtracted, but at most half."""
        return (seconds - min(self.startup_seconds, seconds / 2)) * self.gflops_at(hidden_size) * 1e9

    def gflops_at(self, hidden_size: int) -> float:
        """Training speed at a width, interpolated on its logarithm; constant outside the measured range."""
        points = sorted(self.training_gflops.items())
        if hidden_size <= points[0][0]:
            return points[0][1]
        for (low, at_low), (high, at_high) in itertools.pairwise(points):
            if hidden_size <= high:
                share = math.log(hidden_size / low) / math.log(high / low)
                return at_low + share * (at_high - at_low)
        return points[-1][1]


@dataclass(frozen=True)
class Plan:
    """The planner's choices for a pre-training run, and why (`reasons`, one sentence each)."""

    shape: Shape
    seconds: float
    tokens: int
    batch_tokens: int
    micro_tokens: int
    steps: int
    warmup_steps: int
    cooldown_share: float
    optimizer: str
    matrix_lr: float
    table_lr: float
    vector_lr: float
    weight_decay: float
    momentum: float
    beta2: float
    tie_word_embeddings: bool
    precision: str
    epochs: float | None
    reasons: tuple[str, ...]
    positions: int = 0  # that the model can read; 0: the usual number for its shape

    @property
    def batch_rows(self) -> int:
        return self.batch_tokens // self.shape.context

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


def plan(
    seconds: float,
    machine: Machine,
    corpus_bytes: int | None = None,
    vocab_size: int | None = None,
    optimizer: str = "muon",
    curve: Mapping[int, float] | None = None,
    town: Size | None = None,
) -> Plan:
    """Choose everything for `seconds` of pre-training on `machine`.

    corpus_bytes limits the epochs (None: endless text); vocab_size is given if a tokenizer already exists.
    curve: bytes per token of this text by vocabulary size, measured if it is unlike English prose.
    town: the text is the built-in world alone, with a town of this size. A slow machine learns it better with too large
    a shape than with too small a one, and the small town's few facts are worth more tokens than layers (docs/LOG.md).
    Raises UserError if the time or the text is too small for any model.
    """
    check_seconds(seconds)
    # the smallest shape has short rows, for tokens that are hardly longer than bytes
    ladder: Sequence[Shape] = LADDER if curve is None else LADDER[1:]
    if town is not None and _tokens(WORLD_LEAST, seconds, machine) >= WORLD_TOKENS:
        ladder = ladder[ladder.index(WORLD_LEAST) :]
    candidates = [_with_vocabulary(shape, vocab_size, corpus_bytes, curve) for shape in ladder]
    shape = _best_fit(candidates, seconds, machine, SMALL_TOWN_SCARCITY if town == "small" else 1.0)
    if corpus_bytes is not None and (epochs := _epochs(shape, seconds, machine, corpus_bytes, curve)) > FREE_EPOCHS:
        most = LIMITED_PARAMS_PER_TOKEN * corpus_bytes
        small = [s for s in candidates if s.num_matmul_params <= most / bytes_per_token(s.vocab_size, curve)]
        scarcity = max(LIMITED_TOKENS_PER_PARAM / TOKENS_PER_PARAM, (FREE_EPOCHS / epochs) ** 2)
        shape = _best_fit(small or candidates[:1], seconds, machine, scarcity)
    return plan_for_shape(shape, seconds, machine, corpus_bytes, optimizer, curve)


def _with_vocabulary(
    shape: Shape, vocab_size: int | None, corpus_bytes: int | None, curve: Mapping[int, float] | None
) -> Shape:
    """A rung with the given vocabulary size, or else that for the script, reduced to what a small text can fill."""
    if vocab_size is None:
        fillable = LADDER[-1].vocab_size if corpus_bytes is None else max(1, corpus_bytes // BYTES_PER_PIECE)
        wanted = shape.vocab_size if curve is None else _cheapest_vocabulary(shape, curve)
        vocab_size = min(wanted, max(LADDER[0].vocab_size, 1 << int(math.log2(fillable))))
    return replace(shape, vocab_size=vocab_size)


def _cheapest_vocabulary(shape: Shape, curve: Mapping[int, float]) -> int:
    """The rule that gave the ladder's vocabularies for English, with another text's bytes per token."""
    costs = {size: replace(shape, vocab_size=size).flops_per_token / ratio for size, ratio in curve.items()}
    return max(size for size, cost in costs.items() if cost <= VOCABULARY_TOLERANCE * min(costs.values()))


def check_seconds(seconds: float) -> None:
    """Raise UserError if there is too little time to learn anything."""
    if seconds < MIN_SECONDS:
        raise UserError(
            f"only {max(0.0, seconds):.0f} seconds are left for training, too few for any model: give more --minutes"
        )


def plan_for_shape(
    shape: Shape,
    seconds: float,
    machine: Machine,
    corpus_bytes: int | None = None,
    optimizer: str = "muon",
    curve: Mapping[int, float] | None = None,
) -> Plan:
    """Batch, steps and rates for a given shape."""
    tokens = int(machine.flops(seconds, shape.hidden_size) / shape.flops_per_token)
    batch = batch_tokens(tokens, shape.context)
    steps = max(1, tokens // batch)
    epochs = None
    if corpus_bytes is not None:
        corpus_tokens = corpus_bytes / bytes_per_token(shape.vocab_size, curve)
        if corpus_tokens < 2 * shape.context:
            raise UserError(
                f"the text has only about {corpus_bytes} bytes, less than two rows of {shape.context}: add more text"
            )
        epochs = tokens / corpus_tokens
    matrix_lr, table_lr = learning_rates(shape, batch, optimizer)
    return Plan(
        shape=shape,
        seconds=seconds,
        tokens=tokens,
        batch_tokens=batch,
        micro_tokens=micro_tokens(batch, machine.device),
        steps=steps,
        warmup_steps=max(5, min(100, steps // 50)),
        cooldown_share=0.65,
        optimizer=optimizer,
        matrix_lr=matrix_lr,
        table_lr=table_lr,
        vector_lr=table_lr,
        weight_decay=min(MAX_DECAY, DECAY_PER_EPOCH * epochs) if epochs is not None and epochs > 1 else 0.0,
        momentum=momentum(steps),
        beta2=0.98 if batch < 1 << 16 else 0.95,
        tie_word_embeddings=shape.num_matmul_params < 30e6,
        precision=machine.precision,
        epochs=epochs,
        reasons=(_time_reason(shape, seconds, machine), *_reasons(shape, tokens, batch, epochs)),
    )


def with_batch(chosen: Plan, batch: int, machine: Machine, steps: int = 0) -> Plan:
    """The plan with another batch size and, if given, a number of steps instead of the time.

    Rates, warm-up and weight decay do not change. Counts and reasons describe the changed plan.
    """
    tokens = steps * batch if steps else chosen.tokens
    epochs = None if chosen.epochs is None else chosen.epochs * tokens / max(1, chosen.tokens)
    seconds, reason = chosen.seconds, chosen.reasons[0]
    if steps:
        speed = machine.gflops_at(chosen.shape.hidden_size)
        seconds = tokens * chosen.shape.flops_per_token / speed / 1e9
        reason = f"--steps {steps:,}: {tokens:,} tokens, about {seconds:,.0f} s at {speed:.0f} GFLOP/s"
    return replace(
        chosen,
        seconds=seconds,
        tokens=tokens,
        batch_tokens=batch,
        micro_tokens=min(chosen.micro_tokens, batch),
        steps=steps or max(1, tokens // batch),
        epochs=epochs,
        reasons=(reason, *_reasons(chosen.shape, tokens, batch, epochs)),
    )


def momentum(steps: int) -> float:
    """Muon's momentum: a short run has no time for a long memory (measured at 300 and 400 steps, docs/LOG.md)."""
    (few, low), (many, high) = SHORT_RUN, LONG_RUN
    share = math.log(max(1, steps) / few) / math.log(many / few)
    return low + (high - low) * min(1.0, max(0.0, share))


def batch_tokens(tokens: int, context: int) -> int:
    """Tokens per optimizer step: Step Law's 0.58 * D^0.571, in whole rows, for at least MIN_STEPS steps."""
    wanted = 0.58 * max(1, tokens) ** 0.571
    wanted = min(max(wanted, MIN_BATCH), MAX_BATCH, max(context * 4, tokens / MIN_STEPS))
    return max(1, round(wanted / context)) * context


def micro_tokens(batch: int, device: str) -> int:
    """Tokens per forward and backward pass: 4-8k keep a CPU's matrix products near peak; 64k on a GPU."""
    limit = 8192 if device == "cpu" else 65536
    return math.ceil(batch / math.ceil(batch / limit))


def learning_rates(shape: Shape, batch: int, optimizer: str) -> tuple[float, float]:
    """Peak rates (matrices, tables). Tuned at 0.7M parameters and batches of 5k tokens (docs/LOG.md); as usual, the
    matrices' rate grows with the square root of the batch, and the tables' falls with the square root of the width.
    """
    batch_scale = min(4.0, math.sqrt(batch / 5120))
    width_scale = math.sqrt(128 / shape.hidden_size)
    if optimizer == "muon":
        return 0.02 * batch_scale, 0.01 * batch_scale * width_scale
    return 0.01 * batch_scale * 128 / shape.hidden_size, 0.01 * batch_scale * width_scale


def bytes_per_token(vocab_size: int, curve: Mapping[int, float] | None = None) -> float:
    """Bytes of text per token of a byte-level BPE of that size, interpolated from measurements.

    curve: measurements of this text; by default those of English prose.
    """
    points = sorted((curve or BYTES_PER_TOKEN).items())
    if vocab_size <= points[0][0]:
        return points[0][1]
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if vocab_size <= high:
            return at_low + (at_high - at_low) * math.log(vocab_size / low) / math.log(high / low)
    return points[-1][1]


def _best_fit(shapes: list[Shape], seconds: float, machine: Machine, scarcity: float) -> Shape:
    """The largest of the shapes whose tokens per parameter are closest to the target times `scarcity`."""
    misfits = [_misfit(shape, seconds, machine, scarcity) for shape in shapes]
    return max(
        (shape for shape, misfit in zip(shapes, misfits, strict=True) if misfit <= min(misfits) + TIE),
        key=lambda shape: shape.num_matmul_params,
    )


def _misfit(shape: Shape, seconds: float, machine: Machine, scarcity: float) -> float:
    """Distance of a shape's tokens per parameter from the best number for its size, in octaves."""
    params = shape.num_layer_params
    wanted = scarcity * TOKENS_PER_PARAM * (params / 1e6) ** TOKENS_EXPONENT
    return abs(math.log2(_tokens(shape, seconds, machine) / params / wanted))


def _tokens(shape: Shape, seconds: float, machine: Machine) -> float:
    return max(1.0, machine.flops(seconds, shape.hidden_size) / shape.flops_per_token)


def _epochs(
    shape: Shape, seconds: float, machine: Machine, corpus_bytes: int, curve: Mapping[int, float] | None
) -> float:
    return _tokens(shape, seconds, machine) * bytes_per_token(shape.vocab_size, curve) / corpus_bytes


def _time_reason(shape: Shape, seconds: float, machine: Machine) -> str:
    flops, speed = machine.flops(seconds, shape.hidden_size), machine.gflops_at(shape.hidden_size)
    compiling = f", {machine.startup_seconds:.0f} s of them compiling," if machine.startup_seconds else ""
    return f"{seconds:.0f} s{compiling} at {speed:.0f} GFLOP/s allow {flops:.1e} operations"


def _reasons(shape: Shape, tokens: int, batch: int, epochs: float | None) -> tuple[str, ...]:
    params, steps = shape.num_matmul_params, max(1, tokens // batch)
    reasons = [
        f"{params / 1e6:.2f}M matmul parameters, {shape.num_hidden_layers} layers of width {shape.hidden_size}: "
        f"about {tokens / shape.num_layer_params:.1f} tokens per parameter of the layers "
        f"({TOKENS_PER_PARAM:.0f}-{2 * TOKENS_PER_PARAM:.0f} is best, fewer if text is scarce)",
        f"a vocabulary of {shape.vocab_size}: a larger one would cost more compute per byte of text",
        f"{batch} tokens per step, {steps} step{'' if steps == 1 else 's'}",
    ]
    if epochs is not None:
        reasons.append(f"the text will be read {epochs:.1f} times")
        if epochs > MAX_USEFUL_EPOCHS:
            reasons.append(f"more than {MAX_USEFUL_EPOCHS:.0f} passes: more text would help more than more minutes")
    return tuple(reasons)
