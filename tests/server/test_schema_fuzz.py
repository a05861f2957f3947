"""Requests made up from /openapi.json: whatever they hold, the server does not fail and answers soon.

FIRSTWORDS_FUZZ=1000 makes so many calls instead of the default, FIRSTWORDS_FUZZ_SEED=7 makes others.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter

import pytest

WANTED, SEED = os.environ.get("FIRSTWORDS_FUZZ"), int(os.environ.get("FIRSTWORDS_FUZZ_SEED", "0"))
CALLS, SECONDS = (int(WANTED), 560) if WANTED else (1500, 60)  # some are made up twice and sent once
MAX_SECONDS = 10  # of an answer, with nothing else running
FORMS = (
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "json_schema",
    "grammar",
)
NOT_FUZZED = ("/api/",)  # these write, train and stop: their own tests know what is safe


@pytest.fixture(scope="module")
def schema(server):
    schemathesis = pytest.importorskip("schemathesis")
    return schemathesis.openapi.from_url(f"{server.base_url}/openapi.json")


def test_no_request_makes_the_server_fail(server, schema) -> None:
    from hypothesis import HealthCheck, Phase, given, seed, settings

    operations = [found.ok() for found in schema.get_all_operations() if not found.ok().path.startswith(NOT_FUZZED)]
    listed = {operation.path for operation in operations}
    assert {"/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/tokenize"} <= listed
    statuses: Counter[int] = Counter()
    seconds: list[float] = []
    session_calls = itertools.count(1)

    def attack(operation, count: int) -> None:
        until = time.monotonic() + SECONDS / len(operations)  # a crowded machine tries every route too

        @seed(SEED)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def calls(case) -> None:
            if time.monotonic() > until:
                return
            if isinstance(case.body, dict):
                number = next(session_calls)
                case.body |= {"model": "pip"} if number % 4 else {}
                case.body.pop("ignore_eos", None)
                for name in FORMS if number % 3 else FORMS[number % len(FORMS) :]:  # random grammars are faulty ones
                    case.body.pop(name, None)
            begun = time.monotonic()
            response = case.call(timeout=60)
            seconds.append(time.monotonic() - begun)
            statuses[response.status_code] += 1
            assert seconds[-1] < MAX_SECONDS, (operation.path, case.body, seconds[-1])
            assert response.status_code < 500, (operation.path, case.body, response.text)
            if response.status_code >= 400:
                assert response.json()["error"]["message"], response.text

        calls()

    writing = [operation for operation in operations if operation.method == "post"]
    reading = [operation for operation in operations if operation.method != "post"]
    for operation in reading:
        attack(operation, 40)
    share = (CALLS - 40 * len(reading)) // len(writing) + 1
    for operation in writing:
        attack(operation, share)
    assert sum(statuses.values()) > 300 and statuses[200] > 20 and statuses[400] > 20, statuses
    server.wait_until_idle()
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
    print(f"{len(seconds)} calls: {dict(statuses)}; the slowest took {max(seconds):.1f} seconds")
