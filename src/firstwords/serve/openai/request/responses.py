"""What a request to /v1/responses holds, and the chat request that it stands for: answers come from one path.

conversation(body, memory, user)     what was said before and the input, without instructions
as_chat(ResponsesRequest(input="Hello", instructions="Be brief.", max_output_tokens=9), conversation)
-> ChatRequest(messages=[system, user], max_completion_tokens=9)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field, ValidationError, WithJsonSchema

from firstwords.serve.errors import ApiError, printable
from firstwords.serve.openai.memory import MAX_RESPONSES, ChatMessage, Memory
from firstwords.serve.openai.request import limits
from firstwords.serve.openai.request.schemas import MAX_LOGPROBS, ChatRequest, Objects, Sampling, SchemaOrText

MAX_ITEMS = 2000
LOGPROBS = "message.output_text.logprobs"  # of `include`
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_OBJECT = {"anyOf": [{"type": "object"}, {"type": "null"}]}
Input = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, _OBJECTS]})]
Object = Annotated[Any, WithJsonSchema(_OBJECT)]

# fields of chat completions that have another name here: chat's -> this endpoint's
RENAMED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "logprobs": f'include: ["{LOGPROBS}"]',
}
# what would need a server that keeps more than its latest answers, or works without a client
REFUSED = {
    "conversation": "send previous_response_id, or the whole conversation in input",
    "prompt": "this server has no prompt templates: send the text in instructions and input",
    "background": "send stream: true, or wait for the answer",
}
# fields of this request that chat takes as they are
_SHARED = (
    "model", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "ignore_eos", "seed", "stop", "stream",
    "top_logprobs", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
    "json_schema", "grammar", "n_predict", "repeat_penalty", "rules",
)  # fmt: skip
_TEXT_PARTS = ("input_text", "output_text", "text", "refusal")


def _as_documented(schema: dict[str, Any]) -> None:
    for name in ("n", "max_tokens", "response_format"):
        schema["properties"].pop(name, None)
    schema["required"] = ["input"]


class ResponsesRequest(Sampling):
    """POST /v1/responses. The latest answers stay in memory, unless `store` is false."""

    model_config = ConfigDict(json_schema_extra=_as_documented)

    input: Input = Field(None, description="A text, or a list of messages.")
    instructions: str | None = Field(None, description="A system message before the input.")
    max_output_tokens: int | None = Field(None, description="Clamped to the model's context.")
    text: Object = Field(None, description='{"format": {"type": "text" | "json_object" | "json_schema" | "regex"}}')
    include: list[str] | None = Field(None, description=f'"{LOGPROBS}" adds log-probabilities.')
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    store: bool | None = Field(None, description="false: later requests cannot refer to this answer.")
    previous_response_id: str | None = Field(None, description="Continues one of the latest responses.")
    conversation: Any = Field(None, description="Not supported.")
    prompt: Any = Field(None, description="Not supported.")
    background: bool | None = Field(None, description="Only false.")
    metadata: Object = Field(None, description="Returned with the response.")
    reasoning: Object = Field(None, description="Ignored: these models do not reason.")
    truncation: str | None = Field(None, description="Ignored: an input that does not fit is an error.")
    stream_options: Object = Field(None, description="Ignored.")
    tools: Objects = Field(None, description='{"type": "function", "name", "description", "parameters"}.')
    tool_choice: SchemaOrText = Field(None, description='"auto", "none", "required", or a named function.')
    parallel_tool_calls: bool | None = Field(None, description="false: at most one call.")
    max_tool_calls: Any = Field(None, description="Ignored, like the fields after it.")
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    prompt_cache_options: Any = None
    safety_identifier: Any = None
    service_tier: Any = None
    user: Any = None


def conversation(body: ResponsesRequest, memory: Memory, user: str) -> list[ChatMessage]:
    """The chat that a request continues: what its ids refer to, then its input. Raises ApiError 400."""
    _refuse(body)
    limits.refuse(body)
    before: list[ChatMessage] = []
    if body.previous_response_id:
        known = memory.conversation(user, body.previous_response_id)
        if known is None:
            raise _unknown("previous_response_id", body.previous_response_id, "send the whole conversation in input")
        before = known
    return before + _messages(body, lambda item_id: memory.message(user, item_id))


def as_chat(body: ResponsesRequest, messages: list[ChatMessage]) -> ChatRequest:
    """The same request in chat's words. Raises ApiError 400 that names the field of this endpoint."""
    system = [{"role": "system", "content": body.instructions}] if body.instructions else []
    extra = body.model_extra or {}
    fields = {name: getattr(body, name) for name in _SHARED} | {
        name: value for name, value in extra.items() if name not in RENAMED
    }
    wants_logprobs = LOGPROBS in (body.include or []) or bool(body.top_logprobs)
    fields |= {
        "messages": system + messages,
        "max_completion_tokens": body.max_output_tokens,
        "logprobs": wants_logprobs,
        "response_format": _format(body.text),
        "tools": _tools(body.tools),
        "tool_choice": _tool_choice(body.tool_choice),
        "parallel_tool_calls": body.parallel_tool_calls,
    }
    fields["top_logprobs"] = body.top_logprobs if wants_logprobs else None
    try:
        return ChatRequest.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False)
        places = [(RENAMED.get(str(one["loc"][0]), one["loc"][0]), *one["loc"][1:]) for one in found]
        renamed = [one | {"loc": ("body", *place)} for one, place in zip(found, places, strict=True)]
        raise RequestValidationError(renamed) from None


