"""Scalar heads against `transformers`' sequence classification: same directory, same scores, both directions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.heads import ScalarModel, load_scalar_model
from firstwords.model.hub import save_model
from firstwords.model.transformer import Transformer

SIZES = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 40,
}
FAMILIES = ["Llama", "Qwen2", "Qwen3"]


def random_model(family: str) -> ScalarModel:
    model = ScalarModel(
        ModelConfig(architecture=f"{family}ForCausalLM", qk_norm=family == "Qwen3", qkv_bias=family == "Qwen2", **SIZES)
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    ids_BT = torch.randint(1, 61, (3, 12), generator=torch.Generator().manual_seed(1))
    return ids_BT, torch.tensor([12, 5, 9])


@pytest.mark.parametrize("family", FAMILIES)
def test_our_directory_opens_in_transformers_with_equal_scores(family: str, tmp_path: Path) -> None:
    ours = random_model(family)
    save_model(ours, tmp_path / "reward")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    theirs.config.pad_token_id = 0
    ids_BT, lengths_B = rows()
    for row, length in enumerate(lengths_B.tolist()):
        ids_BT[row, length:] = 0
    with torch.no_grad():
        mask = (torch.arange(12) < lengths_B[:, None]).long()
        expected_B = theirs(input_ids=ids_BT, attention_mask=mask).logits[:, 0]
        torch.testing.assert_close(ours(ids_BT, lengths_B), expected_B, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_their_directory_opens_here_with_equal_scores(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(num_labels=1, pad_token_id=0, **SIZES)
    theirs = getattr(transformers, f"{family}ForSequenceClassification")(config).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_scalar_model(tmp_path / "theirs")
    ids_BT, _ = rows()
    with torch.no_grad():
        expected_B = theirs(input_ids=ids_BT).logits[:, 0]
        torch.testing.assert_close(ours(ids_BT, torch.full((3,), 12)), expected_B, rtol=1e-5, atol=1e-5)


def test_padding_and_neighbours_change_nothing() -> None:
    model, (ids_BT, lengths_B) = random_model("Qwen3"), rows()
    with torch.no_grad():
        together_B = model(ids_BT, lengths_B)
        alone_B = torch.cat([model(ids_BT[i : i + 1, :n], torch.tensor([n])) for i, n in enumerate(lengths_B.tolist())])
        torch.testing.assert_close(together_B, alone_B, rtol=1e-5, atol=1e-5)
        values_BT = model.values(ids_BT)
        torch.testing.assert_close(values_BT[torch.arange(3), lengths_B - 1], together_B)


def test_a_head_on_a_policy_keeps_its_trunk_and_starts_small(tmp_path: Path) -> None:
    policy = Transformer(ModelConfig(architecture="Qwen3ForCausalLM", qk_norm=True, **SIZES))
    policy.init_weights(0)
    model = ScalarModel.from_policy(policy, seed=3)
    ids_BT, _ = rows()
    with torch.no_grad():
        torch.testing.assert_close(model.hidden(ids_BT), policy.hidden(ids_BT))
        assert 0.3 * 33**-0.5 < model.score.weight.std() < 3 * 33**-0.5
    assert "lm_head.weight" not in dict(model.named_parameters())


def test_a_language_model_is_no_reward_model(tmp_path: Path) -> None:
    policy = Transformer(ModelConfig(architecture="Qwen3ForCausalLM", qk_norm=True, **SIZES))
    policy.init_weights(0)
    save_model(policy, tmp_path / "policy")
    with pytest.raises(UserError, match="not a reward model"):
        load_scalar_model(tmp_path / "policy")
