"""Everything around the steps of a stage: the clock, the log, the checkpoints, and stopping cleanly.

    with Run(run_dir, learner, pace) as run:
        while not run.done:
            metrics = learner.forward_backward(batches(run.step), loss_fn)
            metrics |= learner.optim_step(run.lr_fraction)
            run.finish_step(metrics)

The loop itself belongs to the stage file.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.plan.schedule import Clock, Decision, fixed_decisions, lr_fraction, total_steps
from firstwords.plan.threads import ThreadWatch
from firstwords.process import return_memory
from firstwords.runlog import Progress, RunLog
from firstwords.train import checkpoint
from firstwords.train.distributed import processes
from firstwords.train.learner import Learner, StepAbandonedError, never

SAVE_EVERY_SECONDS = 60.0
LOG_EVERY_SECONDS = 1.0
OVERTIME = 1.01  # a run with a time limit ends here even if a busy machine has left steps undone
SPEED_MEMORY = 0.9  # weight of the past in the running mean of the step time
SIGNAL_SECONDS, UPDATED_SECONDS = 0.5, 3.0  # time a step may still take after a signal; the latter after an update
USER_SIGNAL = getattr(signal, "SIGUSR1", None)  # Windows has none
SIGNALS = [signum for signum in (signal.SIGINT, signal.SIGTERM, USER_SIGNAL) if signum is not None]
BACKGROUND = "FIRSTWORDS_BACKGROUND_SAVES"  # environment: 1 or 0 instead of what suits the device
MOST_RATES = 64  # processes whose speeds are logged in every step
WARMUP_STEPS_TO_TIME = 3  # the first steps are slower (caches, allocator) and are not counted in the speed


class Interrupted(Exception):
    """A signal arrived and the state was saved. The exit code is the one that shells expect (128 + signal).

    It is 0 for SIGUSR1, with which schedulers announce the end of a job: what was asked for is done.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 0 if signum == USER_SIGNAL else 128 + signum


@dataclass
class Pace:
    """When the run ends and the rate of each step: by a number of steps, or by the clock.

    `seconds` is the training time of the whole run, including that before a resume; `max_steps` ends a run with a time
    limit earlier if more steps would not help.
    """

    warmup_steps: int
    steps: int | None = None
    seconds: float | None = None
    cooldown_share: float = 0.65
    max_steps: int | None = None
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.steps is not None and not self.decisions:
            self.decisions = fixed_decisions(self.steps, self.cooldown_share)

    @property
    def limit(self) -> float | None:
        """The seconds after which the clock ends the run; None if a number of steps does."""
        return self.seconds if self.steps is None else None

    def decide(self, step: int, elapsed: float, seconds_per_step: float) -> None:
        """Start or correct the cool-down of a run with a time limit."""
        if (seconds := self.limit) is not None:
            if self.max_steps is not None:
                seconds = min(seconds, elapsed + (self.max_steps - step) * seconds_per_step)
            clock = Clock(seconds, self.warmup_steps, self.cooldown_share)
            decision = clock.decide(step, elapsed, seconds_per_step, self.decisions)
            if decision is not None:
                self.decisions.append(decision)

    def lr_fraction(self, step: int) -> float:
        return lr_fraction(step, self.warmup_steps, self.decisions)

    def total_steps(self) -> int | None:
        return total_steps(self.decisions)


def seconds_left(config: Any, started: float, reserve: float) -> float:
    """Seconds of --minutes left for training, minus `reserve`.

    A run with --steps must be exactly repeatable, so the time taken to read the text must not change its plan: it is
    not subtracted.
    """
    elapsed = 0.0 if config.steps else time.perf_counter() - started
    return config.minutes * 60 - elapsed - reserve


