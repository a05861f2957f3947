"""Pairs of answers to judge, one after the other, for every interface that lets people teach a model.

    source = PairSource("pip", [Side("pip/sft", weights, answer)], prompts, params, seed=1)
    shown = source.next()                                   # .pair.left and .pair.right, on random sides
    source.keep(shown.place, the judgement as stored in the log)

A few pairs come back later with their sides swapped, which measures the judge's consistency. The caller passes the
function that answers, and owns the models. No torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, repeat
from random import Random
from typing import TYPE_CHECKING, Any

from firstwords.eval.winrate import Comparison
from firstwords.preferences.pairs import RANDOM_SHARE, choose_pair, choose_repeat, uncertainty_scores
from firstwords.preferences.records import Judgement, prompt_key
from firstwords.tokenizer.chat import Message

if TYPE_CHECKING:
    from firstwords.engine.request import Completion

Prompt = tuple[Message, ...]

TARGET_RATE = 0.6  # smallest win rate worth detecting; progress counts towards the verdicts needed for that
CANDIDATES = 4  # answers from which an ensemble chooses two
MAX_FAILED = 20  # prompts in a row without two different answers: the model always gives the same answer
MAX_SEED = 2**31
REASONS = (
    "true", "made up", "to the point", "off the point", "clear", "muddled", "kind", "rude", "good language",
    "bad language", "too long", "too short",
)  # fmt: skip
"""Reasons offered on the page; people may give others."""


@dataclass(frozen=True)
class Side:
    """A stage that answers: its name, the hash of its weights, and answer(prompt, seeds) -> an answer for each seed.

    answer returns None if the prompt is too long. vocabulary: the hash of its tokenizer, without which reward models
    have to read its answers as text.
    """

    label: str
    hash: str
    answer: Callable[[Prompt, Sequence[int]], Sequence[Completion] | None]
    vocabulary: str = ""


@dataclass(frozen=True)
class Shown:
    """A pair to judge, and its index in its source."""

    place: int
    pair: Judgement


class PairSource:
    """The pairs of a session.

    members: reward models that choose the two answers to show: those on which they disagree most. Without any,
    by_uncertainty shows the answers of which the model is most and least certain. A random share is neither.
    """

    def __init__(
        self,
        name: str,
        sides: Sequence[Side],
        prompts: Sequence[Prompt],
        params: dict[str, Any],
        seed: int,
        annotator: str = "",
        members: Sequence[Any] = (),
        random_share: float = RANDOM_SHARE,
        by_uncertainty: bool = False,
    ) -> None:
        self.name, self.sides, self.params, self.seed = name, sides, params, seed
        self.annotator, self.members, self.random_share = annotator, members, random_share
        # the answers of two stages differ by more than doubt
        self.by_uncertainty = by_uncertainty and not members and len(sides) == 1
        self.ask(prompts)
        self._number = 0  # of the next prompt
        self._kept: list[Judgement | None] = []  # the judgement of each pair shown, None if there is none
        self._repeat_of: list[int | None] = []  # for each pair shown, the place of the pair it repeats

    def ask(self, prompts: Sequence[Prompt]) -> None:
        """Set the prompts to cycle through from now on; without any, each call of `next` needs its own prompt."""
        self.has_prompts, self._prompts = bool(prompts), cycle(prompts)

    def next(self, prompt: Prompt | None = None) -> Shown | None:
        """The next pair, for the given prompt if there is one; None if the answers are always the same."""
        place = None if prompt else self._repeat()
        first = None if place is None else self._kept[place]
        pair = self._fresh(prompt) if first is None else swapped(first)
        if pair is None:
            return None
        self._kept.append(None)
        self._repeat_of.append(place)
        return Shown(len(self._kept) - 1, pair)

    def keep(self, place: int, judgement: Judgement) -> None:
        """Record that a pair was judged."""
        self._kept[place] = judgement

    def _repeat(self) -> int | None:
        # a pair without a judgement is marked as its own repeat, so that it is never repeated
        marks = [i if self._kept[i] is None and of is None else of for i, of in enumerate(self._repeat_of)]
        return choose_repeat(marks, seed=self.seed)

    def _fresh(self, prompt: Prompt | None) -> Judgement | None:
        for each in islice(repeat(prompt) if prompt else self._prompts, MAX_FAILED):
            pair = self._pair(each, f"{self.seed} {self._number}")
            self._number += 1
            if pair is not None:
                return pair
        return None

    def _pair(self, prompt: Prompt, key: str) -> Judgement | None:
        """Sample candidates from every side and choose two to show; None if that is impossible."""
        draw = Random(f"answers {key}")
        num_each = (CANDIDATES if self.members or self.by_uncertainty else 2) // len(self.sides)
        texts: list[str] = []
        scores: list[Any] = []  # of each side's answers, (M, C)
        seeds: list[int] = []
        groups: list[int] = []
        for group, side in enumerate(self.sides):
            of_side = [draw.randrange(MAX_SEED) for _ in range(num_each)]
            answers = side.answer(prompt, of_side)
            if answers is None:
                return None
            texts += [answer.text.strip() for answer in answers]
            seeds += of_side
            groups += [group] * num_each
            if self.members:
                if not all(member.can_read(prompt) for member in self.members):
                    return None
                scores.append(ensemble_scores(self.members, prompt, answers, side.vocabulary))
            elif self.by_uncertainty:
                scores.append(uncertainty_scores([certainty(answer) for answer in answers]))
        scores_MC = joined(scores) if scores else None
        models = groups if len(self.sides) > 1 else None
        how = "disagreement" if self.members else "uncertainty"
        pair = choose_pair(texts, scores_MC, seed=key, random_share=self.random_share, groups=models, selection=how)
        if pair is None:
            return None
        left, right = (self.sides[groups[side]] for side in (pair.left, pair.right))
        params = self.params | {"left": left.label, "right": right.label}
        if scores:
            params |= {"random_share": self.random_share, "disagreement": pair.disagreement}
        if self.members:
            params |= {"members": [member.hash for member in self.members]}
        return Judgement(
            prompt,
            texts[pair.left],
            texts[pair.right],
            left_stage=left.hash,
            right_stage=right.hash,
            params=params,
            left_seed=seeds[pair.left],
            right_seed=seeds[pair.right],
            annotator=self.annotator,
            model=self.name,
            selection=pair.selection,
        )


def certainty(answer: Completion) -> float:
    """Mean log-probability per token of a sampled answer; 0 for an empty one."""
    return sum(answer.logprobs) / max(1, len(answer.logprobs))


def ensemble_scores(members: Sequence[Any], prompt: Prompt, answers: Sequence[Completion], vocabulary: str) -> Any:
    """(M, C): the normalised reward of every candidate by every member."""
    import numpy as np

    prompts = [prompt] * len(answers)
    return np.stack([member.score_sampled(prompts, answers, vocabulary)[0] for member in members])


def joined(scores: Sequence[Any]) -> Any:
    """(M, C) of all sides' candidates."""
    import numpy as np

    return np.concatenate(scores, axis=1)


