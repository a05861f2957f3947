"""A recorded step over all slots says what a step over the decoding rows says. On a GPU: tests/gpu."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from firstwords.engine.engine import Engine
from firstwords.engine.graphs import GraphDecoder
from firstwords.engine.sampling import SamplingParams
from firstwords.model.cache import KVCache
from firstwords.model.transformer import Transformer


def answers(model: Transformer, recorded: bool, max_length: int, num_slots: int) -> tuple[list[list[int]], Engine]:
    """Prompts of all lengths that come and go, share beginnings, and fill their slots to the brim."""
    engine = Engine(model, num_slots=num_slots, max_length=max_length)
    if recorded:
        engine._decoder = GraphDecoder(model, engine.cache)
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(3, 90, (n,), generator=generator).tolist() for n in (1, 70, 5, 33, 119, 2, 64, 40)]
    prompts += [prompts[1][:50] + [7, 8], prompts[4][:100], prompts[4]]
    params = [
        SamplingParams(max_tokens=8 + 9 * i, temperature=float(i % 2), seed=i, ignore_eos=True)
        for i in range(len(prompts))
    ]
    first = [one.ids for one in engine.generate(prompts, params, num_processes=1)]
    return first + [one.ids for one in engine.generate(prompts[::-1], params, num_processes=1)], engine


@pytest.mark.parametrize("num_slots", [1, 3, 16])
def test_recorded_steps_change_nothing(tiny_policy, num_slots: int) -> None:
    model = tiny_policy(97, context=512)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(3))
    expected, _ = answers(model, False, 128, num_slots)
    found, _ = answers(model, True, 128, num_slots)
    assert found == expected
    wide, engine = answers(model, True, 512, num_slots)  # the storage grows on the way
    assert wide == answers(model, False, 512, num_slots)[0]
    assert len(engine._decoder._steps) <= 4  # a recording for each span, not for each step


@torch.inference_mode()
def test_a_full_slot_that_is_idle_gives_its_last_token_up(tiny_policy) -> None:
    model = tiny_policy(97, context=64)
    cache = KVCache(model.config, num_slots=3)
    decoder = GraphDecoder(model, cache)
    decoder.prefill([5, 6, 7], 0)
    cache.lengths[:] = (3, 64, 0)
    expected = model(torch.tensor([[5, 6, 7, 8]]))[0, -1]
    torch.testing.assert_close(decoder.step(np.array([8]), 0, None)[0], expected, atol=1e-5, rtol=1e-5)
    assert cache.lengths.tolist() == [3, 63, 0]  # the engine moves the decoding one forward
