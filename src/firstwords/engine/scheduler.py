"""Decides what the next step computes: plain Python, no tensors, so that it can be simulated and verified.

A request waits, then owns one slot while it is *prefilled* (its prompt is computed in chunks) and *decoded* (one token
per step), then is finished. All decoding requests take part in every step; prefill gets the rest of a token budget,
first come first served. So a long prompt never stalls running streams, and no request starves.

The last prompt token is never prefilled: it is the first decoded token, because its logits are needed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

WAITING, PREFILL, DECODE, FINISHED = "waiting", "prefill", "decode", "finished"


@dataclass(eq=False)
class Slotted:
    """A request as the scheduler sees it. `num_computed` prompt tokens have their keys and values in the slot."""

    request_id: int
    prompt_ids: list[int]
    slot: int = -1
    num_computed: int = 0
    state: str = WAITING

    @property
    def num_to_prefill(self) -> int:
        return len(self.prompt_ids) - 1 - self.num_computed


R = TypeVar("R", bound=Slotted)


@dataclass
class Plan(Generic[R]):
    """One step: chunks (request, first token, one past the last token) to prefill, then rows to decode."""

    prefill: list[tuple[R, int, int]] = field(default_factory=list)
    decode: list[R] = field(default_factory=list)


class Scheduler(Generic[R]):
    """First in, first out over `num_slots` slots, with at most `chunk_tokens` prompt tokens computed per step.

    choose_slot(request, free_slots) -> slot lets the engine prefer a slot that already holds the request's
    prefix.
    """

    def __init__(
        self,
        num_slots: int,
        chunk_tokens: int = 256,
        choose_slot: Callable[[R, list[int]], int] | None = None,
    ) -> None:
        if num_slots < 1 or chunk_tokens < 1:
            raise ValueError(f"an engine needs a slot and a token per chunk, not {num_slots} and {chunk_tokens}")
        self.num_slots, self.chunk_tokens = num_slots, chunk_tokens
        self.waiting: deque[R] = deque()
        self.running: OrderedDict[int, R] = OrderedDict()  # in order of arrival
        self.free_slots: list[int] = list(range(num_slots))
        self._choose_slot = choose_slot or (lambda request, free: free[0])

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.running)

    def add(self, request: R) -> None:
        request.state = WAITING
        self.waiting.append(request)

    def admit(self) -> list[R]:
        """Give free slots to the requests that have waited longest; returns them, now in PREFILL or DECODE."""
        admitted = []
        while self.waiting and self.free_slots:
            request = self.waiting.popleft()
            request.slot = self._choose_slot(request, self.free_slots)
            self.free_slots.remove(request.slot)
            self.running[request.request_id] = request
            request.state = PREFILL
            admitted.append(request)
        return admitted

    def prefilling(self) -> list[R]:
        """The requests with an unfinished prompt, the oldest first."""
        return [request for request in self.running.values() if request.state == PREFILL]

    @staticmethod
    def next_chunk(request: R, budget: int) -> tuple[R, int, int]:
        """The next part of an unfinished prompt: (request, first token, one past the last), at most `budget` tokens."""
        first = request.num_computed
        return request, first, first + min(request.num_to_prefill, budget)

    def prefilled(self, request: R, num_computed: int) -> None:
        """The slot of `request` now holds `num_computed` prompt tokens."""
        request.num_computed = num_computed
        if request.num_to_prefill <= 0:
            request.state = DECODE

    def schedule(self) -> Plan[R]:
        """One whole step for callers without prefix reuse (simulations): admits, plans, and marks as computed."""
        plan, budget = Plan[R](), self.chunk_tokens
        self.admit()
        for request in self.prefilling():
            chunk = self.next_chunk(request, budget)
            _, first, last = chunk
            if last > first:
                plan.prefill.append(chunk)
            budget -= last - first
            self.prefilled(request, last)
            if budget == 0:
                break
        plan.decode = self.decoding()
        return plan

    def decoding(self) -> list[R]:
        return [request for request in self.running.values() if request.state == DECODE]

    def finish(self, request: R) -> None:
        """Remove a request in any state and free its slot. Finishing twice has no effect."""
        if request.state == FINISHED:
            return
        if request.state == WAITING:
            self.waiting.remove(request)
        else:
            del self.running[request.request_id]
            self.free_slots.append(request.slot)
            self.free_slots.sort()
        request.state = FINISHED

    def moved(self, one: int, other: int) -> None:
        """The contents of two slots were exchanged: their owners, if any, follow."""
        exchange = {one: other, other: one}
        for request in self.running.values():
            request.slot = exchange.get(request.slot, request.slot)
        self.free_slots = sorted(exchange.get(slot, slot) for slot in self.free_slots)

    def compaction(self) -> list[tuple[int, int]]:
        """Pairs of slots to exchange so that the decoding rows are contiguous; [] if they are close enough.

        A step computes every slot between the first and the last decoding one, so holes cost time.
        """
        taken = sorted(request.slot for request in self.decoding())
        if not taken or taken[-1] - taken[0] + 1 <= 1.25 * len(taken):
            return []
        size = len(taken)
        starts = range(self.num_slots - size + 1)
        start = max(starts, key=lambda first: sum(first <= slot < first + size for slot in taken))
        window = range(start, start + size)
        holes = [slot for slot in window if slot not in taken]
        strays = [slot for slot in taken if slot not in window]
        return list(zip(strays, holes, strict=True))
