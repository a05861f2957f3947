"""Adapters in training: the flags of a stage that can train one, their memory, and the files they leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from firstwords.config import Settings, UserError
from firstwords.model.config import ModelConfig
from firstwords.model.lora import TARGETS, Lora, adapter_of, save_adapter
from firstwords.model.transformer import Transformer
from firstwords.plan.footprint import Footprint

LORA_RATE = 2e-4  # peak rate of an adapter's matrices, with AdamW
LORA_BATCH = 8192  # tokens per step: a few hundred chats need many small steps
FOLDER = "adapter"  # in the stage: the adapter that was merged into its weights, in PEFT's format


@dataclass(kw_only=True)
class AdapterFlags(Settings):
    """The flags of a stage that can train an adapter instead of all weights."""

    lora: int = 0
    """Rank of a LoRA adapter to train instead of all weights, for example 16; it takes far less memory (0 = all)."""
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


def footprint(whole: Footprint, lora: Lora | None, config: ModelConfig) -> Footprint:
    """The memory of a run: `whole` trains all weights, an adapter only its own."""
    if lora is None:
        return whole
    joined = config.hidden_size * config.head_dim * (config.num_attention_heads + 2 * config.num_key_value_heads)
    # weights, gradients and two moments of the adapter; projections that are joined in the forward pass
    fixed = 16 * lora.num_params(config) + 4 * config.num_hidden_layers * joined
    return replace(whole, trained=0, frozen=2, fixed=fixed)  # the weights, and once more while they are saved


def files_of(model: Transformer, lora: Lora | None, base: Path) -> Callable[[Path], None]:
    """What writes the adapter, as it is now, into the folder of a stage; nothing without one."""
    tensors = adapter_of(model)

    def write(aside: Path) -> None:
        if lora is not None:
            save_adapter(tensors, lora, aside / FOLDER, str(base.resolve()))

    return write
