"""Less of what a version learned from preferences: weights between its own and those of the version before it.

    while decision.losses and can_weaken(new):
        weaken(new, before)    # rewrites the stage `new`; compare the two again

A policy answers in a new manner and forgets some of what it knew. Both change with the weights, but not alike: a
lesson of 200 choices that cost up to five points of the exam's parts kept four fifths of its manner halfway, and cost
nothing there (docs/LOG.md). Averaging fine-tuned models with what they began as is known to keep both abilities
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import itertools
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

# how much of what it learned is tried, in this order, and how a reason begins then
SHARES = {
    1.0: "",
    0.75: "three quarters of the way from {} to what was learned, ",
    0.5: "halfway from {} to what was learned, ",
    0.25: "a quarter of the way from {} to what was learned, ",
}
NEXT = dict(itertools.pairwise(SHARES))
OF_OTHER_WEIGHTS = ("exam", "promotion")  # metrics on the card


def can_weaken(new: Path) -> bool:
    """Whether less of a version can be tried. Not of an adapter, whose own file has the whole change."""
    return not (new / ADAPTER).exists() and share_of(new) in NEXT


def share_of(version: Path) -> float:
    """How much of what it learned is in a version's weights."""
    share = (read_card(version).get("metrics") or {}).get("share")
    return share if share in SHARES else 1.0


@torch.no_grad()
def weaken(new: Path, before: Path) -> float:
    """Move the weights of a version towards those of the version before it. Returns how much of what it learned is
    left in them now, which its card says too.

    Raises UserError if the disk is full; the version is then unchanged.
    """
    model, other, tokenizer = load_model(new), load_model(before), Tokenizer.load(new)
    share = share_of(new)
    for own, earlier in zip(model.parameters(), other.parameters(), strict=True):
        own.lerp_(earlier, 1 - NEXT[share] / share)
    known = read_card(new)
    metrics = {key: value for key, value in known.get("metrics", {}).items() if key not in OF_OTHER_WEIGHTS}
    taught = (read_card(new.parent / stage).get("data") or {} for stage in ("base", "sft"))
    changed = {
        "weights_sha256": weights_hash(model),
        "metrics": metrics | {"share": NEXT[share]},
        "examples": choose(model, tokenizer, *candidates(*taught), chat_defaults.chat_sampling(before)),
    }
    save_model(model, new, tokenizer, known | changed, read_seen(new).write, sampling=chat_defaults.to_save(before))
    return NEXT[share]


def told(decision: Decision, new: Path, before: Path) -> Decision:
    """A decision about a version, whose reason says how much of what it learned is left."""
    return replace(decision, reason=SHARES[share_of(new)].format(before.name) + decision.reason)
