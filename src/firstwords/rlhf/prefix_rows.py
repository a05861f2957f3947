"""Sequences with a common prefix share its computation: several answers use one prompt's hidden states.

    for part in shared_parts(sequences, tokens=8192):
        hidden_RWD = model.hidden(part.ids_RW, part.positions_RW, part.segments_RW)
        hidden_RWD.flatten(0, 1)[part.places[i]]        # of every token of sequences[part.rows[i]]

A row holds the common prefix, then the rest of each sequence: [prompt | answer 1 | answer 2 ...]. The positions of each
answer continue from the prompt, and an answer attends to the prompt and itself (`model.transformer.packed_mask`), so
each hidden state and gradient is what it would be alone. Four short answers to a chat take a third of the time.

Axes: B sequences, R rows, W width of a row, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LEAST_SHARED = 8  # minimum common tokens for a shared row
SHARED, PADDING = -1, 0  # segment ids; the sequences of a row are 1, 2 ...


@dataclass
class Group:
    """The sequences of one row and the length of their common prefix."""

    rows: list[int]
    shared: int
    width: int


@dataclass
class SharedRows:
    """Some of the sequences, as rows for `Transformer.hidden`."""

    rows: list[int]  # indices of the sequences
    ids_RW: np.ndarray
    places: list[np.ndarray]  # for each of `rows`: flat indices (r * W + w) of its tokens
    positions_RW: np.ndarray | None = None  # both None if nothing is shared: plain rows
    segments_RW: np.ndarray | None = None

    def inputs(self, device: torch.device | str) -> tuple[Tensor] | tuple[Tensor, Tensor, Tensor]:
        """The arguments of `Transformer.hidden`."""
        ids = torch.from_numpy(self.ids_RW).to(device)
        if self.positions_RW is None or self.segments_RW is None:
            return (ids,)
        return ids, torch.from_numpy(self.positions_RW).to(device), torch.from_numpy(self.segments_RW).to(device)


def groups_of(sequences: Sequence[np.ndarray]) -> list[Group]:
    """Groups of neighbouring sequences that are cheaper in one row than in several."""
    groups: list[Group] = []
    for row, sequence in enumerate(sequences):
        last = groups[-1] if groups else None
        common = _common(sequences[last.rows[0]][: last.shared], sequence) if last else 0
        # sharing fewer tokens than before costs every member the difference
        if last and common >= LEAST_SHARED and len(last.rows) * (last.shared - common) < last.shared:
            last.width += len(last.rows) * (last.shared - common) - last.shared + len(sequence)
            last.rows.append(row)
            last.shared = common
        else:
            groups.append(Group([row], len(sequence), len(sequence)))
    return groups


def pairs_of(sequences: Sequence[np.ndarray]) -> list[Group]:
    """Groups of two neighbours each."""
    groups = []
    for row in range(0, len(sequences), 2):
        one, other = sequences[row : row + 2]
        common = _common(one, other)
        groups.append(Group([row, row + 1], common, len(one) + len(other) - common))
    return groups


def shared_parts(
    sequences: Sequence[np.ndarray], tokens: int, in_order: bool = True, groups: list[Group] | None = None
) -> list[SharedRows]:
    """All sequences in parts of about `tokens` tokens, including padding; sorted by width unless `in_order`."""
    groups = groups_of(sequences) if groups is None else groups
    if not in_order:
        groups.sort(key=lambda group: group.width)
    parts: list[list[Group]] = [[]]
    width = 0
    for group in groups:
        width = max(width, group.width)
        if parts[-1] and width * (len(parts[-1]) + 1) > tokens:
            parts.append([])
            width = group.width
        parts[-1].append(group)
    return [_laid_out(sequences, part) for part in parts if part]


def _laid_out(sequences: Sequence[np.ndarray], groups: list[Group]) -> SharedRows:
    width = max(group.width for group in groups)
    ids_RW, positions_RW, segments_RW = (np.zeros((len(groups), width), dtype=np.int64) for _ in range(3))
    rows, places = [], []
    for r, group in enumerate(groups):
        column = shared = group.shared
        ids_RW[r, :shared] = sequences[group.rows[0]][:shared]
        positions_RW[r, :shared] = np.arange(shared)
        segments_RW[r, :shared] = SHARED
        for number, row in enumerate(group.rows, 1):
            own = sequences[row][shared:]
            end = column + len(own)
            ids_RW[r, column:end] = own
            positions_RW[r, column:end] = np.arange(shared, shared + len(own))
            segments_RW[r, column:end] = number
            rows.append(row)
            places.append(r * width + np.concatenate([np.arange(shared), np.arange(column, end)]))
            column = end
    if len(rows) == len(groups):
        return SharedRows(rows, ids_RW, places)
    return SharedRows(rows, ids_RW, places, positions_RW, segments_RW)


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """Length of the common prefix."""
    length = min(len(one), len(other))
    differs = one[:length] != other[:length]
    return int(differs.argmax()) if differs.any() else length
