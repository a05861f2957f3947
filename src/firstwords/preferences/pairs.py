"""Chooses which two answers to show a person, and measures the person's consistency. Pure, seeded functions.

    choose_pair(["a", "b", "c"], seed=1)            -> Pair(left=2, right=0, selection="random")
    choose_pair(["a", "b", "c"], scores_MC, seed=1) -> usually the pair on which the reward models disagree most
    self_consistency(judgements)                    -> {"rate": 0.75, "low": 0.53, "high": 0.89, "n": 20, "kappa": 0.5}

Axes: M members of an ensemble of reward models, C candidate answers. No torch here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

import numpy as np

from firstwords.preferences.records import Judgement
from firstwords.stats import rate_of

RANDOM_SHARE = 0.2  # share of pairs that are random, so that the benefit of active selection can be measured
REPEAT_RATE = 0.07  # share of pairs that are repeats; 5 to 10 % suffice to measure a person's consistency
REPEAT_GAP = 3  # pairs between a pair and its repeat, so that it is judged again and not remembered


@dataclass(frozen=True)
class Pair:
    """Two candidates to show, by index. disagreement: of the ensemble about these two; None without an ensemble."""

    left: int
    right: int
    selection: str = "random"
    disagreement: float | None = None


def choose_pair(
    candidates: Sequence[str],
    scores_MC: np.ndarray | None = None,
    *,
    seed: object = 0,
    random_share: float = RANDOM_SHARE,
    groups: Sequence[int] | None = None,
    selection: str = "disagreement",
) -> Pair | None:
    """Two different answers on random sides; None if no two differ or one is empty.

    Without scores the pair is random. With the scores of an ensemble it is the pair on which the members disagree most
    (random among ties), except for a random share of cases; `selection` records which. groups: the model of each
    candidate; the two sides are then from different models. selection: what a pair chosen by its scores is recorded as.
    """
    spread_CC = None if scores_MC is None else disagreement(scores_MC)
    if spread_CC is not None and len(spread_CC) != len(candidates):
        raise ValueError(f"{len(candidates)} candidates came with scores for {len(spread_CC)}")
    texts = [text.strip() for text in candidates]
    options = [
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if texts[a] and texts[b] and texts[a] != texts[b] and (groups is None or groups[a] != groups[b])
    ]
    if not options:
        return None
    rng = Random(f"pair {seed}")
    is_random = rng.random() < random_share or spread_CC is None
    rng.shuffle(options)
    if spread_CC is not None and not is_random:
        options.sort(key=lambda pair: -spread_CC[pair])
    left, right = options[0] if rng.random() < 0.5 else options[0][::-1]
    value = None if spread_CC is None else float(spread_CC[left, right])
    return Pair(left, right, "random" if is_random else selection, value)


def disagreement(scores_MC: np.ndarray) -> np.ndarray:
    """(C, C): variance over the members of score[a] - score[b]. A constant offset of a member's scores does not
    count."""
    scores = np.asarray(scores_MC, dtype=np.float64)
    return (scores[:, :, None] - scores[:, None, :]).var(axis=0)


def uncertainty_scores(mean_logprobs: Sequence[float]) -> np.ndarray:
    """(2, C): scores for `choose_pair` before there is a reward model, from the model's own certainty of each answer.

    mean_logprobs: of each candidate, per token. The first row is constant, so that `disagreement` is largest for the
    two answers of which the model is most and least certain.
    """
    return np.stack([np.zeros(len(mean_logprobs)), np.asarray(mean_logprobs, dtype=np.float64)])


def choose_repeat(repeat_of: Sequence[int | None], *, seed: object = 0, rate: float = REPEAT_RATE) -> int | None:
    """The index of an earlier pair to show again now, with its sides swapped; None for a new pair.

    repeat_of: for each pair shown so far, the index of the pair it repeats. A pair is repeated at most once, a repeat
    never, and the last REPEAT_GAP pairs not yet. Called before every pair, so that repeats are a share `rate` of all.
    """
    used = {place for place in repeat_of if place is not None}
    fresh = [i for i, of in enumerate(repeat_of[:-REPEAT_GAP]) if of is None and i not in used]
    rng = Random(f"repeat {seed} {len(repeat_of)}")
    return rng.choice(fresh) if fresh and rng.random() < rate else None


def self_consistency(judgements: Sequence[Judgement]) -> dict[str, float | int | None]:
    """How often hidden repeats got the same verdict as the first time, with a Wilson interval, and Cohen's kappa.

    kappa = (p - c) / (1 - c), where c is the agreement expected by chance for these shares of verdicts (Cohen 1960): 1
    is full agreement, 0 is chance level (as for always choosing the left side). None if c is 1.
    """
    by_id = {j.id: j for j in judgements if j.id is not None}
    both = [(by_id[j.repeat_of], j) for j in judgements if j.repeat_of in by_id]
    labels = [(_label(first, first), _label(again, first)) for first, again in both]
    agreed = rate_of([one == other for one, other in labels])
    n = len(labels)
    shares = [Counter(side) for side in zip(*labels, strict=True)] if labels else [Counter(), Counter()]
    chance = sum(shares[0][label] * shares[1][label] for label in shares[0]) / max(n, 1) ** 2
    kappa = (agreed["rate"] - chance) / (1 - chance) if n and chance < 1 else None
    return agreed | {"kappa": kappa}


def _label(j: Judgement, first: Judgement) -> str:
    """The verdict in the order of the first showing, whichever side the answers are on now."""
    return {first.left: "left", first.right: "right"}.get(j.winner, j.winner)
