"""Less of what a version learned: its weights, its card, and when that is not tried."""

from __future__ import annotations

from pathlib import Path

import torch

from firstwords import home
from firstwords.model.hub import load_model, read_card, save_model, weights_hash
from firstwords.model.lora import ADAPTER
from firstwords.rlhf.provenance import Seen, read_seen
from firstwords.rlhf.strength import can_weaken, share_of, weaken
from firstwords.tokenizer.fast import Tokenizer


def version(learned: float) -> tuple[Path, Path]:
    """rlhf-1, whose weights are all `learned` more than those of sft."""
    sft, new = home.stage_dir("pip", "sft"), home.stage_dir("pip", "rlhf-1")
    model = load_model(sft)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(learned)
    metrics = {"gold": 2.0, "exam": {"told": {}}, "promotion": {"promoted": False}}
    card = {"stage": "rlhf-1", "weights_sha256": weights_hash(model), "metrics": metrics}
    save_model(model, new, Tokenizer.load(sft), card, Seen({"a prompt"}, set(), {"a reward model"}).write)
    return new, sft


def test_the_weights_are_between_and_the_card_says_so(own_home: Path) -> None:
    new, sft = version(learned=0.25)
    assert weaken(new, sft) == 0.75
    model = load_model(new)
    for less, earlier in zip(model.parameters(), load_model(sft).parameters(), strict=True):
        torch.testing.assert_close(less, earlier + 0.1875)
    card = read_card(new)
    assert card["metrics"] == {"gold": 2.0, "share": 0.75}, "the exam and the decision were about other weights"
    assert card["weights_sha256"] == weights_hash(model) and card["stage"] == "rlhf-1"
    assert read_seen(new) == Seen({"a prompt"}, set(), {"a reward model"})


def test_it_is_tried_three_times_and_not_with_an_adapter(own_home: Path) -> None:
    new, sft = version(learned=0.25)
    (new / ADAPTER).mkdir()
    assert not can_weaken(new), "PEFT would read the whole change"
    (new / ADAPTER).rmdir()
    for share in (0.75, 0.5, 0.25):
        assert can_weaken(new) and weaken(new, sft) == share == share_of(new)
        for less, earlier in zip(load_model(new).parameters(), load_model(sft).parameters(), strict=True):
            torch.testing.assert_close(less, earlier + share * 0.25)
    assert not can_weaken(new)
