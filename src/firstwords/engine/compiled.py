"""Runs the compiled loops (`engine/loops`): packs the weights, keeps the buffers, divides the work among threads.

A small model computes each row on one thread, and the rows of a batch on several. A large one shares out the outputs of
every matrix, since reading its weights takes the time. Both use one thread while that is faster (`engine/sharing.py`).

Axes: L layers, R rows, D hidden, V vocabulary, I inputs and O outputs of a matrix.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from firstwords.engine.arrays import APART, LINE, PANEL, Buffers, Rows, Weights, new_rows, prompt_rows
from firstwords.engine.int8 import quantised
from firstwords.engine.machine_code import CompileError, is_cached, machine_code
from firstwords.engine.request import Batch
from firstwords.engine.sampling import SamplingParams
from firstwords.engine.sharing import Sharing
from firstwords.model.cache import KVCache
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Linear as ModelLinear
from firstwords.model.transformer import RMSNorm, Transformer
from firstwords.process import cores, start_in_background

SMALL_PARAMS = 30_000_000  # up to here the weights stay in the processor's caches, and a row's work on one thread
ROWS_PER_THREAD = 4  # with fewer rows, waiting for a thread takes longer than its work
WAIT_TERMS = 8e6  # multiplications that may be wasted on rows that wait: what a look at the batch costs
STEPS_OF_TEAM, PROMPT_OF_TEAM = 8, 16  # steps, or tokens of a prompt, for which a small model calls other threads
HUGE_PAGE, HUGE_ARRAY = 2 << 20, 4 << 20  # bytes of a large page, and of an array for which NumPy asks for them

Steps = Callable[[Weights, np.ndarray, Buffers, Rows, int, int, int, int, int, int], None]


class CompiledDecoder:
    """The decoder for fp32 and int8 weights on a CPU. It keeps a copy of the weights until `refresh`.

    Raises CompileError if the loops cannot be compiled here.
    """

    needs_adjacent_slots = False
    samples_ahead = True

    def __init__(
        self, model: Transformer, cache: KVCache, is_int8: bool = False, num_threads: int | None = None
    ) -> None:
        self.model, self.cache, self.is_int8 = model, cache, is_int8
        self.num_threads = num_threads or num_cores()
        self._pool: ThreadPoolExecutor | None = None
        self._storage_version = -1
        self._buffers = self._prompt_buffers = new_buffers(model, 0, 0, 0, 1)
        self.refresh()
        self._steps = compiled_steps(self._weights, self._buffers)
        self.is_large = model.config.num_params > SMALL_PARAMS
        self.sharing, self.prompt_sharing = Sharing(), Sharing()

    def refresh(self) -> None:
        """Copy the weights as they are now."""
        self._weights = packed(self.model, self.is_int8)

    def step(self, batch: Batch, num_steps: int = 1) -> None:
        """Sample up to num_steps tokens for every row; see `TorchDecoder.step`.

        A row that is done waits for the others, within limits; see `kernels.steps`.
        """
        rows = batch.rows
        storage = self._storage(int((rows.places_R + np.minimum(num_steps, rows.limits_R)).max()))
        self._buffers = self._grown(self._buffers, len(rows.ids_R), self.model.config.vocab_size)
        self._run(storage, self._buffers, rows, num_steps, np.arange(1, len(rows.ids_R)))

    def prefill(self, chunks: Sequence[tuple[Sequence[int], int]]) -> None:
        """Store the keys and values of the next tokens of some slots, (ids, slot). Does not advance the cache."""
        placed = [(ids, slot, int(self.cache.lengths[slot])) for ids, slot in chunks]
        ends = np.cumsum([len(ids) for ids, _ in chunks])
        storage = self._storage(max(start + len(ids) for ids, _, start in placed))
        buffers = self._prompt_buffers = self._grown(self._prompt_buffers, int(ends[-1]), 0)
        self._run(storage, buffers, prompt_rows(placed), 0, ends[:-1])

    def logits(self, ids_R: np.ndarray, slots_R: np.ndarray) -> Tensor:
        """The logits after one more token in each of these slots, (R, V). Does not advance the cache."""
        return self._logits(ids_R, slots_R, self.cache.lengths[slots_R])

    def prompt_logits(self, ids_T: np.ndarray) -> Tensor:
        """The logits after each token of a text, (T, V). Leaves the cache as it is."""
        T = len(ids_T)
        with self._scratch_cache(T):
            return self._logits(ids_T, np.zeros(T, np.int64), np.arange(T), is_text=True)

    def _logits(self, ids_R: np.ndarray, slots_R: np.ndarray, places_R: np.ndarray, is_text: bool = False) -> Tensor:
        R, V = len(ids_R), self.model.config.vocab_size
        greedy = [SamplingParams(temperature=0.0)] * R
        rows = new_rows(greedy, [0] * R, slots_R.tolist(), [[token] for token in ids_R.tolist()], [1] * R, False, V)
        rows.places_R[:] = places_R
        storage = self._storage(int(places_R.max()) + 1)
        buffers = new_buffers(self.model, R, self.cache.capacity, V, self.num_threads)
        self._run(storage, buffers, rows, 1, np.arange(1, 1 if is_text else R))
        return torch.from_numpy(buffers.logits_RV[:, :V])

    def logits_of(self, which: np.ndarray, ids_R: np.ndarray, rows: Rows) -> Tensor:
        """See `TorchDecoder.logits_of`; they are computed once more, as a row that waits overwrites them."""
        return self._logits(ids_R, rows.slots_R[which], rows.places_R[which] - 1)

    @contextlib.contextmanager
    def _scratch_cache(self, length: int) -> Iterator[None]:
        """While the block runs, the decoder works on another cache, of one slot."""
        kept = self.cache
        self.cache, self._storage_version = KVCache(self.model.config, 1, length), -1
        try:
            yield
        finally:
            self.cache, self._storage_version = kept, -1

    def _run(self, storage: np.ndarray, buffers: Buffers, rows: Rows, num_steps: int, cuts: np.ndarray) -> None:
        """Compute all rows: on this thread, by a team, or a share of the rows on each of several threads.

        cuts: the rows before which a share may end. A row of a text reads what the rows before it store.
        """
        size, before_R = len(rows.ids_R), rows.places_R.copy()
        ranges = shares(size, cuts, min(self.num_threads, size // ROWS_PER_THREAD))
        is_long = num_steps >= STEPS_OF_TEAM or (num_steps == 0 and size >= PROMPT_OF_TEAM)
        is_team = self.is_large or (len(ranges) == 1 and is_long)
        can_share = self.num_threads > 1 and (is_team or len(ranges) > 1)
        sharing = self.sharing if num_steps else self.prompt_sharing
        is_shared = can_share and sharing.is_shared(size)
        team = self.num_threads if is_shared and is_team else 1
        if team > 1 or not is_shared:
            ranges = [(0, size)] * team
        if is_shared and self._pool is None:
            self._pool = ThreadPoolExecutor(self.num_threads - 1, thread_name_prefix="decode")
        buffers.stops[0] = 0
        started = time.perf_counter()
        common = self._weights, storage, buffers, rows, num_steps, int(WAIT_TERMS / self.model.config.num_params)
        others = [
            self._pool.submit(self._steps, *common, first, last, i, team)
            for i, (first, last) in enumerate(ranges[1:], start=1)
            if self._pool is not None
        ]
        first, last = ranges[0]
        self._steps(*common, first, last, 0, team)
        for other in others:
            other.result()
        if can_share:
            steps_done = max(1, int((rows.places_R - before_R).max()))
            sharing.record(size, is_shared, (time.perf_counter() - started) / steps_done)

    def _storage(self, length: int) -> np.ndarray:
        """The cache's keys and values with room for `length` tokens in every slot."""
        self.cache.reserve(length)
        if self._storage_version != self.cache.version:
            self._array, self._storage_version = self.cache.storage.numpy(), self.cache.version
        return self._array

    def _grown(self, buffers: Buffers, rows: int, vocab_size: int) -> Buffers:
        """Buffers that hold this many rows and the cache's capacity."""
        capacity = self.cache.capacity
        if len(buffers.added_RD) >= rows and buffers.scores_TS.shape[1] >= capacity:
            return buffers
        rows = max(rows, len(buffers.added_RD))
        return new_buffers(self.model, rows, capacity, vocab_size, self.num_threads)


