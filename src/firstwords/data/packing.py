"""Training rows of equal length: windows over a corpus (stage one), and packed chats (stage two).

The order of samples is a pure function of (seed, step, row), so that a run resumes and reshards exactly.

Legend: B rows per batch, R rows in total, T tokens per row (the context).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from firstwords.config import UserError
from firstwords.data.shards import TokenShards

IGNORED = -100  # the target that carries no loss: padding, and everything that a person said


FEW_ROWS = 2**26  # up to here an epoch's order is a table; beyond, each row's place is computed
ROUNDS = 6  # of the Feistel network that computes it


class EpochOrder:
    """Row numbers, shuffled differently in every epoch; the order depends only on (seed, epoch)."""

    def __init__(self, num_rows: int, seed: int) -> None:
        self._num_rows, self._seed = num_rows, seed
        self._cache: dict[int, np.ndarray] = {}

    def at(self, positions_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(epoch, row) of positions in the endless sequence epoch 0, epoch 1, ..."""
        epochs_B, within_B = np.divmod(positions_B, self._num_rows)
        rows_B = np.empty_like(within_B)
        for epoch in np.unique(epochs_B):
            here = epochs_B == epoch
            if self._num_rows <= FEW_ROWS:
                rows_B[here] = self._order(int(epoch))[within_B[here]]
            else:
                rows_B[here] = permuted(within_B[here], self._num_rows, (self._seed, int(epoch)))
        return epochs_B, rows_B

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._cache:
            if len(self._cache) > 1:  # a batch needs this epoch and possibly the next one
                self._cache.clear()
            self._cache[epoch] = np.random.default_rng((self._seed, epoch)).permutation(self._num_rows)
        return self._cache[epoch]


