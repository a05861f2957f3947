"""A text with its plan, and the file that keeps it: paragraphs can be edited there and written again one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.writing.brief import Brief
from firstwords.writing.measures import measure
from firstwords.writing.plan import SOURCES, Plan
from firstwords.writing.writer import Loaded, is_small

Shown = dict[str, Any]  # a candidate as JSON


@dataclass(frozen=True)
class Piece:
    """A plan, the paragraphs so far, and for each of them the candidates of which it was chosen."""

    plan: Plan
    model: str
    seed: int
    paragraphs: tuple[str, ...] = ()
    candidates: tuple[tuple[Shown, ...], ...] = ()

    def with_paragraph(self, text: str, candidates: Sequence[Shown], place: int | None = None) -> Piece:
        """The piece with a paragraph added, or replaced at a place."""
        at = len(self.paragraphs) if place is None else place
        texts, found = list(self.paragraphs), list(self.candidates)
        texts[at : at + 1], found[at : at + 1] = [text], [tuple(candidates)]
        return replace(self, paragraphs=tuple(texts), candidates=tuple(found))

    def plan_for(self, loaded: Loaded) -> Plan:
        """The plan as this model reads it."""
        return replace(self.plan, is_small=is_small(loaded))

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)

    def report(self) -> dict[str, Any]:
        """Everything, with what is measured. scores and rewards: of the chosen candidates, null where edited."""
        chosen = [
            next((each for each in candidates if each["text"] == text), {})
            for text, candidates in zip(self.paragraphs, self.candidates, strict=True)
        ]
        return {
            "model": self.model,
            "brief": self.plan.brief.to_json(),
            "outline": list(self.plan.outline),
            "outline_by": self.plan.source,
            "note": self.plan.note,
            "seed": self.seed,
            "text": self.text,
            "paragraphs": list(self.paragraphs),
            "candidates": [list(each) for each in self.candidates],
            "measures": measure(self.text, self.plan.brief.words).to_json(),
            "asked_words": list(self.plan.brief.range),
            "scores": [each.get("logprob") for each in chosen],
            "rewards": [each.get("reward") for each in chosen],
        }


def save(piece: Piece, path: Path) -> None:
    """Write the draft. Raises UserError for a place that cannot be written."""
    kept = {name: value for name, value in piece.report().items() if name not in ("text", "scores", "rewards")}
    aside = path.with_name(path.name + ".new")
    try:
        aside.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise UserError(f"cannot save the draft to {path}: {error.strerror}") from None


def read(path: Path) -> Piece:
    """A draft that was saved, and perhaps edited. Raises UserError for another file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the draft {path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"the draft {path} is not valid JSON ({error})") from None
    try:
        stated = found["brief"]
        brief = Brief(stated["topic"], stated["form"], stated["length"], stated["ending"], tuple(stated["words"]))
        source = found["outline_by"] if found["outline_by"] in SOURCES else "person"
        plan = Plan(brief, tuple(map(str, found["outline"])), source, str(found["note"]))
        paragraphs = tuple(map(str, found["paragraphs"]))
        candidates = [tuple(each) for each in found.get("candidates", [])]
        candidates += [()] * (len(paragraphs) - len(candidates))  # paragraphs that were added by hand
        return Piece(plan, str(found["model"]), int(found["seed"]), paragraphs, tuple(candidates[: len(paragraphs)]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path} is not a draft of `firstwords write`: use one that --draft has saved") from None
