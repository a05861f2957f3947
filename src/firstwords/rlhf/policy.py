"""What the policy methods of stage three share around their loops: prompts, rollouts, rewards, the watch, the end.

    policy = open_policy(config, "rloo", started)
    with policy.run as run:
        while not run.done: ...                     # the loop is the method's: methods/rloo.py, grpo.py, ppo.py
    finish(policy, started)

Axes: B answers, T places, N chosen tokens, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from firstwords import home
from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.packing import ChatRows, EpochOrder, pack_chats
from firstwords.data.source_stats import SourceStats
from firstwords.engine.engine import Engine
from firstwords.model.hub import load_model, read_card, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.plan.footprint import Footprint, cache_bytes, free_bytes
from firstwords.preferences.annotator import Task, tasks, true_reward
from firstwords.preferences.records import TooFewError, prompt_key
from firstwords.rlhf.judgements import Answer, of_people, prompts_of_people
from firstwords.rlhf.judgements import sample as sample_answers
from firstwords.rlhf.losses import AdaptiveKL
from firstwords.rlhf.provenance import Seen, read_seen, short
from firstwords.rlhf.reward_model import RewardModel, load_reward_model
from firstwords.rlhf.rollout import Rollouts, States, check_sampler, piece_logits, pieces_of, sample_rollouts
from firstwords.rlhf.version_store import (
    StageFlags,
    has_kept,
    keep_weights,
    open_version,
    restore_weights,
    save_version,
    sft_dir,
)
from firstwords.runlog import say
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train.learner import Learner, OptimConfig, prepare_process
from firstwords.train.losses import next_token_loss, token_terms
from firstwords.train.machine import usable_device
from firstwords.train.run import Pace, Run, seconds_left

# Peak rates: matrices by Muon, whose steps lost far less of what the model knew than AdamW's did; tables and vectors by
# AdamW. The gold reward of 150 steps rose by 0.19-0.22 with matrices at 0.0006-0.0012, by 0.04 at 0.0024; many small
# steps with little momentum beat few large ones in the same time (docs/LOG.md).
MATRIX_RATE, TABLE_RATE, VECTOR_RATE, MOMENTUM = 1e-3, 1e-4, 1e-2, 0.85
MICRO_TOKENS = 4096  # of one forward and backward pass, padding counted (best of 1,024-8,192 measured)
NUM_TASKS = 4000  # prompts of the built-in world to practise on
FIRST_TASKS = 64  # of them that tell whether this model can practise on them
ANSWER_SHARE = 4  # one part in so many of a short context is kept for the answer
GOLD_TASKS = 128  # answered for each look at the gold reward
GOLD_LOOKS = 12  # in a run
REHEARSAL_CHATS = 2000  # chats kept to rehearse stage two with
REHEARSAL_ROWS = 2  # of them a step
SAVE_RESERVE = 4.0  # seconds for the best-of-n baseline and for writing the model
SLOTS = 64  # answers that are sampled at a time
KL_HORIZON = 2000  # answers within which beta follows its target
BEST_OF = (4, 16)


@dataclass
class PolicyFlags(StageFlags):
    """The flags that all policy methods have."""

    prompts: list[str] = field(default_factory=lambda: ["world"])
    """What to practise on: files of preferences or chats (their prompts are taken), or world."""
    minutes: float = 2.0
    """Time for everything from launch to the saved model."""
    steps: int = 0
    """Stop after so many steps instead (exactly repeatable; 0 = by the clock)."""
    step_prompts: int = 16
    """Different prompts of one step."""
    samples: int = 4
    """Answers to each prompt of a step."""
    max_tokens: int = 48
    """Room for an answer."""
    beta: float = 0.05
    """Price of a nat of KL, in standard deviations of the reward; adapts to --target-kl."""
    target_kl: float = 4.0
    """Nats of KL an answer to aim at (0: beta stays)."""
    stop_penalty: float = 1.0
    """Taken off the reward of an answer that does not stop by itself."""
    sft_share: float = 0.2
    """Weight of the loss of stage two beside the policy's."""


