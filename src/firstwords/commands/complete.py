"""Continue a text, token by token, as a base model is trained to do.

firstwords complete "Once upon a time" --max-tokens 100 --temperature 0.8 --seed 1
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, SamplingFlags, WeightsFlag
from firstwords.flags import Positional


@dataclass(kw_only=True)
class Complete(SamplingFlags, WeightsFlag, JsonFlag):
    """Continue a text. Example: firstwords complete "Once upon a time" --seed 1"""

    text: Positional[str]
    """The beginning of the text, in quotes."""
    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the base stage of the newest model."""
    max_tokens: int = 128
    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    """Sample from the k most likely tokens (0 = all)."""


def main(config: Complete) -> None:
    """Print the text and stream its continuation."""
    params = config.params(top_k=config.top_k)
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
