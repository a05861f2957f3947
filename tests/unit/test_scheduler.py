"""Simulations of the scheduler without any model: no request starves, no slot leaks, no prompt token is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords.engine.prefix import PrefixIndex, common_prefix
from firstwords.engine.scheduler import FINISHED, Scheduler, Slotted

jobs = st.lists(
    st.tuples(
        st.integers(0, 30),  # step of arrival
        st.integers(1, 60),  # prompt tokens
        st.integers(1, 12),  # tokens to generate
        st.one_of(st.none(), st.integers(0, 20)),  # cancelled so many steps after arrival
    ),
    min_size=1,
    max_size=25,
)


def check_slots(scheduler: Scheduler) -> None:
    owned = [request.slot for request in scheduler.running.values()]
    assert sorted(owned + scheduler.free_slots) == list(range(scheduler.num_slots))


@settings(max_examples=150, deadline=None)
@given(jobs, st.integers(1, 4), st.integers(1, 16))
def test_everybody_is_served_and_every_slot_comes_back(jobs, num_slots, chunk):
    scheduler = Scheduler(num_slots, chunk)
    requests = [Slotted(i, list(range(length))) for i, (_, length, _, _) in enumerate(jobs)]
    left = [count for _, _, count, _ in jobs]
    prefilled = [0] * len(jobs)
    admitted: list[int] = []
    added: list[int] = []
    # an upper bound that only a starving scheduler exceeds: everything one after another
    bound = 31 + sum(-(-length // chunk) + count + 1 for _, length, count, _ in jobs)
    for step in range(bound + 1):
        for i, (arrival, _, _, cancelled) in enumerate(jobs):
            if arrival == step:
                scheduler.add(requests[i])
                added.append(i)
            if cancelled is not None and arrival + cancelled == step:
                scheduler.finish(requests[i])
        plan = scheduler.schedule()
        for request, first, last in plan.prefill:
            assert first == prefilled[request.request_id], "a prompt token was skipped or computed twice"
            prefilled[request.request_id] = last
        assert sum(last - first for _, first, last in plan.prefill) <= chunk
        admitted += [i for i in scheduler.running if i not in admitted]
        check_slots(scheduler)
        for one, other in scheduler.compaction():
            scheduler.moved(one, other)
        check_slots(scheduler)
        for request in plan.decode:
            i = request.request_id
            assert prefilled[i] == jobs[i][1] - 1, "a row is decoded before its prompt is computed"
            left[i] -= 1
            if left[i] == 0:
                scheduler.finish(request)
        if step > 30 and not scheduler.has_work:
            break
    assert not scheduler.has_work, "somebody starves"
    assert scheduler.free_slots == list(range(num_slots))
    assert all(request.state == FINISHED for request in requests)
    assert admitted == [i for i in added if i in set(admitted)], "first come, first served"
    for i, (_, _, _, cancelled) in enumerate(jobs):
        assert cancelled is not None or left[i] == 0


def test_a_long_prompt_does_not_stall_streams():
    scheduler = Scheduler(num_slots=2, chunk_tokens=10)
    talking, reading = Slotted(0, [1, 2]), Slotted(1, list(range(101)))
    scheduler.add(talking)
    assert [r.request_id for r in scheduler.schedule().decode] == [0]
    scheduler.add(reading)
    for step in range(10):
        plan = scheduler.schedule()
        assert talking in plan.decode, "the stream waits for a prompt"
        assert [(first, last) for _, first, last in plan.prefill] == [(10 * step, 10 * step + 10)]
    assert reading in plan.decode


def test_rows_are_moved_together_when_holes_appear():
    scheduler = Scheduler(num_slots=8)
    requests = [Slotted(i, [1]) for i in range(8)]
    for request in requests:
        scheduler.add(request)
    scheduler.schedule()
    assert scheduler.compaction() == []
    for request in requests[1:7]:
        scheduler.finish(request)
    moves = scheduler.compaction()
    assert len(moves) == 1
    scheduler.moved(*moves[0])
    slots = sorted(request.slot for request in (requests[0], requests[7]))
    assert slots[1] - slots[0] == 1
    check_slots(scheduler)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="slot"):
        Scheduler(0)


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_prefix_equals_the_obvious_loop(one, other):
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    length = min(len(one), len(other))
    assert common_prefix(one, other, length) == shared
    assert common_prefix(one, other, length // 2) == min(shared, length // 2)


def test_prefixes_prefer_a_continued_slot_then_an_empty_one_then_the_oldest():
    held = {0: [1, 2, 3], 1: [1, 2, 3, 4, 5], 2: []}
    index = PrefixIndex(3, lambda: [(ids, len(ids)) for ids in held.values()])
    assert index.longest([1, 2, 3, 4, 9, 9]) == (1, 4)
    assert index.longest([1, 2, 3]) == (0, 2), "the last token must be computed to have its logits"
    assert index.longest([7, 8]) == (-1, 0)
    assert index.choose([1, 2, 3, 9], [0, 1, 2]) == 0, "continued in place"
    assert index.choose([1, 2, 3, 4, 9], [0, 1, 2]) == 2, "another branch must survive"
    index = PrefixIndex(3, lambda: [([1, 2, 3], 2), ([1, 2, 3], 3), ([1, 2, 3, 4, 5], 1)])
    assert index.longest([1, 2, 3, 4, 9]) == (1, 3), "only what is computed counts"
    index = PrefixIndex(3, lambda: [(ids, len(ids)) for ids in held.values()])
    held[2] = [8]
    for slot in (1, 2, 0):
        index.touch(slot)
    assert index.choose([9, 9], [0, 1, 2]) == 1
