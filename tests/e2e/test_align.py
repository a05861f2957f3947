"""Stage three on a tiny random model and a rule that is easy to learn: good answers say "yes"."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import forks
import numpy as np
import pytest
import torch

from firstwords import home
from firstwords.config import UserError
from firstwords.model.chat_defaults import saved_sampling
from firstwords.model.hub import load_model, read_card, weights_hash
from firstwords.preferences.formats import read_preferences
from firstwords.preferences.records import split_by_prompt
from firstwords.preferences.store import PreferenceStore, import_preferences
from firstwords.rlhf import align, reward
from firstwords.rlhf.align import Align
from firstwords.rlhf.methods import bestofn, dpo, grpo, ppo, rloo
from firstwords.rlhf.methods.bestofn import Bestofn
from firstwords.rlhf.methods.dpo import Dpo
from firstwords.rlhf.methods.grpo import Grpo
from firstwords.rlhf.methods.ppo import Ppo
from firstwords.rlhf.methods.rloo import Rloo
from firstwords.rlhf.pair_rows import heldout_of
from firstwords.rlhf.reward import Reward
from firstwords.rlhf.reward_model import answer_ids, load_reward_model
from firstwords.runlog import RunLog
from firstwords.train import checkpoint
from firstwords.train.run import Run

WORDS = ["yes", "no", "maybe", "sun", "moon", "cat", "dog", "tree", "house", "river"]


_LEARNED: list[Path] = []  # the run folder of the first reward model without options


def learn_rewards(pip: Path, **options) -> Path:
    """A reward model of the preferences; without options it is the same for every test, and trained once."""
    if options or not _LEARNED:
        made = reward.main(Reward("pip", preferences=[str(pip)], epochs=6.0, learning_rate=5.0, **options))
        if not options:
            _LEARNED.append(Path(shutil.copytree(home.run_dir("pip", "reward"), pip.with_name("learned"))))
        return made
    shutil.copytree(_LEARNED[0], home.run_dir("pip", "reward"), dirs_exist_ok=True)
    return reward.members(home.run_dir("pip", "reward"), 1)[0]


def policy_config(pip: Path, kind: type = Rloo, **options):
    defaults = {"steps": 12, "step_prompts": 8, "samples": 4, "max_tokens": 8, "sft_share": 0.0, "stop_penalty": 0.0}
    return kind("pip", prompts=[str(pip)], **defaults | options)


WITH_KL = {"rloo": (rloo.main, Rloo), "grpo": (grpo.main, Grpo), "ppo": (ppo.main, Ppo)}
METHODS = WITH_KL | {"bestofn": (bestofn.main, Bestofn)}


def test_a_reward_model_learns_the_rule_and_says_how_well(pip: Path) -> None:
    directory = learn_rewards(pip)
    card = read_card(directory)
    assert card["metrics"]["report_card"]["accuracy"]["rate"] >= 0.9
    train, heldout = split_by_prompt(list(read_preferences([pip])), reward.HELDOUT_SHARE)
    measured = heldout_of(home.stage_dir("pip", "sft"), heldout, len(train))  # fewer, for a model not trained here
    assert card["metrics"]["report_card"]["accuracy"]["n"] == len(measured) > 10
    model = load_reward_model(directory)
    messages = [{"role": "user", "content": "What is it?"}]
    good, bad = model.score([(messages, "the sun yes"), (messages, "the sun no")])
    assert good > bad + 0.5
    alone = model.score([(messages, "the sun yes")])
    path = model.score_ids([answer_ids(model.tokenizer, messages, " the sun yes ")])
    np.testing.assert_allclose([alone[0], path[0]], good, atol=1e-5)


def test_the_scores_are_normalised_on_samples_of_the_sft_model(pip: Path) -> None:
    data = read_card(learn_rewards(pip))["data"]
    assert data["std"] > 0 and np.isfinite(data["mean"])
    model = load_reward_model(home.run_dir("pip", "reward") / "model")
    raw = load_reward_model(home.run_dir("pip", "reward") / "model")
    raw.mean, raw.std = 0.0, 1.0
    ids = [answer_ids(model.tokenizer, [{"role": "user", "content": "What is it?"}], w) for w in WORDS]
    np.testing.assert_allclose(model.score_ids(ids), (raw.score_ids(ids) - data["mean"]) / data["std"], rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_policy_learns_what_the_reward_model_likes_and_is_not_promoted_for_it(method: str, pip: Path) -> None:
    learn_rewards(pip)
    main, kind = METHODS[method]
    more = {"step_prompts": 16, "samples": 16}  # "yes" is one token of 300, so that finding it takes many samples
    more |= {"beta": 0.01, "target_kl": 0.0} if method in WITH_KL else {}
    target = main(policy_config(pip, kind, steps=60, learning_rate=30.0, **more))
    assert target.name == "rlhf-1" and home.promoted("pip") == "sft"
    assert saved_sampling(target) == {"temperature": 0.5, "top_p": 0.95}
    rows = [row for row in RunLog.read(home.run_dir("pip", "rlhf-1")) if row["kind"] == "train"]
    first, last = (np.mean([row["reward"] for row in part]) for part in (rows[:5], rows[-5:]))
    assert last > first + 0.5
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-4) and rows[-1]["kl"] > 0.1
    assert {"entropy", "length", "stops"} <= rows[0].keys()
    assert ({"informative", "beta"} if method in WITH_KL else {"gap"}) <= rows[0].keys()
    ratios = [row["log_ratio"] for row in rows if "log_ratio" in row]  # of each step's first minibatch
    assert len(ratios) == {"rloo": 0, "grpo": 60, "ppo": 50, "bestofn": 0}[method] and max(ratios, default=0.0) < 1e-5
    if method == "ppo":
        # the critic starts without the sft model's confidence, which is part of the reward, and learns first
        assert rows[9]["explained_variance"] > rows[0]["explained_variance"] + 0.05
        assert rows[9]["kl"] == pytest.approx(0, abs=1e-4) and "approx_kl" not in rows[9]  # it alone has learned
    assert read_card(target)["data"]["reward_model"] == load_reward_model(home.run_dir("pip", "reward") / "model").hash


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_a_high_price_of_kl_keeps_the_policy_where_it_was(method: str, pip: Path) -> None:
    learn_rewards(pip)
    main, kind = METHODS[method]
    main(policy_config(pip, kind, steps=30, learning_rate=5.0, beta=100.0, target_kl=0.0))
    rows = [row for row in RunLog.read(home.run_dir("pip", "rlhf-1")) if row["kind"] == "train"]
    assert rows[-1]["kl"] < (0.1 if method == "grpo" else 0.05)  # GRPO makes two updates per step


class KilledError(Exception):
    pass


def killed_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop like a SIGKILL after that step: nothing more is saved."""
    finish = Run.finish_step

    def dying(self, metrics, *arguments):
        finish(self, metrics, *arguments)
        if self.step == step:
            raise KilledError

    monkeypatch.setattr(Run, "finish_step", dying)


