"""Estimate the memory and time of training before it starts, to refuse a plan that cannot work.

    need = Footprint(config, row_tokens=256, is_packed=True)
    need.bytes(8192)                      # peak memory with micro-batches of 8,192 tokens
    micro = need.fit(8192, free_bytes("cpu"), "give a smaller --batch-tokens")

The estimate counts weights, gradients, optimizer state, activations kept for the backward pass, the logits of a
micro-batch and the process itself. It is an upper bound: tests compare it with the peak of real runs.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.plan.budget import Machine

MEMORY_SHARE = 0.75  # of the memory that is free at the start; the rest is for other programs and surprises
PROCESS_BYTES = 450_000_000  # Python, torch and its libraries, the data of the run
GPU_PROCESS_BYTES = 1_500_000_000  # CUDA's context and libraries, and a chunk of logits
KEPT = 1.75  # bytes held by the allocator per byte of activations: temporaries of the backward pass, and gaps
HEAD_COPIES = 3  # of the head's gradient while micro-batches are accumulated
MUON_COPIES = 5  # of all matrices of the most common shape while they are orthogonalised
LOGIT_COPIES = 5  # of materialised logits: logits, softmax, gradient, reference
MUON_PRODUCTS = 15  # matrix products per orthogonalisation: five iterations of three
ROLLOUT_CACHE_BYTES = 800_000_000  # of keys and values while training samples answers
MICRO_FLOPS = 5e11  # per micro-batch on a CPU: a few seconds, after which a signal is handled


@dataclass(frozen=True)
class Footprint:
    """Memory for training a model, as a function of the tokens per micro-batch.

    is_packed: rows hold several documents, whose attention needs a mask of (row, row). logit_share: the share of tokens
    whose logits are materialised (0 if head and loss are one function). trained, frozen: number of models of this size
    that are trained or only read. fixed: further bytes, such as a cache. shards: processes among which weights,
    gradients and optimizer are divided. is_recomputed: blocks keep only their input (`Transformer.recompute_above`).
    most_logits: logits beyond this number are computed in chunks and not kept (0 = all are kept).
    """

    config: ModelConfig
    row_tokens: int
    optimizer: str = "muon"
    precision: str = "fp32"
    device: str = "cpu"
    is_packed: bool = False
    logit_share: float = 0.0
    trained: int = 1
    frozen: int = 0
    fixed: int = 0
    shards: int = 1
    is_recomputed: bool = False
    most_logits: int = 0

    def bytes(self, tokens: int) -> int:
        """Peak memory of the process, in bytes, with micro-batches of `tokens`."""
        logits = tokens * self.logit_share * self.config.vocab_size
        logits = min(logits, self.most_logits or logits)
        return round(self._state() + tokens * self._per_token() + 4 * LOGIT_COPIES * logits)

    def tokens_within(self, limit: float) -> int:
        """The largest micro-batch, in tokens, that needs at most `limit` bytes; it may hold no whole row."""
        kept, each = self._per_token(), 4 * LOGIT_COPIES * self.logit_share * self.config.vocab_size
        left = limit - self._state()
        few = left / (kept + each)  # the logits of that many are all kept
        if self.most_logits and few * self.logit_share * self.config.vocab_size > self.most_logits:
            few = (left - 4 * LOGIT_COPIES * self.most_logits) / kept
        return max(0, int(few))

    def fit(self, tokens: int, free: int, advice: str) -> int:
        """Tokens per micro-batch: as requested, or as many whole rows as fit into MEMORY_SHARE of `free` bytes.

        Raises UserError with the advice if not even one row fits.
        """
        wanted, limit = max(1, tokens // self.row_tokens), MEMORY_SHARE * free
        rows = wanted
        if self.device == "cpu":
            most = MICRO_FLOPS / self.config.flops_per_token(self.row_tokens)
            rows = min(rows, max(1, int(most) // self.row_tokens))
        while rows > 1 and self.bytes(rows * self.row_tokens) > limit:
            rows = math.ceil(rows / 2)
        size = rows * self.row_tokens
        if (needed := self.bytes(size)) > limit:
            raise UserError(
                f"training needs about {gigabytes(needed)} of memory even for one row of {self.row_tokens:,} tokens, "
                f"but only {gigabytes(free)} are free, of which a run uses at most {MEMORY_SHARE:.0%}: {advice}"
            )
        return size if rows < wanted else tokens

    def sentence(self, tokens: int, free: int) -> str:
        """The plan's line about memory."""
        return needs(self.bytes(tokens), free)

    def _state(self) -> float:
        """Bytes that do not depend on the tokens per micro-batch."""
        config, width = self.config, 2 if self.precision == "bf16" else 0
        tables = config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2)
        matrices = config.num_params - tables
        is_muon = self.optimizer == "muon"
        moments = 4 * (matrices + 2 * tables if is_muon else 2 * config.num_params)
        temporary = 4 * HEAD_COPIES * config.vocab_size * config.hidden_size if self.trained else 0
        if is_muon and self.trained:
            commonest = 2 * config.num_hidden_layers * config.hidden_size * config.intermediate_size
            temporary += 4 * MUON_COPIES * commonest
        state = self.trained * (8 * config.num_params + moments + width * config.num_params)
        weights = state / self.shards + temporary
        process = PROCESS_BYTES if self.device == "cpu" else GPU_PROCESS_BYTES
        return process + weights + 4 * self.frozen * config.num_params + self.fixed

    def _per_token(self) -> float:
        """Bytes kept per token of a micro-batch until its backward pass."""
        config, width = self.config, 2 if self.precision == "bf16" else 4
        query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
        layer: float = 3 * config.hidden_size + query + 2 * keys + 2 * query + 4 * config.intermediate_size
        if config.qk_norm:
            layer += 2 * (query + keys)
        if self.is_packed:  # the mask as numbers
            layer += self.row_tokens * (width + 1) / width
        layers = config.num_hidden_layers * layer
        if self.is_recomputed:  # the inputs of all blocks, and everything of the one that is being computed
            layers = config.num_hidden_layers * config.hidden_size + 2 * layer
        return KEPT * width * (layers + 4 * config.hidden_size)


