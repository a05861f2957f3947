"""`llm`, the command and the library, with its file of models: python with_llm.py BASE_URL QUESTION"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import BASE_URL, QUESTION, Age, Pet, run

FOLDER = tempfile.TemporaryDirectory()
MODELS = f"""
- {{model_id: pip, model_name: pip, api_base: "{BASE_URL}", supports_schema: true}}
- {{model_id: pip-base, model_name: pip/base, api_base: "{BASE_URL}", completion: true}}
"""
(Path(FOLDER.name) / "extra-openai-models.yaml").write_text(MODELS, encoding="utf-8")


os.environ |= {"LLM_USER_PATH": FOLDER.name}

import llm  # noqa: E402

OPTIONS = {"temperature": 0, "max_tokens": 24, "key": "none"}


def command() -> str:
    """What somebody types, streamed to the terminal."""
    words = ["-m", "pip", "-o", "temperature", "0", "-o", "max_tokens", "24", "--key", "none", "--no-log"]
    program = str(Path(sys.executable).with_name("llm"))
    done = subprocess.run([program, QUESTION, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def conversation() -> dict:
    chat = llm.get_model("pip").conversation()
    first = chat.prompt(QUESTION, **OPTIONS | {"max_tokens": 8}).text()
    return {"first": first, "second": chat.prompt("Why?", **OPTIONS).text()}


def structured(kind: type) -> dict:
    answer = llm.get_model("pip").prompt(QUESTION, schema=kind, temperature=0, key="none").text()
    return kind.model_validate_json(answer).model_dump()


run(
    {
        "command": command,
        "whole": lambda: llm.get_model("pip").prompt(QUESTION, stream=False, **OPTIONS).text(),
        "conversation": conversation,
        "base": lambda: llm.get_model("pip-base").prompt("The cat", **OPTIONS).text(),
        "object": lambda: structured(Pet),
        "ints": lambda: structured(Age),
    }
)