def shares(size: int, cuts: np.ndarray, parts: int) -> list[tuple[int, int]]:
    """About equal ranges of `size` rows, (first, last + 1), that end where rows may be cut; at most `parts`."""
    ends = {int(cuts[np.abs(cuts - size * part // parts).argmin()]) for part in range(1, parts) if cuts.size}
    return list(pairwise([0, *sorted(ends), size]))


def num_cores() -> int:
    """The cores that this process may use, or OMP_NUM_THREADS if that is fewer."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores(), int(wanted))) if wanted.isdecimal() else cores()


def compiled_steps(weights: Weights, buffers: Buffers) -> Steps:
    """`kernels.steps` for these types of weights, as machine code: from the cache, or compiled, which takes seconds.

    Raises CompileError without numba, for a processor that it does not know, or without a folder for its cache.
    """
    try:
        import numba

        from firstwords.engine.loops import kernels

        storage = np.zeros((1, 2, 1, 1, 1, 2), np.float32)
        arguments = (weights, storage, buffers, prompt_rows([([0], 0, 0)]), 1, 0, 0, 1, 0, 1)
        signature = tuple(map(numba.typeof, arguments))
        steps: Steps = machine_code(kernels.steps, signature, sources())
    except Exception as error:  # numba and LLVM raise errors of many kinds
        raise CompileError(str(error).partition("\n")[0] or type(error).__name__) from error
    return steps


def sources() -> list[str]:
    """The files that `kernels.steps` is compiled from."""
    from firstwords.engine import arrays
    from firstwords.engine.grammar import spellings
    from firstwords.engine.loops import arithmetic, kernels, sampler, vectors

    return [str(module.__file__) for module in (kernels, arithmetic, arrays, sampler, spellings, vectors)]


def compile_in_background() -> None:
    """Let another process fill the cache for small models in fp32, if it is empty. `is_compiling` says how long."""
    global _compiling
    try:
        from firstwords.engine.loops import kernels
    except Exception:  # the first engine says that there is no numba, or none that works
        return
    if not is_cached(kernels.steps, sources()) and not is_compiling():
        command = "import firstwords.engine.compiled as c; c.compile_for_small_models()"
        _compiling = start_in_background([sys.executable, "-c", command])


_compiling: subprocess.Popen[bytes] | None = None


def is_compiling() -> bool:
    """Whether the process that `compile_in_background` started is still at work."""
    return _compiling is not None and _compiling.poll() is None


def compile_for_small_models() -> None:
    """Fill the cache, leaving the cores to whoever needs them. Small models in fp32 share the types of their arrays."""
    if hasattr(os, "nice"):
        os.nice(10)
    model = Transformer(ModelConfig(8, 8, 8, 1, 1, 1, head_dim=8, max_position_embeddings=8))
    compiled_steps(packed(model, False), new_buffers(model, 1, 8, 8, 1))


def new_buffers(model: Transformer, rows: int, length: int, vocab_size: int, num_threads: int) -> Buffers:
    """Buffers for steps of at most `rows` rows over `length` places."""
    config, R, T = model.config, rows, num_threads
    D, F, N = config.hidden_size, config.intermediate_size, config.head_dim
    H, K = config.num_attention_heads, config.num_key_value_heads

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return Buffers(
        x_TRD=zeros(T, R, D),
        normed_TRD=zeros(T, R, D),
        qkv_RO=zeros(R, padded((H + 2 * K) * N)),
        mixed_RI=zeros(R, H * N),
        gate_up_RO=zeros(R, 2 * padded(F)),
        added_RD=zeros(R, padded(D)),
        scores_TS=zeros(T, length),
        logits_RV=zeros(R, padded(vocab_size)),
        weights_TV=zeros(T, vocab_size),
        likely_TV=zeros(T, vocab_size),
        stops=np.zeros(1, np.int64),
        arrivals=np.zeros(T * APART, np.int64),
    )


# ---- weights ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def packed(model: Transformer, is_int8: bool) -> Weights:
    """The parameters for the loops: layers stacked, projections of one input next to each other."""
    blocks, config = model.model.blocks, model.config
    attention, mlp = [block.self_attn for block in blocks], [block.mlp for block in blocks]
    qkv = _stacked([[_joined(a.q_proj, a.k_proj, a.v_proj)] for a in attention], is_int8)
    out = _stacked([[_joined(a.o_proj)] for a in attention], is_int8)
    gate_up = _stacked([[_joined(m.gate_proj), _joined(m.up_proj)] for m in mlp], is_int8)
    down = _stacked([[_joined(m.down_proj)] for m in mlp], is_int8)
    head_PW, head_scale_V = _matrix(_array(model.head_weight), is_int8)
    table_PW, table_scale_V = head_PW, head_scale_V
    if not config.tie_word_embeddings:
        table_PW, table_scale_V = _matrix(_array(model.model.embed_tokens.weight), is_int8)
    before_attention, after_attention, before_mlp, after_mlp = (
        _gains(norms) for norms in zip(*(block.norms for block in blocks), strict=True)
    )
    layers = range(config.num_hidden_layers)
    slope, cubic = GELU if config.is_gemma else SILU
    weights = Weights(
        table_PW, table_scale_V,
        before_attention, *qkv, _gains(a.q_norm for a in attention), _gains(a.k_norm for a in attention), *out,
        before_mlp, *gate_up, *down, after_attention, after_mlp,
        _array(model.model.norm.gain), head_PW, head_scale_V, NOTHING, _array(model.rope_cos), _array(model.rope_sin),
        np.array([config.table(layer) for layer in layers], np.int64),
        np.array([config.window(layer) for layer in layers], np.int64),
        np.float32(config.attention_scale), np.float32(config.embedding_scale), np.float32(slope), np.float32(cubic),
        config.rms_norm_eps, config.vocab_size,
    )  # fmt: skip
    return in_huge_pages(weights)


def in_huge_pages(weights: Weights) -> Weights:
    """The same weights, with the small arrays next to each other in memory that begins where a page of 2 MB does.

    Linux uses such pages where NumPy asks for them, which it does for large arrays only. A processor that reads
    weights one after the other stops at the end of each page, so pages of 4 KB cost a small model a sixth of its speed.
    """
    small = {id(array): array for array in weights if isinstance(array, np.ndarray) and array.nbytes < HUGE_ARRAY}
    starts = np.cumsum([0, *(-(-array.nbytes // LINE) * LINE for array in small.values())]).tolist()
    memory = np.empty(max(starts[-1], HUGE_ARRAY) + HUGE_PAGE, np.uint8)
    memory = memory[-memory.ctypes.data % HUGE_PAGE :]
    moved: dict[int, Any] = {}
    for (key, array), start in zip(small.items(), starts, strict=False):
        moved[key] = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        moved[key][...] = array
    return weights._replace(**{name: moved[id(each)] for name, each in weights._asdict().items() if id(each) in moved})


SILU = 1.0, 0.0  # (slope, cubic) of the argument of a gate's sigmoid
GELU = 2 * math.sqrt(2 / math.pi), 2 * math.sqrt(2 / math.pi) * 0.044715  # Hendrycks and Gimpel's tanh form


def _gains(norms: Iterable[RMSNorm | None]) -> np.ndarray:
    """The gains of all layers, (L, D), or (L, 0) where the family has no such norm."""
    return np.stack([_array(norm.gain) if norm is not None else NOTHING for norm in norms])


NOTHING = np.zeros(0, np.float32)
Linear = tuple[np.ndarray, np.ndarray]  # weight_OI, bias_O


def padded(outputs: int) -> int:
    """The number of outputs with those that fill the last panel."""
    return -(-outputs // PANEL) * PANEL


def in_panels(weight_OI: np.ndarray) -> np.ndarray:
    """(P, W): the weights of PANEL outputs next to each other, input after input; zeros fill the last panel."""
    O, I = weight_OI.shape  # noqa: E741
    filled_OI = np.zeros((padded(O), I), weight_OI.dtype)
    filled_OI[:O] = weight_OI
    return np.ascontiguousarray(filled_OI.reshape(-1, PANEL, I).transpose(0, 2, 1)).reshape(-1, I * PANEL)


def _joined(*linears: ModelLinear) -> Linear:
    """Several linears as one."""
    biases = [_array(linear.bias) for linear in linears if linear.bias is not None]
    weight_OI = np.concatenate([_array(linear.effective_weight) for linear in linears])
    return weight_OI, np.concatenate(biases) if biases else NOTHING


def _stacked(layers: list[list[Linear]], is_int8: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(weight_LPW, scale_LO, bias_LO): the matrices of each layer next to each other, each in panels of its own."""
    pairs = [[_matrix(weight, is_int8) for weight, _ in layer] for layer in layers]
    weight_LPW = np.stack([np.concatenate([weight for weight, _ in layer]) for layer in pairs])
    scale_LO = np.stack([np.concatenate([scale for _, scale in layer]) for layer in pairs])
    bias_LO = np.stack([np.concatenate([_filled(bias) for _, bias in layer]) for layer in layers])
    return weight_LPW, scale_LO, bias_LO


def _matrix(weight_OI: np.ndarray, is_int8: bool) -> tuple[np.ndarray, np.ndarray]:
    """(panels, scale of each output): int8, or float32 with scales of 1."""
    weight, scale_O = quantised(weight_OI) if is_int8 else (weight_OI, np.ones(len(weight_OI), np.float32))
    return in_panels(weight), _filled(scale_O)


def _filled(values_O: np.ndarray) -> np.ndarray:
    """With zeros for the outputs that fill the last panel."""
    return np.pad(values_O, (0, padded(len(values_O)) - len(values_O)))


def _array(tensor: Tensor) -> np.ndarray:
    """A copy in float32, row after row."""
    return np.array(tensor.detach().float().numpy(), order="C", copy=True)
