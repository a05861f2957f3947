"""Writes a text with a loaded model: outline, paragraphs, the choice among candidates.

writer = Writer(loaded, Choice(best=4), seed=1)
plan = writer.plan(Brief("a lost dog"))
for paragraph in writer.paragraphs(plan): print(paragraph.text)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

from firstwords import home
from firstwords.config import UserError, unknown
from firstwords.writing.brief import Brief
from firstwords.writing.paragraph import Candidate, Draft, best
from firstwords.writing.plan import (
    OUTLINE_PARAMETERS,
    TOO_SMALL,
    UNUSABLE,
    Plan,
    check_kind,
    is_usable,
    outline_prompt,
    program_outline,
    read_point,
)

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.rlhf.reward_model import RewardModel
    from firstwords.tokenizer.chat import Message

By = Literal["model", "reward"]
MAX_BEST = 16
POINT_TOKENS = 60  # of a point of an outline
TEMPERATURE = 0.8  # candidates have to differ
PENALTY = 1.1  # of repetition, for models that were not trained here: small open models love loops
SEED_STEP = 1000  # between the seeds of two paragraphs


class Loaded(Protocol):
    """What of `api.Model` is needed here."""

    label: str
    directory: Path
    model: Any
    tokenizer: Any

    @property
    def context(self) -> int: ...
    def check_can_chat(self) -> None: ...
    def chat_ids(self, messages: Any, max_tokens: int, prefill: str = "") -> tuple[list[int], int, int]: ...
    def engine(self, num_slots: int = 1) -> Engine: ...


@dataclass(frozen=True)
class Choice:
    """How each paragraph is sampled, and chosen. Raises UserError for impossible values."""

    best: int = 4
    """Candidates per paragraph."""
    by: str = "model"
    """"model": mean log-probability of the tokens, "reward": the model's reward model."""
    temperature: float = TEMPERATURE
    top_p: float = 0.95

    def __post_init__(self) -> None:
        if not 1 <= self.best <= MAX_BEST:
            raise UserError(f"best is {self.best}: choose among 1 to {MAX_BEST} candidates")
        if self.by not in get_args(By):
            raise unknown("score", self.by, get_args(By), "choose by model or by reward")


@dataclass(frozen=True)
class Paragraph:
    """A paragraph with the candidates that it was chosen from."""

    candidates: tuple[Candidate, ...]
    chosen: int

    @property
    def text(self) -> str:
        return self.candidates[self.chosen].text

    @property
    def is_last(self) -> bool:
        """Whether the model ended the whole text here."""
        return self.candidates[self.chosen].is_last


def is_small(loaded: Loaded) -> bool:
    """Whether a model is too small to follow an outline."""
    return bool(loaded.model.config.num_params < OUTLINE_PARAMETERS)


