"""Decodes one token per row as fast as two CPU cores allow: the model reimplemented with very few operations.

With a million parameters, the arithmetic for a token takes 30 microseconds and a PyTorch call 2 to 10, so this path
uses NumPy (0.4 per call), and algebra moves work out of the loop: norm gains and constant factors are folded into the
following matrices, the gains of query and key norms and 1/sqrt(N) into the rotary tables, signs into the gate. Equal to
`Transformer.forward` up to fp32 rounding, which tests assert for every family.

Axes: B rows (adjacent slots), D hidden, F feed-forward, H query heads, K key-value heads, G = H / K, N head size,
      L tokens held by the longest row, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from firstwords.model.cache import KVCache
from firstwords.model.transformer import Attention, Block, RMSNorm, Transformer

SMALL_GEMM = 1_000_000  # below this rows * inner * columns OpenBLAS multiplies without packing, twice as fast
TILE_ROWS = 16  # rows of one such product
MIN_COLUMNS = 128  # narrower pieces cost more than they gain
LEAN_MAX_PARAMS = 30_000_000  # beyond, memory bandwidth dominates and call overhead no longer matters
SAFE_EXPONENT = 80.0  # exp of +-80, summed over any context, neither overflows nor underflows in fp32


class TorchDecoder:
    """The plain decoder, for GPUs, half precision and large models: the model's own forward with T = 1."""

    def __init__(self, model: Transformer, cache: KVCache) -> None:
        self.model, self.cache = model, cache

    def step(self, ids_B: np.ndarray, first: int, active: np.ndarray | None) -> Tensor:
        """Feed one token to each of the slots first..first+B-1; returns logits_BV. Does not advance the cache.

        active: rows whose keys and values count (None: all); the others are computed but meaningless.
        """
        cache, B = self.cache, len(ids_B)
        cache.select(first, first + B)
        ids_BT = torch.from_numpy(ids_B).to(cache.device)[:, None]
        if active is None:
            return self._next_logits(ids_BT)
        # an idle row writes after its last token, which is harmless; a full one overwrites its last token
        lengths = cache.lengths[first : first + B]
        idle = np.ones(B, dtype=bool)
        idle[active] = False
        lengths[idle & (lengths >= cache.max_length)] -= 1
        return self._next_logits(ids_BT)

    def _next_logits(self, ids_BT: Tensor) -> Tensor:
        logits_BTV: Tensor = self.model(ids_BT, cache=self.cache)
        return logits_BTV[:, 0]

    def prefill(self, ids: list[int], slot: int) -> None:
        """Store the keys and values of the next tokens of one slot. Does not advance the cache."""
        self.cache.select(slot, slot + 1)
        self.model.hidden(torch.tensor([ids], device=self.cache.device), cache=self.cache)

    def refresh(self) -> None:
        """No copies of the weights are kept."""


