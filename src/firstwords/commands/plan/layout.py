"""A plan as text for people, and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from firstwords.plan.scale.estimate import Estimate
from firstwords.plan.scale.law import REFIT, TOKENS_PER_PARAM
from firstwords.plan.scale.memory import USABLE, Memory, memory_per_gpu

WIDTH = 80  # columns of the printed plan
LABEL = 14  # columns of the labels
FEW_TOKENS = 5.0  # per parameter
UNITS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
MEMORY_ROWS = {
    "weights": "weights (fp32)",
    "gradients": "gradients (fp32)",
    "optimizer": "optimizer ({optimizer})",
    "gathered": "gathered layers (bf16)",
    "activations": "activations (bf16)",
    "logits": "logits",
    "process": "CUDA and libraries",
}


def as_json(found: Estimate) -> dict[str, Any]:
    """Every figure of the plan, in plain units (bytes, seconds, US dollars)."""
    sharding, question = found.sharding, found.question
    shape = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    return {
        "params": found.params,
        "shape": {name: getattr(found.config, name) for name in shape} | {"context": found.context},
        "tokens": found.tokens,
        "tokens_per_param": found.tokens / found.params,
        "batch_tokens": found.batch_tokens,
        "flops": found.flops,
        "gpu": question.gpu.name,
        "gpus": found.count,
        "utilisation": question.utilisation,
        "seconds": found.seconds,
        "gpu_hours": found.gpu_hours,
        "usd_per_gpu_hour": question.price.usd,
        "usd": found.usd,
        "fits": sharding is not None,
        "least_gpus": found.least_gpus,
        "fitting_context": found.fitting_context,
        "sharding": None
        if sharding is None
        else {
            "replicate": sharding.replicate,
            "shard": sharding.shard,
            "rows_per_gpu": sharding.rows,
            "recompute": sharding.recompute,
        },
        "memory_per_gpu": {
            name: asdict(memory) | {"total": memory.total}
            for name, memory in zip(("kept", "recomputed"), _both(found), strict=True)
        },
        "gpu_memory": question.gpu.memory_gb * 1e9,
        "loss": None if found.loss is None else asdict(found.loss),
        "notes": notes(found),
        "assumptions": assumptions(found),
    }


def as_text(found: Estimate) -> list[str]:
    """The plan for people, in lines of at most WIDTH columns."""
    question, shape = found.question, found.config
    kind = f"{found.count:,} x {question.gpu.title}"
    per_param = found.tokens / found.params
    rows = [
        ("model", f"{counted(found.params)} parameters: {shape.num_hidden_layers} layers of width "
                  f"{shape.hidden_size:,}, a vocabulary of {shape.vocab_size:,}, rows of {found.context:,} tokens"),
        ("tokens", f"{counted(found.tokens)}, {per_param:,.{0 if per_param >= 10 else 1}f} per parameter, in steps of "
                   f"{counted(found.batch_tokens)}"),
        ("computation", f"{power(found.flops)} operations"),
        ("GPUs", kind),
        ("time", f"{duration(found.seconds)}, {gpu_hours(found.gpu_hours)}"),
        ("cost", f"{dollars(found.usd)} at ${question.price.usd:,.2f} per GPU-hour"),
        ("expected loss", _loss(found)),
    ]  # fmt: skip
    lines = [line for label, text in rows for line in _row(label, text)]
    lines += ["", *_memory_lines(found), "", *_sharding_lines(found)]
    lines += [line for note in notes(found) for line in _row("note", note)]
    return [*lines, "", "Assumptions", *_bullets(found)]


def _loss(found: Estimate) -> str:
    loss = found.loss
    if loss is None:
        return "unknown: no published law covers so small a run"
    beyond = ", beyond the sizes the law was fitted to" if loss.is_extrapolated else ""
    return f"{loss.nats:.2f} nats per token ({loss.low:.2f} to {loss.high:.2f}){beyond}"


def notes(found: Estimate) -> list[str]:
    """Obstacles to the plan, and what would help."""
    said = []
    rows, needed = found.batch_tokens // found.context, found.least_gpus
    if found.sharding is None:
        count = "one GPU" if found.count == 1 else f"{found.count:,} GPUs"
        if needed:
            help = f"it needs at least {needed:,} GPUs"
        elif found.fitting_context:
            help = f"no number of them is enough for rows of {found.context:,}; --context {found.fitting_context} fits"
        else:
            help = "no number of them is enough: choose GPUs with more memory"
        said.append(f"the model does not fit on {count} of this kind: {help}")
    if rows < found.count:
        said.append(
            f"a step has {rows:,} rows, fewer than GPUs: without tensor or pipeline parallelism, which firstwords does "
            f"not have, at most {rows:,} GPUs can work"
        )
    if found.sharding is not None and found.sharding.recompute:
        said.append("activations do not fit without recomputation, which firstwords does not have yet")
    if found.tokens < FEW_TOKENS * found.params:
        said.append("few tokens for this size: a smaller model would be better for the same cost")
    return said


def _both(found: Estimate) -> tuple[Memory, Memory]:
    """Memory per GPU with activations kept, and with recomputation, for the chosen sharding or else all GPUs."""
    shard, rows = (found.sharding.shard, found.sharding.rows) if found.sharding else (found.count, 1)
    kept, recomputed = (
        memory_per_gpu(found.config, found.context, shard, rows, again, found.question.optimizer)
        for again in (False, True)
    )
    return kept, recomputed


def _memory_lines(found: Estimate) -> list[str]:
    """A table in two columns: activations kept, and recomputed."""
    kept, recomputed = _both(found)
    gpu = found.question.gpu
    optimizer = "Muon" if found.question.optimizer == "muon" else "AdamW"
    rows = [f"{'Memory per GPU':<28}{'kept':>14}{'recomputed':>14}"]
    for name, title in MEMORY_ROWS.items():
        cells = (f"{getattr(memory, name) / 1e9:,.1f} GB" for memory in (kept, recomputed))
        rows.append(f"  {title.format(optimizer=optimizer):<26}" + "".join(f"{cell:>14}" for cell in cells))
    totals = "".join(f"{f'{memory.total / 1e9:,.1f} GB':>14}" for memory in (kept, recomputed))
    fits = "".join(f"{'yes' if memory.fits(gpu) else 'no':>14}" for memory in (kept, recomputed))
    return [*rows, f"  {'total':<26}{totals}", f"  {f'fits into {gpu.memory_gb:g} GB':<26}{fits}"]


def _sharding_lines(found: Estimate) -> list[str]:
    sharding = found.sharding
    if sharding is None:
        return []
    if sharding.shard == 1:
        how = "none, each GPU holds the whole model" if found.count > 1 else "none"
    else:
        copies = "one copy" if sharding.replicate == 1 else f"{sharding.replicate:,} copies"
        each = "" if sharding.replicate == 1 else "each "
        how = f"{copies} of the model, {each}divided among {sharding.shard:,} GPUs"
    rows = "1 row" if sharding.rows == 1 else f"{sharding.rows} rows"
    again = "recomputed, a third more computation" if sharding.recompute else "kept"
    return _row("sharding", f"{how}; {rows} per GPU and pass; activations {again}")


def assumptions(found: Estimate) -> list[str]:
    """What the figures rest on, each with its value and source."""
    question = found.question
    gpu = question.gpu
    is_own = question.utilisation != gpu.utilisation
    source = "--utilisation" if is_own else gpu.utilisation_source
    return [
        f"peak speed {gpu.peak_tflops:,.0f} TFLOP/s per GPU in dense 16-bit arithmetic ({gpu.peak_source})",
        f"{question.utilisation:.0%} of it reached, recomputed operations included ({source})",
        f"${question.price.usd:,.2f} per GPU-hour ({question.price.source})",
        "6 operations per parameter and token, plus attention; embeddings are looked up, not multiplied",
        f"{TOKENS_PER_PARAM:.0f} tokens per parameter where neither is given (Hoffmann et al. 2022)",
        f"loss by {REFIT.source}, in nats per token of Chinchilla's text; the range spans it and the original fit",
        f"{USABLE:.0%} of a GPU's memory is usable; weights, gradients and optimizer are fp32 and divided (FSDP)",
        "pre-training only: no failed runs, experiments, evaluation, storage or idle time",
    ]


def _bullets(found: Estimate) -> list[str]:
    return [line for text in assumptions(found) for line in textwrap.wrap(
        text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )]  # fmt: skip


def _row(label: str, text: str) -> list[str]:
    indent = " " * LABEL
    return textwrap.wrap(text, WIDTH, initial_indent=f"{label:<{LABEL}}", subsequent_indent=indent)


def counted(number: float) -> str:
    """counted(1.76e11) == "176 billion", counted(131072) == "131,072"."""
    for size, unit in UNITS:
        if number >= size * 0.9995:
            return f"{number / size:,.3g} {unit}" if number < 999.5 * size else f"{number / size:,.0f} {unit}"
    return f"{number:,.0f}"


def power(number: float) -> str:
    """power(3.87e24) == "3.9e24"."""
    return f"{number:.1e}".replace("e+", "e")


def duration(seconds: float) -> str:
    """duration(5400) == "1.5 hours"."""
    for size, unit in ((365.25 * 86400, "years"), (86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.0f} {unit}" if seconds >= 99.5 * size else f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def gpu_hours(hours: float) -> str:
    """gpu_hours(102.3) == "102 GPU-hours"."""
    if hours < 0.01:
        return "less than 0.01 GPU-hours"
    return f"{counted(hours)} GPU-hours" if hours >= 1000 else f"{hours:.3g} GPU-hours"


def dollars(usd: float) -> str:
    """dollars(8.3e6) == "$8.3 million"."""
    if usd < 0.01:
        return "less than a cent"
    if usd < 10:
        return f"${usd:.2f}"
    return f"${counted(float(f'{usd:.3g}'))}" if usd >= 1e6 else f"${float(f'{usd:.3g}'):,.0f}"
