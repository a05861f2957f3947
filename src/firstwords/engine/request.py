"""The engine's data: a request, the tokens it streams, its completion, and the batch of decoding rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from firstwords.engine.arrays import new_rows
from firstwords.engine.grammar.matcher import Matcher
from firstwords.engine.grammar.places import Places
from firstwords.engine.sampling import BatchParams, SamplingParams
from firstwords.engine.scheduler import Slotted
from firstwords.engine.text import TextStream


@dataclass(frozen=True, slots=True)
class Token:
    """One sampled token of a stream. `text` may be empty (unfinished character, possible stop text, stop token)."""

    request_id: int
    index: int
    id: int
    text: str
    logprob: float | None
    top: list[tuple[int, float]]
    finish_reason: str | None
    rank: int | None = None  # 1 = the likeliest; set, with the entropy (bits), only if SamplingParams.uncertainty is
    entropy: float | None = None
    logprob_lost: float | None = None  # to a rule at this token, in nats; the sampled one has logprob + this


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer. `ids` hold the stop token if one was sampled; `text` never does.

    finish_reason: "stop" (stop token or stop text), "length" (max_tokens or the end of the context),
    "cancelled", "failed" (the constraint became too complex to follow). logprobs and top (per token,
    [(id, logprob)]) are empty unless SamplingParams.logprobs is set. logprob_lost: to a rule, in nats: the sum over
    tokens of -log of the probability of all that the rule allowed; None unless SamplingParams.rule_cost is set.
    """

    ids: list[int]
    text: str
    finish_reason: str
    logprobs: list[float]
    top: list[list[tuple[int, float]]]
    num_prompt_tokens: int
    num_cached_tokens: int
    seed: int
    logprob_lost: float | None = None


@dataclass(eq=False)
class Request(Slotted):
    """A prompt being processed by the engine. Created by `Engine.add`; `completion()` once it `is_finished`."""

    params: SamplingParams = SamplingParams()
    seed: int = 0
    end_ids: frozenset[int] = frozenset()
    max_generated: int = 1
    matcher: Matcher | None = None
    wants_tokens: bool = True
    stream: TextStream | None = None
    all_ids: list[int] = field(default_factory=list)  # prompt and answer
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    rank: int | None = None  # of the last sampled token
    entropy: float | None = None
    losses: list[float] = field(default_factory=list)  # log-probability lost to a rule at each token
    has_started: bool = False
    num_cached: int = 0
    text: str = ""
    finish_reason: str | None = None

    @property
    def is_finished(self) -> bool:
        return self.finish_reason is not None

    @property
    def num_generated(self) -> int:
        return len(self.all_ids) - len(self.prompt_ids)

    @property
    def ids(self) -> list[int]:
        """The tokens generated so far."""
        return self.all_ids[len(self.prompt_ids) :]

    def completion(self) -> Completion:
        if self.finish_reason is None:
            raise ValueError("this request is still running: call step() until it is finished")
        return Completion(
            self.ids,
            self.text,
            self.finish_reason,
            self.logprobs,
            self.top,
            len(self.prompt_ids),
            self.num_cached,
            self.seed,
            sum(self.losses) if self.reports_cost else None,
        )

    @property
    def reports_cost(self) -> bool:
        """Whether the log-probability lost to a rule is wanted."""
        constraint = self.params.constraint
        return self.params.rule_cost and constraint is not None and constraint.name == "rule"


class Results(NamedTuple):
    """What every row of a batch sampled, and what was asked about it; lists of rows of steps."""

    tokens: list[list[int]]
    logprobs: list[list[float]]
    top_ids: list[list[list[int]]]
    top_logprobs: list[list[list[float]]]
    ranks: list[list[int]]
    entropies: list[list[float]]
    lost: list[list[float]]

    def record(self, request: Request, row: int, first: int, last: int) -> int:
        """Append the tokens of steps first..last-1 to their request, with what was asked about them; returns the last
        token.
        """
        tokens = self.tokens[row][first:last]
        request.all_ids += tokens
        count = request.params.logprobs
        if count is not None:
            request.logprobs += self.logprobs[row][first:last]
            top = zip(self.top_ids[row][first:last], self.top_logprobs[row][first:last], strict=True)
            request.top += [list(zip(ids[:count], logprobs[:count], strict=True)) for ids, logprobs in top]
        if request.params.uncertainty:
            request.rank, request.entropy = self.ranks[row][last - 1], self.entropies[row][last - 1]
        if self.lost and request.reports_cost:
            request.losses += self.lost[row][first:last]
        return tokens[-1]


class Batch:
    """The decoding rows in the order of their slots, kept until a request joins or leaves."""

    def __init__(
        self, requests: list[Request], vocab_size: int, num_steps: int = 1, places: Places | None = None
    ) -> None:
        """num_steps: tokens that a row samples per step at most. places: for constraints, if they are several."""
        self.num_steps, self.places = num_steps, places
        self.requests = sorted(requests, key=lambda request: request.slot)
        self.matchers = [(row, r.matcher) for row, r in enumerate(self.requests) if r.matcher is not None]
        ruled = [row for row, r in enumerate(self.requests) if r.reports_cost]
        self.rows = new_rows(
            [r.params for r in self.requests],
            [r.seed for r in self.requests],
            [r.slot for r in self.requests],
            [r.all_ids for r in self.requests],
            [len(r.prompt_ids) for r in self.requests],
            bool(self.matchers),
            vocab_size,
            [r.end_ids for r in self.requests],
            num_steps,
            ruled,
            places,
        )
        self.has_losses = bool(ruled)
        self.has_logprobs = bool((self.rows.num_top_R >= 0).any())
        self.has_uncertain = bool(self.rows.is_uncertain_R.any())
        self._params: BatchParams | None = None

    def results(self, num_steps: int) -> Results:
        """What the first num_steps tokens of the last step were."""
        rows, N = self.rows, slice(num_steps)
        return Results(
            rows.tokens_RN[:, N].tolist(),
            rows.logprob_RN[:, N].tolist() if self.has_logprobs else [],
            rows.top_ids_RNA[:, N].tolist() if self.has_logprobs else [],
            rows.top_logprobs_RNA[:, N].tolist() if self.has_logprobs else [],
            rows.rank_RN[:, N].tolist() if self.has_uncertain else [],
            rows.entropy_RN[:, N].tolist() if self.has_uncertain else [],
            rows.lost_RN[:, N].tolist() if self.has_losses else [],
        )

    def params_on(self, device: torch.device) -> BatchParams:
        """The rows' sampling parameters as tensors."""
        if self._params is None:
            self._params = BatchParams([r.params for r in self.requests], [r.seed for r in self.requests], device)
        return self._params


def token_event(request: Request, token: int, text: str) -> Token:
    """A stream's report of the newest token of `request`."""
    has_logprobs = request.params.logprobs is not None
    return Token(
        request.request_id,
        request.num_generated - 1,
        token,
        text,
        request.logprobs[-1] if has_logprobs else None,
        request.top[-1] if has_logprobs else [],
        request.finish_reason,
        request.rank,
        request.entropy,
        request.losses[-1] if request.losses else None,
    )
