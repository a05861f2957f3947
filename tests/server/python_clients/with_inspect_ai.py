"""inspect-ai: python with_inspect_ai.py BASE_URL QUESTION"""

import os
import tempfile

from cases import BASE_URL, QUESTION, run

os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": "none", "INSPECT_DISPLAY": "none"}
os.environ |= {"FW_BASE_URL": BASE_URL, "FW_API_KEY": "none"}

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes


def answers(model: str) -> list[str]:
    task = Task(dataset=[Sample(input=QUESTION, target="x"), Sample(input="Why?", target="x")], scorer=includes())
    with tempfile.TemporaryDirectory() as folder:
        (log,) = eval(task, model=model, temperature=0, max_tokens=24, log_dir=folder, max_retries=0)
        assert log.status == "success", log.error
        return [sample.output.completion for sample in log.samples]


run({"default": lambda: answers("openai/pip"), "openai_api": lambda: answers("openai-api/fw/pip")})
