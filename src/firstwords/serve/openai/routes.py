"""All of OpenAI's routes: under /v1 and, for base addresses without it, at the root."""

from __future__ import annotations

from fastapi import FastAPI

from firstwords.serve.openai import catalogue, chat, completions, embeddings, responses, stored, tokens
from firstwords.serve.openai.memory import Memory


def include(app: FastAPI) -> None:
    """Add them to the application, and the memory that some of them share."""
    app.state.memory = Memory()
    for endpoint in (chat, responses, stored, completions, embeddings, catalogue):
        router = endpoint.router
        app.include_router(router, prefix="/v1", tags=["openai"])
        app.include_router(router, include_in_schema=False)
    app.include_router(tokens.router, tags=["openai"])
