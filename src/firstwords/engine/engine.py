"""The engine: continuous batching over slots, chunked prefill, exact prefix reuse, streams and cancellation.

    engine = Engine(model, tokenizer)
    engine.generate([ids], SamplingParams(max_tokens=20))    -> [Completion(text=" sat on the mat.", ...)]
    for token in engine.stream(ids, SamplingParams(seed=1)): print(token.text, end="")

One step computes some prompt tokens (prefill) and one token for every running row (decode). Requests join and
leave between steps. The engine belongs to one thread.
"""

from __future__ import annotations

import dataclasses
import functools
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from firstwords.engine.constraints import Constraints
from firstwords.engine.decode import TorchDecoder, decoder_for, explain
from firstwords.engine.grammar.matcher import Matcher
from firstwords.engine.prefix import PrefixIndex, begin_alike
from firstwords.engine.request import Batch, Completion, Request, Token, token_event
from firstwords.engine.sampling import MAX_SEED, SamplingParams
from firstwords.engine.scheduler import DECODE, PREFILL, Scheduler
from firstwords.engine.score import TokenScores, check_length, score
from firstwords.engine.text import TextStream, text_of
from firstwords.model.cache import KVCache
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer

if TYPE_CHECKING:
    from firstwords.engine.compiled import CompiledDecoder

BURST_TERMS = 64e6  # multiplications without a look at the queue: two milliseconds of a core
PATIENCE = 5  # times as many where no one reads the tokens as they come
MAX_BURST = 32  # tokens of a row
PREFILL_CHUNK = 256  # prompt tokens per step: worth about ten decode steps, so that streams continue smoothly


