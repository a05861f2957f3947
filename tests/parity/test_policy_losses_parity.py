"""Stage three against TRL's trainers on tiny random models: nothing is downloaded, both see the same tensors.

Differences that are meant, with their reasons:

* IPO (D2). TRL averages each log-ratio over its completion's tokens, by agreement with the paper's authors; ours sums
  unless `length_normalise` is set, because the known optimum h = (2p - 1) / (2 tau) belongs to sums.
* Label smoothing. TRL's "robust" divides by 1 - 2 e to be unbiased and is not bounded below; ours is cDPO.
* PPO is no more in TRL (the last releases had it in trl.experimental.ppo). Its formulae are written out below:
  - reward slot (P2): it put the score on the pad slot *after* the stop token, where the recursion adds one more factor
    gamma * lam to it, and on the last token of a truncated answer. Ours is always on the last chosen token;
  - padding in metrics (P6): its approximate KL, entropy and ratio averaged over padding too. Ours are masked means;
  - its policy loss divides by tokens (our normaliser "tokens"), ours by sequences unless told otherwise (length bias);
  - its approximate KL was k2; ours is k3, which is unbiased and never negative;
  - no bootstrapping after a limit (P5): ours takes `bootstrap_B`.
* RLOO. TRL's ratio is that of the whole sequence, ours sums over tokens: at ratio 1 the gradients are equal, as tested.
  It charges every token with the KL of the whole answer; ours can do that, and offers the reward to go: the same in
  expectation, as earlier tokens' KL is settled when a token is drawn.
* GRPO. TRL's KL is k3 in the loss, which has another optimum (docs/kl-placement.md); compared here with beta = 0.
"""

from __future__ import annotations

import copy

import pytest
import torch

from firstwords.rlhf import losses as pl
from firstwords.train.losses import linear_cross_entropy, token_logprobs

pytest.importorskip("trl")
# Legend: B sequences, T completion tokens, L tokens of prompt and completion, V vocabulary, P prompts, G samples.
V, BETA = 24, 0.3
WORDS = [f"w{i}" for i in range(V - 3)]

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),
]


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<eos>", "<unk>", *WORDS])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )


def tiny(seed: int, kind: str = "Qwen3ForCausalLM", **options):
    import transformers

    torch.manual_seed(seed)
    config = transformers.Qwen3Config(
        vocab_size=V,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=64,
        initializer_range=0.25,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        **options,
    )
    return getattr(transformers, kind)(config).eval()


def options(folder, **more):
    return {
        "output_dir": str(folder),
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 4,
        "disable_tqdm": True,
        **more,
    }


def rows(*columns: str, seed: int = 0, n: int = 4):
    from datasets import Dataset

    generator = torch.Generator().manual_seed(seed)

    def words() -> str:
        length = int(torch.randint(1, 7, (1,), generator=generator))
        return "".join(f" w{int(i)}" for i in torch.randint(0, len(WORDS), (length,), generator=generator))

    return Dataset.from_list([{column: words() for column in columns} for _ in range(n)])


def summed_logprobs(model, batch) -> torch.Tensor:
    """log pi of each completion, (B,), by our own functions."""
    ids_BL, mask_BL = batch["input_ids"], batch["completion_mask"]
    logits = model(input_ids=ids_BL, attention_mask=batch["attention_mask"]).logits
    return (token_logprobs(logits[:, :-1], ids_BL[:, 1:]) * mask_BL[:, 1:]).sum(1)


