"""Memory per GPU: weights, gradients, optimizer, activations, logits; and the sharding with which a model fits.

Master weights, gradients and moments are fp32 and are divided among the GPUs of a shard group (FSDP); activations and
gathered layers are bf16. With recomputation, only each block's input is kept and the block is computed again in the
backward pass, which adds a third to the computation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from firstwords.model.config import ModelConfig
from firstwords.plan.footprint import GPU_PROCESS_BYTES, KEPT
from firstwords.plan.scale.hardware import GPUS_PER_NODE, Gpu

USABLE = 0.92  # of a GPU's memory; the rest is lost to gaps and to the buffers of collectives
RECOMPUTE_FACTOR = 4 / 3  # operations with recomputation: two forward passes and a backward pass of two
GATHERED_BLOCKS = 2  # whole in memory at a time: the one that computes, and the next
LOGITS_AT_ONCE = 1 << 28  # elements; head and loss are computed in chunks (train/losses.py)
LOGIT_BYTES = 8  # per element of a chunk: bf16 logits, their fp32 copy and the bf16 gradient
MOST_ROWS = 64  # per GPU and pass


@dataclass(frozen=True)
class Memory:
    """Bytes per GPU by purpose."""

    weights: float
    gradients: float
    optimizer: float
    gathered: float
    activations: float
    logits: float
    process: float

    @property
    def total(self) -> float:
        return sum(asdict(self).values())

    def fits(self, gpu: Gpu) -> bool:
        return self.total <= USABLE * gpu.memory_gb * 1e9


@dataclass(frozen=True)
class Sharding:
    """replicate x shard GPUs, rows per GPU and pass, and whether activations are recomputed."""

    replicate: int
    shard: int
    rows: int
    recompute: bool
    memory: Memory


def memory_per_gpu(
    config: ModelConfig, context: int, shard: int, rows: int, recompute: bool, optimizer: str = "muon"
) -> Memory:
    """Bytes on each GPU of a shard group, with `rows` rows of `context` tokens per pass."""
    tables = config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2)
    matrices, tokens = config.num_params - tables, rows * context
    moments = matrices + 2 * tables if optimizer == "muon" else 2 * config.num_params  # Muon keeps one, AdamW two
    block = matrices / config.num_hidden_layers
    gathered = 2 * (GATHERED_BLOCKS * block + config.vocab_size * config.hidden_size)
    if shard > 1:
        gathered += 4 * max(block, config.vocab_size * config.hidden_size)  # a gradient before it is shared out
    per_layer = 2 * KEPT * _kept_per_token(config)
    stream = 2 * config.hidden_size
    if recompute:
        activations = tokens * (config.num_hidden_layers * stream + per_layer)
    else:
        activations = tokens * config.num_hidden_layers * per_layer
    return Memory(
        weights=4 * config.num_params / shard,
        gradients=4 * config.num_params / shard,
        optimizer=4 * moments / shard,
        gathered=gathered,
        activations=activations + 4 * tokens * stream,
        logits=LOGIT_BYTES * min(tokens * config.vocab_size, LOGITS_AT_ONCE),
        process=GPU_PROCESS_BYTES,
    )


def _kept_per_token(config: ModelConfig) -> int:
    """Numbers kept per token and layer for the backward pass (see `plan.footprint`)."""
    query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
    kept = 3 * config.hidden_size + 3 * query + 2 * keys + 4 * config.intermediate_size
    return kept + (2 * (query + keys) if config.qk_norm else 0)


def choose_sharding(
    config: ModelConfig, context: int, gpu: Gpu, count: int, batch_tokens: int, optimizer: str = "muon"
) -> Sharding | None:
    """The sharding that fits and communicates least; None if even one row on all GPUs does not fit.

    Shard groups are as small as possible, without recomputation if any of them fits; rows per pass as many as fit.
    """
    most = max(1, min(MOST_ROWS, batch_tokens // context // count))
    for recompute in (False, True):
        for shard in shard_sizes(count):
            fitting = None
            rows = 1
            while rows <= most:
                memory = memory_per_gpu(config, context, shard, rows, recompute, optimizer)
                if not memory.fits(gpu):
                    break
                fitting = Sharding(count // shard, shard, rows, recompute, memory)
                rows *= 2
            if fitting is not None:
                return fitting
    return None


def shard_sizes(count: int) -> list[int]:
    """Sizes of a shard group that divide `count`: parts of a machine, then whole machines."""
    divisors = [n for n in range(1, count + 1) if count % n == 0] if count <= 10_000 else _large_divisors(count)
    return [n for n in divisors if n <= GPUS_PER_NODE or n % GPUS_PER_NODE == 0 or n == count]


def _large_divisors(count: int) -> list[int]:
    small = [n for n in range(1, int(count**0.5) + 1) if count % n == 0]
    return sorted({*small, *(count // n for n in small)})


def least_gpus(config: ModelConfig, context: int, gpu: Gpu, optimizer: str = "muon") -> int:
    """The smallest number of GPUs (a power of two) on which the model can be trained at all; 0 if none is enough."""
    count = 1
    while count <= 1 << 20:
        if memory_per_gpu(config, context, count, 1, True, optimizer).fits(gpu):
            return count
        count *= 2
    return 0