def cache_bytes(config: ModelConfig, slots: int, length: int) -> int:
    """Bytes of keys and values for `slots` sequences of up to `length` tokens, in fp32; storage grows by doubling."""
    from firstwords.model.cache import FIRST_CAPACITY  # needs torch, the estimates do not

    capacity = FIRST_CAPACITY
    while capacity < length:
        capacity *= 2
    capacity = min(capacity, config.max_position_embeddings)
    return 8 * slots * capacity * config.num_hidden_layers * config.num_key_value_heads * config.head_dim


def slots_for(config: ModelConfig, most: int, length: int) -> int:
    """Sequences of up to `length` tokens that are sampled at a time: `most`, or as many as ROLLOUT_CACHE_BYTES hold."""
    return max(1, min(most, ROLLOUT_CACHE_BYTES // cache_bytes(config, 1, length)))


def step_seconds(config: ModelConfig, tokens: int, row_tokens: int, machine: Machine, optimizer: str = "muon") -> float:
    """Seconds for one step of `tokens` tokens on a machine, including the update."""
    flops = tokens * config.flops_per_token(row_tokens)
    if optimizer == "muon":
        flops += muon_flops(config)
    return flops / machine.gflops_at(config.hidden_size) / 1e9


def muon_flops(config: ModelConfig) -> float:
    """Operations for orthogonalising every matrix once: products of the short side's square with the long side."""
    D, F = config.hidden_size, config.intermediate_size
    query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
    shapes = [(D, query), (D, keys), (D, keys), (query, D), (D, F), (D, F), (F, D)]
    return config.num_hidden_layers * sum(2 * MUON_PRODUCTS * min(s) ** 2 * max(s) for s in shapes)


def check_first_step(seconds: float, left: float, tokens: int, instead: str) -> None:
    """Raise UserError for a run with a time limit whose first step would exceed it; `instead` names a remedy other than
    more time.
    """
    if seconds > left:
        raise UserError(
            f"one step of {tokens:,} tokens would take about {seconds:.0f} s with this model on this machine, but only "
            f"{max(0.0, left):.0f} s are left for training: give more --minutes, or {instead}"
        )


def needs(size: float, free: float) -> str:
    """A plan's line about memory, from bytes."""
    return f"needs about {gigabytes(size)} of memory ({gigabytes(free)} are free)"


def about(seconds: float) -> str:
    """Seconds for people, in a plan: about 40 s, about 12 min, about 2.5 h."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def gigabytes(count: float) -> str:
    """Bytes for people: 1.2 GB."""
    size = count / 1e9
    return f"{size:.1f} GB" if size < 99.95 else f"{size:,.0f} GB"


def free_bytes(device: str) -> int:
    """Free memory for a new process: of the GPU, or the lesser of this machine's and its container's."""
    if device != "cpu":
        import torch

        return torch.cuda.mem_get_info()[0]
    sharing = max(1, int(os.environ.get("LOCAL_WORLD_SIZE") or 1))  # set by torchrun: processes on this machine
    return min((n for n in (_available(), _container()) if n is not None), default=8_000_000_000) // sharing


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:  # without /proc: half of the installed memory
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError, AttributeError):
        return None


def _container(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Memory left by a container's limit, counting cached files as free; None without a limit (cgroup 2, then 1)."""
    for folder, limit, usage in (
        (root, "memory.max", "memory.current"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, usage))
            rows = (line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
            cached = max((int(count) for name, count in rows if name.endswith("inactive_file")), default=0)
        except (OSError, ValueError):  # "max" is not a number
            continue
        return max(0, most - used + cached)
    return None
