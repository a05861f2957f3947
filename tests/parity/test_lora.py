"""Adapters: the function and the gradients of PEFT, its files in both directions, and weights with which they merge."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models import assert_close, ids_of, peer_of

from firstwords import api, home
from firstwords.cli import main
from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model import hub, lora
from firstwords.model.lora import TARGETS, Lora
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.losses import next_token_loss

os.environ.setdefault("HF_HUB_OFFLINE", "1")
peft = pytest.importorskip("peft")

SETTINGS = {
    "all": Lora(4, 8.0),
    "two": Lora(3, 5.0, ("q_proj", "v_proj")),
    "mlp, rank-stabilised": Lora(4, 6.0, ("gate_proj", "down_proj"), is_rank_stabilised=True),
    "one of three joined ones": Lora(2, 2.0, ("k_proj", "up_proj")),
}
every = pytest.mark.parametrize("setting", SETTINGS)
FAMILIES = ("llama", "qwen2", "qwen3", "gemma3", "smollm3")


def base(case: str, folder: Path) -> tuple[Transformer, torch.nn.Module]:
    peer = peer_of(case)
    peer.save_pretrained(folder)
    return hub.load_model(folder), peer


def randomised(model: Transformer, setting: Lora) -> Transformer:
    """With an adapter whose B is not zero."""
    lora.adapt(model, setting, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("lora_B"):
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@every
def test_peft_loads_ours(setting, tmp_path):
    ours, peer = base("llama", tmp_path / "base")
    before = ours(ids_of()).detach()
    randomised(ours, SETTINGS[setting])
    lora.save_adapter(lora.adapter_of(ours), SETTINGS[setting], tmp_path / "adapter", "base")
    theirs = peft.PeftModel.from_pretrained(peer, tmp_path / "adapter")
    with torch.no_grad():
        assert_close(ours(ids_of()), theirs(ids_of()).logits, "logits")
    assert (ours(ids_of()) - before).abs().max() > 0.1, "the adapter changes something"


@pytest.mark.parametrize("case", FAMILIES)
def test_we_load_theirs(case, tmp_path):
    ours, peer = base(case, tmp_path / "base")
    torch.manual_seed(0)  # PEFT draws both matrices
    config = peft.LoraConfig(r=4, lora_alpha=9, target_modules=list(TARGETS), init_lora_weights=False, use_rslora=True)
    theirs = peft.get_peft_model(peer, config).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    assert lora.load_adapter(ours, tmp_path / "adapter") == Lora(4, 9.0, ours_targets(tmp_path), True)
    with torch.no_grad():  # PEFT's random B makes the sums larger than any trained adapter's, and the peer's softmax
        assert_close(ours.double()(ids_of()), theirs.double()(ids_of()).logits, "logits", slack=2)  # stays in fp32


def ours_targets(folder: Path) -> tuple[str, ...]:
    return tuple(json.loads((folder / "adapter" / "adapter_config.json").read_text())["target_modules"])


@every
def test_gradients_equal_theirs_and_nothing_else_is_trained(setting, tmp_path):
    ours, peer = base("qwen3", tmp_path / "base")
    randomised(ours, SETTINGS[setting])
    lora.save_adapter(lora.adapter_of(ours), SETTINGS[setting], tmp_path / "adapter", "base")
    theirs = peft.PeftModel.from_pretrained(peer, tmp_path / "adapter", is_trainable=True)
    ids_BT = ids_of()
    theirs(ids_BT, labels=ids_BT).loss.backward()
    batch = {"inputs": ids_BT[:, :-1], "targets": ids_BT[:, 1:]}
    (next_token_loss(ours, batch) / batch["targets"].numel()).backward()
    their_grads = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    our_grads = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    assert len(our_grads) == len(their_grads) == len(lora.adapter_of(ours)) > 0
    for name, grad in our_grads.items():
        assert_close(grad, their_grads[f"base_model.model.{name}.default.weight"], name)
    assert sum(p.numel() for p in our_grads.values()) == SETTINGS[setting].num_params(ours.config)


@every
@pytest.mark.parametrize("case", ["qwen2", "gemma3"])
def test_merged_equals_unmerged_in_every_decoder(case, setting, tmp_path):
    ours, _ = base(case, tmp_path / "base")
    randomised(ours, SETTINGS[setting])
    expected = ours(ids_of()).detach()
    params = SamplingParams(max_tokens=12, temperature=0.0, ignore_eos=True)
    prompt = ids_of()[0, :9].tolist()
    (unmerged,) = Engine(ours, None).generate([prompt], params)  # the compiled loops read the adapter, too
    lora.merge(ours)
    assert_close(ours(ids_of()), expected, "logits")
    (merged,) = Engine(ours, None).generate([prompt], params)
    assert merged.ids == unmerged.ids
    assert not lora.adapter_of(ours) and all(p.requires_grad for p in ours.parameters())


def test_a_new_adapter_changes_nothing(tmp_path):
    ours, _ = base("qwen3", tmp_path)
    before = ours(ids_of()).detach()
    lora.adapt(ours, Lora(4, 8.0), seed=0)
    assert_close(ours(ids_of()), before, "logits")


def damaged(folder: Path, **changes) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


REFUSED = {
    "another kind": ({"peft_type": "IA3"}, "IA3"),
    "dora": ({"use_dora": True}, "use_dora"),
    "biases": ({"bias": "all"}, "bias"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    "ranks by layer": ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
    "a pattern": ({"target_modules": "all-linear"}, "pattern"),
    "an unknown matrix": ({"target_modules": ["wqkv"]}, "wqkv"),
    "no rank": ({"r": None}, "adapter_config.json"),
    "another rank": ({"r": 5}, "made for another model"),
    "fewer matrices": ({"target_modules": ["q_proj"]}, "cannot adapt"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_does_not_fit_is_refused_by_name(reason, tmp_path):
    ours, _ = base("qwen3", tmp_path / "base")
    randomised(ours, Lora(4, 8.0))
    lora.save_adapter(lora.adapter_of(ours), Lora(4, 8.0), tmp_path / "adapter", "base")
    changes, words = REFUSED[reason]
    damaged(tmp_path / "adapter", **changes)
    lora.merge(ours)
    with pytest.raises(UserError, match=words):
        lora.load_adapter(ours, tmp_path / "adapter")


def test_an_adapter_that_lost_a_matrix_is_refused(tmp_path):
    ours, _ = base("qwen3", tmp_path / "base")
    randomised(ours, Lora(4, 8.0))
    lora.save_adapter(lora.adapter_of(ours), Lora(4, 8.0), tmp_path / "adapter", "base")
    tensors = load_file(tmp_path / "adapter" / lora.TENSORS)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, tmp_path / "adapter" / lora.TENSORS)
    lora.merge(ours)
    with pytest.raises(UserError, match="lacks the matrices"):
        lora.load_adapter(ours, tmp_path / "adapter")


# ---- the commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(empty_home, tmp_path, tiny_policy) -> Path:
    """An imported model that answers: tiny/chat."""
    tokenizer = Tokenizer.train(["The cat is on the mat. What is your name? My name is Pip.\n"] * 5, 300)
    hub.save_model(tiny_policy(tokenizer.vocab_size), tmp_path / "tiny", tokenizer)
    assert main(["import", str(tmp_path / "tiny"), "--stage", "chat"]) == 0
    chats = [
        {"messages": [{"role": "user", "content": f"What is {n}?"}, {"role": "assistant", "content": f"It is {n}."}]}
        for n in range(60)
    ]
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    return tmp_path


def finetune(tiny: Path, *words: str) -> int:
    chats = str(tiny / "chats.jsonl")
    return main(["finetune", "tiny", "--chats", chats, "--steps", "6", "--batch-tokens", "256", *words])


def test_finetuning_with_an_adapter(tiny, capsys):
    assert finetune(tiny, "--lora", "4", "--learning-rate", "20") == 0
    assert "an adapter of rank 4" in capsys.readouterr().err
    assert home.stages("tiny") == ["chat", "sft"] and home.promoted("tiny") == "sft"
    stage, chat = home.stage_dir("tiny", "sft"), home.stage_dir("tiny", "chat")
    ours = hub.load_model(stage)
    assert hub.weights_hash(ours) != hub.weights_hash(hub.load_model(chat))
    import transformers

    peer = transformers.AutoModelForCausalLM.from_pretrained(chat, dtype=torch.float32)
    theirs = peft.PeftModel.from_pretrained(peer, stage / "adapter")
    ids_BT = ids_of()
    with torch.no_grad():
        assert_close(ours(ids_BT), theirs(ids_BT).logits, "logits")
    # the embedding and the norms are the base's, bit by bit
    before, after = (dict(hub.load_model(each).named_parameters()) for each in (chat, stage))
    for name in before:
        is_adapted = name.startswith("model.layers") and before[name].ndim == 2
        assert torch.equal(before[name], after[name]) != is_adapted, name
    assert isinstance(api.load("tiny").chat("What is 7?", max_tokens=5), str)


def test_an_adapter_learns_what_all_weights_learn(tiny):
    losses = {}
    for words in ([], ["--lora", "8", "--learning-rate", "20"]):
        assert finetune(tiny, "--replace", *words) == 0
        losses[len(words)] = hub.read_card(home.stage_dir("tiny", "sft"))["metrics"]["train_loss"]
    assert losses[4] < 5.5 and losses[0] < 5.5


def test_merge_makes_a_new_model(tiny, capsys):
    assert finetune(tiny, "--lora", "4", "--rslora", "--learning-rate", "20") == 0
    adapter = home.stage_dir("tiny", "sft") / "adapter"
    assert main(["merge", "tiny/chat", str(adapter), "--name", "merged"]) == 0
    assert home.stages("merged") == ["chat"]
    one, two = (hub.load_model(home.resolve(ref)) for ref in ("tiny/sft", "merged"))
    assert hub.weights_hash(one) == hub.weights_hash(two)
    assert main(["merge", "tiny/chat", str(tiny), "--name", "other"]) == 2
    assert "is not an adapter" in capsys.readouterr().err
    assert home.models() and "other" not in home.models()


def test_flags_of_adapters_need_a_rank(tiny, capsys):
    assert finetune(tiny, "--lora-alpha", "4") == 2
    assert "give --lora RANK" in capsys.readouterr().err
    assert finetune(tiny, "--lora", "4", "--lora-targets", "wqkv") == 2
    assert "wqkv" in capsys.readouterr().err


def test_training_an_imported_model_again_keeps_it(tiny, capsys):
    assert finetune(tiny, "--lora", "4") == 0
    assert finetune(tiny, "--lora", "4") == 2
    assert "--replace" in capsys.readouterr().err
    before = hub.read_card(home.stage_dir("tiny", "chat"))["weights_sha256"]
    assert finetune(tiny, "--lora", "2", "--replace") == 0
    assert home.stages("tiny") == ["chat", "sft"]
    assert hub.read_card(home.stage_dir("tiny", "chat"))["weights_sha256"] == before
