"""Records of people's verdicts: a judgement of answers, and a preference, the part that a model learns from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError

if TYPE_CHECKING:
    from firstwords.tokenizer.chat import Message

PAIR_VERDICTS = ("left", "right", "tie", "both_bad")
THUMB_VERDICTS = ("up", "down", "withdrawn")  # the last revokes the same person's verdict on that answer


class TooFewError(UserError):
    """There is too little usable data to learn from; retrying does not help."""


def prompt_key(messages: Sequence[Message]) -> str:
    """The key of a prompt: sha256 of its canonical JSON."""
    plain = [{"role": m["role"], "content": m["content"].strip()} for m in messages]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Preference:
    """`prompt` ends with a user's turn; margin says by how much the chosen answer is better, if known."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    margin: float = 0.0
    source: str = ""  # name of a file or dataset, or log, thumbs, world
    source_hash: str = ""  # sha256 of the source file
    chosen_ids: tuple[int, ...] = ()  # of the answers, if known: as sampled by a model, including the stop
    rejected_ids: tuple[int, ...] = ()  # token if there was one. Never stored: they depend on the tokenizer

    @property
    def prompt_key(self) -> str:
        return prompt_key(self.prompt)


@dataclass(frozen=True)
class Judgement:
    """One person's verdict on two answers (kind pair) or on one (kind thumb: in `left`, verdict up or down)."""

    prompt: tuple[Message, ...]
    left: str
    right: str = ""
    verdict: str = "tie"
    kind: str = "pair"
    left_stage: str = ""  # sha256 of the weights that gave the answer
    right_stage: str = ""
    params: dict[str, Any] = field(default_factory=dict)  # temperature, top_p, max_tokens ...
    left_seed: int | None = None
    right_seed: int | None = None
    reasons: tuple[str, ...] = ()
    annotator: str = ""
    model: str = ""
    repeat_of: int | None = None  # a hidden repeat of that row, which measures the judge
    selection: str = "random"  # how the pair was chosen: random, disagreement, uncertainty, import, thumbs
    created: str = ""
    id: int | None = None
    origin: str = ""  # of an imported row: name of the file or dataset,
    origin_hash: str = ""  # and sha256 of that file

    @property
    def winner(self) -> str:
        """The text that won, or the verdict if none did: what a repeat must agree on, whichever side it was on."""
        return {"left": self.left, "right": self.right}.get(self.verdict, self.verdict)

    @property
    def preference(self) -> Preference | None:
        """A pair in which a side was chosen, as training data; None for ties, both bad and thumbs."""
        if self.kind != "pair" or self.verdict not in ("left", "right"):
            return None
        sides = (self.left, self.right) if self.verdict == "left" else (self.right, self.left)
        return Preference(self.prompt, *sides, source="log")


def split_by_prompt(
    preferences: Sequence[Preference], share: float, seed: int = 0
) -> tuple[list[Preference], list[Preference]]:
    """(for training, held out): whole prompts are held out, about `share` of them, by a hash of seed and prompt.

    A held-out pair whose prompt was trained on would measure memorisation. A prompt's side depends only on seed and
    share, so that it does not change as the log grows. Only if one side would be empty is the prompt nearest to the
    threshold moved there, until others belong there. Raises TooFewError for fewer than two prompts.
    """
    if not 0 < share < 1:
        raise UserError(f"the share to hold out is {share}: use a number between 0 and 1")
    places = {key: _place(key, seed) for key in {p.prompt_key for p in preferences}}
    if len(places) < 2:
        raise TooFewError(
            f"there are preferences on only {len(places)} different prompts, too few to hold out {share:.0%} of them: "
            "provide some on at least two prompts"
        )
    held = {key for key, place in places.items() if place < share}
    if not held:
        held = {min(places, key=lambda key: places[key])}
    elif len(held) == len(places):
        held.remove(max(places, key=lambda key: places[key]))
    train = [p for p in preferences if p.prompt_key not in held]
    return train, [p for p in preferences if p.prompt_key in held]


def _place(key: str, seed: int) -> float:
    """A number in [0, 1) that depends only on the prompt and the seed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:6], "big") / 2**48
