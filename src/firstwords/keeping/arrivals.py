"""A model from elsewhere takes its place in home: prepared aside, checked, and moved in as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords import home, promotions
from firstwords.config import UserError, unknown
from firstwords.keeping import locks, moves, operations

if TYPE_CHECKING:
    from firstwords.model.transformer import Transformer

STAGES = ("chat", "base")  # of an imported model: it answers, or it continues text


def bring(source: str, name: str = "", stage: str = "auto", say: Callable[[str], None] = lambda line: None) -> str:
    """Import a model and return its REF. source: hf:ORG/NAME, a folder or a .gguf file; name: by default the source's.

    stage: "chat", "base", or "auto": chat if it has a chat template. Raises UserError if it cannot be read or is not
    supported, or the name is taken; home is then unchanged.
    """
    from firstwords.model import incoming

    name = name or incoming.default_name(source)
    return take_in(name, source, stage, "import", lambda folder: incoming.prepare(source, folder, say))


def take_in(name: str, source: str, stage: str, command: str, prepare: Callable[[Path], Transformer]) -> str:
    """Give what `prepare` writes into an empty folder the name NAME/STAGE; see `bring`. Returns its REF."""
    from firstwords.model import incoming

    if stage != "auto" and stage not in STAGES:
        raise unknown("stage", stage, ("auto", *STAGES), f"use auto, {' or '.join(STAGES)}")
    with locks.held([operations.free(name)], command):
        moves.recover()
        operations.free(name)
        aside = home.starting_dir(name)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            prepared = aside / "model" / "new"
            model = prepare(prepared)
            if stage == "chat" and not promotions.has_chat_form(prepared):
                raise UserError(f"{source} has no chat template, so it cannot be a stage that chats: use --stage base")
            stage = stage if stage != "auto" else STAGES[0] if promotions.has_template(prepared) else STAGES[1]
            incoming.write_card(prepared, model, stage, source, command)
            prepared.rename(prepared.with_name(stage))
            with locks.mutex(), moves.renames() as steps:
                operations.clear(name)
                steps.append((aside / "model", home.model_dir(name)))
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return f"{name}/{stage}"
