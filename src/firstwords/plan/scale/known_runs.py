"""Published training runs, and what the planner's arithmetic says about them: a check of the method.

    for run in RUNS:
        print(run.name, run.computed_hours, f"{run.error:+.0%}")

A run whose makers published no utilisation is computed with the planner's own for that GPU (`hardware.GPUS`).
"""

from __future__ import annotations

from dataclasses import dataclass

from firstwords.plan.scale.hardware import GPUS
from firstwords.plan.scale.memory import RECOMPUTE_FACTOR


@dataclass(frozen=True)
class KnownRun:
    """A published run. matmul_params: without the lookup of embeddings; attention_width: heads times head size.

    utilisation: as published, of the operations including recomputed ones; None if it was not.
    """

    name: str
    matmul_params: float
    num_layers: int
    attention_width: int
    context: int
    tokens: float
    gpu: str
    gpu_hours: float
    source: str
    utilisation: float | None = None
    recompute: bool = False

    @property
    def flops(self) -> float:
        """Operations of the run, with the formula of `ModelConfig.flops_per_token`."""
        attention = 6 * self.num_layers * self.attention_width * self.context
        return self.tokens * (6 * self.matmul_params + attention)

    @property
    def used_utilisation(self) -> float:
        return self.utilisation if self.utilisation is not None else GPUS[self.gpu].utilisation

    @property
    def computed_hours(self) -> float:
        """GPU-hours that the planner's arithmetic gives."""
        flops = self.flops * (RECOMPUTE_FACTOR if self.recompute else 1.0)
        return flops / (self.used_utilisation * GPUS[self.gpu].peak_flops) / 3600

    @property
    def error(self) -> float:
        """Relative error of the computed GPU-hours: -0.1 is ten percent too few."""
        return self.computed_hours / self.gpu_hours - 1


RUNS = (
    KnownRun(
        "GPT-3 175B", 174.6e9, 96, 12_288, 2048, 300e9, "v100", 10_000 * 14.8 * 24,
        "Patterson et al. 2021, table 4: 10,000 V100 for 14.8 days at 24.6 TFLOP/s", utilisation=24.6 / 125,
    ),
    KnownRun(
        "BLOOM 176B", 176.25e9, 70, 14_336, 2048, 366e9, "a100", 1_082_990,
        "Le Scao et al. 2022; about 150 TFLOP/s, recomputation included, from BigScience's notes",
        utilisation=150 / 312, recompute=True,
    ),
    KnownRun(
        "Llama 2 7B", 6.607e9, 32, 4096, 4096, 2e12, "a100", 184_320, "Touvron et al. 2023, table 2",
    ),
    KnownRun(
        "Llama 2 70B", 68.715e9, 80, 8192, 4096, 2e12, "a100", 1_720_320, "Touvron et al. 2023, table 2",
    ),
    KnownRun(
        "Llama 3.1 405B", 403.75e9, 126, 16_384, 8192, 15.6e12, "h100", 30.84e6,
        "Meta's model card; 41 % on 16,384 GPUs from Grattafiori et al. 2024, table 4", utilisation=0.41,
    ),
    KnownRun(
        "OLMo 2 7B", 6.888e9, 32, 4096, 4096, 4e12, "h100", 4e12 / 9850 / 3600,
        "no total is published; 9,700-10,000 tokens/s per GPU at 47-48 %, OLMo-core 1.2 (7B)", utilisation=0.475,
    ),
    KnownRun(
        "nanochat d24", 729.8e6, 24, 1536, 2048, 16_704 * 524_288, "h100", 10_949 * 8 / 3600,
        "nanochat's leaderboard, run 1: 10,949 s on 8 GPUs, 4.33e19 operations by its own count",
        utilisation=4.330784e19 / (10_949.5 * 8 * 989.4e12),
    ),
    KnownRun(
        "GPT-2 124M (llm.c)", 124.4e6, 12, 768, 1024, 10e9, "a100", 1.5 * 8,
        "llm.c, discussion 481: 90 minutes on 8 GPUs at about 60 %", utilisation=0.60,
    ),
    KnownRun(
        "GPT-2 124M (modded-nanogpt)", 124.4e6, 12, 768, 1024, 10e9, "h100", 0.75 * 8,
        "modded-nanogpt, record 1: 45 minutes on 8 GPUs for 10B tokens",
    ),
)  # fmt: skip


def markdown_table() -> str:
    """The table of docs/guides/scale.md; a test compares them."""
    rows = [
        "| run | GPU | utilisation | GPU-hours: public | computed | error | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in RUNS:
        kind = "" if run.utilisation is not None else " (ours)"
        rows.append(
            f"| {run.name} | {run.gpu.upper()} | {run.used_utilisation:.0%}{kind} | {_hours(run.gpu_hours)} | "
            f"{_hours(run.computed_hours)} | {run.error:+.0%} | {run.source} |"
        )
    return "\n".join(rows)


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours < 100 else f"{float(f'{hours:.3g}'):,.0f}"
