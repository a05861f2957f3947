"""The key-value cache: keys and values of every token so far, in a fixed number of slots.

A slot holds one token sequence. The model only *updates* the cache; the caller chooses the slots (`select`) and
advances them (`advance`). Storage doubles as needed up to `max_length`, so that a long context costs memory only for
tokens that are actually used.

Axes: B selected slots, T new tokens, S tokens that may be attended to, K key-value heads, N head size.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from firstwords.model.config import ModelConfig

LENGTH_BUCKET = 64  # attention covers the longest selected row, rounded up to a multiple of this many tokens
FIRST_CAPACITY = 256  # tokens per slot allocated initially


class KVCache:
    """Keys and values for `num_slots` sequences of at most `max_length` tokens (default: the model's context).

    lengths: int64 array, tokens held by each slot. `storage` is (layers, 2, slots, K, capacity, N): keys, then values.
    `version` changes whenever the storage is reallocated, so that holders of views know to renew them.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_slots: int,
        max_length: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config = config
        self.num_slots = num_slots
        self.max_length = min(max_length or config.max_position_embeddings, config.max_position_embeddings)
        self.capacity = min(FIRST_CAPACITY, self.max_length)
        self.dtype, self.device = dtype, torch.device(device)
        self._is_plain = dtype == torch.float32 and self.device.type == "cpu"
        self.lengths = np.zeros(num_slots, dtype=np.int64)
        self.version = 0
        self.storage = self._allocate(self.capacity)
        self._first, self._last = 0, num_slots
        self._same_start: int | None = None

    def _allocate(self, capacity: int) -> Tensor:
        L, K, N = self.config.num_hidden_layers, self.config.num_key_value_heads, self.config.head_dim
        shape = L, 2, self.num_slots, K, capacity, N
        if self._is_plain:
            return torch.from_numpy(np.zeros(shape, np.float32))  # NumPy asks Linux for pages of 2 MB, PyTorch doesn't
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    @property
    def num_bytes(self) -> int:
        """Current memory use of the storage."""
        return self.storage.numel() * self.storage.element_size()

    def reserve(self, length: int) -> None:
        """Make room for `length` tokens in every slot. Raises ValueError beyond `max_length`."""
        if length <= self.capacity:
            return
        if length > self.max_length:
            raise ValueError(f"{length} tokens do not fit into a cache of {self.max_length} tokens per slot")
        held, capacity = self.capacity, self.capacity
        while capacity < length:
            capacity = min(2 * capacity, self.max_length)
        old, self.storage = self.storage, self._allocate(capacity)
        self.storage[:, :, :, :, :held] = old
        self.capacity = capacity
        self.version += 1

    def span(self, length: int) -> int:
        """How many tokens attention covers for a row of that length."""
        return min(-(-length // LENGTH_BUCKET) * LENGTH_BUCKET, self.capacity)

    def select(self, first: int, last: int) -> None:
        """The rows of the next forward passes are the slots first..last-1."""
        self._first, self._last = first, last

    # -- what the model calls ------------------------------------------------------------------------------

    def positions(self, T: int) -> Tensor:
        """Positions of the T new tokens of each selected slot, (B, T). Also reserves room for them."""
        lengths = self.lengths[self._first : self._last]
        self.reserve(int(lengths.max()) + T)
        self._same_start = int(lengths[0]) if (lengths == lengths[0]).all() else None
        self._positions_BT = torch.from_numpy(lengths[:, None] + np.arange(T)).to(self.device)
        return self._positions_BT

    def mask(self, T: int, window: int = 0) -> Tensor | None:
        """(B or 1, 1, T, S), True where a new token may attend: everything up to itself, or the newest `window` tokens.

        None means plain causal attention: all selected slots are empty, and the new tokens see only each other.
        """
        if self._same_start == 0 and (not window or window >= T):
            self._span = T
            return None
        longest = int(self.lengths[self._first : self._last].max()) + T
        self._span = T if self._same_start == 0 else self.span(longest)
        rows_BT = self._positions_BT if self._same_start is None else self._positions_BT[:1]
        seen_S = torch.arange(self._span, device=self.device)
        behind_BTS = rows_BT[:, :, None] - seen_S
        seen_BTS = (behind_BTS >= 0) & (behind_BTS < window) if window else behind_BTS >= 0
        return seen_BTS[:, None]

    def update(self, layer: int, keys_BKTN: Tensor, values_BKTN: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new keys and values of one layer; returns all keys and values to attend to, both (B, K, S, N)."""
        T = keys_BKTN.shape[2]
        held = self.storage[layer][:, self._first : self._last]
        if self._same_start is not None:
            start = self._same_start
            held[0, :, :, start : start + T] = keys_BKTN
            held[1, :, :, start : start + T] = values_BKTN
        else:
            row = torch.arange(held.shape[1], device=self.device)[:, None]
            held[0][row, :, self._positions_BT] = keys_BKTN.transpose(1, 2).to(self.dtype)
            held[1][row, :, self._positions_BT] = values_BKTN.transpose(1, 2).to(self.dtype)
        return held[0, :, :, : self._span], held[1, :, :, : self._span]

    # -- what the engine calls -----------------------------------------------------------------------------

    def advance(self, num_tokens: int) -> None:
        """The selected slots now hold `num_tokens` more."""
        self.lengths[self._first : self._last] += num_tokens

    def truncate(self, slot: int, length: int) -> None:
        """Drop the tokens of a slot beyond the first `length`."""
        self.lengths[slot] = length

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of `source` to `target`."""
        if source != target:
            ours, theirs = self.storage[:, :, target, :, :length], self.storage[:, :, source, :, :length]
            if self._is_plain:  # PyTorch would wake its threads, which then keep other cores busy for a while
                np.copyto(ours.numpy(), theirs.numpy())
            else:
                ours.copy_(theirs)
        self.lengths[target] = length

    def swap(self, one: int, other: int) -> None:
        """Exchange the contents of two slots."""
        length = int(max(self.lengths[one], self.lengths[other]))
        kept = self.storage[:, :, one, :, :length].clone()
        self.storage[:, :, one, :, :length] = self.storage[:, :, other, :, :length]
        self.storage[:, :, other, :, :length] = kept
        self.lengths[[one, other]] = self.lengths[[other, one]]
