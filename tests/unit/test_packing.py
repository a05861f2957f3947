"""Rows for training: every target of the corpus comes, packed chats are whole, and batches depend on
(seed, step) only."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstwords.config import UserError
from firstwords.data import packing
from firstwords.data.packing import IGNORED, ChatRows, EpochOrder, PretrainRows, pack_chats, permuted
from firstwords.data.shards import TokenShards, write_shards
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer

TOKENIZER = Tokenizer.train(["one two three four five six seven\n" * 20], 300)


class Numbers:
    """A corpus whose id at place n is n, closed by the first id again, as shards are."""

    def __init__(self, num_tokens):
        self.num_tokens = num_tokens
        self._ids = np.arange(num_tokens)
        self._ids[-1] = 0

    def gather(self, starts, length):
        starts = np.asarray(starts)
        assert (starts >= 0).all() and (starts + length <= self.num_tokens).all()
        return self._ids[starts[:, None] + np.arange(length)]


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 300), st.integers(1, 40), st.integers(0, 3), st.integers(1, 7))
def test_pretrain_epochs_cover_the_ring(num_tokens, context, seed, batch_rows):
    ring = num_tokens - 1
    if ring < context:
        with pytest.raises(UserError, match="too small"):
            PretrainRows(Numbers(num_tokens), context, seed)
        return
    rows = PretrainRows(Numbers(num_tokens), context, seed)
    num_rows = rows.rows_per_epoch
    batches = [rows.batch(step, batch_rows) for step in range(-(-2 * num_rows // batch_rows))]
    inputs = np.concatenate([b[0] for b in batches])
    targets = np.concatenate([b[1] for b in batches])
    np.testing.assert_array_equal(targets, (inputs + 1) % ring)
    assert rows.skipped_per_epoch < context
    for epoch in range(2):
        seen = Counter(targets[epoch * num_rows : (epoch + 1) * num_rows].ravel().tolist())
        assert set(seen.values()) == {1}  # nothing twice within an epoch
        assert len(seen) == ring - rows.skipped_per_epoch  # and nothing left out but the counted rest


@pytest.mark.parametrize("count", [1, 2, 16, 17, 1000, 4097])
def test_a_computed_order_has_every_row_once(count, monkeypatch):
    monkeypatch.setattr(packing, "FEW_ROWS", 0)
    epochs, rows = EpochOrder(count, 5).at(np.arange(3 * count))
    for epoch in range(3):
        assert sorted(rows[epochs == epoch]) == list(range(count))
    if count >= 1000:
        first, second = rows[:count], rows[count : 2 * count]
        assert (first == second).mean() < 0.01 and (np.diff(first) == 1).mean() < 0.01
        assert abs(np.corrcoef(first, np.arange(count))[0, 1]) < 0.1


def test_an_order_too_large_for_a_table_is_computed():
    rows = permuted(np.arange(10_000), 10**11, (0, 1))
    assert rows.min() >= 0 and rows.max() < 10**11 and len(np.unique(rows)) == 10_000
    assert 0.48 < rows.mean() / 10**11 < 0.52


def test_what_is_left_over_differs_between_epochs():
    rows = PretrainRows(Numbers(1000), 150, seed=1)  # 6 rows of 150, 99 targets stay over
    seen = [set(rows.batch(epoch, rows.rows_per_epoch)[1].ravel().tolist()) for epoch in range(12)]
    assert all(len(epoch) == 900 for epoch in seen)
    assert len(set.union(*seen)) == 999


def test_pretrain_batches_are_pure_and_reshard():
    make = lambda seed=5: PretrainRows(Numbers(1001), 10, seed)  # noqa: E731
    whole = make().batch(7, 64)  # runs over the end of an epoch
    make_again = make()
    make_again.batch(90, 3)
    for a, b in zip(whole, make_again.batch(7, 64), strict=True):
        np.testing.assert_array_equal(a, b)
    halves = [make().batch(14, 32), make().batch(15, 32)]
    np.testing.assert_array_equal(np.concatenate([h[0] for h in halves]), whole[0])
    assert (make(6).batch(7, 64)[0] != whole[0]).any()
    first, second = make().batch(0, 100)[0], make().batch(1, 100)[0]
    assert (first != second).any(axis=1).all()  # a new order and a new cut in the next epoch


def test_pretrain_rows_on_real_shards(tmp_path):
    docs = [f"one two {n} three four" for n in range(200)]
    write_shards(docs, TOKENIZER, tmp_path / "s", shard_tokens=333)
    shards = TokenShards(tmp_path / "s")
    rows = PretrainRows(shards, 16, 0)
    inputs, targets = rows.batch(0, rows.rows_per_epoch)
    assert inputs.dtype == targets.dtype == np.int64
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    corpus = shards.gather(np.array([0]), shards.num_tokens)[0][1:]
    spare = Counter(corpus.tolist())
    spare.subtract(targets.ravel().tolist())
    assert min(spare.values()) >= 0 and sum(spare.values()) == rows.skipped_per_epoch


# A chat as `render` makes it: (header, answer) pieces; ids are unique within a test, so that each token can
# be followed.
shapes = st.lists(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=0, max_size=5),
    min_size=1,
    max_size=25,
)


def _rendered(chat_shapes):
    chats, next_id = [], 1
    for shape in chat_shapes:
        ids, mask = [], []
        for header, answer in shape:
            ids += range(next_id, next_id + header + answer)
            mask += [0] * header + [1] * answer
            next_id += header + answer
        ids.append(next_id)  # the line end after the last stop token
        mask.append(0)
        next_id += 1
        chats.append((ids, mask))
    return chats


def _supervised_ends(mask):
    return [n + 1 for n in range(len(mask)) if mask[n] and not mask[n + 1]]


@settings(max_examples=300, deadline=None)
@given(shapes, st.integers(1, 40))
def test_packing(chat_shapes, context):
    chats = _rendered(chat_shapes)
    # What must be kept, said again in the simplest way: up to the last answer whose end fits.
    kept = [
        (ids[:end], mask[:end]) for ids, mask in chats for end in _supervised_ends(mask)[::-1] if end <= context + 1
    ]
    kept = list({ids[0]: (ids, mask) for ids, mask in reversed(kept)}.values())
    if not kept:
        with pytest.raises(UserError, match="none of the"):
            pack_chats(chats, context)
        return
    packed = pack_chats(chats, context)
    stats = packed.stats

    expected = [i for ids, mask in kept for i, m in zip(ids, mask, strict=True) if m]
    found = packed.targets[packed.targets != IGNORED].tolist()
    assert sorted(found) == sorted(expected)  # every supervised token of each kept chat exactly once
    total = sum(sum(mask) for _, mask in chats)
    assert stats.supervised_tokens == len(expected) and stats.cut_tokens == total - len(expected)
    assert stats.chats == len(kept) and stats.dropped == len(chats) - len(kept)
    assert stats.rows == len(packed.inputs)

    pieces = []
    for row in range(stats.rows):
        segments = packed.segments[row]
        used = int((segments > 0).sum())
        assert (segments[:used] > 0).all() and (np.diff(segments[:used]) >= 0).all()
        assert (packed.targets[row, used:] == IGNORED).all() and not packed.inputs[row, used:].any()
        for segment in range(1, segments.max() + 1):
            here = segments == segment
            pieces.append(packed.inputs[row, here].tolist())
            assert packed.positions[row, here].tolist() == list(range(here.sum()))
            supervised = packed.targets[row, here]
            follows = np.append(packed.inputs[row, here][1:], supervised[-1])
            assert ((supervised == IGNORED) | (supervised == follows)).all()
    # No chat straddles rows: each segment is the whole input of one kept chat.
    assert sorted(pieces) == sorted(ids[:-1] for ids, _ in kept)
    assert stats.fill == pytest.approx(sum(len(p) for p in pieces) / packed.inputs.size)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_packing_is_tight(lengths):
    """No row was opened for a chat that an earlier row had room for."""
    packed = pack_chats([(list(range(n + 1)), [0] * n + [1]) for n in lengths], 30)
    assert packed.stats.chats == len(lengths)
    gaps = [30 - int((row > 0).sum()) for row in packed.segments]
    firsts = [int((row == 1).sum()) for row in packed.segments]
    for row in range(1, len(gaps)):  # a row is opened only for a chat that fits into no row before it
        assert all(30 - sum(n for n in _lengths(packed, r) if n >= firsts[row]) < firsts[row] for r in range(row))


def test_the_tightest_row_is_taken():
    packed = pack_chats([(list(range(n + 1)), [0] * n + [1]) for n in (2, 3, 4, 5, 6)], 10)
    assert [_lengths(packed, row) for row in range(2)] == [
        [6, 4],
        [5, 3, 2],
    ]  # the roomiest would need three rows


def _lengths(packed, row):
    return [int((packed.segments[row] == s).sum()) for s in range(1, packed.segments[row].max() + 1)]


messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": st.text(alphabet="one two", max_size=30)}
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(messages, min_size=1, max_size=8), st.integers(20, 60))
def test_every_supervised_turn_ends_in_the_stop_token(chats, context):
    try:
        packed = pack_chats([render(chat, TOKENIZER) for chat in chats], context)
    except UserError:
        return
    for targets, segments in zip(packed.targets, packed.segments, strict=True):
        for place in np.flatnonzero(targets != IGNORED):
            last = place + 1 == context or targets[place + 1] == IGNORED or segments[place + 1] != segments[place]
            assert (targets[place] == TOKENIZER.im_end_id) == last


def test_many_chats_pack_quickly_and_densely():
    rng = np.random.default_rng(0)
    chats = [(np.arange(n), np.arange(n) > n // 2) for n in rng.integers(4, 600, 20_000)]
    packed = pack_chats(chats, 512)
    assert packed.stats.fill > 0.97
    assert packed.stats.dropped == sum(len(ids) > 513 for ids, _ in chats)


def test_chat_rows():
    packed = pack_chats([([1, 2, n], [0, 0, 1]) for n in range(3, 33)], 4)
    rows = ChatRows(packed, seed=0)
    assert rows.rows_per_epoch == 15
    batch = rows.batch(0, 15)
    assert all(array.dtype == np.int64 and array.shape == (15, 4) for array in batch)
    assert sorted(batch.targets[batch.targets != IGNORED].tolist()) == list(range(3, 33))
    again = ChatRows(packed, seed=0)
    again.batch(3, 7)
    np.testing.assert_array_equal(again.batch(0, 15).targets, batch.targets)
    np.testing.assert_array_equal(rows.batch(1, 5).inputs, batch.inputs[5:10])
    assert (rows.batch(1, 15).targets != batch.targets).any()
    assert (ChatRows(packed, seed=1).batch(0, 15).targets != batch.targets).any()


def test_chats_without_answer_are_dropped_and_counted():
    packed = pack_chats([([1, 2, 3], [0, 0, 0]), ([1, 2, 3, 4], [0, 1, 1, 0]), ([], [])], 8)
    assert (packed.stats.chats, packed.stats.dropped, packed.stats.cut) == (1, 2, 0)
    assert packed.inputs[0].tolist() == [1, 2, 0, 0, 0, 0, 0, 0]
    assert packed.targets[0].tolist() == [2, 3, *[IGNORED] * 6]
    long = pack_chats([([1, 2, 3, 4, 5, 6], [0, 1, 1, 0, 0, 1])], 3)
    assert (long.stats.chats, long.stats.cut, long.stats.cut_tokens) == (1, 1, 1)