@contextmanager
def in_these_words() -> Iterator[None]:
    """Errors that chat's code raises name the fields of this endpoint."""
    try:
        yield
    except ApiError as error:
        if error.param in RENAMED:
            new = RENAMED[error.param]
            error.message, error.param = error.message.replace(error.param, new), new
        raise


def _refuse(body: ResponsesRequest) -> None:
    given = {name: getattr(body, name) for name in ("n", "max_tokens", "response_format")} | (body.model_extra or {})
    for name, value in given.items():
        if name in RENAMED and value is not None:
            instead = f"{name} is not a parameter of this endpoint: use {RENAMED[name]}"
            raise ApiError(400, instead, name, "unsupported_parameter")
    if (body.n or 1) != 1:
        raise ApiError(400, "n can only be 1: send the request again for another answer", "n")
    for name, reason in REFUSED.items():
        if getattr(body, name):
            raise ApiError(400, f"{name} is not supported: {reason}", name, "unsupported_parameter")


def _unknown(param: str, given: str, instead: str) -> ApiError:
    what = "the item" if param == "input" else "the response"
    return ApiError(
        400,
        f"{what} {printable(given, 60)} in {param} is unknown: this server keeps only its latest "
        f"{MAX_RESPONSES:,} responses, and only until it stops; {instead}",
        param,
        "previous_response_not_found",
    )


def _messages(body: ResponsesRequest, known: Callable[[str], ChatMessage | None]) -> list[ChatMessage]:
    items = [{"role": "user", "content": body.input}] if isinstance(body.input, str) else body.input
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise ApiError(400, "input must be text, or a list of messages that is not empty", "input")
    if len(items) > MAX_ITEMS:
        raise ApiError(400, f"input has {len(items):,} items, but the limit is {MAX_ITEMS:,}", "input")
    messages: list[ChatMessage] = []
    for item in items:
        for message in _message(item, known):
            _append(messages, message)
    if not messages:
        raise ApiError(400, "input contains no message", "input")
    return messages


