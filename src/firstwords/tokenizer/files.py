"""Files of a tokenizer: its configuration is read, and what is written is written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from firstwords.config import UserError


def read_config(path: Path) -> dict[str, Any] | None:
    """`tokenizer_config.json`; None where there is none. Raises UserError for a damaged one."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): put back a copy of it, or delete it") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is damaged (it holds no JSON object): put back a copy of it, or delete it")
    return config


def write_text(path: Path, text: str) -> None:
    """Write a file aside and rename it, so that a full disk leaves the old one."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = error.filename or str(path)
        raise
