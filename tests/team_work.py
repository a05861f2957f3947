"""What the processes of tests/equivalence/test_distributed.py do: each function gets one JSON object in its words."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.process import team_place
from firstwords.train.distributed import processes
from firstwords.train.distributed.sharding import new_model, shard, whole
from firstwords.train.learner import Learner, LossFn, OptimConfig
from firstwords.train.losses import next_token_loss
from firstwords.train.run import Interrupted, Pace, Run

V, T, ROWS = 47, 24, 6
# larger rates amplify the rounding of a sum in another order, with one process too: at ten times these, weights differ
# by 2e-4 after 20 steps if the micro-batches come in reverse
RATES = (0.002, 0.001, 0.001)
CONFIG = ModelConfig(V, 32, 48, 2, 2, 1, 16, 64)  # 15 thousand parameters; five rows of 48 do not divide evenly


def micro_batches(step: int) -> list[dict[str, np.ndarray]]:
    """Three micro-batches of two rows, of which the later ones supervise fewer tokens."""
    found = []
    for part in range(3):
        rows = np.random.default_rng((step, part)).integers(0, V, (ROWS // 3, T + 1))
        targets = rows[:, 1:].copy()
        targets[:, : 6 * part] = -100
        found.append({"inputs": rows[:, :-1].copy(), "targets": targets})
    return found


def train(words: list[str]) -> int:
    """Train a tiny model for some steps; the main process writes losses and weights.

    out: a folder, with the run in out/run, which is resumed if it has checkpoints. steps, optimizer, save_every_steps.
    signal_at: [rank, step, name] of a signal that a process gets. stop_after: the step after which all get SIGTERM.
    hang_at: [rank, step] of a process that sleeps for a minute. timeout: seconds after which the others give up.
    nan_rank: the process whose losses are not numbers.
    """
    options = json.loads(words[0])
    torch.set_num_threads(1)
    processes.STEP_TIMEOUT = timedelta(seconds=options.get("timeout", 600))
    several = team_place()[1] > 1
    with processes.joined() if several else nullcontext():
        model = shard(new_model(CONFIG, 0), "cpu")
        optim = OptimConfig(options.get("optimizer", "muon"), *RATES, weight_decay=0.05, balance_beta=0.95)
        learner = Learner(model, optim)
        out, losses = Path(options["out"]), []
        every = options.get("save_every_steps", 0)
        try:
            with Run(out / "run", learner, Pace(2, options["steps"]), "base", 1.0, None, every) as run:
                while not run.done:
                    _misbehave(options, run.step)
                    metrics = learner.forward_backward(micro_batches(run.step), loss_of(options))
                    metrics |= learner.optim_step(run.lr_fraction)
                    losses.append([metrics["loss"], metrics["grad_norm"], metrics["tokens"], metrics["processed"]])
                    run.finish_step(metrics)
        except Interrupted as stop:
            return stop.exit_code
        except UserError as error:
            print(error)
            return 2
        with whole(model) as plain:
            if plain is not None:
                out.mkdir(parents=True, exist_ok=True)
                (out / "losses.json").write_text(json.dumps(losses))
                save_file({name: p.detach().contiguous() for name, p in plain.named_parameters()}, out / "weights")
    return 0


def loss_of(options: dict) -> LossFn[Transformer]:
    """The loss, or in the process that `nan_rank` names, one that is not a number."""
    if options.get("nan_rank") != processes.rank():
        return next_token_loss
    return lambda model, batch: next_token_loss(model, batch) * float("nan")


def _misbehave(options: dict, step: int) -> None:
    """Send this process the signals that the options ask for in this step."""
    if options.get("stop_after") == step + 1:
        os.kill(os.getpid(), signal.SIGTERM)
    if options.get("hang_at") == [processes.rank(), step]:
        time.sleep(60)
    if "signal_at" in options:
        rank, at, number = options["signal_at"]
        if rank == processes.rank() and at == step:
            os.kill(os.getpid(), getattr(signal, number))