class Run:
    """One stage's run folder: `metrics.jsonl`, `checkpoints/`. A context manager that catches SIGNALS."""

    def __init__(
        self,
        directory: Path,
        learner: Learner,
        pace: Pace,
        stage: str,
        flops_per_token: float,
        bytes_per_token: float | None,
        save_every_steps: int = 0,
        threads: ThreadWatch | None = None,
    ) -> None:
        self.directory, self.learner, self.pace, self.stage = Path(directory), learner, pace, stage
        self.flops_per_token, self.bytes_per_token = flops_per_token, bytes_per_token
        self.save_every_steps = save_every_steps
        self.threads = threads
        self.step, self.tokens, self.elapsed_before = 0, 0, 0.0
        self.loss: float | None = None
        self.state: dict[str, Any] = {}  # further state of a stage (JSON), saved and restored
        self.seconds_per_step = 0.0
        self._steps_here = 0
        self._signal: int | None = None
        self._signal_at = math.inf
        self._updates_done = 0  # by the learner, at the end of the last step
        self._agreed_elapsed: float | None = None  # the main process's, if several processes train together

    # -- beginning and end ---------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        self.log = RunLog(self.directory)
        restored = checkpoint.load_latest(self.checkpoints, self.learner)
        self.log.rewind(restored["step"] if restored else 0)  # steps after the checkpoint are done again
        if restored is not None:
            self.step, self.tokens = restored["step"], restored["tokens"]
            self.elapsed_before = restored["elapsed"]
            self.state = restored.get("state", {})
            self.pace.decisions = [Decision(**decision) for decision in restored["decisions"]]
            self.log.log("note", self.step, text=f"resumed at step {self.step}")
        self.started = self._step_began = self._saved_at = self._logged_at = time.perf_counter()
        self._old_handlers = {}
        for signum in SIGNALS:
            with suppress(ValueError):  # not the main thread: the owner of the signals stops this run in another way
                self._old_handlers[signum] = signal.signal(signum, self._remember)
        if self._is_shared:  # a step can't be abandoned by some of them only: signals wait for its end
            self.pace.seconds = processes.of_main(self.pace.seconds)
            self._agreed_elapsed = self.elapsed_before
        else:
            self.learner.should_stop = self._should_stop
        self._updates_done = self._updates
        self.progress = Progress(self.stage)
        self.progress.__enter__()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is not None and issubclass(kind, StepAbandonedError):
                self._abandon()  # raises Interrupted
            if self._is_shared and processes.is_lost(error):
                last, late = max(checkpoint.steps(self.checkpoints), default=0), processes.late()
                who = f"; late: process {', '.join(map(str, late))}" if late else ""
                raise UserError(
                    f"another process ended or did not answer, so training stopped in step {self.step + 1}; --resume "
                    f"continues from step {last}{who}"
                ) from None
            with nullcontext() if kind is None else suppress(Exception):  # the first error is the one to report
                checkpoint.finish()
        finally:
            return_memory()  # what the steps needed, before the model is measured and saved
            self.learner.should_stop = never
            for signum, handler in self._old_handlers.items():
                signal.signal(signum, handler)
            self.progress.__exit__(kind, error, trace)

    @property
    def _is_shared(self) -> bool:
        return bool(getattr(self.learner, "is_shared", False))

    def _remember(self, signum: int, frame: object) -> None:
        self._signal, self._signal_at = signum, min(self._signal_at, time.perf_counter())

    @property
    def _updates(self) -> int:
        return getattr(self.learner, "num_updates", 0)

    def _should_stop(self) -> bool:
        """Whether to abandon the current step: a signal has arrived, and the step is not about to end."""
        patience = SIGNAL_SECONDS if self._updates == self._updates_done else UPDATED_SECONDS
        return time.perf_counter() - self._signal_at > patience

    def _abandon(self) -> None:
        """Save the state of the last complete step and raise Interrupted. If the step has already made some of its
        updates, that state is gone and only the last checkpoint remains.
        """
        self.learner.drop_gradients()
        if self._updates == self._updates_done:
            self.save()
            message = f"stopped at step {self.step} and saved; --resume continues from there"
        else:
            found = checkpoint.steps(self.checkpoints)
            message = f"stopped in step {self.step + 1}; --resume continues from step {max(found, default=0)}"
        assert self._signal is not None  # a step is abandoned for a signal only
        raise Interrupted(self._signal, message) from None

    # -- what the loop asks ----------------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        return self.directory / "checkpoints"

    @property
    def done(self) -> bool:
        total = self.pace.total_steps()
        if total is not None and self.step >= total:
            return True
        limit = self.pace.limit
        return limit is not None and self.step > 0 and self.elapsed > limit * OVERTIME

    @property
    def lr_fraction(self) -> float:
        return self.pace.lr_fraction(self.step)

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, including those before a resume; processes that train together agree on it."""
        if self._agreed_elapsed is not None:
            return self._agreed_elapsed
        return self.elapsed_before + time.perf_counter() - self.started

    @property
    def share_done(self) -> float:
        """0 at the start, 1 at the end: by steps if their number is given, else by time.

        A run with a time limit corrects its number of steps as its speed changes: by steps, progress could go back.
        """
        if self.done:
            return 1.0
        if (limit := self.pace.limit) is not None:
            by_steps = self.step / self.pace.max_steps if self.pace.max_steps else 0.0
            return min(1.0, max(by_steps, self.elapsed / max(1e-9, limit)))
        total = self.pace.total_steps()
        return min(1.0, self.step / max(1, total)) if total is not None else 0.0

    # -- after each step -------------------------------------------------------------------------------------

    def finish_step(self, metrics: dict[str, float], before_save: Callable[[], None] = lambda: None) -> None:
        """Count, log, update the schedule, save when due. Raises Interrupted if a signal has arrived.

        before_save: work that belongs to the step and its checkpoint, such as an evaluation that keeps the best
        weights.
        """
        now = time.perf_counter()
        took, self._step_began = now - self._step_began, now
        is_due = now - self._saved_at > SAVE_EVERY_SECONDS
        if self._is_shared:
            took, is_due = self._agree(metrics, took, is_due)
        fraction = self.lr_fraction
        self.step += 1
        self.tokens += int(metrics["tokens"])
        if self.seconds_per_step == 0.0 or self._steps_here <= WARMUP_STEPS_TO_TIME:
            self.seconds_per_step = took
        else:
            self.seconds_per_step = SPEED_MEMORY * self.seconds_per_step + (1 - SPEED_MEMORY) * took
        self._steps_here += 1
        if math.isfinite(metrics["loss"]):  # one NaN would stay in the mean forever
            self.loss = metrics["loss"] if self.loss is None else 0.9 * self.loss + 0.1 * metrics["loss"]
        self._record(metrics, fraction, took)
        if self._steps_here > WARMUP_STEPS_TO_TIME:
            self.pace.decide(self.step, self.elapsed, self.seconds_per_step)
        before_save()
        self._updates_done = self._updates
        due = is_due
        if self.save_every_steps:
            due = self.step % self.save_every_steps == 0
        if self._signal is not None:
            self.save()
            saved = f"stopped at step {self.step} and saved; --resume continues from there"
            raise Interrupted(self._signal, saved)
        if due and not self.done:
            self.save(in_background=self._saves_in_background)
        self._adapt_threads(took / max(1, metrics["processed"]), now)

    def _agree(self, metrics: dict[str, float], took: float, is_due: bool) -> tuple[float, bool]:
        """Exchange what the processes must agree on: the clock and due checkpoints are the main one's, and a signal
        to any of them is one to all. Logs each process's speed, by the time until it shares the loss of its rows.
        """
        own = time.perf_counter() - self.started + self.elapsed_before
        computed = getattr(self.learner, "own_seconds", took)
        shared = processes.table([self._signal or 0, took, own, is_due, computed])
        signum = int(shared[:, 0].max())
        self._signal = signum or None
        self._agreed_elapsed = float(shared[0, 2])
        seconds, alone = shared[:, 1], shared[:, 4]
        metrics |= {"processes": len(seconds), "slowest": int(alone.argmax()), "slowest_seconds": alone.max()}
        if len(seconds) <= MOST_RATES or self.step % 100 == 0:
            rates = metrics["processed"] / len(seconds) / np.maximum(alone, 1e-9)
            metrics["tokens_per_s_each"] = rates.round(1).tolist()
        return float(seconds[0]), bool(shared[0, 3])

    def _adapt_threads(self, seconds_per_token: float, now: float) -> None:
        """Use fewer or more threads as other programs come and go (see plan/threads.py)."""
        if self.threads is not None and (chosen := self.threads.after_step(seconds_per_token, now)):
            self.log.log("note", self.step, text=f"threads: now {chosen}, as many as other programs leave free")
            self.seconds_per_step = 0.0  # measured again at the next step
            self.pause()

    def pause(self) -> None:
        """Call after an evaluation or a sample, so that its time does not count as a slow step."""
        self._step_began = time.perf_counter()

    def _record(self, metrics: dict[str, float], fraction: float, took: float) -> None:
        rate = metrics["processed"] / max(took, 1e-9)
        record = {
            "loss": metrics["loss"],
            "bpb": self._bits_per_byte(metrics["loss"]),
            "lr": fraction,
            "tokens": self.tokens,
            "tokens_per_s": rate,
            "gflops": rate * self.flops_per_token / 1e9,
            "grad_norm": metrics.get("grad_norm", 0.0),
            "skipped": metrics.get("skipped", 0),
            "seconds": self.elapsed,
            "fraction": self.share_done,
            "seconds_left": self._seconds_left(self.seconds_per_step or took),
        }
        self.log.log("train", self.step, **(metrics | record))
        now = time.perf_counter()
        if now - self._logged_at >= LOG_EVERY_SECONDS or self.done:
            self._logged_at = now
            smooth = self.seconds_per_step or took
            rate = metrics["processed"] / smooth
            self.progress.update(
                self.share_done,
                loss=self.loss,
                bpb=None if self.loss is None else self._bits_per_byte(self.loss),
                tokens_per_s=rate,
                gflops=rate * self.flops_per_token / 1e9,
                seconds_left=self._seconds_left(smooth),
            )

    def _bits_per_byte(self, loss: float) -> float | None:
        if self.bytes_per_token is None:  # the loss is not that of text
            return None
        return loss / math.log(2) / self.bytes_per_token

    def _seconds_left(self, seconds_per_step: float) -> float:
        if (limit := self.pace.limit) is None:
            return ((self.pace.total_steps() or self.step) - self.step) * seconds_per_step
        left = max(0.0, limit - self.elapsed)
        return left if self.pace.max_steps is None else min(left, (self.pace.max_steps - self.step) * seconds_per_step)

    @property
    def _saves_in_background(self) -> bool:
        """Whether a thread may write checkpoints: on GPUs, which compute meanwhile, or as BACKGROUND says."""
        device = getattr(self.learner, "device", None)
        default = "1" if device is not None and device.type == "cuda" else "0"
        return os.environ.get(BACKGROUND, default) == "1"

    def save(self, in_background: bool = False) -> None:
        """Checkpoint now; see `checkpoint.save`."""
        progress = {
            "tokens": self.tokens,
            "elapsed": self.elapsed,
            "decisions": [decision.asdict() for decision in self.pace.decisions],
            "state": self.state,
        }
        checkpoint.save(self.checkpoints, self.step, self.learner, progress, in_background)
        self._saved_at = self._step_began = time.perf_counter()
