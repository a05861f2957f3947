"""Continue a text, token by token, as a base model is trained to do.

firstwords complete "Once upon a time" --max-tokens 100 --temperature 0.8 --seed 1
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from firstwords import api
from firstwords.commands import shared
from firstwords.config import WeightFormat
from firstwords.flags import Positional


@dataclass
class Complete:
    """Continue a text. Example: firstwords complete "Once upon a time" --seed 1"""

    text: Positional[str]
    """The beginning of the text, in quotes."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the base stage of the newest model."""
    max_tokens: int = 128
    """Maximum tokens to add."""
    temperature: float = 0.8
    """0 always takes the most likely token, 1 samples from the model's own distribution."""
    top_p: float = 1.0
    """Sample from the most likely tokens whose probabilities add up to this."""
    top_k: int = 0
    """Sample from the k most likely tokens (0 = all)."""
    seed: int | None = None
    """The same seed gives the same continuation."""
    weights: WeightFormat = "auto"
    """Format of the weights: fp32, int8 (faster for large models), or auto: int8 where it hardly changes answers."""
    json: bool = False
    """Print one JSON object at the end instead of streaming."""


def main(config: Complete) -> None:
    """Print the text and stream its continuation."""
    params = shared.sampling(
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        seed=config.seed,
    )
    loaded = api.load(config.model, stage="base", weights=config.weights)
    ids = loaded.text_ids(config.text)
    engine = loaded.engine()
    if config.json:
        started = time.perf_counter()
        done = engine.generate([ids], params)[0]
        seconds = time.perf_counter() - started
        shared.emit(
            {
                "model": loaded.label,
                "prompt": config.text,
                "text": done.text,
                "tokens": len(done.ids),
                "finish_reason": done.finish_reason,
                "seed": done.seed,
                "tokens_per_s": round(len(done.ids) / max(seconds, 1e-9), 1),
            }
        )
        return
    dim, off = ("\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{dim}{config.text}{off}", end="", flush=True)
    for token in engine.stream(ids, params):
        print(token.text, end="", flush=True)
    print()
