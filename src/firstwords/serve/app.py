"""The application: guard, errors, routes, and the worker that lives as long as it does.

    uvicorn.run(create_app(Settings()))
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from firstwords import __version__
from firstwords.serve import errors, static_files
from firstwords.serve.security import Guard, Sessions
from firstwords.serve.settings import Settings
from firstwords.serve.worker import Worker


def create_app(settings: Settings) -> FastAPI:
    """All routes over the models in home."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.worker.start()
        try:
            yield
        finally:
            app.state.worker.stop()

    # FastAPI's interactive documentation loads scripts from elsewhere, and its telemetry sends where the environment
    # says: both off. /openapi.json stays.
    app = FastAPI(
        title="firstwords", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        telemetry={"auto_configure": False},
    )  # fmt: skip
    app.state.settings = settings
    app.state.sessions = Sessions(settings.keys)
    app.state.worker = Worker(settings)
    errors.install(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the server lives."""
        return {"status": "ok"}

    app.include_router(static_files.router)
    app.add_middleware(Guard, settings=settings, sessions=app.state.sessions)
    return app
