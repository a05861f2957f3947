"""What a GPU-hour costs: published on-demand prices, each with source and date. Prices change monthly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """US dollars per GPU-hour, on demand, and where and when that was published."""

    usd: float
    source: str


_MERCATUS = "middle of the specialised clouds' range, mercatus-ai.com, May 2026"
_AIMULTIPLE = "aimultiple.com/gpu-index, May 2026"
PRICES = {
    "v100": Price(0.97, f"median of older GPUs, {_AIMULTIPLE}"),
    "a100-40": Price(1.30, f"as the A100 with 80 GB: {_MERCATUS}"),
    "a100": Price(1.30, _MERCATUS),
    "h100": Price(2.95, f"median of 37 providers, {_AIMULTIPLE}"),
    "h200": Price(4.00, _MERCATUS),
    "b200": Price(5.25, "middle of the specialised clouds' range, lyceum.technology, March 2026"),
}


def price_of(gpu_name: str, usd_per_gpu_hour: float = 0.0) -> Price:
    """The given price, or else the published one."""
    return Price(usd_per_gpu_hour, "--usd-per-gpu-hour") if usd_per_gpu_hour else PRICES[gpu_name]
