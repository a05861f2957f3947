"""Half of what a version learned from preferences: the mean of its weights and those of the version before it.

    while decision.losses and can_go_halfway(new):
        go_halfway(new, before)    # rewrites the stage `new`; compare the two again

A policy answers in a new manner and forgets some of what it knew. Both change with the weights, but not alike: a
lesson of 200 choices that cost up to five points of the exam's parts kept four fifths of its manner halfway, and cost
nothing there (docs/LOG.md). Averaging fine-tuned models with what they began as is known to keep both abilities
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from firstwords.eval.examples import candidates, choose
from firstwords.eval.promotion import Decision
from firstwords.model import chat_defaults
from firstwords.model.hub import load_model, read_card, save_model, weights_hash
from firstwords.model.lora import ADAPTER
from firstwords.rlhf.provenance import read_seen
from firstwords.tokenizer.fast import Tokenizer

SHARES = {
    1.0: "",
    0.5: "halfway from {} to what was learned, ",
    0.25: "a quarter of the way from {} to what was learned, ",
}
OF_OTHER_WEIGHTS = ("exam", "promotion")  # metrics on the card


def can_go_halfway(new: Path) -> bool:
    """Whether a version can be halved: twice, and not if it is an adapter, whose own file has the whole change."""
    return not (new / ADAPTER).exists() and share_of(new) / 2 in SHARES


def share_of(version: Path) -> float:
    """How much of what it learned is in a version's weights."""
    share = (read_card(version).get("metrics") or {}).get("share")
    return share if share in SHARES else 1.0


@torch.no_grad()
def go_halfway(new: Path, before: Path) -> None:
    """Replace the weights of a version by their mean with those of the version before it. Its card says so.

    Raises UserError if the disk is full; the version is then unchanged.
    """
    model, other, tokenizer = load_model(new), load_model(before), Tokenizer.load(new)
    for own, earlier in zip(model.parameters(), other.parameters(), strict=True):
        own.lerp_(earlier, 0.5)
    known = read_card(new)
    metrics = {key: value for key, value in known.get("metrics", {}).items() if key not in OF_OTHER_WEIGHTS}
    taught = (read_card(new.parent / stage).get("data") or {} for stage in ("base", "sft"))
    changed = {
        "weights_sha256": weights_hash(model),
        "metrics": metrics | {"share": share_of(new) / 2},
        "examples": choose(model, tokenizer, *candidates(*taught), chat_defaults.chat_sampling(before)),
    }
    save_model(model, new, tokenizer, known | changed, read_seen(new).write, sampling=chat_defaults.to_save(before))


def told(decision: Decision, new: Path, before: Path) -> Decision:
    """A decision about a version, whose reason says how much of what it learned is left."""
    return replace(decision, reason=SHARES[share_of(new)].format(before.name) + decision.reason)
