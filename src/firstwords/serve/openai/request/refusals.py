"""Unsupported parameters: refused by name if they would change the answer, otherwise ignored.

A neutral value is accepted for any of them. An unknown name similar to a known one is a likely typo, which would change
the answer too; other unknown names are ignored.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from pydantic import BaseModel

_TOOLS = "only /v1/chat/completions and /v1/responses call tools"
_GUIDED = "use response_format"
_SAMPLERS = "use temperature, top_p, top_k or min_p"
# field -> what to do instead, or why not
REFUSED: dict[str, str] = {
    "logit_bias": "this server does not change single logits",
    "presence_penalty": "use repetition_penalty",
    "frequency_penalty": "use repetition_penalty",
    "tools": _TOOLS,
    "functions": "use tools",
    "audio": "these models read and write text only",
    "modalities": "these models read and write text only",
    "prediction": "this server has no speculative decoding",
    "web_search_options": "this server does not search the web",
    "suffix": "these models only continue text; they cannot fill a gap",
    "min_tokens": "use ignore_eos",
    "use_beam_search": "this server has no beam search",
    "length_penalty": "this server has no beam search",
    "bad_words": "this server does not change single logits",
    "allowed_token_ids": f"{_GUIDED} of type regex",
    "logits_processors": _GUIDED,
    "guided_whitespace_pattern": "JSON is always written without white space",
    "prompt_logprobs": "use /v1/completions with echo and logprobs",
    "truncate_prompt_tokens": "shorten the prompt",
    "continue_final_message": "use /v1/chat/completions",
    "chat_template": "the model's own template is always used",
    "documents": "use /v1/chat/completions",
    "stop_token_ids": "use stop",
    "include_stop_str_in_output": "a stop text is never part of the answer",
    # llama.cpp
    "mirostat": _SAMPLERS,
    "typical_p": _SAMPLERS,
    "tfs_z": _SAMPLERS,
    "top_a": _SAMPLERS,
    "top_n_sigma": _SAMPLERS,
    "xtc_probability": _SAMPLERS,
    "dynatemp_range": _SAMPLERS,
    "smoothing_factor": _SAMPLERS,
    "samplers": f"their order is fixed; {_SAMPLERS}",
    "dry_multiplier": "use repetition_penalty",
    "penalty_prompt": "repetition_penalty counts prompt and answer",
    "n_probs": "use logprobs",
    "min_keep": "filters keep at least one token",
    "lora": "choose a model with `model`",
    "image_data": "these models read and write text only",
    # others
    "stop_sequences": "use stop",
    "max_new_tokens": "use max_tokens",
    "num_predict": "use max_tokens",
    "max_length": "use max_tokens",
}
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "modalities": (["text"],),
    "length_penalty": (1,),
    "typical_p": (1,),
    "tfs_z": (1,),
    "top_n_sigma": (-1,),
    "n_probs": (-1,),
}
# Settings of disabled features, performance hints, and metadata: none changes the answer.
HARMLESS = frozenset(
    [
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "reasoning",
        "reasoning_effort",
        "reasoning_format",
        "verbosity",
        "chat_template_kwargs",
        "parallel_tool_calls",
        "priority",
        "request_id",
        "cache_salt",
        "guided_decoding_backend",
        "cache_prompt",
        "id_slot",
        "slot_id",
        "n_keep",
        "n_discard",
        "mirostat_tau",
        "mirostat_eta",
        "dry_base",
        "dry_allowed_length",
        "dry_range",
        "dry_penalty_last_n",
        "dry_sequence_breakers",
        "xtc_threshold",
        "dynatemp_exponent",
        "smoothing_curve",
        "timings_per_token",
        "return_progress",
        "return_tokens",
        "post_sampling_probs",
        "t_max_predict_ms",
        "mode",
        "name",
        "models",
        "provider",
        "route",
        "transforms",
        "plugins",
        "usage",
        "keep_alive",
        "penalize_nl",
    ]
)
CHECKED = ("tool_choice", "function_call", "best_of", "repeat_last_n")  # checked individually below
CUTOFF = 0.8  # similarity of names: max_token and max_tokens 0.95, modle and model 0.8, prompt and prompts 0.92


def refuse(body: BaseModel) -> None:
    """Raise ApiError 400 for an unsupported parameter that would change the answer."""
    given = body.model_extra or {}
    _refuse_tools(given)
    for name, value in given.items():
        if value is None or name in HARMLESS or name in CHECKED:
            continue
        if name in REFUSED:
            if not _means_nothing(name, value) and not (name in ("tools", "functions") and _wants_no_tools(given)):
                raise ApiError(400, f"{name} is not supported: {REFUSED[name]}", name, "unsupported_parameter")
        elif (nearest := _nearest(name, type(body).model_fields)) is not None:
            shown = name[:60]
            raise ApiError(
                400,
                f"{shown} is not a parameter of this endpoint: did you mean {nearest}?",
                shown,
                "unsupported_parameter",
            )
    best_of, window = given.get("best_of"), given.get("repeat_last_n")
    if best_of is not None and best_of != (getattr(body, "n", None) or 1):
        raise ApiError(400, "best_of is not supported: use n for several choices", "best_of", "unsupported_parameter")
    penalties = [getattr(body, name, None) for name in ("repetition_penalty", "repeat_penalty")]
    if window not in (None, -1) and any(penalty not in (None, 1) for penalty in penalties):
        raise ApiError(
            400,
            "repeat_last_n can only be -1: the penalty always covers the whole prompt and answer",
            "repeat_last_n",
            "unsupported_parameter",
        )


def _means_nothing(name: str, value: Any) -> bool:
    return value is False or value in (0, "", [], {}) or value in NEUTRAL.get(name, ())


def _wants_no_tools(given: dict[str, Any]) -> bool:
    return "none" in (given.get("tool_choice"), given.get("function_call"))


def _refuse_tools(given: dict[str, Any]) -> None:
    """Refuse tools where they cannot be called, and their older names, unless no call is asked for."""
    named = [name for name in ("tools", "functions") if given.get(name) and not _wants_no_tools(given)]
    named += [name for name in ("tool_choice", "function_call") if given.get(name) not in (None, "none", "auto")]
    if named:
        instead = {"functions": "use tools", "function_call": "use tools and tool_choice"}.get(named[0], _TOOLS)
        raise ApiError(400, f"{named[0]} is not supported: {instead}", named[0], "unsupported_parameter")


def _nearest(name: str, fields: Any) -> str | None:
    """The parameter most similar to an unknown name; None if there is none."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:60]).replace("-", "_").lower()
    found = difflib.get_close_matches(plain, [*fields, *REFUSED, *CHECKED], n=1, cutoff=CUTOFF)
    return found[0] if found and len(plain) > 3 else None
