"""The tokenizer over HTTP, at the server's root and in vLLM's format, so that lm-eval needs no other source.

Only here do names of special tokens in a text mean the tokens: lm-eval requests the id of the end token this way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from firstwords.serve import models
from firstwords.serve.errors import ApiError, Json
from firstwords.serve.openai.request import limits, prompts
from firstwords.serve.openai.request.schemas import DetokenizeRequest, TokenizeRequest
from firstwords.tokenizer.chat import ids_of
from firstwords.tokenizer.files import CHAT_TEMPLATE
from firstwords.tokenizer.prompts import prefill_ids

if TYPE_CHECKING:
    from firstwords.serve.models import Held
    from firstwords.tokenizer.fast import Tokenizer

router = APIRouter()


async def _held(request: Request, model: str | None) -> Held:
    stage = models.find(model, request.app.state.settings.model)
    return await request.app.state.worker.held(stage)


@router.get("/tokenizer_info")
async def tokenizer_info(request: Request, model: str | None = None) -> Json:
    """Names of the special tokens, the chat template, sizes."""
    held = await _held(request, model)
    tokenizer = held.loaded.tokenizer
    separator = tokenizer.token_bytes(tokenizer.endoftext_id).decode()
    info: dict[str, Any] = {
        "model": held.stage.ref,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": separator,
        # not <|im_end|>: lm-eval begins texts with bos_token_id `or` this one, and ours is 0, which `or` takes for none
        "eos_token": separator,
        "pad_token": separator,
        "vocab_size": tokenizer.vocab_size,
        "max_model_len": held.engine.max_length,
    }
    template = tokenizer.template.source if tokenizer.template is not None else CHAT_TEMPLATE
    return Json(info | ({"chat_template": template} if tokenizer.has_chat_tokens else {}))


@router.post("/tokenize")
async def tokenize(body: TokenizeRequest, request: Request) -> Json:
    """Ids of a text, or of a chat as the model's template writes it."""
    held = await _held(request, body.model)
    limits.refuse(body)
    tokenizer = held.loaded.tokenizer
    if (body.prompt is None) == (body.messages is None):
        raise ApiError(400, "send prompt or messages", "prompt")
    if body.messages is not None:
        messages, prefill = prompts.split(body)
        is_open = body.continue_final_message or body.add_generation_prompt is not False
        ids = ids_of(prompts.turns_of(messages), tokenizer, is_open) + prefill_ids(tokenizer, prefill)
    else:
        added = [tokenizer.endoftext_id] if body.add_special_tokens else []
        ids = added + with_specials(tokenizer, body.prompt or "")
    answer: dict[str, Any] = {"count": len(ids), "max_model_len": held.engine.max_length, "tokens": ids}
    if body.return_token_strs:
        answer["token_strs"] = [tokenizer.token_bytes(token).decode("utf-8", "replace") for token in ids]
    return Json(answer)


@router.post("/detokenize")
async def detokenize(body: DetokenizeRequest, request: Request) -> Json:
    """The text of ids, special tokens by their names."""
    tokenizer = (await _held(request, body.model)).loaded.tokenizer
    wrong = next((token for token in body.tokens if not 0 <= token < tokenizer.vocab_size), None)
    if wrong is not None:
        message = f"token {str(wrong)[:30]} is out of range: this model has {tokenizer.vocab_size:,} tokens"
        raise ApiError(400, message, "tokens")
    return Json({"prompt": tokenizer.decode(body.tokens, skip_special=False)})


def with_specials(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text in which the names of special tokens stand for them."""
    by_name = {tokenizer.token_bytes(token).decode(): token for token in tokenizer.special_ids}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    pieces = re.split(f"({names})", text) if names else [text]
    return [i for part in pieces for i in ([by_name[part]] if part in by_name else tokenizer.encode(part))]
