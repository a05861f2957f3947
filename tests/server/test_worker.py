"""The worker's accounts: slots and places in line come back on every path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from firstwords.engine.sampling import SamplingParams
from firstwords.serve import models
from firstwords.serve.errors import ApiError
from firstwords.serve.settings import Settings
from firstwords.serve.worker import Worker

LONG = SamplingParams(max_tokens=100, ignore_eos=True, seed=1)


@pytest.fixture
def run(pip_home, one_thread) -> Callable:
    """run(function, **settings): await function(worker, stage) and see that everything is free in the end."""

    def go(function: Callable, **settings) -> None:
        async def main() -> None:
            worker = Worker(Settings(**settings))
            worker.start()
            try:
                await function(worker, models.find("pip/sft"))
                until = time.monotonic() + 10
                while worker.num_open or worker.num_running:
                    assert time.monotonic() < until, (worker.num_open, worker.num_running)
                    await asyncio.sleep(0.01)
                for held in worker.memory.held.values():
                    assert not held.engine.has_work
                    assert len(held.engine.scheduler.free_slots) == held.engine.scheduler.num_slots
            finally:
                worker.stop()
            assert not worker._running and not worker._unsent

        asyncio.run(main())

    return go


def test_streams_give_every_token_once(run) -> None:
    async def scene(worker, stage) -> None:
        streams = [await worker.submit(stage, [0, 5 + i], LONG) for i in range(7)]

        async def read(stream) -> list[int]:
            return [token.id async for tokens in stream for token in tokens]

        for stream, ids in zip(streams, await asyncio.gather(*map(read, streams)), strict=True):
            assert len(ids) == 100 and ids == stream.request.ids and stream.num_tokens == 100

    run(scene, num_slots=3)


def test_cancelling_at_any_time_frees_the_slot(run) -> None:
    async def scene(worker, stage) -> None:
        for wait in (0, 0.001, 0.01):
            stream = await worker.submit(stage, [0, 5], LONG)
            await asyncio.sleep(wait)
            stream.cancel()
            stream.cancel()
            async for _ in stream:
                pass
            stream.cancel()

    run(scene)


def test_a_submission_that_is_cancelled_leaves_nothing(run) -> None:
    async def scene(worker, stage) -> None:
        async def ask() -> None:
            stream = await worker.submit(stage, [0, 5], LONG)
            try:
                await stream.completion()
            finally:
                stream.cancel()

        for turn in range(20):
            task = asyncio.create_task(ask())
            await asyncio.sleep(turn % 3 * 0.0005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(scene)


def test_prompts_that_cannot_run_are_not_counted(run) -> None:
    async def scene(worker, stage) -> None:
        for ids in ([], [0] * 1000, [99999]):
            stream = await worker.submit(stage, ids, LONG)
            with pytest.raises(ApiError) as refused:
                await stream.completion()
            assert refused.value.status == 400
        assert worker.num_open == 0

    run(scene)


def test_a_full_line_refuses_and_the_patient_wait(run) -> None:
    async def scene(worker, stage) -> None:
        streams = [await worker.submit(stage, [0, 5], LONG) for _ in range(4)]
        with pytest.raises(ApiError) as refused:
            await worker.submit(stage, [0, 5], LONG)
        assert refused.value.status == 503 and refused.value.headers["Retry-After"]
        patient = [asyncio.create_task(worker.submit(stage, [0, 5], LONG, is_patient=True)) for _ in range(6)]
        await asyncio.sleep(0.01)
        patient[0].cancel()  # the room that it would have got goes to another
        for stream in streams:
            stream.cancel()
        for task in patient[1:]:
            completion = await (await task).completion()
            assert completion.finish_reason == "length"

    run(scene, num_slots=2, max_waiting=2)


def test_room_that_is_offered_to_one_who_has_gone_goes_to_the_next(run) -> None:
    async def scene(worker, stage) -> None:
        first = await worker.submit(stage, [0, 5], LONG)
        gone, waits = (asyncio.create_task(worker.submit(stage, [0, 5], LONG, is_patient=True)) for _ in range(2))
        await asyncio.sleep(0.01)
        worker.on_end = lambda stream: gone.cancel()  # just when it has been offered the room
        first.cancel()
        completion = await (await asyncio.wait_for(waits, 30)).completion()
        assert gone.cancelled() and completion.finish_reason == "length"

    run(scene, num_slots=1, max_waiting=0)


def test_an_engine_that_fails_ends_its_streams_and_is_loaded_anew(run, caplog) -> None:
    async def scene(worker, stage) -> None:
        held = await worker.held(stage)
        held.engine.step = lambda: 1 / 0
        with pytest.raises(ApiError) as failed:
            stream = await worker.submit(stage, [0, 5], LONG)
            await stream.completion()
        assert failed.value.status == 500 and "ZeroDivision" in caplog.text
        completion = await (await worker.submit(stage, [0, 5], LONG)).completion()
        assert len(completion.ids) == 100

    run(scene)


def test_going_down_ends_streams_and_refuses_new_ones(run) -> None:
    async def scene(worker, stage) -> None:
        stream = await worker.submit(stage, [0, 5], SamplingParams(max_tokens=150, ignore_eos=True))
        worker.close()
        for wait in (stream.completion, lambda: worker.submit(stage, [0, 5], LONG), lambda: worker.call(stage, len)):
            with pytest.raises(ApiError) as refused:
                await wait()
            assert refused.value.status == 503

    run(scene)


def test_a_call_runs_between_steps(run) -> None:
    async def scene(worker, stage) -> None:
        stream = await worker.submit(stage, [0, 5], LONG)
        assert await worker.call(stage, lambda held: held.engine.has_work)
        with pytest.raises(ZeroDivisionError):
            await worker.call(stage, lambda held: 1 / 0)
        assert len((await stream.completion()).ids) == 100

    run(scene)


def test_a_stage_that_was_trained_anew_is_loaded_anew(own_home, one_thread) -> None:
    import os

    async def main() -> None:
        worker = Worker(Settings())
        worker.start()
        first = await worker.held(models.find("pip/sft"))
        assert await worker.held(models.find("pip/sft")) is first
        os.utime(own_home / "models" / "pip" / "sft" / "model.safetensors", (1, 1))
        assert await worker.held(models.find("pip/sft")) is not first
        worker.stop()

    asyncio.run(main())


def test_what_changes_in_home_is_noticed_at_once(own_home, monkeypatch) -> None:
    import shutil

    from firstwords import home

    folder = own_home / "models" / "pip"
    for stage in ("base", "sft") * 5:
        home.set_promoted("pip", stage)
        assert models.find("pip").ref == models.find(None).ref == f"pip/{stage}"
    assert models.refs() == ["pip/base", "pip/sft"]
    (folder / "rlhf-1").mkdir()
    assert len(models.refs()) == 2  # nothing is in it yet
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / "sft" / name, folder / "rlhf-1" / name)
    assert models.find("pip/rlhf-1").directory == folder / "rlhf-1"
    shutil.rmtree(folder / "rlhf-1")
    with pytest.raises(ApiError, match="no stage rlhf-1"):
        models.find("pip/rlhf-1")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(own_home / "nowhere"))
    with pytest.raises(ApiError, match="no model yet"):
        models.find("pip")


def test_memory_lets_the_stage_go_that_was_used_longest_ago(pip_home, one_thread) -> None:
    async def main() -> None:
        worker = Worker(Settings(memory_bytes=1))
        worker.start()
        for stage in ("pip/sft", "pip/base", "pip/sft"):
            await worker.held(models.find(stage))
            assert list(worker.memory.held) == [stage]
        worker.stop()

    asyncio.run(main())
