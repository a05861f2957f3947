"""Serves the page's files: index.html at /, everything else under /assets/, as built by Vite into serve/static."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

from firstwords.serve.errors import ApiError

STATIC = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"  # a name with a hash never changes its content
NOT_BUILT = (
    "The page is not built. In a source checkout: `make web` (or `npm ci && npm run build` in the folder web), "
    "then reload this page. The API works without it.\n"
)
# Not from the system's table: some Windows machines have a wrong type, which keeps browsers from running scripts.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}

router = APIRouter(include_in_schema=False)


def assets(folder: Path) -> dict[str, Path]:
    """Relative names and files of a folder, none outside of it; {} if it is missing."""
    root = folder.resolve()
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if path.resolve().is_relative_to(root)}


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """The page, or instructions to build it."""
    path = STATIC / "index.html"
    if not path.is_file():
        return PlainTextResponse(NOT_BUILT, 503)
    body = path.read_bytes()
    return _conditional(request, body, "text/html; charset=utf-8", {"Cache-Control": "no-cache"})


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
async def favicon(request: Request) -> Response:
    """The tab icon, for browsers that request it by this name."""
    return await asset(request, "favicon.svg")


@router.api_route("/assets/{name:path}", methods=["GET", "HEAD"])
async def asset(request: Request, name: str) -> Response:
    """A file of the page. Looked up among existing files, never joined to a path."""
    path = assets(STATIC / "assets").get(name)
    if path is None:
        raise ApiError(404, "this file does not exist")
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if "-" not in path.stem:  # from the folder public: no hash in the name
        return _conditional(request, path.read_bytes(), kind, {"Cache-Control": "no-cache"})
    return FileResponse(path, media_type=kind, headers={"Cache-Control": FOREVER})


def _conditional(request: Request, body: bytes, kind: str, headers: dict[str, Any]) -> Response:
    """The body, or 304 if the browser has it cached."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
