"""The memory and the time that training will take, estimated before it starts, so that a plan that cannot work says so.

    need = Footprint(config, row_tokens=256, is_packed=True)
    need.bytes(8192)                      # of a process that computes 8,192 tokens at once
    micro = need.fit(8192, free_bytes("cpu"), "give a smaller --batch-tokens")

The estimate counts weights, gradients, optimizer state, what each token keeps for the backward pass, the logits of a
micro-batch and the process itself. It is an upper bound: tests hold it to the peak of real runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from firstwords.config import UserError
from firstwords.model.cache import FIRST_CAPACITY
from firstwords.model.config import ModelConfig
from firstwords.plan.budget import Machine

MEMORY_SHARE = 0.75  # of the memory that is free as a run starts: the rest is for others, and for what was not foreseen
PROCESS_BYTES = 450_000_000  # Python, torch and its libraries, the data of the run
GPU_PROCESS_BYTES = 1_500_000_000  # CUDA's context and libraries, and a chunk of logits
KEPT = 1.75  # what the allocator holds for each byte of activations: temporaries of the backward pass, and gaps
HEAD_COPIES = 3  # of the head's gradient while a micro-batch is added up
MUON_COPIES = 5  # of all matrices of the commonest shape while they are orthogonalised
LOGIT_COPIES = 5  # of logits that exist as a whole: logits, softmax, gradient, reference
MUON_PRODUCTS = 15  # matrix products of one orthogonalisation: five iterations of three
MICRO_FLOPS = 5e11  # of a micro-batch on a CPU: some seconds, after which a signal is heard


@dataclass(frozen=True)
class Footprint:
    """What training a model needs, as a function of the tokens that are computed at once.

    is_packed: rows hold several documents, whose attention needs a mask of (row, row). logit_rows: the share of the
    tokens whose logits exist as a whole (0 where head and loss are one function). frozen: models of the same size that
    are only read. fixed: further bytes, such as a cache.
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

    def bytes(self, tokens: int) -> int:
        """Peak memory of the process, in bytes, with micro-batches of so many tokens."""
        return round(self._state() + tokens * self._per_token())

    def fit(self, tokens: int, free: int, advice: str) -> int:
        """Tokens of a micro-batch: those asked for, or as many whole rows as fit into MEMORY_SHARE of `free` bytes.

        Raises UserError with the advice where not even one row fits.
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
                f"but only {gigabytes(free)} are free, of which a run takes {MEMORY_SHARE:.0%} at most: {advice}"
            )
        return size if rows < wanted else tokens

    def sentence(self, tokens: int, free: int) -> str:
        """The line of a plan about memory."""
        return f"needs about {gigabytes(self.bytes(tokens))} of memory, of {gigabytes(free)} that are free"

    def _state(self) -> float:
        """Everything that does not grow with the tokens of a micro-batch."""
        config, width = self.config, 2 if self.precision == "bf16" else 0
        tables = config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2)
        matrices = config.num_params - tables
        is_muon = self.optimizer == "muon"
        moments = 4 * (matrices + 2 * tables if is_muon else 2 * config.num_params)
        temporary = 4 * HEAD_COPIES * config.vocab_size * config.hidden_size
        if is_muon:
            commonest = 2 * config.num_hidden_layers * config.hidden_size * config.intermediate_size
            temporary += 4 * MUON_COPIES * commonest
        weights = self.trained * (8 * config.num_params + moments + width * config.num_params) + temporary
        process = PROCESS_BYTES if self.device == "cpu" else GPU_PROCESS_BYTES
        return process + weights + 4 * self.frozen * config.num_params + self.fixed

    def _per_token(self) -> float:
        """Bytes that one token of a micro-batch keeps until its gradient is known."""
        config, width = self.config, 2 if self.precision == "bf16" else 4
        query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
        layer = 3 * config.hidden_size + query + 2 * keys + 2 * query + 4 * config.intermediate_size
        if config.qk_norm:
            layer += 2 * (query + keys)
        kept = width * (config.num_hidden_layers * layer + 4 * config.hidden_size)
        if self.is_packed:  # the mask as numbers, once a layer
            kept += config.num_hidden_layers * self.row_tokens * (width + 1)
        return KEPT * kept + 4 * LOGIT_COPIES * self.logit_share * config.vocab_size


def cache_bytes(config: ModelConfig, slots: int, length: int) -> int:
    """Keys and values of so many sequences of up to `length` tokens, in fp32; storage grows by doubling."""
    capacity = FIRST_CAPACITY
    while capacity < length:
        capacity *= 2
    capacity = min(capacity, config.max_position_embeddings)
    return 8 * slots * capacity * config.num_hidden_layers * config.num_key_value_heads * config.head_dim


def step_seconds(config: ModelConfig, tokens: int, row_tokens: int, machine: Machine, optimizer: str = "muon") -> float:
    """How long one step of so many tokens takes on a machine, the update included."""
    flops = tokens * config.flops_per_token(row_tokens)
    if optimizer == "muon":
        flops += muon_flops(config)
    return flops / machine.gflops_at(config.hidden_size) / 1e9


def muon_flops(config: ModelConfig) -> float:
    """Operations of orthogonalising every matrix once: products of the short side's square with the long side."""
    D, F = config.hidden_size, config.intermediate_size
    query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
    shapes = [(D, query), (D, keys), (D, keys), (query, D), (D, F), (D, F), (F, D)]
    return config.num_hidden_layers * sum(2 * MUON_PRODUCTS * min(s) ** 2 * max(s) for s in shapes)


def check_first_step(seconds: float, left: float, tokens: int, instead: str) -> None:
    """Refuse a run by the clock whose first step would end after it; `instead` names what else would help than time.

    Raises UserError.
    """
    if seconds > left:
        raise UserError(
            f"one step of {tokens:,} tokens would take about {seconds:.0f} s with this model on this machine, but only "
            f"{max(0.0, left):.0f} s are left for training: give more --minutes, or {instead}"
        )


def gigabytes(count: float) -> str:
    """Bytes for people: 1.2 GB."""
    size = count / 1e9
    return f"{size:.1f} GB" if size < 99.95 else f"{size:,.0f} GB"


def free_bytes(device: str) -> int:
    """Memory that a new process may take: of the GPU, or of this machine and of its container, whichever is less."""
    if device != "cpu":
        import torch

        return torch.cuda.mem_get_info()[0]
    return min((n for n in (_available(), _container()) if n is not None), default=8_000_000_000)


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:  # where there is no /proc: half of what there is at all
        import os

        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError, AttributeError):
        return None


def _container(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container's limit leaves; None without a limit (cgroup 2, then 1). Cached files make room when asked."""
    for folder, limit, usage in (
        (root, "memory.max", "memory.current"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, usage))
            rows = (line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
            cached = max((int(count) for name, count in rows if name.endswith("inactive_file")), default=0)
        except (OSError, ValueError):  # "max" is no number
            continue
        return max(0, most - used + cached)
    return None
