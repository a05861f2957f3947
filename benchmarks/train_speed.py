"""How fast is one training step? Ours compared with `transformers` + AdamW and the machine's peak.

    python benchmarks/train_speed.py            # about four minutes on two cores
    python benchmarks/train_speed.py --shapes 128x3,256x5 --seconds 4 --json

Ours is `Learner.forward_backward` + `Learner.optim_step` as in pre-training (Muon and AdamW), compiled as in a run of
ten minutes; `short` is the same as in a short run, which does not compile on a CPU. The peer is `Qwen3ForCausalLM` with
SDPA attention and its own loss, `AdamW(fused=True)`, no clipping. All run in this process, in turns (A B A B ...) with
the same allocator settings, threads, batch and flushed denormals; figures are medians over the turns. On a CPU a third
arm, `stock`, is the unmodified peer: a separate process without our allocator settings, before and after the turns. For
all arms, a step's operations are `ModelConfig.flops_per_token`. The peak is the fastest matrix product found, among
large squares and the products of the layers. On a GPU both compute in bf16 and are compiled, and the table also shows
the share of the device's nominal peak (model-FLOP utilisation). A step there has half a million tokens in micro-batches
of 65,536, as is usual for 124M parameters; for the planner's shape it is the planner's batch. Attention's operations
are counted as causal, half of what "6 N + 12 L D T" counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _common import ALLOCATOR, ROOT, child_env, machine, reexec_with_allocator, report, say, table

SHAPES = {"cpu": "128x3,128x4,192x4,256x5,default", "cuda": "768x12x50304x1024,default"}
BATCH_TOKENS = {"cpu": 5120, "cuda": 524288}
MICRO_TOKENS = {"cpu": 8192, "cuda": 65536}  # per pass; a larger step accumulates several
NOMINAL_TFLOPS = {
    "H100": 989,
    "H200": 989,
    "A100": 312,
    "L4": 121,
    "4090": 165,
}  # dense bf16, from the data sheets
SQUARES = {"cpu": (1024, 2048), "cuda": (4096, 8192, 16384)}


ARMS = ("ours", "short", "peer", "stock")


@dataclass
class Arm:
    """One contestant: a function that does one whole optimizer step, and the seconds per step of each turn."""

    name: str
    step: Callable[[], None]
    seconds: list[float]


def parse_shapes(text: str, device: str, minutes: float, batch_tokens: int) -> dict[Any, int]:
    """Shapes and their tokens per step. `WIDTHxLAYERS[xVOCABULARY[xCONTEXT]]`, or `default`: the planner's choice for
    `minutes` on this machine, on a GPU also with the planner's batch.
    """
    from firstwords.plan.budget import Shape, plan
    from firstwords.train.machine import machine as measured

    shapes = {}
    for word in text.split(","):
        if word == "default":
            chosen = plan(minutes * 60, measured(device))
            shapes[chosen.shape] = batch_tokens or (BATCH_TOKENS[device] if device == "cpu" else chosen.batch_tokens)
        else:
            width, layers, *rest = map(int, word.split("x"))
            shape = Shape(width, layers, *(rest + [1024, 256][len(rest) :]))
            shapes[shape] = batch_tokens or BATCH_TOKENS[device]
    return shapes


# -- the peak --------------------------------------------------------------------------------------------


def gemm_peak(shapes: dict[Any, int], device: str) -> dict[str, float]:
    """GFLOP/s of matrix products, by size: squares, and (tokens x in x out) of each width's feed-forward layer."""
    import torch

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    sizes = [(n, n, n) for n in SQUARES[device]]
    for shape, tokens in shapes.items():
        _, rows = pieces(tokens, shape.context, device)
        D, hidden = shape.hidden_size, shape.intermediate_size
        sizes += [(rows * shape.context, D, 2 * hidden), (rows * shape.context, hidden, D)]
    speeds = {}
    for M, K, N in dict.fromkeys(sizes):
        a, b = torch.randn(M, K, device=device).to(dtype), torch.randn(K, N, device=device).to(dtype)
        out = torch.empty(M, N, device=device, dtype=dtype)
        best = _best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), device)
        speeds[f"{M}x{K}x{N}"] = 2 * M * K * N / best / 1e9
    return speeds


def _best(work: Callable[[], Any], device: str, seconds: float = 0.5) -> float:
    """Seconds of the fastest of all calls within `seconds` (at least four)."""
    import torch

    times: list[float] = []
    while len(times) < 4 or sum(times) < seconds:
        begin = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times)


# -- the arms --------------------------------------------------------------------------------------------


