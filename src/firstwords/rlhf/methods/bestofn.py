"""Stage 3b: train the policy on the best of several of its own answers (best-of-n distillation).

    firstwords align pip --method bestofn

Each step samples several answers per prompt from the policy as it is, scores them, and learns the best one of each
prompt by cross-entropy, as stage two learns its demonstrations (rejection sampling: Touvron et al. 2023; expert
iteration: Anthony et al. 2017). The other half of each step's loss is that of stage two's chats, so that little is
forgotten: without a KL divergence, they are what holds the policy. An answer's score is the reward model's, together
with what its siblings show (siblings.py).

The fixed point is a mixture: (1 - s) of the distribution of the best of n of the policy's own answers, and s of stage
two's (s: the share of the loss, --bestofn.sft-share, for answers of equal length).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from firstwords import home
from firstwords.engine.compiled import SMALL_PARAMS
from firstwords.engine.engine import Engine
from firstwords.model.transformer import Transformer
from firstwords.rlhf.judgements import read_pairs
from firstwords.rlhf.methods.siblings import FEATURES, Scorer, does_as_most, fit_scorer
from firstwords.rlhf.policy import (
    REHEARSAL_ROWS,
    Policy,
    PolicyFlags,
    SamplingOptions,
    check_sampling_options,
    finish,
    open_policy,
)
from firstwords.rlhf.rollout import Rollouts, piece_logits, pieces_of
from firstwords.runlog import say
from firstwords.train.distributed import processes
from firstwords.train.losses import next_token_loss, token_logprobs

# Less than RLOO's rate, and four times as many chats of stage two in each step of a small model: with four rows the
# noise of their gradient alone costs parts of the exam some points (docs/LOG.md). A large model has no time for it.
RATE = 3e-5
REHEARSAL_PARTS = 4  # of REHEARSAL_ROWS each


@dataclass
class BestofnOptions(SamplingOptions):
    """Options for --method bestofn."""

    samples: int = 8
    """Answers sampled per prompt, of which the best one is learned."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sampling_options(self, "bestofn", least_samples=1)


@dataclass
class Bestofn(BestofnOptions, PolicyFlags):
    """Train a policy on the best of several of its own answers (stage 3b)."""


def main(config: Bestofn) -> Path:
    """Run the stage and return the directory of the new policy."""
    started = time.perf_counter()
    policy = open_policy(config, "bestofn", started, shares=True, rate=RATE)
    scorer = processes.of_main(scorer_of(policy) if processes.is_main() else None)
    with policy.run as run:
        while not run.done:
            rollouts = policy.sample(run.step)
            scores_B = score(policy, scorer, rollouts)
            metrics = update(policy, rollouts, scores_B, run.step, run.lr_fraction)
            policy.finish_step(metrics, rollouts, scores_B)
    return finish(policy, started)


def scorer_of(policy: Policy) -> Scorer:
    """The weights of what can be seen of an answer, fitted on the pairs of the reward model; the same when resumed."""
    config = policy.config
    pairs = read_pairs(home.run_dir(config.name, "reward"))
    engine = Engine(policy.reference, policy.tokenizer, num_slots=policy.engine.cache.num_slots)
    scorer = fit_scorer(policy.reward, engine, pairs, config.samples, config.max_tokens, config.seed)
    if scorer == Scorer():
        say(f"plan: an answer's score is its reward alone: {len(pairs)} pairs are too few to weigh anything else")
        return scorer
    weights = ", ".join(f"{name} {weight:+.2f}" for name, weight in zip(FEATURES, scorer.weights, strict=True))
    say(f"plan: an answer's score weighs {weights} (fitted on {len(pairs)} pairs)")
    return scorer


def score(policy: Policy, scorer: Scorer, rollouts: Rollouts) -> np.ndarray:
    """Scores of a step's answers, fp64, (B,)."""
    lengths = zip(rollouts.sequences, rollouts.lengths_B, strict=True)
    prompts = [policy.tokenizer.decode(sequence[: len(sequence) - int(n)]) for sequence, n in lengths]
    return scorer.scores(policy.rewards(rollouts), rollouts.texts, prompts, rollouts.num_samples)


def update(policy: Policy, rollouts: Rollouts, scores_B: np.ndarray, step: int, lr_fraction: float) -> dict[str, float]:
    """One step on the best answer of each prompt and on chats of stage two; returns the metrics to log."""
    learner, share = policy.learner, policy.config.sft_share
    rehearsal = policy.data.rehearsal if share else None
    states = policy.measure(rollouts)
    batch, num_tokens = batch_of(rollouts, scores_B)
    weight = 1 - share if rehearsal is not None else 1.0

    def answer_loss(model: Transformer, batch: dict[str, Tensor]) -> Tensor:
        return -weight * token_logprobs(piece_logits(model, batch), batch["chosen"]).sum()

    metrics = learner.forward_backward(pieces_of(batch, policy.micro_tokens), answer_loss, divisor=num_tokens)
    if rehearsal is not None:
        parts = REHEARSAL_PARTS if sum(p.numel() for p in policy.model.parameters()) <= SMALL_PARAMS else 1
        chats = [rehearsal.batch(parts * step + part, REHEARSAL_ROWS)._asdict() for part in range(parts)]
        learner.forward_backward(chats, lambda model, batch: share * next_token_loss(model, batch))
    metrics |= learner.optim_step(lr_fraction)
    scores_PG = scores_B.reshape(-1, rollouts.num_samples)
    gap = float((scores_PG.max(1) - scores_PG.mean(1)).mean())
    return metrics | {"kl": float(states.kl_BT.sum(1).mean()), "entropy": states.entropy, "gap": gap}


def batch_of(rollouts: Rollouts, scores_B: np.ndarray) -> tuple[dict[str, np.ndarray], int]:
    """(the best answer of each prompt, the first one of equals; number of its tokens).

    It abstains only if most of its siblings do: where a model is unsure, "I do not know" scores well, and the model
    would learn to refuse what it half knows.
    """
    is_usual_B = does_as_most(rollouts.texts, rollouts.num_samples)
    best_P = np.where(is_usual_B, scores_B, -np.inf).reshape(-1, rollouts.num_samples).argmax(1)
    rows_P = best_P + np.arange(len(best_P)) * rollouts.num_samples
    mask_PT = rollouts.mask_BT[rows_P]
    batch = {"inputs": rollouts.ids_BT[rows_P], "chosen": rollouts.targets_BT[rows_P], "mask": mask_PT}
    return batch, int(mask_PT.sum())
