"""Many prompts on a CPU: each core generates its share in a separate process.

A small model's step is a chain of short NumPy calls on a single core, so two cores answer sixteen prompts nearly twice
as fast as one. A forked process shares weights and cached prefixes with its parent without copying, and a row's answer
depends only on its prompt and seed, so the answers are the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from firstwords.engine.request import Completion
    from firstwords.engine.sampling import SamplingParams

    Generate = Callable[[Sequence[Sequence[int]], Sequence[SamplingParams]], list[Completion]]

MIN_PROMPTS = 4  # prompts per process: with fewer, steps are hardly cheaper
MIN_TOKENS = 1024  # total tokens requested; below, forking (about 20 ms) costs more than it gains


def worthwhile(params: Sequence[SamplingParams]) -> int:
    """How many processes an idle engine with the lean decoder should use: 1 if this process has other threads."""
    if sys.platform != "linux" or threading.active_count() > 1 or multiprocessing.current_process().daemon:
        return 1
    if torch.cuda.is_initialized() or sum(p.max_tokens for p in params) < MIN_TOKENS:
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), len(params) // MIN_PROMPTS))


def generate(
    generate_here: Generate,
    prompts: Sequence[Sequence[int]],
    params: Sequence[SamplingParams],
    num_processes: int,
) -> list[Completion]:
    """Like `Engine.generate`, with every num_processes-th prompt assigned to the same process, including this one.

    generate_here: answers prompts in the calling process.
    """
    context = multiprocessing.get_context("fork")
    children = []
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the cores are in use; a forked process must not start OpenMP threads either
    blas = threadpool_limits(1, user_api="blas")  # NumPy's too: threads waiting for a core made it ten times slower
    results: list[Completion | None] = [None] * len(prompts)
    try:
        for share in range(1, num_processes):
            receiver, sender = context.Pipe(duplex=False)
            arguments = (generate_here, prompts[share::num_processes], params[share::num_processes], sender)
            child = context.Process(target=_work, args=arguments, daemon=True)
            child.start()
            sender.close()
            children.append((share, child, receiver))
        results[::num_processes] = generate_here(prompts[::num_processes], params[::num_processes])
        for share, _, receiver in children:
            answer = _receive(receiver)
            # a process that died (killed for memory, say) costs time, not answers
            results[share::num_processes] = answer or generate_here(
                prompts[share::num_processes], params[share::num_processes]
            )
    finally:
        torch.set_num_threads(num_threads)
        blas.restore_original_limits()
        for _, child, receiver in children:
            receiver.close()
            child.kill()
            child.join()
    return results  # type: ignore[return-value]


def _work(
    generate_here: Generate, prompts: Sequence[Sequence[int]], params: Sequence[SamplingParams], sender: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and then ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the parent's handler
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    sender.send(generate_here(prompts, params))
    sender.close()


def _receive(receiver: Connection) -> list[Completion] | None:
    try:
        answers: list[Completion] = receiver.recv()
        return answers
    except EOFError:
        return None