def _append(messages: list[ChatMessage], message: ChatMessage) -> None:
    """Add a message. What an assistant said and called is one message of a chat, but several items."""
    last = messages[-1] if messages else None
    if last is not None and message is last:
        return  # two items of one remembered answer
    is_call = message["role"] == "assistant" and message.get("tool_calls") and not message.get("content")
    if is_call and last is not None and last["role"] == "assistant":
        messages[-1] = last | {"tool_calls": [*last.get("tool_calls", []), *message["tool_calls"]]}
        return
    messages.append(message)


def _tools(tools: Any) -> Any:
    """This endpoint's tools as chat's: the function one level deeper. Raises ApiError 400."""
    if not isinstance(tools, list):
        return tools
    form = '{"type": "function", "name": ..., "parameters": {...}}'
    for place, each in enumerate(tools):
        if not isinstance(each, dict) or each.get("type") != "function":
            raise ApiError(400, f"tools[{place}] must be {form}: this server has no tools of its own", "tools")
        if not isinstance(each.get("name"), str) or not each["name"]:
            raise ApiError(400, f"tools[{place}] has no name: send {form}", "tools")
    return [
        {"type": "function", "function": {name: value for name, value in each.items() if name != "type"}}
        for each in tools
    ]


def _tool_choice(choice: Any) -> Any:
    if choice is None or choice in ("auto", "none", "required"):
        return choice
    if not isinstance(choice, dict) or choice.get("type") != "function" or not isinstance(choice.get("name"), str):
        form = '"auto", "none", "required" or {"type": "function", "name": ...}'
        raise ApiError(400, f"tool_choice must be {form}", "tool_choice")
    return {"type": "function", "function": {"name": choice["name"]}}


def _message(item: dict[str, Any], known: Callable[[str], ChatMessage | None]) -> list[ChatMessage]:
    """The chat messages of an input item: one, or none for a model's thoughts, which are not part of a chat."""
    kind = item.get("type") or ("message" if "role" in item or "id" not in item else "item_reference")
    if kind == "message":
        if not isinstance(item.get("role"), str):
            raise ApiError(400, "a message in input has no role", "input")
        return [{"role": item["role"], "content": _text(item.get("content"))}]
    if kind == "reasoning":
        return []
    call_id, name = str(item.get("call_id", "")), str(item.get("name", ""))
    if kind == "function_call":
        call = {"name": name, "arguments": str(item.get("arguments", ""))}
        calls = [{"id": call_id, "type": "function", "function": call}]
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    if kind == "function_call_output":
        return [{"role": "tool", "tool_call_id": call_id, "content": _text(item.get("output"))}]
    if kind == "item_reference":
        message = known(str(item.get("id")))
        if message is None:
            instead = "send the message itself (Vercel AI SDK: providerOptions: { openai: { store: false } })"
            raise _unknown("input", str(item.get("id")), instead)
        return [message]
    raise ApiError(400, f"an item of type {printable(str(kind), 40)} in input is not supported: send messages", "input")


def _text(content: Any) -> str:
    """The text of a message: a string, nothing, or text parts."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content if isinstance(content, list) else [None]:
        kind = part.get("type") if isinstance(part, dict) else None
        name = "refusal" if kind == "refusal" else "text"
        text = part.get(name) if isinstance(part, dict) and kind in _TEXT_PARTS else None
        if not isinstance(text, str):
            form = '{"type": "input_text", "text": ...}'
            raise ApiError(400, f"the content of a message must be text, or a list of {form}", "input")
        texts.append(text)
    return "".join(texts)


def _format(text: Any) -> Any:
    """text.format as chat's response_format: the schema one level deeper."""
    if text is None:
        return None
    if not isinstance(text, dict):
        raise ApiError(400, 'text must be an object: {"format": {"type": ...}}', "text")
    form = text.get("format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return form
    if not isinstance(form.get("schema"), dict):
        raise ApiError(400, 'text.format has no schema: {"type": "json_schema", "schema": {...}}', "text.format")
    return {"type": "json_schema", "json_schema": {key: value for key, value in form.items() if key != "type"}}
