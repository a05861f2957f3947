"""Request schemas. Fields with several forms are checked where they are used, for clear error messages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from firstwords.plain_text import in_all_texts, without_surrogates

MAX_CHOICES = 128  # n
MAX_LOGPROBS = 20  # alternatives per token

_STRINGS = {"type": "array", "items": {"type": "string"}}
_IDS = {"type": "array", "items": {"type": "integer"}}
Stop = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, _STRINGS, {"type": "null"}]})]
Text = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, _STRINGS, _IDS, {"type": "array", "items": _IDS}]})]
_PARTS = {"type": "array", "items": {"type": "object"}}
Content = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}, _PARTS]})]
Object = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "null"}]})]
SchemaOrText = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}, {"type": "null"}]})]
BoolOrText = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "null"}]})]
Objects = Annotated[Any, WithJsonSchema({"anyOf": [_PARTS, {"type": "null"}]})]
Strings = Annotated[Any, WithJsonSchema({"anyOf": [_STRINGS, {"type": "null"}]})]


def _no_boolean(value: Any) -> Any:
    """Refuse true and false, which pydantic would accept as numbers."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "a number is needed, not true or false")
    return value


def _no_or_count(value: Any) -> Any:
    """`logprobs: false` means none."""
    return None if value is False else value


Number = Annotated[float, BeforeValidator(_no_boolean)]
Whole = Annotated[int, BeforeValidator(_no_boolean)]


class _Request(BaseModel):
    # unknown fields are kept, so that `limits.refuse` sees them
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str | None = Field(None, description="NAME or NAME/STAGE; none: the server's default.")

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return in_all_texts(given, without_surrogates)


class StreamOptions(BaseModel):
    """Additional content of a stream."""

    include_usage: bool | None = Field(False, description="One more event at the end, with the usage.")


class Sampling(_Request):
    """What chat and completions have in common."""

    temperature: Number | None = Field(None, ge=0, le=100, allow_inf_nan=False)
    top_p: Number | None = Field(None, ge=0, le=1, description="0: only the likeliest token.")
    top_k: Whole | None = Field(None, ge=-1, le=10**9, description="An extension; -1 and 0 keep all tokens.")
    min_p: Number | None = Field(None, ge=0, le=1, description="An extension.")
    repetition_penalty: Number | None = Field(None, ge=0.01, le=100, description="An extension.")
    ignore_eos: bool | None = Field(None, description="An extension: go on after the model's end token.")
    n: Whole | None = Field(None, ge=1, le=MAX_CHOICES)
    max_tokens: Whole | None = Field(None, description="Clamped to the model's context; -1 for no limit.")
    seed: Whole | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Stop = Field(None, description="A text or a list of texts that end the answer.")
    stream: bool | None = False
    stream_options: StreamOptions | None = Field(None, description="Ignored without stream: true.")
    response_format: Object = Field(
        None, description='{"type": "text" | "json_object" | "json_schema" | "regex" (an extension), ...}'
    )
    structured_outputs: Object = Field(None, description="vLLM's: one of json, json_object, regex, choice, grammar.")
    guided_json: SchemaOrText = Field(None, description="vLLM's older name of structured_outputs.json.")
    guided_regex: str | None = Field(None, description="vLLM's older name of structured_outputs.regex.")
    guided_choice: Strings = Field(None, description="vLLM's older name of structured_outputs.choice.")
    guided_grammar: str | None = Field(None, description="vLLM's older name of structured_outputs.grammar.")
    json_schema: SchemaOrText = Field(None, description="llama.cpp's: a JSON schema.")
    grammar: str | None = Field(None, description="llama.cpp's: a grammar in GBNF, or in Lark.")
    rules: Object = Field(
        None,
        description="An extension: rules that the answer obeys, any of only_words_with, without_letter, words, "
        "rhyme_with, regex, choice and json_schema.",
    )
    n_predict: Whole | None = Field(None, description="llama.cpp's name of max_tokens.")
    repeat_penalty: Number | None = Field(None, ge=0.01, le=100, description="llama.cpp's name of repetition_penalty.")


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: Content = None


class ChatRequest(Sampling):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=2000)
    max_completion_tokens: Whole | None = Field(None, description="As max_tokens.")
    tools: Objects = Field(None, description="Functions that the model may call.")
    tool_choice: SchemaOrText = Field(None, description='"auto", "none", "required", or a named function.')
    parallel_tool_calls: bool | None = Field(None, description="false: at most one call.")
    continue_final_message: bool | None = Field(
        None, description="vLLM's: the last message is the assistant's and is continued; the answer is the new text."
    )
    add_generation_prompt: bool | None = Field(None, description="vLLM's: true or none, unless a message is continued.")
    logprobs: bool | None = False
    top_logprobs: Whole | None = Field(None, ge=0, le=MAX_LOGPROBS)
    documents: BoolOrText = Field(
        None, description="An extension: answer from stored documents; true for all, or the name of a collection."
    )


class CompletionRequest(Sampling):
    """POST /v1/completions."""

    prompt: Text = Field(description="A text, a list of texts, a list of token ids, or a list of lists of ids.")
    echo: bool | None = False
    logprobs: Annotated[Whole | None, BeforeValidator(_no_or_count)] = Field(None, ge=0, le=MAX_LOGPROBS)


class EmbeddingRequest(_Request):
    """POST /v1/embeddings."""

    input: Text
    encoding_format: str | None = Field("float", description='"float" or "base64".')
    dimensions: Whole | None = Field(None, description="Only the model's own number is possible.")


class TokenizeRequest(_Request):
    """POST /tokenize."""

    prompt: str | None = None
    messages: list[Message] | None = Field(None, max_length=2000)
    add_special_tokens: bool = True
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = False


class DetokenizeRequest(_Request):
    """POST /detokenize."""

    tokens: list[Whole] = Field(max_length=100_000)
