"""Adapters in training: the flags of a stage that can train one, their memory, and the files they leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from firstwords.config import Settings, UserError, given
from firstwords.model.config import ModelConfig
from firstwords.model.lora import ADAPTER, TARGETS, Lora, adapter_of, merge, save_adapter
from firstwords.model.transformer import Transformer
from firstwords.plan.footprint import MEMORY_SHARE, Footprint, free_bytes, gigabytes
from firstwords.runlog import say
from firstwords.train.distributed import processes

LORA_RATE = 2e-4  # peak rate of an adapter's matrices, with AdamW
LORA_BATCH = 8192  # tokens per step: a few hundred chats need many small steps
USUAL_RANK = 16  # of an adapter that is trained because training all weights does not fit
WORK = 2 / 3  # of the operations for training all weights: there are no gradients of the large matrices
COMFORTABLE_BYTES = 3_800_000_000  # an adapter's training takes no more where a smaller micro-batch is possible


@dataclass(kw_only=True)
class AdapterFlags(Settings):
    """The flags of a stage that can train an adapter instead of all weights."""

    lora: int = 0
    """Rank of a LoRA adapter to train instead of all weights, for example 16; it takes far less memory (0 = all
    weights; without this flag, they are trained if they fit into the memory, and else an adapter of rank 16)."""
    lora_alpha: float = 0.0
    """Strength of the adapter (0 = twice its rank)."""
    lora_targets: list[str] = field(default_factory=lambda: list(TARGETS))
    """Matrices that the adapter changes, in every layer."""
    rslora: bool = False
    """Divide alpha by the root of the rank, not by the rank (rsLoRA)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adapter()

    def adapter(self) -> Lora | None:
        """The settings of the adapter; None to train all weights. Raises UserError for impossible ones."""
        if not self.lora:
            for name in ("lora_alpha", "rslora"):
                if getattr(self, name):
                    raise UserError(f"--{name.replace('_', '-')} is for adapters: give --lora RANK too")
            return None
        return Lora(self.lora, self.lora_alpha or 2.0 * self.lora, tuple(self.lora_targets), self.rslora)


def flags_of(config: AdapterFlags) -> dict[str, Any]:
    """The adapter's flags, to hand them on to another stage."""
    return {each.name: getattr(config, each.name) for each in fields(AdapterFlags)}


def rate(lora: Lora | None, usual: float) -> float:
    """Peak rate of the matrices that are trained; `usual` is that of all weights."""
    return usual if lora is None else LORA_RATE


def footprint(whole: Footprint, lora: Lora | None, config: ModelConfig, shared: int = 0) -> Footprint:
    """The memory of a run: `whole` trains all weights, an adapter only its own.

    shared: how many of the models that `whole` counts as frozen have the same tensors as the one with the adapter.
    """
    if lora is None:
        return whole
    joined = config.hidden_size * config.head_dim * (config.num_attention_heads + 2 * config.num_key_value_heads)
    # weights, gradients and two moments of the adapter; projections that are joined in the forward pass
    fixed = whole.fixed + whole.trained * (16 * lora.num_params(config) + 4 * config.num_hidden_layers * joined)
    # the weights, and once more while they are merged and saved
    return replace(whole, trained=0, frozen=whole.frozen - shared + 2 * whole.trained, fixed=fixed)


def fitted(need: Footprint, lora: Lora | None, tokens: int, free: int, advice: str) -> tuple[int, int | None, int]:
    """(tokens per micro-batch, `Transformer.recompute_above`, bytes that this takes).

    An adapter's run stays within COMFORTABLE_BYTES if it can: with smaller micro-batches, and then by recomputing the
    longest rows. Raises UserError like `Footprint.fit`.
    """
    if lora is None:
        micro = need.fit(tokens, free, advice)
        return micro, None, need.bytes(micro)
    budget = min(free, int(COMFORTABLE_BYTES / MEMORY_SHARE))
    row = need.row_tokens
    if need.bytes(row) <= MEMORY_SHARE * budget:
        micro = need.fit(tokens, budget, advice)
        return micro, None, need.bytes(micro)
    small = replace(need, is_recomputed=True)
    small.fit(row, free, advice)
    above = need.tokens_within(MEMORY_SHARE * budget)
    return row, above, max(small.bytes(row), need.bytes(above))


def settle(config: Any, command: str, whole: Footprint, shared: int = 0) -> Lora | None:
    """The settings of the adapter to train, or None for all weights.

    Without --lora, an adapter of USUAL_RANK is chosen, and said, if training all weights (`whole`) does not fit.
    shared: see `footprint`. Raises UserError if several processes would train an adapter.
    """
    free, several = free_bytes(whole.device), processes.size() > 1
    row, limit = whole.row_tokens, MEMORY_SHARE * free
    is_open = "lora" not in given(config) and not (config.lora or config.resume or several)
    if is_open and whole.bytes(row) > limit:
        small = footprint(whole, Lora(USUAL_RANK, 2.0 * USUAL_RANK), whole.config, shared)
        if replace(small, is_recomputed=True).bytes(row) <= limit:
            config.lora = USUAL_RANK
            say(
                f"plan: training all weights needs about {gigabytes(whole.bytes(row))} of memory, more than is free: "
                f"an adapter of rank {USUAL_RANK} is trained instead (as with --lora {USUAL_RANK})"
            )
    lora: Lora | None = config.adapter()
    if lora is not None and several:
        raise UserError(f"an adapter is trained by one process: run `{command} --lora` without torchrun")
    return lora


def described(lora: Lora, config: ModelConfig) -> str:
    """The plan's line about an adapter."""
    return f"an adapter of rank {lora.rank}, {lora.num_params(config) / 1e6:.2f} million parameters"


def merged(model: Transformer, lora: Lora | None, base: Path) -> tuple[dict[str, Any], Callable[[Path], None]]:
    """Merge a model's adapter into its weights; nothing without one. Comes before `weights_hash` and the card.

    Returns (what the card's data say about it, what writes the adapter's own files into the folder of a stage). base:
    the model that it was trained on.
    """
    if lora is None:
        return {}, lambda aside: None
    tensors = adapter_of(model)
    merge(model)
    return {"adapter": asdict(lora)}, lambda aside: save_adapter(tensors, lora, aside / ADAPTER, str(base.resolve()))
