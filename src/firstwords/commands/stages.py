"""The same prompt answered by every stage of a model, side by side: what did each stage change?

    firstwords stages "What is your first name?"

The base model gets the bare text and continues it; the later stages get it as a message and answer it. All stages
sample with the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, SamplingFlags
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.runlog import say
from firstwords.tokenizer.prompts import check_fits, opening


@dataclass(kw_only=True)
class Stages(SamplingFlags, JsonFlag):
    """Answer one prompt with every stage of a model. Example: firstwords stages "What is your first name?" """

    text: Positional[str]
    """The prompt, in quotes."""
    model: str | None = None
    """Name of the model; default: the newest."""
    temperature: float = 0.7
    seed: int = 0


def main(config: Stages) -> None:
    """Load one stage after the other and collect the answers."""
    params = config.params()
    name = (config.model or api.newest()).partition("/")[0]
    present = home.stages(name)
    if not present:
        home.promoted(name)  # raises an error that lists the existing names
    rows = [answer(f"{name}/{stage}", config.text, params) for stage in present]
    if config.json:
        shared.emit({"model": name, "prompt": config.text, "seed": config.seed, "stages": rows})
    else:
        show(config.text, rows)


def answer(ref: str, text: str, params: Any) -> dict[str, Any]:
    """{stage, form, text, tokens, finish_reason} of one stage; form is "text" (continued) or "chat" (answered)."""
    loaded = api.load(ref)
    form, ids = opening(loaded.tokenizer, loaded.is_base, text)
    try:
        check_fits(ids, loaded.context)
    except UserError as error:
        raise UserError(f"{ref}: {error}") from None
    done = loaded.engine().generate([ids], params)[0]
    facts = {"tokens": len(done.ids), "finish_reason": done.finish_reason}
    return {"stage": ref.partition("/")[2], "form": form, "text": done.text} | facts


def show(prompt: str, rows: list[dict[str, Any]]) -> None:
    """Print the answers as a table with one row per stage."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(prompt, style="bold"), show_lines=True, title_justify="left")
    table.add_column("stage", style="cyan", no_wrap=True)
    table.add_column("what it says", ratio=1)
    for row in rows:
        said = Text()
        if row["form"] == "text":
            said.append(prompt, style="dim")
        said.append(row["text"] if row["form"] == "text" else row["text"].strip())
        if row["finish_reason"] == "length":
            said.append(" ...", style="dim")
        table.add_row(row["stage"], said)
    Console(highlight=False).print(table)
    ends = {True: "by itself", False: "at --max-tokens"}
    remarks = [f"{r['stage']} stopped {ends[r['finish_reason'] == 'stop']}" for r in rows]
    say("; ".join(remarks) + ". ... marks an answer that was cut off.")
