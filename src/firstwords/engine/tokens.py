"""Tokens for display: the text of each, and the distribution of the next one.

    pieces(tokenizer, ids)                       -> [Piece("<|endoftext|>", is_special=True), Piece("The"), ...]
    distribution(logprobs_V, tokenizer, top=3)   -> {"tokens": [{"id", "text", "probability", ...}], "rest", ...}

Axes: V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from firstwords.engine.sampling import BatchParams, SamplingParams, probabilities
from firstwords.tokenizer.fast import StreamDecoder, Tokenizer


@dataclass(frozen=True)
class Piece:
    """A token's contribution to its text: "" while a character is unfinished; `bytes` (hex) if it is not valid text
    alone.

    The pieces that are not special make up the text. A special token's piece is its name.
    """

    text: str
    is_special: bool = False
    bytes: str | None = None


def pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[Piece]:
    """The piece of each token; an unfinished character at the end, or before a special token, becomes U+FFFD."""
    found: list[Piece] = []
    decoder = StreamDecoder(tokenizer)
    for token_id in ids:
        if token_id in tokenizer.special_ids or token_id >= tokenizer.vocab_size:
            _close(found, decoder)
            decoder = StreamDecoder(tokenizer)
            found.append(Piece(label(tokenizer, token_id), is_special=True))
            continue
        raw = tokenizer.token_bytes(token_id)
        found.append(Piece(decoder.push(token_id), bytes=None if _is_text(raw) else raw.hex()))
    _close(found, decoder)
    return found


def _close(found: list[Piece], decoder: StreamDecoder) -> None:
    rest = decoder.flush()
    if rest:
        found[-1] = Piece(found[-1].text + rest, bytes=found[-1].bytes)


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def label(tokenizer: Tokenizer, token_id: int) -> str:
    """A token on its own: its text, with the bytes of an unfinished character escaped: "\\xe2\\x80"."""
    if token_id >= tokenizer.vocab_size:  # some models have more rows than their tokenizer has ids
        return f"<unused {token_id}>"
    return tokenizer.token_bytes(token_id).decode("utf-8", "backslashreplace")


def distribution(
    logprobs_V: Tensor, tokenizer: Tokenizer, top: int, params: SamplingParams | None = None
) -> dict[str, Any]:
    """{tokens: [{id, text, probability, logprob}], rest, rest_tokens, entropy}: the `top` likeliest tokens and the
    rest.

    entropy is in bits. With params each token also has `after`, its probability after temperature and filters (0 if
    filtered), and `rest_after` is that of all others. Tokens and rest add up to 1.
    """
    logprobs_V = logprobs_V.double()
    V = len(logprobs_V)
    values, indices = logprobs_V.topk(min(top, V))
    tokens: list[dict[str, Any]] = [
        {"id": i, "text": label(tokenizer, i), "probability": math.exp(v), "logprob": v}
        for i, v in zip(indices.tolist(), values.tolist(), strict=True)
    ]
    shown = sum(token["probability"] for token in tokens)
    entropy = float(-(logprobs_V.exp() * logprobs_V).sum() / math.log(2))
    rest = max(0.0, 1.0 - shown) if len(tokens) < V else 0.0
    result = {"tokens": tokens, "rest": rest, "rest_tokens": V - len(tokens), "entropy": entropy}
    if params is not None:
        after_V = probabilities(logprobs_V[None].float(), BatchParams([params], [0]))[0].double()
        for token in tokens:
            token["after"] = float(after_V[token["id"]])
        result["rest_after"] = max(0.0, 1.0 - sum(token["after"] for token in tokens)) if len(tokens) < V else 0.0
    return result
