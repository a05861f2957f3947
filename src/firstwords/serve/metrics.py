"""The server's metrics in Prometheus format, at /metrics. They contain no user text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

if TYPE_CHECKING:
    from starlette.types import Scope

    from firstwords.serve.worker import Stream, Worker

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FIRST_TOKEN_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TOKEN_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


class Metrics:
    """One server's metrics, in a separate registry, so that several servers can share a process."""

    def __init__(self, worker: Worker) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "firstwords_requests", "Requests answered, by route and status.", ["route", "status"], registry=registry
        )
        self._first_token = Histogram(
            "firstwords_time_to_first_token_seconds",
            "From the request to the first token of an answer.",
            buckets=FIRST_TOKEN_SECONDS,
            registry=registry,
        )
        self._per_token = Histogram(
            "firstwords_time_per_output_token_seconds",
            "Mean time between the tokens of an answer.",
            buckets=TOKEN_SECONDS,
            registry=registry,
        )
        self._read("firstwords_requests_running", "Answers that have a slot.", lambda: worker.num_running)
        self._read("firstwords_requests_waiting", "Answers that wait for a slot.", lambda: worker.num_waiting)
        registry.register(_Generated(worker))
        worker.on_end = self._answered

    def _read(self, name: str, help_text: str, function: Callable[[], float]) -> None:
        Gauge(name, help_text, registry=self._registry).set_function(function)

    def count_request(self, scope: Scope, status: int) -> None:
        """Count a response. Unknown paths are counted together, since clients can invent them."""
        path = getattr(scope.get("route"), "path", "none")
        # depending on its version, FastAPI prefixes a router's paths or not
        self._requests.labels(path.removeprefix("/v1"), str(status)).inc()

    def _answered(self, stream: Stream) -> None:
        if stream.first_at is None or stream.ended_at is None:
            return
        self._first_token.observe(stream.first_at - stream.started)
        if stream.num_tokens > 1:
            self._per_token.observe((stream.ended_at - stream.first_at) / (stream.num_tokens - 1))

    def text(self) -> bytes:
        """All metrics in Prometheus format."""
        return generate_latest(self._registry)


class _Generated:
    """The worker counts tokens anyway; its count is read on request."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> list[CounterMetricFamily]:
        total = self._worker.num_tokens
        return [CounterMetricFamily("firstwords_tokens_generated", "Tokens generated.", value=total)]
