"""The model and the sampler as plain loops, compiled by numba: what `engine/compiled.py` runs on a CPU.

`step` computes one token for every row of a batch. A row is one token of one slot: the newest token of an answer, or
one of the tokens of a prompt. Every row first stores its key and value in the cache, then attends to all places of its
slot up to its own, so prompts and answers share the same code.

A matrix is float32 with scales of 1, or int8 with one scale per output (weight = int8 * scale). A large model is
computed by a team of threads: all run the same code, each takes its share of a matrix's outputs and of the heads, and
`meet` waits for the others. The threads of a small model compute different rows, each as a team of one.

Only `step` is called from Python and cached on disk; everything else is compiled into it. Short functions, few slices
and no reshaping keep that under ten seconds.

Axes: R rows, L layers, D hidden, F feed-forward, H query heads, K key-value heads, N head size, S places of a slot,
      V vocabulary, I inputs and O outputs of a matrix, P positions, T threads, A alternatives.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

# Sums may be reordered and multiplications fused, which vector instructions need; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}
SETTINGS: dict[str, Any] = {"nogil": True, "fastmath": FAST, "error_model": "numpy", "no_cfunc_wrapper": True}
inner = njit(**SETTINGS | {"no_cpython_wrapper": True})  # cannot be called from Python
outer = njit(**SETTINGS | {"cache": True})
F32 = np.float32
NEAREST = F32(1.4426950408889634)  # 1 / ln 2
LN2_HIGH, LN2_LOW = F32(0.693359375), F32(-2.12194440e-4)  # ln 2 in two parts (Cody and Waite 1980)
EXP_MIN, EXP_MAX = F32(-87.0), F32(88.0)
LIKELY = F32(1e-3)  # times as likely as the likeliest token
ROW_TILE = 32  # rows that one pass over a matrix serves: their inputs stay in the first-level cache
OUTPUT_TILE = 8  # outputs computed together; shares of threads are multiples of it
SPINS = 2000  # looks at the counter before a waiting thread lets another program use its core
YIELD = types.ExternalFunction("sched_yield", types.int32())


# ---- arithmetic ------------------------------------------------------------------------------------------------------


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
def product(x_RI, weight_OI, scale_O, bias_O, out_RO, rows, outputs):
    """out = (x @ weight.T) * scale + bias for a range of rows and a range of outputs, both (first, last + 1)."""
    (first, last), (low, high) = rows, outputs
    even = last - ((last - first) & 1)
    for tile in range(first, even, ROW_TILE):
        row_pairs(x_RI, weight_OI, scale_O, out_RO, tile, min(tile + ROW_TILE, even), low, high)
    if even < last:
        one_row(x_RI[even], weight_OI, scale_O, out_RO[even], low, high)
    if bias_O.size:
        for r in range(first, last):
            for o in range(low, high):
                out_RO[r, o] += bias_O[o]


@inner
def row_pairs(x_RI, weight_OI, scale_O, out_RO, first, last, low, high):
    """Two rows and four outputs at a time: six numbers are loaded for eight multiplications."""
    whole = low + ((high - low) & ~3)
    for o in range(low, whole, 4):
        w0, w1, w2, w3 = weight_OI[o], weight_OI[o + 1], weight_OI[o + 2], weight_OI[o + 3]
        s0, s1, s2, s3 = scale_O[o], scale_O[o + 1], scale_O[o + 2], scale_O[o + 3]
        for r in range(first, last, 2):
            x_I, y_I = x_RI[r], x_RI[r + 1]
            x0 = x1 = x2 = x3 = y0 = y1 = y2 = y3 = F32(0)
            for i in range(weight_OI.shape[1]):
                x, y = x_I[i], y_I[i]
                c0, c1, c2, c3 = F32(w0[i]), F32(w1[i]), F32(w2[i]), F32(w3[i])
                x0 += x * c0
                x1 += x * c1
                x2 += x * c2
                x3 += x * c3
                y0 += y * c0
                y1 += y * c1
                y2 += y * c2
                y3 += y * c3
            out, below = out_RO[r], out_RO[r + 1]
            out[o], out[o + 1], out[o + 2], out[o + 3] = x0 * s0, x1 * s1, x2 * s2, x3 * s3
            below[o], below[o + 1], below[o + 2], below[o + 3] = y0 * s0, y1 * s1, y2 * s2, y3 * s3
    for o in range(whole, high):
        for r in range(first, last):
            out_RO[r, o] = dot(x_RI[r], weight_OI[o]) * scale_O[o]


@inner
def one_row(x_I, weight_OI, scale_O, out_O, low, high):
    """Eight outputs at a time: fewer sums would wait for one another's additions."""
    whole = low + ((high - low) & ~7)
    for o in range(low, whole, 8):
        w0, w1, w2, w3 = weight_OI[o], weight_OI[o + 1], weight_OI[o + 2], weight_OI[o + 3]
        w4, w5, w6, w7 = weight_OI[o + 4], weight_OI[o + 5], weight_OI[o + 6], weight_OI[o + 7]
        x0 = x1 = x2 = x3 = x4 = x5 = x6 = x7 = F32(0)
        for i in range(weight_OI.shape[1]):
            x = x_I[i]
            x0 += x * F32(w0[i])
            x1 += x * F32(w1[i])
            x2 += x * F32(w2[i])
            x3 += x * F32(w3[i])
            x4 += x * F32(w4[i])
            x5 += x * F32(w5[i])
            x6 += x * F32(w6[i])
            x7 += x * F32(w7[i])
        out_O[o], out_O[o + 1], out_O[o + 2], out_O[o + 3] = x0, x1, x2, x3
        out_O[o + 4], out_O[o + 5], out_O[o + 6], out_O[o + 7] = x4, x5, x6, x7
        for j in range(o, o + 8):
            out_O[j] *= scale_O[j]
    for o in range(whole, high):
        out_O[o] = dot(x_I, weight_OI[o]) * scale_O[o]


