"""The server under load, on loopback: many streams, clients that disconnect, slow readers, a full queue; and the
overhead compared with the engine alone.

    python benchmarks/serve_load.py                     # a random Qwen3-shaped model of a million parameters
    python benchmarks/serve_load.py --model DIR --json
    python benchmarks/serve_load.py --before da55851    # with the server of that commit

The server is a separate process (`firstwords serve`); the clients share one process, and all share the machine's cores,
so that the clients' work counts against the server. The engine is measured in this process: `engine.step` with the same
requests and one thread, as in the server with a small model. Engine and server take turns, and the ratio of their
throughputs is the median over the turns, because a machine's speed drifts; --before adds another commit's server, which
is a process of its own and takes its turns too. In the load tests that follow, another process requests /health every
20 ms throughout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _common import ROOT, machine, random_model, report, say, source_of, table

STREAMS, TOKENS = 16, 256  # for the comparison of throughput
CROWD, CROWD_TOKENS = 200, 64
LEAVERS, SLOW, OVERFLOW = 50, 20, 400
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "big", "dog", "run", "to", "its", "house", "in", "wood")


@dataclass
class Answer:
    """What one client received."""

    status: int = 0
    retry_after: str = ""
    num_tokens: int = 0
    is_complete: bool = False
    first_seconds: float = 0.0
    seconds: float = 0.0


@dataclass
class Server:
    """The server's process, and a watcher of /health."""

    url: str
    process: subprocess.Popen[str]
    health: list[float] = field(default_factory=list)
    watcher: subprocess.Popen[str] | None = None

    def figure(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics") as response:
            found = re.search(rf"^{name} (\S+)$", response.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def wait_until_idle(self) -> float:
        """Seconds until no answer is running or waiting."""
        begun = time.perf_counter()
        while self.figure("firstwords_requests_running") + self.figure("firstwords_requests_waiting"):
            time.sleep(0.01)
        return time.perf_counter() - begun

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def request(url: str, seed: int, **more: Any) -> bytes:
    """An HTTP request for one stream."""
    words = random.Random(seed).choices(WORDS, k=12)
    body = {
        "messages": [{"role": "user", "content": " ".join(words)}],
        "seed": seed,
        "stream": True,
        "ignore_eos": True,
        "temperature": 0.7,
        "stream_options": {"include_usage": True},
    } | more
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def ask(url: str, seed: int, leave_after: float | None = None, pause: float = 0.0, **more: Any) -> Answer:
    """Send a request and read its stream; optionally disconnect early or read slowly."""
    address, answer = urlsplit(url), Answer()
    # a slow reader also has a small buffer, so that it slows the server's writes
    limits = {"limit": 1024} if pause else {}
    reader, writer = await asyncio.open_connection(address.hostname, address.port, **limits)
    data = request(url, seed, **more)
    begun = time.perf_counter()  # clients keep their connections
    try:
        writer.write(data)
        answer.status = int((await reader.readline()).split()[1])
        while line := (await reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            if name.lower() == "retry-after":
                answer.retry_after = value.strip()
        if answer.status == 200:
            await _read(reader, answer, begun, leave_after, pause)
    finally:
        writer.close()
    answer.seconds = time.perf_counter() - begun
    return answer


async def _read(
    reader: asyncio.StreamReader, answer: Answer, begun: float, leave_after: float | None, pause: float
) -> None:
    while True:
        line = await reader.readline()
        if line.startswith(b"data: "):
            answer.first_seconds = answer.first_seconds or time.perf_counter() - begun
            if line.startswith(b"data: [DONE]"):
                answer.is_complete = True
                return
            if b'"completion_tokens"' in line:
                answer.num_tokens = json.loads(line[6:])["usage"]["completion_tokens"]
        if not line or (leave_after is not None and time.perf_counter() - begun > leave_after):
            return
        if pause:
            await asyncio.sleep(pause)


async def many(url: str, count: int, first_seed: int = 0, **more: Any) -> list[Answer]:
    return await asyncio.gather(*(ask(url, first_seed + index, **more) for index in range(count)))


# -- the server against the engine ------------------------------------------------------------------------------------


class OwnEngine:
    """The engine in this process, with exactly the same requests."""

    def __init__(self, directory: Path) -> None:
        import torch
        from threadpoolctl import threadpool_limits

        from firstwords import api

        torch.set_num_threads(1)
        self._limits = threadpool_limits(1, user_api="blas")
        self.loaded = api.load(str(directory))
        self.engine = self.loaded.engine(num_slots=32)

    def _add(self, seed: int, max_tokens: int):
        from firstwords.engine.sampling import SamplingParams
        from firstwords.tokenizer.prompts import chat_ids

        words = random.Random(seed).choices(WORDS, k=12)
        ids = chat_ids(self.loaded.tokenizer, [{"role": "user", "content": " ".join(words)}])
        params = SamplingParams(max_tokens=max_tokens, temperature=0.7, seed=seed, ignore_eos=True)
        return self.engine.add(ids, params)

    def tokens_per_second(self) -> float:
        self.engine.forget()
        begun, count = time.perf_counter(), 0
        for seed in range(STREAMS):
            self._add(seed, TOKENS)
        while self.engine.has_work:
            count += len(self.engine.step())
        assert count == STREAMS * TOKENS
        return count / (time.perf_counter() - begun)

    def first_token(self, seed: int) -> float:
        begun = time.perf_counter()
        request = self._add(seed, 4)
        while not self.engine.step():
            pass
        seconds = time.perf_counter() - begun
        self.engine.cancel(request)
        return seconds


async def _throughput(url: str) -> float:
    begun = time.perf_counter()
    answers = await many(url, STREAMS, max_tokens=TOKENS)
    assert all(answer.num_tokens == TOKENS for answer in answers)
    return STREAMS * TOKENS / (time.perf_counter() - begun)


def compare(server: Server, directory: Path, rounds: int, before: Server | None = None) -> dict[str, float]:
    """Throughput with 16 streams and time to the first token with one, for all in turns."""
    own = OwnEngine(directory)
    speeds: dict[str, list[float]] = {"engine": [], "server": [], "before": []}
    firsts: dict[str, list[float]] = {"engine": [], "server": []}
    for turn in range(rounds):
        speeds["engine"].append(own.tokens_per_second())
        speeds["server"].append(asyncio.run(_throughput(server.url)))
        speeds["before"] += [asyncio.run(_throughput(before.url))] if before is not None else []
        for index in range(10):
            seed = 1000 * (turn + 1) + index
            firsts["engine"].append(own.first_token(seed))
            answer = asyncio.run(ask(server.url, seed, max_tokens=4))
            firsts["server"].append(answer.first_seconds)
    middle = {name: statistics.median(values) for name, values in speeds.items() if values}
    ratios = [server / engine for server, engine in zip(speeds["server"], speeds["engine"], strict=True)]
    times = [server / before for server, before in zip(speeds["server"], speeds["before"], strict=False)]
    than_before = {}
    if times:
        than_before["before_tokens_per_second"] = round(middle["before"])
        than_before["times_as_fast_as_before"] = round(statistics.median(times), 2)
    first = {name: 1000 * statistics.median(values) for name, values in firsts.items()}
    return {
        "engine_tokens_per_second": round(middle["engine"]),
        "server_tokens_per_second": round(middle["server"]),
        "throughput_ratio": round(statistics.median(ratios), 3),
        "throughput_ratio_of_best_turns": round(max(speeds["server"]) / max(speeds["engine"]), 3),
        "engine_first_token_ms": round(first["engine"], 2),
        "server_first_token_ms": round(first["server"], 2),
        "first_token_ratio": round(first["server"] / first["engine"], 2),
        "first_token_ms_added": round(first["server"] - first["engine"], 2),
    } | than_before


# -- crowds -----------------------------------------------------------------------------------------------------------


def crowd(server: Server) -> dict[str, Any]:
    """200 streams at once, three times: none lost, memory not growing after the first time."""
    found: dict[str, Any] = {"lost": 0}
    for turn in range(3):
        begun = time.perf_counter()
        answers = asyncio.run(many(server.url, CROWD, 500 * turn, max_tokens=CROWD_TOKENS))
        found["lost"] += sum(not (a.is_complete and a.num_tokens == CROWD_TOKENS) for a in answers)
        found["seconds"] = round(time.perf_counter() - begun, 2)
        found["first_token_p99_s"] = round(sorted(a.first_seconds for a in answers)[int(0.99 * CROWD)], 2)
        server.wait_until_idle()
        found[f"memory_mb_{turn + 1}"] = round(server.memory_mb())
    return found


def leavers(server: Server) -> dict[str, Any]:
    """50 clients that disconnect at a random moment."""

    async def scene() -> None:
        dice = random.Random(1)
        await asyncio.gather(
            *(ask(server.url, index, leave_after=dice.random() * 0.5, max_tokens=400) for index in range(LEAVERS))
        )

    before = server.figure("firstwords_tokens_generated_total")
    asyncio.run(scene())
    seconds = server.wait_until_idle()
    generated = server.figure("firstwords_tokens_generated_total") - before
    return {"slots_free_after_s": round(seconds, 3), "share_generated": round(generated / (LEAVERS * 400), 3)}


def slow_readers(server: Server) -> dict[str, Any]:
    """8 quick streams alone, and alongside 20 that read a line every 50 ms."""
    alone = max(a.seconds for a in asyncio.run(many(server.url, 8, max_tokens=200)))

    async def scene() -> tuple[float, int]:
        slow = [asyncio.create_task(ask(server.url, 100 + i, pause=0.05, max_tokens=200)) for i in range(SLOW)]
        await asyncio.sleep(1.0)  # by now their answers are written and waiting to be read
        quick = max(answer.seconds for answer in await many(server.url, 8, max_tokens=200))
        return quick, sum(answer.is_complete for answer in await asyncio.gather(*slow))

    beside, complete = asyncio.run(scene())
    server.wait_until_idle()
    return {"quick_alone_s": round(alone, 2), "quick_beside_s": round(beside, 2), "slow_complete": f"{complete}/{SLOW}"}


def overflow(server: Server) -> dict[str, Any]:
    """More requests than the queue holds."""
    answers = asyncio.run(many(server.url, OVERFLOW, max_tokens=128))
    refused = [answer for answer in answers if answer.status == 503]
    server.wait_until_idle()
    return {
        "answered": sum(answer.is_complete for answer in answers),
        "refused_503": len(refused),
        "with_retry_after": sum(bool(answer.retry_after) for answer in refused),
        "else": sum(
            answer.status not in (200, 503) or (answer.status == 200 and not answer.is_complete) for answer in answers
        ),
    }


def health(server: Server) -> dict[str, Any]:
    """Response times of /health throughout."""
    times = sorted(server.health)
    return {
        "asked": len(times),
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[int(0.99 * len(times))],
        "max_ms": times[-1],
    }


SCENES = {"200 streams": crowd, "50 leave": leavers, "slow readers": slow_readers, "400 at once": overflow}


# -- the processes ----------------------------------------------------------------------------------------------------


@contextmanager
def started(home: Path, source: Path = ROOT / "src") -> Iterator[Server]:
    """A server over a home, once it answers; it is stopped afterwards."""
    environment = os.environ | {"FIRSTWORDS_HOME": str(home), "PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "firstwords", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = process.stdout.readline()  # type: ignore[union-attr]
        url = re.search(r"http://\S+", line)[0]  # type: ignore[index]
        while True:
            try:
                urllib.request.urlopen(f"{url}/tokenizer_info").read()
                break
            except OSError:
                time.sleep(0.1)
        yield Server(url, process)
    finally:
        process.terminate()
        process.wait()


def earlier(options: argparse.Namespace, home: Path) -> AbstractContextManager[Server]:
    """The server of the commit --before, over a home of its own."""
    make_home(home, options.model)
    return started(home, source_of(options.before, home))


def start_watcher(server: Server) -> None:
    command = [sys.executable, __file__, "--watch", server.url]
    server.watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    threading.Thread(target=_collect, args=(server,), daemon=True).start()


def _collect(server: Server) -> None:
    for line in server.watcher.stdout:  # type: ignore[union-attr]
        server.health.append(float(line))


def watch(url: str) -> None:
    """Request /health every 20 ms, each time on a new connection, and print the milliseconds."""
    import http.client

    address = urlsplit(url)
    while True:
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            return
        finally:
            connection.close()
        print(f"{1000 * (time.perf_counter() - begun):.2f}", flush=True)
        time.sleep(0.02)


def make_home(home: Path, model: Path | None) -> Path:
    directory = home / "models" / "bench" / "sft"
    if model is not None:
        shutil.copytree(model, directory)
        return directory
    from firstwords.tokenizer.fast import Tokenizer

    dice = random.Random(0)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    texts = [" ".join("".join(dice.choices(syllables, k=3)) for _ in range(200)) for _ in range(200)]
    tokenizer = Tokenizer.train([*texts, " ".join(WORDS)], 2048)
    random_model(directory, tokenizer, vocab_size=tokenizer.vocab_size, max_position_embeddings=512)
    return directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a model directory (default: a random model)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the comparison with the engine")
    parser.add_argument("--before", help="a commit whose server takes part in the comparison")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(options.watch)
        return
    result: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as scratch:
        directory = make_home(Path(scratch), options.model)
        with started(Path(scratch)) as server:
            with earlier(options, Path(scratch, "before")) if options.before else nullcontext() as before:
                result["against the engine"] = compare(server, directory, options.rounds, before)
            start_watcher(server)
            for name, scene in SCENES.items():
                say(name)
                result[name] = scene(server)
            server.watcher.terminate()  # type: ignore[union-attr]
            result["health"] = health(server)
    rows = [(scene, name, value) for scene, found in result.items() for name, value in found.items()]
    report(result, table(("scene", "figure", "value"), rows), options.json)


if __name__ == "__main__":
    main()