@dataclass
class Policy:
    """A policy in training with all it needs."""

    config: Any
    parent: Path
    model: Transformer
    reference: Transformer
    tokenizer: Tokenizer
    reward: RewardModel
    learner: Learner
    engine: Engine
    run: Run
    prompts: list[list[int]]
    order: EpochOrder
    gold: list[Task]
    rehearsal: ChatRows | None
    kl: AdaptiveKL
    seen: Seen = field(default_factory=Seen)
    most_tokens: int = 1 << 30  # of a micro-batch, where memory bounds it

    @property
    def micro_tokens(self) -> int:
        """Tokens of a micro-batch."""
        return min(MICRO_TOKENS, self.most_tokens)

    def sample(self, step: int) -> Rollouts:
        """Answers of the policy as it is now to this step's prompts."""
        if "kl" in self.run.state:  # of a run that resumes
            self.kl.load_state_dict(self.run.state["kl"])
        self.engine.refresh()
        config = self.config
        _, indices = self.order.at(np.arange(step * config.step_prompts, (step + 1) * config.step_prompts))
        chosen = sorted((self.prompts[index] for index in indices), key=len)  # like lengths share a micro-batch
        return sample_rollouts(self.engine, chosen, config.samples, config.max_tokens, config.seed, step)

    def rewards(self, rollouts: Rollouts) -> np.ndarray:
        """Normalised rewards less the penalty of answers that did not stop, fp64, (B,)."""
        starts_B = np.array([len(sequence) for sequence in rollouts.sequences]) - rollouts.lengths_B
        confidence_B = None
        if self.reward_reads_reference:  # asked already
            confidence_B = self.measure(rollouts).behind_BT.sum(1) / rollouts.lengths_B
        scores_B = self.reward.score_ids(rollouts.sequences, starts_B, confidence_B).astype(np.float64)
        return scores_B - self.config.stop_penalty * ~rollouts.stopped_B

    @torch.no_grad()
    def measure(self, rollouts: Rollouts) -> States:
        """What policy and reference think of these answers, asked once; asserts that the sampler agrees."""
        if rollouts.states is not None:
            return rollouts.states
        batch = {
            "inputs": rollouts.ids_BT, "mask": rollouts.mask_BT, "chosen": rollouts.targets_BT,
            "sampled": rollouts.sampler_logprobs_BT,
        }  # fmt: skip
        found = []
        for piece in pieces_of(batch, self.micro_tokens):
            self.learner.check_stop()
            piece = {key: torch.from_numpy(array).to(self.model.head_weight.device) for key, array in piece.items()}
            logits_NV, ref_NV = (piece_logits(model, piece) for model in (self.model, self.reference))
            logprobs_N, kl_N, entropy_N = token_terms(logits_NV, ref_NV, piece["chosen"])
            check_sampler(piece["sampled"], logprobs_N)
            behind_N = ref_NV.gather(1, piece["chosen"][:, None])[:, 0] - ref_NV.amax(1)
            found.append([x.cpu() for x in (ref_NV, logprobs_N, kl_N, behind_N, entropy_N)])
        ref_logits_NV, logprobs_N, kl_N, behind_N, entropy_N = (torch.cat(parts) for parts in zip(*found, strict=True))
        mask_BT = rollouts.mask_BT
        # from here on the trainer's: the last bit of the sampler's depends on what its cache held, and a run that
        # resumes starts with an empty one
        rollouts.sampler_logprobs_BT[mask_BT] = logprobs_N.numpy()
        kl_BT, behind_BT = np.zeros(mask_BT.shape), np.zeros(mask_BT.shape, dtype=np.float32)
        kl_BT[mask_BT], behind_BT[mask_BT] = kl_N.double().numpy(), behind_N.numpy()
        rollouts.states = States(ref_logits_NV, kl_BT, behind_BT, float(entropy_N.mean()))
        return rollouts.states

    @cached_property
    def reward_reads_reference(self) -> bool:
        """Whether the reward model's reference is the policy's, so that its confidence is known from `measure`."""
        asked = self.reward.reference
        return asked is not None and weights_hash(asked) == weights_hash(self.reference)

    def micro_batches(self, batch: dict[str, np.ndarray], ref_logits_NV: Tensor) -> list[dict[str, np.ndarray]]:
        """`pieces_of` a batch, the reference's logits with it."""
        return pieces_of(batch, self.micro_tokens, ref_logits_NV)

    def rehearse(self, step: int) -> None:
        """Add the gradient of a share of stage two's loss, so that what was known is not forgotten."""
        share = self.config.sft_share
        if self.rehearsal is None or share == 0:
            return
        batch = self.rehearsal.batch(step, REHEARSAL_ROWS)._asdict()
        self.learner.forward_backward([batch], lambda model, batch: share * next_token_loss(model, batch))

    def finish_step(
        self, metrics: dict[str, float], rollouts: Rollouts, rewards_B: np.ndarray, moved: bool = True
    ) -> None:
        """Log the step, let beta follow its target if the policy moved, look at the gold reward when that is due."""
        run = self.run
        if moved and self.config.target_kl > 0:
            self.kl.update(metrics["kl"], len(rewards_B))
        run.state["kl"] = self.kl.state_dict()
        metrics |= {
            "reward": float(rewards_B.mean()),
            "length": float(rollouts.lengths_B.mean()),
            "stops": float(rollouts.stopped_B.mean()),
        }
        run.finish_step(metrics, lambda: self._look_if_due(rollouts, rewards_B))

    def _look_if_due(self, rollouts: Rollouts, rewards_B: np.ndarray) -> None:
        """Part of the step that a checkpoint closes: a run that is killed after it has looked."""
        run = self.run
        if run.done or run.share_done >= run.state.setdefault("looks", 0) / GOLD_LOOKS:
            run.state["looks"] = int(run.share_done * GOLD_LOOKS) + 1
            self._look(rollouts, rewards_B)

    def _look(self, rollouts: Rollouts, rewards_B: np.ndarray) -> None:
        """Measure the gold reward of the policy as it is now, show an answer, and keep the best weights."""
        gold = self.gold_reward()
        shown = gold if gold is not None else float(rewards_B.mean())
        row = int(np.argsort(rewards_B)[len(rewards_B) // 2])  # the answer in the middle, neither best nor worst
        prompt = self.tokenizer.decode(rollouts.sequences[row][: -int(rollouts.lengths_B[row])])
        question = prompt.split("user\n")[-1].split("\nassistant")[0].strip()
        self.run.log.log("gold", self.run.step, gold=gold, proxy=float(rewards_B.mean()), seconds=self.run.elapsed)
        self.run.log.log("sample", self.run.step, prompt=question, text=rollouts.texts[row], seconds=self.run.elapsed)
        self.run.progress.sample(self.run.step, f"reward {shown:+.2f}  {question} -> ", rollouts.texts[row])
        if shown > self.run.state.get("best", float("-inf")) or not has_kept(self.run):
            self.run.state |= {"best": shown, "best_step": self.run.step}
            keep_weights(self.run)
        self.run.pause()

    def gold_reward(self) -> float | None:
        """Mean true reward of one sampled answer to each gold task; None where the truth is not known."""
        if not self.gold:
            return None
        self.engine.refresh()
        answers = sample_answers(self.engine, self.tokenizer, self.gold, (self.config.seed, 77))
        return float(np.mean(truth_of(self.gold, answers)))


def open_policy(config: Any, method: str, started: float) -> Policy:
    """Load policy, reference and reward model, prepare prompts, and open the run (again, with --resume)."""
    runs = home.run_dir(config.name)
    judge = runs / "reward" / "model"
    if judge.is_dir() and not home.is_model(judge):
        again = f"or make the reward model again with firstwords reward {config.name}"
        raise UserError(f"{home.missing_file(judge)} is missing: put back a copy of it, {again}")
    if not home.is_model(judge):
        raise UserError(f"{config.name} has no reward model: make one first with firstwords reward {config.name}")
    config, directory, parent = open_version(config)
    threads = prepare_process(config.threads, config.steps)
    device = usable_device(config.device)
    tokenizer = Tokenizer.load(parent)
    model, reference = load_model(parent, device=device), load_model(sft_dir(config.name), device=device)
    reward = load_reward_model(runs / "reward" / "model", device)
    learner = Learner(model, policy_optim(config.learning_rate), device)
    prompts, gold, keys = prompts_of(config, tokenizer, model.config.max_position_embeddings)
    need, free = footprint_of(config, model, prompts, method), free_bytes(device)
    most_tokens = need.fit(MICRO_TOKENS, free, "give shorter prompts, take a smaller model, or --method dpo")
    rehearsal = rehearsal_rows(config, tokenizer)
    seconds = seconds_left(config, started, SAVE_RESERVE)
    pace = Pace(5, config.steps or None, seconds, cooldown_share=0.5)
    flops = model.config.flops_per_token(64)
    run = Run(directory, learner, pace, directory.name, flops, None, config.save_every_steps, threads)
    engine = Engine(model, tokenizer, num_slots=SLOTS)
    engine.on_step = lambda: run.learner.check_stop()
    say(f"plan: {method}, {len(prompts):,} prompts, {config.step_prompts} x {config.samples} answers per step")
    say(f"plan: {need.sentence(most_tokens, free)}")
    return Policy(
        config, parent, model, reference.requires_grad_(False), tokenizer, reward, learner,
        engine, run, prompts, EpochOrder(len(prompts), config.seed), gold, rehearsal,
        AdaptiveKL(config.beta, config.target_kl or 1.0, KL_HORIZON),
        Seen(keys, reward_models={reward.hash}) | read_seen(runs / "reward" / "model"), most_tokens,
    )  # fmt: skip


def footprint_of(config: Any, model: Transformer, prompts: list[list[int]], method: str) -> Footprint:
    """What a policy's training needs beside its reference and the reward model with a reference of its own.

    A row holds a prompt and all its answers; the reference's logits of every token of a step's answers are kept.
    """
    answers = config.samples * config.max_tokens
    row = max(map(len, prompts)) + answers
    kept = 8 * config.step_prompts * answers * model.config.vocab_size
    fixed = kept + cache_bytes(model.config, SLOTS, max(map(len, prompts)) + config.max_tokens)
    return Footprint(
        model.config, row, "muon", "fp32", model.head_weight.device.type, is_packed=True, logit_share=answers / row,
        trained=2 if method == "ppo" else 1, frozen=3, fixed=fixed,
    )  # fmt: skip


def policy_optim(scale: float) -> OptimConfig:
    """The optimizer of a policy, its peak rates multiplied by `scale`."""
    return OptimConfig(
        matrix_lr=MATRIX_RATE * scale, table_lr=TABLE_RATE * scale, vector_lr=VECTOR_RATE * scale, momentum=MOMENTUM
    )


def prompts_of(config: Any, tokenizer: Tokenizer, limit: int) -> tuple[list[list[int]], list[Task], set[str]]:
    """(prompts to practise on, as ids; gold tasks, where the truth is known; short keys of the prompts)."""
    found = [p.prompt for p in of_people(config.prompts)]
    gold: list[Task] = []
    if "world" in config.prompts:
        found += [task.messages for task in tasks(config.seed, NUM_TASKS, "train")]
        gold = tasks(config.seed, GOLD_TASKS, "gold")
    keys = {tuple(chat_ids(tokenizer, messages)): short(prompt_key(messages)) for messages in found}
    longest = limit - room_for_answer(limit, config.max_tokens)
    fitting = [list(ids) for ids in keys if len(ids) <= longest]
    if len(fitting) < 2:
        raise too_few_prompts(config.prompts, [len(ids) for ids in keys], longest, limit)
    gold = [task for task in gold if len(chat_ids(tokenizer, task.messages)) <= longest]
    return fitting, gold, {keys[tuple(ids)] for ids in fitting}


def check_prompts(specs: Sequence[str], tokenizer: Tokenizer, limit: int, max_tokens: int, seed: int = 0) -> None:
    """Raise the TooFewError that `prompts_of` would for prompts that are too long, reading no more than it takes.

    Of too few prompts at all whoever learns from them says more.
    """
    lengths: dict[tuple[int, ...], int] = {}
    longest, world = limit - room_for_answer(limit, max_tokens), []
    if "world" in specs:
        world = [task.messages for task in tasks(seed, FIRST_TASKS, "train")]
    for messages in chain(world, prompts_of_people(specs)):
        ids = tuple(chat_ids(tokenizer, messages))
        lengths[ids] = len(ids)
        if len(ids) <= longest and sum(length <= longest for length in lengths.values()) >= 2:
            return
    if len(lengths) > 1:
        raise too_few_prompts(specs, list(lengths.values()), longest, limit)


def room_for_answer(limit: int, max_tokens: int) -> int:
    """Tokens that a prompt must leave for an answer in a context of `limit`, which cuts answers if it is short."""
    return max(1, min(max_tokens, limit // ANSWER_SHARE))


def too_few_prompts(specs: Sequence[str], lengths: Sequence[int], longest: int, limit: int) -> TooFewError:
    """The error for fewer than two usable prompts, with the reason: too few at all, or too long for the context."""
    where = ", ".join(specs)
    if len(lengths) < 2:
        return TooFewError(f"practising takes two different prompts or more, but {where} has {len(lengths)}: give more")
    usable = sum(length <= longest for length in lengths)
    return TooFewError(
        f"of the {len(lengths):,} prompts in {where} {usable} can be practised on: they have {min(lengths):,} to "
        f"{max(lengths):,} tokens, and this model's context of {limit:,} leaves {longest:,} for a prompt and the rest "
        "for its answer; give shorter prompts, or take a model with a longer context"
    )


def rehearsal_rows(config: Any, tokenizer: Tokenizer) -> ChatRows | None:
    """Rows of the chats of stage two, read again; None where those are not known or not there any more."""
    if config.sft_share == 0:
        return None
    sft = read_card(sft_dir(config.name))
    specs = (sft.get("data") or {}).get("chats") or []
    rendered = []
    try:
        for messages in conversations(specs, SourceStats()):
            rendered.append(render(messages, tokenizer))
            if len(rendered) == REHEARSAL_CHATS:
                break
        context = ((sft.get("plan") or {}).get("shape") or {}).get("context", 256)
        return ChatRows(pack_chats(rendered, context), config.seed)
    except (UserError, OSError) as error:
        say(f"the chats of stage two cannot be read again ({error}): training goes on without rehearsing them")
        return None


def best_of_n(policy: Policy, counts: Sequence[int] = BEST_OF) -> dict[str, float]:
    """Gold reward of the answer that the reward model likes best among n of the reference: what training must beat."""
    if not policy.gold:
        return {}
    engine = Engine(policy.reference, policy.tokenizer, num_slots=SLOTS)
    result, most = {}, max(counts)
    asked = [task for task in policy.gold for _ in range(most)]
    answers = sample_answers(engine, policy.tokenizer, asked, (policy.config.seed, 78))
    scores = policy.reward.score_ids([a.sequence for a in answers], [len(a.prompt_ids) for a in answers])
    truth = truth_of(asked, answers).reshape(-1, most)
    result["1"] = float(truth[:, 0].mean())
    for count in counts:
        best = scores.reshape(-1, most)[:, :count].argmax(1)
        result[str(count)] = float(truth[np.arange(len(truth)), best].mean())
    return result


def truth_of(asked: Sequence[Task], answers: Sequence[Answer]) -> np.ndarray:
    """What answers of tasks whose truth is known are worth, fp64, (B,)."""
    return np.array([true_reward(t, a.text, a.stopped) for t, a in zip(asked, answers, strict=True)])


def finish(policy: Policy, started: float) -> Path:
    """Put back the weights of the gold peak, measure the baseline, save rlhf-N. Does not promote it."""
    restore_weights(policy.run)
    baseline = best_of_n(policy)
    run, config = policy.run, policy.config
    metrics = {
        "gold": run.state.get("best"), "best_step": run.state.get("best_step"), "steps": run.step,
        "best_of_n_gold": baseline, "seconds": time.perf_counter() - started,
    }  # fmt: skip
    data = {"prompts": config.prompts, "reward_model": policy.reward.hash, "reference": "sft"}
    say(f"saving {config.name}/{run.stage}: the weights of step {metrics['best_step']} of {run.step}, gold reward "
        f"{metrics['gold']:+.3f}" + "".join(f"; best of {n} of sft {v:+.3f}" for n, v in baseline.items()))  # fmt: skip
    return save_version(config, run, policy.model, policy.tokenizer, policy.parent, data, metrics, policy.seen)
