"""Chat completions with `documents`: the answer of the user's documents, in OpenAI's form with three more fields.

`citations` name the place of each sentence, `passages` are all that were found, `grounded` says whether the answer is
from the documents: it is false for "Your documents don't say."
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from firstwords.retrieval.answer import Answer
from firstwords.serve import models
from firstwords.serve.asking import ask
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai.replies import Reply, usage
from firstwords.serve.openai.request import limits, prompts
from firstwords.serve.openai.sse import EventStream, event

if TYPE_CHECKING:
    from firstwords.serve.openai.request.schemas import ChatRequest


async def documents_answer(body: ChatRequest, request: Request) -> Response:
    """Answer the last message of a chat from the documents. Raises ApiError for what can't be combined with them."""
    state = request.app.state
    collection = _collection(body)
    stage = models.find(body.model, state.settings.model)
    limits.params(body, 1, None, stage.directory)  # refuses what it would refuse without documents
    turns = prompts.turns_of(body.messages)
    if turns[-1]["role"] != "user" or not turns[-1]["content"].strip():
        raise ApiError(400, "with documents, the last message must be a user's question", "messages")
    answer = await ask(state.worker, stage, request.state.user, turns[-1]["content"], collection)
    tokenizer = (await state.worker.held(stage)).loaded.tokenizer
    used = usage(len(tokenizer.encode(turns[-1]["content"])), len(tokenizer.encode(answer.text)))
    if body.stream:
        with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        reply = Reply("chatcmpl", "chat.completion.chunk", stage.ref, with_usage)
        events = _events(reply, answer, used if with_usage else None)
        return EventStream(events, lambda: None, state.settings.max_seconds)
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return Json(Reply("chatcmpl", "chat.completion", stage.ref).whole([choice], used) | extension(answer))


def extension(answer: Answer) -> dict[str, Any]:
    """The fields that OpenAI's form lacks."""
    whole = answer.to_dict()
    return {"citations": whole["citations"], "passages": whole["passages"], "grounded": answer.is_grounded}


def _collection(body: ChatRequest) -> str | None:
    """The collection that a request names; None for all."""
    if not isinstance(body.documents, bool | str):
        raise ApiError(
            400,
            "documents must be true, or the name of a collection of documents stored here: add documents with POST "
            "/api/documents, or put their text into a message",
            "documents",
        )
    given = {
        "n": (body.n or 1) > 1,
        "logprobs": bool(body.logprobs),
        **{name: getattr(body, name) is not None for name in ("structured_outputs", "json_schema", "grammar")},
        "rules": bool(body.rules),
        "tools": bool(body.tools) and body.tool_choice != "none",
        "continue_final_message": bool(body.continue_final_message),
        "response_format": (body.response_format or {"type": "text"}) != {"type": "text"},
    }
    for name, is_given in given.items():
        if is_given:
            raise ApiError(400, f"{name} can't be combined with documents: leave one out", name)
    return body.documents if isinstance(body.documents, str) else None


async def _events(reply: Reply, answer: Answer, used: dict[str, Any] | None) -> AsyncIterator[bytes]:
    delta = {"role": "assistant", "content": answer.text, "refusal": None}
    yield reply.event({"index": 0, "delta": delta, "logprobs": None, "finish_reason": None})
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    fields = reply.fields | {"choices": [last]} | extension(answer)
    yield event(fields | {"usage": None} if used is not None else fields)
    if used is not None:
        yield event(reply.whole([], used))
