"""What a rule costs: processor time per token with and without one, for 1 and 16 streams of the same model.

    python benchmarks/rules_speed.py --model DIR          # a trained model's folder
    python benchmarks/rules_speed.py --model DIR --json

Every round generates answers under each rule, then freely from the same prompts, every answer as long as the one under
the rule: first as usual, then one token per step (what a rule forbids is to sample several tokens ahead). Processor
time of the whole process, threads included, hardly depends on what else the machine does; the table shows the smallest
of the rounds. Nothing is trained and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

from _common import machine, report, table

RULES: dict[str, dict[str, Any]] = {
    "without e": {"without_letter": "e", "words": "20-"},
    "only words with b": {"only_words_with": "b", "words": "20-"},
    "20 words and more": {"words": "20-"},
    "regular expression": {"regex": "[a-zA-Z ,.]{1,2000}"},
}
STREAMS = (1, 16)


def measure(directory: Path, num_tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Rows {streams, rule, tokens, us_per_token, free_us, overhead, over_single}; overhead is relative to generating
    freely.
    """
    from firstwords.engine.engine import Engine
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.tokenizer.prompts import text_ids

    model, tokenizer = load_model(directory), Tokenizer.load(directory)
    names = ("cat", "dog", "bird", "fox")
    rows = []
    for streams in STREAMS:
        engine = Engine(model, tokenizer, num_slots=streams)
        engine.prepare()
        prompts = [text_ids(tokenizer, f"The {names[i % len(names)]} sat") for i in range(streams)]
        for name, rule in RULES.items():
            ruled, free, single = best_of(engine, prompts, rule, num_tokens, rounds)
            shares = {"overhead": ruled.seconds / free.seconds - 1, "over_single": ruled.seconds / single.seconds - 1}
            about = {"streams": streams, "rule": name, "tokens": sum(ruled.lengths)}
            rows.append(about | {"us_per_token": ruled.seconds * 1e6, "free_us": free.seconds * 1e6} | shares)
    return rows


class Spent(NamedTuple):
    """Processor seconds per token, and the tokens of each answer."""

    seconds: float
    lengths: list[int]


def best_of(engine: Any, prompts: list[list[int]], rule: dict[str, Any], num_tokens: int, rounds: int) -> list[Spent]:
    """[under the rule, freely, freely and one token per step]: the fastest of the rounds."""
    import firstwords.engine.engine as engine_module

    ahead, best = engine_module.MAX_BURST, list[Spent]()
    for number in range(rounds + 1):
        ruled = spent(engine, prompts, [num_tokens] * len(prompts), rule)
        free = spent(engine, prompts, ruled.lengths, None)
        engine_module.MAX_BURST = 1
        single = spent(engine, prompts, ruled.lengths, None)
        engine_module.MAX_BURST = ahead
        found = [ruled, free, single]
        if number:  # the first round compiles grammars
            best = [min(pair) for pair in zip(best, found, strict=True)] if best else found
    return best


def spent(engine: Any, prompts: list[list[int]], lengths: list[int], rule: dict[str, Any] | None) -> Spent:
    """Generate answers of at most these lengths under a rule, or freely and of exactly these lengths."""
    from firstwords.engine.constraints import Constraint
    from firstwords.engine.rules.rules import Rules
    from firstwords.engine.sampling import SamplingParams

    constraint = Constraint.rules(Rules.of(rule)) if rule else None
    params = [
        SamplingParams(max_tokens=length, seed=1 + i, ignore_eos=rule is None, constraint=constraint)
        for i, length in enumerate(lengths)
    ]
    began = time.process_time()
    answers = engine.generate(prompts, params)
    found = [len(answer.ids) for answer in answers]
    return Spent((time.process_time() - began) / sum(found), found)


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
            row["tokens"],
            f"{row['us_per_token']:.0f}",
            f"{row['free_us']:.0f}",
            f"{row['overhead']:+.0%}",
            f"{row['over_single']:+.0%}",
        )
        for row in rows
    ]
    header = ("streams", "rule", "tokens", "µs of processor per token", "free", "over free", "over one per step")
    report({"machine": machine(), "rows": rows}, table(header, shown), flags.json)


if __name__ == "__main__":
    main()
