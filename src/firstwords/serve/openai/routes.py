"""All of OpenAI's routes: under /v1 and, for base addresses without it, at the root."""

from __future__ import annotations

from fastapi import FastAPI

from firstwords.serve.openai import catalogue, chat, completions, embeddings, responses, tokens


def include(app: FastAPI) -> None:
    """Add them to the application."""
    for router in (chat.router, responses.router, completions.router, embeddings.router, catalogue.router):
        app.include_router(router, prefix="/v1", tags=["openai"])
        app.include_router(router, include_in_schema=False)
    app.include_router(tokens.router, tags=["openai"])
