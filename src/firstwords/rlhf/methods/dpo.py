"""Stage 3b without rollouts: direct preference optimisation (Rafailov et al. 2023).

    firstwords align mine --method dpo --preferences preferences.jsonl

The policy itself is the reward model: beta * log(pi / pi_ref) of the chosen answer is pushed above that of the rejected
one. Log-probabilities are summed, not averaged; the reference's are computed once. Each evaluation also logs how likely
the chosen answers still are, because the loss can fall while both answers become less likely. The weights with the
lowest loss on held-out pairs are kept. If those are the initial weights, nothing is saved: the new version would be
just a copy of the one before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from firstwords.config import Settings, UserError
from firstwords.model.card import town_size
from firstwords.model.hub import load_model
from firstwords.model.lora import Lora, adapt
from firstwords.model.transformer import Transformer
from firstwords.plain_text import counted
from firstwords.plan.footprint import about
from firstwords.preferences.records import Preference, split_by_prompt
from firstwords.rlhf.judgements import Judged, PreferenceFlags, gather
from firstwords.rlhf.losses import dpo_loss
from firstwords.rlhf.pair_rows import (
    PairRows,
    answer_logprobs,
    footprint_of,
    heldout_of,
    is_open,
    longest_row,
    on_device,
    pair_seconds,
    row_name,
    that_fit,
)
from firstwords.rlhf.provenance import Seen
from firstwords.rlhf.version_store import (
    has_kept,
    keep_weights,
    open_version,
    reference_of,
    restore_weights,
    save_version,
    sft_dir,
)
from firstwords.runlog import damaged, say, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import adapters
from firstwords.train.adapters import AdapterFlags
from firstwords.train.learner import Learner, adamw_config, prepare_process
from firstwords.train.machine import machine, usable_device
from firstwords.train.opening import saved_json
from firstwords.train.run import Pace, Run, seconds_left
from firstwords.train.run_flags import StageFlags

RATE = 1e-4  # AdamW, all parameters; a first choice, not swept yet
EPOCHS = 2.0
HELDOUT_SHARE = 0.2  # of the prompts
EVALUATIONS = 10  # on the held-out pairs, per run
FEW_EVALUATIONS = 3  # for an open model, which takes minutes for each
LOOKS = FEW_EVALUATIONS + 2  # the work of all its evaluations: the first one, before training, asks the reference too
SAVE_RESERVE = 10.0  # seconds of --minutes for the last evaluation and for saving
PLAN = "pace.json"  # in the run folder: the number of steps that was expected
VARIANTS = ("sigmoid", "ipo")


@dataclass
class DpoOptions(Settings):
    """Options for --method dpo."""

    beta: float = 0.1
    """KL coefficient: smaller values let the policy move further from sft."""
    variant: Literal["sigmoid", "ipo"] = "sigmoid"
    """Loss: sigmoid (DPO) or ipo."""
    epochs: float = EPOCHS
    """Passes over the pairs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta", "epochs"):
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise UserError(f"--dpo.{name} is {value:g}, but it must be above 0")
        if self.variant not in VARIANTS:
            raise UserError(f"--dpo.variant is {self.variant}, but it must be one of {', '.join(VARIANTS)}")


@dataclass
class Dpo(DpoOptions, AdapterFlags, PreferenceFlags, StageFlags):
    """Train a policy directly on preferences, without a reward model (stage 3b)."""

    steps: int = 0
    """Number of training steps (0 = use --dpo.epochs)."""
    minutes: float = 0.0
    """Time for the training, which may end before --dpo.epochs (0 = no limit)."""


@dataclass
class Prepared:
    """What a run works with. steps: as many as the plan expects; judged: all preferences, those too long included."""

    config: Dpo
    directory: Path
    parent: Path
    device: str
    model: Transformer
    tokenizer: Tokenizer
    judged: Judged
    rows: DpoRows
    unseen: DpoRows
    lora: Lora | None
    pace: Pace
    steps: int
    evaluations: int  # in the whole run


