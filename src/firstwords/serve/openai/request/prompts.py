"""From messages and prompts to ids that fit the model, with special tokens off: only the template puts those in."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.data.messages import call_text, text_of
from firstwords.data.source_stats import UnusableRowError
from firstwords.plain_text import clean_text
from firstwords.serve.errors import ApiError
from firstwords.serve.openai.request.tools import Tools, as_template_messages
from firstwords.tokenizer.prompts import chat_ids as ids_of_chat
from firstwords.tokenizer.prompts import cleaned, text_ids
from firstwords.tokenizer.tools import plain_ids, template_ids, tool_template, tools_text

if TYPE_CHECKING:
    from firstwords.serve.models import Held
    from firstwords.serve.openai.request.schemas import ChatRequest, Message, TokenizeRequest
    from firstwords.tokenizer.chat import Message as Turn
    from firstwords.tokenizer.fast import Tokenizer

MAX_PROMPTS = 2048  # of one request; lm-eval's batches are smaller
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def chat_ids(held: Held, messages: Sequence[Message], prefill: str = "") -> list[int]:
    """Ids of a chat with an open turn that begins with `prefill`. Raises ApiError 400 for input that this model does
    not support.
    """
    turns = turns_of(messages)
    _check_can_chat(held)
    check_bytes(held, sum(len(turn["content"]) for turn in turns) + len(prefill), "messages")
    return fitting(held, ids_of_chat(held.loaded.tokenizer, turns, prefill), "messages")


def _check_can_chat(held: Held) -> None:
    if not held.loaded.can_chat:
        raise ApiError(
            400,
            f"{held.stage.ref} continues text and was not taught to chat: use /v1/completions, or a later stage",
            "model",
            "model_cannot_chat",
        )


def tool_ids(held: Held, body: ChatRequest, tools: Tools) -> list[int]:
    """Ids of a chat with an open turn in which the tools are listed. Raises ApiError 400."""
    turns, tokenizer = turns_of(body.messages), held.loaded.tokenizer
    _check_can_chat(held)
    if body.continue_final_message:
        raise ApiError(400, "continue_final_message cannot be used together with tools", "continue_final_message")
    num_chars = sum(len(turn["content"]) for turn in turns) + len(tools_text(tools.functions))
    check_bytes(held, num_chars, "messages")
    try:
        template = tool_template(tokenizer)
        if template is None:
            ids = plain_ids(tokenizer, cleaned(turns), tools.functions)
        else:
            messages = as_template_messages(body, cleaned(turns))
            ids = template_ids(tokenizer, template, messages, tools.functions)
    except UserError as error:
        raise ApiError(400, str(error), "messages") from None
    return fitting(held, ids, "messages")


def split(body: ChatRequest | TokenizeRequest) -> tuple[list[Message], str]:
    """(The messages, the beginning of the answer): the last message where `continue_final_message` says so.

    Raises ApiError 400 for a last message that can't be continued, and for contradictory fields.
    """
    messages = body.messages or []
    if not body.continue_final_message:
        return messages, ""
    if body.add_generation_prompt:
        reason = "a message that is continued has no new one after it: send add_generation_prompt: false"
        raise ApiError(400, f"continue_final_message contradicts add_generation_prompt: {reason}", "messages")
    if not messages or ROLES.get(messages[-1].role) != "assistant":
        raise ApiError(400, "continue_final_message needs a last message of the assistant", "continue_final_message")
    if (messages[-1].model_extra or {}).get("tool_calls"):
        raise ApiError(400, "continue_final_message needs a last message without tool_calls", "continue_final_message")
    last = _turn(messages[-1], len(messages) - 1)
    return messages[:-1], last["content"]


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Messages as the template takes them. Raises ApiError 400 for an unknown role, and for content that is missing or
    not text.

    As with OpenAI, an empty text is valid, and only an assistant's message with tool_calls may omit content.
    """
    return [_turn(message, place) for place, message in enumerate(messages)]


