"""Stage 3a: from preferences to a reward model (Bradley-Terry).

    firstwords reward mine --preferences preferences.jsonl
    firstwords reward pip --preferences world --pairs 800

A reward is the output of a scalar head on the sft model, as the mean over the answer's tokens, plus a weight times the
sft model's own confidence in the answer. The weight is fitted first, by logistic regression; then the head learns the
rest with the loss `losses.bradley_terry_loss`. The scores are then normalised on samples of the sft model and frozen,
and a report card on held-out preferences compares it with a baseline ("ruler") that knows only lengths.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from firstwords import home
from firstwords.config import UserError
from firstwords.eval.report_card import PLOT, as_svg, as_text, report_card
from firstwords.eval.winrate import logistic_regression
from firstwords.flags import Positional
from firstwords.model.card import town_size
from firstwords.model.heads import ScalarModel
from firstwords.model.hub import load_model, read_card, save_model, weights_hash
from firstwords.model.lora import Lora, adapt
from firstwords.model.transformer import Transformer
from firstwords.plain_text import counted
from firstwords.plan.footprint import about
from firstwords.preferences.records import Preference, split_by_prompt
from firstwords.rlhf.judgements import Judged, PreferenceFlags, gather, sft_samples, write_pairs
from firstwords.rlhf.losses import bradley_terry_loss
from firstwords.rlhf.pair_rows import (
    BATCH_PAIRS,
    PairRows,
    footprint_of,
    heldout_of,
    is_open,
    longest_row,
    pair_ids,
    pair_seconds,
    row_name,
    that_fit,
)
from firstwords.rlhf.provenance import Seen
from firstwords.rlhf.reward_model import REFERENCE, RewardModel
from firstwords.rlhf.rollout import rows_of
from firstwords.rlhf.version_store import sft_dir
from firstwords.runlog import say
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train import adapters
from firstwords.train.adapters import AdapterFlags
from firstwords.train.distributed.sharding import gathered, shard
from firstwords.train.learner import Learner, adamw_config, prepare_process
from firstwords.train.machine import machine, usable_device
from firstwords.train.opening import open_folder, saved_json, say_complete, started_with, training
from firstwords.train.run import Pace, Run
from firstwords.train.run_flags import StageFlags
from firstwords.train.watch import card

# Passes over the pairs: two, or more where that makes too few steps. After two passes over 150 pairs, a policy can
# please the reward model without what the person likes (docs/LOG.md); two over 640 are enough.
EPOCHS, MOST_EPOCHS, ENOUGH_STEPS = 2.0, 8.0, 80
HELDOUT_SHARE = 0.2  # of the prompts
HEAD_SCALE = 0.1  # of the head's initial weights: it starts as a small correction of the confidence
SEED_STEP = 1_000_003  # between the members of an ensemble
MAX_MEMBERS = 9
RATE = 3e-4  # AdamW, all parameters; better than 1e-4 for a mean over the answer on fresh pairs (docs/LOG.md)


@dataclass
class Reward(AdapterFlags, PreferenceFlags, StageFlags):
    """Train a reward model on preferences (stage 3a)."""

    name: Positional[str] = ""
    """Name of the model, which needs a stage sft (default: the newest model)."""
    epochs: float = 0.0
    """Passes over the pairs (0 = 2, and up to 8 over few pairs)."""
    steps: int = 0
    """Number of training steps (0 = use --epochs)."""
    minutes: float = 0.0
    """Time to train on an imported model, which may end before --epochs (0 = no limit); --members share it."""
    members: int = 1
    """Reward models to train; two or more make an ensemble for `teach --select disagreement`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.members <= MAX_MEMBERS:
            raise UserError(f"--members is {self.members}, but it must be between 1 and {MAX_MEMBERS}")


def members(directory: Path, number: int) -> list[Path]:
    """Directories of `number` reward models in a run folder: the one in use, then the others of the ensemble."""
    return [directory / ("model" if member == 1 else f"member-{member}") for member in range(1, number + 1)]


def check(config: Reward) -> Path | None:
    """The reward model if a resumed run has already finished."""
    sft_dir(config.name)
    if not config.resume:
        return None
    directory = home.run_dir(config.name, "reward")
    saved = saved_json(directory / "config.json") or {}
    wanted = members(directory, saved.get("members", 1))
    if not all(map(home.is_model, wanted)):
        return None
    say_complete(f"the reward model of {config.name}")
    return wanted[0]


