"""Stages with adapters of one base share its weights in memory, and answer as if each were loaded alone."""

from __future__ import annotations

import json

import pytest
import torch

from firstwords import api, home
from firstwords.model import hub, lora
from firstwords.model.lora import Lora
from firstwords.model.sharing import Bases, base_of
from firstwords.serve.models import Memory, find
from firstwords.serve.settings import Settings
from firstwords.tokenizer.fast import Tokenizer

PROMPT = list(range(5, 17))


@pytest.fixture
def smol(empty_home, tiny_policy) -> None:
    """smol/{chat,sft,rlhf-1,rlhf-2}: two adapters of chat, and one of rlhf-1."""
    tokenizer = Tokenizer.train(["The cat is on the mat. What is your name? My name is Pip.\n"] * 5, 300)
    chat = tiny_policy(tokenizer.vocab_size)
    digest = hub.weights_hash(chat)
    hub.save_model(chat, home.stage_dir("smol", "chat"), tokenizer, {"stage": "chat", "weights_sha256": digest})
    for seed, (stage, parent) in enumerate({"sft": "chat", "rlhf-1": "chat", "rlhf-2": "rlhf-1"}.items()):
        model = hub.load_model(home.stage_dir("smol", parent))
        before, setting = hub.weights_hash(model), Lora(4, 8.0)
        lora.adapt(model, setting, seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith("lora_B"):
                    parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
        tensors = lora.adapter_of(model)
        lora.merge(model)
        card = {"stage": stage, "parent": before, "weights_sha256": hub.weights_hash(model)}

        def more(folder, tensors=tensors, setting=setting):
            lora.save_adapter(tensors, setting, folder / "adapter", "base")

        hub.save_model(model, home.stage_dir("smol", stage), tokenizer, card, more)


def answer(engine) -> list[int]:
    from firstwords.engine.sampling import SamplingParams

    (completion,) = engine.generate([PROMPT], SamplingParams(max_tokens=10, temperature=0.0, ignore_eos=True))
    return completion.ids


def storages(model) -> set[int]:
    return {p.untyped_storage().data_ptr() for p in model.parameters()}


def test_the_server_holds_one_base_for_all_its_adapters(smol) -> None:
    memory = Memory(Settings())
    held = {stage: memory.get(find(f"smol/{stage}")) for stage in ("sft", "chat", "rlhf-1")}
    models = {stage: each.loaded.model for stage, each in held.items()}
    common = storages(models["chat"])
    assert all(common <= storages(model) for model in models.values())
    weights = sum(p.numel() * p.element_size() for p in models["chat"].parameters())
    caches = sum(each.engine.cache.num_bytes for each in held.values())
    assert weights < memory.num_bytes - caches < 1.6 * weights, "the base is counted once"
    answers = {stage: answer(each.engine) for stage, each in held.items()}
    for stage, ids in answers.items():  # in any order, as often as one likes
        assert answer(held[stage].engine) == ids == answer(api.load(f"smol/{stage}").engine()), stage
    assert len({tuple(ids) for ids in answers.values()}) == 3, "each has an adapter of its own"


def test_the_base_leaves_memory_with_the_last_stage_that_uses_it(smol) -> None:
    bases = Bases()
    one, base = bases.load(home.stage_dir("smol", "sft"))
    two, again = bases.load(home.stage_dir("smol", "rlhf-1"))
    assert again is base and len(bases._known) == 1
    del one, base
    assert len(bases._known) == 1
    del two, again
    assert not bases._known


def test_what_has_no_sibling_with_its_base_is_loaded_whole(smol) -> None:
    assert base_of(home.stage_dir("smol", "rlhf-1")) == home.stage_dir("smol", "chat")
    assert base_of(home.stage_dir("smol", "rlhf-2")) == home.stage_dir("smol", "rlhf-1")
    assert base_of(home.stage_dir("smol", "chat")) is None
    card = home.stage_dir("smol", "sft") / "firstwords.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"parent": "another"}))
    assert base_of(home.stage_dir("smol", "sft")) is None
    config = home.stage_dir("smol", "rlhf-1") / "adapter" / lora.CONFIG
    config.write_text("{")
    for stage in ("sft", "rlhf-1"):
        model, base = Bases().load(home.stage_dir("smol", stage))
        assert hub.weights_hash(model) == hub.weights_hash(base) == hub.weights_hash(api.load(f"smol/{stage}").model)
