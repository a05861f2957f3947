"""Adapters in stage three: DPO's losses and gradients are PEFT's, and PEFT reads reward models and versions."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_lora import randomised
from test_models import V, assert_close, ids_of, peer_of

from firstwords import home
from firstwords.cli import main
from firstwords.model import hub, lora
from firstwords.model.heads import ScalarModel, load_scalar_model
from firstwords.model.lora import Lora
from firstwords.rlhf import pair_rows, policy, reward
from firstwords.rlhf.methods import dpo
from firstwords.rlhf.methods.dpo import PairLoss
from firstwords.runlog import RunLog
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.learner import Learner, adamw_config
from firstwords.train.losses import linear_logprobs, token_logprobs

os.environ.setdefault("HF_HUB_OFFLINE", "1")
peft = pytest.importorskip("peft")
SETTING, BETA, RATE = Lora(4, 8.0), 0.3, 1e-2


def base(case: str, folder: Path):
    peer = peer_of(case)
    peer.save_pretrained(folder)
    return hub.load_model(folder), peer


def test_twins_share_their_weights_and_nothing_else(tmp_path):
    ours, _ = base("qwen3", tmp_path)
    before, other = ours(ids_of()).detach(), lora.twin(ours)
    mine, theirs = (dict(model.named_parameters()) for model in (ours, other))
    assert mine.keys() == theirs.keys()
    assert all(mine[name].data_ptr() == theirs[name].data_ptr() for name in mine)
    randomised(ours, SETTING)
    adapted = ours(ids_of()).detach()
    assert torch.equal(other(ids_of()), before) and not torch.equal(adapted, before)
    third = lora.twin(ours)  # of a model with an adapter: without it
    assert torch.equal(third(ids_of()), before)
    lora.merge(ours)
    assert torch.equal(other(ids_of()), before), "merging one leaves the others as they are"
    assert_close(ours(ids_of()), adapted, "logits")
    assert ours.lm_head.weight.data_ptr() == other.lm_head.weight.data_ptr()


def pairs_of(seed: int) -> dict[str, np.ndarray]:
    """Two pairs of answers of different lengths after prompts of three tokens; chosen ones first."""
    inputs = torch.cat([ids_of(2 * seed), ids_of(2 * seed + 1)]).numpy()
    lengths = np.array([9, 12, 11, 8])
    places = np.arange(1, inputs.shape[1])
    mask = (places >= 3) & (places < lengths[:, None])
    return {"inputs": inputs, "mask": mask}


def peer_logprobs(model, batch: dict[str, np.ndarray]) -> torch.Tensor:
    ids_BT, mask_BT = torch.from_numpy(batch["inputs"]), torch.from_numpy(batch["mask"])
    logprobs = model(ids_BT).logits[:, :-1].log_softmax(-1).gather(2, ids_BT[:, 1:, None])[..., 0]
    return (logprobs * mask_BT).sum(1)


@pytest.mark.parametrize("case", ["plain", "recomputed, logits in chunks"])
def test_steps_of_dpo_equal_peft(case, tmp_path, monkeypatch):
    """Losses, gradients and two updates; the reference is the model without its adapter, on both sides."""
    ours, peer = base("llama", tmp_path / "base")
    reference = lora.twin(ours)
    randomised(ours, SETTING)
    if case != "plain":
        ours.recompute_above = 0
        monkeypatch.setattr(pair_rows, "MOST_LOGITS", 0)
    lora.save_adapter(lora.adapter_of(ours), SETTING, tmp_path / "adapter", "base")
    theirs = peft.PeftModel.from_pretrained(peer, tmp_path / "adapter", is_trainable=True)
    optimizer = torch.optim.AdamW(
        [p for p in theirs.parameters() if p.requires_grad], RATE, (0.9, 0.98), 1e-10, weight_decay=0.0
    )
    learner, loss = Learner(ours, adamw_config(RATE)), PairLoss(BETA, "sigmoid")
    for step in range(3):
        batch = pairs_of(step)
        with torch.no_grad(), theirs.disable_adapter():
            their_ref = peer_logprobs(theirs, batch)
        with torch.no_grad():
            ref = pair_rows.answer_logprobs(reference, pair_rows.on_device(reference, batch))
        assert_close(ref, their_ref, "log-probabilities of the reference")
        chosen, rejected = (peer_logprobs(theirs, batch) - their_ref).chunk(2)
        their_loss = -F.logsigmoid(BETA * (chosen - rejected)).mean()
        found = learner.forward_backward([batch | {"ref": ref.numpy()}], loss.summed, divisor=2)
        assert found["loss"] == pytest.approx(float(their_loss.detach()), rel=2e-5), step
        optimizer.zero_grad()
        their_loss.backward()
        their_grads = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
        our_grads = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
        assert len(our_grads) == len(their_grads) > 0
        for name, grad in our_grads.items():
            assert_close(grad, their_grads[f"base_model.model.{name}.default.weight"], name, slack=10.0)
        torch.nn.utils.clip_grad_norm_([p for p in theirs.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        learner.optim_step(1.0)


def test_log_probabilities_in_chunks_have_the_same_gradients(monkeypatch):
    from firstwords.train import losses

    monkeypatch.setattr(losses, "CHUNK_ELEMENTS", 3 * V)
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(n, 8, generator=generator, requires_grad=True) for n in (10, V))
    ids, scale = torch.randint(0, V, (10,), generator=generator), torch.randn(10, generator=generator)
    results = []
    for logprobs in (token_logprobs(x @ weight.T, ids), linear_logprobs(x, weight, ids)):
        results.append((logprobs, *torch.autograd.grad((logprobs * scale).sum(), (x, weight))))
    for name, expected, found in zip(("values", "of x", "of the weights"), *results, strict=True):
        assert_close(found, expected, name)


def test_peft_reads_the_adapter_of_a_reward_model(tmp_path):
    import transformers

    policy, _ = base("llama", tmp_path / "base")
    model = ScalarModel.from_policy(policy, seed=1, shares_weights=True)
    shared = dict(policy.named_parameters())
    assert all(p.data_ptr() == shared[name].data_ptr() for name, p in model.named_parameters() if name in shared)
    randomised(model, SETTING)
    lora.save_adapter(lora.adapter_of(model), SETTING, tmp_path / "adapter", "base")
    peer = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=1)
    peer.config.pad_token_id = 0
    theirs = peft.PeftModel.from_pretrained(peer, tmp_path / "adapter").eval()
    ids_BT = ids_of().clamp(min=1)
    with torch.no_grad():
        assert_close(model.values(ids_BT)[:, -1], theirs(ids_BT).logits[:, 0], "scores")


# ---- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(empty_home, tmp_path, tiny_policy) -> Path:
    """An imported model that answers, tiny/chat, and a file of preferences."""
    tokenizer = Tokenizer.train(["The cat is on the mat. What is your name? My name is Pip.\n"] * 5, 300)
    hub.save_model(tiny_policy(tokenizer.vocab_size), tmp_path / "tiny", tokenizer)
    assert main(["import", str(tmp_path / "tiny"), "--stage", "chat"]) == 0
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "My name is Pip."} for n in range(40)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return tmp_path


def align(tiny: Path, *words: str) -> int:
    return main(["align", "tiny", "--preferences", str(tiny / "pairs.jsonl"), "--lora", "4", *words])


def check_version(stage: Path, parent: Path) -> None:
    """The version is the parent with its adapter, as PEFT computes it."""
    import transformers

    peer = transformers.AutoModelForCausalLM.from_pretrained(parent, dtype=torch.float32)
    theirs, ours = peft.PeftModel.from_pretrained(peer, stage / "adapter"), hub.load_model(stage)
    with torch.no_grad():
        assert_close(ours(ids_of()), theirs(ids_of()).logits, "logits")
    assert hub.weights_hash(ours) != hub.weights_hash(hub.load_model(parent))
    assert hub.read_card(stage)["data"]["adapter"]["rank"] == 4


def test_dpo_with_an_adapter_is_a_version_like_any_other(tiny, capsys):
    assert align(tiny, "--method", "dpo", "--steps", "4", "--learning-rate", "20") == 0
    shown = capsys.readouterr().err
    assert "an adapter of rank 4" in shown and "4 steps of 16 pairs, about" in shown
    assert home.stages("tiny") == ["chat", "rlhf-1"]
    stage, chat = (home.stage_dir("tiny", name) for name in ("rlhf-1", "chat"))
    check_version(stage, chat)
    best = home.run_dir("tiny", "rlhf-1") / "best.safetensors"
    assert all(name.endswith(("lora_A", "lora_B")) for name, _ in hub.tensors_of(best)), "only the adapter was kept"
    assert main(["promote", "tiny", "rlhf-1"]) == 0 and home.promoted("tiny") == "rlhf-1"
    # a second version begins at the first, and its reference is still the chat model
    assert align(tiny, "--method", "dpo", "--steps", "2", "--learning-rate", "20") == 0
    check_version(home.stage_dir("tiny", "rlhf-2"), stage)
    assert main(["rollback", "tiny"]) == 0 and home.promoted("tiny") == "chat"
    assert main(["merge", "tiny/chat", str(stage / "adapter"), "--name", "merged"]) == 0
    merged = hub.load_model(home.resolve("merged"))
    assert hub.weights_hash(merged) == hub.weights_hash(hub.load_model(stage))


def test_a_resumed_run_ends_with_the_same_adapter(tiny, monkeypatch):
    flags = {"name": "tiny", "preferences": [str(tiny / "pairs.jsonl")], "lora": 4, "steps": 4, "learning_rate": 20.0}
    flags |= {"save_every_steps": 1, "threads": 1}
    stage = dpo.main(dpo.Dpo(**flags))
    expected = hub.weights_hash(hub.load_model(stage))
    shutil.rmtree(stage)
    forward_backward, steps = Learner.forward_backward, []

    def dying(self, *args, **kwargs):
        steps.append(1)
        if len(steps) == 3:
            raise RuntimeError("killed")
        return forward_backward(self, *args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(Learner, "forward_backward", dying)
        dpo.main(dpo.Dpo(**flags))
    assert not stage.exists()
    assert dpo.main(dpo.Dpo(**(flags | {"resume": True, "lora": 0}))) == stage  # the flags that it was started with
    assert hub.weights_hash(hub.load_model(stage)) == expected


@pytest.mark.parametrize(("members", "steps", "plan"), [(1, 3, ", about 48 s"), (3, 1, " models, about 48 s")])
def test_the_members_of_an_ensemble_share_the_minutes(members, steps, plan, tiny, monkeypatch, capsys):
    """A minute for steps of 16 s: three for one reward model, or one for each of three."""
    monkeypatch.setattr(reward, "pair_seconds", lambda *_: 1.0)
    flags = ["--preferences", str(tiny / "pairs.jsonl"), "--lora", "4", "--minutes", "1", "--members", str(members)]
    assert main(["reward", "tiny", *flags]) == 0
    shown = capsys.readouterr().err
    runs = home.run_dir("tiny", "reward")
    assert plan in shown and ("for each of 3 reward models" in shown) == (members == 3)
    for folder in [runs, *(runs / f"training-{number}" for number in range(2, members + 1))]:
        assert [row["step"] for row in RunLog.read(folder) if row["kind"] == "train"] == list(range(1, steps + 1))


def test_the_plan_says_what_was_free_when_it_was_made(tiny, monkeypatch, capsys):
    """Not what is left once the reference and the reward model are loaded."""
    measured = iter([7_000_000_000])
    monkeypatch.setattr(policy, "free_bytes", lambda device: next(measured, 1_000_000_000))
    few = ["--rloo.step-prompts", "2", "--rloo.samples", "2", "--rloo.max-tokens", "4"]
    assert align(tiny, "--method", "rloo", "--steps", "1", *few) == 0
    assert "of memory (7.0 GB are free)" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["rloo", "ppo"])
def test_adapters_with_a_reward_model(method, tiny):
    few = [f"--{method}.step-prompts", "2", f"--{method}.samples", "2", f"--{method}.max-tokens", "4"]
    assert align(tiny, "--method", method, "--steps", "2", "--learning-rate", "20", *few) == 0
    check_version(home.stage_dir("tiny", "rlhf-1"), home.stage_dir("tiny", "chat"))
    judge = home.run_dir("tiny", "reward") / "model"
    assert hub.read_card(judge)["data"]["adapter"]["rank"] == 4 and (judge / "adapter" / lora.CONFIG).exists()
    trained, began = (
        dict(model.named_parameters()) for model in (load_scalar_model(judge), hub.load_model(judge / "reference"))
    )
    for name in began.keys() & trained.keys():
        is_adapted = name.startswith("model.layers") and began[name].ndim == 2
        assert torch.equal(trained[name], began[name]) != is_adapted, name