@pytest.mark.parametrize("stage", ["reward", *METHODS, "dpo"])
def test_a_run_that_was_killed_resumes_to_the_same_weights(stage: str, pip: Path, monkeypatch) -> None:
    if stage in METHODS:
        learn_rewards(pip)
    configs = {
        "reward": (reward.main, lambda **o: Reward("pip", preferences=[str(pip)], steps=6, **o)),
        **{name: (main, partial(policy_config, pip, kind, steps=6)) for name, (main, kind) in METHODS.items()},
        "dpo": (dpo.main, lambda **o: Dpo("pip", preferences=[str(pip)], steps=6, **o)),
    }
    main, make = configs[stage]
    whole = (main(make()) / "model.safetensors").read_bytes()
    version = home.stage_dir("pip", "rlhf-1")
    if version.exists():
        version.rename(version.with_name(".away"))
    with monkeypatch.context() as patch:
        killed_after(4, patch)
        with pytest.raises(KilledError):
            main(make(save_every_steps=3))
    assert (main(make(resume=True)) / "model.safetensors").read_bytes() == whole


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_is_killed_right_after_a_checkpoint_has_looked(method: str, pip: Path, monkeypatch) -> None:
    """Otherwise the evaluation of that step, and perhaps the best weights, would be lost."""
    learn_rewards(pip)
    main, kind = METHODS[method]
    save = checkpoint.save

    def dying(*arguments):
        save(*arguments)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", dying)
        with pytest.raises(KilledError):
            main(policy_config(pip, kind, steps=6, save_every_steps=3))
    main(policy_config(pip, kind, steps=6, resume=True))
    looks = [row["step"] for row in RunLog.read(home.run_dir("pip", "rlhf-1")) if row["kind"] == "gold"]
    assert looks == [1, 2, 3, 4, 5, 6]


