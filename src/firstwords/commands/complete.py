"""Continue a text, token by token, as a base model is trained to do.

firstwords complete "Once upon a time" --max-tokens 100 --temperature 0.8 --seed 1
firstwords complete "The cat" --without-letter e --words 5-12
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firstwords import api
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, RuleFlags, SamplingFlags, WeightsFlag
from firstwords.flags import Positional

if TYPE_CHECKING:
    from firstwords.engine.sampling import SamplingParams


@dataclass(kw_only=True)
class Complete(SamplingFlags, RuleFlags, WeightsFlag, JsonFlag):
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
    constraint = api.constraint(config.rules(), after=config.text)
    params = config.params(top_k=config.top_k, constraint=constraint, rule_cost=True)
    loaded = api.load(config.model, stage="base", weights=config.weights)
    ids = loaded.text_ids(config.text)
    shared.check_rules(loaded, params, len(ids))
    if config.json:
        _report(config, loaded, ids, params)
    else:
        _stream(config, loaded, ids, params)


def _report(config: Complete, loaded: api.Model, ids: list[int], params: SamplingParams) -> None:
    started = time.perf_counter()
    done = loaded.engine().generate([ids], params)[0]
    seconds = time.perf_counter() - started
    report = {
        "model": loaded.label,
        "prompt": config.text,
        "text": done.text,
        "tokens": len(done.ids),
        "finish_reason": done.finish_reason,
        "seed": done.seed,
        "tokens_per_s": round(len(done.ids) / max(seconds, 1e-9), 1),
    }
    lost = {} if done.logprob_lost is None else {"logprob_lost": round(done.logprob_lost, 3)}
    shared.emit(report | lost)


def _stream(config: Complete, loaded: api.Model, ids: list[int], params: SamplingParams) -> None:
    dim, off = ("\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{dim}{config.text}{off}", end="", flush=True)
    lost, num_tokens = 0.0, 0
    for token in loaded.generate(ids, params):
        print(token.text, end="", flush=True)
        lost, num_tokens = lost + (token.logprob_lost or 0), num_tokens + 1
    print()
    if params.constraint is not None:
        shared.note_loss(lost, num_tokens)
