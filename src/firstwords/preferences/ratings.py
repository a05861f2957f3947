"""Turns rated answers into pairs: the best answer with every worse one, or a good one with a bad one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstwords.data.source_stats import SourceStats
from firstwords.preferences.records import Preference, prompt_key

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message

SCALES = (1.0, 5.0, 10.0, 100.0)  # usual maximum ratings; a margin is a share of the maximum


@dataclass(frozen=True)
class RatedAnswer:
    """One answer with its own verdict (1 good, 0 bad) or rating."""

    prompt: tuple[Message, ...]
    answer: str
    rating: float
    is_verdict: bool = True


def number(value: Any) -> float | None:
    """A cell as a finite number; None for anything else, including booleans and "N/A"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def margin_of(better: float, worse: float, ratings: Sequence[float]) -> float:
    """How much better, between 0 and 1: the difference as a share of the smallest usual scale that covers the ratings.

    Margins are subtracted from a difference of logits (`bradley_terry_loss`), where 9 of 10 points would demand near
    certainty.
    """
    largest = max(map(abs, ratings))
    scale = next((scale for scale in SCALES if largest <= scale), largest)
    return min(1.0, max(0.0, better - worse) / scale)


def against_the_best(
    prompt: Sequence[Message],
    rated: Sequence[tuple[str, float]],
    source: str,
    source_hash: str,
    stats: SourceStats,
) -> list[Preference]:
    """The best of several rated answers with each worse one; answers with the same rating are counted as ties."""
    if len(rated) < 2:
        return []
    best, top = max(rated, key=lambda each: each[1])
    stats.ties += sum(rating == top for _, rating in rated) - 1
    values = [rating for _, rating in rated]
    return [
        Preference(tuple(m.copy() for m in prompt), best, answer, margin_of(top, rating, values), source, source_hash)
        for answer, rating in rated
        if rating < top and answer != best
    ]


def pairs_of_rows(
    answers: Sequence[RatedAnswer], source: str, source_hash: str, stats: SourceStats
) -> Iterator[Preference]:
    """Pairs of answers from separate rows, by prompt. Each verdict is used once, like thumbs in the log."""
    by_prompt: dict[str, list[RatedAnswer]] = defaultdict(list)
    for each in answers:
        by_prompt[prompt_key(each.prompt)].append(each)
    for group in by_prompt.values():
        if not all(each.is_verdict for each in group):
            rated = [(each.answer, each.rating) for each in group]
            pairs = against_the_best(group[0].prompt, rated, source, source_hash, stats)
            stats.unpaired += len(group) if len(group) < 2 else 0
            yield from pairs
            continue
        bad = [each for each in group if each.rating == 0]
        num_pairs = 0
        for good in (each for each in group if each.rating > 0):
            other = next((each for each in bad if each.answer != good.answer), None)
            if other is not None:
                bad.remove(other)
                num_pairs += 1
                yield Preference(good.prompt, good.answer, other.answer, 0.0, source, source_hash)
        stats.unpaired += len(group) - 2 * num_pairs