class _Matrix:
    """x_BI @ weight_IO (+ bias), in tiles of rows and columns below OpenBLAS's small-matrix limit.

    Tiles also keep OpenBLAS from starting threads, which at these sizes wait longer than they work. A matrix too deep
    for tiles is multiplied as a whole.
    """

    def __init__(self, weight_OI: np.ndarray, bias_O: np.ndarray | None) -> None:
        self.size, inner = weight_OI.shape
        columns = SMALL_GEMM // (TILE_ROWS * inner) // 16 * 16
        self.is_tiled = columns >= min(MIN_COLUMNS, self.size)
        pieces = -(-self.size // columns) if self.is_tiled else 1
        self.columns = -(-self.size // pieces // 16) * 16 if pieces > 1 else self.size
        padded = np.zeros((pieces * self.columns, inner), dtype=np.float32)
        padded[: self.size] = weight_OI
        self.pieces_PIO = np.ascontiguousarray(padded.reshape(pieces, self.columns, inner).transpose(0, 2, 1))
        self.operand = self.pieces_PIO[0] if pieces == 1 else self.pieces_PIO
        self.bias_O = None if bias_O is None else np.ascontiguousarray(bias_O, dtype=np.float32)

    def views(self, source: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For a source buffer (padded rows, inner): what matmul reads, what it writes, the result (rows, size)."""
        num_rows, pieces = len(source), len(self.pieces_PIO)
        whole = np.zeros((num_rows, pieces * self.columns), dtype=np.float32)
        result = whole[:rows, : self.size]
        if num_rows > TILE_ROWS and self.is_tiled:
            tiles = num_rows // TILE_ROWS
            written = whole.reshape(tiles, TILE_ROWS, pieces, self.columns).transpose(0, 2, 1, 3)
            return source.reshape(tiles, 1, TILE_ROWS, -1), written, result
        if pieces > 1:
            return source, whole.reshape(num_rows, pieces, self.columns).transpose(1, 0, 2), result
        return source, whole, result


class _Layer:
    """The fused matrices of one block."""

    def __init__(self, block: Block) -> None:
        attention, mlp = block.self_attn, block.mlp
        scale = math.sqrt(attention.q_proj.in_features)  # x / rms(x) = x * sqrt(D) / |x|
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.qkv = _fused(projections, block.input_layernorm, scale)
        self.out = _fused((attention.o_proj,))
        gain = block.post_attention_layernorm
        # silu(g) * u = (-g / (1 + exp(-g))) * (-u): the minus signs are free in the weights
        self.gate_up = _fused((mlp.gate_proj, mlp.up_proj), gain, -scale, bias_scale=-1.0)
        self.down = _fused((mlp.down_proj,))


def _fused(
    linears: Sequence[torch.nn.Linear], norm: RMSNorm | None = None, scale: float = 1.0, bias_scale: float = 1.0
) -> _Matrix:
    weight = torch.cat([linear.weight.detach().float() for linear in linears])
    if norm is not None:
        weight = weight * (norm.weight.detach().float() * scale)
    bias = None
    if linears[0].bias is not None:
        bias = torch.cat([linear.bias.detach().float() for linear in linears]).numpy() * bias_scale
    return _Matrix(weight.numpy(), bias)


class NumpyDecoder:
    """The lean decoder, for fp32 models on a CPU. Call `refresh` whenever the weights have changed."""

    @staticmethod
    def supports(model: Transformer, cache: KVCache) -> bool:
        parameter = model.head_weight
        on_cpu = parameter.device.type == "cpu" and cache.device.type == "cpu"
        in_fp32 = model.compute_dtype == torch.float32 == parameter.dtype == cache.dtype
        return on_cpu and in_fp32 and model.config.num_params <= LEAN_MAX_PARAMS

    def __init__(self, model: Transformer, cache: KVCache) -> None:
        self.model, self.cache, self.config = model, cache, model.config
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        model, config = self.model, self.config
        D = config.hidden_size
        self._table_VD = model.model.embed_tokens.weight.detach().float().numpy().copy()
        self._layers = [_Layer(block) for block in model.model.blocks]
        self._head = _fused((model.lm_head,), model.model.norm, math.sqrt(D))
        cos, sin = model.rope_cos.float().numpy(), model.rope_sin.float().numpy()
        self._cos_TN = np.concatenate([cos, cos], axis=1)
        self._sin_TN = np.concatenate([-sin, sin], axis=1)
        gains_LXN = np.stack([self._gains(block.self_attn) for block in model.model.blocks])
        half = config.head_dim // 2
        swapped_LXN = np.concatenate([gains_LXN[..., half:], gains_LXN[..., :half]], axis=-1)
        self._gain_cos, self._gain_sin = gains_LXN[:, None], swapped_LXN[:, None]  # axes: layer, row, head, N
        self._needs_max = not self._scores_are_bounded(gains_LXN)
        self._buffers: dict[int, _Buffers] = {}
        self._version = -1

    def _gains(self, attention: Attention) -> np.ndarray:
        """The factors of each normalised query and key, (H + K, N): norm gain, sqrt(N) of its norm, 1/sqrt(N)."""
        H, K, N = self.config.num_attention_heads, self.config.num_key_value_heads, self.config.head_dim
        gains = np.ones((H + K, N), dtype=np.float32)
        if attention.q_norm is not None and attention.k_norm is not None:
            gains[:H] = attention.q_norm.weight.detach().float().numpy() * math.sqrt(N)
            gains[H:] = attention.k_norm.weight.detach().float().numpy() * math.sqrt(N)
        gains[:H] /= math.sqrt(N)
        return gains

    def _scores_are_bounded(self, gains_LXN: np.ndarray) -> bool:
        """With norms on queries and keys |q.k| <= max|gain_q| * max|gain_k|: softmax need not subtract the maximum."""
        H = self.config.num_attention_heads
        if not self.config.qk_norm:
            return False
        largest = np.abs(gains_LXN).max(axis=(2,))
        return bool((largest[:, :H].max(1) * largest[:, H:].max(1)).max() < SAFE_EXPONENT)

    def step(self, ids_B: np.ndarray, first: int, active: np.ndarray | None) -> Tensor:
        """As `TorchDecoder.step`. The result is a view of a buffer that the next step overwrites."""
        cache, B = self.cache, len(ids_B)
        lengths_B = cache.lengths[first : first + B]
        if active is None:
            slots, places = np.arange(first, first + B), lengths_B
        else:
            slots, places = active + first, lengths_B[active]
            lengths_B = np.minimum(lengths_B, cache.max_length - 1)
        longest = int(places.max()) + 1
        self._reserve(longest)
        buffers = self._buffers.get(B)
        if buffers is None:
            buffers = self._buffers[B] = _Buffers(self, B)
        bias = None
        if B > 1 and (lengths_B != longest - 1).any():
            bias = np.where(np.arange(longest) <= lengths_B[:, None], np.float32(0), np.float32(-np.inf))
            bias = bias[:, None, None]
        cos = self._cos_TN[lengths_B][:, None] * self._gain_cos
        sin = self._sin_TN[lengths_B][:, None] * self._gain_sin
        rows_step = _Step(buffers, first, first + B, longest, bias, active, slots, places)
        np.take(self._table_VD, ids_B, axis=0, out=buffers.x)
        with np.errstate(over="ignore"):
            for index, layer in enumerate(self._layers):
                self._project(layer, cos[index], sin[index], buffers)
                self._attend(self._stores[index], rows_step)
                self._transform(layer, buffers)
            self._normalise(buffers)
            np.matmul(buffers.head_in, self._head.operand, out=buffers.head_out)
        return buffers.logits

    def prefill(self, ids: list[int], slot: int) -> None:
        """As `TorchDecoder.prefill`. Here the rows are the tokens of one slot."""
        cache, T = self.cache, len(ids)
        start, end = int(cache.lengths[slot]), int(cache.lengths[slot]) + T
        self._reserve(end)
        buffers = _Buffers(self, T, has_head=False)
        hidden = np.arange(end) > np.arange(start, end)[:, None]
        heads = self.config.num_attention_heads // self.config.num_key_value_heads
        bias = np.repeat(np.where(hidden, np.float32(-np.inf), np.float32(0)), heads, axis=0)
        cos = self._cos_TN[start:end][:, None] * self._gain_cos
        sin = self._sin_TN[start:end][:, None] * self._gain_sin
        np.take(self._table_VD, np.array(ids), axis=0, out=buffers.x)
        with np.errstate(over="ignore"):
            for index, layer in enumerate(self._layers):
                self._project(layer, cos[index], sin[index], buffers)
                store = self._stores[index][:, slot]
                store[:, :, start:end] = buffers.kv.transpose(1, 2, 0, 3)
                if index == len(self._layers) - 1:
                    break  # nothing after the last layer's keys and values of a prompt is used
                self._attend_prompt(store[:, :, :end], bias, buffers)
                self._transform(layer, buffers)

    def _reserve(self, length: int) -> None:
        self.cache.reserve(length)
        if self._version != self.cache.version:  # the storage was reallocated: renew the views
            self._stores = [layer.numpy() for layer in self.cache.storage]
            self._version = self.cache.version

    def _normalise(self, buffers: _Buffers) -> None:
        x, squares = buffers.x, buffers.squares
        np.vecdot(x, x, out=squares)
        np.add(squares, self.config.rms_norm_eps * self.config.hidden_size, out=squares)
        np.sqrt(squares, out=squares)
        np.divide(x, buffers.squares_B1, out=buffers.h)

    def _project(self, layer: _Layer, cos: np.ndarray, sin: np.ndarray, b: _Buffers) -> None:
        """x -> normalised, rotated and scaled queries, keys, and values, all in b.qkv."""
        self._normalise(b)
        np.matmul(b.qkv_in, layer.qkv.operand, out=b.qkv_out)
        if layer.qkv.bias_O is not None:
            np.add(b.qkv, layer.qkv.bias_O, out=b.qkv)
        np.multiply(b.swapped, sin.reshape(b.turned.shape), out=b.turned)
        if self.config.qk_norm:
            np.vecdot(b.qk, b.qk, out=b.head_squares)
            np.add(b.head_squares, self.config.rms_norm_eps * self.config.head_dim, out=b.head_squares)
            np.sqrt(b.head_squares, out=b.head_squares)
        np.multiply(b.qk, cos, out=b.qk)
        np.add(b.qk, b.turned_flat, out=b.qk)
        if self.config.qk_norm:
            np.divide(b.qk, b.head_squares_1, out=b.qk)

    def _attend(self, store: np.ndarray, step: _Step) -> None:
        """Every row stores its key and value and attends to its own slot."""
        b = step.buffers
        if step.single is not None:
            store[:, step.first, :, step.single] = b.kv[0]
        else:
            store[:, step.slots, :, step.places] = b.kv if step.active is None else b.kv[step.active]
        held = store[:, step.first : step.last, :, : step.longest]
        scores = np.matmul(b.q, held[0].swapaxes(-1, -2))
        total = self._exponentials(scores, step.bias)
        np.matmul(scores, held[1], out=b.mixed)
        np.divide(b.mixed, total, out=b.mixed)

    def _attend_prompt(self, held: np.ndarray, bias: np.ndarray, b: _Buffers) -> None:
        """All rows attend to one slot, each to itself and the tokens before it."""
        T, K, G, N = b.q.shape
        for start in range(0, T, TILE_ROWS):
            rows = slice(start, min(start + TILE_ROWS, T))
            queries = b.q[rows].transpose(1, 0, 2, 3).reshape(K, -1, N)
            scores = np.matmul(queries, held[0].swapaxes(-1, -2))
            total = self._exponentials(scores, bias[start * G : rows.stop * G])
            mixed = np.matmul(scores, held[1]) / total
            b.mixed[rows] = mixed.reshape(K, -1, G, N).transpose(1, 0, 2, 3)

    def _exponentials(self, scores: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        """Turns scores into unnormalised attention weights in place; returns their sums over the last axis."""
        if bias is not None:
            np.add(scores, bias, out=scores)
        if self._needs_max:
            np.subtract(scores, scores.max(-1, keepdims=True), out=scores)
        np.exp(scores, out=scores)
        return np.add.reduce(scores, axis=-1, keepdims=True)

    def _transform(self, layer: _Layer, b: _Buffers) -> None:
        """x += attention's output projection; x += feed-forward network."""
        _add_product(b.out_in, layer.out, b.out_out, b.out, b.x)
        self._normalise(b)
        np.matmul(b.gate_up_in, layer.gate_up.operand, out=b.gate_up_out)
        if layer.gate_up.bias_O is not None:
            np.add(b.gate_up, layer.gate_up.bias_O, out=b.gate_up)
        np.exp(b.gate, out=b.acted)
        np.add(b.acted, 1.0, out=b.acted)
        np.divide(b.gate, b.acted, out=b.acted)
        np.multiply(b.acted, b.up, out=b.acted)
        _add_product(b.down_in, layer.down, b.down_out, b.down, b.x)


def _add_product(operand: np.ndarray, matrix: _Matrix, written: np.ndarray, read: np.ndarray, x: np.ndarray) -> None:
    """x += operand @ matrix + bias; `written` and `read` are the two views of the matrix's output buffer."""
    np.matmul(operand, matrix.operand, out=written)
    if matrix.bias_O is not None:
        np.add(read, matrix.bias_O, out=read)
    np.add(x, read, out=x)


class _Step:
    """State shared by all layers of one step."""

    __slots__ = ("active", "bias", "buffers", "first", "last", "longest", "places", "single", "slots")

    def __init__(
        self,
        buffers: _Buffers,
        first: int,
        last: int,
        longest: int,
        bias: np.ndarray | None,
        active: np.ndarray | None,
        slots: np.ndarray,
        places: np.ndarray,
    ) -> None:
        self.buffers, self.first, self.last, self.longest = buffers, first, last, longest
        self.bias, self.active, self.slots, self.places = bias, active, slots, places
        self.single = int(places[0]) if last - first == 1 else None


class _Buffers:
    """Working memory for B rows and all views of it that a step needs, created once."""

    def __init__(self, decoder: NumpyDecoder, B: int, has_head: bool = True) -> None:
        config, layer = decoder.config, decoder._layers[0]
        D, F, N = config.hidden_size, config.intermediate_size, config.head_dim
        H, K = config.num_attention_heads, config.num_key_value_heads

        padded = B if B <= TILE_ROWS else -(-B // TILE_ROWS) * TILE_ROWS

        def new(columns: int) -> np.ndarray:
            return np.zeros((padded, columns), dtype=np.float32)

        self.x, normed, acted, mixed = new(D)[:B], new(D), new(F), new(H * N)
        self.h, self.acted = normed[:B], acted[:B]
        self.mixed = mixed[:B].reshape(B, K, H // K, N)
        self.squares = np.zeros(B, dtype=np.float32)
        self.squares_B1 = self.squares[:, None]
        self.qkv_in, self.qkv_out, self.qkv = layer.qkv.views(normed, B)
        heads = self.qkv.reshape(B, H + 2 * K, N)
        self.qk = heads[:, : H + K]
        self.swapped = self.qk.reshape(B, H + K, 2, N // 2)[:, :, ::-1]
        self.turned = np.zeros((B, H + K, 2, N // 2), dtype=np.float32)
        self.turned_flat = self.turned.reshape(B, H + K, N)
        self.head_squares = np.zeros((B, H + K), dtype=np.float32)
        self.head_squares_1 = self.head_squares[..., None]
        self.q = heads[:, :H].reshape(B, K, H // K, N)
        self.kv = heads[:, H:].reshape(B, 2, K, N)
        self.out_in, self.out_out, self.out = layer.out.views(mixed, B)
        self.gate_up_in, self.gate_up_out, self.gate_up = layer.gate_up.views(normed, B)
        self.gate, self.up = self.gate_up[:, :F], self.gate_up[:, F:]
        self.down_in, self.down_out, self.down = layer.down.views(acted, B)
        if has_head:
            self.head_in, self.head_out, logits = decoder._head.views(normed, B)
            self.logits = torch.from_numpy(logits)
        views = ((self.swapped, self.qkv), (self.q, self.qkv), (self.kv, self.qkv), (self.mixed, mixed))
        for view, base in views:
            assert np.shares_memory(view, base), "a reshape copied: the decoder would read stale numbers"
