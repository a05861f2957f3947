"""One paragraph while it is generated: where it ends, and what the model makes of it.

draft = Draft(plan, before)
for token in stream:
    if draft.push(token): break            # the paragraph is complete: cancel the rest
draft.candidate(seed)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstwords.writing.measures import missing, repetition, words_of
from firstwords.writing.plan import Plan

if TYPE_CHECKING:
    from firstwords.engine.request import Token

MIN_WORDS = 8  # of a paragraph: a shorter line is a heading or a greeting
STANZA_LINES = 8  # at most
REPETITIVE = 0.2  # share of repeated 4-grams above which a candidate counts as worse, however likely it is
# a sentence's end, and the beginning of the next one: `"Yes!" said the fox` goes on
_END = re.compile(r"[.!?…]+[\"”’')\]]*(?=\s+[\"“‘'(]?[^\W\d_a-z])")
_LAST = re.compile(r"[.!?…]+[\"”’')\]]*(?=\s|$)")


@dataclass(frozen=True)
class Candidate:
    """A paragraph that a model proposes. logprob: mean log-probability of its tokens under the prompt, in nats."""

    text: str
    logprob: float
    num_tokens: int
    is_last: bool  # the model ended the whole text with it
    seed: int
    reward: float | None = None
    used: tuple[str, ...] = ()  # of the words that it should contain
    repetition: float = 0.0

    def to_json(self) -> dict[str, Any]:
        shown = {"text": self.text, "logprob": round(self.logprob, 4), "tokens": self.num_tokens, "seed": self.seed}
        shown |= {"words": len(words_of(self.text)), "repetition": round(self.repetition, 4), "used": list(self.used)}
        return shown | ({} if self.reward is None else {"reward": round(self.reward, 4)})


@dataclass
class Draft:
    """The paragraph after those `before`, as far as it is generated."""

    plan: Plan
    before: Sequence[str]
    raw: str = ""
    _logprobs: list[tuple[int, float]] = field(default_factory=list)  # (where a token begins, its log-probability)
    _end: int | None = None
    _reason: str | None = None

    @property
    def text(self) -> str:
        """The paragraph so far."""
        return _tidy(self.raw if self._end is None else self.raw[: self._end])

    @property
    def is_over(self) -> bool:
        return self._end is not None or self._reason is not None

    def push(self, token: Token) -> bool:
        """Take a token; whether the paragraph is over, so that the rest need not be generated."""
        if self.is_over:
            return True
        if token.logprob is not None and token.finish_reason != "stop":
            self._logprobs.append((len(self.raw), token.logprob))
        self.raw += token.text
        self._end, self._reason = end_of(self.raw, self.plan), token.finish_reason
        if self._end is None and self._reason not in (None, "stop"):
            self._end = last_sentence(self.raw)  # cut: nothing ends within a sentence, if there is a whole one
        return self.is_over

    def candidate(self, seed: int) -> Candidate:
        """The paragraph once it is over."""
        text, end = self.text, len(self.raw) if self._end is None else self._end
        kept = [logprob for place, logprob in self._logprobs if place < end]
        wanted = self.plan.wanted(self.before)
        lacking = missing(text, wanted)
        return Candidate(
            text,
            sum(kept) / len(kept) if kept else 0.0,
            len(kept),
            is_last=self._end is None and self._reason == "stop",
            seed=seed,
            used=tuple(word for word in wanted if word not in lacking),
            repetition=repetition("\n".join([*self.before, text])),
        )


def end_of(raw: str, plan: Plan) -> int | None:
    """Where the paragraph ends that a text begins with; None if it may continue."""
    start = len(raw) - len(raw.lstrip())
    body, form = raw[start:], plan.brief.form
    if form == "poem":
        return _end_of_stanza(body, start)
    mark = "\n\n" if form == "letter" else "\n"
    place = body.find(mark)
    while place >= 0:
        if len(body[:place].split()) >= MIN_WORDS:
            return start + place
        place = body.find(mark, place + len(mark))
    # a small model writes no paragraphs: its sentences are grouped; others are stopped if they never end one
    most = plan.brief.part_words * (1 if plan.is_small else 2)
    for match in _END.finditer(body):
        if len(body[: match.end()].split()) >= most:
            return start + match.end()
    return None


def _end_of_stanza(body: str, start: int) -> int | None:
    place = body.find("\n\n")
    while place >= 0:
        if body[:place].count("\n"):  # one line is a title
            return start + place
        place = body.find("\n\n", place + 2)
    lines = [match.start() for match in re.finditer("\n", body)]
    return start + lines[STANZA_LINES - 1] if len(lines) >= STANZA_LINES else None


def last_sentence(raw: str) -> int | None:
    """Where the last whole sentence ends, if there is one."""
    ends = [match.end() for match in _LAST.finditer(raw)]
    return ends[-1] if ends else None


def _tidy(text: str) -> str:
    """Without white space around it, empty lines, and the quotation marks or the label that chat models like to add."""
    text = re.sub(r"\n[ \t]*\n+", "\n", text.strip())
    return re.sub(
        r"^(?:\*\*)?(?:paragraph|part|stanza|verse)(?: \d+| one| two| three)?(?:\*\*)?:(?:\*\*)?\s+",
        "",
        text,
        flags=re.I,
    )


def best(candidates: Sequence[Candidate], by: str) -> int:
    """The number of the best candidate: first the most of the words it should contain, then one that does not repeat
    itself, then the highest score. A text that most candidates end here has no further paragraph: -1.
    """
    empty = sum(not candidate.text for candidate in candidates)
    if empty * 2 > len(candidates) or empty == len(candidates):
        return -1

    def key(place: int) -> tuple[bool, int, bool, float]:
        each = candidates[place]
        score = each.reward if by == "reward" and each.reward is not None else each.logprob
        return bool(each.text), len(each.used), each.repetition <= REPETITIVE, score

    return max(range(len(candidates)), key=key)