@training("reward", check)
def main(config: Reward) -> Path:
    """Run the stage and return the directory of the reward model."""
    started = time.perf_counter()
    directory = home.run_dir(config.name, "reward")
    sft = sft_dir(config.name)
    if config.resume:
        config = started_with(config, directory, config.name)
    prepare_process(config.threads, config.steps)

    # 1) the preferences, and the sft model they are about
    device = usable_device(config.device)
    policy, tokenizer = load_model(sft, device=device), Tokenizer.load(sft)
    judged = gather(config.preferences, config.pairs, policy, tokenizer, config.seed, town_size(sft))
    limit = longest_row(sft, policy.config)
    fitting, left_out = that_fit(judged.preferences, tokenizer, limit, row_name(limit, policy.config))
    train, heldout = split_by_prompt(fitting, HELDOUT_SHARE, config.seed)
    every = PairRows(train, tokenizer, limit, config.seed)
    lora = _settle(config, every, policy)
    if is_open(sft):
        config.steps = _affordable_steps(config, every, policy, lora)
        train = train[: config.steps * BATCH_PAIRS]
    heldout = heldout_of(sft, heldout, len(train))
    row = f"{row_name(limit, policy.config)} of {limit} tokens"
    too_long = f"; left out {left_out} that do not fit {row}" if left_out else ""
    say(f"plan: {counted(len(train), 'pair')} for training, {len(heldout)} held out{too_long}")
    if lora is not None:
        say(f"plan: {adapters.described(lora, policy.config)}")

    shown = train if is_open(sft) else fitting
    usual, starts = sft_samples(policy, tokenizer, shown, config.seed)  # rewards are normalised on these

    # 2) the reward models; the members of an ensemble differ in head, order and pairs
    if not config.resume:
        config = open_folder(config, directory)
    write_pairs(directory, train)
    for number, target in enumerate(members(directory, config.members), start=1):
        if config.resume and home.is_model(target):
            continue  # saved before the interruption
        seed = config.seed + SEED_STEP * (number - 1)
        pairs = train if number == 1 else resampled(train, seed)
        need = footprint_of(policy.config, device, has_logits=False, lora=lora, shared=1)
        rows = PairRows(pairs, tokenizer, limit, seed, need, lora=lora)
        if number == 1:
            say(f"plan: {rows.memory}")
        folder = directory if number == 1 else directory / f"training-{number}"
        run, reward_model = learn(config, folder, rows, policy, tokenizer, device, seed)
        reward_model.normalise_on(usual, starts)
        _finish(config, run, target, reward_model, judged, heldout, sft, started)
    return members(directory, 1)[0]


