"""The GPUs that `firstwords plan` knows: peak speed, memory, links, and the share of the peak that training reaches.

Peaks are the makers' figures for dense 16-bit matrix products (without sparsity). Links are per GPU and direction.
Utilisation is what published training runs reached (model FLOPs utilisation, PaLM, appendix B); `known_runs` checks it.
"""

from __future__ import annotations

from dataclasses import dataclass

from firstwords.config import UserError, nearest

GPUS_PER_NODE = 8


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU. link_gbytes: to the others of its machine; network_gbytes: to other machines (GB/s)."""

    name: str
    title: str
    peak_tflops: float
    memory_gb: float
    utilisation: float
    utilisation_source: str
    link_gbytes: float
    network_gbytes: float
    peak_source: str

    @property
    def peak_flops(self) -> float:
        return self.peak_tflops * 1e12


_LLAMA2 = "Llama 2's GPU-hours imply 0.39-0.44 (arXiv 2307.09288)"
_LLAMA3 = "Llama 3 405B reached 0.38-0.43 (arXiv 2407.21783, table 4)"
_GUESS = "no public run; assumed as for the H100"
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("v100", "V100 (32 GB)", 125.0, 32.0, 0.20, "GPT-3 reached 24.6 TFLOP/s (arXiv 2104.10350)", 150.0, 12.5,
            "NVIDIA V100 data sheet, January 2020"),
        Gpu("a100-40", "A100 (40 GB)", 312.0, 40.0, 0.40, _LLAMA2, 300.0, 25.0,
            "NVIDIA A100 data sheet, June 2021"),
        Gpu("a100", "A100 (80 GB)", 312.0, 80.0, 0.40, _LLAMA2, 300.0, 25.0,
            "NVIDIA A100 data sheet, June 2021"),
        Gpu("h100", "H100 SXM (80 GB)", 989.4, 80.0, 0.40, _LLAMA3, 450.0, 50.0,
            "NVIDIA H100 data sheet, 2023"),
        Gpu("h200", "H200 SXM (141 GB)", 989.4, 141.0, 0.40, "as for the H100, the same processor", 450.0, 50.0,
            "NVIDIA H200 data sheet, 2024"),
        Gpu("b200", "B200 (180 GB)", 2250.0, 180.0, 0.40, _GUESS, 900.0, 50.0,
            "NVIDIA DGX B200 data sheet, 2024"),
    )
}  # fmt: skip


def parse_gpus(text: str) -> tuple[Gpu, int | None]:
    """parse_gpus("h100:1024") == (GPUS["h100"], 1024); without a number, the count is None. Raises UserError."""
    name, colon, number = text.strip().lower().partition(":")
    if name not in GPUS:
        close = nearest(name, GPUS)
        hint = f"did you mean {close}?" if close else "write for example h100:8"
        raise UserError(f"--gpus is {text}, but the known GPUs are {', '.join(GPUS)}; {hint}")
    if not colon:
        return GPUS[name], None
    digits = number.replace(",", "").replace("_", "")
    if not digits.isdecimal() or not 1 <= int(digits) <= 1_000_000:
        raise UserError(f"--gpus is {text}, but the number after the colon must be from 1 to 1,000,000, as in h100:8")
    return GPUS[name], int(digits)
