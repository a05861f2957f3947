"""Two hundred choices of a person: how often the reward model passes them, and what the policy practises on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firstwords import home
from firstwords.preferences.records import Preference, TooFewError
from firstwords.rlhf import policy_data
from firstwords.rlhf.reward import Reward, num_steps
from firstwords.tokenizer.fast import Tokenizer


@pytest.mark.parametrize(
    ("pairs", "flags", "steps"),
    [
        (640, {}, 80),  # the built-in judge's: two passes
        (2000, {}, 250),
        (320, {}, 80),  # four passes
        (151, {}, 76),  # eight, the most
        (16, {}, 8),
        (1, {}, 1),
        (151, {"epochs": 2.0}, 19),
        (151, {"steps": 5}, 5),
    ],
)
def test_few_pairs_are_passed_more_often(pairs: int, flags: dict[str, Any], steps: int) -> None:
    rows: Any = SimpleNamespace(pairs=range(pairs), batch_pairs=16)
    assert num_steps(Reward("pip", preferences=["log"], **flags), rows) == steps


@pytest.mark.parametrize(
    ("choices", "knows_world", "more"),
    [(3, True, True), (3, False, False), (policy_data.FEW_PROMPTS, True, False), (1, True, False)],
    ids=["few", "few of a model with its own chats", "enough", "too few to train on"],
)
def test_few_prompts_are_joined_by_the_worlds(
    choices: int, knows_world: bool, more: bool, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(text: str) -> tuple[dict[str, str], ...]:
        return ({"role": "user", "content": text},)

    chosen = [Preference(asked(f"a {number}"), "The cat.", "The dog.") for number in range(choices)]
    monkeypatch.setattr(policy_data, "of_people", lambda specs: chosen)
    monkeypatch.setattr(policy_data, "knows_world", lambda directory: knows_world)
    made = lambda seed, num, split, size: [SimpleNamespace(messages=asked(f"b {n}")) for n in range(5)]  # noqa: E731
    monkeypatch.setattr(policy_data, "tasks", made)
    tokenizer = Tokenizer.load(home.stage_dir("pip", "sft"))
    config = SimpleNamespace(name="pip", prompts=["log"], seed=0, max_tokens=8)
    if choices < 2:
        with pytest.raises(TooFewError, match="at least two different prompts"):
            policy_data.prompts_of(config, tokenizer, 128)
        return
    prompts, gold, keys = policy_data.prompts_of(config, tokenizer, 128)
    assert len(prompts) == len(keys) == choices + 5 * more and not gold