def learn(
    config: Reward, folder: Path, rows: PairRows, policy: Transformer, tokenizer: Tokenizer, device: str, seed: int
) -> tuple[Run, RewardModel]:
    """Train one reward model: a scalar head on the sft model learns to score chosen above rejected."""
    lora = config.adapter()
    model = ScalarModel.from_policy(policy, seed, HEAD_SCALE, shares_weights=lora is not None)
    if lora is not None:
        adapt(model, lora, seed)
        model.score.requires_grad_(True)
    model = shard(model, device)
    model.recompute_above = rows.recompute_above
    reward_model = RewardModel(model, tokenizer, reference=policy)
    reward_model.weight = confidence_weight(reward_model, rows)
    learner = Learner(model, adamw_config(adapters.rate(lora, RATE) * config.learning_rate), device)
    steps = num_steps(config, rows)
    pace = Pace(warmup_steps=max(1, steps // 10), steps=steps, cooldown_share=0.8)
    flops = model.config.flops_per_token(rows.mean_length)
    with Run(folder, learner, pace, "reward", flops, None, config.save_every_steps) as run:
        while not run.done:
            metrics = learner.forward_backward(rows.shared_batches(run.step), pair_loss, divisor=rows.batch_pairs)
            metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)
    reward_model.model = gathered(model)
    return run, reward_model


def num_steps(config: Reward, rows: PairRows) -> int:
    """Training steps for these pairs."""
    steps_per_epoch = len(rows.pairs) / rows.batch_pairs
    epochs = config.epochs or min(max(EPOCHS, ENOUGH_STEPS / max(steps_per_epoch, 1)), MOST_EPOCHS)
    return config.steps or max(1, round(epochs * steps_per_epoch))


def _settle(config: Reward, rows: PairRows, policy: Transformer) -> Lora | None:
    """The settings of the adapter to train, chosen by the memory if --lora is not given."""
    whole = footprint_of(policy.config, policy.head_weight.device.type, has_logits=False)(rows)
    return adapters.settle(config, "reward", whole, shared=1)


def _affordable_steps(config: Reward, rows: PairRows, policy: Transformer, lora: Lora | None) -> int:
    """Training steps of each member on an imported model: as the flags say, or as many as fit into --minutes, which
    all members share. Says how long they take together.

    They are saved with the flags, so that a resumed run does not plan again.
    """
    each = pair_seconds(policy.config, rows.mean_length, machine(config.device), lora) * rows.batch_pairs
    each *= config.members
    steps = num_steps(config, rows)
    if config.minutes and not config.steps:
        steps = max(1, min(steps, int(60 * config.minutes / each)))
    whose = f" for each of {config.members} reward models" if config.members > 1 else ""
    say(f"plan: {counted(steps, 'step')} of {counted(rows.batch_pairs, 'pair')}{whose}, {about(each * steps)}")
    return steps


def resampled(pairs: Sequence[Preference], seed: int) -> list[Preference]:
    """The same number of pairs, drawn with replacement (the bootstrap: Efron 1979)."""
    return [pairs[i] for i in np.random.default_rng(seed).integers(0, len(pairs), len(pairs))]


def confidence_weight(reward: RewardModel, rows: PairRows) -> float:
    """Fit the weight of the sft model's confidence on the pairs, and subtract what it explains from their margins."""
    answers = [answer for pair in rows.pairs for answer in pair[:2]]  # neighbours share their prompt
    found = reward.confidence(answers, [pair[2] for pair in rows.pairs for _ in (0, 1)])
    chosen_P, rejected_P = found[::2], found[1::2]
    difference_P = (chosen_P - rejected_P).astype(np.float64)
    weight = float(logistic_regression(difference_P[:, None], np.ones(len(difference_P)))[0])
    rows.shift_margins(-weight * difference_P)
    return weight


def pair_loss(model: ScalarModel, batch: dict[str, Tensor]) -> Tensor:
    """Summed Bradley-Terry loss of a batch of `PairRows.shared_batches`: an answer's score is the mean over its own
    tokens.
    """
    values_N = model.values(*rows_of(batch)).flatten()[batch["places"]]
    owners_N, size = batch["owners"], 2 * len(batch["margins"])
    scores_B = values_N.new_zeros(size).index_add(0, owners_N, values_N)
    chosen_P, rejected_P = (scores_B / owners_N.bincount(minlength=size).clamp(min=1)).chunk(2)
    return bradley_terry_loss(chosen_P, rejected_P, batch["margins"]) * len(chosen_P)


def examine(reward: RewardModel, heldout: Sequence[Preference], judged: Judged) -> dict[str, Any]:
    """The report card of a reward model on held-out preferences, all of which fit its context."""
    answers = [ids for pair in heldout for ids in pair_ids(pair, reward.tokenizer)]  # neighbours share their prompt
    starts = [len(chat_ids(reward.tokenizer, pair.prompt)) for pair in heldout for _ in (0, 1)]
    scores, lengths = reward.score_ids(answers, starts) * reward.std, np.array([len(ids) for ids in answers])
    truth = None
    if judged.probabilities is not None:
        truth = np.array([judged.probabilities[(p.prompt_key, p.chosen, p.rejected)] for p in heldout])
    return report_card(scores[::2], scores[1::2], lengths[::2], lengths[1::2], true_probability=truth)


def _finish(
    config: Reward,
    run: Run,
    target: Path,
    reward: RewardModel,
    judged: Judged,
    heldout: list[Preference],
    sft: Path,
    started: float,
) -> None:
    report = examine(reward, heldout, judged)
    data = {
        "preferences": config.preferences,
        "num_preferences": len(judged.preferences),
        "sources": dict(Counter(p.source for p in judged.preferences)),
        "mean": reward.mean,
        "std": reward.std,
        "confidence_weight": reward.weight,
        "pool": reward.pool,
    }
    metrics = {"train_loss": run.loss, "report_card": report, "seconds": time.perf_counter() - started}
    recorded, write_adapter = adapters.merged(reward.model, config.adapter(), sft)
    parent, weights = read_card(sft).get("weights_sha256"), weights_hash(reward.model)
    details = card("reward", parent, weights, asdict(config), None, data | recorded, metrics)

    def more(folder: Path) -> None:  # all or nothing: a resumed run takes an existing folder as finished
        assert reward.reference is not None  # it has been trained with one
        save_model(reward.reference, folder / REFERENCE, reward.tokenizer, read_card(sft))
        write_adapter(folder)
        Seen.of(judged.preferences).write(folder)
        if report:
            (folder / PLOT).write_text(as_svg(report), encoding="utf-8")

    save_model(reward.model, target, reward.tokenizer, details, more)
    if report:
        say(as_text(report))
    which = "the reward model" if target.name == "model" else target.name.replace("-", " ") + " of the ensemble"
    say(f"saved {which} of {config.name} after {counted(run.step, 'step')} ({metrics['seconds']:.0f} s)")
