"""Watch a model learn: sample continuations of a fixed prompt, and bits per byte on held-out text."""

from __future__ import annotations

import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.engine.compiled import is_compiling
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.bpb import bits_per_byte
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import Message
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids, text_ids
from firstwords.train.distributed.sharding import whole
from firstwords.train.learner import uncompiled
from firstwords.train.run import Run

NUM_SAMPLES = 14  # per run, more of them at the beginning, where the model changes most
SAMPLE_TOKENS = 48
WATCH_BYTES = 40_000  # of held-out text for the curve; the final figure uses all of it
NUM_EVALS = 6
MAX_SAMPLE_SHARE = 0.01  # of the run's time for one sample


class Watcher:
    """Samples and evaluates at fixed fractions of the run; costs about 1-2 % of the time."""

    def __init__(
        self,
        run: Run,
        tokenizer: Tokenizer,
        prompt: str | list[Message],
        heldout: list[str],
        context: int | None = None,
        seed: int = 0,
    ) -> None:
        self.run, self.tokenizer, self.context, self.seed = run, tokenizer, context, seed
        self.is_chat = not isinstance(prompt, str)
        if isinstance(prompt, str):
            self.prompt_text, self.prompt_ids = prompt, text_ids(tokenizer, prompt)
        else:
            self.prompt_text = prompt[-1]["content"]
            self.prompt_ids = chat_ids(tokenizer, prompt)
        limit = run.learner.model.config.max_position_embeddings
        if len(self.prompt_ids) >= limit:
            raise UserError(
                f"--prompt has {len(self.prompt_ids)} tokens, but this model reads at most {limit}: give a shorter one"
            )
        self.heldout = _first_bytes(heldout, WATCH_BYTES)
        self.sample_at = [((i + 1) / NUM_SAMPLES) ** 1.6 for i in range(NUM_SAMPLES)]
        self.eval_at = [(i + 1) / (NUM_EVALS + 1) for i in range(NUM_EVALS)]
        self.sample_seconds = 0.0
        share = run.share_done
        self.sample_at = [at for at in self.sample_at if at > share]
        self.eval_at = [at for at in self.eval_at if at > share]

    def after_step(self) -> None:
        """Sample and evaluate if that is due after this step."""
        share = self.run.share_done
        must_sample = bool(self.sample_at) and share >= self.sample_at[0]
        if must_sample and self.run.pace.limit is not None:  # to wait for the compiler would cost time for training
            must_sample = not is_compiling()
        must_evaluate = bool(self.heldout and self.eval_at) and share >= self.eval_at[0]
        if not (must_sample or must_evaluate):
            return
        if must_sample:
            self.sample_at = [at for at in self.sample_at if at > share]
        if must_evaluate:
            self.eval_at = [at for at in self.eval_at if at > share]
        with whole(self.run.learner.model) as model:
            if model is not None:
                with uncompiled(model):
                    if must_sample:
                        self.sample(model)
                    if must_evaluate:
                        self.evaluate(model)
        self.run.pause()

    def evaluate(self, model: Transformer) -> None:
        """Bits per byte on the held-out text, for the curve."""
        result = bits_per_byte(model, self.tokenizer, self.heldout, self.context)
        self.run.log.log("eval", self.run.step, bpb=result.bits_per_byte, bytes=result.bytes, seconds=self.run.elapsed)

    def sample(self, model: Transformer) -> None:
        """Continue the fixed prompt and show the result. Skipped while samples take too large a share of the run."""
        began = time.perf_counter()
        if self.sample_seconds > MAX_SAMPLE_SHARE * (self.run.pace.limit or float("inf")):
            self.sample_seconds /= 2  # try again later
            return
        engine = Engine(model, self.tokenizer, num_slots=1)
        params = SamplingParams(max_tokens=SAMPLE_TOKENS, temperature=0.7, seed=self.seed)
        completion = engine.generate([self.prompt_ids], params)[0]
        self.run.log.log(
            "sample", self.run.step, prompt=self.prompt_text, text=completion.text, seconds=self.run.elapsed
        )
        self.run.progress.sample(self.run.step, self.prompt_text + (" -> " if self.is_chat else ""), completion.text)
        self.sample_seconds = time.perf_counter() - began


def _first_bytes(texts: list[str], max_bytes: int) -> list[str]:
    """The first documents, up to max_bytes; the last one is cut."""
    taken, total = [], 0
    for text in texts:
        room = max_bytes - total
        if room <= 0:
            break
        cut = text.encode()[:room]
        taken.append(cut.decode(errors="ignore"))  # drop a partial character at the cut
        total += len(cut)
    return taken


def card(
    stage: str,
    parent: str | None,
    weights: str,
    config: dict[str, Any],
    plan: dict[str, Any] | None,
    data: dict[str, Any],
    metrics: dict[str, Any],
    examples: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The content of firstwords.json: the model's stage, parent, settings, data, measurements and example prompts."""
    return {
        "stage": stage,
        "parent": parent,
        "weights_sha256": weights,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "config": config,
        "plan": plan,
        "data": data,
        "metrics": metrics,
        **({} if examples is None else {"examples": examples}),
        "revision": _revision(),
        "versions": {name: _version(name) for name in ("firstwords", "torch", "tokenizers", "safetensors", "numpy")},
    }


def _revision() -> str | None:
    """The commit of a source checkout, or None for an installed package."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
