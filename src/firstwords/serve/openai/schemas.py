"""What requests hold. Fields that have several forms are checked where they are used, for one clear sentence each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from firstwords.plain_text import in_all_texts, without_surrogates

MAX_CHOICES = 128  # n
MAX_LOGPROBS = 20  # alternatives a token

_STRINGS = {"type": "array", "items": {"type": "string"}}
_IDS = {"type": "array", "items": {"type": "integer"}}
Stop = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, _STRINGS, {"type": "null"}]})]
Text = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "string"}, _STRINGS, _IDS, {"type": "array", "items": _IDS}]})
]
_PARTS = {"type": "array", "items": {"type": "object"}}
Content = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}, _PARTS]})]
ResponseFormat = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "null"}]})]


class _Request(BaseModel):
    # what is unknown is kept, so that `limits.refuse` sees it
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str | None = Field(None, description="NAME or NAME/STAGE; none: the server's default.")

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return in_all_texts(given, without_surrogates)


class StreamOptions(BaseModel):
    """What a stream tells beside its text."""

    include_usage: bool | None = Field(False, description="One more event at the end, with the usage.")


class Sampling(_Request):
    """What chat and completions have in common."""

    temperature: float | None = Field(None, ge=0, le=100, allow_inf_nan=False)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=10**9, description="An extension; -1 and 0 keep all tokens.")
    min_p: float | None = Field(None, ge=0, le=1, description="An extension.")
    repetition_penalty: float | None = Field(None, ge=0.01, le=100, description="An extension.")
    ignore_eos: bool | None = Field(None, description="An extension: go on after the model's end token.")
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    max_tokens: int | None = Field(None, description="Clamped to the model's context.")
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Stop = Field(None, description="A text or a list of texts that end the answer.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat = Field(
        None, description='{"type": "text" | "json_object" | "json_schema" | "regex" (an extension), ...}'
    )


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: Content = None


class ChatRequest(Sampling):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=2000)
    max_completion_tokens: int | None = Field(None, description="As max_tokens.")
    logprobs: bool | None = False
    top_logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)


class CompletionRequest(Sampling):
    """POST /v1/completions."""

    prompt: Text = Field(description="A text, a list of texts, a list of token ids, or a list of lists of ids.")
    echo: bool | None = False
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)


class EmbeddingRequest(_Request):
    """POST /v1/embeddings."""

    input: Text
    encoding_format: str | None = Field("float", description='"float" or "base64".')
    dimensions: int | None = Field(None, description="Only the model's own number is possible.")


class TokenizeRequest(_Request):
    """POST /tokenize."""

    prompt: str | None = None
    messages: list[Message] | None = Field(None, max_length=2000)
    add_special_tokens: bool = True
    add_generation_prompt: bool = True
    return_token_strs: bool | None = False


class DetokenizeRequest(_Request):
    """POST /detokenize."""

    tokens: list[int] = Field(max_length=100_000)
