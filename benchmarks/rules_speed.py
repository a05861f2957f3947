"""What a rule costs: processor time per token with and without one, for 1 and 16 streams of the same model.

    python benchmarks/rules_speed.py --model DIR          # a trained model's folder
    python benchmarks/rules_speed.py --model DIR --json

Every round generates the same number of tokens from the same prompts: freely, freely but one token per step (what a
rule forbids is to sample several tokens ahead), and under each rule. Processor time of the whole process, threads
included, hardly depends on what else the machine does; the table shows the smallest of the rounds. Nothing is trained
and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from _common import machine, report, table

RULES: dict[str, dict[str, Any]] = {
    "without e": {"without_letter": "e", "words": "20-"},
    "only words with b": {"only_words_with": "b", "words": "20-"},
    "20 words and more": {"words": "20-"},
    "regular expression": {"regex": "[a-zA-Z ,.]{1,2000}"},
}
STREAMS = (1, 16)


def measure(directory: Path, num_tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Rows {streams, rule, us_per_token, overhead, over_single}; overhead is relative to generating freely."""
    import firstwords.engine.engine as engine_module
    from firstwords.engine.engine import Engine
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.tokenizer.prompts import text_ids

    model, tokenizer = load_model(directory), Tokenizer.load(directory)
    ahead = engine_module.MAX_BURST
    rows = []
    for streams in STREAMS:
        engine = Engine(model, tokenizer, num_slots=streams)
        engine.prepare()
        prompts = [text_ids(tokenizer, f"The {name} sat") for name in ("cat", "dog", "bird", "fox")] * (
            streams // 4 + 1
        )

        cases: dict[str, tuple[dict[str, Any] | None, int]] = {"free": (None, ahead), "free, one per step": (None, 1)}
        cases |= {name: (rule, ahead) for name, rule in RULES.items()}
        best = {name: float("inf") for name in cases}
        for number in range(rounds + 1):
            for name, case in cases.items():
                spent = seconds(engine, prompts[:streams], num_tokens, *case)
                if number:  # the first round compiles grammars
                    best[name] = min(best[name], spent)
        for name, spent in best.items():
            overhead, single = spent / best["free"] - 1, spent / best["free, one per step"] - 1
            rows.append({"streams": streams, "rule": name, "us_per_token": spent * 1e6} | _shares(overhead, single))
    engine_module.MAX_BURST = ahead
    return rows


def seconds(engine: Any, prompts: list[list[int]], num_tokens: int, rule: dict[str, Any] | None, burst: int) -> float:
    """Processor seconds per token. burst: tokens that a row may sample per step."""
    import firstwords.engine.engine as engine_module
    from firstwords.engine.constraints import Constraint
    from firstwords.engine.rules.rules import Rules
    from firstwords.engine.sampling import SamplingParams

    constraint = Constraint.rules(Rules.of(rule)) if rule else None
    params = SamplingParams(max_tokens=num_tokens, seed=1, ignore_eos=rule is None, constraint=constraint)
    engine_module.MAX_BURST = burst
    began = time.process_time()
    answers = engine.generate(prompts, params)
    return (time.process_time() - began) / sum(len(answer.ids) for answer in answers)


def _shares(overhead: float, single: float) -> dict[str, float]:
    return {"overhead": overhead, "over_single": single}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    rows = measure(flags.model, flags.tokens, flags.rounds)
    shown = [
        (
            row["streams"],
            row["rule"],
            f"{row['us_per_token']:.0f}",
            f"{row['overhead']:+.0%}",
            f"{row['over_single']:+.0%}",
        )
        for row in rows
    ]
    header = ("streams", "rule", "µs of processor per token", "over free", "over one per step")
    report({"machine": machine(), "rows": rows}, table(header, shown), flags.json)


if __name__ == "__main__":
    main()
