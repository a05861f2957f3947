"""Shared by the policy methods of stage three: prompts, rollouts, rewards, evaluation, saving.

    policy = open_policy(config, "bestofn", started)
    with policy.run as run:
        while not run.done: ...                     # the loop is the method's: methods/bestofn.py, rloo.py ...
    finish(policy, started)

Axes: B answers, T positions, N chosen tokens, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from firstwords import home
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, Settings, UserError, flag_of
from firstwords.engine.engine import Engine
from firstwords.model.hub import load_model, weights_hash
from firstwords.model.lora import Lora, adapt
from firstwords.model.transformer import Transformer
from firstwords.plan.footprint import Footprint, cache_bytes, free_bytes, needs, slots_for
from firstwords.rlhf.judgements import sample as sample_answers
from firstwords.rlhf.losses import AdaptiveKL
from firstwords.rlhf.pair_rows import longest_row
from firstwords.rlhf.policy_data import PolicyData, policy_data, truth_of
from firstwords.rlhf.provenance import Seen, read_seen
from firstwords.rlhf.reward_model import RewardModel, load_reward_model
from firstwords.rlhf.rollout import Rollouts, States, check_sampler, piece_logits, pieces_of, sample_rollouts
from firstwords.rlhf.version_store import (
    has_kept,
    keep_weights,
    open_version,
    reference_of,
    restore_weights,
    save_version,
    sft_dir,
)
from firstwords.runlog import say, write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train import adapters
from firstwords.train.adapters import AdapterFlags
from firstwords.train.distributed import processes
from firstwords.train.distributed.sharding import copied, gathered
from firstwords.train.learner import Learner, adamw_config, gradient_norm, prepare_process
from firstwords.train.losses import next_token_loss, token_terms
from firstwords.train.machine import usable_device
from firstwords.train.run import Pace, Run, seconds_left
from firstwords.train.run_flags import StageFlags, check_minutes

# AdamW, all parameters, with half of each step's gradient from stage two's chats. In a hundred steps manners change as
# much as with Muon at its best rates, and no part of the exam falls. Muon's steps are as large however small the
# gradient is, and cost two to four points of several parts (docs/LOG.md).
RATE = 1e-4
MICRO_TOKENS = 4096  # per forward and backward pass, including padding (best of 1,024-8,192 measured)
GOLD_EVALUATIONS = 12  # per run
REHEARSAL_ROWS = 4  # per step
SAVE_RESERVE = 4.0  # seconds for the best-of-n baseline and for writing the model
SLOTS = 64  # answers sampled at a time
KL_HORIZON = 2000  # answers over which beta adapts to reach the target KL
BEST_OF = (4, 8)


@dataclass
class SamplingOptions(Settings):
    """Options of all methods that sample answers."""

    step_prompts: int = 16
    """Number of different prompts per step."""
    samples: int = 4
    """Number of answers sampled per prompt."""
    max_tokens: int = 48
    """Maximum tokens per answer."""
    stop_penalty: float = 1.0
    """Penalty subtracted from the reward of an answer that does not end by itself."""
    sft_share: float = 0.5
    """Share of each step's gradient that comes from stage two's chats, so that knowledge is not forgotten."""


@dataclass
class PolicyOptions(SamplingOptions):
    """Options of the methods that are kept near sft by a KL divergence."""

    beta: float = 0.3
    """KL coefficient, in standard deviations of the reward per nat."""
    target_kl: float = 0.0
    """Target KL divergence from sft, in nats per answer, to which beta adapts (0: beta stays fixed)."""


def check_sampling_options(options: SamplingOptions, method: str, least_samples: int) -> None:
    """Refuse values that no method can use. Raises a UserError that names the flag."""
    for name, least in (("samples", least_samples), ("step_prompts", 1), ("max_tokens", 1)):
        if (value := getattr(options, name)) < least:
            raise UserError(f"{flag_of(f'{method}.{name}')} is {value}, but it must be {least} or more")
    check_at_least_zero(options, method, ("stop_penalty",))
    if not 0 <= options.sft_share < 1:
        raise UserError(f"--{method}.sft-share is {options.sft_share:g}, but it must be at least 0 and below 1")


def check_policy_options(options: PolicyOptions, method: str, least_samples: int) -> None:
    """Refuse values that no method with a KL divergence can use. Raises a UserError that names the flag."""
    check_sampling_options(options, method, least_samples)
    check_at_least_zero(options, method, ("beta", "target_kl"))


def check_at_least_zero(options: SamplingOptions, method: str, names: Sequence[str]) -> None:
    """Raise UserError for the first of these options that is negative, infinite or not a number."""
    for name in names:
        if not 0 <= (value := getattr(options, name)) < float("inf"):
            raise UserError(f"{flag_of(f'{method}.{name}')} is {value:g}, but it must be 0 or more")


@dataclass
class PolicyFlags(AdapterFlags, StageFlags):
    """The flags of a run of a policy method."""

    prompts: list[str] = field(default_factory=lambda: ["world"])
    """Prompts to train on: files of preferences or chats (their prompts are used), or world."""
    minutes: float = 2.0
    """Time budget for the whole stage, from launch to the saved model."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minutes(self)


