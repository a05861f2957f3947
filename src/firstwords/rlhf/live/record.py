"""The record of a model's live lessons: which judgements were learned, in which order, and how far one has gone back.

    records = LiveRecords("pip", "anna")
    records.read()        -> LiveRecord(stage="sft", weights="18c3...", choices=[Learned(812, 1.0, True)], position=1)

`runs/NAME/live/USER.json`, written after every choice. The judgements themselves are in the log of preferences, so that
a lesson is rebuilt after a crash by learning the same choices again.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from firstwords import home
from firstwords.runlog import read_json, write_json

FOLDER = "live"  # in the run folder of a model


@dataclass(frozen=True)
class Learned:
    """A choice that was learned. strength: of the learning rate. predicted: whether the lesson, before it learned this
    choice, already preferred the answer that was chosen."""

    judgement: int
    strength: float
    predicted: bool


@dataclass
class LiveRecord:
    """The choices of a lesson; those from `position` on are undone."""

    stage: str = ""  # at which the lesson began,
    weights: str = ""  # and the sha256 of its weights
    choices: list[Learned] = field(default_factory=list)
    position: int = 0


class LiveRecords:
    """The file of one user's lesson."""

    def __init__(self, name: str, annotator: str = "") -> None:
        user = hashlib.sha256(annotator.encode()).hexdigest()[:16] if annotator else "lesson"
        self.path: Path = home.run_dir(name, FOLDER) / f"{user}.json"

    def read(self) -> LiveRecord:
        """The record; an empty one if there is none, or none that can be read: the log still has every judgement."""
        found = read_json(self.path) or {}
        try:
            choices = [
                Learned(int(c["judgement"]), float(c["strength"]), bool(c["predicted"])) for c in found["choices"]
            ]
            position = min(max(0, int(found["position"])), len(choices))
            return LiveRecord(str(found["stage"]), str(found["weights"]), choices, position)
        except (KeyError, TypeError, ValueError):
            return LiveRecord()

    def write(self, record: LiveRecord) -> None:
        """Replace the file, atomically. Raises UserError if that fails."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, asdict(record))

    def clear(self) -> None:
        """Forget the lesson; the log keeps its judgements."""
        self.path.unlink(missing_ok=True)