def main(config: Dpo) -> Path | None:
    """Run the stage and return the directory of the new policy; None, with nothing saved, if no step was better."""
    started = time.perf_counter()

    # 1) the policy, the reference and the pairs
    ready = _prepared(config, started)
    config, model, rows, unseen, lora = ready.config, ready.model, ready.rows, ready.unseen, ready.lora

    # 2) the learner and its pace
    learner = Learner(model, adamw_config(adapters.rate(lora, RATE) * config.learning_rate), ready.device)
    flops, directory = model.config.flops_per_token(64), ready.directory
    run = Run(directory, learner, ready.pace, directory.name, flops, None, config.save_every_steps)
    every = math.ceil(ready.steps / ready.evaluations)

    # 3) push the chosen answer's ratio above the rejected one's
    loss = PairLoss(config.beta, config.variant)
    with run:
        keep_best(run, unseen, loss)
        while not run.done:
            step = learner.forward_backward(rows.batches(run.step), loss.summed, divisor=rows.batch_pairs)
            step |= learner.optim_step(run.lr_fraction)
            run.finish_step(step)
            if run.step % every == 0 and not run.done:
                keep_best(run, unseen, loss)
        keep_best(run, unseen, loss)

    # 4) the best weights on held-out pairs, unless those are the initial ones
    if run.state["best_step"] == 0:
        say(
            f"no improvement: in {counted(run.step, 'step')} the loss on held-out pairs never fell below its initial "
            f"value of {run.state['best']:.4f}; nothing was saved"
        )
        return None
    restore_weights(run)
    rows.reference = unseen.reference = None  # merging an adapter makes new weights
    preferences = ready.judged.preferences
    data = {"preferences": config.preferences, "num_preferences": len(preferences), "reference": "sft"}
    metrics: dict[str, Any] = {"heldout": dict(run.state), "steps": run.step, "seconds": time.perf_counter() - started}
    say(
        f"saving {config.name}/{run.stage}: the weights of step {run.state['best_step']} of {run.step}, "
        f"loss {run.state['best']:.4f} on held-out pairs ({run.state['loss_before']:.4f} before; "
        f"accuracy {run.state['accuracy']:.1%})"
    )
    seen = Seen.of(preferences)
    return save_version(config, run.stage, model, ready.tokenizer, ready.parent, data, metrics, seen, lora)


def _prepared(config: Dpo, started: float) -> Prepared:
    """Load the policy and its reference, read the pairs, choose what is trained, and say the plan."""
    sft = sft_dir(config.name)
    config, directory, parent = open_version(config)
    prepare_process(config.threads, config.steps)
    device = usable_device(config.device)
    tokenizer = Tokenizer.load(parent)
    model = load_model(parent, device=device)
    judge = model if parent == sft else load_model(sft, device=device)
    judged = gather(config.preferences, config.pairs, judge, tokenizer, config.seed, town_size(sft))
    limit = longest_row(sft, model.config)
    fitting, left_out = that_fit(judged.preferences, tokenizer, limit, row_name(limit, model.config))
    train, heldout = split_by_prompt(fitting, HELDOUT_SHARE, config.seed)
    rows = DpoRows(train, judge, tokenizer, config)
    lora = _fit(config, rows, model, directory)
    evaluations = FEW_EVALUATIONS if is_open(sft) else EVALUATIONS

    def kept(steps: int) -> list[Preference]:
        return heldout_of(sft, heldout, min(steps * rows.batch_pairs, len(rows.pairs)))

    pace, steps = _pace(config, rows, model, directory, started, lora, lambda n: len(kept(n)) if is_open(sft) else 0)
    unseen = DpoRows(kept(steps), judge, tokenizer, config, rows.micro_pairs)
    say(f"plan: {counted(len(rows.pairs), 'pair')} for training, {len(unseen.pairs)} held out; {left_out} too long")
    _say_plan(config, rows, unseen, model, steps, lora, is_open(sft))
    if judge is model:  # the reference starts as the same model
        judge = reference_of(sft, parent, model, lora, device)
    rows.reference = unseen.reference = judge.requires_grad_(False)
    model.recompute_above = rows.recompute_above
    if lora is not None:
        adapt(model, lora, config.seed)
    return Prepared(
        config=config,
        directory=directory,
        parent=parent,
        device=device,
        model=model,
        tokenizer=tokenizer,
        judged=judged,
        rows=rows,
        unseen=unseen,
        lora=lora,
        pace=pace,
        steps=steps,
        evaluations=evaluations,
    )


