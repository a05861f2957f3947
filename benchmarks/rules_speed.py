"""What a rule costs in time: processor time per token with and without one, for 1 and 16 streams of the same model.

    python benchmarks/rules_speed.py --model DIR          # a trained model's folder
    python benchmarks/rules_speed.py --model DIR --json

Every round generates new answers under each rule, without and with a report of the log-probability that the rule costs,
then freely from the same prompts, every answer as long as the one under the rule. Processor time of the whole process,
threads included, depends less on what else the machine does; the table shows medians, and medians of the ratios within
a round. Nothing is trained and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import statistics
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
TURNS = 6  # answers per stream, so that the streams are busy for most of the time


def measure(directory: Path, num_tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Rows {streams, rule, us_per_token, reported_us, free_us, overhead, reported}; the last two are relative
    to generating freely.
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
        prompts = [text_ids(tokenizer, f"The {names[i % len(names)]} sat") for i in range(streams * TURNS)]
        for name, rule in RULES.items():
            found = rounds_of(engine, prompts, rule, num_tokens, rounds)
            ruled, reported, free = (1e6 * statistics.median(each) for each in zip(*found, strict=True))
            times = {"us_per_token": ruled, "reported_us": reported, "free_us": free}
            overhead, with_report = (statistics.median(row[i] / row[2] - 1 for row in found) for i in range(2))
            about = {"streams": streams, "rule": name}
            rows.append(about | times | {"overhead": overhead, "reported": with_report})
    return rows


def rounds_of(
    engine: Any, prompts: list[list[int]], rule: dict[str, Any], num_tokens: int, rounds: int
) -> list[tuple[float, float, float]]:
    """Processor seconds per token of each round: under the rule, the same with its cost reported, freely."""
    found, lengths = [], [num_tokens] * len(prompts)
    for number in range(rounds + 3):
        seed = 1 + number * len(prompts)  # new answers: repeating known ones would cost less
        ruled, ruled_lengths = spent(engine, prompts, lengths, seed, rule)
        reported, _ = spent(engine, prompts, lengths, seed, rule, True)
        free, _ = spent(engine, prompts, ruled_lengths, seed, None)
        found.append((ruled, reported, free))
    return found[3:]  # the first rounds compile grammars and learn places


def spent(
    engine: Any,
    prompts: list[list[int]],
    lengths: list[int],
    seed: int,
    rule: dict[str, Any] | None,
    rule_cost: bool = False,
) -> tuple[float, list[int]]:
    """Generate answers of at most these lengths under a rule, or freely and of exactly these lengths; (seconds per
    token, lengths).
    """
    from firstwords.engine.constraints import Constraint
    from firstwords.engine.rules.rules import Rules
    from firstwords.engine.sampling import SamplingParams

    constraint = Constraint.rules(Rules.of(rule)) if rule else None
    params = [
        SamplingParams(length, seed=seed + i, ignore_eos=rule is None, constraint=constraint, rule_cost=rule_cost)
        for i, length in enumerate(lengths)
    ]
    began = time.process_time()
    answers = engine.generate(prompts, params)
    found = [len(answer.ids) for answer in answers]
    return (time.process_time() - began) / sum(found), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    rows = measure(flags.model, flags.tokens, flags.rounds)
    shown = [
        (
            row["streams"],
            row["rule"],
            f"{row['us_per_token']:.0f}",
            f"{row['reported_us']:.0f}",
            f"{row['free_us']:.0f}",
            f"{row['overhead']:+.0%}",
            f"{row['reported']:+.0%}",
        )
        for row in rows
    ]
    header = ("streams", "rule", "µs of processor per token", "with cost", "free", "over free", "with cost")
    report({"machine": machine(), "rows": rows}, table(header, shown), flags.json)


if __name__ == "__main__":
    main()
