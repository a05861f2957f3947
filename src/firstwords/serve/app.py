"""The application: guard, errors, routes, and the worker, which runs as long as the application.

uvicorn.run(create_app(Settings()))
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator

from fastapi import FastAPI, Response

from firstwords.serve import errors, static_files
from firstwords.serve.answers import Answers
from firstwords.serve.errors import ApiError
from firstwords.serve.guard.security import Guard, Sessions
from firstwords.serve.jobs import Jobs
from firstwords.serve.ladder import Desk, WordLesson
from firstwords.serve.lessons import Lessons
from firstwords.serve.metrics import CONTENT_TYPE, Metrics
from firstwords.serve.models import find
from firstwords.serve.openai import routes as openai_routes
from firstwords.serve.page import (
    chats,
    documents,
    inside,
    ladder,
    messages,
    models,
    runs,
    session,
    teach,
    trace,
    uploads,
    write,
)
from firstwords.serve.settings import Settings
from firstwords.serve.worker import Worker
from firstwords.version import __version__

PAGE = (session, models, chats, messages, documents, inside, trace, ladder, write, teach, runs, uploads, static_files)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The worker and its answers live as long as the server; the model in use is ready when it says so."""
    app.state.worker.start()
    await app.state.answers.start()
    with contextlib.suppress(ApiError):  # no model has been trained yet
        await app.state.worker.warm(find(None, app.state.settings.model))  # compiling would delay every other request
    try:
        yield
    finally:
        await app.state.answers.close()
        app.state.worker.stop()


def create_app(settings: Settings) -> FastAPI:
    """All routes over the models in home."""
    # FastAPI's interactive documentation loads remote scripts, and its telemetry sends data where the environment says:
    # both are off. /openapi.json stays.
    app = FastAPI(
        title="firstwords",
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},
    )
    app.state.settings = settings
    app.state.sessions = Sessions(settings.keys)
    app.state.worker = Worker(settings)
    app.state.metrics = Metrics(app.state.worker)
    app.state.answers = Answers(app.state.worker, settings.max_seconds)
    app.state.lessons = Lessons(app.state.worker)
    app.state.jobs = Jobs()
    app.state.desk = Desk()
    app.state.words = WordLesson()
    errors.install(app)

    instance = secrets.token_hex(8)

    @app.get("/health")
    async def health(response: Response) -> dict[str, str]:
        """Whether the server lives. The header tells a page that it was restarted, perhaps over another home."""
        response.headers["Firstwords-Instance"] = instance
        return {"status": "ok"}

    @app.get("/version")
    async def version() -> dict[str, str]:
        """The version of firstwords."""
        return {"version": __version__}

    @app.get("/metrics")
    async def metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(app.state.metrics.text(), media_type=CONTENT_TYPE)

    openai_routes.include(app)
    for routes in PAGE:
        app.include_router(routes.router)
    app.add_middleware(Guard, settings=settings, sessions=app.state.sessions, metrics=app.state.metrics)
    return app
