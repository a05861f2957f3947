"""Compiled arithmetic that the model and the sampler share: exponentials, maxima, matrix products.

A matrix is float32 with scales of 1, or int8 with one scale per output (weight = int8 * scale). It is packed in panels
of two registers of outputs: the weights of the first input, then those of the second, and so on, so that a product
reads memory from front to back and keeps the sums of a panel in registers (`engine/loops/vectors.py`).

Axes: R rows, I inputs, O outputs and P panels of a matrix, W weights of a panel, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from firstwords.engine.arrays import LANES, PANEL
from firstwords.engine.loops.vectors import lane, larger, load, multiply_add, prefetch, splat, store

# Sums may be reordered and multiplications fused, which vector instructions need; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}
SETTINGS: dict[str, Any] = {"nogil": True, "fastmath": FAST, "error_model": "numpy", "no_cfunc_wrapper": True}
inner = njit(**SETTINGS | {"no_cpython_wrapper": True})  # cannot be called from Python
ordered = njit(**SETTINGS | {"no_cpython_wrapper": True, "fastmath": FAST | {"nnan"}})  # maxima need "no NaN"
F32 = np.float32
NEAREST = F32(1.4426950408889634)  # 1 / ln 2
LN2_HIGH, LN2_LOW = F32(0.693359375), F32(-2.12194440e-4)  # ln 2 in two parts (Cody and Waite 1980)
EXP_MIN, EXP_MAX = F32(-87.0), F32(88.0)
ROW_TILE = 4  # rows computed together
CHUNK = 64  # inputs that are added up by themselves: shorter sums are rounded less


@inner
def exp(x):
    """e^x to 2e-7, without a call into the maths library, so that loops over it use vector instructions.

    x = n ln 2 + r with |r| <= ln 2 / 2; e^r is Cephes' polynomial of degree 5 (Moshier 1992).
    """
    x = min(max(x, EXP_MIN), EXP_MAX)
    n = np.floor(x * NEAREST + F32(0.5))
    r = x - n * LN2_HIGH - n * LN2_LOW
    y = F32(1.9875691500e-4)
    y = y * r + F32(1.3981999507e-3)
    y = y * r + F32(8.3334519073e-3)
    y = y * r + F32(4.1665795894e-2)
    y = y * r + F32(1.6666665459e-1)
    y = y * r + F32(5.0000001201e-1)
    two_to_n = float_of((np.int32(n) + np.int32(127)) << np.int32(23))
    return (y * r * r + r + F32(1.0)) * two_to_n


@inner
def float_of(bits):
    """The float32 that has these bits (int32)."""
    return np.int32(bits).view(F32)


@inner
def product(x_RI, weight_PW, scale_O, bias_O, out_RO, rows, panels):
    """out = (x @ weight.T) * scale + bias for a range of rows and a range of panels, both (first, last + 1).

    A sum is added up in the order of the inputs, whichever rows are computed with it: batched rows are equal to single
    ones bit for bit.
    """
    (first, last), (low, high) = rows, panels
    if last - first < ROW_TILE:
        for p in range(low, high, 2):
            for r in range(first, last):
                one_row(x_RI[r], weight_PW, p, min(p + 1, high - 1), scale_O, out_RO[r])
    else:
        for p in range(low, high):
            for r in range(first, last, ROW_TILE):
                four_rows(x_RI, min(r, last - ROW_TILE), weight_PW[p], weight_PW[p + 1], p * PANEL, scale_O, out_RO)
    if bias_O.size:
        for r in range(first, last):
            for o in range(low * PANEL, min(high * PANEL, bias_O.size)):
                out_RO[r, o] += bias_O[o]


@inner
def one_row(x_I, weight_PW, p, q, scale_O, out_O):
    """Two panels at a time: fewer sums would wait for one another's additions."""
    p_W, q_W = weight_PW[p], weight_PW[q]
    inputs = p_W.size // PANEL
    for first in range(0, inputs, CHUNK):
        p0 = p1 = q0 = q1 = splat(F32(0))
        for i in range(first, min(first + CHUNK, inputs)):
            x = splat(x_I[i])
            p0, p1 = multiply_add(x, load(p_W, i * PANEL), p0), multiply_add(x, load(p_W, i * PANEL + LANES), p1)
            q0, q1 = multiply_add(x, load(q_W, i * PANEL), q0), multiply_add(x, load(q_W, i * PANEL + LANES), q1)
        keep(p0, p1, scale_O, out_O, p * PANEL, first == 0)
        if q != p:
            keep(q0, q1, scale_O, out_O, q * PANEL, first == 0)


@inner
def four_rows(x_RI, r, weight_W, next_W, o, scale_O, out_RO):
    """Rows r to r + 3 and one panel: six registers are loaded for eight multiplications.

    next_W: the panel that follows, which is fetched from memory meanwhile.
    """
    a_I, b_I, c_I, d_I = x_RI[r], x_RI[r + 1], x_RI[r + 2], x_RI[r + 3]
    inputs = weight_W.size // PANEL
    for first in range(0, inputs, CHUNK):
        a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = splat(F32(0))
        for i in range(first, min(first + CHUNK, inputs)):
            prefetch(next_W, i * PANEL)
            w0, w1 = load(weight_W, i * PANEL), load(weight_W, i * PANEL + LANES)
            a, b, c, d = splat(a_I[i]), splat(b_I[i]), splat(c_I[i]), splat(d_I[i])
            a0, a1 = multiply_add(a, w0, a0), multiply_add(a, w1, a1)
            b0, b1 = multiply_add(b, w0, b0), multiply_add(b, w1, b1)
            c0, c1 = multiply_add(c, w0, c0), multiply_add(c, w1, c1)
            d0, d1 = multiply_add(d, w0, d0), multiply_add(d, w1, d1)
        keep(a0, a1, scale_O, out_RO[r], o, first == 0)
        keep(b0, b1, scale_O, out_RO[r + 1], o, first == 0)
        keep(c0, c1, scale_O, out_RO[r + 2], o, first == 0)
        keep(d0, d1, scale_O, out_RO[r + 3], o, first == 0)


@inner
def keep(low, high, scale_O, out_O, o, is_first):
    """Scale the sums of a panel and write them, or add them to those of the inputs before."""
    before_low = before_high = splat(F32(0))
    if not is_first:
        before_low, before_high = load(out_O, o), load(out_O, o + LANES)
    store(out_O, o, multiply_add(low, load(scale_O, o), before_low))
    store(out_O, o + LANES, multiply_add(high, load(scale_O, o + LANES), before_high))


@inner
def dot(x_I, weight_I):
    total = F32(0)
    for i in range(x_I.size):
        total += x_I[i] * weight_I[i]
    return total


@ordered
def largest_of(x_V, size):
    """The largest of the first `size` numbers; -inf is one of them, NaN is not."""
    a = b = c = d = splat(F32(-np.inf))
    whole = size // (4 * LANES) * (4 * LANES)
    for v in range(0, whole, 4 * LANES):
        a, b = larger(load(x_V, v), a), larger(load(x_V, v + LANES), b)
        c, d = larger(load(x_V, v + 2 * LANES), c), larger(load(x_V, v + 3 * LANES), d)
    a = larger(larger(a, b), larger(c, d))
    largest = F32(-np.inf)
    for i in range(LANES):
        largest = max(largest, lane(a, i))
    for v in range(whole, size):
        largest = max(largest, x_V[v])
    return largest
