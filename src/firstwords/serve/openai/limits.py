"""From a request's fields to sampling parameters, and a 400 that names the field for everything that cannot be done."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from firstwords.engine.constraints import Constraint
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from firstwords.engine.sampling import SamplingParams
    from firstwords.serve.openai.schemas import Sampling

MAX_STOPS = 64  # lm-eval sends a handful and the end token's name
MAX_STOP_CHARS = 1000
COMPLETION_TOKENS = 16  # where a completion names no max_tokens, as OpenAI has it

_GUIDED = "use response_format"
# Parameters that would change the answer, and that this server does not do: field -> why. A request may name them with
# the value that means nothing.
REFUSED: dict[str, str] = {
    "logit_bias": "this server does not shift logits",
    "presence_penalty": "only repetition_penalty is there",
    "frequency_penalty": "only repetition_penalty is there",
    "tools": "these models were not taught to call tools",
    "functions": "these models were not taught to call tools",
    "function_call": "these models were not taught to call tools",
    "audio": "these models read and write text only",
    "prediction": "there is no speculative decoding",
    "web_search_options": "nothing here leaves the machine",
    "suffix": "these models cannot fill in",
    "min_tokens": "use ignore_eos",
    "use_beam_search": "this server samples",
    "length_penalty": "this server samples",
    "bad_words": "this server does not shift logits",
    "allowed_token_ids": f"{_GUIDED} of type regex",
    "guided_json": _GUIDED,
    "guided_regex": _GUIDED,
    "guided_choice": _GUIDED,
    "guided_grammar": _GUIDED,
    "structured_outputs": _GUIDED,
    "grammar": _GUIDED,
    "prompt_logprobs": "use /v1/completions with echo and logprobs",
    "truncate_prompt_tokens": "shorten the prompt",
    "continue_final_message": "use /v1/completions with token ids",
    "chat_template": "the model's own template is always used",
    "documents": "put them into a message",
}
NEUTRAL = {"tool_choice": (None, "none", "auto"), "modalities": (None, ["text"]), "length_penalty": (None, 1)}


def refuse(body: BaseModel) -> None:
    """Raise ApiError 400 for a parameter that would change the meaning and is not there."""
    given = body.model_extra or {}
    for name, value in given.items():
        if name in NEUTRAL and value in NEUTRAL[name]:
            continue
        if name in REFUSED and not (value is None or value is False or value in (0, "", [], {})):
            raise ApiError(400, f"{name} is not supported: {REFUSED[name]}", name, "unsupported_parameter")
        if name in NEUTRAL and name not in REFUSED:
            raise ApiError(400, f"{name} can only be {NEUTRAL[name][-1]!r} here", name, "unsupported_parameter")
    best_of = given.get("best_of")
    if best_of is not None and best_of != (getattr(body, "n", None) or 1):
        raise ApiError(400, "best_of is not supported: ask for n choices", "best_of", "unsupported_parameter")


def params(body: Sampling, max_tokens: int, logprobs: int | None) -> SamplingParams:
    """The sampling parameters of a request's first choice. Raises ApiError 400."""
    from firstwords.engine.sampling import MAX_SEED, SamplingParams

    refuse(body)
    if body.stream_options is not None and not body.stream:
        raise ApiError(400, "stream_options needs stream: true", "stream_options")
    seed = secrets.randbits(63) if body.seed is None else body.seed % MAX_SEED
    try:
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=_or(body.temperature, 1.0),
            top_p=_or(body.top_p, 1.0),
            top_k=max(0, _or(body.top_k, 0)),
            min_p=_or(body.min_p, 0.0),
            repetition_penalty=_or(body.repetition_penalty, 1.0),
            stop=stops(body.stop),
            seed=seed,
            logprobs=logprobs,
            ignore_eos=bool(body.ignore_eos),
            constraint=constraint(body.response_format),
        )
    except ValueError as error:
        raise ApiError(400, str(error), str(error).partition(" ")[0]) from None


def tokens_wanted(value: int | None, default: int, least: int = 1, param: str = "max_tokens") -> int:
    """max_tokens of a request. Whatever is beyond the context, the engine clamps."""
    wanted = default if value is None else value
    if wanted < least:
        raise ApiError(400, f"{param} is {wanted}: generate at least {least}", param)
    return wanted


def stops(value: Any) -> tuple[str, ...]:
    """The stop texts of a request, of any form that OpenAI's clients send."""
    given = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise ApiError(400, "stop is a text or a list of texts", "stop")
    if not all(given):
        raise ApiError(400, "a stop text is empty: remove it", "stop")
    if len(given) > MAX_STOPS:
        raise ApiError(400, f"there are {len(given):,} stop texts; at most {MAX_STOPS} are possible", "stop")
    if any(len(text) > MAX_STOP_CHARS for text in given):
        raise ApiError(400, f"a stop text has more than {MAX_STOP_CHARS:,} characters", "stop")
    return tuple(given)


def constraint(value: Any) -> Constraint | None:
    """What response_format asks for; None for text."""
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    try:
        if kind == "text":
            return None
        if kind == "json_object":
            return Constraint.json_object()
        if kind == "json_schema":
            return Constraint.json_schema(_schema(value.get("json_schema")))
        if kind == "regex":
            return Constraint.regex(_pattern(value.get("regex")))
    except ValueError as error:
        raise ApiError(400, str(error), "response_format") from None
    raise ApiError(400, "response_format has a type: text, json_object, json_schema or regex", "response_format")


def _schema(holder: Any) -> dict[str, Any]:
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        raise ValueError('response_format holds no schema: {"type": "json_schema", "json_schema": {"schema": ...}}')
    return schema


def _pattern(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError('response_format holds no expression: {"type": "regex", "regex": "..."}')
    return value


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