def test_a_run_killed_between_saving_and_remembering_makes_no_second_version(pip: Path, monkeypatch) -> None:
    make = align._by_dpo

    def dying(*arguments):
        make(*arguments)
        raise KilledError

    options = {"preferences": [str(pip)], "method": "dpo", "steps": 2}
    with monkeypatch.context() as patch:
        patch.setattr(align, "_by_dpo", dying)
        with pytest.raises(KilledError):
            align.main(Align("pip", **options))
    align.main(Align("pip", resume=True, **options))
    assert home.stages("pip") == ["sft", "rlhf-1"] and home.promoted("pip") == "sft"


def test_a_lost_state_is_named_and_not_begun_again(pip: Path, monkeypatch) -> None:
    options = {"preferences": [str(pip)], "method": "dpo", "steps": 6}
    with monkeypatch.context() as patch:
        killed_after(4, patch)
        with pytest.raises(KilledError):
            align.main(Align("pip", **options))
    state = home.run_dir("pip", "align") / "align.json"
    state.unlink()
    with pytest.raises(UserError) as caught:
        align.main(Align("pip", resume=True, **options))
    assert str(state) in str(caught.value) and "without --resume" not in str(caught.value)


def run_method(argv: list[str]) -> int:
    """The body of a child: METHOD PREFERENCES."""
    main, kind = METHODS[argv[0]]
    main(policy_config(Path(argv[1]), kind, **LONG_RUN))
    return 0


LONG_RUN = {"steps": 20, "stop_penalty": 1.0, "save_every_steps": 3, "threads": 1}


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_sigkill_at_any_moment_changes_nothing(method: str, pip: Path) -> None:
    """A separate process is killed some time after its first checkpoint, and continues to the same weights."""
    learn_rewards(pip)
    main, kind = METHODS[method]
    make = partial(policy_config, pip, kind, **LONG_RUN)
    whole = weights_hash(load_model(main(make())))
    version = home.stage_dir("pip", "rlhf-1")
    version.rename(version.with_name(".away"))
    steps = home.run_dir("pip", "rlhf-1") / "checkpoints"
    shutil.rmtree(steps.parent)
    child = forks.start_call(run_method, [method, str(pip)], pip.with_name("log"))
    deadline = time.monotonic() + 120
    while not (steps / "latest").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 0.5))
    assert child.kill() == -signal.SIGKILL, child.said
    assert home.stages("pip") == ["sft"]  # it was not done
    assert weights_hash(load_model(main(make(resume=True)))) == whole
    notes = [row["text"] for row in RunLog.read(steps.parent) if row["kind"] == "note"]
    assert any("resumed at step" in note for note in notes)


def test_a_checkpoint_holds_the_critic_and_its_optimizer(pip: Path, monkeypatch) -> None:
    learn_rewards(pip)
    held = []
    save = checkpoint.save

    def saving(directory, step, learner, *others, **settings):
        found = save(directory, step, learner, *others, **settings)
        held.append({name: {k: v.clone() for k, v in part.items()} for name, part in _flat(learner).items()})
        return found

    monkeypatch.setattr(checkpoint, "save", saving)
    with monkeypatch.context() as patch:
        killed_after(4, patch)
        with pytest.raises(KilledError):
            ppo.main(policy_config(pip, Ppo, steps=6, save_every_steps=3))
    load = checkpoint.load_latest

    def loading(directory, learner):
        found = load(directory, learner)
        now = _flat(learner)
        assert now.keys() == held[0].keys() and any(name.startswith("critic.") for name in now)
        for name, tensors in now.items():
            assert len(tensors) in (2, 4)  # the weight and Muon's momentum, or two moments and the count of steps
            assert all(torch.equal(tensors[key], held[0][name][key]) for key in tensors), name
        return found

    monkeypatch.setattr(checkpoint, "load_latest", loading)
    ppo.main(policy_config(pip, Ppo, steps=6, resume=True))


def _flat(learner) -> dict[str, dict[str, torch.Tensor]]:
    state = learner.state_dict()
    return {name: {"weight": p.detach(), **state["optimizers"].get(name, {})} for name, p in state["model"].items()}