def _turn(message: Message, place: int) -> Turn:
    if message.role not in ROLES:
        known = "use system, user, assistant or tool"
        raise ApiError(400, f"a message has the role {message.role[:40]!r}: {known}", "messages")
    try:
        if not (message.content is None or isinstance(message.content, str | list)):
            raise UnusableRowError
        text = text_of(message.content)
    except UnusableRowError:
        raise ApiError(
            400, f'messages[{place}].content must be text, or a list of {{"type": "text", "text": ...}}', "messages"
        ) from None
    call = ""
    if ROLES[message.role] == "assistant":
        try:
            call = call_text(message.model_extra or {})
        except UnusableRowError as error:
            raise ApiError(400, f"messages[{place}]: {error}", "messages") from None
    if not call and (message.content is None or message.content == []):
        raise ApiError(400, f"messages[{place}] has no content: every message needs some", "messages")
    return {"role": ROLES[message.role], "content": f"{text}\n\n{call}".strip() if call else text}


def prompts(held: Held, given: Any, param: str) -> list[tuple[list[int], int]]:
    """(ids, how many of them the server put in front) of each prompt, in any of OpenAI's four forms.

    A text begins as documents begin in training, after the separator; ids are taken as they are.
    """
    if isinstance(given, str) or _are_ids(given):
        given = [given]
    if not isinstance(given, list) or not given:
        forms = "a string, a list of strings, a list of token ids, or a list of such lists"
        raise ApiError(400, f"{param} must be {forms}", param)
    if len(given) > MAX_PROMPTS:
        raise ApiError(400, f"{param} has {len(given):,} prompts, but the limit is {MAX_PROMPTS:,} per request", param)
    return [_prompt(held, prompt, param) for prompt in given]


def _are_ids(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(type(token) is int for token in given)


def _prompt(held: Held, prompt: Any, param: str) -> tuple[list[int], int]:
    if isinstance(prompt, str):
        prompt = clean_text(prompt)
        check_bytes(held, len(prompt), param)
        return fitting(held, text_ids(held.loaded.tokenizer, prompt), param), 1
    if prompt == []:
        raise ApiError(400, f"{param} contains a prompt without tokens", param)
    if not _are_ids(prompt):
        raise ApiError(400, f"{param} must contain only strings, or only token ids", param)
    size = held.loaded.model.config.vocab_size
    wrong = next((token for token in prompt if not 0 <= token < size), None)
    if wrong is not None:
        raise ApiError(400, f"token {str(wrong)[:30]} is out of range: this model has {size:,} tokens", param)
    return fitting(held, prompt, param), 0


def fitting(held: Held, ids: list[int], param: str) -> list[int]:
    """The ids, if an answer fits after them. Raises ApiError 400 otherwise."""
    if len(ids) >= held.engine.max_length:
        raise _too_long(held, len(ids), param)
    return ids


def check_bytes(held: Held, num_chars: int, param: str) -> None:
    """Refuse a text that is too long for any tokenization, before tokenizing it."""
    fewest = num_chars // longest_token(held.loaded.tokenizer)
    if fewest >= held.engine.max_length:
        raise _too_long(held, fewest, param, "at least ")


def _too_long(held: Held, count: int, param: str, qualifier: str = "") -> ApiError:
    limit = held.engine.max_length
    # clients recognise this error by its first words and parse the number
    return ApiError(
        400,
        f"This model's maximum context length is {limit} tokens. However, the prompt has {qualifier}{count} "
        "tokens, and the answer must fit behind it: shorten the prompt.",
        param,
        "context_length_exceeded",
        n_prompt_tokens=count,
        n_ctx=limit,
    )


@functools.lru_cache(maxsize=16)
def longest_token(tokenizer: Tokenizer) -> int:
    """Bytes of the longest token, for a lower bound on the number of tokens."""
    return max(len(tokenizer.token_bytes(token)) for token in range(tokenizer.vocab_size))