def params_of(loaded: Loaded, choice: Choice, plan: Plan, seed: int) -> SamplingParams:
    """How the candidate with this seed is sampled."""
    from firstwords.engine.sampling import SamplingParams

    most = plan.brief.part_words * (3 if plan.is_small else 4) + 40
    return SamplingParams(
        max_tokens=min(most, max(1, loaded.context // 2)),
        temperature=choice.temperature,
        top_p=choice.top_p,
        repetition_penalty=1.0 if plan.is_small else PENALTY,
        seed=seed,
        logprobs=0,
    )


def point_params(max_tokens: int, seed: int) -> SamplingParams:
    """How a point of an outline is sampled: a line."""
    from firstwords.engine.sampling import SamplingParams

    return SamplingParams(
        max_tokens=max_tokens, temperature=0.7, top_p=0.95, repetition_penalty=PENALTY, seed=seed, stop=("\n",)
    )


def paragraph_ids(loaded: Loaded, plan: Plan, before: Sequence[str], max_tokens: int) -> list[int]:
    """The prompt of the paragraph after those `before`. In one answer, the oldest of them are left out if they do not
    fit. Raises UserError for a request that is too long."""
    first = 0
    while True:
        messages, prefill = plan.prompt(before[first:] if plan.is_in_one_go else before)
        try:
            return loaded.chat_ids(messages, max_tokens, prefill)[0]
        except UserError:
            if not plan.is_in_one_go or first >= len(before):
                raise
            first += 1


def seeds(seed: int, part: int, count: int) -> list[int]:
    """The seeds of a paragraph's candidates."""
    return [(seed + SEED_STEP * part + number) % 2**63 for number in range(count)]


def outline_of(brief: Brief, kind: str, small: bool, write: Callable[[], list[str]]) -> Plan:
    """The plan for a brief. write: lets the model write an outline. Raises UserError for an unknown kind."""
    check_kind(kind)
    if kind == "none":
        return Plan(brief, note="without an outline: the paragraphs are those of one answer", is_small=small)
    if kind == "auto" and small:
        return Plan(brief, note=TOO_SMALL, is_small=small)
    if kind == "program":
        hardly = ", which a model of this size hardly follows" if small else ""
        return Plan(brief, program_outline(brief), "program", f"outline by the program{hardly}", small)
    lines = write()
    if is_usable(lines, brief):
        return Plan(brief, tuple(lines), "model", "outline by the model", small)
    return Plan(brief, program_outline(brief), "program", UNUSABLE, small)


def rewarded(candidates: Sequence[Candidate], plan: Plan, before: Sequence[str], judge: RewardModel) -> list[Candidate]:
    """The candidates with the reward of the text so far, or in a chat with an outline, of the paragraph."""
    messages, prefill = plan.prompt(before)
    answers = [f"{prefill} {each.text}".strip() if prefill else each.text for each in candidates]
    scores = judge.score([(cast("list[Message]", messages), answer) for answer in answers])
    return [replace(each, reward=float(score)) for each, score in zip(candidates, scores, strict=True)]


def reward_directory(loaded: Loaded) -> Path:
    """Where the reward model of a model is. Raises UserError if it has none."""
    name = loaded.label.partition("/")[0]
    found = home.run_dir(name, "reward") / "model" if name in home.models() else None
    if found is None or not home.is_model(found):
        raise UserError(f"{loaded.label} has no reward model: choose by model, or train one with `firstwords reward`")
    return found


class Writer:
    """Writes with one model, in this thread."""

    def __init__(self, loaded: Loaded, choice: Choice, seed: int | None = None) -> None:
        loaded.check_can_chat()
        self.loaded, self.choice = loaded, choice
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        if choice.by == "reward":
            reward_directory(loaded)  # before anything is generated

    @cached_property
    def engine(self) -> Engine:
        return self.loaded.engine(self.choice.best)

    @cached_property
    def judge(self) -> RewardModel:
        from firstwords.rlhf.reward_model import load_reward_model

        return load_reward_model(reward_directory(self.loaded))

    def plan(self, brief: Brief, kind: str = "auto") -> Plan:
        """The outline that the model writes, if it is able to, or what replaces it."""
        return outline_of(brief, kind, is_small(self.loaded), lambda: self._outline(brief))

    def paragraphs(self, plan: Plan, before: Sequence[str] = ()) -> Iterator[Paragraph]:
        """The paragraphs after those `before`, until the plan or the model ends the text."""
        written = list(before)
        while len(written) < plan.num_parts:
            paragraph = self.paragraph(plan, written)
            if paragraph is None:
                return
            yield paragraph
            written.append(paragraph.text)
            if paragraph.is_last and plan.is_in_one_go:
                return

    def paragraph(self, plan: Plan, before: Sequence[str]) -> Paragraph | None:
        """The best candidate for the paragraph after those `before`; None if the model would end the text there."""
        each = [
            params_of(self.loaded, self.choice, plan, seed) for seed in seeds(self.seed, len(before), self.choice.best)
        ]
        ids = paragraph_ids(self.loaded, plan, before, each[0].max_tokens)
        drafts = {self.engine.add(ids, params): Draft(plan, before) for params in each}
        by_id = {request.request_id: (request, draft) for request, draft in drafts.items()}
        try:
            while not all(draft.is_over for draft in drafts.values()):
                for token in self.engine.step():
                    request, draft = by_id[token.request_id]
                    if draft.push(token):
                        self.engine.cancel(request)
        finally:
            for request in drafts:
                self.engine.cancel(request)
        found = [draft.candidate(request.seed) for request, draft in drafts.items()]
        if self.choice.by == "reward":
            found = rewarded(found, plan, before, self.judge)
        place = best(found, self.choice.by)
        return Paragraph(tuple(found), place) if place >= 0 else None

    def _outline(self, brief: Brief) -> list[str]:
        lines: list[str] = []
        while len(lines) < brief.num_parts:
            messages, prefill = outline_prompt(brief, lines)
            try:
                ids, max_tokens, _ = self.loaded.chat_ids(messages, POINT_TOKENS, prefill)
            except UserError:  # the model reads too little: no outline
                return lines
            params = point_params(max_tokens, self.seed + len(lines))
            lines.append(read_point(self.engine.generate([ids], params)[0].text))
        return lines