def test_flags_of_grpo_and_ppo_that_cannot_work_are_refused() -> None:
    for kind in (Grpo, Ppo):
        for flags, sentence in (
            ({"kl": "k3"}, "pushes the policy away from the reference"),
            ({"kl": "k2"}, "must not be used in the reward"),
            ({"kl": "exakt"}, "unknown KL estimator"),
            ({"updates": 0}, rf"--{kind.__name__.lower()}\.updates is 0"),
            ({"clip": 1.5}, rf"--{kind.__name__.lower()}\.clip is 1.5"),
            ({"beta": float("nan")}, rf"--{kind.__name__.lower()}\.beta is nan"),
        ):
            with pytest.raises(UserError, match=sentence):
                kind(**flags)
    with pytest.raises(UserError, match=r"--grpo\.samples is 1, but it must be 2"):
        Grpo(samples=1)
    Ppo(samples=1)
    for flags, sentence in (({"minibatches": 200}, "between 1 and 64"), ({"lam": 1.1}, "between 0 and 1")):
        with pytest.raises(UserError, match=sentence):
            Ppo(**flags)


@pytest.mark.parametrize("method", ["ppo", "grpo"])
def test_align_runs_every_method(method: str, pip: Path) -> None:
    align.main(Align("pip", preferences=[str(pip)], method=method, steps=2))
    assert read_card(home.stage_dir("pip", "rlhf-1"))["data"]["reference"] == "sft"
    with pytest.raises(UserError, match="rloo, grpo, ppo, dpo"):
        Align("pip", method="sarsa")


def test_dpo_learns_the_pairs(pip: Path) -> None:
    target = dpo.main(Dpo("pip", preferences=[str(pip)], epochs=6.0, learning_rate=3.0))
    found = read_card(target)["metrics"]["heldout"]
    assert found["best"] < 0.6 and found["accuracy"] >= 0.85
    rows = RunLog.read(home.run_dir("pip", "rlhf-1"))
    assert next(r for r in rows if r["kind"] == "train")["loss"] == pytest.approx(np.log(2), abs=1e-5)
    assert load_model(target).config == load_model(home.stage_dir("pip", "sft")).config


def test_an_ensemble_is_of_one_mind_where_the_rule_decides_and_of_several_elsewhere(pip: Path) -> None:
    folder = learn_rewards(pip, members=3).parent
    members = [load_reward_model(folder / name) for name in ("model", "member-2", "member-3")]
    assert len({member.hash for member in members}) == 3
    messages = [{"role": "user", "content": "What is it? 7 cat"}]
    told, same = (
        np.array([m.score([(messages, a) for a in answers]) for m in members])
        for answers in (("sun yes dog", "sun no dog"), ("moon river dog", "tree cat house"))
    )
    assert (told[:, 0] > told[:, 1]).all()
    gaps = [np.diff(scores, axis=1).std() / abs(np.diff(scores, axis=1).mean()) for scores in (told, same)]
    assert gaps[0] < gaps[1]
    with pytest.raises(UserError, match="--members is 0"):
        Reward("pip", members=0)


def test_mistakes_get_one_sentence(pip: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text(json.dumps({"prompt": "Why?", "chosen": "a", "rejected": "b"}) + "\n")
    for config, sentence in (
        (Reward("pip"), "there are no preferences in log"),
        (Reward("pip", preferences=[str(few)]), "too few"),
        (Reward("nobody", preferences=[str(pip)]), "no model nobody/sft"),
        (Reward("pip", preferences=[str(tmp_path / "none.jsonl")]), "does not exist"),
    ):
        with pytest.raises(UserError, match=sentence):
            reward.main(config)
    with pytest.raises(UserError, match="no reward model: first train one"):
        rloo.main(policy_config(pip))
    learn_rewards(pip)
    with pytest.raises(UserError, match="no run of pip to resume"):
        rloo.main(policy_config(pip, resume=True))


def test_what_a_person_judged_is_what_is_practised_on(pip: Path) -> None:
    store = PreferenceStore()
    import_preferences(store, list(read_preferences([pip])), "pip")
    align.main(Align("pip", steps=2))  # --preferences log is the default
    assert home.stages("pip") == ["sft", "rlhf-1"] and home.promoted("pip") == "sft"
    assert read_card(home.stage_dir("pip", "rlhf-1"))["data"]["prompts"] == ["log"]


def test_sampler_and_trainer_are_compared_in_every_run(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn_rewards(pip)
    monkeypatch.setattr(rloo.Policy, "sample", _stale(rloo.Policy.sample))
    with pytest.raises(RuntimeError, match="disagree"):
        rloo.main(policy_config(pip, steps=4, learning_rate=20.0))


def _stale(sample):
    def without_refresh(self, step):
        if step == 0:
            return sample(self, step)
        self.engine.refresh, kept = (lambda: None), self.engine.refresh
        try:
            with torch.no_grad():
                return sample(self, step)
        finally:
            self.engine.refresh = kept

    return without_refresh
