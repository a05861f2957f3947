"""What a person prefers, in words, from simple features of the answers chosen and rejected. Pure; no torch here.

    tastes(judgements)    -> [Taste("length", "shorter answers", rate=0.81, low=0.72, high=0.88, n=96)]
    taste_of(...)[0].sentence    -> "you prefer shorter answers: 81 % (72-88 %, n = 96)"

A feature counts where the two answers differ in it. Nothing is said below LEAST judgements, or where the interval holds
one half. The intervals are wider than 95 %, so that someone who chooses at random is told something in at most one case
of twenty, over all features together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from firstwords.preferences.records import Judgement, Preference
from firstwords.stats import LEVEL, wilson
from firstwords.world.chats.checks import abstains, words

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message

LEAST = 20  # judgements that differ in a feature
POLITE_WORDS = frozenset(("please", "thank", "thanks", "sorry", "welcome", "pardon", "excuse", "kindly"))
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
SENTENCE_WORDS = 3  # "Yes." is no full sentence
REPEATED_WORDS = 2  # of the question, not counting short ones
SHORT_WORD = 3  # letters of words that say nothing about whether an answer repeats its question

Prompt = Sequence["Message"]


@dataclass(frozen=True)
class Feature:
    """A number of an answer, and what people say who prefer more or less of it."""

    name: str
    value: Callable[[Prompt, str], float]
    more: str
    less: str


@dataclass(frozen=True)
class Taste:
    """An established preference: `rate` is the share of the n choices that differ in the feature and went this way."""

    feature: str
    sign: int  # 1 for more of the feature, -1 for less
    words: str
    rate: float
    low: float
    high: float
    n: int

    @property
    def sentence(self) -> str:
        """For people."""
        return f"you prefer {self.words}: {self.rate:.0%} ({self.low:.0%}-{self.high:.0%}, n = {self.n})"


def is_polite(answer: str) -> bool:
    """Whether an answer has a word of courtesy."""
    return bool(POLITE_WORDS & set(words(answer)))


def is_sentence(answer: str) -> bool:
    """Whether an answer is written as a full sentence."""
    text = answer.strip()
    return text.endswith(SENTENCE_ENDS) and len(text.split()) >= SENTENCE_WORDS


def repeats(prompt: Prompt, answer: str) -> bool:
    """Whether an answer takes up words of the question."""
    asked = {word for word in words(prompt[-1]["content"]) if len(word) > SHORT_WORD}
    return len(asked & set(words(answer))) >= REPEATED_WORDS


FEATURES = (
    Feature("length", lambda prompt, answer: float(len(answer.split())), "longer answers", "shorter answers"),
    Feature(
        "abstains",
        lambda prompt, answer: float(abstains(answer)),
        'answers that say "I do not know"',
        'answers that make a claim rather than say "I do not know"',
    ),
    Feature(
        "polite", lambda prompt, answer: float(is_polite(answer)), "polite answers", "answers without polite words"
    ),
    Feature(
        "sentence",
        lambda prompt, answer: float(is_sentence(answer)),
        "answers in full sentences",
        "answers that are not full sentences",
    ),
    Feature(
        "repeats",
        lambda prompt, answer: float(repeats(prompt, answer)),
        "answers that repeat the question",
        "answers that don't repeat the question",
    ),
)
BY_NAME = {feature.name: feature for feature in FEATURES}


def decided_pairs(judgements: Iterable[Judgement]) -> list[Preference]:
    """The judgements that chose a side, as preferences, without hidden repeats and imports."""
    chosen = (j for j in judgements if j.repeat_of is None and j.selection != "import")
    return [preference for j in chosen if (preference := j.preference) is not None]


def tastes(judgements: Iterable[Judgement]) -> list[Taste]:
    """What these judgements establish, the clearest first."""
    return tastes_of(decided_pairs(judgements))


def tastes_of(pairs: Sequence[Preference]) -> list[Taste]:
    """What these choices establish, the clearest first."""
    found = []
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / len(FEATURES))  # Bonferroni: LEVEL for all features together
    for feature in FEATURES:
        went = [sign for pair in pairs if (sign := _direction(feature, pair))]
        more, n = sum(sign > 0 for sign in went), len(went)
        if n < LEAST:
            continue
        low, high = wilson(more, n, z)
        if low > 0.5:
            found.append(Taste(feature.name, 1, feature.more, more / n, low, high, n))
        elif high < 0.5:
            found.append(Taste(feature.name, -1, feature.less, 1 - more / n, 1 - high, 1 - low, n))
    return sorted(found, key=lambda taste: -taste.low)


def _direction(feature: Feature, pair: Preference) -> int:
    """1 if the chosen answer has more of a feature, -1 if it has less, 0 if both have as much."""
    chosen, rejected = feature.value(pair.prompt, pair.chosen), feature.value(pair.prompt, pair.rejected)
    return (chosen > rejected) - (chosen < rejected)


def strength_of(established: Sequence[Taste], prompt: Prompt, one: str, other: str) -> float:
    """How much more one answer suits these tastes than another, in units of the clearest taste in which they differ."""
    for taste in established:
        value = BY_NAME[taste.feature].value
        if difference := taste.sign * (value(prompt, one) - value(prompt, other)):
            return difference
    return 0.0


def suits(established: Sequence[Taste], prompt: Prompt, one: str, other: str) -> float:
    """Which of two answers a person of these tastes would choose: 1 the first, 0 the second, 0.5 neither."""
    strength = strength_of(established, prompt, one, other)
    return 0.5 if strength == 0 else float(strength > 0)
