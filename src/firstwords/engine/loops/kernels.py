"""The model and the sampler as plain loops, compiled by numba: what `engine/compiled.py` runs on a CPU.

`steps` computes one token or several for every row of a batch. A row is one token of one slot: the newest token of an
answer, or one of the tokens of a prompt. Every row first stores its key and value in the cache, then attends to all
places of its slot up to its own, so prompts and answers share the same code.

Matrices are packed in panels, see `arithmetic.py`. A large model is computed by a team of threads: all run the same
code, each takes its share of a matrix's panels and of the heads, and `meet` waits for the others. The threads of a
small model compute different rows, each as a team of one.

Only `steps` is called from Python and cached on disk; everything else is compiled into it. Short functions, few slices
and no reshaping keep that under ten seconds.

Axes: R rows, L layers, D hidden, F feed-forward, H query heads, K key-value heads, N head size, S places of a slot,
      V vocabulary, I inputs, O outputs and P panels of a matrix, W weights of a panel, T threads, A alternatives,
      N (of results) steps, E end tokens.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from firstwords.engine.arrays import APART, LINE, PANEL
from firstwords.engine.grammar.spellings import MAX_LANDING
from firstwords.engine.loops.arithmetic import F32, SETTINGS, dot, exp, inner, largest_of, product
from firstwords.engine.loops.sampler import explain, lost_to_mask, sample
from firstwords.engine.loops.vectors import prefetch

outer = njit(**SETTINGS | {"cache": True})
AHEAD = 12  # places of keys or values that are fetched from memory before they are needed
LINE_FLOATS = LINE // 4  # numbers of a cache line
SPINS = 2000  # looks at the counter before a waiting thread lets another program use its core
YIELD = types.ExternalFunction("sched_yield", types.int32())


# ---- threads ---------------------------------------------------------------------------------------------------------


@inner
def share(count, unit, member, team):
    """This member's range of `count` things, (first, last + 1), in multiples of `unit`."""
    units = (count + unit - 1) // unit
    return min(units * member // team * unit, count), min(units * (member + 1) // team * unit, count)


@inner
def meet(arrivals, member, team):
    """Wait until all members of the team have arrived. Each counts its arrivals in a cache line of its own, which the
    others only read: a counter that all of them change would travel between their cores once for each.
    """
    if team == 1:
        return
    mine = arrivals[member * APART] + 1
    publish(arrivals, member * APART, mine)
    for other in range(team):
        spins = 0
        while published(arrivals, other * APART) < mine:
            spins += 1
            if spins > SPINS:
                YIELD()


@intrinsic
def publish(typingctx, array, place, number):
    """Write a number of an int64 array. Whoever sees it sees all that this thread has written before."""

    def codegen(context, builder, signature, arguments):
        builder.store_atomic(arguments[2], item(context, builder, signature.args[0], arguments), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), codegen


@intrinsic
def published(typingctx, array, place):
    """A number of an int64 array that another thread changes by `publish`."""

    def codegen(context, builder, signature, arguments):
        return builder.load_atomic(item(context, builder, signature.args[0], arguments), "acquire", 8)

    return types.int64(array, types.intp), codegen


def item(context, builder, array_type, arguments):
    """A pointer to the number at a place of an array."""
    array, place, *_ = arguments
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [place])


# ---- the transformer -------------------------------------------------------------------------------------------------


