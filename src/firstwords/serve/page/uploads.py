"""Files uploaded on the page to train on: kept in `home/uploads`, and referred to by path.

A file's name comes from outside: only its extension and its safe characters are kept, after a hash of its content.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from firstwords import home
from firstwords.serve.errors import ApiError
from firstwords.serve.page.parts import FileBody, User

router = APIRouter(prefix="/api/uploads")
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
NAME_CHARS = 60
HASH_CHARS = 12


def folder() -> Path:
    """The folder of uploaded files."""
    return home.home() / "uploads"


@router.post("")
def upload(user: User, body: FileBody) -> dict[str, Any]:
    """Save a file; `path` is the source for a training run. Duplicate files are stored once."""
    content = body.content()
    if not content.strip():
        raise ApiError(400, f"{body.name} is empty: choose another file", "name")
    harmless = _ODD.sub("_", body.name).strip("._")[-NAME_CHARS:] or "file.txt"
    path = folder() / f"{hashlib.sha256(content).hexdigest()[:HASH_CHARS]}-{harmless}"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    aside.write_bytes(content)
    aside.replace(path)
    return {"path": str(path), "name": body.name, "bytes": len(content)}


def is_uploaded(value: str) -> bool:
    """Whether a source is a file that was uploaded here."""
    path = Path(value)
    return path.parent == folder() and path.is_file()