class Engine:
    """Generates with one model. At most num_slots rows are decoded together; further requests are queued.

    tokenizer may be None when only ids matter (rollouts). weights: "fp32", "int8" or "auto"; see `decoder_for`. Call
    `refresh()` after the model's weights have changed.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer | None = None,
        num_slots: int = 16,
        max_length: int | None = None,
        chunk_tokens: int = PREFILL_CHUNK,
        weights: str = "fp32",
    ) -> None:
        self.model, self.tokenizer, self.weights = model, tokenizer, weights
        weight = model.head_weight
        self.device = weight.device
        self.cache = KVCache(model.config, num_slots, max_length, model.compute_dtype, weight.device)
        self.max_length = self.cache.max_length
        # the sequence in each slot, whose first cache.lengths[slot] tokens are computed
        self._tokens: list[list[int]] = [[] for _ in range(num_slots)]
        self._prefixes = PrefixIndex(num_slots, self._held)
        self.scheduler: Scheduler[Request] = Scheduler(
            num_slots, chunk_tokens, lambda request, free: self._prefixes.choose(request.prompt_ids, free)
        )
        self._batch: Batch | None = None
        self._next_id = 0
        self.on_step: Callable[[], None] | None = None  # called before each step of `generate`; may raise
        self._end_ids = frozenset[int]()
        if tokenizer is not None:
            self._end_ids = tokenizer.end_ids

    # -- whole answers -------------------------------------------------------------------------------------

    def generate(
        self, prompts: Sequence[Sequence[int]], params: SamplingParams | Sequence[SamplingParams]
    ) -> list[Completion]:
        """Continue every prompt; results in the order of the prompts. One set of parameters, or one per prompt.

        A seed in a single set of parameters is incremented for each prompt, so that equal prompts differ.
        Raises ValueError for an empty prompt or one that fills the model's context.
        """
        if isinstance(params, SamplingParams):
            every, seeds = [params] * len(prompts), list(range(len(prompts)))
        else:
            every, seeds = list(params), [0] * len(prompts)
        if len(every) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts came with {len(every)} sets of sampling parameters")
        for prompt in prompts:
            self._check_prompt(prompt)
        every = [self._seeded(p, offset) for p, offset in zip(every, seeds, strict=True)]
        requests = [self.add(prompt, each, wants_tokens=False) for prompt, each in zip(prompts, every, strict=True)]
        try:
            pending = requests[::-1]
            while pending:
                if pending[-1].is_finished:
                    pending.pop()
                    continue
                if self.on_step is not None:
                    self.on_step()
                self.step()
        finally:
            for request in requests:
                self.cancel(request)
        return [request.completion() for request in requests]

    def share_of(self, total: int) -> float:
        """How much of `total` answers is written, 0..1; one that is being written counts by its possible tokens."""
        running = self.scheduler.running.values()
        written = sum(request.num_generated / request.max_generated for request in running)
        return 1 - (len(self.scheduler.waiting) + len(running) - written) / total

    @staticmethod
    def _seeded(params: SamplingParams, offset: int) -> SamplingParams:
        seed = secrets.randbits(63) if params.seed is None else (params.seed + offset) % MAX_SEED
        return dataclasses.replace(params, seed=seed)

    def stream(self, prompt_ids: Sequence[int], params: SamplingParams) -> Generator[Token, None, None]:
        """Yield the tokens of one answer as they are sampled. Closing the iterator cancels the request.

        It drives the engine itself; for several concurrent streams use add, step and cancel.
        """
        request = self.add(prompt_ids, params)
        try:
            while not request.is_finished:
                yield from (token for token in self.step() if token.request_id == request.request_id)
        finally:
            self.cancel(request)

    # -- one step at a time --------------------------------------------------------------------------------

    def add(
        self,
        prompt_ids: Sequence[int],
        params: SamplingParams,
        wants_tokens: bool = True,
    ) -> Request:
        """Queue a prompt. wants_tokens: `step` reports each token. Raises ValueError like `generate`."""
        self._check_prompt(prompt_ids)
        params = params if params.seed is not None else self._seeded(params, 0)
        assert params.seed is not None
        prompt = [int(token) for token in prompt_ids]
        chosen = params.stop_token_ids
        end_ids = self._end_ids if chosen is None else frozenset(chosen)
        end_ids = frozenset() if params.ignore_eos else end_ids
        matcher = self._matcher(params, end_ids, len(prompt))
        request = Request(
            self._next_id,
            prompt,
            params=params,
            seed=params.seed,
            end_ids=end_ids,
            max_generated=min(params.max_tokens, self.max_length - len(prompt)),
            matcher=matcher,
            wants_tokens=wants_tokens,
            stream=TextStream(self.tokenizer, params.stop) if wants_tokens or params.stop else None,
            all_ids=list(prompt),
        )
        self._next_id += 1
        self.scheduler.add(request)
        return request

    def cancel(self, request: Request) -> None:
        """Stop a request and free its slot; no effect if it is finished."""
        if not request.is_finished:
            self._finish(request, "cancelled")

    @property
    def has_work(self) -> bool:
        return self.scheduler.has_work

    @torch.inference_mode()
    def step(self) -> list[Token]:
        """Prefill some prompt tokens, decode every running row once; returns the new tokens of requests with
        wants_tokens.
        """
        self._prefill()
        if self._batch is None:
            self._batch = self._new_batch()
        return self._decode(self._batch) if self._batch is not None else []

    def refresh(self) -> None:
        """The weights have changed: discard all keys and values, and fused matrices. Refused while requests run."""
        if self.has_work:
            raise ValueError("the weights changed while requests were running: finish or cancel them first")
        if "_decoder" in vars(self):  # it is made when the first request comes
            self._decoder.refresh()
        self.forget()

    def forget(self) -> None:
        """Drop the keys and values of finished requests, so that the next prompts are computed from scratch."""
        for slot in self.scheduler.free_slots:
            self.cache.truncate(slot, 0)
            self._tokens[slot] = []

    # -- probabilities -------------------------------------------------------------------------------------

    @torch.inference_mode()
    def next_logprobs(self, ids: Sequence[int]) -> Tensor:
        """log p(next token | ids) for the whole vocabulary, (V,), fp32 on the CPU."""
        check_length(len(ids), self.model.config.max_position_embeddings)
        hidden_BTD = self.model.hidden(torch.as_tensor([list(ids)], device=self.device))
        return torch.log_softmax(self.model.logits(hidden_BTD[:, -1:])[0, 0], -1).cpu()

    def score(self, ids_list: Sequence[Sequence[int]]) -> list[Tensor]:
        """log p of every token but the first of each sequence, given all before it: [(len(ids) - 1,), ...]."""
        return [scores.logprobs_T for scores in score(self.model, ids_list)]

    def score_top(self, ids_list: Sequence[Sequence[int]], top: int) -> list[TokenScores]:
        """Like `score`, with the `top` likeliest tokens at each position."""
        return score(self.model, ids_list, top)

    # -- inside --------------------------------------------------------------------------------------------

    def _matcher(self, params: SamplingParams, end_ids: frozenset[int], num_prompt: int) -> Matcher | None:
        if params.constraint is None:
            return None
        matcher = self.constraints.matcher(params.constraint, end_ids)
        self.check_room(params, matcher.min_tokens, num_prompt)
        return matcher

    def check_room(self, params: SamplingParams, min_tokens: int, num_prompt: int) -> None:
        """Raise ValueError if even the shortest answer of a constraint does not fit after a prompt."""
        room, name = self.max_length - num_prompt, params.constraint.name if params.constraint else ""
        if min_tokens <= min(room, params.max_tokens):
            return
        needs = f"this {name} needs at least {min_tokens:,} tokens, but"
        if params.max_tokens < room:
            raise ValueError(f"{needs} max_tokens is {params.max_tokens:,}")
        raise ValueError(f"{needs} the prompt leaves {room:,} of this model's context of {self.max_length:,}")

    @functools.cached_property
    def constraints(self) -> Constraints:
        """Compiles constraints for this engine's vocabulary. Raises ValueError without a tokenizer."""
        if self.tokenizer is None:
            raise ValueError("a constraint needs a tokenizer: give the engine one")
        return Constraints(self.tokenizer, self.model.config.vocab_size, sorted(self._end_ids))

    def _check_prompt(self, prompt_ids: Sequence[int]) -> None:
        if len(prompt_ids) == 0:
            raise ValueError("the prompt is empty: give at least one token")
        if len(prompt_ids) >= self.max_length:
            raise ValueError(
                f"the prompt has {len(prompt_ids)} tokens, but this model's context of {self.max_length} "
                "must also hold the answer: shorten the prompt"
            )
        low, high, V = min(prompt_ids), max(prompt_ids), self.model.config.vocab_size
        if low < 0 or high >= V:
            raise ValueError(f"token {low if low < 0 else high} is not one of this model's {V} tokens")

    def _held(self) -> Iterator[tuple[list[int], int]]:
        return zip(self._tokens, self.cache.lengths.tolist(), strict=True)

    def _prefill(self) -> None:
        if self.scheduler.waiting:
            self.scheduler.admit()
        budget = self.scheduler.chunk_tokens
        while budget > 0 and (chunks := self._next_chunks(budget)):
            self._decoder.prefill([(request.prompt_ids[first:last], request.slot) for request, first, last in chunks])
            for request, first, last in chunks:
                self.cache.lengths[request.slot] += last - first
                budget -= last - first

    def _next_chunks(self, budget: int) -> list[tuple[Request, int, int]]:
        """What to compute next, together: (request, first token, one past the last) of unfinished prompts, at most
        `budget` tokens. A prompt that begins like one of them waits, since it can reuse what they compute.
        """
        chunks = list[tuple[Request, int, int]]()
        for request in self.scheduler.prefilling():
            if not request.has_started:
                if any(begin_alike(request.prompt_ids, other.prompt_ids) for other, _, _ in chunks):
                    continue
                self._start(request)
            chunk = self.scheduler.next_chunk(request, budget)
            _, first, last = chunk
            if last > first:
                chunks.append(chunk)
                budget -= last - first
                self._computed(request, last)
            if budget == 0:
                break
        return chunks

    def _start(self, request: Request) -> None:
        """Reuse any slot that already holds a prefix of the prompt."""
        slot = request.slot
        source, shared = self._prefixes.longest(request.prompt_ids)
        if shared:
            self.cache.copy(source, slot, shared)
            self._prefixes.touch(source)
        else:
            self.cache.truncate(slot, 0)
        self._prefixes.touch(slot)
        self._tokens[slot] = request.all_ids
        request.has_started, request.num_cached = True, shared
        self._computed(request, shared)

    def _computed(self, request: Request, num_tokens: int) -> None:
        self.scheduler.prefilled(request, num_tokens)
        if request.state == DECODE:
            self._batch = None

    def prepare(self) -> None:
        """Do now what otherwise the first request waits for: pack the weights, load or compile the loops."""
        self._decoder  # noqa: B018

    @functools.cached_property
    def _decoder(self) -> CompiledDecoder | TorchDecoder:
        return decoder_for(self.model, self.cache, self.weights, self.tokenizer)

    def _new_batch(self) -> Batch | None:
        if self._decoder.needs_adjacent_slots:
            for one, other in self.scheduler.compaction():
                self.cache.swap(one, other)
                self._tokens[one], self._tokens[other] = self._tokens[other], self._tokens[one]
                self._prefixes.swap(one, other)
                self.scheduler.moved(one, other)
        requests = self.scheduler.decoding()
        if not requests:
            return None
        num_steps = 1
        matchers = [request.matcher for request in requests if request.matcher is not None]
        if self._decoder.samples_ahead and all(matcher.is_regular for matcher in matchers):
            terms = BURST_TERMS * (1 if any(request.wants_tokens for request in requests) else PATIENCE)
            num_steps = int(terms / self.model.config.num_params / len(requests))
            num_steps = max(1, min(num_steps, MAX_BURST))
        places = self.constraints.places if matchers and num_steps > 1 else None
        return Batch(requests, self.model.config.vocab_size, num_steps, places)

    def _decode(self, batch: Batch) -> list[Token]:
        rows, rooms = batch.rows, [request.max_generated - request.num_generated for request in batch.requests]
        num_steps = self._num_steps(batch)
        rows.limits_R[:] = rooms
        if batch.matchers:
            self._constrain(batch, rooms)
        self._decoder.step(batch, num_steps)
        counts = (rows.places_R - self.cache.lengths[rows.slots_R]).tolist()
        followed = self._settle(batch, rooms, counts) if batch.matchers else counts
        results, events = batch.results(max(counts)), []
        for row, (request, count) in enumerate(zip(batch.requests, counts, strict=True)):
            first = 0
            # without a text that is looked at, only its last token can end an answer
            for last in range(1, count + 1) if request.stream is not None else [count]:
                token = results.record(request, row, first, last)
                self.cache.lengths[request.slot] += last - first
                text, reason = self._take(request, token, last <= followed[row])
                first = last
                if reason is not None:
                    text += self._finish(request, reason)
                if request.wants_tokens:
                    events.append(token_event(request, token, text))
                if reason is not None:
                    break  # what was sampled after a stop text is dropped
        return events

    def _num_steps(self, batch: Batch) -> int:
        """How many tokens each row may sample before this engine looks at the queue and at the texts again."""
        requests = batch.requests
        if batch.num_steps == 1 or len(self.scheduler.running) > len(requests):  # some prompt is unfinished
            return 1
        if any(request.wants_tokens and request.num_generated == 0 for request in requests):
            return 1  # a first token is sent at once
        return batch.num_steps

    @staticmethod
    def _constrain(batch: Batch, rooms: list[int]) -> None:
        """Set the masks of constrained rows, and what loops need to follow their answers. rooms: how many tokens each
        row may still have.
        """
        rows, places, numbers = batch.rows, batch.places, [-1] * len(rooms)
        if places is not None:
            places.make_room()
        for row, matcher in batch.matchers:
            matcher.write_mask(rows.masks_RW[row])
            if places is not None:
                numbers[row] = matcher.number(places)
                rows.landings_R[row], rows.word_tokens_R[row] = matcher.landing(rooms[row])
        rows.numbers_R[:], rows.rooms_R[:] = numbers, rooms

    def _settle(self, batch: Batch, rooms: list[int], counts: list[int]) -> list[int]:
        """Replace sampled tokens after which a constrained answer could no longer be completed. Returns how many of
        each row's `counts` new tokens led to known places.
        """
        rows, replaced, followed = batch.rows, list[int](), counts.copy()
        tokens = rows.tokens_RN[:, : max(counts)].tolist()
        numbers, known = rows.numbers_R.tolist(), rows.is_known_R.tolist()
        landings, word_tokens = rows.landings_R.tolist(), rows.word_tokens_R.tolist()
        for row, matcher in batch.matchers:
            last = counts[row] - 1
            followed[row] = last + (batch.places is not None and known[row])
            if followed[row]:
                matcher.follow(tokens[row][: followed[row]], numbers[row], landings[row], word_tokens[row])
            if followed[row] > last:
                continue
            token = tokens[row][last]
            settled = matcher.settle(token, rooms[row] - last)
            if settled != token:
                rows.ids_R[row] = rows.tokens_RN[row, last] = settled
                replaced.append(row)
                if len(rows.seen_RV):
                    rows.seen_RV[row, token] = token in batch.requests[row].all_ids
                    rows.seen_RV[row, settled] = True
        if replaced:
            self._explain(batch, replaced, counts)
        return followed

    def _explain(self, batch: Batch, replaced: list[int], counts: list[int]) -> None:
        """Record for the last of each row's `counts` new tokens, which replaced a sampled one, what was asked; it was
        the only one that was allowed.
        """
        rows = batch.rows
        asked_R = rows.is_uncertain_R | (rows.num_top_R >= 0)
        which = np.array([row for row in replaced if asked_R[row] or rows.is_ruled_R[row]], np.int64)
        if not which.size:
            return
        steps = np.array([counts[row] - 1 for row in which])
        read = [
            rows.tokens_RN[row, step - 1] if step else batch.requests[row].all_ids[-1]
            for row, step in zip(which, steps, strict=True)
        ]
        logits_RV = self._decoder.logits_of(which, np.array(read, np.int64), rows)
        is_asked = asked_R[which]
        explain(rows, which[is_asked], steps[is_asked], logits_RV[torch.from_numpy(is_asked)])
        for row, step, logits_V in zip(which, steps, logits_RV.double().cpu().numpy(), strict=True):
            if rows.is_ruled_R[row]:  # NumPy, as PyTorch would wake its threads
                rows.lost_RN[row, step] = np.logaddexp.reduce(logits_V) - logits_V[rows.ids_R[row]]

    @staticmethod
    def _take(request: Request, token: int, is_followed: bool) -> tuple[str, str | None]:
        """The text that a new token completes, and the finish reason if the answer ends with it. is_followed: its
        matcher has recorded it.
        """
        matcher = request.matcher if not is_followed else None
        if matcher is not None and matcher.has_failed:
            return "", "failed"
        if token in request.end_ids or (matcher is not None and matcher.has_ended):
            return "", "stop"
        text, is_over = "", False
        if request.stream is not None:
            text = request.stream.push(token)
            is_over = request.stream.stopped
        if matcher is not None:
            matcher.advance(token)
            is_over = is_over or matcher.is_complete
        if is_over:
            return text, "stop"
        if request.num_generated < request.max_generated:
            return text, None
        return text, "stop" if request.matcher is not None and request.matcher.may_end else "length"

    def _finish(self, request: Request, reason: str) -> str:
        """Free the slot (its keys and values stay for reuse); returns the text that was held back."""
        if request.state in (PREFILL, DECODE):
            self._batch = None
        self.scheduler.finish(request)
        request.finish_reason = reason
        if request.stream is None:
            ids = request.ids
            request.text = text_of(self.tokenizer, ids[:-1] if ids and ids[-1] in request.end_ids else ids)
            return ""
        rest = request.stream.flush()
        request.text = request.stream.text
        return rest
