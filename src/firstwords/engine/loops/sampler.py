"""The compiled sampler: from the logits of a row to its next token, as `engine/sampling.py` defines it.

Axes: R rows, V vocabulary, W words of 32 tokens, A alternatives, N steps.
"""

from __future__ import annotations

import math

import numpy as np

from firstwords.engine.arrays import FAINT
from firstwords.engine.loops.arithmetic import EXP_MIN, F32, exp, float_of, inner, largest_of

BLOCK = 64  # numbers that a search skips together
LIKELY = F32(1e-3)  # times as likely as the likeliest token


@inner
def sample(logits_V, rows, r, weights_V, likely_V):
    """The next token of row r: penalty, mask, temperature, top-k, top-p, min-p, then a draw. Ties are kept together."""
    is_penalised = rows.seen_RV.shape[0] > 0 and rows.penalty_R[r] != 1
    if rows.masks_RW.shape[0] > 0:
        if is_penalised:
            penalise(logits_V, rows.seen_RV[r], rows.penalty_R[r], weights_V)
            rule_out(weights_V, rows.masks_RW[r], likely_V)
        else:
            rule_out(logits_V, rows.masks_RW[r], likely_V)
        return drawn(likely_V, rows, r, weights_V, likely_V)
    if is_penalised:
        penalise(logits_V, rows.seen_RV[r], rows.penalty_R[r], likely_V)
        return drawn(likely_V, rows, r, weights_V, likely_V)
    return drawn(logits_V, rows, r, weights_V, likely_V)


@inner
def drawn(possible_V, rows, r, weights_V, likely_V):
    """A token by the logits of those that are possible. likely_V may be the same array: it is written last.

    No loop writes what it reads: it could not use vector instructions.
    """
    V = possible_V.size
    largest = largest_of(possible_V, V)
    if rows.temperature_R[r] == 0:
        return index_of(possible_V, largest)
    inverse = F32(1) / rows.temperature_R[r]
    for v in range(V):
        x = (possible_V[v] - largest) * inverse
        weights_V[v] = exp(x) if x > EXP_MIN else F32(0)  # the likeliest token has 1
    least = threshold(weights_V, likely_V, rows.top_k_R[r], rows.top_p_R[r], rows.min_p_R[r])
    return draw(weights_V, least, uniform(rows.seeds_R[r], rows.counters_R[r]))


@inner
def penalise(logits_V, seen_V, penalty, out_V):
    """Logits of tokens that were seen, towards or further below zero."""
    for v in range(logits_V.size):
        x = logits_V[v]
        if seen_V[v]:
            x = x / penalty if x > 0 else x * penalty
        out_V[v] = x


@inner
def rule_out(logits_V, mask_W, out_V):
    """The logits, with -inf where a mask has no bit. Whole words of the mask use vector instructions."""
    V = logits_V.size
    for w in range(V // 32):
        word, first = mask_W[w], 32 * w
        for i in range(32):
            out_V[first + i] = logits_V[first + i] if has_bit(word, i) else F32(-np.inf)
    for v in range(V // 32 * 32, V):
        out_V[v] = logits_V[v] if has_bit(mask_W[v >> 5], v & 31) else F32(-np.inf)


@inner
def has_bit(word, i):
    """Bit i of a word of 32, moved to where a signed number has its sign."""
    return np.int32(word << np.uint32(31 - i)) < 0


@inner
def index_of(x_V, value):
    """The first place of the largest value, or 0. Whole blocks are skipped by theirs."""
    for first in range(0, x_V.size, BLOCK):
        block_V = x_V[first : min(first + BLOCK, x_V.size)]
        if largest_of(block_V, block_V.size) == value:
            for v in range(block_V.size):
                if block_V[v] == value:
                    return first + v
    return 0


@inner
def draw(weights_V, least, u):
    """The token at the fraction u of the sum of the weights >= least. Whole blocks are skipped by their sums."""
    wanted, reached, last = mass_above(weights_V, weights_V.size, least, 1.0) * u, 0.0, 0
    for first in range(0, weights_V.size, BLOCK):
        block_V = weights_V[first : min(first + BLOCK, weights_V.size)]
        mass = mass_above(block_V, block_V.size, least, 1.0)
        if mass > 0 and reached + mass >= wanted:
            within = reached
            for v in range(block_V.size):
                if block_V[v] >= least and block_V[v] > 0:
                    within += block_V[v]
                    last = first + v
                    if within > wanted:
                        return last
        reached += mass
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
def explain(logits_V, token, rows, r, n):
    """What the model itself thinks of the token, before any filter: log-probability, alternatives, rank, entropy."""
    largest = largest_of(logits_V, logits_V.size)
    total = sum_exp(logits_V, largest)
    log_total = math.log(total)
    rows.logprob_RN[r, n] = logits_V[token] - largest - log_total
    if rows.is_uncertain_R[r]:
        moment, rank = 0.0, 1
        for v in range(logits_V.size):
            x = logits_V[v] - largest
            moment += x * exp(x) if x > EXP_MIN else F32(0)
            rank += logits_V[v] > logits_V[token]
        rows.rank_RN[r, n] = rank
        rows.entropy_RN[r, n] = max(0.0, log_total - moment / total) / math.log(2.0)  # H = log z - E[x]
    num_top = min(rows.num_top_R[r], logits_V.size)
    if num_top > 0:
        top = rows.top_logprobs_RNA[r, n]
        likeliest(logits_V, num_top, rows.top_ids_RNA[r, n], top)
        for a in range(num_top):
            top[a] = top[a] - largest - log_total


@inner
def lost_to_mask(logits_V, mask_W, allowed_V):
    """-log of the probability that the model gives to all tokens that a mask allows, in nats."""
    V, largest = logits_V.size, largest_of(logits_V, logits_V.size)
    total, kept = F32(0), F32(0)
    for w in range(V // 32):
        word, first = mask_W[w], 32 * w
        for i in range(32):
            x = logits_V[first + i] - largest
            weight = exp(x) if x > EXP_MIN else F32(0)
            total += weight
            kept += weight if has_bit(word, i) else F32(0)
    for v in range(V // 32 * 32, V):
        weight = exp(logits_V[v] - largest)
        total += weight
        kept += weight if has_bit(mask_W[v >> 5], v & 31) else F32(0)
    if kept > FAINT:
        return max(0.0, math.log(total) - math.log(kept))
    rule_out(logits_V, mask_W, allowed_V)
    likeliest_allowed = largest_of(allowed_V, V)
    log_kept = likeliest_allowed - largest + math.log(sum_exp(allowed_V[:V], likeliest_allowed))
    return max(0.0, math.log(total) - log_kept)


@inner
def sum_exp(x_V, largest):
    """The sum of e^(x - largest)."""
    total = 0.0
    for v in range(x_V.size):
        x = x_V[v] - largest
        total += exp(x) if x > EXP_MIN else F32(0)
    return total


@inner
def likeliest(logits_V, num_top, ids_A, logits_A):
    """The largest logits, the largest first: insertion into a short list."""
    count = 0
    for v in range(logits_V.size):
        if count < num_top or logits_V[v] > logits_A[count - 1]:
            place = min(count, num_top - 1)
            while place > 0 and logits_V[v] > logits_A[place - 1]:
                logits_A[place], ids_A[place] = logits_A[place - 1], ids_A[place - 1]
                place -= 1
            logits_A[place], ids_A[place] = logits_V[v], v
            count = min(count + 1, num_top)
