"""Inspection of a model for the page: token probabilities, attention, early guesses, and comparisons of stages.

Everything is computed exactly over the whole vocabulary; nothing is estimated. Long computations are generators that
yield between pieces, so that the thread that answers chats can interleave them:

    steps = inside(model, tokenizer, read(tokenizer, 512, text="The cat"), top=8)
    result = run(steps)                          # all at once; the server takes one piece at a time

Axes: T tokens, D hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.engine import tokens as shown
from firstwords.engine.sampling import SamplingParams
from firstwords.engine.score import Surprise, score, surprise
from firstwords.model import inspect
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import opening_ids
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids, text_ids

MAX_TOKENS = 1024  # per inspection; longer input is cut, and this is reported
MAX_ATTENTION = 128  # T x T weights per head: larger maps are unreadable
MAX_LENS = 512
PIECE_LOGITS = 2**18  # computed between two yields: about 10 ms on two cores, mostly for the passes over them
DIGITS = 6  # of numbers sent to the page
NEAR, SHIFTED = 1, 3  # maximum ranks of "same" and "near" tokens (AlignTDS, Lin et al. 2023)

Result = TypeVar("Result")
Steps = Generator[None, None, Result]
Messages = Sequence[dict[str, str]]


@dataclass(frozen=True)
class Reading:
    """A model's input; the first num_prompt ids are the prompt, the others an answer."""

    ids: list[int]
    num_prompt: int
    form: str  # text, chat
    truncated: bool = False


