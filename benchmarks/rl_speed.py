"""Samples per second of policy training (answers and update), compared with TRL on the same model in the same run.

    python benchmarks/rl_speed.py
    python benchmarks/rl_speed.py --steps 6 --rounds 3 --json

Our RLOO and GRPO stage code against `trl.RLOOTrainer` and `trl.GRPOTrainer`: one random Qwen3 model in fp32, one set of
prompts, answers of at most 48 tokens, 32 prompts x 4 answers and one update per step, the KL to a reference held in
memory, AdamW, gradients clipped at 1. The reward is the same trivial Python function of the ids for all, so that no
reward model is timed. Each contestant trains in its own process, in turns; the first steps are not counted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _common import ROOT, TRL_COMMON, child_env, machine, num_cores, random_model, report, say, table

CONTESTANTS = ("firstwords rloo", "trl rloo", "firstwords grpo", "trl grpo")
VOCAB_SIZE, PROMPTS, SAMPLES, MAX_TOKENS = 3072, 32, 4, 48
WARMUP_STEPS = 2
BETA, RATE = 0.05, 1e-4
TOKENIZER_TEXTS = 4000  # of the built-in world


def reward_of(ids: list[int]) -> float:
    """The share of even tokens."""
    return sum(token % 2 == 0 for token in ids) / max(1, len(ids))


def prompts_of() -> list[str]:
    """Questions about the built-in world, as bare text."""
    from firstwords.preferences.annotator import tasks

    return [task.messages[-1]["content"] for task in tasks(1, 8 * PROMPTS)]


def make_model(directory: Path) -> None:
    """Save a random model of 1.2 million parameters: 4 layers of width 128, vocabulary 3,072, our tokenizer."""
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.world.texts.documents import documents

    tokenizer = Tokenizer.train(itertools.islice(documents(), TOKENIZER_TEXTS), VOCAB_SIZE)
    assert tokenizer.vocab_size == VOCAB_SIZE
    random_model(
        directory,
        tokenizer,
        architecture="Qwen3ForCausalLM",
        qk_norm=True,
        vocab_size=VOCAB_SIZE,
        max_position_embeddings=256,
    )


# ---- contestants: each prints the seconds of its counted steps -------------------------------------------------------


def ours(method: str, directory: Path, steps: int) -> dict:
    """The loop of the stage, without checkpoints and evaluations of the gold reward."""
    import numpy as np

    from firstwords.data.packing import EpochOrder
    from firstwords.engine.engine import Engine
    from firstwords.model.hub import load_model
    from firstwords.rlhf.losses import AdaptiveKL
    from firstwords.rlhf.methods import grpo, rloo
    from firstwords.rlhf.policy import Policy
    from firstwords.rlhf.policy_data import PolicyData
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.train.learner import Learner, adamw_config, prepare_process

    prepare_process(num_cores())
    flags = {"step_prompts": PROMPTS, "samples": SAMPLES, "max_tokens": MAX_TOKENS, "sft_share": 0.0, "target_kl": 0.0}
    config = rloo.Rloo(**flags) if method == "rloo" else grpo.Grpo(**flags, updates=1)
    model, reference = load_model(directory), load_model(directory).requires_grad_(False)
    tokenizer = Tokenizer.load(directory)
    engine, prompts = Engine(model, tokenizer, num_slots=64), tokenizer.encode_batch(prompts_of())

    class Run:  # the part of a run that `Policy.sample` needs
        def __init__(self) -> None:
            self.state: dict = {}

    policy = Policy(
        config=config,
        parent=directory,
        model=model,
        reference=reference,
        tokenizer=tokenizer,
        reward=None,
        learner=Learner(model, adamw_config(RATE)),
        engine=engine,
        run=Run(),
        data=PolicyData(prompts, EpochOrder(len(prompts), 0)),
        kl=AdaptiveKL(BETA, 1.0, 1.0),
    )
    seconds, sampling, tokens = [], [], 0
    for step in range(WARMUP_STEPS + steps):
        start = time.perf_counter()
        rollouts = policy.sample(step)
        sampling.append(time.perf_counter() - start)
        tokens += int(rollouts.lengths_B.sum()) * (step >= WARMUP_STEPS)
        answers = [ids[-int(n) :] for ids, n in zip(rollouts.sequences, rollouts.lengths_B, strict=True)]
        rewards_B = np.array([reward_of(ids) for ids in answers])
        if method == "rloo":
            batches, _ = rloo.batches_of(policy, rollouts, rewards_B)
            loss = partial(rloo.policy_loss, beta=policy.kl.beta)
            policy.learner.forward_backward(batches, loss, divisor=len(rollouts.sequences))
            policy.learner.optim_step(1.0)
        else:
            grpo.update(policy, rollouts, rewards_B, step, 1.0)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[WARMUP_STEPS:], "sampling": sampling[WARMUP_STEPS:], "answer": tokens}


def theirs(method: str, directory: Path, steps: int) -> dict:
    """TRL's trainer with nothing logged, saved or evaluated, and one update per batch of answers."""
    import torch
    import trl
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

    torch.set_num_threads(num_cores())
    torch.set_flush_denormal(True)
    tokenizer = AutoTokenizer.from_pretrained(directory, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = "<|endoftext|>"
    options = {"rloo": {"normalize_advantages": False}, "grpo": {"scale_rewards": "none", "loss_type": "dr_grpo"}}
    args = getattr(trl, f"{method.upper()}Config")(
        output_dir=str(directory / "trl"),
        logging_strategy="no",
        per_device_train_batch_size=PROMPTS * SAMPLES,
        gradient_accumulation_steps=1,
        num_generations=SAMPLES,
        max_completion_length=MAX_TOKENS,
        num_iterations=1,
        beta=BETA,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        learning_rate=RATE,
        adam_beta2=0.98,
        lr_scheduler_type="constant",
        max_steps=WARMUP_STEPS + steps,
        **TRL_COMMON,
        **options[method],
    )
    marks, counts = [], []

    class Times(TrainerCallback):
        def on_step_begin(self, *_, **__) -> None:
            if not marks:
                marks.append(time.perf_counter())

        def on_step_end(self, *_, **__) -> None:
            marks.append(time.perf_counter())

    def rewards(completion_ids, **_) -> list[float]:
        counts.append(sum(map(len, completion_ids)))
        return [reward_of(ids) for ids in completion_ids]

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    data = Dataset.from_list([{"prompt": text} for text in prompts_of()])
    trainer = getattr(trl, f"{method.upper()}Trainer")(
        model, reward_funcs=rewards, args=args, train_dataset=data, processing_class=tokenizer, callbacks=[Times()]
    )
    trainer.train()
    seconds = [after - before for before, after in itertools.pairwise(marks)]
    return {"seconds": seconds[WARMUP_STEPS:], "answer": sum(counts[-steps:])}


# ---- the comparison --------------------------------------------------------------------------------------------------


def in_process(contestant: str, directory: Path, steps: int, threads: int) -> dict:
    """Run one contestant in its own process with `threads` cores."""
    command = [sys.executable, __file__, "--child", contestant, "--model", str(directory), "--steps", str(steps)]
    command += ["--threads", str(threads)]
    env = child_env(allocator=True) | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{contestant} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(steps: int, rounds: int, threads: int) -> dict:
    found: dict[str, list[dict]] = {name: [] for name in CONTESTANTS}
    info = machine()
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "model"
        make_model(directory)
        for number in range(rounds):
            for name in CONTESTANTS:
                found[name].append(in_process(name, directory, steps, threads))
                say(f"round {number + 1}: {name} {statistics.median(found[name][-1]['seconds']):.2f} s per step")
    batch = PROMPTS * SAMPLES
    rows = {}
    for name, results in found.items():
        seconds = [statistics.median(result["seconds"]) for result in results]
        rows[name] = {
            "samples_per_second": batch / statistics.median(seconds),
            "seconds_per_step": statistics.median(seconds),
            "spread": (max(seconds) - min(seconds)) / statistics.median(seconds),
            "mean_answer_tokens": statistics.mean(result["answer"] / (steps * batch) for result in results),
            "all_seconds": [result["seconds"] for result in results],
        }
        if "sampling" in results[0]:
            rows[name]["sampling_seconds"] = statistics.median(statistics.median(r["sampling"]) for r in results)
    ratios = {
        method: rows[f"firstwords {method}"]["samples_per_second"] / rows[f"trl {method}"]["samples_per_second"]
        for method in ("rloo", "grpo")
    }
    return {"machine": info, "threads": threads, "steps": steps, "rows": rows, "ratios": ratios}


def as_text(result: dict) -> str:
    lines = []
    for name, row in result["rows"].items():
        method = name.split()[1]
        ratio = f"{result['ratios'][method]:.2f}" if name.startswith("firstwords") else "1"
        sampling = f"{row['sampling_seconds']:.2f}" if "sampling_seconds" in row else "-"
        lines.append(
            [
                name,
                f"{row['samples_per_second']:.1f}",
                f"{row['seconds_per_step']:.2f}",
                sampling,
                f"{row['mean_answer_tokens']:.1f}",
                f"{row['spread']:.0%}",
                ratio,
            ]
        )
    header = ["", "answers/s", "s/step", "sampling s", "tokens/answer", "spread", "ours / theirs"]
    title = (
        f"{PROMPTS} x {SAMPLES} answers of at most {MAX_TOKENS} tokens, fp32, {result['threads']} threads, "
        f"load {result['machine']['load_at_start']}; reward: a Python function of the ids"
    )
    return f"{title}\n\n{table(header, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=8, help="counted steps per contestant and round")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of every contestant")
    parser.add_argument("--threads", type=int, default=num_cores(), help="cores per contestant (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "rl_speed.json")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--child", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
        kind, method = options.child.split()
        run: Callable[[str, Path, int], dict] = ours if kind == "firstwords" else theirs
        print(json.dumps(run(method, options.model, options.steps)))
        return
    result = measure(options.steps, options.rounds, options.threads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    report(result, as_text(result), options.json)


if __name__ == "__main__":
    main()