@pytest.mark.parametrize("loss_type", ["sigmoid", "ipo", "sigmoid_norm"])
def test_dpo(loss_type, tokenizer, tmp_path):
    from trl import DPOConfig, DPOTrainer

    args = DPOConfig(**options(tmp_path, beta=BETA, loss_type=loss_type))
    data = rows("prompt", "chosen", "rejected")
    trainer = DPOTrainer(tiny(1), ref_model=tiny(2), args=args, train_dataset=data, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    chosen, rejected = summed_logprobs(trainer.model, batch).chunk(2)
    ref_chosen, ref_rejected = summed_logprobs(trainer.ref_model, batch).detach().chunk(2)
    lengths = batch["completion_mask"].sum(1).chunk(2)
    loss_B, chosen_rewards_B, rejected_rewards_B = pl.dpo_loss(
        chosen,
        rejected,
        ref_chosen,
        ref_rejected,
        BETA,
        loss_type.removesuffix("_norm"),
        0.0,
        *lengths,
        length_normalise=loss_type != "sigmoid",
    )
    assert len(set(batch["completion_mask"].sum(1).tolist())) > 1  # unequal lengths, or sums and means look alike
    close(loss_B.mean(), theirs)
    for ours, name in ((chosen_rewards_B, "chosen"), (rejected_rewards_B, "rejected")):
        assert ours.mean().item() == pytest.approx(trainer._metrics["eval"][f"rewards/{name}"][-1], rel=1e-4)
    head = trainer.model.lm_head.weight
    ours, theirs = (torch.autograd.grad(loss, head)[0] for loss in (loss_B.mean(), theirs))
    close(ours, theirs)


@pytest.mark.parametrize("margin", [False, True])
def test_reward_model(margin, tokenizer, tmp_path):
    from trl import RewardConfig, RewardTrainer

    data = rows("chosen", "rejected")
    if margin:
        data = data.add_column("margin", [0.0, 0.5, 1.0, 2.0])
    model = tiny(3, "Qwen3ForSequenceClassification", num_labels=1)
    trainer = RewardTrainer(
        model, args=RewardConfig(**options(tmp_path)), train_dataset=data, processing_class=tokenizer
    )
    batch = next(iter(trainer.get_train_dataloader()))
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    scores = trainer.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.squeeze(1)
    assert scores.std() > 0.1
    close(pl.bradley_terry_loss(*scores.chunk(2), batch.get("margin")), theirs)


def test_fine_tuning(tokenizer, tmp_path):
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig(**options(tmp_path, completion_only_loss=True))
    trainer = SFTTrainer(tiny(4), args=args, train_dataset=rows("prompt", "completion"), processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    labels_BL = batch["labels"]
    hidden = trainer.model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    targets = labels_BL[:, 1:].flatten()
    ours = linear_cross_entropy(hidden[:, :-1].flatten(0, 1), trainer.model.lm_head.weight, targets)
    assert (targets == -100).any()
    close(ours / (targets != -100).sum(), theirs)


# ---- online methods --------------------------------------------------------------------------------------------------


def score(completions, **_) -> list[float]:
    """Any continuous reward of a completion's text."""
    return [len(text.split()) + 0.1 * (sum(map(ord, text)) % 17) for text in completions]


def rollout(kind: str, tokenizer, folder, **more):
    """(trainer, the inputs that TRL computed from its own rollout of 2 prompts x 4 samples, with an old policy)."""
    import trl

    args = getattr(trl, f"{kind}Config")(
        **options(folder, num_generations=4, per_device_train_batch_size=8, max_completion_length=12, **more)
    )
    data, model = rows("prompt", n=2), tiny(5)
    tiny(6).save_pretrained(folder / "ref")
    model.config._name_or_path = str(folder / "ref")  # where the trainer looks for the reference
    trainer = getattr(trl, f"{kind}Trainer")(
        model, reward_funcs=score, args=args, train_dataset=data, processing_class=tokenizer
    )
    torch.manual_seed(0)
    inputs = trainer._generate_and_score_completions([row for row in data for _ in range(4)])
    return trainer, inputs


def completion_logprobs(model, inputs) -> torch.Tensor:
    """log pi of the completion's tokens, (B, T), by our own function."""
    ids_BL = torch.cat((inputs["prompt_ids"], inputs["completion_ids"]), 1)
    mask_BL = torch.cat((inputs["prompt_mask"], inputs["completion_mask"]), 1)
    T = inputs["completion_ids"].shape[1]
    logits = model(input_ids=ids_BL, attention_mask=mask_BL).logits
    return token_logprobs(logits[:, -T - 1 : -1], inputs["completion_ids"])


def scores_of(tokenizer, inputs) -> torch.Tensor:
    texts = [
        tokenizer.decode(ids[mask == 1], skip_special_tokens=True)
        for ids, mask in zip(inputs["completion_ids"], inputs["completion_mask"], strict=True)
    ]
    return torch.tensor(score(texts))


def test_rloo_advantages_and_gradient(tokenizer, tmp_path):
    trainer, inputs = rollout("RLOO", tokenizer, tmp_path, beta=BETA, normalize_advantages=False)
    mask_BT, scores_B = inputs["completion_mask"], scores_of(tokenizer, inputs)
    lp_BT = completion_logprobs(trainer.model, inputs)
    ref_BT = completion_logprobs(trainer.ref_model, inputs).detach()
    rewards_BT = pl.shaped_rewards(scores_B, pl.k1(lp_BT, ref_BT), mask_BT, BETA)
    advantages_BT = pl.leave_one_out_advantages(rewards_BT.sum(1).view(2, 4)).view(-1, 1)
    assert pl.k1(lp_BT, ref_BT).abs().max() > 0.5 and scores_B.std() > 0
    close(advantages_BT.squeeze(1), inputs["advantages"])
    head = trainer.model.lm_head.weight
    (theirs,) = torch.autograd.grad(trainer._compute_loss(trainer.model, inputs), head)
    (ours,) = torch.autograd.grad(pl.reinforce_loss(lp_BT, advantages_BT, mask_BT), head)
    close(ours, theirs)


@pytest.mark.parametrize("scale", ["group", "none"])
def test_grpo_advantages(scale, tokenizer, tmp_path):
    _, inputs = rollout("GRPO", tokenizer, tmp_path, beta=0.0, scale_rewards=scale)
    ours_PG = pl.group_advantages(scores_of(tokenizer, inputs).view(2, 4), normalise_std=scale == "group")
    assert ours_PG.abs().max() > 0.5
    close(ours_PG.flatten(), inputs["advantages"])


@pytest.mark.parametrize(
    "loss_type, normaliser",
    [("grpo", "sequence_means"), ("bnpo", "tokens"), ("dr_grpo", 8 * 12), ("luspo", "sequences")],
)
def test_grpo_loss(loss_type, normaliser, tokenizer, tmp_path):
    """Sums, means and constants; "luspo" with token ratios is the sum over tokens divided by sequences."""
    level = {"importance_sampling_level": "sequence"} if loss_type == "luspo" else {}
    trainer, inputs = rollout("GRPO", tokenizer, tmp_path, beta=0.0, loss_type=loss_type, epsilon_high=0.3, **level)
    trainer.importance_sampling_level = "token"
    lengths_B = torch.tensor([12, 3, 1, 7, 12, 9, 5, 2])
    inputs["completion_mask"] = mask_BT = (torch.arange(12) < lengths_B[:, None]).long()
    advantages_B1 = inputs["advantages"].unsqueeze(1)
    lp_BT = completion_logprobs(trainer.model, inputs)
    noise_BT = 0.3 * torch.randn(lp_BT.shape, generator=torch.Generator().manual_seed(0))
    inputs["old_per_token_logps"] = old_BT = lp_BT.detach() + noise_BT
    theirs = trainer._compute_loss(trainer.model, inputs)
    clip = (0.2, 0.3)
    ours = pl.clipped_policy_loss(lp_BT, old_BT, advantages_B1, mask_BT, clip, normaliser)
    close(ours, theirs)
    head = trainer.model.lm_head.weight
    close(torch.autograd.grad(ours, head, retain_graph=True)[0], torch.autograd.grad(theirs, head)[0])
    clipped = pl.clip_fraction(lp_BT, old_BT, advantages_B1, mask_BT, clip).item()
    assert 0 < clipped == pytest.approx(trainer._metrics["eval"]["clip_ratio/region_mean"][-1], rel=1e-5)
    logits = trainer.model(
        input_ids=torch.cat((inputs["prompt_ids"], inputs["completion_ids"]), 1)[:, :-1],
        attention_mask=torch.cat((inputs["prompt_mask"], mask_BT), 1)[:, :-1],
    ).logits
    entropy = pl.masked_mean(pl.entropy(logits[:, -mask_BT.shape[1] :]), mask_BT).item()
    assert entropy == pytest.approx(trainer._metrics["eval"]["entropy"][-1], rel=1e-5)


# ---- PPO, from its definition ----------------------------------------------------------------------------------------


def ppo_example():
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(4, 7, generator=generator) for _ in range(6)]
    lengths = torch.tensor([7, 4, 2, 6])
    return *draw, (torch.arange(7) < lengths[:, None]), lengths


def ppo_gae(rewards_BT, values_BT, gamma, lam):
    """The recursion of Schulman et al. 2016 on padded rows, as TRL ran it: no mask, zeros on padding."""
    T, last, columns = rewards_BT.shape[1], 0.0, []
    for t in reversed(range(T)):
        following = values_BT[:, t + 1] if t < T - 1 else 0.0
        last = rewards_BT[:, t] + gamma * following - values_BT[:, t] + gamma * lam * last
        columns.insert(0, last)
    return torch.stack(columns, 1)


def test_ppo_advantages_returns_and_whitening():
    rewards, values, *_, mask, _ = ppo_example()
    rewards, values = rewards * mask, values * mask
    advantages, returns = pl.gae(rewards, values, mask, 0.98, 0.95)
    theirs = ppo_gae(rewards, values, 0.98, 0.95)
    close(advantages, theirs * mask)
    close(returns, (theirs + values) * mask)
    chosen = theirs[mask]
    for shift_mean in (True, False):
        white = (chosen - chosen.mean()) * torch.rsqrt(chosen.var() + 1e-8) + (0 if shift_mean else chosen.mean())
        close(pl.whiten(advantages, mask, shift_mean)[mask], white)


def test_ppo_reward_slot_differs_as_documented():
    """P2: one slot after the stop token costs the score one factor of gamma * lam (.3774 against .3585)."""
    rewards, values, mask = torch.zeros(1, 21), torch.zeros(1, 21), (torch.arange(21) < 20)[None]
    ours = pl.gae(pl.shaped_rewards(torch.ones(1), rewards, mask, 0.0), values, mask, 1.0, 0.95)[0][0, 0].item()
    rewards[0, 20] = 1.0
    theirs = ppo_gae(rewards, values, 1.0, 0.95)[0, 0].item()
    assert ours == pytest.approx(0.95**19, rel=1e-5) and theirs == pytest.approx(0.95**20, rel=1e-5)


def test_ppo_losses():
    lp, old, advantages, values, old_values, returns, mask, _ = ppo_example()
    lp = old + 0.3 * lp
    ratio = (lp - old).exp()
    policy = torch.max(-advantages * ratio, -advantages * ratio.clamp(0.8, 1.2))[mask].mean()
    close(pl.clipped_policy_loss(lp, old, advantages, mask, normaliser="tokens"), policy)
    share = (-advantages * ratio.clamp(0.8, 1.2) > -advantages * ratio)[mask].float().mean()
    close(pl.clip_fraction(lp, old, advantages, mask), share)
    held = torch.clamp(values, old_values - 0.2, old_values + 0.2)
    critic = 0.5 * torch.max((values - returns) ** 2, (held - returns) ** 2)[mask].mean()
    close(pl.value_loss(values, old_values, returns, mask, clip=0.2), critic)
    close(pl.value_loss(values, old_values, returns, mask), 0.5 * ((values - returns)[mask] ** 2).mean())


def test_the_losses_do_not_touch_the_reference(tokenizer, tmp_path):
    """S9: a reference that took part in a DPO loss received no gradient."""
    policy, ref = tiny(1), tiny(2)
    before = copy.deepcopy(ref.state_dict())
    ids = torch.randint(3, V, (4, 6), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ref_B = token_logprobs(ref(input_ids=ids).logits[:, :-1], ids[:, 1:]).sum(1)
    lp_B = token_logprobs(policy(input_ids=ids).logits[:, :-1], ids[:, 1:]).sum(1)
    pl.dpo_loss(lp_B[:2], lp_B[2:], ref_B[:2], ref_B[2:], BETA)[0].mean().backward()
    assert all(p.grad is None for p in ref.parameters()) and policy.lm_head.weight.grad.abs().sum() > 0
    assert all(torch.equal(before[name], value) for name, value in ref.state_dict().items())