@inner
def forward(weights, cache, buffers, rows, first, last, samples, thread, team):
    """Rows first..last-1: keys and values go into the cache, (L, 2, slots, K, S, N), logits into the buffers.

    Without `samples` it ends with the last keys and values.
    """
    x_RD, normed_RD, added_RD = buffers.x_TRD[thread], buffers.normed_TRD[thread], buffers.added_RD
    member = thread if team > 1 else 0
    H, F = buffers.mixed_RI.shape[1] // cache.shape[5], weights.down_LPW.shape[2] // PANEL
    streams = share(weights.out_LPW.shape[1], 1, member, team)
    inside = first, last
    for r in range(first, last):
        embed(weights.table_PW, weights.table_scale_V, weights.embedding_scale, rows.ids_R[r], x_RD[r])
    for layer in range(cache.shape[0]):
        # attention
        for r in range(first, last):
            rms_norm(x_RD[r], weights.attention_norm_LD[layer], weights.eps, normed_RD[r])
        project(weights, layer, cache, buffers, normed_RD, rows, inside, H, member, team)
        meet(buffers.arrivals, member, team)
        if layer == cache.shape[0] - 1 and not samples:
            return
        attend_all(weights, cache, layer, buffers, rows, inside, H, thread, member, team)
        meet(buffers.arrivals, member, team)
        product(
            buffers.mixed_RI, weights.out_LPW[layer], weights.out_scale_LO[layer], weights.out_bias_LO[layer],
            added_RD, inside, streams,
        )  # fmt: skip
        meet(buffers.arrivals, member, team)
        add(x_RD, added_RD, first, last, weights.after_attention_LD[layer], weights.eps)

        # feed-forward
        for r in range(first, last):
            rms_norm(x_RD[r], weights.mlp_norm_LD[layer], weights.eps, normed_RD[r])
        transform(weights, layer, buffers, normed_RD, inside, F, member, team)
        meet(buffers.arrivals, member, team)
        product(
            buffers.gate_up_RO, weights.down_LPW[layer], weights.down_scale_LO[layer], weights.down_bias_LO[layer],
            added_RD, inside, streams,
        )  # fmt: skip
        meet(buffers.arrivals, member, team)
        add(x_RD, added_RD, first, last, weights.after_mlp_LD[layer], weights.eps)

    for r in range(first, last):
        rms_norm(x_RD[r], weights.final_norm_D, weights.eps, normed_RD[r])
    tokens = share(weights.head_PW.shape[0], 1, member, team)
    product(normed_RD, weights.head_PW, weights.head_scale_V, weights.no_bias, buffers.logits_RV, inside, tokens)
    meet(buffers.arrivals, member, team)


