"""Our transformer is Llama, Mistral, Qwen2, Qwen3, SmolLM3 and Gemma 3: logits, loss, gradients and greedy tokens of
`transformers`, in both directions, on tiny random models in fp32.
"""

import json
import os

import pytest
import torch
from safetensors.torch import load_file

from firstwords.data.packing import IGNORED
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.config import ModelConfig
from firstwords.model.hub import load_model, save_model
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.losses import next_token_loss

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here needs the network
transformers = pytest.importorskip("transformers")

# Legend: B rows, T tokens, V vocabulary.
B, T, V = 2, 40, 97
TOLERANCE = 1e-5  # of the largest value of the tensor that is compared
# 32 original positions put the eight frequencies of a head of 16 on all three branches of Llama 3's rule
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
GEMMA = {"head_dim": 16, "sliding_window": 7, "num_hidden_layers": 6}
GEMMA_ROPES = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 5_000.0},
}
CONFIGS = {"Gemma3": "Gemma3TextConfig"}  # where the name is not the family's with "Config" after it
CASES = {
    "llama": ("Llama", {}),
    "llama tied": ("Llama", {"tie_word_embeddings": True}),
    "llama one kv head": ("Llama", {"num_key_value_heads": 1}),
    "llama without gqa": ("Llama", {"num_key_value_heads": 4}),
    "llama wide heads": ("Llama", {"head_dim": 24}),
    "llama biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama3 scaling": ("Llama", {"rope_parameters": LLAMA3, "rms_norm_eps": 1e-2}),
    "llama theta": ("Llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    "mistral": ("Mistral", {"sliding_window": None}),
    "mistral window as long as the context": ("Mistral", {"sliding_window": 64}),
    "qwen2": ("Qwen2", {}),
    "qwen2 tied": ("Qwen2", {"tie_word_embeddings": True}),
    "linear scaling": ("Llama", {"rope_parameters": LINEAR}),
    "yarn scaling": ("Llama", {"rope_parameters": YARN}),
    "yarn with its own amplitude": ("Qwen3", {"head_dim": 16, "rope_parameters": YARN | {"attention_factor": 1.3}}),
    "yarn with two scales": ("Qwen2", {"rope_parameters": YARN | {"mscale": 0.7, "mscale_all_dim": 1.2}}),
    "yarn not truncated": ("Llama", {"rope_parameters": YARN | {"truncate": False, "beta_fast": 8, "beta_slow": 2}}),
    "mistral window": ("Mistral", {"sliding_window": 7}),
    "qwen2 window in later layers": (
        "Qwen2",
        {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3 window": ("Qwen3", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 0}),
    "smollm3": ("SmolLM3", {"num_hidden_layers": 5}),
    "smollm3 chosen layers": ("SmolLM3", {"no_rope_layers": [0, 1], "tie_word_embeddings": True}),
    "gemma3": ("Gemma3", GEMMA),
    "gemma3 one pattern": (
        "Gemma3",
        GEMMA | {"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]},
    ),
    "gemma3 scaled": ("Gemma3", GEMMA | {"rope_parameters": GEMMA_ROPES, "query_pre_attn_scalar": 24}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "qwen3 tied": ("Qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
    "qwen3 biases": ("Qwen3", {"head_dim": 12, "attention_bias": True}),
}
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def randomise(model: torch.nn.Module, seed: int = 0) -> None:
    """Weights at which every gain, bias and projection matters, so that nothing can be left out unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if name.endswith("norm.weight") else 0.2 * noise)


def peer_of(case: str) -> torch.nn.Module:
    """The model of the case as `transformers` builds it from a config."""
    family, changes = CASES[case]
    shape = {
        "vocab_size": V,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "tie_word_embeddings": False,
    }
    config = getattr(transformers, CONFIGS.get(family, f"{family}Config"))(**(shape | changes))
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    randomise(model)
    return model


def ids_of(seed: int = 1) -> torch.Tensor:
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(seed))


def assert_close(ours: torch.Tensor, theirs: torch.Tensor, what: str, slack: float = 1.0) -> None:
    assert ours.shape == theirs.shape, what
    difference = (ours.detach() - theirs.detach()).abs().max().item()
    scale = theirs.abs().max().item()
    assert difference <= slack * TOLERANCE * scale, f"{what}: off by {difference} at a scale of {scale}"


def greedy(model: Transformer, prompt: list[int], num_tokens: int) -> list[int]:
    params = SamplingParams(max_tokens=num_tokens, temperature=0.0, ignore_eos=True)
    (completion,) = Engine(model, None).generate([prompt], params)
    return completion.ids


def peer_greedy(peer: torch.nn.Module, prompt: list[int], num_tokens: int) -> list[int]:
    prompt_BT = torch.tensor([prompt])
    out_BT = peer.generate(
        prompt_BT, attention_mask=torch.ones_like(prompt_BT), do_sample=False, max_new_tokens=num_tokens
    )
    return out_BT[0, len(prompt) :].tolist()


def step_by_step(model: Transformer, prompt: list[int], num_tokens: int) -> list[int]:
    """The definition of greedy generation: no cache, no batch."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(num_tokens):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


@every_case
def test_theirs_opened_by_us_computes_the_same(case, tmp_path):
    peer = peer_of(case)
    peer.save_pretrained(tmp_path)
    ours = load_model(tmp_path)
    ids_BT = ids_of()
    with torch.no_grad():
        assert_close(ours(ids_BT), peer(ids_BT).logits, "logits")


@every_case
def test_loss_and_every_gradient_equal_theirs(case, tmp_path):
    peer = peer_of(case)
    peer.save_pretrained(tmp_path)
    ours = load_model(tmp_path)
    ids_BT = ids_of()
    labels_BT = ids_BT.clone()
    labels_BT[0, 5:15] = IGNORED
    their_loss = peer(ids_BT, labels=labels_BT).loss
    their_loss.backward()
    batch = {"inputs": ids_BT[:, :-1], "targets": labels_BT[:, 1:]}
    our_loss = next_token_loss(ours, batch) / int((batch["targets"] != IGNORED).sum())
    our_loss.backward()
    assert_close(our_loss, their_loss, "loss")
    theirs = dict(peer.named_parameters())
    assert {name for name, _ in ours.named_parameters()} == set(theirs)
    for name, parameter in ours.named_parameters():
        assert theirs[name].grad.abs().max() > 0, f"{name} has no gradient to compare"
        assert_close(parameter.grad, theirs[name].grad, f"gradient of {name}", ours.config.num_hidden_layers / 2)


@every_case
def test_ours_opened_by_them_computes_and_generates_the_same(case, tmp_path):
    peer_of(case).config.save_pretrained(tmp_path / "theirs")  # only the shape; the weights are ours
    data = json.loads((tmp_path / "theirs" / "config.json").read_text())
    data["architectures"] = [f"{CASES[case][0]}ForCausalLM"]
    ours = Transformer(ModelConfig.from_hf(data))
    randomise(ours, seed=3)
    save_model(ours, tmp_path / "ours")
    peer, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "ours", dtype=torch.float32, output_loading_info=True
    )
    assert type(peer).__name__ == data["architectures"][0]
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    ids_BT = ids_of()
    with torch.no_grad():
        assert_close(ours(ids_BT), peer(ids_BT).logits, "logits")
    prompt = ids_BT[0, :9].tolist()
    expected = peer_greedy(peer, prompt, 20)
    assert len(set(expected)) > 3, "a constant answer compares nothing"
    assert step_by_step(ours, prompt, 20) == expected
    assert greedy(ours, prompt, 20) == expected


@every_case
def test_the_config_survives_the_way_there_and_back(case, tmp_path):
    peer_of(case).save_pretrained(tmp_path)
    config = ModelConfig.from_hf(json.loads((tmp_path / "config.json").read_text()))
    assert ModelConfig.from_hf(json.loads(json.dumps(config.to_hf()))) == config
    assert config.num_params == sum(p.numel() for p in peer_of(case).parameters())


@pytest.mark.parametrize("case", ["llama", "qwen3 tied"])
def test_their_shards_load_like_their_single_file(case, tmp_path):
    peer = peer_of(case)
    peer.save_pretrained(tmp_path / "one")
    peer.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 3
    one, many = load_model(tmp_path / "one"), load_model(tmp_path / "many")
    for (name, a), (_, b) in zip(one.named_parameters(), many.named_parameters(), strict=True):
        assert torch.equal(a, b), name
    with torch.no_grad():
        assert_close(many(ids_of()), peer(ids_of()).logits, "logits")


def test_configs_of_older_writers_mean_the_same():
    """Before version 5, `transformers` wrote rope_theta and rope_scaling beside one another."""
    new = peer_of("llama3 scaling").config.to_dict() | {"architectures": ["LlamaForCausalLM"]}
    old = {key: value for key, value in new.items() if key != "rope_parameters"}
    old["rope_theta"] = 10_000.0
    old["rope_scaling"] = {key: value for key, value in LLAMA3.items() if key != "rope_theta"}
    assert ModelConfig.from_hf(old) == ModelConfig.from_hf(new)
    assert ModelConfig.from_hf(old).rope_scaling


def test_configs_are_written_for_older_readers_too():
    """An older reader that finds no rope_scaling would compute unscaled angles without a word."""
    config = ModelConfig.from_hf(peer_of("llama3 scaling").config.to_dict() | {"architectures": ["LlamaForCausalLM"]})
    data = config.to_hf()
    assert data["rope_theta"] == 10_000.0
    assert data["rope_scaling"] == {key: value for key, value in LLAMA3.items() if key != "rope_theta"}
    del data["rope_parameters"]
    assert ModelConfig.from_hf(data) == config


def test_a_whole_directory_of_ours_opens_in_the_auto_classes(tmp_path):
    tokenizer = Tokenizer.train(["The cat is on the mat. What is your name? My name is Pip.\n"] * 5, 290)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
    )
    model = Transformer(config)
    randomise(model, seed=2)
    save_model(model, tmp_path, tokenizer, {"stage": "base"})
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    prompt = tokenizer.encode("What is your")
    assert their_tokenizer("What is your", add_special_tokens=False).input_ids == prompt
    generation = transformers.GenerationConfig.from_pretrained(tmp_path)
    assert generation.eos_token_id == [tokenizer.im_end_id, tokenizer.endoftext_id]
    assert (generation.bos_token_id, generation.do_sample) == (tokenizer.endoftext_id, False)
    expected = peer_greedy(peer, prompt, 24)
    assert greedy(model, prompt, 24)[: len(expected)] == expected
    # let the second token of the answer end it, in the files as a user of theirs would find them
    second = expected[1]
    peer.generation_config.eos_token_id = [second]
    stopped = peer_greedy(peer, prompt, 24)
    params = SamplingParams(max_tokens=24, temperature=0.0, stop_token_ids=(second,))
    (ours,) = Engine(model, tokenizer).generate([prompt], params)
    assert ours.ids == stopped and ours.finish_reason == "stop"


def test_a_tied_gemma_is_the_same_too(tmp_path):
    """Apart, since a random one only repeats the newest token: its scaled embedding outweighs all layers."""
    CASES["gemma3 tied"] = ("Gemma3", GEMMA | {"tie_word_embeddings": True})
    try:
        peer = peer_of("gemma3 tied")
    finally:
        del CASES["gemma3 tied"]
    peer.save_pretrained(tmp_path)
    with torch.no_grad():
        assert_close(load_model(tmp_path)(ids_of()), peer(ids_of()).logits, "logits")


def test_what_we_write_is_fp32_and_names_the_tied_table_once(tmp_path):
    peer_of("qwen3 tied").save_pretrained(tmp_path / "theirs")
    model = load_model(tmp_path / "theirs", dtype=torch.bfloat16)
    assert model(ids_of()).dtype == torch.float32  # logits are always fp32
    save_model(model, tmp_path / "ours")
    state = load_file(tmp_path / "ours" / "model.safetensors")
    assert "lm_head.weight" not in state
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


def test_half_precision_stays_near_full_precision(tmp_path):
    peer_of("qwen3").save_pretrained(tmp_path)
    full, half = load_model(tmp_path), load_model(tmp_path, dtype=torch.bfloat16)
    with torch.no_grad():
        expected, found = full(ids_of()), half(ids_of())
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
    assert (found - expected).abs().max() > 1e-4 * expected.abs().max()  # it really computes in bf16