def swapped(first: Judgement) -> Judgement:
    """An earlier pair to judge again, with its sides swapped."""
    params = first.params | {"left": first.params["right"], "right": first.params["left"]}
    return replace(
        first,
        left=first.right,
        right=first.left,
        left_stage=first.right_stage,
        right_stage=first.left_stage,
        left_seed=first.right_seed,
        right_seed=first.left_seed,
        params=params,
        verdict="tie",
        reasons=(),
        created="",
        id=None,
        repeat_of=first.id,
    )


def decided(judgements: Sequence[Judgement], hashes: Sequence[str]) -> int:
    """Number of verdicts for one side, without repeats and imports; if two stages answer, only those on these two."""
    return sum(
        j.verdict in ("left", "right")
        and j.repeat_of is None
        and j.selection != "import"
        and (len(hashes) == 1 or {j.left_stage, j.right_stage} == set(hashes))
        for j in judgements
    )


def outcomes(judgements: Sequence[Judgement], new: str, old: str) -> list[Comparison]:
    """Choices between the stages of these hashes as comparisons of the new one, in order, without repeats and imports.

    Equally good or both bad is a tie.
    """
    return [
        Comparison(prompt_key(j.prompt), {new: 1.0, old: 0.0}.get(_winner(j), 0.5))
        for j in judgements
        if j.kind == "pair"
        and j.repeat_of is None
        and j.selection != "import"
        and new != old
        and {j.left_stage, j.right_stage} == {new, old}
    ]


def _winner(j: Judgement) -> str:
    return {"left": j.left_stage, "right": j.right_stage}.get(j.verdict, "")
