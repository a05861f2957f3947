"""Record what a stage-three model has seen in training: hashes of prompts, preferences and reward models.

    models/NAME/rlhf-1/seen.json    {"prompts": [...], "preferences": [...], "reward_models": [...]}

A version has also seen everything that the version before it and its reward model have seen. Comparisons use this: a
question from training proves little, and a reward model cannot judge a version that was trained on it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from firstwords.config import UserError
from firstwords.model.hub import read_card
from firstwords.preferences.records import Preference

SEEN = "seen.json"
KEY_DIGITS = 16  # hex digits of a sha256: 64 bits, no collisions among millions


def short(key: str) -> str:
    """A prompt's key as stored in the file."""
    return key[:KEY_DIGITS]


def preference_key(preference: Preference) -> str:
    """The key of a preference: a hash of its prompt, chosen and rejected answer."""
    plain = json.dumps([preference.prompt_key, preference.chosen, preference.rejected], ensure_ascii=False)
    return short(hashlib.sha256(plain.encode()).hexdigest())


@dataclass
class Seen:
    """Short keys of prompts and preferences; sha256 of the weights of reward models that were optimised against."""

    prompts: set[str] = field(default_factory=set)
    preferences: set[str] = field(default_factory=set)
    reward_models: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, preferences: Iterable[Preference]) -> Seen:
        """The record of training on these preferences."""
        found = list(preferences)
        return cls({short(p.prompt_key) for p in found}, {preference_key(p) for p in found})

    def __or__(self, other: Seen) -> Seen:
        return Seen(
            self.prompts | other.prompts,
            self.preferences | other.preferences,
            self.reward_models | other.reward_models,
        )

    def write(self, directory: Path) -> None:
        """Write the file into a model directory, atomically. Raises UserError if that fails."""
        aside = directory / f".{SEEN}.{os.getpid()}"
        try:
            aside.write_text(json.dumps({name: sorted(keys) for name, keys in asdict(self).items()}) + "\n")
            aside.replace(directory / SEEN)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise UserError(f"cannot write {directory / SEEN}: {error.strerror or error}") from None


def read_seen(directory: Path) -> Seen:
    """What the model in a directory has seen, as far as known. Raises UserError for a damaged file."""
    found, path = Seen(), Path(directory) / SEEN
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Seen(*(set(data[name]) for name in ("prompts", "preferences", "reward_models")))
    except FileNotFoundError:
        pass  # stages one and two, other people's models, versions from before this file existed
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}): copy the model directory again from its source") from None
    optimised = read_card(directory).get("data", {}).get("reward_model")
    return found | Seen(reward_models={optimised} if optimised else set())