@inner
def embed(table_PW, scale_V, scale, token, x_D):
    """A token's row of the table, which is packed like every matrix, times the family's scale."""
    panel_W, lane, factor = table_PW[token // PANEL], token % PANEL, scale_V[token] * scale
    for d in range(x_D.size):
        x_D[d] = F32(panel_W[d * PANEL + lane]) * factor


@inner
def rms_norm(x_I, gain_I, eps, out_I):
    """out = x / rms(x) * gain (Zhang and Sennrich 2019)."""
    factor = F32(1.0 / math.sqrt(dot(x_I, x_I) / x_I.size + eps))
    for i in range(x_I.size):
        out_I[i] = x_I[i] * factor * gain_I[i]


@inner
def add(x_RD, y_RD, first, last, gain_D, eps):
    """x += y, or x += y / rms(y) * gain in families that normalise what is added."""
    D = x_RD.shape[1]
    for r in range(first, last):
        if gain_D.size:
            y_D = y_RD[r, :D]
            factor = F32(1.0 / math.sqrt(dot(y_D, y_D) / D + eps))
            for d in range(D):
                x_RD[r, d] += y_D[d] * factor * gain_D[d]
        else:
            for d in range(D):
                x_RD[r, d] += y_RD[r, d]


@inner
def project(weights, layer, cache, buffers, normed_RD, rows, inside, H, member, team):
    """Queries, keys and values of this member's heads; norms and rotary positions; keys and values into the cache."""
    qkv_RO, K, N = buffers.qkv_RO, cache.shape[3], cache.shape[5]
    cos_SN, sin_SN = weights.cos_KSN[weights.tables_L[layer]], weights.sin_KSN[weights.tables_L[layer]]
    first_head, last_head = share(H + 2 * K, 1 if N % PANEL == 0 else PANEL, member, team)
    panels = first_head * N // PANEL, (last_head * N + PANEL - 1) // PANEL
    product(
        normed_RD, weights.qkv_LPW[layer], weights.qkv_scale_LO[layer], weights.qkv_bias_LO[layer],
        qkv_RO, inside, panels,
    )  # fmt: skip
    for r in range(inside[0], inside[1]):
        slot, place = rows.slots_R[r], rows.places_R[r]
        for h in range(first_head, last_head):
            head_N = qkv_RO[r, h * N : (h + 1) * N]
            if h < H + K:
                if weights.q_norm_LN.shape[1]:
                    gain_LN = weights.q_norm_LN if h < H else weights.k_norm_LN
                    rms_norm(head_N, gain_LN[layer], weights.eps, head_N)
                rotate(head_N, cos_SN[place], sin_SN[place])
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
def attend_all(weights, cache, layer, buffers, rows, inside, H, thread, member, team):
    """Attention of this member's heads. A row of a prompt sees the rows before it, whose keys are stored by now."""
    K, N, window, scale = cache.shape[3], cache.shape[5], weights.windows_L[layer], weights.attention_scale
    first_head, last_head = share(H, 1, member, team)
    for r in range(inside[0], inside[1]):
        slot, length = rows.slots_R[r], rows.places_R[r] + 1
        for h in range(first_head, last_head):
            k, oldest = h // (H // K), max(0, length - window) if window else 0
            keys_SN, values_SN = cache[layer, 0, slot, k, oldest:length], cache[layer, 1, slot, k, oldest:length]
            query_N, mixed_N = buffers.qkv_RO[r, h * N : (h + 1) * N], buffers.mixed_RI[r, h * N : (h + 1) * N]
            attend(query_N, keys_SN, values_SN, scale, buffers.scores_TS[thread], mixed_N)


@inner
def attend(query_N, keys_SN, values_SN, factor, scores_S, mixed_N):
    """mixed = softmax(query . keys * factor) @ values over all places, four at a time."""
    length = keys_SN.shape[0]
    whole = length & ~3
    for s in range(0, whole, 4):
        ask_for_four(keys_SN, s + AHEAD)
        a_N, b_N, c_N, d_N = keys_SN[s], keys_SN[s + 1], keys_SN[s + 2], keys_SN[s + 3]
        a = b = c = d = F32(0)
        for n in range(query_N.size):
            q = query_N[n]
            a, b, c, d = a + q * a_N[n], b + q * b_N[n], c + q * c_N[n], d + q * d_N[n]
        scores_S[s], scores_S[s + 1], scores_S[s + 2], scores_S[s + 3] = a * factor, b * factor, c * factor, d * factor
    for s in range(whole, length):
        scores_S[s] = dot(query_N, keys_SN[s]) * factor
    largest, total = largest_of(scores_S, length), F32(0)
    for s in range(length):
        scores_S[s] = exp(scores_S[s] - largest)
        total += scores_S[s]
    for n in range(mixed_N.size):
        mixed_N[n] = F32(0)
    for s in range(0, whole, 4):
        ask_for_four(values_SN, s + AHEAD)
        a_N, b_N, c_N, d_N = values_SN[s], values_SN[s + 1], values_SN[s + 2], values_SN[s + 3]
        a, b, c, d = scores_S[s], scores_S[s + 1], scores_S[s + 2], scores_S[s + 3]
        for n in range(mixed_N.size):
            mixed_N[n] += a * a_N[n] + b * b_N[n] + c * c_N[n] + d * d_N[n]
    for s in range(whole, length):
        weight, value_N = scores_S[s], values_SN[s]
        for n in range(mixed_N.size):
            mixed_N[n] += weight * value_N[n]
    for n in range(mixed_N.size):
        mixed_N[n] /= total


@inner
def ask_for_four(x_SN, s):
    """Let memory send the four places from s on, which need not exist."""
    for n in range(0, 4 * x_SN.shape[1], LINE_FLOATS):
        prefetch(x_SN[s], n)


@inner
def transform(weights, layer, buffers, normed_RD, inside, F, member, team):
    """SwiGLU (Shazeer 2020) of this member's features: gate * sigmoid(g) * up, over the gates.

    g is the gate itself (SiLU), or a cubic of it: 0.5 x (1 + tanh(u)) = x sigmoid(2 u), the usual form of GELU.
    """
    slope, cubic = weights.gate_slope, weights.gate_cubic
    gate_up_RO, weight_PW, num_panels = buffers.gate_up_RO, weights.gate_up_LPW[layer], (F + PANEL - 1) // PANEL
    scale_O, bias_O, up = weights.gate_up_scale_LO[layer], weights.gate_up_bias_LO[layer], num_panels * PANEL
    low, high = share(num_panels, 1, member, team)
    product(normed_RD, weight_PW, scale_O, bias_O, gate_up_RO, inside, (low, high))
    product(normed_RD, weight_PW, scale_O, bias_O, gate_up_RO, inside, (num_panels + low, num_panels + high))
    for r in range(inside[0], inside[1]):  # one-dimensional slices, or the loop would not use vector instructions
        gate_F, up_F = gate_up_RO[r, low * PANEL : high * PANEL], gate_up_RO[r, up + low * PANEL : up + high * PANEL]
        for f in range(gate_F.size):
            gate = gate_F[f]
            gate_F[f] = gate / (F32(1) + exp(-gate * (slope + cubic * gate * gate))) * up_F[f]


# ---- steps -----------------------------------------------------------------------------------------------------------


@outer
def steps(weights, cache, buffers, rows, num_steps, patience, first, last, thread, team):
    """Rows first..last-1 sample up to num_steps tokens each. A row that has sampled an end token, a token that leads to
    an unknown place of its grammar, or as many as its limit allows then waits: its last step is computed again with the
    others'. All stop when the waits add up to more than `patience` such steps, or when a thread with other rows has
    stopped.

    With num_steps = 0 they only store their keys and values. thread: which buffers to use; with team > 1 also which
    share of the work. What was sampled and asked about it is in `rows`; places_R says how many tokens there are.
    """
    num_waits, member = 0, thread if team > 1 else 0
    for n in range(max(num_steps, 1)):  # one call of `forward`, since each would be compiled
        forward(weights, cache, buffers, rows, first, last, num_steps > 0, thread, team)
        if num_steps == 0:
            return
        for r in range(first + member, last, team):
            if n > 0 and rows.waits_R[r]:
                continue
            logits_V = buffers.logits_RV[r, : weights.vocab_size]
            token = sample(logits_V, rows, r, buffers.weights_TV[thread], buffers.likely_TV[thread])
            if rows.num_top_R[r] >= 0 or rows.is_uncertain_R[r]:
                explain(logits_V, token, rows, r, n)
            if rows.is_ruled_R[r]:
                rows.lost_RN[r, n] = lost_to_mask(logits_V, rows.masks_RW[r], buffers.weights_TV[thread])
            advance(rows, r, n, token)
            if rows.numbers_R[r] >= 0:
                follow(rows, r, token)
            rows.waits_R[r] = rows.has_ended_R[r] or not rows.is_known_R[r] or n + 1 >= rows.limits_R[r]
        meet(buffers.arrivals, member, team)
        num_waiting = 0
        for r in range(first, last):
            num_waiting += rows.waits_R[r]
        num_waits += num_waiting
        if num_waiting == last - first or num_waits > patience:
            publish(buffers.stops, 0, 1)
            return
        if team == 1 and published(buffers.stops, 0):  # the thread of other rows has stopped, and its core is idle
            return


@inner
def advance(rows, r, n, token):
    """Row r has sampled its token of step n, and reads it next."""
    rows.tokens_RN[r, n] = rows.ids_R[r] = token
    rows.places_R[r] += 1
    rows.counters_R[r] += np.uint64(1)
    if rows.seen_RV.shape[0]:
        rows.seen_RV[r, token] = True
    rows.has_ended_R[r] = False
    for e in range(rows.end_ids_RE.shape[1]):
        if rows.end_ids_RE[r, e] == token:
            rows.has_ended_R[r] = True


@inner
def counted(rows, r, token):
    """(landing, tokens of the word) of row r after a token, as `Matcher` counts them; 0 where words may be cut."""
    landing, size = rows.landings_R[r], rows.word_tokens_R[r]
    if landing == 0:
        return landing, size
    if rows.has_space_V[token]:
        return max(landing, min(size + 2, MAX_LANDING)), 1
    return landing, size + 1


@inner
def follow(rows, r, token):
    """Row r, which obeys a mask, goes on to the place where the characters of its token lead, if that is known and
    leaves room. Otherwise, and where a sentence may have to end, the engine has to look.
    """
    rows.is_known_R[r] = False
    after = rows.numbers_R[r]
    if after == 0 or rows.starts_V[token] == rows.starts_V[token + 1]:
        return
    landing, size = counted(rows, r, token)
    if rows.has_space_V[token] and rows.rooms_R[r] <= landing:
        return
    for i in range(rows.starts_V[token], rows.starts_V[token + 1]):
        after = rows.next_PC[after, rows.chars[i]]  # 0 leads to 0
    rows.is_known_R[r] = 0 <= rows.lengths_P[after] < rows.rooms_R[r]
    if rows.is_known_R[r]:
        rows.numbers_R[r] = after
        rows.rooms_R[r] -= 1
        rows.landings_R[r], rows.word_tokens_R[r] = landing, size
        for w in range(rows.masks_RW.shape[1]):
            rows.masks_RW[r, w] = rows.masks_PW[after, w]