def _fit(config: Dpo, rows: DpoRows, model: Transformer, directory: Path) -> Lora | None:
    """Choose what is trained and the size of micro-batches; returns the adapter's settings, or None."""
    shared, device = int(rows.reference is model), model.head_weight.device.type
    whole = footprint_of(model.config, device, has_logits=True)(rows)
    lora = adapters.settle(config, "align", whole, shared)
    if not config.resume:
        write_json(directory / "config.json", asdict(config))  # with what was chosen
    rows.fit(footprint_of(model.config, device, has_logits=True, lora=lora, shared=shared)(rows), lora)
    return lora


def _pace(
    config: Dpo,
    rows: DpoRows,
    model: Transformer,
    directory: Path,
    started: float,
    lora: Lora | None,
    measured: Callable[[int], int],
) -> tuple[Pace, int]:
    """(the passes that the flags ask for, or as much of them as --minutes allows; the expected number of steps).

    That number is kept in the run folder: a resumed run holds out as many pairs. measured: how many, for a number of
    steps, if measuring them takes long.
    """
    most = config.steps or max(1, round(config.epochs * len(rows.pairs) / rows.batch_pairs))
    expected, seconds = most, None
    if config.minutes and not config.steps:
        each = pair_seconds(model.config, rows.mean_length, machine(config.device), lora)
        left = seconds_left(config, started, SAVE_RESERVE)
        while expected > 1 and each * _work(expected, rows, measured(expected)) > left:
            expected -= 1
        seconds = max(1.0, left - each * measured(expected) / 3)  # the last evaluation comes after the clock
    if config.resume and (directory / PLAN).exists():
        expected = expected_steps(directory)
    else:
        write_json(directory / PLAN, {"steps": expected})
    steps = None if seconds else most
    return Pace(max(1, expected // 10), steps, seconds, cooldown_share=0.8, max_steps=most), expected


def _work(steps: int, rows: DpoRows, measured: int) -> float:
    """What a run does, in pairs of training: a forward pass is a third of one. measured: held-out pairs."""
    return steps * rows.batch_pairs + LOOKS * measured / 3


def expected_steps(directory: Path) -> int:
    """The number of steps that a run's plan expects. Raises UserError for a damaged plan."""
    steps = (saved_json(directory / PLAN, ("steps",)) or {}).get("steps")
    if not isinstance(steps, int) or steps < 1:
        raise damaged(directory / PLAN, f"the number of steps is {steps}")
    return steps


def _say_plan(
    config: Dpo, rows: DpoRows, unseen: DpoRows, model: Transformer, steps: int, lora: Lora | None, has_time: bool
) -> None:
    """What is trained, in how much memory and, for an open model, in how much time."""
    if lora is not None:
        say(f"plan: {adapters.described(lora, model.config)}")
    say(f"plan: {rows.memory}")
    if has_time:
        each = pair_seconds(model.config, rows.mean_length, machine(config.device), lora)
        whole, first = each * _work(steps, rows, len(unseen.pairs)), each * 2 * len(unseen.pairs) / 3
        said = f"{counted(steps, 'step')} of {counted(rows.batch_pairs, 'pair')}, {about(whole)}"
        say(f"plan: {said}; measuring the held-out pairs comes first, {about(first)}")


class DpoRows(PairRows):
    """Pairs with the reference's log-probability of each answer, computed when a pair is first used."""

    def __init__(
        self,
        pairs: list[Preference],
        reference: Transformer,
        tokenizer: Tokenizer,
        config: Dpo,
        micro_pairs: int | None = None,
    ) -> None:
        super().__init__(pairs, tokenizer, reference.config.max_position_embeddings, config.seed)
        self.reference: Transformer | None = reference
        self.micro_pairs = micro_pairs or self.micro_pairs
        self.ref_logprobs = np.full((len(self.pairs), 2), np.nan, dtype=np.float32)

    def take(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """A batch of these pairs; see `PairRows.take`."""
        for index in indices:
            if np.isnan(self.ref_logprobs[index, 0]):  # alone, so that it does not depend on the batch
                self.ref_logprobs[index] = self._reference_logprobs(super().take([index]))
        ref = self.ref_logprobs[indices]
        return super().take(indices) | {"ref": np.concatenate([ref[:, 0], ref[:, 1]])}

    @torch.no_grad()
    def _reference_logprobs(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        assert self.reference is not None
        return answer_logprobs(self.reference, on_device(self.reference, batch)).cpu().numpy()


@dataclass(frozen=True)
class PairLoss:
    """The loss on pairs: DPO's (variant sigmoid) or IPO's, with the KL coefficient beta."""

    beta: float
    variant: str

    def __call__(self, logprobs_2P: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Loss of each pair, (P,), from the answers' log-probabilities, chosen ones first."""
        lengths = batch["mask"].sum(1).chunk(2)
        (chosen_P, rejected_P), (ref_chosen_P, ref_rejected_P) = logprobs_2P.chunk(2), batch["ref"].chunk(2)
        loss_P, _, _ = dpo_loss(
            chosen_P,
            rejected_P,
            ref_chosen_P,
            ref_rejected_P,
            self.beta,
            self.variant,
            chosen_lengths_B=lengths[0],
            rejected_lengths_B=lengths[1],
            length_normalise=self.variant == "ipo",
        )
        return loss_P

    def summed(self, model: Transformer, batch: dict[str, Tensor]) -> Tensor:
        """Summed loss of a batch of pairs."""
        return self(answer_logprobs(model, batch), batch).sum()


@torch.no_grad()
def heldout_figures(
    model: Transformer, unseen: DpoRows, loss: PairLoss, before_part: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Mean loss on held-out pairs, the share of them in which the chosen answer gained more (accuracy), and how much
    more or less likely the chosen answers became, in nats (chosen_drift).

    before_part: called before every part of it, since it takes minutes with an open model.
    """
    losses, gains = [], []
    for indices in unseen.parts():
        before_part()
        batch = on_device(model, unseen.take(indices))
        logprobs_2P = answer_logprobs(model, batch)
        losses.append(loss(logprobs_2P, batch))
        gains.append((logprobs_2P - batch["ref"]).view(2, -1))
    chosen_P, rejected_P = torch.cat(gains, dim=1)
    return {
        "loss": float(torch.cat(losses).mean()),
        "accuracy": float((chosen_P > rejected_P).float().mean()),
        "chosen_drift": float(chosen_P.mean()),
    }


def keep_best(run: Run, unseen: DpoRows, loss: PairLoss) -> None:
    """Measure the loss on held-out pairs and keep the weights if it is the lowest so far. A signal ends it."""
    found = heldout_figures(run.learner.model, unseen, loss, run.learner.check_stop)
    run.log.log("eval", run.step, **found)
    run.state.setdefault("loss_before", found["loss"])
    if found["loss"] < run.state.get("best", float("inf")) or not has_kept(run):
        run.state |= {"best": found["loss"], "best_step": run.step} | found
        keep_weights(run)
    run.pause()
