"""The options of stage three's methods: each is a flag of `align`, reaches its method, and is refused elsewhere."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from firstwords.config import UserError
from firstwords.flags import parse
from firstwords.rlhf import align
from firstwords.rlhf.align import OPTIONS, Align


@pytest.mark.parametrize("method", OPTIONS)
def test_every_option_of_a_method_reaches_it(method: str, pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option is given a value that is not its default, and arrives in the stage's configuration."""
    others = {"sft_share": 0.25, "target_kl": 2.0}
    others |= {"kl": "k1", "variant": "ipo", "std": True, "bootstrap": True, "lam": 0.5, "clip": 0.3}
    wanted, words = {}, ["pip", "--method", method]
    for field in fields(OPTIONS[method]):
        wanted[field.name] = others.get(field.name, field.default * 2)
        flag = f"--{method}.{field.name.replace('_', '-')}"
        words += [flag] if field.type == "bool" else [flag, str(wanted[field.name])]
    seen: list[Any] = []

    def stage(config: Any) -> None:
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(align, "BY_REWARD", {name: (stage, kind) for name, (_, kind) in align.BY_REWARD.items()})
    monkeypatch.setattr(align.dpo, "main", stage)
    monkeypatch.setattr(align.reward, "main", lambda config: None)
    monkeypatch.setattr(align, "check_prompts", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        align.main(parse(Align, words, "align"))
    assert {name: getattr(seen[0], name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--ppo.clip", "0.1"], "--ppo.clip is an option of --method ppo, but --method is bestofn"),
        (["--method", "dpo", "--rloo.beta", "1"], "--rloo.beta is an option of --method rloo, but --method is dpo"),
        (["--ppo.clp", "0.1"], "unknown flag --ppo.clp; did you mean --ppo.clip?"),
        (["--clip", "0.1"], "unknown flag --clip"),
        (["--method", "ppo", "--ppo.clip", "2"], "--ppo.clip is 2, but it must be between 0 and 1"),
        (["--method", "ppo", "--ppo.minibatches", "0"], "--ppo.minibatches is 0, but it must be between 1 and 64"),
        (["--method", "grpo", "--grpo.samples", "1"], "--grpo.samples is 1, but it must be 2 or more"),
        (["--rloo.beta", "-1"], "--rloo.beta is -1, but it must be 0 or more"),
        (["--method", "dpo", "--dpo.variant", "kto"], "--dpo.variant is kto, but it must be one of sigmoid, ipo"),
        (["--method", "sft"], "--method is sft, but it must be one of bestofn, rloo, grpo, ppo, dpo"),
        (["--rloo.sft-share", "1"], "--rloo.sft-share is 1, but it must be at least 0 and below 1"),
        (["--method", "bestofn", "--bestofn.samples", "0"], "--bestofn.samples is 0, but it must be 1 or more"),
        (["--method", "bestofn", "--bestofn.beta", "1"], "unknown flag --bestofn.beta"),
    ],
)
def test_mistakes_in_options_name_the_flag(words: list[str], sentence: str, pip: Path) -> None:
    with pytest.raises(UserError) as caught:
        align.main(parse(Align, ["pip", *words], "align"))
    assert sentence in str(caught.value)


def test_a_resumed_run_keeps_the_options_of_its_method(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "check_prompts", lambda *_: None)
    directory = align.home.run_dir("pip", "align")
    align._open(parse(Align, ["pip", "--method", "ppo", "--ppo.clip", "0.1"], "align"), directory)
    resumed, state = align._open(parse(Align, ["pip", "--resume"], "align"), directory)
    assert state["method"] == resumed.method == "ppo" and resumed.ppo.clip == 0.1
    with pytest.raises(UserError, match=r"keeps the --ppo\.clip 0\.1 it was started with: leave --ppo\.clip out"):
        align._open(parse(Align, ["pip", "--resume", "--ppo.clip", "0.2"], "align"), directory)