def run(steps: Steps[Result]) -> Result:
    """All pieces at once."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            return over.value


def read(
    tokenizer: Tokenizer,
    limit: int,
    *,
    text: str | None = None,
    messages: Messages | None = None,
    ids: Sequence[int] | None = None,
    answer: str | None = None,
) -> Reading:
    """The ids of a text, of a chat (whose last turn, if it is the assistant's, is the answer), or as given.

    Input longer than `limit` is cut at the end, which does not change the probabilities of the rest.
    """
    if ids is not None:
        num_prompt = prompt_length(tokenizer, ids)
        return _cut(list(ids), num_prompt, "chat" if num_prompt < len(ids) else "text", limit)
    if messages is not None:
        messages = [{"role": m["role"], "content": m["content"]} for m in messages]
        if answer is None and messages and messages[-1]["role"] == "assistant":
            *messages, last = messages
            answer = last["content"]
        prompt, form = chat_ids(tokenizer, messages), "chat"
        said = [] if answer is None else [*tokenizer.encode(answer.strip()), tokenizer.answer_end_id]
    else:
        prompt, form = text_ids(tokenizer, text or ""), "text"
        said = tokenizer.encode(answer or "")
    return _cut(prompt + said, len(prompt), form, limit)


def _cut(ids: list[int], num_prompt: int, form: str, limit: int) -> Reading:
    return Reading(ids[:limit], min(num_prompt, limit), form, len(ids) > limit)


def prompt_length(tokenizer: Tokenizer, ids: Sequence[int]) -> int:
    """Number of ids before the assistant's last answer; all of them if there is no assistant turn."""
    if tokenizer.has_chat_tokens:
        opening = opening_ids(tokenizer)
        for start in range(len(ids) - len(opening), -1, -1):
            if list(ids[start : start + len(opening)]) == opening:
                return start + len(opening)
    return len(ids)


# ---- tokens ----------------------------------------------------------------------------------------------------------


def states(model: Transformer, ids: Sequence[int]) -> Generator[Tensor, None, None]:
    """The states after the embedding and after every layer, each (T, D)."""
    state_TD = inspect.embed(model, ids)
    yield state_TD
    for layer in range(model.config.num_hidden_layers):
        state_TD = inspect.advance(model, layer, state_TD)
        yield state_TD


def last_state(model: Transformer, ids: Sequence[int]) -> Steps[Tensor]:
    """The state after the last layer, (T, D)."""
    state_TD = inspect.embed(model, ids)
    for layer in range(model.config.num_hidden_layers):
        yield
        state_TD = inspect.advance(model, layer, state_TD)
    return state_TD


def surprises(model: Transformer, ids: Sequence[int], top: int, first: int = 1) -> Steps[Surprise]:
    """The model's scores of the ids from number `first` (at least 1) on, each given all before it."""
    state_TD = yield from last_state(model, ids)
    targets_T = torch.as_tensor(list(ids), device=state_TD.device)
    size = rows_of_piece(model)
    parts = []
    for start in range(first, len(ids), size):
        end = min(start + size, len(ids))
        logits_TV = inspect.guess(model, state_TD[start - 1 : end - 1])
        parts.append(surprise(logits_TV, targets_T[start:end], top))
        yield
    columns = ("logprobs_T", "top_ids_TA", "top_logprobs_TA", "ranks_T", "entropies_T")
    return Surprise(**{name: torch.cat([getattr(part, name) for part in parts]) for name in columns})


def rows_of_piece(model: Transformer) -> int:
    """Number of positions whose logits are computed between two yields."""
    return max(1, PIECE_LOGITS // model.config.vocab_size)


def next_token(
    model: Transformer, tokenizer: Tokenizer, ids: list[int], top: int, params: SamplingParams
) -> Steps[dict[str, Any]]:
    """The distribution of the token after ids, before and after the sampler's stages."""
    state_TD = yield from last_state(model, ids)
    logprobs_V = torch.log_softmax(inspect.guess(model, state_TD[-1:])[0], -1).cpu()
    return {"ids": ids} | shown.distribution(logprobs_V, tokenizer, top, params)


def inside(model: Transformer, tokenizer: Tokenizer, reading: Reading, top: int) -> Steps[dict[str, Any]]:
    """Every token of a text with its probability, rank, entropy and the likeliest alternatives at its position.

    Nothing predicts the first token: its logprob, rank, entropy and rest are None.
    """
    tokens: list[dict[str, Any]] = [{"logprob": None, "rank": None, "entropy": None, "top": [], "rest": None}]
    if len(reading.ids) > 1:
        tokens += token_rows(tokenizer, (yield from surprises(model, reading.ids, top)))
    pieces = shown.pieces(tokenizer, reading.ids)
    found = [
        piece_row(token_id, piece) | {"is_prompt": place < reading.num_prompt} | token
        for place, (token_id, piece, token) in enumerate(zip(reading.ids, pieces, tokens, strict=True))
    ]
    config = model.config
    return {
        "form": reading.form,
        "tokens": found,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "truncated": reading.truncated,
    }


def piece_row(token_id: int, piece: shown.Piece) -> dict[str, Any]:
    """{id, text, is_special}, and bytes (hex) of a token that is not a whole character."""
    row = {"id": token_id, "text": piece.text, "is_special": piece.is_special}
    return row if piece.bytes is None else row | {"bytes": piece.bytes}


def token_rows(tokenizer: Tokenizer, found: Surprise) -> list[dict[str, Any]]:
    """[{logprob, rank, entropy (bits), top: [[id, text, logprob]], rest}]: `rest` is 1 minus the probability of
    `top`."""
    rows = zip(
        found.logprobs_T.tolist(),
        found.ranks_T.tolist(),
        found.entropies_T.tolist(),
        found.top_ids_TA.tolist(),
        found.top_logprobs_TA.tolist(),
        (1 - found.top_logprobs_TA.double().exp().sum(-1)).tolist(),
        strict=True,
    )
    return [
        {
            "logprob": round(logprob, DIGITS),
            "rank": rank,
            "entropy": round(max(0.0, entropy), DIGITS),
            "top": [[i, shown.label(tokenizer, i), round(v, DIGITS)] for i, v in zip(ids, values, strict=True)],
            "rest": round(max(0.0, rest), DIGITS),
        }
        for logprob, rank, entropy, ids, values, rest in rows
    ]


# ---- layers ----------------------------------------------------------------------------------------------------------


def attention(model: Transformer, ids: list[int], layer: int) -> Steps[Tensor]:
    """The attention weights of a layer, (heads, T, T)."""
    for number, state_TD in enumerate(states(model, ids)):
        if number == layer:
            return inspect.attention_weights(model, layer, state_TD).cpu()
        yield
    raise AssertionError(f"layer {layer}")


def lens(model: Transformer, tokenizer: Tokenizer, ids: list[int], top: int) -> Steps[list[dict[str, Any]]]:
    """[{layer, places}]: after the embedding (layer 0) and every layer, the next-token prediction at each position.

    A place is {top: [[id, text, probability]], rank_of_next, probability_of_next}; the last one has no next token.
    """
    targets_T = torch.as_tensor([*ids[1:], 0])
    size, found = rows_of_piece(model), []
    for layer, state_TD in enumerate(states(model, ids)):
        places: list[dict[str, Any]] = []
        for start in range(0, len(ids), size):
            logits_TV = inspect.guess(model, state_TD[start : start + size])
            targets = targets_T[start : start + size].to(logits_TV.device)
            places += _guesses(tokenizer, surprise(logits_TV, targets, top))
            yield
        places[-1] |= {"rank_of_next": None, "probability_of_next": None}
        found.append({"layer": layer, "places": places})
    return found


def _guesses(tokenizer: Tokenizer, found: Surprise) -> list[dict[str, Any]]:
    rows = zip(
        found.logprobs_T.exp().tolist(),
        found.ranks_T.tolist(),
        found.top_ids_TA.tolist(),
        found.top_logprobs_TA.exp().tolist(),
        strict=True,
    )
    return [
        {
            "top": [[i, shown.label(tokenizer, i), round(p, DIGITS)] for i, p in zip(ids, values, strict=True)],
            "rank_of_next": rank,
            "probability_of_next": round(probability, DIGITS),
        }
        for probability, rank, ids, values in rows
    ]


# ---- stages ----------------------------------------------------------------------------------------------------------


def answer_rows(tokenizer: Tokenizer, ids: Sequence[int], found: Surprise) -> list[dict[str, Any]]:
    """The tokens of an answer as a chat stores them: their texts add up to the answer, so special tokens have none."""
    rows = zip(ids, shown.pieces(tokenizer, ids), token_rows(tokenizer, found), strict=True)
    return [piece_row(i, piece) | ({"text": ""} if piece.is_special else {}) | row for i, piece, row in rows]


def seen_by(model: Transformer, prompt: Sequence[int], answer: Sequence[int]) -> Steps[list[dict[str, Any]]]:
    """[{probability, rank, kind}] of each token of an answer given by another stage.

    kind: "same" (this stage's first choice too), "near" (its second or third choice), "shifted".
    """
    found = yield from surprises(model, [*prompt, *answer], 1, len(prompt))
    return [
        {"probability": round(p, DIGITS), "rank": rank, "kind": kind(rank)}
        for p, rank in zip(found.logprobs_T.exp().tolist(), found.ranks_T.tolist(), strict=True)
    ]


def kind(rank: int) -> str:
    """same, near or shifted: whether the token is the likeliest, one of the next two, or neither."""
    return "same" if rank <= NEAR else "near" if rank <= SHIFTED else "shifted"


def pair_logprobs(model: Transformer, rows: Sequence[tuple[list[int], int]]) -> list[dict[str, float | int]]:
    """[{logprob, per_token, tokens}] of answers: rows are (ids of prompt and answer, number of prompt ids)."""
    found = []
    for (_, num_prompt), scores in zip(rows, score(model, [ids for ids, _ in rows]), strict=True):
        logprobs_T = scores.logprobs_T[num_prompt - 1 :]
        total = float(logprobs_T.double().sum())
        found.append({"logprob": total, "per_token": total / len(logprobs_T), "tokens": len(logprobs_T)})
    return found


def check_ids(ids: Sequence[int], vocab_size: int, limit: int) -> None:
    """Raise UserError for unknown ids, or more than the limit."""
    if wrong := next((i for i in ids if not 0 <= i < vocab_size), None):
        raise UserError(f"token {wrong} is not one of this model's {vocab_size:,} tokens")
    if len(ids) > limit:
        raise UserError(f"there are {len(ids):,} tokens, but at most {limit:,} can be inspected")