def permuted(positions_B: np.ndarray, count: int, key: tuple[int, ...]) -> np.ndarray:
    """Where a pseudorandom permutation of range(count) puts each position, without a table of it.

    A Feistel network permutes the next power of four; where it leaves the range, it is applied again.
    """
    half = np.uint64(((count - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << int(half)) - 1)
    keys = np.random.default_rng(key).integers(2**63, size=ROUNDS, dtype=np.uint64)
    places_B = positions_B.astype(np.uint64)
    waiting = np.arange(len(places_B))
    while len(waiting):
        left, right = places_B[waiting] >> half, places_B[waiting] & mask
        for each in keys:
            mixed = (right + each) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ ((mixed >> np.uint64(32)) & mask)
        places_B[waiting] = left << half | right
        waiting = waiting[places_B[waiting] >= count]
    return places_B.astype(np.int64)


class PretrainRows:
    """Windows of `context` + 1 ids over the corpus, for next-token prediction.

    The corpus is a ring: it begins and ends with the same `<|endoftext|>`. Every epoch cuts the ring at a random place
    and reads it once in steps of `context`, in random order. Fewer than `context` targets are skipped at the cut
    (`skipped_per_epoch`), at a different place in each epoch, so that no text is skipped permanently. Raises UserError
    if the corpus is shorter than one window.
    """

    def __init__(self, shards: TokenShards, context: int, seed: int) -> None:
        self._shards, self.context, self._seed = shards, context, seed
        self._ring = shards.num_tokens - 1  # the last id equals the first
        self.rows_per_epoch = self._ring // context
        if self.rows_per_epoch < 1:
            raise UserError(
                f"the text is too small: {shards.num_tokens} tokens do not fill one row of {context}; "
                "give more text or a shorter context"
            )
        self.skipped_per_epoch = self._ring - self.rows_per_epoch * context
        self._order = EpochOrder(self.rows_per_epoch, seed)

    def batch(self, step: int, batch_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """(inputs_BT, targets_BT) of a step, int64; targets are the inputs shifted by one. A pure function of (seed,
        step)."""
        positions_B = np.arange(step * batch_rows, (step + 1) * batch_rows, dtype=np.int64)
        epochs_B, rows_B = self._order.at(positions_B)
        cuts_B = np.array([self._cut(int(epoch)) for epoch in epochs_B], dtype=np.int64)
        window_BT = self._around((cuts_B + rows_B * self.context) % self._ring, self.context + 1)
        return window_BT[:, :-1], window_BT[:, 1:]

    def _cut(self, epoch: int) -> int:
        return int(np.random.default_rng((self._seed, epoch, 1)).integers(self._ring))

    def _around(self, starts_B: np.ndarray, length: int) -> np.ndarray:
        """Windows on the ring. The last id equals the first, so that a window across the seam is end + start, with one
        of the two removed."""
        fits_B = starts_B + length <= self._ring + 1
        out_BT = np.empty((len(starts_B), length), dtype=np.int64)
        out_BT[fits_B] = self._shards.gather(starts_B[fits_B], length)
        for row in np.flatnonzero(~fits_B):
            place = int(starts_B[row])
            filled = 0
            while filled < length:  # more than one lap only if the corpus is hardly longer than the window
                size = min(length - filled, self._ring - place)
                out_BT[row, filled : filled + size] = self._shards.gather(np.array([place]), size)[0]
                filled, place = filled + size, 0
        return out_BT


@dataclass(frozen=True)
class PackStats:
    """How the chats were packed."""

    chats: int  # packed
    cut: int  # of these, shortened at the end of an assistant turn because they were longer than the context
    dropped: int  # left out: the first answer does not fit, or there is no assistant turn
    rows: int
    supervised_tokens: int
    cut_tokens: int  # supervised tokens lost by cutting and dropping
    fill: float  # share of the rows' positions that hold a token


@dataclass(frozen=True)
class PackedChats:
    """Rows of whole chats, int32 [R, T]. Padding: input 0, target -100, position 0, segment 0."""

    inputs: np.ndarray
    targets: np.ndarray  # the next id where it is supervised, else -100
    positions: np.ndarray  # 0, 1, 2, ... within each chat
    segments: np.ndarray  # 1, 2, 3, ... for the chats of a row: attention stays within one segment
    stats: PackStats


def pack_chats(rendered: Sequence[tuple[Sequence[int], Sequence[int]]], context: int) -> PackedChats:
    """Pack rendered chats (ids, mask; see `tokenizer.chat.render`) into rows of `context` tokens; no chat crosses a row
    boundary.

    Best fit, longest chat first: each goes into the fullest row that still has room for it. A chat that is longer than
    a row keeps its turns from the start up to the last assistant turn that fits, stop token included; if the first
    answer does not fit, the chat is dropped. Both are counted. Raises UserError if nothing remains.
    """
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    cut = dropped = lost = 0
    for ids, mask in rendered:
        ids_T, mask_T = np.asarray(ids, dtype=np.int32), np.asarray(mask, dtype=bool)
        end = _last_fitting_answer(mask_T, context + 1)  # inputs are ids[:-1], targets ids[1:]
        missed = int(mask_T[max(end, 1) :].sum())
        lost += missed
        if end < 2:
            dropped += 1
            continue
        cut += missed > 0
        kept.append((ids_T[:end], mask_T[:end]))
    if not kept:
        raise UserError(
            f"none of the {len(rendered)} chats is usable: no answer fits into {context} tokens; "
            "give shorter chats or a longer context"
        )
    rows = _best_fit([len(ids_T) - 1 for ids_T, _ in kept], context)
    return _fill_rows(kept, rows, context, cut, dropped, lost)


def _last_fitting_answer(mask_T: np.ndarray, limit: int) -> int:
    """Length up to the end of the last supervised run that lies within `limit` tokens; 0 if there is none."""
    is_end_T = mask_T & ~np.append(mask_T[1:], False)
    ends = np.flatnonzero(is_end_T) + 1
    fitting = ends[ends <= limit]
    return int(fitting[-1]) if len(fitting) else 0


def _best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Best-fit decreasing: indices of `lengths`, row by row. Bit r of `rooms` is set when some row has r positions
    left, so that the tightest row is the lowest bit at or above `length`; every item is placed in one step, and packing
    cannot stall."""
    rows: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms = 0
    for item in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[item]
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            row = with_room[room].pop()
            if not with_room[room]:
                rooms &= ~(1 << room)
            rows[row].append(item)
        else:
            room, row = capacity, len(rows)
            rows.append([item])
        with_room[room - length].append(row)
        rooms |= 1 << (room - length)
    return rows


def _fill_rows(
    kept: list[tuple[np.ndarray, np.ndarray]],
    rows: list[list[int]],
    context: int,
    cut: int,
    dropped: int,
    lost: int,
) -> PackedChats:
    shape = (len(rows), context)
    inputs_RT, positions_RT, segments_RT = (np.zeros(shape, dtype=np.int32) for _ in range(3))
    targets_RT = np.full(shape, IGNORED, dtype=np.int32)
    for r, items in enumerate(rows):
        at = 0
        for segment, item in enumerate(items, start=1):
            ids_T, mask_T = kept[item]
            here = slice(at, at + len(ids_T) - 1)
            inputs_RT[r, here] = ids_T[:-1]
            targets_RT[r, here] = np.where(mask_T[1:], ids_T[1:], IGNORED)
            positions_RT[r, here] = np.arange(len(ids_T) - 1)
            segments_RT[r, here] = segment
            at = here.stop
    supervised = int((targets_RT != IGNORED).sum())
    fill = float((segments_RT > 0).mean())
    stats = PackStats(len(kept), cut, dropped, len(rows), supervised, lost, fill)
    return PackedChats(inputs_RT, targets_RT, positions_RT, segments_RT, stats)


class ChatBatch(NamedTuple):
    """One batch of packed chats, int64 [B, T] each."""

    inputs: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    segments: np.ndarray


class ChatRows:
    """Batches of packed chats, reshuffled every epoch."""

    def __init__(self, packed: PackedChats, seed: int) -> None:
        self._packed = packed
        self.rows_per_epoch = len(packed.inputs)
        self._order = EpochOrder(self.rows_per_epoch, seed)

    def batch(self, step: int, batch_rows: int) -> ChatBatch:
        """The batch of a step: a pure function of (seed, step)."""
        _, rows_B = self._order.at(np.arange(step * batch_rows, (step + 1) * batch_rows, dtype=np.int64))
        packed = self._packed
        arrays = (packed.inputs, packed.targets, packed.positions, packed.segments)
        return ChatBatch(*(array[rows_B].astype(np.int64) for array in arrays))
