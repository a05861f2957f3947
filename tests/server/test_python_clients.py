"""Python clients that people point at a server of this kind, each in a process of its own and with the settings of
docs/guides/server.md. Their pins contradict ours, so they live in an environment beside this one, made once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "python_clients"
QUESTION = "What is your first name?"
INSTALL_SECONDS = 900
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1", "PYTHONDONTWRITEBYTECODE": ""}


def environment(requirements: str) -> Path:
    """The Python of the environment with these packages; it is made anew when the file changes."""
    wanted = (FOLDER / requirements).read_bytes()
    name = hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:12]
    folder = Path(sys.prefix) / "test-clients" / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if (folder / "installed").is_file():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    command = [*pip, "install", "-q", "--no-compile", "-r", str(FOLDER / requirements)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"{requirements} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "installed").touch()
    return python


@pytest.fixture(scope="session")
def clients() -> Path:
    return environment("requirements.txt")


@pytest.fixture(scope="session")
def instructor_client() -> Path:
    return environment("requirements-instructor.txt")


def ask(python: Path, script: str, server, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """{case: {"value": ...} or {"error": ...}} of a script."""
    env = os.environ | OFFLINE | {"HOME": str(tmp_path)}
    for name in ("PYTHONPATH", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        env.pop(name, None)
    command = [str(python), str(FOLDER / script), f"{server.base_url}/v1", QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def results_of(script: str, environment_fixture: str) -> Callable[..., Any]:
    """A fixture that runs a script once for all tests of this file."""

    @pytest.fixture(scope="module")
    def results(request, server, tmp_path_factory) -> dict[str, dict[str, Any]]:
        python = request.getfixturevalue(environment_fixture)
        return ask(python, script, server, tmp_path_factory.mktemp("client"))

    return results


litellm = results_of("with_litellm.py", "clients")
pydantic_ai = results_of("with_pydantic_ai.py", "clients")
smolagents = results_of("with_smolagents.py", "clients")
inspect_ai = results_of("with_inspect_ai.py", "clients")
llm = results_of("with_llm.py", "clients")
instructor = results_of("with_instructor.py", "instructor_client")


def is_pet(result: dict[str, Any]) -> bool:
    value = result["value"]
    return set(value) == {"kind", "legs"} and value["kind"] in ("cat", "dog") and value["legs"] in ("two", "four")


def test_litellm(litellm, expected) -> None:
    for case in ("chat", "hosted_vllm", "stream", "response", "response_stream"):
        assert litellm[case] == {"value": expected}, case
    assert is_pet(litellm["object"]) and litellm["embedding"] == {"value": 64}


def test_litellm_knows_a_prompt_that_is_too_long(litellm) -> None:
    assert litellm["too_long"] == {"value": "ContextWindowExceededError"}


def test_pydantic_ai(pydantic_ai, expected, said) -> None:
    for case in ("default", "chat", "responses", "stream"):
        assert pydantic_ai[case] == {"value": expected}, case
    assert 0 < pydantic_ai["usage"]["value"] <= 24
    assert is_pet(pydantic_ai["object"]) and is_pet(pydantic_ai["chat_object"])
    for case in ("default_conversation", "chat_conversation"):
        first, second = pydantic_ai[case]["value"]["first"], pydantic_ai[case]["value"]["second"]
        assert first == said([QUESTION], 8) and second == said([QUESTION, first, "Why?"], 24), case


@pytest.mark.parametrize(("client", "case"), [("instructor", "json_schema"), ("llm", "object")])
def test_schemas_as_pydantic_writes_them(client, case, request) -> None:
    assert is_pet(request.getfixturevalue(client)[case])


def test_tools(pydantic_ai, instructor) -> None:
    """instructor names the tool in a chat, pydantic-ai sends it to /v1/responses."""
    assert is_pet(instructor["tools"]) and is_pet(pydantic_ai["tools"])


@pytest.mark.parametrize("client", ["litellm", "pydantic_ai", "instructor", "llm"])
def test_integers_in_schemas(client, request) -> None:
    assert isinstance(request.getfixturevalue(client)["ints"]["value"]["age"], int)


def test_smolagents(smolagents, expected) -> None:
    assert smolagents["chat"] == {"value": expected} and smolagents["stream"] == {"value": expected}
    assert "512" in smolagents["agent"]["error"]  # the agent's own instructions are longer than this context


def test_inspect_ai(inspect_ai, expected, said) -> None:
    answers = [expected, said(["Why?"], 24)]
    assert inspect_ai["default"] == {"value": answers} and inspect_ai["openai_api"] == {"value": answers}


def test_llm(llm, expected, said) -> None:
    assert llm["command"] == {"value": expected.removesuffix("\n")} and llm["whole"] == {"value": expected}
    talk = llm["conversation"]["value"]
    assert talk["first"] == said([QUESTION], 8) and talk["second"] == said([QUESTION, talk["first"], "Why?"], 24)
    assert llm["base"]["value"]