@inner
def dot(x_I, weight_I):
    total = F32(0)
    for i in range(x_I.size):
        total += x_I[i] * F32(weight_I[i])
    return total


@inner
def rms_norm(x_I, gain_I, eps, out_I):
    """out = x / rms(x) * gain (Zhang and Sennrich 2019)."""
    factor = F32(1.0 / math.sqrt(dot(x_I, x_I) / x_I.size + eps))
    for i in range(x_I.size):
        out_I[i] = x_I[i] * factor * gain_I[i]


@inner
def add(x_RD, y_RD, first, last):
    for r in range(first, last):
        for d in range(x_RD.shape[1]):
            x_RD[r, d] += y_RD[r, d]


# ---- threads ---------------------------------------------------------------------------------------------------------


@inner
def share(count, unit, member, team):
    """This member's range of `count` things, (first, last + 1), in multiples of `unit`."""
    units = (count + unit - 1) // unit
    return min(units * member // team * unit, count), min(units * (member + 1) // team * unit, count)


@inner
def meet(meetings, team):
    """Wait until all members of the team have arrived."""
    if team == 1:
        return
    arrived = atomic_add(meetings, 1) + 1
    awaited = (arrived + team - 1) // team * team
    spins = 0
    while atomic_add(meetings, 0) < awaited:
        spins += 1
        if spins > SPINS:
            YIELD()


@intrinsic
def atomic_add(typingctx, array, amount):
    """Add to the first number of an int64 array; returns its value before. No thread sees it halfway."""

    def codegen(context, builder, signature, arguments):
        from numba.core import cgutils

        struct = context.make_array(signature.args[0])(context, builder, arguments[0])
        first = cgutils.get_item_pointer(
            context, builder, signature.args[0], struct, [context.get_constant(types.intp, 0)]
        )
        return builder.atomic_rmw("add", first, arguments[1], "seq_cst")

    return types.int64(array, types.int64), codegen


# ---- the transformer -------------------------------------------------------------------------------------------------


@inner
def forward(weights, cache, buffers, rows, first, last, samples, thread, team):
    """Rows first..last-1: keys and values go into the cache, (L, 2, slots, K, S, N), logits into the buffers.

    Without `samples` it ends with the last keys and values.
    """
    x_RD, normed_RD, added_RD = buffers.x_TRD[thread], buffers.normed_TRD[thread], buffers.added_RD
    member = thread if team > 1 else 0
    H, F = buffers.mixed_RI.shape[1] // cache.shape[5], buffers.gate_up_RO.shape[1] // 2
    streams = share(x_RD.shape[1], OUTPUT_TILE, member, team)
    inside = first, last
    for r in range(first, last):
        for d in range(x_RD.shape[1]):
            x_RD[r, d] = F32(weights.table_VD[rows.ids_R[r], d]) * weights.table_scale_V[rows.ids_R[r]]
    for layer in range(cache.shape[0]):
        # attention
        for r in range(first, last):
            rms_norm(x_RD[r], weights.attention_norm_LD[layer], weights.eps, normed_RD[r])
        project(weights, layer, cache, buffers, normed_RD, rows, inside, H, member, team)
        meet(buffers.meetings, team)
        if layer == cache.shape[0] - 1 and not samples:
            return
        attend_all(cache, layer, buffers, rows, inside, H, thread, member, team)
        meet(buffers.meetings, team)
        product(
            buffers.mixed_RI, weights.out_LOI[layer], weights.out_scale_LO[layer], weights.out_bias_LO[layer],
            added_RD, inside, streams,
        )  # fmt: skip
        meet(buffers.meetings, team)
        add(x_RD, added_RD, first, last)

        # feed-forward
        for r in range(first, last):
            rms_norm(x_RD[r], weights.mlp_norm_LD[layer], weights.eps, normed_RD[r])
        transform(weights, layer, buffers, normed_RD, inside, F, member, team)
        meet(buffers.meetings, team)
        product(
            buffers.gate_up_RO, weights.down_LOI[layer], weights.down_scale_LO[layer], weights.down_bias_LO[layer],
            added_RD, inside, streams,
        )  # fmt: skip
        meet(buffers.meetings, team)
        add(x_RD, added_RD, first, last)

    for r in range(first, last):
        rms_norm(x_RD[r], weights.final_norm_D, weights.eps, normed_RD[r])
    tokens = share(weights.head_VD.shape[0], OUTPUT_TILE, member, team)
    product(normed_RD, weights.head_VD, weights.head_scale_V, weights.no_bias, buffers.logits_RV, inside, tokens)
    meet(buffers.meetings, team)


@inner
def project(weights, layer, cache, buffers, normed_RD, rows, inside, H, member, team):
    """Queries, keys and values of this member's heads; norms and rotary positions; keys and values into the cache."""
    qkv_RO, K, N = buffers.qkv_RO, cache.shape[3], cache.shape[5]
    first_head, last_head = share(H + 2 * K, 1, member, team)
    product(
        normed_RD, weights.qkv_LOI[layer], weights.qkv_scale_LO[layer], weights.qkv_bias_LO[layer],
        qkv_RO, inside, (first_head * N, last_head * N),
    )  # fmt: skip
    for r in range(inside[0], inside[1]):
        slot, place = rows.slots_R[r], rows.places_R[r]
        for h in range(first_head, last_head):
            head_N = qkv_RO[r, h * N : (h + 1) * N]
            if h < H + K:
                if weights.q_norm_LN.shape[1]:
                    gain_LN = weights.q_norm_LN if h < H else weights.k_norm_LN
                    rms_norm(head_N, gain_LN[layer], weights.eps, head_N)
                rotate(head_N, weights.cos_PN[place], weights.sin_PN[place])
            if h >= H:
                stored_N = cache[layer, (h - H) // K, slot, (h - H) % K, place]
                for n in range(N):
                    stored_N[n] = head_N[n]


@inner
def rotate(head_N, cos_N, sin_N):
    """Rotary position, halves paired (Su et al. 2021), in place."""
    half = cos_N.size
    for n in range(half):
        a, b = head_N[n], head_N[half + n]
        head_N[n] = a * cos_N[n] - b * sin_N[n]
        head_N[half + n] = b * cos_N[n] + a * sin_N[n]


@inner
def attend_all(cache, layer, buffers, rows, inside, H, thread, member, team):
    """Attention of this member's heads. A row of a prompt sees the rows before it, whose keys are stored by now."""
    K, N = cache.shape[3], cache.shape[5]
    first_head, last_head = share(H, 1, member, team)
    for r in range(inside[0], inside[1]):
        slot, length = rows.slots_R[r], rows.places_R[r] + 1
        for h in range(first_head, last_head):
            keys_SN, values_SN = cache[layer, 0, slot, h // (H // K)], cache[layer, 1, slot, h // (H // K)]
            query_N, mixed_N = buffers.qkv_RO[r, h * N : (h + 1) * N], buffers.mixed_RI[r, h * N : (h + 1) * N]
            attend(query_N, keys_SN, values_SN, length, buffers.scores_TS[thread], mixed_N)


@inner
def attend(query_N, keys_SN, values_SN, length, scores_S, mixed_N):
    """mixed = softmax(query . keys / sqrt(N)) @ values over the first `length` places."""
    factor = F32(1.0 / math.sqrt(query_N.size))
    largest = F32(-np.inf)
    for s in range(length):
        scores_S[s] = dot(query_N, keys_SN[s]) * factor
        largest = max(largest, scores_S[s])
    total = F32(0)
    for s in range(length):
        scores_S[s] = exp(scores_S[s] - largest)
        total += scores_S[s]
    for n in range(mixed_N.size):
        mixed_N[n] = F32(0)
    for s in range(length):
        weight, value_N = scores_S[s], values_SN[s]
        for n in range(mixed_N.size):
            mixed_N[n] += weight * value_N[n]
    for n in range(mixed_N.size):
        mixed_N[n] /= total


@inner
def transform(weights, layer, buffers, normed_RD, inside, F, member, team):
    """SwiGLU (Shazeer 2020) of this member's features: silu(gate) * up, over the gates."""
    gate_up_RO, (low, high) = buffers.gate_up_RO, share(F, OUTPUT_TILE, member, team)
    weight_OI, scale_O = weights.gate_up_LOI[layer], weights.gate_up_scale_LO[layer]
    bias_O = weights.gate_up_bias_LO[layer]
    product(normed_RD, weight_OI, scale_O, bias_O, gate_up_RO, inside, (low, high))
    product(normed_RD, weight_OI, scale_O, bias_O, gate_up_RO, inside, (F + low, F + high))
    for r in range(inside[0], inside[1]):
        for f in range(low, high):
            gate = gate_up_RO[r, f]
            gate_up_RO[r, f] = gate / (F32(1) + exp(-gate)) * gate_up_RO[r, F + f]


# ---- the sampler -----------------------------------------------------------------------------------------------------


@inner
def sample(logits_V, rows, r, weights_V, likely_V):
    """The next token of row r: penalty, mask, temperature, top-k, top-p, min-p, then a draw. Ties are kept together."""
    V = logits_V.size
    penalty, has_seen, has_mask = rows.penalty_R[r], rows.seen_RV.shape[0] > 0, rows.masks_RW.shape[0] > 0
    best, largest = -1, F32(-np.inf)
    for v in range(V):
        x = logits_V[v]
        if has_seen and rows.seen_RV[r, v] and penalty != 1:
            x = x / penalty if x > 0 else x * penalty
        if has_mask and not (rows.masks_RW[r, v >> 5] >> np.uint32(v & 31)) & np.uint32(1):
            x = F32(-np.inf)
        weights_V[v] = x
        if x > largest:
            best, largest = v, x
    if rows.temperature_R[r] == 0:
        return best
    inverse = F32(1) / rows.temperature_R[r]
    for v in range(V):
        x = (weights_V[v] - largest) * inverse
        weights_V[v] = exp(x) if x > EXP_MIN else F32(0)  # the likeliest token has 1
    least = threshold(weights_V, likely_V, rows.top_k_R[r], rows.top_p_R[r], rows.min_p_R[r])
    total = 0.0
    for v in range(V):
        if weights_V[v] >= least:
            total += weights_V[v]
    wanted, reached, last = uniform(rows.seeds_R[r], rows.counters_R[r]) * total, 0.0, best
    for v in range(V):
        if weights_V[v] >= least and weights_V[v] > 0:
            reached += weights_V[v]
            last = v
            if reached > wanted:
                break
    return last


@inner
def threshold(weights_V, likely_V, top_k, top_p, min_p):
    """The smallest weight that top-k, top-p and min-p keep; weights are at most 1."""
    least = F32(0)
    if 0 < top_k < weights_V.size:
        least = largest_reaching(weights_V, likely_V, least, float(top_k), 0.0)
    if top_p < 1:
        total = mass_above(weights_V, weights_V.size, least, 1.0)
        least = max(least, largest_reaching(weights_V, likely_V, least, top_p * total, 1.0))
    return max(least, min_p)


@inner
def largest_reaching(weights_V, likely_V, least, wanted, power):
    """The largest weight w such that the weights >= w (and >= least) reach `wanted`: their number (power 0) or sum (1).

    Bisection over the bits of a float32: numbers above 0 are ordered as their bits are. The likely weights are tried
    first, since they nearly always suffice.
    """
    size = 0
    for v in range(weights_V.size):
        if weights_V[v] >= LIKELY:
            likely_V[size] = weights_V[v]
            size += 1
    if mass_above(likely_V, size, least, power) < wanted:
        likely_V, size = weights_V, weights_V.size
    low, high = np.int32(0), np.int32(0x3F800000)  # the bits of 0 and of 1
    while low < high:
        middle = low + (high - low + 1 >> 1)
        if mass_above(likely_V, size, max(least, float_of(middle)), power) >= wanted:
            low = middle
        else:
            high = middle - 1
    return float_of(low)


@inner
def mass_above(weights_V, size, least, power):
    """The number (power 0) or the sum (power 1) of the first `size` weights that are >= least."""
    number, total = 0, 0.0
    for v in range(size):
        number += weights_V[v] >= least
        total += weights_V[v] if weights_V[v] >= least else F32(0)
    return total if power else float(number)


@inner
def uniform(seed, counter):
    """As `engine.sampling.uniforms`: splitmix64 (Steele et al. 2014), 48 bits kept."""
    return float(mix(mix(seed) + counter) >> np.uint64(16)) * 2.0**-48


@inner
def mix(z):
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inner
def explain(logits_V, token, rows, r):
    """What the model itself thinks of the token, before any filter: log-probability, alternatives, rank, entropy."""
    V = logits_V.size
    largest = F32(-np.inf)
    for v in range(V):
        largest = max(largest, logits_V[v])
    total, moment, rank = 0.0, 0.0, 1
    for v in range(V):
        x = logits_V[v] - largest
        weight = exp(x) if x > EXP_MIN else F32(0)
        total += weight
        moment += x * weight
        rank += logits_V[v] > logits_V[token]
    log_total = math.log(total)
    rows.logprob_R[r] = logits_V[token] - largest - log_total
    rows.rank_R[r] = rank
    rows.entropy_R[r] = max(0.0, log_total - moment / total) / math.log(2.0)  # H = log z - E[x]
    num_top = min(rows.num_top_R[r], V)
    top_ids, top = rows.top_ids_RA[r], rows.top_logprobs_RA[r]
    count = 0
    for v in range(V):  # insertion into a short list, the likeliest first
        if num_top > 0 and (count < num_top or logits_V[v] > top[count - 1]):
            place = min(count, num_top - 1)
            while place > 0 and logits_V[v] > top[place - 1]:
                top[place], top_ids[place] = top[place - 1], top_ids[place - 1]
                place -= 1
            top[place], top_ids[place] = logits_V[v], v
            count = min(count + 1, num_top)
    for a in range(count):
        top[a] = top[a] - largest - log_total


# ---- one step --------------------------------------------------------------------------------------------------------
# ---- one step --------------------------------------------------------------------------------------------------------


@outer
def step(weights, cache, buffers, rows, first, last, samples, thread, team):
    """Rows first..last-1 store their keys and values; with `samples` they sample their next token and move on.

    thread: which buffers to use; with team > 1 also which share of the work. What was asked about a token is in `rows`.
    """
    forward(weights, cache, buffers, rows, first, last, samples, thread, team)
    if not samples:
        return
    weights_V, stride = buffers.weights_TV[thread], team
    for r in range(first + (thread if team > 1 else 0), last, stride):
        logits_V = buffers.logits_RV[r]
        token = sample(logits_V, rows, r, weights_V, buffers.likely_TV[thread])
        if rows.num_top_R[r] >= 0 or rows.is_uncertain_R[r]:
            explain(logits_V, token, rows, r)
        if rows.seen_RV.shape[0]:
            rows.seen_RV[r, token] = True
        rows.ids_R[r] = token
        rows.places_R[r] += 1
        rows.counters_R[r] += np.uint64(1)
