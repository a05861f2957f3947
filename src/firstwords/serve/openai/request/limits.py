"""From a request's fields to sampling parameters, and a 400 that names the field where its value is not possible."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from firstwords.model.chat_defaults import IN_API, chat_sampling
from firstwords.serve.errors import ApiError
from firstwords.serve.openai.request.forms import constraint
from firstwords.serve.openai.request.refusals import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from firstwords.engine.sampling import SamplingParams
    from firstwords.serve.openai.request.schemas import Sampling

MAX_STOPS = 64  # lm-eval sends a handful and the end token's name
MAX_STOP_CHARS = 1000
COMPLETION_TOKENS = 16  # where a completion names no max_tokens, as OpenAI has it

NO_LIMIT = 10**9  # tokens of an answer; the engine ends it with the context


def params(
    body: Sampling, max_tokens: int, logprobs: int | None, directory: Path | None = None, after: str = ""
) -> SamplingParams:
    """The sampling parameters of a request's first choice. directory: of the model that chats, whose own temperature
    and top-p count where the request names none; None for a completion, which samples from the model's distribution.
    after: the text that the answer continues. Raises ApiError 400.
    """
    from firstwords.engine.sampling import MAX_SEED, SamplingParams

    refuse(body)
    if body.n_predict is not None and body.max_tokens is None and getattr(body, "max_completion_tokens", None) is None:
        max_tokens = tokens_wanted(body.n_predict, max_tokens, param="n_predict")
    penalty = body.repeat_penalty if body.repetition_penalty is None else body.repetition_penalty
    is_greedy = body.top_p == 0  # nothing but the likeliest token, as OpenAI has it
    how = chat_sampling(directory, body.temperature, body.top_p, IN_API)
    seed = secrets.randbits(63) if body.seed is None else body.seed % MAX_SEED
    try:
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=0.0 if is_greedy else how.temperature,
            top_p=1.0 if is_greedy else how.top_p,
            top_k=max(0, _or(body.top_k, 0)),
            min_p=_or(body.min_p, 0.0),
            repetition_penalty=_or(penalty, 1.0),
            stop=stops(body.stop),
            seed=seed,
            logprobs=logprobs,
            ignore_eos=bool(body.ignore_eos),
            constraint=constraint(body, after),
            rule_cost=True,
        )
    except ValueError as error:
        raise ApiError(400, str(error), str(error).partition(" ")[0]) from None


def tokens_wanted(value: int | None, default: int, least: int = 1, param: str = "max_tokens") -> int:
    """max_tokens of a request; -1 sets no limit. Whatever is beyond the context, the engine clamps."""
    wanted = default if value is None else NO_LIMIT if value == -1 else value
    if wanted < least:
        raise ApiError(400, f"{param} is {wanted}: generate at least {least}, or send -1 for no limit", param)
    return wanted


def stops(value: Any) -> tuple[str, ...]:
    """The stop texts of a request, of any form that OpenAI's clients send."""
    given = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise ApiError(400, "stop must be a string or a list of strings", "stop")
    if not all(given):
        raise ApiError(400, "stop contains an empty string: remove it", "stop")
    if len(given) > MAX_STOPS:
        raise ApiError(400, f"stop has {len(given):,} strings, but the limit is {MAX_STOPS}", "stop")
    if any(len(text) > MAX_STOP_CHARS for text in given):
        raise ApiError(400, f"a string in stop has more than {MAX_STOP_CHARS:,} characters", "stop")
    return tuple(given)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