def pieces(tokens: int, context: int, device: str) -> tuple[int, int]:
    """(number of micro-batches, rows of each) for a step of about `tokens` tokens."""
    count = -(-tokens // MICRO_TOKENS[device])
    return count, max(1, tokens // count // context)


def ours(shape: Any, tokens: int, device: str, tie: bool, seconds: float) -> Callable[[], None]:
    """A step as in a run of `seconds`: compiled if that pays."""
    import numpy as np

    from firstwords.model.transformer import Transformer
    from firstwords.plan.new_model import model_config
    from firstwords.train.learner import Learner, OptimConfig, place
    from firstwords.train.losses import next_token_loss

    model = Transformer(model_config(shape, tie))
    model.init_weights(0)
    place(model, device, "fp32" if device == "cpu" else "bf16", seconds=seconds)
    learner = Learner(model, OptimConfig(matrix_lr=1e-3, table_lr=1e-4, vector_lr=1e-4), device)
    count, rows = pieces(tokens, shape.context, device)
    ids = np.random.default_rng(0).integers(3, shape.vocab_size, (rows, shape.context + 1))
    batch = {"inputs": np.ascontiguousarray(ids[:, :-1]), "targets": np.ascontiguousarray(ids[:, 1:])}

    def step() -> None:
        learner.forward_backward([batch] * count, next_token_loss)
        learner.optim_step(1.0)

    return step


def peer(shape: Any, tokens: int, device: str, tie: bool) -> Callable[[], None]:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    heads = shape.hidden_size // 64
    config = Qwen3Config(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=64,
        max_position_embeddings=shape.context,
        tie_word_embeddings=tie,
        attn_implementation="sdpa",
        use_cache=False,
    )
    model = Qwen3ForCausalLM(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.1, fused=True)
    count, rows = pieces(tokens, shape.context, device)
    ids = torch.randint(3, shape.vocab_size, (rows, shape.context), device=device)
    compiled = torch.compile(model) if device != "cpu" else model

    def step() -> None:
        for _ in range(count):
            with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
                loss = compiled(input_ids=ids, labels=ids).loss / count
            loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def stock(shape: Any, tokens: int, args: argparse.Namespace) -> float:
    """Median seconds of the peer's step in a new process without our settings."""
    words = [f"{shape.hidden_size}x{shape.num_hidden_layers}x{shape.vocab_size}x{shape.context}"]
    words += ["--stock-child", "--seconds", str(args.seconds / 2), "--batch-tokens", str(tokens)]
    env = {name: value for name, value in child_env().items() if name not in ALLOCATOR}
    command = [sys.executable, __file__, "--shapes", *words]
    return float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def run_stock_child(args: argparse.Namespace) -> None:
    """The child process of `stock`."""
    [(shape, tokens)] = parse_shapes(args.shapes, "cpu", args.minutes, args.batch_tokens).items()
    arm = Arm("stock", peer(shape, tokens, "cpu", is_tied(shape)), [])
    race([arm], args.seconds, args.turns, "cpu")
    print(statistics.median(arm.seconds))


def race(arms: list[Arm], seconds: float, turns: int, device: str) -> None:
    """Run the arms in turns: at least one step per turn, `seconds` per arm in total."""
    import torch

    for arm in arms:  # first steps allocate, compile and fill caches
        for _ in range(2):
            arm.step()
    for _ in range(turns):
        for arm in arms:
            if device != "cpu":
                torch.cuda.synchronize()
            begin, steps = time.perf_counter(), 0
            while steps == 0 or time.perf_counter() - begin < seconds / turns:
                arm.step()
                steps += 1
            if device != "cpu":
                torch.cuda.synchronize()
            arm.seconds.append((time.perf_counter() - begin) / steps)


def is_tied(shape: Any) -> bool:
    """Whether head and embedding share weights: as in the planner, and in GPT-2's 124M."""
    return shape.num_matmul_params < 30e6 or shape.vocab_size > 50_000


def measure(shape: Any, tokens: int, args: argparse.Namespace, peak: float) -> dict[str, Any]:
    """All arms at one shape."""
    tie, wanted = is_tied(shape), tokens
    count, rows = pieces(tokens, shape.context, args.device)
    tokens = count * rows * shape.context
    arms = [
        Arm("ours", ours(shape, wanted, args.device, tie, args.minutes * 60), []),
        Arm("peer", peer(shape, wanted, args.device, tie), []),
    ]
    if args.device == "cpu":
        arms.insert(1, Arm("short", ours(shape, wanted, args.device, tie, 0.0), []))
    stock_seconds = [stock(shape, wanted, args)] if args.device == "cpu" else []
    race(arms, args.seconds, args.turns, args.device)
    if stock_seconds:
        arms.append(Arm("stock", arms[-1].step, [*stock_seconds, stock(shape, wanted, args)]))
    result: dict[str, Any] = {
        "shape": f"{shape.num_hidden_layers}x{shape.hidden_size} V={shape.vocab_size} T={shape.context}",
        "matmul_params": shape.num_matmul_params,
        "batch_tokens": tokens,
        "flops_per_token": shape.flops_per_token,
    }
    for arm in arms:
        median = statistics.median(arm.seconds)
        gflops = tokens * shape.flops_per_token / median / 1e9
        result[arm.name] = {
            "tokens_per_s": tokens / median,
            "gflops": gflops,
            "share_of_peak": gflops / peak,
            "spread": (max(arm.seconds) - min(arm.seconds)) / median,
        }
        nominal = nominal_tflops(args.device)
        if nominal:
            result[arm.name]["mfu"] = gflops / 1e3 / nominal
    for name in ARMS[1:]:
        if name in result:
            result[name]["ratio"] = result["ours"]["tokens_per_s"] / result[name]["tokens_per_s"]
    result["ratio"] = result["peer"]["ratio"]
    return result


def nominal_tflops(device: str) -> float | None:
    """The data sheet's dense bf16 peak of this GPU, None if unknown."""
    if device == "cpu":
        return None
    import torch

    name = torch.cuda.get_device_name()
    return next((value for key, value in NOMINAL_TFLOPS.items() if key in name), None)


def as_table(result: dict[str, Any]) -> str:
    rows = []
    for one in result["shapes"]:
        for name in (name for name in ARMS if name in one):
            arm = one[name]
            mfu = (f"{100 * arm['mfu']:.1f} %",) if "mfu" in arm else ()
            rows.append(
                (
                    one["shape"],
                    f"{one['matmul_params'] / 1e6:.2f}M",
                    name,
                    f"{arm['tokens_per_s']:,.0f}",
                    f"{arm['gflops']:,.1f}",
                    f"{100 * arm['share_of_peak']:.0f} %",
                    *mfu,
                    f"{arm['ratio']:.2f}" if "ratio" in arm else "",
                    f"{100 * arm['spread']:.0f} %",
                )
            )
    has_mfu = any("mfu" in one["ours"] for one in result["shapes"])
    header = ["shape", "params", "arm", "tokens/s", "GFLOP/s", "of peak", "ours / it", "spread"]
    if has_mfu:
        header.insert(6, "MFU")
    best = max(result["gemm_gflops"], key=result["gemm_gflops"].__getitem__)
    peak = f"peak: {result['peak_gflops']:,.1f} GFLOP/s (matrix product {best})"
    return f"{peak}; {result['machine']['processor']}\n\n{table(header, rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="", help="WIDTHxLAYERS[xVOCABULARY[xCONTEXT]],... or default")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run for which `default` is planned")
    parser.add_argument(
        "--batch-tokens", type=int, default=0, help="tokens per step (0: 5,120, on a GPU 524,288 or the planner's)"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="time for each arm at each shape")
    parser.add_argument("--turns", type=int, default=6, help="turns into which that time is split")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stock-child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.stock_child:
        reexec_with_allocator()
    sys.path.insert(0, str(ROOT / "src"))
    if args.stock_child:
        run_stock_child(args)
        return
    import torch

    from firstwords.train.learner import prepare_process

    prepare_process(torch.get_num_threads())
    if args.device == "auto":
        args.device = "cuda" if torch.cuda.is_available() else "cpu"
    described = machine() | {"device": args.device, "threads": torch.get_num_threads()}
    if args.device == "cuda":
        described["gpu"] = torch.cuda.get_device_name()
    shapes = parse_shapes(args.shapes or SHAPES[args.device], args.device, args.minutes, args.batch_tokens)
    before = gemm_peak(shapes, args.device)
    peak = max(before.values())
    results = []
    for shape, tokens in shapes.items():
        results.append(measure(shape, tokens, args, peak))
        speeds = ", ".join(f"{name} {results[-1][name]['tokens_per_s']:,.0f}" for name in ARMS if name in results[-1])
        say(f"{results[-1]['shape']}: {speeds} tokens/s; ours/peer {results[-1]['ratio']:.2f}")
    after = gemm_peak(shapes, args.device)
    speeds = {size: max(before[size], after[size]) for size in before}
    peak = max(speeds.values())
    for one in results:  # relative to the best product of the whole run, so that a slow start flatters none of them
        for name in (name for name in ARMS if name in one):
            one[name]["share_of_peak"] = one[name]["gflops"] / peak
    result = {"machine": described, "peak_gflops": peak, "gemm_gflops": speeds, "shapes": results}
    report(result, as_table(result), args.json)


if __name__ == "__main__":
    main()
