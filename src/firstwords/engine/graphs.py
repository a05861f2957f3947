"""One token for every slot as a CUDA graph: a GPU starts a whole recorded step at once.

Starting the some three hundred operations of a step one by one takes a processor milliseconds, and a GPU a tenth of
that to compute them. So a step is recorded once for each span of the cache, always over all slots, and replayed with
new token ids and positions. Weights are read where they lie: a replay after an update uses the new ones.

Axes: B slots, T = 1 new token, S tokens of the span, K key-value heads, N head size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from firstwords.engine.decode import TorchDecoder
from firstwords.model.cache import KVCache
from firstwords.model.transformer import Transformer

SWITCH = "FIRSTWORDS_CUDA_GRAPHS"
WARM_UP = 2  # runs before recording, in which libraries allocate what they keep


class RecordedCache:
    """The cache as a recorded step sees it: all slots, a fixed span, positions that are filled in before a replay."""

    def __init__(self, cache: KVCache, positions_BT: Tensor, span: int) -> None:
        self.cache, self.positions_BT, self.span = cache, positions_BT, span
        self.slots_BT = torch.arange(cache.num_slots, device=cache.device)[:, None]
        self.seen_S = torch.arange(span, device=cache.device)

    def positions(self, T: int) -> Tensor:
        return self.positions_BT

    def mask(self, T: int) -> Tensor:
        return (self.seen_S <= self.positions_BT[:, :, None])[:, None]

    def update(self, layer: int, keys_BKTN: Tensor, values_BKTN: Tensor) -> tuple[Tensor, Tensor]:
        held = self.cache.storage[layer]
        for kind, new_BKTN in enumerate((keys_BKTN, values_BKTN)):
            held[kind][self.slots_BT, :, self.positions_BT] = new_BKTN.transpose(1, 2).to(self.cache.dtype)
        return held[0, :, :, : self.span], held[1, :, :, : self.span]


@dataclass(frozen=True)
class Replay:
    """A recorded step. It owns what was recorded, whose tensors a replay reads where they lay."""

    graph: torch.cuda.CUDAGraph
    compute: Callable[[], Tensor]
    logits_BV: Tensor

    def __call__(self) -> Tensor:
        self.graph.replay()
        return self.logits_BV


class GraphDecoder(TorchDecoder):
    """For GPUs, where FIRSTWORDS_CUDA_GRAPHS=1 asks for it: tests on a CPU pass, where the same steps are made without
    a recording, but no GPU has run it to the end yet (docs/LOG.md).
    """

    def __init__(self, model: Transformer, cache: KVCache) -> None:
        super().__init__(model, cache)
        self._inputs_2BT = torch.zeros(2, cache.num_slots, 1, dtype=torch.int64, device=cache.device)
        self._steps: dict[int, Callable[[], Tensor]] = {}
        self._version = cache.version

    def step(self, ids_B: np.ndarray, first: int, active: np.ndarray | None) -> Tensor:
        cache, rows = self.cache, slice(first, first + len(ids_B))
        idle = np.ones(cache.num_slots, dtype=bool)
        idle[np.arange(rows.start, rows.stop)[... if active is None else active]] = False
        # an idle slot writes behind its last token, which harms nothing; a full one gives its last token up
        cache.lengths[idle & (cache.lengths >= cache.max_length)] -= 1
        cache.reserve(int(cache.lengths.max()) + 1)
        inputs_2BT = np.zeros((2, cache.num_slots, 1), dtype=np.int64)
        inputs_2BT[0, rows, 0], inputs_2BT[1, :, 0] = ids_B, cache.lengths
        self._inputs_2BT.copy_(torch.from_numpy(inputs_2BT))
        return self._recorded(cache.span(int(cache.lengths[~idle].max()) + 1))()[rows]

    def _recorded(self, span: int) -> Callable[[], Tensor]:
        """The step for so many tokens. Recordings of a storage that was allocated anew are dropped."""
        if self._version != self.cache.version:
            self._steps, self._version = {}, self.cache.version
        if span not in self._steps:
            ids_BT, positions_BT = self._inputs_2BT
            view = RecordedCache(self.cache, positions_BT, span)
            self._steps[span] = self._record(lambda: self.model(ids_BT, cache=view)[:, 0])
        return self._steps[span]

    def _record(self, compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
        if self.cache.device.type == "cpu":
            return compute
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may use the GPU meanwhile
            logits_BV = compute()
        return Replay(graph, compute, logits_BV)
