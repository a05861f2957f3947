"""A preference: of two answers to one prompt, the one that was chosen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from firstwords.config import UserError

MIN_PROMPTS = 4  # on either side of a split; with fewer, what is measured means nothing


def prompt_key(messages: Sequence[dict[str, str]]) -> str:
    """The name of a prompt: sha256 of its canonical JSON."""
    plain = [{"role": m["role"], "content": m["content"].strip()} for m in messages]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Preference:
    """`prompt` ends with a user's turn; margin says by how much the chosen answer is better, where that is known."""

    prompt: tuple[dict[str, str], ...]
    chosen: str
    rejected: str
    margin: float = 0.0
    source: str = ""

    @property
    def prompt_key(self) -> str:
        return prompt_key(self.prompt)


def split_by_prompt(
    preferences: Sequence[Preference], share: float, seed: int = 0
) -> tuple[list[Preference], list[Preference]]:
    """(for training, held out): whole prompts are held out, about `share` of them, by a hash of prompt and seed.

    A pair of a prompt that training saw would measure memory. Raises UserError when too few prompts are left on a side.
    """
    names = {p.prompt_key for p in preferences}
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    held = set(ordered[: round(len(names) * share)])
    if len(held) < MIN_PROMPTS or len(names) - len(held) < MIN_PROMPTS:
        raise UserError(
            f"there are preferences on {len(names)} different prompts, too few to hold {share:.0%} of them out: "
            f"{round(MIN_PROMPTS / min(share, 1 - share))} are needed at least"
        )
    train = [p for p in preferences if p.prompt_key not in held]
    return train, [p for p in preferences if p.prompt_key in held]