@dataclass
class Policy:
    """A policy in training and everything it needs."""

    config: Any
    parent: Path
    model: Transformer
    reference: Transformer
    tokenizer: Tokenizer
    reward: RewardModel
    learner: Learner
    engine: Engine
    run: Run
    data: PolicyData
    kl: AdaptiveKL | None = None  # None for a method without a KL divergence
    seen: Seen = field(default_factory=Seen)
    most_tokens: int = 1 << 30  # per micro-batch, as limited by memory

    @property
    def micro_tokens(self) -> int:
        """Tokens per micro-batch."""
        return min(MICRO_TOKENS, self.most_tokens)

    @property
    def beta(self) -> float:
        """The KL coefficient as it is now."""
        assert self.kl is not None, "this method has no KL divergence"
        return self.kl.beta

    def sample(self, step: int) -> Rollouts:
        """Answers of the current policy to this step's prompts."""
        if self.kl is not None and "kl" in self.run.state:  # from a resumed run
            self.kl.load_state_dict(self.run.state["kl"])
        self.engine.refresh()
        config = self.config
        _, indices = self.data.order.at(np.arange(step * config.step_prompts, (step + 1) * config.step_prompts))
        chosen = sorted((self.data.prompts[index] for index in indices), key=len)  # similar lengths share a micro-batch
        is_shared = self.learner.is_shared
        return sample_rollouts(self.engine, chosen, config.samples, config.max_tokens, config.seed, step, is_shared)

    def rewards(self, rollouts: Rollouts) -> np.ndarray:
        """Normalised rewards minus the penalty for answers that did not stop, fp64, (B,)."""
        starts_B = np.array([len(sequence) for sequence in rollouts.sequences]) - rollouts.lengths_B
        confidence_B = None
        if self.reward_reads_reference:  # already computed
            confidence_B = self.measure(rollouts).behind_BT.sum(1) / rollouts.lengths_B
        scores_B = self.reward.score_ids(rollouts.sequences, starts_B, confidence_B).astype(np.float64)
        return scores_B - self.config.stop_penalty * ~rollouts.stopped_B

    @torch.no_grad()
    def measure(self, rollouts: Rollouts) -> States:
        """Evaluate policy and reference on these answers, once; asserts that the sampler agrees."""
        if rollouts.states is not None:
            return rollouts.states
        batch = {
            "inputs": rollouts.ids_BT,
            "mask": rollouts.mask_BT,
            "chosen": rollouts.targets_BT,
            "sampled": rollouts.sampler_logprobs_BT,
        }
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
        # use the trainer's from here on: the sampler's last bits depend on its cache, which is empty when a run
        # resumes
        rollouts.sampler_logprobs_BT[mask_BT] = logprobs_N.numpy()
        kl_BT, behind_BT = np.zeros(mask_BT.shape), np.zeros(mask_BT.shape, dtype=np.float32)
        kl_BT[mask_BT], behind_BT[mask_BT] = kl_N.double().numpy(), behind_N.numpy()
        rollouts.states = States(ref_logits_NV, kl_BT, behind_BT, float(entropy_N.mean()))
        return rollouts.states

    @cached_property
    def reward_reads_reference(self) -> bool:
        """Whether reward model and policy have the same reference, so that `measure` already gives its confidence."""
        asked = self.reward.reference
        return asked is not None and weights_hash(asked) == weights_hash(self.reference)

    def micro_batches(self, batch: dict[str, np.ndarray], ref_logits_NV: Tensor) -> list[dict[str, np.ndarray]]:
        """`pieces_of` a batch, together with the reference's logits."""
        return pieces_of(batch, self.micro_tokens, ref_logits_NV)

    def rehearse(self, step: int) -> None:
        """Mix in stage two's gradient, scaled to be a share `sft_share` of the step's by its norm.

        By its norm, because the two losses have different units: the policy's grows with the spread of the rewards.
        """
        share = self.config.sft_share
        if self.data.rehearsal is None or share == 0:
            return
        parameters = list(self.model.parameters())
        own = [p.grad for p in parameters]
        for p in parameters:
            p.grad = None
        self.learner.forward_backward([self.data.rehearsal.batch(step, REHEARSAL_ROWS)._asdict()], next_token_loss)
        norms = [gradient_norm(grads) for grads in (own, [p.grad for p in parameters])]
        scale = share * float(norms[0]) / max(float(norms[1]), 1e-12)
        for p, grad in zip(parameters, own, strict=True):
            if p.grad is not None:
                p.grad.mul_(scale)
            if grad is not None:
                p.grad = grad.mul_(1 - share) if p.grad is None else p.grad.add_(grad, alpha=1 - share)

    def finish_step(
        self, metrics: dict[str, float], rollouts: Rollouts, rewards_B: np.ndarray, moved: bool = True
    ) -> None:
        """Log the step, adapt beta if the policy moved, and evaluate the gold reward when that is due."""
        run = self.run
        if self.kl is not None:
            if moved and self.config.target_kl > 0:
                self.kl.update(metrics["kl"], len(rewards_B))
            run.state["kl"] = self.kl.state_dict()
        metrics |= {
            "reward": float(rewards_B.mean()),
            "length": float(rollouts.lengths_B.mean()),
            "stops": float(rollouts.stopped_B.mean()),
        }
        run.finish_step(metrics, lambda: self._evaluate_if_due(rollouts, rewards_B))

    def _evaluate_if_due(self, rollouts: Rollouts, rewards_B: np.ndarray) -> None:
        """Runs before the step's checkpoint, so that an evaluation is saved with it and not repeated on resume."""
        run = self.run
        if run.done or run.share_done >= run.state.setdefault("evaluations", 0) / GOLD_EVALUATIONS:
            run.state["evaluations"] = int(run.share_done * GOLD_EVALUATIONS) + 1
            if self.learner.is_shared and not processes.is_main():
                return  # the main process evaluates, and keeps the best weights
            self._evaluate(rollouts, rewards_B)

    def _evaluate(self, rollouts: Rollouts, rewards_B: np.ndarray) -> None:
        """Measure the gold reward of the current policy, show an answer, and keep the weights unless they are worse."""
        gold_G, proxy = self.gold_rewards(), float(rewards_B.mean())
        shown = proxy if gold_G is None else float(gold_G.mean())
        row = int(np.argsort(rewards_B)[len(rewards_B) // 2])  # the answer with the median reward
        prompt = self.tokenizer.decode(rollouts.sequences[row][: -int(rollouts.lengths_B[row])])
        question = prompt.split("user\n")[-1].split("\nassistant")[0].strip()
        gold = None if gold_G is None else shown
        self.run.log.log("gold", self.run.step, gold=gold, proxy=proxy, seconds=self.run.elapsed)
        self.run.log.log("sample", self.run.step, prompt=question, text=rollouts.texts[row], seconds=self.run.elapsed)
        self.run.progress.sample(self.run.step, f"reward {shown:+.2f}  {question} -> ", rollouts.texts[row])
        worths = rewards_B.reshape(-1, rollouts.num_samples).mean(1) if gold_G is None else gold_G
        kept = self.run.state.get("worths")
        if kept is None or not has_kept(self.run) or not is_worse(worths, np.array(kept)):
            self.run.state |= {"kept": shown, "kept_step": self.run.step, "worths": worths.tolist()}
            keep_weights(self.run)
        self.run.pause()

    def gold_rewards(self) -> np.ndarray | None:
        """True rewards of an answer to each gold task, sampled as in a chat, (G,); None if the truth is unknown."""
        if not self.data.gold:
            return None
        self.engine.refresh()
        seed = (self.config.seed, 77)
        answers = sample_answers(self.engine, self.tokenizer, self.data.gold, seed, CHAT_TEMPERATURE, CHAT_TOP_P)
        return truth_of(self.data.gold, answers)


def is_worse(new_G: np.ndarray, kept_G: np.ndarray) -> bool:
    """Whether rewards are lower than those of the kept weights by more than the standard error of their difference.

    A hundred rewards cannot tell two neighbouring steps apart, so the highest mean would often be that of a step that
    was lucky, and has learned less than the later ones.
    """
    difference_G = new_G - kept_G
    return bool(difference_G.mean() < -difference_G.std() / np.sqrt(len(difference_G)))


def open_policy(
    config: Any,
    method: str,
    started: float,
    extend: Callable[[Learner, RewardModel, Any], Learner] | None = None,
    shares: bool = False,
    rate: float = RATE,
) -> Policy:
    """Load policy, reference and reward model, prepare prompts, and open the run (or reopen it, with --resume).

    extend: turns the policy's learner into that of a method that trains more than the policy (PPO's critic). shares:
    whether several processes train it together, each with a copy. rate: AdamW's, of all parameters.
    """
    judge = reward_dir(config.name)
    config, directory, parent = open_version(config)
    threads = prepare_process(config.threads, config.steps)
    device = usable_device(config.device)
    tokenizer = Tokenizer.load(parent)
    sft = sft_dir(config.name)
    model = load_model(parent, device=device)
    data = policy_data(config, tokenizer, longest_row(sft, model.config))
    lora, most_tokens, memory = _fit(config, model, data.longest, method, parent == sft)
    if not config.resume:
        write_json(directory / "config.json", asdict(config))  # with the adapter that was chosen
    reference = reference_of(sft, parent, model, lora, device)
    reward = load_reward_model(judge, device, (sft, reference))
    if lora is not None:
        adapt(model, lora, config.seed)
    if shares:
        model = copied(model, (f"firstwords.rlhf.methods.{method}", config))
    learner = Learner(model, adamw_config(adapters.rate(lora, rate) * config.learning_rate), device)
    if extend is not None:
        learner = extend(learner, reward, config)
    seconds = seconds_left(config, started, SAVE_RESERVE)
    pace = Pace(5, config.steps or None, seconds, cooldown_share=0.5)
    flops = model.config.flops_per_token(64)
    run = Run(directory, learner, pace, directory.name, flops, None, config.save_every_steps, threads)
    engine = Engine(model, tokenizer, num_slots=slots_for(model.config, SLOTS, data.longest + config.max_tokens))
    engine.on_step = lambda: run.learner.check_stop()
    say(f"plan: {method}, {len(data.prompts):,} prompts, {config.step_prompts} x {config.samples} answers per step")
    say(f"plan: {memory}")
    return Policy(
        config=config,
        parent=parent,
        model=model,
        reference=reference,
        tokenizer=tokenizer,
        reward=reward,
        learner=learner,
        engine=engine,
        run=run,
        data=data,
        kl=AdaptiveKL(config.beta, config.target_kl or 1.0, KL_HORIZON) if isinstance(config, PolicyOptions) else None,
        seen=Seen(data.keys, reward_models={reward.hash}) | read_seen(judge),
        most_tokens=most_tokens,
    )


def reward_dir(name: str) -> Path:
    """The reward model of a model. Raises UserError if there is none, or if a file of it is missing."""
    judge = home.run_dir(name) / "reward" / "model"
    if judge.is_dir() and not home.is_model(judge):
        again = f"or train the reward model again with `firstwords reward {name}`"
        raise UserError(f"{home.missing_file(judge)} is missing: restore a copy of it, {again}")
    if not home.is_model(judge):
        raise UserError(f"{name} has no reward model: first train one with `firstwords reward {name}`")
    return judge


def _fit(config: Any, model: Transformer, longest: int, method: str, is_shared: bool) -> tuple[Lora | None, int, str]:
    """(the adapter's settings, chosen by the memory if --lora is not given; tokens per micro-batch; the plan's line
    about memory, with what was free when it was made). Sets which rows the model recomputes.
    """
    free = free_bytes(model.head_weight.device.type)
    whole, shared = footprint_of(config, model, longest, method), int(is_shared) + (method == "ppo")
    lora = adapters.settle(config, "align", whole, shared)
    if lora is not None:
        say(f"plan: {adapters.described(lora, model.config)}")
    advice = "use shorter prompts, a smaller model, or --method dpo"
    need = adapters.footprint(whole, lora, model.config, shared)
    most_tokens, model.recompute_above, size = adapters.fitted(need, lora, MICRO_TOKENS, free, advice)
    return lora, most_tokens, needs(size, free)


def footprint_of(config: Any, model: Transformer, longest: int, method: str) -> Footprint:
    """Memory for training a policy, with its reference, the reward model and the engine's weights.

    A row holds a prompt and all its answers; the reference's logits for all tokens of a step's answers are kept, and
    the policy's gradient while that of stage two is computed.
    """
    answers = config.samples * config.max_tokens
    row = longest + answers
    kept = 8 * config.step_prompts * answers * model.config.vocab_size
    length = longest + config.max_tokens
    cache = cache_bytes(model.config, slots_for(model.config, SLOTS, length), length)
    fixed = kept + 4 * model.config.num_params + cache
    return Footprint(
        model.config,
        row,
        "adamw",
        "fp32",
        model.head_weight.device.type,
        is_packed=True,
        logit_share=answers / row,
        trained=2 if method == "ppo" else 1,
        frozen=3,
        fixed=fixed,
    )


def best_of_n(policy: Policy, counts: Sequence[int] = BEST_OF) -> dict[str, float]:
    """Gold reward of the best of n answers of the reference, chosen by the reward model: the baseline to beat."""
    if not policy.data.gold:
        return {}
    engine = Engine(policy.reference, policy.tokenizer, num_slots=policy.engine.cache.num_slots)
    result, most = {}, max(counts)
    asked = [task for task in policy.data.gold for _ in range(most)]
    answers = sample_answers(engine, policy.tokenizer, asked, (policy.config.seed, 78))
    scores = policy.reward.score_ids([a.sequence for a in answers], [len(a.prompt_ids) for a in answers])
    truth = truth_of(asked, answers).reshape(-1, most)
    result["1"] = float(truth[:, 0].mean())
    for count in counts:
        best = scores.reshape(-1, most)[:, :count].argmax(1)
        result[str(count)] = float(truth[np.arange(len(truth)), best].mean())
    return result


def finish(policy: Policy, started: float) -> Path:
    """Restore the weights that were kept, measure the baseline, save rlhf-N. Does not promote it."""
    policy.model = gathered(policy.model)
    restore_weights(policy.run)
    baseline = best_of_n(policy)
    run, config = policy.run, policy.config
    metrics = {
        "gold": run.state.get("kept"),
        "kept_step": run.state.get("kept_step"),
        "steps": run.step,
        "best_of_n_gold": baseline,
        "seconds": time.perf_counter() - started,
    }
    data = {"prompts": config.prompts, "reward_model": policy.reward.hash, "reference": "sft"}
    say(
        f"saving {config.name}/{run.stage}: the weights of step {metrics['kept_step']} of {run.step}, gold reward "
        f"{metrics['gold']:+.3f}" + "".join(f"; best of {n} of sft {v:+.3f}" for n, v in baseline.items())
    )
    return save_version(
        config,
        run.stage,
        policy.model,
        policy.tokenizer,
        policy.parent,
        data,
        metrics,
        policy.seen,
        config.adapter(),
    )
