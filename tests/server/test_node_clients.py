"""JavaScript clients: the npm package `openai` and the Vercel AI SDK, with the settings of docs/guides/server.md.

Their pinned versions are in node/package-lock.json, and `npm ci` fetches them once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "node"
QUESTION = "What is your first name?"
PATH = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])  # Node from PyPI is there


@pytest.fixture(scope="session")
def node() -> str:
    """The program `node`, with the clients installed beside the scripts."""
    program, npm = shutil.which("node", path=PATH), shutil.which("npm", path=PATH)
    if program is None or npm is None:
        pytest.skip("Node and npm are not installed")
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=FOLDER, env={**os.environ, "PATH": PATH}, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            pytest.skip(f"npm cannot install the clients here: {done.stderr.strip().splitlines()[-1:]}")
        installed.touch()
    return program


def results(node: str, script: str, base_url: str) -> dict[str, dict[str, Any]]:
    """{case: {"value": ...} or {"error": ...}} of a script."""
    command = [node, str(FOLDER / script), f"{base_url}/v1", QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def openai(node, server) -> dict[str, dict[str, Any]]:
    return results(node, "openai.mjs", server.base_url)


@pytest.fixture(scope="module")
def vercel(node, server) -> dict[str, dict[str, Any]]:
    return results(node, "vercel.mjs", server.base_url)


def is_pet(value: Any) -> bool:
    return set(value) == {"kind", "legs"} and value["kind"] in ("cat", "dog") and value["legs"] in ("two", "four")


def test_openai_chats_and_responses_are_the_engines_answer(openai, expected) -> None:
    for case in ("create", "helper", "response"):
        assert openai[case] == {"value": expected}, case
    assert openai["stream"]["value"]["text"] == expected and 0 < openai["stream"]["value"]["completion_tokens"] <= 24
    assert openai["response_stream"]["value"]["text"] == expected
    kinds = openai["response_stream"]["value"]["kinds"]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    assert openai["response_helper"]["value"] and "e" not in openai["response_helper"]["value"]


def test_openai_parses_schemas(openai) -> None:
    assert is_pet(openai["parse"]["value"]) and is_pet(openai["response_parse"]["value"])


def test_openai_calls_tools(openai) -> None:
    assert is_pet(openai["tools"]["value"]) and is_pet(openai["run_tools"]["value"])
    assert is_pet(openai["tools_stream"]["value"]["pet"]) and openai["tools_stream"]["value"]["done"] == ["pet"]


def test_openai_parses_numbers(openai) -> None:
    value = openai["ints"]["value"]
    assert isinstance(value["age"], int) and isinstance(value["weight"], int | float)


def test_openai_other_routes_and_refusals(openai, server, said) -> None:
    assert openai["models"]["value"] == ["pip", "pip/base", "pip/sft"]
    assert openai["embedding"] == {"value": 64} and openai["completion"]["value"] > 0
    assert openai["unknown"]["status"] == 400 and "whole conversation" in openai["unknown"]["error"]
    first, second = openai["previous"]["value"]
    assert first == said([QUESTION], 24) and second == said([QUESTION, first, "Why?"], 24)
    assert openai["abort"] == {"value": "aborted"}
    server.wait_until_idle()


@pytest.mark.parametrize("provider", ["openai", "chat", "compatible"])
def test_vercel_generates_and_streams(vercel, expected, provider) -> None:
    assert vercel[f"{provider}_generate"] == {"value": expected}
    stream = vercel[f"{provider}_stream"]["value"]
    assert stream["text"] == expected and 0 < stream["output_tokens"] <= 24 and stream["reason"] in ("stop", "length")


@pytest.mark.parametrize("provider", ["openai", "chat", "compatible"])
def test_vercel_generates_objects(vercel, provider) -> None:
    assert is_pet(vercel[f"{provider}_object"]["value"])
    assert is_pet(vercel["openai_stream_object"]["value"])


@pytest.mark.parametrize("provider", ["openai", "chat", "compatible"])
def test_vercel_generates_integers(vercel, provider) -> None:
    assert isinstance(vercel[f"{provider}_ints"]["value"]["age"], int)


def test_vercel_continues_a_conversation(vercel, said) -> None:
    """With its defaults: the default provider refers to its own earlier answers by id, unless it sends store: false."""
    for case in ("openai_stored", "openai_streamed", "openai_unstored", "chat_stored", "compatible_stored"):
        first, second = vercel[case]["value"]["first"], vercel[case]["value"]["second"]
        assert first == said([QUESTION], 8) and second == said([QUESTION, first, "Why?"], 24), case
    assert vercel["embed"] == {"value": 2}
